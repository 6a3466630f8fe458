"""A copy that is made while the app works, by the commands of docs/operations.md, and what becomes of it when it takes the place of
the database."""

import asyncio
import contextlib
import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url

from storage.database import sqlite_file
from storage.models import State
from tests.house.tree import ROOT
from tests.postgres import binaries, new_database
from tests.stories.stage import Stage, asks, finds, until
from tests.stories.test_home import opens, presses, shows


def command(name: str, number: int = 0) -> str:
    """A line of docs/operations.md that begins with this program."""
    page = (ROOT / "docs/operations.md").read_text()
    found = re.findall(rf"^    ({name} .*)$", page, re.MULTILINE)
    return str(found[number])


async def runs(line: str, **environment: str) -> None:
    path = f"{binaries()}:{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(
        line,
        env={**os.environ, "PATH": path, **environment},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (line, out, err)


def for_programs(url: str) -> str:
    """As libpq reads it, without our driver's name."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "python", "postgresql"])
def way(request: pytest.FixtureRequest) -> str:
    """Of making the copy."""
    return str(request.param)


async def _copy(way: str, url: str, folder: Path) -> None:
    """While the app runs."""
    if way == "postgresql":
        await runs(command("pg_dump"), DATABASE_URL=for_programs(url), COPY=str(folder / "copy"))
    else:
        if way == "sqlite" and shutil.which("sqlite3") is None:
            pytest.skip("there is no sqlite3 program here; Python's own way is tried")
        line = command("sqlite3" if way == "sqlite" else "python3")
        await runs(line, DATABASE=str(sqlite_file(url)), COPY=str(folder / "copy"))


async def _restored(way: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of a database with what is in the copy."""
    if way == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))
        await runs(command("pg_restore"), DATABASE_URL=for_programs(url), COPY=str(folder / "copy"))
        return url
    with contextlib.closing(sqlite3.connect(folder / "copy")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return f"sqlite:///{folder}/copy"


async def test_a_copy_made_while_the_app_works_takes_the_place_of_the_database(
    stage: Stage, way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if way == "postgresql":
        await stage.stop_app()
        await stage.start_app(DATABASE_URL=new_database(request.getfixturevalue("postgres")))
    requester, approver = stage.person("requester"), stage.person("approver")
    first, second = await asks(requester), await asks(stage.person("requester2"))
    cards = {each: await stage.card("awaiting_approval", number=each) for each in (first, second)}
    await approver.clicks(cards[first], "approve")
    await asyncio.gather(_copy(way, stage.environment["DATABASE_URL"], tmp_path), finds(requester))
    # what happens from here on is not in the copy
    await stage.card("complete", number=first)
    await approver.clicks(cards[second], "approve")
    await stage.card("complete", number=second)
    await stage.stop_app()
    await stage.start_app(DATABASE_URL=await _restored(way, request, tmp_path))

    await until(lambda: stage.app.office.is_ours, "the app is at work again")
    await opens(approver)
    view = await shows(approver, "waits for you")
    await presses(approver, view, "approve")

    async def both_complete() -> bool:
        ids = [each["metadata"]["event_payload"]["id"] for each in cards.values()]
        rows = [await stage.store.purchase(each) for each in ids]
        return [each.state for each in rows] == [State.COMPLETE] * 2

    await until(both_complete, "the database knows again what was bought")
    assert sorted(await stage.bought()) == sorted([first, second])
    assert len(await stage.calls_to_twilio("POST", "/IncomingPhoneNumbers.json")) == 2, (
        "each was paid for once"
    )
