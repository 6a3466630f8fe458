"""Every rule that is cited stands in docs/rules.md, so that its reason can be read in the repository alone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = [
    path
    for folder in ("bot", "handlers", "storage", "sandbox", "tests")
    for path in (ROOT / folder).rglob("*.py")
]


def test_every_cited_rule_exists() -> None:
    there = {int(no) for no in re.findall(r"^(\d+)\. ", (ROOT / "docs/rules.md").read_text(), re.M)}
    cited = {
        (int(no), str(path.relative_to(ROOT)))
        for path in CODE
        for group in re.findall(r"\b[Rr]ules? (\d+(?:(?:, | and | to )\d+)*)", path.read_text())
        for no in re.findall(r"\d+", group)
    }
    assert cited and {(no, path) for no, path in cited if no not in there} == set()


def test_no_file_cites_a_page_outside_the_repository() -> None:
    outside = re.compile(r"\b(RULES|STYLE|PRODUCT|SANDBOX|STACK|CONTRACT)\.md\b")
    found = [str(p.relative_to(ROOT)) for p in CODE if p != Path(__file__) and outside.search(p.read_text())]
    assert found == []


def test_every_cited_section_of_the_twins_exists() -> None:
    page = (ROOT / "docs/twins.md").read_text()
    there = set(re.findall(r"^## (\d+)\.", page, re.M)) | set(re.findall(r"^- \*\*(\d+\.\d+)", page, re.M))
    cited = {
        (section, str(path.relative_to(ROOT)))
        for path in CODE
        for section in re.findall(r"\btwins (\d+(?:\.\d+)?)", path.read_text())
    }
    assert cited and {(section, path) for section, path in cited if section not in there} == set()
