"""Few simulated lives; `make simulate` takes more. They run in an environment of their own, for simloop wants Python 3.12."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-simulation/bin/python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="make .venv-simulation/ready (Python 3.12 or newer) makes the environment for simulations",
)


def simulated(*given: str) -> tuple[int, str]:
    ran = subprocess.run(
        [PYTHON, "-m", "tests.simulation", *given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ran.returncode, ran.stdout


def test_lives_find_nothing_and_a_seed_lives_the_same_way_again_whatever_runs_beside_it() -> None:
    """With deaths, lost answers and steps of the clock in it."""
    code, first = simulated("--seed", "19", "--seeds", "2", "--story", "--at-once", "2")
    assert code == 0, first
    _, again = simulated("--seed", "20", "--seeds", "1", "--story")
    story = again[again.index("seed 20:\n") : again.index("seed 20: ")]
    assert len(story.splitlines()) > 20
    assert story in first


def test_without_a_safeguard_a_life_finds_what_it_was_for() -> None:
    _, said = simulated("--ablation", "--without", "frozen", "--seed", "6", "--seeds", "20")
    assert "| seed " in said and "approved up to" in said, said


def test_the_python_that_is_looked_for_is_named_or_the_reason_why_there_is_none(tmp_path: Path) -> None:
    finder = [sys.executable, str(ROOT / "tests/simulation/python.py")]
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "pyenv")}
    asked = subprocess.run(finder, env=bare, capture_output=True, text=True)
    assert asked.returncode == 0 or "Python 3.12" in asked.stderr
    there = tmp_path / "pyenv/versions/3.12.99/bin/python3"
    there.parent.mkdir(parents=True)
    there.symlink_to(PYTHON.resolve())
    asked = subprocess.run(finder, env=bare, capture_output=True, text=True)
    assert (asked.returncode, asked.stdout.strip()) == (0, str(there))
