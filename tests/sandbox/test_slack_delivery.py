"""How the Slack twin reaches an app: over websockets and over HTTP, late, twice, in vain, and again."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.signed_http import encoded, signature
from sandbox.slack.twin import SlackTwin
from tests.stories.stage import until

Json = dict[str, Any]

SECRET = "demo-signing-secret"


@pytest.fixture
async def twin() -> AsyncIterator[SlackTwin]:
    scopes = ["app_mentions:read", "chat:write", "commands"]
    twin = SlackTwin(rate_limits=False, scopes=scopes, events=("app_mention",))
    await twin.start()
    yield twin
    await twin.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Wire:
    """What a test does to the twin: control calls, and websockets of its own."""

    def __init__(self, twin: SlackTwin, session: aiohttp.ClientSession) -> None:
        self.twin = twin
        self.session = session

    async def post(self, path: str, /, **body: Any) -> Any:
        async with self.session.post(f"{self.twin.url}/twin/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def command(self, user: str = "U0REQUESTER", text: str = "") -> Any:
        return await self.post("command", user=user, channel="C0NUMBERS", command="/twilio", text=text)

    async def address(self) -> str:
        headers = {"Authorization": "Bearer xapp-sandbox"}
        async with self.session.post(f"{self.twin.url}/api/apps.connections.open", headers=headers) as answer:
            return str((await answer.json())["url"])

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        socket = await self.session.ws_connect(await self.address())
        assert (await socket.receive_json())["type"] == "hello"
        return socket


@pytest.fixture
def wire(twin: SlackTwin, session: aiohttp.ClientSession) -> Wire:
    return Wire(twin, session)


async def acknowledge(socket: aiohttp.ClientWebSocketResponse, payload: Any = None) -> Json:
    envelope: Json = await socket.receive_json()
    answer = {"envelope_id": envelope["envelope_id"]}
    await socket.send_json(answer if payload is None else {**answer, "payload": payload})
    return envelope


# Socket Mode


async def test_an_address_of_a_websocket_works_once(wire: Wire) -> None:
    address = await wire.address()
    socket = await wire.session.ws_connect(address)
    hello = await socket.receive_json()
    assert hello["num_connections"] == 1 and hello["connection_info"] == {"app_id": "A0NUMBERDESK"}
    for wrong in (address, address.replace("ticket=", "ticket=x")):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await wire.session.ws_connect(wrong)
    await socket.close()
    await until(lambda: wire.twin.workspace.connections == 0, "it is counted no more")


async def test_an_envelope_and_its_acknowledgement(wire: Wire) -> None:
    socket = await wire.connect()
    asked = asyncio.create_task(wire.command(text="help"))
    envelope = await acknowledge(socket, {"text": "Here is help"})
    assert set(envelope) == {"envelope_id", "type", "payload", "accepts_response_payload"}
    assert (envelope["type"], envelope["payload"]["text"]) == ("slash_commands", "help")
    answer = await asked
    assert answer["ok"] and answer["shown"][0]["text"] == "Here is help"
    [delivery] = [each for each in wire.twin.calls if "delivery" in each]
    assert (delivery["delivery"], delivery["error"]) == ("slash_commands", None)
    assert 0 < delivery["milliseconds"] < 1000
    await socket.send_str("no json")
    await socket.send_str('"neither"')
    asked = asyncio.create_task(wire.command())
    await acknowledge(socket)
    assert (await asked)["ok"], "nonsense does not end a connection"
    await socket.close()


async def test_each_payload_goes_to_one_connection_in_turn(wire: Wire) -> None:
    sockets = [await wire.connect(), await wire.connect()]
    got: list[int] = []

    async def serve(number: int) -> None:
        while True:
            await acknowledge(sockets[number])
            got.append(number)

    served = [asyncio.create_task(serve(each)) for each in (0, 1)]
    for _ in range(4):
        assert (await wire.command())["ok"]
    assert sorted(got) == [0, 0, 1, 1]
    for each in served:
        each.cancel()
    await sockets[0].close()
    await until(lambda: wire.twin.workspace.connections == 1, "one is left")
    asked = asyncio.create_task(wire.command())
    await acknowledge(sockets[1])
    assert (await asked)["ok"]
    await sockets[1].close()


async def test_at_most_ten_connections(wire: Wire) -> None:
    sockets = [await wire.connect() for _ in range(10)]
    eleventh = await wire.session.ws_connect(await wire.address())
    said = await eleventh.receive_json()
    assert (said["type"], said["reason"], said["num_connections"]) == (
        "disconnect",
        "too_many_websockets",
        11,
    )
    for each in (*sockets, eleventh):
        await each.close()


async def test_nobody_connected(wire: Wire) -> None:
    assert await wire.command() == {"ok": False, "error": "dispatch_failed", "shown": [], "view": None}


async def test_three_seconds_to_acknowledge(wire: Wire) -> None:
    socket = await wire.connect()
    began = time.monotonic()
    answer = await wire.command()
    assert (answer["ok"], answer["error"]) == (False, "operation_timeout")
    assert time.monotonic() - began > 2.9
    envelope = await socket.receive_json()
    await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "too late"}})
    await asyncio.sleep(0.05)
    assert wire.twin.workspace.messages("C0NUMBERS", "U0REQUESTER") == []
    await socket.close()


async def test_a_late_delivery_comes_when_nobody_waits(wire: Wire) -> None:
    socket = await wire.connect()
    await wire.post("faults", deliver="late")
    answer = await wire.command(text="late")
    assert answer["error"] == "operation_timeout"
    envelope = await acknowledge(socket)
    assert envelope["payload"]["text"] == "late"
    await until(lambda: [each for each in wire.twin.calls if each.get("late")], "it is recorded")
    await socket.close()


async def test_a_delivery_comes_twice(wire: Wire) -> None:
    socket = await wire.connect()
    await wire.post("faults", deliver="twice")
    asked = asyncio.create_task(wire.command())
    first, second = await acknowledge(socket), await acknowledge(socket)
    assert first == second and (await asked)["ok"]
    await socket.close()


async def test_slack_renews_the_connection(wire: Wire) -> None:
    """As the SDK meets it: a new connection is opened, and the payload goes there."""
    app = AsyncApp(client=AsyncWebClient(token="xoxb-sandbox", base_url=f"{wire.twin.url}/api/"))

    async def help_(ack: Any) -> None:
        await ack("Here is help")

    app.command("/twilio")(help_)
    handler = AsyncSocketModeHandler(app, "xapp-sandbox", ping_interval=0.1)
    await handler.connect_async()
    await until(lambda: wire.twin.workspace.connections == 1, "it is connected")
    for _ in range(3):
        await wire.post("faults", deliver="disconnect")
        answer = await wire.command()
        assert answer["ok"] and answer["shown"][0]["text"] == "Here is help"
    await asyncio.sleep(0.5)
    assert (await wire.command())["ok"], "its pings were answered"
    opened = [each for each in wire.twin.calls if each.get("method") == "apps.connections.open"]
    assert len(opened) == 4 and wire.twin.workspace.connections == 1
    await handler.close_async()


async def test_an_event_comes_again_until_it_is_acknowledged(wire: Wire) -> None:
    wire.twin.delivery.event_retries = (0, 0.01, 0.01)
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="help")

    def attempts() -> list[Json]:
        return [each for each in wire.twin.calls if each.get("delivery") == "events_api"]

    await until(lambda: len(attempts()) == 4, "nobody is connected: a first attempt and three more")
    assert [each["retry"] for each in attempts()] == [0, 1, 2, 3]
    wire.twin.delivery.event_retries = (0.05,)
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="again")
    socket = await wire.connect()
    envelope = await acknowledge(socket)
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (1, "connection_failed")
    assert envelope["accepts_response_payload"] is False
    event = envelope["payload"]
    assert event["type"] == "event_callback" and event["event"]["type"] == "app_mention"
    assert event["event"]["text"] == "<@U0NUMBERDESK> again" and event["event_id"].startswith("Ev")
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="third")
    assert (await acknowledge(socket))["retry_attempt"] == 0
    assert wire.twin.scopes_used == {"app_mentions:read"}
    await socket.close()


async def test_no_event_without_its_scope(session: aiohttp.ClientSession) -> None:
    twin = SlackTwin(events=("app_mention",))
    await twin.start()
    await Wire(twin, session).post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="help")
    await asyncio.sleep(0.02)
    assert [each for each in twin.calls if "delivery" in each] == []
    await twin.stop()


# HTTP


class Server:
    """A request URL; ``answer`` is what it does."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], str]] = []
        self.answer: Callable[[], Awaitable[web.Response]] = self.nothing

    async def nothing(self) -> web.Response:
        return web.Response()

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.text()))
        return await self.answer()

    def answers(self, **response: Any) -> None:
        async def answer() -> web.Response:
            return web.Response(**response)

        self.answer = answer


