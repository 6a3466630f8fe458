"""The Twilio twin as odd accounts, slow copies and people in the Console make it."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.twilio_world import V2010, World, running

BALANCE = V2010 + "/Balance.json"
OWNED = V2010 + "/IncomingPhoneNumbers.json"
SERVICES = "/v1/Services"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def for_sale(world: World) -> str:
    found = await world.call("GET", "api", V2010 + "/AvailablePhoneNumbers/US/Local.json")
    return str(found.body["available_phone_numbers"][0]["phone_number"])


async def test_an_account_may_have_another_currency_and_no_or_a_negative_balance(world: World) -> None:
    await world.control("POST", "account", {"balance": "-312.40", "currency": "JPY"})
    found = (await world.call("GET", "api", BALANCE)).body
    assert (found["balance"], found["currency"]) == ("-312.40", "JPY")
    await world.control("POST", "account", {"balance": None})
    assert (await world.call("GET", "api", BALANCE)).body["balance"] is None
    number = await for_sale(world)
    assert (await world.call("POST", "api", OWNED, PhoneNumber=number)).status == 201


async def test_a_restricted_key_may_not_read_what_it_is_denied(world: World) -> None:
    await world.control("POST", "account", {"key": "restricted"})
    assert (await world.call("GET", "api", BALANCE)).code == 20003
    assert (await world.call("GET", "api", OWNED)).status == 200
    await world.control("POST", "account", {"key": "restricted", "denied": ["IncomingPhoneNumbers"]})
    assert (await world.call("GET", "api", OWNED)).code == 20003
    await world.control("POST", "account", {"key": "standard"})
    assert (await world.call("GET", "api", BALANCE)).status == 200


async def test_a_subaccount_has_no_balance(world: World) -> None:
    await world.control("POST", "account", {"subaccount": True})
    found = await world.call("GET", "api", BALANCE)
    assert (found.status, found.code) == (404, 20404)


async def test_credentials_are_refused_until_they_are_taken_again(world: World) -> None:
    await world.control("POST", "credentials", {"refuse": True})
    found = await world.call("GET", "messaging", SERVICES)
    assert (found.status, found.code) == (401, 20003)
    await world.control("POST", "credentials", {"refuse": False})
    assert (await world.call("GET", "messaging", SERVICES)).status == 200


async def test_what_was_written_is_found_late(world: World) -> None:
    await world.control("POST", "lag", {"seconds": 3600})
    made = (await world.call("POST", "messaging", SERVICES, FriendlyName="Late")).body
    number = await for_sale(world)
    bought = (await world.call("POST", "api", OWNED, PhoneNumber=number)).body

    async def shown() -> tuple[list[str], list[str], int, int]:
        services = (await world.call("GET", "messaging", SERVICES)).body["services"]
        owned = (await world.call("GET", "api", OWNED)).body["incoming_phone_numbers"]
        return (
            [each["friendly_name"] for each in services],
            [each["sid"] for each in owned],
            (await world.call("GET", "messaging", f"{SERVICES}/{made['sid']}")).status,
            (
                await world.call(
                    "POST",
                    "messaging",
                    f"{SERVICES}/{made['sid']}/PhoneNumbers",
                    PhoneNumberSid=bought["sid"],
                )
            ).status,
        )

    assert await shown() == (["Support"], [], 404, 404)
    await world.control("POST", "clock", {"forward": 3601})
    names, owned, fetched, attached = await shown()
    assert "Late" in names and owned == [bought["sid"]] and (fetched, attached) == (200, 201)


async def test_the_twins_clock_can_be_read(world: World) -> None:
    await world.control("POST", "clock", {"forward": 90})
    assert (await world.control("GET", "clock"))["ahead"] == 90


@pytest.mark.parametrize("status", [403, 408])
async def test_a_proxy_refuses_without_a_code(world: World, status: int) -> None:
    fault = {"status": status, "plain": True}
    await world.control("POST", "faults", {"method": "GET", "path": "*", "times": 1, "fault": fault})
    async with world.session.get(world.twin.url + "/api" + BALANCE) as answer:
        assert answer.status == status and answer.content_type == "text/html"


async def test_a_broken_answer_is_given_after_the_work_was_done(world: World) -> None:
    order = {"method": "POST", "path": "*/IncomingPhoneNumbers.json", "times": 1, "fault": "broken"}
    await world.control("POST", "faults", order)
    number = await for_sale(world)
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting"):
        await world.call("POST", "api", OWNED, PhoneNumber=number)
    assert world.twin.account.number(number) is not None


async def test_people_in_the_console_buy_and_release_numbers_and_change_services(world: World) -> None:
    number = await for_sale(world)
    bought = await world.control("POST", "owned", {"phone_number": number, "friendly_name": "By hand"})
    owned = (await world.call("GET", "api", OWNED)).body["incoming_phone_numbers"]
    assert [(each["sid"], each["friendly_name"]) for each in owned] == [(bought["sid"], "By hand")]
    await world.control("DELETE", f"owned/{bought['sid']}")
    assert (await world.call("GET", "api", OWNED)).body["incoming_phone_numbers"] == []
    made = await world.control("POST", "services", {"friendly_name": "Team"})
    await world.control("POST", f"services/{made['sid']}", {"friendly_name": "Marketing"})
    fetched = await world.call("GET", "messaging", f"{SERVICES}/{made['sid']}")
    assert fetched.body["friendly_name"] == "Marketing"
    await world.control("DELETE", f"services/{made['sid']}")
    assert (await world.call("GET", "messaging", f"{SERVICES}/{made['sid']}")).status == 404
    for call in (("POST", "owned", {"phone_number": "+1"}), ("DELETE", "owned/PN0", None)):
        said = await world.control(*call, status=404 if call[2] is None else 400)
        assert said["error"]
