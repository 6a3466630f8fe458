"""A bundle's form that is left: what was saved and what was not is said, whoever closed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.twilio.regulations import REGULATIONS
from tests.stories import filling
from tests.stories.filling import Filler
from tests.stories.stage import Control, Person, Stage, shown
from tests.stories.stage import stage as set_stage


async def sends_and_closes(stage: Stage, person: Person, **values: Any) -> None:
    """Twilio takes its time, and the person does not wait for it."""
    view = await person.view()
    await person.submits(**values)
    await stage.slack.post("close", user=person.id, view_id=view["id"])


async def test_finishing_later_says_which_page_is_lost(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "DE", "local", "business")
    await Filler(stage, compliance).fills()
    page = await compliance.view("new_bundle.document")
    (name,) = [each["text"]["text"] for each in page["blocks"] if each["type"] == "header"]
    await compliance.presses("later")
    assert f"What you changed on the page “{name}” is not saved" in shown(await compliance.view())


async def test_finishing_later_on_the_last_page_loses_nothing(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await Filler(stage, compliance).fills_up_to()
    await compliance.presses("later")
    done = shown(await compliance.view("new_bundle.done"))
    assert "kept as a draft" in done and "not saved" not in done


async def test_who_closes_the_form_while_a_page_is_saved_is_told_that_it_is(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    view = await filling.begins(compliance, "GB", "mobile", "business")
    values = await Filler(stage, compliance).answers(view)
    await twilio.post("faults", method="POST", path="*/EndUsers", times=1, fault={"delay": 0.5})
    await sends_and_closes(stage, compliance, **values)
    told = await stage.told(compliance, "was closed while “End user: Business” was sent to Twilio")
    assert "It is saved there" in told
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    assert [each["kind"] for each in made["items"]] == ["end_user"]


async def test_who_closes_the_form_of_a_page_that_is_not_saved_is_told_so_and_not_why(
    stage: Stage, compliance: Person, twilio: Control
) -> None:
    view = await filling.begins(compliance, "GB", "mobile", "business")
    values = await Filler(stage, compliance).answers(view)
    await twilio.post("faults", method="POST", path="*/EndUsers", times=5, fault={"status": 500})
    await sends_and_closes(stage, compliance, **values)
    told = await stage.told(compliance, "that did not go well")
    assert "is asked again" in told and values["business_name"] not in told


async def test_who_closes_the_form_while_it_is_sent_hears_that_it_was_or_was_not(
    stage: Stage, requester_ja: Person, twilio: Control
) -> None:
    await filling.begins(requester_ja, "GB", "mobile", "business")
    await Filler(stage, requester_ja).fills_up_to()
    (made,) = [each for each in await filling.bundles(stage) if each["status"] == "draft"]
    path = f"*/Bundles/{made['sid']}"
    await twilio.post("faults", method="POST", path=path, times=5, fault={"status": 503})
    await sends_and_closes(stage, requester_ja)
    await stage.told(requester_ja, "提出は完了しませんでした")
    await twilio.delete("faults")
    await requester_ja.types("bundles")
    await requester_ja.view("bundles.list")
    await requester_ja.presses("continue")
    await requester_ja.view("new_bundle.review")
    await sends_and_closes(stage, requester_ja)
    await stage.told(requester_ja, "審査待ち")


async def test_who_sees_what_became_of_it_is_told_nothing_more(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await Filler(stage, compliance).fills_up_to()
    assert not [each for each in await compliance.direct_messages() if "was closed" in each]


@pytest.mark.parametrize("language", ["requester", "requester_ja"])
async def test_what_twilio_links_to_can_be_followed(tmp_path: Path, language: str) -> None:
    regulation = next(
        each
        for each in json.loads(REGULATIONS.read_text())["results"]
        if (each["iso_country"], each["number_type"], each["end_user_type"]) == ("DE", "local", "business")
    )
    documents = regulation["requirements"]["supporting_document"][0]
    documents[0]["description"] = "An extract of the register, see https://www.example.com/register."
    theirs = tmp_path / "regulations.json"
    theirs.write_text(json.dumps([regulation]))
    async with set_stage(tmp_path, regulations=theirs) as stage:
        person = stage.person(language)
        await filling.begins(person, "DE", "local", "business")
        page = await Filler(stage, person).fills_up_to("new_bundle.document")

    def links(each: Any) -> list[str]:
        if isinstance(each, dict):
            own = [each["url"]] if each.get("type") == "link" else []
            return own + [url for value in each.values() for url in links(value)]
        return [url for value in each for url in links(value)] if isinstance(each, list) else []

    assert links(page["blocks"]) == ["https://www.example.com/register"]
