"""People as the app knows them, asked of the Slack twin by the real SDK."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import time_machine
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.people import People
from sandbox.slack.files import BOT_TOKEN
from sandbox.slack.twin import SlackTwin
from sandbox.slack.workspace import TEAM_ID
from storage.store import Store
from tests.stories.stage import Control, migrated


@dataclass
class Desk:
    twin: SlackTwin
    slack: Control
    store: Store
    client: AsyncWebClient
    people: People

    async def started_anew(self, enterprise_id: str | None = None) -> People:
        """As after a restart: what is known is in the database."""
        people = People(self.store, self.client, TEAM_ID, enterprise_id)
        await people.load()
        return people

    async def asked(self, method: str) -> int:
        """How often Slack was asked."""
        return sum(call.get("method") == method for call in await self.slack.get("calls"))

    async def goes_silent(self, method: str = "*") -> None:
        await self.slack.post("faults", method=method, fault={"status": 500}, times=1000)

    async def answers_again(self) -> None:
        await self.slack.delete("faults")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as stack:
        twin = SlackTwin(rate_limits=True)
        await twin.start()
        stack.push_async_callback(twin.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        (tmp_path / "people.db").write_bytes(migrated())
        store = Store(f"sqlite:///{tmp_path}/people.db")
        stack.push_async_callback(store.close)
        client = AsyncWebClient(
            BOT_TOKEN,
            f"{twin.url}/api/",
            session=session,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=5)],
        )
        people = People(store, client, TEAM_ID)
        yield Desk(twin, Control(twin.url, session), store, client, people)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """``clock.shift(seconds)``"""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller
