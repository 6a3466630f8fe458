"""Messages: ``chat.*``, and the ``response_url``s of commands and clicks."""

import copy
import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.slack.validate import LIMITS, message_problems
from sandbox.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER,
    POSTING,
    RESPONSE_URL_FOR,
    RESPONSE_URL_USES,
    Json,
    ResponseUrl,
    SlackError,
    Workspace,
)

LONGEST_UPDATE: int = LIMITS["surfaces"]["message"]["update_text_max"]
LONGEST_POST: int = LIMITS["surfaces"]["message"]["post_truncates_text_over"]
LONGEST_MARKDOWN: int = LIMITS["surfaces"]["message"]["markdown_total_chars"]
BLOCK_TEXT: int = LIMITS["surfaces"]["message"]["observed_total_block_text"]["chars"]
MOST_ATTACHMENTS: int = LIMITS["surfaces"]["message"]["max_attachments"]
LARGEST_METADATA = 8_000  # characters [assumed]


class Chat:
    def __init__(self, workspace: Workspace, refused: list[Json]) -> None:
        self.workspace = workspace
        self.refused = refused
        self.url = ""
        self.methods: Mapping[str, Any] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.delete": self._delete,
            "chat.getPermalink": self._permalink,
        }

    def channel(self, given: Any) -> str:
        """Where the app may write. Raises channel_not_found, not_in_channel."""
        channel = self.workspace.channel_id(str(given or ""))
        found = self.workspace.channels[channel]
        if BOT_USER not in found["members"]:
            raise SlackError("channel_not_found" if found["is_private"] else "not_in_channel")
        if found.get("is_archived"):
            raise SlackError("is_archived")
        if found["is_im"] and self.workspace.people[found["user"]].get("deleted"):
            raise SlackError("user_disabled")  # which of the words for it: [assumed]
        return channel

    def _check_posting(self, channel: str, thread_ts: Any) -> None:
        """Raises what an admin, or the app's own manifest, forbids. A response_url knows nothing of it."""
        place = self.workspace.channels[channel]
        if place["is_im"] and not self.workspace.messages_tab:
            raise SlackError("messages_tab_disabled")
        posting = place.get("posting", "everyone")
        forbidden = {
            "everyone": False,
            "threads_only": not thread_ts,
            "no_threads": bool(thread_ts),
            "threads_locked": bool(thread_ts),
        }
        if forbidden.get(posting, True):
            raise SlackError(POSTING[posting])

    async def _post(self, args: Json) -> Json:
        self.workspace.need("chat:write")
        channel = self.channel(args.get("channel"))
        self._check_posting(channel, args.get("thread_ts"))
        message = content_of(args)
        message["text"] = message["text"][:LONGEST_POST]
        if args.get("metadata"):
            message["metadata"] = _metadata(args["metadata"])
        if args.get("thread_ts"):
            message["thread_ts"] = self._thread(channel, str(args["thread_ts"]))
            if is_true(args.get("reply_broadcast")):
                message["reply_broadcast"] = True
        made = self.workspace.add_message(channel, user=BOT_USER, bot_id=BOT_ID, app_id=APP_ID, **message)
        return {"channel": channel, "ts": made["ts"], "message": made}

    def _thread(self, channel: str, ts: str) -> str:
        parent = self.workspace.find_message(channel, ts)
        if parent is None:
            raise SlackError("thread_not_found")  # [assumed]
        if parent.get("thread_ts") not in (None, ts):
            raise SlackError("cannot_reply_to_message")  # a reply has no thread of its own [assumed]
        return ts

    def _own(self, channel: str, ts: Any, otherwise: str) -> Json:
        message = self.workspace.find_message(channel, str(ts))
        if message is None:
            raise SlackError("message_not_found")
        if message.get("bot_id") != BOT_ID:
            raise SlackError(otherwise)
        return message

    async def _update(self, args: Json) -> Json:
        self.workspace.need("chat:write")
        if str(args.get("channel") or "") in self.workspace.people:
            raise SlackError("channel_not_found")  # it wants the D-id of a direct message
        channel = self.channel(args.get("channel"))
        message = self._own(channel, args.get("ts"), "cant_update_message")
        window = self.workspace.edit_window
        if window is not None and time.time() - float(message["ts"]) > window:
            raise SlackError("edit_window_closed")
        if len(str(args.get("text") or "")) > LONGEST_UPDATE:
            raise SlackError("msg_too_long")
        changes = content_of(args)
        if "metadata" in args:  # an empty object removes it; without it the old one stays
            changes["metadata"] = _metadata(args["metadata"]) if args["metadata"] != {} else {}
        self.workspace.change_message(channel, message, **changes)
        return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": message}

    async def _post_ephemeral(self, args: Json) -> Json:
        self.workspace.need("chat:write")
        channel = self.channel(args.get("channel"))
        self._check_posting(channel, args.get("thread_ts"))
        user = str(args.get("user"))
        if user not in self.workspace.channels[channel]["members"]:
            raise SlackError("user_not_in_channel")
        message = content_of(args)
        if len(message["text"]) > LONGEST_POST:
            raise SlackError("msg_too_long")
        if args.get("thread_ts"):
            message["thread_ts"] = str(args["thread_ts"])
        made = self.workspace.add_ephemeral(channel, user, **message)
        return {"message_ts": made["ts"]}

    async def _delete(self, args: Json) -> Json:
        self.workspace.need("chat:write")
        channel = self.channel(args.get("channel"))
        message = self._own(channel, args.get("ts"), "cant_delete_message")
        self.workspace.delete_message(channel, message)
        return {"channel": channel, "ts": message["ts"]}

    async def _permalink(self, args: Json) -> Json:
        channel = self.channel(args.get("channel"))
        ts = str(args.get("message_ts"))
        message = self.workspace.find_message(channel, ts)
        if message is None:
            raise SlackError("message_not_found")
        # Slack's is https://DOMAIN.slack.com/archives/...; this one opens the twin's page
        link = f"{self.url}/archives/{channel}/p{ts.replace('.', '')}"
        if message.get("thread_ts") not in (None, ts):
            link += f"?thread_ts={message['thread_ts']}&cid={channel}"
        return {"channel": channel, "permalink": link}

    # response_url

    async def respond(self, request: web.Request) -> web.Response:
        """Five posts in thirty minutes, also where the app is not a member."""
        found = self.workspace.response_urls.get(request.match_info["key"])
        if found is None or time.monotonic() - found.made_at > RESPONSE_URL_FOR:
            return web.Response(status=404, text="expired_url")  # [assumed]
        if found.uses >= RESPONSE_URL_USES:
            return web.Response(status=404, text="used_url")  # [assumed]
        found.uses += 1
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            self.respond_with(found, body)
        except SlackError as error:
            self.refused.append(
                {
                    "method": "response_url",
                    "error": error.error,
                    "messages": error.problems,
                    "arguments": body,
                }
            )
            return web.Response(status=404 if error.error == "message_not_found" else 400, text=error.error)
        return web.Response(text="ok")

    def respond_with(self, at: ResponseUrl, body: Json) -> None:
        original = None
        if at.ts:
            original = (
                self.workspace.find_ephemeral(at.user, at.ts)
                if at.ephemeral
                else self.workspace.find_message(at.channel, at.ts)
            )
        if is_true(body.get("delete_original")):
            if original:
                self.workspace.delete_message(at.channel, original)
            return
        shown = content_of(body)
        if is_true(body.get("replace_original")) and original:
            self.workspace.change_message(at.channel, original, **shown)
            return
        thread_ts = body.get("thread_ts") or (at.thread_ts if at.ephemeral else None)
        if thread_ts:
            shown["thread_ts"] = str(thread_ts)
        if body.get("response_type") == "in_channel" and not at.ephemeral:
            self.workspace.add_message(at.channel, user=BOT_USER, bot_id=BOT_ID, app_id=APP_ID, **shown)
        else:  # ephemeral stays ephemeral
            self.workspace.add_ephemeral(at.channel, at.user, **shown)


