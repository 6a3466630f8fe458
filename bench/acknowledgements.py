"""``make bench-acknowledgements``: how soon people get an answer, beside a bare Bolt app. Prints a page of Markdown.

The app runs as it is installed, in a process of its own; so do the bare one (``bench/bare.py``) and Twilio's twin, which answers
in two seconds. Slack's part lives here, in the process that makes the load.
"""

import asyncio
import functools
import itertools
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.load import Found, under_load
from bench.processes import Process, Twilio, connected, environment
from bench.slack import REQUESTERS, Slack
from sandbox.environment import ACCOUNT_SID
from sandbox.slack.workspace import TEAM_ID
from storage.changes import LONGEST_SLEEP
from storage.models import Card, Number, new_id, now
from storage.schema import prepare
from storage.store import Store
from tests import rows

RATES = [float(each) for each in (os.environ.get("RATE") or "50 200").split()]
SECONDS = float(os.environ.get("SECONDS") or 5)
RUNS = int(os.environ.get("RUNS") or 3)
TRANSPORTS = (os.environ.get("TRANSPORT") or "HTTP Socket").split()
TWILIO_TAKES = 2.0
COMMAND = "buy-number US"
KINDS = ("command", "click", "submission")
"""In this order: a submission leaves a search at Twilio behind, which goes on while the next is measured."""
POLICY = """
[ask]
channels = ["C0NUMBERS"]
[approve]
groups = ["S0APPROVERS"]
approvals = 2
"""
"""Two have to approve, so a click is a durable write that starts no purchase."""
TYPED: dict[str, dict[str, Any]] = {
    "purpose": {"type": "plain_text_input", "value": "Appointment reminders for the Leeds office"},
    "capabilities": {"type": "checkboxes", "selected_options": [{"value": "sms"}]},
}

Delivery = Callable[[], Awaitable[Any]]
Key = tuple[str, str, float]
"""Transport, kind, rate."""


async def made(database: Path, count: int) -> list[str]:
    """Purchases that wait for two approvals; their ids."""
    store = Store(f"sqlite:///{database}")
    await prepare(store)
    ids = [new_id() for _ in range(count)]
    async with store.writing() as session:
        for nth, each in enumerate(ids):
            number = f"+44206{nth:07}"
            of = {"workspace_id": TEAM_ID, "account_sid": ACCOUNT_SID, "wake_at": now() + LONGEST_SLEEP}
            purchase = rows.purchase(
                id=each, phone_number=number, requester_id=REQUESTERS[nth % len(REQUESTERS)], **of
            )
            await rows.add(session, purchase)
            session.add(Number(account_sid=ACCOUNT_SID, phone_number=number, purchase_id=each, held_at=now()))
            session.add(
                Card(
                    purchase_id=each,
                    workspace_id=TEAM_ID,
                    channel_id="C0APPROVALS",
                    ts=f"1.{nth}",
                    permalink="https://example.com",
                    drawn_version=purchase.version,
                )
            )
    await store.close()
    return ids


class Bench:
    def __init__(self, slack: Slack, twilio: Twilio, folder: Path) -> None:
        self.found: dict[tuple[str, Key], list[Found]] = defaultdict(list)
        """By who was measured, ``app`` or ``bare``."""
        self._slack, self._twilio, self._folder = slack, twilio, folder
        self._form = folder / "form.json"

    async def run(self, nth: int, transport: str) -> None:
        name = f"{transport}-{nth}"
        policy = self._folder / "policy.toml"
        policy.write_text(POLICY)
        database = self._folder / f"{name}.db"
        purchases = await made(database, sum(map(self._count, RATES)))
        of = functools.partial(environment, self._slack, self._twilio.url, http=transport == "HTTP")
        await self._twilio.answers_in(0)
        await self._measure("app", transport, of(database, POLICY_FILE=str(policy)), purchases, "-m", "bot")
        self._form.write_text(json.dumps(self._slack.opened[0][1]))
        bare = of(self._folder / f"{name}-bare.db", VIEW=str(self._form))
        await self._measure("bare", transport, bare, purchases, "-m", "bench.bare")

    @staticmethod
    def _count(rate: float) -> int:
        return round(rate * SECONDS)

    async def _measure(
        self, who: str, transport: str, settings: dict[str, str], purchases: list[str], *command: str
    ) -> None:
        process = await Process.start(self._folder / f"{who}.log", settings, *command)
        try:
            await connected(process, self._slack)
            for nth in range(len(REQUESTERS)):  # each person is known from now on
                await self._slack.deliver(*self._slack.command(nth, COMMAND))
            await self._twilio.answers_in(TWILIO_TAKES)
            self._slack.opened.clear()
            for kind in KINDS:
                acts = self._acts(kind, purchases)
                for rate in RATES:
                    await process.quiet()
                    due = [next(acts) for _ in range(self._count(rate))]
                    found = await under_load(process, rate, due)
                    self.found[who, (transport, kind, rate)].append(found)
                    print(who, transport, kind, rate, found, file=sys.stderr, flush=True)
        finally:
            await process.end()

    def _acts(self, kind: str, purchases: list[str]) -> Iterator[Delivery]:
        """What people do, one after the other: what is submitted are the forms that the commands have opened."""
        slack = self._slack
        if kind == "command":
            made = (slack.command(nth, COMMAND) for nth in itertools.count())
        elif kind == "click":
            made = (slack.click(f"1.{nth}", "approve", f"{each}:1") for nth, each in enumerate(purchases))
        else:
            made = (slack.submission(person, view, TYPED) for person, view in slack.opened)
        return (functools.partial(slack.deliver, *each) for each in made)


def report(bench: Bench) -> None:
    print(f"\n## Acknowledgements, Twilio answering in {TWILIO_TAKES:.0f} s, beside a bare Bolt app\n")
    print(
        f"Medians of {RUNS} runs of {SECONDS:.0f} s. Milliseconds from when each was due until its acknowledgement; "
        "work: of a core, for each; late: after Slack's three seconds, or never.\n"
    )
    print("| | a second | p50 | bare | p99 | bare | times | longest | bare | work | bare | late | bare |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for key in sorted({key for _, key in bench.found}):
        transport, kind, rate = key
        app, bare = (Found.median(bench.found[who, key]) for who in ("app", "bare"))
        beside = (("p50", 0), ("p99", 0), ("longest", 0), ("work", 1), ("late", 0))
        cells = [f"{getattr(each, name):.{digits}f}" for name, digits in beside for each in (app, bare)]
        cells.insert(4, f"{app.p99 / bare.p99:.1f}")
        print(f"| {transport}, {kind} | {rate:.0f} | {' | '.join(cells)} |")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        slack = Slack()
        await slack.start()
        twilio = await Twilio.start(Path(folder))
        try:
            bench = Bench(slack, twilio, Path(folder))
            for nth in range(RUNS):
                for transport in TRANSPORTS:
                    await bench.run(nth, transport)
            report(bench)
        finally:
            await twilio.end()
            await slack.stop()


if __name__ == "__main__":
    asyncio.run(main())
