"""Slack's rate limits: a burst, then a steady rate; ``Retry-After`` in whole seconds."""

import math
import time


class Bucket:
    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def take(self) -> int:
        """0 when the call may pass, else the seconds to wait."""
        moment = time.monotonic()
        self._left = min(self._burst, self._left + (moment - self._at) * self._per_second)
        self._at = moment
        if self._left >= 1:
            self._left -= 1
            return 0
        return math.ceil((1 - self._left) / self._per_second)
