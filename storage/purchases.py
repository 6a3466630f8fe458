"""Questions about purchases, and every way in which one changes: always one conditional UPDATE."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import Database
from storage.models import (
    HOLDING,
    MOVES,
    Approval,
    Bundle,
    Card,
    Event,
    Outgoing,
    Purchase,
    Quote,
    State,
    now,
)
from storage.outbox import Owed, card_changed

LEASE = timedelta(seconds=60)


class Lost(Exception):
    """The row is not as it was thought to be: somebody or something else was quicker. ``purchase`` is the row now."""

    def __init__(self, purchase: Purchase | None) -> None:
        super().__init__("the purchase has moved on")
        self.purchase = purchase


class NumberHeld(Exception):
    """Another live purchase of this Twilio account has the number."""


class AlreadyApproved(Exception):
    """This person has approved this quote before."""


@dataclass(frozen=True)
class Happened:
    """What a change puts on record, and whom it is told, in the change's own transaction."""

    what: str
    person_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()

    def rows(
        self,
        workspace_id: str,
        *,
        purchase_id: str | None = None,
        bundle_id: str | None = None,
        quote: int = 0,
    ) -> list[Event | Outgoing]:
        """The line of the record, and the messages."""
        line = Event(
            workspace_id=workspace_id,
            purchase_id=purchase_id,
            bundle_id=bundle_id,
            person_id=self.person_id,
            what=self.what,
            quote=quote,
            details=self.details,
        )
        return [line, *(owed.row(workspace_id, purchase_id, bundle_id) for owed in self.owed)]


def _lost(session: AsyncSession, row: Purchase | None) -> Lost:
    if row is not None:
        session.expunge(row)  # the roll-back that follows would empty it
    return Lost(row)


