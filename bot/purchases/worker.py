"""Carries each purchase through the steps, for days if need be.

What waits is a row with a time to wake, never a sleeping task: a process that dies loses nothing.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from bot import announcements as news
from bot.core import Services
from bot.errors import (
    AccountRefused,
    AddressDoesNotFit,
    BotError,
    NeedsAPerson,
    NumberOwned,
    NumberTaken,
    PriceRaised,
)
from bot.purchases.steps import UNCHECKED, Step, Wait, refused, steps_of
from bot.texts import N_, Said, money, phone, say
from bot.twilio.client import TwilioError, Work, working_on
from bot.twilio.numbers import Available, closest
from storage.models import Purchase, State, now
from storage.purchases import Happened, Lost, NumberHeld

log = logging.getLogger(__name__)

AT_ONCE = 10
CLOSEST_TRIES = 10
UNEXPECTED_TRIES = 5


class Every(BaseTrigger):
    """At an interval. What was missed while the machine slept is done once: APScheduler's own trigger computes each
    second that was missed, which after some days stops everything for seconds."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        following = (previous_fire_time or now) + self._interval
        return following if following > now else now + self._interval


class Worker:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._kicked = asyncio.Event()
        self._advancing: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False
        self._scheduler: Any = AsyncIOScheduler(  # type: ignore[no-untyped-call]  # it carries no types
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """A duty of its own, on the same clock."""
        self._scheduler.add_job(work, Every(timedelta(seconds=seconds)), misfire_grace_time=None)

    async def start(self) -> None:
        if self._store.is_sqlite:
            await self._store.free_all_leases()
        self._loops = [asyncio.create_task(self._work())]
        self.every(1, self._tick)
        self._scheduler.start()
        self.kick()

    async def stop(self, grace: float = 10) -> None:
        """Ends after the steps that are being taken; what takes longer is cut off, and is settled at the next start."""
        self._stopping = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._advancing:
            await asyncio.wait(self._advancing, timeout=grace)
        rest = [*self._advancing]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def kick(self) -> None:
        """Something was decided or written: nobody shall wait for the clock."""
        self._kicked.set()
        self._services.courier.kick()

    async def _tick(self) -> None:
        self.kick()

    # purchases

    async def _work(self) -> None:
        while True:
            await self._kicked.wait()
            self._kicked.clear()
            free = AT_ONCE - len(self._advancing)
            if free <= 0:
                continue  # whoever finishes kicks again
            try:
                due = await self._store.claim_due(free)
            except Exception:
                log.exception("due purchases could not be claimed")
                continue
            for purchase in due:
                task = asyncio.create_task(self.advance(purchase))
                self._advancing.add(task)
                task.add_done_callback(self._advanced)

    def _advanced(self, task: asyncio.Task[None]) -> None:
        self._advancing.discard(task)
        self.kick()

    async def advance(self, purchase: Purchase) -> None:
        """Takes each step that is left: the whole machine."""
        lease = purchase.lease
        assert lease is not None
        work = Work(purchase.id, renew=lambda: self._store.renew_lease(purchase.id, lease))
        token = working_on.set(work)
        try:
            await self._advance(purchase)
        except Lost:
            log.info("purchase %s has moved on without this worker", purchase.id)
            await self._let_go(purchase.id, lease)
        finally:
            working_on.reset(token)

    async def _let_go(self, purchase_id: str, lease: str) -> None:
        """What somebody has changed under our lease is taken up again at once, not when the lease runs out."""
        current = await self._store.purchase(purchase_id)
        if current is not None and current.lease == lease and current.state == State.IN_PROGRESS:
            with contextlib.suppress(Lost):
                await self._store.rest(current, now(), current.waiting, tries=current.tries)

    async def _advance(self, purchase: Purchase) -> None:
        while not self._stopping:
            step = next((s for s in steps_of(purchase) if getattr(purchase, s.column) is None), None)
            if step is None:
                await self._complete(purchase)
                return
            try:
                result = await step.do(purchase, self._services)
            except Lost:
                raise
            except Exception as error:
                await self._stop_at(step, purchase, error)
                return
            if isinstance(result, Wait):
                await self._rest(step, purchase, result)
                return
            log.info("purchase %s: %s", purchase.id, step.column)
            purchase = await self._store.work(
                purchase,
                Happened(step.column, owed=self._told(step, purchase)),
                tries=0,
                waiting=None,
                problem=None,
                **{step.column: result},
            )
            self._services.courier.kick()
        await self._store.rest(purchase, now(), purchase.waiting)

    async def _rest(self, step: Step, purchase: Purchase, wait: Wait) -> None:
        current = await self._current(purchase)
        if current.version != purchase.version and current.buying_at is None:
            wait = Wait(current.waiting, now())  # somebody acted meanwhile: look again
        happened = None
        if step.column == "bundle_approved_at" and wait.why is not None and current.waiting is None:
            # told once that it waits; what becomes of the bundle is told by whoever sees it (bot/bundles/operations.py)
            happened = Happened("waiting", owed=news.both(self._services.settings, current, wait.why))
        await self._store.rest(current, wait.until, wait.why, happened, current.tries)

    def _told(self, step: Step, purchase: Purchase) -> tuple[Any, ...]:
        if step.told is None:
            return ()
        return (news.thread(self._services.settings, say(step.told, **self._names(purchase))),)

    def _names(self, purchase: Purchase) -> dict[str, Any]:
        assert purchase.price is not None and purchase.currency
        return {
            "number": phone(purchase.phone_number),
            "price": money(purchase.price, purchase.currency),
            "service": self.service_name(purchase),
        }

    def service_name(self, purchase: Purchase) -> str:
        sid = purchase.messaging_service_sid or purchase.wanted_service_sid
        known = {each.sid: each.name for each in self._services.market.services()}
        return purchase.wanted_service_name or known.get(sid or "", sid or "")

    async def _complete(self, purchase: Purchase) -> None:
        if purchase.messaging_service_sid is None:
            sentence = say(N_("{number} is bought and yours to use."), **self._names(purchase))
        else:
            sentence = say(
                N_(
                    "{number} is bought and in its messaging service “{service}”. Not checked yet: {unchecked}."
                ),
                unchecked=[say(UNCHECKED[each]) for each in purchase.unchecked],
                **self._names(purchase),
            )
        await self._leave(purchase, State.COMPLETE, "complete", sentence)

    # what stops a purchase

    async def _stop_at(self, step: Step, purchase: Purchase, error: Exception) -> None:
        purchase = await self._current(purchase)
        if isinstance(error, TwilioError) and error.definite:
            error = refused(error)
        if isinstance(error, PriceRaised):
            await self._ask_again(purchase, error)
        elif isinstance(error, NumberTaken) and purchase.if_gone == "closest":
            await self._take_closest(purchase, error)
        elif isinstance(error, BotError):
            await self._hand_over(purchase, error)
        elif isinstance(error, TwilioError):
            log.warning("purchase %s: %s did not work: %s", purchase.id, step.column, error)
            seconds = min(5 * 2**purchase.tries, 300)
            why = say(N_("Twilio does not answer. Trying again by itself."))
            await self._store.rest(
                purchase, now() + timedelta(seconds=seconds), why, tries=min(purchase.tries + 1, 10)
            )
        else:
            await self._unexpected(step, purchase, error)

    async def _hand_over(self, purchase: Purchase, error: BotError) -> None:
        """To the people: the card says what is wrong and offers what they can do."""
        alternatives: list[Available] = []
        if isinstance(error, NumberTaken | NumberOwned | AddressDoesNotFit):
            town = await self._town(purchase) if isinstance(error, AddressDoesNotFit) else None
            alternatives = await self._closest(purchase, town)
        alarm = None
        if isinstance(error, NeedsAPerson | AccountRefused):
            alarm = say(
                N_("Purchase {purchase}: {problem} Its name at Twilio would be “{mark}”."),
                purchase=purchase.id,
                problem=error.said,
                mark=purchase.mark,
            )
        await self._leave(
            purchase,
            _stopped(purchase),
            "stopped",
            error.said,
            alarm,
            problem={**error.said, "kind": type(error).__name__},
            alternatives=[each.kept() for each in alternatives],
            tries=0,
        )

    async def _ask_again(self, purchase: Purchase, error: PriceRaised) -> None:
        new_price = money(error.price, error.currency)
        said = {**error.said, "with": {**error.said["with"], "price": new_price}}
        await self._store.requote(
            purchase,
            Happened("price_raised", owed=news.both(self._services.settings, purchase, said)),
            price=error.price,
            ceiling=error.price,
            currency=error.currency,
            problem=said,
            tries=0,
        )

    async def _take_closest(self, purchase: Purchase, error: NumberTaken) -> None:
        """The next number in place of one that is gone, inside what was approved: rules 5 and 6."""
        for candidate in await self._closest(purchase) if purchase.tries < CLOSEST_TRIES else ():
            said = say(
                N_("{lost} was sold to somebody else; the closest match is taken instead: {number}."),
                lost=phone(purchase.phone_number),
                number=phone(candidate.phone_number),
            )
            try:
                await self._store.work(
                    purchase,
                    Happened("closest_taken", owed=news.both(self._services.settings, purchase, said)),
                    phone_number=candidate.phone_number,
                    number=candidate.kept(),
                    wake_at=now(),
                    lease=None,
                    waiting=None,
                )
            except NumberHeld:
                continue
            return
        await self._hand_over(purchase, error)

    async def _town(self, purchase: Purchase) -> str | None:
        """Where the purchase's address lies, by what Twilio has; kept nowhere."""
        if purchase.address_sid is None:
            return None
        try:
            address: Any = await self._services.twilio.addresses(purchase.address_sid).fetch_async()
        except TwilioError as error:
            log.warning("purchase %s: its address cannot be read: %s", purchase.id, error)
            return None
        return str(address.city or "") or None

    async def _closest(self, purchase: Purchase, town: str | None = None) -> list[Available]:
        assert purchase.country is not None
        held = await self._store.held_numbers(purchase.account_sid, purchase.country)
        try:
            record = await self._store.record_of(purchase.id) if town is not None else ()
            refused = [each.details["phone_number"] for each in record if each.what == "buying"]
            return await closest(self._services.twilio, purchase, held, town=town, refused=refused)
        except TwilioError as error:
            log.warning("purchase %s: no alternatives found: %s", purchase.id, error)
            return []

    async def _unexpected(self, step: Step, purchase: Purchase, error: Exception) -> None:
        reference = secrets.token_hex(2)
        log.error("purchase %s: %s failed (%s)", purchase.id, step.column, reference, exc_info=error)
        said = say(
            N_("Something went wrong ({reference}). The operators have been told."), reference=reference
        )
        alarm = say(
            N_("Purchase {purchase} stopped at {step}: look for {reference} in the log."),
            purchase=purchase.id,
            step=step.column,
            reference=reference,
        )
        await self._leave(
            purchase,
            _stopped(purchase),
            "stopped",
            said,
            alarm,
            problem={**said, "kind": type(error).__name__},
            tries=0,
        )

    async def _leave(
        self, purchase: Purchase, to: State, what: str, said: Said, alarm: Said | None = None, **values: Any
    ) -> None:
        settings = self._services.settings
        owed = news.both(settings, purchase, said)
        if alarm is not None:
            owed = (*owed, news.operators(settings, alarm))
        log.info("purchase %s: %s", purchase.id, to)
        await self._store.leave(purchase, to, Happened(what, details=said, owed=owed), **values)
        self._services.courier.kick()

    async def _current(self, purchase: Purchase) -> Purchase:
        """The row as it is now, as long as our lease on it holds."""
        current = await self._store.purchase(purchase.id)
        if current is None or current.lease != purchase.lease:
            raise Lost(current)
        return current


def _stopped(purchase: Purchase) -> State:
    """Bought, or perhaps bought, but not finished is a state of its own, which never frees the number: rule 7."""
    bought = purchase.phone_number_sid is not None or purchase.buying_at is not None
    return State.FAILED if bought else State.NEEDS_CHANGES
