"""The one message per purchase: a model of what is true now, and how Slack shows it. It shows the row and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot import readiness
from bot.bundles.possible import usable
from bot.core import App
from bot.purchases import standing
from bot.purchases.foreseen import Foreseen, foreseen, plan_of
from bot.purchases.policy.counting import Progress
from bot.purchases.possible import IN_MENU, possible
from bot.purchases.proof import outcome
from bot.purchases.releasing import released_at
from bot.purchases.standing import Standing
from bot.purchases.steps import step_of, steps_of
from bot.purchases.whatsapp import is_online
from bot.texts import (
    ADDRESS_NEEDS,
    BUNDLE_STATES,
    END_USERS,
    N_,
    Said,
    Texts,
    country,
    escape,
    moment,
    money,
    number_type,
    phone,
    say,
)
from bot.twilio.catalogue import Balance
from bot.twilio.numbers import Available, from_kept
from handlers import blocks, rich
from handlers.blocks import Block
from handlers.ref import OfPurchase
from handlers.rich import Element, Names
from storage.bundle_states import BundleState
from storage.models import STOPPED, Bundle, IfGone, Purchase, Service, State

ENDED = {
    State.DENIED: N_("{number}: denied by {person}"),
    State.WITHDRAWN: N_("{number}: withdrawn"),
    State.LAPSED: N_("{number}: nobody decided in time"),
    State.RELEASED: N_("{number} was released in the Twilio account"),
}
STOPPED_BY = {
    "NumberTaken": N_("{number} was sold to somebody else"),
    "NumberOwned": N_("{number} is in the Twilio account already"),
    "AddressDoesNotFit": N_("{number}: the address does not fit"),
    "AddressNeeded": N_("{number} needs an address"),
    "BundleRefused": N_("{number}: Twilio refused the bundle"),
    "NotBoughtYet": N_("{number} could not be bought"),
    "TrialLimit": N_("{number}: a trial account may have one number only"),
    "NeedsAPerson": N_("{number}: it is not clear who bought it"),
    "ServiceGone": N_("{number}: its messaging service is gone"),
    "ServiceExists": N_("{number}: somebody else made that messaging service"),
    "SeveralServices": N_("{number}: several messaging services have that name"),
    "ServiceFull": N_("{number}: its messaging service is full"),
    "InAnotherService": N_("{number} belongs to another messaging service"),
    "CannotJoinService": N_("{number}: Twilio keeps it out of its messaging service"),
    "NotInService": N_("{number} is not in its messaging service any more"),
}
"""The first line of one that has stopped, by the kind of its problem; the sentence with what to do follows."""
CANNOT_YET = N_("{number} is bought, and cannot text yet")
CANNOT = {
    readiness.CAMPAIGN: N_("{number} is bought, and cannot text US phones yet"),
    "capability": N_("{number} is bought, and cannot do all that was asked for"),
    "member": N_("{number} is bought, and not in its messaging service"),
    readiness.WHATSAPP: N_("{number} is bought, and cannot write on WhatsApp yet"),
}
"""The first line of one that is bought and not ready, by the check that stands against it."""
WAITING_FOR = {
    "BalanceTooLow": N_("{number}: the balance is too low"),
    "AccountRefused": N_("{number}: Twilio does not let Number Desk in"),
}
OF_BUNDLE: dict[str, str] = {
    BundleState.DRAFT: N_("{number}: its bundle is not finished"),
    BundleState.REJECTED: N_("{number}: Twilio rejected the bundle"),
    BundleState.DELETED: N_("{number}: its bundle was deleted"),
    BundleState.APPROVED: N_("{number}: its bundle has lapsed"),
}


SIGNS = {"complete": "✓", "error": "✗", "in_progress": "●", "pending": "○"}
"""By the status of a task, as Slack's ``plan`` block has it."""
MOST_WARNINGS = 6
"""Before the decision: a number may be meant for twenty countries."""


