"""What Slack is owed: messages to post and cards to draw, in one table; and the troubles that keep it from being paid.

One process delivers (rule 10), so nothing here is claimed: the courier knows what it is working on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Integer,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    text,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.columns import Utc
from storage.database import Database, dialect_of, insert_in, inserting, upsert
from storage.models import Card, Kept, Outgoing, Purchase, Trouble, now

LINK_TRIES = 4
"""How often a card's link is asked for in vain before direct messages go out without it."""
LINKED_BY = timedelta(seconds=5)
"""When whoever posted a card has asked for its link, if nothing came between."""
DELIVERED, HELD, MOVED = "delivered", "held", "moved"


class Lane(StrEnum):
    """Two to each address, for Slack limits them apart."""

    POSTS = "posts"
    """new cards, then messages in their order"""
    UPDATES = "updates"
    """cards that are there already, and their links"""


@dataclass(frozen=True)
class Owed:
    """A message to be delivered, as ``Outgoing`` says; ``message``: ``{"say": ..., "with": ...}``.

    purchase_id: whose card it belongs to, where the change that causes it is not one of that purchase.
    after_card: whether it waits for that card; a line of its thread always does.
    answer_url: where the person typed the command, which is tried before a direct message.
    """

    kind: str
    address: str
    message: dict[str, Any]
    purchase_id: str | None = None
    after_card: bool = False
    answer_url: str | None = None

    def row(
        self, workspace_id: str, purchase_id: str | None = None, bundle_id: str | None = None
    ) -> Outgoing:
        moment = now()
        return Outgoing(
            workspace_id=workspace_id,
            purchase_id=self.purchase_id or purchase_id,
            bundle_id=bundle_id,
            kind=self.kind,
            address=self.address,
            message=self.message,
            answer_url=self.answer_url,
            after_card=self.after_card or self.kind == "thread",
            created_at=moment,
            due_at=moment,
        )


async def card_changed(session: AsyncSession, *purchase_ids: str) -> None:
    """Owes each purchase's card a drawing, in the transaction that changed what it shows.

    There is one row to a card, so that a burst of changes is drawn once; without a card there is nothing to draw.
    """
    values = {"moment": now(), "purchase_ids": list(purchase_ids)}
    await session.flush()  # what is shown may be new
    connection = await session.connection()  # a session would take the values for rows to insert
    await connection.execute(_drawing_owed(dialect_of(session)), values)


@cache
def _drawing_owed(dialect: str) -> Any:
    """Made once: that takes longer than carrying it out."""
    moment = bindparam("moment", type_=Utc)
    values: dict[str, Any] = {
        "workspace_id": col(Card.workspace_id),
        "kind": literal("card", String),
        "address": col(Card.channel_id),
        "purchase_id": col(Card.purchase_id),
        "drawing_of": col(Card.purchase_id),
        "version": col(Purchase.version),
        "after_card": literal(False, Boolean),
        "message": literal({}, JSON),
        "created_at": moment,
        "due_at": moment,
        "tries": literal(0, Integer),
    }
    shown = (
        select(*values.values())
        .join(Purchase, col(Purchase.id) == col(Card.purchase_id))
        .where(col(Card.purchase_id).in_(bindparam("purchase_ids", expanding=True)))
        .order_by(col(Card.purchase_id))
    )
    table = Outgoing.__table__  # type: ignore[attr-defined]
    insert = insert_in(dialect, table).from_select(list(values), shown)
    return insert.on_conflict_do_update(
        index_elements=["drawing_of"],
        index_where=text("done_at IS NULL"),
        set_={name: insert.excluded[name] for name in ("address", "version", "created_at", "due_at")},
    )


_posted = (  # as a value: of EXISTS PostgreSQL makes a walk over all cards
    select(Card.ts).where(col(Card.purchase_id) == col(Outgoing.purchase_id)).scalar_subquery().is_not(None)
)
_Link = aliased(Outgoing)
_link_expected = exists().where(
    col(_Link.purchase_id) == col(Outgoing.purchase_id),
    col(_Link.done_at).is_(None),
    col(_Link.kind) == "link",
    col(_Link.tries) < LINK_TRIES,
)
_is_update = or_(col(Outgoing.kind) == "link", and_(col(Outgoing.kind) == "card", _posted))


