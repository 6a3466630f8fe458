"""What Slack would refuse of a view or a message, in Slack's wording. The rules are data: ``limits.json``."""

import copy
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

LIMITS: Json = json.loads((Path(__file__).parent / "limits.json").read_text())
BLOCKS: Json = LIMITS["blocks"]
ELEMENTS: Json = LIMITS["elements"]
COMPOSITION: Json = LIMITS["composition"]
WORDS: Json = LIMITS["errors"]["templates"]
TEXTS = {"text": ("plain_text", "mrkdwn"), "plain_text": ("plain_text",)}
SELECTS = ("initial_option", "initial_options")


def view_problems(view: Any, *, kind: str = "modal") -> list[str]:
    """kind: modal or home. Empty when Slack would take the view; its size in bytes is the caller's to check."""
    if not isinstance(view, dict):
        return [_say("missing", "", field="view")]
    if view.get("type") != kind:
        return [_say("type", "/view", type=view.get("type"))]
    found = _Problems(kind)
    found.of_object(view, {"type": kind, **LIMITS["views"][kind]}, "/view")
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        found.of_blocks(blocks, "/view/blocks")
        first = next((i for i, each in enumerate(blocks) if _type(each) == "input"), None)
        if kind == "modal" and first is not None and not view.get("submit"):
            found.add(WORDS["submit"].replace("{i}", str(first)))
        if sum(element.get("focus_on_load") is True for _, element in _elements(blocks)) > 1:
            found.add("only one element may have focus_on_load [json-pointer:/view/blocks]")
    return found.said


def message_problems(blocks: Any, text: str | None) -> list[str]:
    found = _Problems("message")
    if not isinstance(blocks, list):
        return [_say("schema", "/blocks")]
    limits = LIMITS["surfaces"]["message"]
    if len(blocks) > limits["max_blocks"]:
        found.add(_say("too_many", "/blocks", max=limits["max_blocks"]))
    found.of_blocks(blocks, "/blocks")
    for kind, most in limits["max_one_of"].items():
        if sum(_type(each) == kind for each in blocks) > most:
            found.add(f"only_one_{kind}_allowed [json-pointer:/blocks]")
    return found.said


def filled_in(blocks: list[Json]) -> list[Json]:
    """A copy with what Slack adds when it echoes blocks: missing ids, ``emoji`` and ``verbatim``."""
    made = copy.deepcopy(blocks)
    for block in made:
        block.setdefault("block_id", secrets.token_urlsafe(4))
    _defaults(made)
    return made


def _defaults(part: Any) -> None:
    if isinstance(part, list):
        for each in part:
            _defaults(each)
    elif isinstance(part, dict):
        if part.get("type") == "plain_text" and isinstance(part.get("text"), str):
            part.setdefault("emoji", True)
        elif part.get("type") == "mrkdwn" and isinstance(part.get("text"), str):
            part.setdefault("verbatim", False)
        for value in part.values():
            _defaults(value)


