"""``/twilio`` and its subcommands."""

import difflib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.errors import CannotCheck, NotAllowed
from bot.folding import folded
from bot.slack.people import People
from bot.texts import N_, escape
from handlers import account, atlas, check, doctor, status, test
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
    may: Callable[[Turn], Awaitable[bool]] | None = None
    """who is shown it by ``help``; none: everybody"""


async def received(turn: Turn) -> None:
    name, *words = _words(turn.body.get("text") or "") or ["help"]
    subcommand = SUBCOMMANDS.get(name.lower())
    if subcommand is not None:
        await subcommand.run(replace(turn, words=tuple(words)))
        return
    said = turn.t("There is no `{word}`.", word=escape(name.replace("`", "")))
    if near := _nearest(name.lower(), words):
        said += " " + turn.t("Did you mean `/twilio {name}`?", name=near)
    await _help(turn, said)


def _nearest(name: str, words: list[str]) -> str | None:
    """``buy number US`` means ``buy-number US``; so do ``buy``, ``number`` and ``buynumbr``."""
    two = f"{name}-{words[0].lower()}" if words else ""
    if two in SUBCOMMANDS:
        return escape(" ".join((two, *words[1:])).replace("`", ""))
    part = next((each for each in SUBCOMMANDS if name in each.split("-")), None)
    near = [part] if part else difflib.get_close_matches(name, SUBCOMMANDS, n=1, cutoff=0.5)
    return escape(" ".join((near[0], *words)).replace("`", "")) if near else None


def _words(text: str) -> list[str]:
    """Folded (rule 37). Slack wraps numbers and links as ``<tel:+34...|+34 ...>``; people do not mean the wrapping."""
    plain = re.sub(r"<(?:tel:)?([^|>]*)(?:\|[^>]*)?>", r"\1", text)
    return folded(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).split()


async def _help(turn: Turn, said: str | None = None) -> None:
    """What this person may do."""
    lines = [
        f"`/twilio {each.usage}` – {turn.t(each.help)}"
        for each in SUBCOMMANDS.values()
        if each.may is None or await each.may(turn)
    ]
    if await _may(turn.app.policy.check_approver, turn):
        lines.append(turn.t("You may approve requests: they wait for you in Number Desk's Home."))
    text = "\n".join(lines)
    shown = [section(said)] if said else []
    await turn.ack(
        response_type="ephemeral",
        text=f"{said}\n{text}" if said else text,
        blocks=[*shown, section(text)],
    )


async def _may(check: Callable[[str, People], Awaitable[None]], turn: Turn) -> bool:
    """What cannot be told at the moment is shown: it says so itself when it is used."""
    try:
        await check(turn.person_id, turn.app.people)
    except NotAllowed:
        return False
    except CannotCheck:
        pass
    return True


async def _may_ask(turn: Turn) -> bool:
    return await _may(turn.app.policy.check_ask, turn)


async def _is_operator(turn: Turn) -> bool:
    try:
        return await turn.app.policy.is_operator(turn.person_id, turn.app.people)
    except CannotCheck:
        return True


async def _may_make_bundles(turn: Turn) -> bool:
    return await _may(turn.app.policy.check_bundles, turn)


SUBCOMMANDS = {
    "buy-number": Subcommand(
        "buy-number [country] [digits]",
        N_("ask for a number: choose it, and send it for approval"),
        find.opened,
        _may_ask,
    ),
    "bundles": Subcommand(
        "bundles",
        N_("the account's regulatory bundles: where each stands, continue, fix, renew, delete"),
        allowed(bundles.opened),
        _may_make_bundles,
    ),
    "new-bundle": Subcommand(
        "new-bundle [country]",
        N_("give the documents that a country asks for before a number can be bought"),
        allowed(start.opened),
        _may_make_bundles,
    ),
    "check": Subcommand(
        "check NUMBER", N_("what still keeps a number of the account from texting"), check.opened, _may_ask
    ),
    "test": Subcommand(
        "test NUMBER", N_("a test message from a number of the account"), test.asked, _may_ask
    ),
    "atlas": Subcommand(
        "atlas COUNTRY",
        N_("what a country asks of whom, and which senders reach its phones"),
        atlas.opened,
        _may_ask,
    ),
    "account": Subcommand(
        "account", N_("the Twilio account: type, balance, numbers and their cost"), account.opened, _may_ask
    ),
    "doctor": Subcommand(
        "doctor",
        N_("what of the installation is well, and how the rest is mended"),
        doctor.opened,
        _is_operator,
    ),
    "status": Subcommand("status", N_("your requests, and where each of them stands"), status.asked),
    "help": Subcommand("help", N_("this list"), _help),
}
