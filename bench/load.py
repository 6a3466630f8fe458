"""A load at a steady rate, and what it finds."""

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import aiohttp

from bench.processes import Process

IN_TIME = 3000.0
"""Milliseconds after which Slack tells the person that it did not work."""


@dataclass(frozen=True)
class Found:
    """Milliseconds from when each was due until its acknowledgement; what the process worked for each; how many came too late, or never.

    The share of a core is ``work`` times the rate.
    """

    p50: float
    p99: float
    longest: float
    work: float
    late: float

    @classmethod
    def median(cls, runs: Sequence["Found"]) -> "Found":
        """Of several runs, figure by figure."""
        names = (each.name for each in fields(cls))
        return cls(*(statistics.median(getattr(each, name) for each in runs) for name in names))


async def under_load(
    process: Process, rate: float, deliveries: Sequence[Callable[[], Awaitable[Any]]]
) -> Found:
    """An open loop: each is sent when it is due, whether those before were answered or not, so that a stall is not hidden by waiting it out."""
    waits: list[float] = []

    async def one(due: float, deliver: Callable[[], Awaitable[Any]]) -> None:
        try:
            await deliver()
        except (TimeoutError, aiohttp.ClientError):
            waits.append(math.inf)
        else:
            waits.append((time.perf_counter() - due) * 1000)

    before, began = process.cpu_seconds(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for nth, deliver in enumerate(deliveries):
            due = began + nth / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due, deliver))
    work = (process.cpu_seconds() - before) * 1000 / len(waits)
    waits.sort()
    late = sum(each > IN_TIME for each in waits)
    return Found(waits[len(waits) // 2], waits[len(waits) * 99 // 100], waits[-1], work, late)
