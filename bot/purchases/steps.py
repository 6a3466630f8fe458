"""What is done once a purchase is approved, in order. Each step looks before it makes, so it may run again after any crash."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.bundles import operations as bundles
from bot.core import Services
from bot.errors import (
    AccountRefused,
    AddressDoesNotFit,
    AddressNeeded,
    BalanceTooLow,
    BotError,
    BundleRefused,
    InAnotherService,
    NeedsAPerson,
    NumberOwned,
    NumberTaken,
    PriceRaised,
    ServiceFull,
    ServiceGone,
    SeveralServices,
    TrialLimit,
    TwilioAway,
    TwilioRefused,
)
from bot.texts import N_, Said, moment, money, phone, say
from bot.twilio.client import TwilioError
from bot.twilio.numbers import capabilities, owned
from storage.models import Bundle, Purchase, now
from storage.purchases import Happened

log = logging.getLogger(__name__)

LOOK_AGAIN = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60))
BUYING_ROUNDS = 3


@dataclass(frozen=True)
class Wait:
    """Not now: why, in a sentence, and when to look again (None: when somebody has acted)."""

    why: Said | None
    until: datetime | None


@dataclass(frozen=True)
class Step:
    """One column of the purchase and how it is filled; ``title`` ticks off on the card, ``told`` goes to the thread."""

    column: str
    title: str
    told: str | None
    do: Callable[[Purchase, Services], Awaitable[Any]]
    only_if: Callable[[Purchase], bool] = lambda purchase: True


# an approved bundle


def regulated(purchase: Purchase) -> bool:
    return purchase.regulated


async def await_bundle(purchase: Purchase, services: Services) -> datetime | Wait:
    """When the chosen bundle was approved. The watch keeps our row of it current, and wakes us."""
    bundle = await _bundle(purchase, services)
    if bundle is not None and bundles.usable(bundle):
        return bundle.updated_at or now()
    return Wait(bundles.why_waiting(bundle), None)


async def _bundle(purchase: Purchase, services: Services) -> Bundle | None:
    return await services.store.bundle(purchase.bundle_id) if purchase.bundle_id else None


# the number


async def buy_number(purchase: Purchase, services: Services) -> str | Wait:
    """The SID (``PN...``) of the number, bought at most once. Rules 1 to 6.

    Raises NumberTaken, NumberOwned, PriceRaised, BalanceTooLow, AddressNeeded before any money is spent, what Twilio
    refused once it is sure that nothing was bought, and NeedsAPerson when it is unclear whose the number is.
    """
    assert purchase.phone_number is not None
    if purchase.buying_at is not None:  # an earlier try was cut off: Twilio alone knows how it ended
        return await settle_intent(purchase, services)
    earlier = await owned(services.twilio, purchase.phone_number)
    if earlier is not None:
        if earlier.friendly_name == purchase.mark:
            return str(earlier.sid)
        raise NumberOwned(number=phone(purchase.phone_number))
    conditions = await check_conditions(purchase, services)
    if isinstance(conditions, Wait):
        return conditions
    purchase = await services.store.intend_to_buy(purchase, conditions.address_sid)
    try:
        bought = await services.twilio.incoming_phone_numbers.create_async(
            phone_number=purchase.phone_number,
            friendly_name=purchase.mark,
            **conditions.parameters(),
        )
    except TwilioError as error:
        return await settle_intent(purchase, services, None if error.doubtful else error)
    return str(bought.sid)


async def settle_intent(
    purchase: Purchase, services: Services, refused: TwilioError | None = None
) -> str | Wait:
    """The number's SID when the open intent bought it. Nothing else is checked or bought meanwhile. Rule 2.

    refused: Twilio's definite answer to the call; one look is then enough.
    """
    assert purchase.phone_number is not None and purchase.buying_at is not None
    found = await owned(services.twilio, purchase.phone_number)
    if found is not None and found.friendly_name == purchase.mark:
        return str(found.sid)
    if found is not None:
        raise NeedsAPerson(
            number=phone(purchase.phone_number),
            created=moment(found.date_created),
            began=moment(purchase.buying_at),
            mark=purchase.mark,
        )
    if refused is None and purchase.looks < len(LOOK_AGAIN):
        again = now() + LOOK_AGAIN[purchase.looks]
        await services.store.work(purchase, bump=False, looks=purchase.looks + 1)
        return Wait(say(N_("Twilio's answer was lost. Looking whether the number was bought.")), again)
    tries = purchase.tries + 1  # how often an intent of this purchase has come to nothing
    await services.store.work(
        purchase, Happened("not_bought"), bump=False, buying_at=None, looks=0, tries=tries
    )
    if refused is not None and refused.definite:
        raise why_refused(refused, purchase)
    if tries >= BUYING_ROUNDS:
        raise TwilioAway()
    return Wait(say(N_("The number was not bought. Trying again.")), now() + timedelta(seconds=tries))


@dataclass(frozen=True)
class Conditions:
    bundle_sid: str | None
    address_sid: str | None

    def parameters(self) -> dict[str, str]:
        given = {"bundle_sid": self.bundle_sid, "address_sid": self.address_sid}
        return {name: sid for name, sid in given.items() if sid}


async def check_conditions(purchase: Purchase, services: Services) -> Conditions | Wait:
    """Bundle, price, balance and address, all read now: rule 3."""
    assert purchase.country and purchase.number_type and purchase.ceiling is not None
    bundle = None
    if regulated(purchase):
        known = await _bundle(purchase, services)
        bundle = await bundles.read(services, known) if known is not None else None
        if bundle is None or not bundles.usable(bundle):
            why = bundles.why_waiting(bundle)
            # a change of status has told it already; a lapse or no bundle at all is told by the step that waits
            told = bundle is not None and bundle.status != bundles.APPROVED
            await services.store.work(purchase, bundle_approved_at=None, waiting=why if told else None)
            return Wait(why if told else None, now())
    offer = await services.market.fresh_offer(purchase.country, purchase.number_type)
    if offer.price > purchase.ceiling:
        raise PriceRaised(
            offer.price,
            offer.currency,
            number=phone(purchase.phone_number),
            ceiling=money(purchase.ceiling, offer.currency),
        )
    await _check_balance(purchase, services, offer.price, offer.currency)
    in_bundle = bundle.address_sids if bundle is not None else None
    address_sid = in_bundle[0] if in_bundle else purchase.address_sid
    if address_sid is None and purchase.number.get("address_requirements", "none") != "none":
        raise AddressNeeded()
    return Conditions(bundle.sid if bundle else None, address_sid)


async def _check_balance(purchase: Purchase, services: Services, price: Decimal, currency: str) -> None:
    account = services.twilio.api.v2010.accounts(purchase.account_sid)
    balance: Any = await account.balance.fetch_async()
    if (balance.currency or "").upper() != currency.upper():
        log.warning("the balance is in %s and the price in %s: not compared", balance.currency, currency)
        return
    spoken_for = await services.store.open_intents(purchase.account_sid, purchase.id)
    if Decimal(balance.balance) - spoken_for < price:
        raise BalanceTooLow(balance=money(Decimal(balance.balance), currency), price=money(price, currency))


def why_refused(error: TwilioError, purchase: Purchase) -> BotError:
    """Twilio's refusal of a purchase as something that people can act on. Codes: IncomingPhoneNumber resource."""
    match error.code:
        case 21422:
            return NumberTaken(number=phone(purchase.phone_number))
        case 21404:
            return TrialLimit()
        case 21631:
            return AddressNeeded()
        case 21615 | 21651:
            return AddressDoesNotFit()
        case 21649:
            return BundleRefused(message=error.message)
    return refused(error)


