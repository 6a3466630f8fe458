"""What is known of the world outside: people, groups, countries, prices, messaging services; all with their age."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.database import Database, upsert
from storage.models import Home, Kept, MessagingService, Person, now

CLAIM = timedelta(seconds=60)
MEMBERS = "members:"
OPEN_FOR = timedelta(days=1)


class Known(Database):
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

    # messaging services made under a name

    async def service_named(self, workspace_id: str, account_sid: str, name: str) -> MessagingService:
        """The one row for this name, inserted when there is none."""
        for _ in range(2):
            async with self.reading() as session:
                row = (
                    await session.exec(
                        select(MessagingService).where(
                            MessagingService.account_sid == account_sid, MessagingService.name == name
                        )
                    )
                ).first()
            if row is not None:
                return row
            try:
                async with self.writing() as session:
                    session.add(
                        MessagingService(workspace_id=workspace_id, account_sid=account_sid, name=name)
                    )
            except IntegrityError:
                continue
        raise RuntimeError("a messaging service can be neither inserted nor found")

    async def claim_service(self, service: MessagingService, by: str) -> bool:
        """Whether this purchase is now the one that makes the service; its own claim from before counts.

        Not when somebody has made it since ``service`` was read.
        """
        return await self._update_service(
            service,
            and_(
                col(MessagingService.sid).is_not_distinct_from(service.sid),
                or_(
                    col(MessagingService.claimed_by).is_(None),
                    col(MessagingService.claimed_by) == by,
                    col(MessagingService.claimed_until) < now(),
                ),
            ),
            {"claimed_by": by, "claimed_until": now() + CLAIM},
        )

    async def service_made(self, service: MessagingService, sid: str | None) -> None:
        """The SID it has at Twilio (None: it is gone there), and the claim given back. Whoever read a list before does
        not find it there, hence the time."""
        made_at = now() if sid is not None else None
        values = {"sid": sid, "made_at": made_at, "claimed_by": None, "claimed_until": None}
        await self._update_service(service, None, values)

    async def _update_service(
        self, service: MessagingService, condition: Any, values: Mapping[str, Any]
    ) -> bool:
        statement = update(MessagingService).where(col(MessagingService.id) == service.id)
        if condition is not None:
            statement = statement.where(condition)
        async with self.writing() as session:
            done = await session.exec(statement.values(**values))
            return bool(done.rowcount == 1)
