"""What one command, press or submission brings, and the ways to answer it. Rule 13.

A listener takes a turn, reads, records, and answers by one of these: ``done``, ``show``, ``redraw``, ``close``, or behind a loading
view (``handlers/loading.py``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.texts import Texts
from handlers import errors, forms
from handlers.blocks import View
from handlers.forms import Answers


@dataclass
class Turn:
    ack: AsyncAck
    body: dict[str, Any]
    client: AsyncWebClient
    app: App
    t: Texts
    words: tuple[str, ...] = ()
    """Of a command, those after the subcommand."""
    chosen: str | None = None
    """Of a menu whose lines name what to do, what the chosen one is about."""

    # what it brings

    @property
    def person_id(self) -> str:
        if "event" in self.body:
            return str(self.body["event"]["user"])
        return str(self.body["user"]["id"] if "user" in self.body else self.body["user_id"])

    @property
    def view(self) -> View:
        """The view that was sent, or on which something was pressed."""
        view: View = self.body["view"]
        return view

    @property
    def is_on_view(self) -> bool:
        """A modal; what is pressed on Home opens one."""
        return (self.body.get("view") or {}).get("type") == "modal"

    @property
    def is_on_home(self) -> bool:
        return (self.body.get("view") or {}).get("type") == "home"

    @property
    def message(self) -> dict[str, Any]:
        """On which something was pressed; empty for one that only the person sees."""
        message: dict[str, Any] = self.body.get("message") or {}
        return message

    @property
    def about(self) -> str:
        """What the view carries."""
        return str(self.view["private_metadata"])

    @property
    def action_id(self) -> str:
        return str(self.body["actions"][0]["action_id"])

    @property
    def value(self) -> str:
        """What the pressed button, or the chosen line of a menu, carries."""
        if self.chosen is not None:
            return self.chosen
        action = self.body["actions"][0]
        chosen = action.get("selected_option") or action
        return str(chosen.get("value") or "")

    @property
    def answers(self) -> Answers:
        return forms.answers(self.view)

    def mark(self, name: str) -> str:
        """What stands behind the name in this field's ``block_id``: kept when the page is drawn again in place."""
        return forms.mark_of(self.view, name)

    # answers

    async def done(self) -> None:
        """Nothing is to be seen here; a submitted view closes."""
        await self.ack()

    async def close(self) -> None:
        """Every view of the person's stack."""
        await self.ack(response_action="clear")

    async def show(self, view: View) -> None:
        """Where the person looks: in place of the view that was sent or pressed, or opened over a message or a command."""
        if self.body.get("type") == "view_submission":
            await self.ack(response_action="update", view=view)
            return
        if self.is_on_view:
            await self._in_place(view)
        else:
            await self.client.views_open(trigger_id=self.body["trigger_id"], view=view)
        await self.ack()

    async def redraw(self, draw: Callable[[], Awaitable[View]]) -> None:
        """The page as ``draw`` makes it of the row, in place; acknowledges.

        Where another press has changed the view meanwhile, it is drawn of the row as it is by then: whoever comes last has seen
        every choice, so that no page is left showing an older one.
        """
        try:
            if not await self._in_place(await draw()):
                await self._in_place(await draw(), whatever_is_there=True)
        except SlackApiError as error:
            if error.response.get("error") != "ratelimited":
                raise
            wait = float(error.response.headers.get("Retry-After") or 1)
            self.app.later(self._drawn_late(draw, wait), errors.unseen("drawing a page late", self.app))
        await self.ack()

    async def _drawn_late(self, draw: Callable[[], Awaitable[View]], wait: float) -> None:
        """Once Slack takes more calls; the page goes on working meanwhile, with what it shows."""
        await asyncio.sleep(wait)
        await self._in_place(await draw(), whatever_is_there=True)

    async def _in_place(self, view: View, *, whatever_is_there: bool = False) -> bool:
        """False where the view has changed since it was sent to us. One that is closed is left alone."""
        shown = self.view
        as_it_was = {} if whatever_is_there else {"hash": shown["hash"]}
        try:
            await self.client.views_update(view_id=shown["id"], view=view, **as_it_was)
        except SlackApiError as error:
            if error.response.get("error") == "hash_conflict":
                return False
            if error.response.get("error") != "not_found":
                raise
        return True
