"""What Slack does not take: who waits is told the truth, the operators once, and everything goes on once it is mended (rule 34)."""

import asyncio
import contextlib
import sqlite3
from typing import Any

import aiohttp
import pytest
from sqlmodel import col, select

from sandbox.slack.workspace import BOT_USER
from storage.models import Outgoing
from storage.outbox import Owed
from tests.ports import free_port
from tests.stories.stage import APPROVALS, Person, Stage, asks, reviews, sends, until

OPERATORS = "C0OPERATORS"
HELD = "could not be posted in the approvals channel"


@pytest.fixture(autouse=True)
async def soon(stage: Stage) -> None:
    """Whether it is mended is tried often."""
    stage.running.courier.troubles.probe = 0.3


def throw_out(stage: Stage, channel: str) -> None:
    stage.slack_twin.workspace.channels[channel]["members"].remove(BOT_USER)
    stage.expected_refusals += ["not_in_channel"]


def invite(stage: Stage, channel: str) -> None:
    stage.slack_twin.workspace.channels[channel]["members"].append(BOT_USER)


async def in_channel(stage: Stage, channel: str, words: str) -> list[str]:
    """The messages there that say so, as soon as there is one."""

    async def there() -> list[str]:
        return [each["text"] for each in await stage.messages(channel) if words in each["text"]]

    found: list[str] = await until(there, f"{channel} reads “{words}”")
    return found


async def outcomes(stage: Stage, kind: str) -> list[str | None]:
    async with stage.store.reading() as session:
        found = await session.exec(
            select(Outgoing.outcome).where(Outgoing.kind == kind).order_by(col(Outgoing.id))
        )
        return list(found.all())


async def open_troubles(stage: Stage) -> list[str]:
    return [each.key for each in await stage.store.troubles()]


# the approvals channel


async def test_a_request_whose_channel_shut_the_app_out_is_explained_and_posted_later(
    stage: Stage, requester: Person, requester2: Person, approver: Person
) -> None:
    throw_out(stage, APPROVALS)
    number = await asks(requester)
    said = await stage.told(requester, HELD)
    assert "The operators have been told" in said
    (alarm,) = await in_channel(stage, OPERATORS, "APPROVALS_CHANNEL")
    assert "/invite" in alarm
    await asks(requester2)
    await stage.told(requester2, HELD)
    assert await open_troubles(stage) == ["slack:APPROVALS_CHANNEL"]
    assert not any("sent for approval" in each for each in await requester.direct_messages())
    invite(stage, APPROVALS)
    card = await stage.card("awaiting_approval", number)
    sent = await stage.told(requester, "sent for approval")
    assert "/archives/" in sent, "with the link to the card"
    await in_channel(stage, OPERATORS, "works again")
    await approver.clicks(card, "approve")
    await stage.card("complete", number)
    assert len(await stage.cards()) == 2 and await open_troubles(stage) == []
    assert len(await in_channel(stage, OPERATORS, "APPROVALS_CHANNEL")) == 2, "once, and that it works"
    for each in (requester, requester2):
        assert len([line for line in await each.direct_messages() if HELD in line]) == 1


@pytest.mark.parametrize("error", ["is_archived", "channel_not_found", "restricted_action"])
async def test_whatever_keeps_the_card_out_is_told_to_the_operators(
    stage: Stage, requester: Person, error: str
) -> None:
    await stage.slack.post("faults", method="chat.postMessage", times=1, fault={"error": error})
    await asks(requester)
    await stage.card("awaiting_approval")
    await stage.told(requester, HELD)
    await in_channel(stage, OPERATORS, "Nothing can be posted in the channel of APPROVALS_CHANNEL")
    await in_channel(stage, OPERATORS, "The channel of APPROVALS_CHANNEL works again")


async def test_nobody_is_told_that_the_operators_know_when_they_can_not(
    stage: Stage, requester: Person
) -> None:
    throw_out(stage, OPERATORS)
    throw_out(stage, APPROVALS)
    await stage.running.courier.troubles.check_channels(["operators_channel"])
    assert await open_troubles(stage) == ["slack:OPERATORS_CHANNEL"]
    await asks(requester)
    assert "operators" not in await stage.told(requester, HELD)
    invite(stage, OPERATORS)
    await in_channel(stage, OPERATORS, "APPROVALS_CHANNEL")
    invite(stage, APPROVALS)
    await stage.card("awaiting_approval")


