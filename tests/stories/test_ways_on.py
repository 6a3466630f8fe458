"""Whatever stops, somebody can do something about it that works now, or end it."""

from typing import Any

import pytest

from storage.history import Happened
from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    buttons,
    field_ids,
    options,
    sends,
    shown,
    state_of,
    until,
)

BUY = "*/IncomingPhoneNumbers.json"
ATTACH = "*/v1/Services/MG*/PhoneNumbers"


async def refused(twilio: Control, path: str, code: int, status: int = 400) -> None:
    await twilio.post("faults", method="POST", path=path, times=1, fault={"status": status, "code": code})


async def asked_again(stage: Stage) -> Any:
    async def second() -> Any:
        card = (await stage.cards())[-1]
        payload = card["metadata"]["event_payload"]
        return card if (payload["state"], payload["quote"]) == ("awaiting_approval", 2) else None

    return await until(second, "a second quote is asked for")


async def test_a_number_that_needs_a_bundle_after_all_gets_one_by_a_new_quote(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    """21649 on a number that was free of regulation when it was asked for."""
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    purchase_id = (await stage.card("awaiting_approval"))["metadata"]["event_payload"]["id"]
    row = await stage.store.purchase(purchase_id)
    free = {"regulated": False, "end_user_type": None}
    await stage.store.revise(row, Happened("test"), free)  # as it was when it was asked for
    await refused(twilio, BUY, 21649)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    assert {"add_bundle", "end"} <= field_ids(card) and "retry" not in field_ids(card)
    await requester.clicks(card, "add_bundle")
    page = await requester.view("card.bundle")
    approved = (await twilio.get("state"))["bundles"][0]["sid"]
    assert approved in options(page, "bundle") and "new:business" in options(page, "bundle")
    await requester.submits(bundle=approved)
    await approver.clicks(await asked_again(stage), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_number_that_needs_an_address_after_all_gets_one_by_a_new_quote(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    """21631, seen with nowhere to choose an address."""
    number = await asks(requester)
    await stage.app.twilio.addresses.create_async(
        customer_name="Example Ltd",
        street="1 Main St",
        city="San Francisco",
        region="CA",
        postal_code="94103",
        iso_country="US",
    )
    await refused(twilio, BUY, 21631)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    assert {"choose_address", "end"} <= field_ids(card)
    await requester.clicks(card, "choose_address")
    page = await requester.view("card.address")
    chosen = options(page, "address")[0]
    await requester.submits(address=chosen)
    await approver.clicks(await asked_again(stage), "approve")
    await stage.card("complete")
    (owned,) = (await twilio.get("state"))["owned_numbers"]
    assert await stage.bought() == [number] and owned["address_sid"] == chosen


async def test_a_number_that_no_service_takes_is_finished_without_one(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await refused(twilio, ATTACH, 21715)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("failed")
    assert {"choose_service", "end"} <= field_ids(card)
    await requester.clicks(card, "choose_service")
    await requester.view("card.service")
    await requester.submits(messaging_service="none")
    card = await stage.card("complete")
    assert await stage.bought() == [number] and await stage.senders("Support") == []
    await stage.in_thread(card, "has chosen no messaging service")


async def test_a_number_of_unclear_owner_is_taken_over_by_an_approver(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault={"status": 408, "plain": True})
    await approver.clicks(await stage.card("awaiting_approval"), "approve")

    async def posted() -> bool:
        return bool(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers"))

    await until(posted, "the call was made")
    await twilio.post("owned", phone_number=number, friendly_name="By hand")
    card = await stage.card("failed")
    assert {"retry", "take_over", "end"} <= field_ids(card)
    answer = await requester.clicks(card, "take_over")
    assert await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    assert answer["ok"]
    await approver.clicks(card, "take_over")
    await stage.card("complete")
    assert len((await twilio.get("state"))["owned_numbers"]) == 1


@pytest.mark.parametrize("bought", [False, True])
async def test_what_has_stopped_can_be_ended_and_says_what_it_goes_on_costing(
    stage: Stage, requester: Person, approver: Person, twilio: Control, bought: bool
) -> None:
    number = await asks(requester)
    await refused(twilio, ATTACH if bought else BUY, 21714 if bought else 22300)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("failed" if bought else "needs_changes")
    await requester.clicks(card, "end")
    card = await stage.card("ended")
    words = "goes on costing $1.15 a month" if bought else "Nothing was bought"
    await stage.in_thread(card, words)
    assert field_ids(card) == set(), "nothing is left to press"
    account = stage.app.settings.twilio_account_sid
    assert await stage.store.held_numbers(account, [number]) == ({number} if bought else set())


async def test_a_service_that_was_renamed_in_the_console_is_not_used_under_its_old_name(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    """Seen: a request for "Team" put its number into somebody's "Marketing"."""
    review = {"messaging_service": "new", "messaging_service_name": "Team"}
    await asks(requester, review=review)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    services = (await twilio.get("state"))["services"]
    team = next(each["sid"] for each in services if each["friendly_name"] == "Team")
    await twilio.post(f"services/{team}", friendly_name="Marketing")
    await stage.app.market.fresh_services()
    second = await asks(requester, review=review)
    await approver.clicks(await stage.card("awaiting_approval", second), "approve")
    await stage.card("complete", second)
    assert await stage.senders("Team") == [second] and second not in await stage.senders("Marketing")


async def test_a_new_service_that_somebody_made_meanwhile_is_asked_about_before_anything_is_bought(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Team"})
    made = await twilio.post("services", friendly_name="Team")
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    assert "Somebody else has made a messaging service" in shown(card) and await stage.bought() == []
    await requester.clicks(card, "choose_service")
    await requester.view("card.service")
    await requester.submits(messaging_service=made["sid"])
    await approver.clicks(await asked_again(stage), "approve")
    await stage.card("complete")
    assert await stage.senders("Team") == [number]


async def test_a_service_that_was_deleted_is_noticed_before_anything_is_bought(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await asks(requester)
    support = (await twilio.get("state"))["services"][0]["sid"]
    await twilio.delete(f"services/{support}")
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    assert "Support" in shown(card) and {"choose_service", "end"} <= field_ids(card)
    assert await stage.bought() == []


async def test_a_bundle_in_place_of_the_one_that_was_approved_is_asked_for_again(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    bundle = (await twilio.get("state"))["bundles"][0]["sid"]
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": bundle}
    )
    await twilio.post(f"bundles/{bundle}", status="twilio-rejected")
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "Twilio has rejected the bundle")
    other = await stage.app.twilio.numbers.v2.regulatory_compliance.bundles.create_async(
        friendly_name="Another company",
        email="a@example.com",
        regulation_sid=(await twilio.get("state"))["bundles"][0]["regulation_sid"],
    )
    await twilio.post(f"bundles/{other.sid}", status="twilio-approved")

    async def offered() -> Any:
        return "add_bundle" in field_ids((await stage.cards())[-1])

    await until(offered, "the card asks for a bundle")
    await requester.clicks((await stage.cards())[-1], "add_bundle")
    page = await requester.view("card.bundle")
    assert other.sid in options(page, "bundle")
    await requester.submits(bundle=other.sid)
    again = await asked_again(stage)
    assert "Another company" in shown(again) and await stage.bought() == []
    assert buttons(again, "approve")
    await approver.clicks(again, "approve")
    await stage.card("complete")
    (owned,) = (await twilio.get("state"))["owned_numbers"]
    assert await stage.bought() == [number] and owned["bundle_sid"] == other.sid


async def test_a_lost_number_is_searched_for_anew_and_its_request_ends_with_the_new_one(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, contains="555")
    card = await stage.card("awaiting_approval")
    await twilio.post("taken", phone_number=number)
    await approver.clicks(card, "approve")
    card = await stage.card("needs_changes")
    await requester.clicks(card, "search")
    view = await requester.view("buy_number.find")
    assert "555" in str(view["blocks"]), "what was typed is filled in"
    await requester.submits()
    choose = await requester.view("buy_number.choose")
    other = options(choose, "phone_number")[-1]
    await requester.submits(phone_number=other)
    assert state_of((await stage.cards())[-1]) == "needs_changes", "nothing ends before the new one is sent"
    await sends(requester)
    await stage.card("awaiting_approval", other)
    await stage.in_thread(card, "instead")
    await stage.card("ended", number)
    assert not (await stage.store.held_numbers(stage.app.settings.twilio_account_sid, [number]))


async def test_somebody_else_cannot_search_in_its_place(
    stage: Stage, requester: Person, requester2: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    await twilio.post("taken", phone_number=number)
    await approver.clicks(card, "approve")
    answer = await requester2.clicks(await stage.card("needs_changes"), "search")
    assert "Only" in str(answer["shown"])
