"""pricing.twilio.com: what a number costs per month, and a text (twins 3). Prices are strings."""

from __future__ import annotations

from decimal import Decimal

from sandbox.twilio.errors import not_found
from sandbox.twilio.inventory import IN_PRICES, Country
from sandbox.twilio.wire import Answer, Call, Routes, page_v1

routes = Routes("pricing", "/v1")

SMS_PRICE = Decimal("0.0079")  # one price for every country: invented


def _url(kind: str, code: str) -> str:
    return f"https://pricing.twilio.com/v1/{kind}/Countries/{code}"


def _listing(call: Call, kind: str) -> Answer:
    countries = sorted(call.world.market.countries.values(), key=lambda c: c.name)
    entries = [
        (c.code, {"country": c.name, "iso_country": c.code, "url": _url(kind, c.code)}) for c in countries
    ]
    return page_v1(call, "countries", entries)


def _country(call: Call) -> Country:
    found = call.world.market.countries.get(call.args["country"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.listing("/PhoneNumbers/Countries")
def countries(call: Call) -> Answer:
    return _listing(call, "PhoneNumbers")


@routes.get("/PhoneNumbers/Countries/{country}")
def country(call: Call) -> Answer:
    found = _country(call)
    return 200, {
        "country": found.name,
        "iso_country": found.code,
        "phone_number_prices": [
            {
                "number_type": IN_PRICES[name],
                "base_price": f"{t.base_price:.2f}",
                "current_price": f"{t.current_price:.2f}",
            }
            for name, t in found.types.items()
        ],
        "price_unit": "USD",
        "url": _url("PhoneNumbers", found.code),
    }


@routes.listing("/Messaging/Countries")
def messaging_countries(call: Call) -> Answer:
    return _listing(call, "Messaging")


@routes.get("/Messaging/Countries/{country}")
def messaging_country(call: Call) -> Answer:
    found = _country(call)
    price = {"base_price": str(SMS_PRICE), "current_price": str(SMS_PRICE)}
    outbound = [
        {"number_type": IN_PRICES[name], **price}
        for name, t in found.types.items()
        if "sms" in t.capabilities
    ]
    return 200, {
        "country": found.name,
        "iso_country": found.code,
        "outbound_sms_prices": [{"carrier": "Any", "mcc": "000", "mnc": "00", "prices": outbound}],
        "inbound_sms_prices": outbound,
        "price_unit": "USD",
        "url": _url("Messaging", found.code),
    }
