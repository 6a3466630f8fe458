"""Prints a Python that simloop runs on (3.12 or newer), looked for as uv does it: in PATH, among pyenv's, among uv's own. Runs on any Python 3."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

VERSIONS = ("3.12", "3.13", "3.14")
NONE = "There is no Python 3.12 or newer in PATH, among pyenv's or uv's: without one nothing is simulated."


def found():
    """The first that runs, as a path; None: there is none."""
    homes = (
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python"),
    )
    candidates = [which("python" + version) for version in VERSIONS]
    for version in VERSIONS:
        for home in homes:
            candidates += sorted(home.glob("*" + version + "*/bin/python3"), reverse=True)
    candidates += [
        Path(folder) / ("python" + v) for folder in ("/usr/local/bin", "/opt/bin") for v in VERSIONS
    ]
    for each in [*candidates, which("python3")]:
        if each and Path(each).exists() and _is_new(str(each)):
            return str(each)
    return None


def _is_new(python):
    """A shim may name a version that is not there."""
    asked = "import ensurepip, sys; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    python = found()
    print(python or NONE, file=sys.stdout if python else sys.stderr)
    sys.exit(python is None)
