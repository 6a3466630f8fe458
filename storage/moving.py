"""``numberdesk migrate --to``: everything that is in one database into an empty one, SQLite or PostgreSQL, all or nothing."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlmodel import SQLModel

import storage.models  # noqa: F401  (fills the metadata)
from storage.database import Unusable, driver_url, locked, plain_engine, sqlite_file, usable
from storage.schema import MOVED, check_newest, upgrade

AT_A_TIME = 1000
"""Rows that are in memory at once."""


class NotMoved(Unusable):
    """The other database cannot take it; both are as they were."""


@dataclass(frozen=True)
class Content:
    """Of a table: how many rows, and the sum of their hashes, which is the same in whatever order they are read."""

    rows: int = 0
    hashes: int = 0

    def plus(self, row: tuple[object, ...]) -> "Content":
        """row: as Python has it, so that it is the same from either kind of database."""
        digest = int.from_bytes(sha256(repr(row).encode("utf-8", "surrogatepass")).digest())
        return Content(self.rows + 1, (self.hashes + digest) % 2**256)


def move(source: str, target: str) -> dict[str, int]:
    """Rows by table. The source is left as it is but for a mark: no app starts on it again, for what two of them carry on with
    is bought twice.

    Raises InUse while an app runs on the source; SchemaError where that is older or newer than this code, or moved
    already; NotMoved; Unusable.
    """
    with contextlib.ExitStack() as stack:
        if (lock := locked(source)) is not None:
            stack.enter_context(lock)
        given = stack.enter_context(_opened(driver_url(source)))
        with usable():
            _hold(given)
        with _refused(""):
            stack.enter_context(_ready(target))
            taker = stack.enter_context(_opened(driver_url(target)))
            _check_empty(taker)
        moved = {each.name: _copied(each, given, taker) for each in _tables()}
        for each in _tables():
            _count_on(each, taker)
        with usable():
            given.execute(text("UPDATE alembic_version SET version_num = :moved").bindparams(moved=MOVED))
        with _refused(""):
            taker.commit()
        with (
            usable()
        ):  # last: a source without the mark can be moved again, a mark without a target is a loss
            given.commit()
    return moved


def _tables() -> list[Table]:
    """Each after those that it refers to."""
    return SQLModel.metadata.sorted_tables


@contextlib.contextmanager
def _opened(url: URL) -> Iterator[Connection]:
    engine = plain_engine(url)
    try:
        with usable():
            connection = engine.connect()
        with connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def _refused(where: str) -> Iterator[None]:
    """Raises NotMoved in place of what the target's driver says."""
    try:
        with usable():
            yield
    except Unusable as error:
        raise NotMoved(f"{error}{where}") from error


def _hold(source: Connection) -> None:
    """Nobody writes there until the end. Raises SchemaError, Unusable."""
    if source.dialect.name == "sqlite":
        source.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins nothing before a SELECT by itself
        check_newest(MigrationContext.configure(source).get_current_revision())
        return
    check_newest(MigrationContext.configure(source).get_current_revision())
    source.execute(text(f"LOCK TABLE {', '.join(each.name for each in _tables())} IN SHARE MODE"))
    others = source.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user "
            "AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    if others:
        raise Unusable(
            f"{others} other connections are open to the database; stop every app that uses it first"
        )


@contextlib.contextmanager
def _ready(target: str) -> Iterator[None]:
    """With our tables, and locked where it is a file. Raises NotMoved, Unusable."""
    with contextlib.ExitStack() as stack:
        if (file := sqlite_file(target)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = locked(target)
            assert lock is not None
            stack.enter_context(lock)
        with _opened(driver_url(target)) as connection:
            found = set(inspect(connection).get_table_names())
            ours = {"alembic_version", *(each.name for each in _tables())}
            if found - ours:
                raise NotMoved("There are tables in it already that are not Number Desk's")
            if not found:
                upgrade(connection)
                connection.commit()
        yield


def _check_empty(target: Connection) -> None:
    """Raises NotMoved, SchemaError."""
    check_newest(MigrationContext.configure(target).get_current_revision())
    filled = [each.name for each in _tables() if target.execute(select(each).limit(1)).first() is not None]
    if filled:
        raise NotMoved(f"It is not empty: there are rows in {', '.join(filled)}")


def _copied(table: Table, source: Connection, target: Connection) -> int:
    """How many rows. Raises NotMoved where what arrived is not what was there."""
    there = Content()
    with usable():
        rows = source.execute(select(table).execution_options(yield_per=AT_A_TIME))
        for part in rows.partitions():
            for row in part:
                there = there.plus(tuple(row))
            with _refused(f" (in {table.name})"):
                target.execute(insert(table), [dict(row._mapping) for row in part])
        counted = source.execute(select(func.count()).select_from(table)).scalar_one()
    arrived = Content()
    with _refused(f" (in {table.name})"):
        for row in target.execute(select(table).execution_options(yield_per=AT_A_TIME)):
            arrived = arrived.plus(tuple(row))
    if arrived != there or arrived.rows != counted:
        raise NotMoved(f"{table.name} would not be the same: {counted} rows, of which {arrived.rows} arrived")
    return arrived.rows


def _count_on(table: Table, target: Connection) -> None:
    """What is written next has the number after the last one. SQLite does that by itself."""
    key = table.autoincrement_column
    if key is None or target.dialect.name != "postgresql":
        return
    last = select(func.max(key)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(table.name, key.name)
    with _refused(f" (in {table.name})"):
        target.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
