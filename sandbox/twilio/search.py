"""AvailablePhoneNumbers: which countries sell what, and the search with all its filters (twins 2)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import islice

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import (
    FROM_PATH,
    IN_PATH,
    IN_URIS,
    NORTH_AMERICA,
    Available,
    Country,
    NumberType,
)
from sandbox.twilio.wire import PAGING, V2010, Answer, Call, Params, Routes

routes = Routes("api", V2010 + "/AvailablePhoneNumbers")

FILTERS = (
    *("AreaCode", "Contains", "SmsEnabled", "MmsEnabled", "VoiceEnabled", "FaxEnabled", "Beta"),
    *("ExcludeAllAddressRequired", "ExcludeLocalAddressRequired", "ExcludeForeignAddressRequired"),
    *(
        "NearNumber",
        "NearLatLong",
        "Distance",
        "InLocality",
        "InRegion",
        "InPostalCode",
        "InRateCenter",
        "InLata",
    ),
)
PLACES = {
    "InRegion": "region",
    "InPostalCode": "postal_code",
    "InLata": "lata",
    "InRateCenter": "rate_center",
}
KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
Keep = Callable[[Available], bool]


def _country_json(call: Call, country: Country) -> dict[str, object]:
    base = f"/2010-04-01/Accounts/{call.account.sid}/AvailablePhoneNumbers/{country.code}"
    return {
        "country_code": country.code,
        "country": country.name,
        "beta": False,
        "uri": base + ".json",
        # Not complete as to types: GB sells national numbers that are not named here.
        "subresource_uris": {
            IN_URIS[name]: f"{base}/{IN_PATH[name]}.json" for name, t in country.sold.items() if t.listed
        },
    }


def number_json(number: Available) -> dict[str, object]:
    can = number.capabilities
    return {
        "friendly_name": number.friendly_name,
        "phone_number": number.phone_number,
        "lata": number.lata,
        "locality": number.locality,
        "rate_center": number.rate_center,
        "latitude": number.latitude,  # strings, whatever the OpenAPI document says
        "longitude": number.longitude,
        "region": number.region,
        "postal_code": number.postal_code,
        "iso_country": number.country,
        "address_requirements": number.address_requirements,
        "beta": number.beta,
        # Mixed case here and only here.
        "capabilities": {
            "voice": "voice" in can,
            "SMS": "sms" in can,
            "MMS": "mms" in can,
            "fax": "fax" in can,
        },
    }


@routes.listing(".json")
def countries(call: Call) -> Answer:
    found = [_country_json(call, c) for c in call.world.market.countries.values() if c.sold]
    return 200, {"countries": found, "uri": call.path}


@routes.get("/{country}.json")
def country(call: Call) -> Answer:
    return 200, _country_json(call, _sold_in(call))


def _sold_in(call: Call) -> Country:
    found = call.world.market.countries.get(call.args["country"])
    if found is None or not found.sold:
        raise not_found(call.path)
    return found


@routes.get("/{country}/{type}.json", *FILTERS, *PAGING)
def search(call: Call) -> Answer:
    """A sample in a fixed order: only what is bought changes it (the real one changes by itself)."""
    country = _sold_in(call)
    number_type: NumberType | None = country.sold.get(FROM_PATH.get(call.args["type"], ""))
    if number_type is None:
        raise not_found(call.path)
    size = call.query.integer("PageSize")
    if size is not None and not 1 <= size <= 1000:
        raise TwilioError(20007)
    keep = list(_filters(call, country.code, number_type.stock.values()))
    found = (n for n in number_type.stock.values() if all(k(n) for k in keep))
    # No paging keys at all, and no next page.
    shown = [number_json(n) for n in islice(found, size or 50)]
    return 200, {"available_phone_numbers": shown, "uri": call.path}


def _filters(call: Call, country: str, stock: Iterable[Available]) -> Iterable[Keep]:
    query = call.query
    if pattern := query.get("Contains"):
        matches = contains(pattern)
        yield lambda n: matches(n.phone_number)
    yield from _capabilities(query)
    for parameter, excluded in (
        ("ExcludeAllAddressRequired", {"any", "local", "foreign"}),
        ("ExcludeLocalAddressRequired", {"local"}),
        ("ExcludeForeignAddressRequired", {"foreign"}),
    ):
        if query.flag(parameter):
            yield lambda n, excluded=excluded: n.address_requirements not in excluded  # type: ignore[misc]
    if query.flag("Beta") is False:
        yield lambda n: not n.beta
    yield from _places(query, call, {"InLocality": "locality"})
    if country in NORTH_AMERICA:  # elsewhere these are ignored [assumed]
        yield from _north_american(query, call, stock)


def _capabilities(query: Params) -> Iterable[Keep]:
    for parameter, name in (
        ("SmsEnabled", "sms"),
        ("MmsEnabled", "mms"),
        ("VoiceEnabled", "voice"),
        ("FaxEnabled", "fax"),
    ):
        if (wanted := query.flag(parameter)) is not None:
            yield lambda n, name=name, wanted=wanted: (name in n.capabilities) is wanted  # type: ignore[misc]


def _north_american(query: Params, call: Call, stock: Iterable[Available]) -> Iterable[Keep]:
    if (area_code := query.integer("AreaCode")) is not None:
        yield lambda n: n.phone_number.startswith(f"+1{area_code}")
    if query.get("InRateCenter") and not query.get("InLata"):
        raise TwilioError(20422, "InRateCenter needs InLata")  # code: [assumed]
    yield from _places(query, call, PLACES)
    if near := _centre(query, call):
        distance = query.integer("Distance")
        if distance is not None and not 0 <= distance <= 500:
            raise TwilioError(
                20422, "Invalid Parameter: Distance must be at most 500 miles"
            )  # code: [assumed]
        miles = 25 if distance is None else distance
        yield (
            lambda n: (
                n.latitude is not None and _miles(near, (float(n.latitude), float(n.longitude or 0))) <= miles
            )
        )


def _places(query: Params, call: Call, named_by: dict[str, str]) -> Iterable[Keep]:
    """A state is its two letters: "California" finds nothing. A number stands for the place where it is."""
    for parameter, name in named_by.items():
        if wanted := query.get(parameter):
            number = call.world.market.everything.get(wanted)
            place = fold(getattr(number, name) or "") if number else fold(wanted)
            yield lambda n, name=name, place=place: fold(getattr(n, name) or "") == place != ""  # type: ignore[misc]


def _centre(query: Params, call: Call) -> tuple[float, float] | None:
    if place := query.get("NearLatLong"):
        if not re.fullmatch(r"-?\d+(\.\d+)?,\s*-?\d+(\.\d+)?", place):
            raise TwilioError(20422, "Invalid Parameter: NearLatLong must be latitude,longitude")
        latitude, longitude = place.split(",")
        return float(latitude), float(longitude)
    if number := query.get("NearNumber"):
        near = call.world.market.everything.get(number) or _same_area(call, number)
        if near is None or near.latitude is None or near.longitude is None:
            return (91.0, 0.0)  # a number that lies nowhere: nothing is near it
        return float(near.latitude), float(near.longitude)
    return None


def _same_area(call: Call, number: str) -> Available | None:
    everything = call.world.market.everything.values()
    return next((n for n in everything if number.startswith("+1") and n.phone_number[:5] == number[:5]), None)


def _miles(a: tuple[float, float], b: tuple[float, float]) -> float:
    if abs(a[0]) > 90:
        return math.inf
    (la, lo), (lb, lp) = (tuple(map(math.radians, p)) for p in (a, b))
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return 3958.8 * 2 * math.asin(math.sqrt(h))


def fold(text: str) -> str:
    """Without case, accents and spaces: ``Île-de-France`` and ``ile-de-france`` are one."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold().replace(" ", "")


