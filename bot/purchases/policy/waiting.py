"""What happens while nobody decides: reminders, passing on, lapsing; the team's hours; who stands in for whom. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bot.purchases.policy.lists import Lists, Part, PersonId

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _as_span(given: Any) -> Any:
    read = re.fullmatch(r"(\d{1,4}) ?([mhdw])", given) if isinstance(given, str) else None
    if read is None or int(read[1]) == 0:
        raise ValueError('a time such as "30m", "4h", "2d" or "1w"')
    return timedelta(**{UNITS[read[2]]: int(read[1])})


Span = Annotated[timedelta, BeforeValidator(_as_span)]


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, outside the folder, or a folder
        raise ValueError("a time zone such as Europe/Berlin") from None
    return name


class Hours(Part):
    """When the team works: reminders are put off until then. Days and hours as in cron."""

    zone: Annotated[str, AfterValidator(_is_zone)] = "UTC"
    days: str = "*"
    hours: str = "*"

    @model_validator(mode="after")
    def _is_cron(self) -> "Hours":
        try:
            self._trigger()
        except ValueError:
            raise ValueError('days and hours have to be as in cron, such as "mon-fri" and "9-17"') from None
        return self

    def _trigger(self) -> Any:
        return CronTrigger(  # type: ignore[no-untyped-call]  # it carries no types
            day_of_week=self.days, hour=self.hours, minute="*", timezone=ZoneInfo(self.zone)
        )

    def first_from(self, at: datetime) -> datetime:
        """This moment where it is within the working hours, or else when they begin next."""
        minute = at.replace(second=0, microsecond=0)  # cron knows minutes: one that it names lies within
        found: datetime | None = self._trigger().get_next_fire_time(None, minute)
        return at if found is None or found == minute else found.astimezone(UTC)

    def month_of(self, at: datetime) -> datetime:
        """When the month of this moment began, where the team is."""
        there = at.astimezone(ZoneInfo(self.zone))
        return there.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()


class StandIn(Part):
    """From the first day to the last, both included, in the team's zone."""

    away: PersonId
    by: PersonId
    first: date
    last: date

    @model_validator(mode="after")
    def _has_a_day(self) -> "StandIn":
        if self.last < self.first:
            raise ValueError("last lies before first")
        if self.away == self.by:
            raise ValueError("nobody stands in for themselves")
        return self


class Emergency(Lists):
    """Who may approve alone, with a reason that everybody reads."""

    own_request: bool = False


class Waiting(Part):
    remind_after: Span | None = None
    """then after twice as long, and so on"""
    remind_at_most: int = Field(default=3, ge=1)
    pass_on_after: Span | None = None
    pass_on_to: Lists = Lists()
    """they may approve, too, whatever stage it waits for then"""
    lapse_after: Span = timedelta(days=14)
    approvals_last: Span | None = None
    """what was approved longer ago, and is not bought yet, has to be approved again"""

    @model_validator(mode="after")
    def _has_somebody(self) -> "Waiting":
        if (self.pass_on_after is None) != self.pass_on_to.is_empty:
            raise ValueError("pass_on_after and pass_on_to belong together")
        if self.remind_after is not None and self.remind_after >= self.lapse_after:
            raise ValueError("remind_after has to be shorter than lapse_after")
        if self.pass_on_after is not None and self.pass_on_after >= self.lapse_after:
            raise ValueError("pass_on_after has to be shorter than lapse_after")
        return self


class Act(StrEnum):
    REMIND = "remind"
    """those who have to decide are mentioned again"""
    PASS_ON = "pass_on"
    """others may decide, too"""
    LAPSE = "lapse"
    """nobody answered in time"""


@dataclass(frozen=True)
class Waited:
    """How long a stage has waited, and what was done about it."""

    asked_at: datetime
    reminders: int = 0
    reminded_at: datetime | None = None
    passed_on: bool = False


def to_come(waiting: Waiting, hours: Hours, waited: Waited) -> Iterator[tuple[datetime, Act]]:
    """What is next of each kind, and when."""
    yield waited.asked_at + waiting.lapse_after, Act.LAPSE
    if waiting.pass_on_after is not None and not waited.passed_on:
        yield hours.first_from(waited.asked_at + waiting.pass_on_after), Act.PASS_ON
    if waiting.remind_after is not None and waited.reminders < waiting.remind_at_most:
        since = waited.reminded_at or waited.asked_at
        yield hours.first_from(since + waiting.remind_after * 2**waited.reminders), Act.REMIND


def next_act(waiting: Waiting, hours: Hours, waited: Waited) -> tuple[datetime, Act]:
    """The earliest; of two at once the one that ends it, then the one that asks more people."""
    order = [Act.LAPSE, Act.PASS_ON, Act.REMIND]
    return min(to_come(waiting, hours, waited), key=lambda each: (each[0], order.index(each[1])))
