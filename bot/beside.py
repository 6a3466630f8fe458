"""An ``App`` beside the running one, for commands that write rows: it takes no lock, and leaves the work to the worker (rule 10)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.bundles.memory import BundleMemory
from bot.core import App
from bot.doctor.probe import PATIENCE
from bot.purchases.policy import Policy, PolicyFile
from bot.refusals import BOT_TOKEN, SLACK_FAILS, of_slack
from bot.settings import Settings
from bot.slack.people import People
from bot.starting import Problem, Refused
from bot.twilio import client as twilio_client
from bot.twilio.access import Access
from bot.twilio.catalogue import Market
from storage.schema import prepare
from storage.store import Store


@asynccontextmanager
async def app_beside(config: Settings, policy: Policy) -> AsyncIterator[App]:
    """What the running app has read is read from the database. Raises Refused, and storage's Unusable."""
    username, secret = config.twilio_credentials
    proxy = config.slack_proxy
    store = Store(config.database_url)
    try:
        await prepare(store, may_create=False)
        async with (
            twilio_client.connect(
                config.twilio_account_sid, username, secret, config.twilio_base_url, proxy=config.twilio_proxy
            ) as twilio,
            aiohttp.ClientSession(timeout=PATIENCE, proxy=proxy) as session,
        ):
            token = config.slack_bot_token.get_secret_value()
            slack = AsyncWebClient(
                token,
                config.slack_api_url,
                session=session,
                proxy=proxy,
                retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
            )
            try:
                us = await slack.auth_test()
            except SLACK_FAILS as error:
                why = f"Slack does not let the app in, or cannot be reached ({of_slack(error).code})"
                raise Refused(Problem(BOT_TOKEN, why)) from error
            workspace_id = us["team_id"]
            people = People(store, slack, workspace_id, us.get("enterprise_id"))
            market = Market(twilio, store, workspace_id)
            await people.load()
            await market.load()
            yield App(
                config,
                store,
                twilio,
                people,
                market,
                PolicyFile(config.policy_file, policy, config.operators_channel).policy,
                workspace_id,
                session,
                Access(twilio, store, config, workspace_id),
                BundleMemory(store, workspace_id, config.twilio_account_sid),
            )
    finally:
        await store.close()
