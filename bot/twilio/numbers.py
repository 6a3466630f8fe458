"""Numbers on sale: looking for them, and which come closest to one that is gone."""

import asyncio
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from twilio.rest import Client

from bot.countries import dialling_code, trunk_prefix
from bot.texts import CAPABILITIES
from bot.twilio.client import TwilioError
from storage.models import Quote

LIMIT = 50

SEARCHED = {
    "local": "local",
    "mobile": "mobile",
    "toll-free": "toll_free",
    "national": "national",
}
"""Our number type, as in regulations and bundles: the SDK's name of the search."""

IN_COUNTRY_LIST = {"local": "local", "mobile": "mobile", "toll-free": "toll_free", "national": "national"}
IN_PRICES = {"local": "local", "mobile": "mobile", "toll-free": "toll free", "national": "national"}

CONTAINS = re.compile(r"\+?[0-9A-Za-z]+")
LONGEST_PATTERN = 16
"""With its own signs. Source: AvailablePhoneNumber resource, ``Contains``, twilio.com/docs, read 2026-11."""


@dataclass(frozen=True)
class Available:
    """A number on sale, as kept on a draft."""

    phone_number: str
    locality: str | None
    region: str | None
    capabilities: list[str]
    address_requirements: str
    beta: bool

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.locality, self.region) if part)


def pattern(contains: str, position: str, country: str) -> str:
    """Twilio's ``Contains`` for digits that stand at the start (of the national number), the end, or anywhere.

    At the start the dialling code comes first and a trunk prefix is left out: ``020`` in GB is ``+4420``.
    """
    if position == "end":
        return f"{contains.lstrip('+')}$"
    if contains.startswith("+"):
        return contains
    if position == "start":
        prefix = trunk_prefix(country)
        if prefix and prefix != str(dialling_code(country)):
            contains = contains.removeprefix(prefix)
        return f"+{dialling_code(country)}{contains}"
    return contains


async def available(
    twilio: Client, country: str, number_type: str, filters: dict[str, Any]
) -> list[Available]:
    """Numbers on sale now, at most 50, in Twilio's order. filters: parameters of the SDK's search.

    Nothing is reserved, and the answer is a sample: that a number is not in it says nothing (rule 4).
    Source: twilio.com/docs, AvailablePhoneNumber resource.
    """
    search = getattr(twilio.available_phone_numbers(country), SEARCHED[number_type])
    found = await search.list_async(limit=LIMIT, page_size=LIMIT, **filters)
    return [
        Available(
            phone_number=number.phone_number,
            locality=number.locality or None,
            region=number.region or None,
            capabilities=capabilities(number.capabilities),
            address_requirements=number.address_requirements or "none",
            beta=bool(number.beta),
        )
        for number in found
    ]


async def abilities(twilio: Client, country: str, number_type: str) -> list[str] | None:
    """What numbers of this kind can do at all; None when none is on sale now. Raises TwilioError.

    What no number of a first sample can is asked for by itself: a sample proves only what there is.
    """
    found = await available(twilio, country, number_type, {})
    if not found:
        return None
    seen = {name for each in found for name in each.capabilities}
    unseen = [name for name in CAPABILITIES if name not in seen]
    others = await asyncio.gather(
        *(available(twilio, country, number_type, {f"{name}_enabled": True}) for name in unseen)
    )
    return sorted(seen | {name for name, numbers in zip(unseen, others, strict=True) if numbers})


def capabilities(given: Any) -> list[str]:
    """Lower case, sorted. Twilio's keys come in mixed case when searching, in lower case when owned."""
    has = given if isinstance(given, dict) else vars(given)
    return sorted(name.lower() for name, on in has.items() if on is True)


