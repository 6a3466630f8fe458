"""The engine, and how it is read and written: one writer at a time on SQLite, any number on PostgreSQL."""

import asyncio
import fcntl
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sqlite import connect

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}


AT_ONCE = 16
"""Connections to a SQLite file: more readers than that at once wait for each other."""
Unavailable = (OperationalError, InterfaceError, InternalError)
"""The database did not answer, or gave up a transaction: nobody's fault, and tried again."""


class Unusable(Exception):
    """The database cannot be used as it is; the text says why, and has no password."""


class InUse(Unusable):
    """Another process has the SQLite file. Rule 10: SQLite means one process."""


def reason(error: DBAPIError) -> str:
    """Why, in one line: drivers add hints in further ones, SQLAlchemy the statement."""
    return f"The database cannot be used: {str(error.orig).partition(chr(10))[0]}"


@contextmanager
def usable() -> Iterator[None]:
    """Raises Unusable in place of what the driver or the file system says."""
    try:
        yield
    except DBAPIError as error:
        raise Unusable(reason(error)) from error
    except OSError as error:
        raise Unusable(f"The database cannot be used: {error.strerror} ({error.filename})") from error


def driver_url(url: str) -> URL:
    """The URL with the driver that this project uses; ``sqlite:///file.db`` and ``postgres://...`` will do. Raises Unusable."""
    try:
        parsed = make_url(url)
        return parsed.set(drivername=DRIVERS[parsed.get_backend_name()])
    except (ArgumentError, KeyError, ValueError):  # the last of a port that is no number
        # not chained: what SQLAlchemy says may quote the password
        raise Unusable(
            "This is no address of a database: sqlite:///data/numberdesk.db, or postgresql://user:password@host/name"
        ) from None


def sqlite_file(url: str) -> Path | None:
    parsed = driver_url(url)
    if not parsed.drivername.startswith("sqlite") or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def configure(engine: Engine, *, durable: bool = False) -> None:
    """durable: a commit survives a power cut. In WAL mode NORMAL may lose the last ones, FULL waits for the disk."""
    if engine.dialect.name != "sqlite":
        return
    synchronous = "FULL" if durable else "NORMAL"
    script = f"""
        PRAGMA journal_mode=WAL;
        PRAGMA synchronous={synchronous};
        PRAGMA busy_timeout=5000;
        PRAGMA foreign_keys=ON;
    """

    def pragmas(connection: Any, _: Any) -> None:
        if engine.dialect.is_async:  # all at once: each way to a connection's thread and back takes its time
            connection.run_async(lambda driver: driver.executescript(script))
        else:
            connection.executescript(script)

    event.listen(engine, "connect", pragmas)


def plain_engine(url: URL) -> Engine:
    """For what has the database to itself and blocks while it works: migrations, a move. SQLite without its thread."""
    engine = create_engine(url.set(drivername=url.drivername.replace("+aiosqlite", "")), hide_parameters=True)
    configure(engine)
    return engine


