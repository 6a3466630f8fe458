"""Two people, or two moments, and one bundle: what one of them does is done once, and the other is told."""

import asyncio
from collections.abc import Callable
from typing import Any

from bot.twilio.names import of_end_user
from tests.stories import filling
from tests.stories.filling import Filler
from tests.stories.stage import Control, Person, Stage, asks, shown, until
from tests.stories.test_bundle_news import polls, settled


async def opens_the_list(person: Person) -> dict[str, Any]:
    await person.types("bundles")
    return await person.view("bundles.list")


async def closes_everything(person: Person) -> None:
    for view in reversed(await person.slack.get("views", user=person.id)):
        await person.slack.post("close", user=person.id, view_id=view["id"])


async def sees(person: Person, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async def there() -> Any:
        newest = await person.view()
        return newest if fits(newest) else None

    found: dict[str, Any] = await until(there, f"{person.id} sees what is looked for")
    return found


def row_of(view: dict[str, Any], action: str) -> str:
    return next(
        str(block["block_id"])
        for block in view["blocks"]
        if block["type"] == "actions" and any(each.get("action_id") == action for each in block["elements"])
    )


async def id_of(stage: Stage, sid: str) -> str:
    row = await stage.store.bundle_by_sid(stage.app.settings.twilio_account_sid, sid)
    assert row is not None
    return str(row.id)


async def test_a_bundle_that_is_being_made_cannot_be_deleted(
    stage: Stage, compliance: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("faults", method="POST", path="*/Bundles", times=1, fault={"delay": 2})
    await compliance.types("new-bundle DE")
    await compliance.view("new_bundle.start")
    await compliance.submits(number_type="local", end_user_type="business")
    await asyncio.sleep(0.5)
    view = await opens_the_list(approver)
    await filling.deletes(approver, row_of(view, "menu"))
    await sees(approver, lambda view: "is changing this bundle right now" in shown(view))
    await compliance.view("new_bundle.end_user")
    filler = Filler(stage, compliance)
    await filler.fills_up_to()
    assert [each["status"] for each in await filling.bundles(stage) if each["iso_country"] == "DE"] == [
        "draft"
    ]


async def test_a_purchase_hears_that_its_bundle_was_deleted_before_twilio_had_it(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "A bundle is needed")
    await twilio.post("faults", method="POST", path="*/Bundles", times=1, fault={"status": 500})
    await compliance.clicks(card, "add_bundle")
    await compliance.view("card.bundle")
    await compliance.submits(bundle="new")
    await compliance.view("problem")
    await closes_everything(compliance)
    view = await opens_the_list(compliance)
    await filling.deletes(compliance, row_of(view, "menu"))
    await sees(compliance, lambda view: "is deleted" in shown(view))
    await stage.in_thread(card, "was deleted at Twilio")


async def test_what_is_gone_at_twilio_can_be_deleted_and_is_not_gone_on_with(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await stage.running.watch.poll()  # a first sweep that is late would find it gone before the person does
    for name in ("First", "Second"):
        await filling.begins(compliance, "DE", "local", "business", name=name)
        await compliance.presses("later")
        await closes_everything(compliance)
    gone = [each["sid"] for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    first, second = [await id_of(stage, sid) for sid in gone]
    for sid in gone:
        await twilio.delete(f"bundles/{sid}")
    await opens_the_list(compliance)
    await filling.deletes(compliance, f"of {first}")
    await sees(compliance, lambda view: "is deleted" in shown(view))
    await compliance.presses("continue", block_id=f"of {second}")
    problem = await compliance.view("problem")
    assert "was deleted at Twilio" in shown(problem) and "look_again" not in str(problem["blocks"])
    row = await stage.store.bundle(second)
    assert row.status == "deleted"


async def test_two_who_save_the_same_page_make_one_end_user(
    stage: Stage, compliance: Person, approver: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    await opens_the_list(approver)
    await approver.presses("continue", block_id=f"of {await id_of(stage, made['sid'])}")
    first, second = Filler(stage, compliance), Filler(stage, approver, {"business_name": "Second GmbH"})
    one = await first.answers(await compliance.view("new_bundle.end_user"))
    two = await second.answers(await approver.view("new_bundle.end_user"))
    await twilio.post("faults", method="POST", path="*/EndUsers", times=2, fault={"delay": 1})
    await compliance.submits(**one)
    await asyncio.sleep(0.3)
    await approver.submits(**two)

    async def names() -> list[str]:
        items = (await filling.bundle(stage, made["sid"]))["items"]
        return [each["attributes"]["business_name"] for each in items if each["kind"] == "end_user"]

    await sees(approver, lambda view: "is changing this bundle right now" in shown(view))
    assert "Second GmbH" in str((await approver.view())["blocks"]), "nothing that was typed is lost"
    await sees(compliance, lambda view: view["callback_id"] == "new_bundle.address")
    assert await names() == [one["business_name"]]
    await second.fills()
    assert await names() == ["Second GmbH"]


async def test_an_end_user_that_is_there_twice_is_taken_out_before_the_review(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    filler = Filler(stage, compliance)
    await filler.fills()
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    row = await stage.store.bundle(await id_of(stage, made["sid"]))
    twilio = stage.app.twilio.numbers.v2.regulatory_compliance
    second: Any = await twilio.end_users.create_async(
        friendly_name=of_end_user(row, "Business"),
        type="business",
        attributes={"business_name": "Twice"},
    )
    await twilio.bundles(made["sid"]).item_assignments.create_async(object_sid=second.sid)
    await filler.fills_up_to()
    await filler.submits()
    found = await filling.bundle(stage, made["sid"])
    people = [each for each in found["items"] if each["kind"] == "end_user"]
    assert found["status"] == "pending-review" and [each["sid"] == second.sid for each in people] == [False]


async def test_of_two_who_send_a_bundle_the_first_one_sent_it(
    stage: Stage, compliance: Person, approver: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await Filler(stage, compliance).fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    await opens_the_list(approver)
    await approver.presses("continue", block_id=f"of {await id_of(stage, made['sid'])}")
    await approver.view("new_bundle.review")
    path = f"*/Bundles/{made['sid']}"
    await twilio.post("faults", method="GET", path=path, times=1, fault={"delay": 1.5})
    await compliance.submits()
    await asyncio.sleep(0.7)  # Twilio has it by now, and the app reads what became of it
    await approver.submits()
    await sees(approver, lambda view: view["callback_id"] == "problem")
    assert "Twilio's reviewers now" in shown(await compliance.view("new_bundle.done"))
    row = await stage.store.bundle(await id_of(stage, made["sid"]))
    assert row.submitted_by == compliance.id
    await twilio.post(f"bundles/{made['sid']}/review", verdict="reject", reasons={})
    await polls(stage)
    await settled(stage)
    await stage.told(compliance, "has rejected")
    assert not [each for each in await approver.direct_messages() if "has rejected" in each]


async def test_a_submission_that_twilio_refuses_names_nobody(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await Filler(stage, compliance).fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    path = f"*/Bundles/{made['sid']}"
    await twilio.post("faults", method="POST", path=path, times=1, fault={"status": 400, "code": 20001})
    await compliance.submits()
    await compliance.view("problem")
    row = await stage.store.bundle(await id_of(stage, made["sid"]))
    assert (row.submitted_by, row.status, row.claimed_until) == (None, "draft", None)
    await compliance.presses("look_again")
    await Filler(stage, compliance).submits()
    assert (await stage.store.bundle(row.id)).submitted_by == compliance.id
