"""Signed POSTs from Twilio to the app (twins 5.4, 8.2, 8.3): 15 seconds, one retry when nobody listens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urldefrag

import aiohttp

from sandbox.twilio.faults import Faults
from sandbox.twilio.state import Callback

TIMEOUT, LATE = 15.0, 5.0
log = logging.getLogger(__name__)


def signature(auth_token: str, url: str, form: dict[str, str]) -> str:
    """``X-Twilio-Signature``: HMAC-SHA1 over the address without fragment, then names and values in byte order."""
    data = urldefrag(url)[0] + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), data.encode(), hashlib.sha1).digest()).decode()


class Callbacks:
    """Delivers in the background; what was sent, and how it ended, stays in ``sent``."""

    def __init__(self, faults: Faults, now: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._faults, self._now, self._changed = faults, now, changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Callback] = []
        self.sent: deque[dict[str, Any]] = deque(maxlen=1000)

    def send(self, callback: Callback) -> None:
        """Queue it. A held-back one goes out after the next, or after five seconds."""
        what = self._faults.for_callback()
        if what == "lost":
            self._note(callback, "lost")
        elif what == "late":
            self._held.append(callback)
            self._spawn(self._release_later(callback))
        else:
            token = uuid.uuid4().hex
            batch = [(callback, token)] * (2 if what == "twice" else 1)
            batch += [(held, uuid.uuid4().hex) for held in self._held]
            self._held.clear()
            self._spawn(self._deliver(batch))

    async def settled(self) -> None:
        """Wait until everything under way has been delivered or given up (for tests)."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._held.clear()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, callback: Callback, outcome: str | int) -> None:
        self.sent.append(
            {
                "at": self._now().isoformat(),
                "kind": callback.kind,
                "url": callback.url,
                "form": callback.form,
                "outcome": outcome,
            }
        )
        self._changed()

    async def _release_later(self, callback: Callback) -> None:
        await asyncio.sleep(LATE)
        if callback in self._held:
            self._held.remove(callback)
            await self._deliver([(callback, uuid.uuid4().hex)])

    async def _deliver(self, batch: list[tuple[Callback, str]]) -> None:
        """One after the other, so that what was held back really comes out of order."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for callback, token in batch:
                headers = {
                    "X-Twilio-Signature": signature(callback.auth_token, callback.url, callback.form),
                    "I-Twilio-Idempotency-Token": token,
                    "User-Agent": "TwilioProxy/1.1",
                }
                outcome: str | int = "failed"
                for _ in range(2):
                    try:
                        url = urldefrag(callback.url)[0]
                        async with session.post(url, data=callback.form, headers=headers) as answer:
                            outcome = answer.status
                            break
                    except TimeoutError:
                        outcome = "timeout"
                        break
                    except (aiohttp.ClientError, ValueError) as error:
                        outcome = f"failed: {error}"
                if outcome not in range(200, 300):
                    log.warning("callback to %s: %s", callback.url, outcome)
                self._note(callback, outcome)