class Purchases(Database):
    async def purchase(self, purchase_id: str) -> Purchase | None:
        async with self.reading() as session:
            return await session.get(Purchase, purchase_id)

    async def purchases_of(self, requester_id: str, limit: int = 20) -> Sequence[Purchase]:
        """Newest change first, without drafts."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(Purchase.requester_id == requester_id, Purchase.state != State.DRAFT)
                    .order_by(col(Purchase.updated_at).desc())
                    .limit(limit)
                )
            ).all()

    async def latest_draft(self, requester_id: str, since: datetime) -> Purchase | None:
        """The draft that this person may go on with: at least one page of it was sent."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(
                        Purchase.requester_id == requester_id,
                        Purchase.state == State.DRAFT,
                        col(Purchase.page).is_not(None),
                        Purchase.updated_at >= since,
                    )
                    .order_by(col(Purchase.updated_at).desc())
                    .limit(1)
                )
            ).first()

    async def held_numbers(self, account_sid: str, country: str) -> set[str]:
        async with self.reading() as session:
            found = await session.exec(
                select(col(Purchase.phone_number)).where(
                    Purchase.account_sid == account_sid,
                    Purchase.country == country,
                    or_(col(Purchase.state).in_(HOLDING), col(Purchase.phone_number_sid).is_not(None)),
                )
            )
            return {number for number in found if number is not None}

    async def open_intents(self, account_sid: str, except_id: str) -> Decimal:
        """What the purchases that are being bought right now may cost in their first month."""
        async with self.reading() as session:
            ceilings = (
                await session.exec(
                    select(col(Purchase.ceiling)).where(
                        Purchase.account_sid == account_sid,
                        Purchase.id != except_id,
                        col(Purchase.buying_at).is_not(None),
                        col(Purchase.phone_number_sid).is_(None),
                    )
                )
            ).all()
        return sum((c for c in ceilings if c is not None), Decimal(0))

    async def approvals_of(self, purchase: Purchase) -> Sequence[Approval]:
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Approval)
                    .where(Approval.purchase_id == purchase.id, Approval.quote == purchase.quote)
                    .order_by(col(Approval.id))
                )
            ).all()

    async def record_of(self, purchase_id: str) -> Sequence[Event]:
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Event).where(Event.purchase_id == purchase_id).order_by(col(Event.id))
                )
            ).all()

    # drafts

    async def open_draft(self, draft: Purchase) -> Purchase:
        async with self.writing() as session:
            session.add(draft)
        return draft

    async def record_draft(self, purchase_id: str, **values: Any) -> Purchase:
        """The draft with these columns changed. Raises Lost when it is no draft any more."""
        return await self._change(purchase_id, [col(Purchase.state) == State.DRAFT], values)

    async def submit(self, draft: Purchase, channel: str, happened: Happened, **values: Any) -> Purchase:
        """The draft as a purchase that waits for approval, with its first quote and its card.

        Raises NumberHeld, and Lost when it was submitted or thrown away before.
        """
        try:
            async with self.writing() as session:
                purchase = await self._update(
                    session,
                    draft.id,
                    [col(Purchase.state) == State.DRAFT, col(Purchase.phone_number) == draft.phone_number],
                    {**values, "state": State.AWAITING_APPROVAL, "quote": 1},
                )
                self._add_quote(session, purchase)
                session.add(
                    Card(purchase_id=purchase.id, workspace_id=purchase.workspace_id, channel_id=channel)
                )
                await session.flush()
                await card_changed(session, purchase.id)
                self._put_on_record(session, purchase, happened)
                return purchase
        except IntegrityError as error:
            raise NumberHeld from error

    # decisions

    async def approve(
        self, purchase_id: str, quote: int, person_id: str, needed: int, counted: Happened, decided: Happened
    ) -> Purchase:
        """The purchase with this approval counted; in progress when it was the last one needed.

        Raises Lost (decided, or another quote by now) and AlreadyApproved. The row is locked first, so that of two
        approvals at once the second sees the first.
        """
        try:
            async with self.writing() as session:
                row = await self._locked(session, purchase_id)
                if row is None or row.state != State.AWAITING_APPROVAL or row.quote != quote:
                    raise _lost(session, row)
                session.add(
                    Approval(
                        workspace_id=row.workspace_id, purchase_id=row.id, quote=quote, person_id=person_id
                    )
                )
                await session.flush()
                count = (
                    await session.exec(
                        select(func.count())
                        .select_from(Approval)
                        .where(Approval.purchase_id == row.id, Approval.quote == quote)
                    )
                ).one()
                done = count >= needed
                values: dict[str, Any] = (
                    {
                        "state": State.IN_PROGRESS,
                        "decided_by": person_id,
                        "decided_at": now(),
                        "wake_at": now(),
                        "waiting": None,
                        "problem": None,
                    }
                    if done
                    else {}
                )
                purchase = await self._update(
                    session,
                    row.id,
                    [col(Purchase.state) == State.AWAITING_APPROVAL, col(Purchase.quote) == quote],
                    values,
                )
                self._put_on_record(session, purchase, decided if done else counted)
                return purchase
        except IntegrityError as error:
            raise AlreadyApproved from error

    async def deny(
        self, purchase_id: str, quote: int, person_id: str, reason: str, happened: Happened
    ) -> Purchase:
        return await self._change(
            purchase_id,
            [col(Purchase.state) == State.AWAITING_APPROVAL, col(Purchase.quote) == quote],
            {"state": State.DENIED, "decided_by": person_id, "decided_at": now(), "reason": reason},
            happened,
        )

    async def withdraw(self, purchase_id: str, happened: Happened) -> Purchase:
        """Raises Lost once the number is being bought, or is bought, or the purchase has ended."""
        allowed = [state for state, moves in MOVES.items() if State.WITHDRAWN in moves]
        return await self._change(
            purchase_id,
            [
                col(Purchase.state).in_(allowed),
                col(Purchase.buying_at).is_(None),
                col(Purchase.phone_number_sid).is_(None),
            ],
            {"state": State.WITHDRAWN, "wake_at": None, "waiting": None, "lease": None},
            happened,
        )

    async def move(
        self, purchase: Purchase, to: State, happened: Happened | None = None, **values: Any
    ) -> Purchase:
        """The purchase in another state. Raises Lost when it has changed since ``purchase`` was read."""
        if to not in MOVES.get(purchase.state, frozenset()):
            raise ValueError(f"a purchase does not go from {purchase.state} to {to}")
        try:
            return await self._change(
                purchase.id,
                [col(Purchase.state) == purchase.state, col(Purchase.version) == purchase.version],
                {"state": to, **values},
                happened,
            )
        except IntegrityError as error:
            raise NumberHeld from error

    async def requote(self, purchase: Purchase, happened: Happened, **values: Any) -> Purchase:
        """The purchase back before the approvers with a new quote: approvals of older quotes are void."""
        if (
            State.AWAITING_APPROVAL not in {purchase.state, *MOVES.get(purchase.state, ())}
            or purchase.state == State.DRAFT
        ):
            raise ValueError(f"a purchase that is {purchase.state} is not quoted anew")
        conditions = [
            col(Purchase.state) == purchase.state,
            col(Purchase.version) == purchase.version,
            col(Purchase.buying_at).is_(None),
            col(Purchase.phone_number_sid).is_(None),
        ]
        if purchase.lease is not None:
            conditions.append(col(Purchase.lease) == purchase.lease)
        try:
            async with self.writing() as session:
                row = await self._update(
                    session,
                    purchase.id,
                    conditions,
                    {
                        "state": State.AWAITING_APPROVAL,
                        "quote": purchase.quote + 1,
                        "decided_by": None,
                        "decided_at": None,
                        "wake_at": None,
                        "waiting": None,
                        "lease": None,
                        **values,
                    },
                )
                self._add_quote(session, row)
                self._put_on_record(session, row, happened)
                return row
        except IntegrityError as error:
            raise NumberHeld from error

    async def amend(self, purchase: Purchase, happened: Happened | None = None, **values: Any) -> Purchase:
        """The purchase with these columns changed, its state as it is. Raises Lost when it has changed since."""
        return await self._change(
            purchase.id,
            [col(Purchase.state) == purchase.state, col(Purchase.version) == purchase.version],
            values,
            happened,
        )

    # the worker

    async def claim_due(self, limit: int) -> list[Purchase]:
        """Purchases in progress whose time has come, each under a lease of its own."""
        moment = now()
        due = (
            col(Purchase.state) == State.IN_PROGRESS,
            col(Purchase.wake_at) <= moment,
            or_(col(Purchase.lease).is_(None), col(Purchase.leased_until) < moment),
        )
        claimed = []
        async with self.reading() as session:
            ids = (
                await session.exec(
                    select(Purchase.id).where(*due).order_by(col(Purchase.wake_at)).limit(limit)
                )
            ).all()
        for purchase_id in ids:
            values = {"lease": secrets.token_hex(8), "leased_until": moment + LEASE}
            try:
                claimed.append(await self._change(purchase_id, list(due), values, bump=False))
            except Lost:
                continue
        return claimed

    async def renew_lease(self, purchase_id: str, lease: str) -> None:
        """Raises Lost when the lease is no longer ours, or the purchase no longer in progress."""
        await self._change(purchase_id, self._ours(lease), {"leased_until": now() + LEASE}, bump=False)

    async def free_all_leases(self) -> None:
        """At start on SQLite: no other process can have one. Rule 10."""
        async with self.writing() as session:
            await session.exec(update(Purchase).values(lease=None, leased_until=None))
            await session.exec(update(Bundle).values(claimed_until=None))

    async def work(
        self, purchase: Purchase, happened: Happened | None = None, *, bump: bool = True, **values: Any
    ) -> Purchase:
        """A result of the worker's, written only while its lease holds. Raises Lost, NumberHeld."""
        assert purchase.lease is not None
        try:
            return await self._change(purchase.id, self._ours(purchase.lease), values, happened, bump=bump)
        except IntegrityError as error:
            raise NumberHeld from error

    async def rest(
        self,
        purchase: Purchase,
        wake_at: datetime | None,
        waiting: dict[str, Any] | None,
        happened: Happened | None = None,
        tries: int = 0,
    ) -> Purchase:
        """The lease given back until ``wake_at`` (None: until somebody acts, so nobody may have acted meanwhile)."""
        assert purchase.lease is not None
        conditions = self._ours(purchase.lease)
        if wake_at is None:
            conditions.append(col(Purchase.version) == purchase.version)
        return await self._change(
            purchase.id,
            conditions,
            {
                "tries": tries,
                "wake_at": wake_at,
                "waiting": waiting,
                "lease": None,
                "leased_until": None,
            },
            happened,
            bump=waiting != purchase.waiting,
        )

    async def leave(self, purchase: Purchase, to: State, happened: Happened, **values: Any) -> Purchase:
        """The purchase out of the worker's hands, in another state; its lease given back. Raises Lost."""
        if to not in MOVES[State.IN_PROGRESS]:
            raise ValueError(f"the worker does not take a purchase to {to}")
        return await self.work(
            purchase,
            happened,
            state=to,
            wake_at=None,
            waiting=None,
            lease=None,
            leased_until=None,
            **values,
        )

    async def intend_to_buy(self, purchase: Purchase, address_sid: str | None) -> Purchase:
        """The intent, written before the paid call: fixes number, ceiling, bundle and address. Rule 1.

        Raises Lost when the row is not the one that was just checked, or was withdrawn.
        """
        assert purchase.lease is not None
        return await self._change(
            purchase.id,
            [
                *self._ours(purchase.lease),
                col(Purchase.version) == purchase.version,
                col(Purchase.buying_at).is_(None),
                col(Purchase.phone_number_sid).is_(None),
            ],
            {"buying_at": now(), "looks": 0, "waiting": None, "address_sid": address_sid},
            Happened(
                "buying", details={"phone_number": purchase.phone_number, "ceiling": str(purchase.ceiling)}
            ),
        )

    @staticmethod
    def _ours(lease: str) -> list[ColumnElement[bool]]:
        return [col(Purchase.state) == State.IN_PROGRESS, col(Purchase.lease) == lease]

    # how a change is made

    async def _change(
        self,
        purchase_id: str,
        conditions: Iterable[ColumnElement[bool]],
        values: dict[str, Any],
        happened: Happened | None = None,
        *,
        bump: bool = True,
    ) -> Purchase:
        async with self.writing() as session:
            purchase = await self._update(session, purchase_id, conditions, values, bump=bump)
            if happened is not None:
                self._put_on_record(session, purchase, happened)
            return purchase

    @staticmethod
    async def _update(
        session: AsyncSession,
        purchase_id: str,
        conditions: Iterable[ColumnElement[bool]],
        values: dict[str, Any],
        *,
        bump: bool = True,
    ) -> Purchase:
        """One conditional UPDATE, and the row as it is then. ``bump``: the card has to be drawn again."""
        if bump:
            values = {**values, "version": col(Purchase.version) + 1, "updated_at": now()}
        done = await session.exec(
            update(Purchase).where(col(Purchase.id) == purchase_id, *conditions).values(**values)
        )
        row = await session.get(Purchase, purchase_id, populate_existing=True)
        if done.rowcount != 1 or row is None:
            raise _lost(session, row)
        if bump:
            await card_changed(session, purchase_id)
        return row

    @staticmethod
    async def _locked(session: AsyncSession, purchase_id: str) -> Purchase | None:
        return (
            await session.exec(select(Purchase).where(Purchase.id == purchase_id).with_for_update())
        ).first()

    @staticmethod
    def _add_quote(session: AsyncSession, purchase: Purchase) -> None:
        assert purchase.phone_number and purchase.price is not None and purchase.currency
        session.add(
            Quote(
                workspace_id=purchase.workspace_id,
                purchase_id=purchase.id,
                quote=purchase.quote,
                phone_number=purchase.phone_number,
                price=purchase.price,
                ceiling=purchase.ceiling if purchase.ceiling is not None else purchase.price,
                currency=purchase.currency,
            )
        )

    @staticmethod
    def _put_on_record(session: AsyncSession, purchase: Purchase, happened: Happened) -> None:
        session.add_all(happened.rows(purchase.workspace_id, purchase_id=purchase.id, quote=purchase.quote))
