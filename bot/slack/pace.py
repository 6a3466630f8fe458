"""Keeping to Slack's rates: a bucket of turns that fills at a steady rate."""

import asyncio
import time


class Pace:
    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._turns = float(burst)
        self._filled_at = time.monotonic()
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Returns when it is our turn; in the order of asking."""
        async with self._queue:
            self._fill()
            if self._turns < 1:
                await asyncio.sleep((1 - self._turns) / self._per_second)
                self._fill()
            self._turns -= 1

    def give_back(self) -> None:
        """The turn was not needed."""
        self._turns += 1

    def _fill(self) -> None:
        moment = time.monotonic()
        self._turns = min(self._burst, self._turns + (moment - self._filled_at) * self._per_second)
        self._filled_at = moment
