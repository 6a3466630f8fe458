"""``numberdesk doctor``: an installation that is well is said to be, and whatever is wrong is found, with what mends it.

Asked in this process, by the real SDKs of the twins, beside a running app or before it was ever started.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.doctor import examine, setup
from bot.doctor.probe import Finding, Mark
from bot.purchases import policy as approval
from bot.settings import Settings
from bot.starting import SettingsError
from bot.texts import Texts
from storage.store import Store
from tests.house.tree import ROOT
from tests.stories.stage import Stage, shown
from tests.stories.stage import stage as set_stage


@dataclass
class Desk:
    """An installation, as an operator changes it before the doctor looks."""

    stage: Stage
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """what else stands in the process's environment"""

    def sets(self, **settings: str) -> None:
        self.stage.environment |= settings

    def policy(self, text: str) -> None:
        file = self.folder / "policy.toml"
        file.write_text(text)
        self.sets(POLICY_FILE=str(file))

    async def slack(self, path: str, **body: Any) -> None:
        await self.stage.slack.post(path, **body)

    async def twilio(self, path: str, **body: Any) -> None:
        await self.stage.twilio.post(path, **body)

    async def look(self) -> list[Finding]:
        named = {name.lower(): value for name, value in self.stage.environment.items() if value}
        try:
            config = Settings(_env_file=None, **named)
        except SettingsError as error:
            return setup.unreadable(error)
        policy: Any
        try:
            policy = approval.read(config.policy_file)
        except SettingsError as error:
            policy = error
        return await examine.examine_from_outside(config, policy, self.environment)


