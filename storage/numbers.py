"""Numbers: whether a purchase holds one, whether the account owns it, and when that ended. Rule 7."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.changes import Changes, Lost
from storage.history import Happened
from storage.models import MOVES, Number, Purchase, State, now


class Numbers(Changes):
    async def held_numbers(self, account_sid: str, phone_numbers: Collection[str]) -> set[str]:
        """Those of these numbers that a live purchase holds or the account owns."""
        async with self.reading() as session:
            found = await session.exec(
                select(Number.phone_number).where(
                    Number.account_sid == account_sid,
                    col(Number.phone_number).in_(phone_numbers),
                    col(Number.released_at).is_(None),
                )
            )
            return set(found)

    async def owned_numbers(self, account_sid: str) -> Sequence[Number]:
        """Those that Twilio was last known to list under the account."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Number).where(
                        Number.account_sid == account_sid,
                        col(Number.owned_at).is_not(None),
                        col(Number.released_at).is_(None),
                    )
                )
            ).all()

    async def purchase_owning(self, account_sid: str, phone_number: str) -> Purchase | None:
        """Whose number it is, where it was bought here and is owned."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .join(Number, col(Number.purchase_id) == col(Purchase.id))
                    .where(
                        Number.account_sid == account_sid,
                        Number.phone_number == phone_number,
                        col(Number.owned_at).is_not(None),
                        col(Number.released_at).is_(None),
                        col(Purchase.phone_number_sid).is_not(None),
                    )
                )
            ).first()

    async def number_of(self, purchase: Purchase) -> Number:
        """The one that was bought for it."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Number).where(
                        Number.purchase_id == purchase.id,
                        Number.phone_number_sid == purchase.phone_number_sid,
                    )
                )
            ).one()

    async def add_owned(
        self,
        account_sid: str,
        phone_number: str,
        sid: str,
        workspace_id: str = "",
        happened: Happened | None = None,
    ) -> None:
        """A number that the account owns and no purchase of ours bought; nothing where one holds it or it is known already.

        happened: what is told of it, the first time.
        """
        moment = now()
        try:
            async with self.writing() as session:
                session.add(
                    Number(
                        account_sid=account_sid,
                        phone_number=phone_number,
                        phone_number_sid=sid,
                        held_at=moment,
                        owned_at=moment,
                    )
                )
                await session.flush()
                if happened is not None:
                    session.add_all(happened.rows(workspace_id))
        except IntegrityError:
            return

    async def number_gone(self, number: Number, happened: Happened, **values: Any) -> Purchase | None:
        """Twilio does not list it any more: it is free, and the purchase that bought it is released.

        values: further columns of that purchase.
        """
        async with self.writing() as session:
            await session.exec(
                update(Number)
                .where(col(Number.id) == number.id, col(Number.released_at).is_(None))
                .values(released_at=now())
            )
            if number.purchase_id is None:
                return None
            allowed = [state for state, moves in MOVES.items() if State.RELEASED in moves]
            try:
                purchase = await self._update(
                    session,
                    number.purchase_id,
                    [
                        col(Purchase.state).in_(allowed),
                        col(Purchase.phone_number_sid) == number.phone_number_sid,
                    ],
                    {"state": State.RELEASED, "waiting": None, "problem": None, **values},
                )
            except Lost:
                return None
            await self._put_on_record(session, purchase, happened)
            return purchase
