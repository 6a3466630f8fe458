"""What tests of several folders share: one headless Chromium and one PostgreSQL for the whole run, what hypothesis may expect of a machine, less
garbage collection, and SQL that is made once."""

import gc
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser, async_playwright
from sqlalchemy import Connection, Engine, event

from tests.postgres import server

# how fast an example is made and tried says something about the machine only
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: looking for garbage among it was a seventh of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Compiled(dict[Any, Any]):
    """SQLAlchemy's cache of statements, for all engines of the run: each story has its own, and made the same SQL anew."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._of_any_engine(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(self._of_any_engine(key), compiled)

    @staticmethod
    def _of_any_engine(key: Any) -> Any:
        dialect, *statement = key
        return type(dialect), *statement


COMPILED = Compiled()


@event.listens_for(Engine, "engine_connect")
def compile_once(connection: Connection) -> None:
    connection.execution_options(compiled_cache=COMPILED)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server; ``new_database`` makes a test one of its own."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Skips where there is no Chromium, loudly; in CI it fails instead."""
    if not CHROMIUM:
        reason = "no Chromium: install it, or name it in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()
