"""Making a regulatory bundle: its pages, what goes to Twilio, what is wrong and where it is said, and the number at the end."""

from typing import Any

import pytest

from bot.bundles import operations as bundles_of
from tests.stories import filling
from tests.stories.filling import EMAIL, JPEG, PDF, PNG, TYPED, Filler, alerts
from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    buttons,
    field_ids,
    finds,
    options,
    sends,
    shown,
    until,
)


def documents(bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in bundle["items"] if each["kind"] == "document"}


def end_user(bundle: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in bundle["items"] if each["kind"] == "end_user"]
    return dict(found["attributes"])


async def test_a_british_bundle_is_made_approved_and_its_number_bought_and_attached(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    made = await filling.bundle(stage, sid)
    assert end_user(made)["business_name"] == TYPED["business_name"]
    assert end_user(made)["email"] == EMAIL and end_user(made)["business_identity"] == "DIRECT_CUSTOMER"
    assert (
        list(documents(made)) == ["business_address"] and documents(made)["business_address"]["file"] is None
    )
    assert made["email"] == stage.environment["BUNDLE_EMAIL"]
    number = await asks(
        requester,
        "GB",
        number_type="mobile",
        end_user={"end_user_type": "business", "bundle": sid},
        review={"messaging_service": "new", "messaging_service_name": "UK"},
    )
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "not approved yet: waiting for review")
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    stage.look()
    await stage.card("complete")
    await stage.in_thread(card, "Twilio has approved the bundle")
    owned = (await twilio.get("state"))["owned_numbers"]
    assert [(each["phone_number"], each["bundle_sid"]) for each in owned] == [(number, sid)]
    assert await stage.senders("UK") == [number]


async def test_a_page_sent_before_its_number_types_were_drawn_says_what_is_missing(
    stage: Stage, compliance: Person
) -> None:
    """What is wrong with a field that the page does not have cannot stand below it."""
    await compliance.types("new-bundle")
    view = await compliance.view("new_bundle.start")
    answer = await stage.slack.post(
        "submit",
        user=compliance.id,
        view_id=view["id"],
        values={"country": "GB", "end_user_type": "business"},
    )
    assert answer["ok"] and "Choose a number type." in shown(await compliance.view("problem"))


async def test_a_page_is_drawn_again_though_a_text_on_it_is_too_long(
    stage: Stage, compliance: Person
) -> None:
    """Slack's client counts the letters when the page is sent, and refuses one that is drawn with too many."""
    await compliance.types("new-bundle")
    await compliance.view("new_bundle.start")
    await compliance.presses("country", selected_option={"value": "GB"}, typed={"name": "y" * 60})
    view = await compliance.view("new_bundle.start")
    assert options(view, "number_type") and "y" * 60 in str(view["state"]), "nothing that was typed is lost"


async def test_a_german_bundle_has_three_documents_with_their_files(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    review = await filler.fills_up_to()
    assert filler.seen == [
        "new_bundle.end_user",
        "new_bundle.document",
        "new_bundle.document",
        "new_bundle.address",
        "new_bundle.document",
    ]
    assert "Twilio's evaluation finds nothing missing" in shown(review)
    assert TYPED["business_name"] in shown(review) and "Torfweg 417b, 10437 Berlin" in shown(review)
    assert shown(review).count("File: passport.pdf") == 3, "by the name that the person knows it by"
    assert f"Page {len(filler.seen) + 1} of {len(filler.seen) + 1}" in shown(review)
    done = await filler.submits()
    assert "with Twilio's reviewers" in shown(done)
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert made["status"] == "pending-review"
    assert [each["mime_type"] for each in made["items"] if each["kind"] == "document"] == [
        "application/pdf"
    ] * 3
    assert {each["file"]["size"] for each in made["items"] if each["kind"] == "document"} == {len(PDF)}
    assert {each["file"]["filename"] for each in made["items"] if each["kind"] == "document"} == {
        "document.pdf"
    }
    row = await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], made["sid"])
    known_as = sorted(each["friendly_name"] for each in made["items"])
    assert known_as[0] == f"Business ({row.id})" and all(row.id in each for each in known_as)
    assert all(each.partition(": ")[2].startswith("passport.pdf (") for each in known_as[1:])
    with_address = [each for each in made["items"] if each.get("addresses")]
    assert [each["addresses"][0]["city"] for each in with_address] == ["Berlin"]


