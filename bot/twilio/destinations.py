"""Which senders reach phones in a country, and what to do where a number does not. The table says when it was read, and where."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from bot.texts import N_, Said, country, say

FILE = Path(__file__).with_name("destinations.toml")


class Sender(StrEnum):
    """In the order in which they are recommended."""

    DOMESTIC = "domestic"
    """a number of the country that is texted"""
    FOREIGN = "foreign"
    """a number of any other country"""
    TOLL_FREE = "toll_free"
    ALPHANUMERIC = "alphanumeric"
    SHORT_CODE = "short_code"


class Fate(StrEnum):
    """What becomes of what a sender sends."""

    ARRIVES = "arrives"
    REGISTERED = "registered"
    """arrives once the sender is registered"""
    VERIFIED = "verified"
    """arrives once the toll-free number is verified"""
    FILTERED = "filtered"
    """carriers let some of it through"""
    CONVERSATIONS = "conversations"
    """is allowed between people only"""
    REPLACED = "replaced"
    """arrives under another sender"""
    UNCERTAIN = "uncertain"
    """is delivered on a best-effort basis"""
    SUSPECT = "suspect"
    """arrives marked as a likely scam"""
    FAILS = "fails"


class Brands(StrEnum):
    """Whose sender IDs Twilio registers, where not everybody's."""

    DOMESTIC = "domestic"
    FOREIGN = "foreign"


GOOD = (Fate.ARRIVES, Fate.REGISTERED, Fate.VERIFIED)
FAIR = (Fate.FILTERED, Fate.CONVERSATIONS, Fate.REPLACED)
NUMBERS = (Sender.DOMESTIC, Sender.FOREIGN, Sender.TOLL_FREE)


@dataclass(frozen=True)
class Time:
    """How long something usually takes: ``5``, or ``3–4``, of a unit."""

    amount: str
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Time":
        """Of ``3-4 weeks``. Raises ValueError for what people could not be told."""
        found = re.fullmatch(r"([2-9]|\d\d)(?:-(\d+))? (.+)", text)
        if found is None or found[3] not in TIMES:
            raise ValueError(f"no time: {text}")
        return cls("–".join(filter(None, found.group(1, 2))), found[3])

    def said(self) -> Said:
        return say(TIMES[self.unit], n=self.amount)


@dataclass(frozen=True)
class Rules:
    """Of one destination. A sender that is not in ``fates``: nothing is known of it."""

    country: str
    fates: Mapping[Sender, Fate]
    source: str
    read: date
    takes: Mapping[Sender, Time] = field(default_factory=dict)
    registry: str | None = None
    """where a sender is registered besides Twilio"""
    brands: Brands | None = None
    stays_home: bool = False
    """whether numbers of this country text no other"""

    @classmethod
    def parse(cls, code: str, row: Mapping[str, Any]) -> "Rules":
        """Raises KeyError, TypeError, ValueError for a row that is not of the table's form."""
        known = {"source", "read", "takes", "registry", "brands", "stays_home", *Sender}
        if unknown := set(row) - known:
            raise ValueError(f"{code}: {sorted(unknown)}")
        return cls(
            country=code,
            fates={each: Fate(row[each]) for each in Sender if each in row},
            source=row["source"],
            read=row["read"],
            takes={Sender(each): Time.parse(time) for each, time in row.get("takes", {}).items()},
            registry=row.get("registry"),
            brands=Brands(row["brands"]) if "brands" in row else None,
            stays_home=row.get("stays_home", False),
        )


