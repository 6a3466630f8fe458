"""The safeguards of ``docs/rules.md``, each with what takes it away: ``make ablation`` does so, and a life has to notice.

What is taken away is replaced in the process of the one life that goes without it; the app's code is as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_bolt.async_app import AsyncApp
from sqlalchemy import update
from sqlmodel import col

from bot.purchases import steps, worker
from bot.slack import people
from bot.slack.once import OnceApp
from bot.twilio import catalogue, client, numbers
from storage import purchases, services
from storage.approvals import Approvals
from storage.changes import Changes
from storage.database import Database
from storage.history import Happened
from storage.models import Number, Outgoing, now
from storage.outbox import Outbox
from storage.work import Work


@dataclass(frozen=True)
class Safeguard:
    name: str
    rule: int
    what: str
    """What it says, and ..."""
    without: str
    """... how the app is without it."""
    remove: Callable[[], None]
    needless: str = ""
    """Why nothing misses it, where that is known."""


def no_intent() -> None:
    async def intend(self: Work, purchase: Any, price: Any, terms: dict[str, Any]) -> Any:
        details = {**terms, "price": str(price), "revision": purchase.revision}
        row = await self._change(
            purchase.id,
            [],
            {"looks": 0, "waiting": None},
            Happened("buying", details=details),
            by_worker=True,
        )
        row.buying_at, row.charged = now(), price
        return row

    Work.intend_to_buy = intend  # type: ignore[method-assign]


def no_asking() -> None:
    async def settle(purchase: Any, app: Any, refused: Any = None) -> Any:
        tries = purchase.tries + 1
        await app.store.save_step(
            purchase, Happened("not_bought"), bump=False, buying_at=None, looks=0, charged=None, tries=tries
        )
        if refused is not None:
            raise steps.why_refused(refused, purchase)
        return steps.Wait(None, now(), tries)

    steps.settle_intent = settle


def no_look_before() -> None:
    ask = steps.side_by_side

    async def blind(looked_for: Any, *questions: Any) -> list[Any]:
        looked_for.close()
        return [None, *await ask(*questions)]

    steps.side_by_side = blind


def one_look() -> None:
    steps.LOOKS = ()


def repeated() -> None:
    client.POSTS = tuple(
        (path, client.Kind(repeat=True, seconds=kind.seconds)) for path, kind in client.POSTS
    )


def any_4xx() -> None:
    def definite(error: client.TwilioError) -> bool:
        return error.status is not None and 400 <= error.status < 500 and not error.limited

    client.TwilioError.definite = property(definite)  # type: ignore[assignment, method-assign]


def unconditional() -> None:
    change = Changes._update

    async def changed(self: Any, session: Any, purchase_id: str, _: Any, values: Any, **more: Any) -> Any:
        return await change(self, session, purchase_id, [], values, **more)

    Changes._update = changed  # type: ignore[method-assign, assignment]


def any_price() -> None:
    steps._check_price = lambda quote, offer: None


def old_price() -> None:
    async def kept(self: Any, country: str, number_type: str) -> Any:
        return self.offer(country, number_type)

    catalogue.Market.fresh_offer = kept  # type: ignore[method-assign]


def any_quote() -> None:
    approve = Approvals.approve

    async def newest(self: Any, purchase_id: str, quote_no: int, *more: Any) -> Any:
        purchase = await self.purchase(purchase_id)
        return await approve(self, purchase_id, purchase.quote_no, *more)

    Approvals.approve = newest  # type: ignore[method-assign]


def counted_once() -> None:
    async def holds(purchase: Any, app: Any) -> None: ...

    steps.check_approved = holds


def old_lists() -> None:
    people.RIGHTS_FOR = people.REFRESH_AFTER = timedelta(days=100)


def twice_per_payload() -> None:
    OnceApp.async_dispatch = AsyncApp.async_dispatch  # type: ignore[method-assign]


def not_held() -> None:
    hold = purchases._hold

    def free(*given: str) -> Number:
        number = hold(*given)
        number.released_at = now()
        return number

    purchases._hold = free


def unclaimed() -> None:
    async def claimed(*_: Any) -> bool:
        return True

    services.claim = claimed


def told_later() -> None:
    """Owed in a transaction of its own, directly after."""
    writing = Database.writing

    @asynccontextmanager
    async def in_two(self: Any, *, durable: bool = False) -> AsyncIterator[Any]:
        async with writing(self, durable=durable) as session:
            yield session
            owed = [each for each in session.new if isinstance(each, Outgoing)]
            for each in owed:
                session.expunge(each)
        if owed:
            async with writing(self, durable=durable) as session:
                session.add_all(owed)

    Database.writing = in_two  # type: ignore[method-assign]


def any_version() -> None:
    async def done(session: Any, row: Any, outcome: str, ts: str | None = None) -> None:
        unfinished = (col(Outgoing.id) == row.id, col(Outgoing.done_at).is_(None))
        await session.exec(
            update(Outgoing).where(*unfinished).values(done_at=now(), outcome=outcome, ts=ts, answer_url=None)
        )

    Outbox._done = staticmethod(done)  # type: ignore[method-assign]


def not_late() -> None:
    steps.LAG = timedelta(0)


def any_number() -> None:
    async def found(twilio: Any, quote: Any, refused: Any = ()) -> Any:
        able = {f"{name}_enabled": True for name in quote.wanted}
        every = await numbers.available(twilio, quote.country, quote.number_type, able)
        return [each for each in every if each.phone_number not in {*refused, quote.phone_number}]

    worker.substitutes = found


def no_clock() -> None:
    async def unminded(self: Any) -> None:
        await asyncio.Event().wait()

    worker.Worker._mind_the_clock = unminded  # type: ignore[method-assign]


SAFEGUARDS = (
    Safeguard("intent", 1, "the intent is in the row before the paid call", "it stands in the record only", no_intent),
    Safeguard("asking", 2, "an open intent is settled by asking Twilio", "it counts as not bought, and is tried again", no_asking),
    Safeguard("look-before", 2, "what is owned already is looked for before the intent", "nobody looks", no_look_before),
    Safeguard("late", 2, "Twilio is asked again at 5, 20, 60 and 130 s", "it is asked once", one_look),
    Safeguard("once", 2, "the paid POST is never repeated by the transport", "it is repeated as a read is", repeated),
    Safeguard("doubt", 2, "a 4xx without Twilio's code is doubt", "every 4xx is a refusal", any_4xx),
    Safeguard("conditional", 1, "a state changes by one conditional UPDATE", "the UPDATE has no conditions", unconditional),
    Safeguard("frozen", 5, "what costs more than the quote is asked for again", "it is bought at any price", any_price),
    Safeguard("fresh", 3, "the price is read directly before the intent", "the price of the last hour will do", old_price),
    Safeguard("this-quote", 8, "a press counts for the quote that its card showed", "it counts for the newest one", any_quote),
    Safeguard("recount", 8, "approvals are counted again before the intent", "once given they hold", counted_once),
    Safeguard("lists", 16, "who belongs to a list is known for five minutes", "for a hundred days", old_lists),
    Safeguard("payload", 12, "a delivery that comes twice is worked on once", "it is worked on twice", twice_per_payload),
    Safeguard("held", 7, "a number has one live purchase", "it may have several", not_held),
    Safeguard("claim", 9, "a new service is claimed by one purchase", "each makes its own", unclaimed),
    Safeguard("outbox", 19, "what is owed is written in the transaction that caused it", "in one directly after it", told_later),
    Safeguard("version", 20, "a drawing is done once it shows the newest version", "whatever it shows", any_version),
    Safeguard("lag", 32, "a 404 for what was written just now means “look again”", "it means gone", not_late),
    Safeguard("substitute", 6, "a substitute keeps to the search and to what was quoted", "any number of the type will do", any_number),
    Safeguard("clock", 36, "a clock that steps back wakes what would oversleep", "nobody minds the clock", no_clock),
)  # fmt: skip
