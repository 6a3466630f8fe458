"""Regulations that nobody here has seen: their pages follow from what Twilio answers, without a change."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stories import filling
from tests.stories.filling import Filler, alerts
from tests.stories.stage import field_ids, options, sends, shown
from tests.stories.stage import stage as set_stage

MANY = 95


def field(name: str, constraint: str, description: str = "") -> dict[str, Any]:
    label = name.replace("_", " ").title()
    return {
        "machine_name": name,
        "friendly_name": label,
        "description": description,
        "constraint": constraint,
    }


def part(type_: str, name: str, fields: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "url": f"https://numbers.twilio.com/v2/RegulatoryCompliance/Types/{type_}",
        "fields": [each["machine_name"] for each in fields],
        "detailed_fields": fields,
        "constraint": f"{type_} != null",
        **more,
    }


def required(of: str, *names: str) -> list[dict[str, Any]]:
    return [field(each, f"{of}['{each}'] != null") for each in names]


def requirement(name: str, *accepted: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name.replace("_", " ").title(),
        "type": "document",
        "requirement_name": name,
        "description": f"Shows the {name}.",
        "accepted_documents": list(accepted),
    }


def regulation(
    end_user: dict[str, Any],
    groups: list[list[dict[str, Any]]],
    country: str = "SE",
    sid: str = "RN" + "5e" * 16,
) -> dict[str, Any]:
    return {
        "sid": sid,
        "friendly_name": f"{country}: Mobile - Business",
        "iso_country": country,
        "number_type": "mobile",
        "end_user_type": "business",
        "requirements": {"end_user": [end_user], "supporting_document": groups},
        "url": f"https://numbers.twilio.com/v2/RegulatoryCompliance/Regulations/{sid}",
    }


END_USER = part(
    "business",
    "Business",
    [
        *required("business", "organisation_number", "founding_date"),
        field("vat", r"business['vat'] =~ '^SE\d{12}$'", "SE and twelve digits."),
        field("contact_email", r"business['contact_email'] =~ '^\S+@\S+\.\S+$'"),
        field(
            "sector",
            "business['sector'] =~ '^(TRADE|HEALTH_CARE|OTHER)$'",
            "One of [TRADE, HEALTH_CARE, OTHER].",
        ),
        field("risk", "business['risk'] IN KNOWN_RISKS", "Of a form that nobody knows."),
        field("comments", ""),
    ],
    requirement_name="business_info",
)
PROOF = part(
    "sealed_extract",
    "Sealed extract",
    [
        field(
            "organisation_number", "sealed_extract['organisation_number'] == business['organisation_number']"
        ),
        *required("sealed_extract", "issuing_office"),
    ],
)
SEAT = part("seat_declaration", "Declaration of the seat", required("seat_declaration", "address_sids"))
CARD = part("tax_card", "Tax card", required("tax_card", "card_number"))


def write(folder: Path, *regulations: dict[str, Any]) -> Path:
    file = folder / "unseen.json"
    file.write_text(json.dumps({"results": list(regulations), "meta": {}}))
    return file


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("regulations")


async def test_a_held_out_regulation_works_from_the_request_to_the_number(
    tmp_path: Path, elsewhere: Path
) -> None:
    groups = [[requirement("registration", PROOF), requirement("seat", SEAT, CARD)]]
    file = write(elsewhere, regulation(END_USER, groups))
    async with set_stage(tmp_path, regulations=file) as stage:
        requester, approver = stage.person("requester"), stage.person("approver")
        await requester.types("buy-number SE")
        await requester.view("buy_number.find")
        await requester.submits(number_type="mobile", purpose="Reminders")
        choose = await requester.view("buy_number.choose")
        number = options(choose, "phone_number")[0]
        await requester.submits(phone_number=number)
        view = await requester.view("buy_number.end_user")
        assert "7 fields about the end user" in shown(view) and "Sealed extract" in shown(view)
        await requester.submits(bundle="new", end_user_type="business")
        filler = Filler(stage, requester, {"vat": "SE12", "phone_number": "+46701740605"})
        page = await filler.after(view)
        kinds = {
            b["element"]["action_id"]: b["element"]["type"] for b in page["blocks"] if b["type"] == "input"
        }
        assert kinds == {
            "organisation_number": "plain_text_input",
            "founding_date": "datepicker",
            "vat": "plain_text_input",
            "contact_email": "email_text_input",
            "sector": "static_select",
            "risk": "plain_text_input",
            "comments": "plain_text_input",
        }
        assert options(page, "sector") == ["TRADE", "HEALTH_CARE", "OTHER"]
        answer = await requester.submits(**await filler.answers(page))
        (error,) = answer["errors"].values()
        assert "does not have the form" in error
        filler.given["vat"] = "SE123456789012"
        view = await filler.fills()
        assert "organisation_number" not in field_ids(view), "it is filled from the end user"
        await filler.fills_up_to()
        review = await filler.submits()
        assert review["callback_id"] == "buy_number.review"
        await sends(requester)
        await approver.clicks(await stage.card("awaiting_approval"), "approve")
        (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "SE"]
        proof = next(each for each in made["items"] if each.get("type") == "sealed_extract")
        person = next(each for each in made["items"] if each["kind"] == "end_user")
        assert proof["attributes"]["organisation_number"] == person["attributes"]["organisation_number"]
        assert "comments" not in person["attributes"], "what was left empty is not sent"
        await stage.twilio.post(f"bundles/{made['sid']}/review", verdict="approve")
        stage.look()
        await stage.card("complete")
        assert await stage.bought() == [number]


async def test_one_of_several_sets_of_documents_is_chosen_first(tmp_path: Path, elsewhere: Path) -> None:
    groups = [
        [requirement("registration", PROOF), requirement("seat", SEAT)],
        [requirement("registration", PROOF), requirement("tax", CARD)],
    ]
    file = write(elsewhere, regulation(END_USER, groups))
    async with set_stage(tmp_path, regulations=file) as stage:
        person = stage.person("compliance")
        view = await filling.begins(person, "SE", "mobile", "business")
        assert view["callback_id"] == "new_bundle.group" and options(view, "group") == ["0", "1"]
        assert "Tax: Tax card" in shown(view)
        filler = Filler(stage, person, {"group": "1", "vat": "SE123456789012"})
        review = await filler.fills_up_to()
        assert "Tax card" in shown(review) and "Seat" not in shown(review)
        await person.presses("change", value="group.0.0")
        view = await person.view("new_bundle.group")
        filler.given["group"] = "0"
        await filler.fills_up_to()
        await filler.submits()
        (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "SE"]
        kinds = sorted(each["type"] for each in made["items"] if each["kind"] == "document")
        assert kinds == ["sealed_extract", "seat_declaration"], "what belonged to the other set is taken out"


async def test_more_fields_than_a_page_takes_are_split(tmp_path: Path, elsewhere: Path) -> None:
    names = [f"question_{n:02}" for n in range(MANY)]
    many = part("business", "Business", required("business", *names), requirement_name="business_info")
    card = part("tax_card", "Tax card", required("tax_card", *(f"row_{n:02}" for n in range(45))))
    file = write(elsewhere, regulation(many, [[requirement("tax", card)]]))
    async with set_stage(tmp_path, regulations=file) as stage:
        person = stage.person("compliance")
        await filling.begins(person, "SE", "mobile", "business")
        filler = Filler(stage, person)
        await filler.fills()
        await person.presses("later")  # and taken up again on the page where something is missing
        await person.types("bundles")
        await person.view("bundles.list")
        await person.presses("continue")
        view = await person.view("new_bundle.end_user")
        assert "question_30" in field_ids(view) and "question_29" not in field_ids(view)
        await filler.fills_up_to()
        assert filler.seen.count("new_bundle.end_user") == 4 and filler.seen.count("new_bundle.document") == 2
        (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "SE"]
        person_there = next(each for each in made["items"] if each["kind"] == "end_user")
        assert sorted(person_there["attributes"]) == names
        paper = next(each for each in made["items"] if each["kind"] == "document")
        assert len(paper["attributes"]) == 45 and paper["mime_type"] == "application/pdf"


async def test_a_finding_on_a_later_page_of_many_fields_stands_there(tmp_path: Path, elsewhere: Path) -> None:
    names = [f"question_{n:02}" for n in range(50)]
    many = part("business", "Business", required("business", *names), requirement_name="business_info")
    card = part("tax_card", "Tax card", required("tax_card", "card_number"))
    file = write(elsewhere, regulation(many, [[requirement("tax", card)]]))
    async with set_stage(tmp_path, regulations=file) as stage:
        person = stage.person("compliance")
        await filling.begins(person, "SE", "mobile", "business")
        filler = Filler(stage, person)
        await filler.fills_up_to()
        account = stage.twilio_twin.account
        (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "SE"]
        (end_user,) = account.end_users_of(account.bundles[made["sid"]])
        end_user.attributes = {k: v for k, v in end_user.attributes.items() if k != "question_44"}
        await person.presses("change", value="document.0.0")
        await person.view("new_bundle.document")
        await filler.fills()
        view = await person.view("new_bundle.end_user")
        assert "question_44" in field_ids(view) and "question_00" not in field_ids(view)
        assert alerts(view) == [] or [name for name, _ in alerts(view)] == ["question_44"]
