"""The Twilio SDK's client over our own small transport: time-outs, retries by kind of call, one exception, one base address.

Why not the SDK's asynchronous one: it ignores its time-out, repeats POSTs (a purchase could be made three times), loses
the codes of failed lists and leaks sessions (twilio-python 9.13.0).
"""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from bot import refusals
from bot.measuring import CALL, measured

log = logging.getLogger(__name__)

AT_ONCE = 10
TRIES = 5
FIRST_WAIT = 0.1
LONGEST_WAIT = 30.0
CONNECT = 5.0


@dataclass(frozen=True)
class Kind:
    """How a call may be treated. ``repeat``: it may be sent again though it may have been carried out already."""

    repeat: bool
    seconds: float = 15


READ = Kind(repeat=True)
RELEASE = (r"/IncomingPhoneNumbers/PN\w+\.json", Kind(repeat=False, seconds=30))
"""It cannot be undone: after a doubt only what Twilio says of the number tells how it ended."""
POSTS: tuple[tuple[str, Kind], ...] = (
    # money: never again by itself, only Twilio's list of what is ours tells how it ended
    (r"/IncomingPhoneNumbers(/Local|/Mobile|/TollFree)?\.json", Kind(repeat=False, seconds=30)),
    (r"/Messages\.json", Kind(repeat=False, seconds=30)),
    # what is there already is refused as such (21710), and an orphan does no harm
    (r"/Services/MG\w+/(PhoneNumbers|ChannelSenders)", Kind(repeat=True)),
    (r"/EndUsers", Kind(repeat=True)),
    (r"/ItemAssignments", Kind(repeat=True)),
    (r"/SupportingDocuments", Kind(repeat=True, seconds=60)),
    (r"/Evaluations", Kind(repeat=True, seconds=30)),
    # bundles, app, addresses (found again by name), senders (by number) and every update: the caller looks before it asks again
    (r"", Kind(repeat=False)),
)
"""POSTs by the end of their path; the first line that fits counts. 429 and a failed connect are repeated for all."""


def kind_of(method: str, path: str) -> Kind:
    if method == "DELETE" and re.search(f"{RELEASE[0]}$", path):
        return RELEASE[1]
    if method in ("GET", "DELETE"):
        return READ
    return next(kind for end, kind in POSTS if re.search(f"{end}$", path))


_RESOURCE = re.compile(r"[A-Z][a-z][A-Za-z0-9]{0,40}")
"""Neither a SID, nor a country, nor a number."""


