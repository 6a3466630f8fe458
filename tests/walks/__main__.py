"""``make walk SEEDS=200 SEED=1``: so many walks, one after the other. Prints the story of each that found something."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.walks.walk import Walk
from tests.walks.world import world


async def walked(seed: int, steps: int, hours: int = 3) -> Walk:
    """Every fifth with Slack's limits, every seventh with channels in Japanese."""
    with tempfile.TemporaryDirectory() as folder:
        async with world(
            Path(folder), seed, limits=seed % 5 == 0, language="ja" if seed % 7 == 0 else "en"
        ) as made:
            walk = Walk(made, seed)
            try:
                await walk.take(steps, hours)
            except Exception as error:
                walk.find(f"the walk broke off: {type(error).__name__}: {error}")
            if walk.findings:
                walk.tell("the app's log:\n" + made.log[-6000:])
            return walk


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.walks")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument(
        "--story", action="store_true", help="tell every walk, not only those that found something"
    )
    parser.add_argument(
        "--at-once", type=int, default=2, help="walks at the same time: they wait more than they work"
    )
    given = parser.parse_args()
    room = asyncio.Semaphore(given.at_once)

    async def told(seed: int) -> bool:
        async with room:
            began = time.monotonic()
            walk = await walked(seed, given.steps)
            said = f"{len(walk.findings)} findings" if walk.findings else f"nothing found; {walk.outcome}"
            print(f"seed {seed}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
            if walk.findings or given.story:
                print("\n".join(f"    {line}" for line in walk.story), flush=True)
            return bool(walk.findings)

    wrong = sum(await asyncio.gather(*map(told, range(given.seed, given.seed + given.seeds))))
    print(f"{given.seeds} walks, {wrong} with findings", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
