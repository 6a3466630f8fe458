"""What is done once a purchase is approved, in order. Each step looks before it makes, so it may run again after any crash."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot import readiness
from bot.bundles import announcements
from bot.bundles import operations as bundles
from bot.bundles.possible import usable
from bot.core import App
from bot.errors import (
    AccountRefused,
    AddressDoesNotFit,
    AddressNeeded,
    BotError,
    BundleRefused,
    CannotCheck,
    CannotJoinService,
    InAnotherService,
    NeedsAPerson,
    NotBoughtYet,
    NotInService,
    NumberOwned,
    NumberTaken,
    QuoteChanged,
    ServiceExists,
    ServiceFull,
    ServiceGone,
    SeveralServices,
    TrialLimit,
    TwilioRefused,
)
from bot.purchases.deciding import check_approved
from bot.refusals import Kind, of_twilio
from bot.texts import N_, Said, moment, money, phone, say
from bot.twilio import account
from bot.twilio.catalogue import Offer
from bot.twilio.catalogue import Service as Known
from bot.twilio.client import TwilioError
from bot.twilio.numbers import owned
from storage.bundle_states import BundleState
from storage.claims import CLAIM
from storage.history import Happened
from storage.models import Bundle, MessagingService, Purchase, Quote, Service, now

log = logging.getLogger(__name__)

LOOKS = tuple(timedelta(seconds=seconds) for seconds in (5, 20, 60, 130))
"""After an intent whose answer was lost: when Twilio is asked whether the number is ours (rule 2)."""
BUYING_ROUNDS = 3
LAG = timedelta(minutes=2)
"""So long Twilio may not show what was written: a 404 means "look again" (rule 32)."""
LAGGING_LOOKS = 8
"""So many of the growing waits last as long: they count where the clock has stepped back and tells nothing."""
SILENT_TRIES = 3
"""A wait is said on the card once it has lasted about a minute (rule 34)."""


@dataclass(frozen=True)
class Wait:
    """Not now: why, in a sentence, and when to look again (None: within the hour, unless somebody acts).

    tries: how often the step was tried in vain by now; None: as often as before.
    tell: also in the thread and to who asked, unless the purchase waits for a thing of this kind already.
    """

    why: Said | None
    until: datetime | None
    tries: int | None = None
    tell: bool = False


@dataclass(frozen=True)
class Done:
    """The columns that the step fills, and what the record says of it."""

    values: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One column of the purchase and how it is filled.

    ``waiting`` says in the present what is under way as long as it is not done, ``done`` what is so
    afterwards, ``ahead`` names the step until then; ``told`` goes to the thread.
    """

    column: str
    event: str
    waiting: str
    done: str
    ahead: str
    told: str | None
    do: Callable[[Purchase, App], Awaitable[Done | Wait]]
    only_if: Callable[[Purchase], bool] = lambda purchase: True


def lagging(purchase: Purchase, *written: datetime | None) -> Wait | None:
    """A wait that grows, while one of these moments lies so near that Twilio may not show what was written then."""
    if not any(_lately(at, purchase.tries) for at in written):
        return None
    why = say(N_("Twilio does not show it yet. Looking again.")) if purchase.tries > SILENT_TRIES else None
    return Wait(why, _in(min(2**purchase.tries, 30)), purchase.tries + 1)


