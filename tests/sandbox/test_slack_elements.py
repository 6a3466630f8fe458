"""The state of elements that were just drawn, and what an app may suggest for a select."""

import json
from typing import Any

from sandbox.slack.elements import as_echoed, initial_values
from sandbox.slack.validate import ELEMENTS
from sandbox.slack.values import suggestion_problems

Json = dict[str, Any]

TEXT = {"type": "plain_text_input", "action_id": "t"}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    return {"text": plain("x"), "value": value}


def field(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element, **more}


def test_slack_fills_in_ids_and_defaults() -> None:
    given = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "actions", "elements": [{"type": "button", "text": plain("x")}]},
        field(TEXT),
    ]
    before = json.dumps(given)
    text, pressed, typed = as_echoed(given)
    assert json.dumps(given) == before, "what was given stays as it was"
    assert text["block_id"] and text["text"]["verbatim"] is False
    assert pressed["elements"][0]["action_id"] and pressed["elements"][0]["text"]["emoji"] is True
    assert (typed["optional"], typed["dispatch_action"]) == (False, False)


def test_what_was_typed_stays_where_block_and_action_are_the_same() -> None:
    blocks = [field({**TEXT, "initial_value": "first"}, block_id="b")]
    typed = {"b": {"t": {"type": "plain_text_input", "value": "typed"}}}
    assert initial_values(blocks, {})["b"]["t"]["value"] == "first"
    assert initial_values(blocks, typed)["b"]["t"]["value"] == "typed"
    assert initial_values([{**blocks[0], "block_id": "b~1"}], typed)["b~1"]["t"]["value"] == "first"


def test_a_choice_that_is_no_longer_offered_is_dropped() -> None:
    typed = {"b": {"a": {"type": "static_select", "selected_option": option("gone")}}}
    element = {"type": "static_select", "action_id": "a", "options": [option("kept")]}
    select = field(element, block_id="b")
    [state] = initial_values([select], typed)["b"].values()
    assert state == {"type": "static_select", "selected_option": None}


def test_every_element_has_the_empty_state_that_slack_sends() -> None:
    empty = {
        kind: initial_values(
            [{"type": "input", "block_id": "b", "element": {"type": kind, "action_id": "a"}}], {}
        )
        for kind in ELEMENTS
    }
    shown = {kind: values["b"]["a"] for kind, values in empty.items() if values}
    for kind, state in shown.items():
        keys = ELEMENTS[kind]["state_keys"]
        key = next(iter(keys))
        assert state == {"type": kind, key: [] if keys[key].endswith("[]") else None}
    assert {kind for kind, each in ELEMENTS.items() if each["state_keys"]} == set(shown)


def test_suggestions_are_options_or_groups() -> None:
    assert suggestion_problems({"options": []}) == []
    assert suggestion_problems({"options": [option("a")], "option_groups": None}) == []
    assert suggestion_problems({"option_groups": [{"label": plain("g"), "options": [option("a")]}]}) == []
    assert suggestion_problems({"options": [option(str(each)) for each in range(101)]}) == [
        "no more than 100 items allowed [json-pointer:/options]"
    ]
    assert suggestion_problems({"options": [option("x" * 151)]}) == [
        "must be less than 151 characters [json-pointer:/options/0/value]"
    ]
    for wrong in ({}, None, "options", {"options": "a"}, {"options": [], "option_groups": []}):
        assert suggestion_problems(wrong)
