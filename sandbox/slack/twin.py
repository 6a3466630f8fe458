"""A local stand-in for Slack at the wire: Web API, Socket Mode, signed HTTP, a page for people and control calls."""

from typing import Any

from aiohttp import web

from sandbox.slack.acting import Acting
from sandbox.slack.control import Control, ResponseUrls, in_json
from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.page import add_page
from sandbox.slack.web_api import BOT_TOKEN, WebApi
from sandbox.slack.workspace import Workspace

SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to Slack</body></html>"
)
LARGEST_BODY = 20 * 2**20


class SlackTwin:
    def __init__(self, *, rate_limits: bool = True) -> None:
        self.workspace = Workspace()
        self.calls: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        """What the app sent and Slack would not have taken: views, messages, answers to submissions."""
        self._faults = Faults()
        self.delivery = Delivery(self.workspace, self._faults, self.calls)
        self._api = WebApi(self.workspace, self.delivery, self._faults, self.calls, self.refused)
        self._api.rate_limits = rate_limits
        self.scopes_used = self._api.scopes_used
        self._acting = Acting(self.workspace, self.delivery, self.refused, self.scopes_used)
        self._control = Control(self.workspace, self._acting, self.delivery, self._faults, self.calls)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """port 0: any. Raises OSError when the port is in use."""
        app = web.Application(middlewares=[in_json], client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/api/{method}", self._api.handle)
        app.router.add_get("/link/", self.delivery.socket)
        app.router.add_post("/response/{key}", ResponseUrls(self.workspace).handle)
        app.router.add_get("/files/{id}/{name}", self._download)
        app.router.add_get("/archives/{channel}/{message}", self._permalink)
        self._control.add_to(app)
        add_page(app, self.workspace)
        app.on_shutdown.append(lambda _: self.delivery.close())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._api.url = self._acting.url = self._control.url = self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _download(self, request: web.Request) -> web.Response:
        """The file for a token with the right scope; for everybody else a sign-in page, with 200."""
        content = self.workspace.contents.get(request.match_info["id"])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if content is None or token != BOT_TOKEN or "files:read" not in self._api.scopes:
            return web.Response(text=SIGN_IN, content_type="text/html")
        self.scopes_used.add("files:read")
        return web.Response(
            body=content, content_type=self.workspace.files[request.match_info["id"]]["mimetype"]
        )

    async def _permalink(self, request: web.Request) -> web.Response:
        """A link to a message opens the page there, as whoever looked last."""
        channel = request.match_info["channel"]
        raise web.HTTPFound(f"/?channel={channel}#{request.match_info['message']}")
