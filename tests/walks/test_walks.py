"""One short walk; many long ones are `make walk`. And that a walk knows nothing of the project but what is to be seen from outside."""

import json

import pytest

from tests.house.test_imports import imported
from tests.house.tree import python_files
from tests.walks import checks
from tests.walks.__main__ import walked


async def test_a_short_walk_finds_nothing() -> None:
    walk = await walked(41, steps=8, hours=1)
    assert walk.findings == [], "\n".join(walk.story)


def test_a_walk_uses_nothing_of_the_project() -> None:
    ours = {"bot", "handlers", "storage", "sandbox", "bench"}
    found = {
        file.name: sorted(
            each
            for each in imported(f"tests.walks.{file.stem}", file.read_text())
            if each.split(".")[0] in ours
        )
        for file in python_files("tests")
        if file.parent.name == "walks"
    }
    assert found and {file: each for file, each in found.items() if each} == {}


# a check that cannot find anything proves nothing


def card(line: str, state: str, *buttons: str) -> checks.Json:
    text = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": line}]}],
    }
    actions = {"type": "actions", "elements": [{"type": "button", "action_id": each} for each in buttons]}
    payload = {"id": "1", "state": state}
    return {
        "ts": "1",
        "blocks": [text, actions],
        "metadata": {"event_type": "purchase", "event_payload": payload},
    }


def twilio(*owned: str) -> checks.Json:
    kind = {"country": "US", "number_type": "local", "capabilities": ["voice", "sms"], "bundle_sid": None}
    numbers = [{"phone_number": each, "friendly_name": "Reminders (nd-1)", **kind} for each in owned]
    ledger = [{"phone_number": each, "cost": "1.15"} for each in owned]
    return {"owned_numbers": numbers, "ledger": ledger, "services": [], "bundles": [], "messages": []}


NUMBER = "+15045550108"


@pytest.mark.parametrize(
    ("line", "state", "owned"),
    [
        ("+1 504-555-0108 is bought", "complete", ()),
        ("+1 504-555-0108: ended, nothing was bought", "ended", (NUMBER,)),
        ("+1 504-555-0108 is bought and in “Leeds”", "complete", (NUMBER,)),
        ("+1 504-555-0108 is ready: a test message was delivered at", "complete", (NUMBER,)),
        ("+1 504-555-0108: Twilio rejected the bundle", "in_progress", ()),
        ("+1 504-555-0108 is on its way", "in_progress", ()),
    ],
)
def test_an_untrue_first_line_is_found(line: str, state: str, owned: tuple[str, ...]) -> None:
    assert list(checks.untrue_first_lines([card(line, state)], twilio(*owned), "en"))


def test_a_true_first_line_is_not() -> None:
    lines = [card("+1 504-555-0108 is bought", "complete"), card("+1 504-555-0109: withdrawn", "withdrawn")]
    assert list(checks.untrue_first_lines(lines, twilio(NUMBER), "en")) == []


def test_a_dead_end_is_found() -> None:
    stopped = card("+1 504-555-0108 could not be bought", "needs_changes")
    ended = card("+1 504-555-0108: withdrawn", "withdrawn", "approve")
    assert len(list(checks.dead_ends([stopped, ended], twilio()))) == 3


def test_a_purchase_without_its_approval_is_found() -> None:
    asked = {"no": 1, "what": "quote", "purchase": "1", "quote": 1, "person": "U0REQUESTER"}
    kind = {"country": "US", "number_type": "local", "capabilities": ["voice"]}
    asked["details"] = {"phone_number": NUMBER, "price": "1.15", "if_gone": "ask", **kind}
    agreed = {"no": 2, "what": "approval", "purchase": "1", "quote": 1, "person": "U0APPROVER", "details": {}}
    bought = {"no": 3, "what": "charge", "purchase": "1", "quote": 1, "person": None}
    bought["details"] = {"phone_number": NUMBER, "price": "1.15"}
    assert list(checks.wrong_purchases(twilio(NUMBER), [asked, agreed, bought], ())) == []
    assert list(checks.wrong_purchases(twilio(NUMBER), [asked, bought], ()))
    assert list(checks.wrong_purchases(twilio(NUMBER), [asked, {**agreed, "quote": 2}, bought], ()))
    assert list(checks.wrong_purchases(twilio(NUMBER, NUMBER), [asked, agreed, bought], ()))
    more = {**asked, "details": {**asked["details"], "capabilities": ["fax"]}}
    assert list(checks.wrong_purchases(twilio(NUMBER), [more, agreed, bought], ()))
    dearer = {**asked, "details": {**asked["details"], "price": "1.00"}}
    assert list(checks.wrong_purchases(twilio(NUMBER), [dearer, agreed, bought], ()))


def test_what_came_alive_is_found() -> None:
    assert list(checks.came_alive({"type": "section", "text": {"type": "mrkdwn", "text": "for *zqbold*"}}))
    assert list(
        checks.came_alive({"type": "rich_text", "elements": [{"type": "user", "user_id": "U0NASTY"}]})
    )
    assert list(checks.came_alive({"type": "plain_text", "text": "for *zqbold* <!channel>"})) == []


def test_what_was_told_and_is_not_so_is_found() -> None:
    bought = {"text": "+1 504-555-0108 is bought for $1.15 a month."}
    ended = {"text": "Ada has ended the request for +1 504-555-0108. Nothing was bought."}
    assert list(checks.untold([bought], twilio(), ())) and list(checks.untold([ended], twilio(NUMBER), ()))
    assert (
        list(checks.untold([bought], twilio(NUMBER), ())) == list(checks.untold([ended], twilio(), ())) == []
    )


def test_an_error_in_the_log_is_found() -> None:
    traceback = "Traceback (most recent call last):\n  a\nKeyError: 'b'"
    error = json.dumps({"event": "failed", "level": "error", "exception": traceback})
    assert list(checks.complaints(error)) == ["in the log: failed / KeyError: 'b'"]
    assert list(checks.complaints(traceback)), "what Python writes by itself"
    assert list(checks.complaints('{"event": "Slack was slow", "level": "warning"}')) == []
