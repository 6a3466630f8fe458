"""The Slack twin's Web API as Slack's own SDK meets it: what it answers, and what it refuses in which words."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.environment import settings
from sandbox.slack.rates import POSTS_AT_ONCE
from sandbox.slack.twin import SlackTwin
from tests.catalogue import ROOT

Json = dict[str, Any]


@pytest.fixture
async def twin() -> AsyncIterator[SlackTwin]:
    twin = SlackTwin(rate_limits=False)
    await twin.start()
    yield twin
    await twin.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(twin: SlackTwin, session: aiohttp.ClientSession) -> AsyncWebClient:
    return speaker(twin, session)


def speaker(twin: SlackTwin, session: aiohttp.ClientSession, token: str = "xoxb-sandbox") -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=f"{twin.url}/api/", session=session, team_id="T0SANDBOX")


async def refusal(call: Any) -> Json:
    with pytest.raises(SlackApiError) as raised:
        await call
    answer: Json = raised.value.response.data
    return answer


def section(text: str = "x") -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def modal(*blocks: Json, **more: Any) -> Json:
    title = {"type": "plain_text", "text": "Title"}
    return {"type": "modal", "title": title, "blocks": list(blocks) or [section()], **more}


# tokens, methods, arguments, scopes


async def test_tokens_are_checked(twin: SlackTwin, session: aiohttp.ClientSession) -> None:
    assert (await speaker(twin, session).auth_test())["bot_id"] == "B0NUMBERDESK"
    assert (await refusal(speaker(twin, session, "xoxb-other").auth_test()))["error"] == "invalid_auth"
    refused = await refusal(speaker(twin, session, "xapp-sandbox").auth_test())
    assert refused["error"] == "not_allowed_token_type"
    refused = await refusal(speaker(twin, session).apps_connections_open(app_token="xoxb-sandbox"))
    assert refused["error"] == "not_allowed_token_type"
    async with session.post(f"{twin.url}/api/auth.test") as answer:
        assert answer.status == 200 and (await answer.json())["error"] == "not_authed"
    opened = await speaker(twin, session, "xapp-sandbox").apps_connections_open(app_token="xapp-sandbox")
    assert opened["url"].startswith("ws://127.0.0.1:")


async def test_an_unknown_method_is_refused_and_remembered(
    twin: SlackTwin, client: AsyncWebClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await refusal(client.api_call("chat.shout")))["error"] == "unknown_method"
    assert [each["error"] for each in twin.refused] == ["unknown_method"]
    assert "chat.shout" in caplog.text


@pytest.mark.parametrize("way", ["json", "data", "params"])
async def test_arguments_come_as_json_form_or_query(
    twin: SlackTwin, session: aiohttp.ClientSession, way: str
) -> None:
    blocks: Any = [section("said")]
    args = {"channel": "C0NUMBERS", "text": "x", "team_id": "T0SANDBOX"}
    args["blocks"] = blocks if way == "json" else json.dumps(blocks)
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    async with session.post(f"{twin.url}/api/chat.postMessage", headers=headers, **{way: args}) as answer:
        assert (await answer.json())["ok"]
    assert twin.workspace.messages("C0NUMBERS")[0]["blocks"][0]["text"]["text"] == "said"


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[]", "json_not_object")])
async def test_a_body_that_is_no_object(
    twin: SlackTwin, session: aiohttp.ClientSession, body: str, error: str
) -> None:
    headers = {"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json"}
    async with session.post(f"{twin.url}/api/auth.test", headers=headers, data=body) as answer:
        assert (await answer.json())["error"] == error


async def test_a_scope_that_was_not_granted(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin(scopes=["chat:write", "commands"])
    await twin.start()
    client = speaker(twin, session)
    said = await refusal(client.usergroups_users_list(usergroup="S0APPROVERS"))
    assert (said["error"], said["needed"], said["provided"]) == (
        "missing_scope",
        "usergroups:read",
        "chat:write,commands",
    )
    await client.chat_postMessage(channel="C0NUMBERS", text="x")
    assert twin.scopes_used == {"usergroups:read", "chat:write"}
    await twin.stop()


@pytest.mark.parametrize(
    ("method", "args", "scope"),
    [
        ("conversations.info", {"channel": "D0REQUESTER"}, "im:read"),
        ("conversations.list", {"types": "im"}, "im:read"),
        ("conversations.open", {"users": "U0REQUESTER,U0APPROVER"}, "mpim:write"),
        ("files.getUploadURLExternal", {"filename": "a.pdf", "length": 3}, "files:write"),
    ],
)
async def test_what_the_manifest_does_not_ask_for(
    twin: SlackTwin, client: AsyncWebClient, method: str, args: Json, scope: str
) -> None:
    await client.conversations_open(users="U0REQUESTER")
    said = await refusal(client.api_call(method, params=args))
    assert (said["error"], said["needed"]) == ("missing_scope", scope)


async def test_the_default_scopes_hold_those_of_the_manifest() -> None:
    manifest = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    assert set(manifest["oauth_config"]["scopes"]["bot"]) <= set(SlackTwin().workspace.scopes)


# messages


async def test_a_message_is_echoed_as_slack_keeps_it(twin: SlackTwin, client: AsyncWebClient) -> None:
    metadata = {"event_type": "purchase", "event_payload": {"id": "1"}}
    made = await client.chat_postMessage(
        channel="C0NUMBERS", text="said", blocks=[section()], metadata=metadata
    )
    message = made["message"]
    assert message["ts"] == made["ts"] and message["bot_id"] == "B0NUMBERDESK"
    assert message["blocks"][0]["block_id"] and message["blocks"][0]["text"]["verbatim"] is False
    assert message["metadata"] == metadata
    reply = await client.chat_postMessage(channel="C0NUMBERS", text="reply", thread_ts=made["ts"])
    [parent] = twin.workspace.messages("C0NUMBERS")
    assert (parent["reply_count"], parent["thread_ts"]) == (1, made["ts"])
    assert [each["text"] for each in twin.workspace.messages("C0NUMBERS", thread_ts=made["ts"])] == [
        "said",
        "reply",
    ]
    link = await client.chat_getPermalink(channel="C0NUMBERS", message_ts=reply["ts"])
    assert f"thread_ts={made['ts']}" in link["permalink"]
    said = await refusal(client.chat_postMessage(channel="C0NUMBERS", text="x", thread_ts=reply["ts"]))
    assert said["error"] == "cannot_reply_to_message"


async def test_ts_rises_strictly(client: AsyncWebClient) -> None:
    made = await asyncio.gather(
        *(client.chat_postMessage(channel="C0NUMBERS", text=str(each)) for each in range(30))
    )
    stamps = [each["ts"] for each in made]
    assert len(set(stamps)) == 30 and sorted(stamps, key=float) == sorted(stamps)


async def test_an_update_keeps_what_it_does_not_name(twin: SlackTwin, client: AsyncWebClient) -> None:
    metadata = {"event_type": "purchase", "event_payload": {}}
    made = await client.chat_postMessage(
        channel="C0NUMBERS", text="one", blocks=[section("old")], metadata=metadata
    )
    await client.chat_update(channel="C0NUMBERS", ts=made["ts"], text="two", blocks=[section("new")])
    [message] = twin.workspace.messages("C0NUMBERS")
    assert (message["text"], message["metadata"]) == ("two", metadata)
    assert message["blocks"][0]["text"]["text"] == "new" and message["edited"]["user"] == "B0NUMBERDESK"
    await client.chat_update(channel="C0NUMBERS", ts=made["ts"], text="three", blocks=[], metadata={})
    [message] = twin.workspace.messages("C0NUMBERS")
    assert "blocks" not in message and "metadata" not in message
    calls = [each for each in twin.calls if each["method"] == "chat.postMessage"]
    assert calls[0]["answer"]["message"]["text"] == "one", "the record keeps what was answered then"


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0WITHOUT", "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": "C0SECRET", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0NUMBERS"}, "no_text"),
        ("chat.postMessage", {"channel": "C0NUMBERS", "blocks": "{"}, "invalid_blocks_format"),
        (
            "chat.postMessage",
            {"channel": "C0NUMBERS", "text": "x", "markdown_text": "y"},
            "markdown_text_conflict",
        ),
        (
            "chat.postMessage",
            {"channel": "C0NUMBERS", "text": "x", "metadata": {"event_type": "a"}},
            "invalid_metadata_schema",
        ),
        (
            "chat.postMessage",
            {"channel": "C0NUMBERS", "text": "x", "blocks": [section("x" * 2900)] * 5},
            "msg_blocks_too_long",
        ),
        ("chat.update", {"channel": "C0NUMBERS", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": "C0NUMBERS", "ts": "HERS", "text": "x"}, "cant_update_message"),
        ("chat.update", {"channel": "C0NUMBERS", "ts": "OWN", "text": "x" * 4001}, "msg_too_long"),
        ("chat.delete", {"channel": "C0NUMBERS", "ts": "HERS"}, "cant_delete_message"),
        (
            "chat.postEphemeral",
            {"channel": "C0OPERATORS", "user": "U0REQUESTER", "text": "x"},
            "user_not_in_channel",
        ),
        ("chat.getPermalink", {"channel": "C0NUMBERS", "message_ts": "1.1"}, "message_not_found"),
        ("conversations.info", {"channel": "C0SECRET"}, "channel_not_found"),
        ("conversations.members", {"channel": "C0NUMBERS", "cursor": "x"}, "invalid_cursor"),
        ("usergroups.users.list", {"usergroup": "S0NOBODY"}, "no_such_subteam"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("files.info", {"file": "F0NONE"}, "file_not_found"),
    ],
)
async def test_refusals(twin: SlackTwin, client: AsyncWebClient, method: str, args: Json, error: str) -> None:
    twin.workspace.add_channel("C0WITHOUT", "without", ["U0REQUESTER"], with_app=False)
    twin.workspace.add_channel("C0SECRET", "secret", ["U0REQUESTER"], with_app=False, is_private=True)
    hers = twin.workspace.add_message("C0NUMBERS", user="U0REQUESTER", text="hers")
    own = await client.chat_postMessage(channel="C0NUMBERS", text="own")
    known = {"HERS": hers["ts"], "OWN": own["ts"]}
    if "ts" in args:
        args = {**args, "ts": known.get(args["ts"], args["ts"])}
    assert (await refusal(client.api_call(method, json=args)))["error"] == error


async def test_a_long_text_is_cut(twin: SlackTwin, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="C0NUMBERS", text="x" * 40_001)
    assert len(twin.workspace.messages("C0NUMBERS")[0]["text"]) == 40_000


async def test_blocks_that_slack_refuses(twin: SlackTwin, client: AsyncWebClient) -> None:
    said = await refusal(client.chat_postMessage(channel="C0NUMBERS", text="x", blocks=[section()] * 51))
    reason = "no more than 50 items allowed [json-pointer:/blocks]"
    assert (said["error"], said["errors"]) == ("invalid_blocks", [reason])
    assert said["response_metadata"] == {"messages": [f"[ERROR] {reason}"]}
    [kept] = twin.refused
    assert (kept["method"], kept["error"], kept["messages"]) == (
        "chat.postMessage",
        "invalid_blocks",
        [reason],
    )


async def test_direct_messages(twin: SlackTwin, client: AsyncWebClient) -> None:
    first = await client.conversations_open(users="U0REQUESTER")
    again = await client.conversations_open(users=["U0REQUESTER"])
    assert first["channel"]["id"] == again["channel"]["id"]
    made = await client.chat_postMessage(channel="U0APPROVER", text="hello")
    assert made["channel"].startswith("D")
    assert [each["text"] for each in twin.workspace.messages("U0APPROVER")] == ["hello"]
    assert {first["channel"]["id"], made["channel"]} <= {
        each["id"] for each in twin.workspace.state()["channels"]
    }


async def test_an_ephemeral_message_is_one_persons(twin: SlackTwin, client: AsyncWebClient) -> None:
    made = await client.chat_postEphemeral(channel="C0NUMBERS", user="U0REQUESTER", text="only you")
    [seen] = twin.workspace.messages("C0NUMBERS", "U0REQUESTER")
    assert seen["ephemeral"] and seen["ts"] == made["message_ts"]
    assert twin.workspace.messages("C0NUMBERS", "U0APPROVER") == []
    said = await refusal(client.chat_update(channel="C0NUMBERS", ts=made["message_ts"], text="changed"))
    assert said["error"] == "message_not_found"


# views


async def test_a_trigger_works_once_and_for_three_seconds(twin: SlackTwin, client: AsyncWebClient) -> None:
    trigger = twin.workspace.new_trigger("U0REQUESTER")
    opened = await client.views_open(trigger_id=trigger, view=modal())
    view = opened["view"]
    assert view["id"] == view["root_view_id"] and view["previous_view_id"] is None
    assert (view["submit"], view["private_metadata"], view["team_id"]) == (None, "", "T0SANDBOX")
    again = client.views_open(trigger_id=trigger, view=modal())
    assert (await refusal(again))["error"] == "exchanged_trigger_id"
    late = twin.workspace.new_trigger("U0REQUESTER")
    twin.workspace.triggers[late].made_at -= 3.1
    assert (await refusal(client.views_open(trigger_id=late, view=modal())))["error"] == "expired_trigger_id"
    made_up = client.views_open(trigger_id="1.2.3", view=modal())
    assert (await refusal(made_up))["error"] == "invalid_trigger_id"


async def test_at_most_three_views_lie_on_each_other(twin: SlackTwin, client: AsyncWebClient) -> None:
    def trigger() -> str:
        newest = twin.workspace.newest("U0REQUESTER")
        return twin.workspace.new_trigger("U0REQUESTER", newest and newest["id"])

    outside = client.views_push(trigger_id=trigger(), view=modal())
    assert (await refusal(outside))["error"] == "invalid_trigger_id"
    root = (await client.views_open(trigger_id=trigger(), view=modal()))["view"]
    second = (await client.views_push(trigger_id=trigger(), view=modal()))["view"]
    third = (await client.views_push(trigger_id=trigger(), view=modal()))["view"]
    assert third["root_view_id"] == root["id"] and third["previous_view_id"] == second["id"]
    fourth = client.views_push(trigger_id=trigger(), view=modal())
    assert (await refusal(fourth))["error"] == "push_limit_reached"
    assert len(twin.workspace.views("U0REQUESTER")) == 3


async def test_updating_a_view(twin: SlackTwin, client: AsyncWebClient) -> None:
    trigger = twin.workspace.new_trigger("U0REQUESTER")
    opened = (await client.views_open(trigger_id=trigger, view=modal(external_id="e")))["view"]
    await client.views_update(external_id="e", view=modal(section("new"), external_id="e"))
    stale = client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal())
    assert (await refusal(stale))["error"] == "hash_conflict"
    gone = client.views_update(view_id="V0GONE", view=modal())
    assert (await refusal(gone))["error"] == "not_found"
    another = client.views_open(
        trigger_id=twin.workspace.new_trigger("U0APPROVER"), view=modal(external_id="e")
    )
    assert (await refusal(another))["error"] == "duplicate_external_id"


async def test_views_that_slack_refuses(twin: SlackTwin, client: AsyncWebClient) -> None:
    wide = modal(title={"type": "plain_text", "text": "x" * 25})
    trigger = twin.workspace.new_trigger("U0REQUESTER")
    said = await refusal(client.views_open(trigger_id=trigger, view=wide))
    assert said["error"] == "invalid_arguments"
    assert said["response_metadata"]["messages"] == [
        "[ERROR] failed to match all allowed schemas [json-pointer:/view]",
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
    ]
    large = modal(*[section("x" * 3000)] * 90)
    assert (await refusal(client.views_open(trigger_id=trigger, view=large)))["error"] == "view_too_large"
    await client.views_open(trigger_id=trigger, view=modal())
    assert [each["error"] for each in twin.refused] == ["invalid_arguments", "view_too_large"]


async def test_a_home_tab_is_published(twin: SlackTwin, client: AsyncWebClient) -> None:
    home = {"type": "home", "blocks": [section("home")]}
    twin.workspace.home_tab = True
    first = (await client.views_publish(user_id="U0REQUESTER", view=home))["view"]
    assert first["title"]["text"] == "View Title" and first["root_view_id"] == first["id"]
    second = (await client.views_publish(user_id="U0REQUESTER", view=home, hash=first["hash"]))["view"]
    assert second["id"] == first["id"]
    stale = client.views_publish(user_id="U0REQUESTER", view=home, hash=first["hash"])
    assert (await refusal(stale))["error"] == "hash_conflict"
    assert twin.workspace.home("U0REQUESTER") == second


async def test_blocks_validate_needs_no_token(twin: SlackTwin, session: aiohttp.ClientSession) -> None:
    async def ask(**args: Any) -> Json:
        data = {name: json.dumps(value) for name, value in args.items()}
        async with session.post(f"{twin.url}/api/blocks.validate", data=data) as answer:
            found: Json = await answer.json()
            return found

    assert await ask(blocks=[section()]) == {"ok": True}
    said = await ask(blocks=[{"type": "section"}])
    assert said["error"] == "invalid_blocks" and said["errors"][0]["pointer"] == "/blocks/0"
    assert (await ask(view={"type": "modal", "blocks": []}))["error"] == "invalid_view"
    assert (await ask(message={"blocks": [{}]}))["error"] == "invalid_message"
    assert (await ask())["error"] == "invalid_arguments"
    assert twin.refused == []


# people and places


async def test_people_groups_and_channels(client: AsyncWebClient) -> None:
    with_locale = await client.users_info(user="U0REQUESTERJA", include_locale=True)
    assert with_locale["user"]["locale"] == "ja-JP" and with_locale["user"]["tz"] == "Asia/Tokyo"
    assert "locale" not in (await client.users_info(user="U0REQUESTERJA"))["user"]
    assert "email" not in with_locale["user"]["profile"]
    assert len((await client.users_list())["members"]) == 9
    approvers = ["U0APPROVER", "U0APPROVER2"]
    assert (await client.usergroups_users_list(usergroup="S0APPROVERS"))["users"] == approvers
    assert "users" not in (await client.usergroups_list())["usergroups"][0]
    with_users = await client.usergroups_list(include_users=True)
    assert with_users["usergroups"][0]["users"] == approvers
    public = await client.conversations_list()
    assert {each["id"] for each in public["channels"]} == {"C0NUMBERS", "C0APPROVALS", "C0BUNDLES"}
    both = await client.conversations_list(types="public_channel,private_channel")
    assert len(both["channels"]) == 4
    assert (await client.conversations_info(channel="C0OPERATORS"))["channel"]["is_private"]


async def test_members_come_in_pages(client: AsyncWebClient) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        page = await client.conversations_members(channel="C0NUMBERS", limit=4, cursor=cursor)
        found += page["members"]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert len(found) == 9 and "U0NUMBERDESK" in found
    operators = await client.conversations_members(channel="C0OPERATORS")
    assert operators["members"] == ["U0OPERATOR", "U0NUMBERDESK"]
    assert "U0OUTSIDER" not in (await client.conversations_members(channel="C0APPROVALS"))["members"]


# files


async def test_a_file_needs_the_token_and_its_scope(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin()
    await twin.start()
    form = aiohttp.FormData({"user": "U0REQUESTER"})
    form.add_field("file", b"%PDF-1.4", filename="a b/ü.pdf", content_type="application/pdf")
    async with session.post(f"{twin.url}/twin/upload", data=form) as answer:
        file = await answer.json()
    assert (file["size"], file["filetype"], file["user"]) == (8, "pdf", "U0REQUESTER")
    client = speaker(twin, session)
    assert (await client.files_info(file=file["id"]))["file"]["name"] == file["name"]

    async def fetch(token: str) -> tuple[int, str, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with session.get(file["url_private_download"], headers=headers) as answer:
            return answer.status, answer.content_type, await answer.read()

    assert await fetch("xoxb-sandbox") == (200, "application/pdf", b"%PDF-1.4")
    for token in ("", "xoxb-other"):
        status, kind, body = await fetch(token)
        assert (status, kind) == (200, "text/html") and b"Sign in" in body
    twin.workspace.scopes.remove("files:read")
    assert (await fetch("xoxb-sandbox"))[1] == "text/html"
    assert "files:read" in twin.scopes_used
    await twin.stop()


async def upload(session: aiohttp.ClientSession, twin: SlackTwin, content: bytes = b"%PDF-1.4") -> Json:
    form = aiohttp.FormData({"user": "U0REQUESTER"})
    form.add_field("file", io.BytesIO(content), filename="a.pdf", content_type="application/pdf")
    async with session.post(f"{twin.url}/twin/upload", data=form) as answer:
        return dict(await answer.json(), status=answer.status)


async def test_fetching_a_file_can_fail_in_every_way(twin: SlackTwin, session: aiohttp.ClientSession) -> None:
    file = await upload(session, twin)

    async def fetch(fault: Any) -> tuple[int, str]:
        async with session.post(
            f"{twin.url}/twin/faults", json={"method": "files.download", "fault": fault}
        ) as planned:
            assert planned.status == 200
        headers = {"Authorization": "Bearer xoxb-sandbox"}
        url = file["url_private_download"]
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.content_type

    assert await fetch({"error": "sign_in"}) == (200, "text/html")
    assert (await fetch({"status": 302}))[0] == 302
    assert (await fetch({"status": 500}))[0] == 500
    began = time.monotonic()
    assert await fetch({"delay": 0.2}) == (200, "application/pdf") and time.monotonic() - began > 0.2
    assert await fetch("cut_after") == (200, "application/pdf"), "aiohttp asks once more on a new connection"
    fetched = [each for each in twin.calls if each.get("method") == "files.download"]
    assert [each["answer"]["status"] for each in fetched] == [200, 302, 500, 200, 200, 200]
    assert {each["arguments"]["file"] for each in fetched} == {file["id"]}
    assert [each["error"] for each in fetched[-2:]] == ["cut_after", None]


async def test_a_file_in_a_modal_is_at_most_10_mb(twin: SlackTwin, session: aiohttp.ClientSession) -> None:
    refused = await upload(session, twin, b"%PDF-1.4" + bytes(10 * 2**20))
    assert refused["status"] == 400 and "larger than 10 MB" in refused["error"]
    assert twin.workspace.files == {}


async def test_the_app_uploads_a_file(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin(scopes=["files:write", "chat:write"])
    await twin.start()
    client = speaker(twin, session)
    await client.files_upload_v2(
        channel="C0NUMBERS", filename="qr.png", content=b"\x89PNG", initial_comment="Scan it"
    )
    [message] = twin.workspace.messages("C0NUMBERS")
    assert (message["text"], message["files"][0]["name"]) == ("Scan it", "qr.png")
    assert twin.workspace.contents[message["files"][0]["id"]] == b"\x89PNG"
    await twin.stop()


# limits and faults


async def test_about_one_message_a_second_and_channel(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin()
    await twin.start()
    client = speaker(twin, session)
    direct = (await client.conversations_open(users="U0REQUESTER"))["channel"]["id"]
    for each in range(POSTS_AT_ONCE):
        await client.chat_postMessage(channel=direct if each % 2 else "U0REQUESTER", text="x")
    with pytest.raises(SlackApiError) as raised:
        await client.chat_postMessage(channel=direct, text="x")
    response = raised.value.response
    assert response.status_code == 429 and response["error"] == "ratelimited"
    assert int(response.headers["Retry-After"]) >= 1
    await client.chat_postMessage(channel="C0NUMBERS", text="another channel")
    await twin.stop()


async def test_updates_have_a_limit_of_their_own(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin()
    await twin.start()
    client = speaker(twin, session)
    ts = (await client.chat_postMessage(channel="C0NUMBERS", text="x"))["ts"]
    for _ in range(50):
        await client.chat_update(channel="C0NUMBERS", ts=ts, text="y")
    assert (await refusal(client.chat_update(channel="C0NUMBERS", ts=ts, text="z")))["error"] == "ratelimited"
    await client.chat_postEphemeral(channel="C0NUMBERS", user="U0REQUESTER", text="x")
    await twin.stop()


async def plan(twin: SlackTwin, session: aiohttp.ClientSession, **body: Any) -> int:
    async with session.post(f"{twin.url}/twin/faults", json=body) as answer:
        return answer.status


async def test_planned_faults(
    twin: SlackTwin, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    await plan(twin, session, method="chat.*", times=2, fault={"error": "channel_not_found"})
    for _ in range(2):
        said = await refusal(client.chat_postMessage(channel="C0NUMBERS", text="x"))
        assert said["error"] == "channel_not_found"
    await plan(twin, session, method="auth.test", fault={"status": 429, "retry_after": 7})
    with pytest.raises(SlackApiError) as raised:
        await client.auth_test()
    assert raised.value.response.headers["Retry-After"] == "7"
    await plan(twin, session, method="auth.test", fault={"status": 500})
    with pytest.raises(SlackApiError) as raised:
        await client.auth_test()
    assert raised.value.response.status_code == 500
    await plan(twin, session, method="auth.test", fault={"delay": 0.2})
    began = time.monotonic()
    await client.auth_test()
    assert time.monotonic() - began >= 0.2
    await plan(twin, session, method="auth.test", times=9, fault={"status": 500})
    async with session.delete(f"{twin.url}/twin/faults") as answer:
        assert answer.status == 200
    await client.auth_test()
    for wrong in ({}, {"fault": "flood"}, {"deliver": "never"}, {"fault": {"status": None}}, {"times": 0}):
        assert await plan(twin, session, **wrong) == 400


@pytest.mark.parametrize(("fault", "done"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_connection_that_is_cut(
    twin: SlackTwin, session: aiohttp.ClientSession, fault: str, done: int
) -> None:
    client = AsyncWebClient(
        token="xoxb-sandbox", base_url=f"{twin.url}/api/", session=session, retry_handlers=[]
    )
    await plan(twin, session, method="chat.postMessage", fault=fault)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C0NUMBERS", text="x")
    assert len(twin.workspace.messages("C0NUMBERS")) == done
    await client.chat_postMessage(channel="C0NUMBERS", text="y")


async def test_a_call_is_done_though_the_caller_gives_up(
    twin: SlackTwin, session: aiohttp.ClientSession
) -> None:
    await plan(twin, session, method="chat.postMessage", fault={"delay": 0.3})
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    with pytest.raises(TimeoutError):
        await session.post(
            f"{twin.url}/api/chat.postMessage",
            json={"channel": "C0NUMBERS", "text": "x"},
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=0.1),
        )
    await asyncio.sleep(0.4)
    assert len(twin.workspace.messages("C0NUMBERS")) == 1


async def test_every_call_is_recorded(
    twin: SlackTwin, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    await client.auth_test()
    since = time.time()
    await refusal(client.users_info(user="U0NOBODY"))
    async with session.get(f"{twin.url}/twin/calls", params={"since": str(since)}) as answer:
        [call] = await answer.json()
    assert (call["method"], call["error"]) == ("users.info", "user_not_found")
    assert call["arguments"]["user"] == "U0NOBODY" and call["milliseconds"] >= 0
    assert "xoxb" not in json.dumps(twin.calls), "tokens are no arguments"


# the sandbox's own settings


def test_the_settings_and_the_policy_name_what_the_workspace_has() -> None:
    given = settings("http://127.0.0.1:3001", "http://127.0.0.1:3002")
    state = SlackTwin().workspace.state()
    channels = {each["id"] for each in state["channels"]}
    assert {value for name, value in given.items() if name.endswith("_CHANNEL")} <= channels
    assert given["SLACK_API_URL"] == "http://127.0.0.1:3001/api/"
    assert all(value and not set(value) & set(" '\"#") for value in given.values())
    policy = (Path(ROOT) / given["POLICY_FILE"]).read_text()
    ids = {each["id"] for kind in ("people", "channels", "usergroups") for each in state[kind]}
    named = {word for word in policy.replace('"', " ").split() if word[:2] in ("C0", "U0", "S0")}
    assert named and named <= ids


async def test_a_port_in_use_is_an_os_error() -> None:
    first, second = SlackTwin(), SlackTwin()
    await first.start()
    with pytest.raises(OSError):
        await second.start(int(first.url.rpartition(":")[2]))
    await second.stop()
    await first.stop()
