"""Sends what is owed: lines in a card's thread, direct messages, news of bundles and for the operators."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core import Services
from bot.texts import Texts
from handlers import alerts, blocks
from storage.models import Delivery


async def post(delivery: Delivery, client: AsyncWebClient, services: Services) -> str | None:
    """The message's ``ts``. In the channel's language, or the person's for a direct message. Raises the SDK's errors."""
    channel = delivery.address
    t = Texts(services.settings.channel_language)
    more: dict[str, Any] = {}
    link = None
    card = await services.store.card_of(delivery.purchase_id) if delivery.purchase_id else None
    if delivery.kind == "thread":
        assert card is not None and card.ts is not None
        channel, more = card.channel, {"thread_ts": card.ts}
    elif delivery.kind in ("direct", "bundle_direct"):
        channel = await services.people.dm_channel(delivery.address)
        t = await services.people.texts(delivery.address)
        link = card.permalink if card else None
    if delivery.bundle_id and delivery.kind in ("bundle", "bundle_direct"):
        bundle = await services.store.bundle(delivery.bundle_id)
        assert bundle is not None
        message = await alerts.bundle_news(delivery.message, bundle, services, t)
    else:
        text = t.said(delivery.message)
        if link:
            see = t("See the request")
            text = f"{text} <{link}|{see}>"
        message = {"text": blocks.cut(text, 4000), "blocks": [blocks.section(text)]}
    posted = await client.chat_postMessage(
        channel=channel,
        unfurl_links=False,
        unfurl_media=False,
        **message,
        **more,
    )
    ts: str | None = posted["ts"]
    return ts
