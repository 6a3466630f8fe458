"""``make bench-size``: what a hundred thousand purchases cost, beside an empty database, on both kinds. Prints a page of Markdown.

The app runs unchanged against the twins, in this process. Every statement that it makes is timed; its plan is asked for with
the parameters it had.
"""

import asyncio
import contextlib
import logging
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.purchases.owned import SWEPT
from storage.database import driver_url
from storage.schema import upgrade
from storage.store import Store
from tests.postgres import new_database, server
from tests.stories.stage import Person, Stage, asks, until
from tests.stories.stage import stage as set_stage

ROWS = int(os.environ.get("ROWS") or 100_000)
PER_PURCHASE = 10
"""Rows of the outbox, and lines of the record."""
GROWING = ("purchases", "quotes", "outbox", "record", "numbers", "approvals", "cards", "drafts")
AT_REST = 10.0
ROUNDS = 5
AT_ONCE = 10
REPEATED = 7
SLOWEST = 12
"""Statements in the table of a database."""
LONGEST = 200
"""Letters of a statement and of a plan in the table."""
PEOPLE = [f"U0BENCH{n}" for n in range(AT_ONCE)]
ACCOUNT = "AC" + "0" * 32
ANY_COLON = re.compile(r"(?<!:):(?!:)")
COSTS = re.compile(r" *\(cost=[^)]*\)")
IN_NUMBERS = re.compile(r"IN \([^)]*\)")


# a large database


def series(dialect: str, count: int) -> str:
    if dialect == "postgresql":
        return f"(SELECT n FROM generate_series(1, {count}) AS s(n))"
    return (
        f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
    )


def fill(connection: Connection, count: int) -> None:
    """Purchases of years: nearly all of them finished, their messages delivered."""
    dialect = connection.dialect.name
    pad = "lpad(CAST({} AS TEXT), {}, '0')" if dialect == "postgresql" else "printf('%0{1}d', {0})"

    def padded(what: str, width: int) -> str:
        return pad.format(what, width)

    moment = (
        "TIMESTAMPTZ '2025-01-01 00:00:00+00'" if dialect == "postgresql" else "'2025-01-01 00:00:00.000000'"
    )
    today = "now()" if dialect == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    empty, none = ("'{}'::json", "'[]'::json") if dialect == "postgresql" else ("'{}'", "'[]'")
    no = "false" if dialect == "postgresql" else "0"
    one, ten = series(dialect, count), series(dialect, count * PER_PURCHASE)
    number = f"'+1999' || {padded('n', 8)}"
    requester = f"'U{{}}' || {padded('n % 500', 6)}".format("9")
    of_ten = f"'p' || {padded(f'n % {count} + 1', 11)}"
    for statement in (
        f"INSERT INTO purchases (id, workspace_id, account_sid, requester_id, owner_id, channel_id, purpose, state, version, "
        f"created_at, updated_at, quote_no, revision, looks, phone_number_sid, findings, alternatives, tries) "
        f"SELECT 'p' || {padded('n', 11)}, 'T0SANDBOX', '{ACCOUNT}', {requester}, {requester}, 'C0NUMBERS', 'Reminders', "
        f"CASE WHEN n % 5 = 0 THEN 'denied' ELSE 'complete' END, 9, {moment}, {moment}, 1, 0, 0, "
        f"CASE WHEN n % 5 = 0 THEN NULL ELSE 'PN' || {padded('n', 32)} END, {none}, {none}, 0 FROM {one} x",
        f"INSERT INTO quotes (workspace_id, purchase_id, quote_no, revision, quoted_at, phone_number, country, number_type, "
        f"capabilities, wanted, locality, region, contains, filters, destinations, address_requirements, regulated, service, "
        f"service_name, price, currency, ceiling, if_gone) SELECT 'T0SANDBOX', 'p' || {padded('n', 11)}, 1, 0, {moment}, "
        f"{number}, 'US', 'local', {none}, {none}, '', '', '', {empty}, {none}, 'none', {no}, 'none', '', '1.15', 'USD', '1.15', "
        f"'ask' FROM {one} x",
        f"INSERT INTO numbers (account_sid, phone_number, phone_number_sid, purchase_id, held_at, owned_at, released_at) "
        f"SELECT '{ACCOUNT}', {number}, 'PN' || {padded('n', 32)}, 'p' || {padded('n', 11)}, {moment}, {moment}, "
        f"CASE WHEN n % 5 = 0 THEN {moment} ELSE NULL END FROM {one} x",
        f"INSERT INTO approvals (workspace_id, subject, stage, person_id, approved_at, rule, policy_version) SELECT 'T0SANDBOX', "
        f"'quote:p' || {padded('n', 11)} || ':1', 1, 'U0APPROVER', {moment}, 'approve', '' FROM {one} x",
        f"INSERT INTO cards (purchase_id, workspace_id, channel_id, ts, permalink, drawn_version) SELECT 'p' || {padded('n', 11)}, "
        f"'T0SANDBOX', 'C0APPROVALS', '1.' || n, 'https://example.com', 9 FROM {one} x",
        # a day's forms, two thousand of them: enough that a database does not read all of them for one
        f"INSERT INTO drafts (id, workspace_id, account_sid, requester_id, channel_id, created_at, updated_at, version, answers, "
        f"results_page) SELECT 'd' || {padded('n', 11)}, 'T0SANDBOX', '{ACCOUNT}', {requester}, 'C0NUMBERS', {today}, {today}, 1, "
        f"{empty}, 0 FROM {series(dialect, min(count, 2000))} x",
        # the twin has none of these numbers, so the day's comparison would release them all
        f"INSERT INTO kept (workspace_id, key, value, read_at) VALUES ('T0SANDBOX', '{SWEPT}', 'true', {today})",
        f"INSERT INTO outbox (workspace_id, kind, address, purchase_id, version, after_card, message, created_at, due_at, tries, "
        f"done_at, outcome, ts) SELECT 'T0SANDBOX', 'thread', 'C0APPROVALS', {of_ten}, 0, {no}, {empty}, {moment}, {moment}, 0, "
        f"{moment}, 'delivered', '1.1' FROM {ten} x",
        f"INSERT INTO record (workspace_id, purchase_id, happened_at, what, quote_no, details) SELECT 'T0SANDBOX', {of_ten}, {moment}, "
        f"'quote', 1, {empty} FROM {ten} x",
    ):
        connection.execute(text(ANY_COLON.sub(r"\\:", statement)))


def made(url: str, count: int) -> None:
    engine = create_engine(
        driver_url(url).set(drivername="sqlite" if "sqlite" in url else "postgresql+psycopg")
    )
    with engine.begin() as connection:
        upgrade(connection)
        if count:
            fill(connection, count)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    engine.dispose()


# what is measured


