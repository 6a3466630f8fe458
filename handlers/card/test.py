"""The proof: a test message from the number. Whom it goes to is kept nowhere."""

from typing import Annotated

from pydantic import BeforeValidator

from bot.errors import BotError
from bot.purchases import ready
from bot.texts import N_, Texts
from bot.twilio import messages
from handlers import blocks, errors, number_field
from handlers.blocks import Block, View
from handlers.card import page as pages
from handlers.card.decide import does, pressed
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.models import Purchase

# what you see


class NotBoughtHere(BotError):
    text = N_(
        "{number} was not bought with Number Desk, so there is no card that could carry the proof. `/twilio check {number}` tells what is missing."
    )


async def asked(turn: Turn) -> None:
    """``/twilio test NUMBER``"""
    app, number = turn.app, number_field.of_command(turn, "test")
    purchase = await app.store.purchase_owning(app.settings.twilio_account_sid, number)
    if purchase is None:
        raise NotBoughtHere(number=number)
    await testing(turn, OfPurchase(purchase.id, purchase.quote_no))


async def testing(turn: Turn, of: OfPurchase) -> None:
    purchase = await ready.check_test(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(page(purchase, turn.t))


def page(purchase: Purchase, t: Texts) -> View:
    return pages.page(
        "card.test",
        t("Test message"),
        [
            pages.number(purchase, t),
            blocks.text(
                "to",
                t("Send it to"),
                placeholder="+14155550123",
                hint=t(
                    "A mobile phone at hand, with its country code. The number is used for this message and kept nowhere."
                ),
            ),
            *ways(purchase, t),
        ],
        purchase,
        t,
        submit=t("Send"),
    )


def ways(purchase: Purchase, t: Texts) -> list[Block]:
    """By WhatsApp or as a text, where there is a choice."""
    options = [blocks.option(each, t(WAYS[each])) for each in ready.ways_to_test(purchase)]
    if len(options) < 2:
        return []
    return [blocks.radio("way", t("How"), options, initial=options[0]["value"])]


WAYS = {messages.WHATSAPP: N_("WhatsApp"), messages.SMS: N_("SMS")}


# what you typed


class Recipient(Form):
    to: Annotated[
        str, BeforeValidator(number_field.e164), needed(N_("Type the number that the message shall go to."))
    ]
    way: str | None = None


# what happens next


async def sent(turn: Turn, form: Recipient) -> None:
    """The intent is written before the acknowledgement; what Twilio says comes to the card and the thread."""
    of, app = OfPurchase.parse(turn.about), turn.app
    purchase = await ready.begin_test(of.purchase_id, of.quote_no, turn.person_id, app, form.way)
    reference = (purchase.proof or {})["reference"]
    body = turn.t("Test message from Number Desk ({reference})", reference=reference)
    await turn.done()
    app.later(ready.send_test(purchase, form.to, body, app), errors.unseen("sending a test message", app))


Screen("card.test", (Recipient, sent))
on_messages(test=pressed(testing), check=does(ready.check))
