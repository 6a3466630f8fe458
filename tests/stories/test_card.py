"""What the card says first, whom it calls, and what its buttons and the messages about it lead to."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlmodel import select

from bot.purchases import operations
from storage.history import Happened
from storage.models import Outgoing
from tests.stories import filling
from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    field_ids,
    options,
    reviews,
    sends,
    shown,
    until,
)

BY_NAME = """
[ask]
channels = ["C0NUMBERS"]

[approve]
people = {people}
"""


def elements(message: dict[str, Any], kind: str) -> list[str]:
    """Whom or what a message's rich text mentions."""
    found: list[str] = []

    def look(each: Any) -> None:
        if isinstance(each, dict):
            if each.get("type") == kind:
                found.append(next(value for name, value in each.items() if name.endswith("_id")))
            for value in each.values():
                look(value)
        elif isinstance(each, list):
            for value in each:
                look(value)

    look(message["blocks"])
    return found


async def with_policy(stage: Stage, folder: Path, people: list[str]) -> None:
    file = folder / "policy.toml"
    file.write_text(BY_NAME.format(people=people).replace("'", '"'))
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(file))


async def pressed(person: Person, message: dict[str, Any], action_id: str, channel: str) -> Any:
    return await person.slack.post(
        "act", user=person.id, channel=channel, ts=message["ts"], action_id=action_id
    )


# whom it calls


async def test_the_first_line_says_who_asks_for_what_and_calls_those_who_decide(
    stage: Stage, requester: Person
) -> None:
    await asks(requester, purpose="Reminders *for* <@U0APPROVER> ~now~")
    card = await stage.card("awaiting_approval")
    first = "Rita Requester asks for a number (United States, Local): $1.15 a month ($13.80 a year)"
    assert card["text"] == first, "the notification says the same"
    assert shown(card).startswith(first)
    assert elements(card, "usergroup") == ["S0APPROVERS"] and elements(card, "user") == []
    assert "Reminders *for* <@U0APPROVER> ~now~" in shown(card), "as it was typed, and nobody is called by it"


async def test_few_people_are_mentioned_and_many_are_told_directly(
    stage: Stage, requester: Person, approver: Person, tmp_path: Path
) -> None:
    few, many = ["U0APPROVER", "U0APPROVER2"], ["U0APPROVER", "U0APPROVER2", "U0COMPLIANCE", "U0OPERATOR"]
    await with_policy(stage, tmp_path, few)
    await asks(requester)
    assert elements(await stage.card("awaiting_approval"), "user") == few
    assert await approver.direct_messages() == []
    for each in ("U0FIVE", "U0SIX"):
        await stage.slack.post("people", id=each, name=each)
    await with_policy(stage, tmp_path, [*many, "U0FIVE", "U0SIX"])
    number = await asks(requester)
    assert elements(await stage.card("awaiting_approval", number), "user") == []
    assert "asks for" in await stage.told(approver, number[-4:])


async def test_when_it_comes_back_to_them_a_line_in_the_channel_calls_them(
    stage: Stage, requester: Person
) -> None:
    """An edit of the card notifies nobody."""
    await asks(requester)
    card = await stage.card("awaiting_approval")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    said = {"say": "It costs {price} now.", "with": {"price": "$2.40"}}
    changed = {"price": Decimal("2.40")}
    owed = operations.asked_again(stage.app, purchase, said)
    await stage.store.quote_again(purchase, Happened("quote_changed", owed=owed), changed)

    async def called() -> Any:
        found = [each for each in await stage.messages("C0APPROVALS") if "It costs $2.40 now" in each["text"]]
        return found[-1] if found else None

    line = await until(called, "the channel shows the line")
    assert line["thread_ts"] == card["ts"] and elements(line, "usergroup") == ["S0APPROVERS"]


# who asked is told where the command was typed


async def test_the_requester_reads_where_the_command_was_typed_to_whom_it_went_and_can_withdraw(
    stage: Stage, requester: Person, requester2: Person
) -> None:
    await asks(requester)
    line = await stage.told(requester, "sent for approval")
    assert "S0APPROVERS" in line and "/archives/" in line
    assert await requester.direct_messages() == []
    assert await requester2.seen_alone() == []
    messages = await stage.slack.get("messages", channel="C0NUMBERS", user=requester.id)
    await pressed(requester, messages[-1], "withdraw", "C0NUMBERS")
    await requester.submits()
    await stage.card("withdrawn")
    async with stage.store.reading() as session:
        kept = (await session.exec(select(Outgoing.answer_url).where(Outgoing.kind == "direct"))).all()
    assert set(kept) == {None}, "the address is kept no longer than it is needed"


