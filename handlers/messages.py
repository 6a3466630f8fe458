"""What is owed, as Slack shows it: lines in a card's thread, direct messages, news of bundles and for the operators."""

from typing import Any

from bot.core import App
from bot.texts import N_, Texts
from handlers import blocks, rich
from handlers.blocks import Block
from handlers.bundle import news
from storage.models import Card, Outgoing

BUTTONS = {
    "ask_again": N_("Change and ask again"),
    "withdraw": N_("Withdraw…"),
    "fix": N_("Fix and resubmit"),
}
"""What a message may offer beside its link, by ``action_id``."""


async def compose(row: Outgoing, card: Card | None, app: App) -> dict[str, Any]:
    """``text``, ``blocks`` and perhaps ``metadata``, in the channel's language, or the person's for a direct message.

    card: that of its purchase, to which a direct message has a link. Nobody is pinged but whom the sentence mentions.
    """
    t = Texts(app.settings.channel_language)
    link = None
    if row.kind in ("direct", "bundle_direct"):
        t = await app.people.texts(row.address)
        link = card.permalink if card else None
    if row.bundle_id and row.kind in ("bundle", "bundle_direct"):
        bundle = await app.store.bundle(row.bundle_id)
        assert bundle is not None
        return await news.bundle_news(row.message, bundle, app, t)
    names = await app.people.names(rich.people_in(row.message))
    text, line = t.said(row.message, names), rich.said(row.message, t, names)
    if link:
        see = t("See the request")
        text = f"{text} <{link}|{see}>"
        line += [rich.text(" "), rich.link(link, see)]
    message = {"text": blocks.cut(text, 4000), "blocks": [rich.block(rich.section(*line)), *_offer(row, t)]}
    return {**message, "reply_broadcast": True} if row.message.get("broadcast") else message


def _offer(row: Outgoing, t: Texts) -> list[Block]:
    offer = row.message.get("offer")
    if offer is None:
        return []
    value = row.purchase_id or ""
    if offer == "fix":  # of its bundle
        value = f"{row.bundle_id}|{value}"
    return [blocks.actions("offer", blocks.button(offer, t(BUTTONS[offer]), value))]
