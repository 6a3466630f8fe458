"""Buying, changing and releasing numbers of the Twilio twin; addresses and the account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from sandbox.twilio.state import TEST_SID, TEST_TOKEN
from tests.sandbox.twilio_world import ACCOUNT, V2010, Caller, World, refusal, running

NUMBERS = V2010 + "/IncomingPhoneNumbers.json"
PLACES = {
    "GB": ("10 Downing Street", "London", "SW1A 2AA"),
    "DE": ("Unter den Linden 1", "Berlin", "10117"),
    "IE": ("1 O'Connell Street", "Dublin", "D01 F5P2"),
    "JP": ("1-1 Marunouchi", "Tokyo", "100-0005"),
    "US": ("1 Main Street", "Boston", "02108"),
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def an_address(world: World, country: str, **changes: Any) -> str:
    street, city, postal_code = PLACES[country]
    fields = {"street": street, "city": city, "postal_code": postal_code} | changes
    region = "MA" if country == "US" else str(fields["city"])
    address = await world.sdk.addresses.create_async(
        customer_name="Example Ltd", region=region, iso_country=country, **fields
    )
    return str(address.sid)


async def buy(world: World, number: str, **settings: Any) -> Any:
    return await world.sdk.incoming_phone_numbers.create_async(phone_number=number, **settings)


async def test_a_number_is_bought_and_paid_and_leaves_the_stock(world: World) -> None:
    number = world.a_number("US", "local", locality="Boston")
    bought = await buy(world, number, friendly_name="Support line", sms_url="https://example.com/sms")
    assert (
        bought.sid.startswith("PN") and bought.status == "in-use" and bought.friendly_name == "Support line"
    )
    assert bought.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    raw = world.transport.raw
    assert raw["voice_url"] == "" and raw["type"] == "local" and raw["date_created"].endswith("+0000")
    assert Decimal((await world.sdk.balance.fetch_async()).balance) == Decimal("498.85")
    found = await world.call(
        "GET", "api", V2010 + "/AvailablePhoneNumbers/US/Local.json", {"Contains": number}
    )
    assert found.body["available_phone_numbers"] == []
    state = await world.control("GET", "state")
    assert state["purchases"] == 1
    assert [(n["phone_number"], n["cost"]) for n in state["owned_numbers"]] == [(number, "1.15")]


async def test_buying_what_is_owned_already_answers_the_same_resource_without_a_charge(world: World) -> None:
    number = world.a_number("US", "local")
    first = await buy(world, number)
    again = await buy(world, number, friendly_name="Second thought")
    assert (again.sid, again.date_created, again.friendly_name) == (
        first.sid,
        first.date_created,
        "Second thought",
    )
    assert world.twin.account.purchases == 1 and len(world.twin.account.owned) == 1
    assert (await world.sdk.balance.fetch_async()).balance == "498.85"


async def test_a_number_that_somebody_else_took_is_21422_and_no_longer_shown(world: World) -> None:
    number = world.a_number("US", "local")
    await world.control("POST", "taken", {"phone_number": number})
    assert await refusal(buy(world, number)) == (400, 21422)
    assert await refusal(buy(world, "+14155551234")) == (400, 21422)  # never Twilio's
    assert await refusal(buy(world, "+1")) == (400, 21421)
    assert world.twin.account.purchases == 0


async def test_checks_come_in_twilios_order(world: World) -> None:
    berlin = world.a_number("DE", "local", locality="Berlin")
    assert await refusal(buy(world, berlin)) == (400, 21631)  # address before bundle
    london, munich = await an_address(world, "GB"), await an_address(world, "DE", city="Munich")
    assert await refusal(buy(world, berlin, address_sid=london)) == (400, 21615)
    assert await refusal(buy(world, berlin, address_sid=munich)) == (400, 21615)
    address = await an_address(world, "DE")
    assert await refusal(buy(world, berlin, address_sid=address)) == (400, 21649)
    seeded = next(iter(world.twin.account.bundles))
    assert await refusal(buy(world, berlin, address_sid=address, bundle_sid=seeded)) == (400, 21649)  # GB's
    await world.control("POST", "account", {"type": "Trial"})
    await buy(world, world.a_number("US", "local"))
    assert await refusal(buy(world, berlin)) == (400, 21404)  # trial before address
    world.twin.world.market.take(berlin)
    assert await refusal(buy(world, berlin)) == (400, 21422)  # availability before trial


async def test_a_dublin_number_may_ask_for_an_address_in_a_neighbouring_town(world: World) -> None:
    number = next(
        n for n in world.twin.world.market.everything.values() if n.phone_number.startswith("+35320910")
    ).phone_number
    assert await refusal(buy(world, number, address_sid=await an_address(world, "IE"))) == (400, 21615)
    swords = await an_address(world, "IE", city="Swords")
    assert await refusal(buy(world, number, address_sid=swords)) == (400, 21649)  # the address fits now


async def test_a_bundle_must_be_approved_and_hold_the_address(world: World) -> None:
    number, bundle = world.a_number("GB", "mobile"), next(iter(world.twin.account.bundles.values()))
    assert await refusal(buy(world, number)) == (400, 21649)
    assert await refusal(buy(world, number, bundle_sid="BU" + "0" * 32)) == (400, 21649)
    other = await an_address(world, "GB")
    assert await refusal(buy(world, number, bundle_sid=bundle.sid, address_sid=other)) == (400, 21651)
    await world.control("POST", f"bundles/{bundle.sid}", {"status": "provisionally-approved"})
    assert await refusal(buy(world, number, bundle_sid=bundle.sid)) == (400, 21649)
    await world.control("POST", f"bundles/{bundle.sid}", {"status": "twilio-approved"})
    bought = await buy(
        world, number, bundle_sid=bundle.sid, address_sid=next(iter(world.twin.account.addresses))
    )
    assert bought.bundle_sid == bundle.sid
    assert await refusal(world.sdk.numbers.v2.regulatory_compliance.bundles(bundle.sid).delete_async()) == (
        400,
        21648,
    )


async def test_a_foreign_number_wants_an_address_elsewhere(world: World) -> None:
    number = world.a_number("ID", "local")
    assert await refusal(buy(world, number)) == (400, 21631)
    assert (await buy(world, number, address_sid=await an_address(world, "US"))).phone_number == number


async def test_an_area_code_buys_another_number_each_time(world: World) -> None:
    bought = [await world.sdk.incoming_phone_numbers.create_async(area_code="415") for _ in range(2)]
    assert len({b.sid for b in bought}) == 2 and all(b.phone_number.startswith("+1415") for b in bought)
    assert await refusal(world.sdk.incoming_phone_numbers.create_async(area_code="12")) == (400, 21451)
    assert await refusal(world.sdk.incoming_phone_numbers.create_async(area_code="999")) == (400, 21452)
    local = V2010 + "/IncomingPhoneNumbers/Local.json"
    assert (await world.call("POST", "api", local, AreaCode="415")).code == 21457
    assert (
        await world.call("POST", "api", local, PhoneNumber=world.a_number("US", "toll-free"))
    ).code == 21458
    world.pardon()  # the typed lists take no AreaCode
    assert (await world.call("POST", "api", local, PhoneNumber=world.a_number("US", "local"))).status == 201


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"VoiceUrl": "nowhere"}, 21402),
        ({"VoiceFallbackUrl": "https://example.com"}, 21405),
        ({"SmsFallbackUrl": "https://example.com"}, 21406),
        ({"SmsApplicationSid": "AP" + "0" * 32}, 21420),
        ({"FriendlyName": "x" * 65}, 20002),
        ({"SmsMethod": "PUT"}, 21403),
    ],
)
async def test_settings_that_cannot_be_refuse_the_purchase(
    world: World, settings: dict[str, str], code: int
) -> None:
    answer = await world.call("POST", "api", NUMBERS, PhoneNumber=world.a_number("US", "local"), **settings)
    assert (answer.status, answer.code) == (400, code)
    assert world.twin.account.purchases == 0
    world.pardon()


async def test_texts_cannot_be_set_up_on_a_voice_number(world: World) -> None:
    number, address = world.a_number("EE", "local"), await an_address(world, "US")
    assert await refusal(buy(world, number, address_sid=address, sms_url="https://example.com")) == (
        400,
        21407,
    )
    assert (await buy(world, number, address_sid=address)).capabilities["sms"] is False


async def test_owned_numbers_are_found_by_part_and_paged_by_relative_links(world: World) -> None:
    numbers = [world.a_number("US", "local", locality=city) for city in ("Boston", "Miami", "Austin")]
    for number in numbers:
        await buy(world, number)
    part = await world.sdk.incoming_phone_numbers.list_async(phone_number=numbers[0][2:9])
    assert [n.phone_number for n in part] == [numbers[0]]
    listed = await world.sdk.incoming_phone_numbers.list_async(page_size=1)
    assert [n.phone_number for n in listed] == numbers[::-1]
    page = await world.call("GET", "api", NUMBERS, {"PageSize": "2"})
    assert (
        page.body["next_page_uri"].startswith("/2010-04-01/") and "PageToken=PA" in page.body["next_page_uri"]
    )
    again = await world.call("GET", "api", page.body["next_page_uri"])
    assert (
        again.body["next_page_uri"] is None and again.body["previous_page_uri"] and again.body["start"] == 2
    )
    assert (await world.call("GET", "api", NUMBERS, {"Page": "1"})).status == 400
    assert (await world.call("GET", "api", NUMBERS, {"PageSize": "1001"})).code == 20007
    world.pardon()
    assert await world.sdk.incoming_phone_numbers.list_async(origin="hosted") == []
    assert len(await world.sdk.incoming_phone_numbers.local.list_async()) == 3


async def test_a_released_number_leaves_its_service(world: World) -> None:
    bought = await buy(world, world.a_number("US", "local"))
    service = world.sdk.messaging.v1.services(next(iter(world.twin.account.services)))
    await service.phone_numbers.create_async(phone_number_sid=bought.sid)
    assert await world.sdk.incoming_phone_numbers(bought.sid).delete_async()
    assert await service.phone_numbers.list_async() == []
    assert await refusal(world.sdk.incoming_phone_numbers(bought.sid).fetch_async()) == (404, 20404)


async def test_changing_a_number_checks_its_bundle(world: World) -> None:
    seeded = next(iter(world.twin.account.bundles))
    bought = await buy(world, world.a_number("GB", "mobile"), bundle_sid=seeded)
    mine = world.sdk.incoming_phone_numbers(bought.sid)
    assert (await mine.update_async(friendly_name="New")).friendly_name == "New"
    assert await refusal(mine.update_async(bundle_sid="BU" + "0" * 32)) == (400, 21649)
    bought_us = await buy(world, world.a_number("US", "local"))
    assert await refusal(world.sdk.incoming_phone_numbers(bought_us.sid).update_async(bundle_sid=seeded)) == (
        400,
        21649,
    )


# Addresses


async def test_an_address_is_validated(world: World) -> None:
    assert await refusal(an_address(world, "GB", postal_code="12345")) == (400, 21628)
    assert await refusal(an_address(world, "IE", postal_code="Dublin 1")) == (400, 21628)  # no Eircode
    assert await refusal(an_address(world, "US", street="1 INVALID Street")) == (400, 21628)
    assert await refusal(an_address(world, "US", street="1 NEAR Street", auto_correct_address=False)) == (
        400,
        21629,
    )
    sid = await an_address(world, "US", street="1 NEAR Street", city="boston")
    stored = await world.sdk.addresses(sid).fetch_async()
    assert (stored.street, stored.city, stored.validated) == ("1 Street", "Boston", True)
    answer = await world.call("POST", "api", V2010 + "/Addresses.json", CustomerName="x")
    assert (answer.status, answer.code) == (400, 20001)
    world.pardon()
    assert await refusal(world.sdk.addresses.create_async("\u682a" * 22, "1", "x", "x", "1", "FR")) == (
        400,
        20422,
    )


async def test_an_address_of_an_approved_document_cannot_change(world: World) -> None:
    seeded = world.sdk.addresses(next(iter(world.twin.account.addresses)))
    assert await refusal(seeded.update_async(city="Leeds")) == (400, 21630)
    assert (await seeded.update_async(friendly_name="Office")).friendly_name == "Office"
    sid = await an_address(world, "US")
    assert (await world.sdk.addresses(sid).update_async(street="2 Main Street")).street == "2 Main Street"
    bought = await buy(world, world.a_number("US", "local"), address_sid=sid)
    dependents = await world.sdk.addresses(sid).dependent_phone_numbers.list_async()
    assert [d.sid for d in dependents] == [bought.sid]
    assert (await refusal(world.sdk.addresses(sid).delete_async()))[0] == 409
    assert len(await world.sdk.addresses.list_async(iso_country="GB")) == 1


# The account


async def test_a_standard_key_sees_neither_account_nor_keys(world: World) -> None:
    assert await refusal(world.sdk.api.v2010.accounts(ACCOUNT).fetch_async()) == (401, 20003)
    for path in ("/2010-04-01/Accounts.json", V2010 + "/Keys.json"):
        assert (await world.call("GET", "api", path)).code == 20003
    assert (await world.call("GET", "api", V2010 + "/Balance.json")).body["balance"] == "500.00"
    account = await world.as_main("GET", "api", V2010 + ".json")
    assert account.body["type"] == "Full" and account.body["owner_account_sid"] == ACCOUNT
    assert [
        a["sid"] for a in (await world.as_main("GET", "api", "/2010-04-01/Accounts.json")).body["accounts"]
    ] == [ACCOUNT]


async def test_wrong_credentials_and_a_suspended_account_are_401(world: World) -> None:
    wrong = Caller(world.twin, world.session, password="wrong")
    assert (await wrong("GET", "api", V2010 + "/Balance.json")).code == 20003
    await world.control("POST", "account", {"status": "suspended"})
    assert (await world.call("GET", "numbers", "/v2/RegulatoryCompliance/Bundles")).status == 401
    await world.control("POST", "account", {"status": "active", "balance": "-1.5"})
    assert (await world.call("GET", "api", V2010 + "/Balance.json")).body["balance"] == "-1.50"


async def test_a_new_key_works_and_shows_its_secret_once(world: World) -> None:
    made = await world.as_main("POST", "api", V2010 + "/Keys.json", FriendlyName="CI")
    assert made.status == 201 and made.body["secret"]
    mine = Caller(world.twin, world.session, made.body["sid"], made.body["secret"])
    assert (await mine("GET", "api", V2010 + "/Balance.json")).status == 200
    shown = await world.as_main("GET", "api", f"{V2010}/Keys/{made.body['sid']}.json")
    assert "secret" not in shown.body
    assert (await world.as_main("DELETE", "api", f"{V2010}/Keys/{made.body['sid']}.json")).status == 204
    assert (await mine("GET", "api", V2010 + "/Balance.json")).status == 401


async def test_a_subaccount_is_reached_through_its_parent_on_v2010_only(world: World) -> None:
    made = (await world.as_main("POST", "api", "/2010-04-01/Accounts.json", FriendlyName="Sub")).body
    theirs = f"/2010-04-01/Accounts/{made['sid']}"
    number = world.a_number("US", "local")
    bought = await world.call("POST", "api", theirs + "/IncomingPhoneNumbers.json", PhoneNumber=number)
    assert bought.status == 201 and world.twin.account.owned == {}
    assert (await world.call("GET", "api", theirs + "/Balance.json")).status == 404
    assert await refusal(buy(world, number)) == (400, 21422)  # owned, but by the other account
    mine = f"{theirs}/IncomingPhoneNumbers/{bought.body['sid']}.json"
    assert (await world.call("POST", "api", mine, AccountSid=ACCOUNT)).body["account_sid"] == ACCOUNT
    assert world.twin.account.numbers_bought == [number]
    assert (await world.call("GET", "api", f"/2010-04-01/Accounts/AC{'9' * 32}/Balance.json")).code == 20404


async def test_caller_ids_are_verified(world: World) -> None:
    asked = await world.sdk.validation_requests.create_async(phone_number="+14155552671")
    assert len(asked.validation_code) == 6
    found = await world.sdk.outgoing_caller_ids.list_async(phone_number="+14155552671")
    assert [c.friendly_name for c in found] == ["(415) 555-2671"]
    assert await world.sdk.outgoing_caller_ids(found[0].sid).delete_async()


async def test_test_credentials_buy_magic_numbers_only(world: World) -> None:
    call = Caller(world.twin, world.session, TEST_SID, TEST_TOKEN)
    path = f"/2010-04-01/Accounts/{TEST_SID}/IncomingPhoneNumbers.json"
    assert (await call("POST", "api", path, PhoneNumber="+15005550000")).code == 21422
    assert (await call("POST", "api", path, PhoneNumber="+15005550001")).code == 21421
    assert (await call("POST", "api", path, AreaCode="533")).code == 21452
    assert (await call("POST", "api", path, PhoneNumber="+15005550006")).status == 201
    assert (await call("GET", "api", path)).code == 20008
    assert world.twin.account.owned == {}


async def test_a_purchase_whose_answer_was_lost_has_happened(world: World) -> None:
    order = {"method": "POST", "path": "*/IncomingPhoneNumbers.json", "times": 1, "fault": "cut_after"}
    await world.control("POST", "faults", order)
    number = world.a_number("US", "local")
    with pytest.raises(aiohttp.ClientError):
        await world.call("POST", "api", NUMBERS, PhoneNumber=number)
    assert world.twin.account.numbers_bought == [number]
    await world.control("POST", "faults", order | {"fault": "cut_before"})
    with pytest.raises(aiohttp.ClientError):
        await world.call("POST", "api", NUMBERS, PhoneNumber=world.a_number("US", "toll-free"))
    assert world.twin.account.purchases == 1
    assert world.twin.calls[-1]["status"] is None
