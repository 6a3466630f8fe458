"""Only with the setting TEST_CLOCK: the app's time goes with that of a Twilio stand-in, which scripts move by hand."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

import aiohttp

from storage.clock import move_to

log = logging.getLogger(__name__)

EVERY = 0.2


async def follow(base_url: str, http: aiohttp.ClientSession, moved: Iterable[Callable[[], None]]) -> None:
    """Until it is cancelled. moved: called whenever the time has jumped, for what may be due now."""
    ahead = 0.0
    try:
        while True:
            try:
                async with http.get(f"{base_url.rstrip('/')}/twin/clock") as answer:
                    newest = float((await answer.json())["ahead"])
            except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
                log.warning("the test clock cannot be read: %s", type(error).__name__)
            else:
                if newest != ahead:
                    ahead = newest
                    move_to(timedelta(seconds=ahead))
                    for tell in moved:
                        tell()
            await asyncio.sleep(EVERY)
    finally:
        move_to(timedelta(0))
