"""The rules: which of them applies to a request, and which stages it has to pass. Pure; the first rule that matches wins."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bot import countries
from bot.purchases.policy.limits import Amount, Deciders, Limits, Over, Spent, broken
from bot.purchases.policy.lists import ChannelId, Lists

UNNAMED = "approve"
"""The rule that the section [approve] is: the last one."""


def _is_country(code: str) -> str:
    if code not in countries.every():
        raise ValueError("a country's two letters, such as US or DE")
    return code


Country = Annotated[str, AfterValidator(_is_country)]
NumberType = Literal["local", "mobile", "toll-free", "national"]
Capability = Literal["voice", "sms", "mms", "fax"]


class Stage(Deciders):
    """One of several that are asked one after the other."""

    name: str = Field(default="", max_length=60)
    yearly_above: Amount | None = None
    """it is asked only where the number costs more than this a year"""


class Approve(Deciders):
    """What follows where a rule applies. Whom it names itself are its one stage; or it has stages."""

    own_request: bool = False
    stage: list[Stage] = Field(default=[])
    unasked_under: Amount | None = None
    """what costs less than this a year needs nobody's approval"""
    limits: Limits = Limits()
    release: Lists | None = None
    """who may release its numbers; none: as [release] says"""

    @property
    def stages(self) -> tuple[Stage, ...]:
        own = Stage(
            people=self.people,
            groups=self.groups,
            channels=self.channels,
            quiet=self.quiet,
            approvals=self.approvals,
        )
        return tuple(self.stage) or (own,)

    @property
    def deciders(self) -> tuple[Deciders, ...]:
        """Everybody whom it may ask, for whatever amount."""
        return (*self.stages, *([self.limits.over] if self.limits.over else []))

    @model_validator(mode="after")
    def _asks_somebody(self) -> "Approve":
        own = bool(self.people or self.groups or self.channels or self.quiet)
        if own and self.stage:
            raise ValueError("it names people itself and has stages; put all of them into stages")
        if any(each.is_empty for each in self.stages):
            raise ValueError("it names nobody who may approve")
        if self.release is not None and self.release.is_empty:
            raise ValueError(
                "its release names nobody; leave it out, and whoever may approve may release, too"
            )
        if not own and self.approvals != 1:
            raise ValueError("approvals belongs to each of its stages")
        always = any(each.yearly_above is None for each in self.stages)
        lowest = min((each.yearly_above for each in self.stages if each.yearly_above is not None), default=0)
        if not always and (self.unasked_under is None or self.unasked_under <= lowest):
            raise ValueError(
                "all of its stages have yearly_above, so nobody would be asked below; leave it out of the first one, or set unasked_under above it"
            )
        return self


class Rule(Approve):
    """What it wants of a request, all of it, and what follows."""

    name: str = Field(min_length=1, max_length=60)
    countries: list[Country] | None = None
    types: list[NumberType] | None = None
    capabilities: list[Capability] | None = None
    """numbers that can do one of these"""
    destinations: list[Country] | None = None
    """numbers that shall text one of these countries"""
    yearly_above: Amount | None = None
    yearly_up_to: Amount | None = None
    asked_in: list[ChannelId] | None = None
    asked_by: Lists | None = None

    @model_validator(mode="after")
    def _can_match(self) -> "Rule":
        above, up_to = self.yearly_above, self.yearly_up_to
        if above is not None and up_to is not None and up_to <= above:
            raise ValueError("yearly_up_to has to be more than yearly_above")
        if self.asked_by is not None and self.asked_by.is_empty:
            raise ValueError("asked_by names nobody")
        return self

    @property
    def is_named(self) -> bool:
        """By the operator: the one of [approve] is called so only in the record."""
        return self.name != UNNAMED

    @property
    def takes_all(self) -> bool:
        wanted = (
            self.countries,
            self.types,
            self.capabilities,
            self.destinations,
            self.asked_in,
            self.asked_by,
            self.yearly_above,
            self.yearly_up_to,
        )
        return all(each is None for each in wanted)

    def matches(self, facts: "Facts") -> bool | None:
        """None: that depends on what is not known yet."""
        verdicts = (
            _among(self.countries, facts.country),
            _among(self.types, facts.number_type),
            _some_among(self.capabilities, facts.capabilities),
            _some_among(self.destinations, facts.destinations),
            _among(self.asked_in, facts.channel_id),
            self._asked_by(facts),
            self._costs(facts.yearly),
        )
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def _asked_by(self, facts: "Facts") -> bool | None:
        if self.asked_by is None or facts.requester_id in self.asked_by.people:
            return True
        lists = {*self.asked_by.groups, *self.asked_by.channels}
        if facts.member_of is None and lists:
            return None
        return not lists.isdisjoint(facts.member_of or ())

    def _costs(self, yearly: Decimal | None) -> bool | None:
        if self.yearly_above is None and self.yearly_up_to is None:
            return True
        if yearly is None:
            return None
        above = self.yearly_above is None or yearly > self.yearly_above
        return above and (self.yearly_up_to is None or yearly <= self.yearly_up_to)


