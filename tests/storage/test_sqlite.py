"""The connection to SQLite: what it leaves out, and what it must not leave out."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.sqlite import Connection, connect


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    made = await connect(str(tmp_path / "some.db"))
    await made.cursor().execute("CREATE TABLE marks (name TEXT)")
    yield made
    await made.close()


async def marks(connection: Connection) -> list[str]:
    cursor = await connection.cursor().execute("SELECT name FROM marks ORDER BY name")
    return [name for (name,) in await cursor.fetchall()]


async def test_rows_come_with_their_statement(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.executemany("INSERT INTO marks VALUES (?)", [("a",), ("b",)])
    assert cursor.rowcount == 2
    await connection.commit()
    assert await marks(connection) == ["a", "b"]


async def test_what_was_begun_is_rolled_back(connection: Connection) -> None:
    await connection.cursor().execute("INSERT INTO marks VALUES (?)", ("a",))
    await connection.rollback()
    assert not connection.in_transaction
    assert await marks(connection) == []


async def test_a_statement_that_was_cut_off_is_rolled_back_though_it_is_carried_out_later(
    connection: Connection,
) -> None:
    """Whoever waits no more may be gone before the thread has come to the statement, which begins a transaction then."""
    go_on = threading.Event()
    busy = asyncio.create_task(connection.in_thread(go_on.wait))
    cut_off = asyncio.create_task(connection.cursor().execute("INSERT INTO marks VALUES ('a')"))
    await asyncio.sleep(0)
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    rolled_back = asyncio.create_task(connection.rollback())
    await asyncio.sleep(0)
    go_on.set()
    await busy
    await rolled_back
    assert not connection.in_transaction
    assert await marks(connection) == []
