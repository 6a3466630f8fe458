"""``kill -9`` of the app, and what must be true after it has started again."""

import asyncio
import contextlib
import random
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.readiness import ACCOUNT, BALANCE, CAMPAIGN, CHECKS, GEO, TOLL_FREE, WHATSAPP
from tests.stories.process import AppProcess
from tests.stories.stage import PATIENCE, Stage, asks, options, state_of, until
from tests.stories.stage import stage as set_stage


@pytest.fixture
async def killable(tmp_path: Path) -> AsyncIterator[tuple[Stage, AppProcess]]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log")
        await app.start()
        yield stage, app
        assert await app.stop() == 0, "SIGTERM ends it in order"


CALLS = {
    "capability": r"/IncomingPhoneNumbers/PN\w+\.json",
    "member": r"/Services/MG\w+/PhoneNumbers/PN\w+",
    "inbound": r"/Services/MG\w+",
    CAMPAIGN: r"/Services/MG\w+/Compliance/Usa2p",
    TOLL_FREE: r"/Tollfree/Verifications",
    GEO: r"/GeoPermissions",
    ACCOUNT: r"/Accounts/AC\w+\.json",
}
"""What each check asks of Twilio."""
OTHERS = {
    BALANCE: "what was read last, asks nobody",
    "bundle": "as the watch keeps it, asks nobody",
    WHATSAPP: "tests/stories/test_whatsapp.py",
}


def test_each_check_that_asks_is_killed_after_its_call() -> None:
    assert {*CALLS, *OTHERS} == {each.name for each in CHECKS}


@pytest.mark.parametrize(("number_type", "not_asked"), [("local", TOLL_FREE), ("toll-free", CAMPAIGN)])
async def test_killed_after_every_call_to_twilio_it_buys_and_attaches_once(
    killable: tuple[Stage, AppProcess], number_type: str, not_asked: str
) -> None:
    """After each check's call too."""
    stage, app = killable
    requester, approver = stage.person("requester"), stage.person("approver")
    new = {"messaging_service": "new", "messaging_service_name": "Killed"}
    number = await asks(requester, review=new, number_type=number_type, destinations=["US", "FR"])
    card = await stage.card("awaiting_approval")
    seen: set[tuple[str, str]] = set()
    killing = False
    check = stage.twilio_twin.checker

    def kill_after(exchange: Any) -> list[str]:
        """Twilio has done the work; the app dies before it has the answer."""
        nonlocal killing
        call = (exchange.method, exchange.path)
        of_the_background = call[0] == "GET" and call[1].endswith(
            ("/Services", "/AvailablePhoneNumbers.json")
        )
        if call not in seen and not killing and not of_the_background and "Countries" not in call[1]:
            seen.add(call)
            killing = True
            app.kill()
        return check(exchange) if check else []

    async def complete_or_killed() -> bool:
        return killing or state_of((await stage.cards())[-1]) == "complete"

    stage.twilio_twin.checker = kill_after
    await approver.clicks(card, "approve")
    for _ in range(40):
        await until(complete_or_killed, "it is complete, or killed")
        if not killing:
            break
        await until(lambda: not app.is_running, "it is dead")
        killing = False
        await app.launch()  # it may be killed again before Slack has seen it
    stage.twilio_twin.checker = check
    assert not killing
    card = await stage.card("complete")
    kinds = {(method, path.rpartition("/")[2][:20]) for method, path in seen}
    assert ("POST", "IncomingPhoneNumbers") in kinds and ("POST", "Services") in kinds, kinds
    asked = [path for method, path in seen if method == "GET"]
    checked = {name for name, call in CALLS.items() if any(re.search(f"{call}$", each) for each in asked)}
    assert checked == CALLS.keys() - {not_asked}, "it was killed after each check's call"
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


def kills_after(stage: Stage, app: AppProcess, method: str, part: str) -> asyncio.Event:
    """Once, as soon as Twilio has done this and before the app has its answer."""
    killed, check = asyncio.Event(), stage.twilio_twin.checker

    def kill(exchange: Any) -> list[str]:
        if not killed.is_set() and exchange.method == method and part in exchange.path:
            killed.set()
            app.kill()
        return check(exchange) if check else []

    stage.twilio_twin.checker = kill
    return killed


async def complete(stage: Stage, country: str) -> Any:
    """The card of a number that is bought and in a service of its own."""
    requester, approver = stage.person("requester"), stage.person("approver")
    new = {"messaging_service": "new", "messaging_service_name": "Leeds"}
    await asks(requester, country, review=new)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    return await stage.card("complete")


async def test_killed_after_a_test_message_was_sent_no_second_one_is(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    requester = stage.person("requester")
    card = await complete(stage, "CA")
    killed = kills_after(stage, app, "POST", "/Messages.json")
    await requester.clicks(card, "test")
    await requester.view("card.test")
    await requester.submits(to="+14155550123")
    await asyncio.wait_for(killed.wait(), PATIENCE)
    await app.ended()
    await app.start()
    database = stage.environment["DATABASE_URL"].removeprefix("sqlite:///")

    async def ready() -> bool:
        with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection, connection:
            connection.execute(
                "UPDATE purchases SET wake_at = '2026-01-01 00:00:00'"
            )  # what is sent is asked for
        return "is ready: a test message was delivered" in (await stage.cards())[-1]["text"]

    await until(ready, "the message is found at Twilio, and followed")
    assert len((await stage.twilio.get("state"))["messages"]) == 1


@pytest.mark.parametrize(("method", "part"), [("DELETE", "/PhoneNumbers/PN"), ("POST", "/PhoneNumbers")])
async def test_killed_while_a_number_moves_it_ends_in_one_service(
    killable: tuple[Stage, AppProcess], method: str, part: str
) -> None:
    stage, app = killable
    requester = stage.person("requester")
    account = stage.twilio_twin.account
    support = next(sid for sid, each in account.services.items() if each.friendly_name == "Support")
    await stage.twilio.post("a2p", service=support, campaign_status="VERIFIED")
    await app.stop()
    await app.start()  # it knows the services as they are now
    card = await complete(stage, "US")
    killed = kills_after(stage, app, method, part)
    await requester.clicks(card, "move_service")
    await requester.submits(messaging_service=support)
    await asyncio.wait_for(killed.wait(), PATIENCE)
    await app.ended()
    await app.start()
    number = card["text"].split(" is bought")[0]

    async def moved() -> bool:
        return f"{number} is bought and in “Support”" in (await stage.cards())[-1]["text"]

    await until(moved, "it is in the other service")
    assert not await stage.senders("Leeds") and await stage.senders("Support") == await stage.bought()


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
