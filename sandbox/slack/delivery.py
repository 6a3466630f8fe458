"""How a payload reaches the app: over one of its websockets, or as a signed HTTP request; three seconds to acknowledge."""

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from sandbox.slack.faults import Faults
from sandbox.slack.workspace import APP_ID, Json, Workspace

PATIENCE = 3.0
LATE = 3.5


@dataclass
class Acknowledged:
    """``body``: what the app answered with; None when there was nothing. ``error``: what the person sees instead."""

    body: Any = None
    error: str | None = None
    milliseconds: float = 0.0


@dataclass
class Delivery:
    workspace: Workspace
    faults: Faults
    calls: list[Json]
    request_url: str | None = None
    signing_secret: str = ""
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _waiting: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)
    _tickets: set[str] = field(default_factory=set)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _session: aiohttp.ClientSession | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def deliver(self, kind: str, payload: Json) -> Acknowledged:
        """kind: slash_commands, interactive or events_api."""
        began = time.monotonic()
        fault = self.faults.of_delivery()
        if fault == "disconnect":
            await self.refresh()
        if fault == "late":
            await asyncio.sleep(LATE)  # the app gets it when nobody waits any more
        send = self._by_http if self.request_url else self._by_socket
        answer = await send(kind, payload, twice=fault == "twice")
        if fault == "late":
            answer = Acknowledged(error="operation_timeout")
        answer.milliseconds = (time.monotonic() - began) * 1000
        self.calls.append(
            {
                "at": time.time(),
                "delivery": kind,
                "type": payload.get("type", kind),
                "milliseconds": round(answer.milliseconds, 1),
                "error": answer.error,
                "answer": answer.body,
            }
        )
        return answer

    # Socket Mode

    def open_ticket(self, base: str) -> str:
        ticket = secrets.token_hex(12)
        self._tickets.add(ticket)
        return f"{base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP_ID}"

    async def socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.discard(ticket)  # single use [assumed]
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self._sockets.append(socket)
        self._count()
        try:
            await socket.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self._sockets),
                    "connection_info": {"app_id": APP_ID},
                    "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
                }
            )
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._acknowledged(json.loads(message.data))
        finally:
            with contextlib.suppress(ValueError):
                self._sockets.remove(socket)
            self._count()
        return socket

    def _count(self) -> None:
        self.workspace.connections = len(self._sockets)
        self.workspace.tell({"type": "state"})

    def _acknowledged(self, said: Json) -> None:
        future = self._waiting.get(said.get("envelope_id", ""))
        if future is not None and not future.done():
            future.set_result(said.get("payload"))

    async def _by_socket(self, kind: str, payload: Json, twice: bool) -> Acknowledged:
        if not self._sockets:
            return Acknowledged(error="dispatch_failed")
        socket = self._sockets[next(self._turn) % len(self._sockets)]
        envelope_id = secrets.token_hex(8)
        envelope = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": True,
            "payload": payload,
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": 0, "retry_reason": ""}
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            for _ in range(2 if twice else 1):
                await socket.send_json(envelope)
            return Acknowledged(await asyncio.wait_for(future, PATIENCE))
        except TimeoutError:
            return Acknowledged(error="operation_timeout")
        except ConnectionError:
            return Acknowledged(error="dispatch_failed")
        finally:
            del self._waiting[envelope_id]

    async def refresh(self) -> None:
        """Asks every connection to be made anew, as Slack does every few hours."""
        for socket in list(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
        for _ in range(100):
            await asyncio.sleep(0.02)
            if self._sockets:
                break

    # HTTP

    async def _by_http(self, kind: str, payload: Json, twice: bool) -> Acknowledged:
        assert self.request_url is not None
        if kind == "slash_commands":
            body, content_type = urlencode(payload), "application/x-www-form-urlencoded"
        elif kind == "interactive":
            body, content_type = (
                urlencode({"payload": json.dumps(payload)}),
                "application/x-www-form-urlencoded",
            )
        else:
            body, content_type = json.dumps(payload), "application/json"
        if self._session is None:
            self._session = aiohttp.ClientSession()
        if twice:
            task = asyncio.create_task(self._ignored(body, content_type))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.wait_for(self._sent(body, content_type), PATIENCE)
        except TimeoutError:
            return Acknowledged(error="operation_timeout")
        except aiohttp.ClientError:
            return Acknowledged(error="dispatch_failed")

    async def _ignored(self, body: str, content_type: str) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            await self._sent(body, content_type)

    async def _sent(self, body: str, content_type: str) -> Acknowledged:
        assert self._session is not None and self.request_url is not None
        stamp = str(int(time.time()))
        signed = hmac.new(self.signing_secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signed.hexdigest()}",
        }
        async with self._session.post(self.request_url, data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                return Acknowledged(error=f"http_status_{answer.status}")
            if not text:
                return Acknowledged()
            if "json" in answer.content_type:
                return Acknowledged(json.loads(text))
            return Acknowledged({"text": text})

    async def close(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        for task in list(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.close()
