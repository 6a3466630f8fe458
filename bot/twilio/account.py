"""The account as its key may see it: type, balance, numbers and what they cost a month."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import phonenumbers
from twilio.rest import Client

from bot.twilio.catalogue import Market
from bot.twilio.client import TwilioError

KINDS = {
    phonenumbers.PhoneNumberType.TOLL_FREE: "toll-free",
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
}


@dataclass(frozen=True)
class Account:
    """type, status, balance: None where the key may not see it (rule 29), or it cannot be read."""

    type: str | None
    status: str | None
    is_subaccount: bool | None
    balance: Decimal | None
    currency: str
    numbers: int
    commitment: Decimal
    """a month, of the numbers whose price is known"""
    unpriced: int
    """numbers whose price is not known"""


async def read(twilio: Client, account_sid: str, market: Market) -> Account:
    """Three reads side by side. Raises TwilioError where not even the numbers can be read."""
    account, balance, owned = await asyncio.gather(
        _or_none(twilio.api.v2010.accounts(account_sid).fetch_async()),
        _or_none(twilio.api.v2010.accounts(account_sid).balance.fetch_async()),
        twilio.incoming_phone_numbers.list_async(page_size=1000),
    )
    amount = _amount(balance)
    prices = [_price(each, market) for each in owned]
    known = [each for each in prices if each is not None]
    currency = str(getattr(balance, "currency", None) or (known[0][1] if known else "USD")).upper()
    mine = [price for price, of in known if of == currency]
    owner = getattr(account, "owner_account_sid", None)
    return Account(
        str(account.type) if account else None,
        str(account.status) if account else None,
        None if owner is None else owner != account_sid,
        amount,
        currency,
        len(owned),
        sum(mine, Decimal(0)),
        len(owned) - len(mine),
    )


async def _or_none(asked: Any) -> Any:
    try:
        return await asked
    except TwilioError:
        return None


def _amount(balance: Any) -> Decimal | None:
    try:
        return Decimal(balance.balance) if balance is not None else None
    except (InvalidOperation, TypeError):
        return None


def _price(number: Any, market: Market) -> tuple[Decimal, str] | None:
    country, kind = kind_of(number.phone_number)
    offer = market.offer(country, kind) or market.offer(country, "local")
    return (offer.price, offer.currency) if offer else None


def kind_of(phone_number: str) -> tuple[str | None, str]:
    """Country and number type, as its digits tell them: ("US", "local")."""
    try:
        parsed = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        return None, "local"
    country = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    if kind == phonenumbers.PhoneNumberType.TOLL_FREE and country is None:
        country = "US"
    return country, KINDS.get(kind, "local")
