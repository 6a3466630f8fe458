"""The processes that are measured, and the Twilio twin beside them: each as it is started by hand."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from bench.slack import SECRET, Slack
from sandbox.environment import settings
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0


class Process:
    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, log: Path, environment: Mapping[str, str], *command: str) -> "Process":
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation keeps its byte code
        with log.open("ab") as written:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=ROOT,
                env={**kept, **environment},
                stdout=written,
                stderr=written,
            )
        return cls(process, log)

    def check(self) -> None:
        """Raises RuntimeError where it has ended."""
        if self._process.returncode is not None:
            raise RuntimeError(f"it has ended: {self._log.read_text()[-3000:]}")

    def cpu_seconds(self) -> float:
        """Of all its threads, so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self) -> float:
        """MB of memory."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(each.split()[1]) for each in lines if each.startswith("VmRSS")) / 1024

    async def quiet(self, within: float = 10) -> None:
        """Returns once it does next to nothing, or after so many seconds."""
        give_up_at = time.monotonic() + within
        while time.monotonic() < give_up_at:
            before = self.cpu_seconds()
            await asyncio.sleep(0.5)
            if self.cpu_seconds() - before < 0.04:
                return

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


class Twilio:
    """The sandbox's twin, in a process of its own."""

    def __init__(self, process: Process, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._process = process
        self._session = session

    @classmethod
    async def start(cls, folder: Path) -> "Twilio":
        env = folder / "twins.env"
        ports = ("--slack-port", "0", "--twilio-port", "0")
        process = await Process.start(
            folder / "twins.log", {}, "-m", "sandbox", *ports, "--quiet", "--env", str(env)
        )
        while not env.exists():
            process.check()
            await asyncio.sleep(0.05)
        named = dict(line.split("=", 1) for line in env.read_text().splitlines())
        return cls(process, named["TWILIO_BASE_URL"], aiohttp.ClientSession())

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        async with self._session.request(method, f"{self.url}/twin/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def answers_in(self, seconds: float) -> None:
        await self.control("DELETE", "faults")
        if seconds:
            await self.control("POST", "faults", path="*", times=10**9, fault={"delay": seconds})

    async def end(self) -> None:
        await self._session.close()
        await self._process.end()


def environment(
    slack: Slack, twilio_url: str, database: Path, *, http: bool, **changed: str
) -> dict[str, str]:
    """The settings of an installation, over HTTP or Socket Mode. Over HTTP ``slack`` delivers there from now on."""
    found = {**settings(slack.url, twilio_url), "DATABASE_URL": f"sqlite:///{database}", **changed}
    slack.request_url = None
    if http:
        port = free_port()
        del found["SLACK_APP_TOKEN"]
        found |= {"PORT": str(port), "SLACK_SIGNING_SECRET": SECRET}
        slack.request_url = f"http://127.0.0.1:{port}/slack/events"
    return found


async def connected(process: Process, slack: Slack) -> None:
    """Returns once deliveries reach it. Raises RuntimeError, TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not (slack.is_connected if slack.request_url is None else await _listens(slack.request_url)):
            process.check()
            await asyncio.sleep(0.01)


async def _listens(url: str) -> bool:
    address = URL(url)
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True