class _Problems:
    def __init__(self, surface: str) -> None:
        self.surface = surface
        self.said: list[str] = []

    def add(self, said: str) -> None:
        self.said.append(said)

    # blocks and elements

    def of_blocks(self, blocks: list[Any], at: str) -> None:
        ids: set[str] = set()
        for i, block in enumerate(blocks):
            here = f"{at}/{i}"
            rules = BLOCKS.get(_type(block) or "")
            if rules is None or self.surface not in rules["surfaces"]:
                self.add(_say("type", here, type=_type(block)))
                continue
            self.of_object(block, rules, here)
            block_id = block.get("block_id")
            if block_id is not None and block_id in ids:
                self.add(f"block_id already exists: {block_id} [json-pointer:{here}/block_id]")
            ids.add(block_id)
            names = [element.get("action_id") for _, element in _elements([block])]
            if len({name for name in names if name}) < len([name for name in names if name]):
                self.add(f"action_id already exists [json-pointer:{here}]")
            if (
                _type(block) == "input"
                and block.get("dispatch_action")
                and _type(block.get("element")) == "file_input"
            ):
                self.add(f"dispatch_action is not allowed with file_input [json-pointer:{here}]")

    def of_element(self, element: Any, allowed: list[str], at: str) -> None:
        kind = _type(element)
        rules = ELEMENTS.get(kind or "")
        if kind not in allowed or rules is None or self.surface not in rules["surfaces"]:
            self.add(_say("type", at, type=kind))
            return
        self.of_object(element, rules, at)
        offered = [*(element.get("options") or ())]
        offered += [
            each for group in element.get("option_groups") or () for each in group.get("options") or ()
        ]
        if "options" in rules["fields"]:
            initial = [element["initial_option"]] if element.get("initial_option") else []
            for each in [*initial, *(element.get("initial_options") or ())]:
                if each not in offered:
                    self.add(f"initial_option must be one of the options [json-pointer:{at}]")
        values = [each.get("value") for each in offered if isinstance(each, dict)]
        if len(set(values)) < len(values):
            self.add(f"option values must be unique [json-pointer:{at}/options]")

    def of_object(self, given: Any, rules: Json, at: str) -> None:
        """Required and unknown fields, each field by its rule, and the rules between fields."""
        if not isinstance(given, dict):
            self.add(_say("schema", at))
            return
        known = rules.get("fields") or {}
        for name in rules.get("required") or ():
            if name not in given:
                self.add(_say("missing", at, field=name))
        for name, value in given.items():
            if name == "type":
                continue
            if name not in known:
                self.add(_say("extra", at, field=name))
            elif value is None:
                self.add(_say("schema", f"{at}/{name}"))
            else:
                self.of_field(value, known[name], f"{at}/{name}")
        for group in rules.get("at_least_one_of") or ():
            if isinstance(group, list) and not any(name in given for name in group):
                self.add(_say("missing", at, field=" or ".join(group)))
        for group in rules.get("exactly_one_of") or ():
            if isinstance(group, list) and sum(name in given for name in group) != 1:
                self.add(_say("schema", at))

    # fields

    def of_field(self, value: Any, rule: Json | str, at: str) -> None:
        if isinstance(rule, str):
            rule = {"kind": rule}
        kind = rule.get("kind", "string" if "max_length" in rule or "min_length" in rule else "any")
        checker: Callable[[Any, Json, str], None] | None = getattr(self, f"_{kind}", None)
        if checker is not None:
            checker(value, rule, at)
        elif kind in COMPOSITION:
            self._composed(value, kind, at)

    def _string(self, value: Any, rule: Json, at: str) -> None:
        if not isinstance(value, str):
            self.add(_say("schema", at))
            return
        most, least = rule.get("max_length"), rule.get("min_length")
        if most is not None and len(value) > most:
            self.add(WORDS["too_long"].replace("{max+1}", str(most + 1)).replace("{p}", at))
        if least is not None and len(value) < least:
            self.add(WORDS["more_than"].replace("{min-1}", str(least - 1)).replace("{p}", at))

    _url = _string

    def _boolean(self, value: Any, rule: Json, at: str) -> None:
        if not isinstance(value, bool):
            self.add(_say("schema", at))

    def _integer(self, value: Any, rule: Json, at: str) -> None:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not rule.get("min", value) <= value <= rule.get("max", value)
        ):
            self.add(_say("schema", at))

    def _enum(self, value: Any, rule: Json, at: str) -> None:
        if value not in rule["enum"]:
            self.add(_say("schema", at))

    def _text(self, value: Any, rule: Json, at: str) -> None:
        kinds = TEXTS[rule.get("kind", "text") if rule.get("kind") in TEXTS else "text"]
        if _type(value) not in kinds:
            self.add(_say("schema", at))
            return
        self.of_object(value, COMPOSITION[value["type"]], at)
        if "max_length" in rule and isinstance(value.get("text"), str):
            self._string(value["text"], {"max_length": rule["max_length"]}, at)

    _plain_text = _text

    def _array(self, value: Any, rule: Json, at: str) -> None:
        if not self._sized(value, rule, at):
            return
        kind = rule.get("of", "any")
        for i, each in enumerate(value):
            item = {
                "kind": kind,
                **({"max_length": rule["item_max_length"]} if "item_max_length" in rule else {}),
            }
            self.of_field(each, item, f"{at}/{i}")

    def _block_array(self, value: Any, rule: Json, at: str) -> None:
        self._sized(value, rule, at)  # the blocks themselves are read with the whole view

    def _element(self, value: Any, rule: Json, at: str) -> None:
        self.of_element(value, rule["allowed"], at)

    def _element_array(self, value: Any, rule: Json, at: str) -> None:
        if self._sized(value, rule, at):
            for i, each in enumerate(value):
                self.of_element(each, rule["allowed"], f"{at}/{i}")

    def _context_array(self, value: Any, rule: Json, at: str) -> None:
        if self._sized(value, rule, at):
            for i, each in enumerate(value):
                if _type(each) == "image":
                    self.of_element(each, ["image"], f"{at}/{i}")
                else:
                    self._text(each, {}, f"{at}/{i}")

    def _sized(self, value: Any, rule: Json, at: str) -> bool:
        if not isinstance(value, list):
            self.add(_say("schema", at))
            return False
        if len(value) > rule.get("max_items", len(value)):
            self.add(_say("too_many", at, max=rule["max_items"]))
        if len(value) < rule.get("min_items", 0):
            self.add(_say("schema", at))
        return True

    def _composed(self, value: Any, kind: str, at: str) -> None:
        rules = COMPOSITION[kind]
        if "extends" in rules:
            parent = COMPOSITION[rules["extends"]]
            rules = {**parent, "fields": {**parent["fields"], **rules.get("fields", {})}}
        if "fields" not in rules:
            return
        if kind == "option_choice":  # mrkdwn is allowed there
            plain = {
                name: {**rule, "kind": "text"}
                if isinstance(rule, dict) and rule.get("kind") == "plain_text"
                else rule
                for name, rule in rules["fields"].items()
            }
            rules = {**rules, "fields": plain}
        if kind == "option_group":
            rules = {
                **rules,
                "fields": {
                    **rules["fields"],
                    "options": {"kind": "array", "of": "option", **rules["fields"]["options"]},
                },
            }
        self.of_object(value, rules, at)


def _elements(blocks: list[Any]) -> Iterator[tuple[Json, Json]]:
    for block in blocks:
        if isinstance(block, dict):
            elements = block.get("elements") if isinstance(block.get("elements"), list) else []
            for each in [block.get("element"), block.get("accessory"), *(elements or [])]:
                if isinstance(each, dict):
                    yield block, each


def _type(given: Any) -> str | None:
    kind = given.get("type") if isinstance(given, dict) else None
    return kind if isinstance(kind, str) else None


def _say(what: str, at: str, **values: Any) -> str:
    said: str = WORDS[what]
    for name, value in {**values, "p": at}.items():
        said = said.replace("{" + name + "}", str(value))
    return said