def locked(url: str) -> TextIO | None:
    """The lock of a SQLite file, which is free again once this is closed; None for PostgreSQL. Raises InUse, Unusable."""
    file = sqlite_file(url)
    if file is None:
        return None
    with usable():
        lock = file.with_name(file.name + ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise InUse(
            f"Another process uses {file} already. With SQLite only one may run; stop it first."
        ) from error
    return lock


WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
WRITTEN = "written"
"""Under this name a connection knows the tables that its transaction has written to."""


def note_writes(engine: Engine) -> None:
    def note(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if found := WRITES.match(statement):
            connection.info.setdefault(WRITTEN, set()).add(found[1])

    event.listen(engine, "before_cursor_execute", note)


async def written(session: AsyncSession) -> Collection[str] | None:
    """The tables that it has written to, just before it commits; None where it was rolled back to be tried anew."""
    if not session.in_transaction():
        return None
    await session.flush()
    tables: Collection[str] = (await session.connection()).info.pop(WRITTEN, ())
    return tables


CHANNEL = "numberdesk"
"""On PostgreSQL every commit is notified there, so that another process need not wait for its clock."""
FROZEN = 3000
"""Milliseconds after which PostgreSQL ends the session of a process that has frozen inside a transaction."""


def dialect_of(session: AsyncSession) -> str:
    return str(session.get_bind().dialect.name)


def insert_in(dialect: str, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, for either database."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def inserting(session: AsyncSession, table: type[SQLModel]) -> Any:
    return insert_in(dialect_of(session), table)


async def upsert(session: AsyncSession, *rows: SQLModel) -> None:
    """The rows inserted, or in place of those with their keys: of two processes at once neither fails.

    All are of one table. Of two processes with several rows one waits and none blocks the other, if both have one order.
    """
    table = type(rows[0])
    columns = table.__table__.columns  # type: ignore[attr-defined]
    keys = [column.name for column in columns if column.primary_key]
    statement = inserting(session, table)
    changed = {column.name: statement.excluded[column.name] for column in columns if column.name not in keys}
    replacing = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    await (await session.connection()).execute(replacing, [row.model_dump() for row in rows])


async def append(session: AsyncSession, *rows: SQLModel) -> None:
    """Rows that the database numbers and this transaction does not look at again, such as lines of the record: what a session
    does for each row that is added to it costs more than the INSERT."""
    await session.flush()  # what they refer to may be new
    connection = await session.connection()
    for table, of_table in groupby(rows, type):
        await connection.execute(insert(table), [row.model_dump(exclude={"id"}) for row in of_table])


class Database:
    def __init__(self, url: str) -> None:
        """Makes the folder of a SQLite file; whoever runs the app takes its lock as well. Raises Unusable."""
        self._url = url
        self.url = driver_url(url)
        file = sqlite_file(url)
        if file is not None:
            with usable():
                file.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file: TextIO | None = None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"options": f"-c idle_in_transaction_session_timeout={FROZEN}"}
        if self.is_sqlite:
            options = {"async_creator_fn": connect}
        pool: dict[str, Any] = {"pool_size": AT_ONCE, "max_overflow": 0}
        if not self.is_sqlite:
            pool = {"pool_pre_ping": True}  # the server may have closed a connection that lay idle
        self.engine = create_async_engine(self.url, hide_parameters=True, connect_args=options, **pool)
        configure(self.engine.sync_engine)
        self.durable_engine = self.engine
        if self.is_sqlite:
            self.durable_engine = create_async_engine(
                self.url, hide_parameters=True, connect_args=options, pool_size=1, max_overflow=0
            )
            configure(self.durable_engine.sync_engine, durable=True)
        self._writer = asyncio.Lock()
        for each in {self.engine, self.durable_engine}:
            note_writes(each.sync_engine)
        self.on_commit: list[tuple[type[SQLModel], Callable[[], None]]] = []
        """Who looks at a table again when it was written to."""

    def take_lock(self) -> None:
        """With SQLite one process runs the app (rule 10), or moves what is in it; the rest of the command line only reads. Raises InUse, Unusable."""
        self._lock_file = locked(self._url)

    async def open_connections(self) -> None:
        """All that are ever used on SQLite: one that is opened while what asks for it is cut off would stay open for good."""
        if not self.is_sqlite:
            return
        async with AsyncExitStack() as stack:
            for _ in range(AT_ONCE):
                await stack.enter_async_context(self.engine.connect())
            await stack.enter_async_context(self.durable_engine.connect())

    async def close(self) -> None:
        await self.engine.dispose()
        await self.durable_engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self, *, durable: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end. On SQLite writers queue here: it is fairer than its own waiting.

        durable: what must survive a power cut, not only the death of this process (rule 1); PostgreSQL waits for its
        disk in any case.
        """
        if self.is_sqlite:
            async with self._writer, self._transaction(durable) as session:
                yield session
                tables = await written(session)
        else:
            async with self._transaction(durable) as session:
                yield session
                tables = await written(session)
                if tables is not None:
                    await (await session.connection()).execute(text(f"SELECT pg_notify('{CHANNEL}', '')"))
        self.tell(tables)

    def tell(self, tables: Collection[str] | None = None) -> None:
        """tables: those that were written to, None where nobody knows."""
        for table, look in self.on_commit:
            if tables is None or table.__tablename__ in tables:
                look()

    @asynccontextmanager
    async def _transaction(self, durable: bool) -> AsyncIterator[AsyncSession]:
        engine = self.durable_engine if durable else self.engine
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session
