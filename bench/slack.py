"""Slack as the app under load needs it: a Web API that answers at once, and deliveries over HTTP or Socket Mode.

It lives in the process that makes the load. Of the sandbox's twin it takes the shapes of payloads and the socket; the twin itself,
which checks and keeps all that it is sent, would be what is measured.
"""

import json
import time
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.slack import payloads
from sandbox.slack.elements import initial_values
from sandbox.slack.signed_http import encoded, signature
from sandbox.slack.socket_mode import Sockets
from sandbox.slack.workspace import BOT_ID, BOT_USER, TEAM_ID, Workspace

Json = dict[str, Any]

SECRET = "bench-signing-secret"
REQUESTERS = [f"U0BENCH{n:03}" for n in range(100)]
APPROVERS = ["U0APPROVER", "U0APPROVER2", "U0COMPLIANCE"]
CHANNEL = "C0NUMBERS"
PATIENCE = 20.0
"""Seconds after which an acknowledgement is given up."""
BLOCKS = [
    {"type": "section", "block_id": f"b{n}", "text": {"type": "mrkdwn", "text": "x" * 150}} for n in range(10)
]
"""Of a card, as a click brings it along."""


class Slack:
    """Started with ``start``, closed with ``stop``. Over HTTP once ``request_url`` is set."""

    def __init__(self) -> None:
        self.request_url: str | None = None
        self.opened: list[tuple[str, Json]] = []
        """Views that ``views.open`` has brought, each with its person, oldest first."""
        self.posted: dict[str, list[float]] = {}
        """When a message was posted, by channel."""
        self.calls = 0
        self.url = ""
        self._workspace = Workspace()
        self._sockets = Sockets(self._workspace)
        self._answers = {
            "auth.test": self._auth_test,
            "apps.connections.open": lambda _: {"url": self._sockets.new_address(self.url)},
            "users.info": self._person,
            "conversations.members": lambda _: {"members": [*REQUESTERS, *APPROVERS, "U0OPERATOR"]},
            "usergroups.users.list": lambda _: {"users": APPROVERS},
            "conversations.info": lambda given: {"channel": {"id": given["channel"], "is_member": True}},
            "conversations.open": lambda given: {"channel": {"id": "D" + given["users"][1:]}},
            "chat.postMessage": self._post,
            "chat.getPermalink": lambda _: {"permalink": "https://example.com"},
            "views.open": self._open,
        }
        for each in REQUESTERS:
            self._workspace.add_person(each, each)

    async def start(self) -> None:
        server = web.Application(client_max_size=2**24)
        server.router.add_route("*", "/api/{method}", self._call)
        server.router.add_get("/link/", self._sockets.handle)
        self._runner = web.AppRunner(server, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def stop(self) -> None:
        await self._sockets.close()
        await self._session.close()
        await self._runner.cleanup()

    @property
    def is_connected(self) -> bool:
        return self._workspace.connections > 0

    # the Web API

    async def _call(self, request: web.Request) -> web.Response:
        given: Json = dict(await request.post()) or dict(request.query)
        if request.content_type == "application/json":
            given = await request.json()
        self.calls += 1
        answer = self._answers.get(request.match_info["method"], lambda _: {})
        return web.json_response({"ok": True, **answer(given)})

    def _auth_test(self, _: Json) -> Json:
        return {"team_id": TEAM_ID, "user_id": BOT_USER, "bot_id": BOT_ID, "url": self.url, "team": "Bench"}

    def _person(self, given: Json) -> Json:
        person = given["user"]
        return {
            "user": {
                "id": person,
                "team_id": TEAM_ID,
                "locale": "en-US",
                "profile": {"display_name": person, "team": TEAM_ID},
            }
        }

    def _post(self, given: Json) -> Json:
        self.posted.setdefault(given["channel"], []).append(time.monotonic())
        return {"ts": f"{time.time():.6f}", "channel": given["channel"]}

    def _open(self, given: Json) -> Json:
        view = given["view"] if isinstance(given["view"], dict) else json.loads(given["view"])
        number = len(self.opened)
        view |= {
            "id": f"V0{number}",
            "hash": f"{number}.h",
            "team_id": TEAM_ID,
            "root_view_id": f"V0{number}",
        }
        self.opened.append((self._workspace.triggers[given["trigger_id"]].user, view))
        return {"view": view}

    # what people do

    def command(self, nth: int, text: str) -> tuple[str, Json]:
        person = REQUESTERS[nth % len(REQUESTERS)]
        channel = self._workspace.channels[CHANNEL]
        url = f"{self.url}/response/{nth}"
        return "slash_commands", payloads.command(self._workspace, person, channel, "/twilio", text, url)

    def submission(self, person: str, view: Json, typed: dict[str, Json]) -> tuple[str, Json]:
        """typed: what differs from the form as it was drawn, by ``action_id``."""
        state = initial_values(view["blocks"], {})
        for fields in state.values():
            fields |= {name: each for name, each in typed.items() if name in fields}
        return "interactive", {
            **payloads.interaction(self._workspace, "view_submission", person),
            "trigger_id": self._workspace.new_trigger(person),
            "view": {**view, "state": {"values": state}},
            "response_urls": [],
        }

    def click(self, ts: str, action_id: str, value: str) -> tuple[str, Json]:
        """On a card, by an approver."""
        message = {
            "ts": ts,
            "text": "card",
            "blocks": BLOCKS,
            "metadata": {"event_type": "purchase", "event_payload": {"version": 1}},
        }
        place = payloads.Place(None, message, "C0APPROVALS")
        button = {"type": "button", "action_id": action_id, "block_id": "buttons", "value": value}
        return "interactive", {
            **payloads.interaction(self._workspace, "block_actions", APPROVERS[0]),
            **payloads.origin(self._workspace, place),
            "trigger_id": self._workspace.new_trigger(APPROVERS[0]),
            "response_url": f"{self.url}/response/0",
            "state": {"values": {}},
            "actions": [{**button, "action_ts": ts}],
        }

    async def deliver(self, kind: str, payload: Json) -> Any:
        """The body of the acknowledgement. Raises what goes wrong: not taken, too late, nobody there."""
        if self.request_url is None:
            return await self._sockets.send(kind, payload, PATIENCE, twice=False, attempt=0, reason="")
        body, content_type = encoded(kind, payload)
        headers = {"Content-Type": content_type, **signature(SECRET, body)}
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with self._session.post(
            self.request_url, data=body.encode(), headers=headers, timeout=timeout
        ) as answer:
            text = await answer.text()
            answer.raise_for_status()
            return json.loads(text) if "json" in answer.content_type else text
