"""What a story may name: the stage, the people on it, Twilio's control."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from tests.contract import Contract, documents
from tests.ports import free_port
from tests.stories.process import LAUNCHER
from tests.stories.stage import Control, Person, Stage
from tests.stories.stage import stage as set_stage
from tests.stories.terminal import Terminal


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """Twilio's own description; where it is absent the stories are played without it."""
    return Contract.read() if documents() is not None or os.environ.get("CI") else None


@pytest.fixture(scope="session", autouse=True)
async def launcher() -> AsyncIterator[None]:
    yield
    await LAUNCHER.close()


@pytest.fixture
async def stage(tmp_path: Path, contract: Contract | None) -> AsyncIterator[Stage]:
    async with set_stage(tmp_path, contract) as made:
        yield made


@pytest.fixture
def twilio(stage: Stage) -> Control:
    return stage.twilio


@pytest.fixture
def requester(stage: Stage) -> Person:
    return stage.person("requester")


@pytest.fixture
def requester2(stage: Stage) -> Person:
    return stage.person("requester2")


@pytest.fixture
def requester_ja(stage: Stage) -> Person:
    return stage.person("requester_ja")


@pytest.fixture
def approver(stage: Stage) -> Person:
    return stage.person("approver")


@pytest.fixture
def approver2(stage: Stage) -> Person:
    return stage.person("approver2")


@pytest.fixture
def compliance(stage: Stage) -> Person:
    return stage.person("compliance")


@pytest.fixture
def outsider(stage: Stage) -> Person:
    return stage.person("outsider")


class Clock:
    """The app's time, and the twins'; forward only."""

    def __init__(self, traveller: time_machine.Traveller, stage: Stage) -> None:
        self._traveller = traveller
        self._stage = stage

    async def forward(self, seconds: float) -> None:
        self._traveller.shift(seconds)
        socket = self._stage.running.socket
        if (
            socket is not None
        ):  # else the SDK takes the connection for dead, and a press is lost while it makes another
            socket.client.last_ping_pong_time = time.time()
        self._stage.running.worker.kick()


@pytest.fixture
def clock(stage: Stage) -> Iterator[Clock]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller, stage)


@pytest.fixture
def port() -> int:
    """That nobody listens on."""
    return free_port()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)
