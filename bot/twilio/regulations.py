"""What a country asks of an end user before a number may be bought. Nothing of it is written here: Twilio is asked.

Source: twilio.com/docs, Regulations resource with ``IncludeConstraints``; the forms of a constraint are known from its
answers only, so one that is not known here counts as "mandatory, anything goes".
"""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers
from twilio.rest import Client

from bot.texts import N_, Said, say

log = logging.getLogger(__name__)

END_USER_TYPES = ("business", "individual")
WITHOUT_FILE = frozenset({"address", "business_address", "individual_address"})
"""Document types that are an address and nothing else. Supporting documents guide, twilio.com/docs, read 2026-11."""
ADDRESS = "address_sids"
CHOICES_AT_MOST = 100
LONGEST_MATCHED = 320
"""As long as an e-mail address may be. A pattern of Twilio's can take its time with more."""
LONGEST_CHOICE = 150

_REFERENCE = r"(\w+)\['(\w+)'\]"
_MATCHES = re.compile(rf"{_REFERENCE}\s*=~\s*'(.*)'", re.S)
_SEVERAL = re.compile(r"'\s*(&&|\|\|)")
"""More than one condition: a form that is not known."""
_EQUALS = re.compile(rf"{_REFERENCE}\s*==\s*{_REFERENCE}")
_CHOICES = re.compile(r"\^\(([^()]*)\)\$")
_DATE = re.compile(r"(^|_)date(_|$)")


@dataclass(frozen=True)
class Field:
    """One thing that is asked for; ``name`` is Twilio's ``machine_name``."""

    name: str
    label: str
    description: str
    constraint: str

    @property
    def is_required(self) -> bool:
        return bool(self.constraint.strip())

    @property
    def is_address(self) -> bool:
        return self.name == ADDRESS

    @property
    def same_as(self) -> tuple[str, str] | None:
        """``(object, field)`` whose value this one must have, character by character."""
        found = _EQUALS.fullmatch(self.constraint.strip())
        return (found[3], found[4]) if found else None

    @property
    def pattern(self) -> str | None:
        found = _MATCHES.fullmatch(self.constraint.strip())
        return found[3] if found and not _SEVERAL.search(found[3]) else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that may be chosen; empty when it is not a choice (or one of more than Slack can show)."""
        found = _CHOICES.fullmatch(self.pattern or "")
        values = tuple(dict.fromkeys(found[1].split("|"))) if found else ()
        plain = all(
            value and len(value) <= LONGEST_CHOICE and not re.search(r"[\\\[\]{}*+?.^$]", value)
            for value in values
        )
        return values if plain and len(values) <= CHOICES_AT_MOST else ()

    @property
    def is_email(self) -> bool:
        return "@" in (self.pattern or "")

    @property
    def is_phone(self) -> bool:
        return (self.pattern or "").startswith(r"^\+[1-9]")

    @property
    def is_date(self) -> bool:
        return self.pattern is None and bool(_DATE.search(self.name))

    def cleaned(self, value: str) -> str:
        """As Twilio wants it: a phone number without the spaces and brackets that people write."""
        if self.is_phone:
            try:
                return phonenumbers.format_number(
                    phonenumbers.parse(value), phonenumbers.PhoneNumberFormat.E164
                )
            except phonenumbers.NumberParseException:
                return value
        return value

    def wrong(self, value: str | None) -> Said | None:
        """What is wrong with an answer, for the person who typed it."""
        if not value:
            return say(N_("This is needed.")) if self.is_required else None
        if self.pattern is not None and len(value) > LONGEST_MATCHED:
            return say(N_("This is too long: {n} characters at most."), n=LONGEST_MATCHED)
        if self.pattern is None or _fits(self.pattern, value):
            return None
        if self.choices:
            return say(N_("Choose one of the list."))
        if self.is_email:
            return say(N_("Type an e-mail address, such as name@example.com."))
        if self.is_phone:
            return say(N_("Type a phone number with its country code, such as +49 30 1234567."))
        return say(
            N_("This does not have the form that Twilio asks for ({pattern}). {description}"),
            pattern=self.pattern,
            description=self.description,
        )


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except (re.error, OverflowError, RecursionError):  # a dialect that Python does not speak: Twilio will say
        return True


@dataclass(frozen=True)
class Part:
    """An end user, or a kind of document, with its fields; ``type`` is what it is called at Twilio."""

    name: str
    type: str
    requirement: str
    fields: tuple[Field, ...]

    @property
    def needs_address(self) -> bool:
        return any(field.is_address for field in self.fields)

    @property
    def needs_file(self) -> bool:
        """For documents."""
        return self.type not in WITHOUT_FILE


@dataclass(frozen=True)
class Requirement:
    """A document that is asked for, and the kinds of document that are accepted for it."""

    name: str
    requirement: str
    description: str
    kinds: tuple[Part, ...]

    def kind(self, type_: str | None) -> Part | None:
        return next((each for each in self.kinds if each.type == type_), None)

    @property
    def needs_address(self) -> bool:
        return any(kind.needs_address for kind in self.kinds)

    @property
    def where(self) -> tuple[str, ...]:
        """Where the address has to be, in Twilio's words; empty when none is asked for."""
        asked = [field for kind in self.kinds for field in kind.fields if field.is_address]
        said = [self.description] if self.description else [each.description for each in asked]
        return tuple(dict.fromkeys(text for text in said if text)) if asked else ()

    @property
    def is_only_an_address(self) -> bool:
        """Nothing else is to be asked: one kind, without a file, without a field to fill in."""
        return len(self.kinds) == 1 and not self.kinds[0].needs_file and len(self.kinds[0].fields) <= 1


