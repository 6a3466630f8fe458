"""Whatever people typed about themselves, and whatever file they gave, is nowhere on our side. Checked after every story."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot import logs
from bot.settings import Settings

PERSONAL_PAGES = ("new_bundle.end_user", "new_bundle.address", "new_bundle.document", "buy_number.address")
NOT_TELLING = ("city",)
"""Where a number on sale lies is kept with it, and may be the same town."""
TYPED = ("plain_text_input", "email_text_input", "datepicker")


def is_telling(value: str) -> bool:
    """Long enough not to turn up by chance: five digits stand in many a time stamp."""
    return len(value) >= (9 if value.isdigit() else 6)


def typed(calls: list[dict[str, Any]]) -> set[str]:
    """What was typed on the pages of papers, from the Slack twin's list of what it delivered."""
    found = set()
    for call in calls:
        if call.get("callback_id") in PERSONAL_PAGES:
            for fields in call["values"].values():
                for name, state in fields.items():
                    value = state.get("value") or state.get("selected_date")
                    if name in NOT_TELLING or state["type"] not in TYPED:
                        continue
                    if isinstance(value, str) and is_telling(value):
                        found.add(value)
    return found


def pieces(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Parts of each file, plain and as base64, wherever in the file."""
    for name, content in files.items():
        for start in range(9, max(10, len(content) - 48), 999):
            piece = content[start : start + 48]
            if len(piece) >= 16:
                yield f"file {name} from {start}", piece
                yield f"file {name} from {start} in base64", base64.b64encode(piece)


def leaks(kept: dict[str, bytes], calls: list[dict[str, Any]], files: dict[str, bytes]) -> list[str]:
    """Where something personal was found: in ``kept``, by name."""
    wanted = [(repr(value), value.encode()) for value in sorted(typed(calls))]
    wanted += [(f"{value!r} in JSON", _in_json(value)) for value in sorted(typed(calls))]
    wanted += pieces(files)
    return [
        f"{what} is in {where}" for where, content in kept.items() for what, each in wanted if each in content
    ]


def _in_json(value: str) -> bytes:
    """As JSON writes it: other letters than ASCII's as ``\\uXXXX``."""
    return json.dumps(value)[1:-1].encode()


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


class Log(logging.Handler):
    """All that the app logs during a story."""

    def __init__(self, config: Settings) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logs.formatter(config, io.StringIO()))

    def said(self) -> list[dict[str, Any]]:
        """What was logged since, by field."""
        return [json.loads(each) for each in self.lines]

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
