"""The list of bundles: which of them, with what waits for each, what uses it, and its renewal."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.bundle_states import BundleState
from storage.bundles import Bundles, current_quote, waiting_for
from storage.models import Bundle, Purchase, Quote, State


@dataclass(frozen=True)
class Listed:
    """A bundle with the purchases that wait for it, those whose numbers were bought with it, and the copy that shall renew it."""

    bundle: Bundle
    waiting: tuple[Purchase, ...] = ()
    using: tuple[Purchase, ...] = ()
    renewal: Bundle | None = None


async def _using(session: AsyncSession, bundle_ids: Collection[str]) -> Sequence[Purchase]:
    """Those whose numbers were bought with it, and are not released."""
    if not bundle_ids:
        return ()
    owned = (
        col(Quote.bundle_id).in_(bundle_ids),
        col(Purchase.phone_number_sid).is_not(None),
        col(Purchase.state) != State.RELEASED,
    )
    return (await session.exec(select(Purchase).join(Quote, current_quote()).where(*owned))).all()


class BundleList(Bundles):
    async def list_bundles(
        self,
        account_sid: str,
        statuses: Sequence[str],
        country: str | None,
        offset: int,
        limit: int,
    ) -> list[Listed]:
        """Newest change first; one being made counts as changed just now. statuses: those wanted."""
        where = [col(Bundle.account_sid) == account_sid, col(Bundle.status).in_(statuses)]
        if country is not None:
            where.append(col(Bundle.country) == country)
        async with self.reading() as session:
            found = (
                await session.exec(
                    select(Bundle)
                    .where(*where)
                    .order_by(col(Bundle.updated_at).desc().nulls_first(), col(Bundle.id))
                    .offset(offset)
                    .limit(limit)
                )
            ).all()
            ids = [each.id for each in found]
            waiting, using = await waiting_for(session, ids), await _using(session, ids)
            renewing = (
                await session.exec(
                    select(Bundle).where(col(Bundle.renews_id).in_(ids), Bundle.status != BundleState.DELETED)
                )
            ).all()
        return [
            Listed(
                each,
                tuple(purchase for purchase in waiting if purchase.quote.bundle_id == each.id),
                tuple(purchase for purchase in using if purchase.quote.bundle_id == each.id),
                next((copy for copy in renewing if copy.renews_id == each.id), None),
            )
            for each in found
        ]

    async def bundles_of(
        self, account_sid: str, person_id: str, statuses: Sequence[str], limit: int
    ) -> Sequence[Bundle]:
        """Those that the person has made or sent, newest change first."""
        theirs = or_(col(Bundle.made_by) == person_id, col(Bundle.submitted_by) == person_id)
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Bundle)
                    .where(Bundle.account_sid == account_sid, col(Bundle.status).in_(statuses), theirs)
                    .order_by(col(Bundle.updated_at).desc().nulls_first(), col(Bundle.id))
                    .limit(limit)
                )
            ).all()

    async def bundle_countries(self, account_sid: str) -> list[str]:
        async with self.reading() as session:
            found = await session.exec(
                select(Bundle.country).where(Bundle.account_sid == account_sid).distinct()
            )
            return sorted(found)
