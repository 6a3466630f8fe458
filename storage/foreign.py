"""Numbers of the account that nobody asked for here: their test messages, each one by conditional UPDATEs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from storage.changes import Lost, has_come
from storage.history import Happened
from storage.models import Event, Number, now
from storage.office import OfficeRow


class Foreign(OfficeRow):
    async def number_of_nobody(self, account_sid: str, phone_number: str) -> Number | None:
        """One that the account owns and no purchase holds."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Number).where(
                        Number.account_sid == account_sid,
                        Number.phone_number == phone_number,
                        col(Number.purchase_id).is_(None),
                        col(Number.owned_at).is_not(None),
                        col(Number.released_at).is_(None),
                    )
                )
            ).first()

    async def number(self, number_id: int) -> Number | None:
        async with self.reading() as session:
            return await session.get(Number, number_id)

    async def numbers_due(self) -> Sequence[Number]:
        """Those whose test message is to be followed now."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Number)
                    .where(has_come(col(Number.wake_at)), col(Number.released_at).is_(None))
                    .order_by(col(Number.wake_at))
                )
            ).all()

    async def change_number(
        self,
        number: Number,
        workspace_id: str,
        happened: Happened | None = None,
        *,
        by_worker: bool = False,
        **values: Any,
    ) -> Number:
        """As long as nobody has changed it since it was read: each change sets its time to wake. Raises Lost, OutOfOffice."""
        as_read = (
            col(Number.wake_at).is_(None) if number.wake_at is None else col(Number.wake_at) == number.wake_at
        )
        async with self.writing() as session:
            if by_worker:
                await self.in_office(session)
            done = await session.exec(
                update(Number)
                .where(col(Number.id) == number.id, col(Number.released_at).is_(None), as_read)
                .values(**values)
            )
            row = await session.get(Number, number.id, populate_existing=True)
            if done.rowcount != 1 or row is None:
                raise Lost(None)
            if happened is not None:
                session.add_all(happened.rows(workspace_id))
            return row

    async def look_at_number(self, phone_number_sid: str) -> None:
        """Twilio says that something has changed of its test message: that is looked at now, where one is under way."""
        async with self.writing() as session:
            await session.exec(
                update(Number)
                .where(col(Number.phone_number_sid) == phone_number_sid, col(Number.wake_at).is_not(None))
                .values(wake_at=now())
            )

    async def record_of_numbers(self, what: str, since: datetime) -> Sequence[Event]:
        """Lines of this kind that belong to no purchase."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Event).where(
                        Event.what == what, col(Event.purchase_id).is_(None), Event.happened_at > since
                    )
                )
            ).all()
