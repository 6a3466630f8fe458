"""Which process is the worker: rule 10. On SQLite the file lock has decided it before anybody asks here."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from os import getpid, kill

from sqlalchemy import text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import CHANNEL, Database
from storage.models import Office, now

HELD_FOR = timedelta(seconds=7)
"""By the database's clock: an advisory lock would stay with a process that is frozen."""


class OutOfOffice(Exception):
    """Another process is the worker, or may be by now."""


class OfficeRow(Database):
    epoch = 0
    """Ours, once the office was taken: what the worker writes is written under it."""

    async def take_office(self) -> bool:
        """Whether this process is the worker from now on, for ``HELD_FOR`` at a time."""
        holder = f"{socket.gethostname()} {getpid()}"
        if self.is_sqlite:
            taken = text(
                "INSERT INTO office (id, epoch, holder, held_until) VALUES (1, 1, :holder, :moment) ON CONFLICT (id) "
                "DO UPDATE SET epoch = office.epoch + 1, holder = :holder, held_until = :moment RETURNING epoch"
            ).bindparams(moment=now().replace(tzinfo=None).isoformat(" "))
        else:
            taken = text(
                "INSERT INTO office (id, epoch, holder, held_until) VALUES (1, 1, :holder, clock_timestamp() + :held) "
                "ON CONFLICT (id) DO UPDATE SET epoch = office.epoch + 1, holder = :holder, "
                "held_until = clock_timestamp() + :held WHERE office.held_until < clock_timestamp() RETURNING epoch"
            ).bindparams(held=HELD_FOR)
        async with self.writing() as session:
            epoch = (await (await session.connection()).execute(taken.bindparams(holder=holder))).scalar()
        if epoch is None:
            return False
        self.epoch = int(epoch)
        return True

    async def renew_office(self) -> bool:
        """Whether it is still ours, and now for as long again."""
        if self.is_sqlite:
            return True
        renewed = text(
            "UPDATE office SET held_until = clock_timestamp() + :held WHERE id = 1 AND epoch = :epoch"
        ).bindparams(held=HELD_FOR, epoch=self.epoch)
        async with self.writing() as session:
            done = await (await session.connection()).execute(renewed)
            return done.rowcount == 1

    async def leave_office(self) -> None:
        """Another process may take it at once."""
        if self.is_sqlite:
            return
        free = update(Office).where(col(Office.id) == 1, col(Office.epoch) == self.epoch)
        async with self.writing() as session:
            await session.exec(free.values(held_until=text("clock_timestamp()")))

    async def worker(self) -> str | None:
        """Host and process of the worker, where there is one now. On SQLite, whose row outlives it, it is known of this machine alone."""
        holds = select(Office.holder).where(Office.id == 1)
        if not self.is_sqlite:
            holds = holds.where(col(Office.held_until) > text("clock_timestamp()"))
        async with self.reading() as session:
            holder = (await session.exec(holds)).first()
        host, _, process = (holder or "").rpartition(" ")
        if self.is_sqlite and not (host == socket.gethostname() and _lives(int(process))):
            return None
        return holder or None

    async def in_office(self, session: AsyncSession) -> None:
        """In a transaction of the worker's: nobody takes the office before it ends. Raises OutOfOffice.

        A process that freezes in between loses its session after three seconds (``storage/database.py``).
        """
        if self.is_sqlite:
            return
        epoch = (
            await session.exec(select(Office.epoch).where(Office.id == 1).with_for_update(read=True))
        ).first()
        if epoch != self.epoch:
            raise OutOfOffice

    async def heard(self) -> AsyncIterator[None]:
        """Yields when another process has committed something. Ends with the connection; nothing on SQLite."""
        if self.is_sqlite:
            return
        import psycopg  # only here: SQLite does without it

        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for _ in connection.notifies():
                yield


def _lives(process: int) -> bool:
    try:
        kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
