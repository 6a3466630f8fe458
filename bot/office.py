"""Whether this process is the worker, and what begins and ends with that. Rule 10."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from storage.database import Unavailable
from storage.office import HELD_FOR, OutOfOffice
from storage.store import Store

log = logging.getLogger(__name__)

RENEW = 2.0
LOOK = 1.0
MARGIN = 1.0
"""Seconds before our time has run out in which nothing unsafe is begun any more."""
RELOAD = 30.0

Act = Callable[[], Awaitable[None]]


class Office:
    def __init__(self, store: Store, begin: Act, lost: Act, reload: Act) -> None:
        """begin: what the worker does is started; lost: it is cut off, for another process may be the worker; reload:
        what the worker has refreshed is read from the database, where this process is none."""
        self._store = store
        self._begin = begin
        self._lost = lost
        self._reload = reload
        self._until = 0.0
        self._holds = False
        self._running: list[asyncio.Task[None]] = []

    @property
    def is_ours(self) -> bool:
        return self._holds and monotonic() < self._until

    def check(self) -> None:
        """Before whatever must not be done by two. A process that was frozen finds its time run out. Raises OutOfOffice."""
        if not self.is_ours:
            raise OutOfOffice

    async def start(self) -> None:
        """Where nobody has it, this process is the worker when it returns."""
        await self._look()
        self._running = [asyncio.create_task(self._keep()), asyncio.create_task(self._listen())]

    async def stop(self) -> None:
        """After what the worker does was stopped in order."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._holds:
            self._holds = False
            with contextlib.suppress(Exception):  # its time runs out by itself
                await self._store.leave_office()

    async def _keep(self) -> None:
        reloaded = monotonic()
        while True:
            await asyncio.sleep(RENEW if self._holds else LOOK)
            try:
                await self._look()
                if not self._holds and monotonic() - reloaded > RELOAD:
                    reloaded = monotonic()
                    await self._reload()
            except Unavailable as error:
                log.warning("the office could not be looked at: %s", type(error).__name__)
            except Exception:
                log.exception("the office could not be looked at")

    async def _look(self) -> None:
        asked = monotonic()
        ours = False
        try:
            async with asyncio.timeout(RENEW):
                ours = await (self._store.renew_office() if self._holds else self._store.take_office())
        except Exception as error:
            log.warning("the office could not be held: %s", type(error).__name__)
            if self.is_ours:
                return  # there is time left: the next look may succeed
        if ours:
            self._until = asked + HELD_FOR.total_seconds() - MARGIN
            if not self._holds:
                self._holds = True
                log.info("this process is the worker (epoch %s)", self._store.epoch)
                await self._begin()
        elif self._holds:
            self._holds = False
            log.warning("another process may be the worker by now")
            await self._lost()

    async def _listen(self) -> None:
        """What other processes have committed wakes the worker, as our own commits do. The tick is the net."""
        while not self._store.is_sqlite:
            try:
                async for _ in self._store.heard():
                    self._store.tell()
            except Exception as error:
                log.warning("notifications are not heard: %s", type(error).__name__)
            await asyncio.sleep(LOOK)
