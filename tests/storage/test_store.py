"""What the store promises, on both databases: of two who act at once one wins, and the other learns how things stand."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, text, update
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel, col, select

from storage.approvals import AlreadyApproved, Judge, Tally
from storage.changes import Lost
from storage.database import InUse
from storage.drafts import DraftMoved
from storage.history import Happened
from storage.models import (
    MOVES,
    UNFINISHED,
    Approval,
    Barred,
    Bundle,
    Draft,
    Office,
    Outgoing,
    Person,
    Purchase,
    State,
    now,
)
from storage.office import OutOfOffice
from storage.outbox import Lane, Owed
from storage.purchases import NumberHeld
from storage.store import Store
from tests import rows

WORKSPACE, ACCOUNT = "T0", "AC" + "0" * 32
NUMBER, OTHER = "+447700900111", "+447700900222"
CHANNEL = "C0APPROVALS"
PN, AD = "PN" + "1" * 32, "AD" + "1" * 32
PAST = timedelta(seconds=-1)
EVERYBODY = ("U0A", "U0B", "U0C", "U0APPROVER")
DONE = Happened("done", "U0SOMEBODY")


# people and processes


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """A second process on PostgreSQL; SQLite has one, so there it is the same store again."""
    if store.is_sqlite:
        yield store
        return
    second = Store(url_of(store))
    yield second
    await second.close()


def url_of(store: Store) -> str:
    return store.url.render_as_string(hide_password=False)


async def at_once(store: Store, *calls: Awaitable[Any]) -> list[Any]:
    """What the calls return or raise, when all of them have begun before the first may write."""
    async with store.writing() as session:
        if not store.is_sqlite:  # there the writer's turn is ours already
            tables = ", ".join(SQLModel.metadata.tables)
            await (await session.connection()).execute(text(f"LOCK TABLE {tables} IN EXCLUSIVE MODE"))
        tasks = [asyncio.ensure_future(each) for each in calls]
        await asyncio.sleep(0.03)
        assert not any(task.done() for task in tasks), "nothing was held up"
    return await asyncio.gather(*tasks, return_exceptions=True)


def won(outcomes: list[Any]) -> list[Any]:
    return [each for each in outcomes if not isinstance(each, BaseException)]


def lost(outcomes: list[Any]) -> list[Any]:
    return [each for each in outcomes if isinstance(each, BaseException)]


async def put(store: Store, purchase_id: str, **values: Any) -> None:
    """The row as it is after something that no test wants to play."""
    async with store.writing() as session:
        await session.exec(update(Purchase).where(col(Purchase.id) == purchase_id).values(**values))


async def now_of(store: Store, purchase: Purchase) -> Purchase:
    found = await store.purchase(purchase.id)
    assert found is not None
    return found


def drafted(store: Store, **values: Any) -> Awaitable[Draft]:
    """A form that was filled in up to its last page."""
    return store.open_draft(rows.draft(**{"account_sid": ACCOUNT, "workspace_id": WORKSPACE, **values}))


async def there(store: Store, **values: Any) -> Purchase:
    """A purchase in any state, as something that no test wants to play has left it."""
    async with store.writing() as session:
        made = await rows.add(session, rows.purchase(**{"phone_number": NUMBER, **values}))
    return await now_of(store, made)


OF_DRAFT = {"requester_id", "account_sid", "workspace_id", "channel_id"}


async def submitted(store: Store, *, purpose: str = "Reminders", **values: Any) -> Purchase:
    draft = await drafted(store, **{name: values.pop(name) for name in OF_DRAFT & values.keys()})
    return await submit(store, draft, purpose, **values)


def submit(store: Store, draft: Draft, purpose: str = "Reminders", **values: Any) -> Awaitable[Purchase]:
    quote = {
        "phone_number": NUMBER,
        "country": "GB",
        "number_type": "mobile",
        "price": Decimal("1.15"),
        "ceiling": Decimal("2.00"),
        "currency": "USD",
        **values,
    }
    return store.submit(draft, quote, purpose, CHANNEL, Happened("submitted", draft.requester_id))


def approve(
    store: Store, purchase: Purchase, person: str = "U0APPROVER", needed: int = 1
) -> Awaitable[Purchase]:
    """In the eyes of whoever approves everybody who has approved before still may."""
    given = {"person_id": person, "rule": "approve", "policy_version": "1"}
    judge = counted(EVERYBODY, needed, person)
    return store.approve(purchase.id, purchase.quote_no, given, judge)


def counted(people: Collection[str], needed: int, by: str | None = None) -> Judge:
    """So many of these are enough. by: who has just approved."""

    def judge(row: Purchase, approvals: Sequence[Approval]) -> Tally:
        good = [each.person_id for each in approvals if each.person_id in people]
        if len(good) >= needed:
            return Tally(True, by or good[-1], Happened("approved", by))
        return Tally(False, None, Happened("counted", by) if by else None)

    return judge


def deny(store: Store, purchase: Purchase) -> Awaitable[Purchase]:
    return store.deny(
        purchase.id, purchase.quote_no, "U0APPROVER", "too dear", Happened("denied", "U0APPROVER")
    )


def withdraw(store: Store, purchase: Purchase) -> Awaitable[Purchase]:
    return store.withdraw(purchase.id, Happened("withdrawn", "U0REQUESTER"))


def intend(store: Store, purchase: Purchase) -> Awaitable[Purchase]:
    return store.intend_to_buy(purchase, Decimal("1.10"), {"phone_number": purchase.phone_number})


async def approved(store: Store, **values: Any) -> Purchase:
    return await approve(store, await submitted(store, **values))


async def claimed(store: Store, **values: Any) -> Purchase:
    """One that the worker has in hand, which this process is."""
    assert store.epoch or await store.take_office()
    purchase = await approved(store, **values)
    assert purchase.id in [each.id for each in await store.due(10, [])]
    return purchase


async def said_of(store: Store, purchase: Purchase | Draft) -> list[str]:
    """The record without the lines that every quote and approval leaves."""
    return [
        each.what for each in await store.record_of(purchase.id) if each.what not in ("quote", "approval")
    ]


# decisions


async def test_submitting_leaves_a_quote_a_card_and_a_line_on_record(store: Store) -> None:
    purchase = await submitted(store)
    assert (purchase.state, purchase.quote_no, purchase.version) == (State.AWAITING_APPROVAL, 1, 1)
    assert purchase.owner_id == purchase.requester_id and purchase.channel_id == "C0NUMBERS"
    (quote,) = await store.quotes_of(purchase.id)
    assert quote == purchase.quote
    assert (quote.quote_no, quote.phone_number, quote.price, quote.ceiling, quote.currency) == (
        1,
        NUMBER,
        Decimal("1.15"),
        Decimal("2.00"),
        "USD",
    )
    card = await store.card_of(purchase.id)
    assert card is not None and (card.channel_id, card.ts) == (CHANNEL, None)
    event, asked = await store.record_of(purchase.id)
    assert (event.what, event.person_id, event.quote_no) == ("submitted", "U0REQUESTER", 1)
    assert asked.what == "quote" and asked.details["price"] == "1.15"
    assert await store.draft(purchase.id) is None


async def test_a_draft_is_submitted_once(store: Store, other: Store) -> None:
    draft = await drafted(store)
    outcomes = await at_once(store, submit(store, draft), submit(other, draft))
    assert len(won(outcomes)) == 1
    (error,) = lost(outcomes)
    assert isinstance(error, Lost)
    assert await said_of(store, draft) == ["submitted"]


async def test_a_draft_that_was_changed_meanwhile_is_not_submitted(store: Store) -> None:
    draft = await drafted(store)
    await store.record_draft(draft.id, answers={"choose": {"phone_number": OTHER}})
    with pytest.raises(Lost):
        await submit(store, draft)
    assert await store.card_of(draft.id) is None


async def test_of_two_approvals_at_once_one_decides(store: Store, other: Store) -> None:
    purchase = await submitted(store)
    outcomes = await at_once(store, approve(store, purchase, "U0A"), approve(other, purchase, "U0B"))
    (winner,), (error,) = won(outcomes), lost(outcomes)
    assert winner.state == State.IN_PROGRESS and winner.wake_at is not None
    assert isinstance(error, Lost) and error.purchase is not None
    assert error.purchase.state == State.IN_PROGRESS and error.purchase.decided_by == winner.decided_by
    assert error.purchase.quote.filters == {}, "every column of it can be read"
    assert await said_of(store, purchase) == ["submitted", "approved"]
    assert [each.person_id for each in await store.approvals_of(winner)] == [winner.decided_by]


async def test_of_two_approvals_that_are_needed_none_is_lost(store: Store, other: Store) -> None:
    purchase = await submitted(store)
    outcomes = await at_once(store, approve(store, purchase, "U0A", 2), approve(other, purchase, "U0B", 2))
    assert sorted(each.state for each in outcomes) == [State.AWAITING_APPROVAL, State.IN_PROGRESS]
    assert await said_of(store, purchase) == ["submitted", "counted", "approved"]


async def test_one_person_counts_once(store: Store, other: Store) -> None:
    purchase = await submitted(store)
    outcomes = await at_once(store, approve(store, purchase, "U0A", 2), approve(other, purchase, "U0A", 2))
    (error,) = lost(outcomes)
    assert isinstance(error, AlreadyApproved)
    with pytest.raises(AlreadyApproved):
        await approve(store, purchase, "U0A", 2)
    assert (await now_of(store, purchase)).state == State.AWAITING_APPROVAL
    assert await said_of(store, purchase) == ["submitted", "counted"], "a vain click leaves nothing behind"


async def test_an_approval_of_an_older_quote_changes_nothing(store: Store) -> None:
    first = await submitted(store)
    await approve(store, first, "U0A", 2)
    moved = await approve(store, first, "U0B", 2)
    dearer = {"price": Decimal("3"), "ceiling": Decimal("3")}
    again = await store.quote_again(moved, Happened("quote_changed"), dearer)
    assert (again.quote.price, again.quote.phone_number) == (Decimal("3"), NUMBER)
    assert (again.state, again.quote_no, again.decided_by) == (State.AWAITING_APPROVAL, 2, None)
    with pytest.raises(Lost) as raised:
        await approve(store, first, "U0C")
    assert raised.value.purchase is not None and raised.value.purchase.quote_no == 2
    with pytest.raises(Lost):
        await deny(store, first)
    assert await store.approvals_of(again) == []
    assert (await approve(store, again, "U0A", 2)).state == State.AWAITING_APPROVAL, "counted anew"


@pytest.mark.parametrize(
    "against", [deny, withdraw], ids=["denial", "withdrawal"]
)  # which of the two comes first is for the database to say
async def test_an_approval_and_what_ends_it_at_once_never_both_happen(
    against: Callable[[Store, Purchase], Awaitable[Purchase]], store: Store, other: Store
) -> None:
    purchase = await submitted(store)
    outcomes = await at_once(store, approve(store, purchase), against(other, purchase))
    said = await said_of(store, purchase)
    after = await now_of(store, purchase)
    if against is withdraw and outcomes[1] in won(outcomes):  # what is approved may still be withdrawn
        assert after.state == State.WITHDRAWN and after.wake_at is None
    else:
        assert len(won(outcomes)) == 1 and len(said) == 2
    assert list(await store.due(10, [])) == [] or after.state == State.IN_PROGRESS


async def test_what_is_being_bought_can_not_be_withdrawn_any_more(store: Store, other: Store) -> None:
    purchase = await claimed(store)
    outcomes = await at_once(store, intend(store, purchase), withdraw(other, purchase))
    assert len(won(outcomes)) == 1 and isinstance(lost(outcomes)[0], Lost)
    after = await now_of(store, purchase)
    assert (after.buying_at is not None) == (after.state == State.IN_PROGRESS)


async def test_what_is_bought_can_not_be_withdrawn_any_more(store: Store) -> None:
    purchase = await claimed(store)
    await store.finish(purchase, State.FAILED, DONE, phone_number_sid=PN)
    with pytest.raises(Lost):
        await withdraw(store, purchase)


async def test_nobody_decides_about_what_is_not_there(store: Store) -> None:
    for call in (
        store.approve("none", 1, {"person_id": "U0A"}, counted((), 1)),
        store.deny("none", 1, "U0A", "", DONE),
        store.withdraw("none", DONE),
    ):
        with pytest.raises(Lost) as raised:
            await call
        assert raised.value.purchase is None


async def test_a_purchase_that_changed_since_it_was_read_is_not_changed_over_it(
    store: Store, other: Store
) -> None:
    read = await approved(store)
    await store.amend(read, purpose="newer")
    for change in (
        store.move(read, State.NEEDS_CHANGES),
        store.amend(read, purpose="older"),
        other.quote_again(read, DONE, {"price": Decimal("3")}),
    ):
        with pytest.raises(Lost) as raised:
            await change
        assert raised.value.purchase is not None and raised.value.purchase.purpose == "newer"


async def test_what_is_told_about_a_change_that_failed_is_not_told(store: Store) -> None:
    purchase = await submitted(store)
    told = Happened("denied", owed=(Owed("direct", "U0REQUESTER", {"say": "Denied."}),))
    await deny(store, purchase)
    with pytest.raises(Lost):
        await store.deny(purchase.id, 1, "U0B", "", told)
    assert await store.next_owed("U0REQUESTER", Lane.POSTS) is None


# one number, one live purchase


async def test_of_two_who_want_a_number_one_gets_it(store: Store, other: Store) -> None:
    drafts = [await drafted(store), await drafted(store, requester_id="U0SECOND", workspace_id="T9")]
    outcomes = await at_once(store, submit(store, drafts[0]), submit(other, drafts[1]))
    assert len(won(outcomes)) == 1 and isinstance(lost(outcomes)[0], NumberHeld)


async def test_another_twilio_account_may_have_the_same_number(store: Store) -> None:
    await submitted(store)
    await submitted(store, account_sid="AC" + "9" * 32)


@pytest.mark.parametrize("end", [deny, withdraw, "ended"], ids=["denied", "withdrawn", "ended"])
async def test_a_number_is_held_from_the_submission_to_the_end_of_what_did_not_buy_it(
    end: Any, store: Store
) -> None:
    purchase = await submitted(store)
    assert await store.held_numbers(ACCOUNT, [NUMBER, OTHER]) == {NUMBER}
    draft = await drafted(store)
    with pytest.raises(NumberHeld):
        await submit(store, draft)
    assert await store.draft(draft.id) is not None, "it can be sent again with another"
    assert await store.record_of(draft.id) == []
    if end == "ended":
        assert await store.take_office()
        stopped = await store.finish(await approve(store, purchase), State.NEEDS_CHANGES, DONE)
        await store.move(stopped, State.ENDED)
    else:
        await end(store, purchase)
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == set()
    await submit(store, await now_of_draft(store, draft))


async def now_of_draft(store: Store, draft: Draft) -> Draft:
    found = await store.draft(draft.id)
    assert found is not None
    return found


async def test_a_number_that_was_bought_stays_held_when_its_purchase_is_ended_until_twilio_lists_it_no_more(
    store: Store,
) -> None:
    stopped = await store.finish(await claimed(store), State.FAILED, DONE, phone_number_sid=PN)
    await store.move(stopped, State.ENDED)
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == {NUMBER}
    (number,) = await store.owned_numbers(ACCOUNT)
    assert (number.phone_number_sid, number.purchase_id) == (PN, stopped.id)
    await store.number_gone(number, DONE)
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == set()
    assert (await now_of(store, stopped)).state == State.ENDED, "what has ended stays as it ended"


async def test_a_number_that_was_released_in_the_console_releases_its_purchase(store: Store) -> None:
    done = await store.finish(await claimed(store), State.COMPLETE, DONE, phone_number_sid=PN)
    (number,) = await store.owned_numbers(ACCOUNT)
    released = await store.number_gone(number, DONE)
    assert released is not None and (released.state, released.wake_at) == (State.RELEASED, None)
    assert await store.number_gone(number, DONE) is None
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == set() and done.version < released.version


async def test_a_release_that_was_put_to_sleep_is_looked_at_when_the_worker_starts(store: Store) -> None:
    """By a process of the release before, which knows of no such intent."""
    done = await store.finish(await claimed(store), State.COMPLETE, DONE, phone_number_sid=PN)
    await store.wake_releases()
    assert (await now_of(store, done)).wake_at is None, "nobody wants it gone"
    asked = await store.amend(done, DONE, releasing={"by": "U1", "reason": "Not used"}, wake_at=None)
    assert asked.is_being_released and not await store.due(5, [])
    await store.wake_releases()
    assert [each.id for each in await store.due(5, [])] == [done.id]
    number = await store.number_of(done)
    released = await store.number_gone(number, DONE, releasing={"by": "U1", "released_at": "now"})
    assert released is not None and not released.is_being_released and released.wake_at is None
    await store.wake_releases()
    assert (await now_of(store, done)).wake_at is None


async def test_an_unclear_number_stays_held_when_its_purchase_is_ended(store: Store) -> None:
    bought = await intend(store, await claimed(store))
    stopped = await store.finish(bought, State.FAILED, DONE)
    await store.move(stopped, State.ENDED)
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == {NUMBER}


async def test_a_number_of_the_account_that_was_not_bought_here_is_held_too(store: Store) -> None:
    for _ in range(2):
        await store.add_owned(ACCOUNT, NUMBER, PN)
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == {NUMBER}
    with pytest.raises(NumberHeld):
        await submitted(store)


async def test_a_number_is_free_after_a_denial(store: Store) -> None:
    await deny(store, await submitted(store))
    second = await submitted(store)
    assert second.state == State.AWAITING_APPROVAL


async def test_a_held_number_is_no_alternative(store: Store) -> None:
    await submitted(store, phone_number=OTHER)
    purchase = await claimed(store)
    with pytest.raises(NumberHeld):
        await store.revise(purchase, DONE, {"phone_number": OTHER})
    assert (await now_of(store, purchase)).revision == 0, "and the worker goes on"
    assert await store.held_numbers(ACCOUNT, [NUMBER]) == {NUMBER}
    stopped = await store.finish(purchase, State.NEEDS_CHANGES, DONE)
    with pytest.raises(NumberHeld):
        await store.quote_again(stopped, DONE, {"phone_number": OTHER})


async def test_another_number_lets_the_first_one_go(store: Store) -> None:
    purchase = await claimed(store)
    taken = await store.revise(purchase, DONE, {"phone_number": OTHER, "instead_of": NUMBER})
    assert (taken.quote_no, taken.revision, taken.phone_number) == (1, 1, OTHER)
    assert await store.held_numbers(ACCOUNT, [NUMBER, OTHER]) == {OTHER}
    assert [each.what for each in await store.record_of(purchase.id)].count("quote") == 2


async def test_a_quote_is_frozen_and_a_change_within_its_approval_is_another_row(store: Store) -> None:
    first = await submitted(store)
    revised = await store.revise(first, DONE, {"address_sid": AD})
    again = await store.quote_again(revised, DONE, {"price": Decimal("3")})
    assert [
        (each.quote_no, each.revision, each.address_sid, each.price)
        for each in await store.quotes_of(first.id)
    ] == [(1, 0, None, Decimal("1.15")), (1, 1, AD, Decimal("1.15")), (2, 0, AD, Decimal("3"))]
    assert again.quote.price == 3 and again.subject == f"quote:{first.id}:2"


async def test_the_same_change_by_two_at_once_is_made_once(store: Store, other: Store) -> None:
    purchase = await submitted(store)
    outcomes = await at_once(
        store,
        store.revise(purchase, DONE, {"address_sid": AD}),
        other.revise(purchase, DONE, {"address_sid": AD}),
    )
    assert len(won(outcomes)) == 1 and isinstance(lost(outcomes)[0], Lost)


async def test_approvals_count_only_of_those_who_may_approve_now(store: Store) -> None:
    purchase = await submitted(store)
    await approve(store, purchase, "U0A", 2)
    given = {"person_id": "U0B", "rule": "approve", "policy_version": "2"}
    after = await store.approve(purchase.id, 1, given, counted(["U0B", "U0C"], 2, "U0B"))
    assert after.state == State.AWAITING_APPROVAL, "U0A may not approve any more"
    after = await store.count_again(after, counted(["U0B"], 2))
    assert after.state == State.AWAITING_APPROVAL
    after = await store.count_again(after, counted(["U0B"], 1))
    assert (after.state, after.decided_by) == (State.IN_PROGRESS, "U0B"), "one is enough by now"
    by = [(each.person_id, each.rule, each.policy_version) for each in await store.approvals_of(after)]
    assert by == [("U0A", "approve", "1"), ("U0B", "approve", "2")]


async def test_a_person_says_yes_to_a_quote_once_whatever_the_stage_and_once_in_an_emergency(
    store: Store,
) -> None:
    purchase = await submitted(store)
    for stage in (1, 0):
        given = {"person_id": "U0A", "stage": stage, "rule": "tiers", "policy_version": "1"}
        await store.approve(purchase.id, 1, given, counted((), 1))
    for stage in (2, 0):
        with pytest.raises(AlreadyApproved):
            await store.approve(purchase.id, 1, {"person_id": "U0A", "stage": stage}, counted((), 1))
    assert [each.stage for each in await store.approvals_of(purchase)] == [1, 0]


async def test_an_approval_gives_the_purchase_as_it_is_kept(store: Store) -> None:
    """It is not read once more for that."""
    purchase = await submitted(store)
    for person, state in (("U0A", State.AWAITING_APPROVAL), ("U0B", State.IN_PROGRESS)):
        after = await approve(store, purchase, person, 2)
        assert (after.state, after.quote.price) == (state, Decimal("1.15"))
        assert after.model_dump() == (await now_of(store, purchase)).model_dump()


async def test_a_purchase_comes_with_the_approvals_of_its_quote_of_now(store: Store) -> None:
    purchase = await submitted(store)
    assert await store.with_approvals("none") is None
    for quote_no in (1, 2):
        found = await store.with_approvals(purchase.id)
        assert found is not None and found[0].quote_no == quote_no and found[1] == []
        for person in ("U0A", "U0B"):
            purchase = await approve(store, purchase, person, 3)
        found = await store.with_approvals(purchase.id)
        assert found is not None
        assert found[0].model_dump() == purchase.model_dump()
        assert found[1] == await store.approvals_of(purchase)
        assert [each.person_id for each in found[1]] == ["U0A", "U0B"]
        purchase = await store.quote_again(purchase, DONE, {"price": Decimal("1.20")})


async def test_an_approval_that_has_grown_old_is_given_anew(store: Store) -> None:
    purchase = await submitted(store)
    await approve(store, purchase, "U0A", 2)
    (first,) = await store.approvals_of(purchase)
    given = {"person_id": "U0A", "policy_version": "2"}
    with pytest.raises(AlreadyApproved):
        await store.approve(purchase.id, 1, given, counted((), 1), first.approved_at - timedelta(seconds=1))
    await store.approve(purchase.id, 1, given, counted((), 1), now())
    (again,) = await store.approvals_of(purchase)
    assert again.policy_version == "2" and again.approved_at >= first.approved_at
    lines = [
        each.details["policy_version"]
        for each in await store.record_of(purchase.id)
        if each.what == "approval"
    ]
    assert lines == ["1", "2"], "the record keeps both"


async def test_where_it_stands_with_those_who_decide_is_noted_without_a_new_picture(store: Store) -> None:
    purchase = await submitted(store)
    noted = {"rule": "tiers", "stage": 2, "asked_at": now()}
    after = await store.count_again(purchase, lambda row, approvals: Tally(False, values=noted))
    assert (after.rule, after.stage, after.version) == ("tiers", 2, purchase.version)
    again = await store.quote_again(after, DONE, {"price": Decimal("3"), "ceiling": Decimal("3")})
    assert (again.rule, again.stage, again.asked_at) == (None, 1, None), "another quote is judged anew"


async def test_what_is_committed_is_what_requests_hold_and_what_was_bought_here(store: Store) -> None:
    held = await submitted(store)
    bought = await claimed(store, phone_number="+447700900301")
    await store.finish(bought, State.FAILED, DONE, phone_number_sid=PN)
    gone = await submitted(store, phone_number="+447700900302")
    await withdraw(store, gone)
    found = {each.purchase_id: each for each in await store.commitments(held.account_sid)}
    assert found.keys() == {held.id, bought.id}
    assert not found[held.id].is_approved and found[bought.id].is_approved
    assert found[bought.id].price == Decimal("1.15") and found[held.id].decided_at is None


# the moves


@pytest.mark.parametrize("start", State)
async def test_a_purchase_moves_only_where_it_may(start: State, store: Store) -> None:
    for to in State:
        purchase = await there(store, state=start)
        if to in MOVES.get(start, ()):
            assert (await store.move(purchase, to)).state == to
        else:
            with pytest.raises(ValueError, match=f"from {start} to {to}"):
                await store.move(purchase, to)
            assert (await now_of(store, purchase)).state == start


@pytest.mark.parametrize("start", State)
async def test_what_is_not_finished_wakes_within_the_hour_and_what_is_never(
    start: State, store: Store
) -> None:
    for to in MOVES.get(start, ()):
        moved = await store.move(await there(store, state=start), to)
        assert (moved.wake_at is not None) == (to in UNFINISHED), to
        assert moved.wake_at is None or moved.wake_at <= now() + timedelta(hours=1)


async def test_only_what_may_go_before_the_approvers_again_is_quoted_anew(store: Store) -> None:
    for nth, start in enumerate(State):
        purchase = await there(store, state=start, phone_number=f"+4477009004{nth:02}")
        if State.AWAITING_APPROVAL in {start, *MOVES.get(start, ())}:
            after = await store.quote_again(purchase, DONE, {"price": Decimal("3")})
            assert (after.state, after.quote_no) == (State.AWAITING_APPROVAL, 2)
        else:
            with pytest.raises(ValueError, match=f"that is {start}"):
                await store.quote_again(purchase, DONE, {"price": Decimal("3")})


async def test_what_is_bought_is_not_quoted_anew(store: Store) -> None:
    stopped = await store.finish(await claimed(store), State.NEEDS_CHANGES, DONE, phone_number_sid=PN)
    with pytest.raises(Lost):
        await store.quote_again(stopped, DONE, {"price": Decimal("3")})


@pytest.mark.parametrize("act", [approve, deny, withdraw])
async def test_a_decision_takes_a_purchase_only_where_it_may_go(
    act: Callable[[Store, Purchase], Awaitable[Purchase]], store: Store
) -> None:
    went = set()
    for start in State:
        purchase = await there(store, state=start)
        try:
            after = await act(store, purchase)
        except Lost as error:
            assert error.purchase is not None and error.purchase.state == start
        else:
            assert after.state in MOVES[start], start
            went.add(start)
    assert went


@pytest.mark.parametrize("to", State)
async def test_the_worker_takes_a_purchase_only_where_it_may_go(to: State, store: Store) -> None:
    purchase = await claimed(store)
    if to in MOVES[State.IN_PROGRESS]:
        after = await store.finish(purchase, to, DONE)
        assert after.state == to
        assert (after.wake_at is None) == (to not in UNFINISHED)
    else:
        with pytest.raises(ValueError, match=f"to {to}"):
            await store.finish(purchase, to, DONE)


# the worker


async def test_only_what_is_due_is_found_and_whose_time_came_last_first(store: Store) -> None:
    """What somebody has just done does not wait until all that is only looked at was."""
    wakes = {"later": timedelta(hours=1), "second": 2 * PAST, "first": PAST}
    found, moment = {}, now()
    for nth, (name, wake_in) in enumerate(wakes.items()):
        found[name] = await approved(store, phone_number=f"+4477009003{nth:02}", purpose=name)
        await put(store, found[name].id, wake_at=moment + wake_in)
    assert [each.purpose for each in await store.due(10, [])] == ["first", "second"]
    assert [each.purpose for each in await store.due(1, [])] == ["first"]
    assert [each.purpose for each in await store.due(1, [found["first"].id])] == ["second"], "not in hand"


async def test_what_is_bought_is_looked_at_again_after_what_is_not(store: Store) -> None:
    """At the hour hundreds may be due: nobody's purchase waits behind them."""
    assert await store.take_office()
    for nth, name in enumerate(("pressed", "at its hour", "under way")):
        purchase = await approved(store, phone_number=f"+4477009003{nth:02}", purpose=name)
        if name != "under way":
            await store.finish(purchase, State.COMPLETE, DONE, phone_number_sid=f"{PN}{nth}")
        await put(store, purchase.id, wake_at=now() - timedelta(seconds=nth))
    found = [each.purpose for each in await store.due(10, [])]
    assert found == ["under way", "pressed", "at its hour"]
    assert [each.purpose for each in await store.due(2, [])] == found[:2]


