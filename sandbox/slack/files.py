"""Files: what people upload in a modal and the app fetches, and what the app uploads itself."""

import asyncio
import mimetypes
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox.slack.chat import Chat
from sandbox.slack.faults import CUTS, DOWNLOAD, Faults
from sandbox.slack.workspace import APP_ID, BOT_ID, BOT_USER, TEAM_ID, Json, SlackError, Workspace

BOT_TOKEN = "xoxb-sandbox"
SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to Slack</body></html>"
)
ELSEWHERE = "https://sandbox.slack.com/?redir=%2Ffiles-pri"
LONGEST_ALT_TEXT = 1_000
LARGEST_FILE = 10 * 2**20


@dataclass
class Upload:
    name: str
    length: int
    file_id: str
    content: bytes | None = None


class Files:
    def __init__(self, workspace: Workspace, chat: Chat, faults: Faults, calls: list[Json]) -> None:
        self.workspace = workspace
        self.chat = chat
        self.faults = faults
        self.calls = calls
        self.url = ""
        self._uploads: dict[str, Upload] = {}
        self.methods: Mapping[str, Any] = {
            "files.info": self._info,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete,
        }

    def add(self, user: str, name: str, content: bytes, mimetype: str | None = None) -> Json:
        """A file that a person chose in a modal, in Slack's shape."""
        file_id = "F0" + secrets.token_hex(5).upper()
        if self.faults.of_file():
            self.workspace.behind_info.add(file_id)
        return self._keep(file_id, user, name, content, mimetype)

    def _keep(self, file_id: str, user: str, name: str, content: bytes, mimetype: str | None) -> Json:
        ending = name.rpartition(".")[2].lower() if "." in name else ""
        kind = (mimetype or mimetypes.guess_type(name)[0] or "application/octet-stream").partition(";")[0]
        moment = int(time.time())
        address = f"{self.url}/files-pri/{TEAM_ID}-{file_id}"
        self.workspace.contents[file_id] = content
        self.workspace.files[file_id] = {
            "id": file_id,
            "created": moment,
            "timestamp": moment,
            "name": name,
            "title": name,
            "mimetype": kind.strip(),
            "filetype": ending,
            "pretty_type": ending.upper(),
            "user": user,
            "user_team": TEAM_ID,
            "editable": False,
            "size": len(content),
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{address}/{quote(name, safe='')}",
            "url_private_download": f"{address}/download/{quote(name, safe='')}",
            "channels": [],
            "groups": [],
            "ims": [],
            "shares": {},
            "has_rich_preview": False,
            "file_access": "visible",
        }
        return self.workspace.files[file_id]

    async def download(self, request: web.Request) -> web.Response:
        """The file for a token with the right scope; for everybody else a sign-in page, with 200.

        Faults are those of a method called ``files.download``; ``{"status": 302}`` leads to a sign-in page elsewhere.
        """
        began, fault = time.monotonic(), self.faults.of_call(DOWNLOAD)
        if isinstance(fault, dict) and "delay" in fault:
            await asyncio.sleep(float(fault["delay"]))
        if isinstance(fault, dict) and "error" in fault:
            answer = web.Response(text=SIGN_IN, content_type="text/html")
        elif isinstance(fault, dict) and "status" in fault:
            headers = {"Location": ELSEWHERE} if 300 <= int(fault["status"]) < 400 else {}
            answer = web.Response(status=int(fault["status"]), headers=headers)
        else:
            answer = self._fetched(request)
        self.calls.append(
            {
                "at": time.time(),
                "method": DOWNLOAD,
                "arguments": {"file": request.match_info["file"].removeprefix(f"{TEAM_ID}-")},
                "answer": {"status": answer.status, "content_type": answer.content_type},
                "error": fault if isinstance(fault, str) else None,
                "milliseconds": round((time.monotonic() - began) * 1000, 1),
            }
        )
        if fault in CUTS and request.transport is not None:
            request.transport.abort()
        return answer

    def _fetched(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file"].removeprefix(f"{TEAM_ID}-")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if token == BOT_TOKEN:
            self.workspace.scopes_used.add("files:read")
        if token != BOT_TOKEN or "files:read" not in self.workspace.scopes:
            return web.Response(text=SIGN_IN, content_type="text/html")
        if file_id not in self.workspace.contents:
            return web.Response(status=404, text="not found")
        return web.Response(
            body=self.workspace.contents[file_id],
            headers={"Content-Type": self.workspace.files[file_id]["mimetype"]},
        )

    async def _info(self, args: Json) -> Json:
        self.workspace.need("files:read")
        file = self.workspace.files.get(str(args.get("file")))
        if file is None:
            raise SlackError("file_not_found")
        return {"file": file, "comments": [], "response_metadata": {"next_cursor": ""}}

    # what the app uploads

    async def _upload_url(self, args: Json) -> Json:
        self.workspace.need("files:write")
        name = str(args.get("filename") or "")
        try:
            length = int(args.get("length") or 0)
        except ValueError:
            length = 0
        if not name or length <= 0 or len(str(args.get("alt_txt") or "")) > LONGEST_ALT_TEXT:
            raise SlackError("invalid_arguments")
        ticket = secrets.token_hex(16)
        self._uploads[ticket] = Upload(name, length, "F0" + secrets.token_hex(5).upper())
        return {"upload_url": f"{self.url}/upload/v1/{ticket}", "file_id": self._uploads[ticket].file_id}

    async def upload(self, request: web.Request) -> web.Response:
        """The raw bytes, or a form with one file; answers in plain text and wants no token."""
        upload = self._uploads.get(request.match_info["ticket"])
        if upload is None:
            return web.Response(status=404, text="not found")
        content = b""
        if request.content_type == "multipart/form-data":
            for value in (await request.post()).values():
                if isinstance(value, web.FileField):
                    content = value.file.read()
        else:
            content = await request.read()
        if len(content) != upload.length:
            return web.Response(status=400, text="length mismatch")  # [assumed]
        upload.content = content
        return web.Response(text=f"OK - {upload.length}")

    async def _complete(self, args: Json) -> Json:
        self.workspace.need("files:write")
        wanted = args.get("files")
        if not isinstance(wanted, list) or not wanted:
            raise SlackError("invalid_arguments")
        channel = self.chat.channel(args["channel_id"]) if args.get("channel_id") else None
        by_id = {each.file_id: each for each in self._uploads.values()}
        kept = []
        for each in wanted:
            upload = by_id.get(str(each.get("id"))) if isinstance(each, dict) else None
            if upload is None or upload.content is None:
                raise SlackError("file_not_found")
            file = self._keep(upload.file_id, BOT_USER, upload.name, upload.content, None)
            file["title"] = str(each.get("title") or upload.name)
            kept.append(file)
        if channel is not None:
            more = {"thread_ts": str(args["thread_ts"])} if args.get("thread_ts") else {}
            self.workspace.add_message(
                channel,
                user=BOT_USER,
                bot_id=BOT_ID,
                app_id=APP_ID,
                text=str(args.get("initial_comment") or ""),
                files=kept,
                **more,
            )
        return {"files": [{"id": each["id"], "title": each["title"]} for each in kept]}
