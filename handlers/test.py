"""``/twilio test NUMBER``: the proof for any number of the account. One that was bought here has its card; of another, who asks is told."""

from bot.purchases import foreign
from bot.texts import Texts
from handlers import blocks, errors, loading, number_field
from handlers.blocks import View
from handlers.card import test
from handlers.card.test import Recipient
from handlers.ref import OfPurchase
from handlers.screen import Screen
from handlers.turn import Turn

# what you see


async def asked(turn: Turn) -> None:
    app, number = turn.app, number_field.of_command(turn, "test")
    purchase = await app.store.purchase_owning(app.settings.twilio_account_sid, number)
    if purchase is not None:
        await test.testing(turn, OfPurchase(purchase.id, purchase.quote_no))
        return

    async def work(_: str) -> View:
        await foreign.check_test(number, turn.person_id, app)
        return page(number, turn.t)

    await loading.behind(turn, turn.t("Checking the number at Twilio…"), work)


def page(number: str, t: Texts) -> View:
    return blocks.modal(
        "test",
        t("Test message"),
        [
            blocks.section(f"*{t.phone(number)}*"),
            test.recipient(t),
            blocks.context(
                t("This number was not bought with Number Desk, so it has no card: you are told directly.")
            ),
        ],
        close=t("Cancel"),
        submit=t("Send"),
        about=number,
    )


# what happens next


async def sent(turn: Turn, form: Recipient) -> None:
    """Checked anew behind a loading view, for Twilio is asked; the intent is written before the message goes."""
    app, number = turn.app, turn.about

    async def work(_: str) -> View:
        begun = await foreign.begin_test(number, turn.person_id, app)
        body = test.text(begun.proof, turn.t)
        app.later(foreign.send_test(begun, form.to, body, app), errors.unseen("sending a test message", app))
        return on_its_way(number, turn.t)

    await loading.behind(turn, turn.t("Checking the number at Twilio…"), work)


def on_its_way(number: str, t: Texts) -> View:
    said = t("A test message is on its way. You are told directly what becomes of it.")
    return blocks.modal(
        "test.sent", t("Test message"), [blocks.section(f"*{t.phone(number)}*\n{said}")], close=t("Close")
    )


Screen("test", (Recipient, sent))
