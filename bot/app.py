"""Puts the parts together, and takes them apart on SIGTERM."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from twilio.rest import Client

from bot import clock, failures, logs, measuring, refusals, served, settings
from bot.bundles.memory import BundleMemory
from bot.bundles.watch import Watch
from bot.core import App
from bot.office import Act, Office
from bot.purchases import foreign
from bot.purchases import policy as approval
from bot.purchases.authority import Authority
from bot.purchases.owned import OwnedNumbers
from bot.purchases.policy import Policy, PolicyFile
from bot.purchases.worker import Worker
from bot.refusals import APP_TOKEN, BOT_TOKEN, SLACK_FAILS, Kind, of_slack, of_twilio
from bot.settings import SLACK, Settings
from bot.slack import calls, troubles
from bot.slack.courier import Courier
from bot.slack.homes import PAUSE, Homes
from bot.slack.once import OnceApp
from bot.slack.people import People
from bot.starting import Problem, Refused, SettingsError, all_of, both, in_plain_words
from bot.twilio import access
from bot.twilio import client as twilio_client
from bot.twilio.access import Access
from bot.twilio.catalogue import Market
from bot.twilio.client import TwilioError
from handlers import command, errors, home, messages, ref, screen
from handlers.card import picture as card
from storage.models import Outgoing, Purchase, now
from storage.schema import prepare
from storage.store import Store

log = logging.getLogger(__name__)

INTERACTIVE = aiohttp.ClientTimeout(total=2.5)
"""Somebody waits, and Slack waits three seconds."""
BACKGROUND = aiohttp.ClientTimeout(total=15, connect=5)
POLICY_LOOK = 1.0
"""Seconds between two looks at the policy file."""
FIRST_LOOK = timedelta(seconds=15)
"""How long a first start waits for Twilio's list of countries before it lets people in."""
HAND_OVER = 7.0
"""Seconds from SIGTERM until this process is the worker no more. Hosts kill after ten, and another process waits for the office."""
CONNECTED = "connected"
"""The key under which the database remembers that it was connected to both platforms once."""


@dataclass
class Running:
    app: App
    worker: Worker
    courier: Courier
    watch: Watch
    bolt: OnceApp
    socket: AsyncSocketModeHandler | None
    port: int | None


