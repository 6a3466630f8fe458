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
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

log = logging.getLogger(__name__)

AT_ONCE = 10
TRIES = 5
LONGEST_WAIT = 30.0


class TwilioError(Exception):
    """A call that failed. ``doubtful``: it may have been carried out all the same, so Twilio must be asked first."""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: int | None = None,
        more_info: str | None = None,
        doubtful: bool = False,
    ) -> None:
        super().__init__(f"{message} (HTTP {status}, code {code})" if status else message)
        self.message = message
        self.status = status
        self.code = code
        self.more_info = more_info
        self.doubtful = doubtful


@dataclass(frozen=True)
class Work:
    """A purchase that is being worked on. ``renew`` is awaited before every attempt of a call, and may raise to stop it."""

    purchase_id: str
    renew: Callable[[], Awaitable[None]]


working_on: ContextVar[Work | None] = ContextVar("working_on", default=None)


@dataclass(frozen=True)
class Kind:
    """How a call may be treated. ``repeat``: after a time-out or a 5xx it may simply be sent again."""

    repeat: bool
    seconds: float


READ = Kind(repeat=True, seconds=15)
PAID = Kind(repeat=False, seconds=30)
CREATE = Kind(repeat=False, seconds=15)
HARMLESS = Kind(repeat=True, seconds=15)
EVALUATION = Kind(repeat=True, seconds=30)
UPLOAD = Kind(repeat=True, seconds=60)

POSTS: tuple[tuple[str, Kind], ...] = (
    (r"/IncomingPhoneNumbers(/\w+)?\.json$", PAID),
    (r"/Messages\.json$", PAID),
    (r"/Services/MG\w+/PhoneNumbers$", HARMLESS),  # 21710 when it is there already
    (r"/EndUsers$", HARMLESS),  # an orphan does no harm
    (r"/ItemAssignments$", HARMLESS),
    (r"/Evaluations$", EVALUATION),
    (r"/SupportingDocuments$", UPLOAD),
)
"""POSTs by path (twilio/CONTRACT 10). Any other creates or updates something that has to be looked for before it is repeated."""


def kind_of(method: str, path: str) -> Kind:
    if method in ("GET", "DELETE"):
        return READ
    return next((kind for pattern, kind in POSTS if re.search(pattern, path)), CREATE)


class Transport(AsyncHttpClient):
    def __init__(self, session: aiohttp.ClientSession, base_url: str | None = None) -> None:
        super().__init__(log, is_async=True, timeout=None)
        self._session = session
        self._base = urlsplit(base_url) if base_url else None
        self._free = asyncio.Semaphore(AT_ONCE)

    async def request(  # type: ignore[override]  # the SDK awaits it where is_async is set
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (the SDK's signature)
        allow_redirects: bool = False,
    ) -> Response:
        method = method.upper()
        kind = kind_of(method, urlsplit(url).path)
        for nth in range(1, TRIES + 1):
            work = working_on.get()
            if work is not None:
                await work.renew()
            try:
                async with self._free:
                    return await self._once(method, url, kind, params, data, dict(headers or {}), auth, work)
            except TwilioError as error:
                again = error.status == 429 or not _sent(error) or (kind.repeat and _passing(error))
                if not again or nth == TRIES:
                    raise
                await asyncio.sleep(
                    min(
                        error.__dict__.get("wait") or 0.1 * 2 ** (nth - 1) * random.uniform(0.9, 1.1),
                        LONGEST_WAIT,
                    )
                )
        raise AssertionError("unreachable")

    async def _once(
        self,
        method: str,
        url: str,
        kind: Kind,
        params: Any,
        data: Any,
        headers: dict[str, str],
        auth: tuple[str, str] | None,
        work: Work | None,
    ) -> Response:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if auth:
            headers["Authorization"] = aiohttp.encode_basic_auth(*auth)
        if self._base and host.endswith(".twilio.com"):
            headers["Host"] = host
            url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        body: dict[str, Any] = {"data": data}
        if headers.get("Content-Type") == "application/json":
            body = {"json": data}
        began = time.monotonic()
        status: int | None = None
        code: int | None = None
        try:
            async with self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=kind.seconds, connect=5),
                allow_redirects=False,
                **body,
            ) as answer:
                text = await answer.text()
                status = answer.status
                if status >= 400:
                    error = _refused(method, status, text, answer.headers)
                    code = error.code
                    raise error
                return Response(status, text, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _unsent(f"Twilio cannot be reached: {type(error).__name__}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TwilioError(
                f"Twilio's answer was lost: {type(error).__name__}", doubtful=method != "GET"
            ) from error
        finally:
            log.info(
                "%s %s%s %s %s %.0f ms%s",
                method,
                host,
                parts.path,
                status or "no answer",
                code or "",
                (time.monotonic() - began) * 1000,
                f" purchase {work.purchase_id}" if work else "",
            )


def _unsent(message: str) -> TwilioError:
    error = TwilioError(message)
    error.__dict__["unsent"] = True
    return error


def _sent(error: TwilioError) -> bool:
    return "unsent" not in error.__dict__


def _passing(error: TwilioError) -> bool:
    return error.status is None or error.status >= 500


def _refused(method: str, status: int, text: str, headers: Mapping[str, str]) -> TwilioError:
    try:
        said = json.loads(text)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    error = TwilioError(
        str(said.get("message") or said.get("detail") or said.get("title") or f"HTTP {status}"),
        status,
        said.get("code"),
        said.get("more_info") or said.get("type"),
        doubtful=status >= 500 and method != "GET",
    )
    if status == 429:
        wait = headers.get("Retry-After", "")
        error.__dict__["wait"] = float(wait) if wait.isdecimal() else None
    return error


@asynccontextmanager
async def connect(
    account_sid: str, username: str, password: str, base_url: str | None = None
) -> AsyncIterator[Client]:
    """The SDK's client; its connections are closed at the end."""
    async with aiohttp.ClientSession() as session:
        client = Client(  # type: ignore[no-untyped-call]
            username, password, account_sid, http_client=Transport(session, base_url)
        )
        for product in (
            client.incoming_phone_numbers,
            client.numbers.v2,
            client.messaging.v1,
            client.pricing.v1,
        ):
            assert product is not None  # loaded now, so that nobody waits for it later
        yield client
