"""What admins and people do to a Slack workspace while an app runs in it, by control calls."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.twin import SlackTwin
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