@cache
def table() -> Mapping[str, Rules]:
    """By country, as it is in the file."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {code: Rules.parse(code, row) for code, row in rows.items()}


def rules(destination: str) -> Rules | None:
    return table().get(destination)


# in words

TIMES = {
    "days": N_("usually ready in {n} days"),
    "business days": N_("usually ready in {n} business days"),
    "weeks": N_("usually ready in {n} weeks"),
}
SENDERS = {
    Sender.DOMESTIC: N_("{country} numbers"),
    Sender.FOREIGN: N_("numbers from other countries"),
    Sender.TOLL_FREE: N_("toll-free numbers"),
    Sender.ALPHANUMERIC: N_("alphanumeric sender IDs"),
    Sender.SHORT_CODE: N_("short codes"),
}
NOTES = {
    Fate.ARRIVES: N_("delivered"),
    Fate.REGISTERED: N_("once registered"),
    Fate.VERIFIED: N_("once verified"),
    Fate.FILTERED: N_("filtered by carriers"),
    Fate.CONVERSATIONS: N_("for conversations only"),
    Fate.REPLACED: N_("delivered under another sender"),
    Fate.UNCERTAIN: N_("delivery not guaranteed"),
    Fate.SUSPECT: N_("shown as “Likely-SCAM”"),
    Fate.FAILS: N_("not delivered"),
}
WHOSE = {
    Brands.DOMESTIC: N_("for companies of that country only"),
    Brands.FOREIGN: N_("for companies of other countries only"),
}
PROBLEMS = {
    Fate.REGISTERED: N_(
        "{origin} numbers have to be registered before they can text phones in {destination}."
    ),
    Fate.FILTERED: N_("Carriers in {destination} filter texts from {origin} numbers."),
    Fate.CONVERSATIONS: N_(
        "{origin} numbers may text phones in {destination} in conversations only, not with one-way messages."
    ),
    Fate.REPLACED: N_(
        "Texts from {origin} numbers to {destination} arrive under another sender, so nobody can reply to the number."
    ),
    Fate.UNCERTAIN: N_(
        "Texts from {origin} numbers to {destination} may not arrive: Twilio does not guarantee their delivery."
    ),
    Fate.SUSPECT: N_("Texts from {origin} numbers are shown in {destination} as sent by “Likely-SCAM”."),
    Fate.FAILS: N_("{origin} numbers cannot text phones in {destination}."),
}


def advice(destination: str, number_country: str, number_type: str) -> Said | None:
    """What to know and do where such a number cannot text that country reliably, or not before it is registered.

    None where it can, or nothing is known. Not of US and Canadian numbers among themselves, whose registration is looked at by
    ``bot/readiness.py``; of Canada's own only that their texts are filtered.
    """
    own, home = rules(destination), rules(number_country)
    said = {"origin": country(number_country), "destination": country(destination)}
    if home is not None and home.stays_home and destination != number_country:
        problem = say(N_("{origin} numbers cannot text other countries."), origin=said["origin"])
        return _with_ways(problem, own, Fate.FAILS) if own is not None else problem
    fate = _fate(own, number_country, number_type) if own is not None else None
    if own is None or fate is None or fate not in PROBLEMS:
        return None
    if fate is Fate.REGISTERED and own.registry:
        return say(
            N_(
                "{origin} numbers have to be registered with {registry} and Twilio before they can text phones in {destination}."
            ),
            registry=own.registry,
            **said,
        )
    problem = say(PROBLEMS[fate], **said)
    return problem if fate in GOOD else _with_ways(problem, own, fate)


def _fate(rules: Rules, number_country: str, number_type: str) -> Fate | None:
    """What becomes of what a number texts there.

    Toll-free numbers of the US text other countries as its local ones do (support.twilio.com, "Toll-Free SMS and MMS messaging
    throughput", read 2026-11); of those of other countries nothing is known.
    """
    is_toll_free = number_type == "toll-free"
    if number_country == rules.country:
        fate = rules.fates.get(Sender.TOLL_FREE if is_toll_free else Sender.DOMESTIC)
        return None if number_country == "US" or fate is Fate.VERIFIED else fate
    if {number_country, rules.country} == {"US", "CA"} or (is_toll_free and number_country != "US"):
        return None
    return rules.fates.get(Sender.FOREIGN)


def _with_ways(problem: Said, rules: Rules, fate: Fate) -> Said:
    """With what works there, the best first."""
    groups = (GOOD,) if fate in FAIR else (GOOD, FAIR)
    ways = [_way(sender, rules) for group in groups for sender in Sender if rules.fates.get(sender) in group]
    if not ways:
        return say(
            N_("{problem} Twilio's guidelines name no sender that reaches it better."), problem=problem
        )
    if any(rules.fates.get(sender) in (*GOOD, *FAIR) for sender in NUMBERS):
        return say(N_("{problem} What works there: {ways}."), problem=problem, ways=ways)
    return say(
        N_("{problem} Do not buy a number for that country. What works there: {ways}."),
        problem=problem,
        ways=ways,
    )


def _way(sender: Sender, rules: Rules) -> Said:
    notes = _notes(sender, rules)
    if not notes:
        return _name(sender, rules)
    return say(N_("{sender} ({notes})"), sender=_name(sender, rules), notes=notes)


def _name(sender: Sender, rules: Rules) -> Said:
    if sender is Sender.DOMESTIC:
        return say(SENDERS[sender], country=country(rules.country))
    return say(SENDERS[sender])


def _notes(sender: Sender, rules: Rules) -> list[Said]:
    fate = rules.fates[sender]
    notes = [say(NOTES[fate])] if fate is not Fate.ARRIVES else []
    if fate is Fate.REGISTERED and rules.registry:
        notes = [say(N_("once registered with {registry} and Twilio"), registry=rules.registry)]
    if sender in rules.takes:
        notes.append(rules.takes[sender].said())
    if sender is Sender.ALPHANUMERIC and rules.brands is not None:
        notes.append(say(WHOSE[rules.brands]))
    return notes


def lines(rules: Rules) -> list[Said]:
    """A line for each sender of which something is known."""
    return [
        say(
            N_("{sender}: {notes}"),
            sender=_name(sender, rules),
            notes=[
                *([say(NOTES[Fate.ARRIVES])] if fate is Fate.ARRIVES else []),
                *_notes(sender, rules),
            ],
        )
        for sender, fate in rules.fates.items()
    ]
