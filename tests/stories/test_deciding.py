"""Approve, deny, withdraw: who may, who was first, and what the others are told."""

import asyncio

import pytest

from bot.errors import BotError
from bot.purchases import operations as decisions
from tests.stories.stage import Person, Stage, asks, field_ids, shown


async def test_a_denial_asks_for_its_reason_and_tells_the_requester(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "deny")
    await approver.view("card.deny")
    await approver.submits(reason="We have three of these")
    card = await stage.card("denied")
    assert "We have three of these" in shown(card)
    assert field_ids(card) == set()
    await stage.told(requester, "We have three of these")
    assert await stage.bought() == []


async def test_a_denied_number_can_be_asked_for_again(
    stage: Stage, requester: Person, requester2: Person, approver: Person
) -> None:
    number = await asks(requester)
    await approver.clicks(await stage.card(), "deny")
    await approver.view("card.deny")
    await approver.submits(reason="Not you")
    await stage.card("denied")
    assert await asks(requester2, number=number) == number


async def test_a_blank_reason_gets_its_sentence_under_the_field(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    await approver.clicks(await stage.card(), "deny")
    await approver.view("card.deny")
    answer = await approver.submits(reason="   ")
    assert "Say why" in answer["errors_by_action"]["reason"]


async def test_the_requester_withdraws_until_the_number_is_being_bought(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    answer = await requester.clicks(card, "withdraw")
    assert answer["ok"]
    card = await stage.card("withdrawn")
    answer = await approver.slack.post(
        "command", user=approver.id, channel="C0NUMBERS", command="/twilio", text="status"
    )
    assert answer["ok"]
    assert field_ids(card) == set()
    assert await stage.bought() == []


async def test_nobody_withdraws_what_is_bought(stage: Stage, requester: Person, approver: Person) -> None:
    await asks(requester)
    old = await stage.card("awaiting_approval")
    purchase_id = old["metadata"]["event_payload"]["id"]
    await approver.clicks(old, "approve")
    await stage.card("complete")
    with pytest.raises(BotError, match="not possible any more"):
        await decisions.withdraw(purchase_id, requester.id, stage.app)


async def test_of_two_approvers_at_once_one_wins_and_the_other_is_told(
    stage: Stage, requester: Person, approver: Person, approver2: Person
) -> None:
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    answers = await asyncio.gather(approver.clicks(card, "approve"), approver2.clicks(card, "approve"))
    told = [each["shown"] for each in answers if each["shown"]]
    assert len(told) == 1 and all(each["ok"] for each in answers)
    assert "has approved this already" in told[0][0]["text"]
    await stage.card("complete")
    assert await stage.bought() == [number]
    record = [each.what for each in await stage.store.record_of(card["metadata"]["event_payload"]["id"])]
    assert record.count("approved") == 1


async def test_approve_and_deny_at_once_end_in_one_decision(
    stage: Stage, requester: Person, approver: Person, approver2: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "deny")
    await approver.view("card.deny")
    await approver2.clicks(card, "approve")
    answer = await approver.submits(reason="No")
    assert answer["response_action"] == "push"
    assert "has approved this already" in shown(answer["view"])
    await stage.card("complete")


async def test_somebody_who_may_not_approve_is_told_so(
    stage: Stage, requester: Person, requester2: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    for button in ("approve", "deny"):
        answer = await requester2.clicks(card, button)
        assert "not on the list of people who may approve" in answer["shown"][0]["text"]
    assert await stage.bought() == []


async def test_nobody_approves_their_own_request(stage: Stage, approver: Person) -> None:
    await asks(approver)
    card = await stage.card("awaiting_approval")
    answer = await approver.clicks(card, "approve")
    # that the request was sent may be shown in the same moment
    assert any("your own request" in each["text"] for each in answer["shown"])
    await stage.card("awaiting_approval")


async def test_an_outsider_may_not_ask(outsider: Person, stage: Stage) -> None:
    answer = await outsider.types("buy-number US")
    assert "may ask for a number" in answer["shown"][0]["text"] and answer["view"] is None


async def test_help_shows_what_somebody_may_do_and_who_may_not_learns_whom_to_ask(
    requester: Person, approver: Person, outsider: Person
) -> None:
    text = (await requester.types("help"))["shown"][0]["text"]
    assert "buy-number" in text and "You may approve" not in text
    assert "You may approve" in (await approver.types("help"))["shown"][0]["text"]
    text = (await outsider.types("help"))["shown"][0]["text"]
    assert "status" in text and not {"buy-number", "new-bundle"} & set(text.replace("`", " ").split())
    assert "<@U0OPERATOR>" in (await outsider.types("buy-number US"))["shown"][0]["text"]


async def test_a_second_approver_is_needed_where_the_policy_says_two(
    stage: Stage, requester: Person, approver: Person, approver2: Person
) -> None:
    stage.app.policy.approve.approvals = 2
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    again = await approver.clicks(card, "approve")
    assert "You have approved this already" in again["shown"][0]["text"]
    await stage.in_thread(card, "2 approvals are needed")
    await approver2.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]