@dataclass(frozen=True)
class Picture:
    """What a card says, whatever Slack's blocks for it are."""

    first: list[Element]
    """what is true now"""
    notification: str
    """the same, as mrkdwn"""
    purpose: str
    calls: tuple[str, ...] = ()
    """people and user groups that the first line mentions"""
    problem: list[Element] | None = None
    facts: tuple[str, ...] = ()
    warnings: tuple[list[Element], ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    """status (``SIGNS``) and words of each"""
    since: tuple[Element, ...] = ()
    alternatives: tuple[Block, ...] = ()
    buttons: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Around:
    """What the picture shows beside the purchase itself."""

    bundle: Bundle | None = None
    approved_by: Sequence[str] = ()
    """whose approval counts now"""
    missing: int = 1
    """approvals that the stage which it waits for still needs"""
    names: Names = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    foreseen: Sequence[Foreseen] = ()
    balance: Balance | None = None
    rule: str = ""
    """the one that applies, where the operator has named it"""
    stage: str = ""
    """whose turn it is, where there are several"""
    has_emergency: bool = False
    """whether the policy lets somebody approve alone"""
    against: Sequence[Said] = ()
    """what the policy has against it: limits, or that no rule covers it"""


# what is true now


def first_line(purchase: Purchase, bundle: Bundle | None, names: Names) -> Said:
    """In the words of whoever has the ball; never what has not happened yet."""
    quote, number = purchase.quote, phone(purchase.phone_number)
    if purchase.is_being_released:
        return say(N_("{number} is being released"), number=number)
    match purchase.state:
        case State.AWAITING_APPROVAL:
            return say(
                N_("{person} asks for a number ({country}, {type}): {month} a month ({year} a year)"),
                person=names.get(purchase.requester_id, purchase.requester_id),
                country=country(quote.country),
                type=number_type(quote.number_type),
                month=money(quote.price, quote.currency),
                year=money(quote.price * 12, quote.currency),
            )
        case State.IN_PROGRESS:
            return _under_way(purchase, bundle)
        case State.NEEDS_CHANGES | State.FAILED:
            return say(STOPPED_BY.get(_kind(purchase.problem), _stopped(purchase)), number=number)
        case State.COMPLETE:
            return _is_bought(purchase)
        case State.ENDED:
            text = N_("{number}: ended, and it goes on costing money")
            if purchase.is_unbought:
                text = N_("{number}: ended, nothing was bought")
            return say(text, number=number)
    if (at := released_at(purchase)) is not None:
        by = (purchase.releasing or {})["by"]
        text = N_("{number} was released by {person}, {moment}")
        return say(text, number=number, person=names.get(by, by), moment=moment(at))
    by = names.get(purchase.decided_by or "", purchase.decided_by or "")
    return say(ENDED[purchase.state], number=number, person=by)


def _is_bought(purchase: Purchase) -> Said:
    number = phone(purchase.phone_number)
    if (missing := readiness.blocking(purchase.findings)) is not None:
        return say(CANNOT.get(missing["check"], CANNOT_YET), number=number)
    if purchase.proven_at is not None:
        at = moment(purchase.proven_at, "{time}")  # the card's last line has the day
        return say(N_("{number} is ready: a test message was delivered at {at}"), number=number, at=at)
    if purchase.messaging_service_sid is None:
        return say(N_("{number} is bought"), number=number)
    return say(
        N_("{number} is bought and in “{service}”"), number=number, service=purchase.quote.service_name
    )


def _under_way(purchase: Purchase, bundle: Bundle | None) -> Said:
    number, step = phone(purchase.phone_number), step_of(purchase)
    if (kind := _kind(purchase.waiting)) in WAITING_FOR:
        return say(WAITING_FOR[kind], number=number)
    if step is not None and step.column == "bundle_approved_at":
        if bundle is None:
            return say(N_("{number} needs a bundle"), number=number)
        if not usable(bundle) and bundle.status in OF_BUNDLE:
            return say(OF_BUNDLE[bundle.status], number=number)
    what = say(step.waiting if step is not None else N_("bought"))
    return say(N_("{number}: {what}"), number=number, what=what)


def _stopped(purchase: Purchase) -> str:
    if purchase.phone_number_sid is not None:
        return N_("{number} is bought, and a decision is needed")
    return N_("{number} is not bought, and a decision is needed")


def _kind(why: dict[str, Any] | None) -> str:
    return str((why or {}).get("kind") or "")


def picture_of(purchase: Purchase, around: Around, t: Texts) -> Picture:
    names = around.names
    first = first_line(purchase, around.bundle, names)
    why = purchase.problem or purchase.waiting
    waits = purchase.state == State.AWAITING_APPROVAL
    return Picture(
        first=rich.headline(first, t, names),
        notification=t.said(first),
        purpose=purchase.purpose,
        calls=around.calls if waits else (),
        problem=_why(purchase, t, names) if why or purchase.state == State.DENIED else None,
        facts=tuple(_facts(purchase, around.bundle, t, names)),
        warnings=tuple(_warnings(purchase, around, t)),
        steps=() if waits else tuple(_steps(purchase, t, names)),
        since=tuple(_since(purchase, around, t) if waits else _looked_at(purchase, t)),
        alternatives=tuple(_alternatives(purchase, t)),
        buttons=tuple(buttons(purchase, around.bundle, t, has_emergency=around.has_emergency)),
    )


def _why(purchase: Purchase, t: Texts, names: Names) -> list[Element]:
    """What is wrong, waited for, or the reason of a denial."""
    if purchase.state == State.DENIED:
        return [rich.text(purchase.reason or "")]
    return rich.said(purchase.problem or purchase.waiting or {}, t, names)


def _facts(purchase: Purchase, bundle: Bundle | None, t: Texts, names: Names) -> list[str]:
    """In one or two lines: the number, then who and what stands behind it."""
    quote = purchase.quote
    place = t.listed(each for each in (quote.locality, quote.region) if each)
    number = [t.phone(quote.phone_number), place, t.capabilities(quote.capabilities)]
    if purchase.wants_service:
        service = quote.service_name or quote.service_sid or ""
        into = N_("into “{service}” (new)") if quote.service == Service.NEW else N_("into “{service}”")
        if purchase.attached_at is not None:
            into = N_("in “{service}”")
        number.append(t(into, service=service))
    if is_online(purchase):
        number.append(t("on WhatsApp"))
    facts = [" · ".join(each for each in number if each)]
    if purchase.state != State.AWAITING_APPROVAL:
        asked = t("Asked for by {person}", person=names.get(purchase.requester_id, purchase.requester_id))
        price = t.money(purchase.monthly_price, quote.currency)
        who = [asked]
        if purchase.owner_id != purchase.requester_id:
            owner = names.get(purchase.owner_id, purchase.owner_id)
            who.append(t("{person} answers for it", person=owner))
        facts.append(" · ".join((*who, t("{price} a month", price=price))))
    if quote.destinations:
        facts.append(t("Will text: {countries}", countries=t.listed(map(t.country, quote.destinations))))
    if quote.regulated and quote.end_user_type:
        facts.append(f"{t(END_USERS[quote.end_user_type])} · {_bundle(bundle, t)}")
    if purchase.is_unbought and purchase.state in (State.AWAITING_APPROVAL, State.IN_PROGRESS):
        facts.append(_if_gone(purchase, t, names))
    return facts


def _bundle(bundle: Bundle | None, t: Texts) -> str:
    if bundle is None:
        return t("bundle to be added")
    status = t(BUNDLE_STATES.get(bundle.status, bundle.status))
    return t("bundle “{bundle}” ({status})", bundle=bundle.friendly_name, status=status)


def _if_gone(purchase: Purchase, t: Texts, names: Names) -> str:
    quote = purchase.quote
    if quote.if_gone == IfGone.CLOSEST:
        limit = t.money(quote.ceiling, quote.currency)
        return t("If it is sold by then: the closest match, up to {limit} a month", limit=limit)
    person = names.get(purchase.requester_id, purchase.requester_id)
    return t("If it is sold by then: {person} is asked", person=person)


def _warnings(purchase: Purchase, around: Around, t: Texts) -> list[list[Element]]:
    """What will keep the number from working: before the money is spent, and what is so afterwards."""
    if purchase.state == State.COMPLETE:
        found = [rich.said(each["said"], t, {}) for each in readiness.unfinished(purchase.findings)]
        proof = purchase.proof or {"status": "delivered"}  # that one was delivered, the first line says
        return found if proof["status"] == "delivered" else [*found, rich.said(outcome(proof), t, {})]
    if purchase.state != State.AWAITING_APPROVAL:
        return []
    shown = [rich.said(each.brief, t, {}) for each in around.foreseen[:MOST_WARNINGS]]
    if left := len(around.foreseen) - len(shown):
        shown.append([rich.text(t.n("and one more", "and {n} more", left))])
    return [*(rich.said(each, t, {}) for each in around.against), *shown]


def _steps(purchase: Purchase, t: Texts, names: Names) -> list[tuple[str, str]]:
    if purchase.decided_at is None or purchase.state == State.DENIED:
        return []
    by = names.get(purchase.decided_by or "", purchase.decided_by or "")
    approved = t("Approved by {person}", person=by) if by else t("No approval needed")
    steps = [("complete", approved)]
    now = step_of(purchase)
    for step in steps_of(purchase):
        if getattr(purchase, step.column) is not None:
            steps.append(("complete", t(step.done)))
        elif step is now and purchase.state in STOPPED:
            steps.append(("error", t(step.ahead)))
        else:
            under_way = step is now and purchase.state == State.IN_PROGRESS
            steps.append(("in_progress" if under_way else "pending", t(step.ahead)))
    return steps


def _looked_at(purchase: Purchase, t: Texts) -> list[Element]:
    """Of one that is bought: when it was checked last, and when a test message was delivered."""
    if purchase.state != State.COMPLETE or not purchase.findings or purchase.checked_at is None:
        return []
    elements = rich.said(say(N_("Checked {when}"), when=moment(purchase.checked_at)), t, {})
    if purchase.proven_at is not None:
        delivered = say(N_("test message delivered {when}"), when=moment(purchase.proven_at))
        elements += [rich.text(" · "), *rich.said(delivered, t, {})]
    return elements


def _since(purchase: Purchase, around: Around, t: Texts) -> list[Element]:
    """How long it waits, for how many, and who has approved. A date of Slack's: it needs no redraw."""
    counted = t.n("one approval needed", "{n} approvals needed", around.missing)
    asked = say(N_("Asked for {when}"), when=moment(purchase.created_at))
    elements = [*rich.said(asked, t, {}), rich.text(f" · {counted}")]
    if around.stage:
        elements.append(rich.text(" · " + t("stage “{stage}”", stage=around.stage)))
    if around.rule:
        elements.append(rich.text(" · " + t("rule “{rule}”", rule=around.rule)))
    if around.balance is not None:
        balance = say(
            N_("balance {balance}, read {when}"),
            balance=money(around.balance.amount, around.balance.currency),
            when=moment(around.balance.read_at, "{time}"),
        )
        elements += [rich.text(" · "), *rich.said(balance, t, {})]
    if around.approved_by:
        given = t.listed(around.names.get(each, each) for each in around.approved_by)
        elements.append(rich.text(" · " + t("approved by {names}", names=given)))
    return elements


# buttons: what is possible now, and nothing else

LABELS = {
    "deny": N_("Deny…"),
    "approve_alone": N_("Approve in an emergency…"),
    "continue": N_("Finish the bundle"),
    "fix": N_("Fix and resubmit"),
    "retry": N_("Retry"),
    "search": N_("Search again"),
    "buy_anyway": N_("Buy anyway"),
    "choose_address": N_("Choose address"),
    "choose_service": N_("Choose service"),
    "take_over": N_("It is ours"),
    "test": N_("Send a test message"),
    "enable_geo": N_("Enable texting…"),
    "set_inbound": N_("Handle replies…"),
    "move_service": N_("Move to a registered service…"),
    "check": N_("Check again"),
    "enable_whatsapp": N_("Enable WhatsApp"),
    "whatsapp_code": N_("Enter the WhatsApp code"),
    "bundle": N_("Show the bundle"),
    "hand_over": N_("Hand over…"),
    "withdraw": N_("Withdraw…"),
    "end": N_("End…"),
    "no_whatsapp": N_("Do without WhatsApp…"),
    "release": N_("Release the number…"),
}


def buttons(
    purchase: Purchase, bundle: Bundle | None, t: Texts, *, has_emergency: bool = False
) -> list[Block]:
    """Values carry the purchase and the quote that the button belongs to. What is rare or ends it is in the menu.

    has_emergency: whether the policy lets anybody approve alone.
    """
    of = OfPurchase(purchase.id, purchase.quote_no)
    verbs = [each for each in possible(purchase, bundle) if each != "approve_alone" or has_emergency]
    quiet = (*IN_MENU, "alternative")
    shown = [_button(verb, purchase, bundle, of, t) for verb in verbs if verb not in quiet]
    if shown and verbs[0] != "alternative":
        shown[0]["style"] = "primary"
    menu = [blocks.option(f"{verb}:{of}", t(LABELS[verb])) for verb in verbs if verb in IN_MENU]
    return [*shown, blocks.overflow("more", menu)] if menu else shown


def _button(verb: str, purchase: Purchase, bundle: Bundle | None, of: OfPurchase, t: Texts) -> Block:
    value, sure = str(of), None
    if verb == "approve":
        price = t.money(purchase.quote.price, purchase.quote.currency)
        return blocks.button(verb, t("Approve {price}/month", price=price), value)
    if verb == "add_bundle":
        label = N_("Add bundle") if bundle is None else N_("Use another bundle")
        return blocks.button(verb, t(label), value)
    if verb in ("continue", "fix") and bundle is not None:
        value = f"{bundle.id}|{purchase.id}"
    if verb == "buy_anyway":
        sure = blocks.confirm(
            t("Buy it anyway?"),
            t("The balance looks too low. Twilio may refuse, or suspend the account when it runs out."),
            t("Buy anyway"),
            t("Cancel"),
        )
    return blocks.button(verb, t(LABELS[verb]), value, confirm=sure)


def _alternatives(purchase: Purchase, t: Texts) -> list[Block]:
    if "alternative" not in possible(purchase, None):
        return []
    of = OfPurchase(purchase.id, purchase.quote_no)
    return [_alternative(each, of, t) for each in from_kept(purchase.alternatives)]


def _alternative(number: Available, of: OfPurchase, t: Texts) -> Block:
    needs = t(ADDRESS_NEEDS[number.address_requirements])
    parts = (number.place, t.capabilities(number.capabilities), needs)
    details = " · ".join(each for each in parts if each)
    value = str(replace(of, choice=number.phone_number))
    return blocks.section(
        f"*{t.phone(number.phone_number)}*\n{escape(details)}",
        blocks.button("alternative", t("Take this one"), value),
        block_id=f"alternative_{number.phone_number}",
    )


# how Slack shows it


def steps_as_text(picture: Picture, t: Texts) -> Block:
    """Every client shows it."""
    said = " · ".join(f"{SIGNS[status]} {words}" for status, words in picture.steps)
    return {"type": "context", "elements": [blocks.plain(said)]}


def steps_as_plan(picture: Picture, t: Texts) -> Block:
    """Slack's own block for progress; whether every client shows it is not known (docs/twins.md)."""
    tasks = [
        {"task_id": f"step_{n}", "title": words, "status": status}
        for n, (status, words) in enumerate(picture.steps, start=1)
    ]
    return {"type": "plan", "title": t("Steps"), "tasks": tasks}


def drawn(
    picture: Picture, t: Texts, steps: Callable[[Picture, Texts], Block] = steps_as_text
) -> list[Block]:
    """The blocks of a card. What somebody typed stands in rich text, where nothing of it comes alive."""
    first = [*picture.first]
    for each in picture.calls:
        first += [rich.text("  "), rich.usergroup(each) if each.startswith("S") else rich.user(each)]
    lines: list[Element] = []
    if picture.problem:
        lines += [*picture.problem, rich.text("\n")]
    lines.append(rich.text("\n".join(picture.facts)))
    for warning in picture.warnings:
        lines += [rich.text("\n"), rich.emoji("warning"), rich.text(" "), *warning]
    shown = [rich.block(rich.section(*first), rich.quote(picture.purpose), rich.section(*lines))]
    if picture.steps:
        shown.append(steps(picture, t))
    shown += picture.alternatives
    if picture.buttons:
        shown.append(blocks.actions("decide", *picture.buttons))
    if picture.since:
        shown.append(rich.block(rich.section(*picture.since)))
    return shown


def view(purchase: Purchase, around: Around, t: Texts, *, as_plan: bool = False) -> dict[str, Any]:
    """``text``, ``blocks`` and ``metadata`` of the message. as_plan: its steps as Slack's ``plan`` block."""
    picture = picture_of(purchase, around, t)
    return {
        "text": picture.notification,
        "blocks": drawn(picture, t, steps_as_plan if as_plan else steps_as_text),
        "metadata": {
            "event_type": "purchase",
            "event_payload": {
                "id": purchase.id,
                "state": str(purchase.state),
                "quote": purchase.quote_no,
                "version": purchase.version,
                "ready": readiness.ready(purchase),
            },
        },
    }


async def around(purchase: Purchase, app: App) -> Around:
    """As it is now. Slack is asked for names that are not known, and waited for no longer than half a second."""
    bundle_id = purchase.quote.bundle_id
    bundle = await app.store.bundle(bundle_id) if bundle_id else None
    stands = None
    if purchase.state == State.AWAITING_APPROVAL:
        stands = await standing.of(purchase, app, people=app.people.as_known)
    counted = stands.progress if stands else None
    approved_by = counted.counting if counted else []
    why = [each for each in (purchase.problem, purchase.waiting) if each]
    released_by = (purchase.releasing or {}).get("by")
    people = {
        purchase.requester_id,
        purchase.owner_id,
        purchase.decided_by,
        released_by,
        *approved_by,
        *rich.people_in(why),
    }
    found = Around(
        bundle,
        approved_by,
        names=await app.people.names(each for each in people if each),
        foreseen=foreseen(plan_of(purchase.quote, bundle), app.market),
        balance=app.market.balance(),
    )
    return found if stands is None or counted is None else replace(found, **_of_policy(stands, counted, app))


def _of_policy(stands: Standing, counted: Progress, app: App) -> dict[str, Any]:
    """What the policy says of one that waits: which rule applies, and for whom it waits."""
    calls, _ = stands.calls(app, stands.deciding(counted))
    several = len(stands.case.stages) > 1
    against = [each.said for each in stands.case.over]
    if stands.rule is None:
        against = [say(N_("No rule of the policy covers this request any more, so nobody can approve it."))]
    return {
        "calls": tuple(calls),
        "missing": counted.missing,
        "rule": stands.rule.name if stands.rule and stands.rule.is_named else "",
        "stage": counted.stage.name or str((counted.place or 0) + 1) if several and counted.stage else "",
        "has_emergency": not stands.policy.emergency.is_empty,
        "against": against,
    }


async def picture(purchase: Purchase, as_plan: bool, app: App) -> dict[str, Any]:
    """The message, as the purchase is now."""
    t = Texts(app.settings.channel_language)
    return view(purchase, await around(purchase, app), t, as_plan=as_plan)


async def begun_again(purchase: Purchase, app: App) -> Said:
    """The first line of the thread of a card that takes the place of one that is gone."""
    found = await around(purchase, app)
    return say(
        N_(
            "The card of this request was deleted or could not be updated, so here is a new one. Where it stands: {state}"
        ),
        state=first_line(purchase, found.bundle, found.names),
    )
