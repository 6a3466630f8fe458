"""Two processes on one PostgreSQL: one is the worker, the other answers Slack and takes over when it dies or freezes. Rule 10."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.store import Store
from tests.ports import free_port
from tests.postgres import new_database
from tests.stories.balancer import balancer
from tests.stories.process import AppProcess
from tests.stories.stage import Stage, asks, state_of, until
from tests.stories.stage import stage as set_stage

TAKEN_OVER = 10.0
"""Seconds within which the other process is the worker."""


@pytest.fixture
async def two(tmp_path: Path, postgres: str) -> AsyncIterator[tuple[Stage, list[AppProcess], Store]]:
    """Both started at once, on an empty database."""
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        stage.environment |= {"DATABASE_URL": new_database(postgres), "TEST_CLOCK": "true"}
        apps = [AppProcess(stage.environment, stage.slack, tmp_path / f"app{n}.log") for n in (1, 2)]
        await asyncio.gather(*(each.start() for each in apps))
        store = Store(stage.environment["DATABASE_URL"])
        yield stage, apps, store
        await store.close()
        for each in apps:
            await each.stop()


async def office(store: Store) -> tuple[int, int]:
    """The epoch, and the process that holds it."""
    async with store.engine.connect() as connection:
        row = (await connection.exec_driver_sql("SELECT epoch, holder FROM office")).one()
    return int(row[0]), int(str(row[1]).split()[-1])


async def worker(apps: list[AppProcess], store: Store) -> AppProcess:
    _, pid = await office(store)
    return next(each for each in apps if each.pid == pid)


async def taken_over(store: Store, epoch: int) -> float:
    began = time.monotonic()

    async def by_another() -> bool:
        return (await office(store))[0] > epoch

    await until(by_another, "another process is the worker")
    return time.monotonic() - began


async def approve_all(stage: Stage) -> bool:
    """Presses Approve on whatever waits for it; whether every purchase is complete."""
    cards = {each["metadata"]["event_payload"]["id"]: each for each in await stage.cards()}
    for card in cards.values():
        if state_of(card) == "awaiting_approval":
            with contextlib.suppress(AssertionError):
                await stage.person("approver").clicks(card, "approve")
    return bool(cards) and all(state_of(each) == "complete" for each in cards.values())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_the_worker_dies_or_freezes_the_other_takes_over_and_nothing_is_bought_twice(
    how: signal.Signals, two: tuple[Stage, list[AppProcess], Store]
) -> None:
    stage, apps, store = two
    requester = stage.person("requester")
    numbers = [
        await asks(requester, review={"messaging_service": "new", "messaging_service_name": f"S{n % 2}"})
        for n in range(4)
    ]

    async def all_posted() -> bool:
        return len(await stage.cards()) >= len(numbers)

    await until(all_posted, "every card is posted")
    check = stage.twilio_twin.checker
    struck: list[Any] = []
    victim = await worker(apps, store)
    epoch, _ = await office(store)

    def strike(exchange: Any) -> list[str]:
        """Twilio has sold a number; the worker never hears of it."""
        if not struck and exchange.method == "POST" and exchange.path.endswith("/IncomingPhoneNumbers.json"):
            struck.append(exchange)
            victim.signal(how)
        return check(exchange) if check else []

    stage.twilio_twin.checker = strike
    await approve_all(stage)
    await until(lambda: struck, "a number was bought")
    assert await taken_over(store, epoch) < TAKEN_OVER
    if how == signal.SIGSTOP:
        await asyncio.sleep(1)
        victim.signal(signal.SIGCONT)

    # who dies between intents and their calls leaves those to be looked for, the last time after 130 s (rule 2)
    await stage.twilio.post("clock", forward=140)

    async def done() -> bool:
        return await approve_all(stage)

    await until(done, "every purchase is complete")
    assert Counter(await stage.bought()) == Counter(numbers), "each once"
    state = await stage.twilio.get("state")
    attached = [sender["phone_number"] for each in state["services"] for sender in each["senders"]]
    assert Counter(attached) == Counter(numbers)
    assert Counter(each["friendly_name"] for each in state["services"])["S0"] == 1


@pytest.mark.parametrize("slow", [0.0, 9.0], ids=["Twilio answers", "Twilio takes its time"])
async def test_a_worker_that_is_told_to_stop_hands_over_what_it_has_begun(
    slow: float, two: tuple[Stage, list[AppProcess], Store]
) -> None:
    """As at each deploy: hosts kill after ten seconds."""
    stage, apps, store = two
    numbers = [await asks(stage.person(each)) for each in ("requester", "requester2")]
    await stage.card("awaiting_approval", numbers[1])
    if slow:
        fault = {"method": "POST", "path": "*/IncomingPhoneNumbers.json", "times": 1}
        await stage.twilio.post("faults", **fault, fault={"delay": slow})
    leaving = await worker(apps, store)
    epoch, _ = await office(store)
    await approve_all(stage)

    async def buying() -> bool:
        async with store.engine.connect() as connection:
            begun = "SELECT count(*) FROM purchases WHERE buying_at IS NOT NULL"
            return bool((await connection.exec_driver_sql(begun)).scalar())

    await until(buying, "the worker is buying")
    told = time.monotonic()
    leaving.signal(signal.SIGTERM)
    assert await leaving.stop() == 0
    await taken_over(store, epoch)
    assert time.monotonic() - told < TAKEN_OVER

    async def done() -> bool:
        return await approve_all(stage)

    await until(done, "every purchase is complete")
    assert Counter(await stage.bought()) == Counter(numbers), "each once"


async def test_of_two_replicas_behind_one_address_one_is_killed_and_nobody_notices_but_the_log(
    tmp_path: Path, postgres: str
) -> None:
    """Over HTTP, as hosts run them. The worker is killed between the approval and the end of the purchase, while it
    answers nobody: a press that it has not acknowledged Slack would not send again."""
    ports = [free_port(), free_port()]
    logs = [tmp_path / f"replica{n}.log" for n in range(2)]
    async with (
        set_stage(tmp_path) as stage,
        balancer(*ports) as address,
        contextlib.AsyncExitStack() as stack,
    ):
        await stage.stop_app()
        stage.environment.pop("SLACK_APP_TOKEN")
        stage.environment |= {
            "DATABASE_URL": new_database(postgres),
            "PUBLIC_URL": address.url,
            "SLACK_SIGNING_SECRET": "shared",
        }
        replicas = [
            AppProcess(stage.environment | {"PORT": str(port)}, stage.slack, log, "INFO")
            for port, log in zip(ports, logs, strict=True)
        ]
        for each in replicas:
            await each.launch()
            stack.push_async_callback(each.stop)
        await asyncio.gather(*(listening(each) for each in ports))
        await stage.slack.post("http", request_url=f"{address.url}/slack/events", signing_secret="shared")
        store = Store(stage.environment["DATABASE_URL"])
        stack.push_async_callback(store.close)
        requester, approver = stage.person("requester"), stage.person("approver")

        first = await asks(requester)
        assert set(address.answered) == set(ports), "both answer Slack"
        dies = await worker(replicas, store)
        epoch, _ = await office(store)
        slowly = {"method": "GET", "path": "*/AvailablePhoneNumbers/*", "times": 1}
        await stage.twilio.post("faults", **slowly, fault={"delay": 3})
        await approver.clicks(await stage.card("awaiting_approval"), "approve")
        dies.kill()
        assert await dies.stop() == -signal.SIGKILL
        second = await asks(requester)  # each page is a press that somebody has to answer
        assert "error" not in await requester.types("status")
        await approver.clicks(await stage.card("awaiting_approval", second), "approve")
        assert await taken_over(store, epoch) < TAKEN_OVER
        for number in (first, second):
            await stage.card("complete", number)
        assert Counter(await stage.bought()) == Counter((first, second)), "each once"
        assert await stage.messages("C0OPERATORS") == []
        stays = next(log for each, log in zip(replicas, logs, strict=True) if each is not dies)
        assert "this process is the worker" in stays.read_text()


async def listening(port: int) -> None:
    async def ready() -> bool:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status == 200
        return False

    await until(ready, f"the replica on port {port} is ready")
