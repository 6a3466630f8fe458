"""The map is the territory: docs/architecture.md names every file, and nothing that is not there."""

import re

from tests.house.tree import ROOT, python_files

PAGE = (ROOT / "docs/architecture.md").read_text()
NAMED = set(re.findall(r"`((?:bot|handlers|storage|sandbox|tests|docs)/[\w/.]+)`", PAGE))


def test_every_file_has_its_line_on_the_map() -> None:
    files = {
        str(file.relative_to(ROOT))
        for file in python_files("bot", "handlers", "storage")
        if file.name != "__init__.py" and "versions" not in file.parts
    }
    assert files - NAMED == set()


def test_whatever_the_map_names_is_there() -> None:
    assert {name for name in NAMED if not (ROOT / name).exists()} == set()
