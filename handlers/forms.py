"""What was typed in a modal, by ``action_id``; ``block_id`` does not matter (rule 14)."""

from typing import Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.errors import UNSEEN_CHARACTERS, FormErrors
from bot.folding import has_control_characters
from bot.texts import N_, Said, say
from handlers.blocks import View

Answers = dict[str, Any]


class Wrong(ValueError):
    """What cannot be: the sentence that stands below the field."""

    def __init__(self, text: str, **with_: Any) -> None:
        self.said: Said = say(text, **with_)
        super().__init__(text)


class Form(BaseModel):
    """A modal's answers: an attribute for each field, by its ``action_id``. The types fold and check, and bring their sentence."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls, view: View) -> Self:
        """Raises FormErrors, with a sentence for each field that cannot be."""
        typed = answers(view)
        try:
            return cls.model_validate({name: typed.get(name) for name in cls.model_fields})
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)
            raise FormErrors({str(each["loc"][0]): _said(each.get("ctx", {})) for each in wrong}) from None


def _said(context: Any) -> Said:
    error = context.get("error")
    return error.said if isinstance(error, Wrong) else say(N_("Choose or type this once more."))


def needed(text: str) -> BeforeValidator:
    """For a field's type: the sentence where nothing was typed or chosen. text: of the catalogue."""

    def check(value: Any) -> Any:
        if value in (None, "", []):
            raise Wrong(text)
        return value

    return BeforeValidator(check)


def answers(view: View) -> Answers:
    """``{name: text | date | person | option value | list of option values or files | None}``, texts without white space at the ends."""
    found: Answers = {}
    for block in view["state"]["values"].values():
        for name, state in block.items():
            found[name] = _answer(state)
    return found


def refuse_control_characters(view: View) -> None:
    """Raises FormErrors."""
    wrong = say(UNSEEN_CHARACTERS)
    found = {
        name: wrong
        for fields in view["state"]["values"].values()
        for name, state in fields.items()
        if has_control_characters(state.get("value") or "")
    }
    if found:
        raise FormErrors(found)


def _answer(state: dict[str, Any]) -> Any:
    if "selected_options" in state:
        return [each["value"] for each in state["selected_options"] or ()]
    if "selected_date" in state:
        return state["selected_date"]
    if "selected_user" in state:
        return state["selected_user"]
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
