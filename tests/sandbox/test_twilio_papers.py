"""Bundles of the Twilio twin: papers, evaluations of every regulation, reviews, callbacks, renewal."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from sandbox.twilio.regulations import REGULATIONS
from tests.sandbox.twilio_world import PDF, RC, TOKEN, Answer, World, refusal, running

ALL: list[dict[str, Any]] = json.loads(REGULATIONS.read_text(encoding="utf-8"))["results"]
NAMES = [r["friendly_name"] for r in ALL]
GB_MOBILE = ("GB", "mobile", "business")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


def compliance(world: World) -> Any:
    return world.sdk.numbers.v2.regulatory_compliance


def answer_for(field: dict[str, Any], end_user: dict[str, Any], address: str) -> Any:
    """A value that meets the field's constraint."""
    name, constraint = field["machine_name"], field.get("constraint") or ""
    if name == "address_sids":
        return [address]
    if choices := re.search(r"\^\(([^)]*)\)\$", constraint):
        return choices[1].split("|")[0]
    if "\\S+@" in constraint:
        return "robin@example.com"
    if "[1-9]" in constraint:
        return "+442079460000"
    if found := re.search(r"== \w+\['(\w+)'\]", constraint):
        return end_user[found[1]]
    return f"Some {name}"


async def papers(world: World, regulation: dict[str, Any], **changes: str) -> tuple[Any, Any, list[Any]]:
    """(bundle, end user, documents) that meet a regulation, all of them assigned."""
    rc = compliance(world)
    address = next(iter(world.twin.account.addresses))
    wanted = regulation["requirements"]["end_user"][0]
    attributes = {f["machine_name"]: answer_for(f, {}, address) for f in wanted["detailed_fields"]} | changes
    end_user = await rc.end_users.create_async("Somebody", wanted["type"], attributes=attributes)
    bundle = await rc.bundles.create_async("Papers", "a@example.com", regulation_sid=regulation["sid"])
    documents = []
    for requirement in regulation["requirements"]["supporting_document"][0]:
        accepted = requirement["accepted_documents"][0]
        values = {f["machine_name"]: answer_for(f, attributes, address) for f in accepted["detailed_fields"]}
        documents.append(
            await rc.supporting_documents.create_async(
                accepted["name"][:64], accepted["type"], attributes=values
            )
        )
    for sid in (end_user.sid, *(d.sid for d in documents)):
        await rc.bundles(bundle.sid).item_assignments.create_async(object_sid=sid)
    return bundle, end_user, documents


def a_regulation(country: str, number_type: str, end_user_type: str) -> dict[str, Any]:
    wanted = (country, number_type, end_user_type)
    return next(r for r in ALL if (r["iso_country"], r["number_type"], r["end_user_type"]) == wanted)


async def evaluated(world: World, bundle: Any) -> Any:
    return await compliance(world).bundles(bundle.sid).evaluations.create_async()


# Regulations


async def test_regulations_are_found_by_all_three_filters(world: World) -> None:
    found = await compliance(world).regulations.list_async(
        iso_country="GB", number_type="mobile", end_user_type="business"
    )
    assert [r.friendly_name for r in found] == ["United Kingdom: Mobile - Business"]
    assert "constraint" not in json.dumps(world.transport.raw)
    assert await compliance(world).regulations.list_async(iso_country="US") == []
    assert await compliance(world).regulations.list_async(iso_country="JP", end_user_type="individual") == []
    one = await compliance(world).regulations(found[0].sid).fetch_async(include_constraints=True)
    assert one.requirements["end_user"][0]["constraint"] == "business != null"
    assert len(await compliance(world).regulations.list_async(page_size=7)) == len(ALL)
    for query, code in (({"EndUserType": "robot"}, 22212), ({"NumberType": "tollfree"}, 22213)):
        assert (await world.call("GET", "numbers", RC + "/Regulations", query)).code == code
    world.pardon()


async def test_types_are_the_union_over_all_countries(world: World) -> None:
    people = {t.machine_name: t for t in await compliance(world).end_user_types.list_async()}
    assert set(people) == {"business", "individual"}
    kinds = {t.machine_name: t for t in await compliance(world).supporting_document_types.list_async()}
    fields = {f["machine_name"]: f["constraint"] for f in kinds["commercial_registrar_excerpt"].fields}
    assert fields["address_sids"] == "List" and fields["business_name"] == "String"
    found = await compliance(world).supporting_document_types(kinds["passport"].sid).fetch_async()
    assert found.friendly_name == "Passport"


