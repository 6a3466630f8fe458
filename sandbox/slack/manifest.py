"""What the app's manifest switches on. Its lines are read as they stand: the sandbox goes without a YAML reader."""

import re
from pathlib import Path

MANIFEST = Path(__file__).parents[2] / "app-manifest.yml"


def is_on(switch: str) -> bool:
    """Of ``features.app_home``: home_tab_enabled, messages_tab_enabled, messages_tab_read_only_enabled. Off where the manifest does not name it."""
    line = re.search(rf"^\s*{switch}:\s*(\w+)", MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    return line is not None and line[1].lower() in ("true", "yes", "on")