def refused(error: TwilioError) -> BotError:
    if error.status in (401, 403):
        return AccountRefused(code=error.code or error.status)
    return TwilioRefused(
        message=error.message, code=error.code or error.status or "–", more_info=error.more_info or ""
    )


# the messaging service


def can_text(purchase: Purchase) -> bool:
    return purchase.can_text and bool(purchase.wanted_service_sid or purchase.wanted_service_name)


async def find_or_make_service(purchase: Purchase, services: Services) -> str | Wait:
    """The SID (``MG...``) of the chosen service, or of the one with the chosen name, made when there is none.

    Rule 9. Raises SeveralServices.
    """
    if purchase.wanted_service_sid:
        return purchase.wanted_service_sid
    name = purchase.wanted_service_name
    assert name is not None
    row = await services.store.service_named(purchase.workspace_id, purchase.account_sid, name)
    if row.sid is not None:
        return row.sid
    if not await services.store.claim_service(row, purchase.id):
        return Wait(say(N_("Another purchase is making the messaging service “{name}”."), name=name), _in(2))
    same = [each.sid for each in await services.market.fresh_services() if each.name == name]
    if len(same) > 1:
        await services.store.service_made(row, None)
        raise SeveralServices(name=name)
    if not same:
        try:
            made = await services.twilio.messaging.v1.services.create_async(friendly_name=name)
        except TwilioError as error:
            if not error.doubtful:
                raise
            return Wait(say(N_("Twilio's answer was lost. Looking for the messaging service.")), _in(5))
        same = [str(made.sid)]
    await services.store.service_made(row, same[0])
    return same[0]


