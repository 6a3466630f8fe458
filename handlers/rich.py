"""Rich text: what people typed stands in it as they typed it, and nothing of it comes alive (rule 39).

``mrkdwn`` has no way to write a star, an underscore or a tilde that is no formatting; a text element has no formatting to begin with.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from string import Formatter
from typing import Any

from bot.texts import MOMENT, Said, Texts
from handlers.blocks import LONGEST_TEXT, Block, context, cut, note

Element = dict[str, Any]
Names = Mapping[str, str]
"""Display names by Slack's id: a name pings nobody."""

LONGEST_LIST = 9000
"""Letters: Slack refuses a message of about 13,000."""

_MARKED = re.compile(r"\*(?P<bold>[^*\n]+)\*|`(?P<code>[^`\n]+)`")
"""What may be marked up in texts of the catalogue, which are ours."""
_ADDRESS = re.compile(r"https://[^\s<>()\"']*[^\s<>()\"'.,;:!?]")


def text(content: str, *, bold: bool = False, code: bool = False) -> Element:
    style = {name: True for name, on in (("bold", bold), ("code", code)) if on}
    element: Element = {"type": "text", "text": cut(content, LONGEST_TEXT)}
    return {**element, "style": style} if style else element


def user(user_id: str) -> Element:
    """Pings, where it stands in a message that is posted; an edit pings nobody."""
    return {"type": "user", "user_id": user_id}


def usergroup(group_id: str) -> Element:
    return {"type": "usergroup", "usergroup_id": group_id}


def channel(channel_id: str) -> Element:
    return {"type": "channel", "channel_id": channel_id}


def emoji(name: str) -> Element:
    return {"type": "emoji", "name": name}


def link(url: str, content: str) -> Element:
    return {"type": "link", "url": url, "text": content}


def moment(at: datetime, form: str = MOMENT) -> Element:
    """In the reader's own time zone, which Slack knows."""
    fallback = at.strftime("%Y-%m-%d %H:%M %Z")
    return {"type": "date", "timestamp": int(at.timestamp()), "format": form, "fallback": fallback}


def section(*elements: Element) -> Element:
    return {"type": "rich_text_section", "elements": list(elements)}


def quote(content: str) -> Element:
    return {"type": "rich_text_quote", "elements": [text(content or "–")]}


def block(*sections: Element) -> Block:
    return {"type": "rich_text", "elements": list(sections)}


def linked(words: str) -> Block:
    """Somebody else's words, in which addresses of pages can be followed."""
    elements, end = [], 0
    for found in _ADDRESS.finditer(words):
        if found.start() > end:
            elements.append(text(words[end : found.start()]))
        elements.append(link(found[0], found[0]))
        end = found.end()
    return block(section(*elements, *([text(words[end:])] if words[end:] else [])))


def sentence(t: Texts, text: str, **values: Any) -> Block:
    """A block that says the text of the catalogue; its own markup counts, that of the values does not."""
    return block(section(*said({"say": text, "with": values}, t, {})))


def warning(sentence: Said, t: Texts) -> Block:
    return block(section(emoji("warning"), text(" "), *said(sentence, t, {})))


def alert(sentence: Said, t: Texts, level: str = "error") -> Block:
    """For a modal: what went wrong, in which people's and Twilio's words stay as they are (rule 39). An alert takes bare text only."""
    elements = said(sentence, t, None)
    if all(each.keys() == {"type", "text"} for each in elements):
        return note("".join(each["text"] for each in elements), level)
    return block(section(emoji("warning"), text(" "), *elements))


def message(sentence: Said, t: Texts) -> dict[str, Any]:
    """A message that says this and nothing else: its blocks, and the notification."""
    return {"text": t.said(sentence), "blocks": [block(section(*said(sentence, t, None)))]}


def plainly(sentence: Said, t: Texts) -> str:
    """A kept sentence as bare text, for elements that have no formatting."""
    return "".join(each.get("text", "") for each in said(sentence, t, {}))


def bullets(rows: Sequence[Sequence[Element]], t: Texts, longest: int = LONGEST_LIST) -> list[Block]:
    """A list of any length; how many there was no room for is said."""
    taken, room = 0, longest
    for row in rows:
        room -= sum(len(each.get("text", "")) + len(each.get("url", "")) for each in row)
        if room < 0 and taken:
            break
        taken += 1
    made = {"type": "rich_text_list", "style": "bullet", "elements": [section(*row) for row in rows[:taken]]}
    left = len(rows) - taken
    return [block(made), *([context(t.n("and one more", "and {n} more", left))] if left else [])]


def said(sentence: Said, t: Texts, names: Names | None) -> list[Element]:
    """A kept sentence: its own markup counts, that of its values does not. People become names, or mentions where no names are given."""
    return list(_parts(sentence, t, names))


def headline(sentence: Said, t: Texts, names: Names) -> list[Element]:
    """The same in bold, but for a moment: Slack knows no style for one."""
    return [
        {**each, "style": {**each.get("style", {}), "bold": True}} if each["type"] == "text" else each
        for each in said(sentence, t, names)
    ]


def _parts(sentence: Said, t: Texts, names: Names | None) -> Iterator[Element]:
    for literal, field, _, _ in Formatter().parse(t.pattern(sentence["say"])):
        yield from _marked(literal)
        if field is not None:
            yield from _value(sentence["with"].get(field), t, names)


def _marked(literal: str) -> Iterator[Element]:
    end = 0
    for found in _MARKED.finditer(literal):
        if found.start() > end:
            yield text(literal[end : found.start()])
        bold, code = found["bold"], found["code"]
        yield text(bold or code, bold=bool(bold), code=bool(code))
        end = found.end()
    if literal[end:]:
        yield text(literal[end:])


def _value(value: Any, t: Texts, names: Names | None) -> Iterator[Element]:
    match value:
        case list():
            for i, each in enumerate(value):
                if i:
                    yield text(t.separator)
                yield from _value(each, t, names)
        case {"say": _}:
            yield from _parts(value, t, names)
        case {"moment": seconds}:
            yield moment(datetime.fromtimestamp(seconds).astimezone(), value.get("form", MOMENT))
        case {"person": str(user_id)} if names is None:
            yield user(user_id)
        case {"mention": mentioned}:
            for i, each in enumerate(mentioned):
                if i:
                    yield text(" ")
                yield usergroup(each) if each.startswith("S") else user(each)
        case {"channels": ids}:
            for i, each in enumerate(ids):
                if i:
                    yield text(t.separator)
                yield channel(each)
        case _:
            shown = t.plainly(value, names or {})
            if shown:
                yield text(shown)


def people_in(sentence: Any) -> set[str]:
    """Whose names the sentence shows."""
    match sentence:
        case {"person": str(person_id)}:
            return {person_id}
        case dict():
            return set[str]().union(*map(people_in, sentence.values()))
        case list():
            return set[str]().union(*map(people_in, sentence))
    return set()
