"""Who answers for a number is somebody else from now on: a page of the card's menu."""

from typing import Annotated

from bot.purchases import operations
from bot.texts import N_, Texts
from handlers import blocks
from handlers.blocks import View
from handlers.card import page as pages
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Screen
from handlers.turn import Turn
from storage.models import Purchase


async def asking(turn: Turn, of: OfPurchase) -> None:
    purchase = await operations.check_hand_over(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    owner = await turn.app.people.name(purchase.owner_id)
    await turn.show(page(purchase, owner, turn.t))


def page(purchase: Purchase, owner: str, t: Texts) -> View:
    """owner: who answers for it now, by name."""
    said = t(
        "{person} answers for this number, and hears of what happens to it. Choose who does from now on.",
        person=owner,
    )
    field = blocks.person(
        "owner", t("New owner"), hint=t("They are told, and may do with it what its owner may.")
    )
    return pages.page(
        "card.hand_over",
        t("Hand over the number"),
        [pages.number(purchase, t, said), field],
        purchase,
        t,
        submit=t("Hand over"),
    )


class HandingOver(Form):
    owner: Annotated[str, needed(N_("Choose who answers for the number from now on."))]


async def handed_over(turn: Turn, form: HandingOver) -> None:
    of = OfPurchase.parse(turn.about)
    await operations.hand_over(of.purchase_id, of.quote_no, turn.person_id, form.owner, turn.app)
    await turn.done()


Screen("card.hand_over", (HandingOver, handed_over))
