"""A form on its way: what was typed on page 1 as a search at Twilio, and all of it as the quote that is asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.countries import POSTAL_CODES, REGIONS, SEARCHED_BY_AREA
from bot.errors import FormErrors, NotSoldAnyMore
from bot.folding import folded
from bot.texts import CAPABILITIES, N_, Said, money, number_type, say
from bot.texts import country as named
from bot.twilio.catalogue import Market, Offer
from bot.twilio.catalogue import Service as Existing
from bot.twilio.numbers import CONTAINS, LONGEST_PATTERN, pattern
from storage.models import Bundle, Draft, IfGone, Purchase, Service, can_text

EXCLUDED = {
    "none": "exclude_all_address_required",
    "no_local": "exclude_local_address_required",
    "no_foreign": "exclude_foreign_address_required",
}
NEW = "new"
NONE = "none"
"""In place of a messaging service's SID."""
NO_SERVICE: dict[str, Any] = {"service": Service.NONE, "service_sid": None, "service_name": ""}
REPLACES = "replaces"
"""On page 1 of a draft: the purchase in whose place it is sent."""
AREA = ("in_locality", "in_region", "in_postal_code", "area_code", "near_number", "distance")
FOLDED = frozenset({"contains", *AREA})
"""Of page 1's fields those that are checked, and mean the same on every keyboard; the purpose stays as it was typed."""


@dataclass(frozen=True)
class Search:
    """Page 1 as Twilio is asked. filters: parameters of the SDK's search."""

    country: str
    number_type: str
    capabilities: list[str]
    contains: str | None
    purpose: str
    filters: dict[str, Any]
    destinations: list[str]
    """the countries that it shall text, where that was said"""


def search_of(typed: Mapping[str, Any], market: Market) -> Search:
    """typed: page 1, by field. Raises FormErrors with a sentence for each field that cannot be."""
    wrong: dict[str, Said] = {}
    typed = {
        name: folded(value) if name in FOLDED else value for name, value in typed.items() if value is not None
    }
    country = typed.get("country")
    if not country:
        wrong["country"] = say(N_("Choose a country."))
    elif market.offer(country, typed.get("number_type")) is None:
        wrong["number_type"] = say(N_("Choose one of the number types that the country has."))
    contains = re.sub(r"[\s().\-/]", "", typed.get("contains") or "") or None
    if contains is not None and (why := _cannot_be_searched(contains, typed.get("position"), country)):
        wrong["contains"] = why
    if country and (can := market.abilities(country, typed.get("number_type") or "")) is not None:
        missing = [each for each in typed.get("capabilities") or () if each not in can]
        if missing:
            wrong["capabilities"] = cannot(country, typed["number_type"], missing[0], market)
    if not typed.get("purpose"):
        wrong["purpose"] = say(N_("Say what the number is for: the approvers decide by it."))
    filters: dict[str, Any] = {f"{name}_enabled": True for name in typed.get("capabilities") or ()}
    if country:
        filters |= _area(typed, country, wrong)
    if wrong:
        raise FormErrors(wrong)
    assert country is not None
    if contains is not None:
        filters["contains"] = pattern(contains, typed.get("position") or "anywhere", country)
    return Search(
        country,
        typed["number_type"],
        typed.get("capabilities") or [],
        contains,
        typed["purpose"],
        filters,
        typed.get("destinations") or [],
    )


def cannot(code: str, kind: str, capability: str, market: Market) -> Said:
    """That numbers of this kind cannot do this, and which others of the country can."""
    others = [
        each.number_type
        for each in market.offers(code)
        if capability in (market.abilities(code, each.number_type) or ())
    ]
    about: dict[str, Any] = {
        "country": named(code),
        "type": number_type(kind),
        "capability": say(CAPABILITIES[capability]),
        "others": [number_type(each) for each in others],
    }
    if others:
        text = N_("{capability}: not possible with this type in {country} ({type}). It is with: {others}.")
    else:
        text = N_("{capability}: not possible with any number that is for sale in {country}.")
    return say(text, **about)


