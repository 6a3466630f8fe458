"""The real SDK over our transport, against a server that plays Twilio's part in each exchange as the test tells it."""

import asyncio
import io
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from time import monotonic
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from twilio.rest import Client
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from bot.twilio.client import (
    AT_ONCE,
    FIRST_WAIT,
    TRIES,
    TwilioError,
    _back_off,
    _seconds,
    before_each_try,
    connect,
    kind_of,
)
from tests.ports import free_port

ACCOUNT, KEY, SECRET = "AC" + "0" * 32, "SK" + "0" * 32, "not-to-be-told"
PN, MG, BU, IT, RD = (prefix + "1" * 32 for prefix in ("PN", "MG", "BU", "IT", "RD"))
NUMBER = "+14155550100"
UPLOAD = "https://numbers-upload.twilio.com/v2/RegulatoryCompliance/SupportingDocuments"
QUICK = 0.05
"""Patience: time-outs of a second, waits of milliseconds."""


@dataclass
class Seen:
    method: str
    host: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    connection: int
    at: float


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Cut:
    """The connection ends without an answer."""


class Half:
    """The answer breaks off in its middle."""


class Hang:
    """No answer for longer than anybody waits."""


Played = Answer | Cut | Half | Hang
BUSY = Answer(429, {"code": 20429, "message": "Too Many Requests", "status": 429})
BROKEN = Answer(500, {"code": 20500, "message": "Internal Server Error", "status": 500})


class Server:
    def __init__(self) -> None:
        self.next: list[Played] = []
        self.then: Played = Answer(200, {"sid": "PN"})
        self.seen: list[Seen] = []
        self.at_once = 0
        self.most_at_once = 0
        self.takes = 0.0
        self.cuts_used_connections = False
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def close(self) -> None:
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        connection = id(request.transport)
        used = any(each.connection == connection for each in self.seen)
        if self.cuts_used_connections and used:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        self.seen.append(
            Seen(
                request.method,
                request.host,
                request.path,
                request.rel_url.raw_query_string,
                dict(request.headers),
                await request.read(),
                connection,
                monotonic(),
            )
        )
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes)
            play = self.next.pop(0) if self.next else self.then
            if isinstance(play, Hang):
                await self._over.wait()
            if isinstance(play, Half):
                begun = web.StreamResponse(status=201, headers={"Content-Length": "100"})
                await begun.prepare(request)
                await begun.write(b'{"sid": "PN')
            if isinstance(play, Answer):
                text = play.body if isinstance(play.body, str) else json.dumps(play.body)
                return web.Response(status=play.status, text=text, headers=play.headers)
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        finally:
            self.at_once -= 1


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.open()
    yield made
    await made.close()


@asynccontextmanager
async def client_of(server: Server, patience: float = QUICK) -> AsyncIterator[Client]:
    async with connect(ACCOUNT, KEY, SECRET, server.url, patience) as made:
        yield made


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with client_of(server) as made:
        yield made


