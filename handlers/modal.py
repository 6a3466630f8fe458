"""How a modal changes: at once in the answer, late over a loading view, in place. Rule 13."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.texts import Texts
from handlers import blocks
from handlers.blocks import View

NOT_FOUND_FOR = 3.0
"""Seconds in which the answer that shows the loading view may be overtaken by what shall replace it."""

RATE_LIMITED_FOR = 30.0
"""Seconds for which a loading view waits until Slack takes more calls."""


def loading(t: Texts, text: str, about: str) -> View:
    """The view shown while Twilio is asked; its ``external_id`` is where the result goes."""
    return blocks.modal(
        "loading",
        t("One moment"),
        [blocks.section(text)],
        close=t("Close"),
        about=about,
        external_id=secrets.token_hex(12),
    )


async def late(client: AsyncWebClient, external_id: str, view: View) -> None:
    """Replaces the loading view. When the person has closed it nothing is lost: the draft is offered again."""
    await _until_there(lambda: client.views_update(external_id=external_id, view=view))


async def _until_there(update: Callable[[], Awaitable[object]]) -> None:
    began = time.monotonic()
    while True:
        try:
            await update()
            return
        except SlackApiError as error:
            waited, pause = time.monotonic() - began, 0.1
            match error.response.get("error"):
                case "not_found":
                    if waited > NOT_FOUND_FOR:
                        return
                case "ratelimited" if waited < RATE_LIMITED_FOR:
                    pause = float(error.response.headers.get("Retry-After") or 1)
                case _:
                    raise
        await asyncio.sleep(pause)


async def redraw(client: AsyncWebClient, shown: View, view: View) -> None:
    """The page drawn again in place. A view that has changed or gone since ``shown`` was sent to us is left alone."""
    try:
        await client.views_update(view_id=shown["id"], hash=shown["hash"], view=view)
    except SlackApiError as error:
        if error.response.get("error") not in ("hash_conflict", "not_found"):
            raise
