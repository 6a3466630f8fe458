"""The proof: a test message from the number. Whom it goes to is kept nowhere."""

from typing import Annotated

from pydantic import BeforeValidator

from bot.purchases import ready
from bot.purchases.proof import Proof
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


async def testing(turn: Turn, of: OfPurchase) -> None:
    purchase = await ready.check_test(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(page(purchase, turn.t))


def page(purchase: Purchase, t: Texts) -> View:
    return pages.page(
        "card.test",
        t("Test message"),
        [
            pages.number(purchase, t),
            recipient(t),
            *ways(purchase, t),
        ],
        purchase,
        t,
        submit=t("Send"),
    )


def recipient(t: Texts) -> Block:
    return blocks.text(
        "to",
        t("Send it to"),
        placeholder="+14155550123",
        hint=t(
            "A mobile phone at hand, with its country code. The number is used for this message and kept nowhere."
        ),
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
    body = text(purchase.proof, turn.t)
    await turn.done()
    app.later(ready.send_test(purchase, form.to, body, app), errors.unseen("sending a test message", app))


def text(proof: Proof | None, t: Texts) -> str:
    """With the reference by which it is found again."""
    return t("Test message from Number Desk ({reference})", reference=(proof or {})["reference"])


Screen("card.test", (Recipient, sent))
on_messages(test=pressed(testing), check=does(ready.check))