@asynccontextmanager
async def at_work(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    token = before_each_try.set(renew)
    try:
        yield
    finally:
        before_each_try.reset(token)


# the table: what each kind of call does when it fails


def fetch(c: Client) -> Any:
    return c.incoming_phone_numbers(PN).fetch_async()


def buy(c: Client) -> Any:
    return c.incoming_phone_numbers.create_async(phone_number=NUMBER, friendly_name="our mark")


def attach(c: Client) -> Any:
    return c.messaging.v1.services(MG).phone_numbers.create_async(phone_number_sid=PN)


def make_end_user(c: Client) -> Any:
    return regulatory(c).end_users.create_async(friendly_name="x", type="business")


def regulatory(c: Client) -> Any:
    return c.numbers.v2.regulatory_compliance


def make_address(c: Client) -> Any:
    return c.addresses.create_async(
        customer_name="Example Ltd",
        street="1 Example Street",
        city="London",
        region="London",
        postal_code="N1 1AA",
        iso_country="GB",
    )


def upload(c: Client) -> Any:
    form = aiohttp.FormData()
    form.add_field("FriendlyName", "Registry extract")
    form.add_field("File", b"%PDF-1.7", filename="a.pdf", content_type="application/pdf")
    return c.request_async("POST", UPLOAD, data=form)


Call = Callable[[Client], Any]
REPEATED: dict[str, tuple[Call, float]] = {
    "read": (fetch, 15),
    "list": (lambda c: c.incoming_phone_numbers.list_async(), 15),
    "delete": (lambda c: c.messaging.v1.services(MG).phone_numbers(PN).delete_async(), 15),
    "attach": (attach, 15),
    "end user": (make_end_user, 15),
    "document": (
        lambda c: regulatory(c).supporting_documents.create_async(friendly_name="x", type="passport"),
        60,
    ),
    "upload": (upload, 60),
    "item": (
        lambda c: regulatory(c).bundles(BU).item_assignments.create_async(object_sid=IT),
        15,
    ),
    "evaluation": (lambda c: regulatory(c).bundles(BU).evaluations.create_async(), 30),
}
ONCE: dict[str, tuple[Call, float]] = {
    "purchase": (buy, 30),
    "purchase of a type": (lambda c: c.incoming_phone_numbers.local.create_async(phone_number=NUMBER), 30),
    "release": (lambda c: c.incoming_phone_numbers(PN).delete_async(), 30),
    "message": (lambda c: c.messages.create_async(to=NUMBER, body="hello", messaging_service_sid=MG), 30),
    "bundle": (lambda c: regulatory(c).bundles.create_async(friendly_name="x", email="a@example.com"), 15),
    "service": (lambda c: c.messaging.v1.services.create_async(friendly_name="x"), 15),
    "address": (make_address, 15),
    "update of a number": (lambda c: c.incoming_phone_numbers(PN).update_async(friendly_name="x"), 15),
    "update of a bundle": (lambda c: regulatory(c).bundles(BU).update_async(status="pending-review"), 15),
    "update of an end user": (lambda c: regulatory(c).end_users(IT).update_async(friendly_name="x"), 15),
    "update of a document": (
        lambda c: regulatory(c).supporting_documents(RD).update_async(friendly_name="x"),
        15,
    ),
}
EVERY = REPEATED | ONCE

LOST = {"cut": Cut(), "half": Half(), "500": BROKEN, "503": Answer(503, "<html>down</html>")}
FINE = Answer(200, {"incoming_phone_numbers": []})


@pytest.mark.parametrize("kind", EVERY)
async def test_429_was_not_processed_and_is_repeated_for_every_kind(
    kind: str, server: Server, client: Client
) -> None:
    call, seconds = EVERY[kind]
    server.next, server.then = [BUSY, BUSY], FINE
    await call(client)
    assert len(server.seen) == 3
    used = kind_of(server.seen[0].method, server.seen[0].path)
    assert (used.repeat, used.seconds) == (kind in REPEATED, seconds)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("kind", REPEATED)
async def test_a_lost_answer_is_asked_for_again_where_that_does_no_harm(
    kind: str, lost: str, server: Server, client: Client
) -> None:
    call, _ = REPEATED[kind]
    server.next, server.then = [LOST[lost], LOST[lost]], FINE
    await call(client)
    assert len(server.seen) == 3
    assert len({each.body for each in server.seen}) == 1, "the same body each time"


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("kind", ONCE)
async def test_a_lost_answer_is_a_doubt_where_a_repetition_could_do_it_twice(
    kind: str, lost: str, server: Server, client: Client
) -> None:
    call, _ = ONCE[kind]
    server.next = [LOST[lost]]
    with pytest.raises(TwilioError) as raised:
        await call(client)
    assert raised.value.doubtful
    assert len(server.seen) == 1


@pytest.mark.parametrize("kind", EVERY)
async def test_a_failed_connect_sent_nothing_and_is_repeated_for_every_kind(kind: str) -> None:
    call, _ = EVERY[kind]
    server, tries = Server(), 0
    server.then = FINE

    async def renew() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            await server.open()

    try:
        async with client_of(server) as client, at_work(renew):
            await call(client)
    finally:
        await server.close()
    assert tries == 3 and len(server.seen) == 1


async def test_without_any_connection_nothing_was_bought() -> None:
    async with client_of(Server()) as client:
        with pytest.raises(TwilioError, match="cannot be reached") as raised:
            await buy(client)
    assert raised.value.status is None and not raised.value.doubtful


# time-outs


async def test_a_purchase_without_an_answer_ends_in_a_doubt_after_its_time_out(server: Server) -> None:
    server.next = [Hang()]
    began = monotonic()
    async with client_of(server, patience=0.01) as client, asyncio.timeout(60):
        with pytest.raises(TwilioError, match="lost") as raised:
            await buy(client)
    assert raised.value.doubtful and raised.value.status is None
    assert len(server.seen) == 1
    assert 0.3 <= monotonic() - began < 30, "a hundredth of 30 s, and of what a connect may take"


async def test_a_read_without_an_answer_is_tried_again(server: Server) -> None:
    server.next = [Hang()]
    async with client_of(server, patience=0.02) as client, asyncio.timeout(60):
        await fetch(client)
    assert len(server.seen) >= 2


async def test_a_read_is_given_up_after_five_tries_and_leaves_no_doubt(server: Server) -> None:
    server.then = Hang()
    async with client_of(server, patience=0.005) as client, asyncio.timeout(60):
        with pytest.raises(TwilioError) as raised:
            await fetch(client)
    assert not raised.value.doubtful
    assert len(server.seen) <= TRIES


@pytest.mark.parametrize("kind", ["read", "delete"])
async def test_no_try_is_made_behind_our_back(kind: str, server: Server, client: Client) -> None:
    """aiohttp repeats a cut read by itself: ten tries, of which five were not logged and had no lease."""
    server.then = Cut()
    with pytest.raises(TwilioError) as raised:
        await REPEATED[kind][0](client)
    assert len(server.seen) == TRIES and raised.value.doubtful == (kind == "delete")


# 429


async def test_429_waits_twice_as_long_each_time_and_ends_after_five_tries(server: Server) -> None:
    server.then = BUSY
    async with client_of(server, patience=0.5) as client:
        with pytest.raises(TwilioError) as raised:
            await buy(client)
    assert (raised.value.status, raised.value.code, raised.value.doubtful) == (429, 20429, False)
    assert len(server.seen) == TRIES
    waits = [later.at - earlier.at for earlier, later in pairwise(server.seen)]
    for nth, wait in enumerate(waits):
        assert wait >= 0.5 * FIRST_WAIT * 2**nth * 0.9


def test_the_wait_varies_by_a_tenth() -> None:
    waits = {_back_off(1) for _ in range(200)}
    assert 0.09 <= min(waits) < 0.095 and 0.105 < max(waits) <= 0.11


async def test_retry_after_is_kept_to(server: Server) -> None:
    server.next = [Answer(429, BUSY.body, {"Retry-After": "4"})]
    async with client_of(server, patience=0.1) as client:
        await buy(client)
    earlier, later = server.seen
    assert later.at - earlier.at >= 0.4


async def test_a_wait_that_is_too_long_is_left_to_the_caller(server: Server, client: Client) -> None:
    server.next = [Answer(429, BUSY.body, {"Retry-After": "3600"})]
    with pytest.raises(TwilioError) as raised:
        await fetch(client)
    assert (raised.value.status, raised.value.retry_after) == (429, 3600)
    assert len(server.seen) == 1


async def test_what_one_call_is_told_to_wait_holds_for_all_to_that_host(server: Server) -> None:
    server.next = [Answer(429, BUSY.body, {"Retry-After": "31"})]
    async with client_of(server, patience=0.02) as client:
        with pytest.raises(TwilioError):
            await fetch(client)
        await asyncio.sleep(0.05)  # now it is less than anybody waits at the most
        await asyncio.gather(buy(client), fetch(client))
    told, *later = server.seen
    assert {each.method for each in later} == {
        "GET",
        "POST",
    }  # a read may have been tried again on a slow machine
    assert all(each.at - told.at >= 0.6 for each in later)


async def test_a_host_that_is_closed_for_long_is_not_called_meanwhile(server: Server, client: Client) -> None:
    server.next = [Answer(429, BUSY.body, {"Retry-After": "3600"})]
    for call in (fetch, buy, fetch):
        with pytest.raises(TwilioError) as raised:
            await call(client)
        assert raised.value.status == 429 and not raised.value.doubtful
        assert raised.value.retry_after is not None and raised.value.retry_after > 30
    await client.messaging.v1.services(MG).fetch_async()
    assert [each.host for each in server.seen] == ["api.twilio.com", "messaging.twilio.com"]


async def test_nobody_waits_longer_than_the_longest_wait_in_all(server: Server) -> None:
    server.then = Answer(429, BUSY.body, {"Retry-After": "12"})
    async with client_of(server, patience=0.01) as client:
        with pytest.raises(TwilioError) as raised:
            await fetch(client)
    assert len(server.seen) == 3 and raised.value.retry_after == 12


def test_retry_after_may_be_a_date() -> None:
    seconds = _seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True))
    assert seconds is not None and 15 < seconds <= 20
    assert _seconds("soon") is None and _seconds("") is None


