"""``numberdesk migrate --to``: all of a database in another one, or nothing."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select, text
from sqlmodel import SQLModel

from storage.database import InUse, Unusable, driver_url, plain_engine
from storage.models import Event, now
from storage.moving import NotMoved, move
from storage.schema import SchemaError, migrate, prepare
from storage.store import Store
from tests import rows
from tests.postgres import new_database

ROOT = Path(__file__).parents[2]
TABLES = SQLModel.metadata.sorted_tables
MANY = 10_000
GROWING = ("bundles", "purchases", "quotes", "numbers", "record", "outbox")
"""Those of which there are as many as are asked for; of the others some."""

Make = Callable[[str], str]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """An empty database of a kind; its URL."""
    names = iter("abcdef")

    def made(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{next(names)}.db"
        return new_database(request.getfixturevalue("postgres"))

    return made


def other(kind: str) -> str:
    return "postgresql" if kind == "sqlite" else "sqlite"


def connected(url: str) -> Iterator[Connection]:
    engine = plain_engine(driver_url(url))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def fill(url: str, count: int) -> None:
    """Rows of every table, every column; each other one with nothing where that may be."""
    migrate(url)
    for connection in connected(url):
        for table in TABLES:
            some = count if table.name in GROWING else min(count, 300)
            some = 1 if table.name == "office" else some
            connection.execute(
                insert(table), [rows.any_row(table, n, bare=n % 2 == 1) for n in range(1, some + 1)]
            )
        # held by a process that has ended: no app is running
        connection.execute(text("UPDATE office SET held_until = '2026-01-01 00:00:00'"))


def content(url: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for connection in connected(url):
        for table in TABLES:
            read = [dict(each._mapping) for each in connection.execute(select(table))]
            found[table.name] = sorted(read, key=lambda row: [str(row[k.name]) for k in table.primary_key])
    return found


def count(url: str, table: Table) -> int:
    (found,) = [c.execute(select(func.count()).select_from(table)).scalar_one() for c in connected(url)]
    return int(found)


@pytest.mark.parametrize(
    ("source", "target", "purchases"),
    [("sqlite", "postgresql", MANY), ("postgresql", "sqlite", 2500), ("sqlite", "sqlite", 30)],
)
async def test_many_purchases_are_moved_and_nothing_of_them_is_lost(
    source: str, target: str, purchases: int, make: Make
) -> None:
    old, new = make(source), make(target)
    fill(old, purchases)
    before = content(old)
    moved = move(old, new)
    assert moved == {name: len(each) for name, each in before.items()} and moved["purchases"] == purchases
    assert content(new) == before
    store = Store(new)
    await prepare(store)
    try:
        purchase = await store.purchase(before["purchases"][0]["id"])
        assert purchase is not None and isinstance(purchase.quote.price, Decimal)
        async with store.writing() as session:
            line = Event(workspace_id="T0", happened_at=now(), what="withdrawn", purchase_id=purchase.id)
            session.add(line)
        assert line.id == purchases + 1, "the record goes on after its last line"
        assert await store.take_office() and store.epoch == before["office"][0]["epoch"] + 1
    finally:
        await store.close()


async def test_no_app_starts_on_a_database_whose_content_was_moved(kind: str, make: Make) -> None:
    """Else two of them would go on with the same purchases, and buy each number twice."""
    old, new = make(kind), make(other(kind))
    fill(old, 3)
    before = content(old)
    move(old, new)
    assert content(old) == before, "its rows are there all the same"
    store = Store(old)
    with pytest.raises(SchemaError, match="was moved to another one"):
        await prepare(store)
    await store.close()
    with pytest.raises(SchemaError, match="was moved to another one"):
        move(old, make("sqlite"))


def test_a_database_that_is_not_empty_is_left_alone(kind: str, make: Make) -> None:
    old, new = make(other(kind)), make(kind)
    fill(old, 3)
    fill(new, 1)
    before = content(new)
    with pytest.raises(NotMoved, match=r"not empty: there are rows in .*purchases"):
        move(old, new)
    assert content(new) == before
    third = make(kind)
    for connection in connected(third):
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(NotMoved, match="not Number Desk's"):
        move(old, third)
    assert move(old, make(kind))["purchases"] == 3, "the source was not touched"


def test_tables_without_rows_may_be_there_already(kind: str, make: Make) -> None:
    """As a host's release step makes them."""
    old, new = make(other(kind)), make(kind)
    fill(old, 3)
    migrate(new)
    assert move(old, new)["purchases"] == 3


