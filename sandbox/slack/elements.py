"""Interactive elements: where they are in blocks, what Slack fills in, and how their state looks in ``state.values``."""

import copy
import secrets
from collections.abc import Iterator
from typing import Any

from sandbox.slack.validate import filled_in

Json = dict[str, Any]

STATE_KEYS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "file_input": ("files", ""),
}
"""Element type: its key in the state, and the field that it starts with."""
STATELESS = ("button", "overflow", "workflow_button", "icon_button", "feedback_buttons")
INTERACTIVE = (*STATE_KEYS, *STATELESS)


def is_list(kind: str) -> bool:
    """Whether the state of such an element is a list: empty is ``[]``, not null."""
    return kind.startswith("multi_") or kind in ("checkboxes", "file_input")


def elements_of(block: Json) -> list[Json]:
    """The interactive elements of a block, those of the blocks inside it included."""
    return [each for each in _parts(block) if each.get("type") in INTERACTIVE and "action_id" in each]


def _parts(block: Json) -> Iterator[Json]:
    for each in (block.get("element"), block.get("accessory"), *_list(block, "elements", "actions")):
        if isinstance(each, dict):
            yield each
            if each.get("type") == "card":  # of a carousel
                yield from _parts(each)
    for inner in _list(block, "child_blocks"):
        if isinstance(inner, dict):
            yield from _parts(inner)


def _list(block: Json, *names: str) -> Iterator[Any]:
    for name in names:
        if isinstance(block.get(name), list):
            yield from block[name]


def options_of(element: Json) -> list[Json]:
    grouped = [each for group in element.get("option_groups") or () for each in group["options"]]
    return [*(element.get("options") or ()), *grouped]


# what Slack fills in


def as_echoed(blocks: list[Json]) -> list[Json]:
    """A copy with all that Slack adds when it echoes blocks: ids of blocks and elements, flags, text defaults."""
    made = filled_in(blocks)
    for block in made:
        if block["type"] == "markdown":
            del block["block_id"]
        elif block["type"] == "input":
            block.setdefault("optional", False)
            block.setdefault("dispatch_action", False)
        for each in _parts(block):
            if each.get("type") in INTERACTIVE:
                each.setdefault("action_id", secrets.token_urlsafe(4))
    return made


# state.values


def initial_values(blocks: list[Json], typed: Json) -> Json:
    """``state.values`` of blocks that were just drawn: typed before, else initial, else empty."""
    values: Json = {}
    for block in blocks:
        for element in elements_of(block):
            state = _initial(element)
            if state is None or "block_id" not in block:
                continue
            kept = typed.get(block["block_id"], {}).get(element["action_id"])
            if kept and kept["type"] == element["type"] and _still_offered(kept, element):
                state = kept
            values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def _initial(element: Json) -> Json | None:
    kind = element["type"]
    if kind not in STATE_KEYS:
        return None
    key, initial = STATE_KEYS[kind]
    state: Json = {
        "type": kind,
        key: copy.deepcopy(element.get(initial)),
    }  # empty number, file, text: [assumed]
    if is_list(kind) and state[key] is None:
        state[key] = []
    if "timezone" in element:
        state["timezone"] = element["timezone"]
    return state


def _still_offered(kept: Json, element: Json) -> bool:
    """A choice that the new options lack cannot stay chosen [assumed]."""
    if "options" not in element and "option_groups" not in element:
        return True
    offered = {each["value"] for each in options_of(element)}
    chosen = [kept.get("selected_option"), *(kept.get("selected_options") or ())]
    return all(each["value"] in offered for each in chosen if each)
