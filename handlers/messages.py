"""Sends what is owed: lines in a card's thread, direct messages, news for the operators."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.texts import Texts
from handlers import blocks
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
    elif delivery.kind == "direct":
        channel = await services.people.dm_channel(delivery.address)
        t = await services.people.texts(delivery.address)
        link = card.permalink if card else None
    text = t.said(delivery.message)
    if link:
        see = t("See the request")
        text = f"{text} <{link}|{see}>"
    posted = await client.chat_postMessage(
        channel=channel,
        text=blocks.cut(text, 4000),
        blocks=[blocks.section(text)],
        unfurl_links=False,
        unfurl_media=False,
        **more,
    )
    ts: str | None = posted["ts"]
    return ts
