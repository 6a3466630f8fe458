"""``kill -9`` of the app, and what must be true after it has started again."""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stories.process import AppProcess
from tests.stories.stage import Stage, asks, options, state_of, until
from tests.stories.stage import stage as set_stage


@pytest.fixture
async def killable(tmp_path: Path) -> AsyncIterator[tuple[Stage, AppProcess]]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log")
        await app.start()
        yield stage, app
        assert await app.stop() == 0, "SIGTERM ends it in order"


async def test_killed_after_every_call_to_twilio_it_buys_and_attaches_once(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    requester, approver = stage.person("requester"), stage.person("approver")
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Killed"})
    card = await stage.card("awaiting_approval")
    seen: set[tuple[str, str]] = set()
    killed: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    check = stage.twilio_twin.checker

    def kill_after(exchange: Any) -> list[str]:
        """Twilio has done the work; the app dies before it has the answer."""
        call = (exchange.method, exchange.path)
        of_the_background = call[0] == "GET" and call[1].endswith(
            ("/Services", "/AvailablePhoneNumbers.json")
        )
        if call not in seen and killed.empty() and not of_the_background and "Countries" not in call[1]:
            seen.add(call)
            killed.put_nowait(call)
            app.kill()
        return check(exchange) if check else []

    stage.twilio_twin.checker = kill_after
    await approver.clicks(card, "approve")

    async def complete() -> bool:
        return state_of((await stage.cards())[-1]) == "complete"

    for _ in range(20):
        done = asyncio.create_task(until(complete, "complete"))
        call = asyncio.create_task(killed.get())
        await asyncio.wait({done, call}, return_when=asyncio.FIRST_COMPLETED)
        for task in (done, call):
            task.cancel()
        await asyncio.gather(done, call, return_exceptions=True)
        if await complete():
            break
        await app.ended()
        await app.start()
    assert await complete()
    stage.twilio_twin.checker = check
    kinds = {(method, path.rpartition("/")[2][:20]) for method, path in seen}
    assert ("POST", "IncomingPhoneNumbers") in kinds and ("POST", "Services") in kinds, kinds
    assert len(seen) >= 6, "it was killed after each call of the way"
    assert await stage.bought() == [number]
    assert await stage.senders("Killed") == [number]
    state = await stage.twilio.get("state")
    assert [each["friendly_name"] for each in state["services"]].count("Killed") == 1


async def test_killed_at_random_moments_the_end_is_the_same(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    chance = random.Random(7)
    requester, approver = stage.person("requester"), stage.person("approver")
    numbers = [
        await asks(requester, review={"messaging_service": "new", "messaging_service_name": f"S{n % 3}"})
        for n in range(6)
    ]

    async def waiting() -> list[Any]:
        newest = {each["metadata"]["event_payload"]["id"]: each for each in await stage.cards()}
        return list(newest.values())

    async def all_there() -> bool:
        return len(await waiting()) == len(numbers)

    await until(all_there, "every card is posted")
    for _ in range(5):
        for card in await waiting():
            if state_of(card) == "awaiting_approval":
                with contextlib.suppress(AssertionError):  # the card has changed since it was looked at
                    await approver.clicks(card, "approve")
                await asyncio.sleep(chance.random() * 0.05)
                if chance.random() < 0.4:
                    break
        app.kill()
        await app.ended()
        await app.start()

    database = stage.environment["DATABASE_URL"].removeprefix("sqlite:///")

    async def all_complete() -> bool:
        let_time_pass(database)
        for card in await waiting():
            if state_of(card) == "awaiting_approval":
                with contextlib.suppress(AssertionError):
                    await approver.clicks(card, "approve")
        return all(state_of(each) == "complete" for each in await waiting())

    await until(all_complete, "every purchase is complete")
    assert Counter(await stage.bought()) == Counter(numbers)
    state = await stage.twilio.get("state")
    attached = [sender["phone_number"] for each in state["services"] for sender in each["senders"]]
    assert Counter(attached) == Counter(numbers)
    names = Counter(each["friendly_name"] for each in state["services"])
    assert all(names[f"S{n}"] == 1 for n in range(3)), names


def let_time_pass(database: str) -> None:
    """Whatever is not bought yet is due now, and an intent that was written but not sent so old that Twilio would show its number.

    What is bought is left alone: each look at it may draw its card, and Slack takes so many drawings a minute.
    """
    with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection, connection:
        connection.execute(
            "UPDATE purchases SET buying_at = '2026-01-01 00:00:00' WHERE buying_at IS NOT NULL"
        )
        connection.execute(
            "UPDATE purchases SET wake_at = '2026-01-01 00:00:00' WHERE wake_at IS NOT NULL AND state <> 'complete'"
        )


async def test_killed_on_a_page_the_draft_is_offered_again(killable: tuple[Stage, AppProcess]) -> None:
    stage, app = killable
    requester = stage.person("requester")
    await requester.types("buy-number US")
    await requester.submits(purpose="Before the crash")
    choose = await requester.view("buy_number.choose")
    app.kill()
    await app.ended()
    await app.start()
    answer = await requester.submits(phone_number=options(choose, "phone_number")[0])
    assert answer["ok"], "the open page goes on working after the restart"
    await requester.view("buy_number.review")
