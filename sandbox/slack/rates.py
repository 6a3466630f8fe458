"""Slack's rate limits: a burst, then a steady rate; ``Retry-After`` in whole seconds. The bursts are [assumed]."""

import math
import time

from sandbox.slack.workspace import Json, SlackError, Workspace

TIERS = {2: 20, 3: 50, 4: 100}
"""Calls a minute; the burst is as many again."""
TIER_OF = {
    "chat.update": 3,
    "chat.delete": 3,
    "conversations.info": 3,
    "conversations.open": 3,
    "apps.connections.open": 3,  # or 1: the sources differ
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.list": 2,
    "conversations.list": 2,
}
POSTS_A_SECOND, POSTS_AT_ONCE = 1.0, 10


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


class Rates:
    def __init__(self, workspace: Workspace, *, on: bool) -> None:
        self._workspace = workspace
        self._on = on
        self._buckets: dict[str, Bucket] = {}

    def wait(self, method: str, args: Json) -> int:
        """The seconds that this call has to wait; 0 when it may pass."""
        if not self._on:
            return 0
        if method == "chat.postMessage":
            key = f"{method} {self._channel(args)}"
            per_second, burst = POSTS_A_SECOND, POSTS_AT_ONCE
        else:
            key, burst = method, TIERS[TIER_OF.get(method, 4)]
            per_second = burst / 60
        return self._buckets.setdefault(key, Bucket(per_second, burst)).take()

    def _channel(self, args: Json) -> str:
        """A person's id and their direct messages are one channel."""
        given = str(args.get("channel"))
        try:
            return self._workspace.channel_id(given)
        except SlackError:
            return given
