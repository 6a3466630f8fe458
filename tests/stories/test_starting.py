"""The start as whoever runs it sees it: ``python -m bot`` as a process, which ends with a line for each setting that is wrong."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import create_engine, make_url, text

from bot.settings import Settings
from sandbox.environment import settings as sandbox_settings
from storage.database import driver_url
from tests.ports import free_port
from tests.postgres import new_database
from tests.proxy import closed_proxy
from tests.stories.process import ROOT, AppProcess, Ended
from tests.stories.stage import Control, Stage, asks, migrated, until
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


def names(ended: Ended) -> list[str]:
    """The settings that its lines begin with; there is nothing but these lines."""
    assert ended.code == 1, ended.said
    assert "Traceback" not in ended.said and "pydantic" not in ended.said.lower(), ended.said
    lines = ended.said.splitlines()
    assert [line for line in lines if ": " not in line] == [], ended.said
    return sorted(line.partition(":")[0] for line in lines)


def one_sentence(ended: Ended) -> str:
    assert ended.code != 0
    assert "Traceback" not in ended.said and len(ended.said.splitlines()) == 1, ended.said
    return ended.said


async def alone(folder: Path, *, fresh: bool = False, **changed: str) -> Ended:
    """How it ends without Slack and Twilio, on an empty database."""
    nowhere = "http://127.0.0.1:9"
    environment = {
        **sandbox_settings(nowhere, nowhere),
        "DATABASE_URL": f"sqlite:///{folder}/first.db",
        **changed,
    }
    async with aiohttp.ClientSession() as session:
        app = AppProcess(environment, Control(nowhere, session), folder / "app.log", fresh=fresh)
        return await app.run()


# settings and policy: all at once

NOTHING = dict.fromkeys(sandbox_settings("", ""), "")
MALFORMED = {
    "SLACK_BOT_TOKEN": "xoxp-of-a-person",
    "SLACK_APP_TOKEN": "xoxb-not-app",
    "SLACK_API_URL": "slack",
    "PORT": "80000",
    "PUBLIC_URL": "desk.example.com/hooks",
    "TWILIO_ACCOUNT_SID": "SK0account",
    "TWILIO_API_KEY": "AC0key",
    "TWILIO_BASE_URL": "ftp://twilio",
    "DATABASE_URL": "mysql://user:pass-word@host/name",
    "APPROVALS_CHANNEL": "#approvals",
    "BUNDLES_CHANNEL": "bundles",
    "OPERATORS_CHANNEL": "U0OPERATOR",
    "CHANNEL_LANGUAGE": "fr",
    "BUNDLE_EMAIL": "compliance",
    "HTTPS_PROXY": "http://[proxy",
    "TEST_CLOCK": "maybe",
}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            NOTHING,
            [
                "APPROVALS_CHANNEL",
                "BUNDLES_CHANNEL",
                "OPERATORS_CHANNEL",
                "POLICY_FILE",
                "SLACK_APP_TOKEN",
                "SLACK_BOT_TOKEN",
                "TWILIO_ACCOUNT_SID",
                "TWILIO_API_KEY",
            ],
        ),
        ({**MALFORMED, "POLICY_FILE": "nowhere.toml"}, [*MALFORMED, "POLICY_FILE"]),
        (
            {"SLACK_BOT_TOKEN": "", "TWILIO_API_SECRET": "", "BUNDLES_CHANNEL": "#bundles"},
            ["SLACK_BOT_TOKEN", "TWILIO_API_SECRET", "BUNDLES_CHANNEL"],
        ),
        ({"PUBLIC_URL": "https://desk.example.com:port"}, ["PUBLIC_URL"]),
        ({"PUBLIC_URL": "https:///twilio"}, ["PUBLIC_URL"]),
        ({"PUBLIC_URL": "https://desk example.com"}, ["PUBLIC_URL"]),
        ({"DATABASE_URL": "postgresql://user:pass-word@host:port/name"}, ["DATABASE_URL"]),
        ({"POLICY_FILE": "sandbox"}, ["POLICY_FILE"]),
        ({"POLICY_FILE": "policy.example.toml"}, ["POLICY_FILE"]),
    ],
    ids=[
        "nothing is set",
        "everything is malformed",
        "some of each",
        "a port that is no number",
        "no host",
        "a space",
        "a database's port that is no number",
        "a folder in place of the policy",
        "the example's policy",
    ],
)
async def test_every_setting_that_is_missing_or_wrong_has_its_line(
    changed: dict[str, str], named: list[str], tmp_path: Path
) -> None:
    ended = await alone(tmp_path, fresh=True, **changed)
    assert names(ended) == sorted(named)
    assert "pass-word" not in ended.said


def test_whatever_may_be_missing_or_malformed_says_what_it_has_to_be() -> None:
    """Else an operator would read that it has to be None."""
    free = {"policy_file", "no_proxy", "slack_signing_secret", "twilio_api_secret", "twilio_auth_token"}
    assert {name for name, field in Settings.model_fields.items() if not field.description} == free


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        ('[approve]\ngroups = ["S012ABCDEF"]\npeople = ["U1", "U012ABCDEF"]\n', 2),
        ('[approve]\npeople = ["U0..."]\n[bundles]\ngroups = ["S0..."]\n', 2),
        ('[approve]\npeople = "U1"\napprovals = 0\nown_request = "perhaps"\n[ask]\nexcept = [3]\n', 4),
        ('[approve]\npeople = ["U1"]\neverybody = true\n[aks]\n', 2),
        ("[approve]\n", 1),
        ("approve = 3\n", 1),
        ("", 1),
        ("[approve", 1),
    ],
    ids=["example's ids", "dots", "kinds", "unknown", "nobody", "no section", "empty", "no TOML"],
)
async def test_each_mistake_in_the_policy_has_its_line(policy: str, lines: int, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    assert names(await alone(tmp_path, POLICY_FILE=str(file))) == ["POLICY_FILE"] * lines


async def test_a_policy_that_begins_with_a_byte_order_mark_is_read(empty: Stage, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(b'\xef\xbb\xbf[approve]\r\ngroups = ["S0APPROVERS"]\r\n')
    app = app_of(empty, tmp_path, POLICY_FILE=str(file))
    await app.start()
    assert await app.stop() == 0


# the database and the port


def unusable(kind: str, tmp_path: Path) -> str:
    """Its URL."""
    file = tmp_path / "that.db"
    if kind in ("no database", "no folder"):
        file.write_text("This is a letter, and by no means a database." * 20)
    else:
        file.write_bytes(migrated() if kind == "a newer version's" else b"")
        with contextlib.closing(sqlite3.connect(file)) as database:
            change = {
                "a newer version's": "UPDATE alembic_version SET version_num = '9999'",
                "somebody else's": "CREATE TABLE theirs (id INTEGER)",
            }[kind]
            database.execute(change)
            database.commit()
    return f"sqlite:///{file}/x.db" if kind == "no folder" else f"sqlite:///{file}"


@pytest.mark.parametrize("kind", ["no database", "no folder", "a newer version's", "somebody else's"])
async def test_a_database_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    assert names(await alone(tmp_path, DATABASE_URL=unusable(kind, tmp_path))) == ["DATABASE_URL"]


@pytest.mark.parametrize("kind", ["no database", "no folder", "a newer version's"])
async def test_what_brings_the_database_up_to_date_says_it_too(kind: str, tmp_path: Path) -> None:
    """``make run`` does that before the start."""
    migrating = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", "upgrade", "head"),
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": unusable(kind, tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await migrating.communicate()
    assert names(Ended(migrating.returncode or 0, said.decode())) == ["DATABASE_URL"]


async def test_an_older_number_desk_is_not_told_to_migrate_a_newer_database(tmp_path: Path) -> None:
    ended = await alone(tmp_path, DATABASE_URL=unusable("a newer version's", tmp_path))
    assert "a newer Number Desk" in ended.said and "numberdesk migrate" not in ended.said


async def test_a_database_in_which_no_table_can_be_made_is_named(tmp_path: Path, postgres: str) -> None:
    url = new_database(postgres)
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    engine.dispose()
    as_reader = make_url(url).set(username="reader").render_as_string(hide_password=False)
    ended = await alone(tmp_path, DATABASE_URL=as_reader)
    assert names(ended) == ["DATABASE_URL"] and "permission denied" in ended.said


async def test_a_used_port_ends_the_start_before_anything_is_done(tmp_path: Path) -> None:
    with socket.socket() as used:
        used.bind(("0.0.0.0", 0))
        used.listen()
        ended = await alone(tmp_path, PORT=str(used.getsockname()[1]))
    assert names(ended) == ["PORT"] and not (tmp_path / "first.db").exists()


# what the platforms refuse


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"TWILIO_API_SECRET": "not-the-secret"}, [CREDENTIALS]),
        ({"TWILIO_API_KEY": "SK" + "9" * 32}, [CREDENTIALS]),
        ({"TWILIO_ACCOUNT_SID": "AC" + "9" * 32}, [CREDENTIALS]),
        (
            {"TWILIO_API_KEY": "", "TWILIO_API_SECRET": "", "TWILIO_AUTH_TOKEN": "not-the-token"},
            ["TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN"],
        ),
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, ["SLACK_BOT_TOKEN"]),
        ({"SLACK_APP_TOKEN": "xapp-wrong"}, ["SLACK_APP_TOKEN"]),
        (
            {
                "SLACK_BOT_TOKEN": "xoxb-wrong",
                "SLACK_APP_TOKEN": "xapp-wrong",
                "TWILIO_API_SECRET": "wrong-one",
            },
            ["SLACK_APP_TOKEN", "SLACK_BOT_TOKEN", CREDENTIALS],
        ),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, ["DATABASE_URL"]),
    ],
    ids=["secret", "key", "account", "auth token", "bot token", "app token", "all", "database"],
)
async def test_a_first_start_with_a_wrong_setting_ends_with_its_name(
    changed: dict[str, str], named: list[str], empty: Stage, tmp_path: Path
) -> None:
    ended = await app_of(empty, tmp_path, **changed).run()
    assert names(ended) == named
    assert [value for value in changed.values() if value and value in ended.said] == [], "no value is told"


@pytest.mark.parametrize("setting", ["APPROVALS_CHANNEL", "BUNDLES_CHANNEL", "OPERATORS_CHANNEL"])
@pytest.mark.parametrize("channel", ["C0NOSUCH", "C0ELSEWHERE"])
async def test_with_a_channel_that_does_not_work_it_stays_up_and_says_so(
    setting: str, channel: str, empty: Stage, tmp_path: Path
) -> None:
    """One that does not exist, or that the app is not in: it may be invited at any time."""
    empty.slack_twin.workspace.add_channel("C0ELSEWHERE", "elsewhere", ["U0OPERATOR"], with_app=False)
    port = free_port()
    app = app_of(empty, tmp_path, PORT=str(port), **{setting: channel})
    await app.start()
    async with aiohttp.ClientSession() as session:

        async def answer() -> tuple[int, list[str]]:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as got:
                    return got.status, (await got.json()).get("troubles", [])
            return 0, []

        async def not_ready() -> bool:
            status, troubles = await answer()
            return status == 503 and setting in troubles

        await until(not_ready, "it is not ready, and says why")
    assert await app.stop() == 0
    said = (tmp_path / "app.log").read_text()
    assert len([line for line in said.splitlines() if setting in line]) == 1 and "Traceback" not in said


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
