"""What people decide about a purchase: approve, deny, withdraw, another number, try again. Each is one conditional UPDATE."""

from decimal import Decimal
from typing import Any, NoReturn

from bot import announcements as news
from bot.core import Services
from bot.errors import AlreadyDecided, BotError, NotPossibleNow, NumberTaken, OldQuote
from bot.texts import N_, Said, moment, money, person, phone, say
from bot.twilio.numbers import from_kept
from storage.models import Bundle, Purchase, State, now
from storage.outbox import Owed
from storage.purchases import AlreadyApproved, Happened, Lost, NumberHeld


async def submit(draft: Purchase, services: Services, **values: Any) -> Purchase:
    """The draft, with what the last page says, before the approvers. Raises NumberHeld, and NotPossibleNow when it was sent before."""
    settings = services.settings
    asked = say(
        N_("{requester} asks for {number}: {purpose}"),
        requester=person(draft.requester_id),
        number=phone(draft.phone_number),
        purpose=draft.purpose or "",
    )
    sent = say(N_("Your request for {number} has been sent for approval."), number=phone(draft.phone_number))
    happened = Happened(
        "submitted",
        draft.requester_id,
        owed=(news.thread(settings, asked), news.direct(draft, sent)),
    )
    try:
        purchase = await services.store.submit(draft, settings.approvals_channel, happened, **values)
    except Lost as lost:
        raise NotPossibleNow() from lost
    services.worker.kick()
    return purchase


async def approve(purchase_id: str, quote: int, person_id: str, services: Services) -> Purchase:
    """The purchase with this approval. Raises MayNotApprove, OwnRequest, AlreadyDecided, OldQuote."""
    purchase = await _existing(purchase_id, services)
    await services.policy.check_approve(person_id, purchase, services.people)
    settings = services.settings
    needed = services.policy.approve.approvals
    counted = say(
        N_("{approver} approves. {needed} approvals are needed."), approver=person(person_id), needed=needed
    )
    decided = say(
        N_("{approver} has approved: {price} a month, up to {ceiling}."),
        approver=person(person_id),
        price=money(purchase.price or Decimal(0), purchase.currency or "USD"),
        ceiling=money(purchase.ceiling or Decimal(0), purchase.currency or "USD"),
    )
    try:
        purchase = await services.store.approve(
            purchase_id,
            quote,
            person_id,
            needed,
            Happened("approval_counted", person_id, owed=(news.thread(settings, counted),)),
            Happened("approved", person_id, owed=(news.thread(settings, decided),)),
        )
    except AlreadyApproved as error:
        raise AlreadyDecided(
            N_("You have approved this already. It waits for somebody else's approval.")
        ) from error
    except Lost as lost:
        _explain(lost, quote)
    services.worker.kick()
    return purchase


async def check_decidable(purchase_id: str, quote: int, person_id: str, services: Services) -> Purchase:
    """The purchase, if this person could decide about this quote of it now. Raises as ``approve`` does."""
    purchase = await _existing(purchase_id, services)
    await services.policy.check_approve(person_id, purchase, services.people)
    if purchase.state != State.AWAITING_APPROVAL or purchase.quote != quote:
        _explain(Lost(purchase), quote)
    return purchase


async def deny(purchase_id: str, quote: int, person_id: str, reason: str, services: Services) -> Purchase:
    purchase = await check_decidable(purchase_id, quote, person_id, services)
    said = say(
        N_("{approver} has denied {number}: {reason}"),
        approver=person(person_id),
        number=phone(purchase.phone_number),
        reason=reason,
    )
    happened = Happened(
        "denied",
        person_id,
        {"reason": reason},
        news.both(services.settings, purchase, said),
    )
    try:
        purchase = await services.store.deny(purchase_id, quote, person_id, reason, happened)
    except Lost as lost:
        _explain(lost, quote)
    services.worker.kick()
    return purchase


async def withdraw(purchase_id: str, person_id: str, services: Services) -> Purchase:
    """Raises NotYours, and NotPossibleNow once the number is being bought."""
    purchase = await _existing(purchase_id, services)
    if person_id != purchase.requester_id:
        await services.policy.check_change(person_id, purchase, services.people)
    said = say(
        N_("{person} has withdrawn the request for {number}."),
        person=person(person_id),
        number=phone(purchase.phone_number),
    )
    happened = Happened("withdrawn", person_id, owed=_told(services, purchase, person_id, said))
    try:
        purchase = await services.store.withdraw(purchase_id, happened)
    except Lost as lost:
        row = lost.purchase
        if row is not None and row.state == State.IN_PROGRESS:
            raise BotError(N_("Too late: the number is being bought right now.")) from lost
        raise NotPossibleNow() from lost
    services.worker.kick()
    return purchase


