"""``make bench-approval``: from Approve to a number in its messaging service, and to the end of its checks. Prints a page of Markdown.

Twilio's twin takes 200 ms for each answer. Beside each figure stand as many bare calls in a row as the goal allows for, made in the
same run by the same HTTP client. The twins and the app are in this process.
"""

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.stories.stage import Stage, asks
from tests.stories.stage import stage as set_stage

RUNS = int(os.environ.get("RUNS") or 3)
LATENCY = 0.2
GOALS = {"new": 5, "known": 4}
"""Round trips from the approval to a number in a service, by whether that service has to be made."""
CHECKS = 1
"""Further round trips that the checks may take."""


@dataclass
class Measured:
    attached: float
    """seconds from the approval to a number in its service"""
    complete: float
    """seconds to the end of its checks"""
    rounds: int
    """calls to Twilio that had to wait for each other, until it was in its service"""
    with_checks: int
    """and until the end of its checks"""


async def main() -> None:
    print(f"\n## From Approve to done, Twilio taking {LATENCY * 1000:.0f} ms, medians of {RUNS} runs\n")
    print(
        "| service | in its service | bare calls in a row | times | round trips | checked, too | bare | times | round trips |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        async with set_stage(Path(name)) as stage:
            await bought(stage, {"messaging_service": "new", "messaging_service_name": "Warm"})
            await stage.twilio.post("faults", path="*", times=10**9, fault={"delay": LATENCY})
            for kind, trips in GOALS.items():
                runs = [await measured(stage, kind, nth) for nth in range(RUNS)]
                attached, complete, rounds, with_checks = (
                    statistics.median(getattr(each, of) for each in runs)
                    for of in ("attached", "complete", "rounds", "with_checks")
                )
                bare, longer = [await bare_calls(stage, each) for each in (trips, trips + CHECKS)]
                print(
                    f"| {kind} | {attached:.2f} s | {trips}: {bare:.2f} s | {attached / bare:.2f} | {rounds:.0f} "
                    f"| {complete:.2f} s | {trips + CHECKS}: {longer:.2f} s | {complete / longer:.2f} | {with_checks:.0f} |"
                )


async def measured(stage: Stage, kind: str, nth: int) -> Measured:
    named = {"messaging_service": "new", "messaging_service_name": f"Measured {nth}"}
    if kind == "known":
        named = {"messaging_service": await service_sid(stage, "Warm")}
    purchase_id = await bought(stage, named)
    lines = await stage.store.record_of(purchase_id)
    at = {each.what: each.happened_at for each in lines}
    return Measured(
        (at["attached"] - at["approved"]).total_seconds(),
        (at["complete"] - at["approved"]).total_seconds(),
        *(in_a_row(stage.twilio_twin.calls, at["approved"], at[end]) for end in ("attached", "complete")),
    )


async def bought(stage: Stage, service: dict[str, str]) -> str:
    number = await asks(stage.person("requester"), review=service)
    card = await stage.card("awaiting_approval", number)
    await stage.person("approver").clicks(card, "approve")
    card = await stage.card("complete", number)
    return str(card["metadata"]["event_payload"]["id"])


async def service_sid(stage: Stage, name: str) -> str:
    services = (await stage.twilio.get("state"))["services"]
    return str(next(each["sid"] for each in services if each["friendly_name"] == name))


def in_a_row(calls: Sequence[dict[str, Any]], began: datetime, ended: datetime) -> int:
    """The longest row of calls of which each began after the one before had its answer; looks at bundles are not the purchase's."""
    spans = sorted(
        (start, start + each["ms"] / 1000)
        for each in list(calls)
        if each["ms"] is not None and "/RegulatoryCompliance/" not in each["path"]
        for start in [datetime.fromisoformat(each["at"]).timestamp()]
        if began.timestamp() <= start <= ended.timestamp()
    )
    row, free = 0, 0.0
    for start, end in sorted(spans, key=lambda span: span[1]):
        if start >= free:
            row, free = row + 1, end
    return row


async def bare_calls(stage: Stage, count: int) -> float:
    """Seconds for so many reads in a row: the median of ``RUNS``."""
    of = stage.environment
    url = f"{of['TWILIO_BASE_URL']}/api/2010-04-01/Accounts/{of['TWILIO_ACCOUNT_SID']}/Balance.json"
    key = aiohttp.encode_basic_auth(of["TWILIO_API_KEY"], of["TWILIO_API_SECRET"])
    times = []
    async with aiohttp.ClientSession(headers={"Authorization": key}) as session:
        for _ in range(RUNS):
            began = time.perf_counter()
            for _ in itertools.repeat(None, count):
                async with session.get(url) as answer:
                    answer.raise_for_status()
                    await answer.read()
            times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    asyncio.run(main())
