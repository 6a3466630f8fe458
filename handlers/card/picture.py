"""The one message per purchase: approve, deny, progress, outcome. It shows the row and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import FormErrors
from bot.purchases import operations as decisions
from bot.purchases.steps import UNCHECKED, steps_of
from bot.texts import ADDRESS_NEEDS, BUNDLE_STATES, END_USERS, N_, NUMBER_TYPES, Said, Texts, escape, say
from bot.twilio import addresses
from bot.twilio.numbers import Available, from_kept
from handlers import blocks, errors, forms, modal
from handlers.blocks import Block, View
from handlers.bundle import flow as new_bundle
from handlers.buy import review
from handlers.buy.end_user import NEW
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
    value = f"{purchase.id}:{purchase.quote_no}"
    ways = decisions.ways_on(purchase)
    shown = [_alternative(each, value, t) for each in from_kept(purchase.alternatives)]
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
        buttons.append(blocks.button("give_papers", t("Give papers"), value))
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


def _alternative(number: Available, value: str, t: Texts) -> Block:
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
        blocks.button("alternative", t("Take this one"), f"{value}:{number.phone_number}"),
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


# what happens next


def _pressed(body: dict[str, Any]) -> tuple[str, int, str]:
    """Purchase, quote, and what else the button says."""
    purchase_id, quote, *rest = body["actions"][0]["value"].split(":")
    return purchase_id, int(quote), rest[0] if rest else ""


async def approved(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.approve(purchase_id, quote, body["user"]["id"], app)
    await ack()


async def denying(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """Asks for the reason; what stands against it is said before anybody types one."""
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    purchase = await decisions.check_decidable(purchase_id, quote, body["user"]["id"], app)
    await client.views_open(trigger_id=body["trigger_id"], view=deny_page(purchase, t))
    await ack()


def deny_page(purchase: Purchase, t: Texts) -> View:
    return blocks.modal(
        "card.deny",
        t("Deny the request"),
        [
            blocks.section(f"*{t.phone(purchase.phone_number)}*"),
            blocks.text(
                "reason",
                t("Reason"),
                multiline=True,
                max_length=500,
                hint=t("The requester and everybody in the channel can read it."),
            ),
        ],
        close=t("Cancel"),
        submit=t("Deny"),
        about=f"{purchase.id}:{purchase.quote_no}",
    )


async def denied(ack: AsyncAck, body: dict[str, Any], view: View, app: App) -> None:
    reason = forms.answers(view).get("reason")
    if not reason:
        raise FormErrors({"reason": say(N_("Say why, so that the requester knows what to change."))})
    purchase_id, quote = blocks.about(view).split(":")
    await decisions.deny(purchase_id, int(quote), body["user"]["id"], reason, app)
    await ack()


async def withdrawn(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, _, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.withdraw(purchase_id, body["user"]["id"], app)
    await ack()


async def alternative_taken(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, quote, phone_number = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.take_alternative(purchase_id, quote, phone_number, body["user"]["id"], app)
    await ack()


async def retried(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.retry(purchase_id, quote, body["user"]["id"], app)
    await ack()


async def bought_anyway(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.buy_anyway(purchase_id, quote, body["user"]["id"], app)
    await ack()


async def taken_over(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """Twilio is asked whose the number is once more: after the acknowledgement."""
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await ack()

    async def tell(error: Exception) -> None:
        await errors.only_to(client, body, t.said(await errors.sentence(error, app)))

    app.later(_take_over(purchase_id, quote, body["user"]["id"], app), tell)


async def _take_over(purchase_id: str, quote: int, person_id: str, app: App) -> None:
    await decisions.take_over(purchase_id, quote, person_id, app)


async def ended(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    purchase_id, quote, _ = _pressed(body)
    _look_after(purchase_id, body, client, app)
    await decisions.end(purchase_id, quote, body["user"]["id"], app)
    await ack()


async def choosing_address(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """The account's addresses that can fit are asked of Twilio behind a loading view."""
    purchase_id, quote, _ = _pressed(body)
    waiting = modal.loading(t, t("Asking Twilio for the account's addresses…"), f"{purchase_id}:{quote}")
    await client.views_open(trigger_id=body["trigger_id"], view=waiting)
    purchase = await app.store.purchase(purchase_id)
    await ack()
    if purchase is not None:
        external_id = waiting["external_id"]
        app.later(
            _show_addresses(external_id, purchase, client, app, t),
            errors.in_place_of(client, external_id, purchase, app, t),
        )


