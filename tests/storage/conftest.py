"""A database of either kind: every test here runs on both. ``empty`` is one of its own, ``store`` one that is ready."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import SQLModel

from storage.schema import migrate
from storage.store import Store
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a table."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    url = new_database(postgres)
    migrate(url)
    return url


def wait_for_slow_machines(connection: Any, _: Any) -> None:
    """Who does not move for three seconds is not taken for frozen here; tests/stories/test_two_processes.py freezes one."""
    cursor = connection.cursor()
    cursor.execute("SET idle_in_transaction_session_timeout = 0")
    cursor.close()
    connection.commit()


@pytest.fixture
async def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Migrated and empty."""
    if kind == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.db")
        made = Store(f"sqlite:///{file}")
    else:
        made = Store(request.getfixturevalue("migrated_postgres"))
        event.listen(made.engine.sync_engine, "connect", wait_for_slow_machines)
        tables = [each.name for each in reversed(SQLModel.metadata.sorted_tables)]
        async with (
            made.engine.begin() as connection
        ):  # TRUNCATE would make the files of all tables and indexes anew
            await connection.execute(text("; ".join(f"DELETE FROM {each}" for each in tables)))
    yield made
    await made.close()
