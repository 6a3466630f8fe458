"""What the tests of the Twilio twin share: the real SDK over a small transport, and ways to make papers."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from twilio.base.exceptions import TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sandbox.twilio.regulations import REGULATIONS
from sandbox.twilio.twin import TwilioTwin
from tests.contract import Contract, documents

ACCOUNT, KEY, SECRET, TOKEN = "AC" + "0" * 32, "SK" + "0" * 32, "sandbox-secret", "sandbox-auth-token"
V2010 = f"/2010-04-01/Accounts/{ACCOUNT}"
RC = "/v2/RegulatoryCompliance"
PDF = b"%PDF-1.7\n%%EOF"


class Transport(AsyncHttpClient):
    """Sends what is meant for a Twilio host to the twin, with the host kept in its header."""

    def __init__(self, twin: TwilioTwin, session: aiohttp.ClientSession) -> None:
        super().__init__(logging.getLogger("twilio"), True, None)
        self.twin, self.session = twin, session
        self.raw: dict[str, Any] = {}

    async def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,
    ) -> Response:
        meant = urlsplit(url)
        send = dict(headers or {}) | {"Host": meant.hostname or ""}
        if auth:
            send["Authorization"] = aiohttp.encode_basic_auth(*auth)
        body: dict[str, Any] = {"data": data}
        if send.get("Content-Type") == "application/json":
            body = {"data": json.dumps(data)}
        there = self.twin.url + meant.path + (f"?{meant.query}" if meant.query else "")
        async with self.session.request(method, there, params=params, headers=send, **body) as answer:
            text = await answer.text()
            self.raw = json.loads(text) if text else {}
            return Response(answer.status, text, answer.headers)


@dataclass
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> int | None:
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Caller:
    """Plain HTTP to one of Twilio's hosts, and control calls."""

    twin: TwilioTwin
    session: aiohttp.ClientSession
    user: str = KEY
    password: str = SECRET

    async def __call__(self, method: str, host: str, path: str, query: Any = None, **form: Any) -> Answer:
        headers = {
            "Host": f"{host}.twilio.com",
            "Authorization": aiohttp.encode_basic_auth(self.user, self.password),
        }
        data = form if method in ("POST", "PATCH") else None
        async with self.session.request(
            method, self.twin.url + path, params=query, data=data, headers=headers
        ) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text else None, answer.headers)

    async def upload(
        self, host: str, content: bytes | None, filename: str = "a.pdf", **fields: str
    ) -> Answer:
        form = aiohttp.FormData(fields)
        if content is not None:
            form.add_field("File", io.BytesIO(content), filename=filename, content_type="application/pdf")
        headers = {
            "Host": f"{host}.twilio.com",
            "Authorization": aiohttp.encode_basic_auth(self.user, self.password),
        }
        there = self.twin.url + RC + "/SupportingDocuments"
        async with self.session.post(there, data=form, headers=headers) as answer:
            return Answer(answer.status, await answer.json(), answer.headers)


