"""What a country asks of an end user before a number may be bought. Nothing of it is written here: Twilio is asked."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from twilio.rest import Client

log = logging.getLogger(__name__)

END_USER_TYPES = ("business", "individual")


@dataclass(frozen=True)
class Regulation:
    """One country, number type and end-user type, in short: what page 3 says of it."""

    sid: str
    end_user_type: str
    fields: int
    documents: tuple[tuple[str, tuple[str, ...]], ...]
    """Each required document with the kinds that are accepted for it, in Twilio's English names."""

    @classmethod
    def from_kept(cls, kept: dict[str, Any]) -> "Regulation":
        documents = tuple((name, tuple(kinds)) for name, kinds in kept["documents"])
        return cls(kept["sid"], kept["end_user_type"], kept["fields"], documents)


async def regulations(twilio: Client, country: str, number_type: str) -> dict[str, Regulation]:
    """By end-user type. Empty: no bundle is needed. One missing: that kind of end user cannot have the number.

    Source: twilio.com/docs, Regulations resource; the empty answer means either, so both are asked for.
    """
    asked = twilio.numbers.v2.regulatory_compliance.regulations
    answers = await asyncio.gather(
        *(
            asked.list_async(iso_country=country, number_type=number_type, end_user_type=kind)
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
            found[kind] = _in_short(kind, answer[0])
    return found


def _in_short(kind: str, found: Any) -> Regulation:
    requirements = found.requirements or {}
    groups = requirements.get("supporting_document") or [[]]
    fields = sum(len(each.get("fields") or ()) for each in requirements.get("end_user") or ())
    documents = tuple(
        (each["name"], tuple(accepted["name"] for accepted in each.get("accepted_documents") or ()))
        for each in groups[0]
    )
    return Regulation(found.sid, kind, fields, documents)
