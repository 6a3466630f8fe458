"""What Slack may do to the app: be away, deliver twice, be slow, be reached over HTTP instead."""

import asyncio

import aiohttp
import pytest

from bot import announcements as news
from bot.refusals import TABLE, Refusal
from bot.texts import say
from tests.ports import free_port
from tests.stories.stage import Person, Stage, asks, field_ids, finds, options, sends, shown, state_of, until
from tests.stories.stage import stage as set_stage


async def test_cards_converge_after_slack_was_away(stage: Stage, requester: Person, approver: Person) -> None:
    number = await asks(requester)
    card = await stage.card("awaiting_approval")
    await stage.slack.post("faults", method="chat.*", times=12, fault={"status": 500})
    await approver.clicks(card, "approve")
    await until(stage.bought, "it is bought while Slack is away")
    assert state_of((await stage.cards())[-1]) == "awaiting_approval"
    await stage.slack.delete("faults")
    card = await stage.card("complete")
    await stage.in_thread(card, "is bought and in its messaging service")
    assert await stage.bought() == [number] and len(await stage.cards()) == 1


async def test_the_card_comes_once_slack_is_back(stage: Stage, requester: Person) -> None:
    await stage.slack.post("faults", method="chat.postMessage", times=2, fault={"status": 500})
    await asks(requester)
    await stage.card("awaiting_approval")
    assert len(await stage.cards()) == 1


async def test_429_is_waited_out(stage: Stage, requester: Person) -> None:
    fault = {"status": 429, "retry_after": 1}
    await stage.slack.post("faults", method="chat.postMessage", times=1, fault=fault)
    await asks(requester)
    await stage.card("awaiting_approval")


