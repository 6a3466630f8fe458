"""Screens register themselves: which listener hears what of a view, a message or Home, and Bolt is told of all of them."""

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
    """command: what hears ``/twilio``. Bolt takes the first that fits: what is on a view before what is on a message, and last whatever nobody hears."""
    for module in pkgutil.walk_packages(
        handlers.__path__, "handlers."
    ):  # what is imported has registered itself
        importlib.import_module(module.name)
    bolt.command("/twilio")(_heard(command))
    bolt.event("app_home_opened")(_heard(home_opened))
    for screen in SCREENS:
        on_this = _on_view(screen.callback_id)
        if screen.submitted is not None:
            bolt.view(screen.callback_id)(_submitted(screen.submitted))
        for action_id, listener in screen.actions.items():
            bolt.action(action_id, matchers=[on_this])(_heard(listener))
        for action_id, suggester in screen.suggests.items():
            bolt.options(action_id, matchers=[on_this])(_suggested(suggester))
    for action_id, listener in ON_MESSAGES.items():
        bolt.action(action_id, matchers=[_on_message])(_heard(listener))
    bolt.action(re.compile(""))(_nothing_to_do)


def _heard(listener: Listener) -> Heard:
    async def hear(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
        await listener(Turn(ack, body, client, app, t))

    return hear


def _submitted(submitted: Any) -> Heard:
    form, listener = submitted if isinstance(submitted, tuple) else (None, submitted)

    async def checked(turn: Turn) -> None:
        forms.refuse_control_characters(turn.view)
        await (listener(turn, form.read(turn.view)) if form else listener(turn))

    return _heard(checked)


def _suggested(suggester: Suggester) -> Heard:
    async def suggest(turn: Turn) -> None:
        await turn.ack(options=await suggester(turn))

    return _heard(suggest)


def _on_view(callback_id: str) -> Callable[..., Awaitable[bool]]:
    async def matches(body: dict[str, Any]) -> bool:
        return (body.get("view") or {}).get("callback_id") == callback_id

    return matches


async def _on_message(body: dict[str, Any]) -> bool:
    """Or on Home, which shows the same buttons. A press on a message that only the person sees brings no message along."""
    return (body.get("container") or {}).get("type") == "message" or (body.get("view") or {}).get(
        "type"
    ) == "home"


async def _nothing_to_do(ack: AsyncAck) -> None:
    """A field that only counts when its page is submitted, or a button from before the last deploy."""
    await ack()
