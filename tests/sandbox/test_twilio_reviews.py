"""What becomes of a bundle of the Twilio twin: reviews, callbacks, lapses, renewal, and what others do to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.twilio_world import (
    GB_MOBILE,
    RC,
    Listener,
    World,
    a_regulation,
    compliance,
    listening,
    papers,
    refusal,
    running,
    submitted,
)
from tests.stories.stage import until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


@pytest.fixture
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    async with listening() as found:
        yield found


async def test_a_rejection_names_the_document_and_can_be_mended(
    world: World, listener: tuple[Listener, str]
) -> None:
    heard, url = listener
    bundle, documents = await submitted(world, url)
    rc = compliance(world)
    assert (await rc.supporting_documents(documents[0].sid).fetch_async()).status == "pending-review"
    review = {"verdict": "reject", "reasons": {documents[0].sid: "The address is a PO box."}}
    shown = await world.control("POST", f"bundles/{bundle.sid}/review", review)
    assert shown["status"] == "twilio-rejected" and shown["failure_reason"] == "The address is a PO box."
    document = await rc.supporting_documents(documents[0].sid).fetch_async()
    assert (document.status, document.failure_reason, document.errors) == (
        "rejected", "The address is a PO box.", [{"code": 18050}],
    )  # fmt: skip
    assert "failure_reason" not in (await world.call("GET", "numbers", f"{RC}/Bundles/{bundle.sid}")).body
    mine = rc.bundles(bundle.sid)
    await mine.update_async(status="draft")
    item = next(i for i in await mine.item_assignments.list_async() if i.object_sid == documents[0].sid)
    assert await mine.item_assignments(item.sid).delete_async()
    again = await rc.supporting_documents.create_async(
        "Again", "business_address", attributes=documents[0].attributes
    )
    await mine.item_assignments.create_async(object_sid=again.sid)
    await mine.update_async(status="pending-review")
    await world.control("POST", f"bundles/{bundle.sid}/review", {"verdict": "approve"})
    await world.twin.callbacks.settled()
    assert heard.statuses == [
        "pending-review",
        "twilio-rejected",
        "draft",
        "pending-review",
        "twilio-approved",
    ]
    assert set(heard.heard[0]) == {"AccountSID", "BundleSID", "Status", "FailureReason"}
    assert heard.heard[1]["FailureReason"] == "The address is a PO box."


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "twilio-approved"),
        ({"comments": "please REJECT"}, "twilio-rejected"),
        ({"email": "nobody"}, "twilio-rejected"),
    ],
)
async def test_bundles_are_reviewed_by_the_clock(changes: dict[str, str], verdict: str) -> None:
    async with running(review_after=60) as world:
        bundle, _ = await submitted(world, **changes)
        mine = compliance(world).bundles(bundle.sid)
        world.twin.forward(31)
        assert (await mine.fetch_async()).status == "in-review"
        world.twin.forward(30)
        assert (await mine.fetch_async()).status == verdict


async def test_a_review_happens_by_itself_and_documents_want_a_file() -> None:
    async with running(review_after=0.05) as world:
        bundle, _, documents = await papers(world, a_regulation("EE", "mobile", "business"))
        await compliance(world).bundles(bundle.sid).update_async(status="pending-review")

        async def rejected() -> bool:
            return (await compliance(world).bundles(bundle.sid).fetch_async()).status == "twilio-rejected"

        await until(rejected, "the review ends by itself")
        document = await compliance(world).supporting_documents(documents[0].sid).fetch_async()
        assert document.failure_reason == "The document has no readable file."


async def test_callbacks_can_be_lost_doubled_and_late(world: World, listener: tuple[Listener, str]) -> None:
    heard, url = listener
    for what in ("lost", "twice"):
        await world.control("POST", "faults", {"times": 1, "fault": {"callback": what}})
    bundle, _ = await submitted(world, url)
    await world.control("POST", f"bundles/{bundle.sid}/review", {"verdict": "approve"})
    await world.twin.callbacks.settled()
    assert heard.statuses == ["twilio-approved", "twilio-approved"]
    await world.control("POST", "faults", {"fault": {"callback": "late"}})
    await world.control("POST", f"bundles/{bundle.sid}", {"status": "twilio-rejected"})
    await world.control("POST", f"bundles/{bundle.sid}", {"status": "twilio-approved"})
    while len(heard.heard) < 4:
        await world.call("GET", "numbers", RC + "/Bundles")
    assert heard.statuses[2:] == ["twilio-approved", "twilio-rejected"]  # out of order


async def objects(bundle: Any) -> set[str]:
    return {each.object_sid for each in await bundle.item_assignments.list_async()}


async def test_an_approved_bundle_lapses_and_can_be_renewed(world: World) -> None:
    rc, seeded = compliance(world), next(iter(world.twin.account.bundles))
    mine = rc.bundles(seeded)
    assert await refusal(mine.bundle_copies.create_async()) == (400, 22223)
    await world.control("POST", f"bundles/{seeded}", {"valid_until": "2099-01-01T00:00:00Z"})
    copy = await mine.bundle_copies.create_async(friendly_name="Renewal")
    assert copy.status == "draft" and [c.sid for c in await mine.bundle_copies.list_async()] == [copy.sid]
    theirs, copied = await objects(rc.bundles(seeded)), await objects(rc.bundles(copy.sid))
    assert not theirs & copied and len(theirs) == len(copied), "a copy has end users and documents of its own"
    assert await refusal(mine.replace_items.create_async(from_bundle_sid=copy.sid)) == (400, 22224)
    assert await refusal(mine.replace_items.create_async(from_bundle_sid=seeded)) == (400, 22226)
    assert await refusal(mine.replace_items.create_async(from_bundle_sid="BU" + "0" * 32)) == (400, 22225)
    await rc.bundles(copy.sid).update_async(status="pending-review")
    await world.control("POST", f"bundles/{copy.sid}/review", {"verdict": "approve"})
    replaced = await mine.replace_items.create_async(from_bundle_sid=copy.sid)
    assert replaced.sid == seeded and replaced.valid_until is None
    assert await objects(rc.bundles(seeded)) == copied and await objects(rc.bundles(copy.sid)) == set()
    await world.control("POST", f"bundles/{seeded}", {"valid_until": "2020-01-01T00:00:00Z"})
    assert (await mine.fetch_async()).status == "twilio-rejected"


async def test_a_bundle_is_cloned_into_a_subaccount_only(world: World) -> None:
    seeded = next(iter(world.twin.account.bundles))
    sub = (await world.as_main("POST", "api", "/2010-04-01/Accounts.json", FriendlyName="Sub")).body["sid"]
    clones = world.sdk.numbers.v2.bundle_clone(seeded)
    cloned = await clones.create_async(target_account_sid=sub, move_to_draft=True)
    assert cloned.account_sid == sub and cloned.status == "draft"
    assert await refusal(clones.create_async(target_account_sid="AC" + "9" * 32)) == (404, 20404)
    theirs = next(iter(world.twin.world.accounts[sub].end_users))
    bundle = await compliance(world).bundles.create_async(
        "Mine", "a@example.com", regulation_sid=a_regulation(*GB_MOBILE)["sid"]
    )
    items = compliance(world).bundles(bundle.sid).item_assignments
    assert await refusal(items.create_async(object_sid=theirs)) == (400, 70002)


async def test_an_approved_bundle_can_be_deleted_by_somebody_else(world: World) -> None:
    seeded = next(iter(world.twin.account.bundles))
    await world.control("DELETE", f"bundles/{seeded}")
    assert await refusal(compliance(world).bundles(seeded).fetch_async()) == (404, 20404)
