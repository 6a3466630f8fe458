"""The README names every setting and command, and what it points at is there."""

import re

from bot.settings import Settings
from handlers.command import SUBCOMMANDS
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text()


def test_every_setting_is_explained() -> None:
    assert [name.upper() for name in Settings.model_fields if f"`{name.upper()}`" not in README] == []


def test_every_subcommand_is_named() -> None:
    assert [name for name in SUBCOMMANDS if f"/twilio {name}" not in README] == []


def test_links_and_pictures_exist() -> None:
    named = [each for each in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in each]
    assert named and [each for each in named if not (ROOT / each).exists()] == []
