"""The open port: whatever comes in there is answered with 4xx or not at all, costs little, and keeps nobody from being heard."""

import asyncio
import contextlib
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot import door
from sandbox.slack.signed_http import signature
from tests.ports import free_port
from tests.stories.process import AppProcess
from tests.stories.stage import Stage, asks, until
from tests.stories.stage import stage as set_stage

SECRET = "a-signing-secret"
PATHS = (
    "/slack/events",
    "/twilio/bundles",
    "/twilio/messages?purchase=x",
    "/health",
    "/healthz",
    "/readyz",
    "/",
    "/%00",
    "/a/../b",
)
POSTED = ("/slack/events", "/twilio/bundles", "/twilio/messages")
CASES = 2500
MEMORY = 96
"""Megabytes that it may grow by."""


class Port:
    """The app as a process of its own, which listens for Slack and Twilio on a port."""

    def __init__(self, stage: Stage, app: AppProcess, log: Path, port: int) -> None:
        self.stage, self.app, self.log, self.number = stage, app, log, port

    async def sends(self, raw: bytes, *, cut: bool = False) -> int | None:
        """The status of the answer; None where the connection is closed without one. cut: nothing more will come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(raw)
                await writer.drain()
                if cut:
                    writer.write_eof()
            return await self.status(reader)
        finally:
            writer.close()

    @staticmethod
    async def status(reader: asyncio.StreamReader, patience: float = 20) -> int | None:
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(patience):
                line = await reader.readline()
                while line.startswith(b"HTTP/1.1 100 ") or line == b"\r\n":
                    line = await reader.readline()
                return int(line.split()[1]) if line else None
        return None

    def megabytes(self) -> float:
        """Of real memory, the most that it ever had."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.app.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        number = free_port()
        stage.environment.pop("SLACK_APP_TOKEN")
        stage.environment |= {"PORT": str(number), "SLACK_SIGNING_SECRET": SECRET}
        await stage.slack.post(
            "http", request_url=f"http://127.0.0.1:{number}/slack/events", signing_secret=SECRET
        )
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log")
        await app.launch()
        made = Port(stage, app, tmp_path / "app.log", number)

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                return await made.sends(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n") == 200
            return False

        await until(listens, "the app listens")
        yield made
        assert await app.stop() == 0
        _, found, traceback = made.said().partition("Traceback")
        assert not found, traceback[:3000]


def request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: desk.example", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


TYPES = (
    *("application/x-www-form-urlencoded", "application/json") * 5,
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded; charset=nosuch",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "a/b/c; =;;",
    "\xe9",
    "",
)
ODD = (
    b"",
    b"{",
    b"[1]",
    b"null",
    b"payload=",
    b"payload=[]",
    b"payload={}",
    b"payload=%7B%22type%22%3A1",
    b"command=%2Ftwilio&text=help&user_id=U0REQUESTER&trigger_id=1",
    b"\xff\xfe\x00",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    b"--x\r\n",
    b"%" * 999,
    b"&=&=" * 500,
    b"[" * 20_000,
    b'{"a":' * 5_000,
)
HEADERS = (
    "X-Slack-Request-Timestamp: 1",
    "X-Slack-Request-Timestamp: now",
    "X-Slack-Request-Timestamp: 99999999999999999999999999",
    "X-Slack-Request-Timestamp: \xb2",
    "X-Slack-Signature: v0=00",
    "X-Slack-Signature: \xe9",
    "X-Twilio-Signature: \xe9",
    "X-Twilio-Signature: " + "A" * 27 + "=",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: 5",
    "Content-Length: -1",
    "Expect: 100-continue",
    "Expect: something",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Cookie: " + "a=b; " * 100,
    "X-Long: " + "a" * 9000,
    "X-Slack-Retry-Num: x",
    "no colon",
)


def any_case(chance: random.Random) -> tuple[bytes, bool, bool]:
    """A request, whether it ends too early, and whether it may be answered with 200: health is no secret."""
    method = chance.choice(["POST"] * 6 + ["GET", "PUT", "HEAD", "OPTIONS", "TRACE", "BREW", "CONNECT"])
    path = chance.choice(PATHS)
    size = chance.choice([0, 1, 100, 10_000, 65_536, 1_000_000, 1_100_000] if chance.random() < 0.1 else [0])
    body = chance.choice(ODD) + chance.randbytes(size)
    headers = [
        f"Content-Type: {chance.choice(TYPES)}",
        *chance.sample(HEADERS, chance.choice((0, 0, 0, 1, 1, 2, 4))),
    ]
    raw = request(method, path, body, *headers)
    cut = chance.random() < 0.1
    if cut:
        raw = raw[: chance.randrange(len(raw))]
    if chance.random() < 0.05:  # noise
        raw = chance.randbytes(chance.randrange(1, 300)) + raw
    return raw, cut, path in ("/health", "/healthz", "/readyz")


async def test_thousands_of_odd_requests_are_turned_away_while_real_ones_are_answered(port: Port) -> None:
    answers: Counter[int | None] = Counter()
    before = port.megabytes()
    wrong: list[tuple[int | None, bytes]] = []

    async def torments(nth: int) -> None:
        chance = random.Random(nth)
        for _ in range(CASES // 10):
            raw, cut, is_health = any_case(chance)
            status = await port.sends(raw, cut=cut)
            answers[status] += 1
            if not (status is None or 400 <= status < 500 or (is_health and status == 200)):
                wrong.append((status, raw[:200]))

    tormenting = asyncio.gather(*(torments(nth) for nth in range(10)))
    number = await asks(port.stage.person("requester"))
    await port.stage.person("approver").clicks(await port.stage.card("awaiting_approval"), "approve")
    await port.stage.card("complete")
    await tormenting
    assert wrong == []
    assert sum(answers.values()) == CASES and min(answers[each] for each in (400, 401, 403, 413, 415)) > 10, (
        answers
    )
    assert await port.stage.bought() == [number]
    assert port.megabytes() < before + MEMORY


async def test_what_slack_has_signed_and_is_no_delivery_is_turned_away(port: Port) -> None:
    for body in ("{", "[1]", "null", "payload=[]", "payload={", "[" * 20_000, '"x"'):
        headers = [f"{name}: {value}" for name, value in signature(SECRET, body).items()]
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            raw = request("POST", "/slack/events", body.encode(), f"Content-Type: {kind}", *headers)
            status = await port.sends(raw)
            assert status is not None and 400 <= status < 500, (body[:20], kind, status)


async def test_who_sends_slowly_is_sent_away_and_keeps_nobody_waiting(port: Port) -> None:
    """Byte by byte, in the headers or in the body; and more of them than there may be connections."""
    before = port.megabytes()
    begun = [
        b"POST /slack/events HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST /slack/events HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
        b"POST /twilio/bundles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"G",
    ]
    statuses: Counter[int | None] = Counter()

    async def drips(nth: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        answer = asyncio.create_task(port.status(reader, 60))
        with contextlib.suppress(ConnectionError):
            writer.write(begun[nth % len(begun)])
            while not answer.done():
                writer.write(b"a")
                await asyncio.sleep(0.2)
        statuses[await answer] += 1
        writer.close()

    many = 2 * door.MOST
    dripping = asyncio.gather(*(drips(nth) for nth in range(many)))
    await asks(port.stage.person("requester"))
    await port.stage.card("awaiting_approval")
    await dripping
    assert set(statuses) <= {None, 400, 408} and statuses[408] > 10 and sum(statuses.values()) == many, (
        statuses
    )
    assert port.megabytes() < before + MEMORY


async def test_many_idle_connections_keep_nobody_out(port: Port) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(3 * door.MOST)]
    assert (await port.stage.person("requester").types("help"))["ok"]
    open_ones = 0
    for reader, _ in idle:
        try:
            await asyncio.wait_for(reader.read(1), 0.01)
        except TimeoutError:
            open_ones += 1
    assert 0 < open_ones <= door.MOST
    for _, writer in idle:
        writer.close()


async def test_a_flood_of_requests_on_one_connection_whose_answers_nobody_reads_takes_no_memory(
    port: Port,
) -> None:
    before = port.megabytes()
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    flood = b"GET /nosuch HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(3):
            for _ in range(200):
                writer.write(flood)
                await writer.drain()
    assert (await port.stage.person("requester").types("help"))["ok"]
    writer.transport.abort()
    assert port.megabytes() < before + MEMORY


async def test_a_small_body_that_would_unpack_to_a_large_one_is_not_unpacked(port: Port) -> None:
    bomb = gzip.compress(b"a" * 200_000_000)
    before = port.megabytes()
    for path in POSTED:
        status = await port.sends(request("POST", path, bomb, "Content-Encoding: gzip"))
        assert status is not None and 400 <= status < 500
    assert port.megabytes() < before + MEMORY


async def test_health_is_answered_meanwhile(port: Port) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port.number}/healthz") as answer,
    ):
        assert answer.status == 200 and json.loads(await answer.text()) == {"ok": True}
