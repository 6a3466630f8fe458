"""The app as a process of its own, which can be killed."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.stories.stage import PATIENCE, Control, until

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    """What it wrote, to either stream."""


class AppProcess:
    def __init__(
        self, environment: dict[str, str], slack: Control, log: Path, level: str = "WARNING"
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # it is started often: let it keep its byte code
        self._environment = {**kept, **environment, "LOG_LEVEL": level}
        self._slack = slack
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, told: signal.Signals | None = None, when: asyncio.Event | None = None) -> Ended:
        """From the start to the end. told: sent to it as soon as the event has come."""
        process = await self._launch()
        try:
            async with asyncio.timeout(PATIENCE):
                if told is not None and when is not None:
                    await when.wait()
                    process.send_signal(told)
                return Ended(await process.wait(), self._log.read_text())
        finally:
            self.kill()

    async def _launch(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        return self._process

    async def start(self) -> None:
        """Returns once the app is connected to Slack."""
        process = await self._launch()

        async def connected() -> bool:
            assert process.returncode is None, f"the app ended: {self._log.read_text()[-3000:]}"
            return bool((await self._slack.get("state"))["connections"])

        await until(connected, "the app connects")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, sent: int) -> None:
        """Such as SIGSTOP, which freezes it."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(sent)

    def kill(self) -> None:
        """``kill -9``, at once."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()

    async def ended(self) -> int:
        assert self._process is not None
        code = await asyncio.wait_for(self._process.wait(), PATIENCE)

        async def gone() -> bool:
            return not (await self._slack.get("state"))["connections"]

        await until(gone, "Slack has noticed")
        return code

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), PATIENCE)
