"""What Slack would refuse of a view or a message, in Slack's wording. The rules are data: ``limits.json``."""

import json
import re
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
PUBLIC_URL = re.compile(r"https?://[^\s/?#]+\S*")
LINK = re.compile(
    rf"{PUBLIC_URL.pattern}|(mailto|tel|sms|slack):\S+"
)  # which other schemes are taken: [assumed]
TEXTS = {"text": ("plain_text", "mrkdwn"), "plain_text": ("plain_text",)}


def view_problems(view: Any, *, kind: str = "modal") -> list[str]:
    """kind: modal or home. Empty when Slack would take the view; its size in bytes is the caller's to check."""
    if not isinstance(view, dict):
        return [_say("missing", "", field="view")]
    if "type" not in view:
        return [_say("missing", "/view", field="type")]
    if view["type"] != kind:
        return [_say("type", "/view", type=view["type"])]
    found = _Problems(kind)
    found.of_object(view, LIMITS["views"][kind], "/view")
    blocks = view.get("blocks") if isinstance(view.get("blocks"), list) else []
    first = next((i for i, each in enumerate(blocks or ()) if _type(each) == "input"), None)
    if kind == "modal" and first is not None and "submit" not in view:
        found.add(_say("submit", "", i=first))
    if found.focused > 1:
        found.add("only one element may have focus_on_load [json-pointer:/view/blocks]")
    return found.said


def message_problems(blocks: Any, text: str | None) -> list[str]:
    """Only the blocks are read: a message without any text, or with a very long one, has errors of its own."""
    found = _Problems("message")
    limits = LIMITS["surfaces"]["message"]
    found._block_array(
        blocks, {"min_items": limits["min_blocks"], "max_items": limits["max_blocks"]}, "/blocks"
    )
    if not isinstance(blocks, list):
        return found.said
    for kind, most in {**limits["max_one_of"], **limits["max_count"]}.items():
        if sum(_type(each) == kind for each in blocks) > most:
            many = f"only_one_{kind}_allowed" if most == 1 else f"no more than {most} {kind} blocks allowed"
            found.add(f"{many} [json-pointer:/blocks]")
    long, most = (
        [_length(each) for each in blocks if _type(each) == "markdown"],
        limits["markdown_total_chars"],
    )
    if sum(long) > most >= max(long):  # one that is too long alone has been named already
        found.add(_say("too_long", "/blocks", **{"max+1": most + 1}))
    if {"plan", "task_card"} <= {_type(each) for each in blocks}:
        found.add("plan and task_card are not allowed together [json-pointer:/blocks]")  # words: [assumed]
    for i, block in enumerate(blocks):
        if _type(block) == "task_card" and block.get("status") == "pending":  # only a plan has waiting tasks
            found.add(_say("schema", f"/blocks/{i}/status"))
    return found.said


def filled_in(blocks: list[Json]) -> list[Json]:
    """A copy with what Slack adds when it echoes blocks: missing ids, ``emoji`` and ``verbatim``."""
    made: list[Json] = _echoed(blocks)
    for block in made:
        block.setdefault("block_id", secrets.token_urlsafe(4))
    return made


