"""People in the Slack twin and a small Bolt app behind it: commands, clicks, modals, and what the client itself refuses."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.twin import SlackTwin
from tests.stories.stage import until

Json = dict[str, Any]
Does = Callable[[Any, Json, AsyncWebClient], Awaitable[None]]

ANYTHING = re.compile("")


class Scripted:
    """A Bolt app that does what a test says, by the kind of payload; without a word it only acknowledges."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.does: dict[str, Does] = {}
        self.got: list[Json] = []
        self.bolt = AsyncApp(client=client, signing_secret="secret", process_before_response=True)
        self.bolt.command("/twilio")(self._listen)
        self.bolt.action(ANYTHING)(self._listen)
        self.bolt.options(ANYTHING)(self._listen)
        self.bolt.view(ANYTHING)(self._listen)
        self.bolt.view_closed(ANYTHING)(self._listen)
        self.bolt.event("app_mention")(self._listen)
        self.bolt.event("app_home_opened")(self._listen)

    async def _listen(self, ack: Any, body: Json, client: AsyncWebClient) -> None:
        self.got.append(body)
        kind = "command" if "command" in body else body["type"]
        if kind in self.does:
            await self.does[kind](ack, body, client)
        else:
            await ack()

    def last(self, kind: str) -> Json:
        return next(each for each in reversed(self.got) if each.get("type", "command") == kind)


