"""What people do with a purchase, one verb each: submit, withdraw, retry, end ... Each is one conditional UPDATE. Decisions about it
stand in ``deciding``."""

import contextlib
import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn, ParamSpec

from bot import announcements as news
from bot import logs
from bot.core import App
from bot.errors import (
    AlreadyDecided,
    BotError,
    BundleDoesNotFit,
    FormErrors,
    NotPossibleNow,
    NumberTaken,
    OldQuote,
    SecondOnTrial,
)
from bot.purchases import standing
from bot.purchases.policy import Verb
from bot.purchases.possible import possible
from bot.texts import N_, Said, moment, money, person, phone, say
from bot.twilio.numbers import Available, from_kept, owned
from storage.changes import Lost
from storage.history import Happened
from storage.models import MOVES, Bundle, Draft, Purchase, State, now
from storage.models import Service as Kind
from storage.outbox import Owed
from storage.purchases import NumberHeld

P = ParamSpec("P")
TRIES = 5


def of_the_newest(
    operation: Callable[P, Coroutine[Any, Any, Purchase]],
) -> Callable[P, Coroutine[Any, Any, Purchase]]:
    """An operation that reads, checks, and changes what it has read. Where something else has changed it in that moment (the worker has
    looked at it, somebody has pressed something) it is looked at anew: what is still possible is done, and else the check says why not."""

    @functools.wraps(operation)
    async def done(*args: P.args, **kwargs: P.kwargs) -> Purchase:
        for _ in range(TRIES):
            try:
                return await operation(*args, **kwargs)
            except Lost:
                continue
        raise NotPossibleNow()

    return done


# sending


async def submit(
    draft: Draft, app: App, quote: dict[str, Any], purpose: str, details: dict[str, Any] | None = None
) -> Purchase:
    """The draft before the approvers, as a purchase with its first quote (``bot/purchases/draft.py``). details: for the record.

    Raises NumberHeld, SecondOnTrial, NobodyCouldApprove, OverLimit, CannotCheck, and NotPossibleNow when it was sent before.
    """
    if app.market.is_trial and app.market.owns_numbers:
        raise SecondOnTrial()
    settings = app.settings
    number = phone(quote["phone_number"])
    asked = say(
        N_("{requester} asks for {number}: {purpose}"),
        requester=person(draft.requester_id),
        number=number,
        purpose=purpose,
    )
    stands = await standing.before(draft, quote, app)
    _, told = stands.calls(app)
    text = N_("Your request for {number} has been sent for approval to {approvers}.")
    if not stands.case.stages:
        text = N_("Your request for {number} needs nobody's approval by the policy, and goes on at once.")
    sent = {**say(text, number=number, approvers=stands.named(app)), "offer": "withdraw"}
    to_approvers = [Owed("direct", each, asked, after_card=True) for each in told]
    happened = Happened(
        "submitted",
        draft.requester_id,
        details or {},
        owed=(
            news.thread(settings, asked),
            Owed("direct", draft.requester_id, sent, after_card=True, answer_url=draft.answer_url),
            *to_approvers,
        ),
    )
    try:
        purchase = await app.store.submit(
            draft, quote, purpose, settings.approvals_channel, happened, **stands.as_sent
        )
    except Lost as lost:
        raise NotPossibleNow() from lost
    logs.now_about(purchase=purchase.id)
    return purchase


# taking back, ending


async def check_withdrawable(purchase_id: str, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could withdraw it now. Raises as ``withdraw`` does."""
    purchase = await existing(purchase_id, app)
    await app.policy.check(Verb.WITHDRAW, person_id, purchase, app.people)
    if State.WITHDRAWN not in MOVES.get(purchase.state, ()) or not purchase.is_unbought:
        _too_late(purchase)
    return purchase


async def withdraw(purchase_id: str, person_id: str, app: App, reason: str | None = None) -> Purchase:
    """Raises NotYours, and NotPossibleNow once the number is being bought. reason: for a request of somebody else's."""
    purchase = await existing(purchase_id, app)
    await app.policy.check(Verb.WITHDRAW, person_id, purchase, app.people)
    text = N_("{person} has withdrawn the request for {number}.")
    if reason:
        text = N_("{person} has withdrawn the request for {number}: {reason}")
    said = say(text, person=person(person_id), number=phone(purchase.phone_number), reason=reason or "")
    details = {"reason": reason} if reason else {}
    happened = Happened("withdrawn", person_id, details, owed=told(app, purchase, person_id, said))
    try:
        purchase = await app.store.withdraw(purchase_id, happened, reason)
    except Lost as lost:
        _too_late(lost.purchase)
    return purchase


def _too_late(row: Purchase | None) -> NoReturn:
    if row is not None and row.state == State.IN_PROGRESS:
        raise BotError(N_("Too late: the number is being bought right now."))
    raise NotPossibleNow()


async def check_endable(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could end it now. Raises as ``end`` does."""
    return await check_possible(Verb.END, "end", purchase_id, quote_no, person_id, app)


@of_the_newest
async def end(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """One that has stopped, given up. A number that is bought stays owned and goes on costing money, and that is said."""
    purchase = await check_endable(purchase_id, quote_no, person_id, app)
    number, by = phone(purchase.phone_number), person(person_id)
    if purchase.phone_number_sid is not None:
        price = money(purchase.monthly_price, purchase.quote.currency)
        said = say(
            N_(
                "{person} has ended the request. {number} is bought and stays in the Twilio account: it goes on costing {price} a month until it is released there."
            ),
            person=by,
            number=number,
            price=price,
        )
    elif purchase.buying_at is not None:
        said = say(
            N_(
                "{person} has ended the request. It is not known who bought {number}: it is in the Twilio account and costs money until it is released there."
            ),
            person=by,
            number=number,
        )
    else:
        said = say(
            N_("{person} has ended the request for {number}. Nothing was bought."), person=by, number=number
        )
    happened = Happened("ended", person_id, owed=told(app, purchase, person_id, said))
    purchase = await app.store.move(
        purchase, State.ENDED, happened, waiting=None, problem=said, alternatives=[]
    )
    return purchase


async def replaced(purchase_id: str, person_id: str, number: str | None, app: App) -> None:
    """One that has stopped without a number, ended because another number was asked for in its place. What has gone on meanwhile is left."""
    purchase = await app.store.purchase(purchase_id)
    if purchase is None or "search" not in possible(purchase, None):
        return
    said = say(N_("{person} asks for {number} instead."), person=person(person_id), number=phone(number))
    happened = Happened("replaced", person_id, {"by": number}, told(app, purchase, person_id, said))
    with contextlib.suppress(Lost):
        await app.store.move(purchase, State.ENDED, happened, waiting=None, problem=said, alternatives=[])


# going on


@of_the_newest
async def retry(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase in the worker's hands again, at the step where it stopped; one that waits for the balance looks now."""
    purchase = await check_possible(Verb.RETRY, "retry", purchase_id, quote_no, person_id, app)
    happened = _go_on(app, "retried", person_id, N_("{person} is retrying."))
    if purchase.state == State.IN_PROGRESS:
        return await _amended(purchase, happened, app)
    again = {"attached_at": None} if (purchase.problem or {}).get("kind") == "NotInService" else {}
    return await _resumed(purchase, happened, app, **again)


@of_the_newest
async def buy_anyway(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The number bought though the balance looks too low: for an approver to say (rule 30, 41)."""
    purchase = await check_possible(Verb.BUY_ANYWAY, "buy_anyway", purchase_id, quote_no, person_id, app)
    happened = _go_on(app, "despite_balance", person_id, N_("{person} is buying it despite the balance."))
    return await _amended(purchase, happened, app, despite_balance_by=person_id)


@of_the_newest
async def take_alternative(
    purchase_id: str, quote_no: int, phone_number: str, person_id: str, app: App
) -> Purchase:
    """One of the numbers that the card offers, in place of the lost one: another number is another quote (rule 5)."""
    purchase = await check_possible(Verb.PICK_NUMBER, "alternative", purchase_id, quote_no, person_id, app)
    chosen = next(
        (each for each in from_kept(purchase.alternatives) if each.phone_number == phone_number), None
    )
    offer = app.market.offer(purchase.quote.country, purchase.quote.number_type)
    if chosen is None or offer is None:
        raise NotPossibleNow()
    said = say(
        N_("{person} takes {number} instead of {lost}. It needs an approval of its own: {price} a month."),
        person=person(person_id),
        number=phone(phone_number),
        lost=phone(purchase.phone_number),
        price=money(offer.price, offer.currency),
    )
    changed = {
        **as_quoted(chosen),
        "price": offer.price,
        "currency": offer.currency,
        "ceiling": max(purchase.quote.ceiling, offer.price)
        if offer.currency == purchase.quote.currency
        else offer.price,
    }
    owed = await asked_again(app, purchase, said, changed)
    happened = Happened("alternative_taken", person_id, {"phone_number": phone_number}, owed)
    try:
        purchase = await app.store.quote_again(purchase, happened, changed, person_id, problem=None)
    except NumberHeld as held:
        raise NumberTaken(number=phone(phone_number)) from held
    return purchase


def as_quoted(number: Available) -> dict[str, Any]:
    """The columns of a quote that a number on sale fills."""
    return {
        "phone_number": number.phone_number,
        "capabilities": number.capabilities,
        "locality": number.locality or "",
        "region": number.region or "",
        "address_requirements": number.address_requirements,
    }


@of_the_newest
async def choose_service(
    purchase_id: str, quote_no: int, person_id: str, app: App, choice: dict[str, Any]
) -> Purchase:
    """Another messaging service, or none. choice: the quote's columns ``service, service_sid, service_name``.

    Before the number is bought that is another quote; afterwards a matter of the right to change it (rule 5).
    """
    purchase = await check_possible(
        Verb.CHOOSE_SERVICE, "choose_service", purchase_id, quote_no, person_id, app
    )
    if choice["service"] == Kind.NONE:
        text = N_("{person} has chosen no messaging service.")
    else:
        text = N_("{person} has chosen the messaging service “{service}”.")
    said = say(text, person=person(person_id), service=choice["service_name"])
    again = purchase.phone_number_sid is None
    owed = await asked_again(app, purchase, said, {}) if again else (news.thread(app.settings, said),)
    happened = Happened("service_chosen", person_id, {**choice}, owed=owed)
    if purchase.phone_number_sid is None:
        purchase = await app.store.quote_again(purchase, happened, choice, person_id, problem=None)
    else:
        purchase = await app.store.revise(
            purchase,
            happened,
            choice,
            person_id,
            **going_on(),
            messaging_service_sid=None,
            attached_at=None,
            checked_at=None,
        )
    return purchase


@of_the_newest
async def choose_address(
    purchase_id: str, quote_no: int, person_id: str, app: App, address_sid: str
) -> Purchase:
    """An address for a number that needs one. The first one, where the quote says "to be added", is within its approval."""
    purchase = await check_possible(
        Verb.CHOOSE_ADDRESS, "choose_address", purchase_id, quote_no, person_id, app
    )
    quote = purchase.quote
    said = say(N_("{person} has chosen an address for the number."), person=person(person_id))
    first = quote.needs_address and quote.address_sid is None
    again = not first and quote.address_sid != address_sid
    owed = await asked_again(app, purchase, said, {}) if again else (news.thread(app.settings, said),)
    happened = Happened("address_chosen", person_id, {"address_sid": address_sid}, owed)
    if first:
        purchase = await app.store.revise(
            purchase, happened, {"address_sid": address_sid}, person_id, **going_on()
        )
    elif quote.address_sid == address_sid:
        purchase = await app.store.move(purchase, State.IN_PROGRESS, happened, **going_on(False))
    else:
        needs = quote.address_requirements if quote.needs_address else "any"
        changed = {"address_sid": address_sid, "address_requirements": needs}
        purchase = await app.store.quote_again(purchase, happened, changed, person_id, problem=None)
    return purchase


@of_the_newest
async def take_over(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The number in the account that nobody could place, taken as this purchase's: for an approver to say.

    Raises NotPossibleNow when the account does not own it (any more), TwilioError.
    """
    purchase = await check_possible(Verb.TAKE_OVER, "take_over", purchase_id, quote_no, person_id, app)
    found = await owned(app.twilio, purchase.phone_number)
    if found is None:
        raise NotPossibleNow()
    said = say(
        N_("{person} says that {number} is this request's."),
        person=person(person_id),
        number=phone(purchase.phone_number),
    )
    happened = Happened(
        "taken_over", person_id, {"phone_number_sid": found.sid}, (news.thread(app.settings, said),)
    )
    return await _resumed(purchase, happened, app, phone_number_sid=str(found.sid), bought_at=now(), looks=0)


# the bundle


async def check_can_add(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could give it a bundle now. Raises MayNotAddBundle, NotPossibleNow."""
    purchase = await existing(purchase_id, app)
    await app.policy.check(Verb.ADD_BUNDLE, person_id, purchase, app.people)
    waiting = (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES)
    if purchase.state not in waiting or not purchase.is_unbought or purchase.quote_no != quote_no:
        raise NotPossibleNow()
    return purchase


@of_the_newest
async def give_bundle(purchase_id: str, quote_no: int, person_id: str, app: App, bundle: Bundle) -> Purchase:
    """A bundle for a purchase that waits for one, also by others than who asked.

    The first one, where the quote says "to be added", is within its approval; in place of another one, or where none
    was thought to be needed, it is a new quote (rules 5, 24). Raises BundleDoesNotFit.
    """
    purchase = await check_can_add(purchase_id, quote_no, person_id, app)
    quote = purchase.quote
    if (bundle.country, bundle.number_type) != (quote.country, quote.number_type) or (
        quote.regulated and bundle.end_user_type != quote.end_user_type
    ):
        raise BundleDoesNotFit()
    said = say(
        N_("{person} has added the bundle “{bundle}”."), person=person(person_id), bundle=bundle.friendly_name
    )
    first = quote.regulated and quote.bundle_id is None
    again = not first and quote.bundle_id != bundle.id
    owed = await asked_again(app, purchase, said, {}) if again else (news.thread(app.settings, said),)
    happened = Happened("bundle_given", person_id, {"bundle_sid": bundle.sid}, owed)
    in_hand = purchase.state != State.AWAITING_APPROVAL
    on = going_on() if in_hand else {}
    if first:
        purchase = await app.store.revise(
            purchase,
            happened,
            {"bundle_id": bundle.id},
            person_id,
            **{"bundle_approved_at": None, "waiting": None, **on},
        )
    elif quote.bundle_id == bundle.id:
        if purchase.state == State.NEEDS_CHANGES:
            purchase = await app.store.move(purchase, State.IN_PROGRESS, happened, **going_on(False))
    else:
        changed = {"regulated": True, "end_user_type": bundle.end_user_type, "bundle_id": bundle.id}
        purchase = await app.store.quote_again(purchase, happened, changed, person_id, problem=None)
    return purchase


# what they share


async def asked_again(
    app: App, purchase: Purchase, said: Said, changed: Mapping[str, Any] | None = None
) -> tuple[Owed, ...]:
    """To those who have to decide about another quote than the one they know. changed: its columns; none: it is the same quote."""
    if changed is None:
        stands = await standing.of(purchase, app, people=app.people.as_known)
    else:
        stands = await standing.asked_anew(purchase, app, changed)
    calls, told = stands.calls(app)
    return news.called_back(app.settings, said, calls, told)


async def existing(purchase_id: str, app: App) -> Purchase:
    """Raises NotPossibleNow."""
    purchase = await app.store.purchase(purchase_id)
    if purchase is None:
        raise NotPossibleNow()
    return purchase


async def note(
    purchase_id: str,
    app: App,
    happened: Happened | None = None,
    still: Callable[[Purchase], bool] = lambda _: True,
    **values: Any,
) -> None:
    """What is true by now is kept, whatever else has changed of the purchase since it was read; nothing where it is not so ``still``."""
    while still(purchase := await existing(purchase_id, app)):
        try:
            await app.store.amend(purchase, happened, **values)
            return
        except Lost:
            continue  # the worker has looked at it, or somebody has pressed something


async def check_hand_over(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could name another owner of its number now. Raises as ``check_possible`` does."""
    return await check_possible(Verb.HAND_OVER, "hand_over", purchase_id, quote_no, person_id, app)


@of_the_newest
async def hand_over(purchase_id: str, quote_no: int, person_id: str, owner_id: str, app: App) -> Purchase:
    """Another person answers for the number, and hears of it: they, who did until now, and who asked for it.

    Raises as ``check_hand_over`` does, CannotCheck, and FormErrors where they cannot be its owner.
    """
    purchase = await check_hand_over(purchase_id, quote_no, person_id, app)
    if owner_id == purchase.owner_id:
        raise FormErrors({"owner": say(N_("They answer for it already. Choose somebody else."))})
    if not app.policy.names(owner_id) and (why := await app.people.barred(owner_id)):
        raise FormErrors({"owner": why})
    said = say(
        N_("{person} has handed {number} over to {owner}, who answers for it from now on."),
        person=person(person_id),
        number=phone(purchase.phone_number),
        owner=person(owner_id),
    )
    concerned = {owner_id, purchase.owner_id, purchase.requester_id} - {person_id}
    owed = (news.thread(app.settings, said), *(news.to(each, said) for each in sorted(concerned)))
    happened = Happened("handed_over", person_id, {"owner": owner_id, "from": purchase.owner_id}, owed)
    return await app.store.amend(purchase, happened, owner_id=owner_id)


async def check_possible(
    verb: Verb, way: str, purchase_id: str, quote_no: int, person_id: str, app: App
) -> Purchase:
    """The purchase, if this person could do this with this quote of it now.

    way: as ``possible`` has it, so that what a card offers and what is done are the same by construction. Raises as the policy
    does (``Policy.check``), NotPossibleNow, OldQuote.
    """
    purchase = await existing(purchase_id, app)
    await app.policy.check(verb, person_id, purchase, app.people)
    if way not in possible(purchase, None):
        raise NotPossibleNow()
    if purchase.quote_no != quote_no:
        raise OldQuote()
    return purchase


def _go_on(app: App, what: str, person_id: str, text: str) -> Happened:
    said = say(text, person=person(person_id))
    return Happened(what, person_id, owed=(news.thread(app.settings, said),))


def going_on(with_state: bool = True) -> dict[str, Any]:
    """The columns of a purchase that is in the worker's hands again."""
    values: dict[str, Any] = {"problem": None, "waiting": None, "alternatives": [], "tries": 0}
    return {"state": State.IN_PROGRESS, **values} if with_state else values


async def _resumed(purchase: Purchase, happened: Happened, app: App, **values: Any) -> Purchase:
    purchase = await app.store.move(purchase, State.IN_PROGRESS, happened, **going_on(False), **values)
    return purchase


async def _amended(purchase: Purchase, happened: Happened, app: App, **values: Any) -> Purchase:
    purchase = await app.store.amend(purchase, happened, wake_at=now(), waiting=None, tries=0, **values)
    return purchase


def told(app: App, purchase: Purchase, by: str, said: Said) -> tuple[Owed, ...]:
    if by == purchase.owner_id:
        return (news.thread(app.settings, said),)
    return news.both(app.settings, purchase, said)


def explain_loss(lost: Lost, quote_no: int) -> NoReturn:
    """Who was quicker, and when."""
    row = lost.purchase
    if row is None:
        raise NotPossibleNow() from lost
    if row.state == State.AWAITING_APPROVAL and row.quote_no != quote_no:
        raise OldQuote() from lost
    if row.state == State.WITHDRAWN:
        raise AlreadyDecided(
            N_("{requester} has withdrawn this request."), requester=person(row.requester_id)
        ) from lost
    if row.decided_by is not None and row.decided_at is not None:
        text = (
            N_("{person} has denied this already, {moment}.")
            if row.state == State.DENIED
            else N_("{person} has approved this already, {moment}.")
        )
        raise AlreadyDecided(text, person=person(row.decided_by), moment=moment(row.decided_at)) from lost
    raise NotPossibleNow() from lost
