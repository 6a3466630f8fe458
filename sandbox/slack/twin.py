"""A local stand-in for Slack at the wire: Web API, Socket Mode, signed HTTP, a page for people and control calls."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from sandbox.slack.acting import Acting
from sandbox.slack.control import Control, in_json
from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.page import add_page
from sandbox.slack.web_api import WebApi
from sandbox.slack.workspace import EVENTS, SCOPES, Workspace

LARGEST_BODY = 20 * 2**20


class SlackTwin:
    def __init__(
        self, *, rate_limits: bool = True, scopes: Iterable[str] = SCOPES, events: Iterable[str] = EVENTS
    ) -> None:
        """scopes: what the app was granted; events: what it is subscribed to. Both as the app's manifest has them."""
        self.workspace = Workspace(scopes=list(scopes), events=set(events))
        self.calls: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        """What the app sent and Slack would not have taken: calls, views, messages, answers to submissions."""
        self.scopes_used = self.workspace.scopes_used
        faults = Faults()
        self.delivery = Delivery(self.workspace, faults, self.calls)
        self._api = WebApi(
            self.workspace, self.delivery, faults, self.calls, self.refused, rate_limits=rate_limits
        )
        self._acting = Acting(self.workspace, self.delivery, self.refused)
        self._control = Control(
            self.workspace, self._acting, self.delivery, self._api.files, faults, self.calls, self._api
        )
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """port 0: any. Raises OSError when the port is in use."""
        app = web.Application(middlewares=[in_json], client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/api/{method}", self._api.handle)
        app.router.add_get("/link/", self.delivery.sockets.handle)
        app.router.add_post("/response/{key}", self._api.chat.respond)
        app.router.add_get("/files-pri/{file}/{name}", self._api.files.download)
        app.router.add_get("/files-pri/{file}/download/{name}", self._api.files.download)
        app.router.add_post("/upload/v1/{ticket}", self._api.files.upload)
        app.router.add_get("/archives/{channel}/{message}", self._permalink)
        self._control.add_to(app)
        add_page(app, self.workspace, self._acting)
        app.on_shutdown.append(lambda _: self.delivery.close())
        # a caller that gives up does not undo its call: handlers run to their end
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        self._api.settle_at(self.url)
        self._acting.url = self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _permalink(self, request: web.Request) -> web.Response:
        """A link to a message opens a page there, as whoever looked last."""
        channel = request.match_info["channel"]
        raise web.HTTPFound(f"/?channel={channel}&link=1#{request.match_info['message']}")