class TwilioError(Exception):
    """A call that failed, for whatever reason.

    status: HTTP's; None when no answer came that could be read. doubtful: it may have been carried out all the same,
    so Twilio must be asked first: an answer was lost, or is none of Twilio's. retry_after: seconds until it may be sent again. ``str()`` leaves the message of an answer out: it may quote what somebody typed.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: int | None = None,
        more_info: str | None = None,
        doubtful: bool = False,
        *,
        sent: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}, code {code}" if status else message)
        self.message = message
        self.status = status
        self.code = code
        self.more_info = more_info
        self.doubtful = doubtful
        self.sent = sent
        self.retry_after = retry_after

    @property
    def definite(self) -> bool:
        """Twilio has looked at the call and refused it: a 4xx with its code that says more than "not now" and "not you" (rule 2)."""
        return refusals.of_twilio(self).kind is refusals.Kind.OF_THIS

    @property
    def limited(self) -> bool:
        """Too many calls: this one was not looked at."""
        return self.status == 429 or self.code == 20429

    def may_repeat(self, kind: Kind) -> bool:
        """A call that was limited or never sent has done nothing; a 4xx comes again, but for a proxy that was too slow."""
        lost = self.status is None or self.status >= 500 or (self.status == 408 and self.code is None)
        return self.limited or not self.sent or (kind.repeat and lost)


class _NotYet(TwilioError):
    """Not sent, because the host has said when it takes calls again."""


before_each_try: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar(
    "before_each_try", default=None
)
"""Of a piece of work: awaited before every try of a call, and may raise to stop it."""


class Transport(AsyncHttpClient):
    def __init__(
        self,
        reads: aiohttp.ClientSession,
        writes: aiohttp.ClientSession,
        base_url: str | None = None,
        patience: float = 1.0,
    ) -> None:
        """writes: must open a connection for each call, see ``connect``. patience: all time-outs and waits times this."""
        super().__init__(log, is_async=True, timeout=None)
        self._reads = reads
        self._writes = writes
        self._base = URL(base_url) if base_url else None
        self._patience = patience
        self._free = asyncio.Semaphore(AT_ONCE)
        self._open_at: dict[
            str | None, float
        ] = {}  # by host: until then it takes no calls, as a 429 has said

    async def request(  # type: ignore[override]  # the SDK awaits it where is_async is set
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (the SDK's signature; never used by it)
        allow_redirects: bool = False,
    ) -> Response:
        method = method.upper()
        address = URL(url)
        kind = kind_of(method, address.path)
        given, body = _encoded(dict(headers or {}), data)
        if auth:
            given["Authorization"] = aiohttp.encode_basic_auth(*auth)
        if params:
            query: dict[str, Any] = {name: value for name, value in params.items() if value is not None}
            address = address.extend_query(query)

        doubtful, sent, waited = False, 0, 0.0
        while True:
            try:
                return await self._attempt(method, address, kind, given, body)
            except TwilioError as error:
                if method == "DELETE" and error.status == 404 and doubtful:
                    return Response(204, "")  # the try whose answer was lost had deleted it
                doubtful = doubtful or error.doubtful
                sent += not isinstance(error, _NotYet)
                wait = _back_off(sent) if error.retry_after is None else error.retry_after
                waited += wait
                if sent == TRIES or waited > LONGEST_WAIT or not error.may_repeat(kind):
                    error.doubtful = doubtful and not error.definite
                    raise
            await asyncio.sleep(wait * self._patience)

    async def _attempt(
        self, method: str, address: URL, kind: Kind, headers: Mapping[str, str], body: Any
    ) -> Response:
        """One line in the log, without query and body: both may hold what somebody typed."""
        check = before_each_try.get()
        async with self._free:
            self._check_open(address.host)  # only now: the wait for a free place may have been long
            if check is not None:
                await check()  # and for the same reason
            began = time.monotonic()
            with measured(CALL, platform="twilio", method=f"{method} {resource(address.path)}") as it:
                answer = it.outcome = "no answer"
                try:
                    response = await self._send(method, address, kind, headers, body)
                    answer = it.outcome = str(response.status_code)
                    return response
                except TwilioError as error:
                    answer = str(error) if error.status else f"no answer ({error})"
                    if error.status:
                        it.outcome = str(error.status)
                    if error.limited and error.retry_after is not None:
                        self._close(address.host, error.retry_after)
                    raise
                finally:
                    log.info(
                        "called Twilio",
                        extra={
                            "method": method,
                            "address": f"{address.host}{address.path}",
                            "answer": answer,
                            "ms": round((time.monotonic() - began) * 1000),
                        },
                    )

    def _check_open(self, host: str | None) -> None:
        left = (self._open_at.get(host, 0.0) - time.monotonic()) / self._patience
        if left > 0:
            raise _NotYet("Twilio takes no calls for a while", 429, 20429, sent=False, retry_after=left)

    def _close(self, host: str | None, seconds: float) -> None:
        """What one call was told holds for all: each that is sent before adds to what Twilio counts."""
        until = time.monotonic() + seconds * self._patience
        self._open_at[host] = max(until, self._open_at.get(host, 0.0))

    async def _send(
        self, method: str, address: URL, kind: Kind, headers: Mapping[str, str], body: Any
    ) -> Response:
        writes = method != "GET"
        try:
            async with (self._writes if writes else self._reads).request(
                method,
                self._redirected(address),
                data=body,
                headers={**headers, "Host": str(address.host)},
                timeout=aiohttp.ClientTimeout(
                    total=(CONNECT + kind.seconds) * self._patience, connect=CONNECT * self._patience
                ),
                allow_redirects=False,
                middlewares=(_sent_once(),),
            ) as answer:
                status = answer.status
                text = (await answer.read()).decode(errors="replace")
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,  # the proxy did not open the way, so nothing went over it
        ) as error:
            raise TwilioError(f"Twilio cannot be reached: {type(error).__name__}", sent=False) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TwilioError(f"the answer was lost: {type(error).__name__}", doubtful=writes) from error
        said = _object(text)
        if status >= 300:
            refused = _refusal(status, said, answer.headers)
            # without Twilio's code it may be a proxy's, and the call may have gone on to Twilio
            refused.doubtful = writes and not refused.limited and (refused.code is None or status >= 500)
            raise refused
        if said is None and status != 204 and method != "DELETE":
            raise TwilioError(f"the answer (HTTP {status}) is not JSON", doubtful=writes)
        return Response(status, text, answer.headers)

    def _redirected(self, address: URL) -> URL:
        """Where the call goes. Refuses any host but Twilio's: a page's link to the next one must not carry our key away."""
        if not f".{address.host}".endswith(".twilio.com"):
            raise TwilioError(f"{address.host} is not one of Twilio's hosts", sent=False)
        if self._base is None:
            return address
        return URL(f"{self._base}".rstrip("/") + address.raw_path_qs, encoded=True)


def resource(path: str) -> str:
    """What a call is about, without whose: ``Local`` of ``/2010-04-01/Accounts/AC.../AvailablePhoneNumbers/US/Local.json``."""
    words = (each.removesuffix(".json") for each in path.split("/"))
    return next((each for each in reversed([*words]) if _RESOURCE.fullmatch(each)), "other")


def _sent_once() -> aiohttp.ClientMiddlewareType:
    """For one try. aiohttp sends a GET or DELETE that was cut again by itself, which nobody would count, log or allow."""
    sent = False

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        nonlocal sent
        if sent:
            raise aiohttp.ServerDisconnectedError()
        sent = True
        return await handler(request)

    return middleware


def _encoded(headers: dict[str, str], data: Any) -> tuple[dict[str, str], Any]:
    """Headers and body as they are sent, and may be sent again."""
    if isinstance(data, aiohttp.FormData):
        data = data()
    if isinstance(data, aiohttp.Payload):  # an upload knows its own type, boundary included
        return {name: value for name, value in headers.items() if name != "Content-Type"}, data
    if isinstance(data, Mapping | list):
        if headers.get("Content-Type", "").startswith("application/json"):
            return headers, json.dumps(data)
        return headers, urlencode(data, doseq=True)
    return headers, data


def _back_off(nth: int) -> float:
    """Seconds before the try after the nth: Twilio's advice, a tenth more or less so that not all come back at once."""
    return FIRST_WAIT * 2.0 ** (nth - 1) * random.uniform(0.9, 1.1)