async def test_half_an_hour_later_it_is_a_direct_message(stage: Stage, requester: Person) -> None:
    await reviews(requester)
    stage.slack_twin.workspace.response_urls.clear()
    await sends(requester)
    await stage.card("awaiting_approval")

    async def told() -> bool:
        return any("sent for approval" in each for each in await requester.direct_messages())

    await until(told, "it is told directly")


# denied, withdrawn


async def test_a_denial_leads_back_to_the_form_filled_as_it_was(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester, "US", contains="019", capabilities=["sms"], purpose="Reminders for Leeds")
    await approver.clicks(await stage.card("awaiting_approval"), "deny")
    await approver.submits(reason="Over budget")
    await stage.told(requester, "Over budget")
    message = (await stage.slack.get("messages", channel=requester.id))[-1]
    await pressed(requester, message, "ask_again", requester.id)
    view = await requester.view("buy_number.find")
    typed = {name: each for fields in view["state"]["values"].values() for name, each in fields.items()}
    assert typed["country"]["selected_option"]["value"] == "US"
    assert typed["contains"]["value"] == "019" and typed["purpose"]["value"] == "Reminders for Leeds"
    assert [each["value"] for each in typed["capabilities"]["selected_options"]] == ["sms"]


async def test_withdrawing_somebody_elses_request_asks_why(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await approver.chooses(card, "withdraw")
    page = await approver.view("card.withdraw")
    assert "reason" in field_ids(page)
    answer = await approver.submits(reason="  ")
    assert "Say why" in answer["errors_by_action"]["reason"]
    await approver.submits(reason="Asked for twice")
    await stage.card("withdrawn")
    await stage.told(requester, "Asked for twice")


# the bundle


async def test_a_card_leads_into_its_bundle_where_it_is_not_finished_or_was_refused(
    stage: Stage, requester: Person, approver: Person, compliance: Person, twilio: Control
) -> None:
    sid = await filling.makes(stage, compliance, "GB", "mobile", "business")
    await asks(requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": sid})
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("in_progress")
    await twilio.post(f"bundles/{sid}/review", verdict="reject", reasons={})
    await stage.running.watch.poll()

    async def refused() -> Any:
        card = (await stage.cards())[-1]
        return card if "Twilio rejected the bundle" in card["text"] else None

    card = await until(refused, "the card's first line says so")
    assert {"fix", "add_bundle", "withdraw"} <= field_ids(card)
    await stage.told(requester, "has the reasons")
    await compliance.clicks(card, "fix")
    assert "does not meet the requirements" in shown(await compliance.view("new_bundle.address"))


async def test_what_keeps_the_number_from_being_bought_is_said_before_anybody_approves(
    stage: Stage, requester: Person
) -> None:
    end_user = {"end_user_type": "business", "bundle": "later"}
    await asks(requester, "DE", number_type="local", end_user=end_user)
    card = await stage.card("awaiting_approval")
    assert "It cannot be bought before a bundle is added" in shown(card)


async def test_what_was_searched_for_by_place_is_filled_in_again_too(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await requester.types("buy-number US")
    await requester.presses("advanced")
    await requester.view("buy_number.find")
    await requester.submits(purpose="Reminders", in_region="LA")
    choose = await requester.view("buy_number.choose")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    await sends(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "deny")
    await approver.submits(reason="Another state")
    await stage.told(requester, "Another state")
    message = (await stage.slack.get("messages", channel=requester.id))[-1]
    await pressed(requester, message, "ask_again", requester.id)
    view = await requester.view("buy_number.find")
    assert "'LA'" in str(view["state"]), "the filter is shown, and so not lost"


def plan(card: Any) -> dict[str, str]:
    """Status by title of the card's plan; empty where it has none."""
    tasks = next((each["tasks"] for each in card["blocks"] if each["type"] == "plan"), [])
    return {each["title"]: each["status"] for each in tasks}


async def test_steps_are_a_plan_where_that_is_wanted(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.stop_app()
    await stage.start_app(CARD_STEPS="plan")
    await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Leeds"})
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    steps = plan(await stage.card("complete"))
    assert len(steps) == 5 and set(steps.values()) == {"complete"}, steps


async def test_where_slack_takes_no_plan_the_steps_are_text_again(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.stop_app()
    await stage.start_app(CARD_STEPS="plan")
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await stage.slack.post("faults", method="chat.update", times=1, fault={"error": "invalid_blocks"})
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    assert plan(card) == {} and "✓ Bought" in shown(card)
    assert [each for each in await stage.messages("C0OPERATORS") if "card" in each["text"]] == []