def _among(wanted: Collection[str] | None, given: str | None) -> bool | None:
    if wanted is None:
        return True
    return None if given is None else given in wanted


def _some_among(wanted: Collection[str] | None, given: Collection[str] | None) -> bool | None:
    if wanted is None:
        return True
    return None if given is None else not set(wanted).isdisjoint(given)


@dataclass(frozen=True)
class Facts:
    """What rules look at of a request; None where it is not known yet."""

    requester_id: str
    channel_id: str | None = None
    """where it was asked; empty where that is nowhere in particular"""
    member_of: frozenset[str] | None = None
    """of the groups and channels that rules name under asked_by, those that the requester is in"""
    country: str | None = None
    number_type: str | None = None
    capabilities: tuple[str, ...] | None = None
    destinations: tuple[str, ...] | None = None
    price: Decimal | None = None
    """the most that a month may cost by what is asked for"""
    currency: str = ""

    @property
    def yearly(self) -> Decimal | None:
        return None if self.price is None else self.price * 12


def candidates(rules: Iterable[Rule], facts: Facts) -> list[Rule]:
    """Those of which one will apply, whatever else becomes known; none: nobody approves such a number."""
    found = []
    for rule in rules:
        verdict = rule.matches(facts)
        if verdict is not False:
            found.append(rule)
        if verdict is True:
            break
    return found


def first_match(rules: Iterable[Rule], facts: Facts) -> Rule | None:
    """The one that applies, of facts that are all known."""
    return next((rule for rule in rules if rule.matches(facts)), None)


@dataclass(frozen=True)
class Case:
    """What a request needs: the rule that applies, and the stages that it has to pass, in order."""

    rule: Rule | None
    """none: nobody approves such a number"""
    stages: tuple[Stage, ...] = ()
    """none although there is a rule: nobody has to be asked"""
    over: tuple[Over, ...] = ()
    """the limits that it would break"""

    @property
    def refused(self) -> Over | None:
        """The limit that it would break and that asks nobody instead."""
        return next((each for each in self.over if each.deciders is None), None)

    @property
    def needed(self) -> list[int]:
        return [stage.approvals for stage in self.stages]


NOTHING = Spent()


@dataclass(frozen=True)
class Figures:
    """What counts against the limits: of all numbers together, and by rule."""

    all: Spent = NOTHING
    by_rule: Mapping[str, Spent] = field(default_factory=dict)


def case_of(rules: Sequence[Rule], limits: Limits, facts: Facts, figures: Figures) -> Case:
    """facts: all of them known."""
    rule = first_match(rules, facts)
    if rule is None or facts.price is None or facts.yearly is None:
        return Case(None)
    spent = figures.by_rule.get(rule.name, NOTHING)
    over = (
        *broken(rule.limits, spent, facts.price, facts.currency, rule.name),
        *broken(limits, figures.all, facts.price, facts.currency),
    )
    if over:  # asked of the named people instead
        instead: list[Deciders] = []
        for each in over:
            if each.deciders is not None and each.deciders not in instead:  # once for both limits
                instead.append(each.deciders)
        return Case(rule, tuple(Stage(**each.model_dump()) for each in instead), over)
    if rule.unasked_under is not None and facts.yearly < rule.unasked_under:
        return Case(rule)
    stages = (each for each in rule.stages if each.yearly_above is None or facts.yearly > each.yearly_above)
    return Case(rule, tuple(stages))
