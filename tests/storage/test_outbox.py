"""What Slack is owed, on both databases: one drawing to a card, nothing lost between drawing and change, nothing kept for ever."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlmodel import col, select

from storage.history import Happened
from storage.models import Outgoing, Purchase, State, Trouble, now
from storage.outbox import LINK_TRIES, Lane, Owed
from storage.store import Store
from tests.storage.test_store import (
    CHANNEL,
    OTHER,
    PAST,
    WORKSPACE,
    approve,
    at_once,
    now_of,
    other,
    submitted,
)

__all__ = ["other"]  # a fixture

REQUESTER = "U0REQUESTER"
POSTS, UPDATES = Lane.POSTS, Lane.UPDATES


async def pending(store: Store, kind: str) -> list[Outgoing]:
    async with store.reading() as session:
        found = select(Outgoing).where(Outgoing.kind == kind, col(Outgoing.done_at).is_(None))
        return list(await session.exec(found.order_by(col(Outgoing.id))))


async def post(store: Store, purchase: Purchase, ts: str = "1.1", *, linked: bool = True) -> None:
    """The purchase's card, as the courier posts it."""
    row = next(each for each in await pending(store, "card") if each.drawing_of == purchase.id)
    link = await store.card_posted(row, purchase.version, ts)
    if linked:
        await store.card_linked(link, ts, f"https://example.slack.com/{ts}")


async def change(store: Store, purchase: Purchase, purpose: str = "x") -> Purchase:
    return await store.amend(await now_of(store, purchase), purpose=purpose)


async def owe(store: Store, *owed: Owed, purchase: Purchase | None = None) -> None:
    for each in owed:
        await store.owe(WORKSPACE, each, purchase.id if purchase else None)


# cards


async def test_a_request_owes_one_card_and_a_burst_of_changes_one_drawing(store: Store) -> None:
    purchase = await submitted(store)
    assert await store.lanes_owed() == [(CHANNEL, POSTS)]
    for purpose in ("a", "b", "c"):
        purchase = await change(store, purchase, purpose)
    (row,) = await pending(store, "card")
    assert (row.drawing_of, row.version, row.address) == (purchase.id, purchase.version, CHANNEL)
    await post(store, purchase)
    assert await store.lanes_owed() == []
    card = await store.card_of(purchase.id)
    assert card is not None and (card.ts, card.drawn_version) == ("1.1", purchase.version)


async def test_a_card_that_changed_while_it_was_drawn_is_drawn_again(store: Store) -> None:
    before = await submitted(store)
    row = await store.next_owed(CHANNEL, POSTS)
    assert row is not None
    after = await approve(store, before)
    await store.card_posted(row, before.version, "1.1")
    assert await store.next_owed(CHANNEL, POSTS) is None
    again = await store.next_owed(CHANNEL, UPDATES)
    assert again is not None and (again.drawing_of, again.version) == (before.id, after.version)
    await store.card_drawn(again, after.version)
    assert await pending(store, "card") == []
    await store.redraw(before.id)
    assert len(await pending(store, "card")) == 1, "whatever version it says"


async def test_an_old_picture_that_a_frozen_process_drew_over_a_newer_one_is_drawn_again(
    store: Store,
) -> None:
    before = await submitted(store)
    await post(store, before)
    after = await approve(store, before)
    frozen = await store.next_owed(CHANNEL, UPDATES)
    assert frozen is not None
    await store.card_drawn(frozen, after.version)  # by the process that took over
    await store.card_drawn(frozen, before.version)  # and by the one that was frozen while it drew
    (row,) = await pending(store, "card")
    assert row.version == after.version


async def test_of_a_change_and_the_end_of_a_drawing_at_once_none_is_lost(store: Store, other: Store) -> None:
    purchase = await submitted(store)
    await post(store, purchase)
    for nth in range(5):
        purchase = await change(store, purchase, f"before {nth}")
        row = await store.next_owed(CHANNEL, UPDATES)
        assert row is not None
        calls = [store.card_drawn(row, purchase.version), change(other, purchase, f"after {nth}")]
        await at_once(store, *(calls if nth % 2 else reversed(calls)))
        purchase = await now_of(store, purchase)
        (left,) = await pending(store, "card")
        assert left.version == purchase.version
        await store.card_drawn(left, purchase.version)


async def test_new_cards_come_oldest_first_and_before_messages_and_of_posted_ones_the_newest_change(
    store: Store,
) -> None:
    first = await submitted(store)
    await owe(store, Owed("operators", CHANNEL, {"say": "Hello."}))
    second = await submitted(store, phone_number=OTHER)
    for purchase in (first, second):
        row = await store.next_owed(CHANNEL, POSTS)
        assert row is not None and row.drawing_of == purchase.id
        await post(store, purchase, f"1.{purchase.id}")
    row = await store.next_owed(CHANNEL, POSTS)
    assert row is not None and row.kind == "operators"
    await change(store, second)
    await change(store, first)
    newest = await store.next_owed(CHANNEL, UPDATES)
    assert newest is not None and newest.drawing_of == first.id


