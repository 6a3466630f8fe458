"""Both twins, the app as several processes, and the database under them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psycopg
from sqlalchemy import make_url

from sandbox.environment import settings
from sandbox.slack.twin import SlackTwin
from sandbox.twilio.twin import TwilioTwin
from tests.postgres import Cluster, cluster, new_database
from tests.walks.world import ROOT, Twin, World

STARTED_AGAIN_AFTER = 0.5


@dataclass
class Processes(World):
    """``processes``: of the app, by their place; one that has died is started again by ``keep_running``."""

    how_many: int = 1
    module: tuple[str, ...] = ("tests.chaos.app",)
    postgres: Cluster | None = None
    struck: Counter[str] = field(default_factory=Counter)
    """What was done to them, and how often."""

    async def start_all(self) -> None:
        for n in range(self.how_many):
            self.processes.append(await self._start(n))
        while (await self.slack.get("state"))["connections"] < self.how_many:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def _start(self, n: int) -> asyncio.subprocess.Process:
        with (self.folder / f"app{n}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self.module),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    async def keep_running(self) -> None:
        while True:
            for n, each in enumerate(self.processes):
                if each.returncode is not None:
                    self.processes[n] = await self._start(n)
            await asyncio.sleep(STARTED_AGAIN_AFTER)

    def signal(self, process: asyncio.subprocess.Process, sent: int) -> None:
        if process.returncode is None:
            process.send_signal(sent)

    async def worker(self) -> asyncio.subprocess.Process:
        """By the office's row; of one process that one."""
        if self.postgres is None:
            return self.processes[0]
        with contextlib.suppress(psycopg.Error):
            async with await self._connected() as connection:
                row = await (await connection.execute("SELECT holder FROM office")).fetchone()
            holder = int(str(row[0]).split()[-1]) if row else 0
            return next((each for each in self.processes if each.pid == holder), self.processes[0])
        return self.processes[0]

    async def an_intent_is_open(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            async with await self._connected() as connection:
                open_one = "SELECT 1 FROM purchases WHERE buying_at IS NOT NULL AND phone_number_sid IS NULL AND looks = 0"
                return await (await connection.execute(open_one)).fetchone() is not None
        return False

    async def _connected(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        url = make_url(self.environment["DATABASE_URL"]).set(drivername="postgresql")
        return await psycopg.AsyncConnection.connect(
            url.render_as_string(hide_password=False), autocommit=True
        )

    @property
    def log(self) -> str:
        return "\n".join(each.read_text(errors="replace") for each in sorted(self.folder.glob("app*.log")))


@contextlib.asynccontextmanager
async def processes(
    folder: Path, seed: int, how_many: int, *, on_postgres: bool, without_epoch: bool, **more: str
) -> AsyncIterator[Processes]:
    slack_twin, twilio_twin = SlackTwin(rate_limits=False), TwilioTwin(seed=seed)
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    async with contextlib.AsyncExitStack() as stack:
        for twin in (slack_twin, twilio_twin):
            await twin.start()
            stack.push_async_callback(twin.stop)
        postgres = stack.enter_context(cluster()) if on_postgres else None
        database = new_database(postgres.url) if postgres else f"sqlite:///{folder}/numberdesk.db"
        environment = {
            **kept,
            **settings(slack_twin.url, twilio_twin.url),
            "DATABASE_URL": database,
            "TEST_CLOCK": "1",
            "LOG_LEVEL": "WARNING",
            **more,
        }
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Processes(Twin(slack_twin.url, session), Twin(twilio_twin.url, session), folder, environment)
        made.how_many, made.postgres = how_many, postgres
        if without_epoch:
            made.module = (*made.module, "--without-epoch")
        stack.push_async_callback(_end, made)
        await made.start_all()
        yield made


async def _end(world: Processes) -> None:
    for each in world.processes:
        world.signal(each, signal.SIGCONT)
        world.signal(each, signal.SIGKILL)
    for each in world.processes:
        await each.wait()
