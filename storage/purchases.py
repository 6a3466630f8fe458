"""Questions about purchases, and every way in which one changes: always one conditional UPDATE."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, case, delete, literal, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.columns import Utc
from storage.models import (
    MOVES,
    UNFINISHED,
    Approval,
    Bundle,
    Card,
    Draft,
    Event,
    Number,
    Outgoing,
    Purchase,
    Quote,
    State,
    now,
)
from storage.office import OfficeRow
from storage.outbox import Owed, card_changed

LONGEST_SLEEP = timedelta(hours=1)
"""Nothing that is not finished sleeps longer (rule 36)."""


UNASKED: dict[str, Any] = {
    "rule": None,
    "stage": 1,
    "asked_at": None,
    "reminders": 0,
    "reminded_at": None,
    "passed_on_stage": 0,
}
"""The columns of a purchase whose quote was not judged by the policy yet: the worker's next look does."""


class Lost(Exception):
    """The row is not as it was thought to be: somebody or something else was quicker. ``purchase`` is the row now."""

    def __init__(self, purchase: Purchase | None) -> None:
        super().__init__("the purchase has moved on")
        self.purchase = purchase


class NumberHeld(Exception):
    """Another live purchase of this Twilio account has the number, or the account owns it."""


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
        quote_no: int = 0,
    ) -> list[Event | Outgoing]:
        """The line of the record, and the messages."""
        line = Event(
            workspace_id=workspace_id,
            purchase_id=purchase_id,
            bundle_id=bundle_id,
            happened_at=now(),
            person_id=self.person_id,
            what=self.what,
            quote_no=quote_no,
            details=self.details,
        )
        return [line, *(owed.row(workspace_id, purchase_id, bundle_id) for owed in self.owed)]


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


def _lost(session: AsyncSession, row: Purchase | None) -> Lost:
    if row is not None:
        session.expunge(row.quote)  # the roll-back that follows would empty both
        session.expunge(row)
    return Lost(row)


