"""Rules of a policy as people meet them: stages one after the other, no rule, unasked, limits, time, an emergency."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import Clock
from tests.stories.stage import Person, Stage, asks, field_ids, finds, reviews, sends, shown, until
from tests.stories.test_home import home, opens, shows

DAY = 24 * 3600
TIERS = """
[[rule]]
name = "Tiers"
[[rule.stage]]
name = "Team lead"
people = ["U0APPROVER"]
[[rule.stage]]
name = "Finance"
people = ["U0COMPLIANCE", "U0APPROVER"]
yearly_above = {above}
"""
PLAIN = '[approve]\npeople = ["U0APPROVER", "U0APPROVER2"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


async def by(stage: Stage, file: Path, text: str) -> None:
    """The app, started with this policy."""
    await asyncio.to_thread(file.write_text, text)
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(file))


async def edited(stage: Stage, file: Path, text: str) -> None:
    before = stage.app.policy.version
    await asyncio.to_thread(file.write_text, text)
    await until(lambda: stage.app.policy.version != before, "the edit is in force")


async def purchase_of(stage: Stage, card: dict[str, Any]) -> Any:
    return await stage.store.purchase(card["metadata"]["event_payload"]["id"])


async def recorded(stage: Stage, card: dict[str, Any], what: str) -> list[dict[str, Any]]:
    lines = await stage.store.record_of(card["metadata"]["event_payload"]["id"])
    return [each.details for each in lines if each.what == what]


async def judged(stage: Stage) -> dict[str, Any]:
    """The card that waits, once the worker has looked at it for the first time."""
    card: dict[str, Any] = await stage.card("awaiting_approval")

    async def looked_at() -> bool:
        return (await purchase_of(stage, card)).asked_at is not None

    await until(looked_at, "it is judged by the policy")
    return card


async def drawn(stage: Stage, words: str) -> dict[str, Any]:
    async def there() -> Any:
        cards = await stage.cards()
        return cards[-1] if cards and words in shown(cards[-1]) else None

    found: dict[str, Any] = await until(there, f"the card says “{words}”")
    return found


async def test_stages_are_asked_one_after_the_other_and_by_different_people(
    stage: Stage, file: Path, requester: Person, approver: Person, compliance: Person
) -> None:
    await by(stage, file, TIERS.format(above=10))
    number = await asks(requester)
    card = await judged(stage)
    assert "stage “Team lead”" in shown(card) and "rule “Tiers”" in shown(card)
    assert "<@U0APPROVER>" in shown(card) and "<@U0COMPLIANCE>" not in shown(card)
    early = await compliance.clicks(card, "approve")
    assert "it waits for the approval of <@U0APPROVER>" in early["shown"][0]["text"]
    await approver.clicks(card, "approve")
    line = await stage.in_thread(card, "Next comes the stage “Finance”")
    assert "<@U0COMPLIANCE>" in line
    assert "<@U0COMPLIANCE>" in shown(await drawn(stage, "stage “Finance”"))
    again = await approver.clicks(card, "approve")
    assert "You have approved this already" in again["shown"][0]["text"], "stages are different people"
    assert await stage.bought() == []
    await compliance.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]
    given = await recorded(stage, card, "approval")
    version = stage.app.policy.version
    assert [(each["rule"], each["stage"], each["policy_version"]) for each in given] == [
        ("Tiers", 1, version),
        ("Tiers", 2, version),
    ]
    assert (await recorded(stage, card, "approved"))[0] == {"rule": "Tiers", "policy_version": version}


async def test_home_shows_a_request_to_those_whose_turn_it_is(
    stage: Stage, file: Path, requester: Person, approver: Person, compliance: Person
) -> None:
    await by(stage, file, TIERS.format(above=10))
    await opens(compliance)
    await opens(approver)
    await asks(requester)
    await shows(approver, "One request waits for you")
    assert "waits for you" not in shown(await home(compliance))
    await approver.clicks(await judged(stage), "approve")
    await shows(compliance, "One request waits for you")
    await shows(approver, "waits for you", gone=True)


async def test_who_stands_in_is_called_and_approves(
    stage: Stage, file: Path, requester: Person, compliance: Person
) -> None:
    day = datetime.now(UTC).date()
    away = f'[[stand_in]]\naway = "U0APPROVER"\nby = "U0COMPLIANCE"\nfirst = {day}\nlast = {day + timedelta(days=1)}\n'
    await by(stage, file, f'[approve]\npeople = ["U0APPROVER"]\n{away}')
    number = await asks(requester)
    card = await judged(stage)
    assert "<@U0COMPLIANCE>" in shown(card) and "<@U0APPROVER>" not in shown(card)
    await compliance.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_below_its_amount_a_stage_is_not_asked_and_an_edit_counts_what_was_approved_anew(
    stage: Stage, file: Path, requester: Person, approver: Person
) -> None:
    await by(stage, file, TIERS.format(above=10))
    number = await asks(requester)
    card = await judged(stage)
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "Next comes the stage “Finance”")
    await edited(stage, file, TIERS.format(above=200))
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_denial_names_rule_and_version_in_the_record(
    stage: Stage, file: Path, requester: Person, approver: Person
) -> None:
    await by(stage, file, TIERS.format(above=200))
    await asks(requester)
    card = await judged(stage)
    await approver.clicks(card, "deny")
    await approver.submits(reason="Too dear")
    await stage.card("denied")
    (denied,) = await recorded(stage, card, "denied")
    assert (denied["rule"], denied["policy_version"]) == ("Tiers", stage.app.policy.version)


# no rule


async def test_that_nobody_approves_such_a_number_is_said_before_anything_is_filled_in(
    stage: Stage, file: Path, requester: Person
) -> None:
    await by(stage, file, '[[rule]]\nname = "Japan"\ncountries = ["JP"]\npeople = ["U0APPROVER"]\n')
    await requester.types("buy-number US")
    view = await requester.view("buy_number.find")
    assert "nobody approves such a number" in shown(view) and "<@U0OPERATOR>" in shown(view)
    answer = await requester.submits(purpose="Reminders")
    assert "nobody approves such a number" in shown(answer["view"]), "and is not searched for"
    await requester.types("buy-number JP")
    assert "nobody approves" not in shown(await requester.view("buy_number.find"))


async def test_where_no_rule_could_be_for_a_request_from_here_no_form_opens(
    stage: Stage, file: Path, requester: Person
) -> None:
    await by(stage, file, '[[rule]]\nname = "There"\nasked_in = ["C0BUNDLES"]\npeople = ["U0APPROVER"]\n')
    answer = await requester.types("buy-number US")
    assert answer["view"] is None and "nobody approves such a number" in answer["shown"][0]["text"]


async def test_a_request_whose_rule_is_taken_away_waits_and_says_so(
    stage: Stage, file: Path, requester: Person, approver: Person
) -> None:
    await by(stage, file, TIERS.format(above=200))
    await asks(requester)
    card = await judged(stage)
    await edited(stage, file, '[[rule]]\nname = "Japan"\ncountries = ["JP"]\npeople = ["U0APPROVER"]\n')
    assert await stage.in_thread(card, "No rule of the policy covers the request")
    await drawn(stage, "nobody can approve it")
    answer = await approver.clicks(card, "approve")
    assert "not on the list of people who may approve" in answer["shown"][0]["text"]
    assert await stage.bought() == []

    async def operators() -> list[str]:
        return [each["text"] for each in await stage.messages("C0OPERATORS") if "No rule of" in each["text"]]

    assert len(await until(operators, "the operators are told")) == 1
    await edited(stage, file, TIERS.format(above=200))
    line = await stage.in_thread(card, "By the policy as it is now")
    assert "<@U0APPROVER>" in line, "they are called again"
    await approver.clicks(card, "approve")
    await stage.card("complete")


# unasked


async def test_what_costs_less_than_the_policy_asks_about_is_bought_without_anybody(
    stage: Stage, file: Path, requester: Person
) -> None:
    await by(stage, file, '[approve]\npeople = ["U0APPROVER"]\nunasked_under = 20\n')
    number = await asks(requester)
    card = await stage.card("complete")
    assert await stage.bought() == [number]
    assert "No approval needed" in shown(card)
    await stage.told(requester, "needs nobody's approval by the policy")
    assert await stage.in_thread(card, "needs nobody's approval")
    (line,) = await recorded(stage, card, "unasked")
    assert line == {"rule": "approve", "policy_version": stage.app.policy.version}


# limits


async def test_what_is_over_a_limit_is_refused_with_the_figure_and_again_before_it_is_bought(
    stage: Stage, file: Path, requester: Person, requester2: Person, approver: Person
) -> None:
    await by(stage, file, PLAIN + "[limits]\nmonthly = 2\n")
    first = await asks(requester)
    card = await judged(stage)
    second = await asks(requester2)
    other = await stage.card("awaiting_approval", number=second)
    await approver.clicks(card, "approve")
    await stage.card("complete", number=first)
    answer = await approver.clicks(other, "approve")
    assert "$2.30 a month would be spent" in answer["shown"][0]["text"], (
        "it was asked for while there was room"
    )
    await reviews(requester)
    assert "$3.45 a month would be spent" not in shown(await requester.view()), "what waits costs nothing yet"
    assert "With this number $2.30 a month would be spent" in shown(await requester.view())
    answer = await sends(requester)
    assert "the limit for all numbers together is $2" in shown(answer["view"])
    assert await stage.bought() == [first]
    await edited(stage, file, PLAIN + "[limits]\nmonthly = 3\n")
    await approver.clicks(other, "approve")
    await stage.card("complete", number=second)


async def test_what_is_over_a_limit_is_asked_of_the_named_people_instead(
    stage: Stage, file: Path, requester: Person, approver: Person, compliance: Person
) -> None:
    await by(stage, file, PLAIN + '[limits]\nper_person = 1\nover = { people = ["U0COMPLIANCE"] }\n')
    first = await asks(requester)
    card = await judged(stage)
    await approver.clicks(card, "approve")
    await stage.card("complete", number=first)
    second = await asks(requester)
    card = await stage.card("awaiting_approval", number=second)
    assert "1 numbers were asked for" in shown(card) and "<@U0COMPLIANCE>" in shown(card)
    answer = await approver.clicks(card, "approve")
    assert "it waits for the approval of <@U0COMPLIANCE>" in answer["shown"][0]["text"]
    await compliance.clicks(card, "approve")
    await stage.card("complete", number=second)


# time


async def test_who_has_to_decide_is_reminded_then_others_may_then_it_lapses_and_can_be_asked_again(
    stage: Stage, file: Path, requester: Person, compliance: Person, clock: Clock
) -> None:
    time = """[waiting]
