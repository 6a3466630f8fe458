"""Where stories are played: both twins, the app in this process, and people who act through the Slack twin's control calls."""

import asyncio
import contextlib
import functools
import logging
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import create_engine

from bot import settings
from bot.app import Running, running
from bot.core import App
from bot.purchases import policy as approval
from sandbox.environment import settings as sandbox_settings
from sandbox.slack.twin import SlackTwin
from sandbox.twilio.twin import TwilioTwin
from storage.schema import upgrade
from tests.contract import Contract
from tests.stories import privacy

PEOPLE = {
    "requester": "U0REQUESTER",
    "requester2": "U0REQUESTER2",
    "requester_ja": "U0REQUESTERJA",
    "approver": "U0APPROVER",
    "approver2": "U0APPROVER2",
    "compliance": "U0COMPLIANCE",
    "operator": "U0OPERATOR",
    "outsider": "U0OUTSIDER",
}
APPROVALS = "C0APPROVALS"


PATIENCE = float(os.environ.get("PATIENCE", 50))
"""Seconds after which nothing will come any more. No measure of speed, for a machine may be busy with something else, but
less than the minute after which the app looks for itself at what an event should have told it."""


ON_STAGE: list[SlackTwin | TwilioTwin] = []


def heard() -> list[int]:
    """Other than before once a twin was called, or has answered."""
    return [id(each.calls[-1]) for each in ON_STAGE if each.calls] + [
        each.in_flight for each in ON_STAGE if isinstance(each, TwilioTwin)
    ]


