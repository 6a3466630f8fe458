"""A database of either kind: every test here runs on both. ``empty`` is one of its own, ``store`` one that is ready."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from storage.schema import migrate
from storage.store import Store
from tests.postgres import new_database, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


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


@pytest.fixture
async def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Migrated and empty."""
    if kind == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.db")
        made = Store(f"sqlite:///{file}")
    else:
        made = Store(request.getfixturevalue("migrated_postgres"))
        tables = ", ".join(SQLModel.metadata.tables)
        async with made.engine.begin() as connection:
            await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    yield made
    await made.close()