async def served(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def server(wire: Wire) -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/slack/events", server.handle)
    runner, url = await served(app)
    await wire.post("http", request_url=f"{url}/slack/events", signing_secret=SECRET)
    yield server
    await runner.cleanup()


def test_the_signature_is_slacks() -> None:
    """The vector of Slack's contract."""
    body, kind = encoded("slash_commands", {"token": "a", "command": "/twilio", "text": "help"})
    assert (body, kind) == ("token=a&command=%2Ftwilio&text=help", "application/x-www-form-urlencoded")
    assert signature(SECRET, body, 1761208800) == {
        "X-Slack-Request-Timestamp": "1761208800",
        "X-Slack-Signature": "v0=53c4beb9638ee6196d38db9412621cd90984953a8ed5a14d09fa9a081d8284c7",
    }


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"status": 500}, "http_status_500"),
        ({"status": 404}, "http_status_404"),
        ({"text": "{", "content_type": "application/json"}, "invalid_command_response"),
    ],
)
async def test_what_is_no_acknowledgement(wire: Wire, server: Server, response: Json, error: str) -> None:
    server.answers(**response)
    answer = await wire.command()
    assert (answer["ok"], answer["error"]) == (False, error)


async def test_answers_over_http(wire: Wire, server: Server) -> None:
    assert (await wire.command())["shown"] == []
    server.answers(text="Here is help")
    assert (await wire.command())["shown"][0]["text"] == "Here is help"
    server.answers(text=json.dumps({"text": "In JSON"}), content_type="application/json")
    assert (await wire.command())["shown"][0]["text"] == "In JSON"
    await wire.post("faults", deliver="twice")
    before = len(server.got)
    assert (await wire.command())["ok"]
    await until(lambda: len(server.got) == before + 2, "it comes twice")


