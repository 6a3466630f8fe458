"""What can happen to a number and its price between the form and the purchase, and what is never done twice."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import BotError
from bot.purchases import operations as decisions
from storage.history import Happened
from storage.models import now
from tests.stories.conftest import Clock
from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    buttons,
    field_ids,
    number_in,
    options,
    shown,
    until,
)

BUY = "*/IncomingPhoneNumbers.json"


async def test_gone_with_ask_offers_the_nearest_on_the_card(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, contains="555")
    await twilio.post("taken", phone_number=number)
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("needs_changes")
    assert "was sold to somebody else" in shown(card)
    offered = buttons(card, "alternative")
    assert 1 <= len(offered) <= 5
    await stage.told(requester, "was sold to somebody else")
    answer = await requester.clicks(card, "alternative", offered[0])
    assert answer["ok"] and not answer["shown"]
    card = await stage.card("awaiting_approval")
    taken = offered[0].rpartition(":")[2]
    assert number_in(card) == taken and card["metadata"]["event_payload"]["quote"] == 2
    assert await stage.bought() == [], "another number is another quote: it is asked for anew"
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    assert await stage.bought() == [taken] and number_in(card) == taken
    assert buttons(card, "alternative") == []


async def test_gone_with_closest_buys_the_closest_within_what_was_approved(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, contains="0199", review={"if_gone": "closest", "price_limit": "3"})
    card = await stage.card("awaiting_approval")
    assert "up to $3.00 a month" in shown(card)
    await twilio.post("taken", phone_number=number)
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    bought = await stage.bought()
    assert len(bought) == 1 and bought[0] != number and "0199" in bought[0]
    assert number_in(card) == bought[0], "the card names what was bought"
    await stage.in_thread(card, "the closest match is taken instead")


async def test_only_the_requester_or_an_approver_takes_an_alternative(
    stage: Stage, requester: Person, requester2: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("taken", phone_number=number)
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("needs_changes")
    answer = await requester2.clicks(card, "alternative", buttons(card, "alternative")[0])
    assert "Only <@U0REQUESTER> can do that" in answer["shown"][0]["text"]


async def asked_again(stage: Stage, quote_no: int) -> Any:
    """The card, once it asks for this quote."""

    async def there() -> Any:
        card = await stage.card("awaiting_approval")
        return card if card["metadata"]["event_payload"]["quote"] == quote_no else None

    return await until(there, f"quote {quote_no} is asked for")


async def _says(stage: Stage, words: str) -> bool:
    return words in shown((await stage.cards())[-1])


async def test_dearer_than_approved_is_asked_again(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    first = await stage.card("awaiting_approval")
    await twilio.post("prices", country="US", number_type="local", price="2.40")
    await approver.clicks(first, "approve")

    card = await asked_again(stage, 2)
    assert "$2.40 a month" in shown(card) and "$1.15" in shown(card)
    assert await stage.bought() == []
    await approver.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_click_on_an_older_quote_changes_nothing_and_says_so(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    await stage.slack.post("faults", method="chat.update", times=3, fault={"status": 500})
    await stage.store.quote_again(purchase, Happened("quote_changed"), {"price": Decimal("2.40")})
    answer = await approver.clicks(card, "approve")
    assert "older quote" in answer["shown"][0]["text"]
    assert (await stage.store.purchase(purchase.id)).state == "awaiting_approval"


async def test_the_limit_is_for_a_substitute_and_not_for_the_number_itself(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, review={"if_gone": "closest", "price_limit": "3,00"})
    first = await stage.card("awaiting_approval")
    await twilio.post("prices", country="US", number_type="local", price="2.40")
    await approver.clicks(first, "approve")
    card = await asked_again(stage, 2)
    assert "$2.40 a month" in shown(card) and await stage.bought() == []
    await approver.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_substitute_may_cost_up_to_the_limit(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, review={"if_gone": "closest", "price_limit": "3"})
    card = await stage.card("awaiting_approval")
    await twilio.post("taken", phone_number=number)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault={"status": 400, "code": 21422})
    purchase_id = card["metadata"]["event_payload"]["id"]
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "the closest match is taken instead")
    await stage.card("complete")
    quotes = await stage.store.quotes_of(purchase_id)
    assert [(each.quote_no, each.revision) for each in quotes] == [(1, 0), (1, 1)]
    assert quotes[1].instead_of == number and await stage.bought() == [quotes[1].phone_number]


async def test_a_price_that_fell_is_within_the_approval_and_is_the_one_told(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await twilio.post("prices", country="US", number_type="local", price="0.80")
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    assert "$0.80 a month" in shown(card)
    await stage.in_thread(card, "is bought for $0.80 a month")
    record = await stage.store.record_of(card["metadata"]["event_payload"]["id"])
    (charge,) = [each for each in record if each.what == "charge"]
    assert charge.details["price"] == "0.80" and charge.details["currency"] == "USD"


async def test_a_balance_that_is_too_low_stops_before_anything_is_bought_and_goes_on_by_itself(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    number = await asks(requester)
    await twilio.post("account", balance="0.50")
    await approver.clicks(await stage.card(), "approve")
    await until(lambda: _says(stage, "balance of $0.50 does not cover"), "the card says why it waits")
    card = await stage.card("in_progress")
    assert {"buy_anyway", "retry", "withdraw"} <= field_ids(card)
    assert await stage.calls_to_twilio("POST", "IncomingPhoneNumbers") == []
    await twilio.post("account", balance="50.00")
    await clock.forward(60)
    await stage.card("complete")
    assert await stage.bought() == [number]
    lines = [each for each in await stage.thread(card) if "balance" in each]
    assert len(lines) == 1, "said once, however often it was looked at"


async def test_what_the_balance_says_can_be_overruled_by_an_approver_alone(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("account", balance="0.50")
    await approver.clicks(await stage.card(), "approve")
    await until(lambda: _says(stage, "does not cover"), "the card says why it waits")
    card = await stage.card("in_progress")
    answer = await requester.clicks(card, "buy_anyway")
    assert "Only an approver can do this" in answer["shown"][0]["text"]
    await approver.clicks(card, "buy_anyway")
    await stage.card("complete")
    assert await stage.bought() == [number]


@pytest.mark.parametrize(
    "fault", [{"status": 404, "code": 20404}, {"status": 401, "code": 20003}, {"status": 500}]
)
async def test_a_balance_that_cannot_be_read_stops_nothing(
    stage: Stage, requester: Person, approver: Person, twilio: Control, fault: Any
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="GET", path="*/Balance.json", times=9, fault=fault)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_negative_balance_is_an_invoiced_accounts_and_stops_nothing(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("account", balance="-312.40")
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_an_answer_that_is_lost_after_the_purchase_buys_nothing_twice(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault="cut_after")
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]
    assert len(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")) == 1


@pytest.mark.parametrize("fault", ["cut_before", {"status": 500}, {"status": 503}])
async def test_after_a_doubt_twilio_is_asked_at_5_20_60_and_130_seconds_before_a_second_try(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, fault: Any
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault=fault)
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    purchase_id = card["metadata"]["event_payload"]["id"]
    for nth, seconds in enumerate((5, 15, 40, 70), start=1):
        purchase = await until(_resting(stage, purchase_id, nth), f"it rests after look {nth}")
        assert purchase.buying_at is not None, "the intent stays open"
        assert len(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")) == 1
        await clock.forward(seconds)
    await stage.card("complete")
    assert await stage.bought() == [number]
    assert len(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")) == 2


def _resting(stage: Stage, purchase_id: str, looks: int) -> Any:
    async def resting() -> Any:
        purchase = await stage.store.purchase(purchase_id)
        return purchase if purchase.looks == looks and purchase.wake_at > now() else None

    return resting


async def test_nobody_withdraws_while_it_is_unclear_whether_it_was_bought(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await twilio.post("faults", method="POST", path=BUY, times=1, fault="cut_before")
    await approver.clicks(card, "approve")
    await until(_resting(stage, card["metadata"]["event_payload"]["id"], 1), "the intent is open")
    purchase_id = card["metadata"]["event_payload"]["id"]
    with pytest.raises(BotError, match="Too late"):
        await decisions.withdraw(purchase_id, requester.id, stage.app)

    async def no_button() -> bool:
        return "withdraw" not in field_ids((await stage.cards())[-1])

    await until(no_button, "the card offers no withdrawal any more")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    assert purchase.state == "in_progress"


async def test_a_number_with_another_name_is_left_to_a_person(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    """Somebody bought it in the Console between our call and its lost answer."""
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    await twilio.post("faults", method="POST", path=BUY, times=1, fault="cut_before")
    await approver.clicks(card, "approve")
    purchase_id = card["metadata"]["event_payload"]["id"]
    await until(_resting(stage, purchase_id, 1), "the intent is open")
    client = stage.app.twilio
    theirs = await client.incoming_phone_numbers.create_async(phone_number=number, friendly_name="By hand")
    await stage.store.amend(await stage.store.purchase(purchase_id), wake_at=now())
    stage.running.worker.kick()
    card = await stage.card("failed")
    assert "cannot tell who bought it" in shown(card)
    found = await until(lambda: _alarms(stage), "the operators are told")
    assert f"Reminders (nd-{purchase_id[:6]})" in found[0]
    await client.incoming_phone_numbers(theirs.sid).update_async(friendly_name=f"Number Desk {purchase_id}")
    await requester.clicks(card, "retry")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def _alarms(stage: Stage) -> list[str]:
    return [each["text"] for each in await stage.messages("C0OPERATORS")]


async def test_a_number_that_the_account_has_already_is_not_overwritten(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(requester)
    client = stage.app.twilio
    await client.incoming_phone_numbers.create_async(phone_number=number, friendly_name="By hand")
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("needs_changes")
    assert "is in the Twilio account already" in shown(card)
    owned = (await stage.twilio.get("state"))["owned_numbers"]
    assert [each["friendly_name"] for each in owned] == ["By hand"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (21404, "trial account"),
        (21631, "wants an address"),
        (21615, "does not lie in the area"),
        (21649, "does not accept the bundle"),
        (22300, "Twilio refuses"),
    ],
)
async def test_each_refusal_says_what_to_do(
    stage: Stage, requester: Person, approver: Person, twilio: Control, code: int, words: str
) -> None:
    await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault={"status": 400, "code": code})
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("needs_changes")
    assert words in shown(card) and "end" in field_ids(card)
    assert field_ids(card) & {"retry", "add_bundle", "choose_address", "alternative"}, "there is a way on"
    assert len(await stage.calls_to_twilio("POST", "IncomingPhoneNumbers")) == 1
    await requester.clicks(card, "end")
    await stage.card("ended")


async def test_a_suspended_account_alarms_the_operators_and_goes_on_by_itself(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=1, fault={"status": 401, "code": 20003})
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "credentials")
    await until(lambda: _alarms(stage), "the operators are told")
    await clock.forward(60)
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_too_many_requests_are_waited_out(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester)
    await twilio.post("faults", method="POST", path=BUY, times=2, fault={"status": 429})
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


@pytest.mark.parametrize("path", ["*/v1/Services", "*/v1/Services/MG*/PhoneNumbers"])
@pytest.mark.parametrize("fault", ["cut_after", {"status": 500}])
async def test_the_messaging_steps_survive_lost_answers(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, path: str, fault: Any
) -> None:
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Once"})
    await twilio.post("faults", method="POST", path=path, times=1, fault=fault)
    await approver.clicks(await stage.card(), "approve")
    for _ in range(40):
        if (await stage.cards())[-1]["metadata"]["event_payload"]["state"] == "complete":
            break
        await clock.forward(4)
        await asyncio.sleep(0.1)
    await stage.card("complete")
    state = await stage.twilio.get("state")
    assert [each["friendly_name"] for each in state["services"]].count("Once") == 1
    assert await stage.senders("Once") == [number]


async def test_bought_but_not_finished_has_actions_of_its_own(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Full one"})
    path = "*/v1/Services/MG*/PhoneNumbers"
    await twilio.post("faults", method="POST", path=path, times=1, fault={"status": 400, "code": 21714})
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("failed")
    assert "takes no more numbers" in shown(card)
    assert {"retry", "choose_service", "hand_over", "release", "end"} == field_ids(card)
    await requester.clicks(card, "choose_service")
    page = await requester.view("card.service")
    support = options(page, "messaging_service")[0]
    await requester.submits(messaging_service=support)
    await stage.card("complete")
    assert await stage.bought() == [number] and await stage.senders("Support") == [number]


async def test_a_bundle_that_lost_its_approval_makes_the_purchase_wait(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    bundle = (await twilio.get("state"))["bundles"][0]["sid"]
    await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": bundle}
    )
    await twilio.post(f"bundles/{bundle}", status="twilio-rejected")
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "Twilio has rejected the bundle")
    assert await stage.bought() == []

    async def papers_wanted() -> bool:
        return "add_bundle" in field_ids((await stage.cards())[-1])

    await until(papers_wanted, "the card asks for papers")


async def test_papers_given_while_the_purchase_is_being_checked_are_not_overlooked(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    bundle = (await twilio.get("state"))["bundles"][0]["sid"]
    await twilio.post(f"bundles/{bundle}", status="in-review")
    card = await stage.card("awaiting_approval")
    await requester.clicks(card, "add_bundle")
    await requester.view("card.bundle")
    await requester.submits(bundle=bundle)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.in_thread(card, "is not approved yet")
    await twilio.post(f"bundles/{bundle}", status="twilio-approved")
    await twilio.post("faults", method="GET", path="*IncomingPhoneNumbers*", times=1, fault={"delay": 0.5})
    purchase_id = card["metadata"]["event_payload"]["id"]
    stage.look()

    async def going_on() -> bool:
        return (await stage.store.purchase(purchase_id)).bundle_approved_at is not None

    await until(going_on, "the purchase goes on")
    await asyncio.sleep(0.1)  # the worker looks whether the number is ours; meanwhile the row changes
    await stage.store.amend(await stage.store.purchase(purchase_id), purpose="Changed meanwhile")
    await stage.card("complete")
    assert await stage.bought() == [number]
