"""``kill -9`` while a bundle is made, sent and announced; and that nothing personal was kept anywhere by a real process."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stories import filling, privacy
from tests.stories.filling import Filler
from tests.stories.process import AppProcess
from tests.stories.stage import Person, Stage, asks, field_ids, state_of, until
from tests.stories.stage import stage as set_stage
from tests.stories.test_bundle_news import statuses
from tests.stories.test_killed import let_time_pass


@pytest.fixture
async def killable(tmp_path: Path) -> AsyncIterator[tuple[Stage, AppProcess]]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        environment = {**stage.environment, "TMPDIR": str(temporary)}
        app = AppProcess(environment, stage.slack, tmp_path / "app.log", level="DEBUG")
        await app.start()
        yield stage, app
        assert await app.stop() == 0, "SIGTERM ends it in order"


async def closes_everything(person: Person) -> None:
    for view in reversed(await person.slack.get("views", user=person.id)):
        await person.slack.post("close", user=person.id, view_id=view["id"])


async def goes_on(stage: Stage, person: Person) -> None:
    """What a person does who finds the modal dead: begins, or takes up what is there, up to the reviewers."""
    await closes_everything(person)
    await person.types("bundles")
    view = await person.view("bundles.list")
    if "continue" in field_ids(view):
        await person.presses("continue")
        view = await person.view()
        while view["callback_id"] == "problem":
            await person.presses("look_again")
            view = await Filler(stage, person).after(view)
    elif any(each["iso_country"] == "DE" for each in await filling.bundles(stage)):
        return  # it is with the reviewers
    else:
        await closes_everything(person)
        await filling.begins(person, "DE", "local", "business")
    filler = Filler(stage, person, {"city": "Berlin"})
    await filler.fills_up_to()
    await filler.submits()


def kind_of(method: str, path: str) -> tuple[str, str]:
    return method, re.sub(r"/[A-Z]{2}[0-9a-f]{32}", "/SID", path)


async def test_killed_after_every_call_to_twilio_one_bundle_is_made_and_sent(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    person = stage.person("compliance")
    seen: set[tuple[str, str]] = set()
    killed = asyncio.Event()
    check = stage.twilio_twin.checker

    def kill_after(exchange: Any) -> list[str]:
        """Twilio has done the work; the app dies before it has the answer."""
        call = kind_of(exchange.method, exchange.path)
        of_a_bundle = "RegulatoryCompliance" in call[1] or call[0] == "POST"
        if of_a_bundle and call not in seen and not killed.is_set():
            seen.add(call)
            killed.set()
            app.kill()
        return check(exchange) if check else []

    stage.twilio_twin.checker = kill_after
    for _ in range(40):
        way = asyncio.create_task(goes_on(stage, person))
        death = asyncio.create_task(killed.wait())
        await asyncio.wait({way, death}, return_when=asyncio.FIRST_COMPLETED)
        way.cancel()
        death.cancel()
        outcome = (await asyncio.gather(way, death, return_exceptions=True))[0]
        if not killed.is_set():
            assert outcome is None, outcome
            break
        await app.ended()
        killed.clear()
        await app.start()
    stage.twilio_twin.checker = check
    made = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert [each["status"] for each in made] == ["pending-review"], "made once, and sent"
    kinds = [each["type"] for each in made[0]["items"] if each["kind"] == "document"]
    assert len(kinds) == 3 and len([each for each in made[0]["items"] if each["kind"] == "end_user"]) == 1
    assert len(seen) >= 10, seen

    async def told() -> bool:
        return statuses(await stage.messages("C0BUNDLES"), made[0]["sid"]) == ["pending-review"]

    await until(told, "it is announced, once")


async def test_killed_while_it_announces_nothing_is_lost_and_nothing_said_again_and_again(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    chance = random.Random(11)
    requester, approver, compliance = map(stage.person, ("requester", "approver", "compliance"))
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    end_user = {"end_user_type": "business", "bundle": sid}
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "not approved yet")
    await stage.twilio.post(f"bundles/{sid}/review", verdict="approve")
    for _ in range(6):
        app.kill()
        await app.ended()
        await app.start()  # it polls as soon as it runs
        await asyncio.sleep(chance.random() * 0.3)
    await app.stop()
    await app.start()

    async def complete() -> bool:
        let_time_pass(stage.environment["DATABASE_URL"].removeprefix("sqlite:///"))
        return state_of((await stage.cards())[-1]) == "complete"

    await until(complete, "the purchase is complete")
    assert await stage.bought() == [number]
    await stage.in_thread(card, "Twilio has approved the bundle")
    news = statuses(await stage.messages("C0BUNDLES"), sid)
    assert news.count("twilio-approved") in range(1, 3), (
        "told once; twice only if a kill cut off that very call"
    )
    thread = [line for line in await stage.thread(card) if "has approved the bundle" in line]
    assert len(thread) in range(1, 3)


async def test_nothing_personal_is_in_the_database_the_log_or_the_files_of_a_process(
    killable: tuple[Stage, AppProcess], tmp_path: Path
) -> None:
    stage, app = killable
    compliance = stage.person("compliance")
    sid = await filling.makes(stage, compliance, "DE", "local", "business")
    documents = [each for each in (await filling.bundle(stage, sid))["items"] if each["kind"] == "document"]
    reason = "Frau Quittenbaum does not stand in the register."
    await stage.twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={documents[0]["sid"]: reason})
    await app.stop()
    await app.start()
    await filling.news(stage, "has rejected")
    await app.stop()
    kept = privacy.everything_in(tmp_path)
    with_the_bundle = {name for name, content in kept.items() if sid.encode() in content}
    assert with_the_bundle & {"numberdesk.db", "numberdesk.db-wal"} and "app.log" in kept
    typed = privacy.typed(stage.slack_twin.calls)
    assert {filling.TYPED["business_name"], filling.EMAIL, filling.TYPED["street"]} <= typed
    assert privacy.leaks(kept, stage.slack_twin.calls, stage.slack_twin.workspace.contents) == []
    assert [name for name, content in kept.items() if b"Quittenbaum" in content] == []
    await app.start()


def test_the_search_for_personal_values_finds_them() -> None:
    calls = [
        {
            "callback_id": "new_bundle.end_user",
            "values": {
                "a": {"name": {"type": "plain_text_input", "value": "Jörg Äsch"}},
                "b": {"born": {"type": "datepicker", "selected_date": "1978-11-30"}},
                "c": {"kind": {"type": "static_select", "selected_option": {"value": "YES"}}},
            },
        }
    ]
    files = {"F1": filling.PDF}
    assert privacy.leaks({"db": "xx Jörg Äsch".encode()}, calls, files)
    assert privacy.leaks({"db": b'{"name": "J\\u00f6rg \\u00c4sch"}'}, calls, files)
    assert privacy.leaks({"log": b"born 1978-11-30"}, calls, files)
    assert privacy.leaks({"tmp": filling.PDF[:700]}, calls, files)
    assert privacy.leaks({"db": b"YES"}, calls, files) == []
