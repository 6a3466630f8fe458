"""What a story may name: the stage, the people on it, Twilio's control."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract import contract_or_none
from tests.stories.stage import Control, Person, Stage
from tests.stories.stage import stage as set_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with set_stage(tmp_path) as made:
        contract = contract_or_none()
        if contract is not None:
            made.twilio_twin.checker = contract.check
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
def outsider(stage: Stage) -> Person:
    return stage.person("outsider")
