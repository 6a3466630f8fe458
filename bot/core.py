"""What a listener, a step and the worker may use. Put together in ``bot/app.py``."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession
from twilio.rest import Client

from bot.bundles.memory import BundleMemory
from bot.office import Office
from bot.purchases.policy import Policy
from bot.settings import Settings
from bot.slack.people import People
from bot.twilio.access import Access
from bot.twilio.catalogue import Market
from storage.store import Store

BREATH = 0.05
"""Seconds between two looks at what is to be done: a burst of changes is looked at in a few, not in one each."""

OnError = Callable[[Exception], Awaitable[None]]


@dataclass
class App:
    settings: Settings
    store: Store
    twilio: Client
    people: People
    market: Market
    policy: Policy
    workspace_id: str
    http: ClientSession
    access: Access
    bundle_memory: BundleMemory
    office: Office = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def later(self, work: Coroutine[Any, Any, Any], on_error: OnError) -> None:
        """Does the work after the acknowledgement; an error of it is shown by ``on_error``. Kept until it is done."""

        async def run() -> None:
            try:
                await work
            except Exception as error:
                await on_error(error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, grace: float) -> None:
        """Waits for what was handed on; what takes longer is cut off (its draft or row is there)."""
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=grace)
            for task in unfinished:
                task.cancel()
