"""Ready means proven: what is missing is said before the money and after it, and a delivered test message is the proof."""

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.texts import LANGUAGES, Texts
from bot.twilio import messages
from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, asks, shown, until
from tests.stories.test_bundle_news import signed, with_callbacks

PHONE = "+14155550123"
NEW = {"messaging_service": "new", "messaging_service_name": "Leeds"}


async def bought(
    stage: Stage, requester: Person, approver: Person, country: str = "US", **search: Any
) -> Any:
    """The card of a number in a service of its own."""
    await asks(requester, country, review=NEW, **search)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    return await stage.card("complete")


async def service(stage: Stage) -> str:
    state = await stage.twilio.get("state")
    return str(next(each["sid"] for each in state["services"] if each["friendly_name"] == "Leeds"))


async def reads(stage: Stage, words: str) -> Any:
    """The newest card, once its first line has these words."""

    async def there() -> Any:
        card = (await stage.cards())[-1]
        return card if words in card["text"] else None

    return await until(there, f"the card begins with “{words}”")


async def verified(stage: Stage) -> None:
    await stage.twilio.post("a2p", service=await service(stage), campaign_status="VERIFIED")


async def texts(stage: Stage, person: Person, card: Any, to: str = PHONE) -> Any:
    await person.clicks(card, "test")
    await person.view("card.test")
    return await person.submits(to=to)


async def test_what_is_under_way_is_said_and_looked_at_again_by_the_button(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver)
    await stage.twilio.post("a2p", service=await service(stage), campaign_status="IN_PROGRESS")
    await requester.clicks(card, "check")
    await stage.in_thread(card, "under review, which takes ten to fifteen business days")
    errors = [{"error_code": 30886, "description": "Campaign description is invalid"}]
    await stage.twilio.post("a2p", service=await service(stage), campaign_status="FAILED", errors=errors)
    await requester.clicks((await stage.cards())[-1], "check")
    await stage.in_thread(card, "Campaign description is invalid")


async def test_a_toll_free_verification_that_was_rejected_is_said(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    card = await bought(stage, requester, approver, number_type="toll-free")
    assert "cannot text yet" in card["text"]
    (number,) = await stage.bought()
    await twilio.post("tollfree", phone_number=number, status="TWILIO_REJECTED")
    await requester.clicks(card, "check")
    await stage.in_thread(card, "was rejected")


LATER = [code for code in messages.ERRORS if code >= 30000]
AT_ONCE = [code for code in messages.ERRORS if code < 30000]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("codes", [LATER, AT_ONCE], ids=["later", "at once"])
async def test_each_error_of_a_test_message_is_said_in_plain_words(
    stage: Stage,
    requester: Person,
    approver: Person,
    twilio: Control,
    clock: Clock,
    codes: list[int],
    language: str,
) -> None:
    """Those that Twilio refuses with at once, and those that the carrier reports later."""
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE=language)
    card = await bought(stage, requester, approver, "CA")
    said = Texts(language)
    for code in codes:
        if code in LATER:
            await twilio.post("deliveries", to=PHONE, status="undelivered", error_code=code, after=0)
        else:
            fault = {"status": 400, "code": code}
            await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault=fault)
        await clock.forward(3601)  # three an hour
        await texts(stage, requester, (await stage.cards())[-1])
        await clock.forward(5)  # the carrier has reported
        assert await stage.in_thread(card, said(messages.ERRORS[code])), code
    assert (await stage.cards())[-1]["metadata"]["event_payload"]["ready"] != "yes"
    assert len(await stage.thread(card)) >= len(codes)


async def test_a_lost_answer_sends_no_second_message(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card = await bought(stage, requester, approver)
    await verified(stage)
    await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault="cut_after")
    await texts(stage, requester, card)
    for _ in range(20):  # asked for, found, followed: each at its time
        await clock.forward(61)
        await asyncio.sleep(0.2)
    await stage.in_thread(card, "A test message was delivered")
    assert len((await twilio.get("state"))["messages"]) == 1


async def test_a_message_of_which_nothing_was_sent_is_to_be_sent_again(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card = await bought(stage, requester, approver)
    await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault="cut_before")
    await texts(stage, requester, card)
    await clock.forward(62)
    await stage.in_thread(card, "Send it again")
    assert (await twilio.get("state"))["messages"] == []


async def test_three_test_messages_an_hour_and_a_number_that_is_none(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver)
    await requester.clicks(card, "test")
    await requester.view("card.test")
    answer = await requester.submits(to="my phone")
    assert "country code" in answer["errors_by_action"]["to"]
    answer = await requester.submits(to="＋１ ４１５－５５５－０１２３")
    assert not answer.get("errors")
    for sent in (1, 2):

        async def ended(sent: int = sent) -> bool:
            return sum("test message was" in each for each in await stage.thread(card)) == sent

        await until(ended, f"{sent} ended")
        await texts(stage, requester, (await stage.cards())[-1])
    answer = await requester.clicks((await stage.cards())[-1], "test")
    assert "Three test messages" in str(answer["shown"])


async def test_whom_a_test_message_went_to_is_kept_nowhere(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver)
    await verified(stage)
    await texts(stage, requester, card, to="+14155550177")
    await stage.in_thread(card, "A test message was delivered")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    record = await stage.store.record_of(purchase.id)
    assert "5550177" not in str(purchase) + str(record)


