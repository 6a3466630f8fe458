"""The Block Kit shapes in use, as plain dicts. A field's name is its ``action_id``; its ``block_id`` is the name too.

``~`` and a mark are added to a ``block_id`` when Slack must forget what was typed there (rule 14). Texts that come
from outside are cut to Slack's limits here, and nowhere else.
"""

from collections.abc import Sequence
from typing import Any

from bot.texts import BUNDLE_STATES, Texts, escape
from storage.models import Bundle, Draft, Purchase

Block = dict[str, Any]
View = dict[str, Any]
Option = dict[str, Any]


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


LONGEST_TEXT = 3000
MOST_OPTIONS = 100


def plain(text: str, limit: int = LONGEST_TEXT) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": True}


def mrkdwn(text: str, limit: int = LONGEST_TEXT) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": cut(text, limit)}


# views


def modal(
    callback_id: str,
    title: str,
    blocks: Sequence[Block],
    *,
    close: str,
    submit: str | None = None,
    about: Draft | Purchase | str | None = None,
    external_id: str | None = None,
) -> View:
    """about: the purchase that the view is of; all that Slack carries is its id (or what a page must name besides)."""
    view: View = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, 24),
        "close": plain(close, 24),
        "blocks": list(blocks),
        "private_metadata": about.id if isinstance(about, Draft | Purchase) else about or "",
    }
    if submit:
        view["submit"] = plain(submit, 24)
    if external_id:
        view["external_id"] = external_id
    return view


def about(view: View) -> str:
    return str(view["private_metadata"])


# blocks


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, 150)}


def section(text: str, accessory: Block | None = None, block_id: str | None = None) -> Block:
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if accessory:
        block["accessory"] = accessory
    if block_id:
        block["block_id"] = block_id
    return block


def plain_section(text: str, accessory: Block | None = None) -> Block:
    """Words of people's or Twilio's, beside a button: nothing in them comes alive (rule 39)."""
    block: Block = {"type": "section", "text": plain(text)}
    return {**block, "accessory": accessory} if accessory else block


def fields(texts: Sequence[str]) -> Block:
    return {"type": "section", "fields": [mrkdwn(text, 2000) for text in texts[:10]]}


def context(*texts: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text) for text in texts[:10]]}


def plain_context(text: str) -> Block:
    """As ``context``, of words that may be Twilio's or a person's."""
    return {"type": "context", "elements": [plain(text)]}


def divider() -> Block:
    return {"type": "divider"}


def alert(text: str, level: str = "warning") -> Block:
    """Modals only. A text that is too long for an alert stands in a section of its own."""
    if len(text) > 200:
        return section(f":warning: {text}")
    return {"type": "alert", "text": mrkdwn(text), "level": level}


def note(text: str, level: str = "error") -> Block:
    """As ``alert``, of words that may be people's or Twilio's: nothing in them comes alive (rule 39)."""
    if len(text) > 200:
        return plain_section(f":warning: {text}")
    return {"type": "alert", "text": plain(text), "level": level}


def actions(block_id: str, *elements: Block) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(
    name: str, text: str, value: str = "", style: str | None = None, confirm: Block | None = None
) -> Block:
    element: Block = {"type": "button", "action_id": name, "text": plain(text, 75)}
    if value:
        element["value"] = value
    if style:
        element["style"] = style
    if confirm:
        element["confirm"] = confirm
    return element


def overflow(name: str, options: Sequence[Option]) -> Block:
    """A menu of what is rare or cannot be taken back: at most five."""
    return {"type": "overflow", "action_id": name, "options": list(options[:5])}


def confirm(title: str, text: str, yes: str, no: str, style: str = "primary") -> Block:
    return {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
        "style": style,
    }


# input blocks


def option(value: str, text: str, description: str | None = None) -> Option:
    made: Option = {"value": value, "text": plain(text, 75)}
    if description:
        made["description"] = plain(description, 75)
    return made


def bundle_option(bundle: Bundle, t: Texts, *, elsewhere: bool = False) -> Option:
    """elsewhere: whether its address lies in another town than the number."""
    status = t(BUNDLE_STATES.get(bundle.status, bundle.status))
    if bundle.valid_until is not None:
        status = t("{status}, until {date}", status=status, date=bundle.valid_until.date().isoformat())
    if elsewhere:
        status += t.separator + t("in another town than the number")
    return option(bundle.sid, bundle.friendly_name, status)


def _input(
    name: str, label: str, element: Block, mark: str, hint: str | None, optional: bool, dispatch: bool = False
) -> Block:
    block: Block = {
        "type": "input",
        "block_id": name + mark,
        "label": plain(label, 2000),
        "element": {"action_id": name, **element},
        "optional": optional,
    }
    if hint:
        block["hint"] = plain(hint, 2000)
    if dispatch:
        block["dispatch_action"] = True
    return block