@contextlib.asynccontextmanager
async def running(config: Settings, policy: Policy) -> AsyncIterator[Running]:
    """The whole app, from the database to the open connection to Slack; everything is closed at the end.

    Raises CannotStart and storage's Unusable.
    """
    async with contextlib.AsyncExitStack() as stack:
        # taken before anything is done, and listened to when all is there
        listener = stack.enter_context(served.taken(config.port)) if config.port else None
        store = Store(config.database_url)
        stack.push_async_callback(store.close)
        store.take_lock()
        await prepare(store)
        await store.open_connections()
        username, secret = config.twilio_credentials
        twilio = await stack.enter_async_context(
            twilio_client.connect(
                config.twilio_account_sid,
                username,
                secret,
                config.twilio_base_url,
                proxy=config.twilio_proxy,
            )
        )
        metrics = _followers(config, stack)
        proxy = config.slack_proxy
        interactive, background = [
            await stack.enter_async_context(
                aiohttp.ClientSession(timeout=timeout, proxy=proxy, middlewares=(calls.watched,))
            )
            for timeout in (INTERACTIVE, BACKGROUND)
        ]
        token = config.slack_bot_token.get_secret_value()
        api = config.slack_api_url
        client = AsyncWebClient(token, api, session=interactive, proxy=proxy, retry_handlers=[])
        patient = AsyncWebClient(
            token,
            api,
            session=background,
            proxy=proxy,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=5)],
        )
        first_start = not await store.is_kept(CONNECTED)
        # the socket's address is asked for here: its handler repeats a refusal for ever, and hears no signal meanwhile
        asked: list[Awaitable[Any]] = [
            _of_slack(patient.auth_test(), BOT_TOKEN, config),
            _socket_url(patient, config),
        ]
        if first_start:
            asked.append(_check_credentials(twilio, config))
        us, url, *let_in = await all_of(*asked)
        workspace_id = us["team_id"]
        if any(let_in):
            await store.keep(workspace_id, CONNECTED, config.twilio_account_sid, now())

        people = People(store, patient, workspace_id, us.get("enterprise_id"))
        policy_file = PolicyFile(config.policy_file, policy, config.operators_channel)
        market = Market(twilio, store, workspace_id)
        app = App(
            config,
            store,
            twilio,
            people,
            market,
            policy_file.policy,
            workspace_id,
            background,
            Access(twilio, store, config, workspace_id),
            BundleMemory(store, workspace_id, config.twilio_account_sid),
        )
        authority = Authority(app, policy_file)
        watch = Watch(app)
        worker = Worker(app)
        courier = Courier(
            app,
            patient,
            picture=partial(card.picture, app=app),
            compose=partial(messages.compose, app=app),
            begun_again=partial(card.begun_again, app=app),
            delivered=(homes := Homes(app, patient, partial(home.view, app=app))).changed,
        )
        await people.load()
        await market.load()
        bolt = _bolt(config, client, app)

        worker.every(60, market.refresh)
        worker.every(60, authority.refresh)
        worker.every(1, watch.tick)
        worker.every(60, OwnedNumbers(app).tick)
        worker.every(1, partial(foreign.follow, app))
        worker.every(3600, partial(_sweep_out, store))
        worker.every(1, courier.tick)
        worker.every(PAUSE, homes.tick)
        worker.every(troubles.LOOK, courier.troubles.look_again)
        worker.every(access.LOOK, app.access.look)
        worker.every(3600, courier.forget_old)
        store.on_commit += [(Purchase, worker.kick), (Outgoing, courier.kick)]
        if config.test_clock and config.twilio_base_url:
            await stack.enter_async_context(clock.followed(config.twilio_base_url, background, store.tell))
        app.office = Office(store, *_duties_of_the_worker(app, worker, courier, watch))
        await app.office.start()
        stack.push_async_callback(app.office.stop)
        stack.push_async_callback(_one_after_another, app.finish, worker.stop, watch.stop, courier.stop)
        first = asyncio.gather(market.refresh(), authority.refresh(changed=True))
        for each in (authority.look_at_file, authority.follow_edit):
            watching = asyncio.create_task(_again_and_again(each, POLICY_LOOK, app))
            stack.push_async_callback(first_done, watching)
        stack.push_async_callback(first_done, first)
        if not market.countries():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(first), FIRST_LOOK.total_seconds())

        socket = None
        if not config.uses_http:
            assert config.slack_app_token is not None
            app_token = config.slack_app_token.get_secret_value()
            socket = AsyncSocketModeHandler(bolt, app_token, proxy=proxy, ping_interval=3)
            socket.client.wss_uri = url
            stack.push_async_callback(socket.close_async)
            await socket.connect_async()  # type: ignore[no-untyped-call]
        if listener is not None:
            figures = partial(metrics.text, app, watch) if metrics else None
            await stack.enter_async_context(served.open_on(listener, bolt, socket, app, watch, figures))
        log.info("Number Desk is ready (%s)", "HTTP" if config.uses_http else "Socket Mode")
        yield Running(app, worker, courier, watch, bolt, socket, config.port)


def _followers(config: Settings, stack: contextlib.AsyncExitStack) -> Any:
    """Whoever follows what is measured, loaded where a setting wants it; the metrics, where they do. Raises SettingsError."""
    metrics = None
    if config.metrics:
        from bot.metrics import Metrics

        stack.enter_context(measuring.followed_by(metrics := Metrics()))
    if config.otel_exporter_otlp_endpoint:
        try:
            from bot.traces import Traces
        except ModuleNotFoundError as error:
            why = f"needs the extra: install number-desk[traces] ({error.name} is missing)"
            raise SettingsError(Problem("OTEL_EXPORTER_OTLP_ENDPOINT", why)) from error
        headers = config.otel_exporter_otlp_headers
        traces = Traces(config.otel_exporter_otlp_endpoint, headers.get_secret_value() if headers else "")
        stack.push_async_callback(asyncio.to_thread, traces.close)
        stack.enter_context(measuring.followed_by(traces))
    return metrics


def _duties_of_the_worker(app: App, worker: Worker, courier: Courier, watch: Watch) -> tuple[Act, Act, Act]:
    """What begins when this process becomes the worker, what is cut off when it is none any more, and what the others do."""

    async def begin() -> None:
        await courier.start()
        await worker.start()

    async def lost() -> None:
        await worker.lost()
        await watch.stop(grace=0)
        await courier.stop(grace=0)

    async def reload() -> None:
        await app.people.load()
        await app.market.load()

    return begin, lost, reload


