"""Screens register themselves: which listener hears what of a view, a message or Home. Bolt tells a press from a submission, and each is
looked up here: Bolt itself would ask one listener after the other, and gather for each what it may want (docs/performance.md)."""

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

import handlers
from bot.core import App
from bot.texts import Texts
from handlers import forms
from handlers.blocks import Option
from handlers.forms import Form
from handlers.turn import Turn

Listener = Callable[[Turn], Awaitable[None]]
Suggester = Callable[[Turn], Awaitable[list[Option]]]
Heard = Callable[..., Awaitable[None]]

ANY = re.compile("")
SCREENS: "list[Screen]" = []
ON_MESSAGES: dict[str, Listener] = {}


@dataclass(frozen=True)
class Screen:
    """A view, by its ``callback_id``.

    submitted: what hears its submission, alone or with the form that its answers have to fit; actions: what hears a press or a choice
    that fires at once, by ``action_id``; suggests: what fills a type-ahead.
    """

    callback_id: str
    submitted: "Listener | tuple[type[Form], Callable[[Turn, Any], Awaitable[None]]] | None" = None
    actions: Mapping[str, Listener] = field(default_factory=dict)
    suggests: Mapping[str, Suggester] = field(default_factory=dict)

    def __post_init__(self) -> None:
        SCREENS.append(self)


def on_messages(**listeners: Listener) -> None:
    """What hears a button on a message, by ``action_id``."""
    ON_MESSAGES.update(listeners)


def add_to(bolt: AsyncApp, command: Listener, home_opened: Listener) -> None:
    """command: what hears ``/twilio``. What is on a view is heard before what is on a message."""
    for module in pkgutil.walk_packages(
        handlers.__path__, "handlers."
    ):  # what is imported has registered itself
        importlib.import_module(module.name)
    submissions: dict[str, Listener] = {}
    presses: dict[tuple[str, str], Listener] = {}
    suggestions: dict[tuple[str, str], Listener] = {}
    for screen in SCREENS:
        if screen.submitted is not None:
            submissions[screen.callback_id] = _submitted(screen.submitted)
        presses |= {(screen.callback_id, name): each for name, each in screen.actions.items()}
        suggestions |= {
            (screen.callback_id, name): _suggested(each) for name, each in screen.suggests.items()
        }

    async def submitted(turn: Turn) -> None:
        await submissions[_callback_id(turn.body)](turn)

    async def pressed(turn: Turn) -> None:
        on_message = ON_MESSAGES.get(turn.action_id) if _is_on_message(turn.body) else None
        heard = presses.get((_callback_id(turn.body), turn.action_id), on_message)
        await (heard or _nothing_to_do)(turn)

    async def suggested(turn: Turn) -> None:
        await suggestions[_callback_id(turn.body), turn.body["action_id"]](turn)

    async def is_submitted(body: dict[str, Any]) -> bool:
        return _callback_id(body) in submissions

    async def is_suggested(body: dict[str, Any]) -> bool:
        return (_callback_id(body), body.get("action_id")) in suggestions

    bolt.command("/twilio")(_heard(command))
    bolt.event("app_home_opened")(_heard(home_opened))
    bolt.view(ANY, matchers=[is_submitted])(_heard(submitted))
    bolt.options(ANY, matchers=[is_suggested])(_heard(suggested))
    bolt.action(ANY)(_heard(pressed))


def _heard(listener: Listener) -> Heard:
    async def hear(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
        await listener(Turn(ack, body, client, app, t))

    return hear


def _submitted(submitted: Any) -> Listener:
    form, listener = submitted if isinstance(submitted, tuple) else (None, submitted)

    async def checked(turn: Turn) -> None:
        forms.refuse_control_characters(turn.view)
        await (listener(turn, form.read(turn.view)) if form else listener(turn))

    return checked


def _suggested(suggester: Suggester) -> Listener:
    async def suggest(turn: Turn) -> None:
        await turn.ack(options=await suggester(turn))

    return suggest


def _callback_id(body: dict[str, Any]) -> str:
    return str((body.get("view") or {}).get("callback_id") or "")


def _is_on_message(body: dict[str, Any]) -> bool:
    """Or on Home, which shows the same buttons. A press on a message that only the person sees brings no message along."""
    return (body.get("container") or {}).get("type") == "message" or (body.get("view") or {}).get(
        "type"
    ) == "home"


async def _nothing_to_do(turn: Turn) -> None:
    """A field that only counts when its page is submitted, or a button from before the last deploy."""
    await turn.done()
