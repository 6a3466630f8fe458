"""A file that somebody gave in a modal: from Slack into memory, checked on the way, and nowhere else."""

from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bot.errors import BotError
from bot.texts import N_

LARGEST = 5 * 1024 * 1024
"""Twilio takes no larger document."""
MAGIC = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
SLACKS_HOST = "files.slack.com"


class FileProblem(BotError):
    """What is wrong with the file; shown below its field."""


@dataclass(frozen=True)
class File:
    content: bytes
    type: str

    @property
    def name(self) -> str:
        """Not the person's own: that may say who it is about."""
        return f"document.{ENDINGS[self.type]}"


async def download(
    file: dict[str, Any], client: AsyncWebClient, session: aiohttp.ClientSession, api_url: str
) -> File:
    """The content of a file object of ``state.values``. Raises FileProblem.

    Its name, type and size are only claims, so the content is looked at. The token goes to Slack's file host only (the
    host of ``api_url`` when that is not Slack's own), and no redirect is followed with it. Source: docs.slack.dev, files.
    """
    url = file.get("url_private_download") or file.get("url_private")
    try:
        if file.get("file_access") == "check_file_info" or not url:
            answer = await client.files_info(file=file["id"])
            url = answer["file"].get("url_private_download") or answer["file"].get("url_private")
        address = URL(str(url or ""))
        if not address.absolute or not _is_slacks(address, URL(api_url)):
            raise FileProblem(N_("This file is not kept by Slack. Choose a file from your computer."))
        async with session.get(
            address, headers={"Authorization": f"Bearer {client.token}"}, allow_redirects=False
        ) as answered:
            return await _read(answered)
    except (aiohttp.ClientError, TimeoutError, SlackApiError) as error:
        raise FileProblem(N_("Slack did not hand over the file. Choose it again.")) from error


def _is_slacks(address: URL, api: URL) -> bool:
    if api.host == "slack.com":
        return address.scheme == "https" and address.host == SLACKS_HOST
    return address.origin() == api.origin()


async def _read(answered: aiohttp.ClientResponse) -> File:
    if 300 <= answered.status < 400 or answered.content_type == "text/html":
        raise FileProblem(
            N_(
                "Slack asked Number Desk to sign in in place of handing over the file. The operators have to give the app the scope files:read; then choose the file again."
            )
        )
    if answered.status != 200:
        raise FileProblem(N_("Slack did not hand over the file. Choose it again."))
    content = bytearray()
    async for chunk in answered.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > LARGEST:
            raise FileProblem(N_("The file is larger than 5 MB, which is the most that Twilio takes."))
    if not content:
        raise FileProblem(N_("The file is empty."))
    found = next((type_ for magic, type_ in MAGIC.items() if content.startswith(magic)), None)
    if found is None:
        raise FileProblem(
            N_("This is no PDF, JPEG or PNG file, whatever its name says. Twilio takes only these.")
        )
    return File(bytes(content), found)
