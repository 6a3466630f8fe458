"""Requests that nobody made: forged, recorded and sent again, too old, or made by hand by somebody who knows how the real ones look.

Each is put together as Slack's would be, and is good in its unaltered form: a test that is refused for another reason than its own
would prove nothing.
"""

import copy
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from sandbox.slack import payloads
from sandbox.slack.payloads import Place
from sandbox.slack.signed_http import encoded, signature
from tests.ports import free_port
from tests.stories.stage import APPROVALS, Person, Stage, asks, reviews
from tests.stories.stage import stage as set_stage

SECRET = "a-signing-secret"
Json = dict[str, Any]


class Forger:
    """Somebody who can reach the port, and perhaps knows the signing secret."""

    def __init__(self, stage: Stage, port: int, session: aiohttp.ClientSession) -> None:
        self.stage, self.session = stage, session
        self.address = f"http://127.0.0.1:{port}"
        self.workspace = stage.slack_twin.workspace

    async def posts(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, str]:
        async with self.session.post(self.address + path, data=body.encode(), headers=headers) as answer:
            return answer.status, await answer.text()

    async def delivers(self, payload: Json, kind: str = "interactive", **headers: str) -> tuple[int, str]:
        """As Slack does, properly signed; headers: in place of Slack's."""
        body, content_type = encoded(kind, payload)
        signed = {"Content-Type": content_type, **signature(SECRET, body), **headers}
        return await self.posts("/slack/events", body, signed)

    def press(self, user: str, card: Json, action_id: str, value: str | None = None) -> Json:
        """On a card."""
        place = Place(None, card, APPROVALS)
        (block, element), *_ = (
            (block, element)
            for block in card["blocks"]
            for element in block.get("elements", ())
            if element.get("action_id") == action_id
        )
        action = payloads.action(block, element, {}, str(time.time()))
        return {
            **payloads.interaction(self.workspace, "block_actions", user),
            **payloads.origin(self.workspace, place),
            "actions": [{**action, **({} if value is None else {"value": value})}],
            "trigger_id": self.workspace.new_trigger(user),
            "response_url": f"{self.stage.slack_twin.url}/nowhere",
        }

    def submission(self, user: str, view: Json, values: Json) -> Json:
        """Of a view. values: by block and field."""
        return {
            **payloads.interaction(self.workspace, "view_submission", user),
            "view": {**payloads.view(view), "state": {"values": values}},
            "trigger_id": self.workspace.new_trigger(user),
            "response_urls": [],
        }

    async def row(self, card: Json) -> tuple[Any, ...]:
        """What must not change: the purchase, its record, what was bought, what is owed."""
        purchase_id = card["metadata"]["event_payload"]["id"]
        purchase = await self.stage.store.purchase(purchase_id)
        record = await self.stage.store.record_of(purchase_id)
        approvals = await self.stage.store.approvals_of(purchase)
        return purchase.state, purchase.version, len(record), len(approvals), await self.stage.bought()


@pytest.fixture
async def forger(tmp_path: Path) -> AsyncIterator[Forger]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        port = free_port()
        stage.environment.pop("SLACK_APP_TOKEN")
        await stage.start_app(
            PORT=str(port), SLACK_SIGNING_SECRET=SECRET, PUBLIC_URL=f"http://127.0.0.1:{port}"
        )
        await stage.slack.post(
            "http", request_url=f"http://127.0.0.1:{port}/slack/events", signing_secret=SECRET
        )
        async with aiohttp.ClientSession() as session:
            yield Forger(stage, port, session)


@pytest.fixture
async def card(forger: Forger) -> Json:
    """Of a purchase that waits for an approval."""
    await asks(forger.stage.person("requester"))
    found: Json = await forger.stage.card("awaiting_approval")
    return found


APPROVER, REQUESTER, OTHER, OUTSIDER = "U0APPROVER", "U0REQUESTER", "U0REQUESTER2", "U0OUTSIDER"


def stamped(body: str, seconds: float, secret: str = SECRET) -> dict[str, str]:
    return signature(secret, body, int(time.time() + seconds))


@pytest.mark.parametrize(
    "how",
    ["forged", "unsigned", "recorded ten minutes ago", "of the future", "altered", "stamped anew", "odd"],
)
async def test_what_slack_has_not_signed_now_approves_nothing(
    how: str, forger: Forger, card: Json, caplog: pytest.LogCaptureFixture
) -> None:
    press = forger.press(APPROVER, card, "approve")
    body, content_type = encoded("interactive", press)
    signed = {
        "forged": stamped(body, 0, "a-guessed-secret"),
        "unsigned": {},
        "recorded ten minutes ago": stamped(body, -600),
        "of the future": stamped(body, 600),
        "altered": stamped(body.replace(APPROVER, REQUESTER), 0),
        "stamped anew": stamped(body, -600) | {"X-Slack-Request-Timestamp": str(int(time.time()))},
        "odd": {"X-Slack-Request-Timestamp": "now", "X-Slack-Signature": "v0=é"},
    }[how]
    before = await forger.row(card)
    status, answer = await forger.posts("/slack/events", body, {"Content-Type": content_type, **signed})
    assert (status, answer) == (401, "") and await forger.row(card) == before
    assert "Slack has not signed it" in caplog.text and SECRET not in caplog.text
    assert (await forger.delivers(press))[0] == 200, "signed, it is a press"
    await forger.stage.card("complete")


