"""Only with the setting TEST_CLOCK: the app's time goes with that of a Twilio stand-in, which scripts move by hand."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import aiohttp

from storage.clock import move_to

log = logging.getLogger(__name__)

EVERY = 0.2


@contextlib.asynccontextmanager
async def followed(
    base_url: str, http: aiohttp.ClientSession, moved: Callable[[], None]
) -> AsyncIterator[None]:
    """From the first moment on, so that nothing is done at another time.

    moved: called whenever the time has jumped, for what may be due now.
    """
    address = f"{base_url.rstrip('/')}/twin/clock"
    ahead = await _look(address, http, 0.0)
    following = asyncio.create_task(_follow(address, http, moved, ahead))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        move_to(timedelta(0))


async def _follow(address: str, http: aiohttp.ClientSession, moved: Callable[[], None], ahead: float) -> None:
    while True:
        await asyncio.sleep(EVERY)
        newest = await _look(address, http, ahead)
        if newest != ahead:
            ahead = newest
            moved()


async def _look(address: str, http: aiohttp.ClientSession, ahead: float) -> float:
    """Seconds that the stand-in, and the app from now on, is ahead; as before where it does not say."""
    try:
        async with http.get(address) as answer:
            ahead = float((await answer.json())["ahead"])
    except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
        log.warning("the test clock cannot be read: %s", type(error).__name__)
    move_to(timedelta(seconds=ahead))
    return ahead