async def substitutes(twilio: Client, quote: Quote, refused: Collection[str] = ()) -> list[Available]:
    """What may be bought in place of the quoted number within its approval, best first: rule 6.

    Every filter of the search holds, it can do all that the quoted number can, needs no address that that did not
    need, and lies in the same place where an address ties it to one. refused: numbers that cannot be had either.
    """
    filters = {**quote.filters, **{f"{name}_enabled": True for name in quote.capabilities}}
    found: list[Available] = []
    for narrowing in [{"in_locality": quote.locality}, {}] if quote.locality else [{}]:
        found += await available(twilio, quote.country, quote.number_type, {**filters, **narrowing})
    tied = quote.needs_address and bool(quote.locality)
    fitting = {
        each.phone_number: each
        for each in found
        if each.phone_number not in {*refused, quote.phone_number}
        and {*quote.capabilities, *quote.wanted} <= set(each.capabilities)
        and each.address_requirements in ("none", quote.address_requirements)
        and not (tied and each.locality != quote.locality)
        and not (each.beta and quote.filters.get("beta") is False)
    }
    wanted = quote.contains or quote.phone_number
    return sorted(
        fitting.values(),
        key=lambda each: (
            -longest_run(wanted, each.phone_number),
            each.locality != quote.locality,
            each.phone_number,
        ),
    )


async def alternatives(
    twilio: Client, quote: Quote, town: str | None = None, refused: Collection[str] = ()
) -> list[Available]:
    """What a person may choose in place of the quoted number, which is asked for anew: nearest first.

    Same country and type, at least the capabilities that were wanted. town: where the address lies that the number
    refused. Then numbers that show it are wanted, those least like the refused ones first: what a number shows is not
    where its address must be (a Dublin number may want a suburb).
    """
    filters: dict[str, Any] = {f"{name}_enabled": True for name in quote.wanted}
    locality = town or quote.locality
    narrowings: list[dict[str, Any]] = [] if town else [quote.filters]
    narrowings += [{"in_locality": locality}, {}] if locality else [{}]
    found: list[Available] = []
    for narrowing in narrowings:
        found += await available(twilio, quote.country, quote.number_type, {**filters, **narrowing})
    if town is None and quote.address_requirements == "local" and locality:
        found = [each for each in found if each.locality == locality]
    refused = {*refused, quote.phone_number}
    fitting = {
        each.phone_number: each
        for each in found
        if each.phone_number not in refused and set(quote.wanted) <= set(each.capabilities)
    }
    wanted = quote.contains or quote.phone_number
    return sorted(
        fitting.values(),
        key=lambda each: (
            town is not None and each.locality != town,
            max(_alike(each.phone_number, other) for other in refused) if town is not None else 0,
            -longest_run(wanted, each.phone_number),
            each.locality != locality,
            each.phone_number,
        ),
    )


def _alike(one: str, other: str) -> int:
    """How many digits they begin with together."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def longest_run(wanted: str, number: str) -> int:
    """The length of the longest piece of ``wanted`` that stands in ``number``."""
    digits = wanted.lstrip("+").upper().translate(_KEYPAD)
    for length in range(len(digits), 0, -1):
        if any(digits[start : start + length] in number for start in range(len(digits) - length + 1)):
            return length
    return 0


_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")


def from_kept(results: Iterable[dict[str, Any]] | None) -> list[Available]:
    return [Available(**each) for each in results or ()]


async def owned(twilio: Client, phone_number: str) -> Any | None:
    """The number as it is in our account, or None. The filter also finds parts, hence the comparison."""
    found = await twilio.incoming_phone_numbers.list_async(phone_number=phone_number, limit=50)
    return next((each for each in found if each.phone_number == phone_number), None)


async def of_sid(twilio: Client, sid: str) -> Any | None:
    """The number as it is in our account; None where Twilio itself says that there is none, as it also may of one bought just now (rule 32)."""
    try:
        return await twilio.incoming_phone_numbers(sid).fetch_async()
    except TwilioError as error:
        if error.status == 404 and error.code is not None:  # without a code it may be a proxy's
            return None
        raise
