"""Both twins and the app, each a machine of its own on the simulated network, and somebody who starts the app again when it has died."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import aiohttp

from bot import settings
from bot.app import running
from bot.cli import lines
from bot.purchases import policy as approval
from sandbox.environment import settings as sandbox_settings
from sandbox.slack.twin import SlackTwin
from sandbox.twilio.faults import Fault
from sandbox.twilio.search import number_json
from sandbox.twilio.twin import TwilioTwin
from storage.store import Store
from tests.simulation.machine import Loop
from tests.stories.stage import migrated
from tests.walks.world import Json, Twin

NUMBERS = "/IncomingPhoneNumbers.json"
STARTS_WITHIN = 60.0
STARTED_AGAIN_AFTER = (0.5, 4.0)
"""Seconds, by whatever looks after the process."""


@dataclass
class Strike:
    """The app dies at its next call of this kind: ``before`` Twilio hears of it, or ``after`` Twilio has done it; or at one of its next commits.

    table: only commits that have written it. clock: in place of the death, the clock steps by so many seconds.
    """

    moment: str
    method: str = ""
    path: str = ""
    commits: int = 0
    table: str = ""
    clock: int = 0

    def __str__(self) -> str:
        of = f" that writes {self.table}" if self.table else ""
        what = f"{self.method} {self.path}" if self.path else f"commit {self.commits} from now{of}"
        return f"{f'{self.clock} seconds pass' if self.clock else 'the app dies'} {self.moment} {what}"


class World:
    """What ``tests/walks`` asks of its world, without processes and sockets."""

    def __init__(self, loop: Loop, folder: Path, tell: Callable[[str], None], **more: str) -> None:
        """tell: hears when the app dies and starts."""
        self.loop = loop
        self._tell = tell
        self.slack_twin = SlackTwin(rate_limits=False)
        self.twilio_twin = TwilioTwin()
        self.database = folder / "numberdesk.db"
        self.database.write_bytes(migrated())
        self.environment = {
            **sandbox_settings("http://slack:3001", "http://twilio:3002"),
            "DATABASE_URL": f"sqlite:///{self.database}",
            **more,
        }
        self.starts = 0
        self.strike: Strike | None = None
        self.sold: list[str] = []
        """Numbers, each time that Twilio has answered a call that would buy it with yes."""
        self.on_step: Callable[[int], None] = lambda _: None
        """Hears that the clock is about to step, and by how many seconds."""
        self._died = asyncio.Event()
        self._log = Log()
        self.slack: Twin
        self.twilio: Twin

    @property
    def log(self) -> str:
        return "\n".join(self._log.lines)

    async def begin(self) -> None:
        logging.getLogger().addHandler(self._log)
        await self.loop.net.host("slack").create_task(self.slack_twin.start(3001, "slack"))
        await self.loop.net.host("twilio").create_task(self.twilio_twin.start(3002, "twilio"))
        session = aiohttp.ClientSession()
        self.slack, self.twilio = Twin(self.slack_twin.url, session), Twin(self.twilio_twin.url, session)
        self._aim()
        self._keeper = asyncio.create_task(self._keep_running())
        await self.connected()

    # the app

    async def _keep_running(self) -> None:
        while True:
            self.starts += 1
            self._died.clear()
            self._process = self.loop.net.host(f"app{self.starts}").create_task(self._run())
            await self._died.wait()
            await asyncio.sleep(self.loop.chance.uniform(*STARTED_AGAIN_AFTER))

    async def _run(self) -> None:
        try:
            values = {name.lower(): value for name, value in self.environment.items()}
            config = settings.Settings(_env_file=None, **values)
            policy = approval.read(Path(self.environment["POLICY_FILE"]))
            async with running(config, policy):
                self._tell(f"the app runs (start {self.starts})")
                await asyncio.Event().wait()
        except Exception as error:
            self._tell(f"the app cannot start: {type(error).__name__}: {error}")
            self.kill()

    def kill(self) -> None:
        """At once, in the middle of whatever it does."""
        if not self._died.is_set():
            self.loop.kill(f"app{self.starts}")
            self._died.set()

    async def kill_app(self) -> None:
        self.kill()

    async def start_app(self) -> None:
        await self.connected()

    async def connected(self) -> None:
        give_up_at = self.loop.time() + STARTS_WITHIN
        while self._died.is_set() or not (await self.slack.get("state"))["connections"]:
            if self.loop.time() > give_up_at:
                raise RuntimeError("the app does not start")
            await asyncio.sleep(0.25)

    def step_clock(self, seconds: int) -> None:
        """Time passes, or the app's clock is put back: then Twilio does not show any later what it is about to show."""
        self.on_step(seconds)
        self.loop.step_clock(seconds)
        if seconds < 0:
            shown_at = self.twilio_twin._shown_at
            shown_at.update({sid: at + timedelta(seconds=seconds) for sid, at in shown_at.items()})

    # where it dies

    def _aim(self) -> None:
        faults, check = self.twilio_twin.faults, self.twilio_twin.checker
        planned = faults.for_request

        def for_request(method: str, path: str) -> Fault | None:
            if self._struck("before", method, path) and self._died.is_set():
                return Fault(cut="cut_before")
            return planned(method, path)

        def checked(exchange: Any) -> list[str]:
            if exchange.method == "POST" and exchange.path.endswith(NUMBERS) and exchange.status == 201:
                self.sold.append(exchange.form["PhoneNumber"][0])
            self._struck("after", exchange.method, exchange.path)
            return check(exchange) if check else []

        faults.for_request = for_request  # type: ignore[method-assign]
        self.twilio_twin.checker = checked
        self.loop.at_commit = self._at_commit

    def _struck(self, moment: str, method: str, path: str) -> bool:
        strike = self.strike
        if strike is None or not strike.path or (strike.moment, strike.method) != (moment, method):
            return False
        if not fnmatchcase(path, strike.path):
            return False
        self._strike()
        return True

    def _at_commit(self, moment: str, tables: set[str]) -> bool:
        strike = self.strike
        if strike is None or not strike.commits or strike.moment != moment:
            return False
        if strike.table and strike.table not in tables:
            return False
        strike.commits -= 1
        if strike.commits:
            return False
        self._strike()
        return self._died.is_set()

    def _strike(self) -> None:
        strike, self.strike = self.strike, None
        assert strike is not None
        self._tell(f"-- {strike}".replace("commit 0 from now", "a commit"))
        if strike.clock:
            self.step_clock(strike.clock)
        else:
            self.kill()

    # what is there

    async def record(self) -> list[Json]:
        store = Store(self.environment["DATABASE_URL"])
        try:
            return [line async for line in lines(store)]
        finally:
            await store.close()

    def market(self) -> dict[str, Json]:
        """Every number as Twilio offers it."""
        everything = self.twilio_twin.world.market.everything
        return {number: dict(number_json(each)) for number, each in everything.items()}

    def asleep(self) -> Iterator[tuple[str, datetime]]:
        """What waits for a time, and for which."""
        with self.reading() as database:
            found = database.execute(
                """SELECT 'request ' || id, wake_at FROM purchases WHERE wake_at IS NOT NULL
                UNION ALL SELECT kind || ' ' || id, due_at FROM outbox WHERE done_at IS NULL"""
            ).fetchall()
        for what, until in found:
            yield what, datetime.fromisoformat(until).replace(tzinfo=UTC)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database as it is now, whatever the app is doing."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()


SESSION = ("Failed to check the current session", "Failed to connect")


class Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "aiohttp.server" and not record.getMessage().startswith(
            SESSION
        ):  # the twins' own, and the SDK's while Slack is away
            self.lines.append(self.format(record))
