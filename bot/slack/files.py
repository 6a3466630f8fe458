"""A file that somebody gave in a modal: from Slack into memory, checked on the way, and nowhere else."""

from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bot.errors import BotError
from bot.refusals import Kind, of_slack, slack_code
from bot.texts import N_

LARGEST = 5 * 1024 * 1024
"""Twilio takes no larger document."""
MAGIC = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
PDF_BEGINS_WITHIN = 1024
"""Bytes before which a reader accepts a PDF's header: mail gateways and scanners put a byte-order mark or lines of a mail before it.
Source: PDF Reference 1.7, implementation note 13."""
HEIC = {b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")}
ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
SLACKS_HOST = "files.slack.com"


class FileProblem(BotError):
    """What is wrong with the file; shown below its field."""


@dataclass(frozen=True)
class File:
    content: bytes
    type: str
    given_name: str = ""
    """As the person calls it, with the ending of what it is. It may say who it is about: for Twilio's eyes, and no log's."""

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

    In some workspaces one of a file's two addresses answers a bot with the page to sign in, though it has the scope: then
    the other is tried. Source: slack-go/slack#1284, slackapi/bolt-js#2585.
    """
    try:
        known = await _known(file, client)
        addresses = [URL(each) for each in _addresses(known)]
        slacks = [each for each in addresses if each.absolute and _is_slacks(each, URL(api_url))]
        if not slacks:
            raise FileProblem(N_("This file is not kept by Slack. Choose a file from your computer."))
        for address in slacks:
            async with session.get(
                address, headers={"Authorization": f"Bearer {client.token}"}, allow_redirects=False
            ) as answered:
                if not _asks_to_sign_in(answered):
                    read = await _read(answered)
                    return replace(read, given_name=_given_name(known, read.type))
    except (aiohttp.ClientError, TimeoutError, SlackApiError) as error:
        if slack_code(error) == "missing_scope":
            raise _scope_missing() from error
        raise FileProblem(N_("Slack did not hand over the file. Choose it again.")) from error
    raise _scope_missing()


async def _known(file: dict[str, Any], client: AsyncWebClient) -> dict[str, Any]:
    """What the modal says of a file may be old, or (Slack Connect) missing: Slack is asked."""
    try:
        known: dict[str, Any] = (await client.files_info(file=file["id"]))["file"]
    except (aiohttp.ClientError, TimeoutError, SlackApiError) as error:
        if of_slack(error).kind is not Kind.PASSING or file.get("file_access") == "check_file_info":
            raise
        return file
    return known


def _given_name(known: dict[str, Any], type_: str) -> str:
    """Empty where Slack tells none."""
    printable = "".join(each for each in str(known.get("name") or "") if each.isprintable())
    stem = printable.rpartition(".")[0] or printable
    return f"{stem.strip()}.{ENDINGS[type_]}" if stem.strip() else ""


def _addresses(known: dict[str, Any]) -> list[str]:
    """Where the file is, the best first."""
    both = (known.get("url_private_download"), known.get("url_private"))
    return list(dict.fromkeys(str(each) for each in both if each))


def _asks_to_sign_in(answered: aiohttp.ClientResponse) -> bool:
    return 300 <= answered.status < 400 or answered.content_type == "text/html"


def _scope_missing() -> FileProblem:
    return FileProblem(
        N_(
            "Slack asked Number Desk to sign in in place of handing over the file. The operators have to give the app the scope files:read; then choose the file again."
        )
    )


def _is_slacks(address: URL, api: URL) -> bool:
    if api.host == "slack.com":
        return address.scheme == "https" and address.host == SLACKS_HOST
    return address.origin() == api.origin()


async def _read(answered: aiohttp.ClientResponse) -> File:
    if answered.status != 200:
        raise FileProblem(N_("Slack did not hand over the file. Choose it again."))
    content = bytearray()
    async for chunk in answered.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > LARGEST:
            raise FileProblem(N_("The file is larger than 5 MB, which is the most that Twilio takes."))
    if not content:
        raise FileProblem(N_("The file is empty."))
    found = _type(content)
    if found is None and bytes(content[4:12]) in HEIC:
        raise FileProblem(
            N_(
                "This is a photo in Apple's HEIC format, which Twilio does not take. On an iPhone, choose Settings > Camera > Formats > Most Compatible and take it again, or export it as JPEG or PDF."
            )
        )
    if found is None:
        raise FileProblem(
            N_("This is no PDF, JPEG or PNG file, whatever its name says. Twilio takes only these.")
        )
    return File(bytes(content), found)


def _type(content: bytes | bytearray) -> str | None:
    if b"%PDF-" in content[:PDF_BEGINS_WITHIN]:
        return "application/pdf"
    return next((type_ for magic, type_ in MAGIC.items() if content.startswith(magic)), None)