async def test_looking_for_what_is_due_reads_no_more_where_more_is_due(store: Store) -> None:
    """It is done after each that was looked at: else a round of all would grow with its square."""
    if not store.is_sqlite:
        pytest.skip("counts the steps of SQLite's machine")
    few = await steps_of_due(store, due=40)
    many = await steps_of_due(store, due=400)
    assert many < 1.2 * few


async def steps_of_due(store: Store, due: int) -> int:
    async with store.writing() as session:
        for _ in range(due):
            await rows.add(session, rows.purchase(state=State.IN_PROGRESS, wake_at=now() + PAST))
    asked: list[Any] = []
    event.listen(
        store.engine.sync_engine,
        "before_cursor_execute",
        lambda _, __, statement, values, *___: asked.append((statement, values)),
    )
    await store.due(1, [])
    statement, values = asked[-1]
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    async with store.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.set_progress_handler(count, 1)
        await connection.exec_driver_sql(statement, values)
        await driver.set_progress_handler(None, 0)
    return steps


async def test_what_wakes_further_ahead_than_anything_may_sleep_is_due(store: Store) -> None:
    """It was written before the clock stepped back."""
    purchase = await approved(store)
    await put(store, purchase.id, wake_at=now() + timedelta(days=7))
    assert [each.id for each in await store.due(10, [])] == [purchase.id]


