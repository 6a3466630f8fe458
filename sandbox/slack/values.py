"""What a person can type and choose: values in the shapes of ``state.values``, and what the client itself refuses."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, time
from typing import Any

from sandbox.slack.elements import INTERACTIVE, STATE_KEYS, STATELESS, elements_of, is_list, options_of
from sandbox.slack.faults import CHECK_FILE_INFO
from sandbox.slack.payloads import Place
from sandbox.slack.validate import view_problems
from sandbox.slack.workspace import BOT_USER, Json, Workspace

MOST_FILES = 10
LONGEST_TEXT = 3000
NUMBER = re.compile(r"-?\d+(\.\d+)?")
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
URL = re.compile(r"https?://[^\s/]+\S*")

Suggest = Callable[[str, Place, str, str], Awaitable[Json]]


class CannotDo(Exception):
    """Slack's client would not let a person do that; the text says why."""


class Values:
    def __init__(self, workspace: Workspace, suggest: Suggest) -> None:
        self.workspace = workspace
        self.suggest = suggest
        self.suggested: dict[tuple[str, str], list[Json]] = {}
        """What an external select offered last, by place and action_id."""

    async def fill(self, user: str, place: Place, given: Json) -> list[str]:
        """Types and chooses in the view, all of it or, when something cannot be chosen, nothing.

        given: ``{block_id: {action_id: value}}`` or ``{action_id: value}``. Gives the names for which there is no field.
        """
        assert place.view is not None
        named, ignored = _named(place.blocks, given)
        states = [
            (block_id, each, await self.chosen(user, place, each, value)) for block_id, each, value in named
        ]
        for block_id, element, state in states:
            place.view["state"]["values"].setdefault(block_id, {})[element["action_id"]] = state
        return ignored

    async def chosen(self, user: str, place: Place, element: Json, given: Any) -> Json:
        """The element's part of ``state.values``. Raises CannotDo for what is not offered.

        given: that part itself, an object with ``value`` in place of the element's own key, or the bare value.
        """
        kind = element["type"]
        key = "selected_option" if kind == "overflow" else STATE_KEYS[kind][0]
        if isinstance(given, dict) and not (kind == "rich_text_input" and given.get("type") == "rich_text"):
            if key not in given and "value" not in given:
                raise CannotDo(f"{element['action_id']} takes {key}, which is missing")
            given = given[key] if key in given else given["value"]
        if is_list(kind):
            wanted = given if isinstance(given, list) else [] if given in (None, "") else [given]
            most = element.get("max_selected_items") or len(wanted)
            if len(wanted) > most:
                raise CannotDo(f"{element['action_id']} takes {most} at most")
            state: Any = [await self._one(user, place, element, each) for each in wanted]
            if kind == "file_input" and len(state) > element.get("max_files", MOST_FILES):
                raise CannotDo(
                    f"{element['action_id']} takes {element.get('max_files', MOST_FILES)} files at most"
                )
        else:
            state = None if given in (None, "") else await self._one(user, place, element, given)
        timezone = {"timezone": element["timezone"]} if "timezone" in element else {}
        return {"type": kind, key: state, **timezone}

    async def _one(self, user: str, place: Place, element: Json, given: Any) -> Any:
        kind, name = element["type"], element["action_id"]
        if kind in ("overflow", "radio_buttons", "checkboxes") or kind.endswith(
            ("static_select", "external_select")
        ):
            return await self._option(user, place, element, given)
        if kind.endswith("users_select"):
            if given not in self.workspace.people and given != BOT_USER:
                raise CannotDo(f"{name}: there is nobody called {given}")
        elif kind.endswith(("conversations_select", "channels_select")):
            if given not in self.workspace.channels:
                raise CannotDo(f"{name}: there is no channel {given}")
        elif kind == "file_input":
            return self._file(name, given)
        elif kind == "rich_text_input":
            return given if isinstance(given, dict) else _rich_text(str(given))
        elif kind == "datetimepicker":
            if not isinstance(given, int) or isinstance(given, bool):
                raise CannotDo(f"{name} takes whole seconds since 1970")
        elif kind in ("datepicker", "timepicker"):
            _check_clock(kind, name, given)
        elif isinstance(given, bool) or not isinstance(given, str | int | float):
            raise CannotDo(f"{name} takes a text")
        else:
            return str(given)
        return given

    async def _option(self, user: str, place: Place, element: Json, given: Any) -> Json:
        value = given.get("value") if isinstance(given, dict) else given
        offered = options_of(element)
        if element["type"].endswith("external_select"):
            initial = [element.get("initial_option"), *(element.get("initial_options") or ())]
            offered = [
                *self.suggested.get((place.key, element["action_id"]), ()),
                *(each for each in initial if each),
            ]
            if all(each["value"] != value for each in offered):
                offered = options_of(await self.suggest(user, place, element["action_id"], str(value)))
        found = next((each for each in offered if each["value"] == value), None)
        if found is None:
            raise CannotDo(f"{element['action_id']} offers no option {value!r}")
        return found

    def _file(self, name: str, given: Any) -> Json:
        file_id = given.get("id") if isinstance(given, dict) else given
        file = self.workspace.files.get(str(file_id))
        if file is None:
            raise CannotDo(f"{name}: there is no file {file_id}; upload it first")
        if file["id"] in self.workspace.behind_info:
            return {
                "id": file["id"],
                "mode": "file_access",
                "file_access": CHECK_FILE_INFO,
                "created": 0,
                "timestamp": 0,
                "user": "",
            }
        return file


