"""``make bench-under-way``: what purchases cost that wait, for weeks if need be. Prints a page of Markdown.

A thousand purchases, half of them waiting for a bundle under review each and half for an approval; ``SCALE=10`` for ten times that.
Twilio's twin and Slack's part live here, the app in a process of its own.
"""

import asyncio
import itertools
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlmodel import col, select, update

from bench.acknowledgements import POLICY
from bench.processes import Process, connected, environment
from bench.slack import REQUESTERS, Slack
from bot.bundles.announcements import why_waiting
from sandbox.environment import ACCOUNT_SID
from sandbox.slack.workspace import TEAM_ID
from sandbox.twilio.state import Bundle as TwilioBundle
from sandbox.twilio.twin import TwilioTwin
from storage.bundle_states import BundleState
from storage.changes import LONGEST_SLEEP
from storage.models import Card, Number, Purchase, State, now
from storage.schema import prepare
from storage.store import Store
from tests import rows
from tests.stories.stage import until

PURCHASES, BUNDLES = 1000, 500
MINUTE = float(os.environ.get("SECONDS") or 60)
"""Seconds for which the app is watched, in which each purchase is looked at as often as in a minute."""
ROUND_WITHIN = 600.0
REJECTED = 100
"""Bundles that Twilio's reviewers refuse in one moment, so that there is much to tell."""


