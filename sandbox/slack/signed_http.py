"""Delivery to a request URL: forms and JSON as Slack sends them, signed."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.workspace import Json

FORM = "application/x-www-form-urlencoded"


class NotTaken(Exception):
    """Another status than 200."""

    def __init__(self, status: int, no_retry: bool) -> None:
        super().__init__(status)
        self.status = status
        self.no_retry = no_retry


class SignedHttp:
    def __init__(self) -> None:
        self.request_url: str | None = None
        self.signing_secret = ""
        self._session: aiohttp.ClientSession | None = None

    async def send(self, kind: str, payload: Json, patience: float, *, attempt: int, reason: str) -> Any:
        """The body of the answer, None when it is empty. Raises NotTaken, TimeoutError, aiohttp.ClientError."""
        body, content_type = encoded(kind, payload)
        headers = {"Content-Type": content_type}
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        async with asyncio.timeout(patience):
            return await self._sent(body, headers)

    async def _sent(self, body: str, headers: dict[str, str]) -> Any:
        assert self.request_url is not None
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.post(
            self.request_url, data=body.encode(), headers=headers | signature(self.signing_secret, body)
        ) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise NotTaken(answer.status, answer.headers.get("X-Slack-No-Retry") == "1")
            if not text:
                return None
            return json.loads(text) if "json" in answer.content_type else {"text": text}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def encoded(kind: str, payload: Json) -> tuple[str, str]:
    """Body and content type of a delivery."""
    if kind == "slash_commands":
        return urlencode(payload), FORM
    if kind == "interactive":
        return urlencode({"payload": json.dumps(payload)}), FORM
    return json.dumps(payload), "application/json"


def signature(secret: str, body: str, timestamp: int | None = None) -> dict[str, str]:
    """The two headers that prove a request to be Slack's; ``timestamp``: now, unless given."""
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    signed = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed.hexdigest()}"}
