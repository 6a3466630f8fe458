"""Bolt's app with the one thing that it lacks: a delivery that comes twice is answered once."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot import logs
from bot.measuring import ACKNOWLEDGEMENT, measured

REMEMBERED = 60.0
"""Seconds. An answer may hold what was typed, so it is kept no longer than Slack tries again. Rule 25."""

KINDS = ("block_actions", "view_submission", "view_closed", "block_suggestion")


class OnceApp(AsyncApp):
    """Slack may deliver a command, click or submission again; the second one gets the answer of the first.

    Told apart by ``trigger_id``, new for everything that a person does, together with a digest of the whole body.
    """

    _answers: dict[tuple[str, bytes], "asyncio.Future[BoltResponse]"]
    about: Callable[[Mapping[str, Any]], Mapping[str, str]] = staticmethod(lambda body: {})
    """What a delivery is about, for the log."""

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Whatever is done for one delivery, what it hands on included, is one turn in the log. Nothing may follow our answer
        (rule 12), so the time until it is there is the time until Slack has the acknowledgement."""
        with (
            logs.about(turn=secrets.token_hex(4), **self.about(req.body)),
            measured(ACKNOWLEDGEMENT, kind=_kind(req.body)) as it,
        ):
            answer = await self._once(req)
            it.outcome = str(answer.status)
        return answer

    async def _once(self, req: AsyncBoltRequest) -> BoltResponse:
        trigger_id = req.body.get("trigger_id")
        if not trigger_id:
            return await super().async_dispatch(req)
        if not hasattr(self, "_answers"):
            self._answers = {}
        key = (str(trigger_id), hashlib.sha256(req.raw_body.encode()).digest())
        earlier = self._answers.get(key)
        if earlier is not None:
            answer = await earlier
            if answer.status == 200:
                return answer
        loop = asyncio.get_running_loop()
        future: asyncio.Future[BoltResponse] = loop.create_future()
        self._answers[key] = future
        loop.call_later(REMEMBERED, self._answers.pop, key, None)
        try:
            answer = await super().async_dispatch(req)
        except BaseException:
            answer = BoltResponse(status=500)
            raise
        finally:
            future.set_result(answer)
        return answer


def _kind(body: Mapping[str, Any]) -> str:
    if "command" in body:
        return "command"
    if "event" in body:
        return "event"
    kind = body.get("type")
    return str(kind) if kind in KINDS else "other"
