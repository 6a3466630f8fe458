"""What may be spent: a month's commitment and numbers per person, and what happens above that. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from bot.purchases.policy.lists import Lists, Part, PersonId
from bot.texts import N_, Said, money, say

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
"""In the account's currency."""


class Deciders(Lists):
    """Who may approve, and how many different people have to."""

    approvals: int = Field(default=1, ge=1)
    quiet: list[PersonId] = Field(default=[])
    """who may decide too, and is never mentioned nor told"""

    @property
    def named(self) -> list[str]:
        return [*self.people, *self.quiet]


class Limits(Part):
    monthly: Amount | None = None
    """the most that the numbers may cost a month, the new one included"""
    per_person: int | None = Field(default=None, ge=1, strict=True)
    """the most numbers that one person may ask for in a calendar month"""
    over: Deciders | None = None
    """who is asked instead for what is over; without them it is refused"""


@dataclass(frozen=True)
class Spent:
    """What counts against a limit, without the request in question."""

    monthly: Decimal = Decimal(0)
    numbers: int = 0


@dataclass(frozen=True)
class Over:
    """A limit that a request would break: the sentence with its figures, and who is asked instead."""

    said: Said
    deciders: Deciders | None


def broken(limits: Limits, spent: Spent, price: Decimal, currency: str, rule: str = "") -> Iterator[Over]:
    """The limits that one more number at this price a month would break. rule: whose limits they are; empty: those of all together."""
    after = spent.monthly + price
    if limits.monthly is not None and after > limits.monthly:
        text = N_(
            "With this number {after} a month would be spent; the limit for all numbers together is {limit}."
        )
        if rule:
            text = N_(
                "With this number {after} a month would be spent under the rule “{rule}”; its limit is {limit}."
            )
        figures = {"after": money(after, currency), "limit": money(limits.monthly, currency)}
        yield Over(say(text, **figures, **({"rule": rule} if rule else {})), limits.over)
    if limits.per_person is not None and spent.numbers >= limits.per_person:
        text = N_("{count} numbers were asked for by the same person this month; the limit is {limit}.")
        yield Over(say(text, count=spent.numbers, limit=limits.per_person), limits.over)
