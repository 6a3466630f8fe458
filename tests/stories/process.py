"""The app as a process of its own, which can be killed."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.stories.stage import PATIENCE, Control, until

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    """What it wrote, to either stream."""


class Process(Protocol):
    """As asyncio has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, sent: int, /) -> None: ...
    async def wait(self) -> int: ...


class Forked:
    """A process that the launcher has started; it is the launcher's child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    def send_signal(self, sent: int, /) -> None:
        os.kill(self.pid, sent)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def has_ended(self, code: int) -> None:
        self._ended.set_result(code)


class Launcher:
    """One for the whole run, begun when it is needed first. See ``tests/stories/launcher.py``."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        self._begun: asyncio.Queue[Forked] = asyncio.Queue()
        self._running: dict[int, Forked] = {}

    async def launch(self, environment: dict[str, str], log: Path) -> Forked:
        async with self._one:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.stories.launcher"),
                    cwd=ROOT,
                    env=without_proxies(),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                self._reading = asyncio.create_task(self._read(self._process))
            assert self._process.stdin is not None
            asked = {"environment": environment, "log": str(log)}
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            return await self._begun.get()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            said = json.loads(line)
            if "code" in said:
                self._running.pop(said["pid"]).has_ended(said["code"])
            else:
                self._running[said["pid"]] = begun = Forked(said["pid"])
                self._begun.put_nowait(begun)

    async def close(self) -> None:
        if self._process is None or self._reading is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading


LAUNCHER = Launcher()


def without_proxies() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # it is started often: let it keep its byte code
    return kept


class AppProcess:
    def __init__(
        self,
        environment: dict[str, str],
        slack: Control,
        log: Path,
        level: str = "WARNING",
        *,
        fresh: bool = False,
    ) -> None:
        """fresh: by ``python -m bot`` itself, which imports everything anew, and not by the launcher."""
        self._environment = {**without_proxies(), **environment, "LOG_LEVEL": level}
        self._slack = slack
        self._log = log
        self._fresh = fresh
        self._process: Process | None = None

    async def run(self, told: signal.Signals | None = None, when: asyncio.Event | None = None) -> Ended:
        """From the start to the end. told: sent to it as soon as the event has come."""
        process = await self.launch()
        try:
            async with asyncio.timeout(PATIENCE):
                if told is not None and when is not None:
                    await when.wait()
                    process.send_signal(told)
                return Ended(await process.wait(), self._log.read_text())
        finally:
            self.kill()

    async def launch(self) -> Process:
        if self._fresh:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bot", cwd=ROOT, env=self._environment, stdout=log, stderr=log
                )
        else:
            self._process = await LAUNCHER.launch(self._environment, self._log)
        return self._process

    async def start(self) -> None:
        """Returns once the app is connected to Slack."""
        process = await self.launch()

        async def connected() -> bool:
            assert process.returncode is None, f"the app ended: {self._log.read_text()[-3000:]}"
            return bool((await self._slack.get("state"))["connections"])

        await until(connected, "the app connects")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def signal(self, sent: int) -> None:
        """Such as SIGSTOP, which freezes it."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(sent)

    def kill(self) -> None:
        """``kill -9``, at once."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

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
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), PATIENCE)
