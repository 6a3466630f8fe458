"""A bare Bolt app: one durable row, the same call to Slack, and the acknowledgement. The least that a Slack app can do.

Its settings are the app's; VIEW names a file with the form that ``views.open`` shows, the one that the app showed.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import aiosqlite
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

LOADING = {
    "type": "modal",
    "callback_id": "loading",
    "title": {"type": "plain_text", "text": "One moment"},
    "close": {"type": "plain_text", "text": "Close"},
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Looking for numbers at Twilio…"}}],
}


def app(database: aiosqlite.Connection, form: dict[str, Any]) -> AsyncApp:
    bolt = AsyncApp(
        client=AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"]),
        signing_secret=os.environ.get("SLACK_SIGNING_SECRET", ""),
        request_verification_enabled="PORT" in os.environ,
    )

    async def record(person: str, what: str) -> None:
        await database.execute("INSERT INTO acts (person, what) VALUES (?, ?)", (person, what))
        await database.commit()

    @bolt.command("/twilio")
    async def typed(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await record(body["user_id"], body["text"])
        await client.views_open(trigger_id=body["trigger_id"], view=form)
        await ack()

    @bolt.view("buy_number.find")
    async def submitted(ack: Any, body: dict[str, Any]) -> None:
        await record(body["user"]["id"], json.dumps(body["view"]["state"]["values"]))
        await ack(response_action="update", view=LOADING)

    @bolt.action("approve")
    async def pressed(ack: Any, body: dict[str, Any]) -> None:
        await record(body["user"]["id"], body["actions"][0]["value"])
        await ack()

    return bolt


async def main(form: dict[str, Any]) -> None:
    async with aiosqlite.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
        await database.execute("PRAGMA journal_mode=WAL")
        await database.execute("PRAGMA synchronous=FULL")
        await database.execute(
            "CREATE TABLE acts (id INTEGER PRIMARY KEY, person TEXT NOT NULL, what TEXT NOT NULL)"
        )
        bolt = app(database, form)
        if "PORT" in os.environ:
            runner = web.AppRunner(bolt.web_app("/slack/events"), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
        else:
            socket = AsyncSocketModeHandler(bolt, os.environ["SLACK_APP_TOKEN"])
            await socket.connect_async()  # type: ignore[no-untyped-call]
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(os.environ["VIEW"]).read_text())))
