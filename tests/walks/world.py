"""A sandbox and an app of a walk's own, as processes, and the control calls by which it drives them.

Nothing here or beside it imports what belongs to the project: a walk knows what a person or a script outside knows.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 60.0

Json = dict[str, Any]


class Refused(Exception):
    """A twin would not do it: in Slack's client, or at Twilio's desk, it cannot be done."""


@dataclass
class Twin:
    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str, /, **query: str) -> Any:
        return await self._read(self.session.get(f"{self.url}/twin/{path}", params=query))

    async def post(self, path: str, /, **body: Any) -> Any:
        return await self._read(self.session.post(f"{self.url}/twin/{path}", json=body))

    async def delete(self, path: str, /, **query: str) -> Any:
        return await self._read(self.session.delete(f"{self.url}/twin/{path}", params=query))

    async def upload(self, user: str, name: str, content: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("user", user)
        form.add_field("file", content, filename=name)
        made = await self._read(self.session.post(f"{self.url}/twin/upload", data=form))
        return str(made["id"])

    @staticmethod
    async def _read(asked: Any) -> Any:
        async with asked as answer:
            said = await answer.json()
            if answer.status >= 400:
                raise Refused(f"{answer.url.path}: {said.get('error')}")
            return said


@dataclass
class World:
    slack: Twin
    twilio: Twin
    folder: Path
    environment: dict[str, str]
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    """The sandbox, and the app."""

    @property
    def log(self) -> str:
        """What the app has written."""
        return (self.folder / "app.log").read_text(errors="replace")

    async def start_app(self) -> None:
        """Until it is connected to Slack."""
        with (self.folder / "app.log").open("ab") as log:
            app = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot"), cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.processes[1:] = [app]
        await _until(self._connected, app, "the app connects")

    async def kill_app(self) -> None:
        """At once, in the middle of whatever it does."""
        self.processes[1].kill()
        await self.processes[1].wait()
        while await self._connected():  # noqa: ASYNC110  (the twin notices when it reads)
            await asyncio.sleep(0.03)

    async def end_app(self) -> None:
        for each in self.processes[1:]:
            await _ended(each)

    async def _connected(self) -> bool:
        return bool((await self.slack.get("state"))["connections"])

    async def record(self) -> list[Json]:
        """``python -m bot record``: every quote, approval and charge."""
        asked = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "record"),
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, wrong = await asked.communicate()
        if asked.returncode:
            raise RuntimeError(f"the record cannot be read: {wrong.decode()[-2000:]}")
        return [json.loads(line) for line in out.decode().splitlines()]


@contextlib.asynccontextmanager
async def world(folder: Path, seed: int, *, limits: bool, language: str, **more: str) -> AsyncIterator[World]:
    """limits: whether Slack takes about one message a second per channel. language: of the channels. more: settings of the app."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    settings = folder / "env"
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox", "--quiet", "--slack-port", "0", "--twilio-port", "0"),
            *("--seed", str(seed), "--env", str(settings)),
            *(() if limits else ("--no-rate-limits",)),
            cwd=ROOT,
            env=kept,
            stdout=(sandbox_log := stack.enter_context((folder / "sandbox.log").open("ab"))),
            stderr=sandbox_log,
        )
        stack.push_async_callback(_ended, sandbox)
        await _until(settings.exists, sandbox, "the sandbox starts")
        lines = (line.partition("=") for line in settings.read_text().splitlines())
        environment = {
            **kept,
            **{name: value for name, _, value in lines},
            "DATABASE_URL": f"sqlite:///{folder}/numberdesk.db",
            "CHANNEL_LANGUAGE": language,
            "TEST_CLOCK": "1",
            "LOG_LEVEL": "WARNING",
            **more,
        }
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = World(
            Twin(environment["SLACK_API_URL"].removesuffix("/api/"), session),
            Twin(environment["TWILIO_BASE_URL"], session),
            folder,
            environment,
        )
        made.processes = [sandbox]
        stack.push_async_callback(made.end_app)
        await made.start_app()
        yield made


async def _until(asked: Any, process: asyncio.subprocess.Process, what: str) -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN
    while True:
        answer = asked()
        if await answer if asyncio.iscoroutine(answer) else answer:
            return
        if process.returncode is not None or time.monotonic() > give_up_at:
            raise RuntimeError(f"it did not come to this: {what}")
        await asyncio.sleep(0.03)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
