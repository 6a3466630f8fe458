"""What the app's manifest says. Its lines are read as they stand: the sandbox goes without a YAML reader."""

import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).parents[2] / "app-manifest.yml"


def is_on(switch: str) -> bool:
    """Of ``features.app_home``: home_tab_enabled, messages_tab_enabled, messages_tab_read_only_enabled. Off where the manifest does not name it."""
    line = re.search(rf"^\s*{switch}:\s*(\w+)", MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    return line is not None and line[1].lower() in ("true", "yes", "on")


@dataclass(frozen=True)
class SlashCommand:
    name: str
    description: str
    usage_hint: str

    @property
    def subcommands(self) -> list[str]:
        """The first words of a hint such as ``[one [more] | two | ...]``."""
        choices = self.usage_hint.split("|")
        words = [re.search(r"[\w-]+", each) for each in choices if len(choices) > 1]
        return [each[0] for each in words if each]


def slash_commands() -> tuple[SlashCommand, ...]:
    listed = re.search(
        r"^  slash_commands:\n((?: {4,}.*\n)*)", MANIFEST.read_text(encoding="utf-8"), re.MULTILINE
    )
    found = []
    for each in re.split(r"^ +- ", listed[1] if listed else "", flags=re.MULTILINE)[1:]:
        fields = {
            key: value.strip("\"'") for key, value in re.findall(r"^ *(\w+): (.*)$", each, re.MULTILINE)
        }
        found.append(
            SlashCommand(fields["command"], fields.get("description", ""), fields.get("usage_hint", ""))
        )
    return tuple(found)