async def test_geo_permission_and_dropped_replies_are_said(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="US", enabled=False)
    card = await bought(stage, requester, approver)
    assert "The account may not text to United States" in shown(card)
    assert "Replies are dropped" in shown(card)


async def test_on_a_trial_account_its_limits_are_said_before_and_after(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """With the auth token: a Standard API key may not see the account's type."""
    await twilio.post("account", type="Trial")
    await stage.stop_app()
    await stage.start_app(TWILIO_API_KEY="", TWILIO_API_SECRET="")
    await clock.forward(301)
    await stage.app.market.refresh()
    await asks(requester, review=NEW)
    card = await stage.card("awaiting_approval")
    assert "A trial account: the number is for tests only" in shown(card)
    await approver.clicks(card, "approve")
    assert "A trial account" in shown(await stage.card("complete"))


async def test_any_number_of_the_account_is_checked(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await bought(stage, requester, approver)
    (number,) = await stage.bought()
    await requester.types(f"check {number}")
    text = shown(await requester.view("check"))
    assert "✗ Cannot text US phones" in text and "✓ It is in its messaging service" in text
    (free,) = await stage.app.twilio.available_phone_numbers("US").local.list_async(limit=1)
    await stage.app.twilio.incoming_phone_numbers.create_async(phone_number=free.phone_number)
    await requester.slack.post("close", user=requester.id, view_id=(await requester.view())["id"])
    await requester.types(f"check {free.phone_number.lstrip('+')}")
    assert free.phone_number[-4:] in shown(await requester.view("check")), "one that was not bought here"
    await requester.slack.post("close", user=requester.id, view_id=(await requester.view())["id"])
    await requester.types("check +442079460000")
    assert "is not in the Twilio account" in shown(await requester.view("problem"))
    answer = await requester.types("check me")
    assert "country code" in answer["shown"][0]["text"]


async def test_the_account_is_shown_as_far_as_the_key_may_see_it(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await bought(stage, requester, approver)
    await requester.types("account")
    text = shown(await requester.view("account"))
    assert "one number, *$1.15 a month*" in text and "Balance: *$498.85*" in text
    assert "Not visible with this API key: type and status." in text and "May text: " in text
    await twilio.post("account", balance="0.50")
    await requester.slack.post("close", user=requester.id, view_id=(await requester.view())["id"])
    await requester.types("account")
    assert "does not cover the next month" in shown(await requester.view("account"))


@pytest.mark.parametrize("fault", [None, "lost", "twice", "late"])
async def test_what_becomes_of_a_test_message_is_reported_or_asked_for(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, fault: str | None
) -> None:
    """A callback only wakes the worker, so that none can do harm, and none is needed."""
    await with_callbacks(stage)
    card = await bought(stage, requester, approver)
    await verified(stage)
    if fault is not None:
        await twilio.post("faults", times=1, fault={"callback": fault})
    await texts(stage, requester, card)
    if fault == "lost":
        await clock.forward(61)
    await stage.in_thread(card, "A test message was delivered")
    await stage.twilio_twin.callbacks.settled()
    told = [each for each in await stage.thread(card) if "was delivered" in each]
    assert len(told) == 1
    state = await twilio.get("state")
    assert len(state["messages"]) == 1


async def test_a_forged_report_on_a_message_is_refused(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await with_callbacks(stage)
    card = await bought(stage, requester, approver)
    url = stage.app.settings.message_callback({"purchase": card["metadata"]["event_payload"]["id"]})
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    token = stage.environment["TWILIO_AUTH_TOKEN"]
    assert url is not None
    async with aiohttp.ClientSession() as session:
        for signature, status in (
            ("", 403),
            (signed("guessed", url, form), 403),
            (signed(token, url, form), 204),
        ):
            async with session.post(url, data=form, headers={"X-Twilio-Signature": signature}) as answer:
                assert answer.status == status
    assert (await stage.cards())[-1]["metadata"]["event_payload"]["ready"] == "no", (
        "nothing of it is believed"
    )


async def test_a_number_is_tested_by_a_command_too(
    stage: Stage, requester: Person, approver: Person, outsider: Person
) -> None:
    card = await bought(stage, requester, approver)
    await verified(stage)
    (number,) = await stage.bought()
    answer = await outsider.types(f"test {number}")
    assert "Only" in answer["shown"][0]["text"], "who has nothing to do with it may not"
    await requester.types(f"test {number}")
    await requester.view("card.test")
    await requester.submits(to=PHONE)
    await stage.in_thread(card, "A test message was delivered")
    answer = await requester.types("test")
    assert "`/twilio test +14155550123`" in answer["shown"][0]["text"]


async def test_a_press_days_later_looks_at_everything(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """At the hour only what was missing is asked about; nothing at all once nothing is."""
    card = await bought(stage, requester, approver, "CA")
    await approver.clicks(card, "set_inbound")
    await approver.submits()
    await stage.in_thread(card, "Replies are handed on")
    last = (await twilio.get("calls"))[-1]["number"]
    await clock.forward(3 * 86400)
    await asyncio.sleep(1)
    calls = await twilio.get("calls", since=str(last))
    assert [each for each in calls if "/PhoneNumbers/PN" in each["path"]] == [], "nothing is missing"
    (number,) = (await twilio.get("state"))["owned_numbers"]
    leeds = stage.app.twilio.messaging.v1.services(await service(stage))
    await leeds.phone_numbers(number["sid"]).delete_async()
    await requester.clicks((await stage.cards())[-1], "check")
    await stage.in_thread(card, "is not in its messaging service any more")
