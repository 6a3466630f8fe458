"""The start as whoever runs it sees it: ``python -m bot`` as a process, which ends with a sentence that names the setting."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.proxy import closed_proxy
from tests.stories.process import AppProcess, Ended
from tests.stories.stage import Stage, asks
from tests.stories.stage import stage as set_stage

CREDENTIALS = "TWILIO_ACCOUNT_SID, TWILIO_API_KEY, TWILIO_API_SECRET"


def app_of(stage: Stage, folder: Path, **changed: str) -> AppProcess:
    return AppProcess({**stage.environment, **changed}, stage.slack, folder / "app.log")


class Deaf:
    """A platform that takes calls, and answers none but those it hears."""

    def __init__(self) -> None:
        self.hears: set[str] = set()
        self.asked = asyncio.Event()
        self.over = asyncio.Event()
        self.url = ""
        self.application = web.Application()
        self.application.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path.rpartition("/")[2] in self.hears:
            return web.json_response(
                {"ok": True, "team_id": "T0", "channel": {"is_member": True}, "url": f"{self.url}/socket"}
            )
        if "usergroups" not in request.path and "conversations" not in request.path:
            self.asked.set()
        await self.over.wait()
        return web.Response()


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Stage]:
    """Both twins, and a database that was never connected to them."""
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        stage.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/first.db"
        yield stage


def one_sentence(ended: Ended) -> str:
    assert ended.code != 0
    assert "Traceback" not in ended.said and len(ended.said.splitlines()) == 1, ended.said
    return ended.said


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"TWILIO_API_SECRET": "not-the-secret"}, CREDENTIALS),
        ({"TWILIO_API_KEY": "SK" + "9" * 32}, CREDENTIALS),
        ({"TWILIO_ACCOUNT_SID": "AC" + "9" * 32}, CREDENTIALS),
        (
            {"TWILIO_API_KEY": "", "TWILIO_API_SECRET": "", "TWILIO_AUTH_TOKEN": "not-the-token"},
            "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN",
        ),
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-wrong"}, "SLACK_APP_TOKEN"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "DATABASE_URL"),
    ],
    ids=["secret", "key", "account", "auth token", "bot token", "app token", "database"],
)
async def test_a_first_start_with_a_wrong_setting_ends_with_its_name(
    changed: dict[str, str], named: str, empty: Stage, tmp_path: Path
) -> None:
    ended = await app_of(empty, tmp_path, **changed).run()
    assert named in one_sentence(ended)
    assert [value for value in changed.values() if value and value in ended.said] == [], "no value is told"


@pytest.mark.parametrize(
    ("error", "named"),
    [("token_revoked", "SLACK_BOT_TOKEN"), ("account_inactive", "SLACK_BOT_TOKEN")],
)
async def test_what_slack_says_of_the_token_is_told(
    error: str, named: str, empty: Stage, tmp_path: Path
) -> None:
    await empty.slack.post("faults", method="auth.test", fault={"error": error})
    sentence = one_sentence(await app_of(empty, tmp_path).run())
    assert error in sentence and named in sentence


async def test_a_broken_slack_is_not_blamed_on_the_token(empty: Stage, tmp_path: Path) -> None:
    await empty.slack.post("faults", method="auth.test", fault={"status": 500})
    sentence = one_sentence(await app_of(empty, tmp_path).run())
    assert "cannot be reached" in sentence and "TOKEN" not in sentence


async def test_a_used_port_ends_the_start_with_its_name(empty: Stage, tmp_path: Path) -> None:
    with socket.socket() as used:
        used.bind(("0.0.0.0", 0))
        used.listen()
        port = str(used.getsockname()[1])
        assert f"PORT {port}" in one_sentence(await app_of(empty, tmp_path, PORT=port).run())


async def test_twilio_that_does_not_answer_at_a_first_start_ends_nothing(
    empty: Stage, tmp_path: Path
) -> None:
    await empty.twilio.post("faults", path="*/IncomingPhoneNumbers.json", times=5, fault={"status": 503})
    app = app_of(empty, tmp_path)
    await app.start()
    assert await app.stop() == 0


async def test_credentials_that_become_wrong_later_do_not_end_a_start(empty: Stage, tmp_path: Path) -> None:
    app = app_of(empty, tmp_path)
    await app.start()
    assert await app.stop() == 0
    later = app_of(empty, tmp_path, TWILIO_API_SECRET="wrong")
    await later.start()
    assert await later.stop() == 0


@pytest.fixture
async def deaf() -> AsyncIterator[Deaf]:
    made = Deaf()
    runner = web.AppRunner(made.application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.over.set()
    await runner.cleanup()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
@pytest.mark.parametrize("waits_for", ["auth.test", "apps.connections.open", "Twilio"])
async def test_the_start_can_be_stopped_while_it_waits(
    waits_for: str, told: signal.Signals, deaf: Deaf, empty: Stage, tmp_path: Path
) -> None:
    if waits_for == "Twilio":
        changed = {"TWILIO_BASE_URL": deaf.url}
    else:
        changed = {"SLACK_API_URL": f"{deaf.url}/api/"}
        deaf.hears = {"auth.test", "conversations.info"} - {waits_for}
    ended = await app_of(empty, tmp_path, **changed).run(told, when=deaf.asked)
    assert ended.code == 0 and "Traceback" not in ended.said


async def test_a_socket_that_never_opens_does_not_make_the_start_deaf(
    deaf: Deaf, empty: Stage, tmp_path: Path
) -> None:
    deaf.hears = {"auth.test", "conversations.info", "apps.connections.open"}
    app = app_of(empty, tmp_path, SLACK_API_URL=f"{deaf.url}/api/")
    assert (await app.run(signal.SIGTERM, when=deaf.asked)).code == 0


# what else stands in the environment


async def test_what_bolt_and_the_sdks_would_read_by_themselves_changes_nothing(
    empty: Stage, tmp_path: Path
) -> None:
    """With a client ID, Bolt would answer that the app is to be installed; with a proxy, Slack's SDK would go there."""
    nobody = "http://127.0.0.1:9"
    app = app_of(
        empty,
        tmp_path,
        SLACK_CLIENT_ID="1.2",
        SLACK_CLIENT_SECRET="x",
        SLACK_VERIFICATION_TOKEN="x",
        TWILIO_EDGE="sydney",
        TWILIO_REGION="au1",
        **{
            name: nobody
            for each in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
            for name in (each, each.lower())
        },
    )
    await app.start()
    await asks(empty.person("requester"))
    assert await app.stop() == 0


async def test_slack_is_reached_through_the_proxy(empty: Stage, tmp_path: Path) -> None:
    async with closed_proxy() as proxy:
        app = app_of(empty, tmp_path, SLACK_API_URL="", HTTPS_PROXY=proxy.url)
        assert "Slack cannot be reached" in one_sentence(await app.run())
    assert set(proxy.asked) == {"CONNECT slack.com:443 HTTP/1.1"}
