"""``/twilio status``: a person's requests, and where each of them stands."""

from bot.texts import N_, Said, Texts, phone, say
from handlers import blocks, rich
from handlers.blocks import Block
from handlers.card.picture import Around, around, first_line
from handlers.turn import Turn
from storage.models import Card, Purchase, State

SHOWN = 20
LONGEST = 300
"""Letters of why one waits: twenty of them have to fit into one message."""


async def asked(turn: Turn) -> None:
    """Live ones first, then what has ended, newest first; Home has the rest."""
    store, t = turn.app.store, turn.t
    purchases = await store.requests_of(turn.person_id, SHOWN)
    if not purchases:
        said = t("You have asked for no number yet. Begin with `/twilio buy-number`.")
        await turn.ack(response_type="ephemeral", text=said)
        return
    cards = await store.cards_of([each.id for each in purchases])
    shown = [line(each, await around(each, turn.app), cards.get(each.id), t) for each in purchases]
    more = blocks.context(t("All of them: open Number Desk's Home."))
    await turn.ack(
        response_type="ephemeral",
        text=t("Your requests"),
        blocks=[blocks.header(t("Your requests")), *shown, more],
    )


def line(purchase: Purchase, around: Around, card: Card | None, t: Texts) -> Block:
    """Where it stands, in one or two lines, with a link to its card."""
    elements = rich.headline(_stands(purchase, around), t, around.names)
    if card is not None and card.permalink:
        elements += [rich.text("  "), rich.link(card.permalink, t("See the request"))]
    why = purchase.problem or purchase.waiting
    if why is not None:
        said = "".join(each.get("text", "") for each in rich.said(why, t, around.names))
        elements.append(rich.text("\n" + blocks.cut(said, LONGEST)))
    return rich.block(rich.section(*elements), rich.quote(blocks.cut(purchase.purpose, 100)))


def _stands(purchase: Purchase, around: Around) -> Said:
    """The card's first line, but for one that waits: there the card says who asks, and here that is the reader."""
    if purchase.state == State.AWAITING_APPROVAL:
        return say(N_("{number}: waiting for approval"), number=phone(purchase.phone_number))
    return first_line(purchase, around.bundle, around.names)
