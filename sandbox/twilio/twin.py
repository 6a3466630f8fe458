"""A local stand-in for Twilio at the wire: every host on one port, told apart by the Host header.

Real callers keep the host that they mean in the header; people with curl put it in front of the path (``/numbers/v2/...``).
``/`` is a page for people, ``/twin/...`` steers the twin.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.twilio import (
    account,
    addresses,
    bundles,
    buying,
    control,
    geo,
    invented,
    messages,
    messaging,
    monitor,
    page,
    papers,
    prices,
    registrations,
    regulations,
    renewal,
    search,
    seeds,
    senders,
    sending_control,
    testing,
    usage,
)
from sandbox.twilio.callbacks import Callbacks
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.faults import Fault, Faults
from sandbox.twilio.inventory import open_market
from sandbox.twilio.regulations import regulations_of
from sandbox.twilio.review import lapse_expired
from sandbox.twilio.state import Account, Clock, Credentials, Sids, World
from sandbox.twilio.wire import Answer, Call, Params, Route, Upload

HOSTS = ("api", "numbers-upload", "numbers", "messaging", "pricing", "accounts", "monitor", "lookups")
WRITES = ("POST", "PATCH")
RESOURCES = (
    *(
        account,
        addresses,
        search,
        buying,
        messages,
        prices,
        regulations,
        papers,
        bundles,
        renewal,
        messaging,
        registrations,
        senders,
        geo,
        usage,
        monitor,
    ),
)
ROUTES: list[Route] = [r for module in RESOURCES for r in module.routes.all] + papers.upload_routes.all
LARGEST_BODY = 20 * 2**20
CONCURRENT = 100  # [assumed]: reported, not documented
log = logging.getLogger(__name__)


@dataclass
class Exchange:
    """A request of the protocol with its answer, as a checker of contracts wants to see it.

    form is None where there was no form; multipart uploads have ``multipart`` set, JSON bodies ``json``.
    """

    host: str
    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]] | None
    status: int
    body: Any
    json: Any = None
    multipart: bool = False


class Cut(Exception):
    """The connection is to be dropped without an answer."""


class TwilioTwin:
    def __init__(
        self,
        *,
        seed: int = 1,
        regulations: Path | None = None,
        review_after: float | None = None,
        latency_ms: int = 0,
    ) -> None:
        self.seed, self.regulations_file, self.review_after = seed, regulations, review_after
        self.latency_ms = latency_ms
        self.checker: Callable[[Exchange], list[str]] | None = None
        self.complaints: list[str] = []
        self.calls: deque[dict[str, Any]] = deque(maxlen=5000)
        self.faults = Faults()
        self.url = ""
        self.in_flight = 0
        self.refuses_credentials = False
        self.lag = 0.0
        """Seconds for which reads do not find what was written."""
        self._shown_at: dict[str, datetime] = {}
        self.changes = 0  # grows with everything that the page should show
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self._clockwork: asyncio.Task[None] | None = None
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        self._under_way: set[asyncio.Task[Any]] = set()
        self.callbacks = Callbacks(self.faults, lambda: self.world.now(), self.changed)
        self.world = self._new_world()

    @property
    def account(self) -> Account:
        """The main account: what was bought, its services, bundles and messages."""
        return self.world.main

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def _new_world(self) -> World:
        market, known = open_market(self.seed), regulations_of(self.regulations_file)
        if self.regulations_file is not None:
            invented.sell(market, known.combinations)
        world = World(
            seed=self.seed,
            market=market,
            regulations=known,
            clock=Clock(changed=self._wake.set),
            sids=Sids(self.seed),
            accounts={},
            review_after=self.review_after,
            send_callback=self.callbacks.send,
        )
        seeds.plant(world)
        return world

    def changed(self) -> None:
        self.changes += 1

    def complain(self, text: str) -> None:
        self.complaints.append(text)
        log.warning("Twilio twin: %s", text)

    # Life

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Serve until stop(). port 0: any free one. Raises OSError when the port is in use."""
        app = web.Application(client_max_size=LARGEST_BODY)
        page.mount(app, self)
        sending_control.mount(app, self)  # before the control calls, which refuse what they do not know
        control.mount(app, self)
        app.router.add_route("*", "/{anything:.*}", self._protocol)
        self._stopping.clear()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        self._clockwork = asyncio.create_task(self._keep_time())

    async def stop(self) -> None:
        if self._clockwork is not None:
            self._clockwork.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clockwork
            self._clockwork = None
        await self.callbacks.stop()
        self._stopping.set()  # wakes whatever was told to be slow; aiohttp forgets those whose caller has gone
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=1.0)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _keep_time(self) -> None:
        while True:
            self.run_due()
            self._wake.clear()
            seconds = self.clock.seconds_to_next()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 1.0 if seconds is None else min(seconds, 1.0))

    def run_due(self) -> None:
        """Let happen what is due by the twin's time: reviews, deliveries, lapsing bundles."""
        self.clock.run_due()
        for each in self.world.accounts.values():
            lapse_expired(self.world, each)

    def forward(self, seconds: float) -> None:
        """Move the twin's time ahead, and let happen what falls due, in order, each at its time."""
        goal = self.clock.ahead + timedelta(seconds=seconds)
        while (wait := self.clock.seconds_to_next()) is not None and self.clock.ahead + timedelta(
            seconds=wait
        ) <= goal:
            self.clock.ahead += timedelta(seconds=wait)
            self.run_due()
        self.clock.ahead = max(self.clock.ahead, goal)
        self.run_due()
        self.changed()

    # The protocol

    async def _protocol(self, request: web.Request) -> web.StreamResponse:
        host, path = self._where(request)
        if host is None:
            return web.json_response({"error": f"nothing here: {request.path}"}, status=404)
        started = time.perf_counter()
        query = Params(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        record: dict[str, Any] = {
            "number": next(self._numbers),
            "at": self.world.now().isoformat(),
            "method": request.method,
            "host": f"{host}.twilio.com",
            "path": path,
            "query": _flat(query),
            "form": None,
            "status": None,
            "code": None,
            "ms": None,
            "fault": None,
        }
        self.calls.append(record)
        self.in_flight += 1
        if task := asyncio.current_task():
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            fault = self.faults.for_request(request.method, path)
            record["fault"] = str(fault) if fault else None
            status, body, headers = await self._answer(request, host, path, query, record, fault)
        except Cut:
            record["status"] = None
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        finally:
            self.in_flight -= 1
            record["ms"] = round((time.perf_counter() - started) * 1000, 1)
            self.changed()
        record["status"] = status
        record["code"] = body.get("code") if status >= 400 and isinstance(body, dict) else None
        headers |= {
            "Date": format_datetime(self.world.now().astimezone(UTC), usegmt=True),
            "Twilio-Request-Id": f"RQ{record['number']:032x}",
            "Twilio-Concurrent-Requests": str(self.in_flight + 1),
        }
        if status == 204:
            return web.Response(status=204, headers=headers)
        text = json.dumps(body, ensure_ascii=False)
        if fault and fault.cut == "broken":
            text = text[: len(text) // 2]
        if fault and fault.plain:
            text = f"<html><body><h1>{status}</h1></body></html>"
            return web.Response(status=status, text=text, content_type="text/html", headers=headers)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

    # Reads that lag behind writes

    def _written(self, method: str, status: int, body: Any) -> None:
        if (
            self.lag
            and method == "POST"
            and status in (200, 201, 202)
            and isinstance(body, dict)
            and "sid" in body
        ):
            self._shown_at[str(body["sid"])] = self.world.now() + timedelta(seconds=self.lag)

    def _is_hidden(self, sid: Any) -> bool:
        shown_at = self._shown_at.get(str(sid))
        return shown_at is not None and shown_at > self.world.now()

    def _as_read(self, body: Any) -> Any:
        """A list without what is not shown yet."""
        if not isinstance(body, dict):
            return body
        return {
            key: [each for each in value if not (isinstance(each, dict) and self._is_hidden(each.get("sid")))]
            if isinstance(value, list)
            else value
            for key, value in body.items()
        }

    async def _pause(self, seconds: float) -> None:
        """Sleep; raises Cut when the twin stops meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
            raise Cut

    def _where(self, request: web.Request) -> tuple[str | None, str]:
        """(host without domain, path there). With the twin's own name the host is the first part of the path."""
        name = request.host.rsplit(":", 1)[0].lower()
        path = request.rel_url.raw_path
        if name.endswith(".twilio.com"):
            return name.removesuffix(".twilio.com"), path
        first, _, rest = path.lstrip("/").partition("/")
        return (first, "/" + rest) if first in HOSTS else (None, path)

    async def _answer(
        self,
        request: web.Request,
        host: str,
        path: str,
        query: Params,
        record: dict[str, Any],
        fault: Fault | None,
    ) -> tuple[int, Any, dict[str, str]]:
        form, decoded, upload, multipart = await self._body(request)
        record["form"] = _flat(form) if request.method in WRITES else None
        if decoded is not None:
            record["form"] = decoded
        if self.latency_ms:
            await self._pause(self.latency_ms / 1000)
        if fault and fault.delay:
            await self._pause(fault.delay)
        if fault and fault.cut == "cut_before":
            raise Cut
        if fault and fault.status and not fault.processed:
            return self._refusal(fault)
        self.run_due()
        headers: dict[str, str] = {}
        try:
            if self.in_flight > CONCURRENT:
                raise TwilioError(20429)
            if any(self._is_hidden(part.removesuffix(".json")) for part in path.split("/")):
                raise not_found(path)
            credentials = self._who(request)
            status, body = self._dispatch(
                request, host, path, Call(request.method, host, path, query, form, self.world, self.account, credentials),
                decoded, upload, multipart,
            )  # fmt: skip
            self._written(request.method, status, body)
            if request.method == "GET":
                body = self._as_read(body)
        except TwilioError as error:
            status, body = error.status, error.body()
            if status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        if self.checker is not None:
            shown_form = form.lists if request.method in WRITES and decoded is None else None
            exchange = Exchange(
                f"{host}.twilio.com",
                request.method,
                path,
                query.lists,
                shown_form,
                status,
                body,
                decoded,
                multipart,
            )
            self.complaints += self.checker(exchange)
        if fault and fault.cut == "cut_after":
            raise Cut
        if fault and fault.status:
            return self._refusal(fault)
        return status, body, headers

    def _refusal(self, fault: Fault) -> tuple[int, Any, dict[str, str]]:
        usual = {401: 20003, 403: 20403, 404: 20404, 409: 20409, 429: 20429, 500: 20500, 503: 20503}
        status = fault.status or 500
        error = TwilioError(fault.code or usual.get(status, 20500 if status >= 500 else 20422), status=status)
        if fault.code == 20422:
            error.message = (
                "insufficient funds"  # the one use of this code as a fault; its words are [assumed]
            )
        headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
        return status, error.body(), headers

    async def _body(self, request: web.Request) -> tuple[Params, Any, Upload | None, bool]:
        """(form, decoded JSON, uploaded file, whether it was multipart)."""
        if request.method not in (*WRITES, "PUT"):
            return Params(), None, None, False
        if request.content_type.startswith("multipart/"):
            pairs: list[tuple[str, str]] = []
            upload: Upload | None = None
            fields = await request.post()
            for name, value in fields.items():
                if isinstance(value, web.FileField):
                    if name == "File":
                        upload = Upload(value.filename, value.file.read())
                    else:  # ignored, as every parameter that Twilio does not know (20001)
                        pairs.append((name, value.filename))
                else:
                    pairs.append((name, value if isinstance(value, str) else bytes(value).decode()))
            return Params(pairs), None, upload, True
        text = await request.text()
        if request.content_type == "application/json":
            try:
                return Params(), json.loads(text or "null"), None, False
            except ValueError:
                return Params(), None, None, False
        return Params(parse_qsl(text, keep_blank_values=True)), None, None, False

    def _who(self, request: web.Request) -> Credentials:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        with contextlib.suppress(ValueError):
            if scheme.lower() == "basic":
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
                found = seeds.credentials(self.world, user, password)
                if found and not self.refuses_credentials:
                    return found
        raise TwilioError(20003)

    def _dispatch(
        self,
        request: web.Request,
        host: str,
        path: str,
        call: Call,
        decoded: Any,
        upload: Upload | None,
        multipart: bool,
    ) -> Answer:
        own = self.world.accounts.get(call.credentials.account_sid)
        if call.credentials.kind == "test":
            return testing.answer(call)
        if own is None or own.status != "active":
            raise TwilioError(20003)
        fitting = [(r, m) for r in ROUTES if r.host == host and (m := r.pattern.match(path))]
        if not fitting:
            self.complain(f"unknown path: {request.method} {host}.twilio.com{path}")
            raise not_found(path)
        route, match = next(((r, m) for r, m in fitting if r.method == request.method), fitting[0])
        if route.method != request.method:
            self.complain(f"method not allowed: {request.method} {host}.twilio.com{path}")
            raise TwilioError(20004)
        if any(f"/{each}" in path for each in own.denied):
            raise TwilioError(20003)
        call.account, call.args = own, match.groupdict()
        call.json, call.upload, call.multipart = decoded, upload, multipart
        if (named := call.args.pop("account", None)) and named != own.sid:
            call.account = self._relative(own, named, path)
        for name in (*call.query, *call.form):
            if name not in route.known:
                self.complain(f"Twilio ignores {name} (20001): {request.method} {host}.twilio.com{path}")
        return route.handler(call)

    def _relative(self, own: Account, named: str, path: str) -> Account:
        """A subaccount: its parent's credentials work on api.twilio.com."""
        found = self.world.accounts.get(named)
        if found is None or found.owner_sid != own.sid:
            raise not_found(path)
        return found


def _flat(params: Params) -> dict[str, str | list[str]]:
    return {name: values[0] if len(values) == 1 else values for name, values in params.lists.items()}
