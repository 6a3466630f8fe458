"""What Slack delivers over HTTP: known by its signature, before anything reads a word of it."""

import logging
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_sdk.signature import SignatureVerifier

from bot.slack.once import OnceApp

log = logging.getLogger(__name__)

PATH = "/slack/events"


def receiver(bolt: OnceApp, signing_secret: str) -> Handler:
    """Bolt looks at the signature too, but only after it has parsed the body (slack_bolt 1.30), which strangers write as they like."""
    verifier = SignatureVerifier(signing_secret)

    async def received(request: web.Request) -> web.Response:
        if not is_slack(verifier, await request.text(), request.headers):
            log.warning("a request to %s was refused: Slack has not signed it, or not now", PATH)
            return web.Response(status=401)
        try:
            delivery = await to_bolt_request(request)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            log.warning("a request to %s was refused: it is no delivery (%s)", PATH, type(error).__name__)
            return web.Response(status=400)
        return await to_aiohttp_response(await bolt.async_dispatch(delivery))

    return received


def is_slack(verifier: SignatureVerifier, body: str, headers: Mapping[str, str]) -> bool:
    """Within five minutes of its time stamp: who has recorded a request cannot send it again later."""
    try:
        return verifier.is_valid_request(body, headers)
    except (ValueError, TypeError):  # a time stamp that is no number, a signature that is not ASCII
        return False