def _object(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _refusal(status: int, said: Mapping[str, Any] | None, headers: Mapping[str, str]) -> TwilioError:
    """From either shape: ``code, message, more_info``, or problem+json's ``code, title, detail, type``."""
    said = said or {}
    code = str(said.get("code", ""))
    return TwilioError(
        str(said.get("message") or said.get("detail") or said.get("title") or f"HTTP {status}"),
        status,
        int(code) if code.isdecimal() else None,
        said.get("more_info") or said.get("type"),
        retry_after=_seconds(headers.get("Retry-After", "")),
    )


def _seconds(retry_after: str) -> float | None:
    """The header has seconds or a date; None when it has neither."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without its zone
        return None


@asynccontextmanager
async def connect(
    account_sid: str,
    username: str,
    password: str,
    base_url: str | None = None,
    patience: float = 1.0,
    proxy: str | None = None,
) -> AsyncIterator[Client]:
    """The SDK's client; its connections are closed at the end."""
    async with (
        aiohttp.ClientSession(proxy=proxy) as reads,
        # that a kept connection has died shows only when it is used, and would be a doubt about a purchase
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), proxy=proxy) as writes,
    ):
        transport = Transport(reads, writes, base_url, patience)
        client = Client(username, password, account_sid, http_client=transport)  # type: ignore[no-untyped-call]
        client.edge = client.region = None  # else TWILIO_EDGE and TWILIO_REGION would change the hosts
        _ = (  # loaded now, so that nobody waits for it later
            client.incoming_phone_numbers,
            client.numbers.v2.regulatory_compliance,
            client.messaging.v1.services,
            client.pricing.v1.phone_numbers,
        )
        yield client
