"""A number of the account that was not bought here: tested by the rules of those that were, and told to who asked."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.texts import LANGUAGES, Texts
from bot.twilio import messages
from tests.stories.conftest import Clock
from tests.stories.process import AppProcess
from tests.stories.stage import PATIENCE, Control, Person, Stage, finds, options, shown, until
from tests.stories.test_bundle_news import with_callbacks
from tests.stories.test_killed import killable, kills_after
from tests.stories.test_ready import PHONE

__all__ = ["killable"]


async def in_the_account(stage: Stage) -> str:
    """Bought in the Console. Of Canada: what an American one may not text is another matter."""
    approver = stage.person("approver")
    page = await finds(approver, "CA")
    number = options(page, "phone_number")[0]
    await approver.slack.post("close", user=approver.id, view_id=page["id"])
    await stage.twilio.post("owned", phone_number=number, friendly_name="By hand")
    return number


@pytest.fixture
async def number(stage: Stage) -> str:
    return await in_the_account(stage)


async def sends(person: Person, number: str, to: str = PHONE) -> None:
    await person.types(f"test {number}")
    await person.view("test")
    answer = await person.submits(to=to)
    assert not answer.get("errors"), answer
    await person.slack.post("close", user=person.id, view_id=(await person.view("test.sent"))["id"])


async def sent(stage: Stage) -> list[dict[str, Any]]:
    return list((await stage.twilio.get("state"))["messages"])


@pytest.mark.parametrize("person", ["approver", "requester_ja"])
async def test_a_number_that_cannot_text_has_nothing_to_test(
    stage: Stage, tmp_path: Path, person: str
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[approve]\npeople = ["U0REQUESTERJA", "U0APPROVER"]\n')
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(policy))
    stock = stage.twilio_twin.world.market.countries["DE"].sold["local"].stock
    number = next(each.phone_number for each in stock.values() if "sms" not in each.capabilities)
    await stage.twilio.post("owned", phone_number=number, friendly_name="By hand")
    page = await problem(stage.person(person), number)
    said = {
        "approver": "cannot send texts, so there is nothing to test",
        "requester_ja": "メッセージを送信できないため、テストできません",
    }
    assert said[person] in shown(page)
    assert await sent(stage) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_from_the_command_to_a_delivered_message(
    stage: Stage, number: str, tmp_path: Path, language: str
) -> None:
    t, approver = Texts(language), stage.person({"en": "approver", "ja": "requester_ja"}[language])
    policy = tmp_path / "policy.toml"
    policy.write_text('[approve]\npeople = ["U0REQUESTERJA", "U0APPROVER"]\n')
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(policy))
    assert t("{number} is not in the Twilio account.", number="+44 20 7946 0000") in shown(
        await problem(approver, "+442079460000")
    )
    await approver.types(f"test {number}")
    page = await approver.view("test")
    assert t(
        "This number was not bought with Number Desk, so it has no card: you are told directly."
    ) in shown(page)
    await approver.slack.post("close", user=approver.id, view_id=page["id"])
    await sends(approver, number)
    await stage.told(approver, t("A test message was delivered."))
    (message,) = await sent(stage)
    assert (message["from"], message["to"]) == (number, PHONE)
    await approver.types(f"check {number}")
    assert t("A test message was delivered: {at}", at="") in shown(await approver.view("check"))
    row = await stage.store.number_of_nobody(stage.app.settings.twilio_account_sid, number)
    lines = [each for each in await stage.store.record() if each.purchase_id is None]
    assert [each.what for each in lines] == ["test_began", "test_ended"]
    assert lines[0].person_id == approver.id and lines[0].details["phone_number"] == number
    assert PHONE[2:] not in str(row) + str(lines), "whom it went to is kept nowhere"
    assert row.wake_at is None, "nothing is polled for what has ended"


async def problem(person: Person, number: str) -> Any:
    await person.types(f"test {number}")
    view = await person.view("problem")
    await person.slack.post("close", user=person.id, view_id=view["id"])
    return view


async def test_only_approvers_may_and_three_times_an_hour(
    stage: Stage, requester: Person, approver: Person, approver2: Person, number: str, clock: Clock
) -> None:
    assert "Only an approver can do this" in shown(await problem(requester, number))
    for person in (approver, approver2, approver):
        await sends(person, number)
        await settled(stage, number)
    assert "Three test messages" in shown(await problem(approver2, number))
    await clock.forward(3601)
    await sends(approver2, number)
    await settled(stage, number)
    assert len(await sent(stage)) == 4


async def settled(stage: Stage, number: str) -> None:
    async def ended() -> bool:
        row = await stage.store.number_of_nobody(stage.app.settings.twilio_account_sid, number)
        return row is not None and row.wake_at is None and row.proof["status"] == "delivered"

    await until(ended, "it has ended")


async def test_what_twilio_refuses_and_what_the_carrier_does_is_told_in_plain_words(
    stage: Stage, approver: Person, number: str, twilio: Control
) -> None:
    t = Texts("en")
    fault = {"status": 400, "code": 21614}
    await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault=fault)
    await sends(approver, number)
    await stage.told(approver, t(messages.ERRORS[21614]))
    await twilio.post("deliveries", to=PHONE, status="undelivered", error_code=30006, after=0)
    await sends(approver, number)
    await stage.told(approver, t(messages.ERRORS[30006]))
    await approver.types(f"check {number}")
    assert "was delivered" not in shown(await approver.view("check"))


@pytest.mark.parametrize(
    ("fault", "told", "count"),
    [("cut_after", "A test message was delivered", 1), ("cut_before", "Send it again", 0)],
)
async def test_an_answer_that_was_lost_sends_no_second_message(
    stage: Stage,
    approver: Person,
    number: str,
    twilio: Control,
    clock: Clock,
    fault: str,
    told: str,
    count: int,
) -> None:
    await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault=fault)
    await sends(approver, number)
    assert "is being sent right now" in shown(await problem(approver, number)), (
        "it is not known what became of it"
    )
    for _ in range(5):  # asked for, found, followed: each at its time
        await clock.forward(61)
        await asyncio.sleep(1.1)
    await stage.told(approver, told)
    assert len(await sent(stage)) == count


async def test_killed_after_it_was_sent_no_second_one_is(killable: tuple[Stage, AppProcess]) -> None:
    stage, app = killable
    approver = stage.person("approver")
    number = await in_the_account(stage)
    killed = kills_after(stage, app, "POST", "/Messages.json")
    await approver.types(f"test {number}")
    await approver.view("test")
    await approver.submits(to=PHONE)
    await asyncio.wait_for(killed.wait(), PATIENCE)
    await app.ended()
    await app.start()
    database = stage.environment["DATABASE_URL"].removeprefix("sqlite:///")

    with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection, connection:
        due = "UPDATE numbers SET wake_at = '2026-01-01 00:00:00.000000' WHERE wake_at IS NOT NULL"
        connection.execute(due)  # a minute has passed
    await stage.told(approver, "A test message was delivered")
    assert len(await sent(stage)) == 1


@pytest.mark.parametrize("fault", [None, "twice", "late"])
async def test_what_becomes_of_it_is_reported(
    stage: Stage, approver: Person, number: str, twilio: Control, fault: str | None
) -> None:
    await with_callbacks(stage)
    if fault is not None:
        await twilio.post("faults", times=1, fault={"callback": fault})
    await sends(approver, number)
    await stage.told(approver, "A test message was delivered")
    await stage.twilio_twin.callbacks.settled()
    told = [each for each in await approver.direct_messages() if "was delivered" in each]
    assert len(told) == 1 and len(await sent(stage)) == 1
