"""What the app does that is measured: how long it takes and what becomes of it.

Each kind is measured in one place, by ``measured``. Who wants to know (``bot/metrics.py``, ``bot/traces.py``) follows along; as long
as nobody does, it costs nothing. What tells one from another is of few values, and never content or a person.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager as Context
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

ACKNOWLEDGEMENT = "acknowledgement"
"""of something that a person did in Slack; ``kind``: what Slack calls it. Until our answer is ready (``bot/slack/once.py``)"""
STEP = "step"
"""of a purchase; ``step``: the column that it fills (``bot/purchases/worker.py``)"""
CALL = "call"
"""one try; ``platform``, ``method`` (``bot/twilio/client.py``, ``bot/slack/calls.py``)"""
DELIVERY = "delivery"
"""of something that Slack is owed; ``kind``: as in the outbox (``bot/slack/courier.py``)"""

CUT_OFF = "cut off"


@dataclass
class Measured:
    """outcome: in a word or two, of few values; seconds: once it has ended."""

    what: str
    labels: dict[str, str]
    outcome: str = CUT_OFF
    seconds: float = 0.0


class Follower(Protocol):
    def follow(self, it: Measured) -> Context[None]:
        """Entered when it begins, left when it has ended and everything about it is known."""


_followers: list[Follower] = []


@contextmanager
def followed_by(follower: Follower) -> Iterator[None]:
    _followers.append(follower)
    try:
        yield
    finally:
        _followers.remove(follower)


def is_followed() -> bool:
    return bool(_followers)


@contextmanager
def measured(what: str, **labels: str) -> Iterator[Measured]:
    """Whoever is inside says the ``outcome``; an error that passes through and finds none said is one."""
    it = Measured(what, labels)
    began = time.monotonic()
    with ExitStack() as following:
        for each in _followers:
            following.enter_context(each.follow(it))
        try:
            yield it
        except Exception:
            if it.outcome is CUT_OFF:
                it.outcome = "failed"
            raise
        finally:
            it.seconds = time.monotonic() - began