@dataclass
class World:
    """A running twin, the SDK on it, and plain calls: by key (the default) and by Auth Token."""

    twin: TwilioTwin
    session: aiohttp.ClientSession
    call: Caller
    sdk: Client
    transport: Transport

    @property
    def as_main(self) -> Caller:
        return Caller(self.twin, self.session, ACCOUNT, TOKEN)

    async def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        async with self.session.request(method, f"{self.twin.url}/twin/{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status == status, found
            return found

    def pardon(self) -> list[str]:
        """Take back what the twin complained of: the test was wrong on purpose."""
        complaints, self.twin.complaints = self.twin.complaints, []
        return complaints

    def a_number(self, country: str, number_type: str, **where: str) -> str:
        """One that is for sale, at the place that was asked for."""
        stock = self.twin.world.market.countries[country].types[number_type].stock.values()
        return next(n.phone_number for n in stock if all(getattr(n, k) == v for k, v in where.items()))


@lru_cache(maxsize=1)
def contract() -> Contract | None:
    return Contract.read() if documents() else None


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[World]:
    """A twin that answers for its contract: whatever the checker or the twin complains of fails the test."""
    twin = TwilioTwin(**options)
    if checker := contract():
        twin.checker = checker.check
    await twin.start()
    try:
        async with aiohttp.ClientSession() as session:
            transport = Transport(twin, session)
            sdk = Client(KEY, SECRET, account_sid=ACCOUNT, http_client=transport)
            yield World(twin, session, Caller(twin, session), sdk, transport)
    finally:
        await twin.stop()
    if twin.complaints:
        raise AssertionError("\n".join(twin.complaints))


async def refusal(awaitable: Any) -> tuple[int, int]:
    """(HTTP status, Twilio's code) of a call that must be refused."""
    try:
        answer = await awaitable
    except TwilioRestException as error:
        return error.status, int(error.code or 0)
    raise AssertionError(f"not refused: {answer!r}")


# Contents

ALL: list[dict[str, Any]] = json.loads(REGULATIONS.read_text(encoding="utf-8"))["results"]
GB_MOBILE = ("GB", "mobile", "business")


def compliance(world: World) -> Any:
    return world.sdk.numbers.v2.regulatory_compliance


def answer_for(field: dict[str, Any], end_user: dict[str, Any], address: str) -> Any:
    """A value that meets the field's constraint."""
    name, constraint = field["machine_name"], field.get("constraint") or ""
    if name == "address_sids":
        return [address]
    if choices := re.search(r"\^\(([^)]*)\)\$", constraint):
        return choices[1].split("|")[0]
    if "\\S+@" in constraint:
        return "robin@example.com"
    if "[1-9]" in constraint:
        return "+442079460000"
    if found := re.search(r"== \w+\['(\w+)'\]", constraint):
        return end_user[found[1]]
    return f"Some {name}"


async def papers(
    world: World, regulation: dict[str, Any], *, group: int = 0, **changes: str
) -> tuple[Any, Any, list[Any]]:
    """(bundle, end user, documents) that meet a regulation, all of them assigned."""
    rc = compliance(world)
    address = next(iter(world.twin.account.addresses), None)
    if address is None:
        made = await world.sdk.addresses.create_async(
            "Example Ltd", "1 High Street", "London", "-", "N1 9GU", "GB"
        )
        address = str(made.sid)
    wanted = regulation["requirements"]["end_user"][0]
    attributes = {f["machine_name"]: answer_for(f, {}, address) for f in wanted["detailed_fields"]} | changes
    end_user = await rc.end_users.create_async("Somebody", wanted["type"], attributes=attributes)
    bundle = await rc.bundles.create_async("Contents", "a@example.com", regulation_sid=regulation["sid"])
    documents = []
    for requirement in regulation["requirements"]["supporting_document"][group]:
        accepted = requirement["accepted_documents"][0]
        values = {f["machine_name"]: answer_for(f, attributes, address) for f in accepted["detailed_fields"]}
        documents.append(
            await rc.supporting_documents.create_async(
                accepted["name"][:64], accepted["type"], attributes=values
            )
        )
    for sid in (end_user.sid, *(d.sid for d in documents)):
        await rc.bundles(bundle.sid).item_assignments.create_async(object_sid=sid)
    return bundle, end_user, documents


def a_regulation(country: str, number_type: str, end_user_type: str) -> dict[str, Any]:
    wanted = (country, number_type, end_user_type)
    return next(r for r in ALL if (r["iso_country"], r["number_type"], r["end_user_type"]) == wanted)


async def evaluated(world: World, bundle: Any) -> Any:
    return await compliance(world).bundles(bundle.sid).evaluations.create_async()


async def submitted(world: World, callback: str | None = None, **changes: str) -> tuple[Any, list[Any]]:
    bundle, _, documents = await papers(world, a_regulation(*GB_MOBILE), **changes)
    mine = compliance(world).bundles(bundle.sid)
    if callback:
        await mine.update_async(status_callback=callback)
    await mine.update_async(status="pending-review")
    return bundle, documents


class Listener:
    """Hears a bundle's status callbacks, and whether each was signed."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []

    async def hear(self, request: web.Request) -> web.Response:
        form = {k: str(v) for k, v in (await request.post()).items()}
        assert RequestValidator(TOKEN).validate(str(request.url), form, request.headers["X-Twilio-Signature"])
        self.heard.append(form)
        return web.Response(status=204)

    @property
    def statuses(self) -> list[str]:
        return [h["Status"] for h in self.heard]


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[Listener, str]]:
    """A listener, and the address to call it at."""
    found, app = Listener(), web.Application()
    app.router.add_post("/bundles", found.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield found, f"http://127.0.0.1:{runner.addresses[0][1]}/bundles"
    await runner.cleanup()
