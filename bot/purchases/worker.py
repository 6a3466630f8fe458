"""Carries each purchase through the steps, for days if need be.

What waits is a row with a time to wake, never a sleeping task: a process that dies loses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from bot import announcements as news
from bot import failures, logs, measuring, readiness
from bot.core import BREATH, App
from bot.errors import (
    AccountRefused,
    AddressDoesNotFit,
    ApprovalsVoid,
    BotError,
    NeedsAPerson,
    NumberOwned,
    NumberTaken,
    QuoteChanged,
)
from bot.measuring import measured
from bot.purchases import deciding, operations, ready, releasing, reminding
from bot.purchases.steps import SILENT_TRIES, Done, Step, Wait, refused, step_of
from bot.refusals import Kind, of_twilio
from bot.texts import N_, Said, money, phone, say
from bot.twilio.catalogue import Offer
from bot.twilio.client import TwilioError, before_each_try
from bot.twilio.numbers import Available, alternatives, owned, substitutes
from storage.changes import LONGEST_SLEEP, Lost
from storage.database import Unavailable
from storage.history import Happened
from storage.models import IfGone, Purchase, State, now
from storage.office import OutOfOffice
from storage.outbox import Owed
from storage.purchases import UNASKED, NumberHeld

log = logging.getLogger(__name__)

AT_ONCE = 10
CLOSEST_TRIES = 10
STEP = 2.0
"""Seconds by which a clock may drift within one; more is a step."""
ALTERNATIVES = 5


class Every(BaseTrigger):
    """At an interval. What was missed while the machine slept is done once: APScheduler's own trigger computes each
    second that was missed, which after some days stops everything for seconds."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        following = (previous_fire_time or now) + self._interval
        return following if following > now else now + self._interval


