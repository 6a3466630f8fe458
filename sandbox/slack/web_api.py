"""``/api/METHOD``: what the app may ask of Slack, with Slack's refusals."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.rates import Bucket
from sandbox.slack.validate import message_problems, view_problems
from sandbox.slack.workspace import APP_ID, BOT_ID, BOT_USER, TEAM_ID, Json, SlackError, Workspace

log = logging.getLogger(__name__)

BOT_TOKEN, APP_TOKEN = "xoxb-sandbox", "xapp-sandbox"
SCOPES = (
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "groups:read",
    "im:write",
    "usergroups:read",
    "users:read",
)
LARGEST_VIEW = 250_000
LONGEST_UPDATE = 4_000
BLOCK_TEXT = 13_000  # [assumed]: reported, not documented


class WebApi:
    def __init__(
        self, workspace: Workspace, delivery: Delivery, faults: Faults, calls: list[Json], refused: list[Json]
    ) -> None:
        self.workspace = workspace
        self.delivery = delivery
        self.faults = faults
        self.calls = calls
        self.refused = refused
        self.url = ""
        self.scopes = set(SCOPES)
        self.scopes_used: set[str] = set()
        self.rate_limits = True
        self._buckets: dict[str, Bucket] = {}
        self._methods: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "auth.test": self._auth_test,
            "apps.connections.open": self._connections_open,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.delete": self._delete,
            "chat.getPermalink": self._permalink,
            "views.open": self._views_open,
            "views.push": self._views_push,
            "views.update": self._views_update,
            "views.publish": self._views_publish,
            "users.info": self._users_info,
            "users.list": self._users_list,
            "usergroups.list": self._usergroups_list,
            "usergroups.users.list": self._usergroup_users,
            "conversations.info": self._conversations_info,
            "conversations.members": self._conversations_members,
            "conversations.list": self._conversations_list,
            "conversations.open": self._conversations_open,
            "files.info": self._files_info,
            "blocks.validate": self._blocks_validate,
        }

    async def handle(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        began = time.monotonic()
        args = await _arguments(request)
        fault = self.faults.of_call(method)
        if isinstance(fault, dict) and "delay" in fault:
            await asyncio.sleep(float(fault["delay"]))
        if fault == "cut_before":
            _cut(request)
            return web.Response()
        status, headers, answer = await self._answered(request, method, args, fault)
        self.calls.append(
            {
                "at": time.time(),
                "method": method,
                "arguments": args,
                "answer": answer,
                "error": answer.get("error"),
                "milliseconds": round((time.monotonic() - began) * 1000, 1),
            }
        )
        if fault == "cut_after":
            _cut(request)
        return web.json_response(answer, status=status, headers=headers)

    async def _answered(
        self, request: web.Request, method: str, args: Json, fault: Any
    ) -> tuple[int, dict[str, str], Json]:
        if isinstance(fault, dict):
            if fault.get("status") == 429:
                after = str(fault.get("retry_after", 1))
                return 429, {"Retry-After": after}, {"ok": False, "error": "ratelimited"}
            if "status" in fault:
                return int(fault["status"]), {}, {"ok": False, "error": "internal_error"}
            if "error" in fault:
                return 200, {}, {"ok": False, "error": fault["error"]}
        try:
            known = self._methods.get(method)
            if known is None:
                log.warning("the app called the unknown method %s", method)
                raise SlackError("unknown_method", req_method=method)
            self._check_token(request, method, args)
            if (wait := self._wait(method, args)) > 0:
                return 429, {"Retry-After": str(wait)}, {"ok": False, "error": "ratelimited"}
            return 200, {}, {"ok": True, **await known(args)}
        except SlackError as error:
            said = {"ok": False, "error": error.error, **error.more}
            if error.error in (
                "invalid_blocks",
                "invalid_arguments",
                "view_too_large",
                "msg_blocks_too_long",
            ):
                self.refused.append({"method": method, "arguments": args, **said})
            return 200, {}, said

    def _check_token(self, request: web.Request, method: str, args: Json) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if method == "blocks.validate":
            return
        if not given:
            raise SlackError("not_authed")
        if given != wanted:
            raise SlackError("invalid_auth")

    def _need(self, scope: str) -> None:
        self.scopes_used.add(scope)
        if scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _wait(self, method: str, args: Json) -> int:
        if not self.rate_limits:
            return 0
        if method == "chat.postMessage":
            key, bucket = f"{method} {args.get('channel')}", (1.0, 10)
        elif method == "chat.update":
            key, bucket = method, (50 / 60, 50)
        else:
            key, bucket = method, (100 / 60, 100)
        return self._buckets.setdefault(key, Bucket(*bucket)).take()

    # who we are

    async def _auth_test(self, args: Json) -> Json:
        return {
            "url": "https://sandbox.slack.com/",
            "team": "Sandbox",
            "user": "numberdesk",
            "team_id": TEAM_ID,
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    async def _connections_open(self, args: Json) -> Json:
        return {"url": self.delivery.open_ticket(self.url)}

    # messages

    def _channel(self, args: Json) -> str:
        channel = self.workspace.channel_id(str(args.get("channel") or ""))
        if BOT_USER not in self.workspace.channels[channel]["members"]:
            raise SlackError("not_in_channel")
        return channel

    def _message(self, args: Json) -> Json:
        blocks = args.get("blocks") or None
        if not blocks and not args.get("text"):
            raise SlackError("no_text")
        if blocks:
            problems = message_problems(blocks, args.get("text"))
            if problems:
                raise SlackError("invalid_blocks", errors=problems, response_metadata={"messages": problems})
            if _length_of_texts(blocks) > BLOCK_TEXT:
                raise SlackError("msg_blocks_too_long")
        return {"text": args.get("text") or "", **({"blocks": blocks} if blocks else {})}

    async def _post(self, args: Json) -> Json:
        self._need("chat:write")
        channel = self._channel(args)
        message = self._message(args)
        message["text"] = message["text"][:40_000]
        if args.get("metadata"):
            message["metadata"] = args["metadata"]
        thread_ts = args.get("thread_ts")
        if thread_ts:
            if self.workspace.find_message(channel, thread_ts) is None:
                raise SlackError("thread_not_found")
            message["thread_ts"] = thread_ts
        made = self.workspace.add_message(channel, user=BOT_USER, bot_id=BOT_ID, app_id=APP_ID, **message)
        return {"channel": channel, "ts": made["ts"], "message": made}

    async def _update(self, args: Json) -> Json:
        self._need("chat:write")
        channel = self._channel(args)
        if len(args.get("text") or "") > LONGEST_UPDATE:
            raise SlackError("msg_too_long")
        message = self.workspace.find_message(channel, str(args.get("ts")))
        if message is None:
            raise SlackError("message_not_found")
        if message.get("bot_id") != BOT_ID:
            raise SlackError("cant_update_message")
        changes = self._message(args)
        if args.get("metadata") is not None:
            changes["metadata"] = args["metadata"]
        self.workspace.change_message(channel, message, **changes)
        return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": message}

    async def _post_ephemeral(self, args: Json) -> Json:
        self._need("chat:write")
        channel = self._channel(args)
        user = str(args.get("user"))
        if user not in self.workspace.channels[channel]["members"]:
            raise SlackError("user_not_in_channel")
        message = self._message(args)
        if args.get("thread_ts"):
            message["thread_ts"] = args["thread_ts"]
        made = self.workspace.add_ephemeral(channel, user, **message)
        return {"message_ts": made["ts"]}

    async def _delete(self, args: Json) -> Json:
        self._need("chat:write")
        channel = self._channel(args)
        message = self.workspace.find_message(channel, str(args.get("ts")))
        if message is None:
            raise SlackError("message_not_found")
        if message.get("bot_id") != BOT_ID:
            raise SlackError("cant_delete_message")
        self.workspace.delete_message(channel, message)
        return {"channel": channel, "ts": message["ts"]}

    async def _permalink(self, args: Json) -> Json:
        channel = self._channel(args)
        ts = str(args.get("message_ts"))
        if self.workspace.find_message(channel, ts) is None:
            raise SlackError("message_not_found")
        # Slack's is https://DOMAIN.slack.com/archives/...; this one opens the twin's page
        return {"channel": channel, "permalink": f"{self.url}/archives/{channel}/p{ts.replace('.', '')}"}

    # views

    def _view(self, args: Json, kind: str = "modal") -> Json:
        view = args.get("view")
        if len(json.dumps(view).encode()) > LARGEST_VIEW:
            raise SlackError("view_too_large")
        problems = view_problems(view, kind=kind)
        if problems:
            raise SlackError("invalid_arguments", response_metadata={"messages": problems})
        assert isinstance(view, dict)
        return view

    async def _views_open(self, args: Json) -> Json:
        view = self._view(args)
        trigger = self.workspace.use_trigger(args.get("trigger_id"))
        return {"view": self.workspace.open_view(trigger.user, view)}

    async def _views_push(self, args: Json) -> Json:
        view = self._view(args)
        trigger = self.workspace.use_trigger(args.get("trigger_id"))
        return {"view": self.workspace.open_view(trigger.user, view, push=True)}

    async def _views_update(self, args: Json) -> Json:
        view = self._view(args)
        shown = self.workspace.find_view(args.get("view_id"), args.get("external_id"))
        if args.get("hash") and args["hash"] != shown["hash"]:
            raise SlackError("hash_conflict")
        return {"view": self.workspace.update_view(shown, view)}

    async def _views_publish(self, args: Json) -> Json:
        view = self._view(args, "home")
        user = str(args.get("user_id"))
        if user not in self.workspace.people:
            raise SlackError("user_not_found")
        self.workspace.homes[user] = {**view, "id": "V0HOME" + user[2:]}
        self.workspace.tell({"type": "home", "user": user})
        return {"view": self.workspace.homes[user]}

    # people and places

    def _user(self, user_id: str, include_locale: bool) -> Json:
        person = self.workspace.people.get(user_id)
        if person is None:
            raise SlackError("user_not_found")
        return {
            "id": user_id,
            "team_id": TEAM_ID,
            "name": person["name"].lower().replace(" ", "."),
            "real_name": person["name"],
            "deleted": False,
            "tz": "Asia/Tokyo" if person["locale"] == "ja-JP" else "Europe/London",
            "is_bot": False,
            **({"locale": person["locale"]} if include_locale else {}),
        }

    async def _users_info(self, args: Json) -> Json:
        self._need("users:read")
        return {"user": self._user(str(args.get("user")), _true(args.get("include_locale")))}

    async def _users_list(self, args: Json) -> Json:
        self._need("users:read")
        locale = _true(args.get("include_locale"))
        return {"members": [self._user(each, locale) for each in self.workspace.people]}

    async def _usergroups_list(self, args: Json) -> Json:
        self._need("usergroups:read")
        return {"usergroups": list(self.workspace.usergroups.values())}

    async def _usergroup_users(self, args: Json) -> Json:
        self._need("usergroups:read")
        group = self.workspace.usergroups.get(str(args.get("usergroup")))
        if group is None:
            raise SlackError("no_such_subteam")
        return {"users": group["users"]}

    def _conversation(self, args: Json) -> Json:
        channel = self.workspace.channels.get(str(args.get("channel")))
        if channel is None:
            raise SlackError("channel_not_found")
        if channel["is_im"]:
            self._need("im:read")
        else:
            self._need("groups:read" if channel["is_private"] else "channels:read")
        if channel["is_private"] and BOT_USER not in channel["members"]:
            raise SlackError("channel_not_found")
        return channel

    async def _conversations_info(self, args: Json) -> Json:
        channel = self._conversation(args)
        return {"channel": _conversation_json(channel)}

    async def _conversations_members(self, args: Json) -> Json:
        members = self._conversation(args)["members"]
        start = int(args.get("cursor") or 0)
        limit = min(int(args.get("limit") or 100), 1000)
        end = start + limit
        cursor = str(end) if end < len(members) else ""
        return {"members": members[start:end], "response_metadata": {"next_cursor": cursor}}

    async def _conversations_list(self, args: Json) -> Json:
        self._need("channels:read")
        public = [each for each in self.workspace.channels.values() if not each["is_private"]]
        return {
            "channels": [_conversation_json(each) for each in public],
            "response_metadata": {"next_cursor": ""},
        }

    async def _conversations_open(self, args: Json) -> Json:
        self._need("im:write")
        users = str(args.get("users") or "").split(",")
        if len(users) != 1:
            raise SlackError("not_enough_users")  # the app opens direct messages with one person only
        return {"channel": {"id": self.workspace.direct_channel(users[0])["id"]}}

    async def _files_info(self, args: Json) -> Json:
        self._need("files:read")
        file = self.workspace.files.get(str(args.get("file")))
        if file is None:
            raise SlackError("file_not_found")
        return {"file": file}

    async def _blocks_validate(self, args: Json) -> Json:
        view = args.get("view")
        problems = view_problems(view) if view else message_problems(args.get("blocks") or [], None)
        if problems:
            raise SlackError("invalid_blocks", errors=[{"message": each} for each in problems])
        return {}


async def _arguments(request: web.Request) -> Json:
    """From the query, a form or a JSON body alike, as Slack takes them."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        args |= json.loads(body) if body else {}
    elif request.method == "POST":
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    for name in ("blocks", "view", "metadata"):
        if isinstance(args.get(name), str):
            try:
                args[name] = json.loads(args[name])
            except ValueError:
                args[name] = None
    args.pop("token", None)
    return args


