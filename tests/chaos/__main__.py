"""``make chaos SEED=1``: real processes, killed and frozen while they buy; then every purchase is judged by Twilio's ledger. Prints a table."""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.chaos.world import Processes, processes
from tests.walks import audit, checks, judge
from tests.walks.audit import POLICIES, Audit
from tests.walks.checks import Json

BUYING: Json = {"method": "POST", "path": "*/IncomingPhoneNumbers.json"}
FAULTS: tuple[Json, ...] = (
    {**BUYING, "times": 2, "fault": "cut_after"},
    {**BUYING, "times": 2, "fault": "cut_before"},
    {**BUYING, "times": 2, "fault": {"status": 500, "processed": True}},
    {**BUYING, "times": 1, "fault": {"status": 400, "code": 21422}},
    {"method": "*", "path": "*", "times": 5, "fault": {"status": 503}},
    {"method": "*", "path": "*", "times": 3, "fault": {"status": 429, "retry_after": 2}},
    {"method": "GET", "path": "*/Balance.json", "times": 3, "fault": {"delay": 5}},
    {"method": "POST", "path": "*/v1/Services", "times": 1, "fault": "cut_after"},
)
BY_THE_CLOCK = "on record at"
"""Of a finding about a price that was not read shortly before the intent: here the clock jumps in between."""
AT_REST_WITHIN = 60
"""Rounds of deciding and two and a half minutes at the end."""


