"""Watches the account's bundles: what has changed, what was made in the Console, what will lapse, what is renewed. Rule 28.

One poll a minute reads the bundles by date of change, newest first, only as far as something is new: it costs one call
whatever the number that waits. One sweep an hour reads all, which finds what was deleted. A callback of Twilio's only
wakes the poll: what it says is not believed, but for the reason in words, which Twilio tells nowhere else.
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot import failures
from bot.bundles import announcements, renewal
from bot.bundles import operations as bundles
from bot.core import App
from bot.twilio.client import TwilioError
from storage.bundle_states import BundleState
from storage.models import Bundle, now

log = logging.getLogger(__name__)

POLL = timedelta(minutes=1)
SWEEP = timedelta(hours=1)
PAGE = 100
LAPSES = (30, 7, 1)
"""Days ahead of ``valid_until`` at which people are told."""


class Watch:
    def __init__(self, app: App) -> None:
        self._app = app
        self._polled_at: datetime | None = None
        self.read_at: datetime | None = None
        """when all that had changed was read last"""
        self._swept_at: datetime | None = None
        self._newest: datetime | None = None
        self._woken = False
        self._polling: asyncio.Task[None] | None = None
        self._unreadable: set[str] = set()

    def wake(self) -> None:
        """Something is said to have changed: look at the next tick."""
        self._woken = True

    async def tick(self) -> None:
        """Every second: begins a poll when it is time. A failure is logged, and tried again a minute later."""
        if self._polling is not None and not self._polling.done():
            return
        if self._woken or self._polled_at is None or now() - self._polled_at >= POLL:
            self._woken = False
            self._polling = asyncio.create_task(self._try_to_poll())

    async def stop(self, grace: float) -> None:
        """Ends after the poll that is under way; what it had not read is read at the next start."""
        if self._polling is not None:
            await asyncio.wait([self._polling], timeout=grace)
            self._polling.cancel()

    async def _try_to_poll(self) -> None:
        try:
            await self.poll()
            self.read_at = now()
        except TwilioError as error:
            log.warning("the bundles could not be read: %s", error)
        except Exception as error:
            await failures.tell(self._app, "watching the bundles", error)

    async def poll(self) -> None:
        self._polled_at = now()
        try:
            if self._swept_at is None or now() - self._swept_at >= SWEEP:
                await self._sweep()
            else:
                await self._read_changed()
            await renewal.carry_on(self._app)
        finally:
            await self._warn_of_lapses()

    # reading

    async def _read_changed(self) -> None:
        known = await self._known()
        asked_at = now()
        context = self._app.twilio.numbers.v2.regulatory_compliance.bundles
        page: Any = await context.page_async(sort_by="date-updated", sort_direction="DESC", page_size=PAGE)
        newest, all_read = self._newest, True
        while True:
            found = list(page)
            fresh = [each for each in found if _is_new(each, known.get(each.sid))]
            for each in fresh:
                all_read &= await self._observe(each, known.get(each.sid), asked_at)
            dates = [bundles.aware(each.date_updated) for each in found]
            newest = max([at for at in (newest, *dates) if at is not None], default=None)
            oldest = dates[-1] if dates else None
            if not fresh or oldest is None or (self._newest is not None and oldest <= self._newest):
                break
            page = await page.next_page_async()
            if page is None:
                break
        if all_read:
            self._newest = newest

    async def _sweep(self) -> None:
        """All of them. The first one of an account makes it known: what is found before is no news."""
        self._unreadable.clear()
        asked_at = now()
        context = self._app.twilio.numbers.v2.regulatory_compliance.bundles
        found: list[Any] = await context.list_async(
            sort_by="date-updated", sort_direction="DESC", page_size=1000
        )
        known, all_read = await self._known(), True
        for each in found:
            if _is_new(each, known.get(each.sid)):
                all_read &= await self._observe(each, known.get(each.sid), asked_at)
        there = {each.sid for each in found}
        for row in known.values():
            if (
                row.is_made
                and row.sid not in there
                and row.read_at < asked_at
                and row.status != BundleState.DELETED
            ):
                await bundles.read(self._app, row)  # also one that was made while we read
        if not all_read:  # once more in a minute
            return
        await self._app.bundle_memory.swept(asked_at)
        self._swept_at = asked_at
        dates = [bundles.aware(each.date_updated) for each in found]
        self._newest = max([at for at in dates if at is not None], default=None)

    async def _known(self) -> Mapping[str, Bundle]:
        known: Mapping[str, Bundle] = await self._app.store.known_bundles(
            self._app.settings.twilio_account_sid
        )
        return known

    async def _observe(self, found: Any, row: Bundle | None, asked_at: datetime) -> bool:
        """Whether it is known now, or can never be: one whose regulation is not answered for holds up no other.

        The answer has no country and no type: a bundle that is not known yet has them from its regulation.
        """
        if row is not None:
            about = row.country, row.number_type, row.end_user_type
        else:
            if found.regulation_sid in self._unreadable:
                return True
            try:
                regulation = await self._app.market.regulation(found.regulation_sid)
            except TwilioError as error:
                log.warning("bundle %s: its regulation cannot be read: %s", found.sid, error)
                if error.definite:
                    self._unreadable.add(found.regulation_sid)
                return error.definite
            except (KeyError, TypeError, ValueError):
                log.exception("bundle %s: its regulation is not understood", found.sid)
                self._unreadable.add(found.regulation_sid)
                return True
            about = regulation.country, regulation.number_type, regulation.end_user_type
        await bundles.observe(self._app, bundles.row(self._app, found, *about, asked_at))
        return True

    # what will lapse

    async def _warn_of_lapses(self) -> None:
        store, settings = self._app.store, self._app.settings
        horizon = now() + timedelta(days=LAPSES[0])
        for bundle in await store.bundles_lapsing(settings.twilio_account_sid, horizon):
            assert bundle.valid_until is not None
            left = bundle.valid_until - now()
            days = min((each for each in LAPSES if left <= timedelta(days=each)), default=None)
            if days is None or left < timedelta(0) or (bundle.lapse_told or 99) <= days:
                continue
            warning = announcements.lapse_warning(
                settings, bundle, max(1, math.ceil(left / timedelta(days=1)))
            )
            await store.warn_of_lapse(bundle, days, warning)

    # Twilio's callback

    def called_back(self, form: Mapping[str, str]) -> None:
        """Twilio has reported a change: the bundles are read at the next tick. Fields ``BundleSID``, ``Status``, ``FailureReason``."""
        sid, reason = form.get("BundleSID", ""), form.get("FailureReason", "")
        if sid and reason:
            self._app.bundle_memory.remember_reason(sid, reason)
        self.wake()


def _is_new(found: Any, row: Bundle | None) -> bool:
    return (
        row is None
        or row.status != str(found.status)
        or row.updated_at != bundles.aware(found.date_updated)
        or row.valid_until != bundles.aware(found.valid_until)
        or row.friendly_name != found.friendly_name
        or row.regulation_sid is None
    )
