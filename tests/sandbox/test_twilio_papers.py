"""Bundles of the Twilio twin: papers, uploads, evaluations of every regulation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.twilio_world import (
    ALL,
    GB_MOBILE,
    PDF,
    RC,
    Answer,
    World,
    a_regulation,
    compliance,
    evaluated,
    papers,
    refusal,
    running,
)

NAMES = [r["friendly_name"] for r in ALL]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


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


async def test_what_brought_regulations_are_about_is_for_sale(tmp_path: Path) -> None:
    elsewhere = [
        dict(each, iso_country="PL", number_type="mobile", sid=f"RN{n:032}") for n, each in enumerate(ALL[:1])
    ]
    file = tmp_path / "regulations.json"
    file.write_text(json.dumps({"results": elsewhere}), encoding="utf-8")
    async with running(regulations=file) as world:
        search = world.sdk.available_phone_numbers("PL")
        found = await search.mobile.list_async(limit=3)
        assert len(found) == 3 and all(each.phone_number.startswith("+48") for each in found)
        prices = await world.sdk.pricing.v1.phone_numbers.countries("PL").fetch_async()
        assert [each["number_type"] for each in prices.phone_number_prices] == ["mobile"]
        assert set((await search.fetch_async()).subresource_uris) == {"mobile"}
    async with running() as world:
        assert await refusal(world.sdk.available_phone_numbers("PL").fetch_async()) == (404, 20404)


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


# Contents


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
    assert len(world.pardon()) == (
        1 if world.twin.checker else 0
    )  # not even multipart, as Twilio's documents say
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


async def test_an_american_address_has_two_letters_for_the_state_and_no_signs(world: World) -> None:
    make = {"customer_name": "Example Ltd", "street": "1 Main St", "city": "San Francisco", "region": "CA"}
    make |= {"postal_code": "94105", "iso_country": "US"}
    addresses = world.sdk.addresses
    for changes in (
        {"region": "California"},
        {"region": "ca"},
        {"region": "XX"},
        {"street": "1 Main St #4"},
        {"street_secondary": "Suite @4"},
        {"city": "San Francisco & Bay"},
        {"customer_name": "Example & Sons"},
    ):
        assert await refusal(addresses.create_async(**make | changes)) == (400, 21628), changes
    made = await addresses.create_async(**make)
    assert await refusal(addresses(made.sid).update_async(region="Texas")) == (400, 21628)
    elsewhere = {"iso_country": "GB", "region": "England", "postal_code": "N1 9GU", "customer_name": "A & B"}
    assert (await addresses.create_async(**make | elsewhere)).region == "England"
