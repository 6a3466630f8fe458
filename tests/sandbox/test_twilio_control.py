"""The Twilio twin as a server: routing, faults, limits, control calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.twilio.twin import TwilioTwin
from tests.sandbox.twilio_world import ACCOUNT, KEY, SECRET, V2010, World, refusal, running

BALANCE = V2010 + "/Balance.json"
SERVICES = "/v1/Services"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def test_for_curl_the_host_stands_in_the_path(world: World) -> None:
    auth = {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}
    for path, key in (("/api" + BALANCE, "balance"), ("/pricing/v1/PhoneNumbers/Countries", "countries")):
        async with world.session.get(world.twin.url + path, headers=auth) as answer:
            assert answer.status == 200 and key in await answer.json()
            assert answer.headers["Twilio-Request-Id"].startswith("RQ")
    async with world.session.get(world.twin.url + "/nothing") as answer:
        assert answer.status == 404


async def test_what_the_twin_does_not_know_is_said_and_remembered(world: World) -> None:
    assert (await world.call("GET", "api", V2010 + "/Conferences.json")).code == 20404
    assert (await world.call("GET", "studio", "/v2/Flows")).code == 20404
    assert (await world.call("DELETE", "api", BALANCE)).code == 20004
    found = await world.call("POST", "messaging", SERVICES, FriendlyName="x", FreindlyName="y")
    assert found.status == 201  # ignored, as Twilio does
    assert (await world.call("GET", "messaging", SERVICES, {"FriendlyName": "x"})).status == 200
    complaints = "\n".join(world.pardon())
    for words in (
        "Conferences",
        "studio.twilio.com",
        "DELETE",
        "ignores FreindlyName",
        "ignores FriendlyName",
    ):
        assert words in complaints


async def test_faults_happen_as_often_as_ordered(world: World) -> None:
    order = {"method": "GET", "path": "*/Balance.json", "times": 2, "fault": {"status": 503}}
    assert (await world.control("POST", "faults", order))["times"] == 2
    got = [(await world.call("GET", "api", BALANCE)).status for _ in range(3)]
    assert got == [503, 503, 200]
    for fault, status, code in (
        ({"status": 429, "retry_after": 1}, 429, 20429),
        ({"status": 500}, 500, 20500),
        ({"status": 401}, 401, 20003),
        ({"status": 400, "code": 20422}, 400, 20422),
    ):
        await world.control("POST", "faults", {"path": "*/Balance.json", "fault": fault})
        answer = await world.call("GET", "api", BALANCE)
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers.get("Retry-After") == ("1" if status == 429 else None)
    await world.control("POST", "faults", {"fault": {"status": 500}, "times": None})
    assert len((await world.control("GET", "faults"))["faults"]) == 1
    await world.control("DELETE", "faults")
    assert (await world.call("GET", "api", BALANCE)).status == 200


async def test_an_error_can_hide_that_the_work_was_done(world: World) -> None:
    number = world.a_number("US", "local")
    fault = {
        "method": "POST",
        "path": "*/IncomingPhoneNumbers.json",
        "fault": {"status": 500, "processed": True},
    }
    await world.control("POST", "faults", fault)
    buying = world.sdk.incoming_phone_numbers.create_async(phone_number=number)
    assert await refusal(buying) == (500, 20500)
    assert world.twin.account.numbers_bought == [number]
    await world.control("POST", "faults", fault | {"fault": {"status": 400, "code": 21422}})
    assert await refusal(
        world.sdk.incoming_phone_numbers.create_async(phone_number=world.a_number("US", "local"))
    ) == (400, 21422)


async def test_answers_can_be_slow(world: World) -> None:
    await world.control("POST", "faults", {"path": "*/Balance.json", "fault": {"delay": 0.2}})
    started = time.monotonic()
    assert (await world.call("GET", "api", BALANCE)).status == 200
    assert time.monotonic() - started >= 0.2
    async with running(latency_ms=150) as slow:
        started = time.monotonic()
        await slow.call("GET", "api", BALANCE)
        assert time.monotonic() - started >= 0.15


async def test_too_many_requests_at_once_are_429(world: World) -> None:
    world.twin.latency_ms = 400
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        headers = {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}

        async def once() -> int:
            async with session.get(world.twin.url + "/api" + BALANCE, headers=headers) as answer:
                return answer.status

        got = await asyncio.gather(*(once() for _ in range(110)))
    assert got.count(429) >= 1 and got.count(200) >= 90


async def test_orders_that_make_no_sense_are_refused_with_a_reason(world: World) -> None:
    seeded = next(iter(world.twin.account.bundles))
    for method, path, body, status in (
        ("POST", "faults", {"fault": "explode"}, 400),
        ("POST", "faults", {"fault": {"statsu": 500}}, 400),
        ("POST", "faults", {"path": "x"}, 400),
        ("POST", "taken", {"phone_number": "0123"}, 400),
        ("POST", "prices", {"country": "US", "number_type": "mobile", "price": 1}, 400),
        ("POST", "account", {"type": "Free"}, 400),
        ("POST", "account", {"balance": "much"}, 400),
        ("POST", "clock", {"forward": "soon"}, 400),
        ("POST", "bundles/BUx/review", {"verdict": "approve"}, 404),
        ("POST", f"bundles/{seeded}/review", {"verdict": "maybe"}, 400),
        ("POST", f"bundles/{seeded}", {"valid_until": "tomorrow"}, 400),
        ("GET", "nothing", None, 404),
    ):
        answer = await world.control(method, path, body, status)
        assert answer["error"], path


async def test_every_call_is_on_the_record(world: World) -> None:
    await world.call("POST", "messaging", SERVICES, FriendlyName="Sales")
    await world.call("GET", "api", V2010 + "/IncomingPhoneNumbers/PN1.json")
    world.pardon()
    calls = await world.control("GET", "calls")
    assert [(c["method"], c["host"], c["status"], c["code"]) for c in calls] == [
        ("POST", "messaging.twilio.com", 201, None),
        ("GET", "api.twilio.com", 404, 20404),
    ]
    assert calls[0]["form"] == {"FriendlyName": "Sales"} and calls[0]["ms"] >= 0
    assert len(await world.control("GET", f"calls?since={calls[0]['number']}")) == 1


async def test_the_state_tells_what_there_is_at_the_start(world: World) -> None:
    state = await world.control("GET", "state")
    assert state["account"] | {"friendly_name": ""} == {
        "sid": ACCOUNT, "friendly_name": "", "type": "Full", "status": "active", "balance": "500.00", "currency": "USD",
    }  # fmt: skip
    assert [s["friendly_name"] for s in state["services"]] == ["Support"]
    bundle = state["bundles"][0]
    assert (bundle["iso_country"], bundle["number_type"], bundle["end_user_type"], bundle["status"]) == (
        "GB", "mobile", "business", "twilio-approved",
    )  # fmt: skip
    assert [i["kind"] for i in bundle["items"]] == ["end_user", "document"]
    assert state["owned_numbers"] == [] and state["messages"] == [] and state["purchases"] == 0
    async with running() as same:
        again = await same.control("GET", "state")
        assert again["bundles"][0]["sid"] == bundle["sid"]


async def test_a_port_in_use_is_an_error_and_stopping_leaves_nothing(world: World) -> None:
    port = int(world.twin.url.rsplit(":", 1)[1])
    second = TwilioTwin()
    with pytest.raises(OSError):
        await second.start(port)
    before = asyncio.all_tasks()
    await second.start()
    await second.stop()
    await second.stop()
    assert asyncio.all_tasks() == before


async def test_stopping_does_not_wait_for_what_hangs() -> None:
    before = asyncio.all_tasks()
    async with running() as world:
        await world.control("POST", "faults", {"path": "*/Balance.json", "fault": {"delay": 60}})
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(world.call("GET", "api", BALANCE), 0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 50, "it did not wait for the delay"
    assert asyncio.all_tasks() == before


async def test_the_page_shows_what_happens(world: World) -> None:
    number = world.a_number("US", "local")
    await world.sdk.incoming_phone_numbers.create_async(phone_number=number)
    async with world.session.get(world.twin.url + "/") as answer:
        text = await answer.text()
        assert answer.status == 200 and number in text and "Support" in text
    for file in ("page.css", "page.js"):
        async with world.session.get(f"{world.twin.url}/static/{file}") as answer:
            assert answer.status == 200
    bundle = next(iter(world.twin.account.bundles.values()))
    await world.control("POST", f"bundles/{bundle.sid}", {"friendly_name": "<script>alert(1)</script>"})
    async with world.session.get(world.twin.url + "/sections") as answer:
        shown = await answer.json()
    assert (
        "&lt;script&gt;" in shown["sections"]["bundles"]
        and "<script>alert" not in shown["sections"]["bundles"]
    )