def content_of(args: Json) -> Json:
    """``text``, ``blocks`` and ``attachments`` as a message keeps them. Raises what Slack refuses of them."""
    text, blocks, attachments = args.get("text"), args.get("blocks"), args.get("attachments")
    markdown = args.get("markdown_text")
    if markdown is not None:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        if len(str(markdown)) > LONGEST_MARKDOWN:
            raise SlackError("msg_too_long")
        blocks = [{"type": "markdown", "text": str(markdown)}]
    if text is not None and not isinstance(text, str):
        raise SlackError("invalid_arguments", problems=["must be a string [json-pointer:/text]"])
    if blocks is not None and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if isinstance(attachments, list) and len(attachments) > MOST_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    if not (text or blocks or attachments):
        raise SlackError("no_text")
    problems = message_problems(blocks or [], text)
    if problems:
        raise SlackError("invalid_blocks", problems=problems, errors=problems)
    if _length_of_texts(blocks or []) > BLOCK_TEXT:
        raise SlackError("msg_blocks_too_long")  # [assumed]: reported, not documented
    content: Json = {"text": text or ""}
    if blocks is not None:
        content["blocks"] = copy.deepcopy(blocks)
    if attachments:
        content["attachments"] = copy.deepcopy(attachments)
    return content


def _length_of_texts(part: Any) -> int:
    if isinstance(part, list):
        return sum(map(_length_of_texts, part))
    if isinstance(part, dict):
        own = len(part["text"]) if isinstance(part.get("text"), str) else 0
        return own + sum(_length_of_texts(value) for value in part.values())
    return 0


def _metadata(given: Any) -> Json:
    if not isinstance(given, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(given.get("event_type"), str) or not isinstance(given.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(given)) > LARGEST_METADATA:
        raise SlackError("metadata_too_large")
    return copy.deepcopy(given)


def is_true(value: Any) -> bool:
    return str(value).lower() in ("1", "true")
