"""A bundle's line and its page: where it stands, its documents, the reasons for those who may read them, and what can be done with it."""

from typing import Any

from tests.stories import filling
from tests.stories.filling import Filler
from tests.stories.stage import APPROVALS, Control, Person, Stage, asks, field_ids, shown
from tests.stories.test_bundle_news import look_for, polls, waits_for

REASON = "The *register* excerpt is older than six months."


async def opens(stage: Stage, person: Person, sid: str) -> dict[str, Any]:
    """The list, and from it the bundle's page."""
    await person.types("bundles")
    await person.view("bundles.list")
    row = await stage.store.bundle_by_sid(stage.environment["TWILIO_ACCOUNT_SID"], sid)
    await person.presses("details", block_id=f"of {row.id}")
    return await person.view("bundles.details")  # type: ignore[no-any-return]


async def rejected(stage: Stage, person: Person) -> str:
    sid = await filling.makes(stage, person, "DE", "local", "business")
    documents = [each for each in (await filling.bundle(stage, sid))["items"] if each["kind"] == "document"]
    await stage.twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={documents[1]["sid"]: REASON})
    await polls(stage)
    return sid


async def test_the_page_of_an_approved_bundle_names_its_documents_and_the_number_that_uses_it(
    stage: Stage, requester: Person, approver: Person, compliance: Person
) -> None:
    (seeded,) = await filling.bundles(stage)
    end_user = {"end_user_type": "business", "bundle": seeded["sid"]}
    number = await asks(requester, "GB", number_type="mobile", end_user=end_user)
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete", number)
    await compliance.types("bundles")
    line = shown(await look_for(compliance, lambda view: "Using it:" in shown(view)))
    assert number[-4:] in line and "United Kingdom, Mobile, Business" in line
    page = await opens(stage, compliance, seeded["sid"])
    text = shown(page)
    assert "approved" in text and "No end date" in text and number[-4:] in text
    assert {"list", "menu"} <= field_ids(page) and not {"renew", "fix", "submit"} & field_ids(page)
    await compliance.presses("list")
    await compliance.view("bundles.list")


async def test_reasons_are_read_by_who_sent_it_and_in_the_bundles_channel_alone(
    stage: Stage, requester: Person, compliance: Person, approver: Person
) -> None:
    sid = await rejected(stage, compliance)
    members = stage.slack_twin.workspace.channels["C0BUNDLES"]["members"]
    members[:] = [each for each in members if each != approver.id]
    page = await opens(stage, compliance, sid)
    assert REASON in shown(page) and "rejected" in shown(page) and {"fix", "submit"} <= field_ids(page)
    assert "found nothing missing" in shown(page), "Twilio's evaluation is told too"
    page = await opens(stage, approver, sid)
    assert REASON not in shown(page) and "Twilio's reasons are told in" in shown(page)
    assert "rejected" in shown(page), "the state is everybody's"


async def test_what_is_half_made_says_what_is_missing_and_is_gone_on_with_from_its_page(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    await Filler(stage, compliance).fills()
    await compliance.presses("later")
    (made,) = [each for each in await filling.bundles(stage) if each["iso_country"] == "DE"]
    page = await opens(stage, compliance, made["sid"])
    assert shown(page).count("missing") == 3 and "continue" in field_ids(page)
    await compliance.presses("continue")
    await compliance.view("new_bundle.document")


async def test_a_bundle_is_sent_from_its_page_once_nothing_is_missing(
    stage: Stage, compliance: Person
) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await Filler(stage, compliance).fills_up_to()
    await compliance.presses("later")
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    page = await opens(stage, compliance, made["sid"])
    await compliance.presses("submit")
    page = await Filler(stage, compliance).after(page)
    assert "with Twilio's reviewers" in shown(page) and "waiting for review" in shown(page)
    assert field_ids(page) == {"list"}, "nobody can take it back"


async def test_deleting_asks_on_a_page_that_names_what_waits_for_it(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    number, card = await waits_for(stage, requester, approver, sid)
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={})
    await polls(stage)
    page = await opens(stage, compliance, sid)
    assert "waits for it" in shown(page)
    (menu,) = [
        each
        for block in page["blocks"]
        for each in block.get("elements", ())
        if each.get("type") == "overflow"
    ]
    await compliance.picks("menu", menu["options"][0]["value"])
    asked = await compliance.view("bundles.delete")
    assert number[-4:] in shown(asked)
    await compliance.submits()
    assert "is deleted" in shown(await compliance.view("bundles.list"))
    await stage.in_thread(card, "was deleted at Twilio")


async def test_a_cards_bundle_is_opened_from_the_card(
    stage: Stage, requester: Person, approver: Person, outsider: Person
) -> None:
    (seeded,) = await filling.bundles(stage)
    end_user = {"end_user_type": "business", "bundle": seeded["sid"]}
    await asks(requester, "GB", number_type="mobile", end_user=end_user)
    card = await stage.card("awaiting_approval")
    await approver.chooses(card, "bundle")
    page = await approver.view("bundles.details")
    assert seeded["friendly_name"] in shown(page)
    stage.slack_twin.workspace.channels[APPROVALS]["members"].append(outsider.id)
    before = len(await outsider.seen_alone(APPROVALS))
    await outsider.chooses(card, "bundle")
    assert len(await outsider.seen_alone(APPROVALS)) == before + 1, "who may not is told so"


async def test_a_new_bundle_is_begun_from_the_list(stage: Stage, compliance: Person) -> None:
    await compliance.types("bundles")
    await compliance.view("bundles.list")
    await compliance.presses("new")
    await compliance.view("new_bundle.start")


async def test_in_japanese_every_sentence_of_a_bundles_page_is_japanese(
    stage: Stage, requester_ja: Person
) -> None:
    sid = await rejected(stage, requester_ja)
    page = await opens(stage, requester_ja, sid)
    text = shown(page)
    assert "却下" in text and REASON in text and "修正して再提出" in text
    for english in ("rejected", "Made", "Sent", "Decided", "evaluation", "Documents", "Details"):
        assert english not in text, english
