"""Each rule of Slack once kept and once broken, with the words and the pointer Slack answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.slack.validate import (
    LIMITS,
    SHAPES,
    _kind_of,
    _Problems,
    filled_in,
    message_problems,
    view_problems,
)

Json = dict[str, Any]


def plain(text: str = "Text", **more: Any) -> Json:
    return {"type": "plain_text", "text": text, **more}


def mrkdwn(text: str = "Text", **more: Any) -> Json:
    return {"type": "mrkdwn", "text": text, **more}


def section(text: str = "Text", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(), **more}


def actions(*elements: Any, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def entry(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain(), "element": element, **more}


def option(value: str = "a", **more: Any) -> Json:
    return {"text": plain(), "value": value, **more}


def choices(count: int) -> list[Json]:
    return [option(str(n)) for n in range(count)]


def select(**more: Any) -> Json:
    return {"type": "static_select", "options": [option("a"), option("b")], **more}


def rich(*parts: Any) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


def part(kind: str = "rich_text_section", **more: Any) -> Json:
    return {"type": kind, "elements": [{"type": "text", "text": "x"}], **more}


def table(rows: Any, **more: Any) -> Json:
    return {"type": "table", "rows": rows, **more}


def confirm(**more: Any) -> Json:
    return {"title": plain(), "text": mrkdwn(), "confirm": plain(), "deny": plain(), **more}


def task(**more: Any) -> Json:
    return {"type": "task_card", "task_id": "t", "title": "Task", "status": "complete", **more}


def modal(*blocks: Any, **more: Any) -> Json:
    return {"type": "modal", "title": plain(), "submit": plain(), "blocks": list(blocks), **more}


def without(given: Json, name: str) -> Json:
    return {key: value for key, value in given.items() if key != name}


URL = "https://example.com/"  # 20 characters
RAW = {"type": "raw_text", "text": "x"}
FIELD = {"type": "plain_text_input"}
NUMBER = {"type": "number_input", "is_decimal_allowed": True}
PICTURE = {"type": "image", "alt_text": "x", "image_url": "https://example.com/a.png"}
CARD = {"type": "card", "title": plain()}
DIVIDER = {"type": "divider"}
PEOPLE = {"type": "conversations_select"}


def case(name: str, good: Any, bad: Any, said: str) -> Any:
    """A case of the tables below: what is wrong with bad, as it stands at the place under test."""
    return pytest.param(good, bad, said, id=name)


VIEWS = [
    case("title length", modal(DIVIDER, title=plain("x" * 24)), modal(DIVIDER, title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    case("submit length", modal(DIVIDER, submit=plain("x" * 24)), modal(DIVIDER, submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    case("close length", modal(DIVIDER, close=plain("x" * 24)), modal(DIVIDER, close=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
    case("title empty", modal(DIVIDER), modal(DIVIDER, title=plain("")), "must be more than 0 characters [json-pointer:/view/title/text]"),
    case("title mrkdwn", modal(DIVIDER), modal(DIVIDER, title=mrkdwn()), "failed to match all allowed schemas [json-pointer:/view/title]"),
    case("title missing", modal(DIVIDER), without(modal(DIVIDER), "title"), "missing required field: title [json-pointer:/view]"),
    case("blocks missing", modal(DIVIDER), without(modal(), "blocks"), "missing required field: blocks [json-pointer:/view]"),
    case("no blocks", modal(DIVIDER), modal(), "failed to match all allowed schemas [json-pointer:/view/blocks]"),
    case("blocks no list", modal(DIVIDER), {**modal(), "blocks": {}}, "failed to match all allowed schemas [json-pointer:/view/blocks]"),
    case("100 blocks", modal(*[DIVIDER] * 100), modal(*[DIVIDER] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    case("private_metadata", modal(DIVIDER, private_metadata="x" * 3000), modal(DIVIDER, private_metadata="x" * 3001), "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
    case("callback_id", modal(DIVIDER, callback_id="x" * 255), modal(DIVIDER, callback_id="x" * 256), "must be less than 256 characters [json-pointer:/view/callback_id]"),
    case("external_id", modal(DIVIDER, external_id="x" * 255), modal(DIVIDER, external_id="x" * 256), "must be less than 256 characters [json-pointer:/view/external_id]"),
    case("boolean", modal(DIVIDER, clear_on_close=True), modal(DIVIDER, clear_on_close="true"), "failed to match all allowed schemas [json-pointer:/view/clear_on_close]"),
    case("null", modal(DIVIDER), modal(DIVIDER, close=None), "failed to match all allowed schemas [json-pointer:/view/close]"),
    case("unknown field", modal(DIVIDER), modal(DIVIDER, hash="1"), "invalid additional property: hash [json-pointer:/view]"),
    case("type", modal(DIVIDER), modal(DIVIDER, type="home"), "unsupported type: home [json-pointer:/view/type]"),
    case("type missing", modal(DIVIDER), without(modal(DIVIDER), "type"), "missing required field: type [json-pointer:/view]"),
    case("view is an object", modal(DIVIDER), [], "missing required field: view [json-pointer:]"),
    case("submit with input", modal(DIVIDER, DIVIDER, entry(FIELD)), without(modal(DIVIDER, DIVIDER, entry(FIELD)), "submit"), "must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/2/input]"),
    case("one focus", modal(entry({**FIELD, "focus_on_load": True}), entry({**FIELD, "focus_on_load": False})), modal(*[entry({**FIELD, "focus_on_load": True})] * 2), "only one element may have focus_on_load [json-pointer:/view/blocks]"),
    case("block_id twice", modal(section(block_id="a"), section(block_id="b")), modal(*[section(block_id="a")] * 2), "block_id already exists: a [json-pointer:/view/blocks/1/block_id]"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "said"), VIEWS)
def test_a_view(good: Any, bad: Any, said: str) -> None:
    assert view_problems(good) == []
    assert view_problems(bad) == [said]


def test_submit_is_not_asked_for_without_an_input() -> None:
    assert view_problems(without(modal(DIVIDER), "submit")) == []


HOMES = [
    case("submit", {}, {"submit": plain()}, "invalid additional property: submit [json-pointer:/view]"),
    case("close", {}, {"close": plain()}, "invalid additional property: close [json-pointer:/view]"),
    case("100 blocks", {"blocks": [DIVIDER] * 100}, {"blocks": [DIVIDER] * 101}, "no more than 100 items allowed [json-pointer:/view/blocks]"),
    case("alert", {}, {"blocks": [{"type": "alert", "text": plain()}]}, "unsupported type: alert [json-pointer:/view/blocks/0/type]"),
    case("number_input", {"blocks": [entry(FIELD)]}, {"blocks": [entry(NUMBER)]}, "unsupported type: number_input [json-pointer:/view/blocks/0/element/type]"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "said"), HOMES)
def test_a_home_tab(good: Json, bad: Json, said: str) -> None:
    home = {"type": "home", "blocks": [DIVIDER]}
    assert view_problems({**home, **good}, kind="home") == []
    assert view_problems({**home, **bad}, kind="home") == [said]


IN_MODALS = [
    case("unknown block", DIVIDER, {"type": "sections"}, "unsupported type: sections [json-pointer:@/type]"),
    case("block without type", DIVIDER, {"text": plain()}, "missing required field: type [json-pointer:@]"),
    case("block is an object", DIVIDER, "divider", "failed to match all allowed schemas [json-pointer:@]"),
    case("unknown field", section(), section(colour="red"), "invalid additional property: colour [json-pointer:@]"),
    case("block_id length", section(block_id="x" * 255), section(block_id="x" * 256), "must be less than 256 characters [json-pointer:@/block_id]"),
    case("block_id empty", section(block_id="x"), section(block_id=""), "must be more than 0 characters [json-pointer:@/block_id]"),
    case("block_id no string", section(block_id="x"), section(block_id=["x"]), "failed to match all allowed schemas [json-pointer:@/block_id]"),
    case("plan in a modal", DIVIDER, {"type": "plan", "title": "x"}, "unsupported type: plan [json-pointer:@/type]"),
    case("task_card in a modal", DIVIDER, task(), "unsupported type: task_card [json-pointer:@/type]"),
    case("markdown in a modal", DIVIDER, {"type": "markdown", "text": "x"}, "unsupported type: markdown [json-pointer:@/type]"),
    case("alert text", {"type": "alert", "text": mrkdwn("x" * 200)}, {"type": "alert", "text": mrkdwn("x" * 201)}, "must be less than 201 characters [json-pointer:@/text/text]"),
    case("alert level", {"type": "alert", "text": plain(), "level": "error"}, {"type": "alert", "text": plain(), "level": "fatal"}, "failed to match all allowed schemas [json-pointer:@/level]"),
    case("section text", section("x" * 3000), section("x" * 3001), "must be less than 3001 characters [json-pointer:@/text/text]"),
    case("section empty text", section("x"), section(""), "must be more than 0 characters [json-pointer:@/text/text]"),
    case("section text or fields", {"type": "section", "fields": [plain()]}, {"type": "section"}, "missing required field: text or fields [json-pointer:@]"),
    case("field text", {"type": "section", "fields": [mrkdwn("x" * 2000)]}, {"type": "section", "fields": [plain(), mrkdwn("x" * 2001)]}, "must be less than 2001 characters [json-pointer:@/fields/1/text]"),
    case("10 fields", {"type": "section", "fields": [plain()] * 10}, {"type": "section", "fields": [plain()] * 11}, "no more than 10 items allowed [json-pointer:@/fields]"),
    case("no fields", {"type": "section", "fields": [plain()]}, section(fields=[]), "failed to match all allowed schemas [json-pointer:@/fields]"),
    case("text is an object", section(), {"type": "section", "text": "x"}, "failed to match all allowed schemas [json-pointer:@/text]"),
    case("text of unknown type", section(), {"type": "section", "text": {"type": "html", "text": "x"}}, "failed to match all allowed schemas [json-pointer:@/text]"),
    case("text without text", section(), {"type": "section", "text": {"type": "mrkdwn"}}, "missing required field: text [json-pointer:@/text]"),
    case("emoji", {"type": "header", "text": plain(emoji=True)}, {"type": "header", "text": plain(emoji=1)}, "failed to match all allowed schemas [json-pointer:@/text/emoji]"),
    case("emoji in mrkdwn", {"type": "section", "text": mrkdwn(verbatim=True)}, {"type": "section", "text": mrkdwn(emoji=True)}, "invalid additional property: emoji [json-pointer:@/text]"),
    case("accessory", section(accessory=button()), section(accessory=FIELD), "unsupported type: plain_text_input [json-pointer:@/accessory/type]"),
    case("header length", {"type": "header", "text": plain("x" * 150)}, {"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters [json-pointer:@/text/text]"),
    case("header mrkdwn", {"type": "header", "text": plain()}, {"type": "header", "text": mrkdwn()}, "failed to match all allowed schemas [json-pointer:@/text]"),
    case("header level", {"type": "header", "text": plain(), "level": 4}, {"type": "header", "text": plain(), "level": 5}, "failed to match all allowed schemas [json-pointer:@/level]"),
    case("image source", PICTURE, without(PICTURE, "image_url"), "failed to match all allowed schemas [json-pointer:@]"),
    case("image two sources", PICTURE, {**PICTURE, "slack_file": {"id": "F1"}}, "failed to match all allowed schemas [json-pointer:@]"),
    case("image file", {**without(PICTURE, "image_url"), "slack_file": {"id": "F1"}}, {**without(PICTURE, "image_url"), "slack_file": {"id": "F1", "url": "u"}}, "failed to match all allowed schemas [json-pointer:@/slack_file]"),
    case("image alt_text", PICTURE, without(PICTURE, "alt_text"), "missing required field: alt_text [json-pointer:@]"),
    case("image url length", {**PICTURE, "image_url": URL + "x" * 2980}, {**PICTURE, "image_url": URL + "x" * 2981}, "must be less than 3001 characters [json-pointer:@/image_url]"),
    case("image url", PICTURE, {**PICTURE, "image_url": "mailto:a@example.com"}, "invalid url [json-pointer:@/image_url]"),
    case("button url", actions(button(url=URL)), actions(button(url="example.com")), "invalid url [json-pointer:@/elements/0/url]"),
    case("button url without host", actions(button(url="mailto:a@example.com")), actions(button(url="https://")), "invalid url [json-pointer:@/elements/0/url]"),
    case("button url empty", actions(button(url="tel:+12125550100")), actions(button(url="")), "invalid url [json-pointer:@/elements/0/url]"),
    case("option url", actions({"type": "overflow", "options": [option(url=URL)]}), actions({"type": "overflow", "options": [option(url="a b")]}), "invalid url [json-pointer:@/elements/0/options/0/url]"),
    case("link url", rich(part(elements=[{"type": "link", "url": URL}])), rich(part(elements=[{"type": "link", "url": "here"}])), "invalid url [json-pointer:@/elements/0/elements/0/url]"),
    case("link without url", rich(part(elements=[{"type": "link", "url": URL}])), rich(part(elements=[{"type": "link"}])), "missing required field: url [json-pointer:@/elements/0/elements/0]"),
    case("text input lengths", entry({**FIELD, "min_length": 5, "max_length": 5}), entry({**FIELD, "min_length": 6, "max_length": 5}), "min_length must not be greater than max_length [json-pointer:@/element/min_length]"),
    case("text input initial_value", entry({**FIELD, "max_length": 5, "initial_value": "12345"}), entry({**FIELD, "max_length": 5, "initial_value": "123456"}), "must be less than 6 characters [json-pointer:@/element/initial_value]"),
    case("actions elements", actions(*[button()] * 25), actions(*[button()] * 26), "no more than 25 items allowed [json-pointer:@/elements]"),
    case("actions empty", actions(button()), actions(), "failed to match all allowed schemas [json-pointer:@/elements]"),
    case("actions unknown element", actions(button()), actions({"type": "buton"}), "unsupported type: buton [json-pointer:@/elements/0/type]"),
    case("actions no input", actions(button()), actions(FIELD), "unsupported type: plain_text_input [json-pointer:@/elements/0/type]"),
    case("action_id twice", actions(button(action_id="a"), button(action_id="b"), button()), actions(button(action_id="a"), button(action_id="a")), "action_id already exists: a [json-pointer:@/elements/1/action_id]"),
    case("action_id length", actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256)), "must be less than 256 characters [json-pointer:@/elements/0/action_id]"),
    case("action_id missing", entry({"type": "rich_text_input", "action_id": "a"}), entry({"type": "rich_text_input"}), "missing required field: action_id [json-pointer:@/element]"),
    case("context elements", {"type": "context", "elements": [PICTURE, *[mrkdwn()] * 9]}, {"type": "context", "elements": [plain()] * 11}, "no more than 10 items allowed [json-pointer:@/elements]"),
    case("context element", {"type": "context", "elements": [plain()]}, {"type": "context", "elements": [button()]}, "unsupported type: button [json-pointer:@/elements/0/type]"),
    case("button text", actions(button(text=plain("x" * 75))), actions(button(text=plain("x" * 76))), "must be less than 76 characters [json-pointer:@/elements/0/text/text]"),
    case("button value", actions(button(value="x" * 2000)), actions(button(value="x" * 2001)), "must be less than 2001 characters [json-pointer:@/elements/0/value]"),
    case("button style", actions(button(style="danger")), actions(button(style="default")), "failed to match all allowed schemas [json-pointer:@/elements/0/style]"),
    case("button field", actions(button()), actions(button(colour="red")), "invalid additional property: colour [json-pointer:@/elements/0]"),
    case("confirm title", actions(button(confirm=confirm(title=plain("x" * 100)))), actions(button(confirm=confirm(title=plain("x" * 101)))), "must be less than 101 characters [json-pointer:@/elements/0/confirm/title/text]"),
    case("confirm text", actions(button(confirm=confirm(text=plain("x" * 300)))), actions(button(confirm=confirm(text=plain("x" * 301)))), "must be less than 301 characters [json-pointer:@/elements/0/confirm/text/text]"),
    case("confirm buttons", actions(button(confirm=confirm(deny=plain("x" * 30)))), actions(button(confirm=confirm(deny=plain("x" * 31)))), "must be less than 31 characters [json-pointer:@/elements/0/confirm/deny/text]"),
    case("confirm missing", actions(button(confirm=confirm())), actions(button(confirm=without(confirm(), "deny"))), "missing required field: deny [json-pointer:@/elements/0/confirm]"),
    case("confirm style", actions(button(confirm=confirm(style="danger"))), actions(button(confirm=confirm(style="red"))), "failed to match all allowed schemas [json-pointer:@/elements/0/confirm/style]"),
    case("confirm type", actions(button(confirm=confirm())), actions(button(confirm=confirm(type="confirm"))), "invalid additional property: type [json-pointer:@/elements/0/confirm]"),
    case("input label", entry(FIELD, label=plain("x" * 2000)), entry(FIELD, label=plain("x" * 2001)), "must be less than 2001 characters [json-pointer:@/label/text]"),
    case("input label missing", entry(FIELD), without(entry(FIELD), "label"), "missing required field: label [json-pointer:@]"),
    case("input hint", entry(FIELD, hint=plain("x" * 2000)), entry(FIELD, hint=plain("x" * 2001)), "must be less than 2001 characters [json-pointer:@/hint/text]"),
    case("input element", entry(FIELD), entry(button()), "unsupported type: button [json-pointer:@/element/type]"),
    case("input element missing", entry(FIELD), without(entry(FIELD), "element"), "missing required field: element [json-pointer:@]"),
    case("file_input dispatch", entry({"type": "file_input"}), entry({"type": "file_input"}, dispatch_action=True), "dispatch_action is not allowed with file_input [json-pointer:@/dispatch_action]"),
    case("file_input count", entry({"type": "file_input", "max_files": 10}), entry({"type": "file_input", "max_files": 11}), "failed to match all allowed schemas [json-pointer:@/element/max_files]"),
    case("file_input types", entry({"type": "file_input", "filetypes": ["pdf"]}), entry({"type": "file_input", "filetypes": [1]}), "failed to match all allowed schemas [json-pointer:@/element/filetypes/0]"),
    case("placeholder", entry({**FIELD, "placeholder": plain("x" * 150)}), entry({**FIELD, "placeholder": plain("x" * 151)}), "must be less than 151 characters [json-pointer:@/element/placeholder/text]"),
    case("text input max_length", entry({**FIELD, "max_length": 3000}), entry({**FIELD, "max_length": 3001}), "failed to match all allowed schemas [json-pointer:@/element/max_length]"),
    case("integer no boolean", entry({**FIELD, "max_length": 1}), entry({**FIELD, "max_length": True}), "failed to match all allowed schemas [json-pointer:@/element/max_length]"),
    case("dispatch config", entry({**FIELD, "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]}}), entry({**FIELD, "dispatch_action_config": {"trigger_actions_on": ["on_blur"]}}), "failed to match all allowed schemas [json-pointer:@/element/dispatch_action_config/trigger_actions_on/0]"),
    case("dispatch config empty", entry({**FIELD, "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]}}), entry({**FIELD, "dispatch_action_config": {}}), "missing required field: trigger_actions_on [json-pointer:@/element/dispatch_action_config]"),
    case("number decimals", entry(NUMBER), entry(without(NUMBER, "is_decimal_allowed")), "missing required field: is_decimal_allowed [json-pointer:@/element]"),
    case("number is a string", entry({**NUMBER, "initial_value": "-1.5"}), entry({**NUMBER, "initial_value": 1}), "failed to match all allowed schemas [json-pointer:@/element/initial_value]"),
    case("number pattern", entry({**NUMBER, "min_value": "2"}), entry({**NUMBER, "min_value": "two"}), "failed to match all allowed schemas [json-pointer:@/element/min_value]"),
    case("number range", entry({**NUMBER, "min_value": "9", "max_value": "10"}), entry({**NUMBER, "min_value": "10", "max_value": "9"}), "min_value must not be greater than max_value [json-pointer:@/element/min_value]"),
    case("date", entry({"type": "datepicker", "initial_date": "2026-11-23"}), entry({"type": "datepicker", "initial_date": "23.11.2026"}), "failed to match all allowed schemas [json-pointer:@/element/initial_date]"),
    case("time", entry({"type": "timepicker", "initial_time": "23:59"}), entry({"type": "timepicker", "initial_time": "24:00"}), "failed to match all allowed schemas [json-pointer:@/element/initial_time]"),
    case("date and time", entry({"type": "datetimepicker", "initial_date_time": 1800000000}), entry({"type": "datetimepicker", "initial_date_time": 18000000000}), "failed to match all allowed schemas [json-pointer:@/element/initial_date_time]"),
    case("datetimepicker accessory", section(accessory={"type": "datepicker"}), section(accessory={"type": "datetimepicker"}), "unsupported type: datetimepicker [json-pointer:@/accessory/type]"),
    case("100 options", entry(select(options=choices(100))), entry(select(options=choices(101))), "no more than 100 items allowed [json-pointer:@/element/options]"),
    case("no options", entry(select()), entry(select(options=[])), "failed to match all allowed schemas [json-pointer:@/element/options]"),
    case("options or groups", entry(select()), entry({"type": "static_select"}), "failed to match all allowed schemas [json-pointer:@/element]"),
    case("options and groups", entry({"type": "static_select", "option_groups": [{"label": plain(), "options": [option()]}]}), entry(select(option_groups=[{"label": plain(), "options": [option("c")]}])), "failed to match all allowed schemas [json-pointer:@/element]"),
    case("group label", entry({"type": "static_select", "option_groups": [{"label": plain("x" * 75), "options": [option()]}]}), entry({"type": "static_select", "option_groups": [{"label": plain("x" * 76), "options": [option()]}]}), "must be less than 76 characters [json-pointer:@/element/option_groups/0/label/text]"),
    case("group empty", entry({"type": "static_select", "option_groups": [{"label": plain(), "options": choices(100)}]}), entry({"type": "static_select", "option_groups": [{"label": plain(), "options": []}]}), "failed to match all allowed schemas [json-pointer:@/element/option_groups/0/options]"),
    case("option text", entry(select(options=[option(text=plain("x" * 75))])), entry(select(options=[option(text=plain("x" * 76))])), "must be less than 76 characters [json-pointer:@/element/options/0/text/text]"),
    case("option value", entry(select(options=[option("x" * 150)])), entry(select(options=[option("x" * 151)])), "must be less than 151 characters [json-pointer:@/element/options/0/value]"),
    case("option value missing", entry(select(options=[option()])), entry(select(options=[{"text": plain()}])), "missing required field: value [json-pointer:@/element/options/0]"),
    case("option description", entry(select(options=[option(description=plain("x" * 75))])), entry(select(options=[option(description=plain("x" * 76))])), "must be less than 76 characters [json-pointer:@/element/options/0/description/text]"),
    case("option mrkdwn", entry({"type": "checkboxes", "options": [option(text=mrkdwn())]}), entry(select(options=[option(text=mrkdwn())])), "failed to match all allowed schemas [json-pointer:@/element/options/0/text]"),
    case("option url", section(accessory={"type": "overflow", "options": [option(url="https://x")]}), entry(select(options=[option(url="https://x")])), "invalid additional property: url [json-pointer:@/element/options/0]"),
    case("option value twice", entry(select(options=choices(2))), entry(select(options=[option(), option(text=plain("Other"))])), "option values must be unique [json-pointer:@/element/options]"),
    case("overflow", section(accessory={"type": "overflow", "options": choices(5)}), section(accessory={"type": "overflow", "options": choices(6)}), "no more than 5 items allowed [json-pointer:@/accessory/options]"),
    case("radio_buttons", entry({"type": "radio_buttons", "options": choices(10)}), entry({"type": "radio_buttons", "options": choices(11)}), "no more than 10 items allowed [json-pointer:@/element/options]"),
    case("checkboxes", entry({"type": "checkboxes", "options": choices(10)}), entry({"type": "checkboxes", "options": choices(11)}), "no more than 10 items allowed [json-pointer:@/element/options]"),
    case("checkboxes empty", entry({"type": "checkboxes", "options": choices(1)}), entry({"type": "checkboxes", "options": []}), "failed to match all allowed schemas [json-pointer:@/element/options]"),
    case("initial_option", entry(select(initial_option=option("b"))), entry(select(initial_option=option("b", text=plain("Other")))), "initial_option must be one of the options [json-pointer:@/element/initial_option]"),
    case("initial_option of a group", entry({"type": "static_select", "option_groups": [{"label": plain(), "options": [option()]}], "initial_option": option()}), entry({"type": "static_select", "option_groups": [{"label": plain(), "options": [option()]}], "initial_option": option("b")}), "initial_option must be one of the options [json-pointer:@/element/initial_option]"),
    case("initial_options", entry({"type": "checkboxes", "options": choices(3), "initial_options": choices(2)}), entry({"type": "checkboxes", "options": choices(2), "initial_options": choices(3)}), "initial_option must be one of the options [json-pointer:@/element/initial_options/2]"),
    case("initial_options empty", entry({"type": "checkboxes", "options": choices(3)}), entry({"type": "checkboxes", "options": choices(2), "initial_options": []}), "failed to match all allowed schemas [json-pointer:@/element/initial_options]"),
    case("external initial_option", entry({"type": "external_select", "initial_option": option(), "min_query_length": 0}), entry({"type": "external_select", "min_query_length": -1}), "failed to match all allowed schemas [json-pointer:@/element/min_query_length]"),
    case("max_selected_items", entry({"type": "multi_users_select", "max_selected_items": 1}), entry({"type": "multi_users_select", "max_selected_items": 0}), "failed to match all allowed schemas [json-pointer:@/element/max_selected_items]"),
    case("initial_users", entry({"type": "multi_users_select", "initial_users": ["U1"]}), entry({"type": "multi_users_select", "initial_users": [1]}), "failed to match all allowed schemas [json-pointer:@/element/initial_users/0]"),
    case("filter", entry({**PEOPLE, "filter": {"include": ["im"]}}), entry({**PEOPLE, "filter": {"include": ["dm"]}}), "failed to match all allowed schemas [json-pointer:@/element/filter/include/0]"),
    case("filter empty", entry({**PEOPLE, "filter": {"exclude_bot_users": True}}), entry({**PEOPLE, "filter": {}}), "missing required field: include or exclude_bot_users or exclude_external_shared_channels [json-pointer:@/element/filter]"),
    case("response_url_enabled", entry({**PEOPLE, "response_url_enabled": True}), actions({**PEOPLE, "response_url_enabled": True}), "invalid additional property: response_url_enabled [json-pointer:@/elements/0]"),
    case("rich text part", rich(part(), part("rich_text_quote")), rich(part("rich_text_table")), "unsupported type: rich_text_table [json-pointer:@/elements/0/type]"),
    case("rich text leaf", rich(part(elements=[{"type": "user", "user_id": "U1"}])), rich(part(elements=[mrkdwn()])), "unsupported type: mrkdwn [json-pointer:@/elements/0/elements/0/type]"),
    case("rich text empty text", rich(part()), rich(part(elements=[{"type": "text", "text": ""}])), "must be more than 0 characters [json-pointer:@/elements/0/elements/0/text]"),
    case("rich text without elements", rich(), rich({"type": "rich_text_section"}), "missing required field: elements [json-pointer:@/elements/0]"),
    case("rich text list", rich(part("rich_text_list", elements=[part()], style="ordered", indent=8, border=1)), rich(part("rich_text_list", elements=[part()], style="ordered", indent=9)), "failed to match all allowed schemas [json-pointer:@/elements/0/indent]"),
    case("rich text list style", rich(part("rich_text_list", elements=[part()], style="bullet")), rich(part("rich_text_list", elements=[part()])), "missing required field: style [json-pointer:@/elements/0]"),
    case("rich text list border", rich(part("rich_text_list", elements=[part()], style="bullet", border=0)), rich(part("rich_text_list", elements=[part()], style="bullet", border=2)), "failed to match all allowed schemas [json-pointer:@/elements/0/border]"),
    case("rich text input", entry({"type": "rich_text_input", "action_id": "a", "initial_value": rich(part())}), entry({"type": "rich_text_input", "action_id": "a", "initial_value": plain()}), "failed to match all allowed schemas [json-pointer:@/element/initial_value]"),
    case("card", CARD, {"type": "card", "subtitle": plain()}, "missing required field: hero_image or title or actions or body [json-pointer:@]"),
    case("card buttons", {"type": "card", "actions": [button()] * 3}, {"type": "card", "actions": [button()] * 4}, "no more than 3 items allowed [json-pointer:@/actions]"),
    case("card action_id twice", {"type": "card", "actions": [button(action_id="a")]}, {"type": "card", "actions": [button(action_id="a")] * 2}, "action_id already exists: a [json-pointer:@/actions/1/action_id]"),
    case("card image", {**CARD, "hero_image": PICTURE}, {**CARD, "hero_image": button()}, "unsupported type: button [json-pointer:@/hero_image/type]"),
    case("card slack_icon", {**CARD, "slack_icon": {"type": "icon", "name": "x"}}, {**CARD, "slack_icon": {"type": "icon", "url": "x", "name": "x"}}, "invalid additional property: url [json-pointer:@/slack_icon]"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "said"), IN_MODALS)
def test_a_block_in_a_modal(good: Any, bad: Any, said: str) -> None:
    assert view_problems(modal(DIVIDER, good)) == []
    assert view_problems(modal(DIVIDER, bad)) == [said.replace("@", "/view/blocks/1")]


PLAN = {"type": "plan", "title": "Plan", "tasks": [without(task(), "type")]}
DATA = {"type": "data_table", "rows": [[RAW], [RAW]], "caption": "x"}
CHART = {"type": "data_visualization", "title": "x", "chart": {"type": "pie", "segments": []}}
BOX = {"type": "container", "title": plain(), "child_blocks": [section()]}
FEEDBACK = {"text": plain(), "value": "x"}
ICON = {"type": "icon_button", "icon": "trash", "text": plain()}
FLOW = {
    "type": "workflow_button",
    "text": plain(),
    "action_id": "a",
    "workflow": {"trigger": {"url": "https://x"}},
}

IN_MESSAGES = [
    case("50 blocks", [DIVIDER] * 50, [DIVIDER] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    case("a list", [], {}, "failed to match all allowed schemas [json-pointer:/blocks]"),
    case("alert", [DIVIDER], [{"type": "alert", "text": plain()}], "unsupported type: alert [json-pointer:/blocks/0/type]"),
    case("file", [DIVIDER], [{"type": "file", "external_id": "x", "source": "remote"}], "unsupported type: file [json-pointer:/blocks/0/type]"),
    case("modal element", [entry(FIELD)], [entry({"type": "email_text_input"})], "unsupported type: email_text_input [json-pointer:/blocks/0/element/type]"),
    case("block_id twice", [section(block_id="a"), section()], [section(block_id="a")] * 2, "block_id already exists: a [json-pointer:/blocks/1/block_id]"),
    case("block_id twice inside", [section(block_id="a"), BOX], [section(block_id="a"), {**BOX, "child_blocks": [section(block_id="a")]}], "block_id already exists: a [json-pointer:/blocks/1/child_blocks/0/block_id]"),
    case("response_url_enabled", [entry(PEOPLE)], [entry({**PEOPLE, "response_url_enabled": True})], "invalid additional property: response_url_enabled [json-pointer:/blocks/0/element]"),
    case("one plan", [PLAN], [PLAN, PLAN], "only_one_plan_allowed [json-pointer:/blocks]"),
    case("plan tasks", [{**PLAN, "tasks": [task()] * 50}], [{**PLAN, "tasks": [task()] * 51}], "no more than 50 items allowed [json-pointer:/blocks/0/tasks]"),
    case("plan task", [{**PLAN, "tasks": [task(status="pending")]}], [{**PLAN, "tasks": [task(status="waiting")]}], "failed to match all allowed schemas [json-pointer:/blocks/0/tasks/0/status]"),
    case("plan title", [{**PLAN, "title": plain()}], [{**PLAN, "title": ""}], "must be more than 0 characters [json-pointer:/blocks/0/title]"),
    case("task_card pending", [task(status="in_progress")], [task(status="pending")], "failed to match all allowed schemas [json-pointer:/blocks/0/status]"),
    case("task_card title", [task()], [task(title=plain())], "failed to match all allowed schemas [json-pointer:/blocks/0/title]"),
    case("task_card sources", [task(sources=[{"type": "url", "url": "https://x", "text": "x"}])], [task(sources=[{"type": "url", "url": "https://x"}])], "missing required field: text [json-pointer:/blocks/0/sources/0]"),
    case("task_card details", [task(details=rich(part()))], [task(details="x")], "failed to match all allowed schemas [json-pointer:/blocks/0/details]"),
    case("markdown", [{"type": "markdown", "text": "x" * 12000}], [{"type": "markdown", "text": "x" * 12001}], "must be less than 12001 characters [json-pointer:/blocks/0/text]"),
    case("markdown together", [{"type": "markdown", "text": "x" * 6000}] * 2, [{"type": "markdown", "text": "x" * 6001}] * 2, "must be less than 12001 characters [json-pointer:/blocks]"),
    case("one table", [table([[RAW]])], [table([[RAW]])] * 2, "only_one_table_allowed [json-pointer:/blocks]"),
    case("table rows", [table([[RAW]] * 100)], [table([[RAW]] * 101)], "no more than 100 items allowed [json-pointer:/blocks/0/rows]"),
    case("table cells", [table([[RAW] * 20])], [table([[RAW] * 21])], "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"),
    case("table cell", [table([[{"type": "raw_number", "value": 1, "text": "1"}, rich(part())]])], [table([[plain()]])], "unsupported type: plain_text [json-pointer:/blocks/0/rows/0/0/type]"),
    case("table cell empty", [table([[RAW]])], [table([[{"type": "raw_text", "text": ""}]])], "must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]"),
    case("table columns", [table([[RAW]], column_settings=[None, {"align": "right", "is_wrapped": True}])], [table([[RAW]], column_settings=[{"align": "top"}])], "failed to match all allowed schemas [json-pointer:/blocks/0/column_settings/0/align]"),
    case("data_table rows", [DATA], [{**DATA, "rows": [[RAW]]}], "failed to match all allowed schemas [json-pointer:/blocks/0/rows]"),
    case("data_table header", [{**DATA, "rows": [[RAW], [rich(part())]]}], [{**DATA, "rows": [[rich(part())], [RAW]]}], "unsupported type: rich_text [json-pointer:/blocks/0/rows/0/0/type]"),
    case("two charts", [CHART, CHART], [CHART] * 3, "no more than 2 data_visualization blocks allowed [json-pointer:/blocks]"),
    case("chart type", [CHART], [{**CHART, "chart": {"type": "radar"}}], "failed to match all allowed schemas [json-pointer:/blocks/0/chart]"),
    case("chart segments", [{**CHART, "chart": {"type": "pie", "segments": [{}] * 6}}], [{**CHART, "chart": {"type": "pie", "segments": [{}] * 7}}], "no more than 6 items allowed [json-pointer:/blocks/0/chart/segments]"),
    case("carousel", [{"type": "carousel", "elements": [CARD] * 10}], [{"type": "carousel", "elements": [CARD] * 11}], "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    case("carousel of cards", [{"type": "carousel", "elements": [CARD]}], [{"type": "carousel", "elements": [section()]}], "unsupported type: section [json-pointer:/blocks/0/elements/0/type]"),
    case("container child", [BOX], [{**BOX, "child_blocks": [{"type": "markdown", "text": "x"}]}], "unsupported type: markdown [json-pointer:/blocks/0/child_blocks/0/type]"),
    case("container title", [BOX], [without(BOX, "title")], "missing required field: title or rich_text_title [json-pointer:/blocks/0]"),
    case("container collapsed", [{**BOX, "is_collapsible": True, "default_collapsed": True}], [{**BOX, "default_collapsed": True}], "failed to match all allowed schemas [json-pointer:/blocks/0/default_collapsed]"),
    case("container divider", [{**BOX, "has_header_divider": True}], [{**BOX, "is_collapsible": True, "has_header_divider": True}], "failed to match all allowed schemas [json-pointer:/blocks/0/has_header_divider]"),
    case("context_actions", [{"type": "context_actions", "elements": [ICON] * 5}], [{"type": "context_actions", "elements": [ICON] * 6}], "no more than 5 items allowed [json-pointer:/blocks/0/elements]"),
    case("feedback", [{"type": "context_actions", "elements": [{"type": "feedback_buttons", "positive_button": FEEDBACK, "negative_button": FEEDBACK}]}], [{"type": "context_actions", "elements": [{"type": "feedback_buttons", "positive_button": FEEDBACK, "negative_button": {**FEEDBACK, "text": plain("x" * 76)}}]}], "must be less than 76 characters [json-pointer:/blocks/0/elements/0/negative_button/text/text]"),
    case("workflow", [actions(FLOW)], [actions({**FLOW, "workflow": {}})], "missing required field: trigger [json-pointer:/blocks/0/elements/0/workflow]"),
    case("workflow action_id", [actions(FLOW)], [actions(without(FLOW, "action_id"))], "missing required field: action_id [json-pointer:/blocks/0/elements/0]"),
    case("plan with task_card", [task()], [task(), {"type": "plan", "title": "Plan"}], "plan and task_card are not allowed together [json-pointer:/blocks]"),
    case("call", [{"type": "call", "call_id": "R1", "call": {}}], [{"type": "call", "call_id": "R1", "call": []}], "failed to match all allowed schemas [json-pointer:/blocks/0/call]"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "said"), IN_MESSAGES)
def test_a_message(good: Any, bad: Any, said: str) -> None:
    assert message_problems(good, "Text") == []
    assert message_problems(bad, "Text") == [said]


def test_several_problems_are_all_named() -> None:
    said = message_problems([section("x" * 3001), {"type": "header"}], None)
    assert said == [
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        "missing required field: text [json-pointer:/blocks/1]",
    ]


JUNK: list[Any] = [None, True, 1, "", "x", [], [None], [[]], {}, {"type": []}, {"type": "x"}]


@pytest.mark.parametrize("section_name", ["blocks", "elements"])
def test_nothing_an_app_can_send_makes_it_raise(section_name: str) -> None:
    for kind, rules in LIMITS[section_name].items():
        for name in rules["fields"]:
            for junk in JUNK:
                given = {"type": kind, name: junk}
                for block in (
                    given,
                    entry(given),
                    actions(given),
                    section(accessory=given),
                    {**BOX, "child_blocks": [given]},
                ):
                    message_problems([block], None)
                    view_problems(modal(block))
    for junk in JUNK:
        message_problems([junk], None)
        view_problems(junk)
        view_problems(modal(junk, title=junk))
        view_problems({**modal(), "blocks": junk})
        view_problems(modal(entry(select(options=[option(value=junk)], initial_option=junk))))
        view_problems(
            modal(rich(part(elements=junk)), rich(part("rich_text_list", elements=junk, style=junk)))
        )


def test_every_kind_of_field_in_the_limits_is_read() -> None:
    """A kind that nothing reads would let everything through."""
    kinds = set()
    shapes = [
        *SHAPES.values(),
        *LIMITS["blocks"].values(),
        *LIMITS["elements"].values(),
        LIMITS["blocks"]["plan"]["task"],
    ]
    for shape in [*shapes, LIMITS["views"]["modal"], LIMITS["views"]["home"]]:
        for rule in shape.get("fields", {}).values():
            kinds.update([rule] if isinstance(rule, str) else [_kind_of(rule), rule.get("of", "string")])
    readers = {name for name in dir(_Problems) if name.startswith("_")}
    names = {kind for kind in kinds if kind not in SHAPES}
    assert {"_" + name.replace("|", "_or_") for name in names} <= readers


def test_the_limits_speak_of_code_points() -> None:
    assert view_problems(modal(DIVIDER, title=plain("📞" * 24))) == []


def test_what_slack_fills_in() -> None:
    given = [section(accessory=button()), {"type": "header", "text": plain(emoji=False), "block_id": "mine"}]
    before = json.dumps(given)
    made = filled_in(given)
    assert json.dumps(given) == before
    assert made[0]["text"] == mrkdwn(verbatim=False) and made[0]["accessory"]["text"] == plain(emoji=True)
    assert made[1] == given[1]
    assert isinstance(made[0]["block_id"], str) and 0 < len(made[0]["block_id"]) <= 255
    assert filled_in([DIVIDER])[0]["block_id"] != filled_in([DIVIDER])[0]["block_id"]
    assert message_problems(made, None) == [] and filled_in(made) == made


def test_the_limits_are_a_whole_copy() -> None:
    path = Path(__file__).parents[2] / "sandbox/slack/limits.json"
    assert (
        json.loads(path.read_text()) == LIMITS
        and {"blocks", "elements", "views", "surfaces"} <= LIMITS.keys()
    )
