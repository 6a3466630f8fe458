"""What is missing of a bought number, mended from its card: by those who may, after a page that says what else it changes."""

from typing import Any

import pytest

from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, asks, field_ids, reviews, shown, until
from tests.stories.test_ready import bought, reads, service, texts


async def opens(stage: Stage, person: Person, verb: str) -> Any:
    await person.clicks((await stage.cards())[-1], verb)
    return await person.view(f"card.{verb}")


async def test_texting_a_country_is_enabled_by_an_approver_who_reads_the_risk(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="FR", enabled=False)
    card = await bought(stage, requester, approver, "CA", destinations=["CA", "FR"])
    assert "cannot text yet" in card["text"]
    assert "The account may not text to France" in shown(card)
    answer = await requester.clicks(card, "enable_geo")
    assert "Only an approver can do this. Ask <!subteam^S0APPROVERS>" in str(answer["shown"])
    view = await opens(stage, approver, "enable_geo")
    assert "SMS pumping" in shown(view) and "France" in shown(view)
    await approver.submits()
    await stage.in_thread(card, "has enabled texting to France")
    await reads(stage, "is bought and in")


async def test_the_same_in_japanese(
    stage: Stage, requester_ja: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="FR", enabled=False)
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE="ja")
    card = await bought(stage, requester_ja, approver, "CA", destinations=["FR"])
    assert "フランス" in shown(card) and "送信できません" in shown(card)
    view = await opens(stage, approver, "enable_geo")
    assert "SMS pumping" in shown(view), "in the language of who presses"
    await approver.submits()
    assert "フランス" in await stage.in_thread(card, "有効にしました")


async def test_a_high_risk_country_is_a_matter_of_the_console(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="FR", enabled=False, high_risk=True)
    card = await bought(stage, requester, approver, "CA", destinations=["FR"])
    assert "in the Console only" in shown(card)
    assert "enable_geo" not in field_ids(card)


async def test_what_twilio_does_not_enable_is_told_to_who_pressed(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="FR", enabled=False)
    await bought(stage, requester, approver, "CA", destinations=["FR"])
    await opens(stage, approver, "enable_geo")
    await twilio.post("geo", country="FR", enabled=False, high_risk=True)
    await approver.submits()
    await stage.told(approver, "Twilio did not enable France")


async def test_replies_are_handed_on_after_a_confirmation(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver, "CA")
    assert "Replies are dropped" in shown(card)
    view = await opens(stage, approver, "set_inbound")
    assert "From then on each number in" in shown(view) and "Leeds" in shown(view)
    await approver.submits()
    await stage.in_thread(card, "Replies are handed on")

    async def gone() -> bool:
        return "set_inbound" not in field_ids((await stage.cards())[-1])

    await until(gone, "the button that did it is gone")


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
async def test_an_answer_that_was_lost_leaves_nothing_in_doubt(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, fault: str
) -> None:
    card = await bought(stage, requester, approver, "CA")
    await opens(stage, approver, "set_inbound")
    await twilio.post("faults", method="POST", path="*/Services/*", times=1, fault=fault)
    await approver.submits()
    await stage.told(approver, "Twilio")
    await clock.forward(61)
    if fault == "cut_after":
        await stage.in_thread(card, "Replies are handed on")
    else:
        assert "set_inbound" in field_ids((await stage.cards())[-1]), "to be pressed once more"


async def registered(stage: Stage, name: str) -> str:
    """A service of the account's whose campaign is verified."""
    made = await stage.app.twilio.messaging.v1.services.create_async(friendly_name=name)
    await stage.twilio.post("a2p", service=made.sid, campaign_status="VERIFIED")
    await stage.app.market.fresh_services()
    return str(made.sid)


async def test_a_service_with_a_verified_campaign_is_named_before_the_money(
    stage: Stage, requester: Person
) -> None:
    sid = await registered(stage, "Reminders")
    await reviews(requester)
    view = await requester.view("buy_number.review")
    assert "Cannot text US phones" in shown(view) and "Reminders" in shown(view)
    await requester.picks("messaging_service", sid)
    assert "Cannot text US phones" not in shown(await requester.view("buy_number.review"))


async def test_a_number_moves_into_a_service_with_a_verified_campaign(
    stage: Stage, requester: Person, approver: Person
) -> None:
    sid = await registered(stage, "Reminders")
    card = await bought(stage, requester, approver)
    old = await service(stage)
    await opens(stage, requester, "move_service")
    await requester.submits(messaging_service=sid)
    await stage.in_thread(card, "is moving the number into “Reminders”")
    card = await reads(stage, "is bought and in “Reminders”")
    assert "move_service" not in field_ids(card)
    services = {each["sid"]: each for each in (await stage.twilio.get("state"))["services"]}
    assert services[sid]["senders"] and not services[old]["senders"]
    await texts(stage, requester, card)
    await reads(stage, "is ready: a test message was delivered")
    assert await asks(requester), "the next one can be asked for"