def _cannot_be_searched(contains: str, position: str | None, country: str | None) -> Said | None:
    """Twilio counts its own signs and the dialling code of digits at the start along."""
    if not CONTAINS.fullmatch(contains):
        return say(N_("Only digits and the letters A to Z can be searched for."))
    if len(contains.lstrip("+")) < 2:
        return say(N_("Type at least two digits: one digit narrows nothing down."))
    asked = pattern(contains, position or "anywhere", country) if country else contains
    if len(asked) > LONGEST_PATTERN:
        left = LONGEST_PATTERN - (len(asked) - len(contains))
        return say(N_("Twilio searches for {most} digits here at the most."), most=left)
    return None


def _area(typed: Mapping[str, Any], country: str, wrong: dict[str, Said]) -> dict[str, Any]:
    """The advanced fields as parameters of Twilio's search; what cannot be goes into ``wrong``."""
    found: dict[str, Any] = {}
    if typed.get("in_locality"):
        found["in_locality"] = typed["in_locality"]
    if excluded := EXCLUDED.get(typed.get("address_requirement") or ""):
        found[excluded] = True
    if typed.get("beta") == [] and "beta" in typed:
        found["beta"] = False
    if country not in SEARCHED_BY_AREA:
        return found
    if region := typed.get("in_region"):
        if code := REGIONS[country].get(region.casefold()):
            found["in_region"] = code
        else:
            wrong["in_region"] = say(
                N_("There is no “{region}” in {country}. Type its name, or two letters such as {example}."),
                region=region,
                country={"country": country},
                example="CA" if country == "US" else "ON",
            )
    if postal_code := typed.get("in_postal_code"):
        if POSTAL_CODES[country].fullmatch(postal_code.upper()):
            found["in_postal_code"] = postal_code.upper()
        else:
            wrong["in_postal_code"] = (
                say(N_("A postal code in the United States has five digits, such as 94103."))
                if country == "US"
                else say(N_("A Canadian postal code looks like K1A 0B1."))
            )
    if area_code := typed.get("area_code"):
        if re.fullmatch(r"[2-9]\d\d", area_code):
            found["area_code"] = int(area_code)
        else:
            wrong["area_code"] = say(N_("An area code has three digits, such as 415."))
    if near := typed.get("near_number"):
        plain = re.sub(r"[\s().\-]", "", near)
        if re.fullmatch(r"\+1\d{10}", plain):
            found["near_number"] = plain
        else:
            wrong["near_number"] = say(N_("Type the whole number with +1, such as +14155550123."))
    if distance := typed.get("distance"):
        if not typed.get("near_number"):
            wrong["distance"] = say(N_("A distance needs the number that it is measured from."))
        elif distance.isdecimal() and 1 <= int(distance) <= 500:
            found["distance"] = int(distance)
        else:
            wrong["distance"] = say(N_("Type a number of miles from 1 to 500."))
    return found


def typed_again(purchase: Purchase) -> dict[str, Any]:
    """Page 1 as it was typed for this purchase, as far as its quote tells: for asking once more with something changed."""
    quote = purchase.quote
    typed: dict[str, Any] = {
        "country": quote.country,
        "number_type": quote.number_type,
        "capabilities": quote.wanted,
        "destinations": quote.destinations,
        "contains": quote.contains or None,
        "purpose": purchase.purpose,
    }
    if quote.contains:
        where = str(quote.filters.get("contains") or "")
        at_start = where.startswith("+") and not quote.contains.startswith("+")
        typed["position"] = "end" if where.endswith("$") else "start" if at_start else "anywhere"
    advanced: dict[str, Any] = {name: str(quote.filters[name]) for name in AREA if name in quote.filters}
    for answer, name in EXCLUDED.items():
        if quote.filters.get(name):
            advanced["address_requirement"] = answer
    if quote.filters.get("beta") is False:
        advanced["beta"] = []
    typed |= {**advanced, "advanced": bool(advanced)}
    return {name: value for name, value in typed.items() if value is not None}