async def test_a_doubt_outlives_a_429(server: Server, client: Client) -> None:
    server.next, server.then = [Cut()], BUSY
    with pytest.raises(TwilioError) as raised:
        await make_end_user(client)
    assert raised.value.status == 429 and raised.value.doubtful


async def test_what_a_lost_try_had_attached_is_refused_without_a_doubt(
    server: Server, client: Client
) -> None:
    server.next = [Cut(), Answer(409, {"code": 21710, "message": "already in the service", "status": 409})]
    with pytest.raises(TwilioError) as raised:
        await attach(client)
    assert raised.value.code == 21710 and not raised.value.doubtful


async def test_what_a_lost_try_had_deleted_counts_as_deleted(server: Server, client: Client) -> None:
    gone = Answer(404, {"code": 20404, "message": "not found", "status": 404})
    server.next = [Cut(), gone, gone]
    remove = client.messaging.v1.services(MG).phone_numbers(PN).delete_async
    assert await remove() is True
    with pytest.raises(TwilioError) as raised:
        await remove()
    assert raised.value.status == 404, "what was not there in the first place is an error"


# one exception

V2010_ERROR = {
    "code": 21422,
    "message": "The phone number is not available",
    "more_info": "https://www.twilio.com/docs/errors/21422",
    "status": 400,
}
PROBLEM = {
    "type": "https://www.twilio.com/docs/errors/63100",
    "title": "Invalid parameter",
    "status": 400,
    "code": 63100,
    "detail": "The sender is not valid",
}