async def test_another_channel_in_the_settings_gets_what_the_old_one_did_not(
    stage: Stage, requester: Person
) -> None:
    throw_out(stage, APPROVALS)
    await asks(requester)
    await stage.told(requester, HELD)
    await stage.stop_app()
    await stage.slack.post("channels", id="C0NEWPLACE", name="approvals-too")
    await stage.start_app(APPROVALS_CHANNEL="C0NEWPLACE")
    await in_channel(stage, "C0NEWPLACE", "asks for a number")
    await stage.told(requester, "sent for approval")
    await until(lambda: _none(stage), "the trouble is over")


async def _none(stage: Stage) -> bool:
    return await open_troubles(stage) == []


async def test_a_channel_that_is_wrong_at_the_start_is_told_before_anything_is_owed(stage: Stage) -> None:
    await stage.stop_app()
    throw_out(stage, "C0BUNDLES")
    await stage.start_app()
    await in_channel(stage, OPERATORS, "BUNDLES_CHANNEL")
    invite(stage, "C0BUNDLES")
    await stage.running.courier.troubles.look_again()
    assert await open_troubles(stage) == []
    await in_channel(stage, OPERATORS, "The channel of BUNDLES_CHANNEL works again")


# the card


async def test_a_deleted_card_is_posted_anew_and_its_thread_begins_again(
    stage: Stage, requester: Person, approver: Person, approver2: Person
) -> None:
    await asks(
        requester, "DE", number_type="local", end_user={"end_user_type": "business", "bundle": "later"}
    )
    card = await stage.card("awaiting_approval")
    await stage.told(requester, "sent for approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "A bundle is needed")
    workspace = stage.slack_twin.workspace
    workspace.delete_message(APPROVALS, workspace.find_message(APPROVALS, card["ts"]))
    stage.expected_refusals += ["message_not_found", "thread_not_found"]
    purchase = (await stage.store.purchases_of(requester.id))[0]
    await stage.store.redraw(purchase.id)
    stage.running.worker.kick()

    async def anew() -> Any:
        cards = [each for each in await stage.cards() if each["ts"] != card["ts"]]
        return cards[-1] if cards else None

    new = await until(anew, "the card is there again")
    line = await stage.in_thread(new, "here is a new one")
    assert "needs a bundle" in line
    await requester.clicks(new, "withdraw")
    await stage.card("withdrawn")
    await stage.in_thread(new, "has withdrawn")


async def test_a_line_whose_card_is_gone_follows_it(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    await stage.told(requester, "sent for approval")
    await stage.slack.post("faults", method="chat.update", times=1, fault={"error": "cant_update_message"})
    await approver.clicks(card, "approve")

    async def anew() -> Any:
        cards = await stage.cards()
        return cards[-1] if len(cards) == 2 else None

    new = await until(anew, "the card is posted anew")
    await stage.in_thread(new, "here is a new one")
    await stage.card("complete")
    await stage.in_thread(new, "is bought")


async def test_a_link_that_failed_is_filled_in_later(stage: Stage, requester: Person) -> None:
    await stage.slack.post("faults", method="chat.getPermalink", times=2, fault={"error": "internal_error"})
    await asks(requester)
    assert "/archives/" in await stage.told(requester, "sent for approval")
    purchase = (await stage.store.purchases_of(requester.id))[0]
    card = await stage.store.card_of(purchase.id)
    assert card.permalink and "/archives/" in card.permalink
    assert await outcomes(stage, "link") == ["delivered"]


# people


async def asks_late(stage: Stage, person: Person) -> None:
    """More than half an hour after the command: what is told comes by direct message."""
    await reviews(person)
    stage.slack_twin.workspace.response_urls.clear()
    await sends(person)


@pytest.mark.parametrize("error", ["user_not_found", "user_disabled", "cannot_dm_bot"])
async def test_somebody_who_can_not_be_reached_is_named_in_the_thread(
    stage: Stage, requester: Person, error: str
) -> None:
    await stage.slack.post("faults", method="conversations.open", times=1, fault={"error": error})
    await asks_late(stage, requester)
    card = await stage.card("awaiting_approval")
    line = await stage.in_thread(card, "could not be reached")
    assert error in line and "Rita Requester" in line
    assert await outcomes(stage, "direct") == [error]


async def test_a_stale_direct_channel_is_opened_anew_once(stage: Stage, requester: Person) -> None:
    await asks_late(stage, requester)
    await stage.told(requester, "sent for approval")
    people = stage.app.people
    (known,) = [
        each for each in await stage.store.people(stage.app.workspace_id) if each.user_id == requester.id
    ]
    known.dm_channel = "D0STALE"
    await stage.store.remember_person(known)
    await people.load()
    stage.expected_refusals += ["channel_not_found"]
    await requester.clicks(await stage.card(), "withdraw")
    await asks_late(stage, requester)
    await until(lambda: _told_twice(requester), "the second confirmation comes too")
    assert await people.dm_channel(requester.id) != "D0STALE"

    async def settled() -> bool:
        return await outcomes(stage, "direct") == ["delivered", "delivered"]

    await until(settled, "both are delivered")


async def _told_twice(person: Person) -> bool:
    return len([each for each in await person.direct_messages() if "sent for approval" in each]) == 2


# the token


async def asked(port: int, path: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/{path}") as answer,
    ):
        return answer.status, await answer.json()


async def test_a_revoked_token_drops_nothing_and_shows_in_health(stage: Stage, requester: Person) -> None:
    port = free_port()
    await stage.stop_app()
    await stage.start_app(PORT=str(port))
    stage.running.courier.troubles.probe = 0.3
    assert await asked(port, "readyz") == (200, {"ok": True})
    await requester.types("help")  # Bolt asks for the token's owner at the first request, and never again
    for method in ("chat.*", "auth.test"):
        await stage.slack.post("faults", method=method, times=1000, fault={"error": "token_revoked"})
    await asks(requester)
    said = {"ok": False, "connected": True, "troubles": ["SLACK_BOT_TOKEN"]}

    async def unwell() -> bool:
        return await asked(port, "health") == (503, said) and await asked(port, "readyz") == (503, said)

    await until(unwell, "the app says that its token is refused")
    assert await stage.cards() == []
    await stage.slack.delete("faults")
    await stage.card("awaiting_approval")
    await stage.told(requester, "sent for approval")
    await in_channel(stage, OPERATORS, "Slack takes SLACK_BOT_TOKEN again")
    assert await asked(port, "readyz") == (200, {"ok": True})
    assert set(await outcomes(stage, "card")) == {"delivered"}


async def test_a_revoked_token_is_noticed_before_anything_is_owed(stage: Stage) -> None:
    await stage.slack.post("faults", method="auth.test", times=1, fault={"error": "account_inactive"})
    await stage.running.courier.troubles.look_again()
    assert await open_troubles(stage) == ["slack:SLACK_BOT_TOKEN"]

    async def mended() -> bool:
        await stage.running.courier.troubles.look_again()
        return await open_troubles(stage) == []

    await until(mended, "it is mended")


async def test_a_missing_scope_is_named_to_the_operators_and_holds_up_only_what_needs_it(
    stage: Stage, requester: Person
) -> None:
    stage.slack_twin.workspace.scopes.remove("im:write")
    stage.expected_refusals += ["missing_scope"]
    await asks_late(stage, requester)
    await stage.card("awaiting_approval")
    (alarm,) = await in_channel(stage, OPERATORS, "im:write")
    assert "SLACK_BOT_TOKEN" in alarm and "install the app again" in alarm
    assert await requester.direct_messages() == []
    stage.slack_twin.workspace.scopes.append("im:write")
    await stage.told(requester, "sent for approval")
    await in_channel(stage, OPERATORS, "has the scope im:write now")
    assert await open_troubles(stage) == []


# the database


async def test_what_was_posted_is_not_posted_again_because_the_database_was_busy(stage: Stage) -> None:
    await stage.slack.post("faults", method="chat.postMessage", times=1, fault={"delay": 0.5})
    hello = Owed("operators", OPERATORS, {"say": "Hello.", "with": {}})
    await stage.store.owe(stage.app.workspace_id, hello)
    stage.running.worker.kick()
    await asyncio.sleep(0.2)
    file = stage.environment["DATABASE_URL"].removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(6)  # a second longer than the app waits for it
        somebody.execute("ROLLBACK")

    async def written() -> bool:
        return await outcomes(stage, "operators") == ["delivered"]

    await until(written, "what became of it is written down")
    assert await in_channel(stage, OPERATORS, "Hello.") == ["Hello."]
