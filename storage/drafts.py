"""Forms that somebody opened and has not sent: kept for a day."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col, select

from storage.database import Database
from storage.models import Draft, now

LIFE = timedelta(days=1)


class DraftMoved(Exception):
    """The draft was sent or discarded, or has changed since it was read."""


class Drafts(Database):
    async def open_draft(self, draft: Draft) -> Draft:
        async with self.writing() as session:
            session.add(draft)
        return draft

    async def draft(self, draft_id: str) -> Draft | None:
        async with self.reading() as session:
            found = await session.get(Draft, draft_id)
        return found if found is not None and found.updated_at > now() - LIFE else None

    async def latest_draft(self, requester_id: str) -> Draft | None:
        """The draft that this person may go on with: at least one page of it was sent."""
        async with self.reading() as session:
            return (
                await session.exec(
                    select(Draft)
                    .where(
                        Draft.requester_id == requester_id,
                        col(Draft.page).is_not(None),
                        col(Draft.updated_at) > now() - LIFE,
                    )
                    .order_by(col(Draft.updated_at).desc())
                    .limit(1)
                )
            ).first()

    async def record_draft(self, draft_id: str, version: int | None = None, **values: Any) -> Draft:
        """The draft with these columns changed. version: only as long as it has this one. Raises DraftMoved."""
        conditions = [col(Draft.id) == draft_id]
        if version is not None:
            conditions.append(col(Draft.version) == version)
        async with self.writing() as session:
            done = await session.exec(
                update(Draft)
                .where(*conditions)
                .values(version=col(Draft.version) + 1, updated_at=now(), **values)
            )
            row = await session.get(Draft, draft_id, populate_existing=True)
            if done.rowcount != 1 or row is None:
                raise DraftMoved
            return row

    async def discard_draft(self, draft_id: str) -> None:
        async with self.writing() as session:
            await session.exec(delete(Draft).where(col(Draft.id) == draft_id))

    async def delete_old_drafts(self, limit: int = 500) -> int:
        """How many were deleted; call again while it is ``limit``."""
        async with self.writing() as session:
            old = select(Draft.id).where(col(Draft.updated_at) < now() - LIFE).limit(limit)
            done = await session.exec(delete(Draft).where(col(Draft.id).in_(old)))
            return int(done.rowcount)
