"""The answers of a modal, by ``action_id``; ``block_id`` does not matter (rule 14)."""

from typing import Any

from handlers.blocks import View

Answers = dict[str, Any]


def answers(view: View) -> Answers:
    """``{name: text | date | option value | list of option values or files | None}``, texts without white space at the ends."""
    found: Answers = {}
    for block in view["state"]["values"].values():
        for name, state in block.items():
            found[name] = _answer(state)
    return found


def _answer(state: dict[str, Any]) -> Any:
    if "selected_options" in state:
        return [each["value"] for each in state["selected_options"] or ()]
    if "selected_date" in state:
        return state["selected_date"]
    if "files" in state:
        return list(state["files"] or ())
    if "selected_option" in state:
        return state["selected_option"]["value"] if state["selected_option"] else None
    value = state.get("value")
    return value.strip() or None if isinstance(value, str) else value


def block_of(view: View, name: str) -> str | None:
    """The ``block_id`` under which this field stands in the view; None when it is not there."""
    return next((block for block, fields in view["state"]["values"].items() if name in fields), None)


def mark_of(view: View, name: str) -> str:
    """What stands behind the name in this field's ``block_id``: kept when a page is drawn again in place."""
    return (block_of(view, name) or name).removeprefix(name)
