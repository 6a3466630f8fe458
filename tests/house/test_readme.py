"""Each README names every setting and command, and what it points at is there; the Japanese one follows the English one."""

import re

import pytest

from bot.settings import Settings
from handlers.command import SUBCOMMANDS
from tests.house.tree import ROOT

READMES = {name: (ROOT / name).read_text() for name in ("README.md", "README.ja.md")}
in_each = pytest.mark.parametrize("readme", READMES.values(), ids=READMES)


@in_each
def test_every_setting_is_explained(readme: str) -> None:
    assert [name.upper() for name in Settings.model_fields if f"`{name.upper()}`" not in readme] == []


@in_each
def test_every_subcommand_is_named(readme: str) -> None:
    assert [name for name in SUBCOMMANDS if f"/twilio {name}" not in readme] == []


def test_they_have_the_same_headings_and_the_same_settings() -> None:
    english, japanese = (
        (len(re.findall(r"^## ", each, re.MULTILINE)), sorted(set(re.findall(r"`([A-Z][A-Z_]{3,})`", each))))
        for each in READMES.values()
    )
    assert english[0] == japanese[0]
    assert set(japanese[1]) <= set(english[1])


@in_each
def test_links_and_pictures_exist(readme: str) -> None:
    named = [each for each in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in each]
    assert named and [each for each in named if not (ROOT / each).exists()] == []
