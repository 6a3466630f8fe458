"""``/api/METHOD``: arguments, tokens, rate limits and planned faults; what each method does is in the files beside this one."""

import asyncio
import copy
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.slack.chat import Chat
from sandbox.slack.delivery import Delivery
from sandbox.slack.directory import Directory
from sandbox.slack.faults import Fault, Faults
from sandbox.slack.files import BOT_TOKEN, Files
from sandbox.slack.modals import Modals
from sandbox.slack.rates import Rates
from sandbox.slack.validate import message_problems, view_problems
from sandbox.slack.workspace import BOT_ID, BOT_USER, TEAM_ID, Json, SlackError, Workspace

log = logging.getLogger(__name__)

Method = Callable[[Json], Awaitable[Json]]

APP_TOKEN = "xapp-sandbox"
POINTED = re.compile(r"(?P<message>.*) \[json-pointer:(?P<pointer>.*)\]", re.DOTALL)
ABOUT_A_FIELD = re.compile(r"(?P<what>missing required field|invalid additional property): (?P<field>.*)")
JSON_ARGUMENTS = ("blocks", "view", "metadata", "attachments", "message", "files")
REFUSALS = {
    "invalid_arguments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_json",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "json_not_object",
    "markdown_text_conflict",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
    "unknown_method",
    "view_too_large",
}
"""Errors that blame what was sent, not where things stand: these are kept in ``refused``."""


class WebApi:
    def __init__(
        self,
        workspace: Workspace,
        delivery: Delivery,
        faults: Faults,
        calls: list[Json],
        refused: list[Json],
        *,
        rate_limits: bool,
    ) -> None:
        self.delivery = delivery
        self.faults = faults
        self.calls = calls
        self.refused = refused
        self.url = ""
        self.revoked: set[str] = set()
        """Tokens that an admin has taken back."""
        self.chat = Chat(workspace, refused)
        self.files = Files(workspace, self.chat, faults, calls)
        self._rates = Rates(workspace, on=rate_limits)
        self._methods: Mapping[str, Method] = {
            "auth.test": self._auth_test,
            "apps.connections.open": self._connections_open,
            "blocks.validate": self._blocks_validate,
            **self.chat.methods,
            **Modals(workspace).methods,
            **Directory(workspace).methods,
            **self.files.methods,
        }

    def settle_at(self, url: str) -> None:
        self.url = self.chat.url = self.files.url = url

    async def handle(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        began = time.monotonic()
        args: Json = {}
        headers: dict[str, str] = {}
        malformed: SlackError | None = None
        try:
            args = await _arguments(request)
        except SlackError as error:
            malformed = error
        fault = self.faults.of_call(method, str(args.get("channel") or ""))
        if isinstance(fault, dict) and "delay" in fault:
            await asyncio.sleep(
                float(fault["delay"])
            )  # a caller that gives up by now has called all the same
        if fault == "cut_before":
            status, answer = 0, {"ok": False, "error": "cut_before"}
        elif malformed is not None:
            status, answer = 200, self._refusal(method, args, malformed)
        else:
            status, headers, answer = await self._answered(request, method, args, fault)
        self.calls.append(
            {
                "at": time.time(),
                "method": method,
                "arguments": {name: value for name, value in args.items() if name != "token"},
                "answer": copy.deepcopy(answer),  # messages and views change later
                "error": answer.get("error"),
                "milliseconds": round((time.monotonic() - began) * 1000, 1),
            }
        )
        if fault in ("cut_before", "cut_after"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.json_response(answer, status=status, headers=headers)

    async def _answered(
        self, request: web.Request, method: str, args: Json, fault: Fault | None
    ) -> tuple[int, dict[str, str], Json]:
        if isinstance(fault, dict):
            if fault.get("status") == 429:
                return _limited(fault.get("retry_after", 1))
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
            if (wait := self._rates.wait(method, args)) > 0:
                return _limited(wait)
            return 200, self._granted(method), {"ok": True, **await known(args)}
        except SlackError as error:
            return 200, {}, self._refusal(method, args, error)

    def _granted(self, method: str) -> dict[str, str]:
        """Each answer to a bot token names its scopes (twins 11.9)."""
        is_ours = method not in ("apps.connections.open", "blocks.validate")
        return {"x-oauth-scopes": ",".join(self.chat.workspace.scopes)} if is_ours else {}

    def _refusal(self, method: str, args: Json, error: SlackError) -> Json:
        said: Json = {"ok": False, "error": error.error}
        if error.problems:
            said["response_metadata"] = {"messages": [f"[ERROR] {each}" for each in error.problems]}
        if error.error in REFUSALS and method != "blocks.validate":
            self.refused.append(
                {"method": method, "error": error.error, "messages": error.problems, "arguments": args}
            )
        return {**said, **error.more}

    def _check_token(self, request: web.Request, method: str, args: Json) -> None:
        if method == "blocks.validate":
            return
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or args.get("token")
        if not given:
            raise SlackError("not_authed")
        if given not in (APP_TOKEN, BOT_TOKEN):
            raise SlackError("invalid_auth")
        if (given == APP_TOKEN) is not (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")
        if given in self.revoked:
            raise SlackError("token_revoked")

    def revoke(self, token: str) -> None:
        self.revoked.add(token)

    def restore(self, token: str) -> None:
        self.revoked.discard(token)

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
        return {"url": self.delivery.sockets.new_address(self.url)}

    async def _blocks_validate(self, args: Json) -> Json:
        given = [name for name in ("blocks", "view", "message") if name in args]
        if len(given) != 1:
            raise SlackError("invalid_arguments")
        [name] = given
        sent = args[name]
        if name == "view":
            kind = "home" if isinstance(sent, dict) and sent.get("type") == "home" else "modal"
            problems = view_problems(sent, kind=kind)
        elif name == "message" and not isinstance(sent, dict):
            problems = ["not an object [json-pointer:]"]
        else:
            problems = message_problems(sent.get("blocks") or [] if name == "message" else sent, None)
        if problems:
            raise SlackError(f"invalid_{name}", errors=[as_error(each) for each in problems])
        return {}


def as_error(said: str) -> Json:
    """A problem in the shape of ``blocks.validate``; only two codes are known [the choice between them: assumed]."""
    found = POINTED.fullmatch(said)
    message, pointer = (found["message"], found["pointer"]) if found else (said, "")
    error = {"code": "failed_constraint", "message": message, "pointer": pointer}
    if named := ABOUT_A_FIELD.fullmatch(message):
        error["field"] = named["field"]
        if named["what"].startswith("missing"):
            error["code"] = "missing_field"
    return error


async def _arguments(request: web.Request) -> Json:
    """From the query, a form or a JSON body alike, as Slack takes them."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        try:
            sent = json.loads(body) if body else {}
        except ValueError as error:
            raise SlackError("invalid_json") from error
        if not isinstance(sent, dict):
            raise SlackError("json_not_object")
        args |= {name: value for name, value in sent.items() if value is not None}
    elif request.method == "POST":
        args |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    for name in JSON_ARGUMENTS:
        if isinstance(args.get(name), str):
            try:
                args[name] = json.loads(args[name])
            except ValueError:
                continue  # the method says what it thinks of a string
    return args


def _limited(seconds: Any) -> tuple[int, dict[str, str], Json]:
    return 429, {"Retry-After": str(seconds)}, {"ok": False, "error": "ratelimited"}