async def test_three_seconds_over_http(wire: Wire, server: Server) -> None:
    async def slow() -> web.Response:
        await asyncio.sleep(3.2)
        return web.Response()

    server.answer = slow
    assert (await wire.command())["error"] == "operation_timeout"


async def test_events_over_http_name_their_retry(wire: Wire, server: Server) -> None:
    wire.twin.delivery.event_retries = (0, 0.01, 0.01)
    server.answers(status=500)
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="help")
    await until(lambda: len(server.got) == 4, "it is tried four times")
    numbers = [
        (headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason")) for headers, _ in server.got
    ]
    assert numbers == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert len({json.loads(body)["event_id"] for _, body in server.got}) == 1
    server.got.clear()
    server.answers(status=500, headers={"X-Slack-No-Retry": "1"})
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="help")
    await asyncio.sleep(0.1)
    assert len(server.got) == 1


async def test_nobody_at_the_request_url(wire: Wire, server: Server) -> None:
    await wire.post("http", request_url="http://127.0.0.1:9/slack/events", signing_secret=SECRET)
    assert (await wire.command())["error"] == "dispatch_failed"
    await wire.post("http", request_url=None)
    assert (await wire.command())["error"] == "dispatch_failed", "back to websockets, and nobody is there"


async def test_a_bolt_app_over_http(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    client = AsyncWebClient(token="xoxb-sandbox", base_url=f"{wire.twin.url}/api/", session=wire.session)
    bolt = AsyncApp(client=client, signing_secret=SECRET, process_before_response=True)
    title = {"type": "plain_text", "text": "Title"}
    element = {"type": "plain_text_input", "action_id": "name"}
    block = {"type": "input", "block_id": "name~1", "label": title, "element": element}
    view = {"type": "modal", "callback_id": "page", "title": title, "submit": title, "blocks": [block]}

    async def opened(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=view)
        await ack()

    async def submitted(ack: Any) -> None:
        await ack(response_action="errors", errors={"name~1": "Too short"})

    bolt.command("/twilio")(opened)
    bolt.view("page")(submitted)
    runner, url = await served(bolt.web_app())
    await wire.post("http", request_url=f"{url}/slack/events", signing_secret=SECRET)
    opened_view = (await wire.command())["view"]
    answer = await wire.post("submit", user="U0REQUESTER", view_id=opened_view["id"], values={"name": "A"})
    assert answer["errors_by_action"] == {"name": "Too short"}
    with caplog.at_level(logging.CRITICAL):
        await wire.post("http", request_url=f"{url}/slack/events", signing_secret="forged")
        assert (await wire.command())["error"] == "http_status_401"
    await runner.cleanup()


# the end


async def test_stopping_leaves_nothing_behind(session: aiohttp.ClientSession) -> None:
    before = asyncio.all_tasks()
    twin = SlackTwin(events=("app_mention",), scopes=["app_mentions:read", "commands"])
    await twin.start()
    wire = Wire(twin, session)
    socket = await wire.connect()
    await wire.post("mention", user="U0REQUESTER", channel="C0NUMBERS", text="never acknowledged")
    page = await session.get(f"{twin.url}/page/events?as=U0REQUESTER")
    async with asyncio.timeout(30):  # aiohttp would wait a minute for them
        await twin.stop()
    page.close()
    await socket.receive()
    await socket.close()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - before == set()
    await twin.stop()
