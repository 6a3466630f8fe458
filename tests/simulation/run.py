"""One seed, in a process of its own that is forked from one which has imported everything: what it did, and what it found."""

import gc
import json
import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.life import Life
from tests.simulation.machine import Loop, simulated
from tests.simulation.world import World
from tests.walks import audit, judge

MEMORY = Path("/dev/shm")
"""For the database, where there is such a place: no disk has to be waited for."""


@dataclass
class Run:
    seed: int
    story: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    outcome: str = ""
    seconds: float = 0.0
    """By the simulated clock."""
    log: str = ""


def live(seed: int, change: Callable[[], Any] | None = None) -> Run:
    """Never to be called in a process that goes on: time and chance are not what they were afterwards. change: what is made of the app first."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        simulated(seed) as loop,
    ):
        if change is not None:
            change()
        return loop.run_until_complete(_live(loop, Path(folder), seed))


async def _live(loop: Loop, folder: Path, seed: int) -> Run:
    policy = folder / "policy.toml"
    policy.write_text(audit.policy(audit.POLICIES[0]))
    life = Life(seed)
    world = World(loop, folder, life.tell, POLICY_FILE=str(policy), **audit.SETTINGS)
    outcome = ""
    try:
        await life.live(world)
        evidence = await life.evidence()
        life.judge(evidence)
        outcome = judge.outcome(evidence)
    except Exception as error:
        life.find(f"the run broke off: {type(error).__name__}: {error}")
        life.tell(traceback.format_exc())
    return Run(seed, life.story, life.found, outcome, loop.time(), world.log)


def forked(seed: int, change: Callable[[], Any] | None = None) -> tuple[int, int]:
    """The process, and where it writes its Run as JSON."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return pid, reads
    os.close(reads)
    try:
        gc.disable()  # when it would run depends on more than the seed
        said = json.dumps(live(seed, change).__dict__)
    except BaseException:
        said = json.dumps(Run(seed, found=[f"the run broke off: {traceback.format_exc()}"]).__dict__)
    with os.fdopen(writes, "w") as pipe:
        pipe.write(said)
    os._exit(0)  # nothing is tidied up: it would be the killed processes that do


def warm() -> None:
    """One life in this process, so that what is imported and read for it need not be again by those that are forked from it."""
    live(0)
    gc.collect()
    gc.freeze()
