"""What a card's buttons do: each is one verb of ``bot/purchases/operations.py``; the ones that ask for more open a page first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from slack_sdk.errors import SlackApiError

from bot.core import App
from bot.errors import FormErrors, OldButton
from bot.purchases import deciding, operations, releasing
from bot.texts import N_, Texts, say
from handlers import blocks, errors, home
from handlers.blocks import View
from handlers.bundle import details
from handlers.card import owner
from handlers.card import page as pages
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Listener, Screen, on_messages
from handlers.turn import Turn
from storage.models import Purchase

Verb = Callable[[str, int, str, App], Awaitable[Purchase]]
"""Purchase, quote, person: as the verbs of ``bot/purchases/operations.py`` take them."""


def pressed(listener: Callable[[Turn, OfPurchase], Awaitable[None]]) -> Listener:
    """A button of a card, or the same on Home: whatever comes of it, both show the truth afterwards."""

    async def hear(turn: Turn) -> None:
        of = OfPurchase.parse(turn.value)
        try:
            await listener(turn, of)
        finally:
            if (turn.message.get("metadata") or {}).get("event_type") == "purchase":
                turn.app.later(_truth(turn, of.purchase_id), errors.unseen("redrawing a card", turn.app))
            if turn.is_on_home:
                home.again(turn)

    return hear


def does(verb: Verb) -> Listener:
    """A button that asks for nothing more."""

    async def act(turn: Turn, of: OfPurchase) -> None:
        await verb(of.purchase_id, of.quote_no, turn.person_id, turn.app)
        await turn.done()

    return pressed(act)


async def alternative_taken(turn: Turn, of: OfPurchase) -> None:
    await operations.take_alternative(of.purchase_id, of.quote_no, of.choice, turn.person_id, turn.app)
    await turn.done()


async def taken_over(turn: Turn, of: OfPurchase) -> None:
    """Twilio is asked whose the number is once more: after the acknowledgement."""
    await turn.done()

    async def work() -> None:
        await operations.take_over(of.purchase_id, of.quote_no, turn.person_id, turn.app)

    async def tell(error: Exception) -> None:
        said = await errors.sentence(error, turn.app)
        await errors.only_to(turn.client, turn.body, said, turn.t)

    turn.app.later(work(), tell)


# denying


async def denying(turn: Turn, of: OfPurchase) -> None:
    """Asks for the reason; what stands against it is said before anybody types one."""
    purchase = await deciding.check_decidable(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(deny_page(purchase, turn.t))


def deny_page(purchase: Purchase, t: Texts) -> View:
    return pages.page(
        "card.deny",
        t("Deny the request"),
        [
            pages.number(purchase, t),
            pages.reason(t, t("The requester and everybody in the channel can read it.")),
        ],
        purchase,
        t,
        submit=t("Deny"),
    )


class Denial(Form):
    reason: Annotated[str, needed(N_("Say why, so that the requester knows what to change."))]


async def denied(turn: Turn, form: Denial) -> None:
    of = OfPurchase.parse(turn.about)
    await deciding.deny(of.purchase_id, of.quote_no, turn.person_id, form.reason, turn.app)
    await turn.done()


# in an emergency


async def approving_alone(turn: Turn, of: OfPurchase) -> None:
    purchase = await deciding.check_emergency(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(emergency_page(purchase, turn.t))


def emergency_page(purchase: Purchase, t: Texts) -> View:
    price = t.money(purchase.quote.price, purchase.quote.currency)
    said = t(
        "{price} a month is approved in place of everybody who would have to. The channel and the operators are told.",
        price=price,
    )
    reason = pages.reason(t, t("Everybody in the channel can read it."))
    return pages.page(
        "card.approve_alone",
        t("Emergency approval"),
        [pages.number(purchase, t, said), reason],
        purchase,
        t,
        submit=t("Approve"),
    )


class Emergency(Form):
    reason: Annotated[str, needed(N_("Say why it could not wait."))]


async def approved_alone(turn: Turn, form: Emergency) -> None:
    of = OfPurchase.parse(turn.about)
    await deciding.approve_alone(of.purchase_id, of.quote_no, turn.person_id, form.reason, turn.app)
    await turn.done()


# withdrawing and ending: each by a small page, because a menu has one confirmation for all and asks no reason


async def more(turn: Turn) -> None:
    """The menu of a card: its values begin with the verb."""
    verb, _, of = turn.value.partition(":")
    if verb not in MENU:
        raise OldButton()
    await pressed(MENU[verb])(replace(turn, chosen=of))


async def withdrawing(turn: Turn, of: OfPurchase) -> None:
    purchase = await operations.check_withdrawable(of.purchase_id, turn.person_id, turn.app)
    own = turn.person_id in (purchase.requester_id, purchase.owner_id)
    await turn.show(withdraw_page(purchase, turn.t, own=own))


def withdraw_page(purchase: Purchase, t: Texts, *, own: bool) -> View:
    """own: whether it is the person's own request; somebody else's asks for a reason, as denying does."""
    said = t("The number is not bought, and others can have it.")
    shown = [pages.number(purchase, t, said)]
    if not own:
        hint = t("The requester and everybody in the channel can read it.")
        shown.append(pages.reason(t, hint))
    return pages.page(
        "card.withdraw",
        t("Withdraw the request"),
        shown,
        purchase,
        t,
        submit=t("Withdraw"),
    )


class Withdrawal(Form):
    reason: str | None = None


async def withdrawn(turn: Turn, form: Withdrawal) -> None:
    of = OfPurchase.parse(turn.about)
    purchase = await operations.existing(of.purchase_id, turn.app)
    if form.reason is None and turn.person_id not in (purchase.requester_id, purchase.owner_id):
        raise FormErrors({"reason": say(N_("Say why, so that the requester knows what to change."))})
    await operations.withdraw(of.purchase_id, turn.person_id, turn.app, form.reason)
    await turn.done()


async def ending(turn: Turn, of: OfPurchase) -> None:
    purchase = await operations.check_endable(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(end_page(purchase, turn.t))


def end_page(purchase: Purchase, t: Texts) -> View:
    said = t("Nothing is bought, and others can have the number.")
    if not purchase.is_unbought:
        said = t("The number stays in the Twilio account and costs money until it is released there.")
    return pages.page(
        "card.end",
        t("End the request"),
        [pages.number(purchase, t, said)],
        purchase,
        t,
        submit=t("End"),
    )


async def ended(turn: Turn) -> None:
    of = OfPurchase.parse(turn.about)
    await operations.end(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.done()


# releasing: the one thing that cannot be taken back


async def asking_release(turn: Turn, of: OfPurchase) -> None:
    purchase = await releasing.check(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(release_page(purchase, turn.t))


def release_page(purchase: Purchase, t: Texts) -> View:
    said = t(
        "It stops receiving calls and messages at once, and {price} a month is not charged any more. Others may buy it then.",
        price=t.money(purchase.monthly_price, purchase.quote.currency),
    )
    warning = t(
        "This cannot be undone here. The Twilio Console may give the number back for about ten days, if nobody else has taken it."
    )
    return pages.page(
        "card.release",
        t("Release the number"),
        [
            pages.number(purchase, t, said),
            blocks.alert(warning),
            pages.reason(t, t("The requester and everybody in the channel can read it.")),
            blocks.text("digits", t("Last four digits of the number"), max_length=20),
        ],
        purchase,
        t,
        submit=t("Release"),
    )


class Releasing(Form):
    reason: Annotated[str, needed(N_("Say why, so that the requester knows."))]
    digits: Annotated[str, needed(N_("Type the last four digits of the number."))]


async def release_asked(turn: Turn, form: Releasing) -> None:
    of = OfPurchase.parse(turn.about)
    await releasing.begin(of.purchase_id, of.quote_no, turn.person_id, form.reason, form.digits, turn.app)
    await turn.done()


async def showing_bundle(turn: Turn, of: OfPurchase) -> None:
    await details.of_purchase(turn, of.purchase_id)


MENU = {
    "approve_alone": approving_alone,
    "bundle": showing_bundle,
    "hand_over": owner.asking,
    "withdraw": withdrawing,
    "end": ending,
    "release": asking_release,
}


# what was clicked


async def _truth(turn: Turn, purchase_id: str) -> None:
    """A second card of a purchase becomes a pointer to the first; an old picture is drawn again. Rules 8, 20."""
    store, message = turn.app.store, turn.message
    found = await store.card_and_version(purchase_id)
    for _ in range(20):  # what was clicked may be older than our knowledge of the card that took its place
        if found is None or found[0].ts is not None:
            break
        await asyncio.sleep(0.25)
        found = await store.card_and_version(purchase_id)
    if found is None or found[0].ts is None:
        return
    card, version = found
    if card.ts != message["ts"] and not await _pointed(turn, card.permalink or ""):
        return
    seen = (message.get("metadata") or {}).get("event_payload", {}).get("version")
    if card.drawn_version == version and seen != version:
        await store.redraw(purchase_id)


async def _pointed(turn: Turn, link: str) -> bool:
    """The clicked card as a pointer to the one that counts; whether Slack took it."""
    text = Texts(turn.app.settings.channel_language)("This request has another card: {link}", link=link)
    try:
        await turn.client.chat_update(
            channel=turn.body["channel"]["id"],
            ts=turn.message["ts"],
            text=text,
            blocks=[blocks.section(text)],
            metadata={},
        )
    except SlackApiError:
        return False
    return True


Screen("card.deny", (Denial, denied))
Screen("card.approve_alone", (Emergency, approved_alone))
Screen("card.withdraw", (Withdrawal, withdrawn))
Screen("card.end", ended)
Screen("card.release", (Releasing, release_asked))
on_messages(
    approve=does(deciding.approve),
    deny=pressed(denying),
    more=more,
    withdraw=pressed(withdrawing),
    alternative=pressed(alternative_taken),
    retry=does(operations.retry),
    buy_anyway=does(operations.buy_anyway),
    take_over=pressed(taken_over),
    end=pressed(ending),
)