async def test_a_card_that_is_gone_is_posted_anew_and_its_thread_follows(store: Store) -> None:
    purchase = await submitted(store)
    await post(store, purchase)
    card = await store.card_of(purchase.id)
    assert card is not None
    await owe(store, *(Owed("thread", CHANNEL, {"say": say}) for say in "ab"), purchase=purchase)
    assert await store.card_lost(card, "C0NEW", Owed("thread", "C0NEW", {"say": "Anew."}))
    assert not await store.card_lost(card, "C0NEW", Owed("thread", "C0NEW", {"say": "Anew."}))
    assert await store.lanes_owed() == [("C0NEW", POSTS)], "its lines wait for it"
    await post(store, purchase, "2.2")
    lines = await pending(store, "thread")
    assert [(each.address, each.message["say"]) for each in lines] == [
        ("C0NEW", "Anew."),
        ("C0NEW", "a"),
        ("C0NEW", "b"),
    ]
    found = await store.card_of(purchase.id)
    assert found is not None and (found.channel_id, found.ts) == ("C0NEW", "2.2")


async def test_a_link_belongs_to_the_card_that_it_was_asked_for(store: Store) -> None:
    purchase = await submitted(store)
    await post(store, purchase, "1.1", linked=False)
    (link,) = await pending(store, "link")
    await store.card_linked(link, "0.9", "https://example.slack.com/old")
    card = await store.card_of(purchase.id)
    assert card is not None and card.permalink is None


async def test_what_waits_for_another_channel_goes_to_the_one_that_the_settings_name(store: Store) -> None:
    there, waiting = await submitted(store), await submitted(store, phone_number=OTHER)
    await post(store, there)
    await owe(store, Owed("thread", CHANNEL, {"say": "a"}), purchase=waiting)
    await change(store, there)
    await owe(store, Owed("operators", "C0OLD", {"say": "a"}))
    await store.readdress("card", "C0NEW")
    await store.readdress("operators", "C0OPERATORS")
    cards = {each.drawing_of: each.address for each in await pending(store, "card")}
    assert cards == {there.id: CHANNEL, waiting.id: "C0NEW"}
    card = await store.card_of(waiting.id)
    assert card is not None and card.channel_id == "C0NEW"
    assert [each.address for each in await pending(store, "thread")] == ["C0NEW"]
    assert [each.address for each in await pending(store, "operators")] == ["C0OPERATORS"]


# messages


async def test_messages_come_in_order_and_later_when_they_failed(store: Store) -> None:
    await owe(store, *(Owed("operators", "C0OPERATORS", {"say": say}) for say in "ab"))
    first = await store.next_owed("C0OPERATORS", POSTS)
    assert first is not None and first.message == {"say": "a"}
    await store.put_off(first, PAST)
    again = await store.next_owed("C0OPERATORS", POSTS)
    assert again is not None and (again.id, again.tries) == (first.id, 1)
    await store.put_off(again, timedelta(hours=1))
    second = await store.next_owed("C0OPERATORS", POSTS)
    assert second is not None and second.message == {"say": "b"}
    await store.delivered(second, "1.1")
    assert await store.lanes_owed() == [], "the first is owed, but not due"
    assert await store.is_owed("C0OPERATORS")


async def test_lines_and_direct_messages_about_a_request_wait_for_its_card(store: Store) -> None:
    purchase = await submitted(store)
    await owe(
        store,
        Owed("thread", CHANNEL, {"say": "a"}),
        Owed("direct", REQUESTER, {"say": "a"}, after_card=True),
        Owed("direct", "U0SECOND", {"say": "at once"}),
        purchase=purchase,
    )
    assert await store.lanes_owed() == [(CHANNEL, POSTS), ("U0SECOND", POSTS)]
    await post(store, purchase, linked=False)
    line = await store.next_owed(CHANNEL, POSTS)
    assert line is not None and line.kind == "thread"
    assert await store.next_owed(REQUESTER, POSTS) is None, "it shall carry the link"
    (link,) = await pending(store, "link")
    await store.card_linked(link, "1.1", "https://example.slack.com/1.1")
    assert await store.next_owed(REQUESTER, POSTS) is not None


async def test_a_link_that_does_not_come_holds_nobody_up_for_long(store: Store) -> None:
    purchase = await submitted(store)
    await owe(store, Owed("direct", REQUESTER, {"say": "a"}, after_card=True), purchase=purchase)
    await post(store, purchase, linked=False)
    (link,) = await pending(store, "link")
    for _ in range(LINK_TRIES):
        assert await store.next_owed(REQUESTER, POSTS) is None
        await store.put_off(link, timedelta(hours=1))
    assert await store.next_owed(REQUESTER, POSTS) is not None
    assert len(await pending(store, "link")) == 1, "and it is still owed"


