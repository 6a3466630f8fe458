"""What Slack delivers twice is done once, and what it says is not held on to."""

import gc
import json
import urllib.parse
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.slack.once import OnceApp

TYPED = "Quittenbaum-9f31"


def submission(value: str = TYPED, trigger_id: str = "1.2") -> AsyncBoltRequest:
    payload = {
        "type": "view_submission",
        "trigger_id": trigger_id,
        "team": {"id": "T0SANDBOX"},
        "user": {"id": "U0REQUESTER"},
        "view": {
            "type": "modal",
            "callback_id": "form",
            "state": {"values": {"name": {"name": {"value": value}}}},
        },
    }
    return AsyncBoltRequest(
        body="payload=" + urllib.parse.quote(json.dumps(payload)),
        headers={"content-type": ["application/x-www-form-urlencoded"]},
    )


def app() -> tuple[OnceApp, list[str]]:
    made = OnceApp(token="xoxb-x", request_verification_enabled=False)
    made._async_middleware_list.clear()
    done: list[str] = []

    @made.view("form")
    async def form(ack: AsyncAck, view: dict[str, Any]) -> None:
        done.append(view["state"]["values"]["name"]["name"]["value"])
        await ack()

    return made, done


async def test_a_submission_that_comes_twice_is_done_once_and_another_one_is_another() -> None:
    once, done = app()
    for _ in range(2):
        assert (await once.async_dispatch(submission())).status == 200
    await once.async_dispatch(submission("Other"))
    await once.async_dispatch(submission(trigger_id="3.4"))
    assert done == [TYPED, "Other", TYPED]


async def test_what_was_typed_is_not_held_on_to() -> None:
    once, _ = app()
    await once.async_dispatch(submission())
    gc.collect()
    assert once._answers and TYPED not in str(once._answers)