async def attach_number(purchase: Purchase, services: Services) -> datetime:
    """When the number was found or put into its service. Raises InAnotherService, ServiceGone, ServiceFull."""
    assert purchase.messaging_service_sid and purchase.phone_number_sid
    service = services.twilio.messaging.v1.services(purchase.messaging_service_sid)
    try:
        await service.phone_numbers.create_async(phone_number_sid=purchase.phone_number_sid)
    except TwilioError as error:
        if error.code == 21710:  # in this service already
            return now()
        if error.code == 21712:
            raise InAnotherService(service=await _service_of(purchase, services)) from error
        if error.code == 21714:
            raise ServiceFull() from error
        if error.code == 21701 or error.status == 404:
            await _forget_service(purchase, services)
            raise ServiceGone() from error
        raise
    return now()


async def _service_of(purchase: Purchase, services: Services) -> str:
    """The name of the service that holds the number: no filter exists, so all are walked."""
    for service in await services.market.fresh_services():
        senders = services.twilio.messaging.v1.services(service.sid).phone_numbers
        if any(each.sid == purchase.phone_number_sid for each in await senders.list_async(page_size=400)):
            return service.name
    return "?"


async def _forget_service(purchase: Purchase, services: Services) -> None:
    if purchase.wanted_service_name:
        row = await services.store.service_named(
            purchase.workspace_id, purchase.account_sid, purchase.wanted_service_name
        )
        await services.store.service_made(row, None)


# is it ready?

UNCHECKED = {
    "us_campaign": N_(
        "the A2P 10DLC campaign, without which messages to the United States are not delivered"
    ),
    "toll_free_verification": N_("the toll-free verification, without which messages are not delivered"),
    "geo_permission": N_("whether the account may send to the countries you need"),
    "test_message": N_("that a message is really delivered"),
}


async def check_readiness(purchase: Purchase, services: Services) -> datetime | Wait:
    """When number and service were found as they should be. What was not checked is put on the purchase."""
    assert purchase.phone_number_sid is not None
    number = await services.twilio.incoming_phone_numbers(purchase.phone_number_sid).fetch_async()
    if purchase.messaging_service_sid is not None:
        service = services.twilio.messaging.v1.services(purchase.messaging_service_sid)
        try:
            await service.phone_numbers(purchase.phone_number_sid).fetch_async()
        except TwilioError as error:
            if error.status != 404:
                raise
            await services.store.work(purchase, attached_at=None)
            return Wait(say(N_("The number is not in its messaging service any more.")), now())
    has = capabilities(number.capabilities)
    await services.store.work(
        purchase,
        bump=False,
        number={**purchase.number, "capabilities": has},
        unchecked=_unchecked(purchase, has),
    )
    return now()


def _unchecked(purchase: Purchase, has: list[str]) -> list[str]:
    if "sms" not in has and "mms" not in has:
        return []
    special = []
    if purchase.country == "US" and purchase.number_type == "local":
        special = ["us_campaign"]
    elif purchase.country in ("US", "CA") and purchase.number_type == "toll-free":
        special = ["toll_free_verification"]
    return [*special, "geo_permission", "test_message"]


def _in(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds)


STEPS = (
    Step(
        "bundle_approved_at",
        N_("Bundle approved"),
        None,
        await_bundle,
        only_if=regulated,
    ),
    Step("phone_number_sid", N_("Bought"), N_("{number} is bought for {price} a month."), buy_number),
    Step("messaging_service_sid", N_("Messaging service"), None, find_or_make_service, only_if=can_text),
    Step(
        "attached_at",
        N_("Attached to the service"),
        N_("{number} is in the messaging service “{service}” now."),
        attach_number,
        only_if=can_text,
    ),
    Step("checked_at", N_("Checked"), None, check_readiness),
)


def steps_of(purchase: Purchase) -> list[Step]:
    return [step for step in STEPS if step.only_if(purchase)]
