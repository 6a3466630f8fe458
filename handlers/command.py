"""``/twilio`` and its subcommands."""

import difflib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.texts import N_, Texts
from handlers import status
from handlers.blocks import section
from handlers.bundle import list as bundles
from handlers.bundle import start
from handlers.buy import find


@dataclass(frozen=True)
class Subcommand:
    usage: str
    help: str
    run: Callable[..., Awaitable[None]]


async def received(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    name, *words = _words(body.get("text") or "") or ["help"]
    subcommand = SUBCOMMANDS.get(name.lower())
    if subcommand is None:
        near = difflib.get_close_matches(name.lower(), SUBCOMMANDS, n=1, cutoff=0.5)
        said = t("There is no `{word}`.", word=name.replace("`", ""))
        if near:
            said += " " + t("Did you mean `/twilio {name}`?", name=near[0])
        await _help(ack, t, said)
        return
    await subcommand.run(ack=ack, body=body, client=client, app=app, t=t, words=words)


def _words(text: str) -> list[str]:
    """Slack wraps numbers and links as ``<tel:+34...|+34 ...>``; people do not mean the wrapping."""
    return re.sub(r"<(?:tel:)?([^|>]*)(?:\|[^>]*)?>", r"\1", text).split()


async def helped(*, ack: AsyncAck, t: Texts, **_: Any) -> None:
    await _help(ack, t)


async def _help(ack: AsyncAck, t: Texts, said: str | None = None) -> None:
    lines = [f"`/twilio {each.usage}` – {t(each.help)}" for each in SUBCOMMANDS.values()]
    text = "\n".join(lines)
    shown = [section(said)] if said else []
    await ack(
        response_type="ephemeral",
        text=f"{said}\n{text}" if said else text,
        blocks=[*shown, section(text)],
    )


SUBCOMMANDS = {
    "buy-number": Subcommand(
        "buy-number [country] [digits]",
        N_("ask for a number: choose it, say who uses it, send it for approval"),
        find.opened,
    ),
    "bundles": Subcommand(
        "bundles", N_("the account's regulatory bundles: go on with them, mend, send, delete"), bundles.opened
    ),
    "new-bundle": Subcommand(
        "new-bundle [country]",
        N_("give the papers that a country asks for before a number can be bought"),
        start.opened,
    ),
    "status": Subcommand("status", N_("your requests, and where each of them stands"), status.asked),
    "help": Subcommand("help", N_("this list"), helped),
}
