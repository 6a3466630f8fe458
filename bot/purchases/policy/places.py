"""Where something stands in a TOML file: its line. The parser of the standard library does not say."""

import re
from collections.abc import Iterator

Path = tuple[int | str, ...]
"""As pydantic names a place: ``("rule", 0, "stage", 1, "people", 0)``."""

HEADER = re.compile(r"\s*\[(\[)?\s*([^\[\]]+?)\s*\]")
KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
LONG = re.compile("\"\"\"|'''")


class Places:
    def __init__(self, text: str) -> None:
        """text: TOML that has been read without an error."""
        self._lines = text.splitlines()
        self._at: dict[Path, int] = {}
        for path, line in self._found():
            self._at.setdefault(path, line)

    def line(self, path: Path, value: object = None) -> int | None:
        """Counted from 1: of what the path names, or of the smallest part around it that has one. value: the wrong one of a list."""
        for length in range(len(path), 0, -1):
            if (line := self._at.get(path[:length])) is not None:
                return self._of_value(line, value) if isinstance(value, str) else line
        return None

    def _of_value(self, line: int, value: str) -> int:
        """A list may go over several lines; it ends where something else begins."""
        others = {each for each in self._at.values() if each > line}
        for each in range(line, min(others, default=len(self._lines) + 1)):
            if f'"{value}"' in self._lines[each - 1] or f"'{value}'" in self._lines[each - 1]:
                return each
        return line

    def _found(self) -> Iterator[tuple[Path, int]]:
        table: Path = ()
        nth: dict[Path, int] = {}
        """how many tables an array has so far"""
        within_text = False
        for number, line in enumerate(self._lines, 1):
            if not within_text:
                if header := HEADER.match(line):
                    table = _table(_names(header[2]), bool(header[1]), nth)
                    yield table, number
                elif key := KEY.match(line):
                    yield (*table, *_names(key[1])), number
            within_text ^= len(LONG.findall(line)) % 2 == 1


def _names(dotted: str) -> list[str]:
    return [each.strip().strip("\"'") for each in dotted.split(".")]


def _table(names: list[str], of_array: bool, nth: dict[Path, int]) -> Path:
    path: Path = ()
    for place, name in enumerate(names):
        path = (*path, name)
        if of_array and place == len(names) - 1:
            nth[path] = nth.get(path, -1) + 1
        if path in nth:
            path = (*path, nth[path])
    return path