@dataclass
class Statements:
    """Each statement that ran, with its times in milliseconds and the parameters that it had last."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    parameters: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def listen(self, store: Store) -> None:
        for engine in {store.engine, store.durable_engine}:
            event.listen(engine.sync_engine, "before_cursor_execute", self._before)
            event.listen(engine.sync_engine, "after_cursor_execute", self._after)

    def stop(self, store: Store) -> None:
        """What is asked from now on is the bench's own."""
        for engine in {store.engine, store.durable_engine}:
            event.remove(engine.sync_engine, "before_cursor_execute", self._before)
            event.remove(engine.sync_engine, "after_cursor_execute", self._after)

    def _before(self, _c: Any, _cursor: Any, _s: str, _p: Any, context: Any, _many: bool) -> None:
        context.began = time.perf_counter()

    def _after(
        self, _c: Any, _cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        name = IN_NUMBERS.sub("IN (...)", " ".join(statement.split()))
        self.times[name].append((time.perf_counter() - context.began) * 1000)
        if not many:
            self.parameters[name] = (statement, parameters)

    async def alone(self, store: Store, name: str) -> float | None:
        """Milliseconds that the statement takes with nothing beside it: the median of some, each rolled back.

        While the app runs, a statement's time holds that of everything else in the process: both twins, and Slack's and Twilio's SDKs.
        """
        if name not in self.parameters:
            return None
        statement, parameters = self.parameters[name]
        times = []
        for _ in range(REPEATED):
            async with store.engine.connect() as connection:
                try:
                    await connection.exec_driver_sql("SELECT 1")
                    began = time.perf_counter()
                    await connection.exec_driver_sql(statement, parameters)
                except IntegrityError:  # it was written already
                    pass
                times.append((time.perf_counter() - began) * 1000)
                await connection.rollback()
        return statistics.median(times)

    async def plan(self, store: Store, name: str) -> str:
        if name not in self.parameters:
            return ""
        statement, parameters = self.parameters[name]
        explain = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
        async with store.engine.connect() as connection:
            try:
                rows = await connection.exec_driver_sql(explain + statement, parameters)
            except Exception as error:
                return f"no plan: {type(error).__name__}"
            found = "; ".join(str(row[-1]).strip() for row in rows)
            await connection.rollback()
            return found


def walks(plan: str) -> list[str]:
    """The growing tables that the plan reads from end to end."""
    found = re.findall(r"Seq Scan on (\w+)", plan)
    found += [table for table, rest in re.findall(r"SCAN (\w+)([^;]*)", plan) if "USING" not in rest]
    return sorted({each for each in found if each in GROWING})


@dataclass
class Measured:
    statements: Statements
    plans: dict[str, str]
    alone: dict[str, float]
    at_rest: float
    approve_to_done: float
    ten_at_once: float
    commits: tuple[float, float] | None


async def approved(stage: Stage, approver: Person, number: str) -> float:
    card = await stage.card("awaiting_approval", number)
    began = time.perf_counter()
    await approver.clicks(card, "approve")
    await stage.card("complete", number)
    return time.perf_counter() - began


async def flow(stage: Stage) -> tuple[float, float]:
    """What people do in a day, and the seconds from Approve to done: the median of one after the other, and all of ten at once."""
    requester, approver = stage.person("requester"), stage.person("approver")
    await requester.types("buy-number US")
    await requester.types("status")
    await requester.types("bundles")
    number = await asks(requester)
    await approver.clicks(await stage.card("awaiting_approval", number), "withdraw")
    number = await asks(requester)
    await stage.twilio.post("taken", phone_number=number)
    await approver.clicks(await stage.card("awaiting_approval", number), "approve")
    await requester.clicks(await stage.card("needs_changes", number), "end")
    alone = [await approved(stage, approver, await asks(requester)) for _ in range(ROUNDS)]
    numbers = [await asks(Person(each, stage.slack)) for each in PEOPLE]
    for number in numbers:
        await stage.card("awaiting_approval", number)
    began = time.perf_counter()
    await asyncio.gather(*(approved(stage, approver, number) for number in numbers))
    return statistics.median(alone), time.perf_counter() - began


async def commits(store: Store) -> tuple[float, float]:
    """Milliseconds of a small transaction: one that waits for the disk, and one that does not."""
    found = []
    for durable in (True, False):
        times = []
        for n in range(100):
            began = time.perf_counter()
            async with store.writing(durable=durable) as session:
                await (await session.connection()).execute(
                    text(f"UPDATE kept SET key = key WHERE key = 'none{n}'")
                )
                await (await session.connection()).execute(
                    text(
                        f"INSERT INTO troubles (key, workspace_id, since, said) VALUES ('bench:{durable}:{n}', 'T', '2026-01-01', '{{}}')"
                    )
                )
            times.append((time.perf_counter() - began) * 1000)
        found.append(statistics.median(times))
    async with store.writing() as session:
        await (await session.connection()).execute(text("DELETE FROM troubles"))
    return found[0], found[1]


@contextlib.asynccontextmanager
async def app_on(url: str) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        async with set_stage(Path(folder)) as stage:
            await stage.stop_app()
            for each in PEOPLE:
                await stage.slack.post("people", id=each, name=each)
            await stage.start_app(DATABASE_URL=url)
            yield stage


async def measured(url: str) -> Measured:
    async with app_on(url) as stage:
        store: Store = stage.store
        statements = Statements()
        statements.listen(store)
        done, ten = await flow(stage)
        await until(lambda: _settled(store), "nothing is owed", within=240)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(AT_REST)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        statements.stop(store)
        plans = {name: await statements.plan(store, name) for name in list(statements.times)}
        names = list(statements.times)
        alone = {name: ms for name in names if (ms := await statements.alone(store, name)) is not None}
        cost = await commits(store) if store.is_sqlite else None
        return Measured(statements, plans, alone, used / AT_REST, done, ten, cost)


async def _settled(store: Store) -> bool:
    return not await store.lanes_owed()


# the page


def report(kind: str, small: Measured, large: Measured) -> None:
    say = print
    say(f"\n## {kind}: {ROWS:,} purchases beside none\n")
    say("| | empty | full | goal |\n|---|---|---|---|")
    say(
        f"| approve to done, median of {ROUNDS} | {small.approve_to_done:.2f} s | {large.approve_to_done:.2f} s | "
        f"1.3 times: {large.approve_to_done / small.approve_to_done:.2f} |"
    )
    say(f"| {AT_ONCE} at once, all done | {small.ten_at_once:.2f} s | {large.ten_at_once:.2f} s | |")
    say(f"| a core at rest, both twins included | {small.at_rest:.1%} | {large.at_rest:.1%} | 2 % |")
    if large.commits is not None:
        say(
            f"| a durable commit, and one that is not | {small.commits and small.commits[0]:.1f} / "
            f"{small.commits and small.commits[1]:.1f} ms | {large.commits[0]:.1f} / {large.commits[1]:.1f} ms | |"
        )
    slow = [name for name, ms in large.alone.items() if ms > 5]
    walking = {name: found for name in large.plans if (found := walks(large.plans[name]))}
    say(
        f"\n{len(large.alone)} statements; over 5 ms: {len(slow)}; walking a growing table: {len(walking)}. The slowest, and those that walk:\n"
    )
    say("| statement | times | alone, empty | alone, full | in use, full | plan |\n|---|---|---|---|---|---|")
    for i, name in enumerate(sorted(large.alone, key=lambda each: -large.alone[each])):
        if i >= SLOWEST and name not in walking and name not in slow:
            continue
        before = f"{small.alone[name]:.2f}" if name in small.alone else "–"
        times = large.statements.times[name]
        plan = " ".join(COSTS.sub("", large.plans.get(name, "")).replace("|", "/").split())
        mark = " **walks**" if name in walking else ""
        say(
            f"| `{name[:LONGEST]}` | {len(times)} | {before} | {large.alone[name]:.2f} | {statistics.median(times):.2f} | "
            f"{plan[:LONGEST]}{mark} |"
        )


async def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, server() as postgres:
        for kind, urls in (
            ("SQLite", [f"sqlite:///{folder}/{name}.db" for name in ("empty", "full")]),
            ("PostgreSQL", [new_database(postgres), new_database(postgres)]),
        ):
            found = []
            for url, count in zip(urls, (0, ROWS), strict=True):
                began = time.perf_counter()
                await asyncio.to_thread(made, url, count)
                print(
                    f"{kind}, {count:,} purchases: made in {time.perf_counter() - began:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
                found.append(await measured(url))
            report(kind, *found)


if __name__ == "__main__":
    asyncio.run(main())
