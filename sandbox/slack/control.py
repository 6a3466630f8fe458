"""``/twin/...``: what scripts, tests and the page ask of the twin. Local and without authentication."""

import copy
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.slack.acting import Acting, CannotDo
from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.web_api import new_file
from sandbox.slack.workspace import (
    BOT_ID,
    RESPONSE_URL_FOR,
    RESPONSE_URL_USES,
    Json,
    SlackError,
    Workspace,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is wrong with a control call, as ``{"error": ...}``."""
    if not request.path.startswith("/twin/"):
        return await handler(request)
    try:
        return await handler(request)
    except (CannotDo, SlackError) as error:
        return web.json_response({"error": str(error)}, status=400)
    except KeyError as error:
        return web.json_response({"error": f"{error.args[0]} is missing"}, status=400)
    except ValueError as error:
        return web.json_response({"error": f"not understood: {error}"}, status=400)


class Control:
    def __init__(
        self, workspace: Workspace, acting: Acting, delivery: Delivery, faults: Faults, calls: list[Json]
    ) -> None:
        self.workspace = workspace
        self.acting = acting
        self.delivery = delivery
        self.faults = faults
        self.calls = calls
        self.url = ""

    def add_to(self, app: web.Application) -> None:
        get, post, delete = app.router.add_get, app.router.add_post, app.router.add_delete
        get("/twin/state", self.state)
        get("/twin/views", self.views)
        get("/twin/messages", self.messages)
        get("/twin/home", self.home)
        get("/twin/calls", self.list_calls)
        post("/twin/people", self.add_person)
        post("/twin/channels", self.add_channel)
        post("/twin/usergroups", self.add_group)
        post("/twin/command", self.command)
        post("/twin/suggest", self.suggest)
        post("/twin/act", self.act)
        post("/twin/submit", self.submit)
        post("/twin/close", self.close)
        post("/twin/upload", self.upload)
        post("/twin/message", self.message)
        post("/twin/mention", self.mention)
        post("/twin/faults", self.plan_fault)
        delete("/twin/faults", self.clear_faults)
        post("/twin/http", self.set_http)

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(self.workspace.state())

    async def views(self, request: web.Request) -> web.Response:
        return web.json_response(self.workspace.views(request.query["user"]))

    async def messages(self, request: web.Request) -> web.Response:
        query = request.query
        found = self.workspace.messages(query["channel"], query.get("user"), query.get("thread_ts"))
        return web.json_response(found)

    async def home(self, request: web.Request) -> web.Response:
        return web.json_response(self.workspace.home(request.query["user"]))

    async def list_calls(self, request: web.Request) -> web.Response:
        since = float(request.query.get("since", 0))
        return web.json_response([each for each in self.calls if each["at"] > since])

    async def add_person(self, request: web.Request) -> web.Response:
        body = await request.json()
        user_id = body.get("id") or "U0" + secrets.token_hex(4).upper()
        return web.json_response(
            self.workspace.add_person(user_id, body.get("name") or user_id, body.get("locale") or "en-US")
        )

    async def add_channel(self, request: web.Request) -> web.Response:
        body = await request.json()
        channel_id = body.get("id") or "C0" + secrets.token_hex(4).upper()
        before = self.workspace.channels.get(channel_id, {})
        made = self.workspace.add_channel(
            channel_id,
            body.get("name") or before.get("name") or channel_id.lower(),
            body.get("members", []),
            is_private=bool(body.get("is_private", before.get("is_private"))),
            with_app=bool(body.get("with_app", True)),
        )
        return web.json_response(made)

    async def add_group(self, request: web.Request) -> web.Response:
        body = await request.json()
        group_id = body.get("id") or "S0" + secrets.token_hex(4).upper()
        group = {"id": group_id, "name": body.get("name") or group_id, "users": body.get("users", [])}
        self.workspace.usergroups[group_id] = group
        return web.json_response(group)

    async def command(self, request: web.Request) -> web.Response:
        body = await request.json()
        answer = await self.acting.command(
            body["user"], body["channel"], body.get("command", "/twilio"), body.get("text", "")
        )
        return web.json_response(answer)

    async def suggest(self, request: web.Request) -> web.Response:
        body = await request.json()
        place = self.acting.place(body["user"], body.get("view_id"), body.get("channel"), body.get("ts"))
        return web.json_response(
            await self.acting.suggest(body["user"], place, body["action_id"], body.get("value", ""))
        )

    async def act(self, request: web.Request) -> web.Response:
        body = await request.json()
        place = self.acting.place(body["user"], body.get("view_id"), body.get("channel"), body.get("ts"))
        return web.json_response(await self.acting.act(body["user"], place, body))

    async def submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(
            await self.acting.submit(body["user"], body["view_id"], body.get("values") or {})
        )

    async def close(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(await self.acting.close(body["user"], body["view_id"]))

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        if not isinstance(file, web.FileField):
            raise CannotDo("file is no file")
        content = file.file.read()
        return web.json_response(
            new_file(self.workspace, self.url, str(form["user"]), file.filename, file.content_type, content)
        )

    async def message(self, request: web.Request) -> web.Response:
        return web.json_response(self._typed(await request.json()))

    async def mention(self, request: web.Request) -> web.Response:
        body = await request.json()
        made = self._typed({**body, "text": f"<@U0NUMBERDESK> {body.get('text', '')}"})
        return web.json_response(made)  # the app asks for no events, so none is sent

    def _typed(self, body: Json) -> Json:
        channel = self.workspace.channel_id(body["channel"])
        if body["user"] not in self.workspace.channels[channel]["members"]:
            raise CannotDo(f"{body['user']} is not in {channel}")
        more: dict[str, Any] = {"thread_ts": body["thread_ts"]} if body.get("thread_ts") else {}
        return self.workspace.add_message(channel, user=body["user"], text=body["text"], **more)

    async def plan_fault(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "deliver" not in body and "fault" not in body:
            raise CannotDo("say which fault, or deliver twice, late or disconnect")
        self.faults.plan(body)
        return web.json_response({"ok": True})

    async def clear_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({"ok": True})

    async def set_http(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.delivery.request_url = body.get("request_url")
        self.delivery.signing_secret = body.get("signing_secret") or ""
        return web.json_response({"ok": True})


class ResponseUrls:
    """``response_url``: five posts in thirty minutes."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def handle(self, request: web.Request) -> web.Response:
        found = self.workspace.response_urls.get(request.match_info["key"])
        if found is None or time.monotonic() - found.made_at > RESPONSE_URL_FOR:
            return web.Response(status=404, text="expired_url")  # [assumed]
        if found.uses >= RESPONSE_URL_USES:
            return web.Response(status=404, text="used_url")  # [assumed]
        found.uses += 1
        body = await request.json()
        shown = {key: copy.deepcopy(body[key]) for key in ("text", "blocks") if body.get(key)}
        original = None
        if found.ts:
            original = self.workspace.find_ephemeral(found.ts) or self.workspace.find_message(
                found.channel, found.ts
            )
        if body.get("delete_original") and original:
            self.workspace.delete_message(found.channel, original)
        elif body.get("replace_original") and original:
            self.workspace.change_message(found.channel, original, **shown)
        elif body.get("response_type") == "in_channel" and not found.ephemeral:
            self.workspace.add_message(found.channel, bot_id=BOT_ID, **shown)
        else:
            self.workspace.add_ephemeral(found.channel, found.user, **shown)
        return web.Response(text="ok")
