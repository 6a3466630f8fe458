"""Time, chance, wire and disk of one simulated run: all of it follows from the seed.

simloop has the event loop, its virtual time and its network. What it leaves out is here: the wall clock goes with the loop's time, what is
random comes from the seed, aiosqlite works without its thread, and a process can be killed as the kernel does it: nothing of it runs any
more, not even what would tidy up. simloop is pinned, for some of its inner names are used.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import random
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import aiosqlite.core
import time_machine
from simloop import SimLoop
from simloop._loop import _host_of
from simloop._net import _current_host
from simloop._transports import _SimStreamTransport

from storage.sqlite import Cursor

BEGIN = datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp()
LATENCY = (0.001, 0.012)
"""Seconds from one machine to another, each way."""
COMMITTED_WITHIN = 0.003
WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")


class Nothing:
    """In place of simloop's record of every decision: a story of our own is kept, and a run has a million of them."""

    def record(self, *_: Any) -> None: ...


class Loop(SimLoop):
    """``kills``: what decides, before and after each commit of a process, whether it dies there."""

    def __init__(self, seed: int, wall: Any) -> None:
        super().__init__(seed)
        self._recorder = Nothing()
        self._wall = wall
        self._ahead = 0.0
        self._dead: set[str] = set()
        self._connections: dict[str, list[sqlite3.Connection]] = defaultdict(list)
        self._written: dict[Any, set[str]] = defaultdict(set)
        self._kept: list[Any] = []
        self.chance = random.Random(f"{seed}/disk")
        self.at_commit: Callable[[str, set[str]], bool] = lambda *_: False
        """Asked before and after each commit, with "before" or "after" and the tables that it has written: whether the process that
        commits dies now."""
        self.net.set_defaults(latency=LATENCY)
        self.set_exception_handler(self._in_the_log)

    # time

    def _advance_clock(self) -> None:
        super()._advance_clock()
        self._set_wall()

    def _set_wall(self) -> None:
        self._wall.move_to(BEGIN + self._now + self._ahead)

    def step_clock(self, seconds: float) -> None:
        """The wall clock of all machines, forwards or back; what counts seconds does not notice."""
        self._ahead += seconds
        self._set_wall()

    # processes

    def _step(self) -> None:
        if not self._ready:
            self._advance_clock()
        *_, handle, _ = self._ready.pop(self._policy.choose(self._ready_views))
        if not handle.cancelled() and _host_of(handle) not in self._dead:
            handle._run()

    def kill(self, process: str) -> None:
        """``kill -9``: its connections are cut, its transactions undone, and none of its tasks takes another step."""
        self._dead.add(process)
        self._kept += self.net._tasks[process]  # one that is forgotten would be closed, and tidy up
        for conn, name, port in list(self.net._streams):
            if name == process:
                transport = self.net._streams[conn, name, port]
                transport._send("rst")
                transport._closing = transport._closed = True
                self.net._drop_stream(conn, name, port)
        for conn, pending in list(self.net._pending.items()):
            if pending.local[0] == process:
                del self.net._pending[conn]
        for connection in self._connections.pop(process, ()):
            connection.close()

    # files

    def execute(self, process: str, future: Any, function: Callable[[], Any]) -> None:
        """What aiosqlite's thread would do."""
        commits, written = self._writes(function)
        if process in self._dead or (commits and self.at_commit("before", written)):
            return
        try:
            result = function()
        except BaseException as error:
            answer = partial(aiosqlite.core.set_exception, future, error)
        else:
            answer = partial(aiosqlite.core.set_result, future, result)
            if isinstance(result, sqlite3.Connection):
                self._connections[process].append(result)
        if commits and self.at_commit("after", written):
            return
        if future is None:
            return
        if commits:
            self.call_later(self.chance.uniform(0, COMMITTED_WITHIN), answer)
        else:
            self.call_soon(answer)

    def _writes(self, function: Any) -> tuple[bool, set[str]]:
        """Whether it commits, and the tables that the transaction has written until then."""
        asked = getattr(function, "func", None)
        name, of = getattr(asked, "__name__", ""), getattr(asked, "__self__", None)
        if name in ("commit", "rollback"):
            return name == "commit", self._written.pop(of, set())
        if isinstance(of, Cursor) and (found := WRITES.search(function.args[1])):
            self._written[of._connection._conn].add(found[1])
        return False, set()

    # servers, and what goes wrong unseen

    async def create_server(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        """One that says where it listens, for aiohttp asks."""
        more.pop("reuse_address", None)
        more.pop("reuse_port", None)
        server = await super().create_server(protocol_factory, host, port, **more)
        type(server).sockets = property(  # type: ignore[assignment, method-assign]
            lambda self: (SimpleNamespace(getsockname=lambda: (self._host, self._port)),)
        )
        return server

    def _in_the_log(self, _: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logging.getLogger("asyncio").error(context.get("message", "failed"), exc_info=error)


class Queue:
    """In place of aiosqlite's queue and thread."""

    def __init__(self) -> None:
        self._process = _current_host.get()

    def put_nowait(self, asked: tuple[Any, Callable[[], Any]]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.execute(self._process, *asked)


class NoThread:
    daemon = True

    def __init__(self, **_: Any) -> None: ...

    def start(self) -> None: ...


def _write(transport: Any, data: Any) -> None:
    """To a connection that has ended: lost, as with asyncio's own; simloop's raises."""
    if data and not (transport._eof_sent or transport._closing or transport._closed):
        transport._send("data", bytes(data))


@contextlib.contextmanager
def simulated(seed: int) -> Iterator[Loop]:
    """The loop, with all that is random or asks for the time in this process bound to it. For one run of a process: it is not undone."""
    chance = random.Random(f"{seed}/bytes")
    os.urandom = random._urandom = chance.randbytes  # type: ignore[attr-defined]
    random.seed(f"{seed}/random")
    aiosqlite.core.SimpleQueue, aiosqlite.core.Thread = Queue, NoThread  # type: ignore[assignment, misc]
    _SimStreamTransport.write = _write  # type: ignore[assignment]
    fcntl.flock = lambda *_: None  # the file's lock dies with the process, and ours lives on
    with time_machine.travel(BEGIN, tick=False) as wall:
        loop = Loop(seed, wall)
        VIRTUAL.append(loop)
        asyncio.set_event_loop(loop)
        yield loop


VIRTUAL: list[Loop] = []
real_monotonic = time.monotonic


def _monotonic() -> float:
    return 1000.0 + VIRTUAL[-1]._now if VIRTUAL else real_monotonic()


def bind_time() -> None:
    """Before anything of the app is imported, which may take the function by its name."""
    time.monotonic = time.perf_counter = _monotonic