async def _show_addresses(
    external_id: str, purchase: Purchase, client: AsyncWebClient, app: App, t: Texts
) -> None:
    quote = purchase.quote
    needs = quote.address_requirements if quote.needs_address else "any"
    known = await addresses.known(app.twilio, quote.country, needs)
    if not known:
        said = t(
            "The Twilio account has no address that can fit. Make one in the Twilio Console, then come back."
        )
        page = blocks.modal("card.address", t("Address"), [blocks.alert(said)], close=t("Close"))
    else:
        options = [blocks.option(each.sid, each.label) for each in known[:100]]
        only = options[0]["value"] if len(options) == 1 else None  # one of several may be somebody else's
        page = blocks.modal(
            "card.address",
            t("Address"),
            [
                blocks.section(t("The number {needs}.", needs=t(ADDRESS_NEEDS[needs]))),
                blocks.select("address", t("Address"), options, initial=only),
            ],
            close=t("Cancel"),
            submit=t("Choose"),
            about=f"{purchase.id}:{purchase.quote_no}",
        )
    await modal.late(client, external_id, page)


async def address_chosen(ack: AsyncAck, body: dict[str, Any], view: View, app: App) -> None:
    sid = forms.answers(view).get("address")
    if not sid:
        raise FormErrors({"address": say(N_("Choose an address: the number cannot be bought without one."))})
    purchase_id, quote = blocks.about(view).split(":")
    await decisions.choose_address(purchase_id, int(quote), body["user"]["id"], app, sid)
    await ack()


