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
ANY = re.compile("")


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
    """command: what hears ``/twilio``. One listener of Bolt's for each kind of delivery, for it asks one after another."""
    for module in pkgutil.walk_packages(
        handlers.__path__, "handlers."
    ):  # what is imported has registered itself
        importlib.import_module(module.name)
    submitted = {each.callback_id: _checked(each.submitted) for each in SCREENS if each.submitted is not None}
    pressed = {(each.callback_id, name): hear for each in SCREENS for name, hear in each.actions.items()}
    suggests = {(each.callback_id, name): hear for each in SCREENS for name, hear in each.suggests.items()}

    async def is_sent(body: dict[str, Any]) -> bool:
        return _shown(body) in submitted

    async def is_suggested(body: dict[str, Any]) -> bool:
        return (_shown(body), body["action_id"]) in suggests

    async def send(turn: Turn) -> None:
        await submitted[_shown(turn.body)](turn)

    async def press(turn: Turn) -> None:
        """What is on a view comes before what is on a message."""
        listener = pressed.get((_shown(turn.body), turn.action_id))
        if listener is None and _is_on_message(turn.body):
            listener = ON_MESSAGES.get(turn.action_id)
        await (listener or _nothing_to_do)(turn)

    async def suggest(turn: Turn) -> None:
        await turn.ack(options=await suggests[_shown(turn.body), turn.body["action_id"]](turn))

    bolt.command("/twilio")(_heard(command))
    bolt.event("app_home_opened")(_heard(home_opened))
    bolt.view(ANY, matchers=[is_sent])(_heard(send))
    bolt.options(ANY, matchers=[is_suggested])(_heard(suggest))
    bolt.action({"action_id": ANY})(_heard(press))


def _heard(listener: Listener) -> Heard:
    async def hear(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
        await listener(Turn(ack, body, client, app, t))

    return hear


def _checked(submitted: Any) -> Listener:
    form, listener = submitted if isinstance(submitted, tuple) else (None, submitted)

    async def checked(turn: Turn) -> None:
        forms.refuse_control_characters(turn.view)
        await (listener(turn, form.read(turn.view)) if form else listener(turn))

    return checked


def _shown(body: dict[str, Any]) -> str:
    """The ``callback_id`` of the view that it is on."""
    return str((body.get("view") or {}).get("callback_id") or "")


def _is_on_message(body: dict[str, Any]) -> bool:
    """Or on Home, which shows the same buttons. A press on a message that only the person sees brings no message along."""
    return (body.get("container") or {}).get("type") == "message" or (body.get("view") or {}).get(
        "type"
    ) == "home"


async def _nothing_to_do(turn: Turn) -> None:
    """A field that only counts when its page is submitted, or a button from before the last deploy."""
    await turn.ack()