@pytest.mark.parametrize("call", [fetch, buy, REPEATED["list"][0]], ids=["fetch", "create", "list"])
@pytest.mark.parametrize(
    ("body", "code", "message", "more_info"),
    [
        (V2010_ERROR, 21422, V2010_ERROR["message"], V2010_ERROR["more_info"]),
        (PROBLEM, 63100, PROBLEM["detail"], PROBLEM["type"]),
        ({**PROBLEM, "detail": None, "code": "63100"}, 63100, PROBLEM["title"], PROBLEM["type"]),
        ("<html>Bad Request</html>", None, "HTTP 400", None),
        ("[]", None, "HTTP 400", None),
        ("", None, "HTTP 400", None),
    ],
    ids=["v2010", "problem", "problem without detail", "html", "list", "empty"],
)
async def test_a_refusal_of_either_shape_is_one_exception(
    call: Call, body: Any, code: Any, message: Any, more_info: Any, server: Server, client: Client
) -> None:
    server.next = [Answer(400, body)]
    with pytest.raises(TwilioError) as raised:
        await call(client)
    error = raised.value
    assert (error.status, error.code, error.message, error.more_info) == (400, code, message, more_info)
    assert error.definite == (code is not None)
    assert error.doubtful == (code is None and call is buy), "a proxy may have said it"
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 407, 408, 413, 502])
async def test_an_answer_that_may_be_a_proxys_leaves_a_doubt_about_a_purchase(
    status: int, server: Server, client: Client
) -> None:
    server.next = [Answer(status, "<html>Proxy</html>")]
    with pytest.raises(TwilioError) as raised:
        await buy(client)
    assert raised.value.doubtful and not raised.value.definite
    assert len(server.seen) == 1


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (403, 20005), (403, 20006), (401, 29999)])
async def test_who_we_are_is_no_refusal_of_the_purchase_and_no_doubt_about_it(
    status: int, code: int, server: Server, client: Client
) -> None:
    server.then = Answer(status, {"code": code, "message": "Authenticate", "status": status})
    for call in (buy, fetch):
        with pytest.raises(TwilioError) as raised:
            await call(client)
        assert not raised.value.doubtful and not raised.value.definite
    assert len(server.seen) == 2, "asking again changes nothing"


async def test_a_list_that_fails_on_its_second_page_is_the_same_exception(
    server: Server, client: Client
) -> None:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    page = {"incoming_phone_numbers": [{"sid": PN}], "next_page_uri": f"{path}?Page=1&PageToken=PN%2B1"}
    server.next = [Answer(200, page), Answer(401, {"code": 20003, "message": "Authenticate", "status": 401})]
    with pytest.raises(TwilioError) as raised:
        await client.incoming_phone_numbers.list_async()
    assert (raised.value.status, raised.value.code) == (401, 20003)


