"""The one message per purchase: approve, deny, progress, outcome. It shows the row and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.bundles import operations as bundles
from bot.core import App
from bot.purchases import operations
from bot.purchases.steps import UNCHECKED, steps_of
from bot.texts import ADDRESS_NEEDS, BUNDLE_STATES, END_USERS, N_, NUMBER_TYPES, Said, Texts, escape, say
from bot.twilio.numbers import Available, from_kept
from handlers import blocks
from handlers.blocks import Block
from handlers.ref import OfPurchase
from storage.models import Approval, Bundle, IfGone, Purchase, Service, State

STATES = {
    State.AWAITING_APPROVAL: N_("Waiting for approval"),
    State.IN_PROGRESS: N_("In progress"),
    State.NEEDS_CHANGES: N_("Needs a decision"),
    State.COMPLETE: N_("Done"),
    State.DENIED: N_("Denied"),
    State.WITHDRAWN: N_("Withdrawn"),
    State.LAPSED: N_("Lapsed"),
    State.FAILED: N_("Stopped"),
    State.ENDED: N_("Ended"),
    State.RELEASED: N_("Released"),
}
WAITS = (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES)


# what you see


def view(
    purchase: Purchase,
    bundle: Bundle | None,
    approvals: Sequence[Approval],
    needed: int,
    t: Texts,
) -> dict[str, Any]:
    """``text``, ``blocks`` and ``metadata`` of the message. approvals: those that count now."""
    number = t.phone(purchase.phone_number)
    state = t(STATES[purchase.state])
    shown = [
        blocks.header(f"{number} – {state}"),
        blocks.fields(_facts(purchase, bundle, t)),
        blocks.section(blocks.quoted(purchase.purpose)),
    ]
    shown += _where_it_stands(purchase, approvals, needed, t)
    shown += _buttons(purchase, bundle, t)
    return {
        "text": t("Number request {number}: {state}", number=number, state=state),
        "blocks": shown,
        "metadata": {
            "event_type": "purchase",
            "event_payload": {
                "id": purchase.id,
                "state": str(purchase.state),
                "quote": purchase.quote_no,
                "version": purchase.version,
                "ready": ready(purchase),
            },
        },
    }


def ready(purchase: Purchase) -> str:
    """Whether it can send, as the metadata says it (rule 21): that takes more checks than are made yet."""
    return "unknown" if purchase.quote.can_text else "never"


def _facts(purchase: Purchase, bundle: Bundle | None, t: Texts) -> list[str]:
    quote = purchase.quote
    kind = t(
        "{country}, {type}",
        country=t.country(quote.country),
        type=t(NUMBER_TYPES[quote.number_type]),
    )
    price = purchase.charged if purchase.charged is not None else quote.price
    facts = [
        _fact(t("Asked for by"), f"<@{purchase.requester_id}>"),
        _fact(t("Number"), f"{kind}\n{t.capabilities(quote.capabilities)}"),
        _fact(
            t("Cost"),
            t(
                "{month} a month, {year} a year",
                month=t.money(price, quote.currency),
                year=t.money(price * 12, quote.currency),
            ),
        ),
    ]
    if quote.if_gone == IfGone.CLOSEST:
        limit = t("the closest match, up to {limit} a month", limit=t.money(quote.ceiling, quote.currency))
        facts.append(_fact(t("If it is gone"), limit))
    else:
        facts.append(_fact(t("If it is gone"), t("ask")))
    if quote.regulated and quote.end_user_type:
        papers = t("papers later")
        if bundle is not None:
            status = t(BUNDLE_STATES.get(bundle.status, bundle.status))
            papers = f"“{escape(bundle.friendly_name)}” ({status})"
        facts.append(_fact(t("End user"), f"{t(END_USERS[quote.end_user_type])}\n{papers}"))
    if purchase.wants_service:
        service = escape(quote.service_name or quote.service_sid or "")
        if quote.service == Service.NEW:
            service = t("{service} (a new one)", service=service)
        facts.append(_fact(t("Messaging service"), service))
    return facts


def _fact(label: str, text: str) -> str:
    return f"*{label}*\n{text}"


def _where_it_stands(purchase: Purchase, approvals: Sequence[Approval], needed: int, t: Texts) -> list[Block]:
    shown: list[Block] = []
    if purchase.problem is not None:
        shown.append(blocks.section(f":warning: {t.said(purchase.problem)}"))
    match purchase.state:
        case State.AWAITING_APPROVAL:
            if approvals:
                names = t.listed(f"<@{each.person_id}>" for each in approvals)
                counted = t(
                    "{count} of {needed} approvals: {names}", count=len(approvals), needed=needed, names=names
                )
                shown.append(blocks.context(counted))
        case State.DENIED:
            shown.append(blocks.section(t("Denied by {person}:", person=f"<@{purchase.decided_by}>")))
            shown.append(blocks.section(blocks.quoted(purchase.reason or "")))
        case State.IN_PROGRESS | State.COMPLETE | State.NEEDS_CHANGES | State.FAILED | State.ENDED:
            shown.append(blocks.section(_progress(purchase, t)))
    if purchase.waiting is not None:
        shown.append(blocks.context(t.said(purchase.waiting)))
    if purchase.state == State.COMPLETE and purchase.unchecked:
        missing = [t("Not checked yet:"), *(f"• {t(UNCHECKED[each])}" for each in purchase.unchecked)]
        shown.append(blocks.section("\n".join(missing)))
    return shown


def _progress(purchase: Purchase, t: Texts) -> str:
    """A line a step, in words as well as in signs."""
    lines = []
    if purchase.decided_by and purchase.decided_at:
        by = t(
            "approved by {person}, {moment}",
            person=f"<@{purchase.decided_by}>",
            moment=t.moment(purchase.decided_at),
        )
        approval = t("Approval")
        lines.append(f":white_check_mark: *{approval}* – {by}")
    done, under_way = t("done"), t("now")
    running = purchase.state == State.IN_PROGRESS
    for step in steps_of(purchase):
        if getattr(purchase, step.column) is not None:
            lines.append(f":white_check_mark: *{t(step.title)}* – {done}")
        elif running:
            lines.append(f":hourglass_flowing_sand: *{t(step.title)}* – {under_way}")
            running = False
        else:
            lines.append(f":white_circle: {t(step.title)}")
    return "\n".join(lines)


def _buttons(purchase: Purchase, bundle: Bundle | None, t: Texts) -> list[Block]:
    """Only what does something now. Values carry the purchase and the quote that the button belongs to."""
    carried = OfPurchase(purchase.id, purchase.quote_no)
    value = str(carried)
    ways = operations.ways_on(purchase)
    shown = [_alternative(each, carried, t) for each in from_kept(purchase.alternatives)]
    buttons: list[Block] = []
    if purchase.state == State.AWAITING_APPROVAL:
        buttons += [
            blocks.button("approve", t("Approve"), value, style="primary"),
            blocks.button("deny", t("Deny"), value, style="danger"),
        ]
    buttons += [
        blocks.button(way, t(WAYS[way]), value, "primary" if i == 0 else None, _sure_of(way, t))
        for i, way in enumerate(way for way in ways if way in WAYS)
    ]
    waits_for_papers = bundle is None or not bundles.usable(bundle) or "add_bundle" in ways
    live = purchase.state in WAITS and purchase.is_unbought
    if live and (purchase.is_regulated or "add_bundle" in ways) and waits_for_papers:
        buttons.append(blocks.button("add_bundle", t("Add bundle"), value))
    if live:
        buttons.append(blocks.button("withdraw", t("Withdraw"), value, confirm=_sure(t)))
    if "end" in ways:
        buttons.append(blocks.button("end", t("End it"), value, confirm=_sure_of("end", t)))
    if buttons:
        shown.append(blocks.actions("decide", *buttons))
    return shown


WAYS = {
    "retry": N_("Try again"),
    "buy_anyway": N_("Buy anyway"),
    "choose_address": N_("Choose an address"),
    "choose_service": N_("Choose another service"),
    "take_over": N_("It is ours"),
}
"""Buttons of the verbs that lead on; ``alternative``, ``add_bundle`` and ``end`` look different."""


def _sure_of(way: str, t: Texts) -> Block | None:
    match way:
        case "end":
            return blocks.confirm(
                t("End the request?"),
                t(
                    "It is not gone on with. A number that is bought stays in the Twilio account and costs money."
                ),
                t("End it"),
                t("Cancel"),
                "danger",
            )
        case "buy_anyway":
            return blocks.confirm(
                t("Buy it anyway?"),
                t("The balance looks too low. Twilio may refuse, or suspend the account when it runs out."),
                t("Buy anyway"),
                t("Cancel"),
            )
    return None


def _alternative(number: Available, carried: OfPurchase, t: Texts) -> Block:
    details = " · ".join(
        part
        for part in (
            number.place,
            t.capabilities(number.capabilities),
            t(ADDRESS_NEEDS[number.address_requirements]),
        )
        if part
    )
    return blocks.section(
        f"*{t.phone(number.phone_number)}*\n{escape(details)}",
        blocks.button("alternative", t("Take this one"), str(replace(carried, choice=number.phone_number))),
        block_id=f"alternative_{number.phone_number}",
    )


def _sure(t: Texts) -> Block:
    return blocks.confirm(
        t("Withdraw the request?"),
        t("The number is not bought, and others can have it."),
        t("Withdraw"),
        t("Keep it"),
        "danger",
    )


async def picture(purchase: Purchase, app: App) -> dict[str, Any]:
    """The message, as the purchase is now."""
    bundle_id = purchase.quote.bundle_id
    bundle = await app.store.bundle(bundle_id) if bundle_id else None
    return view(
        purchase,
        bundle,
        await app.store.approvals_of(purchase),
        app.policy.approve.approvals,
        Texts(app.settings.channel_language),
    )


def begun_again(purchase: Purchase) -> Said:
    """The first line of the thread of a card that takes the place of one that is gone."""
    return say(
        N_(
            "The card of this request was gone or could not be changed any more, so it is posted anew. Where it stands: {state}."
        ),
        state=say(STATES[purchase.state]),
    )