async def test_other_regulations_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "regulations.json"
    file.write_text(json.dumps({"results": ALL[:2]}), encoding="utf-8")
    async with running(regulations=file) as world:
        assert len(await compliance(world).regulations.list_async()) == 2
        assert world.twin.account.bundles == {}  # the seeded one needs GB


# Evaluations


@pytest.mark.parametrize("regulation", ALL, ids=NAMES)
async def test_an_evaluation_finds_what_is_missing(world: World, regulation: dict[str, Any]) -> None:
    rc, (bundle, end_user, documents) = compliance(world), await papers(world, regulation)
    whole = await evaluated(world, bundle)
    assert whole.status == "compliant", [r for r in whole.results if not r["passed"]]
    assert all(r["failure_reason"] is None and r["error_code"] is None and r["valid"] for r in whole.results)

    empty = await rc.bundles.create_async("Empty", "a@example.com", regulation_sid=regulation["sid"])
    nothing = (await evaluated(world, empty)).results
    assert [r["error_code"] for r in nothing] == [22214] + [22216] * len(documents)
    wanted = regulation["requirements"]["end_user"][0]
    assert [i["object_field"] for i in nothing[0]["invalid"]] == wanted["fields"]

    for field in wanted["detailed_fields"]:
        less = {k: v for k, v in end_user.attributes.items() if k != field["machine_name"]}
        await rc.end_users(end_user.sid).update_async(attributes=less)
        found = (await evaluated(world, bundle)).results[0]
        codes = {i["object_field"]: i["error_code"] for i in found["invalid"]}
        assert codes == ({field["machine_name"]: 22215} if field["constraint"] else {})
    await rc.end_users(end_user.sid).update_async(attributes=end_user.attributes)

    for at, (document, requirement) in enumerate(
        zip(documents, regulation["requirements"]["supporting_document"][0], strict=True)
    ):
        mine = rc.supporting_documents(document.sid)
        for field in requirement["accepted_documents"][0]["detailed_fields"]:
            name = field["machine_name"]
            await mine.update_async(attributes={k: v for k, v in document.attributes.items() if k != name})
            found = (await evaluated(world, bundle)).results[1 + at]
            codes = {i["object_field"]: i["error_code"] for i in found["invalid"]}
            assert codes == {name: 22219 if name == "address_sids" else 22217}, found
            if "==" in field["constraint"]:
                await mine.update_async(attributes=document.attributes | {name: "Somebody else"})
                found = (await evaluated(world, bundle)).results[1 + at]
                assert [i["error_code"] for i in found["invalid"]] == [22217] and "match" in found["invalid"][
                    0
                ]["failure_reason"]
        await mine.update_async(attributes=document.attributes)


async def test_two_addresses_in_one_document_break_every_evaluation(world: World) -> None:
    bundle, _, documents = await papers(world, a_regulation(*GB_MOBILE))
    twice = {"address_sids": documents[0].attributes["address_sids"] * 2}
    await compliance(world).supporting_documents(documents[0].sid).update_async(attributes=twice)
    for _ in range(2):
        assert await refusal(compliance(world).bundles(bundle.sid).evaluations.create_async()) == (500, 20500)


async def test_choices_and_extra_fields_are_looked_at(world: World) -> None:
    bundle, *_ = await papers(world, a_regulation(*GB_MOBILE), is_subassigned="Perhaps", nickname="R")
    found = await evaluated(world, bundle)
    assert found.status == "noncompliant"
    assert [i["object_field"] for i in found.results[0]["invalid"]] == ["is_subassigned", "nickname"]
    assert [e.sid for e in await compliance(world).bundles(bundle.sid).evaluations.list_async()] == [
        found.sid
    ]


async def test_groups_of_documents_are_alternatives(tmp_path: Path) -> None:
    regulation = json.loads(json.dumps(a_regulation(*GB_MOBILE)))
    other = json.loads(
        json.dumps(a_regulation("EE", "mobile", "business")["requirements"]["supporting_document"][0])
    )
    regulation["requirements"]["supporting_document"].append(other)
    file = tmp_path / "regulations.json"
    file.write_text(json.dumps({"results": [regulation]}), encoding="utf-8")
    async with running(regulations=file) as world:
        rc = compliance(world)
        bundle = await rc.bundles.create_async("B", "a@example.com", regulation_sid=regulation["sid"])
        name = {"business_name": "Example"}
        document = await rc.supporting_documents.create_async(
            "K", "commercial_registrar_excerpt", attributes=name
        )
        await rc.bundles(bundle.sid).item_assignments.create_async(object_sid=document.sid)
        results = (await evaluated(world, bundle)).results
        assert [r["requirement_name"] for r in results][1:] == ["business_name_info"]  # the nearer group