remind_after = "1d"
remind_at_most = 1
pass_on_after = "2d"
pass_on_to = { people = ["U0COMPLIANCE"] }
lapse_after = "4d"
"""
    await by(stage, file, PLAIN + time)
    await asks(requester)
    card = await judged(stage)
    await clock.forward(DAY + 60)
    line = await stage.in_thread(card, "still waits for a decision")
    assert "<@U0APPROVER>" in line and "<@U0APPROVER2>" in line
    await clock.forward(DAY)
    assert "<@U0COMPLIANCE>" in await stage.in_thread(card, "It is passed on")
    page = await compliance.clicks(card, "deny")
    assert page["view"]["callback_id"] == "card.deny", "they may decide now, too"
    await clock.forward(2 * DAY)
    card = await stage.card("lapsed")
    assert "nobody decided in time" in shown(card) and not {"approve", "deny"} & field_ids(card)
    await stage.told(requester, "so the request has lapsed")
    told = await stage.thread(card)
    assert [sum(words in each for each in told) for words in ("still waits", "passed on", "has lapsed")] == [
        1,
        1,
        1,
    ]
    (line,) = await recorded(stage, card, "lapsed")
    assert line["rule"] == "approve" and line["policy_version"] == stage.app.policy.version
    messages = await stage.slack.get("messages", channel=requester.id)
    (lapsed,) = [each for each in messages if "has lapsed" in each["text"]]
    await stage.slack.post(
        "act", user=requester.id, channel=requester.id, ts=lapsed["ts"], action_id="ask_again"
    )
    assert "Reminders" in str(await requester.view("buy_number.find"))


async def test_a_reminder_waits_for_the_hours_in_which_the_team_works(
    stage: Stage, file: Path, requester: Person, requester2: Person, clock: Clock
) -> None:
    day = (datetime.now(UTC) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
    weekday = f"{day:%a}".lower()
    hours = f'[hours]\nzone = "UTC"\ndays = "{weekday}"\nhours = "9-16"\n'
    await by(stage, file, PLAIN + '[waiting]\nremind_after = "1h"\nremind_at_most = 1\n' + hours)
    await asks(requester)
    card = await judged(stage)
    before = day - timedelta(minutes=10)
    await clock.forward((before - datetime.now(UTC)).total_seconds())
    number = await asks(requester2)
    await stage.card("awaiting_approval", number)
    assert not [each for each in await stage.thread(card) if "still waits" in each], "nobody works yet"
    await clock.forward(11 * 60)
    assert "<@U0APPROVER>" in await stage.in_thread(card, "still waits for a decision")


async def test_an_approval_that_has_grown_old_is_asked_for_again(
    stage: Stage, file: Path, requester: Person, approver: Person, approver2: Person, clock: Clock
) -> None:
    await by(stage, file, PLAIN + 'approvals = 2\n[waiting]\napprovals_last = "3d"\n')
    number = await asks(requester)
    card = await judged(stage)
    await approver.clicks(card, "approve")
    await clock.forward(3 * DAY + 60)
    await approver2.clicks(card, "approve")
    await drawn(stage, "one approval needed")
    assert await stage.bought() == []
    await approver.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]


# an emergency


async def test_in_an_emergency_one_person_approves_with_a_reason_that_everybody_reads(
    stage: Stage, file: Path, requester: Person, approver: Person, compliance: Person
) -> None:
    await by(stage, file, PLAIN + 'approvals = 2\n[emergency]\npeople = ["U0COMPLIANCE"]\n')
    number = await asks(requester)
    card = await judged(stage)
    answer = await approver.chooses(card, "approve_alone")
    assert "not on the list of people who may approve" in answer["shown"][0]["text"]
    await compliance.chooses(card, "approve_alone")
    await compliance.view("card.approve_alone")
    await compliance.submits(reason="The old number is down")
    await stage.card("complete")
    assert await stage.bought() == [number]
    assert "The old number is down" in await stage.in_thread(card, "alone has approved")
    channel = [each for each in await stage.messages() if "alone has approved" in each["text"]]
    assert channel, "the channel shows it"

    async def operators() -> list[str]:
        return [
            each["text"]
            for each in await stage.messages("C0OPERATORS")
            if "alone has approved" in each["text"]
        ]

    assert len(await until(operators, "the operators are told")) == 1
    await stage.told(requester, "alone has approved")
    (line,) = await recorded(stage, card, "emergency")
    assert line["reason"] == "The old number is down" and line["rule"] == "approve"


async def test_where_the_policy_has_no_emergency_no_card_offers_one(
    stage: Stage, file: Path, requester: Person
) -> None:
    await by(stage, file, PLAIN)
    await asks(requester)
    assert "approve_alone" not in field_ids(await judged(stage))
    assert await finds(requester)