@pytest.mark.parametrize("body", ["<html>welcome to the hotel</html>", "", "null"])
async def test_success_that_cannot_be_read_is_a_doubt(body: str, server: Server, client: Client) -> None:
    server.next = [Answer(201, body)]
    with pytest.raises(TwilioError, match="not JSON") as raised:
        await buy(client)
    assert raised.value.doubtful and raised.value.status is None


async def test_a_redirect_is_not_followed(server: Server, client: Client) -> None:
    server.next = [Answer(302, {}, {"Location": "https://elsewhere.example/"})]
    with pytest.raises(TwilioError) as raised:
        await fetch(client)
    assert raised.value.status == 302 and len(server.seen) == 1


def test_the_text_of_an_error_does_not_quote_twilio() -> None:
    error = TwilioError("Did you mean 1 Example Street?", 400, 21629)
    assert str(error) == "HTTP 400, code 21629" and "Example" not in repr(error)


# addresses and bodies


async def test_every_host_is_reached_at_the_one_address_under_its_own_name(
    server: Server, client: Client
) -> None:
    elsewhere = "https://numbers.twilio.com/v2/RegulatoryCompliance/Bundles"
    first = {
        "results": [{"sid": BU}],
        "meta": {"key": "results", "next_page_url": f"{elsewhere}?Page=1&PageToken=A%2BB"},
    }
    last = {"results": [{"sid": BU}], "meta": {"key": "results", "next_page_url": None}}
    server.next = [Answer(200, first), Answer(200, last)]
    server.then = Answer(200, {"sid": "x"})
    assert len(await regulatory(client).bundles.list_async(status="draft")) == 2
    await fetch(client)
    await client.messaging.v1.services(MG).fetch_async()
    await client.pricing.v1.phone_numbers.countries("GB").fetch_async()
    await upload(client)
    assert [(each.host, each.path) for each in server.seen] == [
        ("numbers.twilio.com", "/v2/RegulatoryCompliance/Bundles"),
        ("numbers.twilio.com", "/v2/RegulatoryCompliance/Bundles"),
        ("api.twilio.com", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{PN}.json"),
        ("messaging.twilio.com", f"/v1/Services/{MG}"),
        ("pricing.twilio.com", "/v1/PhoneNumbers/Countries/GB"),
        ("numbers-upload.twilio.com", "/v2/RegulatoryCompliance/SupportingDocuments"),
    ]
    assert server.seen[0].query == "Status=draft"
    assert server.seen[1].query == "Page=1&PageToken=A%2BB"


async def test_credentials_never_go_to_a_host_that_is_not_twilios(server: Server, client: Client) -> None:
    page = {"results": [], "meta": {"key": "results", "next_page_url": "https://twilio.com.example/next"}}
    server.next = [Answer(200, page)]
    with pytest.raises(TwilioError, match="not one of Twilio's hosts"):
        await regulatory(client).bundles.list_async()
    assert len(server.seen) == 1


async def test_the_key_signs_every_call(server: Server, client: Client) -> None:
    await fetch(client)
    assert server.seen[0].headers["Authorization"] == aiohttp.encode_basic_auth(KEY, SECRET)


async def test_a_form_is_sent_as_a_form(server: Server, client: Client) -> None:
    await client.messages.create_async(
        to=NUMBER,
        body="100 % é",
        messaging_service_sid=MG,
        validity_period=60,
        media_url=["https://a.example/1", "https://a.example/2"],
        smart_encoded=True,
    )
    (seen,) = server.seen
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sorted(seen.body.decode().split("&")) == [
        "Body=100+%25+%C3%A9",
        "MediaUrl=https%3A%2F%2Fa.example%2F1",
        "MediaUrl=https%3A%2F%2Fa.example%2F2",
        f"MessagingServiceSid={MG}",
        "SmartEncoded=true",
        "To=%2B14155550100",
        "ValidityPeriod=60",
    ]


async def test_a_filter_is_sent_as_it_was_given(server: Server, client: Client) -> None:
    server.then = Answer(200, {"available_phone_numbers": []})
    await client.available_phone_numbers("GB").mobile.list_async(contains="+447*", sms_enabled=True, limit=5)
    assert set(server.seen[0].query.split("&")) == {"Contains=%2B447*", "SmsEnabled=true", "PageSize=5"}


async def test_json_is_sent_as_json(server: Server, client: Client) -> None:
    profile = ChannelsSenderList.MessagingV2ChannelsSenderProfile({"name": "Example & Co"})
    request = ChannelsSenderList.MessagingV2ChannelsSenderRequestsCreate(
        {"sender_id": f"whatsapp:{NUMBER}", "profile": profile}
    )
    await client.messaging.v2.channels_senders.create_async(request)
    (seen,) = server.seen
    assert seen.headers["Content-Type"] == "application/json"
    said = json.loads(seen.body)
    assert said["sender_id"] == f"whatsapp:{NUMBER}" and said["profile"]["name"] == "Example & Co"


@pytest.mark.parametrize("made", ["form", "writer"])
async def test_an_upload_arrives_whole_also_the_second_time(
    made: str, server: Server, client: Client
) -> None:
    content = b"%PDF-1.7" + bytes(300_000)
    form = aiohttp.FormData()
    form.add_field("FriendlyName", "Registry extract")
    form.add_field("File", io.BytesIO(content), filename="a.pdf", content_type="application/pdf")
    body: Any = form if made == "form" else form()
    server.next = [BROKEN]
    await client.request_async("POST", UPLOAD, data=body)
    assert len(server.seen) == 2
    for seen in server.seen:
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\w+)", seen.headers["Content-Type"])
        assert boundary is not None and content in seen.body
        assert seen.body.rstrip().endswith(f"--{boundary[1]}--".encode())