async def test_what_must_equal_the_end_users_field_is_filled_from_it_and_follows_it(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "FR", "local", "business")
    filler = Filler(stage, compliance)
    review = await filler.fills_up_to()
    assert "business_name" not in field_ids(review)
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "FR"]
    twice = [each for each in made["items"] if each["kind"] == "document"]
    assert [each["type"] for each in twice] == ["commercial_registrar_excerpt"] * 2
    assert sorted(map(sorted, (each["attributes"] for each in twice))) == [
        ["address_sids"],
        ["business_name", "business_registration_number"],
    ]
    await compliance.presses("change", value="end_user.0.0")
    view = await compliance.view("new_bundle.end_user")
    assert TYPED["first_name"] in str(view["blocks"]), "the page shows what Twilio has"
    filler.given = {"business_name": "Morgenrot Kaffeewerk SARL"}
    review = await filler.fills()
    assert review["callback_id"] == "new_bundle.review", "nothing else is asked again"
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "FR"]
    names = {each["attributes"].get("business_name") for each in made["items"]}
    assert names == {"Morgenrot Kaffeewerk SARL", None}


async def test_an_individual_gives_a_photo_id_and_an_address(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "GB", "mobile", "individual")
    filler = Filler(stage, compliance, {"document_type": "passport"}, content=JPEG, file_name="photo.jpg")
    await filler.fills_up_to()
    await filler.submits()
    (made,) = [each for each in await filling.bundles(stage) if each["end_user_type"] == "individual"]
    kinds = documents(made)
    assert set(kinds) == {"passport", "individual_address"} and kinds["passport"]["mime_type"] == "image/jpeg"