class Chaos(Audit):
    world: Processes

    async def take(self, requests: int) -> judge.Evidence:
        """Nothing of what is judged changes but numbers and prices: who may decide is the audit's matter."""
        await self.look_around()
        striking = asyncio.create_task(self.strike())
        deciding = asyncio.create_task(self.decide_all())
        keeping = asyncio.create_task(self.world.keep_running())
        while self.sent < requests:
            self.dice = random.Random(f"{self.seed}/{self.began}")
            await self.attempt(self.asks, 6)
            await self.read_calls()
        for each in (striking, deciding):
            each.cancel()
        await asyncio.gather(striking, deciding, return_exceptions=True)
        await self.finish()
        keeping.cancel()
        return judge.Evidence(
            await self.world.record(),
            await self.world.twilio.get("state"),
            list(self.calls.values()),
            self.market,
            self.done,
        )

    async def decide_all(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self.attempt(self.approve_some)

    async def approve_some(self) -> None:
        presses = []
        for card in (await self.cards("awaiting_approval"))[:10]:
            presses += [self.press(each, card, "approve") for each in ("U0APPROVER", "U0APPROVER2")]
        await self._at_once(presses)

    # what is done to them

    async def strike(self) -> None:
        dice = random.Random(f"{self.seed}/strikes")
        kinds: dict[Callable[[random.Random], Awaitable[None]], int] = {
            self.kill_one: 3,
            self.freeze_worker: 3,
            self.twilio_fails: 4,
            self.slack_fails: 2,
            self.hours_pass: 2,
        }
        if self.world.postgres is not None:
            kinds |= {self.freeze_at_an_intent: 5, self.restart_postgres: 1}
        while True:
            await asyncio.sleep(dice.uniform(1, 4))
            with contextlib.suppress(audit.Refused):
                await dice.choices(list(kinds), list(kinds.values()))[0](dice)

    async def kill_one(self, dice: random.Random) -> None:
        one = await self.world.worker() if dice.random() < 0.6 else dice.choice(self.world.processes)
        self.strikes("killed", f"SIGKILL for {self.world.processes.index(one)}")
        self.world.signal(one, signal.SIGKILL)

    async def freeze_worker(self, dice: random.Random) -> None:
        await self.freeze(await self.world.worker(), dice.uniform(2, 12))

    async def freeze_at_an_intent(self, dice: random.Random) -> None:
        """Between the intent and the paid call. Meanwhile another one becomes the worker, and its looks are over when this one wakes."""
        give_up_at = time.monotonic() + 5
        while not await self.world.an_intent_is_open():
            if time.monotonic() > give_up_at:
                return
            await asyncio.sleep(0.01)
        await self.freeze(await self.world.worker(), 13, at_an_intent=True)

    async def freeze(self, process: Any, seconds: float, *, at_an_intent: bool = False) -> None:
        self.world.signal(process, signal.SIGSTOP)
        self.strikes("frozen", f"{self.world.processes.index(process)} is frozen for {seconds:.0f} s")
        try:
            if at_an_intent:
                await asyncio.sleep(10)
                await self.forward(150)
                await asyncio.sleep(seconds - 10)
            else:
                await asyncio.sleep(seconds)
        finally:
            self.world.signal(process, signal.SIGCONT)

    async def restart_postgres(self, dice: random.Random) -> None:
        postgres = self.world.postgres
        assert postgres is not None
        self.strikes("restarted", "PostgreSQL is restarted")
        postgres.stop(dice.choice([signal.SIGINT, signal.SIGQUIT]))
        try:
            await asyncio.sleep(dice.uniform(0, 2))
        finally:
            postgres.start()

    async def twilio_fails(self, dice: random.Random) -> None:
        fault = dice.choice(FAULTS)
        self.strikes("faults", f"Twilio fails: {json.dumps(fault)}")
        await self.world.twilio.post("faults", **fault)

    async def slack_fails(self, dice: random.Random) -> None:
        fault = dice.choice(["cut_after", "cut_before", {"status": 500}, {"delay": 4}])
        self.strikes("faults", f"Slack fails: {fault}")
        await self.world.slack.post("faults", method="chat.*", times=3, fault=fault)

    async def hours_pass(self, dice: random.Random) -> None:
        await self.forward(dice.choice([30, 150]))

    async def forward(self, seconds: int) -> None:
        clock = await self.world.twilio.post("clock", forward=seconds)
        self.ahead = timedelta(seconds=clock["ahead"])

    def strikes(self, kind: str, what: str) -> None:
        self.world.struck[kind] += 1
        self.tell(f"-- {what}")

    # the end

    async def finish(self) -> None:
        self.tell("the end:")
        for each in self.world.processes:
            self.world.signal(each, signal.SIGCONT)
        await self.world.slack.delete("faults")
        await self.world.twilio.delete("faults")
        await self.world.twilio.post("account", balance="50000.00")
        for n in range(AT_REST_WITHIN):
            self.dice = random.Random(f"{self.seed}/end/{n}")
            await self.attempt(self.approve_some)
            await self.attempt(self.lead_on)
            await self.forward(150)
            await asyncio.sleep(1.5)
            await self.read_calls()
            if not await self.cards("awaiting_approval", "in_progress", "needs_changes"):
                break
        await asyncio.sleep(3)
        await self.learn_services()

    async def wrong_at_quiet(self) -> list[str]:
        """Of each purchase the card that was drawn last: an answer that was lost may have posted it twice."""
        newest: dict[str, Json] = {}
        for each in await self.world.slack.get("messages", channel="C0APPROVALS"):
            if (each.get("metadata") or {}).get("event_type") == "purchase":
                where = checks.payload(each)
                if (
                    where["id"] not in newest
                    or checks.payload(newest[where["id"]])["version"] <= where["version"]
                ):
                    newest[where["id"]] = each
        cards, state = list(newest.values()), await self.world.twilio.get("state")
        stuck = [
            each for each in cards if checks.payload(each)["state"] in ("awaiting_approval", "in_progress")
        ]
        return [
            *(f"stuck: “{checks.first_line(each)}”" for each in stuck if not waits_for_a_bundle(each)),
            *checks.untrue_first_lines(cards, state, "en"),
            *checks.dead_ends([each for each in cards if each not in stuck], state),
        ]


def waits_for_a_bundle(card: Json) -> bool:
    return "bundle" in checks.first_line(card)


def row(seed: int, world: Processes, evidence: judge.Evidence, found: list[str], seconds: float) -> str:
    ledger = Counter(each["phone_number"] for each in evidence.twilio["ledger"])
    lost = sum(
        each["status"] is None or each["status"] >= 500
        for each in evidence.calls
        if each["method"] == "POST" and each["path"].endswith(judge.NUMBERS)
    )
    asked = sum(each["what"] == "submitted" for each in evidence.record)
    database = "PostgreSQL" if world.postgres else "SQLite"
    counts = (world.struck[each] for each in ("killed", "frozen", "restarted", "faults"))
    cells = (
        seed,
        f"{world.how_many} on {database}",
        asked,
        len(ledger),
        *counts,
        lost,
        sum(n - 1 for n in ledger.values()),
        len(found),
    )
    return "| " + " | ".join(map(str, cells)) + f" | {seconds / 60:.1f} |"


HEAD = (
    "| seed | processes | requests | bought | killed | frozen | database restarted | faults | paid calls without an answer | "
    "bought twice | findings | minutes |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


async def run(
    purchases: int, seed: int, how_many: int, *, on_postgres: bool, without_epoch: bool, tell: bool
) -> bool:
    """Whether something was found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.toml"
        file.write_text(audit.policy(POLICIES[0]))
        more = {"POLICY_FILE": str(file), **audit.SETTINGS}
        async with processes(
            Path(folder), seed, how_many, on_postgres=on_postgres, without_epoch=without_epoch, **more
        ) as world:
            chaos = Chaos(world, seed, tell)
            evidence = await chaos.take(purchases)
            said = [each for each in judge.findings(evidence) if BY_THE_CLOCK not in each]
            found = [*said, *await chaos.wrong_at_quiet()]
            print(row(seed, world, evidence, found, time.monotonic() - began), flush=True)
            for each in found:
                print(f"    !! {each}", file=sys.stderr, flush=True)
            if found and not tell:
                print("\n".join(f"    {each}" for each in chaos.story), file=sys.stderr, flush=True)
                print(world.log[-4000:], file=sys.stderr, flush=True)
    return bool(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--purchases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["postgres", "sqlite"])
    parser.add_argument(
        "--without-epoch", action="store_true", help="two workers are not kept apart: it has to be noticed"
    )
    parser.add_argument("--story", action="store_true", help="tell all that is done")
    given = parser.parse_args()
    print(HEAD, flush=True)
    found = False
    for on_postgres, how_many in ((True, 3), (False, 1)):
        if given.only in (None, "postgres" if on_postgres else "sqlite"):
            found |= asyncio.run(
                run(
                    given.purchases,
                    given.seed,
                    how_many,
                    on_postgres=on_postgres,
                    without_epoch=given.without_epoch,
                    tell=given.story,
                )
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
