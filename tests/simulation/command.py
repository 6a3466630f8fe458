"""The command line of ``python -m tests.simulation``."""

import argparse
import json
import os
import selectors
from collections.abc import Callable, Generator, Iterable
from typing import Any

from tests.simulation.machine import real_monotonic
from tests.simulation.run import Run, forked, warm
from tests.simulation.safeguards import SAFEGUARDS, Safeguard

TOLD_OF_THE_LOG = 60


def runs(seeds: Iterable[int], at_once: int, change: Callable[[], Any] | None = None) -> Generator[Run]:
    """As they end."""
    waiting = iter(seeds)
    under_way: dict[int, tuple[int, list[bytes]]] = {}
    with selectors.DefaultSelector() as ready:

        def begin() -> None:
            seed = next(waiting, None)
            if seed is not None:
                pid, reads = forked(seed, change)
                under_way[reads] = pid, []
                ready.register(reads, selectors.EVENT_READ)

        for _ in range(at_once):
            begin()
        try:
            while under_way:
                for key, _ in ready.select():
                    pid, said = under_way[key.fd]
                    if part := os.read(key.fd, 1 << 20):
                        said.append(part)
                        continue
                    ready.unregister(key.fd)
                    os.close(key.fd)
                    os.waitpid(pid, 0)
                    del under_way[key.fd]
                    begin()
                    yield Run(**json.loads(b"".join(said)))
        finally:
            for pid, _ in under_way.values():
                os.kill(pid, 9)
                os.waitpid(pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument(
        "--story", action="store_true", help="tell every life, not only those that found something"
    )
    parser.add_argument(
        "--ablation", action="store_true", help="without each safeguard in turn, until a life notices"
    )
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="only these safeguards")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    warm()
    seeds = range(given.seed, given.seed + given.seeds)
    if given.ablation:
        chosen = [each for each in SAFEGUARDS if not given.without or each.name in given.without]
        return ablated(chosen, seeds, given.at_once, given.story)
    return simulated(seeds, given.at_once, given.story)


def simulated(seeds: range, at_once: int, tell: bool) -> int:
    began, wrong = real_monotonic(), []
    for run in runs(seeds, at_once):
        if run.found:
            wrong.append(run.seed)
        if run.found or tell:
            told(run)
        said = f"{len(run.found)} findings" if run.found else "nothing found"
        print(f"seed {run.seed}: {said}; {run.outcome}", flush=True)
    took = real_monotonic() - began
    print(f"{len(seeds)} lives in {took:.0f} s, with findings: {sorted(wrong) or 'none'}", flush=True)
    return 1 if wrong else 0


def told(run: Run) -> None:
    print(f"seed {run.seed}:", *run.story, sep="\n    ", flush=True)
    if run.log:
        print("  the app's log:", *run.log.splitlines()[-TOLD_OF_THE_LOG:], sep="\n    ", flush=True)


def ablated(safeguards: Iterable[Safeguard], seeds: range, at_once: int, tell: bool) -> int:
    """One line for each: the first life that notices, and what it says first."""
    missed = []
    print("| safeguard | rule | without it | noticed by | which says |\n|---|---|---|---|---|", flush=True)
    for each in safeguards:
        lives = runs(seeds, at_once, each.remove)
        noticed = next((run for run in lives if run.found), None)
        lives.close()
        if noticed is None:
            missed.append(each.name)
            by, says = f"none of {len(seeds)}", "**needless or untested**"
        else:
            by, says = f"seed {noticed.seed}", noticed.found[0]
        print(f"| {each.what} (`{each.name}`) | {each.rule} | {each.without} | {by} | {says} |", flush=True)
        if noticed is not None and tell:
            told(noticed)
    print(f"not noticed: {', '.join(missed) or 'none'}", flush=True)
    return 1 if missed else 0
