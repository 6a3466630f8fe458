"""What the Twilio twin knows of sending: registrations, permissions, senders, and what becomes of messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.twilio.sending_control import WABA_ID
from sandbox.twilio.state import Account
from tests.sandbox.twilio_world import V2010, World, refusal, running

MESSAGES = V2010 + "/Messages.json"
TO = "+14155552671"
BU = "BU" + "1" * 32
LONG = "Tells customers of the example shop that their parcel has left the house."
CAMPAIGN = {
    "Description": LONG,
    "MessageFlow": LONG,
    "MessageSamples": [LONG, LONG],
    "UsAppToPersonUsecase": "DELIVERY_NOTIFICATION",
    "HasEmbeddedLinks": "false",
    "HasEmbeddedPhone": "false",
}
VERIFICATION = {
    "BusinessName": "Example Ltd",
    "BusinessWebsite": "https://www.example.com",
    "NotificationEmail": "robin@example.com",
    "UseCaseCategories": ["DELIVERY_NOTIFICATIONS"],
    "UseCaseSummary": "Parcels",
    "ProductionMessageSample": "Your parcel is on its way",
    "OptInImageUrls": ["https://www.example.com/form.png"],
    "OptInType": "WEB_FORM",
    "MessageVolume": "1,000",
    "BusinessRegistrationNumber": "12-3456789",
    "BusinessRegistrationAuthority": "EIN",
    "BusinessRegistrationCountry": "US",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def bought(world: World, country: str = "US", number_type: str = "local") -> Any:
    number = world.a_number(country, number_type)
    return await world.sdk.incoming_phone_numbers.create_async(phone_number=number)


def service_sid(world: World) -> str:
    return next(iter(world.twin.account.services))


async def sent(world: World, to: str, from_: str, **more: Any) -> Any:
    """A message as it is ten seconds later."""
    made = await world.sdk.messages.create_async(to=to, from_=from_, **{"body": "Hello"} | more)
    world.twin.forward(10)
    return await world.sdk.messages(made.sid).fetch_async()


# Registrations


async def test_a_campaign_needs_an_approved_brand_and_every_field(world: World) -> None:
    path = f"/v1/Services/{service_sid(world)}/Compliance/Usa2p"
    brands = world.sdk.messaging.v1.brand_registrations
    brand = await brands.create_async(customer_profile_bundle_sid=BU, a2p_profile_bundle_sid=BU)
    assert brand.status == "PENDING" and [b.sid for b in await brands.list_async()] == [brand.sid]
    form = CAMPAIGN | {"BrandRegistrationSid": brand.sid}
    assert (await world.call("POST", "messaging", path, **form)).code == 21717
    await world.control("POST", "a2p", {"service": service_sid(world), "campaign_status": "FAILED", "brand_status": "APPROVED"})  # fmt: skip
    assert (await brands(brand.sid).fetch_async()).status == "APPROVED"
    campaigns = world.sdk.messaging.v1.services(service_sid(world)).us_app_to_person
    [failed] = await campaigns.list_async()
    assert failed.campaign_status == "FAILED" and failed.errors[0]["error_code"] == 30886
    again = {k: v for k, v in CAMPAIGN.items() if k != "UsAppToPersonUsecase"}
    edited = await world.call(
        "POST", "messaging", f"{path}/{failed.sid}", **again, AgeGated="false", DirectLending="false"
    )
    assert edited.status == 200 and edited.body["campaign_status"] == "IN_PROGRESS"
    assert await campaigns(failed.sid).delete_async() and await campaigns.list_async() == []
    for code, changes in (
        (21720, {"UsAppToPersonUsecase": "CHATTING"}),
        (20422, {"Description": "short"}),
        (20422, {"MessageSamples": [LONG]}),
    ):
        assert (await world.call("POST", "messaging", path, **form | changes)).code == code, changes
    lacking = {name: value for name, value in form.items() if name != "MessageFlow"}
    assert (await world.call("POST", "messaging", path, **lacking)).code == 21727
    world.pardon()
    made = await world.call("POST", "messaging", path, **form)
    assert made.status == 201 and made.body["campaign_status"] == "IN_PROGRESS"
    assert (await world.call("POST", "messaging", path, **form)).code == 20409
    assert (await campaigns(made.body["sid"]).fetch_async()).brand_registration_sid == brand.sid
    assert (
        len((await world.call("GET", "messaging", f"{path}/Usecases")).body["us_app_to_person_usecases"]) > 5
    )


async def test_a_us_number_texts_the_us_once_its_campaign_is_verified(world: World) -> None:
    number, service = await bought(world), world.sdk.messaging.v1.services(service_sid(world))
    await service.phone_numbers.create_async(phone_number_sid=number.sid)
    for status, code in (
        (None, 30034), ("IN_PROGRESS", 30035), ("FAILED", 30034), ("SUSPENDED", 30034), ("VERIFIED", None),
    ):  # fmt: skip
        await world.control("POST", "a2p", {"service": service_sid(world), "campaign_status": status})
        message = await sent(world, TO, number.phone_number)
        assert (message.error_code, message.status == "delivered") == (code, code is None), status
        assert (await service.fetch_async()).us_app_to_person_registered is (status == "VERIFIED")


async def test_a_toll_free_number_texts_once_it_is_verified(world: World) -> None:
    number = await bought(world, "US", "toll-free")
    verifications = world.sdk.messaging.v1.tollfree_verifications
    form = VERIFICATION | {"TollfreePhoneNumberSid": number.sid}
    lacking = {name: value for name, value in form.items() if name != "BusinessRegistrationNumber"}
    path = "/v1/Tollfree/Verifications"
    assert (await world.call("POST", "messaging", path, **lacking)).code == 20001
    made = await world.call("POST", "messaging", path, **form)
    assert made.status == 201 and made.body["status"] == "PENDING_REVIEW"
    assert (await world.call("POST", "messaging", path, **form)).code == 20409
    assert (await sent(world, TO, number.phone_number)).error_code == 30032
    order = {
        "phone_number": number.phone_number,
        "status": "TWILIO_REJECTED",
        "rejection_reasons": ["No opt-in"],
    }
    await world.control("POST", "tollfree", order)
    [rejected] = await verifications.list_async(tollfree_phone_number_sid=number.sid)
    assert (rejected.rejection_reason, rejected.edit_allowed, rejected.error_code) == (
        "No opt-in",
        True,
        30445,
    )
    assert (await sent(world, TO, number.phone_number)).error_code == 30032
    edited = await world.call("POST", "messaging", f"{path}/{rejected.sid}", UseCaseSummary="Parcels only")
    assert edited.status == 202 and edited.body["status"] == "PENDING_REVIEW"
    assert (await world.call("POST", "messaging", f"{path}/{rejected.sid}", UseCaseSummary="x")).code == 20409
    await world.control("POST", "tollfree", order | {"status": "TWILIO_APPROVED"})
    assert (await sent(world, TO, number.phone_number)).status == "delivered"
    assert (await verifications(rejected.sid).fetch_async()).status == "TWILIO_APPROVED"
    refused = await world.call(
        "POST", "api", MESSAGES, To="+442083661177", From=number.phone_number, Body="x"
    )
    assert refused.code == 21612
    assert await verifications(rejected.sid).delete_async() and await verifications.list_async() == []


async def test_a_trial_account_registers_nothing(world: World) -> None:
    await world.control("POST", "account", {"type": "Trial"})
    brands = world.sdk.messaging.v1.brand_registrations
    making = brands.create_async(customer_profile_bundle_sid=BU, a2p_profile_bundle_sid=BU)
    assert await refusal(making) == (403, 20403)


async def test_a_trial_account_says_so_in_every_text(world: World) -> None:
    number = await bought(world, "SE", "mobile")
    await world.sdk.validation_requests.create_async(phone_number=TO)
    await world.control("POST", "account", {"type": "Trial"})
    message = await sent(world, TO, number.phone_number)
    assert message.body == "Sent from your Twilio trial account - Hello"


# Where texts may go


async def test_a_country_is_texted_only_with_its_permission(world: World) -> None:
    number = await bought(world, "SE", "mobile")
    permissions = world.sdk.accounts.v1.messaging_geopermissions
    form = {"To": "+923012345678", "From": number.phone_number, "Body": "x"}
    assert (await world.call("POST", "api", MESSAGES, **form)).code == 21408
    [pakistan, states] = (await permissions.fetch_async(country_code="PK,US")).permissions
    assert pakistan == {
        "country_code": "PK",
        "type": "country",
        "enabled": False,
        "prefix": "+92",
        "message": "",
    }
    assert states["enabled"] is True and len((await permissions.fetch_async()).permissions) > 200
    changed = await permissions.update_async([{"country_code": "PK", "type": "country", "enabled": True}])
    assert changed.permissions[0]["error_code"] == 0
    assert (await world.call("POST", "api", MESSAGES, **form)).status == 201
    order = {"country": "PK", "enabled": False, "high_risk": True}
    assert await world.control("POST", "geo", order) == order
    text = json.dumps({"country_code": "PK", "type": "country", "enabled": True})
    refused = await world.call("PATCH", "accounts", "/v1/Messaging/GeoPermissions", Permissions=text)
    assert refused.body["permissions"] == [
        {"country_code": "PK", "type": "country", "enabled": False, "error_code": 30649,
         "error_messages": ["High risk country permission cannot be updated"]},
    ]  # fmt: skip
    [pakistan] = (await permissions.fetch_async(country_code="PK")).permissions
    assert pakistan["message"] == "High Risk Country"
    for wrong in (
        "no",
        '{"country_code": "XX", "enabled": true}',
        '{"country_code": "PK", "enabled": "yes"}',
    ):
        found = await world.call("PATCH", "accounts", "/v1/Messaging/GeoPermissions", Permissions=wrong)
        assert found.code == 20001


async def test_a_new_account_texts_its_own_country_only(world: World) -> None:
    made = await world.as_main("POST", "api", "/2010-04-01/Accounts.json", FriendlyName="Branch")
    found: Account = world.twin.world.accounts[made.body["sid"]]
    assert found.geo_permissions == {"US"}


async def test_a_landline_gets_nothing(world: World) -> None:
    number = await bought(world, "SE", "mobile")
    for to in ("+442083661177", "+18002345678"):
        message = await sent(world, to, number.phone_number)
        assert (message.status, message.error_code) == ("undelivered", 30006), to
    assert (await sent(world, "+447912345678", number.phone_number)).status == "delivered"


async def test_what_becomes_of_messages_can_be_ordered(world: World) -> None:
    number, other = await bought(world), await bought(world)
    order = {"to": TO, "status": "undelivered", "error_code": 30003, "after": 60}
    assert await world.control("POST", "deliveries", order) == order
    slow = await sent(world, TO, number.phone_number)
    assert slow.status == "sent" and slow.price
    world.twin.forward(60)
    done = await world.sdk.messages(slow.sid).fetch_async()
    assert (done.status, done.error_code) == ("undelivered", 30003)
    assert done.error_message == "Unreachable destination handset"
    for status, code in (("delivered", None), ("sent", None), ("failed", 30008)):
        await world.control("POST", "deliveries", {"to": TO, "status": status, "after": 0})
        message = await sent(world, TO, number.phone_number)
        assert (message.status, message.error_code) == (status, code)
    await world.control("POST", "deliveries", {"to": TO})
    assert (await sent(world, TO, number.phone_number)).error_code == 30034
    same = await world.call("POST", "api", MESSAGES, To=other.phone_number, From=other.phone_number, Body="x")
    assert same.code == 21266


async def test_a_scheduled_message_leaves_at_its_time(world: World) -> None:
    number = await bought(world, "SE", "mobile")
    service = world.sdk.messaging.v1.services(service_sid(world))
    await service.phone_numbers.create_async(phone_number_sid=number.sid)
    at = world.twin.world.now() + timedelta(hours=1)
    later = {"messaging_service_sid": service_sid(world), "schedule_type": "fixed", "send_at": at}
    first = await world.sdk.messages.create_async(to=TO, body="Hello", **later)
    second = await world.sdk.messages.create_async(to=TO, body="Hello", **later)
    assert (await world.sdk.messages(second.sid).update_async(status="canceled")).status == "canceled"
    await world.control("POST", "deliveries", {"to": TO, "status": "delivered", "after": 600})
    seen = []
    for seconds in (0, 3000, 700, 600):
        world.twin.forward(seconds)
        seen.append((await world.sdk.messages(first.sid).fetch_async()).status)
    assert seen == ["scheduled", "scheduled", "sent", "delivered"]
    assert (await world.sdk.messages(second.sid).fetch_async()).status == "canceled"


# What comes in


async def test_incoming_messages_are_listed_and_told(world: World) -> None:
    heard: list[dict[str, str]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append({k: str(v) for k, v in (await request.post()).items()})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hear", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hear"
    number = await world.sdk.incoming_phone_numbers.create_async(
        phone_number=world.a_number("SE", "mobile"), sms_url=url
    )
    came = {"to": number.phone_number, "from": TO, "body": "Are you there?"}
    answer = await world.control("POST", "incoming", came)
    assert answer["message"]["direction"] == "inbound"
    [message] = await world.sdk.messages.list_async(to=number.phone_number, from_=TO)
    assert (message.status, message.body, message.direction) == ("received", "Are you there?", "inbound")
    # In a service the number's own address counts only where the service says so.
    service = world.sdk.messaging.v1.services(service_sid(world))
    await service.phone_numbers.create_async(phone_number_sid=number.sid)
    assert (await world.control("POST", "incoming", came))["message"] is None
    await service.update_async(use_inbound_webhook_on_number=True)
    assert (await world.control("POST", "incoming", came))["message"]["messaging_service_sid"] == service_sid(
        world
    )
    await world.twin.callbacks.settled()
    await runner.cleanup()
    assert [(h["From"], h["Body"], h["SmsStatus"]) for h in heard] == [(TO, "Are you there?", "received")] * 2
    assert len(await world.sdk.messages.list_async(to=number.phone_number)) == 2


async def test_who_wrote_stop_gets_nothing_until_start(world: World) -> None:
    number, other = await bought(world, "SE", "mobile"), await bought(world, "SE", "mobile")
    form = {"To": TO, "From": number.phone_number, "Body": "x"}
    await world.control("POST", "incoming", {"to": number.phone_number, "from": TO, "body": " stop "})
    assert (await world.call("POST", "api", MESSAGES, **form)).code == 21610
    assert (await world.call("POST", "api", MESSAGES, **form | {"From": other.phone_number})).status == 201
    await world.control("POST", "incoming", {"to": number.phone_number, "from": TO, "body": "START"})
    assert (await world.call("POST", "api", MESSAGES, **form)).status == 201
    # In a service people opt out of all its numbers.
    service = world.sdk.messaging.v1.services(service_sid(world))
    for each in (number, other):
        await service.phone_numbers.create_async(phone_number_sid=each.sid)
    await world.control("POST", "incoming", {"to": number.phone_number, "from": TO, "body": "STOP"})
    through = {"To": TO, "MessagingServiceSid": service_sid(world), "Body": "x"}
    assert (await world.call("POST", "api", MESSAGES, **through)).code == 21610
    assert (await world.call("POST", "api", MESSAGES, **form | {"From": other.phone_number})).code == 21610


# WhatsApp


async def test_a_whatsapp_sender_from_the_console_joins_a_service_and_writes(world: World) -> None:
    number = await bought(world)
    made = await world.control("POST", "senders", {"phone_number": number.phone_number, "status": "CREATING"})
    sender, person = f"whatsapp:{number.phone_number}", f"whatsapp:{TO}"
    form = {"To": person, "From": sender, "Body": "Hello"}
    assert (await world.call("POST", "api", MESSAGES, **form)).code == 63007
    await world.control("POST", "senders", {"phone_number": number.phone_number})
    senders = await world.call("GET", "messaging", "/v2/Channels/Senders", {"Channel": "whatsapp"})
    assert [(s["sid"], s["status"]) for s in senders.body["senders"]] == [(made["sid"], "ONLINE")]
    service = world.sdk.messaging.v1.services(service_sid(world))
    joined = await service.channel_senders.create_async(sid=made["sid"])
    assert (joined.sender, joined.sender_type, joined.country_code) == (sender, "WhatsApp", "US")
    assert await refusal(service.channel_senders.create_async(sid=made["sid"])) == (409, 21710)
    assert [s.sid for s in await service.channel_senders.list_async()] == [made["sid"]]
    # Outside of the day after a message of theirs only a template reaches people.
    message = await sent(world, person, sender)
    assert (message.status, message.error_code) == ("undelivered", 63016)
    assert (await sent(world, person, sender, content_sid="HX" + "1" * 32)).status == "delivered"
    await world.control("POST", "incoming", {"to": sender, "from": person, "body": "Hi"})
    through = await world.sdk.messages.create_async(
        to=person, messaging_service_sid=service_sid(world), body="Hi"
    )
    world.twin.forward(10)
    found = await world.sdk.messages(through.sid).fetch_async()
    assert (found.status, found.from_) == ("delivered", sender)
    world.twin.forward(24 * 3600)
    assert (await sent(world, person, sender)).error_code == 63016
    assert await service.channel_senders(made["sid"]).delete_async()
    assert await service.channel_senders.list_async() == []


async def test_the_api_makes_two_senders_at_most(world: World) -> None:
    await world.control("POST", "senders", {"phone_number": "+442079460001"})
    seen = []
    for digit in "23":
        body = {
            "sender_id": f"whatsapp:+44207946000{digit}",
            "configuration": {"waba_id": WABA_ID},
            "profile": {"name": "Example"},
        }
        status, answer = await posted(world, "/v2/Channels/Senders", body)
        seen.append((status, answer.get("code")))
    assert seen == [(202, None), (400, 63104)]


async def posted(world: World, path: str, body: Any) -> tuple[int, Any]:
    """Status and answer: senders take JSON."""
    headers = {
        "Host": "messaging.twilio.com",
        "Authorization": aiohttp.encode_basic_auth(world.call.user, world.call.password),
    }
    async with world.session.post(world.twin.url + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def registered(world: World, number: Any) -> Any:
    """The sender of an account that has its first one, three seconds later."""
    await world.control("POST", "senders", {"phone_number": "+442079460001"})
    asked = {"sender_id": f"whatsapp:{number.phone_number}", "profile": {"name": "Example"}}
    configuration = {"waba_id": WABA_ID, "verification_method": "sms"}
    made = await posted(world, "/v2/Channels/Senders", {**asked, "configuration": configuration})
    assert made[0] == 202, made
    world.twin.forward(3)
    return made[1]["sid"]


async def shown_sender(world: World, sid: str) -> Any:
    state = await world.control("GET", "state")
    return next(each for each in state["whatsapp_senders"] if each["sid"] == sid)


async def test_a_number_with_sms_is_verified_by_itself_and_by_the_code_that_was_ordered_for_it(
    world: World,
) -> None:
    plain, asked = await bought(world), await bought(world)
    sid = await registered(world, plain)
    assert (await shown_sender(world, sid))["status"] == "ONLINE"
    await world.control("POST", "senders", {"phone_number": plain.phone_number, "status": None})
    order = {"phone_number": asked.phone_number, "code": "493817"}
    assert await world.control("POST", "senders", order) == order
    sid = await registered(world, asked)
    waits = await shown_sender(world, sid)
    assert (waits["status"], waits["code"]) == ("PENDING_VERIFICATION", "493817")
    [message] = await world.sdk.messages.list_async(to=asked.phone_number)
    assert "493-817" in message.body and message.direction == "inbound"
    path = f"/v2/Channels/Senders/{sid}"
    wrong = await posted(world, path, {"configuration": {"verification_code": "111111"}})
    assert (wrong[0], wrong[1]["code"]) == (400, 63113)
    right = await posted(world, path, {"configuration": {"verification_code": "493817"}})
    assert (right[0], right[1]["status"]) == (202, "VERIFYING")
    assert right[1]["configuration"]["waba_id"] == WABA_ID
    world.twin.forward(3)
    done = await shown_sender(world, sid)
    assert (done["status"], done["code"]) == ("ONLINE", None)


async def test_a_number_without_sms_is_told_its_code_in_a_call(world: World) -> None:
    number = await bought(world, "NZ", "toll-free")
    assert "sms" not in world.twin.account.number(number.phone_number).capabilities
    waits = await shown_sender(world, await registered(world, number))
    assert waits["status"] == "PENDING_VERIFICATION" and len(waits["code"]) == 6
    assert await world.sdk.messages.list_async(to=number.phone_number) == []
    async with world.session.get(world.twin.url + "/") as answer:
        page = await answer.text()
    assert f"{waits['code'][:3]}-{waits['code'][3:]}" in page and number.phone_number in page


async def test_a_sender_says_why_it_is_offline(world: World) -> None:
    reasons = [{"code": "63110", "message": "Taken", "more_info": "https://www.twilio.com/docs/errors/63110"}]
    order = {"phone_number": TO, "status": "OFFLINE", "offline_reasons": reasons}
    assert (await world.control("POST", "senders", order))["offline_reasons"] == reasons
    answer = await world.control("POST", "senders", {"phone_number": TO, "status": "OFFLINE"})
    assert answer["offline_reasons"][0]["code"] == "63020"
    assert (await world.control("POST", "senders", {"phone_number": TO}))["offline_reasons"] is None


# What it cost, and what went wrong


async def test_usage_is_told_by_category_and_by_time(world: World) -> None:
    local, free = await bought(world), await bought(world, "US", "toll-free")
    other = await bought(world, "SE", "mobile")
    await sent(world, TO, other.phone_number)
    records = world.sdk.usage.records
    found = {r.category: r for r in await records.this_month.list_async()}
    costs = {
        c: float(found[c].price)
        for c in ("phonenumbers", "phonenumbers-local", "phonenumbers-tollfree", "sms")
    }
    assert costs == {
        "phonenumbers": 6.3,
        "phonenumbers-local": 1.15,
        "phonenumbers-tollfree": 2.15,
        "sms": 0.0079,
    }
    assert (found["phonenumbers"].count, found["phonenumbers"].price_unit) == ("3", "usd")
    assert float(found["totalprice"].price) == pytest.approx(6.3079)
    [last] = await records.last_month.list_async(category="phonenumbers")
    assert (last.count, float(last.price)) == ("0", 0.0)
    world.twin.forward(2 * 24 * 3600)
    days = await records.daily.list_async(category="phonenumbers-local")
    assert [r.count for r in days] == ["0", "0", "1"]
    assert (await records.list_async(category="totalprice"))[0].usage_unit == "usd"
    for resource in (records.monthly, records.yearly, records.today, records.yesterday, records.all_time):
        assert await resource.list_async(category="sms")
    assert local.sid and free.sid


async def test_who_bought_what_and_what_failed_can_be_read(world: World) -> None:
    number = await bought(world)
    await sent(world, TO, number.phone_number)
    monitor = world.sdk.monitor.v1
    [created] = await monitor.events.list_async(event_type="phone-number.created")
    assert (created.resource_sid, created.source) == (number.sid, "api")
    [alert] = await monitor.alerts.list_async(log_level="error")
    assert alert.error_code == "30034" and alert.resource_sid.startswith("SM")
    assert (await monitor.alerts(alert.sid).fetch_async()).alert_text == alert.alert_text
    await number.delete_async()
    kinds = [e.event_type for e in await monitor.events.list_async(resource_sid=number.sid)]
    assert kinds == ["phone-number.deleted", "phone-number.created"]
    assert (await monitor.events(created.sid).fetch_async()).event_type == "phone-number.created"
    world.twin.forward(31 * 24 * 3600)
    assert await monitor.alerts.list_async() == []


async def test_orders_for_sending_that_make_no_sense_are_refused_with_a_reason(world: World) -> None:
    number = await bought(world)
    for path, body, status in (
        ("a2p", {"service": "MGx", "campaign_status": "VERIFIED"}, 404),
        ("a2p", {"service": service_sid(world), "campaign_status": "GOOD"}, 400),
        ("tollfree", {"phone_number": number.phone_number, "status": "TWILIO_APPROVED"}, 400),
        ("tollfree", {"phone_number": TO, "status": "TWILIO_APPROVED"}, 404),
        ("geo", {"country": "XX", "enabled": True}, 400),
        ("geo", {"country": "PK", "enabled": "yes"}, 400),
        ("senders", {"phone_number": "1", "status": "ONLINE"}, 400),
        ("senders", {"phone_number": TO, "status": "HAPPY"}, 400),
        ("senders", {"phone_number": TO, "code": "12345x"}, 400),
        ("deliveries", {"to": TO, "status": "lost"}, 400),
        ("deliveries", {"to": TO, "status": "delivered", "error_code": 30003}, 400),
        ("deliveries", {"to": TO, "status": "failed", "after": "soon"}, 400),
        ("incoming", {"to": TO, "from": TO, "body": "x"}, 404),
        ("incoming", {"to": number.phone_number, "from": f"whatsapp:{TO}", "body": "x"}, 400),
    ):
        answer = await world.control("POST", path, body, status)
        assert answer["error"], body


async def test_the_state_tells_what_is_registered(world: World) -> None:
    free = await bought(world, "US", "toll-free")
    await world.control("POST", "a2p", {"service": service_sid(world), "campaign_status": "VERIFIED"})
    await world.control("POST", "tollfree", {"phone_number": free.phone_number, "status": "IN_REVIEW"})
    await world.control("POST", "senders", {"phone_number": free.phone_number, "status": "OFFLINE"})
    state = await world.control("GET", "state")
    assert state["services"][0]["campaign_status"] == "VERIFIED" and len(state["brands"]) == 1
    assert state["tollfree_verifications"][0]["status"] == "IN_REVIEW"
    assert state["whatsapp_senders"][0]["status"] == "OFFLINE"
    assert state["geo_permissions"] == ["CA", "GB", "US"]
    async with world.session.get(world.twin.url + "/") as answer:
        assert "A2P campaign: VERIFIED" in await answer.text()
