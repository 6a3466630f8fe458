"""What was learned of the world outside and is asked for anew: people, groups, countries, prices, services; all with their age."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select

from storage.database import Database, upsert
from storage.models import Home, Kept, Person, now

MEMBERS = "members:"
OPEN_FOR = timedelta(days=1)


class Cache(Database):
    async def people(self, workspace_id: str) -> Sequence[Person]:
        async with self.reading() as session:
            return (await session.exec(select(Person).where(Person.workspace_id == workspace_id))).all()

    async def remember_person(self, person: Person) -> None:
        async with self.writing() as session:
            await upsert(session, person)

    async def home_opened(self, workspace_id: str, person_id: str) -> None:
        async with self.writing() as session:
            await upsert(session, Home(user_id=person_id, workspace_id=workspace_id, opened_at=now()))

    async def open_homes(self, workspace_id: str) -> set[str]:
        """Who has opened Home within a day."""
        lately = select(Home.user_id).where(
            Home.workspace_id == workspace_id, col(Home.opened_at) > now() - OPEN_FOR
        )
        async with self.reading() as session:
            return set((await session.exec(lately)).all())

    async def forget_homes(self) -> None:
        async with self.writing() as session:
            await session.exec(delete(Home).where(col(Home.opened_at) <= now() - OPEN_FOR))

    async def members(self, workspace_id: str) -> dict[str, tuple[frozenset[str], datetime]]:
        """Who belongs to each user group and channel that was read: ``{its id: (people, read_at)}``."""
        lists = select(Kept).where(Kept.workspace_id == workspace_id, col(Kept.key).startswith(MEMBERS))
        async with self.reading() as session:
            rows = (await session.exec(lists)).all()
            return {row.key.removeprefix(MEMBERS): (frozenset(row.value), row.read_at) for row in rows}

    async def keep_members(
        self, workspace_id: str, list_id: str, members: Iterable[str], read_at: datetime
    ) -> None:
        await self.keep(workspace_id, MEMBERS + list_id, sorted(members), read_at)

    async def kept(self, workspace_id: str) -> dict[str, tuple[Any, datetime]]:
        """Everything kept for the workspace: ``{key: (value, read_at)}``."""
        async with self.reading() as session:
            rows = (await session.exec(select(Kept).where(Kept.workspace_id == workspace_id))).all()
            return {row.key: (row.value, row.read_at) for row in rows}

    async def is_kept(self, key: str) -> bool:
        """Whether anything is, for whatever workspace."""
        async with self.reading() as session:
            return (await session.exec(select(Kept.key).where(Kept.key == key).limit(1))).first() is not None

    async def keep(self, workspace_id: str, key: str, value: Any, read_at: datetime) -> None:
        await self.keep_all(workspace_id, {key: (value, read_at)})

    async def keep_all(self, workspace_id: str, known: Mapping[str, tuple[Any, datetime]]) -> None:
        """``{key: (value, read_at)}``, in one transaction."""
        if not known:
            return
        rows = [
            Kept(workspace_id=workspace_id, key=key, value=value, read_at=read_at)
            for key, (value, read_at) in sorted(known.items())
        ]
        async with self.writing() as session:
            await upsert(session, *rows)
