"""What the pages over a card share: whose number it is, and the quote that the card showed, which they are about."""

from collections.abc import Sequence

from bot.texts import Texts
from handlers import blocks
from handlers.blocks import Block, View
from handlers.ref import OfPurchase
from storage.models import Purchase


def page(
    callback_id: str, title: str, shown: Sequence[Block], purchase: Purchase, t: Texts, *, submit: str
) -> View:
    return blocks.modal(
        callback_id,
        title,
        shown,
        close=t("Cancel"),
        submit=submit,
        about=str(OfPurchase(purchase.id, purchase.quote_no)),
    )


def number(purchase: Purchase, t: Texts, said: str = "") -> Block:
    """The number, and below it what there is to say. said: of the catalogue."""
    return blocks.section(f"*{t.phone(purchase.phone_number)}*" + (f"\n{said}" if said else ""))


def reason(t: Texts, hint: str) -> Block:
    """Why, in up to 500 letters. hint: who can read it, of the catalogue."""
    return blocks.text("reason", t("Reason"), multiline=True, max_length=500, hint=hint)
