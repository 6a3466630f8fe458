"""Addresses at Twilio: those that the account has, and new ones. What is typed goes to Twilio and nowhere else."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twilio.rest import Client

from bot.countries import REGIONS
from bot.errors import BotError
from bot.folding import folded, loose
from bot.texts import N_
from bot.twilio.client import TwilioError

SHOWN = 98
"""A select has 100 options, and two are no addresses."""
LONGEST_NAME = 64
"""Bytes: 21 Japanese characters."""
FIELDS = {
    "customer_name": (N_("Name of the company or person"), LONGEST_NAME, False),
    "street": (N_("Street and number"), 100, False),
    "street_secondary": (N_("Flat, floor, building"), 100, True),
    "postal_code": (N_("Postal code"), 20, False),
    "city": (N_("Town"), 100, False),
    "region": (N_("State, province or county"), 100, True),
}
"""What Twilio asks of an address: its label, its longest text, and whether it may be left out."""


class AddressProblem(BotError):
    """Twilio does not take an address. ``suggested``: it knows a similar one, and takes that when it is asked to correct."""

    def __init__(self, text: str, *, suggested: bool = False, **with_: Any) -> None:
        super().__init__(text, **with_)
        self.suggested = suggested


@dataclass(frozen=True)
class Known:
    """An address of the account's, for choosing; not kept anywhere."""

    sid: str
    label: str
    country: str


async def known(
    twilio: Client, country: str, requirement: str = "any", wanted: Iterable[str] = ()
) -> list[Known]:
    """The account's addresses that satisfy ``any``, ``local`` or ``foreign``: those wanted (SIDs) first, then those in the
    country, at most as many as a select shows."""
    local: list[Any] = []
    elsewhere: list[Any] = []
    if requirement != "foreign":
        local = await twilio.addresses.list_async(iso_country=country, limit=SHOWN, page_size=SHOWN)
    if requirement != "local" and len(local) < SHOWN:
        found = await twilio.addresses.list_async(limit=2 * SHOWN, page_size=2 * SHOWN)
        elsewhere = [each for each in found if each.iso_country != country]
    there = {each.sid: each for each in (*local, *elsewhere)}
    first = [each for sid in dict.fromkeys(wanted) if (each := there.get(sid) or await _one(twilio, sid))]
    ordered = {each.sid: each for each in (*first, *local, *elsewhere)}
    return [Known(each.sid, label(each), each.iso_country) for each in list(ordered.values())[:SHOWN]]


async def elsewhere(twilio: Client, country: str, town: str) -> list[str]:
    """SIDs of the account's addresses in the country that lie in another town, as far as names tell.

    Whether Twilio takes such an address is not known before the number is bought: each number has its own list of towns, which
    nobody can read.
    """
    found = await twilio.addresses.list_async(iso_country=country, limit=1000, page_size=1000)
    return [str(each.sid) for each in found if loose(each.city or "") != loose(town)]


async def _one(twilio: Client, sid: str) -> Any:
    try:
        return await twilio.addresses(sid).fetch_async()
    except TwilioError as error:
        if error.status == 404:
            return None
        raise


def label(address: Any) -> str:
    given = address.friendly_name or ""
    name = address.customer_name if given.startswith("Number Desk") else given or address.customer_name
    parts = (name, address.street, address.city, address.iso_country)
    return ", ".join(part for part in parts if part)


def in_full(address: Any) -> str:
    """As it is written on a letter, in one line; what stands for nothing is left out."""
    town = " ".join(part for part in (address.postal_code, address.city) if part and part != "-")
    parts = (address.customer_name, address.street, address.street_secondary, town, address.region)
    return ", ".join(part for part in (*parts, address.iso_country) if part and part != "-")


async def make(twilio: Client, typed: Mapping[str, Any], mark: str, *, correct: bool = False) -> str:
    """The SID of the new address. Raises AddressProblem, TwilioError.

    correct: take the similar address that Twilio suggests. Region and postal code are asked for by name even where a
    country has none: a dash stands for them. After a doubt the address is looked for by its name before anything else.
    """
    name = f"{mark} {secrets.token_hex(3)}"
    try:
        made: Any = await twilio.addresses.create_async(
            customer_name=typed["customer_name"],
            street=typed["street"],
            street_secondary=typed.get("street_secondary") or "",
            city=typed["city"],
            region=_region(typed) or "-",
            postal_code=folded(typed.get("postal_code") or "") or "-",
            iso_country=typed["address_country"],
            friendly_name=name,
            auto_correct_address=correct,
        )
        return str(made.sid)
    except TwilioError as error:
        if error.doubtful:
            same: list[Any] = await twilio.addresses.list_async(friendly_name=name, limit=1)
            if same:
                return str(same[0].sid)
        if not error.definite or error.status in (401, 403):
            raise
        raise _problem(error) from error


def _region(typed: Mapping[str, Any]) -> str:
    """By its two letters where the country has them: Twilio takes nothing else of a US state."""
    region = str(typed.get("region") or "")
    return REGIONS.get(typed["address_country"], {}).get(folded(region).casefold(), region)


def _problem(error: TwilioError) -> AddressProblem:
    if error.code == 21628:
        return AddressProblem(
            N_("Twilio does not find this address. Check the street, the town and the postal code.")
        )
    if error.code == 21629:
        suggestion = re.search(r"(?i)did you mean:?\s*(.+?)\??\s*$", error.message)
        return AddressProblem(
            N_("Twilio does not find exactly this address but a similar one: {suggestion}"),
            suggested=True,
            suggestion=suggestion[1] if suggestion else error.message,
        )
    if error.code == 21630:
        return AddressProblem(
            N_(
                "This address belongs to a document that Twilio has verified, so it cannot change. Make a new one."
            )
        )
    return AddressProblem(N_("Twilio does not take this address: {message}"), message=error.message)
