"""The proof: a test message from the number. Whom it goes to is kept nowhere."""

from typing import Annotated

from pydantic import BeforeValidator

from bot.errors import BotError
from bot.purchases import ready
from bot.texts import N_, Texts
from handlers import blocks, errors, number_field
from handlers.blocks import View
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
    return blocks.modal(
        "card.test",
        t("Test message"),
        [
            blocks.section(f"*{t.phone(purchase.phone_number)}*"),
            blocks.text(
                "to",
                t("Send it to"),
                placeholder="+14155550123",
                hint=t(
                    "A mobile phone at hand, with its country code. The number is used for this message and kept nowhere."
                ),
            ),
        ],
        close=t("Cancel"),
        submit=t("Send"),
        about=str(OfPurchase(purchase.id, purchase.quote_no)),
    )


# what you typed


class Recipient(Form):
    to: Annotated[
        str, BeforeValidator(number_field.e164), needed(N_("Type the number that the message shall go to."))
    ]


# what happens next


async def sent(turn: Turn, form: Recipient) -> None:
    """The intent is written before the acknowledgement; what Twilio says comes to the card and the thread."""
    of, app = OfPurchase.parse(turn.about), turn.app
    purchase = await ready.begin_test(of.purchase_id, of.quote_no, turn.person_id, app)
    reference = (purchase.proof or {})["reference"]
    body = turn.t("Test message from Number Desk ({reference})", reference=reference)
    await turn.done()
    app.later(ready.send_test(purchase, form.to, body, app), errors.in_log("sending a test message"))


Screen("card.test", (Recipient, sent))
on_messages(test=pressed(testing), check=does(ready.check))