def to_mend(findings: list[Finding]) -> dict[str, str]:
    """By what each is about; in words, with what mends it."""
    t = Texts("en")
    return {
        each.about: f"{t.plain(each.said)} {t.plain(each.mend) if each.mend else ''}"
        for each in findings
        if each.mark is Mark.MEND
    }


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Desk]:
    """Beside the running app."""
    async with set_stage(tmp_path) as stage:
        yield Desk(stage, tmp_path)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Before the app was ever started: there is no database yet."""
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        stage.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/first.db"
        yield Desk(stage, tmp_path)


# what is well


async def test_an_installation_that_is_well_has_nothing_to_mend(running: Desk) -> None:
    findings = await running.look()
    assert to_mend(findings) == {} and examine.is_well(findings)
    fine = {each.about for each in findings if each.mark is Mark.FINE}
    assert fine >= {
        "settings",
        "SLACK_BOT_TOKEN",
        "scopes",
        "SLACK_APP_TOKEN",
        "APPROVALS_CHANNEL",
        "BUNDLES_CHANNEL",
        "OPERATORS_CHANNEL",
        "POLICY_FILE",
        "TWILIO_ACCOUNT_SID, TWILIO_API_KEY, TWILIO_API_SECRET",
        "account",
        "balance",
        "DATABASE_URL",
        "clock",
    }


async def test_scopes_that_not_everybody_needs_may_be_refused(running: Desk) -> None:
    running.stage.slack_twin.workspace.scopes.remove("files:read")
    fine, advice = [each for each in await running.look() if each.about == "scopes"]
    assert (fine.mark, advice.mark) == (Mark.FINE, Mark.ADVICE)
    assert "files:read" in Texts("en").plain(advice.said)


async def test_it_is_well_before_the_first_start_and_looking_makes_no_database(desk: Desk) -> None:
    assert to_mend(await desk.look()) == {}
    assert not (desk.folder / "first.db").exists()


async def test_looking_posts_nothing_and_asks_twilio_for_nothing_but_reads(running: Desk) -> None:
    running.stage.slack_twin.calls.clear()
    await running.look()
    methods = {each["method"] for each in running.stage.slack_twin.calls}
    assert methods <= {
        "auth.test",
        "apps.connections.open",
        "conversations.info",
        "conversations.members",
        "usergroups.users.list",
        "users.info",
    }
    assert await running.stage.calls_to_twilio("POST") == []


async def test_with_a_public_address_that_leads_to_the_app_it_is_well(desk: Desk, port: int) -> None:
    await desk.stage.start_app(PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}")
    findings = await desk.look()
    assert to_mend(findings) == {}
    assert Mark.FINE in {each.mark for each in findings if each.about == "PUBLIC_URL"}


async def test_over_http_slacks_way_is_looked_at_too(desk: Desk, port: int) -> None:
    desk.stage.environment.pop("SLACK_APP_TOKEN")
    await desk.stage.start_app(
        PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}", SLACK_SIGNING_SECRET="shared"
    )
    assert to_mend(await desk.look()) == {}
    desk.sets(SLACK_SIGNING_SECRET="another")
    assert list(to_mend(await desk.look())) == ["SLACK_SIGNING_SECRET"]


# what is wrong: each is planted alone, and is found alone

Plant = Callable[[Desk], Awaitable[None]]
PLANTED: dict[str, tuple[str, str, Plant]] = {}
"""``{what is wrong: (what the finding is about, words of its mend, how it comes about)}``"""


def planted(what: str, about: str, mend: str) -> Callable[[Plant], Plant]:
    def register(plant: Plant) -> Plant:
        PLANTED[what] = (about, mend, plant)
        return plant

    return register


def setting(what: str, about: str, mend: str, **settings: str) -> None:
    async def plant(desk: Desk) -> None:
        desk.sets(**settings)

    planted(what, about, mend)(plant)


TWILIO = "TWILIO_ACCOUNT_SID, TWILIO_API_KEY, TWILIO_API_SECRET"

setting("a setting is missing", "BUNDLES_CHANNEL", "is missing", BUNDLES_CHANNEL="")
setting("a setting is malformed", "APPROVALS_CHANNEL", "About tab", APPROVALS_CHANNEL="#approvals")
setting("a wrong bot token", "SLACK_BOT_TOKEN", "api.slack.com/apps", SLACK_BOT_TOKEN="xoxb-wrong")
setting("a wrong app token", "SLACK_APP_TOKEN", "api.slack.com/apps", SLACK_APP_TOKEN="xapp-wrong")
setting("Slack out of reach", "SLACK_API_URL", "Look at SLACK_API_URL", SLACK_API_URL="http://127.0.0.1:9/")
setting("Twilio out of reach", "TWILIO_BASE_URL", "TWILIO_BASE_URL", TWILIO_BASE_URL="http://127.0.0.1:9")
setting("a wrong secret", TWILIO, "API keys & tokens", TWILIO_API_SECRET="wrong")
setting("a wrong auth token", "TWILIO_AUTH_TOKEN", "rotated", TWILIO_AUTH_TOKEN="wrong")
setting("a channel that is not there", "OPERATORS_CHANNEL", "Correct the id", OPERATORS_CHANNEL="C0NOSUCH")
setting("a public address without a port", "PUBLIC_URL", "Set both", PUBLIC_URL="https://desk.example")
setting("figures that nobody can read", "METRICS", "Set PORT", METRICS="true")
setting(
    "a database out of reach",
    "DATABASE_URL",
    "Look at DATABASE_URL",
    DATABASE_URL="postgresql://nobody@127.0.0.1:9/none",
)


@planted("the bot token was revoked", "SLACK_BOT_TOKEN", "installing the app again")
async def _(desk: Desk) -> None:
    await desk.slack("tokens", revoke="bot")


@planted("a scope is missing", "scopes", "app-manifest.yml")
async def _(desk: Desk) -> None:
    desk.stage.slack_twin.workspace.scopes.remove("im:write")


@planted("somebody else has the app token", "SLACK_APP_TOKEN", "Slack app of its own")
async def _(desk: Desk) -> None:
    await desk.stage.start_app()  # on a database that the one that is looked at knows nothing of
    desk.sets(DATABASE_URL=f"sqlite:///{desk.folder}/other.db")


@planted("the app is not in a channel", "APPROVALS_CHANNEL", "/invite")
async def _(desk: Desk) -> None:
    await desk.slack("channels/C0APPROVALS", remove=["U0NUMBERDESK"])


@planted("a channel is archived", "BUNDLES_CHANNEL", "Bring the channel back")
async def _(desk: Desk) -> None:
    await desk.slack("channels/C0BUNDLES", is_archived=True)


@planted("nobody is in the operators' channel", "OPERATORS_CHANNEL", "Bring people into OPERATORS_CHANNEL")
async def _(desk: Desk) -> None:
    await desk.slack("channels/C0OPERATORS", remove=["U0OPERATOR"])


@planted("there is no policy file", "POLICY_FILE", "policy.example.toml")
async def _(desk: Desk) -> None:
    desk.sets(POLICY_FILE=str(desk.folder / "none.toml"))


@planted("the policy names a group that is not there", "POLICY_FILE", "Correct the id in POLICY_FILE")
async def _(desk: Desk) -> None:
    desk.policy('[approve]\ngroups = ["S0NOSUCH"]\n')


@planted("the policy names a group where there are none", "POLICY_FILE", "Name people or a channel")
async def _(desk: Desk) -> None:
    desk.stage.slack_twin.workspace.has_usergroups = False


@planted("an approver has left", "POLICY_FILE", "Take U0APPROVER2 out")
async def _(desk: Desk) -> None:
    desk.policy('[approve]\npeople = ["U0APPROVER", "U0APPROVER2", "U0OPERATOR"]\n')
    await desk.slack("people/U0APPROVER2", deleted=True)


@planted("an approver is nobody", "POLICY_FILE", "Take U0NOBODY out")
async def _(desk: Desk) -> None:
    desk.policy('[approve]\npeople = ["U0APPROVER", "U0APPROVER2", "U0NOBODY"]\n')


@planted("an approver is an app", "POLICY_FILE", "Take U0ROBOT out")
async def _(desk: Desk) -> None:
    await desk.slack("people", id="U0ROBOT", name="Robot")
    await desk.slack("people/U0ROBOT", is_bot=True)
    desk.policy('[approve]\npeople = ["U0APPROVER", "U0APPROVER2", "U0ROBOT"]\n')


@planted("more approvals are wanted than people may give", "POLICY_FILE", "lower approvals")
async def _(desk: Desk) -> None:
    desk.policy('[approve]\ngroups = ["S0APPROVERS"]\napprovals = 3\n')


@planted("what an approver asks for can never be approved", "POLICY_FILE", "set own_request")
async def _(desk: Desk) -> None:
    desk.policy('[approve]\npeople = ["U0APPROVER"]\n')


@planted("a stage of a rule has nobody who is still there", "POLICY_FILE", "Name more people there")
async def _(desk: Desk) -> None:
    stages = '[[rule.stage]]\ngroups = ["S0APPROVERS"]\n[[rule.stage]]\nname = "Finance"\npeople = ["U0COMPLIANCE"]\n'
    desk.policy(f'[[rule]]\nname = "Tiers"\n{stages}[approve]\ngroups = ["S0APPROVERS"]\n')
    await desk.slack("people/U0COMPLIANCE", deleted=True)


@planted("the account is suspended", TWILIO, "see there whether the account is active")
async def _(desk: Desk) -> None:
    desk.stage.environment["TWILIO_AUTH_TOKEN"] = ""
    await desk.twilio("account", status="suspended")


@planted("the key may not see messaging services", "Services", "Give the restricted key this right")
async def _(desk: Desk) -> None:
    await desk.twilio("account", denied=["Services"])


@planted("the key may not see bundles", "Bundles", "Give the restricted key this right")
async def _(desk: Desk) -> None:
    await desk.twilio("account", denied=["RegulatoryCompliance/Bundles"])


@planted("the key may not see geo permissions", "GeoPermissions", "Give the restricted key this right")
async def _(desk: Desk) -> None:
    await desk.twilio("account", denied=["GeoPermissions"])


@planted("the balance is used up", "balance", "Top it up")
async def _(desk: Desk) -> None:
    await desk.twilio("account", balance="0.40")


@planted("the database is no database", "DATABASE_URL", "Look at DATABASE_URL")
async def _(desk: Desk) -> None:
    (desk.folder / "first.db").write_text("This is a letter, and by no means a database." * 20)


@planted("the database is at an older migration", "DATABASE_URL", "numberdesk migrate")
async def _(desk: Desk) -> None:
    store = Store(desk.stage.environment["DATABASE_URL"])
    async with store.engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        await connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0003')")
    await store.close()


@planted("the clock is wrong", "clock", "NTP")
async def _(desk: Desk) -> None:
    await desk.twilio("clock", forward=600)


@planted("the certificates are not there", "SSL_CERT_FILE", "Correct the path")
async def _(desk: Desk) -> None:
    desk.environment["SSL_CERT_FILE"] = str(desk.folder / "none.pem")


@pytest.mark.parametrize("what", PLANTED)
async def test_what_is_wrong_is_found_and_its_mend_is_named(what: str, desk: Desk) -> None:
    about, mend, plant = PLANTED[what]
    await plant(desk)
    findings = await desk.look()
    found = to_mend(findings)
    assert list(found) == [about], found
    assert mend in found[about]
    assert not examine.is_well(findings)
    told = " ".join(Texts(language).plain(each.said) for each in findings for language in ("en", "ja"))
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN"):
        secret = desk.stage.environment[name]
        assert not secret or secret == "wrong" or secret not in told, "no secret is told"


def test_at_least_as_many_are_planted_as_the_manual_says() -> None:
    assert len(PLANTED) >= 25


# the public address


async def test_a_public_address_that_leads_nowhere_is_no_fault_while_the_app_does_not_run(
    desk: Desk, port: int
) -> None:
    desk.sets(PORT=str(port), PUBLIC_URL="http://127.0.0.1:9")
    unseen = [each for each in await desk.look() if each.about == "PUBLIC_URL"]
    assert [each.mark for each in unseen] == [Mark.UNSEEN]
    await desk.stage.start_app()
    assert "PORT are right" in to_mend(await desk.look())["PUBLIC_URL"]


async def test_somebody_else_at_the_public_address_is_found(desk: Desk, port: int) -> None:
    async def welcome(_: web.Request) -> web.Response:
        return web.Response(text="Welcome to nginx!")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", welcome)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    desk.sets(PORT=str(port + 1), PUBLIC_URL=f"http://127.0.0.1:{port}")
    found = to_mend(await desk.look())
    await runner.cleanup()
    assert list(found) == ["PUBLIC_URL"] and "/twilio/bundles" in found["PUBLIC_URL"]


async def test_an_app_that_runs_with_another_auth_token_is_found(desk: Desk, port: int) -> None:
    right = desk.stage.environment["TWILIO_AUTH_TOKEN"]
    await desk.stage.start_app(
        PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}", TWILIO_AUTH_TOKEN="an-older-one"
    )
    desk.sets(TWILIO_AUTH_TOKEN=right)
    found = to_mend(await desk.look())
    assert list(found) == ["TWILIO_AUTH_TOKEN"] and "start it again" in found["TWILIO_AUTH_TOKEN"]


# what works, and is worth knowing


@pytest.mark.parametrize(
    ("environment", "settings", "about"),
    [
        ({"SLACK_CLIENT_ID": "1.2"}, {}, "SLACK_CLIENT_ID"),
        ({"TWILIO_EDGE": "sydney"}, {}, "TWILIO_EDGE"),
        ({"all_proxy": "socks5://proxy:1080"}, {}, "ALL_PROXY"),
        ({}, {"HTTPS_PROXY": "http://127.0.0.1:9"}, "HTTPS_PROXY"),
        ({}, {"BUNDLE_EMAIL": ""}, "BUNDLE_EMAIL"),
        ({}, {"TEST_CLOCK": "true"}, "TEST_CLOCK"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_works_and_is_worth_knowing_is_no_fault(
    environment: dict[str, str], settings: dict[str, str], about: str, desk: Desk
) -> None:
    desk.environment = environment
    desk.sets(**settings)
    findings = await desk.look()
    assert about in {each.about for each in findings if each.mark is Mark.ADVICE}
    assert to_mend(findings) == {}


async def test_a_key_that_may_not_see_the_account_is_no_fault(desk: Desk) -> None:
    desk.stage.environment["TWILIO_AUTH_TOKEN"] = ""
    await desk.twilio("account", key="restricted")
    findings = await desk.look()
    unseen = {each.about for each in findings if each.mark is Mark.UNSEEN}
    assert {"account", "balance"} <= unseen and to_mend(findings) == {}


@pytest.mark.parametrize(
    ("change", "about"), [({"type": "Trial"}, "account"), ({"balance": "-312.40"}, "balance")]
)
async def test_a_trial_and_an_invoiced_account_are_no_fault(
    change: dict[str, str], about: str, desk: Desk
) -> None:
    await desk.twilio("account", **change)
    findings = await desk.look()
    assert about in {each.about for each in findings} and to_mend(findings) == {}


# what the running app has found, and the others that ask the same


async def test_what_the_app_has_found_broken_is_said_by_all_who_ask(desk: Desk, port: int) -> None:
    await desk.stage.start_app(PORT=str(port))
    await desk.twilio("credentials", refuse=True)
    await desk.stage.app.access.look()
    await desk.twilio("credentials", refuse=False)
    assert "credentials" in to_mend(await desk.look())
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        assert answer.status == 503 and (await answer.json())["troubles"] == ["credentials"]


async def test_a_database_that_is_away_is_no_reason_to_end_the_process(desk: Desk, port: int) -> None:
    await desk.stage.start_app(PORT=str(port))
    async with desk.stage.store.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE troubles RENAME TO away")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as ready:
            assert ready.status == 503 and (await ready.json())["troubles"] == ["DATABASE_URL"]
        async with session.get(f"http://127.0.0.1:{port}/healthz") as health:
            assert health.status == 200
    async with desk.stage.store.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO troubles")


@pytest.mark.parametrize("method", ["usergroups.users.list", "users.info"])
async def test_what_slack_does_not_say_is_not_called_fine(method: str, desk: Desk) -> None:
    desk.policy('[approve]\ngroups = ["S0APPROVERS"]\npeople = ["U0OPERATOR", "U0COMPLIANCE"]\n')
    await desk.slack("faults", method=method, times=9, fault={"status": 500})
    findings = await desk.look()
    assert {each.mark for each in findings if each.about == "POLICY_FILE"} == {Mark.UNSEEN}
    assert to_mend(findings) == {}


async def test_the_command_tells_a_line_each_and_its_exit_code(desk: Desk) -> None:
    """As an operator runs it: a process of its own, whose libraries find what they would read by themselves."""

    async def run(*arguments: str, **environment: str) -> tuple[int, list[str]]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "doctor", *arguments),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **desk.stage.environment, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert err == b"", err.decode()
        return process.returncode or 0, out.decode().splitlines()

    code, lines = await run(SLACK_CLIENT_ID="1.2", HTTP_PROXY="http://127.0.0.1:9")
    assert code == 0, lines
    assert {line[0] for line in lines} <= set(Mark) - {Mark.MEND}
    assert any("SLACK_CLIENT_ID" in line and line[0] == Mark.ADVICE for line in lines)
    desk.policy('[approve]\ngroups = ["S0NOSUCH"]\n')
    code, lines = await run()
    assert code == 1 and [line[0] for line in lines].count(Mark.MEND) == 1
    code, lines = await run("--language", "ja", TWILIO_API_SECRET="wrong", POLICY_FILE="sandbox/policy.toml")
    (line,) = [each for each in lines if each[0] == Mark.MEND]
    assert code == 1 and "TWILIO_API_SECRET" in line and "ください" in line


# in Slack


async def test_an_operator_looks_from_slack_and_nobody_else_does(running: Desk) -> None:
    operator, requester = running.stage.person("operator"), running.stage.person("requester")
    await running.slack("channels/C0BUNDLES", is_archived=True)
    await operator.types("doctor")
    view = await operator.view("doctor")
    assert "is archived" in shown(view) and "Bring the channel back" in shown(view)
    refused = await requester.types("doctor")
    assert "Only the operators" in refused["shown"][0]["text"]
    for person, is_told in ((operator, True), (requester, False)):
        assert ("/twilio doctor" in (await person.types("help"))["shown"][0]["text"]) is is_told
