"""Approving and denying, and counting approvals again: by the rule that applies now, and the people of now (rule 8)."""

from collections.abc import Sequence
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.errors import AlreadyDecided, ApprovalsVoid, CannotCheck, NotPossibleNow, NotYourTurn
from bot.purchases import standing
from bot.purchases.operations import existing, explain_loss
from bot.purchases.policy.counting import Progress
from bot.purchases.policy.roles import Verb
from bot.purchases.standing import Standing
from bot.texts import N_, Said, money, person, phone, say
from storage.approvals import AlreadyApproved, Judge, Tally
from storage.changes import Lost
from storage.history import Happened
from storage.models import EMERGENCY, Approval, Purchase, State, now
from storage.outbox import Owed


async def approve(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase with this approval. Raises MayNotApprove, OwnRequest, NotYourTurn, OverLimit, AlreadyDecided, OldQuote, CannotCheck."""
    found = await app.store.with_approvals(purchase_id)
    if found is None:
        raise NotPossibleNow()
    purchase, approvals = found
    await app.policy.check(Verb.APPROVE, person_id, purchase, app.people)
    new = Approval(subject=purchase.subject, stage=1, person_id=person_id, approved_at=now())
    stands = await standing.of(purchase, app, new=new, approvals=approvals)
    if purchase.state == State.AWAITING_APPROVAL and purchase.quote_no == quote_no:
        new.stage = 1 + _turn(stands, person_id, app)
    return await _given(stands, new, quote_no, app)


def _turn(stands: Standing, person_id: str, app: App) -> int:
    """The place of the stage that the person's yes is for. Raises NotYourTurn, OverLimit, AlreadyDecided."""
    standing.check_limits(stands.case)
    mine = [each for each in stands.approvals if standing.key(each) == (person_id, False)]
    if not all(map(stands.policy.is_old, mine)):
        raise _approved_already()
    place = stands.progress.place
    if place is None:
        return 0  # nobody has to be asked, as the worker is about to find
    if place not in stands.yes[person_id, False].may_fill:
        raise NotYourTurn(approvers=stands.named(app))
    return place


def _approved_already() -> AlreadyDecided:
    return AlreadyDecided(N_("You have approved this already. It waits for somebody else's approval."))


async def check_emergency(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could approve this quote of it alone now. Raises as ``approve`` does."""
    return await _check(Verb.APPROVE_ALONE, purchase_id, quote_no, person_id, app)


async def approve_alone(purchase_id: str, quote_no: int, person_id: str, reason: str, app: App) -> Purchase:
    """In an emergency, in place of everybody who would have to; whoever can read the channel reads the reason."""
    purchase = await check_emergency(purchase_id, quote_no, person_id, app)
    new = Approval(
        subject=purchase.subject, stage=EMERGENCY, person_id=person_id, approved_at=now(), reason=reason
    )
    stands = await standing.of(purchase, app, new=new)
    standing.check_limits(stands.case)
    if stands.rule is None:
        raise NotPossibleNow()
    return await _given(stands, new, quote_no, app)


async def _given(stands: Standing, new: Approval, quote_no: int, app: App) -> Purchase:
    approval = {
        "person_id": new.person_id,
        "stage": new.stage,
        "rule": stands.rule.name if stands.rule else "",
        "policy_version": stands.policy.version,
        "reason": new.reason,
    }
    lasts = stands.policy.waiting.approvals_last
    old_before = now() - lasts if lasts is not None else None
    judge = _judge(stands, app, new)
    given: set[standing.Key] = set()

    def judged(row: Purchase, approvals: Sequence[Approval]) -> Tally:
        given.update(map(standing.key, approvals))
        return judge(row, approvals)

    try:
        purchase = await app.store.approve(stands.purchase.id, quote_no, approval, judged, old_before)
    except AlreadyApproved as error:
        raise _approved_already() from error
    except Lost as lost:
        explain_loss(lost, quote_no)
    if purchase.state == State.AWAITING_APPROVAL and given - stands.yes.keys():
        # somebody approved in the same moment, and did not know of this one either
        purchase = await count_again(purchase, app)
    return purchase


async def count_again(purchase: Purchase, app: App) -> Purchase:
    """As it stands when its approvals are counted by the policy and the members of now."""
    try:
        stands = await standing.of(purchase, app)
    except CannotCheck:
        return purchase  # nobody is let in; the next look counts
    judge = _judge(stands, app)
    if judge(purchase, stands.approvals) == NOTHING_NEW:
        return purchase
    try:
        return await app.store.count_again(purchase, judge)
    except Lost as lost:
        return lost.purchase or purchase


async def count_all_again(app: App) -> None:
    """After a change of the policy or of who belongs to a list: what waits is judged by the new one."""
    for purchase in await app.store.awaiting_approval():
        await count_again(purchase, app)


async def check_approved(purchase: Purchase, app: App) -> None:
    """Whether enough of those who approved may approve now, and no limit is broken meanwhile. Raises ApprovalsVoid, CannotCheck."""
    stands = await standing.of(purchase, app)
    if stands.case.refused is not None:
        said = stands.case.refused.said
        raise ApprovalsVoid(said["say"], **said["with"])
    if not stands.progress.is_enough:
        raise ApprovalsVoid(number=phone(purchase.phone_number))


async def check_decidable(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could decide about this quote of it now. Raises as ``approve`` does."""
    return await _check(Verb.DENY, purchase_id, quote_no, person_id, app)


async def _check(verb: Verb, purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    purchase = await existing(purchase_id, app)
    await app.policy.check(verb, person_id, purchase, app.people)
    if purchase.state != State.AWAITING_APPROVAL or purchase.quote_no != quote_no:
        explain_loss(Lost(purchase), quote_no)
    return purchase


async def deny(purchase_id: str, quote_no: int, person_id: str, reason: str, app: App) -> Purchase:
    purchase = await check_decidable(purchase_id, quote_no, person_id, app)
    policy = app.policy
    rule = await policy.rule_of(purchase, app.people)
    said = say(
        N_("{approver} has denied {number}: {reason}"),
        approver=person(person_id),
        number=phone(purchase.phone_number),
        reason=reason,
    )
    to_requester = news.direct(purchase, {**said, "offer": "ask_again"})
    details = {"reason": reason, **policy.by_rule(rule)}
    happened = Happened("denied", person_id, details, (news.thread(app.settings, said), to_requester))
    try:
        purchase = await app.store.deny(purchase_id, quote_no, person_id, reason, happened)
    except Lost as lost:
        explain_loss(lost, quote_no)
    return purchase


# what the approvals come to

NOTHING_NEW = Tally(False)


def _judge(stands: Standing, app: App, new: Approval | None = None) -> Judge:
    """new: the approval with which it is counted; without one it is counted again."""

    def judge(row: Purchase, approvals: Sequence[Approval]) -> Tally:
        counted = stands.counted(approvals)
        if counted.is_enough:
            last = new.person_id if new else next(reversed(counted.counting), None)
            return Tally(
                True, last, _decided(stands, counted, last, new, app), _whose_turn(stands, row, counted)
            )
        values = _whose_turn(stands, row, counted)
        if stands.rule is None:
            return Tally(False, None, _uncovered(stands, app) if "rule" in values else None, values)
        if row.rule is not None and not {"rule", "stage"}.isdisjoint(values):
            return Tally(False, None, _next_stage(stands, counted, new, app), values)
        return Tally(False, None, _more_needed(stands, counted, new, app) if new else None, values)

    return judge


def _whose_turn(stands: Standing, row: Purchase, counted: Progress) -> dict[str, Any]:
    """The columns that say so, where they are to be changed; from then on it is counted how long it waits."""
    rule = stands.rule.name if stands.rule is not None else ""
    stage = row.stage if counted.place is None else counted.place + 1
    if (row.rule, row.stage) == (rule, stage) and row.asked_at is not None:
        return {}
    since = {"asked_at": now(), "reminders": 0, "reminded_at": None}
    found = {"rule": rule, "stage": stage}
    return {**{name: value for name, value in found.items() if getattr(row, name) != value}, **since}


def _uncovered(stands: Standing, app: App) -> Happened:
    """By an edit of the policy: nobody is left who could decide, which the operators can mend."""
    said = say(
        N_("No rule of the policy covers the request for {number} any more, so nobody can approve it."),
        number=phone(stands.purchase.phone_number),
    )
    owed = (news.thread(app.settings, said), news.operators(app.settings, said))
    return Happened("uncovered", None, {"policy_version": stands.policy.version}, owed)


def _more_needed(stands: Standing, counted: Progress, new: Approval, app: App) -> Happened:
    needed = counted.stage.approvals if counted.stage else 1
    said = say(
        N_("{approver} approves. {needed} approvals are needed."),
        approver=person(new.person_id),
        needed=needed,
    )
    details = {**stands.by_rule, "stage": new.stage}
    return Happened("approval_counted", new.person_id, details, (news.thread(app.settings, said),))


def _next_stage(stands: Standing, counted: Progress, new: Approval | None, app: App) -> Happened:
    """An edited card notifies nobody, so the thread calls those whose turn it is now."""
    place = counted.place or 0
    names: dict[str, Any] = {
        **stands.names,
        "stage": (counted.stage.name if counted.stage else "") or str(place + 1),
    }
    text = N_("By the policy as it is now {number} ({price} a month) waits for the stage “{stage}”.")
    if new is not None:
        text = N_("{approver} approves. Next comes the stage “{stage}”: {number} for {price} a month.")
        names["approver"] = person(new.person_id)
    called = [*stands.approvals, *([new] if new is not None else [])]
    calls, told = stands.calls(app, stands.deciding(counted), [each.person_id for each in called])
    owed = news.called_back(app.settings, say(text, **names), calls, told)
    details = {**stands.by_rule, "stage": place + 1}
    return Happened("stage_reached", new.person_id if new else None, details, owed)


def _decided(
    stands: Standing, counted: Progress, last: str | None, new: Approval | None, app: App
) -> Happened:
    quote = stands.purchase.quote
    names: dict[str, Any] = {**stands.names, "ceiling": money(quote.ceiling, quote.currency)}
    if last is None:
        said = say(N_("By the policy {number} for {price} a month needs nobody's approval."), **names)
        return Happened("unasked", None, stands.by_rule, (news.thread(app.settings, said),))
    if new is not None and new.stage == EMERGENCY:
        return _emergency(stands, new, names, app)
    who = [person(last)] if new is not None else [person(each) for each in sorted(counted.counting)]
    text = N_("{approver} has approved: {price} a month.")
    if quote.if_gone == "closest" and quote.ceiling > quote.price:
        text = N_("{approver} has approved: {price} a month, and up to {ceiling} for a substitute.")
    said = say(text, approver=who, **names)
    return Happened("approved", last, stands.by_rule, (news.thread(app.settings, said),))


def _emergency(stands: Standing, new: Approval, names: dict[str, Any], app: App) -> Happened:
    """Loudly: in the thread and the channel, to the operators, and to who asked."""
    said: Said = say(
        N_("Emergency: {approver} alone has approved {number} for {price} a month. Reason: {reason}"),
        approver=person(new.person_id),
        reason=new.reason or "",
        **names,
    )
    owed: tuple[Owed, ...] = (
        *news.called_back(app.settings, said, (), ()),
        news.operators(app.settings, said),
        news.direct(stands.purchase, said),
    )
    return Happened("emergency", new.person_id, {**stands.by_rule, "reason": new.reason}, owed)