async def _one_after_another(*stops: Callable[[float], Awaitable[None]]) -> None:
    """Each ends in order while there is time; what is left then is cut off, and settled by whoever is the worker next."""
    until = monotonic() + HAND_OVER
    for stop in stops:
        await stop(max(0.0, until - monotonic()))


async def _sweep_out(store: Store) -> None:
    """What has outlived its stated life (docs/operations.md), a little at a time."""
    while await store.delete_old_drafts():
        pass
    await store.forget_homes()


async def _check_credentials(twilio: Client, config: Settings) -> bool:
    """Whether Twilio lets the app in; False while it does not answer. Raises Refused.

    At a first start only: later the app stays up, and goes on when Twilio lets it in again (rule 34).
    """
    try:
        await twilio.incoming_phone_numbers.list_async(limit=1)
    except TwilioError as error:
        row = of_twilio(error)
        if row.kind is Kind.PASSING:
            log.warning("Twilio does not answer at the moment: %s", error)
            return False
        names = refusals.TWILIO_SETTINGS if config.twilio_api_key else refusals.AUTH_TOKEN_SETTINGS
        raise Refused(Problem(names, f"Twilio does not let the app in ({error}: {row.when})")) from error
    return True


async def _socket_url(client: AsyncWebClient, config: Settings) -> str | None:
    """Where Slack's socket is; None where Slack delivers over HTTP. Raises Refused."""
    if config.slack_app_token is None:
        return None
    token = config.slack_app_token.get_secret_value()
    answer = await _of_slack(client.apps_connections_open(app_token=token), APP_TOKEN, config)
    return str(answer["url"])


async def _of_slack(call: Awaitable[Any], token: str, config: Settings) -> Any:
    """The answer. token: the setting that Slack looks at in this call. Raises Refused."""
    try:
        return await call
    except SLACK_FAILS as error:
        row = of_slack(error)
        if row.kind is not Kind.PASSING:
            raise Refused(
                Problem(token, f"Slack does not let the app in ({row.code}: {row.when})")
            ) from error
        way = (
            "HTTPS_PROXY" if config.slack_proxy else "SLACK_API_URL" if config.slack_api_url != SLACK else ""
        )
        why = (
            f"Slack cannot be reached at the moment ({type(error).__name__}, {row.code}); start the app again"
        )
        raise Refused(Problem(way, why)) from error


async def _again_and_again(work: Act, seconds: float, app: App) -> None:
    """What each process does for itself, whether it is the worker or not."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:
            await failures.tell(app, work.__qualname__, error)


async def first_done(first: "asyncio.Future[Any]") -> None:
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


def _bolt(config: Settings, client: AsyncWebClient, app: App) -> OnceApp:
    bolt = OnceApp(
        name="number-desk",  # else Bolt reads the source of everything on the stack to find one
        logger=logging.getLogger(
            "slack_bolt"
        ),  # else Bolt takes the root's level, and at DEBUG logs what people type
        client=client,
        signing_secret=config.slack_signing_secret.get_secret_value() if config.slack_signing_secret else "",
        process_before_response=True,
        request_verification_enabled=config.uses_http,
    )

    bolt.about = ref.about

    async def known(context: AsyncBoltContext, body: dict[str, Any], next_: Any) -> None:
        """What every listener may name: ``app``, and ``t`` in the language of the person."""
        context["app"] = app
        if context.user_id:
            app.people.acts(context.user_id, body)
        context["t"] = await app.people.texts(context.user_id or "")
        await next_()

    bolt.use(known)
    screen.add_to(bolt, command.received, home.opened)
    bolt.error(errors.shown)
    return bolt


def main() -> None:
    """``python -m bot``"""
    with in_plain_words():
        config, policy = both(settings.read, lambda: approval.read(settings.policy_file()))
        settings.clear()
        logs.start(config)
        asyncio.run(_until_told(config, policy))


async def _until_told(config: Settings, policy: Policy) -> None:
    """Until SIGTERM or SIGINT, which are heard during the start too, however long Slack or Twilio take."""
    told = asyncio.Event()
    up = False
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None

    def stop() -> None:
        if not up and not told.is_set():
            this.cancel()
        told.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
    try:
        async with running(config, policy):
            up = True
            await told.wait()
            log.info("Number Desk is stopping")
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        log.info("Number Desk was told to stop before it was ready")
