"""Whether an installation is as it has to be: each probe asks, a pure function judges, and each finding names its mend.

``numberdesk doctor`` asks them all, ``/twilio doctor`` those that the running app can ask of itself, ``/readyz`` what it has
found broken. Nothing is written, and nothing is posted. What cannot be seen from here is said in docs/operations.md.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.doctor import database, reach, setup
from bot.doctor import slack as on_slack
from bot.doctor import twilio as on_twilio
from bot.doctor.probe import PATIENCE, Finding, Installation, Mark, answer_to
from bot.purchases.policy import Policy, PolicyFile
from bot.settings import Settings
from bot.slack.people import Forgetful, People
from bot.starting import SettingsError
from bot.twilio import client as twilio_client
from storage.database import Unusable, sqlite_file
from storage.schema import SchemaError, prepare
from storage.store import Store

PROBES = (
    *setup.PROBES,
    *on_slack.PROBES,
    *on_twilio.PROBES,
    *database.PROBES,
    *reach.PROBES,
)


async def examine(i: Installation) -> list[Finding]:
    """Everything that applies, asked side by side, in the order of ``PROBES``."""
    probes = [each for each in PROBES if each.applies(i)]
    answers = await asyncio.gather(*(each.ask(i) for each in probes))
    return [
        finding for probe, answer in zip(probes, answers, strict=True) for finding in probe.judge(i, answer)
    ]


def is_well(findings: Sequence[Finding]) -> bool:
    return all(each.mark is not Mark.MEND for each in findings)


# where it is asked from


async def examine_from_outside(
    config: Settings, policy: Policy | SettingsError, environment: Mapping[str, str]
) -> list[Finding]:
    """As ``numberdesk doctor`` does it, whether the app runs or not."""
    found = setup.unreadable(policy) if isinstance(policy, SettingsError) else []
    async with _installation(config, None if isinstance(policy, SettingsError) else policy, environment) as i:
        return [*found, *await examine(i)]


@asynccontextmanager
async def _installation(
    config: Settings, policy: Policy | None, environment: Mapping[str, str]
) -> AsyncIterator[Installation]:
    username, secret = config.twilio_credentials
    proxy = config.slack_proxy
    async with (
        twilio_client.connect(
            config.twilio_account_sid, username, secret, config.twilio_base_url, proxy=config.twilio_proxy
        ) as twilio,
        aiohttp.ClientSession(timeout=PATIENCE, proxy=proxy) as to_slack,
        aiohttp.ClientSession(timeout=PATIENCE) as http,
        _opened(config.database_url) as store,
    ):
        retries = [AsyncRateLimitErrorRetryHandler(max_retry_count=2)]
        token = config.slack_bot_token.get_secret_value()
        slack = AsyncWebClient(
            token, config.slack_api_url, session=to_slack, proxy=proxy, retry_handlers=[*retries]
        )
        us = await answer_to(slack.auth_test())
        people = None
        if not isinstance(us, Exception):
            people = People(Forgetful(), slack, us["team_id"], us.get("enterprise_id"))
        if policy is not None:
            policy = PolicyFile(config.policy_file, policy, config.operators_channel).policy
        yield Installation(config, policy, slack, twilio, http, us, people, store, environment)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store | Unusable | None]:
    """None where there is nothing yet: looking makes no database."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        yield None
        return
    try:
        store = Store(url)
    except Unusable as error:
        yield error
        return
    try:
        yield await _usable(store)
    finally:
        await store.close()


async def _usable(store: Store) -> Store | Unusable | None:
    try:
        await prepare(store, may_create=False)
    except SchemaError as error:
        return None if await store.is_empty() else error
    except Unusable as error:
        return error
    return store


async def examine_from_inside(app: App, slack: AsyncWebClient) -> list[Finding]:
    """As ``/twilio doctor`` does it."""
    us = await answer_to(slack.auth_test())
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        i = Installation(
            app.settings,
            app.policy,
            slack,
            app.twilio,
            http,
            us,
            None if isinstance(us, Exception) else app.people,
            app.store,
            {},
            inside=True,
        )
        return await examine(i)
