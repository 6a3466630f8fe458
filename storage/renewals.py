"""Renewals of bundles: which copy shall take which bundle's place."""

from collections.abc import Sequence

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.bundle_states import BundleState
from storage.bundles import Bundles
from storage.history import Happened
from storage.models import Bundle


class Renewals(Bundles):
    async def renewal_of(self, bundle_id: str) -> Bundle | None:
        """The copy that shall renew the bundle, until that is done or given up."""
        async with self.reading() as session:
            live = select(Bundle).where(Bundle.renews_id == bundle_id, Bundle.status != BundleState.DELETED)
            return (await session.exec(live)).first()

    async def renewals(self, account_sid: str) -> Sequence[Bundle]:
        """Copies that can take their bundle's place, and those that are on the way there."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Bundle).where(
                        Bundle.account_sid == account_sid,
                        col(Bundle.renews_id).is_not(None),
                        or_(
                            col(Bundle.status) == BundleState.APPROVED,
                            col(Bundle.replacing).is_not(None),
                        ),
                    )
                )
            ).all()

    async def start_renewal(self, copy: Bundle, happened: Happened) -> Bundle:
        """As ``start_bundle``; the renewal that is there already, where somebody was quicker: that one is not claimed."""
        try:
            return await self.start_bundle(copy, happened)
        except IntegrityError:
            assert copy.renews_id is not None
            there = await self.renewal_of(copy.renews_id)
            if there is None:
                raise
            return there