async def test_a_database_in_use_is_not_moved(kind: str, make: Make) -> None:
    old, new = make(kind), make(other(kind))
    fill(old, 3)
    running = Store(old)
    running.take_lock()
    await prepare(running)
    try:
        wanted = (InUse, "only one may run") if kind == "sqlite" else (Unusable, "stop every app")
        with pytest.raises(wanted[0], match=wanted[1]):
            await asyncio.to_thread(move, old, new)
    finally:
        await running.close()
    assert move(old, new)["purchases"] == 3, "once it has ended"


def test_a_row_that_the_other_database_does_not_take_leaves_both_as_they_were(make: Make) -> None:
    """SQLite keeps a text of any length, whatever the column says."""
    old, new = make("sqlite"), make("postgresql")
    fill(old, 3)
    for connection in connected(old):
        connection.execute(
            text("UPDATE outbox SET drawing_of = :long WHERE id = 2").bindparams(long="x" * 33)
        )
    with pytest.raises(NotMoved, match=r"too long.*\(in outbox\)") as refused:
        move(old, new)
    assert "x" * 33 not in str(refused.value)
    assert not any(count(new, each) for each in TABLES)
    for connection in connected(old):
        connection.execute(text("UPDATE outbox SET drawing_of = NULL WHERE id = 2"))
    assert move(old, new)["outbox"] == 3, "mended, it is moved"


def test_what_arrives_changed_is_noticed(make: Make) -> None:
    old, new = make("sqlite"), make("postgresql")
    fill(old, 3)
    migrate(new)
    for connection in connected(new):
        connection.execute(
            text(
                "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN NEW.price := '0.02000'; RETURN NEW; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER spoil BEFORE INSERT ON quotes FOR EACH ROW EXECUTE FUNCTION spoil()")
        )
    with pytest.raises(NotMoved, match="quotes would not be the same"):
        move(old, new)
    assert not any(count(new, each) for each in TABLES)


MOVE = "import sys; from storage.moving import move; move(*sys.argv[1:])"


async def test_a_move_that_is_killed_has_moved_nothing(make: Make) -> None:
    old, new = make("sqlite"), make("postgresql")
    fill(old, 1000)
    migrate(new)
    moving = await asyncio.create_subprocess_exec(sys.executable, "-c", MOVE, old, new, cwd=ROOT)
    written = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
    )
    give_up_at = time.monotonic() + 60
    watch = plain_engine(driver_url(new))
    with watch.connect() as connection:
        while not connection.execute(written).scalar_one():
            assert moving.returncode is None and time.monotonic() < give_up_at
            connection.rollback()
            await asyncio.sleep(0.001)
    watch.dispose()
    moving.send_signal(signal.SIGKILL)
    assert await moving.wait() == -signal.SIGKILL
    assert not any(count(new, each) for each in TABLES)
    assert move(old, new)["purchases"] == 1000, "it is moved the next time"


async def test_a_database_of_another_version_is_not_moved(kind: str, make: Make) -> None:
    old = make(kind)
    fill(old, 1)
    for connection in connected(old):
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(SchemaError, match="numberdesk migrate"):
        move(old, make(other(kind)))
    for connection in connected(old):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="a newer Number Desk"):
        move(old, make(other(kind)))
