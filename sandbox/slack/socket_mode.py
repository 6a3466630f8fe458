"""Socket Mode: the websockets that the app holds open, and the envelopes sent over them."""

import asyncio
import contextlib
import itertools
import json
import logging
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.slack.validate import LIMITS
from sandbox.slack.workspace import APP_ID, Json, Workspace

log = logging.getLogger(__name__)

MOST: int = LIMITS["timing"]["socket_max_connections"]
PING_EVERY = 15.0
NEW_CONNECTION_WITHIN = 3.0


class NobodyConnected(Exception):
    pass


@dataclass
class Sockets:
    workspace: Workspace
    _open: set[web.WebSocketResponse] = field(default_factory=set)
    _ready: list[web.WebSocketResponse] = field(default_factory=list)
    """Those that take payloads; one that was told to reconnect is open but not ready."""
    _waiting: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)
    _tickets: set[str] = field(default_factory=set)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def new_address(self, base: str) -> str:
        ticket = str(uuid.uuid4())
        self._tickets.add(ticket)
        return f"{base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP_ID}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.discard(ticket)  # single use [assumed]
        socket = web.WebSocketResponse(heartbeat=PING_EVERY)
        await socket.prepare(request)
        if len(self._ready) >= MOST:
            await self._tell(socket, "too_many_websockets", num_connections=len(self._ready) + 1)
            await socket.close()
            return socket
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._ready) + 1,
                "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
                "connection_info": {"app_id": APP_ID},
            }
        )
        self._open.add(socket)
        self._ready.append(socket)
        self._arrived.set()
        self._count()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            self._open.discard(socket)
            with contextlib.suppress(ValueError):
                self._ready.remove(socket)
            self._count()
        return socket

    def _count(self) -> None:
        self.workspace.connections = len(self._ready)
        self.workspace.tell({"type": "state"})

    def _acknowledged(self, text: str) -> None:
        try:
            said = json.loads(text)
            future = self._waiting.get(said.get("envelope_id", ""))
        except (ValueError, AttributeError):
            log.warning("the app sent no acknowledgement but %.80r", text)
            return
        if future is not None and not future.done():
            future.set_result(said.get("payload"))

    async def send(
        self, kind: str, payload: Json, patience: float, *, twice: bool, attempt: int, reason: str
    ) -> Any:
        """The acknowledgement's payload. Raises NobodyConnected, TimeoutError."""
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            # the documentation shows true for clicks, the SDK's samples false; no client looks at it
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = future
        try:
            async with asyncio.timeout(patience):
                await self._to_any(envelope)
                if twice:
                    await self._to_any(envelope)
                return await future
        finally:
            del self._waiting[envelope["envelope_id"]]

    async def _to_any(self, envelope: Json) -> None:
        """In turn: each payload goes to one connection."""
        first = next(self._turn)
        ready = list(self._ready)
        for i in range(len(ready)):
            socket = ready[(first + i) % len(ready)]
            with contextlib.suppress(ConnectionError):
                await socket.send_json(envelope)
                return
        raise NobodyConnected

    async def renew(self, reason: str = "refresh_requested") -> None:
        """Asks for every connection to be made anew, as Slack does every few hours; waits until one is."""
        leaving = self._ready[:]
        self._ready.clear()
        self._arrived.clear()
        self._count()
        for socket in leaving:
            with contextlib.suppress(ConnectionError):
                await self._tell(socket, reason)
        if leaving:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), NEW_CONNECTION_WITHIN)
        for socket in leaving:
            await socket.close()

    @staticmethod
    async def _tell(socket: web.WebSocketResponse, reason: str, **more: Any) -> None:
        await socket.send_json(
            {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}, **more}
        )

    async def close(self) -> None:
        for socket in list(self._open):
            await socket.close()
