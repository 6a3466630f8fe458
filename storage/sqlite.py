"""SQLite for the event loop: aiosqlite's connection, that goes to its thread once for a statement, and not at all for nothing.

aiosqlite goes there to make a cursor, to execute, to fetch, to close it, and to roll back what never began: a read is six
ways there and back, each of which waits until the event loop gives the interpreter away (docs/performance.md).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import aiosqlite

Result = TypeVar("Result")


class Connection(aiosqlite.Connection):
    _asked = _answered = 0
    """How much was asked of the thread, which does one after the other; and up to which of it that is known to be done."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # of this, SQLAlchemy uses what is there
        return Cursor(self)

    async def commit(self) -> None:
        if self._has_begun:
            await self.in_thread(self._conn.commit)

    async def rollback(self) -> None:
        if self._has_begun:
            await self.in_thread(self._conn.rollback)

    @property
    def _has_begun(self) -> bool:
        """Whether there may be a transaction: who was cut off waits for no statement, which may yet begin one."""
        return self._answered < self._asked or self.in_transaction

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """What it gives, after all that was asked before."""
        self._asked += 1
        done = self._asked
        try:
            result: Result = await self._execute(work)  # type: ignore[no-untyped-call]
            return result
        except asyncio.CancelledError:
            done = 0
            raise
        finally:
            self._answered = max(self._answered, done)


class Cursor:
    """What SQLAlchemy uses of one. Its rows come with the statement."""

    description: Any = None
    rowcount = -1
    lastrowid: int | None = None
    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()

    async def __aenter__(self) -> "Cursor":
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "Cursor":
        return await self._connection.in_thread(partial(self._run, "execute", sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> "Cursor":
        return await self._connection.in_thread(partial(self._run, "executemany", sql, parameters))

    def _run(self, how: str, sql: str, parameters: Any) -> "Cursor":
        """In the thread."""
        cursor = self._connection._conn.cursor()
        try:
            getattr(cursor, how)(sql, parameters)
            self._rows = cursor.fetchall() if cursor.description else ()
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()
        return self

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """It is closed already."""


def connect(database: str, **options: Any) -> Connection:
    """For SQLAlchemy's ``async_creator_fn``."""
    connection = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy has it: a process that ends does not wait for it
    return connection
