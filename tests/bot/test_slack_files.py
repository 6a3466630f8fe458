"""A file on its way from Slack into memory, against a server that plays Slack's part: what it says is not believed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.slack.files import LARGEST, File, FileProblem, download

TOKEN = "xoxb-not-to-be-told"
PDF, JPEG, PNG = b"%PDF-1.7\n%%EOF", b"\xff\xd8\xff\xe0" + bytes(20), b"\x89PNG\r\n\x1a\n" + bytes(20)
SLACK = "https://slack.com/api/"


@dataclass
class Answer:
    body: bytes = PDF
    status: int = 200
    type: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    path: str
    token: str | None
    asked: dict[str, Any]


class Endless:
    """More than anybody takes, in pieces; how many of them were sent."""

    pieces = 0


class Slack:
    """``/api/files.info`` and whatever is kept at other paths."""

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, Answer | Endless] = {}
        self.info: dict[str, Any] | None = None
        """What files.info answers; None: what the modal said."""
        self.file: dict[str, Any] = {}
        self.seen: list[Seen] = []
        self.looked_up: list[Seen] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = {**request.query, **await request.post()}
        self.seen.append(Seen(request.path, request.headers.get("Authorization"), asked))
        if request.path == "/api/files.info":
            self.looked_up.append(self.seen.pop())
            return web.json_response(self.info or {"ok": True, "file": self.file})
        answer = self.files[request.path]
        if isinstance(answer, Endless):
            return await self._endless(request, answer)
        return web.Response(
            body=answer.body, status=answer.status, content_type=answer.type, headers=answer.headers
        )

    async def _endless(self, request: web.Request, answer: Endless) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for nth in range(400):
                await response.write((PDF if nth == 0 else b"x") * 1024 * 64)
                answer.pieces += 1
        except ConnectionError:
            pass
        return response


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    playing = Slack()
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", playing.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    playing.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield playing
    await runner.cleanup()


async def fetch(slack: Slack, api_url: str | None = None, **file: Any) -> File:
    """The file object ``file`` as the app downloads it."""
    client = AsyncWebClient(token=TOKEN, base_url=f"{slack.url}/api/")
    slack.file = file
    async with aiohttp.ClientSession() as session:
        return await download({"id": "F1", **file}, client, session, api_url or f"{slack.url}/api/")


async def kept(slack: Slack, answer: Answer | Endless, **file: Any) -> File:
    slack.files["/files/F1"] = answer
    return await fetch(slack, url_private_download=f"{slack.url}/files/F1", **file)


async def problem(slack: Slack, answer: Answer | Endless, **file: Any) -> str:
    with pytest.raises(FileProblem) as raised:
        await kept(slack, answer, **file)
    assert TOKEN not in str(raised.value) and slack.url not in str(raised.value)
    return text(raised.value)


def text(error: BotError) -> str:
    return str(error.said["say"])


# what it is


@pytest.mark.parametrize(
    ("content", "type_", "name"),
    [
        (PDF, "application/pdf", "document.pdf"),
        (JPEG, "image/jpeg", "document.jpg"),
        (PNG, "image/png", "document.png"),
    ],
)
async def test_what_a_file_is_is_read_from_its_content(
    content: bytes, type_: str, name: str, slack: Slack
) -> None:
    found = await kept(
        slack, Answer(content), name="Passport of Robin Doe.exe", mimetype="text/plain", filetype="text"
    )
    assert (found.content, found.type, found.name) == (content, type_, name)


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"Content-Type: application/pdf\r\n\r\n"])
async def test_a_pdf_may_begin_after_what_a_gateway_put_before_it(before: bytes, slack: Slack) -> None:
    found = await kept(
        slack, Answer(before + PDF), name="proof.pdf", mimetype="application/pdf", filetype="pdf"
    )
    assert found.type == "application/pdf"


async def test_a_photo_in_apples_format_is_refused_with_how_to_convert_it(slack: Slack) -> None:
    said = await problem(
        slack, Answer(b"\x00\x00\x00\x24ftypheic" + bytes(20)), name="IMG_1.HEIC", mimetype="image/heic"
    )
    assert "HEIC" in said and "Most Compatible" in said


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + bytes(20),
        b"PK\x03\x04",
        b"x" * 1024 + b"%PDF-1.7",
        b"%PDF",
        b"\xff\xd8",
        b"\x89PNG\n",
        b"<html></html>",
    ],
)
async def test_another_kind_of_file_is_refused_whatever_its_name_says(content: bytes, slack: Slack) -> None:
    said = await problem(
        slack, Answer(content, type="application/pdf"), name="passport.pdf", mimetype="application/pdf"
    )
    assert "no PDF, JPEG or PNG" in said


async def test_an_empty_file_is_refused(slack: Slack) -> None:
    assert "empty" in await problem(slack, Answer(b""), size=12345)


# how large it is


async def test_the_largest_file_that_twilio_takes_is_taken(slack: Slack) -> None:
    content = PDF.ljust(LARGEST, b"x")
    assert (await kept(slack, Answer(content), size=1)).content == content


async def test_a_file_of_one_byte_more_is_refused(slack: Slack) -> None:
    assert "larger than 5 MB" in await problem(slack, Answer(PDF.ljust(LARGEST + 1, b"x")), size=1)


async def test_of_a_file_that_is_far_too_large_the_rest_is_not_read(slack: Slack) -> None:
    endless = Endless()
    assert "larger than 5 MB" in await problem(slack, endless)
    assert endless.pieces < 300, "what was under way besides the first 5 MB"


# what Slack does instead of handing it over


async def test_a_page_to_sign_in_is_no_file(slack: Slack) -> None:
    said = await problem(slack, Answer(b"<!DOCTYPE html><title>Sign in</title>", type="text/html"))
    assert "files:read" in said


async def test_what_is_said_to_be_a_page_is_no_file_whatever_it_begins_with(slack: Slack) -> None:
    assert "files:read" in await problem(slack, Answer(PDF, type="text/html"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_token_does_not_follow_where_slack_points(status: int, slack: Slack) -> None:
    slack.files["/elsewhere"] = Answer()
    there = {"Location": f"{slack.url}/elsewhere"}
    assert "files:read" in await problem(slack, Answer(b"", status, headers=there))
    assert [each.path for each in slack.seen] == ["/files/F1"]


@pytest.mark.parametrize("status", [201, 206, 401, 403, 404, 429, 500, 503])
async def test_a_file_that_is_refused_has_to_be_chosen_again(status: int, slack: Slack) -> None:
    assert "did not hand over" in await problem(slack, Answer(PDF, status))


async def test_a_connection_that_breaks_is_said_as_such(slack: Slack) -> None:
    client = AsyncWebClient(token=TOKEN, base_url=f"{slack.url}/api/")
    slack.file = {"url_private": "http://127.0.0.1:9/F1"}
    nobody = "http://127.0.0.1:9"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(FileProblem) as raised:
            await download({"id": "F1", "url_private": f"{nobody}/F1"}, client, session, f"{nobody}/api/")
    assert "did not hand over" in text(raised.value)


# who is told the token


async def test_the_token_is_sent_where_the_api_is(slack: Slack) -> None:
    assert (await kept(slack, Answer())).content == PDF
    assert [(each.path, each.token) for each in slack.seen] == [("/files/F1", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("name", ["url_private_download", "url_private"])
async def test_a_file_elsewhere_is_refused_and_nobody_there_is_asked(name: str, slack: Slack) -> None:
    """As for a file that is kept at Google Drive, or an address that somebody made up."""
    slack.files["/files/F1"] = Answer()
    with pytest.raises(FileProblem) as raised:
        await fetch(slack, api_url=SLACK, **{name: f"{slack.url}/files/F1"})
    assert "not kept by Slack" in text(raised.value) and slack.seen == []


@pytest.mark.parametrize(
    "address",
    [
        "http://files.slack.com/F1",
        "https://files.slack.com.example.com/F1",
        "https://example.com/files.slack.com",
        "https://files.slack.com@example.com/F1",
        "https://slack.com/F1",
        "https://evil.files.slack.com/F1",
        "ftp://files.slack.com/F1",
        "//files.slack.com/F1",
        "files.slack.com/F1",
    ],
)
async def test_what_only_looks_like_slacks_host_is_refused(address: str, slack: Slack) -> None:
    with pytest.raises(FileProblem) as raised:
        await fetch(slack, api_url=SLACK, url_private=address)
    assert "not kept by Slack" in text(raised.value) and slack.seen == []


async def test_another_port_or_name_of_a_local_slack_is_another_host(slack: Slack) -> None:
    port = slack.url.rpartition(":")[2]
    for address in (f"http://localhost:{port}/F1", "http://127.0.0.1:9/F1", f"https://127.0.0.1:{port}/F1"):
        with pytest.raises(FileProblem) as raised:
            await fetch(slack, url_private=address)
        assert "not kept by Slack" in text(raised.value)
    assert slack.seen == []


# where Slack keeps it


async def test_a_file_without_an_address_is_asked_for_by_its_id(slack: Slack) -> None:
    slack.files["/files/F1"] = Answer()
    slack.info = {"ok": True, "file": {"url_private_download": f"{slack.url}/files/F1"}}
    assert (await fetch(slack)).content == PDF
    (looked_up,), (fetched,) = slack.looked_up, slack.seen
    assert (looked_up.path, looked_up.asked, looked_up.token) == (
        "/api/files.info",
        {"file": "F1"},
        f"Bearer {TOKEN}",
    )
    assert fetched.path == "/files/F1"


async def test_a_file_that_has_to_be_looked_up_is_looked_up(slack: Slack) -> None:
    """As for a file that was given in a Slack Connect channel."""
    slack.files["/files/F1"] = Answer()
    slack.info = {"ok": True, "file": {"url_private": f"{slack.url}/files/F1"}}
    found = await fetch(slack, file_access="check_file_info", url_private=f"{slack.url}/old")
    assert found.content == PDF and [each.path for each in slack.seen] == ["/files/F1"]


PAGE = Answer(b"<!DOCTYPE html><title>Sign in</title>", type="text/html")


@pytest.mark.parametrize("page", [PAGE, Answer(b"", 302, headers={"Location": "https://slack.com/signin"})])
async def test_where_one_address_asks_to_sign_in_the_other_is_tried(page: Answer, slack: Slack) -> None:
    slack.files = {"/download/F1": page, "/files/F1": Answer()}
    where = {"url_private_download": f"{slack.url}/download/F1", "url_private": f"{slack.url}/files/F1"}
    assert (await fetch(slack, **where)).content == PDF
    assert [each.path for each in slack.seen] == ["/download/F1", "/files/F1"]


async def test_only_where_both_ask_to_sign_in_the_scope_is_blamed(slack: Slack) -> None:
    slack.files = {"/download/F1": PAGE, "/files/F1": PAGE}
    with pytest.raises(FileProblem, match="files:read"):
        await fetch(
            slack, url_private_download=f"{slack.url}/download/F1", url_private=f"{slack.url}/files/F1"
        )


async def test_a_missing_scope_that_slack_names_is_said(slack: Slack) -> None:
    slack.info = {"ok": False, "error": "missing_scope", "needed": "files:read"}
    with pytest.raises(FileProblem, match="files:read"):
        await fetch(slack, url_private=f"{slack.url}/files/F1")


async def test_where_slack_cannot_say_where_it_is_now_what_the_modal_said_is_tried(slack: Slack) -> None:
    slack.info = {"ok": False, "error": "internal_error"}
    slack.files["/files/F1"] = Answer()
    assert (await fetch(slack, url_private=f"{slack.url}/files/F1")).content == PDF


async def test_what_the_look_up_names_is_believed_no_more_than_the_modal(slack: Slack) -> None:
    slack.info = {"ok": True, "file": {"url_private": "https://example.com/F1"}}
    with pytest.raises(FileProblem) as raised:
        await fetch(slack)
    assert "not kept by Slack" in text(raised.value)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"ok": False, "error": "file_not_found"}, "did not hand over"),
        ({"ok": True, "file": {"id": "F1"}}, "not kept by Slack"),
    ],
)
async def test_a_file_that_slack_does_not_know_any_more_has_to_be_chosen_again(
    info: dict[str, Any], said: str, slack: Slack
) -> None:
    slack.info = info
    with pytest.raises(FileProblem) as raised:
        await fetch(slack, api_url=SLACK)
    assert said in text(raised.value)


async def test_a_file_without_a_whole_address_is_refused(slack: Slack) -> None:
    with pytest.raises(FileProblem, match="not kept by Slack"):
        await fetch(slack, url_private="/relative")
