"""The record: who did what when, and whom it was told. Only ever added to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from storage.database import Database
from storage.models import Event, Outgoing, now
from storage.outbox import Owed


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


class History(Database):
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
