"""``/twilio`` and its subcommands."""

import difflib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.folding import folded
from bot.texts import N_
from handlers import status
from handlers.blocks import section
from handlers.bundle import list as bundles
from handlers.bundle import start
from handlers.bundle.flow import allowed
from handlers.buy import find
from handlers.turn import Turn


@dataclass(frozen=True)
class Subcommand:
    usage: str
    help: str
    run: Callable[[Turn], Awaitable[None]]


async def received(turn: Turn) -> None:
    name, *words = _words(turn.body.get("text") or "") or ["help"]
    subcommand = SUBCOMMANDS.get(name.lower())
    if subcommand is not None:
        await subcommand.run(replace(turn, words=tuple(words)))
        return
    near = difflib.get_close_matches(name.lower(), SUBCOMMANDS, n=1, cutoff=0.5)
    said = turn.t("There is no `{word}`.", word=name.replace("`", ""))
    if near:
        said += " " + turn.t("Did you mean `/twilio {name}`?", name=near[0])
    await _help(turn, said)


def _words(text: str) -> list[str]:
    """Folded (rule 37). Slack wraps numbers and links as ``<tel:+34...|+34 ...>``; people do not mean the wrapping."""
    plain = re.sub(r"<(?:tel:)?([^|>]*)(?:\|[^>]*)?>", r"\1", text)
    return folded(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).split()


async def _help(turn: Turn, said: str | None = None) -> None:
    text = "\n".join(f"`/twilio {each.usage}` – {turn.t(each.help)}" for each in SUBCOMMANDS.values())
    shown = [section(said)] if said else []
    await turn.ack(
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
        "bundles",
        N_("the account's regulatory bundles: go on with them, mend, send, delete"),
        allowed(bundles.opened),
    ),
    "new-bundle": Subcommand(
        "new-bundle [country]",
        N_("give the papers that a country asks for before a number can be bought"),
        allowed(start.opened),
    ),
    "status": Subcommand("status", N_("your requests, and where each of them stands"), status.asked),
    "help": Subcommand("help", N_("this list"), _help),
}