Group = tuple[Requirement, ...]


@dataclass(frozen=True)
class Regulation:
    """One country, number type and end-user type."""

    sid: str
    country: str
    number_type: str
    end_user_type: str
    end_users: tuple[Part, ...]
    groups: tuple[Group, ...]
    """Alternatives: a bundle is complete with one group met [assumed; Twilio's answers nearly always have one]."""

    def documents(self, group: int | None) -> Group:
        """The documents of the chosen group; with one group there is nothing to choose."""
        index = 0 if len(self.groups) == 1 else group
        return self.groups[index] if index is not None and index < len(self.groups) else ()

    @classmethod
    def parse(cls, kept: Mapping[str, Any]) -> "Regulation":
        """From Twilio's own JSON, as ``in_json`` gives it."""
        requirements = kept.get("requirements") or {}
        groups = tuple(
            tuple(_requirement(each) for each in group)
            for group in requirements.get("supporting_document") or ()
        )
        return cls(
            sid=kept["sid"],
            country=kept["iso_country"],
            number_type=kept["number_type"],
            end_user_type=kept["end_user_type"],
            end_users=tuple(_part(each) for each in requirements.get("end_user") or ()),
            groups=groups or ((),),
        )


def _requirement(said: Mapping[str, Any]) -> Requirement:
    name = str(said.get("requirement_name") or said.get("name"))
    return Requirement(
        name=str(said.get("name") or name),
        requirement=name,
        description=str(said.get("description") or ""),
        kinds=tuple(_part(each, name) for each in said.get("accepted_documents") or ()),
    )


def _part(said: Mapping[str, Any], requirement: str | None = None) -> Part:
    return Part(
        name=str(said.get("name") or said["type"]),
        type=str(said["type"]),
        requirement=requirement or str(said.get("requirement_name") or said["type"]),
        fields=tuple(_fields(said)),
    )


def _fields(said: Mapping[str, Any]) -> Iterator[Field]:
    """``fields`` has the names, ``detailed_fields`` the rest; a name that is in the first only is asked for all the same."""
    detailed = {each["machine_name"]: each for each in said.get("detailed_fields") or ()}
    for name in dict.fromkeys([*(said.get("fields") or ()), *detailed]):
        known = detailed.get(name)
        if known is None:
            yield Field(name, name.replace("_", " ").capitalize(), "", "mandatory")
        else:
            yield Field(
                name,
                str(known.get("friendly_name") or name),
                str(known.get("description") or ""),
                str(known.get("constraint") or ""),
            )


def in_json(found: Any) -> dict[str, Any]:
    """A regulation of the SDK's as what is kept; there is no person's data in it."""
    return {
        "sid": found.sid,
        "iso_country": found.iso_country,
        "number_type": found.number_type,
        "end_user_type": str(found.end_user_type),
        "requirements": found.requirements or {},
    }


async def read(twilio: Client, sid: str) -> dict[str, Any]:
    found: Any = await twilio.numbers.v2.regulatory_compliance.regulations(sid).fetch_async(
        include_constraints=True
    )
    return in_json(found)


async def regulations(twilio: Client, country: str, number_type: str) -> dict[str, dict[str, Any]]:
    """By end-user type. Empty: no bundle is needed. One missing: that kind of end user cannot have the number.

    The empty answer means either, so both are asked for.
    """
    asked = twilio.numbers.v2.regulatory_compliance.regulations
    answers = await asyncio.gather(
        *(
            asked.list_async(
                iso_country=country, number_type=number_type, end_user_type=kind, include_constraints=True
            )
            for kind in END_USER_TYPES
        )
    )
    found = {}
    for kind, answer in zip(END_USER_TYPES, answers, strict=True):
        if len(answer) > 1:
            log.warning(
                "%s %s %s has %s regulations; the first is used", country, number_type, kind, len(answer)
            )
        if answer:
            found[kind] = in_json(answer[0])
    return found
