"""Questions about purchases, and what people do with one: sending, deciding, taking back, another quote."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.changes import Changes, Lost, untouched
from storage.history import Happened
from storage.models import (
    MOVES,
    UNFINISHED,
    Card,
    Draft,
    Number,
    Purchase,
    Quote,
    State,
    now,
)
from storage.outbox import card_changed

UNASKED: dict[str, Any] = {
    "rule": None,
    "stage": 1,
    "asked_at": None,
    "reminders": 0,
    "reminded_at": None,
    "passed_on_stage": 0,
}
"""The columns of a purchase whose quote was not judged by the policy yet: the worker's next look does."""


class NumberHeld(Exception):
    """Another live purchase of this Twilio account has the number, or the account owns it."""


class Purchases(Changes):
    async def purchase(self, purchase_id: str) -> Purchase | None:
        async with self.reading() as session:
            return await session.get(Purchase, purchase_id)

    async def purchases_of(self, requester_id: str, limit: int = 20) -> Sequence[Purchase]:
        """Newest change first."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(Purchase.requester_id == requester_id)
                    .order_by(col(Purchase.updated_at).desc())
                    .limit(limit)
                )
            ).all()

    async def requests_of(self, requester_id: str, limit: int) -> Sequence[Purchase]:
        """Those that are not finished first, then the others, each newest change first."""
        found: list[Purchase] = []
        async with self.reading() as session:
            for live in (True, False):
                in_state = col(Purchase.state).in_(UNFINISHED)
                found += (
                    await session.exec(
                        select(Purchase)
                        .where(Purchase.requester_id == requester_id, in_state if live else ~in_state)
                        .order_by(col(Purchase.updated_at).desc())
                        .limit(limit - len(found))
                    )
                ).all()
        return found

    async def awaiting_approval(self) -> Sequence[Purchase]:
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(Purchase.state == State.AWAITING_APPROVAL, col(Purchase.wake_at).is_not(None))
                    .order_by(col(Purchase.wake_at))
                )
            ).all()

    async def waiting_in_all(self) -> dict[State, tuple[int, datetime]]:
        """Of those that are not finished by state: how many, and since when the oldest was asked for."""
        each = (
            select(Purchase.state, func.count(), func.min(Purchase.created_at))
            .where(col(Purchase.wake_at).is_not(None))
            .group_by(col(Purchase.state))
        )
        async with self.reading() as session:
            return {State(state): (count, since) for state, count, since in (await session.exec(each)).all()}

    async def quotes_of(self, purchase_id: str) -> Sequence[Quote]:
        """All that were ever asked for, and what became of each, oldest first."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Quote).where(Quote.purchase_id == purchase_id).order_by(col(Quote.id))
                )
            ).all()

    async def open_intents(self, account_sid: str, except_id: str) -> Decimal:
        """What the purchases that are being bought right now cost in their first month.

        Those that wait for a person are not among them (rule 30).
        """
        async with self.reading() as session:
            prices = (
                await session.exec(
                    select(col(Purchase.charged)).where(
                        Purchase.account_sid == account_sid,
                        Purchase.id != except_id,
                        Purchase.state == State.IN_PROGRESS,
                        col(Purchase.buying_at).is_not(None),
                        col(Purchase.phone_number_sid).is_(None),
                    )
                )
            ).all()
        return sum((price for price in prices if price is not None), Decimal(0))

    async def purchases_known_as(self, name: str) -> Sequence[Purchase]:
        """The one with this id, or all that were ever for this number (E.164), oldest first."""
        for_number = select(Quote.purchase_id).where(Quote.phone_number == name)
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(or_(col(Purchase.id) == name, col(Purchase.id).in_(for_number)))
                    .order_by(col(Purchase.created_at))
                )
            ).all()

    # sending

    async def submit(
        self,
        draft: Draft,
        quote: dict[str, Any],
        purpose: str,
        channel: str,
        happened: Happened,
        **values: Any,
    ) -> Purchase:
        """The draft turned into a purchase that waits for approval, with its first quote, its number held, and its card.

        quote: the columns of the first quote. values: columns of the purchase that say how it stands with those who decide; without
        them the worker looks at once. Raises NumberHeld, and Lost when it was sent or discarded before, or
        has changed since it was read.
        """
        moment = now()
        try:
            async with self.writing(durable=True) as session:
                taken = await session.exec(
                    delete(Draft).where(col(Draft.id) == draft.id, col(Draft.version) == draft.version)
                )
                if taken.rowcount != 1:
                    raise Lost(None)
                session.add(purchase_of(draft, moment, purpose=purpose, **{"wake_at": moment, **values}))
                await session.flush()
                made = Quote(
                    workspace_id=draft.workspace_id,
                    purchase_id=draft.id,
                    quote_no=1,
                    quoted_at=moment,
                    **quote,
                )
                session.add(made)
                session.add(_hold(draft.account_sid, made.phone_number, draft.id))
                session.add(Card(purchase_id=draft.id, workspace_id=draft.workspace_id, channel_id=channel))
                await session.flush()
                await card_changed(session, draft.id)
                purchase = await session.get(Purchase, draft.id, populate_existing=True)
                assert purchase is not None
                await self._put_on_record(session, purchase, happened, _quoted(made, draft.requester_id))
                return purchase
        except IntegrityError as error:
            raise NumberHeld from error

    # decisions

    async def deny(
        self, purchase_id: str, quote_no: int, person_id: str, reason: str, happened: Happened
    ) -> Purchase:
        return await self._change(
            purchase_id,
            [col(Purchase.state) == State.AWAITING_APPROVAL, col(Purchase.quote_no) == quote_no],
            {"state": State.DENIED, "decided_by": person_id, "decided_at": now(), "reason": reason},
            happened,
            durable=True,
        )

    async def withdraw(self, purchase_id: str, happened: Happened, reason: str | None = None) -> Purchase:
        """Raises Lost once the number is being bought, or is bought, or the purchase has ended."""
        allowed = [state for state, moves in MOVES.items() if State.WITHDRAWN in moves]
        return await self._change(
            purchase_id,
            [
                col(Purchase.state).in_(allowed),
                col(Purchase.buying_at).is_(None),
                col(Purchase.phone_number_sid).is_(None),
            ],
            {"state": State.WITHDRAWN, "waiting": None, "reason": reason},
            happened,
            durable=True,
        )

    async def move(
        self, purchase: Purchase, to: State, happened: Happened | None = None, **values: Any
    ) -> Purchase:
        """The purchase in another state. Raises Lost when it has changed since ``purchase`` was read."""
        if to not in MOVES.get(purchase.state, frozenset()):
            raise ValueError(f"a purchase does not go from {purchase.state} to {to}")
        return await self._change(
            purchase.id, untouched(purchase), {"state": to, **values}, happened, durable=True
        )

    async def amend(self, purchase: Purchase, happened: Happened | None = None, **values: Any) -> Purchase:
        """The purchase with these columns changed, its state as it is. Raises Lost when it has changed since."""
        durable = "releasing" in values
        return await self._change(purchase.id, untouched(purchase), values, happened, durable=durable)

    # quotes

    async def quote_again(
        self,
        purchase: Purchase,
        happened: Happened,
        changed: dict[str, Any],
        person_id: str | None = None,
        by_worker: bool = False,
        **values: Any,
    ) -> Purchase:
        """The purchase back before the approvers with a new quote: approvals of older quotes are void.

        changed: what differs from the quote so far. Raises Lost, and NumberHeld when somebody has the new number.
        """
        if State.AWAITING_APPROVAL not in {purchase.state, *MOVES.get(purchase.state, ())}:
            raise ValueError(f"a purchase that is {purchase.state} is not quoted anew")
        values = {
            "state": State.AWAITING_APPROVAL,
            "decided_by": None,
            "decided_at": None,
            "despite_balance_by": None,
            "bundle_approved_at": None,
            "waiting": None,
            "alternatives": [],
            "tries": 0,
            "wake_at": now(),
            **UNASKED,
            **values,
        }
        numbers = {"quote_no": purchase.quote_no + 1, "revision": 0}
        changed = {"instead_of": None, **changed}
        return await self._requote(
            purchase, happened, numbers, changed, person_id, values, unbought=True, by_worker=by_worker
        )

    async def revise(
        self,
        purchase: Purchase,
        happened: Happened,
        changed: dict[str, Any],
        person_id: str | None = None,
        by_worker: bool = False,
        **values: Any,
    ) -> Purchase:
        """The purchase with a change that its approval covers: a substitute, what was to be added, a price that fell.

        Its state is as it is, unless ``values`` say otherwise. Raises Lost, NumberHeld.
        """
        numbers = {"quote_no": purchase.quote_no, "revision": purchase.revision + 1}
        return await self._requote(
            purchase, happened, numbers, changed, person_id, values, by_worker=by_worker
        )

    async def _requote(
        self,
        purchase: Purchase,
        happened: Happened,
        numbers: dict[str, int],
        changed: dict[str, Any],
        person_id: str | None,
        values: dict[str, Any],
        *,
        unbought: bool = False,
        by_worker: bool = False,
    ) -> Purchase:
        conditions = untouched(purchase)
        if unbought:
            conditions += [col(Purchase.buying_at).is_(None), col(Purchase.phone_number_sid).is_(None)]
        frozen = {
            **purchase.quote.model_dump(exclude={"id", "quoted_at"}),
            **changed,
            **numbers,
            "quoted_at": now(),
        }
        made = Quote(**frozen)
        try:
            async with self.writing(durable=True) as session:
                if by_worker:
                    await self.in_office(session)
                session.add(made)
                if made.phone_number != purchase.phone_number:
                    await self._release(session, purchase.id)
                    session.add(_hold(purchase.account_sid, made.phone_number, purchase.id))
                try:
                    await session.flush()
                except IntegrityError as error:
                    if "quotes" in str(error.orig):  # the same change was made by somebody else just now
                        raise Lost(None) from error
                    raise
                row = await self._update(session, purchase.id, conditions, {**values, **numbers})
                await self._put_on_record(session, row, happened, _quoted(made, person_id))
                return row
        except IntegrityError as error:
            raise NumberHeld from error


def purchase_of(draft: Draft, at: datetime, **more: Any) -> Purchase:
    """The purchase that the draft becomes by being sent at that moment. more: further columns."""
    return Purchase(
        id=draft.id,
        workspace_id=draft.workspace_id,
        account_sid=draft.account_sid,
        requester_id=draft.requester_id,
        owner_id=draft.requester_id,
        channel_id=draft.channel_id,
        state=State.AWAITING_APPROVAL,
        created_at=at,
        updated_at=at,
        **more,
    )


def _hold(account_sid: str, phone_number: str, purchase_id: str) -> Number:
    return Number(account_sid=account_sid, phone_number=phone_number, purchase_id=purchase_id, held_at=now())


def _quoted(quote: Quote, person_id: str | None) -> Happened:
    """The quote itself as a line of the record, money as text."""
    frozen = quote.model_dump(exclude={"id", "workspace_id", "purchase_id", "quote_no", "quoted_at"})
    details = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in frozen.items()
        if value not in (None, "", [], {})
    }
    return Happened("quote", person_id, details)
