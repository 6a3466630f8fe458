"""``make bench-start``: how soon after its start the app answers, and how much memory it has then and after a load.

``python -m bench.start imports`` says what the start spends on imports instead.
"""

import asyncio
import functools
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.load import under_load
from bench.processes import PATIENCE, ROOT, Process, Twilio, connected, environment
from bench.slack import Slack

RUNS = int(os.environ.get("RUNS") or 3)
COMMAND = "buy-number US"
RATE, COUNT = 50, 500
"""Of the load after which memory is looked at once more."""
HEAVIEST = 25
LINE = re.compile(r"import time: +\d+ \| +(\d+) \|( +)(\S+)")


async def started(slack: Slack, settings: dict[str, str], log: Path) -> tuple[Process, float, float]:
    """The app, the seconds until it has acknowledged its first command, and those of a core that it worked for that."""
    began = time.perf_counter()
    process = await Process.start(log, settings, "-m", "bot")
    await connected(process, slack)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await slack.deliver(*slack.command(0, COMMAND))
                return process, time.perf_counter() - began, process.cpu_seconds()
            except (TimeoutError, aiohttp.ClientError):
                process.check()


async def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, slack = Path(name), Slack()
        await slack.start()
        twilio = await Twilio.start(folder)
        try:
            for transport in ("HTTP", "Socket"):
                rows.append(await measured(transport, slack, twilio, folder))
        finally:
            await twilio.end()
            await slack.stop()
    print(f"\n## Start and memory, medians of {RUNS} runs\n")
    print("| | first start | later starts | of it a core | memory | after a load |")
    print("|---|---|---|---|---|---|")
    for transport, first, later, work, memory, loaded in rows:
        print(
            f"| {transport} | {first:.1f} s | {later:.1f} s | {work:.1f} s | {memory:.0f} MB | {loaded:.0f} MB |"
        )
    wall, core = imported()
    print(f"\nImporting alone takes {wall:.1f} s, of it {core:.1f} s of a core.")


async def measured(
    transport: str, slack: Slack, twilio: Twilio, folder: Path
) -> tuple[str, float, float, float, float, float]:
    """The first start, on an empty database, reads Twilio's countries before it lets people in."""
    found = []
    for nth in range(RUNS):
        database = folder / f"{transport}-{nth}.db"
        of = functools.partial(
            environment, slack, twilio.url, database, http=transport == "HTTP", LOG_LEVEL="WARNING"
        )
        process, first, _ = await started(slack, of(), folder / "app.log")
        await process.quiet()
        await process.end()
        process, later, work = await started(slack, of(), folder / "app.log")
        await process.quiet()
        memory = process.resident()
        acts = [functools.partial(slack.deliver, *slack.command(n, COMMAND)) for n in range(COUNT)]
        await under_load(process, RATE, acts)
        await process.quiet()
        found.append((first, later, work, memory, process.resident()))
        await process.end()
    first, later, work, memory, loaded = (statistics.median(each) for each in zip(*found, strict=True))
    return transport, first, later, work, memory, loaded


def imported() -> tuple[float, float]:
    """Seconds of a process that does nothing but import the app: by the clock, and of a core."""
    times = []
    for _ in range(RUNS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", "import bot.app"], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        core = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append((time.perf_counter() - began, core))
    wall, core = (statistics.median(each) for each in zip(*times, strict=True))
    return wall, core


def imports() -> None:
    """The heaviest, with all that each brings along for the first time."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import bot.app"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    found = sorted(
        ((int(micros), len(indent), name) for micros, indent, name in LINE.findall(said)), reverse=True
    )
    for micros, indent, name in found[:HEAVIEST]:
        print(f"{micros / 1000:7.0f} ms  {' ' * indent}{name}")


if __name__ == "__main__":
    imports() if sys.argv[1:] == ["imports"] else asyncio.run(main())
