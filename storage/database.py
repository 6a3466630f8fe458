"""The engine, and how it is read and written: one writer at a time on SQLite, any number on PostgreSQL."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}


class InUse(Exception):
    """Another process has the SQLite file. Rule 10: SQLite means one process."""


def driver_url(url: str) -> URL:
    """The URL with the driver that this project uses; ``sqlite:///file.db`` and ``postgres://...`` will do."""
    parsed = make_url(url)
    return parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))


def sqlite_file(url: str) -> Path | None:
    parsed = driver_url(url)
    if not parsed.drivername.startswith("sqlite") or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def _pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def configure(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _pragmas)


class Database:
    def __init__(self, url: str) -> None:
        """Makes the folder of a SQLite file and takes its lock. Raises InUse."""
        self.url = driver_url(url)
        self._lock_file = self._take_lock(sqlite_file(url))
        self.engine = create_async_engine(self.url, hide_parameters=True)
        configure(self.engine.sync_engine)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writer = asyncio.Lock()

    @staticmethod
    def _take_lock(file: Path | None) -> TextIO | None:
        if file is None:
            return None
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(file.name + ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise InUse(
                f"Another process uses {file} already. With SQLite only one may run; stop it first."
            ) from error
        return lock

    async def close(self) -> None:
        await self.engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end. On SQLite writers queue here: it is fairer than its own waiting."""
        if self.is_sqlite:
            async with self._writer, self._transaction() as session:
                yield session
        else:
            async with self._transaction() as session:
                yield session

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