# Papers


async def test_documents_are_uploaded_and_looked_at(world: World) -> None:
    fields = {"FriendlyName": "Passport", "Type": "passport", "Attributes": '{"first_name": "R"}'}
    made = await world.call.upload("numbers-upload", PDF, **fields)
    assert (
        made.status == 201 and made.body["mime_type"] == "application/pdf" and made.body["status"] == "draft"
    )
    assert made.body["attributes"] == {"first_name": "R"}
    for content, mime_type in ((b"\x89PNG\r\n\x1a\n0", "image/png"), (b"\xff\xd8\xff0", "image/jpeg")):
        assert (await world.call.upload("numbers", content, **fields)).body["mime_type"] == mime_type
    assert (await world.call.upload("numbers-upload", b"GIF89a", **fields)).status == 400
    assert (await world.call.upload("numbers-upload", PDF + b"0" * 5 * 2**20, **fields)).status == 400
    assert (await world.call.upload("numbers-upload", None, **fields)).status == 400
    assert len(world.pardon()) == 1  # not even multipart
    assert (await world.call.upload("numbers-upload", PDF, **fields | {"Attributes": "{"})).code == 22207
    assert (await world.call.upload("numbers-upload", PDF, **fields | {"Type": "selfie"})).code == 22210
    assert len(world.twin.account.documents) == 1 + 3


@pytest.mark.parametrize(
    ("path", "form", "code"),
    [
        ("EndUsers", {"FriendlyName": "x", "Type": "robot"}, 22212),
        ("EndUsers", {"FriendlyName": "x", "Type": "business", "Attributes": "[1]"}, 22207),
        ("SupportingDocuments", {"FriendlyName": "x"}, 22210),
        ("SupportingDocuments", {"Type": "passport"}, 22211),
        ("Bundles", {"FriendlyName": "x", "Email": "x"}, 22202),
        ("Bundles", {"FriendlyName": "x", "Email": "x", "RegulationSid": "RN" + "0" * 32}, 22201),
        (
            "Bundles",
            {
                "FriendlyName": "x",
                "Email": "x",
                "IsoCountry": "US",
                "NumberType": "local",
                "EndUserType": "business",
            },
            22201,
        ),
        ("Bundles", {"FriendlyName": "x", "Email": "x", "NumberType": "cheap"}, 22200),
        ("Bundles", {"FriendlyName": "x"}, 20001),
    ],
)
async def test_papers_that_cannot_be_are_refused(
    world: World, path: str, form: dict[str, str], code: int
) -> None:
    answer = await world.call("POST", "numbers", f"{RC}/{path}", **form)
    assert (answer.status, answer.code) == (400, code)
    world.pardon()


async def test_items_follow_their_rules(world: World) -> None:
    rc, (bundle, end_user, documents) = compliance(world), await papers(world, a_regulation(*GB_MOBILE))
    items = rc.bundles(bundle.sid).item_assignments
    attributes = {"address_sids": documents[0].attributes["address_sids"]}
    second = await rc.supporting_documents.create_async("Second", "business_address", attributes=attributes)
    assert await refusal(items.create_async(object_sid=second.sid)) == (400, 70002)
    assert await refusal(items.create_async(object_sid="RD" + "0" * 32)) == (400, 22205)
    assert await refusal(items.create_async(object_sid=next(iter(world.twin.account.addresses)))) == (
        400,
        22206,
    )
    assert await refusal(rc.end_users(end_user.sid).delete_async()) == (400, 21644)
    assert await refusal(rc.supporting_documents(documents[0].sid).delete_async()) == (400, 21645)
    assert await rc.supporting_documents(second.sid).delete_async()
    await rc.bundles(bundle.sid).update_async(status="pending-review")
    listed = await items.list_async()
    assert {i.object_sid for i in listed} == {end_user.sid, documents[0].sid}
    assert (await refusal(items(listed[0].sid).delete_async()))[0] == 409
    assert await refusal(rc.bundles(bundle.sid).delete_async()) == (400, 21647)


async def test_france_takes_one_kind_of_document_twice(world: World) -> None:
    bundle, _, documents = await papers(world, a_regulation("FR", "local", "business"))
    assert {d.type for d in documents} == {"commercial_registrar_excerpt"} and len(documents) == 2
    assert (await evaluated(world, bundle)).status == "compliant"


