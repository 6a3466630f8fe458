"""Services, their numbers, messages and senders of the Twilio twin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from sandbox.twilio.callbacks import signature
from tests.sandbox.twilio_world import TOKEN, V2010, World, refusal, running

MESSAGES = V2010 + "/Messages.json"
TO = "+14155552671"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


def support(world: World) -> Any:
    return world.sdk.messaging.v1.services(next(iter(world.twin.account.services)))


async def bought(world: World, country: str = "US", number_type: str = "local", **settings: Any) -> Any:
    number = world.a_number(country, number_type)
    return await world.sdk.incoming_phone_numbers.create_async(phone_number=number, **settings)


async def test_services_are_made_changed_and_listed_in_pages(world: World) -> None:
    services = world.sdk.messaging.v1.services
    made = await services.create_async(
        friendly_name="Sales", usecase="marketing", inbound_request_url="https://example.com"
    )
    assert made.sid.startswith("MG") and made.usecase == "marketing" and made.validity_period == 36000
    assert made.us_app_to_person_registered is False and made.use_inbound_webhook_on_number is False
    changed = await services(made.sid).update_async(friendly_name="Sales 2", sticky_sender=False)
    assert (changed.friendly_name, changed.sticky_sender) == ("Sales 2", False)
    page = await world.call("GET", "messaging", "/v1/Services", {"PageSize": "1"})
    assert page.body["meta"]["next_page_url"].startswith(
        "https://messaging.twilio.com/v1/Services?PageSize=1&Page=1"
    )
    assert page.body["meta"]["key"] == "services" and page.body["services"][0]["date_created"].endswith("Z")
    assert [s.friendly_name for s in await services.list_async(page_size=1)] == ["Sales 2", "Support"]
    assert await services(made.sid).delete_async()
    assert await refusal(services(made.sid).fetch_async()) == (404, 21701)
    assert (
        await world.call("POST", "messaging", "/v1/Services", FriendlyName="x", Usecase="spam")
    ).code == 21713
    assert (await world.call("GET", "messaging", "/v1/Services/MGxx")).code == 21705
    assert (await world.call("POST", "messaging", "/v1/Services", FriendlyName="x" * 65)).code == 20002
    world.pardon()
    assert len((await world.call("GET", "messaging", "/v1/Services/Usecases")).body["usecases"]) == 6


async def test_a_number_is_in_one_service_only(world: World) -> None:
    number = await bought(world)
    other = await world.sdk.messaging.v1.services.create_async(friendly_name="Other")
    attached = await support(world).phone_numbers.create_async(phone_number_sid=number.sid)
    assert attached.sid == number.sid and attached.capabilities == ["MMS", "SMS", "Voice"]
    assert await refusal(support(world).phone_numbers.create_async(phone_number_sid=number.sid)) == (
        409,
        21710,
    )
    theirs = world.sdk.messaging.v1.services(other.sid).phone_numbers
    assert await refusal(theirs.create_async(phone_number_sid=number.sid)) == (409, 21712)
    assert [n.phone_number for n in await support(world).phone_numbers.list_async()] == [number.phone_number]
    assert await support(world).phone_numbers(number.sid).delete_async()
    assert await refusal(support(world).phone_numbers(number.sid).delete_async()) == (404, 21711)
    assert (await theirs.create_async(phone_number_sid=number.sid)).service_sid == other.sid
    assert await refusal(theirs.create_async(phone_number_sid="PN" + "0" * 32)) == (400, 21421)
    state = await world.control("GET", "state")
    assert [s["senders"] for s in state["services"]][1][0]["phone_number"] == number.phone_number


async def test_a_number_that_cannot_text_is_not_attached(world: World) -> None:
    seeded = next(iter(world.twin.account.addresses))
    number = await bought(world, "EE", "local", address_sid=seeded)
    assert await refusal(support(world).phone_numbers.create_async(phone_number_sid=number.sid)) == (
        400,
        21715,
    )


async def test_nothing_is_registered_at_first(world: World) -> None:
    assert await support(world).us_app_to_person.list_async() == []
    assert await support(world).channel_senders.list_async() == []
    assert await world.sdk.messaging.v1.tollfree_verifications.list_async() == []
    assert await world.sdk.messaging.v1.brand_registrations.list_async() == []


async def test_a_message_through_a_service_is_delivered_by_the_clock(world: World) -> None:
    number = await bought(world, "SE", "mobile")
    await support(world).phone_numbers.create_async(phone_number_sid=number.sid)
    service_sid = next(iter(world.twin.account.services))
    sent = await world.sdk.messages.create_async(to=TO, messaging_service_sid=service_sid, body="Hello")
    assert (sent.status, sent.from_, sent.num_segments, sent.price) == ("accepted", None, "0", None)
    await world.control("POST", "clock", {"forward": 0.5})
    queued = await world.sdk.messages(sent.sid).fetch_async()
    assert (queued.status, queued.from_, queued.num_segments) == ("queued", number.phone_number, "1")
    await world.control("POST", "clock", {"forward": 5})
    delivered = await world.sdk.messages(sent.sid).fetch_async()
    assert delivered.status == "delivered" and delivered.price == "-0.00790" and delivered.date_sent
    assert [m.sid for m in await world.sdk.messages.list_async(to=TO)] == [sent.sid]


async def test_us_numbers_need_a_registration_before_they_may_text(world: World) -> None:
    local, free = await bought(world), await bought(world, "US", "toll-free")
    for number, code in ((local, 30034), (free, 30032)):
        sent = await world.sdk.messages.create_async(to=TO, from_=number.phone_number, body="Hello")
        assert sent.status == "queued"
        world.twin.forward(5)
        held = await world.sdk.messages(sent.sid).fetch_async()
        assert (held.status, held.error_code, held.price) == ("undelivered", code, None)
    await support(world).phone_numbers.create_async(phone_number_sid=local.sid)
    service_sid = next(iter(world.twin.account.services))
    await world.control("POST", "a2p", {"service": service_sid, "campaign_status": "VERIFIED"})
    sent = await world.sdk.messages.create_async(to=TO, from_=local.phone_number, body="Hello")
    world.twin.forward(5)
    assert (await world.sdk.messages(sent.sid).fetch_async()).status == "delivered"


async def test_what_cannot_be_sent_is_refused_at_once(world: World) -> None:
    number = (await bought(world)).phone_number
    service_sid = next(iter(world.twin.account.services))
    for code, form in (
        (21604, {"From": number, "Body": "x"}),
        (21603, {"To": TO, "Body": "x"}),
        (21602, {"To": TO, "From": number}),
        (21617, {"To": TO, "From": number, "Body": "x" * 1601}),
        (21211, {"To": "12", "From": number, "Body": "x"}),
        (21212, {"To": TO, "From": "+1", "Body": "x"}),
        (21606, {"To": TO, "From": "+14155550100", "Body": "x"}),
        (21704, {"To": TO, "MessagingServiceSid": service_sid, "Body": "x"}),
        (21701, {"To": TO, "MessagingServiceSid": "MG" + "0" * 32, "Body": "x"}),
        (63007, {"To": "whatsapp:" + TO, "From": "whatsapp:" + number, "Body": "x"}),
        *((code, {"To": to, "From": number, "Body": "x"}) for to, code in (
            ("+15005550001", 21211), ("+15005550002", 21612), ("+15005550003", 21408),
            ("+15005550004", 21610), ("+15005550009", 21614),
        )),
    ):  # fmt: skip
        answer = await world.call("POST", "api", MESSAGES, **form)
        assert answer.code == code and answer.status in (400, 404), form
    world.pardon()
    await world.control("POST", "account", {"type": "Trial"})
    assert (await world.call("POST", "api", MESSAGES, To=TO, From=number, Body="x")).code == 21608


async def test_message_callbacks_are_signed(world: World) -> None:
    heard: list[dict[str, str]] = []

    async def hear(request: web.Request) -> web.Response:
        form = {k: str(v) for k, v in (await request.post()).items()}
        ok = RequestValidator(TOKEN).validate(str(request.url), form, request.headers["X-Twilio-Signature"])
        heard.append(form | {"signed": str(ok)})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hear", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    number = await bought(world, "SE", "mobile")
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hear?a=1"
    await world.sdk.messages.create_async(to=TO, from_=number.phone_number, body="x", status_callback=url)
    world.twin.forward(5)
    await world.twin.callbacks.settled()
    await runner.cleanup()
    assert sorted(h["MessageStatus"] for h in heard) == ["delivered", "queued", "sent"]
    assert {h["signed"] for h in heard} == {"True"}


def test_the_signature_is_that_of_the_published_example() -> None:
    assert signature("12345", "https://example.com/myapp#ct=1", {"Digits": "1234", "CallSid": "CA123"}) == (
        "/FjyNp73fGoZ/nxGjMk4e5Keq7c="
    )


async def test_whatsapp_senders_speak_json_and_answer_202(world: World) -> None:
    number = await bought(world)
    sender_id = f"whatsapp:{number.phone_number}"
    body = {"sender_id": sender_id, "configuration": {"waba_id": "1"}, "profile": {"name": "Example"}}

    async def make() -> tuple[int, Any]:
        auth = world.call
        import aiohttp

        headers = {
            "Host": "messaging.twilio.com",
            "Authorization": aiohttp.encode_basic_auth(auth.user, auth.password),
        }
        async with world.session.post(
            world.twin.url + "/v2/Channels/Senders", json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    status, refused = await make()
    assert (status, refused["code"]) == (400, 63103)  # the first one is made in the Console
    world.twin.account.senders["XE" + "1" * 32] = {
        "sid": "XE" + "1" * 32, "status": "ONLINE", "sender_id": "whatsapp:+442079460001", "configuration": {"waba_id": "1"},
    }  # fmt: skip
    status, made = await make()
    assert status == 202 and made["status"] == "CREATING"
    world.twin.forward(3)
    found = await world.call("GET", "messaging", "/v2/Channels/Senders", {"Channel": "whatsapp"})
    assert [s["status"] for s in found.body["senders"]] == ["ONLINE", "ONLINE"]