def _true(value: Any) -> bool:
    return str(value).lower() in ("1", "true")


def _length_of_texts(part: Any) -> int:
    if isinstance(part, list):
        return sum(map(_length_of_texts, part))
    if isinstance(part, dict):
        own = len(part["text"]) if isinstance(part.get("text"), str) else 0
        return own + sum(_length_of_texts(value) for value in part.values())
    return 0


def _conversation_json(channel: Json) -> Json:
    return {
        "id": channel["id"],
        "name": channel["name"],
        "is_channel": not channel["is_private"],
        "is_private": channel["is_private"],
        "is_im": channel["is_im"],
        "is_archived": False,
        "is_member": BOT_USER in channel["members"],
        "num_members": len(channel["members"]),
    }


def _cut(request: web.Request) -> None:
    """The connection goes away without an answer."""
    if request.transport is not None:
        request.transport.abort()


def new_file(workspace: Workspace, base: str, user: str, name: str, mimetype: str, content: bytes) -> Json:
    file_id = "F0" + secrets.token_hex(5).upper()
    url = f"{base}/files/{file_id}/{name}"
    workspace.contents[file_id] = content
    workspace.files[file_id] = {
        "id": file_id,
        "name": name,
        "title": name,
        "mimetype": mimetype,
        "filetype": name.rpartition(".")[2].lower(),
        "size": len(content),
        "user": user,
        "mode": "hosted",
        "url_private": url,
        "url_private_download": f"{url}?download=1",
        "created": int(time.time()),
    }
    return workspace.files[file_id]
