"""What a probe is: it asks, a pure function judges, and each finding names its mend."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from twilio.rest import Client

from bot.purchases.policy import Policy
from bot.settings import Settings
from bot.slack.people import People
from bot.texts import Said, say
from bot.twilio.client import TwilioError
from storage.database import Unusable
from storage.store import Store

PATIENCE = aiohttp.ClientTimeout(total=15, connect=5)


class Mark(StrEnum):
    FINE = "✓"
    ADVICE = "!"
    """it works, and is worth knowing"""
    MEND = "✗"
    UNSEEN = "?"
    """it cannot be looked at from here, or not now"""


@dataclass(frozen=True)
class Finding:
    """about: a setting as in .env, or what it is; mend: what to do."""

    about: str
    mark: Mark
    said: Said
    mend: Said | None = None


@dataclass(frozen=True)
class Installation:
    """As it is looked at. us: what ``auth.test`` says; people: none where Slack does not let the app in."""

    config: Settings
    policy: Policy | None
    """none where its file cannot be used"""
    slack: AsyncWebClient
    twilio: Client
    http: aiohttp.ClientSession
    """for everything but the two platforms, so without their proxy"""
    us: Any
    people: People | None
    store: Store | Unusable | None
    """none: a SQLite file that is not there yet"""
    environment: Mapping[str, str]
    inside: bool = False
    """the running app asks, which is connected, and has put the environment aside"""


Ask = Callable[[Installation], Awaitable[Any]]
Judge = Callable[[Installation, Any], Iterator[Finding]]


@dataclass(frozen=True)
class Probe:
    """ask: what was answered, or the platform's or network's error; judge: pure."""

    ask: Ask
    judge: Judge
    applies: Callable[[Installation], bool] = lambda _: True


FAILURES = (SlackClientError, TwilioError, aiohttp.ClientError, TimeoutError, OSError)


async def answer_to(question: Awaitable[Any]) -> Any:
    """What it brings, a failure of the way or the platform included."""
    try:
        return await question
    except FAILURES as error:
        return error


async def nothing(_: Installation) -> None:
    """Asked of nobody: the settings tell it."""


def fine(about: str, text: str, **with_: Any) -> Finding:
    return Finding(about, Mark.FINE, say(text, **with_))