async def take_alternative(
    purchase_id: str, quote: int, phone_number: str, person_id: str, services: Services
) -> Purchase:
    """The purchase with one of the numbers that its card offers; before the approvers again when it costs more."""
    purchase = await _changeable(purchase_id, quote, person_id, State.NEEDS_CHANGES, services)
    chosen = next(
        (each for each in from_kept(purchase.alternatives) if each.phone_number == phone_number), None
    )
    offer = services.market.offer(purchase.country, purchase.number_type)
    if chosen is None or offer is None or purchase.ceiling is None:
        raise NotPossibleNow()
    said = say(N_("{person} takes {number} instead."), person=person(person_id), number=phone(phone_number))
    happened = Happened(
        "alternative_taken",
        person_id,
        {"phone_number": phone_number},
        (news.thread(services.settings, said),),
    )
    values: dict[str, Any] = {
        "phone_number": phone_number,
        "number": chosen.kept(),
        "problem": None,
        "alternatives": [],
        "tries": 0,
    }
    try:
        if offer.price > purchase.ceiling:
            purchase = await services.store.requote(
                purchase, happened, price=offer.price, ceiling=offer.price, currency=offer.currency, **values
            )
        else:
            purchase = await services.store.move(
                purchase, State.IN_PROGRESS, happened, wake_at=now(), **values
            )
    except Lost as lost:
        raise NotPossibleNow() from lost
    except NumberHeld as held:
        raise NumberTaken(number=phone(phone_number)) from held
    services.worker.kick()
    return purchase


async def retry(purchase_id: str, quote: int, person_id: str, services: Services) -> Purchase:
    """The purchase in the worker's hands again, at the step where it stopped."""
    purchase = await _existing(purchase_id, services)
    if purchase.state not in (State.NEEDS_CHANGES, State.FAILED):
        raise NotPossibleNow()
    return await _go_on(purchase, quote, person_id, services, "retried", N_("{person} has it tried again."))


async def choose_service(
    purchase_id: str, quote: int, person_id: str, services: Services, sid: str | None, name: str | None
) -> Purchase:
    """Another messaging service for a number that is bought but not in one."""
    purchase = await _changeable(purchase_id, quote, person_id, State.FAILED, services)
    return await _go_on(
        purchase,
        quote,
        person_id,
        services,
        "service_chosen",
        N_("{person} has chosen another messaging service."),
        wanted_service_sid=sid,
        wanted_service_name=name,
        messaging_service_sid=None,
    )


async def check_papers(purchase_id: str, quote: int, person_id: str, services: Services) -> Purchase:
    """The purchase, if this person could give it papers now. Raises MayNotGivePapers, NotPossibleNow."""
    purchase = await _existing(purchase_id, services)
    if person_id != purchase.requester_id:
        await services.policy.check_papers(person_id, services.people)
    waiting = (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES)
    if purchase.state not in waiting or purchase.buying_at is not None or purchase.quote != quote:
        raise NotPossibleNow()
    return purchase


async def give_bundle(
    purchase_id: str, quote: int, person_id: str, services: Services, bundle: Bundle
) -> Purchase:
    """The papers of a purchase, while it waits for them, before or after its approval; also by others than who asked."""
    purchase = await check_papers(purchase_id, quote, person_id, services)
    said = say(
        N_("{person} has given the bundle “{bundle}”."), person=person(person_id), bundle=bundle.friendly_name
    )
    happened = Happened(
        "bundle_given", person_id, {"bundle_sid": bundle.sid}, (news.thread(services.settings, said),)
    )
    values: dict[str, Any] = {"bundle_id": bundle.id, "bundle_approved_at": None, "waiting": None}
    try:
        if purchase.state == State.NEEDS_CHANGES:
            purchase = await services.store.move(
                purchase, State.IN_PROGRESS, happened, wake_at=now(), problem=None, **values
            )
        else:
            wake_at = now() if purchase.state == State.IN_PROGRESS else None
            purchase = await services.store.amend(purchase, happened, wake_at=wake_at, **values)
    except Lost as lost:
        raise NotPossibleNow() from lost
    services.worker.kick()
    return purchase


# what they share


async def _existing(purchase_id: str, services: Services) -> Purchase:
    purchase = await services.store.purchase(purchase_id)
    if purchase is None:
        raise NotPossibleNow()
    return purchase


async def _changeable(
    purchase_id: str, quote: int, person_id: str, state: State, services: Services
) -> Purchase:
    purchase = await _existing(purchase_id, services)
    await services.policy.check_change(person_id, purchase, services.people)
    if purchase.state != state:
        raise NotPossibleNow()
    if purchase.quote != quote:
        raise OldQuote()
    return purchase


async def _go_on(
    purchase: Purchase,
    quote: int,
    person_id: str,
    services: Services,
    what: str,
    text: str,
    **values: str | None,
) -> Purchase:
    await services.policy.check_change(person_id, purchase, services.people)
    if purchase.quote != quote:
        raise OldQuote()
    said = say(text, person=person(person_id))
    happened = Happened(what, person_id, owed=(news.thread(services.settings, said),))
    try:
        purchase = await services.store.move(
            purchase, State.IN_PROGRESS, happened, wake_at=now(), problem=None, alternatives=[], **values
        )
    except Lost as lost:
        raise NotPossibleNow() from lost
    services.worker.kick()
    return purchase


def _told(services: Services, purchase: Purchase, by: str, said: Said) -> tuple[Owed, ...]:
    if by == purchase.requester_id:
        return (news.thread(services.settings, said),)
    return news.both(services.settings, purchase, said)


def _explain(lost: Lost, quote: int) -> NoReturn:
    """Who was quicker, and when."""
    row = lost.purchase
    if row is None:
        raise NotPossibleNow() from lost
    if row.state == State.AWAITING_APPROVAL and row.quote != quote:
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
