"""Numbers for sale where ``data/countries.json`` has none: for regulations that somebody brings along.

Such a country sells what its regulations are about, so that the way from the papers to the number can be walked to its
end. Everything here is invented: prices, capabilities, and numbers that follow the country's plan but may be somebody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import phonenumbers
from babel import Locale
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sandbox.twilio.inventory import Available, Country, Market, NumberType

PRICES = {"local": "2.00", "mobile": "4.00", "national": "2.00", "toll-free": "20.00"}
CAPABILITIES = {"mobile": frozenset({"voice", "sms"})}
VOICE = frozenset({"voice"})
PLANS = {
    "local": (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "mobile": (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "national": (PhoneNumberType.UAN, PhoneNumberType.VOIP, PhoneNumberType.FIXED_LINE),
    "toll-free": (PhoneNumberType.TOLL_FREE,),
}
MOST = 100


def sell(market: Market, combinations: Iterable[tuple[str, str]]) -> None:
    """Add what is missing; a country without numbers of such a kind stays without, which a search answers with 404.

    combinations: (country, number type) of regulations.
    """
    for code, name in sorted(combinations):
        country = market.countries.get(code) or Country(code, _name(code))
        if name in country.sold:
            continue
        stock = {n.phone_number: n for n in _numbers(market, code, name)}
        if not stock:
            continue
        price = country.types[name].current_price if name in country.types else Decimal(PRICES[name])
        country.types[name] = NumberType(name, price, price, CAPABILITIES.get(name, VOICE), True, stock)
        market.countries[code] = country
        market.everything |= stock


def _name(code: str) -> str:
    return Locale("en").territories.get(code) or code


def _numbers(market: Market, code: str, name: str) -> Iterable[Available]:
    for plan in PLANS[name]:
        example = phonenumbers.example_number_for_type(code, plan)
        if example is None:
            continue
        written = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        for ending in range(MOST):
            number = f"{written[:-2]}{ending:02}"
            if number in market.everything or not phonenumbers.is_valid_number(phonenumbers.parse(number)):
                continue
            yield Available(
                phone_number=number,
                country=code,
                number_type=name,
                capabilities=CAPABILITIES.get(name, VOICE),
                address_requirements="none",
                beta=False,
            )
        return