async def side_by_side(*questions: Awaitable[Any]) -> list[Any]:
    """The answers of reads that need not wait for each other; raises the first that failed once all have ended."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


# an approved bundle


def regulated(purchase: Purchase) -> bool:
    return purchase.is_regulated


async def await_bundle(purchase: Purchase, app: App) -> Done | Wait:
    """When the quoted bundle was approved. The watch keeps our row of it current, and wakes us."""
    bundle = await _bundle(purchase, app)
    if bundle is not None and usable(bundle):
        return Done({"bundle_approved_at": bundle.updated_at or now()})
    tell = purchase.waiting is None and not await _told_of(purchase, bundle, app)
    return Wait(announcements.why_waiting(bundle), None, tell=tell)


async def _told_of(purchase: Purchase, bundle: Bundle | None, app: App) -> bool:
    """Whether this status of the bundle was told when it came about (``bot/bundles/operations.py``). That an approved one
    has lapsed is no change of its status."""
    if bundle is None or bundle.status == BundleState.APPROVED:
        return False
    changes = [
        each.details["status"]
        for each in await app.store.record_of(purchase.id)
        if each.what == "bundle_status" and each.bundle_id == bundle.id
    ]
    return changes[-1:] == [bundle.status]


async def _bundle(purchase: Purchase, app: App) -> Bundle | None:
    bundle_id = purchase.quote.bundle_id
    return await app.store.bundle(bundle_id) if bundle_id else None


# the number


async def buy_number(purchase: Purchase, app: App) -> Done | Wait:
    """The SID (``PN...``) of the number, bought at most once. Rules 1 to 6.

    Raises NumberTaken, NumberOwned, QuoteChanged, ApprovalsVoid, AddressNeeded and what is wrong with the service
    before any money is spent, what Twilio refused once it is sure that nothing was bought, and NeedsAPerson when it is
    unclear whose the number is.
    """
    if purchase.buying_at is not None:  # an earlier try was cut off: Twilio alone knows how it ended
        return await settle_intent(purchase, app)
    terms = await check_conditions(purchase, app)
    if isinstance(terms, Done | Wait):
        return terms
    purchase = await app.store.intend_to_buy(purchase, terms.price, terms.on_record(purchase))
    try:
        bought = await app.twilio.incoming_phone_numbers.create_async(
            phone_number=purchase.phone_number,
            friendly_name=purchase.twilio_name,
            **terms.parameters(),
        )
    except TwilioError as error:
        return await settle_intent(purchase, app, None if error.doubtful else error)
    return _bought(purchase, str(bought.sid))


def _bought(purchase: Purchase, sid: str) -> Done:
    quote = purchase.quote
    details = {
        "phone_number": purchase.phone_number,
        "phone_number_sid": sid,
        "price": str(purchase.monthly_price),
        "currency": quote.currency,
        "revision": purchase.revision,
    }
    return Done({"phone_number_sid": sid, "bought_at": now(), "looks": 0}, details)


async def settle_intent(purchase: Purchase, app: App, refused: TwilioError | None = None) -> Done | Wait:
    """How the open intent ended. Nothing else is checked or bought meanwhile. Rule 2.

    refused: the answer to the call, where that says for sure that nothing was bought; one look is then enough.
    """
    assert purchase.buying_at is not None
    found = await owned(app.twilio, purchase.phone_number)
    if found is not None and purchase.is_named(found.friendly_name):
        return _bought(purchase, str(found.sid))
    if found is not None:
        raise NeedsAPerson(
            number=phone(purchase.phone_number),
            created=moment(found.date_created),
            began=moment(purchase.buying_at),
            mark=purchase.twilio_name,
        )
    began = min(purchase.buying_at, now())
    if began < purchase.buying_at:  # the clock has stepped back since: Twilio's time to show it runs anew
        purchase = await app.store.save_step(purchase, bump=False, buying_at=began)
    again = next((began + each for each in LOOKS if began + each > now()), None)
    if refused is None and again is not None:
        await app.store.save_step(purchase, bump=False, looks=purchase.looks + 1)
        return Wait(say(N_("Twilio's answer was lost. Looking whether the number was bought.")), again)
    tries = purchase.tries + (refused is None)  # how often an intent of this purchase has come to nothing
    await app.store.save_step(
        purchase, Happened("not_bought"), bump=False, buying_at=None, looks=0, charged=None, tries=tries
    )
    if refused is not None:
        raise why_refused(refused, purchase) if refused.definite else refused
    if tries >= BUYING_ROUNDS:
        raise NotBoughtYet(number=phone(purchase.phone_number), count=tries)
    return Wait(say(N_("The number was not bought. Trying again.")), _in(tries), tries)


@dataclass(frozen=True)
class Terms:
    """What is bought, as it was read directly before: inside the quote."""

    price: Decimal
    bundle_sid: str | None
    address_sid: str | None

    def parameters(self) -> dict[str, str]:
        given = {"bundle_sid": self.bundle_sid, "address_sid": self.address_sid}
        return {name: sid for name, sid in given.items() if sid}

    def on_record(self, purchase: Purchase) -> dict[str, Any]:
        quote = purchase.quote
        return {"phone_number": quote.phone_number, "currency": quote.currency, **self.parameters()}


async def check_conditions(purchase: Purchase, app: App) -> Terms | Done | Wait:
    """Bundle, price, balance, service and address, all read now and side by side, and then the approvals: rules 3 and 8."""
    quote = purchase.quote
    wanted = quote.service if purchase.wants_service else Service.NONE
    earlier, bundle, offer, balance, services_now = await side_by_side(
        owned(app.twilio, quote.phone_number),
        _bundle_now(purchase, app),
        app.market.fresh_offer(quote.country, quote.number_type),
        account.balance(app.twilio, purchase.account_sid),
        _services_now(purchase, app, fresh=True) if wanted != Service.NONE else _nothing(),
    )
    if earlier is not None:
        if purchase.is_named(earlier.friendly_name):
            return _bought(purchase, str(earlier.sid))
        raise NumberOwned(number=phone(quote.phone_number))
    try:  # only now: Twilio may have taken its time, in which somebody has lost the right
        await check_approved(purchase, app)
    except CannotCheck as error:
        return Wait(error.said, _in(30))
    if quote.regulated and (bundle is None or not usable(bundle)):
        await app.store.save_step(purchase, bundle_approved_at=None, waiting=None)
        return Wait(None, now())  # the step that waits for it says why
    _check_price(quote, offer)
    if services_now is not None:
        service_for(purchase, *services_now)
    too_low = await _too_low(purchase, app, balance, offer)
    if too_low is not None:
        return too_low
    in_bundle = bundle.address_sids if bundle is not None else None
    address_sid = quote.address_sid
    if in_bundle and address_sid not in in_bundle:
        address_sid = in_bundle[0]  # a bundle's number takes one of its own addresses (21651)
    if address_sid is None and quote.needs_address:
        raise AddressNeeded()
    return Terms(offer.price, bundle.sid if bundle else None, address_sid)


async def _nothing() -> None:
    return None


async def _bundle_now(purchase: Purchase, app: App) -> Bundle | None:
    known = await _bundle(purchase, app) if purchase.is_regulated else None
    return await bundles.read(app, known) if known is not None else None


def _check_price(quote: Quote, offer: Offer) -> None:
    """Raises QuoteChanged. The ceiling is for substitutes only: the number itself may cost what was approved (rule 5)."""
    most = quote.ceiling if quote.instead_of else quote.price
    if offer.currency == quote.currency and offer.price <= most:
        return
    changed = {"price": offer.price, "currency": offer.currency, "ceiling": offer.price}
    if offer.currency == quote.currency:
        changed["ceiling"] = max(quote.ceiling, offer.price)
    raise QuoteChanged(
        N_("{number} now costs {price} a month; {approved} was approved. Please approve it again."),
        changed,
        number=phone(quote.phone_number),
        price=money(offer.price, offer.currency),
        approved=money(most, quote.currency),
    )


async def _too_low(purchase: Purchase, app: App, balance: account.Money | None, offer: Offer) -> Wait | None:
    """A balance that is negative, or in another currency, says nothing (rule 30)."""
    if (
        balance is None
        or balance[0] < 0
        or purchase.despite_balance_by is not None
        or balance[1] != offer.currency.upper()
    ):
        return None
    amount, currency = balance
    left = amount - await app.store.open_intents(purchase.account_sid, purchase.id)
    if left >= offer.price:
        return None
    why = say(
        N_(
            "The Twilio balance of {balance} does not cover the first month ({price}) beside what is being bought already. It is bought as soon as the balance suffices."
        ),
        balance=money(amount, currency),
        price=money(offer.price, currency),
    )
    tries = purchase.tries + 1
    return Wait({**why, "kind": "BalanceTooLow"}, _in(min(5 * 2**tries, 60)), tries, tell=True)


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
    if of_twilio(error).kind is Kind.OF_INSTALLATION:
        return AccountRefused(code=error.code or error.status)
    return TwilioRefused(
        message=error.message, code=error.code or error.status or "–", more_info=error.more_info or ""
    )


# the messaging service


def wants_service(purchase: Purchase) -> bool:
    return purchase.wants_service


def service_for(purchase: Purchase, known: Sequence[Known], made: MessagingService | None) -> str | None:
    """The SID of the quoted service by its exact name (rule 9); None: it is still to be made.

    made: our own row of it; what is claimed there was made, or begun, by us. Raises ServiceGone, SeveralServices, and ServiceExists when somebody else has made
    one of the name of a new one.
    """
    quote = purchase.quote
    name = quote.service_name
    same = [each.sid for each in known if each.name == name]
    if quote.service == Service.EXISTING:
        if quote.service_sid in same or (not name and quote.service_sid in {each.sid for each in known}):
            return quote.service_sid
        if not same:
            if made is not None and _is_late(made, known):
                return made.sid
            raise ServiceGone(name=name or quote.service_sid)
    elif made is not None and made.sid is not None and (made.sid in same or _is_late(made, known)):
        return made.sid
    elif not same:
        return None
    if len(same) > 1:
        raise SeveralServices(name=name)
    if quote.service == Service.NEW:
        by = made.claimed_by if made is not None else None
        if by is None:
            raise ServiceExists(name=name)
        if by != purchase.id and made is not None and made.claimed_until and made.claimed_until > now():
            return None  # another purchase of ours is making it right now
    return same[0]


def _is_late(made: MessagingService, known: Sequence[Known]) -> bool:
    """It was made just now and the list does not show it yet. One that is there under another name was renamed."""
    return _lately(made.made_at) and made.sid not in {each.sid for each in known}


async def _services_now(
    purchase: Purchase, app: App, *, fresh: bool
) -> tuple[Sequence[Known], MessagingService | None]:
    """Twilio's list, and our row of the service, read after the list: what another purchase of ours makes meanwhile is in the row
    before it is in the list. fresh: else it may have been read directly before."""
    known = await (app.market.fresh_services() if fresh else app.market.recent_services())
    quote = purchase.quote
    if quote.service == Service.NEW:
        return known, await _made_here(purchase, app)
    return known, await app.store.service_made_here(purchase.account_sid, quote.service_sid or "")


async def _made_here(purchase: Purchase, app: App) -> MessagingService:
    return await app.store.service_named(
        purchase.workspace_id, purchase.account_sid, purchase.quote.service_name
    )


async def ensure_service(purchase: Purchase, app: App) -> Done | Wait:
    """The SID (``MG...``) of the quoted service, made when it is a new one. Raises as ``service_for`` does."""
    name = purchase.quote.service_name
    if purchase.quote.service == Service.EXISTING:
        return _in_service(service_for(purchase, *await _services_now(purchase, app, fresh=False)), name)
    row = await _made_here(purchase, app)
    cut_off = row.claimed_by == purchase.id  # we began to make it once: the list that is kept may be older
    known, made = await _services_now(purchase, app, fresh=cut_off)
    assert made is not None
    row = made
    sid = service_for(purchase, known, row)
    if sid is None:
        if row.claimed_by is not None:
            wait = await _begun_already(row, purchase, app)
            if wait is not None:
                return wait
        if not await app.store.claim_service(row, purchase.id):
            return _made_by_another(name)
        try:
            created = await app.twilio.messaging.v1.services.create_async(friendly_name=name)
        except TwilioError as error:
            if not error.doubtful:
                await app.store.service_made(row, None)
                raise
            return _looking_for_service(purchase)
        sid = str(created.sid)
        await app.market.service_made(sid, name)
    if row.sid != sid:
        await app.store.service_made(row, sid)
    return _in_service(sid, name)


async def _begun_already(row: MessagingService, purchase: Purchase, app: App) -> Wait | None:
    """Its making was begun, and how that ended is not known: it is looked for as long as Twilio may show it late (rule 32), for two of one
    name need a person. What another purchase began, or this one before the clock stepped back, is looked for from now on."""
    assert row.claimed_until is not None
    began = row.claimed_until - CLAIM
    if row.claimed_by != purchase.id or began > now():
        taken_over = await app.store.claim_service(row, purchase.id)
        return _looking_for_service(purchase) if taken_over else _made_by_another(row.name)
    return _looking_for_service(purchase) if now() - began < LAG else None


def _looking_for_service(purchase: Purchase) -> Wait:
    why = say(N_("Twilio's answer was lost. Looking for the messaging service."))
    return Wait(why, _in(min(2**purchase.tries, 30)), purchase.tries + 1)


def _made_by_another(name: str) -> Wait:
    why = say(N_("Another request is creating the messaging service “{name}”."), name=name)
    return Wait(why, _in(2))


def _in_service(sid: str | None, name: str) -> Done:
    return Done({"messaging_service_sid": sid}, {"messaging_service_sid": sid, "name": name})


async def attach_number(purchase: Purchase, app: App) -> Done | Wait:
    """When the number was found or put into its service. Raises InAnotherService, ServiceGone, ServiceFull, CannotJoinService."""
    assert purchase.messaging_service_sid and purchase.phone_number_sid
    services = app.twilio.messaging.v1.services
    if purchase.leaves_service_sid is not None:
        await _leave(services(purchase.leaves_service_sid), purchase.phone_number_sid)
    service = services(purchase.messaging_service_sid)
    try:
        await service.phone_numbers.create_async(phone_number_sid=purchase.phone_number_sid)
    except TwilioError as error:
        match error.code:
            case 21710:  # in this service already
                pass
            case 21712:
                raise InAnotherService(service=await _service_of(purchase, app)) from error
            case 21714:
                raise ServiceFull() from error
            case 21715:
                raise CannotJoinService(message=error.message) from error
            case _ if error.code in (21421, 21701) or error.status == 404:
                sid = purchase.messaging_service_sid
                made = await app.store.service_made_here(purchase.account_sid, sid)
                wait = lagging(purchase, purchase.bought_at, made.made_at if made else None)
                if wait is not None:
                    return wait
                if made is not None:
                    await app.store.service_made(made, None)
                raise ServiceGone(name=purchase.quote.service_name) from error
            case _:
                raise
    return Done({"attached_at": now(), "leaves_service_sid": None})


async def _leave(service: Any, phone_number_sid: str) -> None:
    """A number can be in one service only. That it is not there (any more) is as good. Raises TwilioError."""
    try:
        await service.phone_numbers(phone_number_sid).delete_async()
    except TwilioError as error:
        if error.status != 404:
            raise


async def _service_of(purchase: Purchase, app: App) -> str:
    """The name of the service that holds the number: no filter exists, so all are walked."""
    for service in await app.market.fresh_services():
        senders = app.twilio.messaging.v1.services(service.sid).phone_numbers
        if any(each.sid == purchase.phone_number_sid for each in await senders.list_async(page_size=400)):
            return service.name
    return "?"


# is it ready?


async def check_readiness(purchase: Purchase, app: App) -> Done | Wait:
    """What was found of the number, asked side by side (``bot/readiness.py``). Raises NotInService, TwilioError."""
    assert purchase.phone_number_sid is not None
    try:
        found = await readiness.look(readiness.subject_of(purchase), app)
    except TwilioError as error:
        wait = lagging(purchase, purchase.bought_at, purchase.attached_at) if error.status == 404 else None
        if wait is None:
            raise
        return wait
    if any(each.check == "member" and each.verdict is readiness.Verdict.MISSING for each in found):
        wait = lagging(purchase, purchase.bought_at, purchase.attached_at)
        if wait is not None:
            return wait
        raise NotInService()
    findings = [each.kept() for each in found]
    return Done(
        {"checked_at": now(), "findings": findings}, {each.check: str(each.verdict) for each in found}
    )


def _lately(at: datetime | None, looks: int = 0) -> bool:
    """looks: since then, which count where it lies ahead: the clock has stepped back (rule 36)."""
    if at is None:
        return False
    return now() - at < LAG if at <= now() else looks < LAGGING_LOOKS


def _in(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds)


STEPS = (
    Step(
        "bundle_approved_at",
        "bundle_approved",
        N_("waiting for the bundle"),
        N_("Bundle approved"),
        N_("Bundle"),
        None,
        await_bundle,
        only_if=regulated,
    ),
    Step(
        "phone_number_sid",
        "charge",
        N_("buying"),
        N_("Bought"),
        N_("Buy"),
        N_("{number} is bought for {price} a month."),
        buy_number,
    ),
    Step(
        "messaging_service_sid",
        "service_found",
        N_("bought, preparing its messaging service"),
        N_("Messaging service set up"),
        N_("Messaging service"),
        None,
        ensure_service,
        only_if=wants_service,
    ),
    Step(
        "attached_at",
        "attached",
        N_("bought, adding it to its messaging service"),
        N_("In its messaging service"),
        N_("Add to the service"),
        N_("{number} is in the messaging service “{service}” now."),
        attach_number,
        only_if=wants_service,
    ),
    Step(
        "checked_at", "checked", N_("bought, checking it"), N_("Checked"), N_("Check"), None, check_readiness
    ),
)


def steps_of(purchase: Purchase) -> list[Step]:
    return [step for step in STEPS if step.only_if(purchase)]


def step_of(purchase: Purchase) -> Step | None:
    """The one that is under way or next; None once all are done."""
    return next((step for step in steps_of(purchase) if getattr(purchase, step.column) is None), None)
