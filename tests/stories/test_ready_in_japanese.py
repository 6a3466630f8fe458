"""What is checked, mended and proven of a number, as a Japanese team reads it: forms by the person, card and thread by the channel."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.purchases.owned import OwnedNumbers
from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, asks, reviews, shown, until
from tests.stories.test_mending import opens, registered
from tests.stories.test_ready import NEW, PHONE, bought, reads, texts


@pytest.fixture
async def japanese(stage: Stage) -> AsyncIterator[Person]:
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE="ja")
    yield stage.person("requester_ja")


async def test_a_toll_free_verification(
    stage: Stage, japanese: Person, approver: Person, twilio: Control
) -> None:
    await asks(japanese, review=NEW, number_type="toll-free")
    card = await stage.card("awaiting_approval")
    assert "トールフリー番号を" in shown(card)
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    (number,) = await stage.bought()
    await twilio.post("tollfree", phone_number=number, status="TWILIO_REJECTED")
    await japanese.clicks(card, "check")
    await stage.in_thread(card, "却下")


async def test_what_is_mended_from_the_card(
    stage: Stage, japanese: Person, approver: Person, twilio: Control
) -> None:
    card = await bought(stage, japanese, approver, "CA")
    assert "返信" in shown(card)
    answer = await japanese.clicks(card, "set_inbound")
    assert "承認者だけ" in str(answer["shown"])
    await opens(stage, approver, "set_inbound")
    await approver.submits()
    await stage.in_thread(card, "返信を処理するようにしました")


async def test_a_service_with_a_verified_campaign(stage: Stage, japanese: Person, approver: Person) -> None:
    sid = await registered(stage, "Reminders")
    await reviews(japanese)
    assert "認証済みのA2P 10DLCキャンペーンがあります" in shown(await japanese.view("buy_number.review"))
    await japanese.slack.post("close", user=japanese.id, view_id=(await japanese.view())["id"])
    card = await bought(stage, japanese, approver)
    view = await opens(stage, japanese, "move_service")
    assert "番号の移動" in str(view["title"])
    await japanese.submits(messaging_service=sid)
    await stage.in_thread(card, "へ番号を移しています")
    await reads(stage, "「Reminders」")


@pytest.mark.parametrize(("code", "words"), [(30034, "A2P 10DLC"), (30006, "固定電話"), (21610, "STOP")])
async def test_why_a_test_message_did_not_arrive(
    stage: Stage, japanese: Person, approver: Person, twilio: Control, code: int, words: str
) -> None:
    card = await bought(stage, japanese, approver, "CA")
    await twilio.post("deliveries", to=PHONE, status="undelivered", error_code=code, after=0)
    await texts(stage, japanese, card)
    assert words in await stage.in_thread(card, "配信されませんでした")


async def test_by_command(stage: Stage, japanese: Person, approver: Person) -> None:
    await bought(stage, japanese, approver)
    (number,) = await stage.bought()
    for command, callback_id, words in (
        (f"check {number}", "check", "A2P 10DLC"),
        (f"test {number}", "card.test", "送信先"),
        ("account", "account", "残高"),
        ("atlas US", "atlas", "アメリカ合衆国"),
    ):
        await japanese.types(command)
        view = await japanese.view(callback_id)
        assert words in shown(view), command
        await japanese.slack.post("close", user=japanese.id, view_id=view["id"])
    answer = await japanese.types("check")
    assert "国番号" in answer["shown"][0]["text"]


async def test_a_trial_account(
    stage: Stage, japanese: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    await twilio.post("account", type="Trial")
    await stage.stop_app()
    await stage.start_app(TWILIO_API_KEY="", TWILIO_API_SECRET="")
    await bought(stage, japanese, approver)
    assert "トライアルアカウント" in shown((await stage.cards())[-1])
    await clock.forward(301)
    await stage.app.market.refresh()
    await reviews(japanese)
    await japanese.submits(agree=["yes"], messaging_service="none")
    assert "すでに1つあります" in shown(await japanese.view("problem"))


async def test_a_balance_below_the_next_month(
    stage: Stage, japanese: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    await bought(stage, japanese, approver)
    await twilio.post("account", balance="0.50")
    await clock.forward(301)
    await stage.app.market.refresh()
    await OwnedNumbers(stage.app).sweep()

    async def told() -> Any:
        return [each for each in await stage.messages("C0OPERATORS") if "来月分" in each["text"]]

    await until(told, "the operators are told")
