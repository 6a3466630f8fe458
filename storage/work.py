"""What the worker reads and writes of purchases: all of it under its epoch. Rule 10."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import Integer, bindparam, case, literal, union_all, update
from sqlmodel import col, select

from storage.changes import LONGEST_SLEEP, Changes, as_it_stood, untouched
from storage.columns import Utc
from storage.history import Happened
from storage.models import MOVES, UNFINISHED, Purchase, State, now


@cache
def _due() -> Any:
    """Made once. Of each state no more rows are read than are wanted, however many are due: an index has them in this order."""
    wake_at = col(Purchase.wake_at)
    has_come = (wake_at <= bindparam("moment", type_=Utc), wake_at > bindparam("too_far", type_=Utc))
    of_each = [
        select(col(Purchase.id))
        .where(col(Purchase.state) == state, when)
        .order_by(wake_at.desc())
        .limit(bindparam("enough", type_=Integer))
        .subquery()
        for state in (*UNFINISHED, State.COMPLETE)
        for when in has_come
    ]
    found = union_all(*(sqlalchemy.select(each.c.id) for each in of_each))
    return (
        select(Purchase)
        .where(col(Purchase.id).in_(found), col(Purchase.id).not_in(bindparam("in_hand", expanding=True)))
        .order_by(case((col(Purchase.state) == State.COMPLETE, 1), else_=0), wake_at.desc())
        .limit(bindparam("limit", type_=Integer))
    )


class Work(Changes):
    async def due(self, limit: int, in_hand: Collection[str]) -> Sequence[Purchase]:
        """Purchases that are not finished and whose time has come, but those that the worker has in hand; after the others those that
        are bought and only looked at again.

        Whose time came last is first: what somebody has just done does not wait until all that is looked at once an hour was.
        """
        moment = now()
        values = {
            "moment": moment,
            "too_far": moment + 2 * LONGEST_SLEEP,
            "in_hand": list(in_hand),
            "enough": limit + len(in_hand),
            "limit": limit,
        }
        async with self.reading() as session:
            found: Sequence[Purchase] = (await session.exec(_due(), params=values)).all()
            return found

    async def wake(self, purchase_id: str, happened: Happened) -> None:
        """Somebody has learned something about it: the worker looks now."""
        async with self.writing() as session:
            await session.exec(
                update(Purchase)
                .where(col(Purchase.id) == purchase_id, col(Purchase.wake_at).is_not(None))
                .values(wake_at=now())
            )
            row = await session.get(Purchase, purchase_id)
            if row is not None:
                await self._put_on_record(session, row, happened)

    async def look_at(self, purchase_id: str) -> None:
        """Twilio says that something has changed: one that is not asleep for good is looked at now."""
        async with self.writing() as session:
            await session.exec(
                update(Purchase)
                .where(col(Purchase.id) == purchase_id, col(Purchase.wake_at).is_not(None))
                .values(wake_at=now())
            )

    async def wake_all(self) -> None:
        """What was stopped by something that is mended, or has slept through a step of the clock, is looked at now."""
        async with self.writing() as session:
            await session.exec(
                update(Purchase)
                .where(col(Purchase.state) == State.IN_PROGRESS, col(Purchase.wake_at).is_not(None))
                .values(wake_at=now())
            )

    async def wake_releases(self) -> None:
        """Each number that shall be released is looked at now: a release of the app that knows of none may have put it to sleep for good."""
        async with self.writing() as session:
            await session.exec(
                update(Purchase)
                .where(
                    col(Purchase.state).in_((State.COMPLETE, State.FAILED)),
                    col(Purchase.releasing).is_not(None),
                )
                .values(wake_at=now())
            )

    async def save_step(
        self,
        purchase: Purchase,
        happened: Happened | None = None,
        *,
        bump: bool = True,
        as_read: bool = False,
        **values: Any,
    ) -> Purchase:
        """A result of the worker's, while it is the worker and nobody has taken the purchase elsewhere. Raises Lost, OutOfOffice.

        as_read: nor has changed anything of it, where the result rests on what people may change beside the worker.
        """
        durable = bool({"buying_at", "phone_number_sid", "whatsapp", "releasing"} & values.keys())
        conditions = as_it_stood(purchase) + (untouched(purchase) if as_read else [])
        return await self._change(
            purchase.id, conditions, values, happened, bump=bump, durable=durable, by_worker=True
        )

    async def pause(
        self,
        purchase: Purchase,
        wake_at: datetime,
        waiting: dict[str, Any] | None,
        happened: Happened | None = None,
        tries: int = 0,
    ) -> Purchase:
        """To be looked at again at ``wake_at``; at once where somebody has acted since ``purchase`` was read."""
        wake_at = min(wake_at, now() + LONGEST_SLEEP)
        return await self._change(
            purchase.id,
            as_it_stood(purchase),
            {
                "tries": tries,
                "wake_at": case(
                    (col(Purchase.version) == purchase.version, literal(wake_at, Utc())),
                    else_=literal(now(), Utc()),
                ),
                "waiting": waiting,
            },
            happened,
            bump=waiting != purchase.waiting,
            by_worker=True,
        )

    async def finish(self, purchase: Purchase, to: State, happened: Happened, **values: Any) -> Purchase:
        """The purchase out of the worker's hands, in another state. Raises Lost, OutOfOffice."""
        if to not in MOVES[purchase.state]:
            raise ValueError(f"the worker does not take a purchase from {purchase.state} to {to}")
        return await self.save_step(purchase, happened, **{"state": to, "waiting": None, **values})

    async def intend_to_buy(self, purchase: Purchase, price: Decimal, terms: dict[str, Any]) -> Purchase:
        """The intent, written before the paid call (rule 1). price: read just now. terms: for the record.

        Raises Lost when the row is not the one that was just checked, or was withdrawn, and OutOfOffice.
        """
        return await self._change(
            purchase.id,
            [
                *as_it_stood(purchase),
                *untouched(purchase),
                col(Purchase.state) == State.IN_PROGRESS,
                col(Purchase.buying_at).is_(None),
                col(Purchase.phone_number_sid).is_(None),
            ],
            {"buying_at": now(), "looks": 0, "waiting": None, "charged": price},
            Happened("buying", details={**terms, "price": str(price), "revision": purchase.revision}),
            durable=True,
            by_worker=True,
        )
