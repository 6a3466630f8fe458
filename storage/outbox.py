"""What Slack is still owed: cards that show an older version of their purchase, and messages not yet posted."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, update
from sqlmodel import col, select

from storage.database import Database
from storage.models import Card, Delivery, Purchase, now
from storage.purchases import Owed

DRAWING = timedelta(seconds=60)
POSTING = timedelta(seconds=60)


@dataclass(frozen=True)
class Drawing:
    """A card claimed by one drawer, with the purchase as it shall be shown."""

    card: Card
    purchase: Purchase


class Outbox(Database):
    async def channels_owed(self) -> set[str]:
        """Channels (and people) with something to draw or post that is due."""
        async with self.reading() as session:
            cards = await session.exec(
                select(Card.channel).join(Purchase, self._of_card()).where(*self._stale())
            )
            lines = await session.exec(select(Delivery.address).where(*self._due()))
            return {*cards.all(), *lines.all()}

    async def next_card(self, channel: str, *, posted: bool) -> Drawing | None:
        """The card in this channel whose purchase changed last, claimed; ``posted``: it is there and shows an old version."""
        async with self.writing() as session:
            where = col(Card.ts).is_not(None) if posted else col(Card.ts).is_(None)
            found = (
                await session.exec(
                    select(Card.purchase_id)
                    .join(Purchase, self._of_card())
                    .where(Card.channel == channel, where, *self._stale())
                    .order_by(col(Purchase.updated_at).desc() if posted else col(Purchase.updated_at))
                    .limit(1)
                )
            ).first()
            if found is None:
                return None
            return await self._claim(session, found)

    async def card_to_draw(self, purchase_id: str) -> Drawing | None:
        """This purchase's card, claimed, whatever version it shows; None while somebody else draws it."""
        async with self.writing() as session:
            return await self._claim(session, purchase_id)

    @staticmethod
    async def _claim(session: Any, purchase_id: str) -> Drawing | None:
        claimed = await session.exec(
            update(Card)
            .where(
                col(Card.purchase_id) == purchase_id,
                or_(col(Card.drawer).is_(None), col(Card.drawing_until) < now()),
            )
            .values(drawer=secrets.token_hex(8), drawing_until=now() + DRAWING)
        )
        if claimed.rowcount != 1:
            return None
        card = await session.get(Card, purchase_id, populate_existing=True)
        purchase = await session.get(Purchase, purchase_id)
        return Drawing(card, purchase)

    async def card_drawn(self, drawing: Drawing, *, ts: str | None = None) -> None:
        """ts: of the message, when it was posted just now."""
        values: dict[str, Any] = {"drawn_version": drawing.purchase.version, "tries": 0}
        await self._give_back(drawing, {**values, "ts": ts} if ts else values)

    async def card_linked(self, purchase_id: str, permalink: str) -> None:
        async with self.writing() as session:
            await session.exec(
                update(Card).where(col(Card.purchase_id) == purchase_id).values(permalink=permalink)
            )

    async def card_not_drawn(self, drawing: Drawing, retry_in: timedelta) -> None:
        await self._give_back(drawing, {"draw_after": now() + retry_in, "tries": drawing.card.tries + 1})

    async def _give_back(self, drawing: Drawing, values: dict[str, Any]) -> None:
        async with self.writing() as session:
            await session.exec(
                update(Card)
                .where(
                    col(Card.purchase_id) == drawing.card.purchase_id, col(Card.drawer) == drawing.card.drawer
                )
                .values(drawer=None, drawing_until=None, **values)
            )

    async def redraw(self, purchase_id: str) -> None:
        """The card shows something old, whatever version it says: draw it again."""
        async with self.writing() as session:
            await session.exec(
                update(Card).where(col(Card.purchase_id) == purchase_id).values(drawn_version=-1)
            )

    async def card_of(self, purchase_id: str) -> Card | None:
        async with self.reading() as session:
            return await session.get(Card, purchase_id)

    async def cards_of(self, purchase_ids: Sequence[str]) -> dict[str, Card]:
        async with self.reading() as session:
            rows = (await session.exec(select(Card).where(col(Card.purchase_id).in_(purchase_ids)))).all()
            return {card.purchase_id: card for card in rows}

    # messages

    async def owe(self, workspace_id: str, owed: Owed, purchase_id: str | None = None) -> None:
        async with self.writing() as session:
            session.add(owed.delivery(workspace_id, purchase_id))

    async def next_delivery(self, address: str) -> Delivery | None:
        """The oldest message due there, claimed for a minute; a thread line only once its card is posted."""
        async with self.writing() as session:
            found = (
                await session.exec(
                    select(Delivery)
                    .where(Delivery.address == address, *self._due())
                    .order_by(col(Delivery.id))
                    .limit(1)
                )
            ).first()
            if found is None:
                return None
            claimed = await session.exec(
                update(Delivery)
                .where(
                    col(Delivery.id) == found.id,
                    col(Delivery.done_at).is_(None),
                    col(Delivery.due_at) == found.due_at,
                )
                .values(due_at=now() + POSTING)
            )
            return found if claimed.rowcount == 1 else None

    async def delivered(self, delivery: Delivery, ts: str | None) -> None:
        await self._update_delivery(delivery, {"ts": ts, "done_at": now()})

    async def not_delivered(self, delivery: Delivery, retry_in: timedelta) -> None:
        await self._update_delivery(delivery, {"tries": delivery.tries + 1, "due_at": now() + retry_in})

    async def _update_delivery(self, delivery: Delivery, values: dict[str, Any]) -> None:
        async with self.writing() as session:
            await session.exec(update(Delivery).where(col(Delivery.id) == delivery.id).values(**values))

    @staticmethod
    def _of_card() -> Any:
        return col(Purchase.id) == col(Card.purchase_id)

    @staticmethod
    def _stale() -> tuple[Any, ...]:
        moment = now()
        return (
            or_(col(Card.ts).is_(None), col(Card.drawn_version) < col(Purchase.version)),
            col(Card.draw_after) <= moment,
            or_(col(Card.drawer).is_(None), col(Card.drawing_until) < moment),
        )

    @staticmethod
    def _due() -> tuple[Any, ...]:
        posted = exists().where(
            and_(col(Card.purchase_id) == col(Delivery.purchase_id), col(Card.ts).is_not(None))
        )
        return (
            col(Delivery.done_at).is_(None),
            col(Delivery.due_at) <= now(),
            or_(col(Delivery.kind) != "thread", posted),
        )