async def test_a_number_that_nobody_asked_for_here_is_due_by_the_same_clock(store: Store) -> None:
    await store.add_owned(ACCOUNT, NUMBER, PN)
    number = await store.number_of_nobody(ACCOUNT, NUMBER)
    assert number is not None
    for ahead, due in ((timedelta(minutes=1), []), (timedelta(days=7), [number.id])):
        number = await store.change_number(number, WORKSPACE, wake_at=now() + ahead)
        assert [each.id for each in await store.numbers_due()] == due


async def test_what_is_finished_is_never_due(store: Store) -> None:
    await store.finish(await claimed(store), State.COMPLETE, DONE, phone_number_sid=PN)
    assert await store.due(10, []) == []


WRITES: dict[str, Callable[[Store, Purchase], Awaitable[Any]]] = {
    "save a step": lambda store, mine: store.save_step(mine, DONE, phone_number_sid=PN),
    "pause": lambda store, mine: store.pause(mine, now(), {"say": "Waiting."}),
    "finish": lambda store, mine: store.finish(mine, State.COMPLETE, DONE),
    "intend to buy": intend,
    "quote again": lambda store, mine: store.quote_again(mine, DONE, {"price": 3}, by_worker=True),
    "revise": lambda store, mine: store.revise(mine, DONE, {"address_sid": AD}, by_worker=True),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("how", ["withdrawn", "quoted again", "revised"])
async def test_the_worker_writes_nothing_over_what_a_person_did_meanwhile(
    write: str, how: str, store: Store, other: Store
) -> None:
    mine = await claimed(store)
    if how == "withdrawn":
        await withdraw(other, mine)
    elif how == "revised":
        await other.revise(mine, Happened("bundle_given"), {"address_sid": AD})
    else:
        await other.quote_again(mine, Happened("bundle_given"), {"price": Decimal("3")})
    before = (await now_of(store, mine)).model_dump()
    with pytest.raises(Lost):
        await WRITES[write](store, mine)
    assert (await now_of(store, mine)).model_dump() == before
    assert "done" not in await said_of(store, mine)


@pytest.mark.parametrize("write", WRITES)
async def test_who_is_the_worker_no_more_writes_no_result(write: str, store: Store, other: Store) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one process")
    mine = await claimed(store)
    await _run_out(store)
    assert await other.take_office()
    before = (await now_of(store, mine)).model_dump()
    with pytest.raises(OutOfOffice):
        await WRITES[write](store, mine)
    assert (await now_of(store, mine)).model_dump() == before
    await WRITES[write](other, mine)


async def _run_out(store: Store) -> None:
    """The process was frozen for longer than the office is held."""
    async with store.writing() as session:
        await session.exec(update(Office).values(held_until=datetime(2020, 1, 1, tzinfo=UTC)))


async def test_one_process_holds_the_office_until_its_time_runs_out_or_it_leaves(
    store: Store, other: Store
) -> None:
    assert await store.worker() is None
    if store.is_sqlite:
        assert await store.take_office() and await store.renew_office()
        assert await other.worker() == f"{socket.gethostname()} {os.getpid()}"
        return
    outcomes = await at_once(store, store.take_office(), other.take_office())
    assert await store.worker() == f"{socket.gethostname()} {os.getpid()}"
    assert sorted(outcomes) == [False, True]
    holder, waiting = (store, other) if outcomes[0] else (other, store)
    assert await holder.renew_office() and not await waiting.take_office()
    await holder.leave_office()
    assert await waiting.take_office()
    assert not await holder.renew_office(), "its epoch is over"
    await _run_out(waiting)
    assert await store.worker() is None
    assert await holder.take_office() and holder.epoch > waiting.epoch


async def test_a_commit_wakes_this_process_and_the_others(store: Store, other: Store) -> None:
    woken: list[str] = []
    store.on_commit.append((Purchase, lambda: woken.append("own")))
    if store.is_sqlite:
        await approved(store)
        assert woken
        return
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in other.heard():
            heard.set()

    listening = asyncio.create_task(listen())
    while not heard.is_set():  # until it listens, nothing is heard
        await put(store, "none", tries=1)
        await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert woken


async def test_who_looks_at_a_table_is_told_when_it_was_written_to_and_at_no_other_commit(
    store: Store,
) -> None:
    told: list[str] = []
    store.on_commit += [
        (Purchase, lambda: told.append("purchases")),
        (Outgoing, lambda: told.append("outbox")),
    ]
    await store.keep("T1", "services", [], now())
    assert told == []
    await store.owe("T1", Owed("direct", "U1", {"say": "Hello", "with": {}}))
    assert told == ["outbox"]
    await store.put_off(await _owed(store), timedelta(minutes=1))
    assert told == ["outbox", "outbox"]
    await approved(store)
    assert "purchases" in told


async def _owed(store: Store) -> Outgoing:
    owed = await store.next_owed("U1", Lane.POSTS)
    assert owed is not None
    return owed


async def test_pausing_says_why_until_the_time_has_come(store: Store) -> None:
    purchase = await claimed(store)
    wait = {"say": "Twilio is reviewing the bundle."}
    rested = await store.pause(purchase, now() + timedelta(hours=1), wait, tries=3)
    assert (rested.waiting, rested.tries) == (wait, 3)
    assert rested.version == purchase.version + 1, "the card says why"
    assert await store.due(10, []) == []
    again = await store.pause(rested, now(), wait)
    assert again.version == rested.version, "nothing new to draw"


async def test_nobody_sleeps_over_what_somebody_did_meanwhile(store: Store, other: Store) -> None:
    """Seen: a bundle was approved between the look at it and the rest, and its purchase slept for ever."""
    purchase = await claimed(store)
    await other.amend(purchase, DONE, wake_at=now())
    await store.pause(purchase, now() + timedelta(minutes=59), {"say": "There are no papers yet."})
    assert len(await store.due(10, [])) == 1, "it is looked at again"


async def test_nothing_sleeps_longer_than_an_hour(store: Store) -> None:
    paused = await store.pause(await claimed(store), now() + timedelta(days=3), None)
    assert paused.wake_at is not None and paused.wake_at <= now() + timedelta(hours=1)


# the intent


async def test_an_intent_fixes_what_is_bought_and_goes_on_record(store: Store) -> None:
    purchase = await claimed(store)
    bought = await intend(store, purchase)
    assert bought.buying_at is not None and (bought.charged, bought.looks) == (Decimal("1.10"), 0)
    event = (await store.record_of(purchase.id))[-1]
    assert (event.what, event.details) == (
        "buying",
        {"phone_number": NUMBER, "price": "1.10", "revision": 0},
    )


async def test_there_is_one_intent_at_a_time(store: Store, other: Store) -> None:
    purchase = await claimed(store)
    outcomes = await at_once(store, intend(store, purchase), intend(other, purchase))
    assert len(won(outcomes)) == 1 and isinstance(lost(outcomes)[0], Lost | OutOfOffice)
    with pytest.raises(Lost):
        await intend(store, won(outcomes)[0])


@pytest.mark.parametrize("change", ["somebody acted", "bought already", "not in progress"])
async def test_nothing_is_bought_when_the_row_is_not_what_was_checked(change: str, store: Store) -> None:
    purchase = await claimed(store)
    if change == "somebody acted":
        await store.amend(purchase, DONE, purpose="another")
    elif change == "bought already":
        await put(store, purchase.id, phone_number_sid=PN)
    else:
        await put(store, purchase.id, state=State.FAILED)
    with pytest.raises(Lost):
        await intend(store, purchase)
    assert (await now_of(store, purchase)).buying_at is None
    assert "buying" not in await said_of(store, purchase)


async def test_what_is_being_bought_is_not_quoted_anew(store: Store) -> None:
    purchase = await intend(store, await claimed(store))
    with pytest.raises(Lost):
        await store.quote_again(purchase, DONE, {"price": Decimal("3")})


async def test_open_intents_count_until_they_are_settled(store: Store) -> None:
    one = await intend(store, await claimed(store))
    second = await claimed(store, phone_number=OTHER)
    two = await store.intend_to_buy(second, Decimal("2.20"), {})
    third = await intend(store, await claimed(store, phone_number="+447700900333"))
    await store.finish(third, State.FAILED, DONE)  # it waits for a person: nobody knows for how long
    assert await store.open_intents(ACCOUNT, except_id="none") == Decimal("3.30")
    assert await store.open_intents(ACCOUNT, except_id=one.id) == Decimal("2.20")
    assert await store.open_intents("AC" + "9" * 32, except_id="none") == 0
    await store.save_step(two, phone_number_sid=PN)
    await store.save_step(one, buying_at=None)
    assert await store.open_intents(ACCOUNT, except_id="none") == 0


# what is known


def a_bundle(**values: Any) -> Bundle:
    known = {"workspace_id": WORKSPACE, "account_sid": ACCOUNT, "sid": "BU1", "friendly_name": "Ltd"}
    about = {"country": "GB", "number_type": "mobile", "end_user_type": "business", "status": "draft"}
    return Bundle(**{**known, **about, **values})


async def test_a_messaging_service_has_one_row_and_one_maker(store: Store, other: Store) -> None:
    named = (each.service_named(WORKSPACE, ACCOUNT, "Support") for each in (store, other) * 3)
    rows = await asyncio.gather(*named)
    assert len({each.id for each in rows}) == 1
    claims = await at_once(store, store.claim_service(rows[0], "one"), other.claim_service(rows[0], "two"))
    assert sorted(claims) == [False, True]
    maker = "one" if claims[0] else "two"
    assert await store.claim_service(rows[0], maker), "its own claim counts"
    await store.service_made(rows[0], "MG1")
    assert (await store.service_named(WORKSPACE, ACCOUNT, "Support")).sid == "MG1"
    assert not await store.claim_service(rows[0], "three"), "it was made since that row was read"


async def test_a_claim_by_a_clock_that_is_a_second_ahead_is_a_claim(store: Store, other: Store) -> None:
    service = await store.service_named(WORKSPACE, ACCOUNT, "Support")
    with time_machine.travel(now() + timedelta(seconds=1)):
        assert await store.claim_service(service, "one")
    assert not await other.claim_service(service, "two")


async def test_a_claim_from_before_the_clock_stepped_back_a_day_has_run_out(store: Store) -> None:
    service = await store.service_named(WORKSPACE, ACCOUNT, "Support")
    with time_machine.travel(now() + timedelta(days=1)):
        assert await store.claim_service(service, "one")
    assert await store.claim_service(service, "two")
    assert not await store.claim_service(service, "three")


async def test_what_two_processes_keep_at_once_is_kept(store: Store, other: Store) -> None:
    moment = now()
    kept = (each.keep(WORKSPACE, "key", n, moment) for n, each in enumerate((store, other)))
    assert lost(await at_once(store, *kept)) == []
    assert (await store.kept(WORKSPACE))["key"][0] in (0, 1)


@pytest.mark.parametrize("value", [None, [], {"a": [1, "é"]}, "text", 0])
async def test_what_is_kept_comes_back_with_its_age(value: Any, store: Store) -> None:
    read_at = now()
    await store.keep(WORKSPACE, "key", "older", read_at + PAST)
    await store.keep(WORKSPACE, "key", value, read_at)
    await store.keep("T9", "key", "somebody else's", read_at)
    assert await store.kept(WORKSPACE) == {"key": (value, read_at)}
    assert await store.is_kept("key") and not await store.is_kept("another")


# columns


async def raw(store: Store, column: str, table: str = "purchases") -> Any:
    async with store.engine.connect() as connection:
        return (await connection.execute(text(f"SELECT {column} FROM {table}"))).scalar_one()


async def test_a_moment_comes_back_in_utc_to_the_microsecond(store: Store) -> None:
    tokyo = timezone(timedelta(hours=9))
    moment = datetime(2026, 1, 1, 8, 59, 59, 123456, tzinfo=tokyo)
    purchase = await there(store, bought_at=moment)
    read = (await now_of(store, purchase)).bought_at
    assert read == moment and read.tzinfo is UTC and read.day == 31
    async with store.reading() as session:  # compared as moments, not as text
        earlier = select(Purchase).where(col(Purchase.bought_at) < moment + timedelta(microseconds=1))
        assert (await session.exec(earlier)).all()
        assert not (await session.exec(select(Purchase).where(col(Purchase.bought_at) < moment))).all()


async def test_a_moment_without_a_time_zone_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        await there(store, bought_at=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("amount", ["1.10", "0.0050", "1234567890123456789.01", "0", "1E+2"])
async def test_money_comes_back_to_the_last_digit(amount: str, store: Store) -> None:
    purchase = await there(store, charged=Decimal(amount))
    assert str((await now_of(store, purchase)).charged) == amount
    assert await raw(store, "charged") == amount


async def test_a_state_is_kept_as_its_text_and_no_other_is(store: Store) -> None:
    purchase = await there(store, state=State.DENIED)
    assert (await now_of(store, purchase)).state is State.DENIED
    assert await raw(store, "state") == "denied"
    with pytest.raises(StatementError, match="not a valid State"):
        await put(store, purchase.id, state="elsewhere")
    async with store.reading() as session:
        assert (await session.exec(select(Purchase).where(Purchase.state == State.DENIED))).all()


async def test_nothing_found_yet_is_not_the_same_as_nothing_found(store: Store) -> None:
    """``results`` is NULL before the first search, and an empty list after one in vain."""
    draft = await drafted(store)
    assert await raw(store, "results", "drafts") is None
    assert (await store.record_draft(draft.id, results=[])).results == []


# drafts


async def test_a_draft_goes_on_where_one_left_it(store: Store) -> None:
    old = await drafted(store, page="find", updated_at=now() - timedelta(hours=23))
    await drafted(store, page=None)
    await drafted(store, page="choose", requester_id="U0SECOND")
    found = await store.latest_draft("U0REQUESTER")
    assert found is not None and found.id == old.id
    changed = await store.record_draft(old.id, old.version, answers={"find": {"contains": "900"}})
    assert changed.version == old.version + 1 and changed.typed("find") == {"contains": "900"}
    with pytest.raises(DraftMoved):
        await store.record_draft(old.id, old.version, page="choose")


async def test_a_draft_lives_for_a_day(store: Store) -> None:
    old = await drafted(store, page="find", updated_at=now() - timedelta(hours=25))
    fresh = await drafted(store, page="find", requester_id="U0SECOND")
    assert await store.draft(old.id) is None and await store.latest_draft("U0REQUESTER") is None
    assert await store.delete_old_drafts() == 1 and await store.delete_old_drafts() == 0
    assert await store.draft(fresh.id) is not None


async def test_what_was_submitted_or_discarded_is_no_draft_any_more(store: Store) -> None:
    purchase = await submitted(store)
    draft = await drafted(store)
    await store.discard_draft(draft.id)
    for gone in (purchase.id, draft.id):
        with pytest.raises(DraftMoved):
            await store.record_draft(gone, page="find")


async def test_somebodys_purchases_come_newest_change_first_and_without_drafts(store: Store) -> None:
    await drafted(store)
    await submitted(store, requester_id="U0SECOND", phone_number="+447700900333")
    one = await submitted(store)
    two = await submitted(store, phone_number=OTHER)
    await store.amend(one, purpose="x")
    assert [each.id for each in await store.purchases_of("U0REQUESTER")] == [one.id, two.id]
    assert [each.id for each in await store.purchases_of("U0REQUESTER", limit=1)] == [one.id]


# one process on SQLite


async def test_members_of_lists_are_kept_with_their_age_and_told_from_all_else(store: Store) -> None:
    read_at = now()
    await store.keep(WORKSPACE, "services", ["MG1"], read_at)
    await store.keep_members(WORKSPACE, "S0A", {"U2", "U1"}, read_at)
    await store.keep_members(WORKSPACE, "C0A", (), read_at)
    await store.keep_members("T9", "S0B", {"U3"}, read_at)
    kept = {"S0A": (frozenset({"U1", "U2"}), read_at), "C0A": (frozenset(), read_at)}
    assert await store.members(WORKSPACE) == kept
    await store.keep_members(WORKSPACE, "S0A", {"U1"}, read_at)
    assert (await store.members(WORKSPACE))["S0A"] == (frozenset({"U1"}), read_at)


async def test_a_person_is_kept_as_last_read_with_why_they_are_barred(store: Store) -> None:
    person = {"user_id": "U1", "workspace_id": WORKSPACE, "locale": "en", "read_at": now()}
    await store.remember_person(Person(**person))
    await store.remember_person(Person(**person, display_name="Ada", team_id="T9", barred=Barred.ELSEWHERE))
    await store.remember_person(Person(**{**person, "user_id": "U2", "workspace_id": "T9"}))
    (known,) = await store.people(WORKSPACE)
    assert (known.display_name, known.team_id, known.barred) == ("Ada", "T9", Barred.ELSEWHERE)


async def test_a_second_process_on_a_sqlite_file_is_refused_until_the_first_has_ended(store: Store) -> None:
    if not store.is_sqlite:
        await Store(url_of(store)).close()  # any number
        return
    store.take_lock()
    second = Store(url_of(store))
    with pytest.raises(InUse, match="only one may run"):
        second.take_lock()
    assert await second.purchase("none") is None, "which may read all the same"
    await store.close()
    second.take_lock()
    await second.close()
