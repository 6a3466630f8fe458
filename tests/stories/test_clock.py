"""What the app does when the machine's clock is put right."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import time_machine

from bot import clock
from storage.history import Happened
from storage.models import now
from tests.stories.stage import Person, Stage, asks, until
from tests.stories.test_ready import bought, texts


async def test_a_clock_that_steps_back_an_hour_stops_nothing(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "A bundle is needed")
    purchase_id = card["metadata"]["event_payload"]["id"]
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=True):
        await asyncio.sleep(2)  # the step is noticed within a second
        bundle = (await stage.twilio.get("state"))["bundles"][0]["sid"]
        row = await stage.store.bundle_by_sid(stage.app.settings.twilio_account_sid, bundle)
        purchase = await stage.store.purchase(purchase_id)
        wake_at = now() + timedelta(seconds=1)  # and nobody kicks: the tick has to find it
        await stage.store.revise(
            purchase, Happened("bundle_given"), {"bundle_id": row.id}, waiting=None, wake_at=wake_at
        )

        async def bought() -> bool:
            return await stage.bought() == [number]

        await until(bought, "the purchase goes on")


async def test_an_intent_from_before_the_clock_stepped_back_a_day_is_settled_in_its_usual_time(
    stage: Stage, requester: Person, approver: Person
) -> None:
    """It would else be looked for until the day has come round again."""
    await stage.twilio.post(
        "faults", method="POST", path="*/IncomingPhoneNumbers.json", times=1, fault="cut_before"
    )
    number = await asks(requester)
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    purchase_id = card["metadata"]["event_payload"]["id"]

    async def lost() -> bool:
        return (await stage.store.purchase(purchase_id)).looks == 1

    await until(lost, "the answer was lost, and Twilio asked")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True):

        async def looked() -> bool:
            return (await stage.store.purchase(purchase_id)).looks == 2

        await until(looked, "Twilio is asked once more")
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=140), tick=True):
            stage.running.worker.kick()
            await stage.card("complete")
            assert await stage.bought() == [number]


async def test_a_service_from_before_the_clock_stepped_back_a_day_is_made_in_its_usual_time(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.twilio.post("faults", method="POST", path="*/Services", times=1, fault="cut_before")
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Leeds two"})
    await approver.clicks(await stage.card(), "approve")

    async def claimed() -> datetime | None:
        purchase = await stage.store.purchase((await stage.card())["metadata"]["event_payload"]["id"])
        row = await stage.store.service_named(purchase.workspace_id, purchase.account_sid, "Leeds two")
        return row.claimed_until

    first = await until(claimed, "its making was begun")
    await stage.in_thread(await stage.card(), "bought")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True):

        async def anew() -> bool:
            return (await claimed() or first) < first

        await until(anew, "it is looked for from now on")
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=130), tick=True):
            stage.running.worker.kick()
            await stage.card("complete")
            assert await stage.bought() == [number]
    made = [each["friendly_name"] for each in (await stage.twilio.get("state"))["services"]]
    assert made.count("Leeds two") == 1


async def test_a_test_message_from_before_the_clock_stepped_back_a_day_is_given_up_in_its_usual_time(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver, "CA")
    purchase_id = card["metadata"]["event_payload"]["id"]
    await stage.twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault="cut_before")
    await texts(stage, requester, card)

    async def begun() -> str:
        return str(((await stage.store.purchase(purchase_id)).proof or {}).get("at", ""))

    first = await until(begun, "the intent is written")

    async def cut() -> bool:
        calls = await stage.twilio.get("calls")
        return any(each["path"].endswith("/Messages.json") and each["method"] == "POST" for each in calls)

    await until(cut, "the message was lost on its way")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True):

        async def anew() -> bool:
            return await begun() < first

        await until(anew, "it is looked for from now on")
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=63), tick=True):
            stage.running.worker.kick()
            await stage.in_thread(card, "Send it again")
    assert (await stage.twilio.get("state"))["messages"] == []


async def test_what_twilio_does_not_show_yet_is_not_gone_because_the_clock_stepped_back_a_day(
    stage: Stage, requester: Person, approver: Person
) -> None:
    path = "*/v1/Services/MG*/PhoneNumbers"
    await stage.twilio.post("faults", method="POST", path=path, times=2, fault={"status": 404})
    await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Leeds two"})
    await approver.clicks(await stage.card(), "approve")
    purchase_id = (await stage.card())["metadata"]["event_payload"]["id"]

    async def looked() -> bool:
        return (await stage.store.purchase(purchase_id)).tries == 1

    await until(looked, "it is looked for again")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True):
        await stage.card("complete")


async def test_what_slack_did_not_take_before_the_clock_stepped_back_is_told_soon(
    stage: Stage, requester: Person, approver: Person
) -> None:
    """Put off for some seconds, it would else be due in an hour."""
    await asks(requester)
    card = await stage.card()
    await stage.slack.post("faults", method="chat.postMessage", times=3, fault={"status": 500})
    await approver.clicks(card, "deny")
    await approver.view("card.deny")
    await approver.submits(reason="Over budget")

    async def refused() -> bool:
        calls = await stage.slack.get("calls")
        return (
            sum(each.get("method") == "chat.postMessage" and each["error"] is not None for each in calls) == 3
        )

    await until(refused, "Slack has refused it three times")
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=True):
        await stage.in_thread(card, "Over budget")


async def test_a_clock_that_steps_forward_a_week_stops_nothing(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(requester)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7), tick=True):
        await asyncio.sleep(1.5)
        await approver.clicks(await stage.card("awaiting_approval"), "approve")
        await stage.card("complete")
        assert await stage.bought() == [number]


async def test_with_the_test_only_setting_the_apps_clock_goes_with_the_twins(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.stop_app()
    await stage.start_app(TEST_CLOCK="1")
    number = await asks(requester)
    await stage.twilio.post("account", balance="0.50")
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.in_thread(await stage.card("in_progress"), "does not cover")
    await stage.twilio.post("account", balance="50.00")
    await stage.twilio.post("clock", forward=3600)
    await stage.card("complete")
    assert await stage.bought() == [number]
    assert now() - datetime.now(UTC) > timedelta(minutes=59)
    await stage.stop_app()
    assert now() - datetime.now(UTC) < timedelta(seconds=1)
    await stage.start_app(TEST_CLOCK="")


async def test_an_app_that_starts_lives_by_the_twins_time_from_the_first_moment(stage: Stage) -> None:
    await stage.twilio.post("clock", forward=86400)
    async with aiohttp.ClientSession() as http:
        async with clock.followed(stage.twilio_twin.url, http, lambda: None):
            assert now() - datetime.now(UTC) > timedelta(hours=23)
        assert now() - datetime.now(UTC) < timedelta(seconds=1)