class Control:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def get(self, path: str, /, **query: str) -> Any:
        async with self.session.get(f"{self.url}/twin/{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, /, **body: Any) -> Any:
        async with self.session.post(f"{self.url}/twin/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def refused(self, path: str, /, **body: Any) -> str:
        async with self.session.post(f"{self.url}/twin/{path}", json=body) as answer:
            said = await answer.json()
            assert answer.status == 400, said
            return str(said["error"])

    async def command(self, text: str = "", user: str = "U0REQUESTER") -> Any:
        return await self.post("command", user=user, channel="C0NUMBERS", command="/twilio", text=text)


@pytest.fixture(scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def twin() -> AsyncIterator[SlackTwin]:
    twin = SlackTwin(rate_limits=False, events=("app_home_opened",))
    twin.workspace.home_tab = True
    await twin.start()
    yield twin
    await twin.stop()


@pytest.fixture
async def app(twin: SlackTwin, session: aiohttp.ClientSession) -> AsyncIterator[Scripted]:
    client = AsyncWebClient(token="xoxb-sandbox", base_url=f"{twin.url}/api/", session=session)
    app = Scripted(client)
    handler = AsyncSocketModeHandler(app.bolt, "xapp-sandbox")
    await handler.connect_async()
    await until(lambda: twin.workspace.connections, "the app is connected")
    yield app
    await handler.close_async()


@pytest.fixture
def control(twin: SlackTwin, session: aiohttp.ClientSession, app: Scripted) -> Control:
    return Control(twin.url, session)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str, text: str | None = None) -> Json:
    return {"text": plain(text or value.capitalize()), "value": value}


def select(name: str, *values: str, **more: Any) -> Json:
    return {"type": "static_select", "action_id": name, "options": [option(each) for each in values], **more}


def field(element: Json, **more: Any) -> Json:
    return {
        "type": "input",
        "block_id": f"{element['action_id']}~1",
        "label": plain(element["action_id"]),
        "element": element,
        **more,
    }


def text(name: str = "purpose", **more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": name, **more}


def button(name: str, value: str, **more: Any) -> Json:
    return {"type": "button", "action_id": name, "text": plain("Go"), "value": value, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    parts: Json = {"title": plain("Title"), "submit": plain("Go"), "callback_id": "page"}
    return {"type": "modal", **parts, "blocks": list(blocks), **more}


def opens(view: Json) -> Does:
    async def does(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=view)
        await ack()

    return does


def answers(*said: Any, **named: Any) -> Does:
    async def does(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack(*said, **named)

    return does


async def opened(app: Scripted, control: Control, *blocks: Json, **more: Any) -> Json:
    app.does["command"] = opens(modal(*blocks, **more))
    answer = await control.command()
    assert answer["view"], answer
    view: Json = answer["view"]
    return view


# commands


async def test_a_command_arrives_as_slack_sends_it(twin: SlackTwin, app: Scripted, control: Control) -> None:
    app.does["command"] = answers("On it")
    answer = await control.command("buy +14155550100 & <@U0APPROVER> https://a.example/?a=1&b=2")
    assert answer["ok"] and answer["view"] is None
    [shown] = answer["shown"]
    assert (shown["text"], shown["ephemeral"]) == ("On it", True)
    [got] = app.got
    assert got["text"] == (
        "buy <tel:+14155550100|+14155550100> &amp; <@U0APPROVER> <https://a.example/?a=1&amp;b=2>"
    )
    assert (got["channel_name"], got["is_enterprise_install"]) == ("numbers", "false")
    assert "thread_ts" not in got and twin.scopes_used == {"commands"}
    await control.post("command", user="U0OPERATOR", channel="C0OPERATORS", text="x")
    assert app.got[-1]["channel_name"] == "privategroup"
    await control.post("command", user="U0REQUESTER", channel="U0REQUESTER", text="x")
    assert app.got[-1]["channel_name"] == "directmessage"


async def test_an_answer_for_everybody_shows_the_command_too(
    twin: SlackTwin, app: Scripted, control: Control
) -> None:
    app.does["command"] = answers(text="Done", response_type="in_channel")
    assert (await control.command("status"))["shown"] == []
    assert [each["text"] for each in twin.workspace.messages("C0NUMBERS")] == ["/twilio status", "Done"]


async def test_who_is_not_there_cannot_type(control: Control) -> None:
    body = {"command": "/twilio", "text": ""}
    said = await control.refused("command", user="U0OUTSIDER", channel="C0APPROVALS", **body)
    assert said == "U0OUTSIDER is not in C0APPROVALS"
    assert "nobody called" in await control.refused("command", user="U0NOBODY", channel="C0NUMBERS")
    assert "no channel" in await control.refused("command", user="U0REQUESTER", channel="C0NOWHERE")
    body["command"] = "/other"
    assert "not a valid command" in await control.refused(
        "command", user="U0REQUESTER", channel="C0NUMBERS", **body
    )


async def test_an_ephemeral_message_before_the_answer_is_shown(app: Scripted, control: Control) -> None:
    async def tells(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await client.chat_postEphemeral(
            channel=body["channel_id"], user=body["user_id"], text="Only you", blocks=[]
        )
        await ack()

    app.does["command"] = tells
    assert [each["text"] for each in (await control.command())["shown"]] == ["Only you"]


async def test_thirty_people_at_once(twin: SlackTwin, app: Scripted, control: Control) -> None:
    people = [twin.workspace.add_person(f"U0{each}", f"Person {each}")["id"] for each in range(30)]
    app.does["command"] = opens(modal(field(text())))
    found = await asyncio.gather(*(control.command(user=each) for each in people))
    assert all(each["ok"] and each["view"] for each in found)


# modals


async def test_typing_and_submitting(app: Scripted, control: Control) -> None:
    view = await opened(
        app,
        control,
        field(text()),
        field(select("kind", "local", "mobile", initial_option=option("local"))),
        field({"type": "checkboxes", "action_id": "can", "options": [option("sms"), option("mms")]}),
        {"type": "actions", "block_id": "more", "elements": [button("back", "b")]},
        private_metadata="p1",
    )
    answer = await control.post(
        "submit",
        user="U0REQUESTER",
        view_id=view["id"],
        values={
            "purpose": "Reminders",
            "can~1": {"can": {"selected_options": [option("sms")]}},
            "gone": "x",
            "back": "b",
        },
    )
    assert answer["ok"] and answer["response_action"] is None and answer["view"] is None
    assert answer["ignored"] == ["gone", "back"]
    got = app.last("view_submission")
    assert got["view"]["private_metadata"] == "p1" and "user" not in got["view"]
    values = got["view"]["state"]["values"]
    assert values["purpose~1"]["purpose"] == {"type": "plain_text_input", "value": "Reminders"}
    assert values["kind~1"]["kind"]["selected_option"]["value"] == "local", "what was shown stays"
    [chosen] = values["can~1"]["can"]["selected_options"]
    assert chosen["text"] == {"type": "plain_text", "text": "Sms", "emoji": True}, "in the option's own words"


@pytest.mark.parametrize(
    ("element", "value", "said"),
    [
        (text(), None, "Please complete this required field."),
        (text(min_length=3), "ab", "Please enter at least 3 characters."),
        (text(max_length=3), "abcd", "Please enter no more than 3 characters."),
        (text(), "x" * 3001, "Please enter no more than 3000 characters."),
        ({"type": "email_text_input", "action_id": "purpose"}, "ann", "Please enter a valid email address."),
        ({"type": "url_text_input", "action_id": "purpose"}, "ann", "Please enter a valid URL."),
        (
            {"type": "number_input", "action_id": "purpose", "is_decimal_allowed": True},
            "ten",
            "Please enter a number.",
        ),
        (
            {"type": "number_input", "action_id": "purpose", "is_decimal_allowed": False},
            1.5,
            "Please enter a whole number.",
        ),
        (
            {
                "type": "number_input",
                "action_id": "purpose",
                "is_decimal_allowed": False,
                "max_value": "9",
            },
            10,
            "Please enter a number of at most 9.",
        ),
    ],
)
async def test_the_client_itself_refuses(
    app: Scripted, control: Control, element: Json, value: Any, said: str
) -> None:
    view = await opened(app, control, field(element))
    answer = await control.post("submit", user="U0REQUESTER", view_id=view["id"], values={"purpose": value})
    assert answer["ok"] and answer["response_action"] == "errors"
    assert answer["errors"] == {"purpose~1": said} and answer["errors_by_action"] == {"purpose": said}
    assert [each for each in app.got if each.get("type") == "view_submission"] == []


async def test_errors_of_the_app(twin: SlackTwin, app: Scripted, control: Control) -> None:
    view = await opened(app, control, field(text(), optional=True), {"type": "divider", "block_id": "d"})
    app.does["view_submission"] = answers(response_action="errors", errors={"purpose~1": "Too short"})
    submit = {"user": "U0REQUESTER", "view_id": view["id"]}
    answer = await control.post("submit", **submit)
    assert answer["errors_by_action"] == {"purpose": "Too short"} and answer["view"]["id"] == view["id"]
    assert twin.refused == []
    app.does["view_submission"] = answers(response_action="errors", errors={"d": "No input"})
    answer = await control.post("submit", **submit)
    assert (answer["ok"], answer["error"]) == (False, "trouble_connecting")
    app.does["view_submission"] = answers("a body")
    assert (await control.post("submit", **submit))["error"] == "trouble_connecting"
    bad = modal(title=plain("x" * 25))
    app.does["view_submission"] = answers(response_action="update", view=bad)
    assert (await control.post("submit", **submit))["error"] == "trouble_connecting"
    assert [each["error"] for each in twin.refused] == ["trouble_connecting"] * 3
    assert len(twin.workspace.views("U0REQUESTER")) == 1, "it stays open"


async def test_answers_update_push_and_clear(twin: SlackTwin, app: Scripted, control: Control) -> None:
    view = await opened(app, control, field(text()))
    values = {"purpose": "Reminders"}
    app.does["view_submission"] = answers(
        response_action="update", view=modal(field(text()), callback_id="second")
    )
    second = (await control.post("submit", user="U0REQUESTER", view_id=view["id"], values=values))["view"]
    assert (second["id"], second["callback_id"]) == (view["id"], "second")
    kept = second["state"]["values"]["purpose~1"]["purpose"]["value"]
    assert kept == "Reminders", "what was typed stays where block_id and action_id are the same"
    app.does["view_submission"] = answers(
        response_action="push", view=modal(field(text("other"), optional=True))
    )
    pushed = (await control.post("submit", user="U0REQUESTER", view_id=view["id"]))["view"]
    assert pushed["previous_view_id"] == view["id"]
    said = await control.refused("submit", user="U0REQUESTER", view_id=view["id"])
    assert "is not the view that U0REQUESTER sees" in said
    app.does["view_submission"] = answers()
    below = (await control.post("submit", user="U0REQUESTER", view_id=pushed["id"]))["view"]
    assert below["id"] == view["id"]
    app.does["view_submission"] = answers(response_action="clear")
    answer = await control.post("submit", user="U0REQUESTER", view_id=view["id"])
    assert answer["view"] is None and twin.workspace.views("U0REQUESTER") == []


async def test_a_late_update_does_not_reset_what_is_typed(
    twin: SlackTwin, app: Scripted, control: Control
) -> None:
    view = await opened(app, control, field(text()), {"type": "actions", "elements": [button("more", "1")]})

    async def redraws(ack: Any, body: Json, client: AsyncWebClient) -> None:
        blocks = [field(text()), field(text("new"), optional=True)]
        await client.views_update(view_id=view["id"], hash=body["view"]["hash"], view=modal(*blocks))
        await ack()

    app.does["block_actions"] = redraws
    answer = await control.post(
        "act",
        user="U0REQUESTER",
        view_id=view["id"],
        action_id="more",
        typed={"purpose": "Reminders"},
    )
    assert answer["view"]["state"]["values"]["purpose~1"]["purpose"]["value"] == "Reminders"
    sent = app.last("block_actions")["view"]["state"]["values"]
    assert sent["purpose~1"]["purpose"]["value"] == "Reminders"


async def test_closing_views(app: Scripted, control: Control) -> None:
    view = await opened(app, control, field(text(), optional=True), notify_on_close=True)
    await control.post("close", user="U0REQUESTER", view_id=view["id"])
    closed = app.last("view_closed")
    assert closed["is_cleared"] is False and closed["view"]["state"] == {"values": {}}
    view = await opened(app, control, field(text(), optional=True), notify_on_close=True)
    app.does["view_submission"] = answers(response_action="push", view=modal(field(text("b"))))
    await control.post("submit", user="U0REQUESTER", view_id=view["id"])
    await control.post("close", user="U0REQUESTER", view_id=view["id"])
    assert app.last("view_closed")["is_cleared"] is True
    assert await control.get("views", user="U0REQUESTER") == []
    assert "has no view" in await control.refused("close", user="U0REQUESTER", view_id=view["id"])


async def test_every_element_sends_its_state(twin: SlackTwin, app: Scripted, control: Control) -> None:
    twin.workspace.files["F0ONE"] = {"id": "F0ONE", "name": "a.pdf", "size": 3}
    given: dict[str, tuple[Json, Any, Json]] = {
        "date": ({"type": "datepicker"}, "2026-11-02", {"selected_date": "2026-11-02"}),
        "time": (
            {"type": "timepicker", "timezone": "Europe/Madrid"},
            "09:30",
            {"selected_time": "09:30", "timezone": "Europe/Madrid"},
        ),
        "moment": ({"type": "datetimepicker"}, 1793610000, {"selected_date_time": 1793610000}),
        "who": ({"type": "users_select"}, "U0APPROVER", {"selected_user": "U0APPROVER"}),
        "all": ({"type": "multi_users_select"}, ["U0APPROVER"], {"selected_users": ["U0APPROVER"]}),
        "where": (
            {"type": "conversations_select", "response_url_enabled": True},
            "C0NUMBERS",
            {"selected_conversation": "C0NUMBERS"},
        ),
        "paper": ({"type": "file_input"}, ["F0ONE"], {"files": [twin.workspace.files["F0ONE"]]}),
    }
    view = await opened(
        app,
        control,
        *(field({**each, "action_id": name}) for name, (each, _, _) in given.items()),
        field({"type": "rich_text_input", "action_id": "notes"}),
    )
    values = {name: value for name, (_, value, _) in given.items()} | {"notes": "Rich"}
    await control.post("submit", user="U0REQUESTER", view_id=view["id"], values=values)
    got = app.last("view_submission")
    states = {name: each for block in got["view"]["state"]["values"].values() for name, each in block.items()}
    for name, (element, _, state) in given.items():
        assert states[name] == {"type": element["type"], **state}
    assert states["notes"]["rich_text_value"]["elements"][0]["elements"][0]["text"] == "Rich"
    [posted] = got["response_urls"]
    assert (posted["channel_id"], posted["action_id"]) == ("C0NUMBERS", "where")


@pytest.mark.parametrize(
    ("element", "value", "said"),
    [
        (select("f", "a"), "b", "f offers no option 'b'"),
        ({"type": "datepicker", "action_id": "f"}, "2026-13-01", "f takes YYYY-MM-DD"),
        ({"type": "users_select", "action_id": "f"}, "U0NOBODY", "f: there is nobody called U0NOBODY"),
        ({"type": "file_input", "action_id": "f"}, ["F0NONE"], "f: there is no file F0NONE; upload it first"),
        (text("f"), {"selected_option": option("a")}, "f takes value, which is missing"),
    ],
)
async def test_what_nobody_can_choose(
    app: Scripted, control: Control, element: Json, value: Any, said: str
) -> None:
    view = await opened(app, control, field(element), field(text(), optional=True))
    values = {"purpose": "typed", "f": value}
    assert await control.refused("submit", user="U0REQUESTER", view_id=view["id"], values=values) == said
    [still] = await control.get("views", user="U0REQUESTER")
    assert still["state"]["values"]["purpose~1"]["purpose"]["value"] is None, "all or nothing"


# clicks, choices, suggestions


async def test_the_button_with_the_value_is_pressed(twin: SlackTwin, app: Scripted, control: Control) -> None:
    card = twin.workspace.add_message(
        "C0APPROVALS",
        user="U0NUMBERDESK",
        bot_id="B0NUMBERDESK",
        text="card",
        metadata={"event_type": "purchase", "event_payload": {}},
        blocks=[
            {"type": "actions", "elements": [button("approve", "1"), select("why", "a", "b")]},
            {"type": "actions", "elements": [button("approve", "2", style="primary")]},
        ],
    )
    click = {"user": "U0APPROVER", "channel": "C0APPROVALS", "ts": card["ts"], "action_id": "approve"}
    answer = await control.post("act", **click, value="2")
    assert answer == {"ok": True, "shown": [], "view": None}
    got = app.last("block_actions")
    [action] = got["actions"]
    assert (action["value"], action["style"], action["type"]) == ("2", "primary", "button")
    assert got["message"]["metadata"]["event_type"] == "purchase" and "view" not in got
    assert got["container"] == {
        "type": "message",
        "message_ts": card["ts"],
        "channel_id": "C0APPROVALS",
        "is_ephemeral": False,
    }
    await control.post("act", **{**click, "action_id": "why"}, selected_option={"value": "b"})
    [block] = app.last("block_actions")["state"]["values"].values()
    assert block["why"]["selected_option"]["value"] == "b"
    assert "has the value '3'" in await control.refused("act", **click, value="3")
    assert "there is no deny" in await control.refused("act", **{**click, "action_id": "deny"})
    assert "is not in" in await control.refused("act", **{**click, "user": "U0OUTSIDER"})
    assert "there is no message" in await control.refused("act", **{**click, "ts": "1.1"})


async def test_a_choice_in_a_form_is_sent_only_with_dispatch(app: Scripted, control: Control) -> None:
    view = await opened(
        app,
        control,
        field(select("quiet", "a", "b"), optional=True),
        field(select("loud", "a", "b"), dispatch_action=True),
        {
            "type": "section",
            "text": plain("x"),
            "accessory": {"type": "overflow", "action_id": "more", "options": [option("x")]},
        },
    )
    act = {"user": "U0REQUESTER", "view_id": view["id"]}
    await control.post("act", **act, action_id="quiet", selected_option={"value": "a"})
    assert "block_actions" not in [each.get("type") for each in app.got]
    await control.post("act", **act, action_id="loud", selected_option={"value": "b"})
    got = app.last("block_actions")
    assert got["actions"][0]["selected_option"]["value"] == "b" and "response_url" not in got
    assert got["view"]["state"]["values"]["quiet~1"]["quiet"]["selected_option"]["value"] == "a"
    await control.post("act", **act, action_id="more", selected_option={"value": "x"})
    got = app.last("block_actions")
    assert got["actions"][0]["selected_option"]["value"] == "x"
    assert all("more" not in block for block in got["view"]["state"]["values"].values())


async def test_an_external_select_offers_what_the_app_suggests(
    twin: SlackTwin, app: Scripted, control: Control
) -> None:
    async def suggests(ack: Any, body: Json, client: AsyncWebClient) -> None:
        typed = body["value"].lower()
        found = {"US": "United States", "GB": "United Kingdom"}
        options = [option(key, name) for key, name in found.items() if typed in (key + name).lower()]
        await ack(options=options)

    app.does["block_suggestion"] = suggests
    country = {"type": "external_select", "action_id": "country", "min_query_length": 2}
    view = await opened(app, control, field(country))
    ask = {"user": "U0REQUESTER", "view_id": view["id"], "action_id": "country"}
    assert await control.post("suggest", **ask, value="u") == {"options": []}
    assert app.got[-1].get("type") != "block_suggestion", "too short to ask"
    found = await control.post("suggest", **ask, value="united")
    assert [each["value"] for each in found["options"]] == ["US", "GB"]
    got = app.last("block_suggestion")
    assert (got["block_id"], got["value"], got["container"]["type"]) == ("country~1", "united", "view")
    submit = {"user": "U0REQUESTER", "view_id": view["id"]}
    assert "offers no option" in await control.refused("submit", **submit, values={"country": "FR"})
    await control.post("submit", **submit, values={"country": "GB"})
    chosen = app.last("view_submission")["view"]["state"]["values"]["country~1"]["country"]
    assert chosen["selected_option"]["text"]["text"] == "United Kingdom"
    view = await opened(app, control, field(country))
    app.does["block_suggestion"] = answers(options=[option("x" * 151)])
    assert await control.post("suggest", **{**ask, "view_id": view["id"]}, value="un") == {"options": []}
    assert [each["method"] for each in twin.refused] == ["block_suggestion answer"]


# response_url


async def test_a_response_url_takes_five_posts(
    twin: SlackTwin, app: Scripted, control: Control, session: aiohttp.ClientSession
) -> None:
    await control.command()
    address = app.got[-1]["response_url"]

    async def respond(**body: Any) -> tuple[int, str]:
        async with session.post(address, json=body) as answer:
            return answer.status, await answer.text()

    assert await respond(text="one") == (200, "ok")
    assert await respond(text="two", response_type="in_channel") == (200, "ok")
    assert (await respond(blocks=[{"type": "nonsense"}]))[0] == 400
    assert await respond() == (400, "no_text")
    assert await respond(text="five") == (200, "ok")
    assert await respond(text="six") == (404, "used_url")
    texts = [each["text"] for each in twin.workspace.messages("C0NUMBERS", "U0REQUESTER")]
    assert texts == ["one", "two", "five"]
    assert [each["text"] for each in twin.workspace.messages("C0NUMBERS")] == ["two"]
    await control.command()
    address = app.got[-1]["response_url"]
    next(reversed(twin.workspace.response_urls.values())).made_at -= 1801
    assert await respond(text="late") == (404, "expired_url")


async def test_an_ephemeral_message_is_changed_by_its_response_url_only(
    twin: SlackTwin, app: Scripted, control: Control, session: aiohttp.ClientSession
) -> None:
    blocks = [{"type": "actions", "elements": [button("again", "1")]}]
    app.does["command"] = answers(text="Pick", blocks=blocks)
    [shown] = (await control.command())["shown"]
    click = {"channel": "C0NUMBERS", "ts": shown["ts"], "action_id": "again"}
    assert "there is no message" in await control.refused("act", user="U0APPROVER", **click)
    await control.post("act", user="U0REQUESTER", **click)
    got = app.last("block_actions")
    assert "message" not in got and got["container"]["is_ephemeral"] is True
    async with session.post(got["response_url"], json={"text": "Done", "replace_original": True}):
        [now] = twin.workspace.messages("C0NUMBERS", "U0REQUESTER")
    assert (now["text"], now["ts"]) == ("Done", shown["ts"])
    async with session.post(got["response_url"], json={"delete_original": True}):
        assert twin.workspace.messages("C0NUMBERS", "U0REQUESTER") == []


# home and control


async def test_the_home_tab(twin: SlackTwin, app: Scripted, control: Control) -> None:
    async def publishes(ack: Any, body: Json, client: AsyncWebClient) -> None:
        blocks = [{"type": "actions", "block_id": "b", "elements": [button("buy", "1")]}]
        await client.views_publish(user_id=body["event"]["user"], view={"type": "home", "blocks": blocks})
        await ack()

    app.does["event_callback"] = publishes
    assert await control.post("home", user="U0REQUESTER") is None
    home = await until(lambda: control.get("home", user="U0REQUESTER"), "it is published")
    assert app.last("event_callback")["event"]["tab"] == "home"
    assert "view" not in app.last("event_callback")["event"]
    await control.post("act", user="U0REQUESTER", view_id=home["id"], action_id="buy")
    got = app.last("block_actions")
    assert got["view"]["type"] == "home" and got["container"]["view_id"] == home["id"]


async def test_people_write_and_the_page_hears_of_it(twin: SlackTwin, control: Control) -> None:
    with twin.workspace.subscribe() as hints:
        made = await control.post("message", user="U0REQUESTER", channel="C0NUMBERS", text="Hello")
        assert hints.get_nowait() == {"type": "message", "channel": "C0NUMBERS"}
    reply = await control.post(
        "mention", user="U0APPROVER", channel="C0NUMBERS", text="help", thread_ts=made["ts"]
    )
    assert reply["text"] == "<@U0NUMBERDESK> help"
    assert len(await control.get("messages", channel="C0NUMBERS", thread_ts=made["ts"])) == 2
    assert "is not in" in await control.refused("message", user="U0OUTSIDER", channel="C0APPROVALS", text="x")


async def test_a_button_is_pressed_that_only_the_persons_client_still_shows(
    app: Scripted, control: Control, twin: SlackTwin
) -> None:
    """Slack hands on what was pressed; that the message has changed since is for the app to notice."""
    button = {
        "type": "button",
        "action_id": "approve",
        "text": {"type": "plain_text", "text": "Yes"},
        "value": "1",
    }
    client = app.bolt.client
    posted = await client.chat_postMessage(
        channel="C0NUMBERS", text="x", blocks=[{"type": "actions", "block_id": "b", "elements": [button]}]
    )
    (seen,) = await control.get("messages", channel="C0NUMBERS")
    await client.chat_update(channel="C0NUMBERS", ts=posted["ts"], text="over", blocks=[])
    press = {"user": "U0REQUESTER", "channel": "C0NUMBERS", "ts": posted["ts"], "action_id": "approve"}
    assert "no approve to press" in await control.refused("act", **press)
    assert "block_id" in await control.refused("act", **press, blocks=[{"type": "actions"}])
    assert (await control.post("act", **press, blocks=seen["blocks"]))["ok"]
    told = app.last("block_actions")
    assert told["actions"][0]["value"] == "1" and told["message"]["text"] == "over"


async def test_what_was_invalid_is_told_to_scripts_too(app: Scripted, control: Control) -> None:
    async def answers(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack(response_type="ephemeral", blocks=[{"type": "no such block"}])

    app.does["command"] = answers
    await control.post("command", user="U0REQUESTER", channel="C0NUMBERS", command="/twilio", text="")
    (refused,) = (await control.get("state"))["refused"]
    assert refused["method"] == "command answer"


async def test_control_says_what_is_wrong(
    twin: SlackTwin, control: Control, session: aiohttp.ClientSession
) -> None:
    assert await control.refused("act", user="U0REQUESTER") == "name a view_id, or channel and ts"
    assert await control.refused("submit", user="U0REQUESTER") == "view_id is missing"
    assert "nobody" in await control.refused("channels", id="C0NEW", members=["U0NOBODY"])
    assert "http address" in await control.refused("http", request_url="file:///x")
    for call, status in (
        ("views", 400),
        ("views?user=U0NOBODY", 400),
        ("nothing", 404),
        ("calls?since=x", 400),
    ):
        async with session.get(f"{twin.url}/twin/{call}") as answer:
            assert answer.status == status and (await answer.json())["error"]
    for body in (b"{", b"[]"):
        async with session.post(f"{twin.url}/twin/act", data=body) as answer:
            assert answer.status == 400 and (await answer.json())["error"]
    async with session.get(f"{twin.url}/twin/act") as answer:
        assert answer.status == 405 and "Method Not Allowed" in (await answer.json())["error"]


async def test_who_and_what_is_added(control: Control) -> None:
    person = await control.post("people", name="New", locale="ja-JP")
    channel = await control.post("channels", id="C0NEW", members=[person["id"]], is_private=True)
    await control.post("usergroups", id="S0NEW", users=[person["id"]])
    state = await control.get("state")
    assert person in state["people"] and channel in state["channels"] and state["connections"] == 1
    assert channel["members"] == [person["id"], "U0NUMBERDESK"]
    assert state["usergroups"][-1]["users"] == [person["id"]]