class Purchases(OfficeRow):
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

    async def quotes_of(self, purchase_id: str) -> Sequence[Quote]:
        """All that were ever asked for, and what became of each, oldest first."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Quote).where(Quote.purchase_id == purchase_id).order_by(col(Quote.id))
                )
            ).all()

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

    async def approvals_of(self, purchase: Purchase) -> Sequence[Approval]:
        """Of the quote that is current, in their order; whether each counts is another question (rule 8)."""
        async with self.reading() as session:
            return await self._approvals(session, purchase)

    @staticmethod
    async def _approvals(session: AsyncSession, purchase: Purchase) -> Sequence[Approval]:
        return (
            await session.exec(
                select(Approval).where(Approval.subject == purchase.subject).order_by(col(Approval.id))
            )
        ).all()

    async def record_of(self, purchase_id: str) -> Sequence[Event]:
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Event).where(Event.purchase_id == purchase_id).order_by(col(Event.id))
                )
            ).all()

    async def record(
        self, after: int = 0, limit: int = 500, since: datetime | None = None
    ) -> Sequence[Event]:
        """The whole record in its order, in pages: after the line of this id, and from this moment on."""
        wanted = [col(Event.id) > after, *([col(Event.happened_at) >= since] if since else [])]
        async with self.reading() as session:
            return (
                await session.exec(select(Event).where(*wanted).order_by(col(Event.id)).limit(limit))
            ).all()

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
                session.add(
                    Purchase(
                        id=draft.id,
                        workspace_id=draft.workspace_id,
                        account_sid=draft.account_sid,
                        requester_id=draft.requester_id,
                        owner_id=draft.requester_id,
                        channel_id=draft.channel_id,
                        purpose=purpose,
                        state=State.AWAITING_APPROVAL,
                        created_at=moment,
                        updated_at=moment,
                        **{"wake_at": moment, **values},
                    )
                )
                await session.flush()
                made = Quote(
                    workspace_id=draft.workspace_id,
                    purchase_id=draft.id,
                    quote_no=1,
                    quoted_at=moment,
                    **quote,
                )
                session.add(made)
                session.add(self._hold(draft.account_sid, made.phone_number, draft.id))
                session.add(Card(purchase_id=draft.id, workspace_id=draft.workspace_id, channel_id=channel))
                await session.flush()
                await card_changed(session, draft.id)
                purchase = await session.get(Purchase, draft.id, populate_existing=True)
                assert purchase is not None
                self._put_on_record(session, purchase, happened)
                self._put_on_record(session, purchase, _quoted(made, draft.requester_id))
                return purchase
        except IntegrityError as error:
            raise NumberHeld from error

    # decisions

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
                raise _lost(session, row)
            await self._give(session, row, approval, old_before)
            details = {name: value for name, value in approval.items() if value is not None}
            event = Happened("approval", approval["person_id"], {**details, "quote": quote_no})
            self._put_on_record(session, row, event)
            return await self._judge(session, row, judge)

    async def _give(
        self, session: AsyncSession, row: Purchase, approval: dict[str, Any], old_before: datetime | None
    ) -> None:
        """One yes a person and quote; besides, one in an emergency (stage 0). Raises AlreadyApproved."""
        in_emergency = approval.get("stage") == 0
        given = [
            each
            for each in await self._approvals(session, row)
            if each.person_id == approval["person_id"] and (each.stage == 0) == in_emergency
        ]
        if given and (old_before is None or given[-1].approved_at > old_before):
            raise AlreadyApproved
        for each in given:
            await session.delete(each)
        await session.flush()
        session.add(
            Approval(workspace_id=row.workspace_id, subject=row.subject, approved_at=now(), **approval)
        )
        await session.flush()

    async def count_again(self, purchase: Purchase, judge: Judge) -> Purchase:
        """The purchase as its approvals make it by now: who may, how many are needed, or the rule has changed."""
        async with self.writing(durable=True) as session:
            row = await self._locked(session, purchase.id)
            if row is None or row.state != State.AWAITING_APPROVAL or row.quote_no != purchase.quote_no:
                raise _lost(session, row)
            return await self._judge(session, row, judge)

    async def _judge(self, session: AsyncSession, row: Purchase, judge: Judge) -> Purchase:
        tally = judge(row, await self._approvals(session, row))
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
        if not values and tally.happened is None:
            return row
        purchase = await self._update(
            session,
            row.id,
            [col(Purchase.state) == State.AWAITING_APPROVAL, col(Purchase.quote_no) == row.quote_no],
            values,
            bump=tally.happened is not None,
        )
        if tally.happened is not None:
            self._put_on_record(session, purchase, tally.happened)
        return purchase

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
            purchase.id, _as_read(purchase), {"state": to, **values}, happened, durable=True
        )

    async def amend(self, purchase: Purchase, happened: Happened | None = None, **values: Any) -> Purchase:
        """The purchase with these columns changed, its state as it is. Raises Lost when it has changed since."""
        return await self._change(purchase.id, _as_read(purchase), values, happened)

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
        conditions = _as_read(purchase)
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
                    session.add(self._hold(purchase.account_sid, made.phone_number, purchase.id))
                try:
                    await session.flush()
                except IntegrityError as error:
                    if "quotes" in str(error.orig):  # the same change was made by somebody else just now
                        raise Lost(None) from error
                    raise
                row = await self._update(session, purchase.id, conditions, {**values, **numbers})
                self._put_on_record(session, row, happened)
                self._put_on_record(session, row, _quoted(made, person_id))
                return row
        except IntegrityError as error:
            raise NumberHeld from error

    # the worker

    async def due(self, limit: int, in_hand: Collection[str]) -> Sequence[Purchase]:
        """Purchases that are not finished and whose time has come, but those that the worker has in hand.

        A time that lies further ahead than anything may sleep was written before the clock stepped back: it has come.
        """
        moment = now()
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Purchase)
                    .where(
                        or_(
                            col(Purchase.wake_at) <= moment,
                            col(Purchase.wake_at) > moment + 2 * LONGEST_SLEEP,
                        ),
                        col(Purchase.id).not_in(in_hand),
                    )
                    .order_by(col(Purchase.wake_at))
                    .limit(limit)
                )
            ).all()

    async def free_all_claims(self) -> None:
        """At start on SQLite: no other process can have one. Rule 10."""
        async with self.writing() as session:
            await session.exec(update(Bundle).values(claimed_until=None))

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
                self._put_on_record(session, row, happened)

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
        durable = bool({"buying_at", "phone_number_sid", "whatsapp"} & values.keys())
        conditions = _as_it_stood(purchase) + (_as_read(purchase) if as_read else [])
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
            _as_it_stood(purchase),
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
                *_as_it_stood(purchase),
                *_as_read(purchase),
                col(Purchase.state) == State.IN_PROGRESS,
                col(Purchase.buying_at).is_(None),
                col(Purchase.phone_number_sid).is_(None),
            ],
            {"buying_at": now(), "looks": 0, "waiting": None, "charged": price},
            Happened("buying", details={**terms, "price": str(price), "revision": purchase.revision}),
            durable=True,
            by_worker=True,
        )

    # numbers

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

    async def number_gone(self, number: Number, happened: Happened) -> Purchase | None:
        """Twilio does not list it any more: it is free, and the purchase that bought it is released."""
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
                    {"state": State.RELEASED, "waiting": None, "problem": None},
                )
            except Lost:
                return None
            self._put_on_record(session, purchase, happened)
            return purchase

    @staticmethod
    def _hold(account_sid: str, phone_number: str, purchase_id: str) -> Number:
        return Number(
            account_sid=account_sid, phone_number=phone_number, purchase_id=purchase_id, held_at=now()
        )

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

    # how a change is made

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
                self._put_on_record(session, purchase, happened)
            return purchase

    async def _update(
        self,
        session: AsyncSession,
        purchase_id: str,
        conditions: Iterable[ColumnElement[bool]],
        values: dict[str, Any],
        *,
        bump: bool = True,
    ) -> Purchase:
        """One conditional UPDATE, and the row as it is then. ``bump``: the card has to be drawn again.

        Another state sets the time to wake; an end frees a number that was not bought.
        """
        state = values.get("state")
        if state is not None:
            wake_at = now() if state == State.IN_PROGRESS else now() + LONGEST_SLEEP
            values = {
                "wake_at": wake_at if state in UNFINISHED else None,
                **values,
            }
        if bump:
            values = {**values, "version": col(Purchase.version) + 1, "updated_at": now()}
        done = await session.exec(
            update(Purchase).where(col(Purchase.id) == purchase_id, *conditions).values(**values)
        )
        row = await session.get(Purchase, purchase_id, populate_existing=True)
        if done.rowcount != 1 or row is None:
            raise _lost(session, row)
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
        return (
            await session.exec(
                select(Purchase).where(Purchase.id == purchase_id).with_for_update(of=Purchase)
            )
        ).first()

    @staticmethod
    def _put_on_record(session: AsyncSession, purchase: Purchase, happened: Happened) -> None:
        session.add_all(
            happened.rows(purchase.workspace_id, purchase_id=purchase.id, quote_no=purchase.quote_no)
        )


def _as_it_stood(purchase: Purchase) -> list[ColumnElement[bool]]:
    """In the same state and under the same quote: what a person does beside the worker changes one of them."""
    return [
        col(Purchase.state) == purchase.state,
        col(Purchase.quote_no) == purchase.quote_no,
        col(Purchase.revision) == purchase.revision,
    ]


def _as_read(purchase: Purchase) -> list[ColumnElement[bool]]:
    return [col(Purchase.state) == purchase.state, col(Purchase.version) == purchase.version]


def _quoted(quote: Quote, person_id: str | None) -> Happened:
    """The quote itself as a line of the record, money as text."""
    frozen = quote.model_dump(exclude={"id", "workspace_id", "purchase_id", "quote_no", "quoted_at"})
    details = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in frozen.items()
        if value not in (None, "", [], {})
    }
    return Happened("quote", person_id, details)
