"""What admins and people do to a Slack workspace while an app runs in it, by control calls."""

from typing import Any

import aiohttp
import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.manifest import SlashCommand, is_on, slash_commands
from sandbox.slack.twin import SlackTwin
from tests.catalogue import ROOT
from tests.sandbox.test_slack_web_api import client, refusal, session, speaker, twin

__all__ = ["client", "session", "twin"]  # fixtures


async def control(
    session: aiohttp.ClientSession, twin: SlackTwin, method: str, path: str, body: Any = None
) -> Any:
    async with session.request(method, f"{twin.url}/twin/{path}", json=body) as answer:
        said = await answer.json()
        assert answer.status == 200, said
        return said


async def test_an_archived_channel_takes_no_message(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await control(session, twin, "POST", "channels/C0APPROVALS", {"is_archived": True})
    assert (await refusal(client.chat_postMessage(channel="C0APPROVALS", text="x")))["error"] == "is_archived"
    assert (await client.conversations_info(channel="C0APPROVALS"))["channel"]["is_archived"] is True
    await control(session, twin, "POST", "channels/C0APPROVALS", {"is_archived": False})
    await client.chat_postMessage(channel="C0APPROVALS", text="x")


async def test_an_app_that_was_taken_out_of_a_channel_may_not_post_there(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await control(session, twin, "POST", "channels/C0APPROVALS", {"remove": ["app"]})
    assert (await refusal(client.chat_postMessage(channel="C0APPROVALS", text="x")))[
        "error"
    ] == "not_in_channel"
    await control(session, twin, "POST", "channels/C0APPROVALS", {"is_private": True})
    refused = await refusal(client.chat_postMessage(channel="C0APPROVALS", text="x"))
    assert refused["error"] == "channel_not_found", "a private channel is not even there"
    await control(session, twin, "POST", "channels/C0APPROVALS", {"add": ["app"]})
    await client.chat_postMessage(channel="C0APPROVALS", text="x")


async def test_people_go_or_become_guests_or_belong_to_another_company(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    change = {"is_restricted": True, "team_id": "T0PARTNER", "locale": "ja-JP"}
    await control(session, twin, "POST", "people/U0APPROVER", change)
    shown = (await client.users_info(user="U0APPROVER", include_locale=True))["user"]
    assert (shown["is_restricted"], shown["team_id"], shown["locale"]) == (True, "T0PARTNER", "ja-JP")
    await control(session, twin, "POST", "people/U0APPROVER", {"deleted": True})
    assert (await client.users_info(user="U0APPROVER"))["user"]["deleted"] is True
    assert (await refusal(client.conversations_open(users="U0APPROVER")))["error"] == "user_disabled"


async def test_a_user_group_changes_and_is_disabled(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await control(session, twin, "POST", "usergroups/S0APPROVERS", {"users": ["U0OPERATOR"]})
    assert (await client.usergroups_users_list(usergroup="S0APPROVERS"))["users"] == ["U0OPERATOR"]
    await control(session, twin, "POST", "usergroups/S0APPROVERS", {"date_delete": 1795000000})
    assert (await refusal(client.usergroups_users_list(usergroup="S0APPROVERS")))[
        "error"
    ] == "no_such_subteam"
    assert (await client.usergroups_list())["usergroups"] == []


async def test_a_message_is_deleted_behind_the_apps_back(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel="C0APPROVALS", text="x"))["ts"]
    await control(session, twin, "DELETE", f"messages?channel=C0APPROVALS&ts={ts}")
    refused = await refusal(client.chat_update(channel="C0APPROVALS", ts=ts, text="y"))
    assert refused["error"] == "message_not_found"


@pytest.mark.parametrize(
    ("which", "token", "method"),
    [("bot", "xoxb-sandbox", "auth.test"), ("app", "xapp-sandbox", "apps.connections.open")],
)
async def test_a_token_is_revoked_and_restored(
    which: str, token: str, method: str, twin: SlackTwin, session: aiohttp.ClientSession
) -> None:
    caller = speaker(twin, session, token)
    await control(session, twin, "POST", "tokens", {"revoke": which})
    assert (await refusal(caller.api_call(method)))["error"] == "token_revoked"
    await control(session, twin, "POST", "tokens", {"restore": which})
    assert (await caller.api_call(method))["ok"]


async def test_a_fault_can_be_of_one_channel(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    order = {
        "method": "chat.postMessage",
        "channel": "C0BUNDLES",
        "times": 1,
        "fault": {"error": "fatal_error"},
    }
    await control(session, twin, "POST", "faults", order)
    await client.chat_postMessage(channel="C0APPROVALS", text="x")
    assert (await refusal(client.chat_postMessage(channel="C0BUNDLES", text="x")))["error"] == "fatal_error"


async def test_what_slack_takes_at_most_and_where_it_wants_a_channel(client: AsyncWebClient) -> None:
    refused = await refusal(client.conversations_members(channel="C0NUMBERS", limit=1000))
    assert refused["error"] == "invalid_limit"
    posted = await client.chat_postMessage(channel="U0REQUESTER", text="x")
    refused = await refusal(client.chat_update(channel="U0REQUESTER", ts=posted["ts"], text="y"))
    assert refused["error"] == "channel_not_found"
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="y")


@pytest.mark.parametrize(
    ("posting", "post", "reply"),
    [
        ("restricted", "restricted_action", "restricted_action"),
        ("read_only", "restricted_action_read_only_channel", "restricted_action_read_only_channel"),
        ("threads_only", "restricted_action_thread_only_channel", None),
        ("no_threads", None, "restricted_action_non_threadable_channel"),
        ("threads_locked", None, "restricted_action_thread_locked"),
    ],
)
async def test_admins_decide_what_may_be_posted_where(
    posting: str,
    post: str | None,
    reply: str | None,
    twin: SlackTwin,
    session: aiohttp.ClientSession,
    client: AsyncWebClient,
) -> None:
    ts = (await client.chat_postMessage(channel="C0APPROVALS", text="x"))["ts"]
    await control(session, twin, "POST", "channels/C0APPROVALS", {"posting": posting})
    for thread, error in ((None, post), (ts, reply)):
        for call in (
            client.chat_postMessage(channel="C0APPROVALS", text="x", thread_ts=thread),
            client.chat_postEphemeral(channel="C0APPROVALS", user="U0APPROVER", text="x", thread_ts=thread),
        ):
            if error is None:
                await call
            else:
                assert (await refusal(call))["error"] == error
    await client.chat_update(channel="C0APPROVALS", ts=ts, text="what stands there can still be changed")
    await control(session, twin, "POST", "channels/C0APPROVALS", {"posting": "everyone"})
    await client.chat_postMessage(channel="C0APPROVALS", text="x")


async def test_the_tabs_are_those_of_the_manifest_until_it_changes(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    tabs = yaml.safe_load((ROOT / "app-manifest.yml").read_text())["features"]["app_home"]
    assert twin.workspace.home_tab is is_on("home_tab_enabled") is tabs["home_tab_enabled"]
    assert twin.workspace.messages_tab is is_on("messages_tab_enabled") is tabs["messages_tab_enabled"]
    assert twin.workspace.messages_read_only is tabs["messages_tab_read_only_enabled"]
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    await control(session, twin, "POST", "app", {"home_tab": False, "messages_tab": False})
    refused = await refusal(client.views_publish(user_id="U0REQUESTER", view=home))
    assert refused["error"] == "not_enabled"
    channel = (await client.conversations_open(users="U0REQUESTER"))["channel"]["id"]
    for to in ("U0REQUESTER", channel):
        refused = await refusal(client.chat_postMessage(channel=to, text="x"))
        assert refused["error"] == "messages_tab_disabled"
    await client.chat_postMessage(channel="C0APPROVALS", text="x")
    await control(session, twin, "POST", "app", {"home_tab": True, "messages_tab": True})
    await client.views_publish(user_id="U0REQUESTER", view=home)
    await client.chat_postMessage(channel="U0REQUESTER", text="x")


async def test_a_workspace_without_a_plan_has_no_user_groups(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await control(session, twin, "POST", "team", {"has_usergroups": False})
    for call in (client.usergroups_list(), client.usergroups_users_list(usergroup="S0APPROVERS")):
        assert (await refusal(call))["error"] == "plan_upgrade_required"
    await control(session, twin, "POST", "team", {"has_usergroups": True})
    assert (await client.usergroups_list())["ok"]


async def test_a_message_can_be_too_old_to_be_edited(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel="C0APPROVALS", text="x"))["ts"]
    await control(session, twin, "POST", "team", {"edit_window": 0})
    refused = await refusal(client.chat_update(channel="C0APPROVALS", ts=ts, text="y"))
    assert refused["error"] == "edit_window_closed"
    await control(session, twin, "POST", "team", {"edit_window": None})
    await client.chat_update(channel="C0APPROVALS", ts=ts, text="y")


async def test_a_person_whom_the_app_cannot_see(
    twin: SlackTwin, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await control(session, twin, "POST", "people/U0APPROVER", {"is_visible": False})
    for call in (client.users_info(user="U0APPROVER"), client.conversations_open(users="U0APPROVER")):
        assert (await refusal(call))["error"] == "user_not_visible"
    assert "U0APPROVER" not in [each["id"] for each in (await client.users_list())["members"]]


def test_slash_commands_are_those_of_the_manifest() -> None:
    listed = yaml.safe_load((ROOT / "app-manifest.yml").read_text())["features"]["slash_commands"]
    assert slash_commands() == tuple(
        SlashCommand(each["command"], each["description"], each["usage_hint"]) for each in listed
    )


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ("[buy [country] | help]", ["buy", "help"]),
        ("[one | two x | ]", ["one", "two"]),
        ("[country]", []),
        ("", []),
    ],
)
def test_a_usage_hint_names_subcommands(hint: str, words: list[str]) -> None:
    assert SlashCommand("/x", "", hint).subcommands == words


async def test_people_write_to_the_app_only_where_its_manifest_lets_them(
    twin: SlackTwin, session: aiohttp.ClientSession
) -> None:
    said = {"user": "U0REQUESTER", "channel": "U0REQUESTER", "text": "hello"}
    for read_only, status in ((True, 400), (False, 200)):
        await control(session, twin, "POST", "app", {"messages_read_only": read_only})
        async with session.post(f"{twin.url}/twin/message", json=said) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("channels/C0APPROVALS", {"posting": "nobody"}),
        ("app", {"home_tab": "on"}),
        ("app", {"tabs": True}),
        ("team", {"edit_window": "long"}),
    ],
)
async def test_orders_that_make_no_sense(
    path: str, body: Any, twin: SlackTwin, session: aiohttp.ClientSession
) -> None:
    async with session.post(f"{twin.url}/twin/{path}", json=body) as answer:
        assert answer.status == 400 and (await answer.json())["error"]
