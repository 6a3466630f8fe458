"""Numbers for sale: countries, types, prices, and a stock that is the same for the same seed.

The stock lies in ranges that are reserved for fiction where a country has such a range (US and CA 555-01XX, GB
Ofcom's drama numbers, AU, DE, FR, SE), else it is invented. See ``data/countries.json``.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import phonenumbers

COUNTRIES = Path(__file__).parent / "data" / "countries.json"
NORTH_AMERICA = frozenset({"US", "CA"})
PER_BLOCK = 120

# One number type, four spellings (twins 3): Twilio's regulations say `toll-free`, the path of a search `TollFree`,
# the list of countries `toll_free`, the price list `toll free`. The twin itself uses the first.
IN_PATH = {"local": "Local", "mobile": "Mobile", "national": "National", "toll-free": "TollFree"}
FROM_PATH = {path: number_type for number_type, path in IN_PATH.items()}
IN_URIS = {"local": "local", "mobile": "mobile", "national": "national", "toll-free": "toll_free"}
IN_PRICES = {"local": "local", "mobile": "mobile", "national": "national", "toll-free": "toll free"}


@dataclass(frozen=True)
class Available:
    """A number for sale. ``places`` are the towns that its local address may lie in."""

    phone_number: str
    country: str
    number_type: str
    capabilities: frozenset[str]
    address_requirements: str
    beta: bool
    locality: str | None = None
    region: str | None = None
    postal_code: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    lata: str | None = None
    rate_center: str | None = None
    places: tuple[str, ...] = ()

    @property
    def friendly_name(self) -> str:
        return friendly(self.phone_number)


@dataclass
class NumberType:
    """What a country sells of one type. ``listed``: in AvailablePhoneNumbers' list of types."""

    name: str
    base_price: Decimal
    current_price: Decimal
    capabilities: frozenset[str]
    listed: bool
    stock: dict[str, Available]


@dataclass
class Country:
    code: str
    name: str
    types: dict[str, NumberType] = field(default_factory=dict)

    @property
    def sold(self) -> dict[str, NumberType]:
        """The types that can be searched."""
        return {name: t for name, t in self.types.items() if t.capabilities}


@dataclass
class Market:
    """Everything that is or was for sale, and the numbers that other people own."""

    countries: dict[str, Country]
    everything: dict[str, Available]
    taken: set[str] = field(default_factory=set)

    def find(self, phone_number: str) -> Available | None:
        """The number if it can be bought now."""
        number = self.everything.get(phone_number)
        if number is None:
            return None
        return self.countries[number.country].types[number.number_type].stock.get(phone_number)

    def remove(self, phone_number: str) -> None:
        if number := self.everything.get(phone_number):
            self.countries[number.country].types[number.number_type].stock.pop(phone_number, None)

    def take(self, phone_number: str) -> None:
        """Somebody else buys it, or owned it all along."""
        self.taken.add(phone_number)
        self.remove(phone_number)


def friendly(phone_number: str) -> str:
    """``(415) 555-0123`` for North America, E.164 elsewhere, as Twilio shows them."""
    if phone_number.startswith("+1") and len(phone_number) == 12:
        return f"({phone_number[2:5]}) {phone_number[5:8]}-{phone_number[8:]}"
    return phone_number


def is_phone_number(text: str) -> bool:
    """Whether it can be a number at all; Twilio sells numbers that libraries do not know yet."""
    if not (text.startswith("+") and text[1:].isascii() and text[1:].isdigit()):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def country_of(phone_number: str) -> str:
    """By the number, or by its calling code alone when no plan knows it, as with those kept for fiction."""
    try:
        number = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        return ""
    code = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.region_code_for_number(number) or code


def _suffixes(block: dict[str, Any], rng: random.Random) -> list[str]:
    if given := block.get("suffixes"):
        return list(given)
    digits, first = block["digits"], block.get("first", 0)
    every = range(first, 10**digits)
    chosen = every if block.get("whole") or len(every) <= PER_BLOCK else sorted(rng.sample(every, PER_BLOCK))
    return [f"{n:0{digits}d}" for n in chosen]


def _stock(country: str, name: str, data: dict[str, Any], seed: int) -> dict[str, Available]:
    rng = random.Random(f"{seed}:{country}:{name}")  # not secret: it decides which numbers a demo sells
    numbers: list[Available] = []
    for block in data["blocks"]:
        place = {
            k: block.get(k)
            for k in ("locality", "region", "postal_code", "latitude", "longitude", "lata", "rate_center")
        }
        numbers += [
            Available(
                phone_number=block["prefix"] + suffix,
                country=country,
                number_type=name,
                capabilities=frozenset(data["capabilities"]),
                address_requirements=data["address_requirements"],
                beta=rng.random() < 0.04,
                places=tuple(block.get("places", ())),
                **place,
            )
            for suffix in _suffixes(block, rng)
        ]
    rng.shuffle(numbers)
    return {n.phone_number: n for n in numbers}


@lru_cache(maxsize=4)
def _everything(seed: int) -> tuple[dict[str, Any], ...]:
    """The countries of the data file with the whole stock of each type, made once per seed and then only read."""
    entries: list[dict[str, Any]] = json.loads(COUNTRIES.read_text(encoding="utf-8"))["countries"]
    for entry in entries:
        for name, data in entry["types"].items():
            data["stock"] = _stock(entry["code"], name, data, seed)
    return tuple(entries)


def open_market(seed: int) -> Market:
    """A fresh market: same seed, same numbers in the same order."""
    countries: dict[str, Country] = {}
    everything: dict[str, Available] = {}
    for entry in _everything(seed):
        country = countries[entry["code"]] = Country(entry["code"], entry["name"])
        for name, data in entry["types"].items():
            price = Decimal(data["price"])
            everything |= data["stock"]
            capabilities, listed = frozenset(data["capabilities"]), not data.get("unlisted", False)
            country.types[name] = NumberType(name, price, price, capabilities, listed, dict(data["stock"]))
    return Market(countries, everything)
