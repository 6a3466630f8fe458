"""The one way in which a purchase changes: a conditional UPDATE that has one winner, with its record and its messages."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, update
from sqlalchemy.orm import Mapped
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import append
from storage.history import Happened
from storage.models import UNFINISHED, Number, Outgoing, Purchase, State, now
from storage.office import OfficeRow
from storage.outbox import card_changed

LONGEST_SLEEP = timedelta(hours=1)
"""Nothing that is not finished sleeps longer (rule 36)."""


def has_come(wake_at: Mapped[datetime | None]) -> ColumnElement[bool]:
    """A time that lies further ahead than anything may sleep was written before the clock stepped back: it has come."""
    moment = now()
    return or_(wake_at <= moment, wake_at > moment + 2 * LONGEST_SLEEP)


class Lost(Exception):
    """The row is not as it was thought to be: somebody or something else was quicker. ``purchase`` is the row now."""

    def __init__(self, purchase: Purchase | None) -> None:
        super().__init__("the purchase has moved on")
        self.purchase = purchase


def lost_to(session: AsyncSession, row: Purchase | None) -> Lost:
    if row is not None:
        session.expunge(row.quote)  # the roll-back that follows would empty both
        session.expunge(row)
    return Lost(row)


@cache
def _locking() -> Any:
    """Made once, as in the outbox."""
    wanted = col(Purchase.id) == bindparam("purchase_id")
    return select(Purchase).where(wanted).with_for_update(of=Purchase)


class Changes(OfficeRow):
    async def _change(
        self,
        purchase_id: str,
        conditions: Iterable[ColumnElement[bool]],
        values: dict[str, Any],
        happened: Happened | None = None,
        *,
        bump: bool = True,
        durable: bool = False,
        by_worker: bool = False,
    ) -> Purchase:
        async with self.writing(durable=durable) as session:
            if by_worker:
                await self.in_office(session)
            purchase = await self._update(session, purchase_id, conditions, values, bump=bump)
            if happened is not None:
                await self._put_on_record(session, purchase, happened)
            return purchase

    async def _update(
        self,
        session: AsyncSession,
        purchase_id: str,
        conditions: Iterable[ColumnElement[bool]],
        values: dict[str, Any],
        *,
        bump: bool = True,
        locked: Purchase | None = None,
    ) -> Purchase:
        """One conditional UPDATE, and the row as it is then. ``bump``: the card has to be drawn again.

        Another state sets the time to wake; an end frees a number that was not bought. locked: the row, where this transaction has
        locked and read it; then ``values`` are all that differs afterwards, and it is not read once more. A reader of SQLite locks
        nothing: a command beside the app that was quicker is noticed by the version.
        """
        state = values.get("state")
        if state is not None:
            wake_at = now() if state == State.IN_PROGRESS else now() + LONGEST_SLEEP
            values = {
                "wake_at": wake_at if state in UNFINISHED else None,
                **values,
            }
        if locked is not None:
            conditions = [*conditions, col(Purchase.version) == locked.version]
        if bump:
            version = locked.version if locked is not None else col(Purchase.version)
            values = {**values, "version": version + 1, "updated_at": now()}
        done = await session.exec(
            update(Purchase).where(col(Purchase.id) == purchase_id, *conditions).values(**values),
            execution_options={"synchronize_session": False},  # what is in the session follows below
        )
        if locked is None or done.rowcount != 1:
            row = await session.get(Purchase, purchase_id, populate_existing=True)
        else:
            row = locked
            for name, value in values.items():
                set_committed_value(row, name, value)
        if done.rowcount != 1 or row is None:
            raise lost_to(session, row)
        if state is not None and state not in UNFINISHED and row.is_unbought:
            await self._release(session, purchase_id)
        if values.get("phone_number_sid"):
            await session.exec(
                update(Number)
                .where(col(Number.purchase_id) == purchase_id, col(Number.released_at).is_(None))
                .values(phone_number_sid=values["phone_number_sid"], owned_at=now())
            )
        if bump:
            await card_changed(session, purchase_id)
        return row

    @staticmethod
    async def _locked(session: AsyncSession, purchase_id: str) -> Purchase | None:
        row: Purchase | None = (await session.exec(_locking(), params={"purchase_id": purchase_id})).first()
        return row

    @staticmethod
    async def _put_on_record(session: AsyncSession, purchase: Purchase, *happened: Happened) -> None:
        of_purchase: dict[str, Any] = {"purchase_id": purchase.id, "quote_no": purchase.quote_no}
        lines = [row for each in happened for row in each.rows(purchase.workspace_id, **of_purchase)]
        await append(session, *sorted(lines, key=lambda row: isinstance(row, Outgoing)))

    @staticmethod
    async def _release(session: AsyncSession, purchase_id: str) -> None:
        await session.exec(
            update(Number)
            .where(
                col(Number.purchase_id) == purchase_id,
                col(Number.released_at).is_(None),
                col(Number.owned_at).is_(None),
            )
            .values(released_at=now())
        )


def as_it_stood(purchase: Purchase) -> list[ColumnElement[bool]]:
    """In the same state and under the same quote: what a person does beside the worker changes one of them."""
    return [
        col(Purchase.state) == purchase.state,
        col(Purchase.quote_no) == purchase.quote_no,
        col(Purchase.revision) == purchase.revision,
    ]


def untouched(purchase: Purchase) -> list[ColumnElement[bool]]:
    return [col(Purchase.state) == purchase.state, col(Purchase.version) == purchase.version]
