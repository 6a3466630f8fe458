"""How a payload reaches the app: over one of its websockets, or to its request URL; three seconds to acknowledge."""

import asyncio
import copy
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.slack.faults import Faults
from sandbox.slack.signed_http import NotTaken, SignedHttp
from sandbox.slack.socket_mode import NobodyConnected, Sockets
from sandbox.slack.validate import LIMITS
from sandbox.slack.workspace import Json, Workspace

PATIENCE = float(LIMITS["timing"]["ack_seconds"])
LATE = PATIENCE + 0.5


@dataclass
class Acknowledged:
    """``body``: what the app answered with; None when there was nothing. ``error``: what the person sees instead."""

    body: Any = None
    error: str | None = None
    milliseconds: float = 0.0
    no_retry: bool = False


@dataclass
class Retry:
    """Of an event: which attempt this is, and why the one before failed."""

    attempt: int = 0
    reason: str = ""


@dataclass
class Delivery:
    workspace: Workspace
    faults: Faults
    calls: list[Json]
    event_retries: Sequence[float] = tuple(LIMITS["timing"]["event_retries"])
    """Seconds before the second, third and fourth attempt at an event."""
    http: SignedHttp = field(default_factory=SignedHttp)
    sockets: Sockets = field(init=False)
    _tasks: set["asyncio.Task[Any]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sockets = Sockets(self.workspace)

    async def deliver(self, kind: str, payload: Json, retry: Retry | None = None) -> Acknowledged:
        """kind: slash_commands, interactive or events_api."""
        began = time.monotonic()
        fault = self.faults.of_delivery()
        if fault == "disconnect" and not self.http.request_url:
            await self.sockets.renew()
        if fault == "late":
            self.later(self._deliver_late(kind, payload))
            await asyncio.sleep(PATIENCE)
            answer = Acknowledged(error="operation_timeout")
        else:
            answer = await self._sent(kind, payload, retry or Retry(), twice=fault == "twice")
        self._record(kind, payload, answer, began, retry=retry.attempt if retry else 0)
        return answer

    async def _deliver_late(self, kind: str, payload: Json) -> None:
        """The app gets it when nobody waits for it any more."""
        await asyncio.sleep(LATE)
        began = time.monotonic()
        answer = await self._sent(kind, payload, Retry(), twice=False)
        self._record(kind, payload, answer, began, late=True)

    def _record(self, kind: str, payload: Json, answer: Acknowledged, began: float, **more: Any) -> None:
        answer.milliseconds = (time.monotonic() - began) * 1000
        self.calls.append(
            {
                "at": time.time(),
                "delivery": kind,
                "type": payload.get("type", kind),
                "milliseconds": round(answer.milliseconds, 1),
                "error": answer.error,
                "answer": copy.deepcopy(answer.body),
                **_submitted(payload),
                **more,
            }
        )

    async def _sent(self, kind: str, payload: Json, retry: Retry, *, twice: bool) -> Acknowledged:
        attempt, reason = retry.attempt, retry.reason
        try:
            if self.http.request_url:
                if twice:
                    self.later(self._sent(kind, payload, retry, twice=False))
                body = await self.http.send(kind, payload, PATIENCE, attempt=attempt, reason=reason)
            else:
                body = await self.sockets.send(
                    kind, payload, PATIENCE, twice=twice, attempt=attempt, reason=reason
                )
        except TimeoutError:
            return Acknowledged(error="operation_timeout")
        except NotTaken as error:
            return Acknowledged(error=f"http_status_{error.status}", no_retry=error.no_retry)  # [assumed]
        except ValueError:
            return Acknowledged(error="invalid_command_response")  # JSON that is none [assumed]
        except (NobodyConnected, aiohttp.ClientError):
            return Acknowledged(error="dispatch_failed")
        return Acknowledged(body)

    # events: nobody waits for them, and they are tried again

    def announce(self, event: Json) -> None:
        """Delivers an event in the background."""
        self.later(self._announced(event))

    async def _announced(self, event: Json) -> None:
        retry = Retry()
        for wait in (*self.event_retries, None):
            answer = await self.deliver("events_api", event, retry)
            if answer.error is None or answer.no_retry or wait is None:
                return
            await asyncio.sleep(wait)
            retry = Retry(retry.attempt + 1, self._reason(answer.error))

    def _reason(self, error: str) -> str:
        if error == "operation_timeout":
            return "http_timeout" if self.http.request_url else "timeout"
        return "http_error" if error.startswith("http_status_") else "connection_failed"

    # tasks and the end

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.sockets.close()
        await self.http.close()


def _submitted(payload: Json) -> Json:
    """What a submission carried, for whoever wants to know what the app was told."""
    if payload.get("type") != "view_submission":
        return {}
    view = payload["view"]
    return {"callback_id": view["callback_id"], "values": copy.deepcopy(view["state"]["values"])}
