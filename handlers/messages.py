"""What is owed, as Slack shows it: lines in a card's thread, direct messages, news of bundles and for the operators."""

from typing import Any

from bot.core import App
from bot.texts import Texts
from handlers import blocks
from handlers.bundle import news
from storage.models import Card, Outgoing


async def compose(row: Outgoing, card: Card | None, app: App) -> dict[str, Any]:
    """``text``, ``blocks`` and perhaps ``metadata``, in the channel's language, or the person's for a direct message.

    card: that of its purchase, to which a direct message has a link.
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
    text = t.said(row.message)
    if link:
        see = t("See the request")
        text = f"{text} <{link}|{see}>"
    return {"text": blocks.cut(text, 4000), "blocks": [blocks.section(text)]}
