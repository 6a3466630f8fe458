"""A document whose file Twilio does not keep: the answer names no type of content then."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.slack.files import File, FileProblem
from bot.twilio import contents
from bot.twilio.client import connect
from bot.twilio.contents import Contents
from tests.bot.test_contents import Some, known, made_elsewhere
from tests.sandbox.twilio_world import ACCOUNT, KEY, SECRET, World, running

UPLOADS = "numbers-upload.twilio.com"


@asynccontextmanager
async def forgetful(world: World, times: int) -> AsyncIterator[Any]:
    """Before the twin; of so many uploads the file is lost on its way."""
    left = times

    async def forward(request: web.Request) -> web.Response:
        nonlocal left
        headers = {k: v for k, v in request.headers.items() if k not in ("Content-Length", "Accept-Encoding")}
        url = f"{world.twin.url}{request.path_qs}"
        async with session.request(
            request.method, url, data=await request.read(), headers=headers
        ) as answered:
            said = await answered.read()
            if request.host == UPLOADS and left:
                left -= 1
                said = json.dumps({**json.loads(said), "mime_type": None}).encode()
            return web.Response(status=answered.status, body=said, content_type=answered.content_type)

    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def saved(world: World, times: int) -> Contents:
    read = known("AU", "local", "business")
    part = read.documents(None)[0].kinds[0]
    file = File(b"%PDF-1.7", "application/pdf")
    async with forgetful(world, times) as url, connect(ACCOUNT, KEY, SECRET, url) as twilio:
        app: Any = Some(twilio)
        into = await made_elsewhere(app, read)
        typed = {each.name: "x" for each in part.fields}
        return await contents.save_document(app, into, read, Contents(), 0, part, typed, file)


def documents(world: World) -> list[str | None]:
    """The types of content of what is at Twilio, the seeded one first."""
    return [each.mime_type for each in world.twin.world.main.documents.values()]


async def test_a_file_that_twilio_did_not_keep_is_sent_once_more() -> None:
    async with running() as world:
        seeded = documents(world)
        made = await saved(world, times=1)
        assert made.documents[0].has_file
        assert documents(world) == [*seeded, "application/pdf"], "the one without a file is taken away"


async def test_a_file_that_twilio_does_not_keep_twice_has_to_be_chosen_again() -> None:
    async with running() as world:
        seeded = documents(world)
        with pytest.raises(FileProblem, match="did not keep the file"):
            await saved(world, times=2)
        assert documents(world) == seeded
