"""The account as its key may see it: type, balance, numbers and what they cost a month."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import phonenumbers
from twilio.rest import Client

from bot.twilio.client import TwilioError

log = logging.getLogger(__name__)

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


Money = tuple[Decimal, str]
"""An amount and its currency."""


async def read(twilio: Client, account_sid: str, price_of: Callable[[str], Money | None]) -> Account:
    """Three reads side by side. price_of: what a number costs a month. Raises TwilioError where not even the numbers can be read."""
    account, left, owned = await asyncio.gather(
        resource(twilio, account_sid),
        balance(twilio, account_sid),
        twilio.incoming_phone_numbers.list_async(page_size=1000),
    )
    currency, total, unpriced = commitment(owned, price_of, left[1] if left else "")
    owner = getattr(account, "owner_account_sid", None)
    return Account(
        str(account.type) if account else None,
        str(account.status) if account else None,
        None if owner is None else owner != account_sid,
        left[0] if left else None,
        currency,
        len(owned),
        total,
        unpriced,
    )


def commitment(
    owned: Sequence[Any], price_of: Callable[[str], Money | None], currency: str = ""
) -> tuple[str, Decimal, int]:
    """Currency, what the numbers cost a month in it, and of how many that is not known. currency: where none is given, theirs."""
    prices = [price_of(each.phone_number) for each in owned]
    known = [each for each in prices if each is not None]
    currency = currency or (known[0][1] if known else "USD")
    mine = [price for price, of in known if of == currency]
    return currency, sum(mine, Decimal(0)), len(owned) - len(mine)


async def resource(twilio: Client, account_sid: str) -> Any | None:
    """The account itself; None where this key may not see it (rule 29) or Twilio does not answer."""
    try:
        return await twilio.api.v2010.accounts(account_sid).fetch_async()
    except TwilioError:
        return None


async def owns_numbers(twilio: Client) -> bool:
    """False where it cannot be read: then Twilio says so when it is bought."""
    try:
        return bool(await twilio.incoming_phone_numbers.list_async(limit=1))
    except TwilioError:
        return False


def is_trial(account: Any | None) -> bool:
    return account is not None and str(account.type).casefold() == "trial"


async def balance(twilio: Client, account_sid: str) -> Money | None:
    """None where it cannot be read or says nothing (rule 30: a subaccount, a restricted key ...); negative where it is invoiced.

    The currency is empty where Twilio does not say it.
    """
    try:
        found: Any = await twilio.api.v2010.accounts(account_sid).balance.fetch_async()
        return Decimal(found.balance), str(found.currency or "").upper()
    except TwilioError as error:
        log.info("the balance cannot be read: %s", error)
    except (InvalidOperation, TypeError):
        pass
    return None


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