async def test_another_kind_of_document_has_its_own_fields_and_keeps_the_file_that_was_chosen(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills()
    file = await filler.upload("register.pdf", PDF)
    view = await compliance.view("new_bundle.document")
    kinds = options(view, "document_type")
    await compliance.picks("document_type", kinds[1], typed={"file": [file]})

    async def redrawn() -> Any:
        newest = await compliance.view("new_bundle.document")
        return newest if newest["hash"] != view["hash"] else None

    newest = await until(redrawn, "the page for the other kind")
    assert file in str(newest["state"])
    answer = await compliance.submits()
    assert not answer.get("errors"), answer
    await filler.after(newest)
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert list(documents(made)) == [kinds[1]]


async def test_fields_are_checked_before_twilio_is_asked(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    filler = Filler(stage, compliance, {"phone_number": "020 7946"})
    view = await compliance.view()
    values = await filler.answers(view)
    before = len(await stage.calls_to_twilio("POST"))
    answer = await compliance.submits(**values)
    (error,) = answer["errors"].values()
    assert "country code" in error and len(await stage.calls_to_twilio("POST")) == before
    values["phone_number"] = "+44 (0)20 7946 0712"
    assert not (await compliance.submits(**values)).get("errors")
    await filler.after(view)
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    assert end_user(made)["phone_number"] == "+442079460712"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("passport.pdf", b"<html>not a passport</html>" * 40, "no PDF, JPEG or PNG"),
        ("passport.pdf", b"GIF89a" + b"invented drawing" * 20, "no PDF, JPEG or PNG"),
        ("passport.png", b"", "is empty"),
        ("passport.pdf", b"%PDF-1.7 " + b"0123456789abcdef" * 330_000, "larger than 5 MB"),
    ],
)
async def test_a_bad_file_is_named_below_its_field_and_nothing_is_lost(
    stage: Stage, compliance: Person, name: str, content: bytes, words: str
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    before = await filler.fills()
    filler.content, filler.file_name = content, name
    view = await filler.fills()
    assert view["callback_id"] == "new_bundle.document"
    assert [field for field, text in alerts(view) if words in text] == ["file"]
    assert "has to be chosen again" in shown(view)
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert documents(made) == {}
    filler.content, filler.file_name = PNG, "right.png"
    assert (await filler.fills())["callback_id"] == "new_bundle.document" and before


async def test_a_sign_in_page_in_place_of_the_file_is_said_so(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills()
    scopes = stage.slack_twin.workspace.scopes
    stage.slack_twin.workspace.scopes = [each for each in scopes if each != "files:read"]
    view = await filler.fills()
    assert [field for field, text in alerts(view) if "files:read" in text] == ["file"]
    stage.slack_twin.workspace.scopes = scopes
    assert (await filler.fills())["callback_id"] == "new_bundle.document"


async def test_a_file_of_which_slack_tells_only_the_id_is_asked_for(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills()
    await stage.slack.post("faults", file="check_file_info")
    await filler.fills()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert len(documents(made)) == 1
    asked = [each.get("method") for each in await stage.slack.get("calls")]
    assert [each for each in asked if str(each).startswith("files.")] == ["files.info", "files.download"]


@pytest.mark.parametrize(
    (
        "fault",
        "times",
    ),  # a call that was cut off is asked once more by aiohttp, a redirect at the other address
    [("cut_before", 2), ("cut_after", 2), ({"status": 500}, 1), ({"status": 302}, 2)],
)
async def test_a_file_that_slack_does_not_hand_over_is_given_once_more(
    stage: Stage, compliance: Person, fault: Any, times: int
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills()
    await stage.slack.post("faults", method="files.download", fault=fault, times=times)
    view = await filler.fills()
    assert [field for field, text in alerts(view) if text.startswith("Slack ")] == ["file"]
    await filler.fills()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    assert len(documents(made)) == 1


async def test_an_address_that_twilio_does_not_find_is_said_on_its_page(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    filler = Filler(stage, compliance, {"address": "new", "street": "INVALID Street 1"})
    await filler.fills_up_to("new_bundle.address")
    view = await filler.fills()  # the fields of a new address come
    assert "street" in field_ids(view)
    view = await filler.fills()
    assert view["callback_id"] == "new_bundle.address"
    assert "does not find this address" in alerts(view)[0][1]
    assert "INVALID Street 1" in str(view["blocks"]), "nothing that was typed is lost"
    filler.given["street"] = "Torfweg NEAR 417b"
    view = await filler.fills()
    assert "Did you mean" not in shown(view) and "a similar one: Torfweg 417b" in shown(view)
    await compliance.presses("take_suggestion")
    view = await compliance.view("new_bundle.review")
    addresses = (await stage.twilio.get("state"))["addresses"]
    assert "Torfweg 417b" in [each["street"] for each in addresses]


async def test_what_the_evaluation_finds_stands_below_its_field(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    # somebody changes the end user in the Console
    world = stage.twilio_twin.account
    person = next(iter(world.end_users_of(world.bundles[made["sid"]])))
    person.attributes = {**person.attributes, "email": "nonsense"}
    await compliance.presses("later")
    await compliance.types("bundles")
    await compliance.view("bundles.list")
    view = await compliance.view("bundles.list")
    row = next(b for b in view["blocks"] if b["type"] == "actions" and "submit" in str(b))
    await compliance.presses("submit", block_id=row["block_id"])
    view = await compliance.view("new_bundle.end_user")
    assert [field for field, _ in alerts(view)] == ["email"]
    assert "nonsense" in str(view["blocks"])
    review = await filler.fills()
    assert review["callback_id"] == "new_bundle.review"


async def test_an_evaluation_that_misses_an_address_leads_to_the_address_page(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance)
    await filler.fills_up_to()
    account = stage.twilio_twin.account
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    shows = next(d for d in account.documents_of(account.bundles[made["sid"]]) if d.address_sids)
    del account.addresses[shows.address_sids[0]]  # deleted in the Console
    await compliance.presses("change", value="end_user.0.0")
    await compliance.view("new_bundle.end_user")
    view = await filler.fills()
    assert view["callback_id"] == "new_bundle.address"
    assert [field for field, text in alerts(view) if "the address is missing" in text] == ["address"]
    await filler.fills()
    assert (await filler.fills_up_to())["callback_id"] == "new_bundle.review"


async def test_a_failed_save_shows_the_page_again_with_what_was_typed(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    filler = Filler(stage, compliance)
    await twilio.post("faults", method="POST", path="*/EndUsers", times=5, fault={"status": 500})
    view = await filler.fills()
    assert view["callback_id"] == "new_bundle.end_user"
    assert "Twilio does not answer" in alerts(view)[0][1] and alerts(view)[0][0] is None
    assert TYPED["business_name"] in str(view["blocks"])
    await filler.fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    assert end_user(made)["business_name"] == TYPED["business_name"]


async def test_a_lost_answer_makes_one_bundle_only(stage: Stage, compliance: Person, twilio: Control) -> None:
    before = len(await filling.bundles(stage))
    await twilio.post("faults", method="POST", path="*/Bundles", times=1, fault="cut_after")
    view = await filling.begins(compliance, "GB", "mobile", "business")
    assert view["callback_id"] == "new_bundle.end_user"
    assert len(await filling.bundles(stage)) == before + 1


async def test_when_twilio_is_away_the_bundle_is_gone_on_with_and_not_begun_again(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    before = len(await filling.bundles(stage))
    await twilio.post("faults", method="POST", path="*/Bundles", times=1, fault={"status": 500})
    view = await filling.begins(compliance, "GB", "mobile", "business")
    assert view["callback_id"] == "problem" and "Twilio does not answer" in shown(view)
    await compliance.presses("look_again")
    await compliance.view("new_bundle.end_user")
    assert len(await filling.bundles(stage)) == before + 1


async def test_countries_that_need_no_bundle_or_serve_only_businesses_say_so(compliance: Person) -> None:
    view = await filling.begins(compliance, "US", "local", "business")
    assert view["callback_id"] == "new_bundle.start" and "no bundle" in shown(view)
    await compliance.slack.post("close", user=compliance.id, view_id=view["id"])
    view = await filling.begins(compliance, "JP", "local", "individual")
    assert view["callback_id"] == "new_bundle.start" and "other kind of end user" in shown(view)


async def test_a_bundle_that_was_left_half_way_is_taken_up_by_somebody_else(
    stage: Stage, compliance: Person, requester: Person
) -> None:
    await filling.begins(compliance, "DE", "local", "business", name="Head office")
    filler = Filler(stage, compliance)
    await filler.fills()
    await compliance.presses("later")
    await requester.types("bundles")
    view = await requester.view("bundles.list")
    assert "Head office" in shown(view) and "<@U0COMPLIANCE>" in shown(view)
    await requester.presses("continue")
    assert (await requester.view("new_bundle.document"))["callback_id"] == "new_bundle.document"
    other = Filler(stage, requester)
    await other.fills_up_to()
    await other.submits()
    assert other.seen.count("new_bundle.end_user") == 0
    news = await filling.news(stage, "Head office")
    assert "sent by Rita Requester" in shown(news), "by name: an announcement pings nobody"


async def test_papers_are_made_from_the_card_by_somebody_other_than_the_requester(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    card = await stage.card("awaiting_approval")
    await compliance.clicks(card, "add_bundle")
    await compliance.view("card.bundle")
    await compliance.submits(bundle="new")
    await compliance.view("new_bundle.end_user")
    await stage.in_thread(card, "has added the bundle")
    filler = Filler(stage, compliance)
    await filler.fills()
    await approver.clicks(await stage.card("awaiting_approval"), "approve")  # while the papers are being made
    await stage.in_thread(card, "is not finished yet")
    await filler.fills_up_to()
    done = await filler.submits()
    assert "waits for it" in shown(done)
    await stage.in_thread(card, "has sent the bundle")
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "pending-review"]
    await twilio.post(f"bundles/{made['sid']}/review", verdict="approve")
    stage.look()
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_new_bundle_on_page_3_leads_back_to_the_request(
    stage: Stage, requester: Person, approver: Person
) -> None:
    choose = await finds(requester, "GB", number_type="mobile")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    view = await requester.view("buy_number.end_user")
    await requester.submits(end_user_type="business", bundle="new")
    filler = Filler(stage, requester)
    await filler.after(view)
    await filler.fills()
    await requester.presses("later")
    review = await requester.view("buy_number.review")
    assert "kept as a draft" in shown(review)
    await requester.presses("back")
    view = await requester.view("buy_number.end_user")
    own = options(view, "bundle")[0]
    assert own.startswith("BU"), "the bundle that was begun is offered first"
    await requester.submits(bundle=own, end_user_type="business")
    await filler.after(view)
    assert (await requester.view())["callback_id"] == "new_bundle.address"
    await filler.fills_up_to()
    review = await filler.submits()
    assert review["callback_id"] == "buy_number.review" and "with Twilio's reviewers" in shown(review)
    await sends(requester)
    card = await stage.card("awaiting_approval")
    assert "GB mobile business" in shown(card)


async def test_a_request_that_is_taken_up_again_goes_on_with_its_bundle(
    stage: Stage, requester: Person
) -> None:
    before = len(await filling.bundles(stage))
    choose = await finds(requester, "GB", number_type="mobile")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    await requester.view("buy_number.end_user")
    await requester.submits(end_user_type="business", bundle="new")
    await requester.view("new_bundle.end_user")
    for view in reversed(await stage.slack.get("views", user=requester.id)):
        await stage.slack.post("close", user=requester.id, view_id=view["id"])
    await requester.types("buy-number GB")
    await requester.view("buy_number.find")
    await requester.presses("resume")
    view = await requester.view("buy_number.end_user")
    chosen = next(
        each["element"]["initial_option"]["value"]
        for each in view["blocks"]
        if each.get("block_id", "")[:6] == "bundle"
    )
    assert chosen in [each["sid"] for each in await filling.bundles(stage) if each["status"] == "draft"]
    await requester.submits()
    await requester.view("new_bundle.end_user")
    assert len(await filling.bundles(stage)) == before + 1, "no second one is begun"


async def test_among_several_addresses_none_is_proposed_but_the_bundles_own(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance, {"address": "new"})
    await filler.fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    own = {sid for each in documents(made).values() for sid in each["attributes"].get("address_sids", ())}
    assert len(own) == 1, "the second document was proposed the address of the first"
    for n in range(100):
        await stage.app.twilio.addresses.create_async(
            f"Other customer {n}", "Weg 1", "Berlin", "-", "10437", "DE", friendly_name=f"Other {n}"
        )
    view = await compliance.view("new_bundle.review")
    row = next(each for each in view["blocks"] if "'change_address'" in str(each.get("elements")))
    await compliance.presses("change_address", block_id=row["block_id"])
    view = await compliance.view("new_bundle.address")
    assert initial(view, "address") in own and len(options(view, "address")) >= 98
    await compliance.presses("later")
    await filling.begins(compliance, "DE", "local", "individual")
    other = Filler(stage, compliance)
    view = await other.fills_up_to("new_bundle.address")
    assert initial(view, "address") is None
    answer = await compliance.submits()
    assert list(answer["errors"]) and (await compliance.view())["callback_id"] == "new_bundle.address"


def initial(view: dict[str, Any], name: str) -> str | None:
    element = next(
        each["element"] for each in view["blocks"] if (each.get("element") or {}).get("action_id") == name
    )
    chosen = element.get("initial_option")
    return str(chosen["value"]) if chosen else None


async def test_an_approved_bundle_is_offered_however_many_drafts_are_newer(stage: Stage) -> None:
    app = stage.app
    (approved,) = await filling.bundles(stage)
    compliance = app.twilio.numbers.v2.regulatory_compliance
    regulation = stage.twilio_twin.account.bundles[approved["sid"]].regulation_sid
    for n in range(101):
        await compliance.bundles.create_async(f"Draft {n}", "a@example.com", regulation_sid=regulation)
    found = await bundles_of.fitting(app, "GB", "mobile", "business")
    assert [each.sid for each in found] == [approved["sid"]]


async def test_who_may_not_give_papers_makes_no_bundle_for_the_own_request_either(
    stage: Stage, requester: Person, compliance: Person
) -> None:
    await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    card = await stage.card("awaiting_approval")
    await requester.clicks(card, "add_bundle")
    await requester.view("card.bundle")
    stage.app.policy.bundles.people.append(compliance.id)
    await requester.submits(bundle="new")
    assert "may make bundles" in shown(await requester.view())
    assert len(await filling.bundles(stage)) == 1, "only the one that was there"
    stage.app.policy.bundles.people.clear()
    await filling.begins(requester, "DE", "local", "business")
    stage.app.policy.bundles.people.append(compliance.id)
    before = len(await stage.calls_to_twilio("POST"))
    page = await requester.view("new_bundle.end_user")
    await requester.submits(**await Filler(stage, requester).answers(page))
    assert "may make bundles" in shown(await requester.view())
    assert len(await stage.calls_to_twilio("POST")) == before


async def test_who_is_not_allowed_to_give_papers_is_told_so(stage: Stage, outsider: Person) -> None:
    for command in ("new-bundle DE", "bundles"):
        answer = await outsider.types(command)
        assert "may make bundles" in answer["shown"][0]["text"] and answer["view"] is None
    assert await stage.calls_to_twilio("POST") == []


async def test_without_an_address_for_twilios_mails_nothing_is_begun(
    stage: Stage, compliance: Person
) -> None:
    await stage.stop_app()
    await stage.start_app(BUNDLE_EMAIL="")
    answer = await compliance.types("new-bundle DE")
    assert "BUNDLE_EMAIL" in answer["shown"][0]["text"]


async def test_page_3_says_how_long_reviews_have_taken(
    stage: Stage, requester: Person, compliance: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    stage.look()
    await filling.news(stage, "has approved")
    choose = await finds(requester, "GB", number_type="mobile")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    text = shown(await requester.view("buy_number.end_user"))
    assert "Last review in this country: one day" in text
    assert "Address anywhere in the world" in text
    assert options(await requester.view(), "bundle")[-2:] == ["new", "later"]


async def test_in_japanese_every_sentence_of_the_pages_is_japanese(
    stage: Stage, requester_ja: Person
) -> None:
    view = await filling.begins(requester_ja, "JP", "local", "business")
    filler = Filler(stage, requester_ja)
    assert view["title"]["text"] == "エンドユーザー"
    review = await filler.fills_up_to()
    assert filler.seen.count("new_bundle.document") == 4
    assert "評価" in shown(review) and "Twilio's" not in shown(review)
    await filler.submits()


async def test_where_the_bundles_address_does_not_fit_numbers_in_its_town_are_offered(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    filler = Filler(stage, compliance, {"city": "Berlin"})
    await filler.fills_up_to()
    await filler.submits()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    await twilio.post(f"bundles/{made['sid']}/review", verdict="approve")
    choose = await finds(requester, "DE", number_type="local")
    elsewhere = next(each for each in options(choose, "phone_number") if not each.startswith("+4930"))
    await requester.submits(phone_number=elsewhere)
    await requester.view("buy_number.end_user")
    await requester.submits(end_user_type="business", bundle=made["sid"])
    await requester.view("buy_number.review")
    await sends(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    assert "does not lie in the area" in shown(card)
    offered = buttons(card, "alternative")
    assert offered and all(each.rpartition(":")[2].startswith("+4930") for each in offered), offered
    await requester.clicks(card, "alternative", offered[0])
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    (bought,) = await stage.bought()
    assert bought.startswith("+4930")


async def test_a_number_that_shows_the_addresss_town_and_refuses_it_is_followed_by_others_of_that_town(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    """Dublin numbers of one block want an address in a suburb, those of another one in Dublin itself."""
    await filling.begins(compliance, "IE", "local", "business")
    filler = Filler(stage, compliance, {"city": "Dublin"})
    await filler.fills_up_to()
    await filler.submits()
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "IE"]
    await twilio.post(f"bundles/{made['sid']}/review", verdict="approve")
    choose = await finds(requester, "IE", number_type="local", contains="35320910")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    await requester.view("buy_number.end_user")
    await requester.submits(end_user_type="business", bundle=made["sid"])
    await requester.view("buy_number.review")
    await sends(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("needs_changes")
    offered = buttons(card, "alternative")
    assert offered and all(each.rpartition(":")[2].startswith("+35320911") for each in offered), offered
    await requester.clicks(card, "alternative", offered[0])
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    assert await stage.bought() == [offered[0].rpartition(":")[2]]
