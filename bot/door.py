"""What the HTTP server takes: how long a caller may need, how much it may send, how many there may be. Whoever is past that is turned
away before anything of ours has read a word."""

import asyncio
import logging
import socket
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

WITHIN = 5.0
"""Seconds for a whole request, from the first byte on; Slack and Twilio send theirs at once."""
IDLE = 75.0
"""Seconds that a connection may lie idle between two requests."""
MOST = 200
"""Connections at once. When one more comes, the one that has waited longest without a whole request is closed: the newest is rather
Slack than who holds them open."""
SLOW_CALLER = 1.0
"""Seconds that a request may still take when the process is told to stop: Slack waits three for it, and asks again."""
BODY = 1024 * 1024
"""Bytes. A view of Slack's has at most 250,000 characters, which percent-encoding makes longer."""
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Door:
    """In front of aiohttp's server, which has limits for sizes and none for time or number (aiohttp 3.14, web_protocol.py)."""

    def __init__(self) -> None:
        self._server: web.Server | None = None
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}  # longest first
        self._open: set[asyncio.Transport] = set()
        self._idle: set[asyncio.Transport] = set()  # of which nothing has come since the last answer

    def application(self) -> web.Application:
        return web.Application(middlewares=[self._whole], client_max_size=BODY)

    def runner(self, application: web.Application) -> web.AppRunner:
        log = logging.getLogger(__name__)
        log.addFilter(_in_one_line)
        return web.AppRunner(
            application, access_log=None, logger=log, shutdown_timeout=SLOW_CALLER, auto_decompress=False
        )

    async def open(self, runner: web.AppRunner, listener: socket.socket) -> asyncio.Server:
        """Raises OSError."""
        self._server = runner.server
        return await asyncio.get_running_loop().create_server(self._guarded, sock=listener, backlog=128)

    def _guarded(self) -> asyncio.Protocol:
        assert self._server is not None
        return _Guarded(self._server(), self)

    # what a connection tells

    def came(self, transport: asyncio.Transport) -> None:
        if len(self._open) >= MOST:
            oldest = next(iter(self._waiting), None)
            (oldest or transport).abort()
            if oldest is None:
                return
            self.left(oldest)
        self._open.add(transport)
        self.is_done(transport)

    def sends(self, transport: asyncio.Transport) -> None:
        if transport in self._idle:  # more of one that has begun gives it no more time
            self._idle.discard(transport)
            self._wait(transport, WITHIN)

    def is_done(self, transport: asyncio.Transport) -> None:
        if transport in self._open:
            self._idle.add(transport)
            self._wait(transport, IDLE)

    def _wait(self, transport: asyncio.Transport, seconds: float) -> None:
        self.has_come(transport)
        self._waiting[transport] = asyncio.get_running_loop().call_later(seconds, self._late, transport)

    def has_come(self, transport: asyncio.Transport) -> None:
        """A whole request: it takes as long as it takes us."""
        if (timer := self._waiting.pop(transport, None)) is not None:
            timer.cancel()

    def left(self, transport: asyncio.Transport) -> None:
        self.has_come(transport)
        self._open.discard(transport)
        self._idle.discard(transport)

    def _late(self, transport: asyncio.Transport) -> None:
        if transport not in self._idle:
            transport.write(TOO_SLOW)
        transport.close()
        asyncio.get_running_loop().call_later(1, transport.abort)  # who does not read either

    @web.middleware
    async def _whole(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing of ours sees a request of which not all is there, or that is no text as Slack and Twilio send it."""
        transport = request.transport
        try:
            await _read(request)
            if transport is not None:
                self.has_come(transport)
            return await handler(request)
        finally:
            if transport is not None:
                self.is_done(transport)


def _in_one_line(record: logging.LogRecord) -> bool:
    """What is no HTTP, or ends in between, is the caller's fault: aiohttp logs a traceback, with what was sent, as it does for a fault of ours."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | ConnectionResetError):
        record.msg, record.args, record.exc_info = "a request was refused: %s", (type(error).__name__,), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


async def _read(request: web.Request) -> None:
    """Raises what is answered to the caller."""
    try:
        body = await request.read()
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError, RuntimeError) as error:
        # no chunks, or no end: aiohttp says that in four ways
        raise web.HTTPBadRequest from error
    is_multipart = request.content_type.startswith("multipart/")  # which aiohttp would read a second time
    if is_multipart or (request.charset or "utf-8").lower() != "utf-8":
        raise web.HTTPUnsupportedMediaType
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise web.HTTPBadRequest from error


class _Guarded(asyncio.Protocol):
    """aiohttp's protocol; the door hears when it begins, is sent something, and ends."""

    def __init__(self, inner: asyncio.Protocol, door: Door) -> None:
        self._inner = inner
        self._door = door
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._door.came(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._transport is not None
        self._door.left(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._door.sends(self._transport)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