class Worker:
    def __init__(self, app: App) -> None:
        self._app = app
        self._store = app.store
        self._woken = asyncio.Event()
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._duties: list[tuple[float, Callable[[], Awaitable[None]]]] = [(1, self._tick)]
        self._stopping = False
        self._scheduler: Any = None

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """A duty of its own, on the same clock, from the next start."""
        self._duties.append((seconds, work))

    async def start(self) -> None:
        """May follow a ``stop``: the office can come back. Nothing sleeps on: who knows how the clock has stepped while nobody looked."""
        self._stopping = False
        if self._store.is_sqlite:
            await self._store.free_all_claims()
        await self._store.wake_all()
        await self._store.wake_releases()
        self._scheduler = AsyncIOScheduler(  # type: ignore[no-untyped-call]  # it carries no types
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for nth, (seconds, _) in enumerate(self._duties):
            every = Every(timedelta(seconds=seconds))
            self._scheduler.add_job(self._begin, every, args=[nth], misfire_grace_time=None)
        self._loops = [
            asyncio.create_task(self._work()),
            asyncio.create_task(self._mind_the_clock()),
        ]
        self._scheduler.start()
        self.kick()

    async def _begin(self, nth: int) -> None:
        """A duty, unless it is still under way. In a task of ours: the scheduler cuts off its own when it ends, which would leave
        a connection to the database open."""
        if nth not in self._under_way:
            self._under_way[nth] = task = asyncio.create_task(self._do(nth))
            task.add_done_callback(lambda _: self._under_way.pop(nth, None))

    async def _do(self, nth: int) -> None:
        work = self._duties[nth][1]
        try:
            await work()
        except OutOfOffice:
            log.info("a duty is left to another process")
        except Exception as error:
            await failures.tell(self._app, "a duty", error)

    async def stop(self, grace: float) -> None:
        """Ends after the steps that are being taken; what takes longer is cut off, and is settled at the next start."""
        self._stopping = True
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self.kick()
        if (
            self._loops and grace
        ):  # it ends by itself: cut off in the middle of a question, it would leave a connection open
            await asyncio.wait(self._loops[:1], timeout=1)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        tasks = [*self._in_hand.values(), *self._under_way.values()]
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def lost(self) -> None:
        """The office is another process's by now: everything is cut off, and what our last unsafe calls did is said to it."""
        in_hand = list(self._in_hand)
        await self.stop(grace=0)
        for purchase_id in in_hand:
            try:
                await self._say_what_became_of(purchase_id)
            except Exception as error:
                with logs.about(purchase=purchase_id):
                    log.warning("what became of it is not known: %s", error)

    async def _say_what_became_of(self, purchase_id: str) -> None:
        purchase = await self._store.purchase(purchase_id)
        if purchase is None or purchase.buying_at is None or purchase.phone_number_sid is not None:
            return
        found = await owned(self._app.twilio, purchase.phone_number)
        sid = str(found.sid) if found is not None and purchase.is_named(found.friendly_name) else None
        await self._store.wake(
            purchase_id, Happened("looked_after_office", details={"phone_number_sid": sid})
        )

    def kick(self) -> None:
        """Something may be due: nobody shall wait for the clock."""
        self._woken.set()

    async def _tick(self) -> None:
        self.kick()

    async def _mind_the_clock(self) -> None:
        """A clock that steps back would leave every job, and whatever waits, until it has come round again."""
        running = asyncio.get_running_loop().time
        expected = now().timestamp() - running()
        while True:
            await asyncio.sleep(1)
            ahead = now().timestamp() - running()
            if ahead < expected - STEP:
                log.warning("the clock has stepped back by %.0f seconds", expected - ahead)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
                with contextlib.suppress(Exception):  # the rows are due at the latest within the hour
                    await self._store.wake_all()
                    await self._store.due_now()
                self.kick()
            expected = ahead

    # purchases

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._stopping:
                return
            free = AT_ONCE - len(self._in_hand)
            if free <= 0:
                continue  # whoever finishes wakes us
            try:
                due = await self._store.due(free, list(self._in_hand))
            except Exception as error:
                await failures.tell(self._app, "reading what is due", error)
                continue
            for purchase in due:
                task = asyncio.create_task(self.advance(purchase))
                self._in_hand[purchase.id] = task
                task.add_done_callback(partial(self._advanced, purchase.id))
            await asyncio.sleep(BREATH)  # where thousands are due, who presses something comes in between

    def _advanced(self, purchase_id: str, _: asyncio.Task[None]) -> None:
        self._in_hand.pop(purchase_id, None)
        self.kick()

    async def advance(self, purchase: Purchase) -> None:
        """Takes each step that is left: the whole machine. What has to wait for people is only looked at."""
        with logs.about(purchase=purchase.id):
            token = before_each_try.set(self._check)
            try:
                if purchase.state == State.IN_PROGRESS:
                    await self._advance(purchase)
                else:
                    await self._look_at(purchase)
            except Lost:
                log.info("it has moved on without this worker")
            except OutOfOffice:
                log.warning("it is left to another process")
            except Exception as error:
                await failures.tell(self._app, "advancing a purchase", error)
                await asyncio.sleep(1)
            finally:
                before_each_try.reset(token)

    async def _check(self) -> None:
        self._app.office.check()

    async def _look_at(self, purchase: Purchase) -> None:
        """One that waits for people: who may decide can have changed without anybody telling us (rule 36). Or one that is bought,
        and is not ready yet, or whose number shall be released."""
        if purchase.state == State.COMPLETE or purchase.is_being_released:
            look = releasing.carry_out if purchase.is_being_released else ready.look_again
            try:
                await look(purchase, self._app)
            except TwilioError as error:
                log.warning("it could not be looked at: %s", error)
                seconds = max(
                    min(5 * 2**purchase.tries, LONGEST_SLEEP.total_seconds()), error.retry_after or 0
                )
                until = now() + timedelta(seconds=seconds)
                await self._store.pause(purchase, until, None, tries=min(purchase.tries + 1, 10))
            return
        if purchase.state == State.AWAITING_APPROVAL:
            purchase = await deciding.count_again(purchase, self._app)
            if purchase.state == State.AWAITING_APPROVAL:
                await reminding.look(purchase, self._app)
                return
        if purchase.state != State.IN_PROGRESS:
            await self._store.pause(purchase, now() + LONGEST_SLEEP, purchase.waiting, tries=purchase.tries)

    async def _advance(self, purchase: Purchase) -> None:
        while not self._stopping:
            step = step_of(purchase)
            if step is None:
                await self._complete(purchase)
                return
            try:
                with measured(measuring.STEP, step=step.column) as it:
                    result = await step.do(purchase, self._app)
                    it.outcome = "waiting" if isinstance(result, Wait) else "done"
            except (Lost, OutOfOffice, *Unavailable):
                raise
            except Exception as error:
                await self._stop_at(step, purchase, error)
                return
            if isinstance(result, Wait):
                await self._rest(purchase, result)
                return
            log.info("the step %s is done", step.column)
            values = {"tries": 0, "waiting": None, "problem": None, **result.values}
            purchase = await self._store.save_step(
                purchase,
                Happened(step.event, details=result.details, owed=self._told(step, purchase, result)),
                **values,
            )
        await self._store.pause(purchase, now(), purchase.waiting)

    async def _rest(self, purchase: Purchase, wait: Wait) -> None:
        current = await self._current(purchase)
        until = wait.until or now() + LONGEST_SLEEP
        if current.version != purchase.version and current.buying_at is None:
            wait, until = Wait(current.waiting, now()), now()  # somebody acted meanwhile: look again
        happened = None
        told = current.waiting is not None and current.waiting.get("kind") == (wait.why or {}).get("kind")
        if wait.why is not None and wait.tell and not told:
            happened = Happened("waiting", owed=news.both(self._app.settings, current, wait.why))
        tries = current.tries if wait.tries is None else wait.tries
        await self._store.pause(current, until, wait.why, happened, tries)

    def _told(self, step: Step, purchase: Purchase, done: Done) -> tuple[Any, ...]:
        if step.told is None:
            return ()
        names = self._names(purchase)
        if "price" in done.details:  # told is paid (rule 31)
            names["price"] = money(Decimal(done.details["price"]), done.details["currency"])
        return (news.thread(self._app.settings, say(step.told, **names)),)

    def _names(self, purchase: Purchase) -> dict[str, Any]:
        quote = purchase.quote
        return {
            "number": phone(purchase.phone_number),
            "price": money(purchase.monthly_price, quote.currency),
            "service": quote.service_name or quote.service_sid or "",
        }

    async def _complete(self, purchase: Purchase) -> None:
        if purchase.messaging_service_sid is None:
            sentence = say(N_("{number} is bought and yours to use."), **self._names(purchase))
        else:
            missing = next(iter(readiness.unfinished(purchase.findings)), None)
            sentence = say(
                N_("{number} is bought and in its messaging service “{service}”. {what}"),
                what=missing["said"] if missing else say(N_("A test message proves that it can send.")),
                **self._names(purchase),
            )
        wake_at = ready.wakes_at(purchase.findings, now())
        await self._leave(purchase, State.COMPLETE, "complete", sentence, wake_at=wake_at)

    # what stops a purchase

    async def _stop_at(self, step: Step, purchase: Purchase, error: Exception) -> None:
        purchase = await self._current(purchase)
        if isinstance(error, TwilioError) and (kind := of_twilio(error).kind) is not Kind.PASSING:
            if kind is Kind.OF_INSTALLATION:
                await self._app.access.refused(error)
            error = refused(error)
        if isinstance(error, QuoteChanged):
            await self._ask_again(purchase, error)
        elif isinstance(error, ApprovalsVoid):
            await self._ask_for_more(purchase, error)
        elif isinstance(error, AccountRefused):  # it goes on by itself once that is mended (rule 34)
            tries = min(purchase.tries + 1, 4)
            until = now() + timedelta(seconds=2 * 2**tries)
            said = {**error.said, "kind": type(error).__name__}
            await self._rest(purchase, Wait(said, until, tries, tell=True))
        elif isinstance(error, NumberTaken) and purchase.quote.if_gone == IfGone.CLOSEST:
            await self._take_closest(purchase, error)
        elif isinstance(error, BotError):
            await self._hand_over(purchase, error)
        elif isinstance(error, TwilioError):
            log.warning("the step %s did not work: %s", step.column, error)
            seconds = max(min(5 * 2**purchase.tries, 300), error.retry_after or 0)
            why = say(N_("Twilio does not answer. Number Desk keeps trying."))
            shown = why if purchase.tries >= SILENT_TRIES else purchase.waiting
            tries = min(purchase.tries + 1, 10)
            await self._store.pause(purchase, now() + timedelta(seconds=seconds), shown, tries=tries)
        else:
            await self._unexpected(step, purchase, error)

    async def _hand_over(self, purchase: Purchase, error: BotError) -> None:
        """To the people: the card says what is wrong and offers what they can do."""
        offered: list[Available] = []
        if isinstance(error, NumberTaken | NumberOwned | AddressDoesNotFit):
            town = await self._town(purchase) if isinstance(error, AddressDoesNotFit) else None
            offered = await self._alternatives(purchase, town)
        alarm = None
        if isinstance(error, NeedsAPerson):
            alarm = say(
                N_("Request {purchase}: {problem} Its name at Twilio would be “{mark}”."),
                purchase=purchase.id,
                problem=error.said,
                mark=purchase.twilio_name,
            )
        await self._leave(
            purchase,
            _stopped(purchase),
            "stopped",
            error.said,
            alarm,
            problem={**error.said, "kind": type(error).__name__},
            alternatives=[each.kept() for each in offered],
            tries=0,
        )

    async def _ask_again(self, purchase: Purchase, error: QuoteChanged) -> None:
        await self._store.quote_again(
            purchase,
            Happened("quote_changed", owed=await self._asked_again(purchase, error.said, error.changed)),
            error.changed,
            by_worker=True,
            problem=error.said,
        )

    async def _asked_again(
        self, purchase: Purchase, said: Said, changed: Mapping[str, Any] | None = None
    ) -> tuple[Owed, ...]:
        owed = await operations.asked_again(self._app, purchase, said, changed)
        return *owed, news.direct(purchase, said)

    async def _ask_for_more(self, purchase: Purchase, error: ApprovalsVoid) -> None:
        await self._leave(
            purchase,
            State.AWAITING_APPROVAL,
            "approvals_void",
            error.said,
            problem=error.said,
            decided_by=None,
            decided_at=None,
            wake_at=now(),
            **UNASKED,
        )

    async def _take_closest(self, purchase: Purchase, error: NumberTaken) -> None:
        """The next number in place of one that is gone, inside what was approved: rules 5 and 6."""
        quote = purchase.quote
        for candidate, offer in await self._substitutes(purchase):
            said = say(
                N_("{lost} was sold to somebody else; the closest match is taken instead: {number}."),
                lost=phone(purchase.phone_number),
                number=phone(candidate.phone_number),
            )
            try:
                await self._store.revise(
                    purchase,
                    Happened("closest_taken", owed=news.both(self._app.settings, purchase, said)),
                    {
                        **operations.as_quoted(candidate),
                        "price": offer.price,
                        "instead_of": quote.instead_of or quote.phone_number,
                    },
                    by_worker=True,
                    wake_at=now(),
                    waiting=None,
                    tries=0,
                )
            except NumberHeld:
                continue
            return
        await self._hand_over(purchase, error)

    async def _substitutes(self, purchase: Purchase) -> list[tuple[Available, Offer]]:
        """Free ones that the approval covers; none once so many were tried in vain."""
        quote = purchase.quote
        if purchase.revision >= CLOSEST_TRIES:
            return []
        try:
            offer = await self._app.market.fresh_offer(quote.country, quote.number_type)
            if offer.currency != quote.currency or offer.price > quote.ceiling:
                return []
            found = await substitutes(self._app.twilio, quote, await self._refused(purchase))
        except (TwilioError, BotError) as failed:
            log.warning("no substitute found: %s", failed)
            return []
        return [(each, offer) for each in await self._free(purchase, found)]

    async def _town(self, purchase: Purchase) -> str | None:
        """Where the purchase's address lies, by what Twilio has; kept nowhere."""
        address_sid = await self._address_of(purchase)
        if address_sid is None:
            return None
        try:
            address: Any = await self._app.twilio.addresses(address_sid).fetch_async()
        except TwilioError as error:
            log.warning("its address cannot be read: %s", error)
            return None
        return str(address.city or "") or None

    async def _address_of(self, purchase: Purchase) -> str | None:
        """The one that was sent to Twilio with the last try to buy."""
        for line in reversed(await self._store.record_of(purchase.id)):
            if line.what == "buying":
                return line.details.get("address_sid")
        return purchase.quote.address_sid

    async def _alternatives(self, purchase: Purchase, town: str | None = None) -> list[Available]:
        try:
            refused_before = await self._refused(purchase) if town is not None else []
            found = await alternatives(self._app.twilio, purchase.quote, town, refused_before)
        except TwilioError as error:
            log.warning("no alternatives found: %s", error)
            return []
        return (await self._free(purchase, found))[:ALTERNATIVES]

    async def _refused(self, purchase: Purchase) -> list[str]:
        """Numbers that were tried for this purchase and could not be had."""
        record = await self._store.record_of(purchase.id)
        return [line.details["phone_number"] for line in record if line.what == "buying"]

    async def _free(self, purchase: Purchase, found: list[Available]) -> list[Available]:
        held = await self._store.held_numbers(purchase.account_sid, [each.phone_number for each in found])
        return [each for each in found if each.phone_number not in held]

    async def _unexpected(self, step: Step, purchase: Purchase, error: Exception) -> None:
        reference = failures.note(f"the step {step.column}", error)
        said = say(
            N_("Something went wrong ({reference}). The operators have been told."), reference=reference
        )
        alarm = say(
            N_("Request {purchase} stopped at {step}: look for {reference} in the log."),
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
        settings = self._app.settings
        owed = news.both(settings, purchase, said)
        if to == State.AWAITING_APPROVAL:
            owed = await self._asked_again(purchase, said)
        if alarm is not None:
            owed = (*owed, news.operators(settings, alarm))
        log.info("it is %s now", to)
        details = {"problem": values["problem"].get("kind")} if values.get("problem") else {}
        await self._store.finish(purchase, to, Happened(what, details=details, owed=owed), **values)

    async def _current(self, purchase: Purchase) -> Purchase:
        """The row as it is now, as long as nobody has taken it elsewhere."""
        current = await self._store.purchase(purchase.id)
        stood = (purchase.state, purchase.quote_no, purchase.revision)
        if current is None or (current.state, current.quote_no, current.revision) != stood:
            raise Lost(current)
        return current


def _stopped(purchase: Purchase) -> State:
    """Bought, or perhaps bought, but not finished is a state of its own, which never frees the number: rule 7."""
    bought = purchase.phone_number_sid is not None or purchase.buying_at is not None
    return State.FAILED if bought else State.NEEDS_CHANGES
