"""Bolt's app with the one thing that it lacks: a delivery that comes twice is answered once."""

import asyncio
from collections import OrderedDict

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

REMEMBERED = 500


class OnceApp(AsyncApp):
    """Slack may deliver a command, click or submission again; the second one gets the answer of the first.

    Told apart by ``trigger_id``, new for everything that a person does, together with the whole body.
    """

    _answers: "OrderedDict[tuple[str, str], asyncio.Future[BoltResponse]]"

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        trigger_id = req.body.get("trigger_id")
        if not trigger_id:
            return await super().async_dispatch(req)
        if not hasattr(self, "_answers"):
            self._answers = OrderedDict()
        key = (str(trigger_id), req.raw_body)
        earlier = self._answers.get(key)
        if earlier is not None:
            answer = await earlier
            if answer.status == 200:
                return answer
        future: asyncio.Future[BoltResponse] = asyncio.get_running_loop().create_future()
        self._answers[key] = future
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        try:
            answer = await super().async_dispatch(req)
        except BaseException:
            answer = BoltResponse(status=500)
            raise
        finally:
            future.set_result(answer)
        return answer
