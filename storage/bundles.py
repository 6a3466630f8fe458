"""Questions about bundles, and how what Twilio says of one becomes known: once, with whom it concerns told."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.bundle_states import UNDER_REVIEW, BundleState
from storage.claims import CLAIM, Claims, claim
from storage.history import Happened
from storage.models import Bundle, Purchase, Quote, State, new_id, now
from storage.outbox import card_changed

"""How long a bundle is held by somebody who died while changing it at Twilio."""
WAITING = (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES)
"""States in which a purchase that is not bought may wait for its bundle."""

News = Callable[[Bundle | None, Bundle, Sequence[Purchase]], Happened | None]
"""What is told of a bundle that was seen for the first time or whose status has changed: before, now, who waits for it."""


def current_quote() -> ColumnElement[bool]:
    """Of a purchase's quotes the one that counts."""
    return and_(
        col(Quote.purchase_id) == col(Purchase.id),
        col(Quote.quote_no) == col(Purchase.quote_no),
        col(Quote.revision) == col(Purchase.revision),
    )


def _waits(bundle_ids: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Quote.bundle_id).in_(bundle_ids),
        col(Purchase.state).in_(WAITING),
        col(Purchase.buying_at).is_(None),
        col(Purchase.phone_number_sid).is_(None),
    )


async def waiting_for(session: AsyncSession, bundle_ids: Collection[str]) -> Sequence[Purchase]:
    if not bundle_ids:  # the database would look at every purchase to find none
        return ()
    return (
        await session.exec(select(Purchase).join(Quote, current_quote()).where(*_waits(bundle_ids)))
    ).all()


class Bundles(Claims):
    # questions

    async def bundle(self, bundle_id: str) -> Bundle | None:
        async with self.reading() as session:
            return await session.get(Bundle, bundle_id)

    async def bundle_by_sid(self, account_sid: str, sid: str) -> Bundle | None:
        async with self.reading() as session:
            return await self._by_sid(session, account_sid, sid)

    async def known_bundles(self, account_sid: str) -> dict[str, Bundle]:
        """By SID, those that were deleted and those that are being made included."""
        async with self.reading() as session:
            rows = await session.exec(select(Bundle).where(Bundle.account_sid == account_sid))
            return {row.sid: row for row in rows}

    async def bundles_for(
        self, account_sid: str, country: str, number_type: str, since: datetime
    ) -> Sequence[Bundle]:
        """As last read, newest change first; without those that were not there any more at the last reading."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Bundle)
                    .where(
                        Bundle.account_sid == account_sid,
                        Bundle.country == country,
                        Bundle.number_type == number_type,
                        Bundle.read_at >= since,
                    )
                    .order_by(col(Bundle.updated_at).desc())
                )
            ).all()

    async def purchases_using(self, bundle_id: str) -> Sequence[Purchase]:
        """Those that wait for it and those that were bought with it."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .join(Quote, current_quote())
                    .where(
                        Quote.bundle_id == bundle_id,
                        or_(
                            col(Purchase.state).in_(WAITING),
                            col(Purchase.phone_number_sid).is_not(None),
                        ),
                    )
                    .order_by(col(Purchase.created_at))
                )
            ).all()

    async def reviews(
        self, account_sid: str, country: str, end_user_type: str, limit: int = 5
    ) -> list[timedelta]:
        """How long the last reviews took by our own record, newest first."""
        async with self.reading() as session:
            rows = await session.exec(
                select(Bundle)
                .where(
                    Bundle.account_sid == account_sid,
                    Bundle.country == country,
                    Bundle.end_user_type == end_user_type,
                    col(Bundle.submitted_at).is_not(None),
                    col(Bundle.decided_at).is_not(None),
                )
                .order_by(col(Bundle.decided_at).desc())
                .limit(limit)
            )
            return [
                max(row.decided_at - row.submitted_at, timedelta(0))
                for row in rows
                if row.decided_at and row.submitted_at
            ]

    async def bundles_lapsing(self, account_sid: str, before: datetime) -> Sequence[Bundle]:
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Bundle).where(
                        Bundle.account_sid == account_sid,
                        Bundle.status == BundleState.APPROVED,
                        col(Bundle.valid_until) <= before,
                        col(Bundle.renews_id).is_(None),
                    )
                )
            ).all()

    # making one

    async def start_bundle(self, bundle: Bundle, happened: Happened) -> Bundle:
        """The row, before Twilio has heard of the bundle; it is claimed, for ``release_bundle`` to give free."""
        bundle.claimed_by, bundle.claimed_until = new_id(), now() + CLAIM
        async with self.writing() as session:
            session.add(bundle)
            await session.flush()
            session.add_all(happened.rows(bundle.workspace_id, bundle_id=bundle.id))
        return bundle

    async def claim_bundle(self, bundle_id: str) -> Bundle | None:
        """The row as it is now, for us alone to change at Twilio until ``release_bundle``; None while somebody else does."""
        async with self.writing() as session:
            if not await claim(session, Bundle, bundle_id, by=new_id()):
                return None
            return await session.get(Bundle, bundle_id, populate_existing=True)

    async def release_bundle(self, claimed: Bundle) -> None:
        """claimed: as ``start_bundle`` or ``claim_bundle`` returned it. A claim that ran out may be somebody else's by now."""
        async with self.writing() as session:
            await session.exec(
                update(Bundle)
                .where(col(Bundle.id) == claimed.id, col(Bundle.claimed_by) == claimed.claimed_by)
                .values(claimed_by=None, claimed_until=None)
            )

    async def amend_bundle(self, bundle_id: str, happened: Happened | None = None, **values: Any) -> Bundle:
        """The row with these columns changed (none: only put on record); its status is ``observe_bundle``'s to change."""
        async with self.writing() as session:
            if values:
                await session.exec(update(Bundle).where(col(Bundle.id) == bundle_id).values(**values))
            row = await session.get(Bundle, bundle_id, populate_existing=True)
            assert row is not None
            if happened is not None:
                session.add_all(happened.rows(row.workspace_id, bundle_id=row.id))
            return row

    # what Twilio says

    async def observe_bundle(self, seen: Bundle, news: News) -> Bundle:
        """The bundle's row, brought up to date with what Twilio said. A change of status wakes who waits for it, and is told;
        a renewal wakes only. All of it in one transaction, and only by whoever changes the row.

        An answer that is older than what is known changes nothing. Addresses stay when None is given.
        """
        for _ in range(5):
            async with self.writing() as session:
                row = await self._by_sid(session, seen.account_sid, seen.sid)
                row = row or await self._being_made(session, seen)
                if row is None:
                    fresh = Bundle(**seen.model_dump())
                    session.add(fresh)
                    try:
                        await session.flush()
                    except IntegrityError:  # another process was quicker to insert it
                        await session.rollback()
                        continue
                    await self._tell(session, news(None, fresh, ()), fresh, ())
                    return fresh
                if _is_older(seen, row):
                    return row
                before = Bundle(**row.model_dump())
                done = await session.exec(
                    update(Bundle)
                    .where(
                        col(Bundle.id) == row.id,
                        col(Bundle.status) == row.status,
                        col(Bundle.read_at) == row.read_at,
                    )
                    .values(**_changed(seen, row))
                )
                if done.rowcount != 1:
                    await session.rollback()
                    continue
                await session.refresh(row)
                if (row.status, row.valid_until) != (before.status, before.valid_until):
                    waiting = await waiting_for(session, [row.id])
                    happened = news(before, row, waiting) if row.status != before.status else None
                    await self._tell(session, happened, row, waiting)
                return row
        raise RuntimeError("a bundle can be neither inserted nor found")

    async def warn_of_lapse(self, bundle: Bundle, days: int, happened: Happened) -> bool:
        """Whether it is we who warn, this many days ahead of ``valid_until``."""
        async with self.writing() as session:
            done = await session.exec(
                update(Bundle)
                .where(
                    col(Bundle.id) == bundle.id,
                    col(Bundle.valid_until) == bundle.valid_until,
                    or_(col(Bundle.lapse_told).is_(None), col(Bundle.lapse_told) > days),
                )
                .values(lapse_told=days)
            )
            if done.rowcount != 1:
                return False
            session.add_all(happened.rows(bundle.workspace_id, bundle_id=bundle.id))
            return True

    @staticmethod
    async def _by_sid(session: AsyncSession, account_sid: str, sid: str) -> Bundle | None:
        return (
            await session.exec(select(Bundle).where(Bundle.account_sid == account_sid, Bundle.sid == sid))
        ).first()

    @staticmethod
    async def _being_made(session: AsyncSession, seen: Bundle) -> Bundle | None:
        """Our own row for a bundle whose creation was cut off: it has the name that we gave."""
        return (
            await session.exec(
                select(Bundle).where(
                    Bundle.account_sid == seen.account_sid,
                    Bundle.friendly_name == seen.friendly_name,
                    col(Bundle.sid).not_like("BU%"),
                    Bundle.status != BundleState.DELETED,
                )
            )
        ).first()

    @staticmethod
    async def _tell(
        session: AsyncSession, happened: Happened | None, bundle: Bundle, waiting: Sequence[Purchase]
    ) -> None:
        """Wakes the purchases, redraws their cards, and puts what happened on everybody's record."""
        ids = [each.id for each in waiting]
        if ids:
            await session.exec(
                update(Purchase)
                .where(col(Purchase.id).in_(ids))
                .values(version=col(Purchase.version) + 1, updated_at=now())
            )
            await card_changed(session, *ids)
            await session.exec(
                update(Purchase)
                .where(col(Purchase.id).in_(ids), col(Purchase.state) == State.IN_PROGRESS)
                .values(wake_at=now())
            )
        if happened is not None:
            session.add_all(happened.rows(bundle.workspace_id, bundle_id=bundle.id))
            line = replace(happened, owed=())
            for each in waiting:
                session.add_all(
                    line.rows(
                        each.workspace_id, purchase_id=each.id, bundle_id=bundle.id, quote_no=each.quote_no
                    )
                )


