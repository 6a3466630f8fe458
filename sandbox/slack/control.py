"""``/twin/...``: what scripts, tests and the page ask of the twin. Local and without authentication."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.slack.acting import Acting
from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.files import BOT_TOKEN, LARGEST_FILE, Files
from sandbox.slack.payloads import Place
from sandbox.slack.values import CannotDo
from sandbox.slack.web_api import APP_TOKEN, WebApi
from sandbox.slack.workspace import APP_ID, BOT_USER, POSTING, Json, SlackError, Workspace

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wrong(Exception):
    """What is wrong with a control call."""


@web.middleware
async def in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is wrong with a control call, as ``{"error": ...}``."""
    if not request.path.startswith("/twin/"):
        return await handler(request)
    try:
        return await handler(request)
    except (CannotDo, SlackError, Wrong) as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPException as error:
        said = f"{request.method} {request.path}: {error.reason}"
        return web.json_response({"error": said}, status=error.status)


class Control:
    def __init__(
        self,
        workspace: Workspace,
        acting: Acting,
        delivery: Delivery,
        files: Files,
        faults: Faults,
        calls: list[Json],
        api: WebApi,
    ) -> None:
        self.api = api
        self.workspace = workspace
        self.acting = acting
        self.delivery = delivery
        self.files = files
        self.faults = faults
        self.calls = calls

    def add_to(self, app: web.Application) -> None:
        app.router.add_routes(
            [
                web.get("/twin/state", self.state),
                web.get("/twin/views", self.views),
                web.get("/twin/messages", self.messages),
                web.get("/twin/home", self.home),
                web.get("/twin/calls", self.list_calls),
                web.post("/twin/channels/{id}", self.change_channel),
                web.post("/twin/people/{id}", self.change_person),
                web.post("/twin/usergroups/{id}", self.change_group),
                web.delete("/twin/messages", self.delete_message),
                web.post("/twin/tokens", self.change_tokens),
                web.post("/twin/app", self.change_app),
                web.post("/twin/team", self.change_team),
                web.post("/twin/people", self.add_person),
                web.post("/twin/channels", self.add_channel),
                web.post("/twin/usergroups", self.add_group),
                web.post("/twin/command", self.command),
                web.post("/twin/suggest", self.suggest),
                web.post("/twin/act", self.act),
                web.post("/twin/submit", self.submit),
                web.post("/twin/close", self.close),
                web.post("/twin/upload", self.upload),
                web.post("/twin/message", self.message),
                web.post("/twin/mention", self.mention),
                web.post("/twin/home", self.open_home),
                web.post("/twin/faults", self.plan_fault),
                web.delete("/twin/faults", self.clear_faults),
                web.post("/twin/http", self.set_http),
            ]
        )

    # what there is

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response({**self.workspace.state(), "refused": self.acting.refused})

    async def views(self, request: web.Request) -> web.Response:
        return web.json_response(self.workspace.views(self._person(request)))

    async def messages(self, request: web.Request) -> web.Response:
        channel, query = _asked(request, "channel"), request.query
        user = self._person(request) if query.get("user") else None
        return web.json_response(self.workspace.messages(channel, user, query.get("thread_ts")))

    async def home(self, request: web.Request) -> web.Response:
        return web.json_response(self.workspace.home(self._person(request)))

    async def list_calls(self, request: web.Request) -> web.Response:
        try:
            since = float(request.query.get("since", 0))
        except ValueError as error:
            raise Wrong("since is a moment in seconds since 1970") from error
        return web.json_response([each for each in self.calls if each["at"] > since])

    # what is added

    async def add_person(self, request: web.Request) -> web.Response:
        body = await _body(request)
        user = str(body.get("id") or "U0" + secrets.token_hex(4).upper())
        return web.json_response(
            self.workspace.add_person(user, str(body.get("name") or user), str(body.get("locale") or "en-US"))
        )

    async def add_channel(self, request: web.Request) -> web.Response:
        body = await _body(request)
        channel = str(body.get("id") or "C0" + secrets.token_hex(4).upper())
        before = self.workspace.channels.get(channel, {})
        made = self.workspace.add_channel(
            channel,
            str(body.get("name") or before.get("name") or channel.lower()),
            self._people(body, "members"),
            is_private=bool(body.get("is_private", before.get("is_private"))),
            with_app=bool(body.get("with_app", True)),
        )
        return web.json_response(made)

    async def add_group(self, request: web.Request) -> web.Response:
        body = await _body(request)
        group = str(body.get("id") or "S0" + secrets.token_hex(4).upper())
        name = str(body.get("name") or group)
        made = {
            "id": group,
            "name": name,
            "handle": str(body.get("handle") or name.lower()),
            "users": self._people(body, "users"),
        }
        self.workspace.usergroups[group] = made
        self.workspace.tell({"type": "state"})
        return web.json_response(made)

    # what is changed

    async def change_channel(self, request: web.Request) -> web.Response:
        body = await _body(request)
        _only(body, "is_archived", "is_private", "posting", "remove", "add")
        if body.get("posting", "everyone") not in POSTING:
            raise Wrong(f"posting is one of {', '.join(POSTING)}")
        for name in ("remove", "add"):
            for each in body.get(name) or []:
                if each not in (BOT_USER, APP_ID, "app"):
                    self.acting.person(each)
            body[name] = [BOT_USER if each in (APP_ID, "app") else each for each in body.get(name) or []]
        return web.json_response(self.workspace.change_channel(request.match_info["id"], body))

    async def change_person(self, request: web.Request) -> web.Response:
        body = await _body(request)
        _only(
            body,
            *("name", "deleted", "is_restricted", "is_ultra_restricted", "is_bot", "team_id", "locale"),
            "is_visible",
        )
        return web.json_response(self.workspace.change_person(request.match_info["id"], body))

    async def change_group(self, request: web.Request) -> web.Response:
        body = await _body(request)
        _only(body, "users", "date_delete")
        group = self.workspace.usergroups.get(request.match_info["id"])
        if group is None:
            raise Wrong("there is no such user group")
        if "users" in body:
            group["users"] = self._people(body, "users")
        if "date_delete" in body:
            group["date_delete"] = int(body["date_delete"] or 0)
        self.workspace.tell({"type": "state"})
        return web.json_response(group)

    async def delete_message(self, request: web.Request) -> web.Response:
        """By an admin, or because of how long messages are kept."""
        channel = self.workspace.channel_id(_asked(request, "channel"))
        message = self.workspace.find_message(channel, _asked(request, "ts"))
        if message is None:
            raise Wrong("there is no such message")
        self.workspace.delete_message(channel, message)
        return web.json_response({"deleted": message["ts"]})

    async def change_tokens(self, request: web.Request) -> web.Response:
        """``{"revoke": "bot" / "app"}`` or ``{"restore": ...}``. Without the app-level token the websockets end."""
        body = await _body(request)
        _only(body, "revoke", "restore")
        tokens = {"bot": BOT_TOKEN, "app": APP_TOKEN}
        for name, act in (("revoke", self.api.revoke), ("restore", self.api.restore)):
            if name in body:
                if body[name] not in tokens:
                    raise Wrong(f"{name} is bot or app")
                act(tokens[body[name]])
        if body.get("revoke") == "app":
            await self.delivery.sockets.close()
        return web.json_response({"revoked": [name for name in tokens if tokens[name] in self.api.revoked]})

    async def change_app(self, request: web.Request) -> web.Response:
        """``{"home_tab": false, "messages_tab": false, "messages_read_only": false}``: as another manifest would have it."""
        body = await _body(request)
        names = ("home_tab", "messages_tab", "messages_read_only")
        _only(body, *names)
        for name in names:
            setattr(self.workspace, name, _flag(body, name, getattr(self.workspace, name)))
        self.workspace.tell({"type": "state"})
        return web.json_response({name: getattr(self.workspace, name) for name in names})

    async def change_team(self, request: web.Request) -> web.Response:
        """``{"has_usergroups": false, "edit_window": 60}``: a free plan, an admin's rule about edits (seconds or null)."""
        body = await _body(request)
        _only(body, "has_usergroups", "edit_window")
        workspace, window = self.workspace, body.get("edit_window", self.workspace.edit_window)
        if window is not None and (not isinstance(window, int | float) or isinstance(window, bool)):
            raise Wrong("edit_window is a number of seconds, or null")
        workspace.has_usergroups = _flag(body, "has_usergroups", workspace.has_usergroups)
        workspace.edit_window = window
        return web.json_response({"has_usergroups": workspace.has_usergroups, "edit_window": window})

    # what people do

    async def command(self, request: web.Request) -> web.Response:
        body = await _body(request)
        command = str(body.get("command") or "/twilio")
        return web.json_response(
            await self.acting.command(
                _text(body, "user"), _text(body, "channel"), command, str(body.get("text") or "")
            )
        )

    async def suggest(self, request: web.Request) -> web.Response:
        body = await _body(request)
        user, place = self._place(body)
        return web.json_response(
            await self.acting.suggest(user, place, _text(body, "action_id"), str(body.get("value") or ""))
        )

    async def act(self, request: web.Request) -> web.Response:
        body = await _body(request)
        user, place = self._place(body)
        _text(body, "action_id")
        if "blocks" in body:
            place.stale = _blocks(body)
        if not isinstance(body.get("typed") or {}, dict):
            raise Wrong("typed is an object of values by action_id")
        return web.json_response(await self.acting.act(user, place, body))

    async def submit(self, request: web.Request) -> web.Response:
        body = await _body(request)
        values = body.get("values") or {}
        if not isinstance(values, dict):
            raise Wrong("values is an object")
        return web.json_response(
            await self.acting.submit(_text(body, "user"), _text(body, "view_id"), values)
        )

    async def close(self, request: web.Request) -> web.Response:
        body = await _body(request)
        return web.json_response(
            await self.acting.close(_text(body, "user"), _text(body, "view_id"), bool(body.get("all")))
        )

    async def upload(self, request: web.Request) -> web.Response:
        if request.content_type != "multipart/form-data":
            raise Wrong("an upload is multipart/form-data with user and file")
        form = await request.post()
        user, file = form.get("user"), form.get("file")
        if not isinstance(user, str) or not isinstance(file, web.FileField):
            raise Wrong("an upload has user and file")
        self.acting.person(user)
        content = file.file.read()
        if len(content) > LARGEST_FILE:
            raise Wrong(f"{file.filename} is larger than 10 MB")
        return web.json_response(self.files.add(user, file.filename, content, file.content_type))

    async def message(self, request: web.Request) -> web.Response:
        return web.json_response(self._typed(await _body(request)))

    async def mention(self, request: web.Request) -> web.Response:
        return web.json_response(self._typed(await _body(request), mention=True))

    def _typed(self, body: Json, *, mention: bool = False) -> Json:
        text = str(body.get("text") or "")
        if not text and not mention:
            raise Wrong("text is missing")
        return self.acting.message(
            _text(body, "user"), _text(body, "channel"), text, body.get("thread_ts"), mention=mention
        )

    async def open_home(self, request: web.Request) -> web.Response:
        body = await _body(request)
        tab = body.get("tab", "home")
        if tab not in ("home", "messages"):
            raise Wrong("tab is home or messages")
        return web.json_response(self.acting.open_home(_text(body, "user"), tab))

    # what goes wrong, and how the app is reached

    async def plan_fault(self, request: web.Request) -> web.Response:
        try:
            self.faults.plan(await _body(request))
        except (TypeError, ValueError) as error:
            raise Wrong(str(error)) from error
        return web.json_response({"ok": True})

    async def clear_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({"ok": True})

    async def set_http(self, request: web.Request) -> web.Response:
        """``request_url`` null: over websockets again."""
        body = await _body(request)
        url = body.get("request_url")
        if url is not None and not str(url).startswith(("http://", "https://")):
            raise Wrong("request_url is an http address, or null")
        self.delivery.http.request_url = url
        self.delivery.http.signing_secret = str(body.get("signing_secret") or "")
        return web.json_response({"ok": True})

    # reading

    def _person(self, request: web.Request) -> str:
        user = _asked(request, "user")
        self.acting.person(user)
        return user

    def _people(self, body: Json, name: str) -> list[str]:
        given = body.get(name) or []
        if not isinstance(given, list):
            raise Wrong(f"{name} is a list of people")
        for each in given:
            self.acting.person(each)
        return given

    def _place(self, body: Json) -> tuple[str, Place]:
        user = _text(body, "user")
        return user, self.acting.place(user, body.get("view_id"), body.get("channel"), body.get("ts"))


async def _body(request: web.Request) -> Json:
    try:
        body: Any = await request.json()
    except ValueError as error:
        raise Wrong(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Wrong("the body is a JSON object")
    return body


def _only(body: Json, *names: str) -> None:
    if unknown := sorted(set(body) - set(names)):
        raise Wrong(f"unknown: {', '.join(unknown)}; there is {', '.join(names)}")


def _flag(body: Json, name: str, otherwise: bool) -> bool:
    value = body.get(name, otherwise)
    if not isinstance(value, bool):
        raise Wrong(f"{name} is true or false")
    return value


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Wrong(f"{name} is missing")
    return value


def _blocks(body: Json) -> list[Json]:
    """As ``GET /twin/messages`` and ``home`` have shown them once: a client may not have heard yet of what has changed."""
    given = body["blocks"]
    if not isinstance(given, list) or not all(
        isinstance(each, dict) and each.get("block_id") for each in given
    ):
        raise Wrong("blocks is a list of blocks as they were shown, with their block_id")
    return given


def _asked(request: web.Request, name: str) -> str:
    if not request.query.get(name):
        raise Wrong(f"{name} is missing")
    return request.query[name]
