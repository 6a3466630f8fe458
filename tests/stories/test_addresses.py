"""Numbers that need an address and no bundle: one of the account's, or a new one that is kept at Twilio only."""

from pathlib import Path
from typing import Any

from tests.stories.stage import Control, Person, Stage, asks, field_ids, finds, options, sends, shown, until

TYPED = {
    "customer_name": "Maarja Tamm",
    "street": "Pikk 999",
    "city": "Tallinn",
    "postal_code": "10123",
    "address_country": "EE",
}


def everything_in(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


async def needs_address(person: Person) -> Any:
    choose = await finds(person, "EE", number_type="local")
    await person.submits(phone_number=options(choose, "phone_number")[0])
    return await person.view("buy_number.end_user")


async def test_an_address_of_the_account_is_used(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    view = await needs_address(requester)
    assert "needs an address" in shown(view)
    sid = options(view, "address")[0]
    assert options(view, "address") == [sid, "new"]
    await requester.submits(address=sid)
    await requester.view("buy_number.review")
    await sends(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    assert [each["address_sid"] for each in (await twilio.get("state"))["owned_numbers"]] == [sid]


async def test_a_new_address_goes_to_twilio_and_nowhere_else(
    stage: Stage, requester: Person, approver: Person, twilio: Control, tmp_path: Path
) -> None:
    await needs_address(requester)
    await requester.submits(address="new")
    await requester.view("buy_number.address")
    await requester.submits(**TYPED)
    await requester.view("buy_number.review")
    await sends(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    made = next(
        each for each in (await twilio.get("state"))["addresses"] if each["customer_name"] == "Maarja Tamm"
    )
    assert (await twilio.get("state"))["owned_numbers"][0]["address_sid"] == made["sid"]
    kept = everything_in(tmp_path)
    assert made["sid"].encode() in kept
    for value in ("Maarja", "Pikk 999", "10123"):
        assert value.encode() not in kept, "a personal field reached the disk"


async def test_an_address_that_twilio_does_not_find_is_typed_once_only(
    stage: Stage, requester: Person
) -> None:
    await needs_address(requester)
    await requester.submits(address="new")
    await requester.view("buy_number.address")
    await requester.submits(**{**TYPED, "street": "INVALID 1"})
    view = await requester.view("buy_number.address")
    assert "does not find this address" in shown(view)
    assert "Maarja Tamm" in str(view["state"]) and "INVALID 1" in str(view["state"])
    await requester.submits(street="Pikk 999")
    await requester.view("buy_number.review")


async def test_an_address_in_the_wrong_country_and_an_empty_field_get_their_sentences(
    stage: Stage, requester: Person
) -> None:
    choose = await finds(requester, "ID", number_type="local")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    await requester.view("buy_number.end_user")
    await requester.submits(address="new")
    await requester.view("buy_number.address")
    answer = await requester.submits(**{**TYPED, "address_country": "ID", "city": "  "})
    assert "outside its country" in answer["errors_by_action"]["address_country"]
    assert "Type something here" in answer["errors_by_action"]["city"]


async def test_back_from_a_new_address_leads_to_the_choice(stage: Stage, requester: Person) -> None:
    await needs_address(requester)
    await requester.submits(address="new")
    await requester.view("buy_number.address")
    await requester.presses("back")
    view = await requester.view("buy_number.end_user")
    assert "new" in options(view, "address")


async def test_where_no_bundle_and_no_address_is_needed_nothing_is_asked(
    stage: Stage, requester: Person
) -> None:
    assert await asks(requester)
    assert await stage.calls_to_twilio("GET", "/Addresses.json") == []


async def test_a_similar_address_that_twilio_suggests_is_taken_in_one_click(
    stage: Stage, requester: Person, twilio: Control
) -> None:
    await needs_address(requester)
    await requester.submits(address="new")
    await requester.view("buy_number.address")
    await requester.submits(**{**TYPED, "street": "Pikk NEAR 999"})

    async def suggested() -> Any:
        view = await requester.view("buy_number.address")
        return view if "take_suggestion" in field_ids(view) else None

    view = await until(suggested, "the page says what Twilio suggests")
    assert "a similar one: Pikk 999" in shown(view) and "Maarja Tamm" in str(view["blocks"])
    await requester.presses("take_suggestion")
    await requester.view("buy_number.review")
    assert "Pikk 999" in [each["street"] for each in (await twilio.get("state"))["addresses"]]


async def test_a_name_may_be_as_long_as_twilio_takes_it(
    stage: Stage, requester_ja: Person, twilio: Control
) -> None:
    await needs_address(requester_ja)
    await requester_ja.submits(address="new")
    await requester_ja.view("buy_number.address")
    answer = await requester_ja.submits(**{**TYPED, "customer_name": "山" * 22})
    assert list(answer["errors"]) == ["customer_name"]
    await requester_ja.submits(**{**TYPED, "customer_name": "Osaühing Väga Pika Nimega Äriühing"})
    await requester_ja.view("buy_number.review")
    names = [each["customer_name"] for each in (await twilio.get("state"))["addresses"]]
    assert "Osaühing Väga Pika Nimega Äriühing" in names