async def test_a_press_that_is_sent_again_and_again_counts_once(forger: Forger, card: Json) -> None:
    """Recorded and sent again while its time stamp is good; also with a new trigger, so that it looks like a press of its own."""
    press = forger.press(APPROVER, card, "approve")
    body, content_type = encoded("interactive", press)
    headers = {"Content-Type": content_type, **signature(SECRET, body)}
    for _ in range(5):
        assert (await forger.posts("/slack/events", body, headers))[0] == 200
    for _ in range(3):
        await forger.delivers({**press, "trigger_id": forger.workspace.new_trigger(APPROVER)})
    await forger.stage.card("complete")
    record = await forger.stage.store.record_of(card["metadata"]["event_payload"]["id"])
    assert [each.what for each in record].count("approval") == 1
    assert len(await forger.stage.bought()) == 1


@pytest.mark.parametrize("who", [OUTSIDER, REQUESTER, OTHER, "U0NOBODY"])
async def test_who_may_not_approve_approves_nothing(
    who: str, forger: Forger, card: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack shows the button to everybody in the channel; the requester may not approve an own request."""
    forger.stage.expected_refusals += ["user_not_found", "user_not_in_channel"]
    before = await forger.row(card)
    press = {**forger.press(APPROVER, card, "approve")}
    press["user"] = {**press["user"], "id": who}
    assert (await forger.delivers(press))[0] == 200
    assert await forger.row(card) == before
    assert "a block_actions was refused: " in caplog.text and who not in caplog.text


async def test_an_approver_of_another_team_approves_nothing(
    forger: Forger, card: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids are unique in a workspace only: the same one elsewhere is somebody else."""
    forger.stage.expected_refusals += ["user_not_in_channel"]
    before = await forger.row(card)
    press = forger.press(APPROVER, card, "approve")
    foreign = {
        **press,
        "user": {**press["user"], "team_id": "T0ELSEWHERE"},
        "team": {"id": "T0ELSEWHERE", "domain": "elsewhere"},
    }
    assert (await forger.delivers(foreign))[0] == 200
    assert await forger.row(card) == before and "a block_actions was refused: " in caplog.text


@pytest.mark.parametrize(
    "what", ["another quote", "no quote", "nothing behind it", "nonsense", "a statement", "empty", "long"]
)
async def test_a_value_that_was_altered_approves_nothing(what: str, forger: Forger, card: Json) -> None:
    purchase_id = card["metadata"]["event_payload"]["id"]
    value = {
        "another quote": f"{purchase_id}:2",
        "no quote": purchase_id,
        "nothing behind it": "0123456789ab:1",
        "nonsense": "::::",
        "a statement": "' OR 1=1 --:1",
        "empty": "",
        "long": "a" * 2000,
    }[what]
    before = await forger.row(card)
    status, _ = await forger.delivers(forger.press(APPROVER, card, "approve", value))
    assert status == 200 and await forger.row(card) == before


async def test_a_card_that_was_altered_is_not_believed(forger: Forger, card: Json) -> None:
    """Neither its text and metadata, nor the channel that it is said to be in: what is bought is what the quote says."""
    altered = json.loads(json.dumps(card).replace("1.15", "0.01"))
    altered["metadata"]["event_payload"] = {"id": "0123456789ab", "state": "complete"}
    number = (await forger.stage.store.purchase(card["metadata"]["event_payload"]["id"])).phone_number
    assert (await forger.delivers(forger.press(APPROVER, altered, "approve")))[0] == 200
    await forger.stage.card("complete")
    purchase = await forger.stage.store.purchase(card["metadata"]["event_payload"]["id"])
    assert str(purchase.charged) == "1.15" and await forger.stage.bought() == [number]


async def reviewing(forger: Forger) -> tuple[Json, Json]:
    """The last page of somebody's form, and what stands on it."""
    person: Person = forger.stage.person("requester")
    await reviews(person)
    view: Json = await person.view("buy_number.review")
    values: Json = {}
    for block in view["blocks"]:
        field = block.get("element")
        if field:
            chosen = field.get("initial_option") or (field.get("options") or [None])[0]
            several = field["type"] in ("checkboxes", "multi_static_select")
            state = {"selected_options": [chosen]} if several else {"selected_option": chosen}
            if field["type"].endswith("text_input"):
                state = {"value": field.get("initial_value")}
            values[block["block_id"]] = {field["action_id"]: {"type": field["type"], **state}}
    return view, values


async def requests(forger: Forger) -> int:
    return len([each for each in await forger.stage.store.record() if each.what == "quote"])


@pytest.mark.parametrize("metadata", ["0123456789ab", "", "|||", "' OR 1=1 --", "x" * 3000])
async def test_a_page_whose_metadata_was_altered_sends_nothing(metadata: str, forger: Forger) -> None:
    view, values = await reviewing(forger)
    altered = forger.submission(REQUESTER, {**view, "private_metadata": metadata}, values)
    status, answer = await forger.delivers(altered)
    assert status == 200 and '"clear"' not in answer and "went wrong" not in answer
    assert await requests(forger) == 0
    status, answer = await forger.delivers(forger.submission(REQUESTER, view, values))
    assert status == 200 and '"clear"' in answer, "unaltered, it is sent"
    assert await requests(forger) == 1


async def test_somebody_elses_form_is_not_sent(forger: Forger) -> None:
    """Whose id may be known: it is in buttons."""
    view, values = await reviewing(forger)
    status, answer = await forger.delivers(forger.submission(OTHER, view, values))
    assert status == 200 and '"clear"' not in answer and await requests(forger) == 0


@pytest.mark.parametrize(
    "what", ["other blocks", "no values", "lists", "a service that is not ours", "not agreed"]
)
async def test_a_page_whose_fields_were_altered_sends_nothing(what: str, forger: Forger) -> None:
    view, values = await reviewing(forger)
    altered = copy.deepcopy(values)
    if what == "other blocks":
        altered = {
            f"x-{block}": {f"x-{name}": one for name, one in each.items()} for block, each in values.items()
        }
    elif what == "no values":
        altered = {}
    elif what == "lists":
        altered = {
            block: {name: {"type": one["type"], "selected_option": ["MG1"]} for name, one in each.items()}
            for block, each in values.items()
        }
    elif what == "not agreed":
        altered = {block: each for block, each in values.items() if "agree" not in each}
    else:
        (block,) = [block for block, each in values.items() if "messaging_service" in each]
        chosen = {"text": {"type": "plain_text", "text": "x"}, "value": "MG" + "9" * 32}
        altered[block]["messaging_service"]["selected_option"] = chosen
    status, answer = await forger.delivers(forger.submission(REQUESTER, view, altered))
    assert status == 200 and '"clear"' not in answer, answer
    if what != "lists":  # a shape that Slack's client cannot make is told to the operators
        assert "went wrong" not in answer
    assert await requests(forger) == 0 and await forger.stage.bought() == []


# Twilio's callbacks


def twilios(url: str, form: Json, token: str) -> str:
    validator: Any = RequestValidator(token)  # type: ignore[no-untyped-call]
    return str(validator.compute_signature(url, form))


@pytest.mark.parametrize("path", ["/twilio/bundles", "/twilio/messages?purchase={id}"])
@pytest.mark.parametrize("how", ["unsigned", "another token", "another address", "altered", "odd"])
async def test_a_callback_that_twilio_has_not_signed_is_refused(
    how: str, path: str, forger: Forger, card: Json, caplog: pytest.LogCaptureFixture
) -> None:
    path = path.format(id=card["metadata"]["event_payload"]["id"])
    url, token = forger.address + path, forger.stage.environment["TWILIO_AUTH_TOKEN"]
    form = {
        "AccountSid": "AC" + "0" * 32,
        "BundleSid": "BU1",
        "Status": "twilio-approved",
        "MessageStatus": "delivered",
    }
    signed = {
        "unsigned": "",
        "another token": twilios(url, form, "another"),
        "another address": twilios(url.replace("127.0.0.1", "elsewhere.example"), form, token),
        "altered": twilios(url, {**form, "Status": "draft"}, token),
        "odd": "\xe9" * 28,
    }[how]
    before, asked = await forger.row(card), len(await forger.stage.twilio.get("calls"))
    body = "&".join(f"{name}={value}" for name, value in form.items())
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _ = await forger.posts(path, body, {**kind, "X-Twilio-Signature": signed})
    assert status == 403 and await forger.row(card) == before
    assert "Twilio has not signed it" in caplog.text and token not in caplog.text
    calls = (await forger.stage.twilio.get("calls"))[asked:]
    assert not [each for each in calls if "Bundles/" in each["path"] or "Messages" in each["path"]]
    status, _ = await forger.posts(path, body, {**kind, "X-Twilio-Signature": twilios(url, form, token)})
    assert status == 204, "signed, it is taken"
