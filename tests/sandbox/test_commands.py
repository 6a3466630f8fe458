"""``python -m sandbox`` and ``make demo`` as people start and end them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.catalogue import ROOT
from tests.ports import free_port
from tests.stories.stage import until


@contextlib.asynccontextmanager
async def started(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_sandbox_writes_settings_and_ends_in_order(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    ports = [str(free_port()), str(free_port())]
    options = ("--slack-port", ports[0], "--twilio-port", ports[1], "--env", str(file), "--quiet")
    async with started("sandbox", *options) as process:
        await until(file.exists, "the settings are written", within=15)
        lines = dict(line.split("=", 1) for line in file.read_text().split())
        assert lines["SLACK_API_URL"] == f"http://127.0.0.1:{ports[0]}/api/"
        assert lines["TWILIO_BASE_URL"] == f"http://127.0.0.1:{ports[1]}"
        async with aiohttp.ClientSession() as session:
            for url in (f"http://127.0.0.1:{ports[0]}/twin/state", f"http://127.0.0.1:{ports[1]}/twin/state"):
                async with session.get(url) as answer:
                    assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    for port in ports:
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", int(port)))  # it is free again


async def test_a_port_in_use_gives_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with started("sandbox", "--slack-port", port, "--twilio-port", str(free_port())) as process:
            _, said = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 1
    assert f"Port {port} is in use" in said.decode() and "Traceback" not in said.decode()


async def test_the_app_names_all_that_is_missing(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "TWILIO_ACCOUNT_SID": "secret-value"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    text = said.decode()
    assert process.returncode == 1 and "Traceback" not in text and "secret-value" not in text
    for name in ("SLACK_BOT_TOKEN", "TWILIO_ACCOUNT_SID", "APPROVALS_CHANNEL"):
        assert name in text
