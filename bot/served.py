"""What is served on PORT: whether it is well, figures, what Twilio reports, and Slack where it delivers over HTTP."""

import contextlib
import logging
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.bundles.watch import Watch
from bot.core import App
from bot.doctor import database
from bot.door import Door
from bot.settings import BUNDLES_PATH, MESSAGES_PATH
from bot.slack import signed
from bot.slack.once import OnceApp
from bot.slack.troubles import TOKEN
from bot.starting import PortTaken, Problem
from bot.twilio.callbacks import is_twilio

log = logging.getLogger(__name__)

Figures = Callable[[], Awaitable[tuple[bytes, str]]]
"""The text, and its content type."""


@contextlib.contextmanager
def taken(port: int) -> Iterator[sockets.socket]:
    """The port, with nobody listening yet. Raises PortTaken."""
    with sockets.socket() as listener:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        with _free(port):
            listener.bind(("0.0.0.0", port))
        yield listener


@contextlib.contextmanager
def _free(port: int) -> Iterator[None]:
    """Raises PortTaken in place of what the system says."""
    try:
        yield
    except OSError as error:
        raise PortTaken(Problem("PORT", f"nobody can listen on PORT {port}: {error.strerror}")) from error


@contextlib.asynccontextmanager
async def open_on(
    listener: sockets.socket,
    bolt: OnceApp,
    socket: AsyncSocketModeHandler | None,
    app: App,
    watch: Watch,
    figures: Figures | None,
) -> AsyncIterator[None]:
    """Listens until the end. figures: none where they are not wanted. Raises PortTaken."""
    door = Door()
    server = door.application()
    if app.settings.slack_signing_secret and app.settings.uses_http:
        secret = app.settings.slack_signing_secret.get_secret_value()
        server.router.add_post(signed.PATH, signed.receiver(bolt, secret))
    add_health(server, socket, app)
    add_reports(server, app, watch)
    if figures is not None:
        add_figures(server, figures)
    runner = door.runner(server)
    await runner.setup()
    try:
        with _free(
            listener.getsockname()[1]
        ):  # of two that start at once both may have it, and one may listen
            opened = await door.open(runner, listener)
        try:
            yield
        finally:
            opened.close()
    finally:
        await runner.cleanup()


def add_health(server: web.Application, socket: AsyncSocketModeHandler | None, app: App) -> None:
    """``/healthz`` (and ``/health``) and ``/readyz``, by what the doctor finds in the database too."""

    async def answer(only: str = "") -> web.Response:
        """Whether Slack is connected, and no trouble (whose key begins so) is open."""
        connected = socket is None or await socket.client.is_connected()
        troubles = database.broken(await database.troubles(app.store), only)
        ok = connected and not troubles
        body = {"ok": ok} if ok else {"ok": ok, "connected": connected, "troubles": troubles}
        return web.json_response(body, status=200 if ok else 503)

    async def health(_: web.Request) -> web.Response:
        return await answer(TOKEN)

    async def ready(_: web.Request) -> web.Response:
        return await answer()

    server.router.add_get("/health", health)
    server.router.add_get("/healthz", health)
    server.router.add_get("/readyz", ready)


def add_reports(server: web.Application, app: App, watch: Watch) -> None:
    """What Twilio reports; answered at once and without a body."""

    async def bundle_changed(request: web.Request) -> web.Response:
        form = await reported(request, app.settings.callback_url)
        if form is not None:
            watch.called_back(form)
        return web.Response(status=403 if form is None else 204)

    async def message_changed(request: web.Request) -> web.Response:
        of = dict(request.query)
        form = await reported(request, app.settings.message_callback(of))
        if form is not None and "number" in of:
            await app.store.look_at_number(of["number"])
        elif form is not None:
            await app.store.look_at(of.get("purchase", ""))
        return web.Response(status=403 if form is None else 204)

    async def reported(request: web.Request, public_url: str | None) -> dict[str, str] | None:
        """What Twilio sent; None where it was somebody else. public_url: behind a proxy the server sees another address."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        if is_twilio(app.settings, public_url or str(request.url), form, signature):
            return form
        log.warning("a request to %s was refused: Twilio has not signed it", request.path)
        return None

    server.router.add_post(BUNDLES_PATH, bundle_changed)
    server.router.add_post(MESSAGES_PATH, message_changed)


def add_figures(server: web.Application, figures: Figures) -> None:
    async def answer(_: web.Request) -> web.Response:
        text, content_type = await figures()
        return web.Response(body=text, headers={"Content-Type": content_type})

    server.router.add_get("/metrics", answer)