async def test_what_is_dropped_is_noted_where_it_was_said(store: Store) -> None:
    purchase = await submitted(store)
    await owe(store, Owed("direct", REQUESTER, {"say": "a"}), purchase=purchase)
    (row,) = await pending(store, "direct")
    await store.dropped(row, "user_disabled", Owed("thread", CHANNEL, {"say": "Not reached."}))
    assert await pending(store, "direct") == []
    (note,) = await pending(store, "thread")
    assert note.purchase_id == purchase.id
    async with store.reading() as session:
        found = await session.get(Outgoing, row.id)
    assert found is not None and found.outcome == "user_disabled"


async def test_a_message_is_owed_with_the_change_that_causes_it(store: Store) -> None:
    purchase = await submitted(store)
    told = (Owed("thread", CHANNEL, {"say": "Denied."}), Owed("direct", REQUESTER, {"say": "Denied."}))
    await store.deny(purchase.id, 1, "U0APPROVER", "", Happened("denied", owed=told))
    assert [each.purchase_id for kind in ("thread", "direct") for each in await pending(store, kind)] == [
        purchase.id,
        purchase.id,
    ]


async def test_what_was_delivered_long_ago_is_deleted_in_small_steps(store: Store) -> None:
    await owe(store, *(Owed("operators", "C0OPERATORS", {"say": str(nth)}) for nth in range(5)))
    rows = await pending(store, "operators")
    for row in rows[:4]:
        await store.delivered(row, "1.1")
    old = now() - timedelta(days=31)
    async with store.writing() as session:
        await session.exec(
            update(Outgoing).where(col(Outgoing.id).in_([each.id for each in rows[:3]])).values(done_at=old)
        )
    before = now() - timedelta(days=30)
    assert [await store.forget_delivered(before, limit=2) for _ in range(3)] == [2, 1, 0]
    async with store.reading() as session:
        left = (await session.exec(select(Outgoing.id).order_by(col(Outgoing.id)))).all()
    assert list(left) == [rows[3].id, rows[4].id]


async def test_nothing_that_is_asked_all_day_walks_a_table(store: Store) -> None:
    """By SQLite's plans; with few rows PostgreSQL walks any table."""
    if not store.is_sqlite:
        pytest.skip("it has no plans worth looking at here")
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    purchase = await submitted(store)
    event.listen(store.engine.sync_engine, "before_cursor_execute", note)
    await post(store, purchase)
    asked.clear()  # it looks for the row in a test's way
    await store.lanes_owed()
    for lane in Lane:
        await store.next_owed(CHANNEL, lane)
    await store.is_owed(CHANNEL)
    await store.redraw(purchase.id)
    await store.tell_held(CHANNEL, lambda _: Owed("direct", REQUESTER, {}))
    await store.forget_delivered(now())
    event.remove(store.engine.sync_engine, "before_cursor_execute", note)
    async with store.engine.connect() as connection:
        for statement, parameters in asked:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            walks = [each[3] for each in plan if each[3].startswith("SCAN") and "USING" not in each[3]]
            assert walks == [], statement
    assert len(asked) >= 7


# troubles


async def test_a_trouble_is_told_once_and_its_end_once(store: Store, other: Store) -> None:
    def trouble() -> Trouble:
        said = {"say": "{setting} is wrong.", "with": {"setting": "APPROVALS_CHANNEL"}}
        return Trouble(key="slack:APPROVALS_CHANNEL", workspace_id=WORKSPACE, since=now(), said=said)

    owed = [Owed("operators", "C0OPERATORS", {"say": "It is wrong."})]
    assert sorted(
        await at_once(store, store.open_trouble(trouble(), owed), other.open_trouble(trouble(), owed))
    ) == [False, True]
    assert len(await pending(store, "operators")) == 1
    (found,) = await store.troubles()
    assert sorted(
        await at_once(store, store.close_trouble(found, owed), other.close_trouble(found, owed))
    ) == [False, True]
    assert len(await pending(store, "operators")) == 2 and await store.troubles() == []


async def test_what_is_advised_is_told_once_until_it_has_ended_and_comes_back(
    store: Store, other: Store
) -> None:
    def named(*texts: str) -> list[Owed]:
        return [Owed("operators", "C0OPERATORS", {"say": each}) for each in texts]

    async def told() -> int:
        return len(await pending(store, "operators"))

    await store.advise(WORKSPACE, "notices", named("a"))
    await other.advise(WORKSPACE, "notices", named("a", "b"))
    assert await told() == 2, "each once, whoever says it"
    await store.advise(WORKSPACE, "notices", named("b"))
    assert await told() == 2
    await other.advise(WORKSPACE, "notices", named("a", "b"))
    assert await told() == 3, "it has come back"


async def test_who_waits_for_a_card_is_told_once_that_it_is_held_up(store: Store) -> None:
    held, there = await submitted(store), await submitted(store, phone_number=OTHER)
    await post(store, there)
    await change(store, there)

    def told(purchase: Purchase) -> Owed:
        assert purchase.state == State.AWAITING_APPROVAL
        return Owed("direct", purchase.requester_id, {"say": "It is held up."})

    assert await store.tell_held(CHANNEL, told) == 1
    await change(store, held)
    assert await store.tell_held(CHANNEL, told) == 0
    assert [each.purchase_id for each in await pending(store, "direct")] == [held.id]
