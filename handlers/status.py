"""``/twilio status``: a person's purchases, and where each of them stands."""

from bot.texts import Texts
from handlers import blocks
from handlers.card.picture import STATES
from handlers.turn import Turn
from storage.models import Card, Purchase

SHOWN = 20


async def asked(turn: Turn) -> None:
    store, t = turn.app.store, turn.t
    purchases = await store.purchases_of(turn.person_id, SHOWN)
    if not purchases:
        await turn.ack(
            response_type="ephemeral",
            text=t("You have asked for no number yet. Begin with `/twilio buy-number`."),
        )
        return
    cards = await store.cards_of([each.id for each in purchases])
    lines = [_line(each, cards.get(each.id), t) for each in purchases]
    await turn.ack(
        response_type="ephemeral",
        text=t("Your requests"),
        blocks=[blocks.header(t("Your requests")), *(blocks.section(line) for line in lines)],
    )


def _line(purchase: Purchase, card: Card | None, t: Texts) -> str:
    line = f"*{t.phone(purchase.phone_number)}* ({t.country(purchase.quote.country)}): {t(STATES[purchase.state])}"
    why = purchase.waiting or purchase.problem
    if why is not None:
        line += f"\n{t.said(why)}"
    if card is not None and card.permalink:
        see = t("See the request")
        line += f"\n<{card.permalink}|{see}>"
    return line