def _named(blocks: list[Json], given: Json) -> tuple[list[tuple[str, Json, Any]], list[str]]:
    """``(block_id, element, value)`` of what is given, and the names that stand for no field."""
    by_block: dict[str, dict[str, Json]] = {}
    by_action: dict[str, tuple[str, Json]] = {}
    for block in blocks:
        for element in elements_of(block):
            if element["type"] not in STATELESS:
                by_block.setdefault(block["block_id"], {})[element["action_id"]] = element
                by_action[element["action_id"]] = (block["block_id"], element)
    found: list[tuple[str, Json, Any]] = []
    ignored: list[str] = []
    for name, value in given.items():
        elements = by_block.get(name, {})
        if isinstance(value, dict) and set(value) & set(elements):
            found += [(name, elements[each], value[each]) for each in value if each in elements]
            ignored += [each for each in value if each not in elements]
        elif name in by_action and not _is_nested(value):
            block_id, element = by_action[name]
            found.append((block_id, element, value))
        else:
            ignored.append(name)
    return found, ignored


def _is_nested(value: Any) -> bool:
    """``{action_id: {"type": ...}}`` for a block that has no such element."""
    return (
        isinstance(value, dict)
        and "value" not in value
        and any(isinstance(each, dict) and each.get("type") in INTERACTIVE for each in value.values())
    )


def _rich_text(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _check_clock(kind: str, name: str, given: Any) -> None:
    day = kind == "datepicker"
    shape = r"\d{4}-\d\d-\d\d" if day else r"\d\d:\d\d"
    try:
        if not re.fullmatch(shape, str(given)):
            raise ValueError
        (date if day else time).fromisoformat(str(given))
    except ValueError as error:
        raise CannotDo(f"{name} takes {'YYYY-MM-DD' if day else 'HH:mm'}") from error


def suggestion_problems(answer: Any) -> list[str]:
    """Of the answer to a ``block_suggestion``: it holds ``options`` or ``option_groups``, by the rules of a select."""
    given = (
        {key: answer[key] for key in ("options", "option_groups") if answer.get(key) is not None}
        if (isinstance(answer, dict))
        else {}
    )
    if len(given) != 1:
        return ["an answer has options or option_groups"]
    if [] in given.values():
        return []  # nothing found is an answer too
    label = {"type": "plain_text", "text": "x"}
    block = {"type": "input", "label": label, "element": {"type": "static_select", **given}}
    said = view_problems({"type": "modal", "title": label, "submit": label, "blocks": [block]})
    return [each.replace("/view/blocks/0/element", "") for each in said]


# what the client says before anything is sent

SAID = {
    "required": ("Please complete this required field.", "この項目は必須です。入力または選択してください。"),
    "shortest": ("Please enter at least {n} characters.", "{n}文字以上で入力してください。"),
    "longest": ("Please enter no more than {n} characters.", "{n}文字以内で入力してください。"),
    "email": ("Please enter a valid email address.", "有効なメールアドレスを入力してください。"),
    "url": ("Please enter a valid URL.", "有効なURLを入力してください。"),
    "number": ("Please enter a number.", "数値を入力してください。"),
    "whole": ("Please enter a whole number.", "整数を入力してください。"),
    "least": ("Please enter a number of at least {n}.", "{n}以上の数値を入力してください。"),
    "most": ("Please enter a number of at most {n}.", "{n}以下の数値を入力してください。"),
}
"""In English and Japanese. The words but the first are [assumed]."""

Complaint = tuple[str, Any]
"""What of ``SAID``, and its ``{n}``."""


def refused_by_client(view: Json, locale: str) -> Json:
    """Sentences by block_id in the person's language: required fields, lengths, numbers, addresses."""
    said: dict[str, Complaint] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
        value = state.get(STATE_KEYS[element["type"]][0])
        if value in (None, "", []):
            if not block.get("optional"):
                said[block["block_id"]] = ("required", None)
        elif isinstance(value, str) and (complaint := _wrong_text(element, value)):
            said[block["block_id"]] = complaint
    language = int(locale.startswith("ja"))
    return {block_id: SAID[name][language].format(n=n) for block_id, (name, n) in said.items()}


def _wrong_text(element: Json, value: str) -> Complaint | None:
    kind = element["type"]
    most = element.get("max_length", LONGEST_TEXT)
    if len(value) < element.get("min_length", 0):
        return "shortest", element["min_length"]
    if len(value) > most:
        return "longest", most
    if kind == "email_text_input" and not EMAIL.fullmatch(value):
        return "email", None
    if kind == "url_text_input" and not URL.fullmatch(value):
        return "url", None
    return _wrong_number(element, value) if kind == "number_input" else None


def _wrong_number(element: Json, value: str) -> Complaint | None:
    if not NUMBER.fullmatch(value):
        return "number", None
    if "." in value and not element["is_decimal_allowed"]:
        return "whole", None
    if "min_value" in element and float(value) < float(element["min_value"]):
        return "least", element["min_value"]
    if "max_value" in element and float(value) > float(element["max_value"]):
        return "most", element["max_value"]
    return None