def contains(pattern: str) -> Callable[[str], bool]:
    """Whether a number matches Twilio's pattern. Raises HTTP 400 for what the grammar does not allow.

    2 to 16 characters; ``*`` one digit, ``%`` a run of digits, ``+`` start, ``$`` end; wildcards only at the ends,
    metacharacters never beside each other, two plain characters at least. Code: [assumed] 20422.
    """
    wrong = TwilioError(20422, f"Invalid Pattern Provided: {pattern}")
    if not 2 <= len(pattern) <= 16 or re.search(r"[^0-9A-Za-z*%+$]", pattern):
        raise wrong
    if re.search(r"[*%+$]{2}", pattern) or re.search(r"(?!^)\+", pattern) or re.search(r"\$(?!$)", pattern):
        raise wrong
    at_start, at_end = pattern.startswith("+"), pattern.endswith("$")
    body = pattern[at_start : len(pattern) - at_end]
    plain = body.strip("*%")
    if re.search(r"[*%]", plain) or len(plain) < 2:
        raise wrong
    pieces = {"*": r"\d", "%": r"\d*"}
    digits = "".join(pieces.get(c, c) for c in body.lower().translate(KEYPAD))
    expression = re.compile(("^" if at_start else "") + digits + ("$" if at_end else ""))
    return lambda number: expression.search(number[1:]) is not None