async def test_a_second_card_becomes_a_pointer_to_the_first(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.slack.post("faults", method="chat.postMessage", times=1, fault="cut_after")
    await asks(requester)

    async def two() -> bool:
        return len(await stage.cards()) == 2

    await until(two, "the card whose answer was lost is posted again")
    orphan = (await stage.cards())[0]
    await approver.clicks(orphan, "approve")
    await stage.card("complete")

    async def points() -> bool:
        first = next(each for each in await stage.messages() if each["ts"] == orphan["ts"])
        return "has another card" in first["text"] and field_ids(first) == set()

    await until(points, "the orphan points to the card")


@pytest.mark.parametrize("what", ["command", "submission", "click"])
async def test_what_slack_delivers_twice_is_done_once(
    stage: Stage, requester: Person, approver: Person, what: str
) -> None:
    twice = {"deliver": "twice"}
    if what == "command":
        await stage.slack.post("faults", **twice)
    number = await asks(requester) if what != "submission" else await _asks_with_twice(stage, requester)
    card = await stage.card("awaiting_approval")
    if what == "click":
        await stage.slack.post("faults", **twice)
    answer = await approver.clicks(card, "approve")
    assert answer["shown"] == []
    await stage.card("complete")
    assert await stage.bought() == [number] and len(await stage.cards()) == 1
    opened = [each for each in await stage.slack.get("calls") if each.get("method") == "views.open"]
    assert len(opened) == 1


async def _asks_with_twice(stage: Stage, requester: Person) -> str:
    await requester.types("buy-number US")
    await stage.slack.post("faults", deliver="twice")
    await requester.submits(purpose="Twice")
    choose = await requester.view("buy_number.choose")
    number = options(choose, "phone_number")[0]
    await stage.slack.post("faults", deliver="twice")
    await requester.submits(phone_number=number)
    await requester.view("buy_number.review")
    await stage.slack.post("faults", deliver="twice")
    answer = await sends(requester)
    assert answer["response_action"] == "clear"
    return number


async def test_a_connection_that_slack_renews_loses_nothing(stage: Stage, requester: Person) -> None:
    await stage.slack.post("faults", deliver="disconnect")
    answer = await requester.types("help")
    assert answer["ok"], answer


async def test_an_unexpected_error_has_a_reference_and_tells_the_operators(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    policy, stage.app.policy = stage.app.policy, None  # type: ignore[assignment]
    answer = await approver.clicks(card, "approve")
    stage.app.policy = policy
    said = answer["shown"][0]["text"]
    assert "Something went wrong" in said and "Traceback" not in said
    reference = said.partition("(")[2].partition(")")[0]

    async def alarmed() -> bool:
        return any(reference in each["text"] for each in await stage.messages("C0OPERATORS"))

    await until(alarmed, "the operators get the same reference")


async def test_over_http_with_signatures(stage: Stage) -> None:
    port = free_port()
    await stage.stop_app()
    stage.environment.pop("SLACK_APP_TOKEN")
    await stage.start_app(PORT=str(port), SLACK_SIGNING_SECRET="a-signing-secret")
    url = f"http://127.0.0.1:{port}/slack/events"
    await stage.slack.post("http", request_url=url, signing_secret="a-signing-secret")
    requester, approver = stage.person("requester"), stage.person("approver")
    number = await asks(requester, purpose="Over HTTP")
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200 and (await answer.json()) == {"ok": True}
        async with session.post(url, data="payload={}") as answer:
            assert answer.status == 401, "an unsigned request is refused"
    await stage.slack.post("http", request_url=url, signing_secret="forged")
    refused = await requester.types("help")
    assert refused["error"] == "http_status_401"


async def test_thirty_messages_keep_to_slacks_rate(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with set_stage(tmp_path_factory.mktemp("rates"), rate_limits=True) as limited:
        people = [limited.person("requester"), limited.person("requester2")]
        for person in people:
            for _ in range(2):
                await asks(person)

        async def four() -> bool:
            return len(await limited.cards()) == 4

        await until(four, "four cards")
        approver = limited.person("approver")
        await asyncio.gather(*(approver.clicks(each, "approve") for each in await limited.cards()))

        async def done() -> bool:
            return all(state_of(each) == "complete" for each in await limited.cards())

        await until(done, "all cards are true")
        calls = await limited.slack.get("calls")
        assert [each for each in calls if each.get("error") == "ratelimited"] == []
        assert "is bought" in shown((await limited.cards())[0])


async def test_the_rate_of_posting_is_a_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set higher than Slack allows, Slack is what slows it down; nothing is lost."""
    async with set_stage(tmp_path_factory.mktemp("rates"), rate_limits=True) as limited:
        await limited.stop_app()
        await limited.start_app(POSTS_PER_SECOND="100", POSTS_AT_ONCE="100")
        lines = [f"Line {n}" for n in range(12)]
        for each in lines:
            said = news.operators(limited.app.settings, say(each))
            await limited.store.owe(limited.app.workspace_id, said)

        async def all_there() -> bool:
            return [each["text"] for each in await limited.messages("C0OPERATORS")] == lines

        await until(all_there, "every line is there, in order")
        posts = [
            each for each in await limited.slack.get("calls") if each.get("method") == "chat.postMessage"
        ]
        assert "ratelimited" in [each.get("error") for each in posts]


async def test_a_page_waits_behind_its_loading_view_until_slack_takes_more_calls(
    stage: Stage, requester: Person
) -> None:
    await requester.types("buy-number US")
    await requester.view("buy_number.find")
    await stage.slack.post("faults", method="views.update", times=2, fault={"status": 429})
    await requester.submits(number_type="local", purpose="Reminders")
    await requester.view("buy_number.choose")
    tried = [each for each in await stage.slack.get("calls") if each.get("method") == "views.update"]
    limited = [each for each in tried if each.get("error") == "ratelimited"]
    assert len(limited) == 2
    assert any("buy_number.choose" in str(each["arguments"]) for each in tried if not each.get("error"))


async def test_a_page_comes_behind_its_loading_view_after_slacks_bad_moment(
    stage: Stage, requester: Person
) -> None:
    await requester.types("buy-number US")
    await requester.view("buy_number.find")
    for fault in ({"status": 500}, "cut_before", "cut_after"):
        await stage.slack.post("faults", method="views.update", times=1, fault=fault)
    await requester.submits(number_type="local", purpose="Reminders")
    await requester.view("buy_number.choose")


@pytest.mark.parametrize("row", [each for each in TABLE if each.of_trigger], ids=lambda row: row.code)
async def test_a_press_whose_time_was_over_can_be_repeated_and_is_no_alarm(
    stage: Stage, requester: Person, row: Refusal
) -> None:
    await stage.slack.post("faults", method="views.open", times=1, fault={"error": row.code})
    answer = await requester.types("buy-number US")
    assert "Slack was slow" in answer["shown"][0]["text"]
    await requester.types("buy-number US")
    await requester.view("buy_number.find")
    assert await stage.messages("C0OPERATORS") == []


async def test_a_loading_view_that_slack_showed_without_saying_so_does_not_stay(
    stage: Stage, requester: Person
) -> None:
    """Nothing is under way behind it: the person was told to try again."""
    page = await finds(requester)
    await stage.slack.post("faults", method="views.update", times=1, fault="cut_after")
    await requester.presses("search_again")
    on_top = await requester.view("problem")
    assert "Slack was slow" in shown(on_top) and on_top["id"] != page["id"]
    await stage.slack.post("close", user=requester.id, view_id=on_top["id"])
    below = await requester.view("problem")
    assert below["id"] == page["id"] and "Slack was slow" in shown(below)
    await requester.presses("back")
    await requester.view("buy_number.find")


async def test_a_press_is_acknowledged_though_not_even_the_error_can_be_shown(
    stage: Stage, requester: Person
) -> None:
    await requester.types("buy-number US")
    await requester.view("buy_number.find")
    await stage.slack.post("faults", method="views.*", times=6, fault="cut_before")
    assert (await requester.presses("advanced"))["ok"]
