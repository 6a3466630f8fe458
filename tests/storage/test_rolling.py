"""Two releases on one database, while replicas are replaced one by one: a migration leaves the statements of the release before it working.

What that release said is not asked of git, which may be shallow: its tables are those of the migration before, as the database
itself describes them; so every column of every table is written and read by name, as a model does.
"""

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from storage.database import driver_url, plain_engine
from storage.schema import configuration, scripts
from tests import rows
from tests.postgres import new_database

ROLLING_FROM = "0010"
"""Older ones moved what was there (0003 to 0005, 0009): all replicas had to be stopped for them."""
REVISIONS = [
    (str(each.down_revision), each.revision)
    for each in scripts().walk_revisions()
    if each.down_revision and each.revision >= ROLLING_FROM
]


def bring_to(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def old_tables(connection: Connection) -> list[Table]:
    """Those of the revision that the database is at, each after what it refers to."""
    found = MetaData()
    found.reflect(connection)
    return [each for each in found.sorted_tables if each.name != "alembic_version"]


def say_all(connection: Connection, tables: list[Table], n: int) -> None:
    """Every kind of statement on every column. Raises DBAPIError where one is not understood any more; AssertionError where it means
    something else."""
    for table in tables:
        row = rows.any_row(table, n)
        connection.execute(insert(table), row)
        _reads(connection, table, n)
        key = next(iter(table.primary_key))
        changed = {name: value for name, value in row.items() if not table.columns[name].foreign_keys}
        connection.execute(update(table).where(key == row[key.name]).values(changed))
        bare = rows.any_row(table, n + 1, bare=True)
        if not any(column.foreign_keys and not column.nullable for column in table.columns):
            connection.execute(insert(table), bare)
            connection.execute(delete(table).where(key == bare[key.name]))


def _reads(connection: Connection, table: Table, n: int) -> None:
    row = rows.any_row(table, n)
    key = next(iter(table.primary_key))
    (found,) = connection.execute(select(table).where(key == row[key.name])).all()
    was = {name: value for name, value in row.items() if not hasattr(value, "tzinfo")}
    assert {name: found._mapping[name] for name in was} == was, table.name


@pytest.mark.parametrize(("before", "after"), REVISIONS)
def test_the_release_before_goes_on_working_after_a_migration(before: str, after: str, empty: str) -> None:
    engine = plain_engine(driver_url(empty))
    with engine.begin() as connection:
        bring_to(connection, before)
        tables = old_tables(connection)
        say_all(connection, tables, 1)
        bring_to(connection, after)
        for table in tables:
            _reads(connection, table, 1)
        say_all(connection, tables, 5)
    engine.dispose()


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE people DROP COLUMN display_name",
        "ALTER TABLE people RENAME COLUMN display_name TO name",
        "DROP TABLE homes",
        "ALTER TABLE homes RENAME TO open_homes",
        "UPDATE purchases SET purpose = ''",
    ],
)
def test_a_migration_that_the_release_before_does_not_bear_is_found(migration: str, empty: str) -> None:
    engine = plain_engine(driver_url(empty))
    with engine.begin() as connection:
        bring_to(connection, "head")
        tables = old_tables(connection)
        say_all(connection, tables, 1)
        connection.execute(text(migration))
        with pytest.raises((DBAPIError, AssertionError)), connection.begin_nested():
            for table in tables:
                _reads(connection, table, 1)
            say_all(connection, tables, 5)
    engine.dispose()


def test_a_new_column_without_a_default_is_found(postgres: str) -> None:
    """On SQLite it cannot be made at all."""
    engine = plain_engine(driver_url(new_database(postgres)))
    with engine.begin() as connection:
        bring_to(connection, "head")
        tables = old_tables(connection)
        connection.execute(text("ALTER TABLE people ADD COLUMN pronoun TEXT NOT NULL"))
        with pytest.raises(DBAPIError, match="pronoun"), connection.begin_nested():
            say_all(connection, tables, 1)
    engine.dispose()
