"""A bundle that will lapse is renewed: announced ahead of time, copied, changed, sent, and given what was approved. Killed at each call."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.bundle_states import BundleState
from tests.stories import filling
from tests.stories.filling import Filler
from tests.stories.process import AppProcess
from tests.stories.stage import Control, Person, Stage, asks, field_ids, shown, until
from tests.stories.stage import stage as set_stage
from tests.stories.test_bundle_news import polls
from tests.stories.test_bundles_killed import closes_everything, kind_of

LATER = timedelta(days=20)


async def lapses(stage: Stage, within: timedelta = LATER) -> str:
    """The account's approved bundle, which from now on has an end."""
    (seeded,) = await filling.bundles(stage)
    at = (datetime.now(UTC) + within).strftime("%Y-%m-%dT%H:%M:%SZ")
    await stage.twilio.post(f"bundles/{seeded['sid']}", valid_until=at)
    return str(seeded["sid"])


async def copy_of(stage: Stage, sid: str) -> dict[str, Any]:
    (copy,) = [each for each in await filling.bundles(stage) if each["sid"] != sid]
    return copy


async def row_of(stage: Stage, sid: str) -> Any:
    return await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], sid)


def names(bundle: dict[str, Any]) -> set[str | None]:
    return {each["attributes"].get("business_name") for each in bundle["items"] if each["kind"] == "end_user"}


async def presses_renew(stage: Stage, person: Person, words: str) -> dict[str, Any]:
    """On the news with these words; the copy's last page."""
    news = await filling.news(stage, words)
    await stage.slack.post("act", user=person.id, channel="C0BUNDLES", ts=news["ts"], action_id="renew")
    return await person.view("new_bundle.review")  # type: ignore[no-any-return]


async def sends_copy(stage: Stage, person: Person) -> tuple[str, dict[str, Any]]:
    """The seeded bundle will lapse, and its copy is sent as it is: the bundle's SID, and the copy."""
    sid = await lapses(stage)
    await polls(stage)
    await presses_renew(stage, person, "lapses in")
    await Filler(stage, person).submits()
    return sid, await copy_of(stage, sid)


