"""``numberdesk buy`` and ``numberdesk status``: what a program asks for goes the way of every request."""

import json
from typing import Any

import pytest

from tests.stories import filling
from tests.stories.stage import Control, Person, Stage, number_in, shown, until
from tests.stories.terminal import Terminal

ASKED = ("--country", "US", "--purpose", "Reminders of the night shift", "--agree")


@pytest.fixture
async def script(stage: Stage, terminal: Terminal) -> Terminal:
    """With the settings of the running app, as soon as that knows what is on sale."""
    terminal.sets(**stage.environment)

    async def known() -> bool:
        return bool(stage.app.market.countries() and stage.app.market.services())

    await until(known, "the app has read what is on sale")
    return terminal


async def asks(script: Terminal, *more: str, person: str = "U0REQUESTER") -> Any:
    code, out, err = await script.types("buy", "--person", person, *ASKED, *more)
    assert (code, err) == (0, ""), err
    return json.loads(out)


async def stands(script: Terminal, purchase_id: str) -> Any:
    code, out, _ = await script.types("status", purchase_id)
    assert code == 0
    return json.loads(out)


async def test_what_a_script_asks_for_is_approved_in_slack_and_its_state_is_read(
    stage: Stage, script: Terminal, requester: Person, approver: Person
) -> None:
    service = stage.app.market.services()[0]
    asked = await asks(script, "--service", service.name)
    assert asked["state"] == "awaiting_approval" and not asked["bought"] and asked["price"] == "1.15"
    assert await stage.bought() == []
    card = await stage.card("awaiting_approval")
    assert number_in(card) == asked["number"] and "Reminders of the night shift" in shown(card)
    await stage.told(requester, "has been sent for approval")
    await approver.clicks(card, "approve")
    await stage.card("complete")
    now = await stands(script, asked["id"])
    assert (now["state"], now["bought"], now["proven"]) == ("complete", True, False)
    assert now["messaging_service_sid"] == service.sid and now["phone_number_sid"].startswith("PN")
    assert await stage.bought() == [asked["number"]]
    assert await stands(script, asked["number"]) == now, "a number is as good as an id"
    record = [json.loads(each) for each in (await script.types("record"))[1].splitlines()]
    (sent,) = [each for each in record if each["what"] == "submitted"]
    assert sent["details"] == {"from": "command line"} and sent["person"] == "U0REQUESTER"


async def test_a_certain_number_is_asked_for_and_no_other_in_its_place(
    stage: Stage, script: Terminal
) -> None:
    first = await asks(script, "--no-service")
    code, _, err = await script.types(
        "buy", "--person", "U0REQUESTER", *ASKED, "--no-service", "--number", first["number"]
    )
    assert code == 1 and "Somebody else is buying" in err
    code, _, err = await script.types(
        "buy", "--person", "U0REQUESTER", *ASKED, "--no-service", "--number", "+1 415-555-9999"
    )
    assert code == 1 and "not among the numbers that Twilio offers" in err
    second = await asks(script, "--no-service")
    assert second["number"] != first["number"]
    assert len(await stage.cards()) <= 2


async def test_a_number_that_needs_a_bundle_waits_for_it(
    stage: Stage, script: Terminal, compliance: Person, approver: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    british = ("--country", "GB", "--type", "mobile", "--no-service", "--end-user", "business")
    code, _, err = await script.types("buy", "--person", "U0REQUESTER", *ASKED, *british, "--bundle", "BU1")
    assert code == 1 and err.startswith("--bundle: No bundle of this SID")
    asked = await asks(script, *british, "--bundle", sid)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")

    async def waits() -> bool:
        return "waiting for review" in ((await stands(script, asked["id"]))["why"] or "")

    await until(waits, "it waits for the review")
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    stage.look()
    await stage.card("complete")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--no-service", "--person", "U0NOBODY"), "You are not on the list"),
        (("--no-service", "--country", "XX"), "--type: Choose one of the number types"),
        (("--no-service", "--texts", "US", "--contains", "$$"), "--contains: Only digits"),
        (("--no-service", "--purpose", "Remind\x1b[31mers"), "--purpose: There are characters"),
        (("--no-service", "--purpose", "x" * 501), "--purpose: At most 500 letters."),
        (("--service", "Nowhere"), "--service: This messaging service does not exist any more."),
        ((), "--service: Choose a messaging service."),
        (
            ("--no-service", "--closest-match", "--price-limit", "0.01"),
            "--price-limit: The number itself costs",
        ),
    ],
    ids=lambda each: " ".join(each)[:40] if isinstance(each, tuple) else "",
)
async def test_what_is_wrong_is_said_by_the_options_name_and_nothing_is_asked_for(
    arguments: tuple[str, ...], said: str, stage: Stage, script: Terminal
) -> None:
    if "U0NOBODY" in arguments:
        stage.expected_refusals.append("user_not_found")
    code, out, err = await script.types("buy", "--person", "U0REQUESTER", *ASKED, *arguments)
    assert (code, out) == (1, "") and err.startswith(said) and len(err.splitlines()) == 1, err
    assert await stage.cards() == [] and await stage.store.latest_draft("U0REQUESTER") is None


async def test_without_the_agreement_nothing_is_asked_for(stage: Stage, script: Terminal) -> None:
    code, _, err = await script.types("buy", "--person", "U0REQUESTER", *ASKED[:-1], "--no-service")
    assert code == 1 and err.startswith("--agree: ") and await stage.cards() == []


async def test_who_may_not_ask_in_slack_may_not_ask_here(stage: Stage, script: Terminal) -> None:
    code, _, err = await script.types("buy", "--person", "U0OUTSIDER", *ASKED, "--no-service")
    assert code == 1 and "not on the list of people who may ask" in err and await stage.cards() == []


async def test_all_requests_of_a_person_are_a_line_each(script: Terminal) -> None:
    ids = [(await asks(script, "--no-service"))["id"] for _ in range(2)]
    code, out, _ = await script.types("status", "--person", "U0REQUESTER")
    assert code == 0 and {json.loads(each)["id"] for each in out.splitlines()} == set(ids)
    assert (await script.types("status", "--person", "U0APPROVER"))[:2] == (0, "")
    assert (await script.types("status", "nosuch"))[0] == 1
    assert (await script.types("status"))[0] == 2