def _due(moment: Any) -> tuple[Any, ...]:
    shown = and_(_posted, or_(col(Outgoing.kind) == "thread", ~_link_expected))
    return (
        col(Outgoing.done_at).is_(None),
        col(Outgoing.due_at) <= moment,
        or_(~col(Outgoing.after_card), shown),
    )


@cache
def _lanes_owed() -> Any:
    """Made once, as above."""
    lane = case((_is_update, Lane.UPDATES.value), else_=Lane.POSTS.value).label("lane")
    return (
        select(Outgoing.address, lane)
        .where(*_due(bindparam("moment", type_=Utc)))
        .group_by(col(Outgoing.address), text("lane"))
        .order_by(func.min(Outgoing.due_at))
    )


class Outbox(Database):
    # what is due

    async def lanes_owed(self) -> list[tuple[str, Lane]]:
        """Addresses with something that is due, and in which lane; what is due longest first."""
        async with self.reading() as session:
            rows = await session.exec(_lanes_owed(), params={"moment": now()})
            return [(address, Lane(name)) for address, name in rows]

    async def next_owed(self, address: str, lane: Lane) -> Outgoing | None:
        """Of posts new cards and then the oldest; of updates the links and then the card that changed last."""
        order: tuple[Any, ...] = (case((col(Outgoing.kind) == "card", 0), else_=1), col(Outgoing.id))
        if lane is Lane.UPDATES:
            order = (case((col(Outgoing.kind) == "link", 0), else_=1), col(Outgoing.created_at).desc())
        wanted = _is_update if lane is Lane.UPDATES else ~_is_update
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Outgoing)
                    .where(Outgoing.address == address, wanted, *_due(now()))
                    .order_by(*order)
                    .limit(1)
                )
            ).first()

    async def is_owed(self, address: str) -> bool:
        """Whether anything waits to be delivered there, due or not."""
        async with self.reading() as session:
            waiting = select(Outgoing.id).where(Outgoing.address == address, col(Outgoing.done_at).is_(None))
            return (await session.exec(waiting.limit(1))).first() is not None

    async def owe(self, workspace_id: str, owed: Owed, purchase_id: str | None = None) -> None:
        async with self.writing() as session:
            session.add(owed.row(workspace_id, purchase_id))

    async def advise(self, workspace_id: str, key: str, owed: Sequence[Owed]) -> None:
        """Owes what was not yet owed under this key, however often it is asked, by whichever process.

        What is left out has ended: if it comes back, it is told again.
        """
        messages = [each.message for each in owed]
        async with self.writing() as session:
            row = await session.get(Kept, (workspace_id, key))
            told = [] if row is None else row.value
            if messages == told:
                return
            session.add_all(each.row(workspace_id) for each in owed if each.message not in told)
            await upsert(session, Kept(workspace_id=workspace_id, key=key, value=messages))

    async def owe_once(self, workspace_id: str, key: str, owed: Owed, again: timedelta) -> bool:
        """Whether it is owed now: not where it was under this key within ``again``, by whichever process."""
        moment = now()
        async with self.writing() as session:
            insert = inserting(session, Kept).values(
                workspace_id=workspace_id, key=key, value=True, read_at=moment
            )
            kept = insert.on_conflict_do_update(
                index_elements=["workspace_id", "key"],
                set_={"read_at": moment},
                where=col(Kept.read_at) <= moment - again,
            )
            if (await session.exec(kept.returning(col(Kept.key)))).first() is None:
                return False
            session.add(owed.row(workspace_id))
            return True

    async def owed_in_all(self) -> tuple[int, datetime | None]:
        """How much is owed, and since when the oldest of it."""
        in_all = select(func.count(), func.min(Outgoing.created_at)).where(col(Outgoing.done_at).is_(None))
        async with self.reading() as session:
            count, oldest = (await session.exec(in_all)).one()
            return count, oldest

    # what became of it

    async def delivered(self, row: Outgoing, ts: str | None = None) -> None:
        async with self.writing() as session:
            await self._done(session, row, DELIVERED, ts)

    async def put_off(self, row: Outgoing, retry_in: timedelta) -> None:
        async with self.writing() as session:
            await session.exec(
                update(Outgoing)
                .where(col(Outgoing.id) == row.id)
                .values(tries=col(Outgoing.tries) + 1, due_at=now() + retry_in)
            )

    async def due_now(self) -> None:
        """What was put off is tried now: by a clock that has stepped back since it would have to wait until that has come round again."""
        async with self.writing() as session:
            late = (col(Outgoing.done_at).is_(None), col(Outgoing.due_at) > now())
            await session.exec(update(Outgoing).where(*late).values(due_at=now()))

    async def dropped(self, row: Outgoing, why: str, note: Owed | None = None) -> None:
        """It can never be delivered; note: where that is said, in the same transaction."""
        async with self.writing() as session:
            await self._done(session, row, why)
            if note is not None:
                session.add(note.row(row.workspace_id, row.purchase_id))

    @staticmethod
    async def _done(session: AsyncSession, row: Outgoing, outcome: str, ts: str | None = None) -> None:
        """Unless it has to show a newer version by now."""
        await session.exec(
            update(Outgoing)
            .where(
                col(Outgoing.id) == row.id,
                col(Outgoing.done_at).is_(None),
                col(Outgoing.version) <= row.version,
            )
            .values(done_at=now(), outcome=outcome, ts=ts, answer_url=None)
        )

    async def forget_delivered(self, before: datetime, limit: int = 1000) -> int:
        """How many of those that were done by then are deleted now."""
        async with self.writing() as session:
            old = (
                select(Outgoing.id)
                .where(col(Outgoing.done_at) < before)
                .order_by(col(Outgoing.done_at))
                .limit(limit)
            )
            done = await session.exec(delete(Outgoing).where(col(Outgoing.id).in_(old)))
            return int(done.rowcount)

    # cards

    async def card_of(self, purchase_id: str) -> Card | None:
        async with self.reading() as session:
            return await session.get(Card, purchase_id)

    async def card_and_version(self, purchase_id: str) -> tuple[Card, int] | None:
        """The card, and the version of its purchase."""
        shown = (
            select(Card, Purchase.version)
            .join(Purchase, col(Purchase.id) == col(Card.purchase_id))
            .where(Card.purchase_id == purchase_id)
        )
        async with self.reading() as session:
            return (await session.exec(shown)).first()

    async def cards_of(self, purchase_ids: Sequence[str]) -> dict[str, Card]:
        async with self.reading() as session:
            rows = (await session.exec(select(Card).where(col(Card.purchase_id).in_(purchase_ids)))).all()
            return {card.purchase_id: card for card in rows}

    async def card_posted(self, row: Outgoing, version: int, ts: str) -> Outgoing:
        """version: of the purchase, as it was posted. Its link is owed from now on: the row, for the caller to try at once."""
        link = Owed("link", row.address, {}).row(row.workspace_id, row.purchase_id)
        link.due_at += LINKED_BY
        async with self.writing() as session:
            await self._drawn(session, row, version, ts=ts)
            session.add(link)
        return link

    async def card_drawn(self, row: Outgoing, version: int) -> None:
        async with self.writing() as session:
            await self._drawn(session, row, version)

    async def _drawn(self, session: AsyncSession, row: Outgoing, version: int, **values: Any) -> None:
        """A process that was frozen may have drawn an old picture over a newer one: then it is drawn again (rule 20)."""
        newer = select(Card.drawn_version).where(
            Card.purchase_id == row.drawing_of, col(Card.drawn_version) > version
        )
        was_newer = (await session.exec(newer)).first() is not None
        await session.exec(
            update(Card)
            .where(col(Card.purchase_id) == row.drawing_of)
            .values(drawn_version=version, **values)
        )
        row.version = version
        await self._done(session, row, DELIVERED, **values)
        if was_newer and row.drawing_of:
            await card_changed(session, row.drawing_of)

    async def card_linked(self, row: Outgoing, ts: str, permalink: str) -> None:
        """ts: of the card whose link it is."""
        async with self.writing() as session:
            await session.exec(
                update(Card)
                .where(col(Card.purchase_id) == row.purchase_id, col(Card.ts) == ts)
                .values(permalink=permalink)
            )
            await self._done(session, row, DELIVERED)

    async def card_lost(self, card: Card, channel: str, line: Owed) -> bool:
        """Slack does not know the card any more: it is to be posted anew in ``channel``, its thread beginning with ``line``.

        False when that was noticed before. What was owed to the old thread follows into the new one.
        """
        async with self.writing() as session:
            lost = await session.exec(
                update(Card)
                .where(col(Card.purchase_id) == card.purchase_id, col(Card.ts) == card.ts)
                .values(ts=None, permalink=None, drawn_version=-1, channel_id=channel)
            )
            if lost.rowcount != 1:
                return False
            session.add(line.row(card.workspace_id, card.purchase_id))
            await session.flush()
            waiting = await session.exec(
                select(Outgoing)
                .where(
                    Outgoing.purchase_id == card.purchase_id,
                    col(Outgoing.done_at).is_(None),
                    col(Outgoing.kind).in_(["thread", "link"]),
                )
                .order_by(col(Outgoing.id))
            )
            for old in waiting.all()[:-1]:
                old.done_at, old.outcome = now(), MOVED
                if old.kind == "thread":
                    session.add(Owed("thread", channel, old.message).row(old.workspace_id, old.purchase_id))
                    await session.flush()
            await card_changed(session, card.purchase_id)
            return True

    async def redraw(self, purchase_id: str) -> None:
        """The card shows something old, whatever version it says: draw it again."""
        async with self.writing() as session:
            await card_changed(session, purchase_id)

    async def readdress(self, kind: str, channel: str) -> None:
        """What is owed and was for a channel that the settings do not name any more; ``card``: those not posted yet."""
        owed = (col(Outgoing.done_at).is_(None), col(Outgoing.address) != channel)
        async with self.writing() as session:
            if kind != "card":
                await session.exec(
                    update(Outgoing).where(*owed, col(Outgoing.kind) == kind).values(address=channel)
                )
                return
            unposted = (
                await session.exec(
                    select(Outgoing.drawing_of).where(*owed, col(Outgoing.kind) == kind, ~_posted)
                )
            ).all()
            for each in unposted:
                await session.exec(
                    update(Card).where(col(Card.purchase_id) == each).values(channel_id=channel)
                )
                await session.exec(
                    update(Outgoing)
                    .where(
                        *owed, col(Outgoing.purchase_id) == each, col(Outgoing.kind).in_(["card", "thread"])
                    )
                    .values(address=channel)
                )

    # troubles

    async def troubles(self) -> Sequence[Trouble]:
        async with self.reading() as session:
            return (await session.exec(select(Trouble).order_by(col(Trouble.since)))).all()

    async def open_trouble(self, trouble: Trouble, owed: Sequence[Owed] = ()) -> bool:
        """Whether it was not known before; then it is told, in the same transaction."""
        async with self.writing() as session:
            insert = inserting(session, Trouble).values(**trouble.model_dump()).on_conflict_do_nothing()
            if (await session.exec(insert.returning(col(Trouble.key)))).first() is None:
                return False
            session.add_all(each.row(trouble.workspace_id) for each in owed)
            return True

    async def close_trouble(self, trouble: Trouble, owed: Sequence[Owed] = ()) -> bool:
        """Whether it was open until now; then its end is told."""
        async with self.writing() as session:
            done = await session.exec(delete(Trouble).where(col(Trouble.key) == trouble.key))
            if done.rowcount != 1:
                return False
            session.add_all(each.row(trouble.workspace_id) for each in owed)
            return True

    async def tell_held(self, channel: str, told: Callable[[Purchase], Owed]) -> int:
        """Owes each purchase whose card cannot be posted there one message that says so."""
        async with self.writing() as session:
            held = (
                await session.exec(
                    select(Outgoing, Purchase)
                    .join(Purchase, col(Purchase.id) == col(Outgoing.drawing_of))
                    .where(
                        Outgoing.address == channel,
                        col(Outgoing.done_at).is_(None),
                        col(Outgoing.outcome).is_(None),
                        ~_posted,
                    )
                )
            ).all()
            for row, purchase in held:
                row.outcome = HELD
                session.add(told(purchase).row(row.workspace_id, purchase.id))
            return len(held)
