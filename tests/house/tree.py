"""The files that belong to the project, for the tests of its rules."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> list[Path]:
    """What is committed or would be, in git's order."""
    listed = subprocess.run(
        # a checkout that belongs to another user will do too
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    return [each for each in files() if each.suffix == ".py" and each.relative_to(ROOT).parts[0] in folders]


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))