@dataclass
class Watched:
    slack: Slack
    twilio: TwilioTwin
    process: Process
    store: Store
    waits: list[float] = field(default_factory=list)
    """Seconds that each command of the round waited for its acknowledgement."""

    def calls(self) -> tuple[int, int]:
        """To Slack and to Twilio, so far."""
        return self.slack.calls, self.twilio.calls[-1]["number"] if self.twilio.calls else 0

    async def a_minute(self) -> tuple[float, float, float]:
        """Calls a minute to Slack and to Twilio, and the share of a core."""
        before, worked = self.calls(), self.process.cpu_seconds()
        await asyncio.sleep(MINUTE)
        to_slack, to_twilio = (
            (after - first) * 60 / MINUTE for after, first in zip(self.calls(), before, strict=True)
        )
        return to_slack, to_twilio, (self.process.cpu_seconds() - worked) / MINUTE

    async def a_round(self) -> tuple[float, float, int, int, float]:
        """Seconds until the worker has looked at each purchase, all of them due at once, and those of a core; the calls that this took; and the seconds
        after which one of a hundred commands is acknowledged meanwhile, or the slowest where they are fewer."""
        before, worked, began = self.calls(), self.process.cpu_seconds(), time.monotonic()
        async with self.store.writing() as session:
            await session.exec(
                update(Purchase).where(col(Purchase.wake_at).is_not(None)).values(wake_at=now())
            )
        pressing = asyncio.create_task(self._pressing())  # whose commits wake the worker, too
        await until(self._is_done, "each is looked at", within=ROUND_WITHIN)
        took = time.monotonic() - began
        core = self.process.cpu_seconds() - worked
        pressing.cancel()
        to_slack, to_twilio = (after - first for after, first in zip(self.calls(), before, strict=True))
        waits = sorted(self.waits)
        return took, core, to_slack, to_twilio, waits[len(waits) * 99 // 100]

    async def _pressing(self) -> None:
        for nth in itertools.count():
            began = time.monotonic()
            await self.slack.deliver(*self.slack.command(nth, "buy-number"))
            self.waits.append(time.monotonic() - began)
            await asyncio.sleep(0.2)

    async def _is_done(self) -> bool:
        async with self.store.reading() as session:
            due = select(Purchase.id).where(col(Purchase.wake_at) <= now()).limit(1)
            return (await session.exec(due)).first() is None

    async def busiest(self) -> float:
        """Messages a second in the busiest channel, in the minute that begins with the first."""
        self.slack.posted.clear()
        await until(lambda: self.slack.posted, "the first is posted", within=120)
        await asyncio.sleep(60)
        return max(sum(at < each[0] + 60 for at in each) for each in self.slack.posted.values()) / 60


async def fill(store: Store, count: int, bundles: Sequence[TwilioBundle]) -> None:
    """Each purchase was looked at at some time of the last hour, and its card says what it waits for."""
    chance, moment = random.Random(1), now()
    async with store.writing() as session:
        reviewed = [
            rows.bundle(
                id=f"{nth:032x}",
                workspace_id=TEAM_ID,
                account_sid=ACCOUNT_SID,
                sid=each.sid,
                friendly_name=each.friendly_name,
                regulation_sid=each.regulation_sid,
                status=each.status,
                created_at=each.created_at,
                updated_at=each.updated_at,
            )
            for nth, each in enumerate(bundles)
        ]
        session.add_all(reviewed)
        for nth in range(count):
            waits = nth < len(bundles)
            number = f"+44206{nth:07}"
            purchase = rows.purchase(
                workspace_id=TEAM_ID,
                account_sid=ACCOUNT_SID,
                phone_number=number,
                requester_id=REQUESTERS[nth % len(REQUESTERS)],
                state=State.IN_PROGRESS if waits else State.AWAITING_APPROVAL,
                decided_at=moment if waits else None,
                waiting=why_waiting(reviewed[nth]) if waits else None,
                regulated=waits,
                bundle_id=f"{nth:032x}" if waits else None,
                wake_at=moment + LONGEST_SLEEP * chance.random(),
            )
            await rows.add(session, purchase)
            session.add(
                Number(account_sid=ACCOUNT_SID, phone_number=number, purchase_id=purchase.id, held_at=moment)
            )
            session.add(
                Card(
                    purchase_id=purchase.id,
                    workspace_id=TEAM_ID,
                    channel_id="C0APPROVALS",
                    ts=f"1.{nth}",
                    permalink="https://example.com",
                    drawn_version=purchase.version,
                )
            )


def under_review(twilio: TwilioTwin, count: int) -> list[TwilioBundle]:
    """Of the account, sent to Twilio's reviewers in the last days."""
    account = twilio.account
    (approved, *_) = account.bundles.values()
    made = []
    for nth in range(count):
        sent = now() - timedelta(days=1) - timedelta(seconds=nth)
        each = TwilioBundle(
            sid=f"BU{nth:032x}",
            friendly_name=f"Shop {nth}",
            email="compliance@example.com",
            regulation_sid=approved.regulation_sid,
            status_callback=None,
            created_at=sent,
            updated_at=sent,
            status=BundleState.PENDING_REVIEW,
        )
        account.bundles[each.sid] = each
        made.append(each)
    return made


async def measured(scale: int) -> str:
    count = PURCHASES * scale
    with tempfile.TemporaryDirectory() as name:
        folder, slack, twilio = Path(name), Slack(), TwilioTwin()
        await slack.start()
        await twilio.start()
        database = folder / "app.db"
        store = Store(f"sqlite:///{database}")
        await prepare(store)
        bundles = under_review(twilio, BUNDLES * scale)
        await fill(store, count, bundles)
        (folder / "policy.toml").write_text(POLICY)
        settings = environment(
            slack,
            twilio.url,
            database,
            http=False,
            POLICY_FILE=str(folder / "policy.toml"),
            LOG_LEVEL="WARNING",
        )
        process = await Process.start(folder / "app.log", settings, "-m", "bot")
        try:
            await connected(process, slack)
            await process.quiet(within=600)
            watched = Watched(slack, twilio, process, store)
            to_slack, to_twilio, core = await watched.a_minute()
            took, round_core, round_slack, round_twilio, wait = await watched.a_round()
            for each in bundles[:REJECTED]:
                each.status, each.updated_at = BundleState.REJECTED, now()
            busiest = await watched.busiest()
            memory = process.resident()
        finally:
            await process.end()
            await store.close()
            await twilio.stop()
            await slack.stop()
    return (
        f"| {count:,} and {BUNDLES * scale:,} | {to_slack:.0f} | {to_twilio:.0f} | {core:.1%} | {memory:.0f} MB | "
        f"{took:.1f} s | {round_core:.1f} s | {round_slack} | {round_twilio} | {wait * 1000:.0f} ms | {busiest:.2f} |"
    )


async def main() -> None:
    scales = sorted({1, int(os.environ.get("SCALE") or 10)})
    found = [await measured(each) for each in scales]
    print("\n## Purchases under way, and bundles under review\n")
    print(
        "In a minute of waiting: calls to Slack and Twilio, share of a core. One round: all purchases due at once. "
        "Meanwhile: the 99th of a hundred commands, until it is acknowledged. "
        f"Busiest: messages a second in a channel, after {REJECTED} bundles were refused in one moment.\n"
    )
    print(
        "| | to Slack | to Twilio | core | memory | one round | of a core | to Slack | to Twilio | meanwhile | busiest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(found))


if __name__ == "__main__":
    asyncio.run(main())