# connections


async def test_a_kept_connection_that_has_died_is_no_doubt_about_a_purchase(
    server: Server, client: Client
) -> None:
    server.cuts_used_connections = True
    await fetch(client)
    await buy(client)
    await buy(client)
    await fetch(client)
    assert [each.method for each in server.seen] == ["GET", "POST", "POST", "GET"]


async def test_reads_share_a_connection(server: Server, client: Client) -> None:
    await fetch(client)
    await fetch(client)
    assert len({each.connection for each in server.seen}) == 1


async def test_at_most_ten_calls_are_under_way(server: Server, client: Client) -> None:
    server.takes = 0.05
    await asyncio.gather(*(fetch(client) if n % 2 else buy(client) for n in range(3 * AT_ONCE)))
    assert server.most_at_once == AT_ONCE and len(server.seen) == 3 * AT_ONCE


# surroundings


async def test_the_environment_changes_no_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy, which would see what is paid for, nor the SDK's own settings."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for each in (name, name.lower()):
                monkeypatch.setenv(each, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("TWILIO_EDGE", "sydney")
        monkeypatch.setenv("TWILIO_REGION", "au1")
        async with client_of(server) as client:
            await fetch(client)
            await buy(client)
    assert {each.host for each in server.seen} == {"api.twilio.com"}


# the purchase that is being worked on


async def test_the_lease_is_renewed_before_every_attempt(server: Server, client: Client) -> None:
    seen_before: list[int] = []

    async def renew() -> None:
        seen_before.append(len(server.seen))

    server.next = [BUSY, BUSY]
    async with at_work(renew):
        await buy(client)
    await buy(client)
    assert seen_before == [0, 1, 2] and len(server.seen) == 4


async def test_a_lost_lease_stops_the_call(server: Server, client: Client) -> None:
    class Lost(Exception):
        pass

    async def renew() -> None:
        if server.seen:
            raise Lost

    server.next = [BUSY]
    async with at_work(renew):
        with pytest.raises(Lost):
            await buy(client)
    assert len(server.seen) == 1


# the log


async def test_one_line_a_try_without_secrets(
    server: Server, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.next = [Answer(400, V2010_ERROR), Answer(200, {"incoming_phone_numbers": []}), Cut()]
    with pytest.raises(TwilioError):
        await buy(client)
    await client.incoming_phone_numbers.list_async(phone_number=NUMBER)
    with pytest.raises(TwilioError):
        await buy(client)
    records: list[Any] = [each for each in caplog.records if each.name == "bot.twilio.client"]
    assert [(each.method, each.answer) for each in records] == [
        ("POST", "HTTP 400, code 21422"),
        ("GET", "200"),
        ("POST", "no answer (the answer was lost: ServerDisconnectedError)"),
    ]
    path = f"api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    assert {(each.address, each.levelname, type(each.ms)) for each in records} == {(path, "INFO", int)}
    written = caplog.text + "".join(str(vars(each)) for each in records)
    for secret in (SECRET, KEY, NUMBER, "%2B14155550100", "our mark", "Basic "):
        assert secret not in written