def quote_of(
    draft: Draft,
    bundle: Bundle | None,
    search: Search,
    offer: Offer,
    service: Mapping[str, Any],
    *,
    if_gone: IfGone = IfGone.ASK,
    ceiling: Decimal | None = None,
) -> dict[str, Any]:
    """The columns of the first quote: all that an approval of it will cover (rule 5).

    service: its columns ``service, service_sid, service_name``. ceiling: for a substitute; at least the price itself.
    """
    number = draft.number
    return {
        "phone_number": number["phone_number"],
        "country": search.country,
        "number_type": search.number_type,
        "capabilities": number["capabilities"],
        "wanted": search.capabilities,
        "locality": number.get("locality") or "",
        "region": number.get("region") or "",
        "contains": search.contains or "",
        "filters": search.filters,
        "destinations": search.destinations if can_text(number["capabilities"]) else [],
        "address_requirements": draft.address_requirements,
        "address_sid": draft.address_sid,
        "address_elsewhere": draft.address_is_elsewhere(bundle),
        "regulated": bool(draft.regulated),
        "end_user_type": draft.end_user_type,
        "bundle_id": draft.bundle_id if draft.regulated else None,
        "price": offer.price,
        "currency": offer.currency,
        "ceiling": max(ceiling or offer.price, offer.price) if if_gone == IfGone.CLOSEST else offer.price,
        "if_gone": if_gone,
        **service,
    }


# the last page


def offer_for(draft: Draft, market: Market) -> Offer:
    """Raises NotSoldAnyMore."""
    offer = market.offer(draft.country, draft.number_type)
    if offer is None:
        raise NotSoldAnyMore(country=named(draft.country))
    return offer


def asked_for(
    typed: Mapping[str, Any], draft: Draft, bundle: Bundle | None, market: Market
) -> dict[str, Any]:
    """The quote that the last page, with those before it, asks for. typed: that page, by field. Raises FormErrors and NotSoldAnyMore."""
    wrong: dict[str, Said] = {}
    offer = offer_for(draft, market)
    chosen = service_of(typed, market, wrong) if draft.can_text else NO_SERVICE
    if_gone = IfGone(typed.get("if_gone") or IfGone.ASK)
    limit = _limit(typed.get("price_limit"), offer, wrong)
    if "yes" not in (typed.get("agree") or ()):
        wrong["agree"] = say(N_("Tick the box: without your agreement nothing is bought."))
    if wrong:
        raise FormErrors(wrong)
    search = search_of(draft.typed("find"), market)
    return quote_of(draft, bundle, search, offer, chosen, if_gone=if_gone, ceiling=limit)


def service_of(typed: Mapping[str, Any], market: Market, wrong: dict[str, Said]) -> dict[str, Any]:
    """The quote's columns of the chosen messaging service; a known name means the service that has it."""
    chosen, name = typed.get("messaging_service"), typed.get("messaging_service_name")
    if not chosen:
        wrong["messaging_service"] = say(N_("Choose a messaging service."))
    if not chosen or chosen == NONE:
        return NO_SERVICE
    known = market.services()
    if chosen != NEW:
        existing = next((each for each in known if each.sid == chosen), None)
        if existing is None:
            wrong["messaging_service"] = say(
                N_("This messaging service does not exist any more. Choose another one.")
            )
            return NO_SERVICE
        return _existing(existing)
    if not name:
        wrong["messaging_service_name"] = say(N_("Type a name for the new messaging service."))
        return NO_SERVICE
    same = [each for each in known if each.name == name]
    if len(same) > 1:
        wrong["messaging_service_name"] = say(
            N_("There are several messaging services of this name. Choose one of them from the list above.")
        )
    if len(same) == 1:
        return _existing(same[0])
    return {"service": Service.NEW, "service_sid": None, "service_name": name}


def _existing(service: Existing) -> dict[str, Any]:
    return {"service": Service.EXISTING, "service_sid": service.sid, "service_name": service.name}


def _limit(text: str | None, offer: Offer, wrong: dict[str, Said]) -> Decimal | None:
    if text is None:
        return None
    try:
        limit = Decimal(folded(text).replace(",", ".").strip("$¥€£円 "))
    except InvalidOperation:
        limit = Decimal("NaN")
    if not limit.is_finite():
        wrong["price_limit"] = say(N_("Type an amount of money, such as 2.50."))
        return None
    if limit < offer.price:
        wrong["price_limit"] = say(
            N_("The number itself costs {price} a month; the limit cannot be lower."),
            price=money(offer.price, offer.currency),
        )
        return None
    if limit.as_tuple().exponent < -2 or limit > 100_000:  # type: ignore[operator]  # finite: an int
        wrong["price_limit"] = say(N_("Type an amount of money, such as 2.50."))
        return None
    return limit
