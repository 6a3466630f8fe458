"""Accounts as people have them, and a Twilio that is slow, shut or behind a proxy: what waits goes on, and is said once."""

from typing import Any

import pytest

from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, asks, shown, until

BUY = "*/IncomingPhoneNumbers.json"
NEW_SERVICE = {"messaging_service": "new", "messaging_service_name": "Team"}


@pytest.mark.parametrize(
    "odd",
    [
        {"subaccount": True},
        {"key": "restricted"},
        {"balance": None},
        {"balance": "-312.40"},
        {"balance": "0.10", "currency": "JPY"},
    ],
)
async def test_a_balance_that_cannot_be_compared_stops_nothing(
    stage: Stage, requester: Person, approver: Person, twilio: Control, odd: dict[str, Any]
) -> None:
    number = await asks(requester)
    await twilio.post("account", **odd)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_reads_that_lag_behind_cost_waits_and_no_repeats(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    """Seen: one 404 after the purchase ended in "Stopped", and at readiness some 350 attach calls were made."""
    number = await asks(requester, review=NEW_SERVICE)
    card = await stage.card("awaiting_approval")
    await twilio.post("lag", seconds=3)
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    assert await stage.bought() == [number] and await stage.senders("Team") == [number]
    assert len(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")) == 1
    attaches = await stage.calls_to_twilio("POST", "PhoneNumbers")
    attaches = [each for each in attaches if "/Services/MG" in each["path"]]
    assert 1 <= len(attaches) <= 5
    lines = [each for each in await stage.thread(card) if "is in the messaging service" in each]
    assert len(lines) == 1


async def test_a_service_that_was_made_just_now_is_not_gone_for_the_next_request(
    stage: Stage, requester: Person, requester2: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """Twilio's list does not show it yet (rule 32)."""
    await asks(requester, review=NEW_SERVICE)
    await twilio.post("lag", seconds=100)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")

    async def made() -> Any:
        services = (await twilio.get("state"))["services"]
        return next((each["sid"] for each in services if each["friendly_name"] == "Team"), None)

    sid = await until(made, "the service is made")
    await twilio.post("lag", seconds=0)
    second = await asks(requester2, review={"messaging_service": sid})
    await approver.clicks(await stage.card("awaiting_approval", second), "approve")

    await stage.in_thread(await stage.card("in_progress", second), "bought")
    await clock.forward(101)
    await stage.card("complete", second)
    assert second in await stage.senders("Team")


@pytest.mark.parametrize(("lag", "step"), [(4, 1), (45, 3)])
async def test_a_lost_answer_and_a_lag_make_no_second_service(
    stage: Stage,
    requester: Person,
    approver: Person,
    twilio: Control,
    clock: Clock,
    lag: int,
    step: int,
) -> None:
    """Seen: it was made again after 20 s, and Twilio may show it up to two minutes late (rule 32)."""
    number = await asks(requester, review=NEW_SERVICE)
    card = await stage.card("awaiting_approval")
    await twilio.post("lag", seconds=lag)
    await twilio.post("faults", method="POST", path="*/v1/Services", times=1, fault="cut_after")
    await approver.clicks(card, "approve")

    async def attached() -> bool:
        await clock.forward(step)
        return await stage.senders("Team") == [number]

    await until(attached, "the number is in its service")
    services = (await twilio.get("state"))["services"]
    assert [each["friendly_name"] for each in services].count("Team") == 1


async def test_a_wrong_secret_is_told_once_and_everything_goes_on_when_it_is_mended(
    stage: Stage, requester: Person, requester2: Person, approver: Person, twilio: Control
) -> None:
    numbers = [await asks(requester), await asks(requester2)]

    async def both() -> list[Any]:
        cards = await stage.cards()
        return cards if len(cards) == 2 else []

    cards = await until(both, "both cards are posted")
    await twilio.post("credentials", refuse=True)
    for card in cards:
        await approver.clicks(card, "approve")
    for person in (requester, requester2):
        await stage.told(person, "does not accept the app's credentials")

    async def alarms() -> list[str]:
        return [each["text"] for each in await stage.messages("C0OPERATORS")]

    (alarm,) = await until(alarms, "the operators are told")
    assert "TWILIO_API_SECRET" in alarm
    await twilio.post("credentials", refuse=False)
    await stage.app.access.look()

    async def bought() -> bool:
        return set(await stage.bought()) == set(numbers)

    await until(bought, "both numbers are bought without a restart")

    async def told() -> bool:
        return any("lets the app in again" in each for each in await alarms())

    await until(told, "the operators hear that it is mended")
    assert len([each for each in await alarms() if "TWILIO_API_SECRET" in each]) == 1, "told once"


@pytest.mark.parametrize("fault", [{"status": 403, "plain": True}, {"status": 408, "plain": True}, "broken"])
async def test_an_answer_without_a_code_is_a_doubt_and_no_refusal(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, fault: Any
) -> None:
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    await twilio.post("faults", method="POST", path=BUY, times=1, fault=fault)
    await approver.clicks(card, "approve")

    async def bought() -> bool:
        await clock.forward(20)
        return await stage.bought() == [number]

    await until(bought, "it is bought once it is sure that it was not")
    await stage.card("complete")
    posts = await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")
    assert len(posts) == (1 if fault == "broken" else 2)


async def test_a_doubt_of_one_purchase_blocks_no_other(
    stage: Stage, requester: Person, requester2: Person, approver: Person, twilio: Control
) -> None:
    """Also not by the money that it may have cost: what waits for a person is not subtracted (rule 30)."""
    first = await asks(requester)
    await twilio.post("account", balance="1.50")
    await twilio.post("faults", method="POST", path=BUY, times=1, fault={"status": 408, "plain": True})
    await approver.clicks(await stage.card("awaiting_approval"), "approve")

    async def posted() -> bool:
        return bool(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers"))

    await until(posted, "the call was made")
    await twilio.post("owned", phone_number=first, friendly_name="By hand")
    await twilio.post("account", balance="1.50")
    failed = await stage.card("failed", first)
    assert "cannot tell who bought it" in shown(failed)
    second = await asks(requester2)
    await approver.clicks(await stage.card("awaiting_approval", second), "approve")
    await stage.card("complete", second)
    assert set(await stage.bought()) == {first, second}