async def until(asked: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
    """What ``asked`` gives as soon as it is true. Fails with ``what`` when it does not come to that.

    Asked again when a twin has heard from the app, and else ten times a second: asking costs as much as what is looked at.
    """
    give_up_at = time.monotonic() + within
    while True:
        before = heard()
        answer = asked()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < give_up_at, f"it did not come to this: {what}"
        for _ in range(5):
            await asyncio.sleep(0.02)
            if heard() != before:
                break


class Control:
    """A twin's ``/twin/...`` calls."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def get(self, path: str, /, **query: str) -> Any:
        async with self._session.get(f"{self._url}/twin/{path}", params=query) as answer:
            return await self._read(answer)

    async def post(self, path: str, /, **body: Any) -> Any:
        async with self._session.post(f"{self._url}/twin/{path}", json=body) as answer:
            return await self._read(answer)

    async def delete(self, path: str) -> Any:
        async with self._session.delete(f"{self._url}/twin/{path}") as answer:
            return await self._read(answer)

    @staticmethod
    async def _read(answer: aiohttp.ClientResponse) -> Any:
        said = await answer.json()
        assert answer.status < 400, f"the twin refuses {answer.url.path}: {said}"
        return said


@dataclass
class Person:
    id: str
    slack: Control

    async def types(self, text: str, channel: str = "C0NUMBERS") -> Any:
        """``/twilio text``: the control call's answer."""
        return await self.slack.post("command", user=self.id, channel=channel, command="/twilio", text=text)

    async def view(self, callback_id: str | None = None) -> Any:
        """The newest open view, once it is no loading view (and has this ``callback_id``)."""

        async def there() -> Any:
            open_views = await self.slack.get("views", user=self.id)
            newest = open_views[-1] if open_views else None
            if newest is None or newest["callback_id"] == "loading":
                return None
            return newest if callback_id in (None, newest["callback_id"]) else None

        return await until(there, f"{self.id} sees the view {callback_id}")

    async def presses(self, action_id: str, **value: Any) -> Any:
        view = await self.view()
        return await self.slack.post("act", user=self.id, view_id=view["id"], action_id=action_id, **value)

    async def picks(self, action_id: str, value: str | list[str], **more: Any) -> Any:
        if isinstance(value, list):
            return await self.presses(action_id, selected_options=[{"value": each} for each in value], **more)
        return await self.presses(action_id, selected_option={"value": value}, **more)

    async def submits(self, **values: Any) -> Any:
        """What stands on the page; a field that appears with a choice on it is there once the choice was made."""
        view = await self.view()
        if set(values) - field_ids(view):
            for block in view["blocks"]:
                name = (block.get("element") or {}).get("action_id")
                if block.get("dispatch_action") and name in values:
                    await self.picks(name, values[name])
            view = await self.view()
        return await self.slack.post("submit", user=self.id, view_id=view["id"], values=values)

    async def clicks(self, card: dict[str, Any], action_id: str, value: str | None = None) -> Any:
        """A button of the card; one's own request is withdrawn or ended by its menu and the page that this opens."""
        if action_id in ("withdraw", "end"):
            answer = await self.chooses(card, action_id)
            return await self.submits() if answer.get("view") else answer
        more = {"value": value} if value else {}
        return await self.slack.post(
            "act", user=self.id, channel=APPROVALS, ts=card["ts"], action_id=action_id, **more
        )

    async def chooses(self, card: dict[str, Any], verb: str) -> Any:
        """From the card's menu; the page that it opens is sent as it is by ``submits``."""
        (menu,) = [e for b in card["blocks"] for e in b.get("elements", ()) if e.get("action_id") == "more"]
        option = next(each for each in menu["options"] if each["value"].startswith(f"{verb}:"))
        return await self.slack.post(
            "act",
            user=self.id,
            channel=APPROVALS,
            ts=card["ts"],
            action_id="more",
            selected_option=option,
        )

    async def direct_messages(self) -> list[str]:
        found = await self.slack.get("messages", channel=self.id)
        return [each["text"] for each in found]

    async def seen_alone(self, channel: str = "C0NUMBERS") -> list[str]:
        """What is shown in the channel to nobody else."""
        found = await self.slack.get("messages", channel=channel, user=self.id)
        return [each["text"] for each in found if each.get("ephemeral")]


def read(environment: dict[str, str]) -> settings.Settings:
    return settings.Settings(_env_file=None, **{name.lower(): value for name, value in environment.items()})


@dataclass
class Stage:
    slack_twin: SlackTwin
    twilio_twin: TwilioTwin
    slack: Control
    twilio: Control
    environment: dict[str, str]
    log: privacy.Log
    _running: Running | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    expected_refusals: list[str] = field(default_factory=list)

    def person(self, name: str) -> Person:
        return Person(PEOPLE[name], self.slack)

    # the app

    async def start_app(self, **changed: str) -> None:
        self.environment |= changed
        config = read(self.environment)
        self._running = await self._stack.enter_async_context(
            running(config, approval.read(Path(self.environment["POLICY_FILE"])))
        )

    async def stop_app(self) -> None:
        self._running = None
        await self._stack.aclose()

    @property
    def running(self) -> Running:
        assert self._running is not None
        return self._running

    @property
    def app(self) -> App:
        return self.running.app

    @property
    def store(self) -> Any:
        return self.app.store

    def look(self) -> None:
        """The next poll for changed bundles, at once."""
        self.running.watch.wake()

    # what is to be seen

    async def messages(self, channel: str = APPROVALS, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.slack.get("messages", channel=channel, **query)
        return found

    async def cards(self) -> list[dict[str, Any]]:
        """The cards in the approvals channel, oldest first."""
        return [
            each
            for each in await self.messages()
            if (each.get("metadata") or {}).get("event_type") == "purchase"
        ]

    async def card(
        self, state: str | None = None, number: str | None = None, within: float = PATIENCE
    ) -> Any:
        """The newest card (of this number), once its metadata says ``state``."""

        async def there() -> Any:
            cards = [each for each in await self.cards() if number is None or number_in(each) == number]
            if cards and (state is None or state_of(cards[-1]) == state):
                return cards[-1]
            return None

        return await until(there, f"a card says {state}", within)

    async def thread(self, card: dict[str, Any]) -> list[str]:
        found = await self.messages(thread_ts=card["ts"])
        return [each["text"] for each in found if each["ts"] != card["ts"]]

    async def in_thread(self, card: dict[str, Any], words: str) -> str:
        async def there() -> Any:
            return next((line for line in await self.thread(card) if words in line), None)

        return await until(there, f"the thread says “{words}”")

    async def told(self, person: Person, words: str) -> str:
        async def there() -> Any:
            lines = [*await person.direct_messages(), *await person.seen_alone()]
            return next((line for line in lines if words in line), None)

        return await until(there, f"{person.id} is told “{words}”")

    async def calls_to_twilio(self, method: str, path: str = "") -> list[dict[str, Any]]:
        calls = await self.twilio.get("calls")
        return [each for each in calls if each["method"] == method and path in each["path"]]

    async def bought(self) -> list[str]:
        state = await self.twilio.get("state")
        return [each["phone_number"] for each in state["owned_numbers"]]

    async def senders(self, service: str) -> list[str]:
        state = await self.twilio.get("state")
        return [
            sender["phone_number"]
            for each in state["services"]
            if each["friendly_name"] == service
            for sender in each["senders"]
        ]


def state_of(card: dict[str, Any]) -> str:
    return str(card["metadata"]["event_payload"]["state"])


def number_in(card: dict[str, Any]) -> str:
    """The E.164 number that the card is about."""
    spaced = re.search(r"\+[1-9][\d \-()]{6,}\d", shown(card))
    assert spaced, card
    return "+" + "".join(c for c in spaced[0] if c.isdigit())


def shown(view_or_message: dict[str, Any]) -> str:
    """All text of a view or message, for looking for words."""

    def texts(each: Any) -> list[str]:
        if isinstance(each, dict):
            if each.get("type") == "rich_text_section":
                return ["".join(_words(element) for element in each["elements"])]
            own = [each["text"]] if isinstance(each.get("text"), str) else []
            return own + [text for value in each.values() for text in texts(value)]
        if isinstance(each, list):
            return [text for value in each for text in texts(value)]
        return []

    return "\n".join(texts(view_or_message.get("blocks")))


def _words(element: dict[str, Any]) -> str:
    """Of a piece of rich text; a person as in mrkdwn."""
    return f"<@{element['user_id']}>" if element["type"] == "user" else str(element.get("text", ""))


def field_ids(view: dict[str, Any]) -> set[str]:
    """The ``action_id``s in a view, and of a card's menu the verbs."""
    found = set()
    for block in view["blocks"]:
        for element in [block.get("element"), block.get("accessory"), *block.get("elements", [])]:
            if element and "action_id" in element:
                found.add(element["action_id"])
                if element["type"] == "overflow":
                    found |= {each["value"].partition(":")[0] for each in element["options"]}
    return found - {"more"} if "blocks" in view and "ts" in view else found


def options(view: dict[str, Any], action_id: str) -> list[str]:
    """The values that a select or radio group offers."""
    for block in view["blocks"]:
        element = block.get("element") or {}
        if element.get("action_id") == action_id:
            return [each["value"] for each in element["options"]]
    raise AssertionError(f"no field {action_id} in {view['callback_id']}")


# the four pages


async def finds(person: Person, country: str = "US", **search: Any) -> Any:
    """Page 1 and on to page 2; its view."""
    await person.types(f"buy-number {country}")
    await person.view("buy_number.find")
    answer = await person.submits(**{"purpose": "Reminders", **search})
    assert not answer.get("errors"), answer
    return await person.view("buy_number.choose")


async def reviews(
    person: Person,
    country: str = "US",
    number: str | None = None,
    end_user: dict[str, Any] | None = None,
    **search: Any,
) -> str:
    """Pages 1 to 3 and on to page 4; the chosen number."""
    choose = await finds(person, country, **search)
    chosen = number or options(choose, "phone_number")[0]
    await person.submits(phone_number=chosen)
    if (await person.view())["callback_id"] == "buy_number.end_user":
        answer = await person.submits(**(end_user or {}))
        assert not answer.get("errors"), answer
    await person.view("buy_number.review")
    return chosen


def buttons(card: dict[str, Any], action_id: str) -> list[str]:
    """The values of the card's buttons of this name."""
    found = []
    for block in card["blocks"]:
        for element in [block.get("accessory"), *block.get("elements", [])]:
            if element and element.get("action_id") == action_id:
                found.append(element["value"])
    return found


async def asks(
    person: Person,
    country: str = "US",
    number: str | None = None,
    end_user: dict[str, Any] | None = None,
    review: dict[str, Any] | None = None,
    **search: Any,
) -> str:
    """All the pages; the number that was asked for. Where it is not said otherwise, it goes into the account's first service."""
    chosen = await reviews(person, country, number, end_user, **search)
    answer = await sends(person, **(review or {}))
    assert answer["response_action"] == "clear", answer
    return chosen


async def sends(person: Person, **review: Any) -> Any:
    """The last page, agreed to; once more where it was sent before it was drawn with the field that a choice on it needs."""
    view = await person.view("buy_number.review")
    if "messaging_service" in field_ids(view):
        review = {"messaging_service": options(view, "messaging_service")[0], **review}
    answer = await person.submits(agree=["yes"], **review)
    if answer["response_action"] == "update" and answer["view"]["callback_id"] == "buy_number.review":
        answer = await person.submits(agree=["yes"], **review)
    return answer


@functools.cache
def migrated() -> bytes:
    """An empty SQLite file at the newest migration, made once for the whole run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
        return file.read_bytes()


@contextlib.asynccontextmanager
async def stage(
    folder: Path, contract: Contract | None = None, *, rate_limits: bool = False, **twilio: Any
) -> AsyncIterator[Stage]:
    """Twins and an app on a database of its own. What the twins refused fails the story, unless it expected it."""
    slack_twin, twilio_twin = SlackTwin(rate_limits=rate_limits), TwilioTwin(**twilio)
    if contract is not None:
        twilio_twin.checker = contract.check
    await slack_twin.start()
    await twilio_twin.start()
    ON_STAGE.extend((slack_twin, twilio_twin))
    (folder / "numberdesk.db").write_bytes(migrated())
    environment = {
        **sandbox_settings(slack_twin.url, twilio_twin.url),
        "DATABASE_URL": f"sqlite:///{folder}/numberdesk.db",
    }
    async with aiohttp.ClientSession() as session:
        made = Stage(
            slack_twin,
            twilio_twin,
            Control(slack_twin.url, session),
            Control(twilio_twin.url, session),
            environment,
            log := privacy.Log(read(environment)),
        )
        root = logging.getLogger()
        level = root.level
        root.addHandler(log)
        root.setLevel(logging.INFO)
        try:
            await made.start_app()
            yield made
        finally:
            await made.stop_app()
            root.removeHandler(log)
            root.setLevel(level)
            ON_STAGE.remove(slack_twin)
            ON_STAGE.remove(twilio_twin)
            await slack_twin.stop()
            await twilio_twin.stop()
    kept = {**privacy.everything_in(folder), "the log": "\n".join(log.lines).encode()}
    leaks = privacy.leaks(kept, slack_twin.calls, slack_twin.workspace.contents)
    assert leaks == [], leaks
    refused = [each for each in slack_twin.refused if each.get("error") not in made.expected_refusals]
    assert refused == [], "Slack refused something"
    assert twilio_twin.complaints == [], f"Twilio would not have understood a call: {twilio_twin.complaints}"
