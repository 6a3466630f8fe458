"""Approvals of a quote: each given once, and what all of them come to judged in the same transaction. Rule 8."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import String, bindparam, cast, literal
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.changes import Changes, lost_to
from storage.database import append
from storage.history import Happened
from storage.models import EMERGENCY, Approval, Purchase, State, now


class AlreadyApproved(Exception):
    """This person has approved this quote before."""


@dataclass(frozen=True)
class Tally:
    """What the approvals of a quote come to.

    by: who gave the last one that was needed; none: nobody has to be asked. happened: none where nothing is new for anybody. values:
    columns in which the purchase remembers where it stands with those who decide.
    """

    is_enough: bool
    by: str | None = None
    happened: Happened | None = None
    values: dict[str, Any] = field(default_factory=dict)


Judge = Callable[[Purchase, Sequence[Approval]], Tally]
"""The row as it is now, and all approvals of its quote in their order: what they come to. Asks nobody."""


@cache
def _of_subject() -> Any:
    """Made once, as in the outbox."""
    return select(Approval).where(col(Approval.subject) == bindparam("subject")).order_by(col(Approval.id))


@cache
def _with_approvals() -> Any:
    subject = literal("quote:") + col(Purchase.id) + ":" + cast(col(Purchase.quote_no), String)
    return (
        select(Purchase, Approval)
        .outerjoin(Approval, col(Approval.subject) == subject)
        .where(col(Purchase.id) == bindparam("purchase_id"))
        .order_by(col(Approval.id))
    )


class Approvals(Changes):
    async def with_approvals(self, purchase_id: str) -> tuple[Purchase, Sequence[Approval]] | None:
        """The purchase, and ``approvals_of`` it, read at once."""
        async with self.reading() as session:
            found = (await session.exec(_with_approvals(), params={"purchase_id": purchase_id})).all()
        if not found:
            return None
        return found[0][0], [approval for _, approval in found if approval is not None]

    async def approvals_of(self, purchase: Purchase) -> Sequence[Approval]:
        """Of the quote that is current, in their order; whether each counts is another question (rule 8)."""
        async with self.reading() as session:
            return await self._approvals(session, purchase)

    @staticmethod
    async def _approvals(session: AsyncSession, purchase: Purchase) -> Sequence[Approval]:
        found = await session.exec(_of_subject(), params={"subject": purchase.subject})
        approvals: Sequence[Approval] = found.all()
        return approvals

    async def approve(
        self,
        purchase_id: str,
        quote_no: int,
        approval: dict[str, Any],
        judge: Judge,
        old_before: datetime | None = None,
    ) -> Purchase:
        """The purchase with this approval; in progress when that is enough.

        approval: ``person_id, rule, stage, policy_version`` and perhaps ``reason``. old_before: an approval of the same person from
        before this moment is given anew. Raises Lost (decided, or another quote by now) and AlreadyApproved. The row is locked
        first, so that of two approvals at once the second sees the first.
        """
        async with self.writing(durable=True) as session:
            row = await self._locked(session, purchase_id)
            if row is None or row.state != State.AWAITING_APPROVAL or row.quote_no != quote_no:
                raise lost_to(session, row)
            approvals = await self._give(session, row, approval, old_before)
            details = {name: value for name, value in approval.items() if value is not None}
            event = Happened("approval", approval["person_id"], {**details, "quote": quote_no})
            return await self._judge(session, row, judge, approvals, event)

    async def _give(
        self, session: AsyncSession, row: Purchase, approval: dict[str, Any], old_before: datetime | None
    ) -> list[Approval]:
        """The approvals with this one: one yes a person and quote; besides, one in an emergency. Raises AlreadyApproved."""
        before = await self._approvals(session, row)
        in_emergency = approval.get("stage") == EMERGENCY
        given = [
            each
            for each in before
            if each.person_id == approval["person_id"] and (each.stage == EMERGENCY) == in_emergency
        ]
        if given and (old_before is None or given[-1].approved_at > old_before):
            raise AlreadyApproved
        for each in given:
            await session.delete(each)
        new = Approval(workspace_id=row.workspace_id, subject=row.subject, approved_at=now(), **approval)
        await append(session, new)
        return [*(each for each in before if each not in given), new]

    async def count_again(self, purchase: Purchase, judge: Judge) -> Purchase:
        """The purchase as its approvals make it by now: who may, how many are needed, or the rule has changed."""
        async with self.writing(durable=True) as session:
            row = await self._locked(session, purchase.id)
            if row is None or row.state != State.AWAITING_APPROVAL or row.quote_no != purchase.quote_no:
                raise lost_to(session, row)
            return await self._judge(session, row, judge, await self._approvals(session, row))

    async def _judge(
        self,
        session: AsyncSession,
        row: Purchase,
        judge: Judge,
        approvals: Sequence[Approval],
        *happened: Happened,
    ) -> Purchase:
        """happened: what is on record in any case. A conditional UPDATE though the row is locked: a state changes in no other way."""
        tally = judge(row, approvals)
        values = dict(tally.values)
        if tally.is_enough:
            values |= {
                "state": State.IN_PROGRESS,
                "decided_by": tally.by,
                "decided_at": now(),
                "waiting": None,
                "problem": None,
                "tries": 0,
            }
        happened = (*happened, *([tally.happened] if tally.happened is not None else []))
        if happened:
            await self._put_on_record(session, row, *happened)
        if not values and tally.happened is None:
            return row
        return await self._update(
            session,
            row.id,
            [col(Purchase.state) == State.AWAITING_APPROVAL, col(Purchase.quote_no) == row.quote_no],
            values,
            bump=tally.happened is not None,
            locked=row,
        )