def text(
    name: str,
    label: str,
    *,
    initial: str | None = None,
    placeholder: str | None = None,
    multiline: bool = False,
    max_length: int | None = None,
    mark: str = "",
    hint: str | None = None,
    optional: bool = False,
) -> Block:
    element: Block = {"type": "plain_text_input"}
    if initial:
        element["initial_value"] = cut(initial, max_length or LONGEST_TEXT)
    if placeholder:
        element["placeholder"] = plain(placeholder, 150)
    if multiline:
        element["multiline"] = True
    if max_length:
        element["max_length"] = max_length
    return _input(name, label, element, mark, hint, optional)


def email(
    name: str, label: str, *, initial: str | None = None, mark: str = "", hint: str | None = None
) -> Block:
    element: Block = {"type": "email_text_input"}
    if initial:
        element["initial_value"] = initial
    return _input(name, label, element, mark, hint, optional=False)


def date(
    name: str,
    label: str,
    *,
    initial: str | None = None,
    mark: str = "",
    hint: str | None = None,
    optional: bool = False,
) -> Block:
    """initial: ``YYYY-MM-DD``."""
    element: Block = {"type": "datepicker"}
    if initial:
        element["initial_date"] = initial
    return _input(name, label, element, mark, hint, optional)


def person(name: str, label: str, *, hint: str | None = None) -> Block:
    """Anybody in the workspace; the answer is an id (``U...``)."""
    return _input(name, label, {"type": "users_select"}, "", hint, optional=False)


def file(
    name: str,
    label: str,
    filetypes: Sequence[str],
    *,
    mark: str = "",
    hint: str | None = None,
    optional: bool = False,
) -> Block:
    """One file; what was chosen before cannot be shown again."""
    element: Block = {"type": "file_input", "filetypes": list(filetypes), "max_files": 1}
    return _input(name, label, element, mark, hint, optional)


def typeahead(
    name: str,
    label: str,
    *,
    initial: Option | None = None,
    placeholder: str | None = None,
    mark: str = "",
    hint: str | None = None,
    dispatch: bool = False,
) -> Block:
    element: Block = {"type": "external_select", "min_query_length": 0}
    if initial:
        element["initial_option"] = initial
    if placeholder:
        element["placeholder"] = plain(placeholder, 150)
    return _input(name, label, element, mark, hint, optional=False, dispatch=dispatch)


def typeahead_for_several(
    name: str,
    label: str,
    *,
    initial: Sequence[Option] = (),
    most: int,
    placeholder: str | None = None,
    mark: str = "",
    hint: str | None = None,
    dispatch: bool = False,
) -> Block:
    """Any number of them up to ``most``, or none."""
    element: Block = {"type": "multi_external_select", "min_query_length": 0, "max_selected_items": most}
    if initial:
        element["initial_options"] = list(initial)
    if placeholder:
        element["placeholder"] = plain(placeholder, 150)
    return _input(name, label, element, mark, hint, optional=True, dispatch=dispatch)


def select(
    name: str,
    label: str,
    options: Sequence[Option],
    *,
    initial: str | None = None,
    mark: str = "",
    hint: str | None = None,
    optional: bool = False,
    dispatch: bool = False,
) -> Block:
    element = _with_initial({"type": "static_select", "options": list(options[:100])}, initial)
    return _input(name, label, element, mark, hint, optional, dispatch)


def choice(name: str, placeholder: str, options: Sequence[Option], initial: str) -> Block:
    """A select that stands in an ``actions`` block and fires at once."""
    element = {
        "type": "static_select",
        "action_id": name,
        "placeholder": plain(placeholder, 150),
        "options": list(options[:100]),
    }
    return _with_initial(element, initial)


def radio(
    name: str,
    label: str,
    options: Sequence[Option],
    *,
    initial: str | None = None,
    mark: str = "",
    hint: str | None = None,
    dispatch: bool = False,
) -> Block:
    """At most ten options."""
    element = _with_initial({"type": "radio_buttons", "options": list(options)}, initial)
    return _input(name, label, element, mark, hint, optional=False, dispatch=dispatch)


def checkboxes(
    name: str,
    label: str,
    options: Sequence[Option],
    *,
    initial: Sequence[str] = (),
    mark: str = "",
    hint: str | None = None,
    optional: bool = False,
) -> Block:
    element: Block = {"type": "checkboxes", "options": list(options)}
    chosen = [each for each in options if each["value"] in initial]
    if chosen:
        element["initial_options"] = chosen
    return _input(name, label, element, mark, hint, optional)


def _with_initial(element: Block, initial: str | None) -> Block:
    chosen = next((each for each in element["options"] if each["value"] == initial), None)
    return {**element, "initial_option": chosen} if chosen else element


# what is safe inside mrkdwn


def quoted(text: str) -> str:
    """People's own words: escaped, and every line marked as a quotation."""
    return "\n".join(f">{escape(line)}" for line in text.splitlines() or [""])
