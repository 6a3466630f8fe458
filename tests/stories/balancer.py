"""One address before several replicas, as a host gives them: in turn, passing over those that do not listen."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

OF_THE_WAY = {"host", "content-length", "transfer-encoding", "connection", "date", "server"}
"""Headers that say how one hop was made, and not what was sent."""


@dataclass
class Balancer:
    ports: Sequence[int]
    """Of the replicas."""
    url: str = ""
    answered: dict[int, int] = field(default_factory=dict)
    """How many requests each port has answered."""
    _turn: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = [each for each in request.headers.items() if each[0].lower() not in OF_THE_WAY]
        self._turn += 1
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for n in range(len(self.ports)):
                port = self.ports[(self._turn + n) % len(self.ports)]
                url = f"http://127.0.0.1:{port}{request.rel_url}"
                try:
                    async with session.request(request.method, url, headers=headers, data=body) as answer:
                        self.answered[port] = self.answered.get(port, 0) + 1
                        kept = [each for each in answer.headers.items() if each[0].lower() not in OF_THE_WAY]
                        return web.Response(status=answer.status, body=await answer.read(), headers=kept)
                except aiohttp.ClientConnectorError:
                    continue
        return web.Response(status=502)


@asynccontextmanager
async def balancer(*ports: int) -> AsyncIterator[Balancer]:
    made = Balancer(ports)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