def _is_older(seen: Bundle, row: Bundle) -> bool:
    """Twilio's clock has seconds; within one, the question that was asked later counts."""
    if seen.updated_at is None or row.updated_at is None or seen.updated_at == row.updated_at:
        return seen.read_at < row.read_at
    return seen.updated_at < row.updated_at


def _changed(seen: Bundle, row: Bundle) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(seen, name)
        for name in ("sid", "friendly_name", "country", "number_type", "end_user_type", "status")
    }
    values["regulation_sid"] = seen.regulation_sid or row.regulation_sid
    values |= {"valid_until": seen.valid_until, "created_at": seen.created_at, "updated_at": seen.updated_at}
    values["read_at"] = max(seen.read_at, row.read_at)
    if seen.address_sids is not None:
        values["address_sids"] = seen.address_sids
    elif seen.updated_at != row.updated_at:
        values["address_sids"] = None
    if seen.valid_until != row.valid_until:
        values["lapse_told"] = None
    if seen.status != row.status:
        if seen.status in UNDER_REVIEW and row.status not in UNDER_REVIEW:
            values |= {"submitted_at": seen.updated_at or now(), "decided_at": None}
        if seen.status in (BundleState.APPROVED, BundleState.REJECTED) and row.status != BundleState.APPROVED:
            values["decided_at"] = seen.updated_at or now()
        if seen.status == BundleState.DRAFT:
            values |= {"submitted_at": None, "decided_at": None}
    return values