async def choosing_service(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    purchase_id, quote, _ = _pressed(body)
    page = blocks.modal(
        "card.service",
        t("Messaging service"),
        review.service_fields(app, {}, t),
        close=t("Cancel"),
        submit=t("Choose"),
        about=f"{purchase_id}:{quote}",
    )
    await client.views_open(trigger_id=body["trigger_id"], view=page)
    await ack()


async def service_chosen(ack: AsyncAck, body: dict[str, Any], view: View, app: App) -> None:
    wrong: dict[str, Said] = {}
    chosen = review.service(forms.answers(view), app, wrong)
    if wrong:
        raise FormErrors(wrong)
    purchase_id, quote = blocks.about(view).split(":")
    await decisions.choose_service(
        purchase_id,
        int(quote),
        body["user"]["id"],
        app,
        chosen,
    )
    await ack()


async def giving_papers(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """Which bundles fit is asked of Twilio behind a loading view."""
    purchase_id, quote, _ = _pressed(body)
    await decisions.check_can_add(purchase_id, quote, body["user"]["id"], app)
    waiting = modal.loading(t, t("Asking Twilio for bundles that fit…"), f"{purchase_id}:{quote}")
    await client.views_open(trigger_id=body["trigger_id"], view=waiting)
    purchase = await app.store.purchase(purchase_id)
    await ack()
    if purchase is not None:
        external_id = waiting["external_id"]
        app.later(
            _show_papers(external_id, purchase, client, app, t),
            errors.in_place_of(client, external_id, purchase, app, t),
        )


async def _show_papers(
    external_id: str, purchase: Purchase, client: AsyncWebClient, app: App, t: Texts
) -> None:
    quote = purchase.quote
    kinds = [quote.end_user_type] if quote.end_user_type else list(END_USERS)
    found = [await bundles.fitting(app, quote.country, quote.number_type, kind) for kind in kinds]
    fitting = [bundle for of_kind in found for bundle in of_kind]
    own = await app.store.bundle(quote.bundle_id) if quote.bundle_id else None
    shown: list[Block] = []
    if own is not None and own.status in bundles.EDITABLE:
        name = "continue" if own.status == bundles.DRAFT else "fix"
        text = t("Continue") if own.status == bundles.DRAFT else t("Fix and resubmit")
        shown.append(
            blocks.section(
                t.said(bundles.why_waiting(own)),
                blocks.button(name, text, f"{own.id}|{purchase.id}", "primary"),
            )
        )
    options = [blocks.bundle_option(each, t) for each in fitting[:99]]
    for kind in kinds:
        text = (
            t("A new bundle") if quote.end_user_type else t("A new bundle, {type}", type=t(END_USERS[kind]))
        )
        value = NEW if quote.end_user_type else f"{NEW}:{kind}"
        options.append(blocks.option(value, text, t("Its pages come next")))
    shown.append(blocks.select("bundle", t("Bundle"), options, initial=options[0]["value"]))
    page = blocks.modal(
        "card.papers",
        t("Give papers"),
        shown,
        close=t("Cancel"),
        submit=t("Choose"),
        about=f"{purchase.id}:{purchase.quote_no}",
    )
    await modal.late(client, external_id, page)


async def papers_given(
    ack: AsyncAck, body: dict[str, Any], view: View, client: AsyncWebClient, app: App, t: Texts
) -> None:
    """A bundle of the account's, or a new one: its pages come next, and it is given to the purchase as it is begun."""
    sid = forms.answers(view).get("bundle")
    purchase_id, quote = blocks.about(view).split(":")
    person_id = body["user"]["id"]
    if sid and sid.partition(":")[0] == NEW:
        await app.policy.check_bundles(person_id, app.people)
        purchase = await decisions.check_can_add(purchase_id, int(quote), person_id, app)
        waiting = modal.loading(t, t("Asking Twilio what this country wants to know…"), blocks.about(view))
        await ack(response_action="update", view=waiting)
        external_id = waiting["external_id"]

        async def begin() -> None:
            kind = sid.partition(":")[2] or purchase.quote.end_user_type
            made = await new_bundle.begun_for(purchase, app, t, person_id, f"~{external_id[:6]}", kind)
            await modal.late(client, external_id, made)

        app.later(begin(), errors.in_place_of(client, external_id, purchase, app, t))
        return
    bundle = await app.store.bundle_by_sid(app.settings.twilio_account_sid, sid) if sid else None
    if bundle is None:
        raise FormErrors({"bundle": say(N_("Choose a bundle."))})
    await decisions.give_bundle(purchase_id, int(quote), person_id, app, bundle)
    await ack()


def _look_after(purchase_id: str, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    """Whatever comes of the click, what was clicked shall show the truth afterwards."""
    app.later(_truth(purchase_id, body, client, app), errors.in_log("redrawing a card"))


async def _truth(purchase_id: str, body: dict[str, Any], client: AsyncWebClient, app: App) -> None:
    """A second card of a purchase becomes a pointer to the first; an old picture is drawn again. Rules 8, 20."""
    clicked = body["message"]["ts"]
    card = await app.store.card_of(purchase_id)
    for _ in range(20):  # what was clicked may be older than our knowledge of the card that took its place
        if card is None or card.ts is not None:
            break
        await asyncio.sleep(0.25)
        card = await app.store.card_of(purchase_id)
    purchase = await app.store.purchase(purchase_id)
    if card is None or card.ts is None or purchase is None:
        return
    if card.ts != clicked:
        t = Texts(app.settings.channel_language)
        text = t("This request has another card: {link}", link=card.permalink or "")
        try:
            await client.chat_update(
                channel=body["channel"]["id"],
                ts=clicked,
                text=text,
                blocks=[blocks.section(text)],
                metadata={},
            )
        except SlackApiError:
            return
    seen = (body["message"].get("metadata") or {}).get("event_payload", {}).get("version")
    if card.drawn_version == purchase.version and seen != purchase.version:
        await app.store.redraw(purchase_id)
