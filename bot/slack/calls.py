"""Each call to Slack, measured where it leaves, whichever client sends it: Bolt makes clients of its own."""

import re

import aiohttp

from bot.measuring import CALL, is_followed, measured

_METHOD = re.compile(r"/api/([a-zA-Z.]{1,60})$")
_CODE = re.compile(r"[a-z_]{1,60}")


async def watched(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """For a session's ``middlewares``. Its outcome is Slack's word for what was wrong, which comes with an HTTP 200."""
    if not is_followed():
        return await send(request)
    method = _METHOD.search(request.url.path)
    with measured(CALL, platform="slack", method=method[1] if method else "other") as it:
        try:
            response = await send(request)
            it.outcome = await _outcome(response) if method else str(response.status)
        except (aiohttp.ClientError, TimeoutError):
            it.outcome = "no answer"
            raise
    return response


async def _outcome(response: aiohttp.ClientResponse) -> str:
    """The body stays with the response for whoever asked."""
    if response.status != 200 or response.content_type != "application/json":
        return str(response.status)
    try:
        answer = await response.json()
    except ValueError:
        return "not understood"
    if answer.get("ok"):
        return "ok"
    code = str(answer.get("error"))
    return code if _CODE.fullmatch(code) else "other"