async def test_a_bundle_that_will_lapse_is_renewed_and_its_number_stays_with_it(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    (seeded,) = await filling.bundles(stage)
    end_user = {"end_user_type": "business", "bundle": seeded["sid"]}
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete", number)
    sid = await lapses(stage)
    await polls(stage)
    review = await presses_renew(stage, compliance, "lapses in 20 days")
    assert "renewal" in shown(review)
    await compliance.presses("change", value="end_user.0.0")
    await compliance.view("new_bundle.end_user")
    filler = Filler(stage, compliance, {"business_name": "Renamed Ltd", "address": "new"})
    await filler.fills()
    review = await filler.fills_up_to()
    assert "Renamed Ltd" in shown(review)
    assert names(await filling.bundle(stage, sid)) != {"Renamed Ltd"}, "the original stays as it is meanwhile"
    await filler.submits()
    copy = await copy_of(stage, sid)
    assert copy["status"] == "pending-review" and names(copy) == {"Renamed Ltd"}
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await polls(stage)
    news = await filling.news(stage, "is renewed")
    assert number[-4:] in shown(news), "what goes on with it is named"
    renewed = await filling.bundle(stage, sid)
    assert names(renewed) == {"Renamed Ltd"} and renewed["valid_until"] is None
    assert [each["sid"] for each in await filling.bundles(stage)] == [sid], "the copy is gone"
    (owned,) = (await twilio.get("state"))["owned_numbers"]
    assert owned["bundle_sid"] == sid
    await stage.told(compliance, "is renewed")
    assert not any("deleted" in each["text"] for each in await stage.messages("C0BUNDLES"))
    row = await row_of(stage, sid)
    assert row.valid_until is None and await stage.store.renewal_of(row.id) is None


async def test_a_request_is_bought_with_the_bundle_while_it_is_renewed_and_never_with_its_copy(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    sid, _ = await sends_copy(stage, compliance)
    await polls(stage)
    end_user = {"end_user_type": "business", "bundle": sid}
    choices = await stage.app.store.bundles_for(
        stage.environment["TWILIO_ACCOUNT_SID"], "GB", "mobile", datetime(2020, 1, 1, tzinfo=UTC)
    )
    assert len(choices) == 2
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete", number)
    (owned,) = (await twilio.get("state"))["owned_numbers"]
    assert owned["bundle_sid"] == sid


async def test_a_renewal_is_begun_once_and_gone_on_with_by_anybody(
    stage: Stage, requester: Person, compliance: Person, twilio: Control
) -> None:
    sid = await lapses(stage)
    await polls(stage)
    await twilio.post("faults", method="POST", path="*/Copies", times=1, fault="cut_after")
    await presses_renew(stage, compliance, "lapses in")
    await compliance.presses("later")
    await requester.types("bundles")
    view = await requester.view("bundles.list")
    assert "Its renewal: draft" in shown(view) and "Continue the renewal" in shown(view)
    row = await row_of(stage, sid)
    await requester.presses("renew", block_id=f"of {row.id}")
    await requester.view("new_bundle.review")
    await Filler(stage, requester).submits()
    assert (await copy_of(stage, sid))["status"] == "pending-review"


async def test_a_refused_copy_is_mended_and_then_takes_the_place(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    _, copy = await sends_copy(stage, compliance)
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="reject", reasons={})
    await polls(stage)
    news = await filling.news(stage, "has rejected")
    await stage.slack.post("act", user=compliance.id, channel="C0BUNDLES", ts=news["ts"], action_id="fix")
    await compliance.view("new_bundle.address")
    filler = Filler(stage, compliance, {"address": "new"})
    await filler.fills_up_to()
    await filler.submits()
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await polls(stage)
    await filling.news(stage, "is renewed")


@pytest.mark.parametrize("fault", ["cut_after", "cut_before", {"status": 500}])
async def test_a_lost_answer_gives_the_copy_once(
    stage: Stage, compliance: Person, twilio: Control, fault: Any
) -> None:
    sid, copy = await sends_copy(stage, compliance)
    held = {each["sid"] for each in copy["items"]}
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await twilio.post("faults", method="POST", path="*/ReplaceItems", times=1, fault=fault)
    await polls(stage)
    assert not any("is renewed" in each["text"] for each in await stage.messages("C0BUNDLES"))
    await polls(stage)
    await filling.news(stage, "is renewed")
    assert {each["sid"] for each in (await filling.bundle(stage, sid))["items"]} == held
    done = [each for each in await stage.calls_to_twilio("POST", "/ReplaceItems") if each["status"] == 201]
    assert len(done) <= 1


async def test_what_twilio_does_not_take_is_told_and_the_copy_stays_as_a_bundle_of_its_own(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    _, copy = await sends_copy(stage, compliance)
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    refused = {"status": 400, "code": 22229}
    await twilio.post("faults", method="POST", path="*/ReplaceItems", times=1, fault=refused)
    await polls(stage)
    news = await filling.news(stage, "is not renewed")
    assert "address" in shown(news) and {"renew", "details"} <= field_ids(news)
    await polls(stage)
    assert len(await stage.calls_to_twilio("POST", "/ReplaceItems")) == 1, "never repeated blindly"
    end_user = {"end_user_type": "business", "bundle": copy["sid"]}
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete", number)


async def test_what_lapsed_before_its_copy_was_approved_is_told_so(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    sid, copy = await sends_copy(stage, compliance)
    await twilio.post(f"bundles/{sid}", valid_until="2020-01-01T00:00:00Z")
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await polls(stage)
    await filling.news(stage, "has lost its approval")
    await filling.news(stage, "is not renewed")


async def test_a_bundle_that_is_deleted_while_it_is_renewed_leaves_the_copy_as_a_bundle_of_its_own(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    sid, copy = await sends_copy(stage, compliance)
    await compliance.types("bundles")
    await compliance.view("bundles.list")
    await compliance.presses("details", block_id=f"of {(await row_of(stage, copy['sid'])).id}")
    page = shown(await compliance.view("bundles.details"))
    assert "Renews the bundle “" in page and "once Twilio has approved it" in page
    await twilio.delete(f"bundles/{sid}")
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await polls(stage)
    await filling.news(stage, "is not renewed")
    assert (await row_of(stage, copy["sid"])).renews_id is None
    await polls(stage)
    assert len(await stage.calls_to_twilio("POST", "/ReplaceItems")) == 1


async def test_in_japanese_the_renewal_reads_japanese(
    stage: Stage, requester_ja: Person, twilio: Control
) -> None:
    sid = await lapses(stage)
    await polls(stage)
    await requester_ja.types("bundles")
    view = await requester_ja.view("bundles.list")
    assert {"renew", "details", "menu", "new"} <= field_ids(view) and "更新する" in shown(view)
    await requester_ja.presses("renew")
    await requester_ja.view("new_bundle.review")
    await Filler(stage, requester_ja).submits()
    copy = await copy_of(stage, sid)
    await twilio.post(f"bundles/{copy['sid']}/review", verdict="approve")
    await polls(stage)
    await stage.told(requester_ja, "を更新しました")


# killed


async def goes_on(stage: Stage, person: Person, sid: str) -> None:
    """What a person does who finds the modal dead: renews, or goes on with the renewal, up to the reviewers, who approve."""
    await closes_everything(person)
    copies = [each for each in await filling.bundles(stage) if each["sid"] != sid]
    if not [each for each in copies if each["status"] != "draft"] and names_of_items(stage, sid) == BEFORE[0]:

        async def offered() -> bool:
            """A list shows what was known when it was opened."""
            await closes_everything(person)
            await person.types("bundles")
            return "renew" in field_ids(await person.view("bundles.list"))

        await until(offered, "the renewal is offered")
        await person.presses("renew")
        view = await person.view()
        while view["callback_id"] == "problem":
            await person.presses("look_again")
            view = await Filler(stage, person).after(view)
        await Filler(stage, person).submits()
    for each in [each for each in await filling.bundles(stage) if each["sid"] != sid]:
        if each["status"] in ("pending-review", "in-review"):
            await stage.twilio.post(f"bundles/{each['sid']}/review", verdict="approve")

    async def renewed() -> bool:
        left = [each["sid"] for each in await filling.bundles(stage)]
        told = [each for each in await stage.messages("C0BUNDLES") if "is renewed" in each["text"]]
        return left == [sid] and bool(told)

    await until(renewed, "it is renewed")


BEFORE: list[set[str]] = []
"""The items of the original as the story finds it."""


def names_of_items(stage: Stage, sid: str) -> set[str]:
    return {each.object_sid for each in stage.twilio_twin.account.bundles[sid].items.values()}


async def test_killed_after_every_call_to_twilio_it_is_renewed_once(tmp_path: Path) -> None:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        sid = await lapses(stage)
        BEFORE[:] = [names_of_items(stage, sid)]
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log")
        person, seen, killed = stage.person("compliance"), set[tuple[str, str]](), asyncio.Event()
        check = stage.twilio_twin.checker

        def kill_after(exchange: Any) -> list[str]:
            """Twilio has done the work; the app dies before it has the answer."""
            call = kind_of(exchange.method, exchange.path)
            if call[0] in ("POST", "DELETE") and call not in seen and not killed.is_set():
                seen.add(call)
                killed.set()
                app.kill()
            return check(exchange) if check else []

        await app.start()
        stage.twilio_twin.checker = kill_after
        for _ in range(12):
            way = asyncio.create_task(goes_on(stage, person, sid))
            death = asyncio.create_task(killed.wait())
            await asyncio.wait({way, death}, return_when=asyncio.FIRST_COMPLETED)
            way.cancel()
            death.cancel()
            outcome = (await asyncio.gather(way, death, return_exceptions=True))[0]
            if not killed.is_set():
                assert outcome is None, outcome
                break
            await app.ended()
            killed.clear()
            await app.start()  # it polls as soon as it runs
        stage.twilio_twin.checker = check
        ways = {(method, path.rpartition("/")[2]) for method, path in seen}
        assert {("POST", "Copies"), ("POST", "ReplaceItems"), ("DELETE", "SID"), ("POST", "SID")} <= ways, (
            seen
        )
        assert [each["sid"] for each in await filling.bundles(stage)] == [sid]
        held = names_of_items(stage, sid)
        assert held and held != BEFORE[0]
        assert stage.twilio_twin.account.bundles[sid].status == BundleState.APPROVED
        told = [each for each in await stage.messages("C0BUNDLES") if "is renewed" in each["text"]]
        assert len(told) in (1, 2), "twice only if a kill cut off that very call"
        assert await app.stop() == 0
