"""A store on SQLite and on PostgreSQL: every test here runs on both."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.schema import upgrade
from storage.store import Store
from tests.postgres import new_database, server

_names = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return new_database(request.getfixturevalue("postgres"), f"test_{next(_names)}")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    made = Store(database_url)
    async with made.engine.begin() as connection:
        await connection.run_sync(upgrade)
    yield made
    await made.close()
