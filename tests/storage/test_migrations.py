"""Migrations and models say the same, on both databases."""

import pytest
from alembic import command
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

import storage.models  # noqa: F401
from storage.schema import SchemaError, configuration, prepare
from storage.store import Store


def check(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.check(config)


def downgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.downgrade(config, "base")


async def test_migrations_make_what_the_models_say(store: Store) -> None:
    async with store.engine.begin() as connection:
        await connection.run_sync(check)  # raises when autogenerate would add anything
        tables = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
    assert tables == {*SQLModel.metadata.tables, "alembic_version"}


async def test_every_migration_can_be_taken_back(store: Store) -> None:
    async with store.engine.begin() as connection:
        await connection.run_sync(downgrade)
        tables = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
    assert tables == {"alembic_version"}


async def test_every_table_carries_the_workspace(store: Store) -> None:
    without = [
        name for name, table in SQLModel.metadata.tables.items() if "workspace_id" not in table.columns
    ]
    assert without == []


async def test_an_empty_sqlite_file_is_brought_up_to_date_and_postgresql_is_left_alone(
    database_url: str,
) -> None:
    store = Store(database_url)
    try:
        if store.is_sqlite:
            await prepare(store)
            assert await store.schema_version() is not None
        else:
            with pytest.raises(SchemaError, match="alembic upgrade head"):
                await prepare(store)
    finally:
        await store.close()