def _echoed(part: Any) -> Any:
    if isinstance(part, list):
        return [_echoed(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _echoed(value) for name, value in part.items()}
    if isinstance(made.get("text"), str):
        if made.get("type") == "plain_text":
            made.setdefault("emoji", True)
        elif made.get("type") == "mrkdwn":
            made.setdefault("verbatim", False)
    return made


def _shapes() -> Json:
    """The objects that have no type of their own, with what limits.json says of them in words made into fields."""
    option, group = COMPOSITION["option"], COMPOSITION["option_group"]
    either = {
        name: {**rule, "kind": "text"} if rule.get("kind") == "plain_text" else rule
        for name, rule in option["fields"].items()
    }
    dispatch, conversations = COMPOSITION["dispatch_action_config"], COMPOSITION["conversation_filter"]
    options = {"of": "option", **group["fields"]["options"]}
    return {
        "option": option,
        "option_choice": {**option, "fields": either},
        "option_overflow": {
            **option,
            "fields": {**option["fields"], **COMPOSITION["option_overflow"]["fields"]},
        },
        "option_group": {**group, "fields": {**group["fields"], "options": options}},
        "confirm": COMPOSITION["confirm"],
        "dispatch_action_config": {
            **dispatch,
            "fields": {name: dispatch[name] for name in dispatch["required"]},
        },
        "conversation_filter": {
            "at_least_one_of": [conversations["at_least_one_of"]],
            "fields": {name: conversations.get(name, "boolean") for name in conversations["at_least_one_of"]},
        },
        "slack_file": {
            "exactly_one_of": [COMPOSITION["slack_file"]["exactly_one_of"]],
            "fields": {name: {"min_length": 1} for name in COMPOSITION["slack_file"]["exactly_one_of"]},
        },
        "slack_icon": {
            "required": ["type", "name"],
            "fields": {"type": {"enum": ["icon"]}, "name": {"min_length": 1}},
        },
        "table_column": {
            "fields": {
                "align": {"enum": BLOCKS["table"]["column_setting"]["align"]},
                "is_wrapped": BLOCKS["table"]["column_setting"]["is_wrapped"],
            }
        },
        "workflow": {"required": ["trigger"], "fields": {"trigger": "object"}},
        "raw_text": {**COMPOSITION["raw_text"], "fields": {"text": {"min_length": 1}}},
        "raw_number": {**COMPOSITION["raw_number"], "fields": {"value": "number", "text": {"min_length": 1}}},
    }


SHAPES = _shapes()


class _Problems:
    """Collects what is wrong. A method ``_kind`` reads a field whose rule in limits.json has that kind."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self.said: list[str] = []
        self.focused = 0
        self.block_ids: set[str] = set()

    def add(self, said: str) -> None:
        self.said.append(said)

    # blocks and elements

    def of_block(self, block: Any, allowed: list[str], at: str) -> None:
        kind = self._placed(block, allowed, BLOCKS, at)
        if kind is None:
            return
        self.of_object(block, BLOCKS[kind], at)
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in self.block_ids:
                self.add(f"block_id already exists: {block_id} [json-pointer:{at}/block_id]")
            self.block_ids.add(block_id)
        names: set[str] = set()
        for where, element in _elements(block):
            name = element.get("action_id")
            if isinstance(name, str) and name in names:
                self.add(f"action_id already exists: {name} [json-pointer:{at}/{where}/action_id]")
            elif isinstance(name, str):
                names.add(name)
            if "response_url_enabled" in element and (self.surface, kind) != ("modal", "input"):
                self.add(_say("extra", f"{at}/{where}", field="response_url_enabled"))
        if kind == "input" and block.get("dispatch_action") and _type(block.get("element")) == "file_input":
            self.add(f"dispatch_action is not allowed with file_input [json-pointer:{at}/dispatch_action]")
        if kind == "container":
            foldable = bool(block.get("is_collapsible"))
            if block.get("default_collapsed") and not foldable:
                self.add(_say("schema", f"{at}/default_collapsed"))
            if block.get("has_header_divider") and foldable:
                self.add(_say("schema", f"{at}/has_header_divider"))
        if kind == "data_table" and isinstance(block.get("rows"), list):
            for i, cell in enumerate(block["rows"][0] if _is_row(block["rows"][:1]) else ()):
                if _type(cell) == "rich_text":
                    self.add(_say("type", f"{at}/rows/0/{i}", type="rich_text"))

    def of_element(self, element: Any, allowed: list[str], at: str) -> None:
        kind = self._placed(element, allowed, ELEMENTS, at)
        if kind is None:
            return
        self.of_object(element, ELEMENTS[kind], at)
        self.focused += element.get("focus_on_load") is True
        if "options" in ELEMENTS[kind]["fields"]:
            self._choice(element, at)
        self._lengths(element, at)
        low, high = _parsed(element.get("min_value")), _parsed(element.get("max_value"))
        if low is not None and high is not None and low > high:
            self.add(f"min_value must not be greater than max_value [json-pointer:{at}/min_value]")

    def _lengths(self, element: Json, at: str) -> None:
        """Of a text input. That Slack refuses these is known, its words are [assumed]."""
        least, most, initial = (element.get(name) for name in ("min_length", "max_length", "initial_value"))
        if not isinstance(most, int):
            return
        if isinstance(least, int) and least > most:
            self.add(f"min_length must not be greater than max_length [json-pointer:{at}/min_length]")
        if isinstance(initial, str) and len(initial) > most:
            self.add(_say("too_long", f"{at}/initial_value", **{"max+1": most + 1}))

    def _choice(self, element: Json, at: str) -> None:
        offered = list(_listed(element.get("options")))
        for group in _listed(element.get("option_groups")):
            offered += _listed(group.get("options") if isinstance(group, dict) else None)
        chosen = [("initial_option", element["initial_option"])] if "initial_option" in element else []
        chosen += [
            (f"initial_options/{i}", each) for i, each in enumerate(_listed(element.get("initial_options")))
        ]
        for where, each in chosen:
            if each not in offered:
                self.add(f"initial_option must be one of the options [json-pointer:{at}/{where}]")
        values = [each["value"] for each in offered if isinstance(each, dict) and "value" in each]
        if len({json.dumps(each) for each in values}) < len(values):
            self.add(f"option values must be unique [json-pointer:{at}/options]")

    def _placed(self, given: Any, allowed: list[str], known: Json, at: str) -> str | None:
        """The type of a block or element when it may stand here; otherwise that is said."""
        kind = _type(given)
        if not isinstance(given, dict):
            self.add(_say("schema", at))
        elif "type" not in given:
            self.add(_say("missing", at, field="type"))
        elif (
            kind is None
            or kind not in allowed
            or kind not in known
            or self.surface not in known[kind]["surfaces"]
        ):
            self.add(_say("type", at, type=given["type"]))
        else:
            return kind
        return None

    def of_object(self, given: Any, rules: Json, at: str) -> None:
        """Required and unknown fields, each field by its rule, and the rules between fields."""
        if not isinstance(given, dict):
            self.add(_say("schema", at))
            return
        known, required = rules.get("fields") or {}, rules.get("required") or ()
        for name in required:
            if name not in given:
                self.add(_say("missing", at, field=name))
        for name, value in given.items():
            if name in known:
                if value is None:
                    self.add(_say("schema", f"{at}/{name}"))
                else:
                    self.of_field(value, known[name], f"{at}/{name}")
            elif name != "type" or "type" not in required:  # the type has been read before
                self.add(_say("extra", at, field=name))
        for group in rules.get("at_least_one_of") or ():
            if not any(name in given for name in group):
                self.add(_say("missing", at, field=" or ".join(group)))
        for group in rules.get("exactly_one_of") or ():
            if sum(name in given for name in group) != 1:
                self.add(_say("schema", at))

    # fields

    def of_field(self, value: Any, rule: Json | str, at: str) -> None:
        if isinstance(rule, str):
            rule = {"kind": rule}
        kind = _kind_of(rule)
        if kind in SHAPES:
            self.of_object(value, SHAPES[kind], at)
            return
        checker: Callable[[Any, Json, str], None] = getattr(self, "_" + kind.replace("|", "_or_"))
        checker(value, rule, at)

    def _string(self, value: Any, rule: Json, at: str) -> None:
        if not isinstance(value, str):
            self.add(_say("schema", at))
            return
        most, least = rule.get("max_length"), rule.get("min_length")
        if most is not None and len(value) > most:
            self.add(_say("too_long", at, **{"max+1": most + 1}))
        if least is not None and len(value) < least:
            self.add(_say("more_than", at, **{"min-1": least - 1}))
        elif "pattern" in rule and not re.fullmatch(rule["pattern"], value):
            self.add(_say("schema", at))

    _numeric_string = _string

    def _url(self, value: Any, rule: Json, at: str) -> None:
        """Pictures are fetched by Slack, so theirs must be one of the web; the name of the field tells them [assumed]."""
        before = len(self.said)
        self._string(value, rule, at)
        form = PUBLIC_URL if at.endswith(("image_url", "thumbnail_url", "icon_url")) else LINK
        if len(self.said) == before and not form.fullmatch(value):
            self.add(_say("url", at))

    def _user_id(self, value: Any, rule: Json, at: str) -> None:
        self._string(value, {"min_length": 1}, at)

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

    def _number(self, value: Any, rule: Json, at: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.add(_say("schema", at))

    def _enum(self, value: Any, rule: Json, at: str) -> None:
        if isinstance(value, bool) or value not in rule["enum"]:
            self.add(_say("schema", at))

    def _object(self, value: Any, rule: Json, at: str) -> None:
        if not isinstance(value, dict):
            self.add(_say("schema", at))

    def _text(self, value: Any, rule: Json, at: str) -> None:
        """Slack points at the string inside the text object, as in ``/blocks/0/text/text``."""
        kind = _type(value)
        if kind not in TEXTS[rule["kind"]]:
            self.add(_say("schema", at))
            return
        rules = COMPOSITION[kind]
        text = {**rules["fields"]["text"], **{name: rule[name] for name in ("max_length",) if name in rule}}
        self.of_object(value, {**rules, "fields": {**rules["fields"], "text": text}}, at)

    _plain_text = _text

    def _string_or_plain_text(self, value: Any, rule: Json, at: str) -> None:
        if isinstance(value, dict):
            self._text(value, {"kind": "plain_text"}, at)
        else:
            self._string(value, rule, at)

    def _feedback_button(self, value: Any, rule: Json, at: str) -> None:
        fields = {
            "text": {"kind": "plain_text", "max_length": rule["text_max_length"]},
            "value": {"max_length": rule["value_max_length"]},
            "accessibility_label": {"max_length": rule["accessibility_label_max_length"]},
        }
        self.of_object(value, {"required": ["text", "value"], "fields": fields}, at)

    def _chart(self, value: Any, rule: Json, at: str) -> None:
        if _type(value) not in rule["types"]:
            self.add(_say("schema", at))
            return
        for name in ("series", "segments"):
            if len(_listed(value.get(name))) > rule["max_series_or_segments"]:
                self.add(_say("too_many", f"{at}/{name}", max=rule["max_series_or_segments"]))

    # lists

    def _sized(self, value: Any, rule: Json, at: str) -> list[Any]:
        """The list, or none when it is not one."""
        if not isinstance(value, list):
            self.add(_say("schema", at))
            return []
        if len(value) > rule.get("max_items", len(value)):
            self.add(_say("too_many", at, max=rule["max_items"]))
        if len(value) < rule.get("min_items", 0):
            self.add(_say("schema", at))
        return value

    def _array(self, value: Any, rule: Json, at: str) -> None:
        item: Json = {"kind": rule["of"]} if "of" in rule else {"enum": rule["enum"]}
        if "item_max_length" in rule:
            item["max_length"] = rule["item_max_length"]
        for i, each in enumerate(self._sized(value, rule, at)):
            self.of_field(each, item, f"{at}/{i}")

    def _block_array(self, value: Any, rule: Json, at: str) -> None:
        for i, each in enumerate(self._sized(value, rule, at)):
            self.of_block(each, rule.get("allowed", BLOCKS), f"{at}/{i}")

    def _element(self, value: Any, rule: Json, at: str) -> None:
        self.of_element(value, rule["allowed"], at)

    def _image_element(self, value: Any, rule: Json, at: str) -> None:
        self.of_element(value, ["image"], at)

    def _element_array(self, value: Any, rule: Json, at: str) -> None:
        for i, each in enumerate(self._sized(value, rule, at)):
            self.of_element(each, rule["allowed"], f"{at}/{i}")

    def _context_array(self, value: Any, rule: Json, at: str) -> None:
        for i, each in enumerate(self._sized(value, rule, at)):
            if _type(each) in TEXTS["text"]:
                self._text(each, {"kind": "text"}, f"{at}/{i}")
            else:
                self.of_element(each, ["image"], f"{at}/{i}")

    def _task_array(self, value: Any, rule: Json, at: str) -> None:
        for i, each in enumerate(self._sized(value, rule, at)):
            self.of_object(each, BLOCKS["plan"]["task"], f"{at}/{i}")

    def _table_rows(self, value: Any, rule: Json, at: str) -> None:
        for i, row in enumerate(self._sized(value, rule, at)):
            for j, cell in enumerate(self._sized(row, {"max_items": rule["max_cells"]}, f"{at}/{i}")):
                here = f"{at}/{i}/{j}"
                kind = _type(cell)
                if kind is None or kind not in rule["cells"]:
                    self.add(_say("type", here, type=kind))
                elif kind == "rich_text":
                    self._rich_text_block(cell, rule, here)
                else:
                    self.of_object(cell, SHAPES[kind], here)

    def _table_column_or_null(self, value: Any, rule: Json, at: str) -> None:
        if value is not None:
            self.of_object(value, SHAPES["table_column"], at)

    # rich text

    def _rich_text_block(self, value: Any, rule: Json, at: str) -> None:
        if _type(value) != "rich_text":
            self.add(_say("schema", at))
        else:
            self.of_object(value, BLOCKS["rich_text"], at)

    def _rich_text_array(self, value: Any, rule: Json, at: str) -> None:
        for i, each in enumerate(self._sized(value, rule, at)):
            here, kind = f"{at}/{i}", _type(each)
            if kind not in rule["allowed"]:
                self.add(_say("type", here, type=kind))
            elif "elements" not in each:
                self.add(_say("missing", here, field="elements"))
            elif kind == "rich_text_list":
                self._rich_text_list(each, here)
            else:
                self._leaves(each["elements"], f"{here}/elements")

    def _rich_text_list(self, value: Json, at: str) -> None:
        rules = COMPOSITION["rich_text_list"]
        if "style" not in value:
            self.add(_say("missing", at, field="style"))
        elif value["style"] not in rules["style"]:
            self.add(_say("schema", f"{at}/style"))
        if "indent" in value:
            self._integer(value["indent"], rules["indent"], f"{at}/indent")
        if "border" in value:
            self._enum(value["border"], {"enum": rules["border"]}, f"{at}/border")
        self._rich_text_array(value["elements"], {"allowed": ["rich_text_section"]}, f"{at}/elements")

    def _leaves(self, value: Any, at: str) -> None:
        for i, each in enumerate(self._sized(value, {}, at)):
            if _type(each) not in COMPOSITION["rich_text_section"]["leaves"]:
                self.add(_say("type", f"{at}/{i}", type=_type(each)))
            elif each["type"] == "text":
                self._string(each.get("text"), {"min_length": 1}, f"{at}/{i}/text")
            elif each["type"] == "link" and "url" not in each:
                self.add(_say("missing", f"{at}/{i}", field="url"))
            elif each["type"] == "link":
                self._url(each["url"], {"max_length": 3000}, f"{at}/{i}/url")


def _kind_of(rule: Json) -> str:
    """limits.json leaves the kind out where the other keys show it."""
    if "kind" in rule:
        return str(rule["kind"])
    if "min_items" in rule or "max_items" in rule:
        return "array"
    if "enum" in rule:
        return "enum"
    return "string"


def _elements(block: Json) -> Iterator[tuple[str, Json]]:
    """The elements of a block that can have an action_id, each with where it stands in the block."""
    for name in ("element", "accessory"):
        if isinstance(block.get(name), dict):
            yield name, block[name]
    for name in ("elements", "actions"):
        for i, each in enumerate(_listed(block.get(name))):
            if isinstance(each, dict):
                yield f"{name}/{i}", each


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _is_row(rows: list[Any]) -> bool:
    return bool(rows) and isinstance(rows[0], list)


def _length(block: Json) -> int:
    text = block.get("text")
    return len(text) if isinstance(text, str) else 0


def _parsed(given: Any) -> float | None:
    try:
        return float(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _type(given: Any) -> str | None:
    kind = given.get("type") if isinstance(given, dict) else None
    return kind if isinstance(kind, str) else None


def _say(what: str, at: str, **values: Any) -> str:
    said: str = WORDS[what]
    for name, value in {"p": at, **values}.items():
        said = said.replace("{" + name + "}", str(value))
    return said