async def test_only_some_statuses_are_the_customers(world: World) -> None:
    bundle, *_ = await papers(world, a_regulation(*GB_MOBILE))
    path = f"{RC}/Bundles/{bundle.sid}"

    async def set_(**form: str) -> Answer:
        return await world.call("POST", "numbers", path, **form)

    assert (await set_(Status="done")).code == 22203
    world.pardon()
    assert (await set_(Status="twilio-approved")).code == 20422
    assert (await set_(Status="pending-review", Email="b@example.com")).code == 22204
    assert (await set_(Email="b@example.com")).body["email"] == "b@example.com"
    assert (await set_(Status="pending-review")).body["status"] == "pending-review"
    assert (await set_(Status="pending-review")).status == 409


async def test_bundles_are_found_by_what_they_are_for(world: World) -> None:
    bundle, *_ = await papers(world, a_regulation("DE", "local", "business"))
    seeded = next(iter(world.twin.account.bundles))
    rc = compliance(world)
    found = await rc.bundles.list_async(
        status="twilio-approved", iso_country="GB", number_type="mobile", end_user_type="business"
    )
    assert [b.sid for b in found] == [seeded]
    assert not {"iso_country", "number_type", "failure_reason"} & set(world.transport.raw["results"][0])
    assert [b.sid for b in await rc.bundles.list_async(iso_country="DE")] == [bundle.sid]
    newest = await rc.bundles.list_async(sort_by="date-updated", sort_direction="DESC", page_size=1)
    assert [b.sid for b in newest] == [bundle.sid, seeded]
    both = await rc.bundles.list_async(bundle_sids=f"{bundle.sid},{seeded}")
    assert len(both) == 2
    await world.control("POST", f"bundles/{seeded}", {"valid_until": "2099-01-01T00:00:00Z"})
    assert [b.sid for b in await rc.bundles.list_async(has_valid_until_date=True)] == [seeded]
    before = await world.call("GET", "numbers", RC + "/Bundles", {"ValidUntilDate<": "2099-06-01T00:00:00Z"})
    assert [b["sid"] for b in before.body["results"]] == [seeded]


# Reviews


class Listener:
    """Hears a bundle's status callbacks, and whether each was signed."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []

    async def hear(self, request: web.Request) -> web.Response:
        form = {k: str(v) for k, v in (await request.post()).items()}
        assert RequestValidator(TOKEN).validate(str(request.url), form, request.headers["X-Twilio-Signature"])
        self.heard.append(form)
        return web.Response(status=204)

    @property
    def statuses(self) -> list[str]:
        return [h["Status"] for h in self.heard]


@pytest.fixture
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    found, app = Listener(), web.Application()
    app.router.add_post("/bundles", found.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield found, f"http://127.0.0.1:{runner.addresses[0][1]}/bundles"
    await runner.cleanup()


async def submitted(world: World, callback: str | None = None, **changes: str) -> tuple[Any, list[Any]]:
    bundle, _, documents = await papers(world, a_regulation(*GB_MOBILE), **changes)
    mine = compliance(world).bundles(bundle.sid)
    if callback:
        await mine.update_async(status_callback=callback)
    await mine.update_async(status="pending-review")
    return bundle, documents


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
        for _ in range(100):
            await world.twin.callbacks.settled()
            if (await compliance(world).bundles(bundle.sid).fetch_async()).status == "twilio-rejected":
                break
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


async def test_an_approved_bundle_lapses_and_can_be_renewed(world: World) -> None:
    rc, seeded = compliance(world), next(iter(world.twin.account.bundles))
    mine = rc.bundles(seeded)
    assert await refusal(mine.bundle_copies.create_async()) == (400, 22223)
    await world.control("POST", f"bundles/{seeded}", {"valid_until": "2099-01-01T00:00:00Z"})
    copy = await mine.bundle_copies.create_async(friendly_name="Renewal")
    assert copy.status == "draft" and [c.sid for c in await mine.bundle_copies.list_async()] == [copy.sid]
    assert await refusal(mine.replace_items.create_async(from_bundle_sid=copy.sid)) == (400, 22224)
    assert await refusal(mine.replace_items.create_async(from_bundle_sid=seeded)) == (400, 22226)
    assert await refusal(mine.replace_items.create_async(from_bundle_sid="BU" + "0" * 32)) == (400, 22225)
    await rc.bundles(copy.sid).update_async(status="pending-review")
    await world.control("POST", f"bundles/{copy.sid}/review", {"verdict": "approve"})
    replaced = await mine.replace_items.create_async(from_bundle_sid=copy.sid)
    assert replaced.sid == seeded and replaced.valid_until is None
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
