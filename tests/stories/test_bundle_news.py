"""What becomes of a bundle after it was sent: found by polling or by Twilio's callback, announced once, acted upon."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlmodel import col, select

from bot.bundles import operations as bundles
from bot.texts import Texts
from handlers.bundle import news as alerts_of
from storage.models import Bundle, Card, Outgoing, State, now
from tests import rows
from tests.ports import free_port
from tests.stories import filling
from tests.stories.conftest import Clock
from tests.stories.filling import PNG, TYPED, Filler, alerts
from tests.stories.stage import Control, Person, Stage, asks, field_ids, shown, state_of, until
from tests.stories.stage import stage as set_stage

REASON = "The register excerpt is older than six months."


async def channel(stage: Stage) -> list[dict[str, Any]]:
    return await stage.messages("C0BUNDLES")


async def polls(stage: Stage) -> None:
    """One poll from beginning to end, and all that it owes delivered."""
    await stage.running.watch.poll()
    stage.running.worker.kick()
    await settled(stage)


async def settled(stage: Stage) -> None:
    async def nothing_owed() -> bool:
        async with stage.store.reading() as session:
            undone = select(Outgoing).where(col(Outgoing.done_at).is_(None))
            return (await session.exec(undone)).first() is None

    await until(nothing_owed, "everything is delivered")


def statuses(messages: list[dict[str, Any]], sid: str) -> list[str]:
    events = [(each.get("metadata") or {}) for each in messages]
    return [
        each["event_payload"]["status"]
        for each in events
        if each.get("event_type") == "bundle" and each["event_payload"]["sid"] == sid
    ]


async def waits_for(
    stage: Stage, person: Person, approver: Person, sid: str, review: dict[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """A GB mobile number that waits for the bundle, and its card."""
    end_user = {"end_user_type": "business", "bundle": sid}
    number = await asks(person, "GB", number_type="mobile", end_user=end_user, review=review)
    card = await stage.card("awaiting_approval", number)
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "not approved yet")
    return number, card


async def test_two_purchases_wait_for_one_bundle_and_both_go_on(
    stage: Stage, requester: Person, requester2: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    one, card = await waits_for(stage, requester, approver, sid)
    other, other_card = await waits_for(stage, requester2, approver, sid)
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    await polls(stage)
    await stage.card("complete", one)
    await stage.card("complete", other)
    assert sorted(await stage.bought()) == sorted([one, other])
    for each in (card, other_card):
        lines = [line for line in await stage.thread(each) if "has approved the bundle" in line]
        assert len(lines) == 1
    await stage.told(compliance, "has approved the bundle")
    await stage.told(requester, "has approved the bundle")
    assert statuses(await channel(stage), sid) == ["pending-review", "twilio-approved"]


async def test_a_rejected_bundle_is_mended_sent_again_and_approved(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "DE", "local", "business")
    documents = [each for each in (await filling.bundle(stage, sid))["items"] if each["kind"] == "document"]
    refused = documents[1]
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={refused["sid"]: REASON})
    await polls(stage)
    news = await filling.news(stage, "has rejected")
    assert REASON in shown(news), "the bundles channel sees the reason"
    await stage.told(compliance, "has rejected")
    assert REASON in str(await stage.slack.get("messages", channel=compliance.id)), "and who sent it"
    await requester.slack.post("act", user=requester.id, channel="C0BUNDLES", ts=news["ts"], action_id="fix")
    view = await requester.view("new_bundle.document")
    assert REASON in shown(view), "the page begins with what was refused, and why"
    filler = Filler(stage, requester, content=PNG, file_name="newer.png")
    review = await filler.fills()
    assert review["callback_id"] == "new_bundle.review", "nothing that was not refused is asked again"
    await filler.submits()
    mended = await filling.bundle(stage, sid)
    kinds = {each["sid"]: each for each in mended["items"] if each["kind"] == "document"}
    assert mended["status"] == "pending-review" and len(kinds) == 3
    assert refused["sid"] not in kinds, "a new document stands in its place"
    kept = {each["sid"] for each in documents} - {refused["sid"]}
    assert kept < set(kinds)
    (new,) = set(kinds) - kept
    assert kinds[new]["mime_type"] == "image/png"
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    await polls(stage)
    await filling.news(stage, "has approved")
    assert statuses(await channel(stage), sid) == [
        "pending-review",
        "twilio-rejected",
        "pending-review",
        "twilio-approved",
    ]


async def test_a_rejection_says_only_the_status_in_other_threads(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    _, card = await waits_for(stage, requester, approver, sid)
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={})
    await polls(stage)
    await stage.in_thread(card, "Twilio has rejected the bundle")
    reason = "does not meet the requirements"
    assert reason in shown(await filling.news(stage, "has rejected"))
    assert reason not in str(await stage.thread(card))
    assert reason not in str(await requester.direct_messages())
    record = await stage.store.record_of(card["metadata"]["event_payload"]["id"])
    assert [each.details["status"] for each in record if each.what == "bundle_status"] == ["twilio-rejected"]
    card = await stage.card("in_progress")
    assert "add_bundle" in field_ids(card)
    await compliance.clicks(card, "add_bundle")
    page = await compliance.view("card.bundle")
    assert "fix" in field_ids(page)
    await compliance.presses("fix")
    view = await compliance.view("new_bundle.address")
    assert reason in shown(view)
    filler = Filler(stage, compliance, {"address": "new"})
    await filler.fills_up_to()
    await filler.submits()
    await stage.in_thread(card, "has sent the bundle")
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    stage.look()
    await stage.card("complete")


async def test_provisionally_approved_is_not_approved(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    _, card = await waits_for(stage, requester, approver, sid)
    await twilio.post(f"bundles/{sid}", status="provisionally-approved")
    await polls(stage)
    await stage.in_thread(card, "provisionally approved")
    assert await stage.bought() == [] and state_of(await stage.card()) == "in_progress"


async def test_a_bundle_of_the_console_is_found_announced_and_listed(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await polls(stage)
    await twilio.get("state")
    world, account = stage.twilio_twin.world, stage.twilio_twin.account
    sid = await made_in_the_console(stage)
    await polls(stage)
    assert statuses(await channel(stage), sid) == [], "a draft is no news"
    account.bundles[sid].updated_at = world.now() + timedelta(seconds=1)
    await twilio.post(f"bundles/{sid}", status="pending-review")
    await polls(stage)
    news = await filling.news(stage, "By hand")
    assert "made in the Twilio Console" in shown(news)
    await compliance.types("bundles")
    view = await compliance.view("bundles.list")
    assert "By hand" in shown(view) and "in the Twilio Console" in shown(view)


async def made_in_the_console(stage: Stage, name: str = "By hand") -> str:
    """A draft that nobody made here."""
    made: Any = await stage.app.twilio.numbers.v2.regulatory_compliance.bundles.create_async(
        friendly_name=name,
        email="a@example.com",
        iso_country="GB",
        number_type="mobile",
        end_user_type="individual",
    )
    return str(made.sid)


async def test_a_console_draft_is_gone_on_with_here(stage: Stage, compliance: Person) -> None:
    sid = await made_in_the_console(stage)
    await polls(stage)
    await compliance.types("bundles")
    await compliance.view("bundles.list")
    row = await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], sid)
    await compliance.presses("continue", block_id=f"of {row.id}")
    await compliance.view("new_bundle.end_user")
    filler = Filler(stage, compliance)
    await filler.fills_up_to()
    await filler.submits()
    assert (await filling.bundle(stage, sid))["status"] == "pending-review"


async def test_the_first_look_at_an_account_announces_nothing(tmp_path: Path) -> None:
    async with set_stage(tmp_path) as stage:
        await settled(stage)
        assert await channel(stage) == []


async def test_five_hundred_bundles_cost_one_call_a_minute_and_their_news_is_told_once(
    stage: Stage, twilio: Control
) -> None:
    compliance = stage.app.twilio.numbers.v2.regulatory_compliance
    made: list[Any] = [
        await compliance.bundles.create_async(
            friendly_name=f"Many {n}",
            email="a@example.com",
            iso_country="GB",
            number_type="mobile",
            end_user_type="business",
        )
        for n in range(500)
    ]
    stage.running.watch._swept_at = (
        None  # as if an hour had passed: all of them become known, and drafts are no news
    )
    await stage.running.watch.poll()
    known = await stage.store.known_bundles(stage.environment["TWILIO_ACCOUNT_SID"])
    assert len(known) == 501
    last = await last_call(stage)
    await stage.running.watch.poll()
    assert len(await calls_since(stage, last)) == 1, "nothing has changed"
    await twilio.post(f"bundles/{made[250].sid}", status="pending-review")
    await twilio.post(f"bundles/{made[250].sid}/review", verdict="reject", reasons={})
    last = await last_call(stage)
    await stage.running.watch.poll()
    assert len(await calls_since(stage, last)) <= 3
    told = await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], made[250].sid)
    assert told.status == "twilio-rejected"
    await settled(stage)
    last = await last_call(stage)
    await stage.running.watch.poll()
    assert len(await calls_since(stage, last)) == 1


async def last_call(stage: Stage) -> int:
    return int((await stage.twilio.get("calls"))[-1]["number"])


async def calls_since(stage: Stage, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await stage.twilio.get("calls", since=str(number))
    return [each for each in found if "/Bundles" in each["path"]]


# callbacks


async def with_callbacks(stage: Stage) -> str:
    """The app again, with a public address; the address of its callback."""
    port = free_port()
    await stage.stop_app()
    await stage.start_app(PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}")
    url = stage.app.settings.callback_url
    assert url is not None
    return url


async def test_a_callback_is_acted_upon_at_once_and_its_reason_is_shown(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await with_callbacks(stage)
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    end_user = next(
        each for each in (await filling.bundle(stage, sid))["items"] if each["kind"] == "end_user"
    )
    reason = "The company is not in the register."
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={end_user["sid"]: reason})
    news = await filling.news(stage, "has rejected")  # nobody has looked by hand, and no minute has passed
    assert reason in shown(news), "the reason for an end user is in the callback only"
    await stage.slack.post("act", user=compliance.id, channel="C0BUNDLES", ts=news["ts"], action_id="fix")
    view = await compliance.view("new_bundle.end_user")
    assert reason in alerts(view)[0][1] and TYPED["business_name"] in str(view["blocks"])


async def test_callbacks_lost_doubled_and_out_of_order_do_no_harm(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await with_callbacks(stage)
    for fault in ("lost", "twice", "late"):
        sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
        await twilio.post("faults", times=1, fault={"callback": fault})
        await twilio.post(f"bundles/{sid}/review", verdict="approve")
        if fault == "lost":
            stage.look()

        async def approved(sid: str = sid) -> bool:
            return "twilio-approved" in statuses(await channel(stage), sid)

        await until(approved, f"the approval is told, callback {fault}")
        await settled(stage)
    await stage.twilio_twin.callbacks.settled()
    await polls(stage)
    for each in await filling.bundles(stage):
        told = statuses(await channel(stage), each["sid"])
        assert told.count("twilio-approved") <= 1, told


async def test_a_forged_callback_is_refused_and_believed_in_nothing(stage: Stage, compliance: Person) -> None:
    url = await with_callbacks(stage)
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    form = {
        "AccountSID": stage.environment["TWILIO_ACCOUNT_SID"],
        "BundleSID": sid,
        "Status": "twilio-approved",
        "FailureReason": "Send money",
    }
    token = stage.environment["TWILIO_AUTH_TOKEN"]
    async with aiohttp.ClientSession() as session:
        for signature, status in (
            ("", 403),
            (signed("guessed", url, form), 403),
            (signed(token, url, form), 204),
        ):
            headers = {"X-Twilio-Signature": signature}
            async with session.post(url, data=form, headers=headers) as answer:
                assert answer.status == status
    await polls(stage)
    assert "twilio-approved" not in statuses(await channel(stage), sid), (
        "the bundle is read, the field not believed"
    )


def signed(token: str, url: str, form: dict[str, str]) -> str:
    data = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), data.encode(), hashlib.sha1).digest()).decode()


# what is lost


async def says(stage: Stage, number: str, words: str) -> bool:
    return words in shown(await stage.card("in_progress", number))


async def test_a_deleted_bundle_makes_its_purchase_wait_for_another(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    number, card = await waits_for(stage, requester, approver, sid)
    await twilio.delete(f"bundles/{sid}")
    await clock.forward(3700)  # the sweep of the hour
    await stage.in_thread(card, "was deleted at Twilio")
    await stage.told(compliance, "deleted")
    await until(lambda: says(stage, number, "Another one is needed"), "the card says what it waits for")
    card = await stage.card("in_progress", number)
    await compliance.clicks(card, "add_bundle")
    page = await compliance.view("card.bundle")
    assert page and await stage.bought() == []
    await compliance.submits()  # the approved bundle that the account has: another one than was approved
    again = await stage.card("awaiting_approval", number)
    assert again["metadata"]["event_payload"]["quote"] == 2
    await approver.clicks(again, "approve")
    await stage.card("complete", number)
    assert await stage.bought() == [number]


async def test_a_bundle_that_is_deleted_between_approval_and_purchase_is_noticed_before_buying(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    (seeded,) = await filling.bundles(stage)
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": seeded["sid"]}
    )
    await twilio.delete(f"bundles/{seeded['sid']}")
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "was deleted at Twilio")
    await until(lambda: says(stage, number, "Another one is needed"), "the card says what it waits for")
    assert await stage.bought() == []
    await polls(stage)
    lines = [each for each in await stage.thread(card) if "was deleted at Twilio" in each]
    assert len(set(lines)) == len(lines), "said once, and what is waited for once"
    assert len([each for each in await requester.direct_messages() if "was deleted at Twilio" in each]) == 1


@pytest.mark.parametrize(
    ("verdict", "words"), [("reject", "has rejected"), ("delete", "was deleted at Twilio")]
)
async def test_what_became_of_a_bundle_before_the_approval_is_not_told_again_after_it(
    stage: Stage,
    requester: Person,
    compliance: Person,
    approver: Person,
    clock: Clock,
    verdict: str,
    words: str,
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    await until(lambda: known(stage, sid, "pending-review"), "the bundle is known")
    choice = {"end_user_type": "business", "bundle": sid}
    number = await asks(requester, "GB", number_type="mobile", end_user=choice)
    card = await stage.card("awaiting_approval")
    if verdict == "delete":
        await stage.twilio.delete(f"bundles/{sid}")
    else:
        await stage.twilio.post(f"bundles/{sid}/review", verdict=verdict, reasons={})
    await clock.forward(3700)  # the sweep of the hour
    await stage.in_thread(card, words)
    await approver.clicks(card, "approve")
    await until(lambda: says(stage, number, words), "the card says what it waits for")
    await polls(stage)
    assert len([each for each in await stage.thread(card) if words in each]) == 1
    assert len([each for each in await requester.direct_messages() if words in each]) == 1
    assert await stage.bought() == []


async def test_a_purchase_goes_on_when_its_lapsed_bundle_was_renewed(
    stage: Stage, requester: Person, compliance: Person, approver: Person
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    number, card = await waits_for(stage, requester, approver, sid)
    await until(lambda: known(stage, sid, "pending-review"), "the bundle is known")
    app = stage.app
    row = await app.store.bundle_by_sid(app.settings.twilio_account_sid, sid)
    assert row is not None and row.updated_at is not None
    seen = {**row.model_dump(), "status": "twilio-approved", "updated_at": now(), "read_at": now()}
    await bundles.observe(app, Bundle(**{**seen, "valid_until": now() - timedelta(minutes=5)}))
    await stage.in_thread(card, "has approved")
    await until(lambda: says(stage, number, "has lapsed"), "the card says that it has lapsed")
    later = {"updated_at": now() + timedelta(seconds=1), "read_at": now()}
    renewed = {**seen, **later, "valid_until": now() + timedelta(days=300)}
    await stage.twilio.post(f"bundles/{sid}/review", verdict="approve")
    await bundles.observe(app, Bundle(**renewed))
    await stage.card("complete", number)
    assert await stage.bought() == [number]


async def test_a_regulation_that_twilio_does_not_answer_for_holds_up_no_other_bundle(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    number, _ = await waits_for(stage, requester, approver, sid)
    await polls(stage)
    await asyncio.sleep(1.1)  # Twilio's clock has seconds
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    await asyncio.sleep(1.1)
    await twilio.post("faults", method="GET", path="*/Regulations/*", times=None, fault={"status": 500})
    console = await made_in_the_console(stage)
    stage.look()
    await stage.card("complete", number)
    await until(lambda: known(stage, sid, "twilio-approved"), "the other bundle is read")
    assert not await known(stage, console, "draft")
    await twilio.delete("faults")
    await polls(stage)
    assert await known(stage, console, "draft"), "and it is found when Twilio answers again"


async def known(stage: Stage, sid: str, status: str) -> bool:
    row = await stage.store.bundle_by_sid(stage.app.settings.twilio_account_sid, sid)
    return row is not None and row.status == status


async def test_a_reason_is_not_shown_for_a_later_rejection(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await with_callbacks(stage)
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    items = (await filling.bundle(stage, sid))["items"]
    end_user = next(each["sid"] for each in items if each["kind"] == "end_user")
    await twilio.post(
        f"bundles/{sid}/review", verdict="reject", reasons={end_user: "Not in the register (first)."}
    )
    news = await filling.news(stage, "has rejected")
    assert "(first)" in shown(news)
    await stage.slack.post("act", user=compliance.id, channel="C0BUNDLES", ts=news["ts"], action_id="fix")
    await compliance.view("new_bundle.end_user")
    filler = Filler(stage, compliance, {"business_name": "Mended GmbH"})
    await filler.fills_up_to()
    await filler.submits()
    await polls(stage)
    await twilio.post("faults", times=1, fault={"callback": "lost"})
    await asyncio.sleep(1.1)
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={end_user: "Another (second)."})
    await polls(stage)

    async def both() -> Any:
        rejections = [each for each in await channel(stage) if "has rejected" in each["text"]]
        return rejections if len(rejections) == 2 else None

    _, later = await until(both, "both rejections are told")
    assert "(first)" not in shown(later) and "names no document" in shown(later)


async def test_after_a_change_of_account_its_bundles_are_no_news(stage: Stage, twilio: Control) -> None:
    await polls(stage)
    for n in range(3):
        sid = await made_in_the_console(stage, f"Old {n}")
        await twilio.post(f"bundles/{sid}", status="twilio-approved")
    await stage.stop_app()
    with (
        contextlib.closing(
            sqlite3.connect(stage.environment["DATABASE_URL"].removeprefix("sqlite:///"))
        ) as db,
        db,
    ):
        db.execute("DELETE FROM bundles")  # as if the app had worked with another account until now
        db.execute("UPDATE kept SET value = ? WHERE key = 'bundles:swept'", (f'"AC{"9" * 32}"',))
    await stage.start_app()
    await polls(stage)
    assert await channel(stage) == []
    sid = await made_in_the_console(stage, "New")
    await twilio.post(f"bundles/{sid}", status="twilio-approved")
    await asyncio.sleep(1.1)
    await polls(stage)
    assert statuses(await channel(stage), sid) == ["twilio-approved"]


async def test_a_bundle_that_has_lapsed_by_the_time_of_buying_makes_the_purchase_wait(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    (seeded,) = await filling.bundles(stage)
    end_user = {"end_user_type": "business", "bundle": seeded["sid"]}
    await asks(requester, "GB", number_type="mobile", end_user=end_user)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    await twilio.post(f"bundles/{seeded['sid']}", valid_until=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await asyncio.sleep(2)
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")

    async def said() -> bool:
        lines = " ".join(await stage.thread(card))
        return "has lapsed" in lines or "has rejected" in lines  # Twilio says so itself a moment later

    await until(said, "the thread says why it waits")
    assert await stage.bought() == []


async def test_a_lapse_is_told_thirty_seven_and_one_days_ahead_once_each(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    (seeded,) = await filling.bundles(stage)
    end_user = {"end_user_type": "business", "bundle": seeded["sid"]}
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete", number)
    lapses = datetime.now(UTC) + timedelta(days=40)
    await twilio.post(f"bundles/{seeded['sid']}", valid_until=lapses.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await clock.forward(61)
    for days, words in ((10, "in 30 days"), (23, "in 7 days"), (6, "in one day")):
        await clock.forward(days * 86400)
        news = await filling.news(stage, f"lapses {words}")
        assert number[-4:] in shown(news), "who uses it is named"
        await clock.forward(120)
        await settled(stage)
    told = [each["text"] for each in await channel(stage) if "lapses" in each["text"]]
    assert len(told) == 3, told


async def test_a_lapse_that_is_seen_late_is_told_with_the_days_that_are_left(
    stage: Stage, twilio: Control, clock: Clock
) -> None:
    (seeded,) = await filling.bundles(stage)
    lapses = datetime.now(UTC) + timedelta(days=3)
    await twilio.post(f"bundles/{seeded['sid']}", valid_until=lapses.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await polls(stage)
    await filling.news(stage, "lapses in 3 days, on")


async def test_all_who_use_a_lapsing_bundle_are_named(stage: Stage, requester: Person) -> None:
    (seeded,) = await filling.bundles(stage)
    await polls(stage)
    app = stage.app
    bundle = await app.store.bundle_by_sid(app.settings.twilio_account_sid, seeded["sid"])
    assert bundle is not None
    about = {"workspace_id": bundle.workspace_id, "account_sid": bundle.account_sid, "bundle_id": bundle.id}
    about["requester_id"] = requester.id
    numbers = [f"+4477009{n:05}" for n in range(60)]
    async with stage.store.writing() as session:
        for n, number in enumerate(numbers):
            bought = {"state": State.COMPLETE, "phone_number": number, "phone_number_sid": f"PN{n:032}"}
            purchase = await rows.add(session, rows.purchase(**about, **bought))
            link = f"https://example.slack.com/archives/C0APPROVALS/p17954349710{n:05}"
            card = {"channel_id": "C0APPROVALS", "ts": f"{n}.0", "permalink": link, "drawn_version": 99}
            session.add(Card(purchase_id=purchase.id, workspace_id=bundle.workspace_id, **card))
    warning = {"status": "twilio-approved", "lapses_in": 7}
    message = await alerts_of.bundle_news(warning, bundle, app, Texts("en"))
    parts = [part for block in message["blocks"] for part in block["elements"]]
    (named,) = [each for each in parts if each["type"] == "rich_text_list"]
    links = [row["elements"][0] for row in named["elements"]]
    assert len({each["url"] for each in links}) == 60 and all(each["text"][:3] == "+44" for each in links)


# the list


async def test_the_list_is_filtered_and_its_bundles_are_deleted_where_twilio_allows_it(
    stage: Stage, requester: Person, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    number, _ = await waits_for(stage, requester, approver, sid)
    await filling.begins(compliance, "DE", "local", "business", name="Half made")
    await compliance.presses("later")
    await compliance.types("bundles")
    text = shown(await compliance.view("bundles.list"))
    assert "Half made" in text and "GB mobile business" in text
    spaced = f"+44 {number[3:7]} {number[7:]}"
    assert f"Waiting for it: {spaced}" in text
    await compliance.picks("status", "draft")
    view = await look_for(compliance, lambda view: "GB mobile" not in shown(view))
    assert "Half made" in shown(view)
    await compliance.picks("country", "GB")
    await look_for(compliance, lambda view: "Half made" not in shown(view))
    await compliance.picks("country", "DE")
    view = await look_for(compliance, lambda view: "Half made" in shown(view))
    row = next(each for each in view["blocks"] if "'delete:" in str(each.get("elements")))
    await filling.deletes(compliance, row["block_id"])
    await look_for(compliance, lambda view: "is deleted" in shown(view))
    assert [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"] == []
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    await polls(stage)
    await stage.card("complete", number)
    await compliance.picks("status", "twilio-approved")
    await compliance.picks("country", "GB")
    view = await look_for(compliance, lambda view: "GB mobile business" in shown(view))
    mine = await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], sid)
    await filling.deletes(compliance, f"of {mine.id}")
    await look_for(compliance, lambda view: "A number uses this bundle" in shown(view))


async def look_for(person: Person, fits: Any) -> dict[str, Any]:
    async def there() -> Any:
        view = await person.view("bundles.list")
        return view if fits(view) else None

    found: dict[str, Any] = await until(there, "the list shows it")
    return found


async def test_the_list_is_turned_page_by_page(stage: Stage, compliance: Person) -> None:
    for n in range(10):
        await made_in_the_console(stage, f"Draft {n}")
    await polls(stage)
    await compliance.types("bundles")
    first = shown(await compliance.view("bundles.list"))
    await compliance.presses("more")
    second = await look_for(compliance, lambda view: "previous" in field_ids(view))
    names = [f"Draft {n}" for n in range(10)]
    assert all((name in first) != (name in shown(second)) for name in names)
    await compliance.presses("previous")
    await look_for(compliance, lambda view: shown(view) == first)
