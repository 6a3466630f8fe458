"""``make simulate SEEDS=50 SEED=1``: so many lives, each by its seed. Prints the story of each that found something."""

import os
import sys

if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is chance too
    os.execve(
        sys.executable,
        [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
        os.environ | {"PYTHONHASHSEED": "0"},
    )

from tests.simulation import machine

machine.bind_time()

from tests.simulation.command import main  # noqa: E402  (only now: it imports the app)

if __name__ == "__main__":
    sys.exit(main())
