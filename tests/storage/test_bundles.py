"""What the store promises about bundles, on both databases: a change is told once, and everybody who waits hears of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.history import Happened
from storage.models import Bundle, Event, Outgoing, Purchase, State, now
from storage.outbox import Owed
from storage.store import Store
from tests import rows
from tests.storage.test_store import at_once, lost, put, url_of, won

WORKSPACE, ACCOUNT, OTHER_ACCOUNT = "T0", "AC" + "0" * 32, "AC" + "1" * 32
BUNDLES, APPROVALS = "C0BUNDLES", "C0APPROVALS"
PN = "PN" + "1" * 32
NOON = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NUMBERS = count()


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """A second process on PostgreSQL; SQLite has one, so there it is the same store again."""
    if store.is_sqlite:
        yield store
        return
    second = Store(url_of(store))
    yield second
    await second.close()


def sid(nth: int) -> str:
    return f"BU{nth:032}"


def answer(nth: int = 1, **values: Any) -> Bundle:
    """A bundle as Twilio has just told of it."""
    return Bundle(
        **{
            "workspace_id": WORKSPACE,
            "account_sid": ACCOUNT,
            "sid": sid(nth),
            "friendly_name": f"Contents {nth}",
            "country": "GB",
            "number_type": "mobile",
            "end_user_type": "business",
            "status": "pending-review",
            "updated_at": NOON,
            "read_at": NOON,
            **values,
        }
    )


def later(minutes: int = 1, **values: Any) -> dict[str, Any]:
    """What an answer has that was given some minutes after noon, of a bundle that had changed then."""
    return {"updated_at": NOON + minutes * MINUTE, "read_at": NOON + minutes * MINUTE, **values}


class Teller:
    """What is told of each change, and of which it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str, list[str]]] = []

    def __call__(self, before: Bundle | None, bundle: Bundle, waiting: Sequence[Purchase]) -> Happened:
        self.asked.append((before.status if before else None, bundle.status, [each.id for each in waiting]))
        said = {"say": bundle.status, "with": {}}
        owed = [Owed("bundle", BUNDLES, said)]
        owed += [Owed("thread", APPROVALS, said, each.id) for each in waiting]
        return Happened("bundle_status", None, {"status": bundle.status}, tuple(owed))


def silence(*_: Any) -> None:
    """Nothing is told."""


def broken(*_: Any) -> Happened:
    raise ZeroDivisionError


async def kept(store: Store, nth: int = 1, **values: Any) -> Bundle:
    """A bundle that was known before, and nothing on record of it."""
    return await store.observe_bundle(answer(nth, **values), silence)


async def wanting(store: Store, bundle: Bundle, state: State = State.IN_PROGRESS, **values: Any) -> Purchase:
    """A purchase with this bundle, as it is after all that has led to the state."""
    purchase = rows.purchase(
        **{
            "state": state,
            "phone_number": f"+4477009{next(NUMBERS):05}",
            "bundle_id": bundle.id,
            "regulated": True,
            "quote_no": 2,
            "version": 7,
            **values,
        }
    )
    async with store.writing() as session:
        await rows.add(session, purchase)
    return purchase


async def record(store: Store, bundle: Bundle) -> list[Event]:
    async with store.reading() as session:
        found = await session.exec(select(Event).where(Event.bundle_id == bundle.id).order_by(col(Event.id)))
        return list(found)


async def owed(store: Store) -> list[Outgoing]:
    async with store.reading() as session:
        return list(await session.exec(select(Outgoing).order_by(col(Outgoing.id))))


async def row(store: Store, bundle: Bundle) -> Bundle:
    found = await store.bundle(bundle.id)
    assert found is not None
    return found


async def purchase_now(store: Store, purchase: Purchase) -> Purchase:
    found = await store.purchase(purchase.id)
    assert found is not None
    return found


# seen for the first time


async def test_a_bundle_that_is_seen_for_the_first_time_is_kept_and_told(store: Store) -> None:
    tell = Teller()
    made = await store.observe_bundle(answer(valid_until=NOON + DAY), tell)
    assert tell.asked == [(None, "pending-review", [])]
    found = await store.bundle_by_sid(ACCOUNT, sid(1))
    assert found == made and found is not None and found.valid_until == NOON + DAY
    (event,) = await record(store, made)
    assert (event.what, event.purchase_id, event.details) == (
        "bundle_status",
        None,
        {"status": "pending-review"},
    )
    (message,) = await owed(store)
    assert (message.kind, message.address, message.bundle_id, message.purchase_id) == (
        "bundle",
        BUNDLES,
        made.id,
        None,
    )


async def test_of_what_is_told_to_nobody_nothing_is_on_record(store: Store) -> None:
    made = await kept(store)
    assert await record(store, made) == [] and await owed(store) == []
    assert await store.bundle_by_sid(ACCOUNT, sid(1)) == made


async def test_of_two_who_see_a_new_bundle_at_once_one_tells_of_it(store: Store, other: Store) -> None:
    tell = Teller()
    first, second = await at_once(
        store, store.observe_bundle(answer(), tell), other.observe_bundle(answer(), tell)
    )
    assert first.id == second.id and list(await store.known_bundles(ACCOUNT)) == [sid(1)]
    assert len(await record(store, first)) == 1 and len(await owed(store)) == 1


async def test_the_same_bundle_of_another_account_is_another_bundle(store: Store) -> None:
    mine, theirs = await kept(store), await kept(store, account_sid=OTHER_ACCOUNT)
    assert mine.id != theirs.id
    assert await store.bundle_by_sid(OTHER_ACCOUNT, sid(1)) == theirs
    assert list((await store.known_bundles(ACCOUNT)).values()) == [mine]


# a change of status


async def test_a_change_of_status_is_told_once_however_often_it_is_seen(store: Store) -> None:
    bundle, tell = await kept(store), Teller()
    for _ in range(3):
        await store.observe_bundle(answer(**later(status="in-review")), tell)
    assert tell.asked == [("pending-review", "in-review", [])]
    assert (await row(store, bundle)).status == "in-review"
    assert len(await record(store, bundle)) == len(await owed(store)) == 1


async def test_of_two_who_see_a_change_at_once_one_tells_of_it(store: Store, other: Store) -> None:
    bundle, tell = await kept(store), Teller()
    purchase = await wanting(store, bundle)
    seen = later(status="twilio-approved")
    outcomes = await at_once(
        store, store.observe_bundle(answer(**seen), tell), other.observe_bundle(answer(**seen), tell)
    )
    assert [each.status for each in outcomes] == ["twilio-approved"] * 2
    assert [each.what for each in await record(store, bundle)] == ["bundle_status"] * 2, "bundle and purchase"
    assert sorted(each.kind for each in await owed(store)) == ["bundle", "thread"]
    assert (await purchase_now(store, purchase)).version == 8


async def test_of_two_answers_at_once_the_newer_one_counts_and_each_change_is_told(
    store: Store, other: Store
) -> None:
    bundle, tell = await kept(store), Teller()
    await at_once(
        store,
        store.observe_bundle(answer(**later(2, status="twilio-approved")), tell),
        other.observe_bundle(answer(**later(1, status="in-review")), tell),
    )
    assert (await row(store, bundle)).status == "twilio-approved"
    said = [each.details["status"] for each in await record(store, bundle)]
    assert said in (["twilio-approved"], ["in-review", "twilio-approved"]), "whichever came first"


async def test_of_two_answers_at_once_the_older_one_is_not_written_over_the_newer(
    store: Store, other: Store
) -> None:
    bundle = await kept(store)
    await asyncio.gather(*(each.bundle(bundle.id) for each in (store, store, other)))  # connected by now
    await at_once(
        store,
        store.observe_bundle(answer(**later(2, friendly_name="Newer")), silence),
        other.observe_bundle(answer(**later(1, friendly_name="Older")), silence),
    )
    assert (await row(store, bundle)).friendly_name == "Newer"


@pytest.mark.parametrize(
    "old",
    [
        {"updated_at": NOON - MINUTE, "read_at": NOON + MINUTE},
        {"updated_at": NOON, "read_at": NOON - MINUTE},
        {"updated_at": None, "read_at": NOON - MINUTE},
    ],
    ids=["changed before", "of the same second, asked before", "without a date, asked before"],
)
async def test_an_answer_that_is_older_than_what_is_known_changes_nothing(
    old: dict[str, Any], store: Store
) -> None:
    bundle, tell = await kept(store, status="twilio-approved"), Teller()
    purchase = await wanting(store, bundle)
    found = await store.observe_bundle(answer(**old, status="draft", friendly_name="Old"), tell)
    assert found == await row(store, bundle) == bundle
    assert tell.asked == [] and await record(store, bundle) == []
    assert await purchase_now(store, purchase) == purchase


async def test_within_a_second_of_twilios_clock_the_question_that_was_asked_later_counts(
    store: Store,
) -> None:
    bundle, tell = await kept(store), Teller()
    await store.observe_bundle(answer(status="in-review", read_at=NOON + MINUTE), tell)
    assert (await row(store, bundle)).status == "in-review" and len(tell.asked) == 1


async def test_a_change_that_is_none_of_status_is_kept_and_told_to_nobody(store: Store) -> None:
    bundle, tell = await kept(store), Teller()
    purchase = await wanting(store, bundle)
    await store.observe_bundle(answer(**later(friendly_name="Renamed")), tell)
    assert (await row(store, bundle)).friendly_name == "Renamed"
    assert tell.asked == [] and await owed(store) == []
    assert await purchase_now(store, purchase) == purchase
    await store.observe_bundle(answer(**later(2, friendly_name="Renamed", valid_until=NOON + DAY)), tell)
    assert (await row(store, bundle)).valid_until == NOON + DAY
    assert tell.asked == [] and await owed(store) == []
    woken = (await purchase_now(store, purchase)).wake_at
    assert woken is not None and woken <= now(), "who waits because it had lapsed looks again"


# who waits for it


async def test_a_change_of_status_wakes_who_waits_for_the_bundle(store: Store) -> None:
    bundle = await kept(store)
    waiting = {
        state: await wanting(store, bundle, state) for state in (State.IN_PROGRESS, State.NEEDS_CHANGES)
    }
    waiting[State.AWAITING_APPROVAL] = await wanting(store, bundle, State.AWAITING_APPROVAL)
    sleeping = await wanting(store, bundle, wake_at=now() + DAY)
    before, tell = now(), Teller()
    await store.observe_bundle(answer(**later(status="twilio-approved")), tell)
    told = tell.asked[0][2]
    assert set(told) == {sleeping.id, *(each.id for each in waiting.values())}
    for state, purchase in waiting.items():
        after = await purchase_now(store, purchase)
        assert after.version == 8 and after.updated_at >= before, "its card is drawn again"
        assert (after.wake_at is not None) == (state == State.IN_PROGRESS), "the bot has the ball there only"
    woken = (await purchase_now(store, sleeping)).wake_at
    assert woken is not None and before <= woken <= now()


@pytest.mark.parametrize(
    "values",
    [
        {"state": State.ENDED},
        {"state": State.WITHDRAWN},
        {"state": State.DENIED},
        {"state": State.LAPSED},
        {"state": State.COMPLETE, "phone_number_sid": PN},
        {"state": State.FAILED},
        {"state": State.IN_PROGRESS, "buying_at": NOON},
        {"state": State.IN_PROGRESS, "phone_number_sid": PN},
    ],
    ids=lambda values: " ".join(map(str, values.values())) if isinstance(values, dict) else None,
)
async def test_who_does_not_wait_any_more_is_left_alone(values: dict[str, Any], store: Store) -> None:
    bundle, tell = await kept(store), Teller()
    purchase = await wanting(store, bundle, **values)
    await store.observe_bundle(answer(**later(status="twilio-rejected")), tell)
    assert tell.asked == [("pending-review", "twilio-rejected", [])]
    assert await purchase_now(store, purchase) == purchase
    assert await store.record_of(purchase.id) == []


async def test_who_waits_for_another_bundle_is_left_alone(store: Store) -> None:
    await kept(store)
    purchase = await wanting(store, await kept(store, 2))
    await store.observe_bundle(answer(**later(status="twilio-approved")), Teller())
    assert await purchase_now(store, purchase) == purchase


async def test_bundle_and_purchases_have_the_change_on_record_and_each_has_its_messages(store: Store) -> None:
    bundle = await kept(store)
    first, second = await wanting(store, bundle), await wanting(store, bundle, State.AWAITING_APPROVAL)
    await store.observe_bundle(answer(**later(status="twilio-approved")), Teller())
    lines = await record(store, bundle)
    assert {each.purchase_id: each.quote_no for each in lines} == {None: 0, first.id: 2, second.id: 2}
    assert {each.what for each in lines} == {"bundle_status"}
    assert all(each.details == {"status": "twilio-approved"} for each in lines)
    assert [each.what for each in await store.record_of(first.id)] == ["bundle_status"]
    messages = await owed(store)
    assert all(each.bundle_id == bundle.id for each in messages)
    assert {(each.kind, each.address, each.purchase_id) for each in messages} == {
        ("bundle", BUNDLES, None),
        ("thread", APPROVALS, first.id),
        ("thread", APPROVALS, second.id),
    }


async def test_a_change_that_can_not_be_told_does_not_happen(store: Store) -> None:
    """Row, purchases, record and messages are one transaction: it is seen again, and told then."""
    bundle = await kept(store)
    purchase = await wanting(store, bundle)
    seen = later(status="twilio-approved")
    with pytest.raises(ZeroDivisionError):
        await store.observe_bundle(answer(**seen), broken)
    assert await row(store, bundle) == bundle and await record(store, bundle) == []
    assert await purchase_now(store, purchase) == purchase
    await store.observe_bundle(answer(**seen), Teller())
    assert (await purchase_now(store, purchase)).version == 8 and len(await owed(store)) == 2


async def test_a_new_bundle_that_can_not_be_told_of_is_not_kept(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.observe_bundle(answer(), broken)
    assert await store.known_bundles(ACCOUNT) == {}


# when it was sent and decided


async def test_it_is_remembered_when_a_bundle_was_sent_and_when_it_was_decided(store: Store) -> None:
    bundle = await kept(store, status="draft")

    async def seen(minutes: int, status: str) -> tuple[datetime | None, datetime | None]:
        after = await store.observe_bundle(answer(**later(minutes, status=status)), silence)
        return after.submitted_at, after.decided_at

    at = [NOON + n * MINUTE for n in range(10)]
    assert (bundle.submitted_at, bundle.decided_at) == (None, None)
    assert await seen(1, "pending-review") == (at[1], None)
    assert await seen(2, "in-review") == (at[1], None), "still the same review"
    assert await seen(3, "twilio-rejected") == (at[1], at[3])
    assert await seen(4, "pending-review") == (at[4], None), "sent once more"
    assert await seen(5, "provisionally-approved") == (at[4], None)
    assert await seen(6, "twilio-approved") == (at[4], at[6])
    assert await seen(7, "twilio-rejected") == (at[4], at[6]), "losing an approval is no review"
    assert await seen(8, "draft") == (None, None)


async def test_what_is_known_of_who_made_it_stays_when_twilio_tells_of_it(store: Store) -> None:
    bundle = await begun(store)
    await store.observe_bundle(answer(friendly_name=bundle.friendly_name, **later()), silence)
    await store.amend_bundle(bundle.id, submitted_by="U0SENDER", group=1, addresses={"0": "AD1"})
    await store.observe_bundle(
        answer(friendly_name=bundle.friendly_name, **later(2, status="in-review")), silence
    )
    after = await row(store, bundle)
    assert (after.made_by, after.submitted_by, after.group, after.addresses) == (
        "U0MAKER",
        "U0SENDER",
        1,
        {"0": "AD1"},
    )


async def test_a_regulation_that_is_known_stays_when_an_answer_names_none(store: Store) -> None:
    bundle = await kept(store, regulation_sid="RN1")
    await store.observe_bundle(answer(**later()), silence)
    assert (await row(store, bundle)).regulation_sid == "RN1"


async def test_addresses_stay_until_the_bundle_changes_or_others_are_named(store: Store) -> None:
    bundle = await kept(store, address_sids=["AD1"])

    async def seen(**values: Any) -> list[str] | None:
        await store.observe_bundle(answer(**values), silence)
        return (await row(store, bundle)).address_sids

    assert await seen(read_at=NOON + MINUTE) == ["AD1"], "no addresses were asked for"
    assert await seen(**later(2)) is None, "it changed since: they have to be read again"
    assert await seen(**later(2, address_sids=["AD2"])) == ["AD2"]
    assert await seen(**later(3, address_sids=[])) == [], "none is something else than not asked"


# one that is being made


async def begun(store: Store, **values: Any) -> Bundle:
    """A row before Twilio has heard of the bundle."""
    bundle = answer(sid="", friendly_name="", status="draft", made_by="U0MAKER", updated_at=None, **values)
    bundle.sid, bundle.friendly_name = f"new {bundle.id}", f"Shop ({bundle.id[:6]})"
    return await store.start_bundle(bundle, Happened("bundle_begun", "U0MAKER", {"name": "Shop"}))


async def test_a_bundle_that_is_begun_is_on_record_before_twilio_hears_of_it(store: Store) -> None:
    bundle = await begun(store)
    assert await row(store, bundle) == bundle and not bundle.is_made
    (event,) = await record(store, bundle)
    assert (event.what, event.person_id, event.details) == ("bundle_begun", "U0MAKER", {"name": "Shop"})


async def test_a_bundle_whose_making_was_cut_off_is_found_again_by_its_name(store: Store) -> None:
    mine, tell = await begun(store), Teller()
    purchase = await wanting(store, mine)
    found = await store.observe_bundle(
        answer(friendly_name=mine.friendly_name, status="draft", **later()), tell
    )
    assert (found.id, found.sid, found.made_by, found.is_made) == (mine.id, sid(1), "U0MAKER", True)
    assert list(await store.known_bundles(ACCOUNT)) == [sid(1)]
    assert tell.asked == [] and await purchase_now(store, purchase) == purchase, "a draft it was before"


async def test_of_two_who_find_it_again_at_once_nobody_makes_a_second_row(store: Store, other: Store) -> None:
    mine = await begun(store)
    seen = later(friendly_name=mine.friendly_name, status="draft")
    outcomes = await at_once(
        store, store.observe_bundle(answer(**seen), Teller()), other.observe_bundle(answer(**seen), Teller())
    )
    assert {each.id for each in outcomes} == {mine.id} and len(await store.known_bundles(ACCOUNT)) == 1


@pytest.mark.parametrize(
    ("mine", "seen"),
    [
        ({}, {"friendly_name": "Somebody else's"}),
        ({"account_sid": OTHER_ACCOUNT}, {}),
        ({"status": "deleted"}, {}),
        ({"sid": sid(9)}, {}),
    ],
    ids=["another name", "another account", "given up", "made already"],
)
async def test_a_bundle_that_only_looks_like_it_is_a_bundle_of_its_own(
    mine: dict[str, Any], seen: dict[str, Any], store: Store
) -> None:
    begun_here = await begun(store)
    if mine:
        begun_here = await store.amend_bundle(begun_here.id, **mine)
    found = await store.observe_bundle(
        answer(**{"friendly_name": begun_here.friendly_name, **later(), **seen}), silence
    )
    assert found.id != begun_here.id and await row(store, begun_here) == begun_here


async def test_a_bundle_that_was_begun_just_now_is_made_by_who_began_it(store: Store) -> None:
    bundle = await begun(store)
    assert not await store.claim_bundle(bundle.id)


async def test_of_two_who_would_make_a_bundle_one_makes_it(store: Store, other: Store) -> None:
    bundle = await store.amend_bundle((await begun(store)).id, claimed_until=None)
    claims = await at_once(store, store.claim_bundle(bundle.id), other.claim_bundle(bundle.id))
    assert sorted(each is not None for each in claims) == [False, True]
    assert not await store.claim_bundle(bundle.id)


async def test_a_claim_is_given_free_by_whoever_has_it(store: Store) -> None:
    bundle = await kept(store)
    claimed = await store.claim_bundle(bundle.id)
    assert claimed is not None and not await store.claim_bundle(bundle.id)
    await store.release_bundle(claimed)
    again = await store.claim_bundle(bundle.id)
    assert again is not None
    await store.release_bundle(claimed)  # as somebody does whose claim had run out
    assert not await store.claim_bundle(bundle.id)
    await store.release_bundle(await begun(store))


async def test_a_claim_that_has_run_out_can_be_taken(store: Store) -> None:
    bundle = await begun(store)
    await store.amend_bundle(bundle.id, claimed_until=now() - timedelta(seconds=1))
    assert await store.claim_bundle(bundle.id)


async def test_what_is_not_there_can_not_be_claimed(store: Store) -> None:
    assert not await store.claim_bundle("none")


async def test_two_rows_can_not_have_the_same_bundle(store: Store) -> None:
    await kept(store)
    with pytest.raises(IntegrityError):
        await store.start_bundle(answer(), Happened("bundle_begun"))


async def test_what_somebody_does_with_a_bundle_is_on_record_with_it(store: Store) -> None:
    bundle = await kept(store)
    after = await store.amend_bundle(
        bundle.id, Happened("bundle_submitting", "U0SENDER"), submitted_by="U0SENDER"
    )
    assert after == await row(store, bundle) and after.submitted_by == "U0SENDER"
    assert [(each.what, each.person_id) for each in await record(store, bundle)] == [
        ("bundle_submitting", "U0SENDER")
    ]


# what will lapse

WARNING = Happened("bundle_lapses", None, {"days": 7}, (Owed("bundle", BUNDLES, {"lapses_in": 7}),))


async def lapsing(store: Store) -> Bundle:
    return await kept(store, status="twilio-approved", valid_until=NOON + 30 * DAY)


async def test_people_are_warned_once_for_each_number_of_days(store: Store) -> None:
    bundle = await lapsing(store)
    outcomes = [await store.warn_of_lapse(bundle, days, WARNING) for days in (30, 30, 7, 30, 7, 1, 1)]
    assert outcomes == [True, False, True, False, False, True, False]
    assert [each.what for each in await record(store, bundle)] == ["bundle_lapses"] * 3
    assert [(each.kind, each.bundle_id) for each in await owed(store)] == [("bundle", bundle.id)] * 3


async def test_of_two_who_would_warn_at_once_one_does(store: Store, other: Store) -> None:
    bundle = await lapsing(store)
    outcomes = await at_once(
        store, store.warn_of_lapse(bundle, 7, WARNING), other.warn_of_lapse(bundle, 7, WARNING)
    )
    assert sorted(won(outcomes)) == [False, True] and lost(outcomes) == []
    assert len(await owed(store)) == 1


async def test_after_a_renewal_nobody_is_warned_of_the_old_day_and_the_new_one_counts_anew(
    store: Store,
) -> None:
    bundle = await lapsing(store)
    assert await store.warn_of_lapse(bundle, 1, WARNING)
    renewed = await store.observe_bundle(
        answer(**later(status="twilio-approved", valid_until=NOON + 365 * DAY)), silence
    )
    assert not await store.warn_of_lapse(bundle, 1, WARNING), "it was read before the renewal"
    assert await store.warn_of_lapse(renewed, 30, WARNING)


async def test_the_last_warning_is_remembered_while_the_day_stays(store: Store) -> None:
    bundle = await lapsing(store)
    await store.warn_of_lapse(bundle, 7, WARNING)
    await store.observe_bundle(
        answer(**later(status="twilio-approved", valid_until=NOON + 30 * DAY)), silence
    )
    assert (await row(store, bundle)).lapse_told == 7


async def test_only_approved_bundles_with_a_day_lapse(store: Store) -> None:
    soon = await lapsing(store)
    await kept(store, 2, status="twilio-approved", valid_until=NOON + 31 * DAY)
    await kept(store, 3, status="twilio-approved", valid_until=None)
    await kept(store, 4, status="twilio-rejected", valid_until=NOON)
    await kept(store, 5, status="twilio-approved", valid_until=NOON, account_sid=OTHER_ACCOUNT)
    assert await store.bundles_lapsing(ACCOUNT, NOON + 30 * DAY) == [soon]
    assert await store.bundles_lapsing(ACCOUNT, NOON) == []


# how long reviews take


async def test_the_last_reviews_of_a_country_and_end_user_are_told_newest_first(store: Store) -> None:
    for nth in range(1, 8):
        sent = {"submitted_at": NOON, "decided_at": NOON + nth * DAY}
        await kept(store, nth, status="twilio-approved", **sent)
    assert await store.reviews(ACCOUNT, "GB", "business") == [n * DAY for n in (7, 6, 5, 4, 3)]
    assert await store.reviews(ACCOUNT, "GB", "business", limit=1) == [7 * DAY]


async def test_what_was_not_sent_or_not_decided_is_no_review(store: Store) -> None:
    await kept(store, 1, submitted_at=NOON)
    await kept(store, 2, decided_at=NOON)
    await kept(store, 3, submitted_at=NOON, decided_at=NOON + DAY, country="DE")
    await kept(store, 4, submitted_at=NOON, decided_at=NOON + DAY, end_user_type="individual")
    await kept(store, 5, submitted_at=NOON, decided_at=NOON + DAY, account_sid=OTHER_ACCOUNT)
    assert await store.reviews(ACCOUNT, "GB", "business") == []


async def test_no_review_takes_less_than_no_time(store: Store) -> None:
    await kept(store, submitted_at=NOON + DAY, decided_at=NOON)
    assert await store.reviews(ACCOUNT, "GB", "business") == [timedelta(0)]


# the list

EVERY = ("draft", "pending-review", "in-review", "twilio-approved", "twilio-rejected")


async def listed(store: Store, *statuses: str, country: str | None = None, offset: int = 0) -> list[str]:
    found = await store.list_bundles(ACCOUNT, statuses or EVERY, country, offset, 10)
    return [each.bundle.sid for each in found]


async def test_bundles_are_listed_by_status_and_country(store: Store) -> None:
    await kept(store, 1, status="draft", updated_at=NOON)
    await kept(store, 2, status="twilio-approved", country="DE", updated_at=NOON - MINUTE)
    await kept(store, 3, status="deleted", country="FR", updated_at=NOON - 2 * MINUTE)
    await kept(store, 4, account_sid=OTHER_ACCOUNT, country="IE")
    assert await listed(store) == [sid(1), sid(2)]
    assert await listed(store, "draft", "deleted") == [sid(1), sid(3)]
    assert await listed(store, country="DE") == [sid(2)]
    assert await listed(store, "draft", country="DE") == []
    assert await store.bundle_countries(ACCOUNT) == ["DE", "FR", "GB"]


async def test_bundles_are_listed_newest_change_first_and_page_by_page(store: Store) -> None:
    begun_here = await begun(store)
    for nth in (3, 1, 2, *range(4, 13)):
        await kept(store, nth, updated_at=NOON + nth * MINUTE)
    first = await listed(store)
    assert first == [begun_here.sid, *(sid(nth) for nth in range(12, 3, -1))], "one being made changes now"
    assert await listed(store, offset=10) == [sid(3), sid(2), sid(1)]
    assert await listed(store, offset=20) == []


async def test_bundles_that_changed_in_the_same_second_are_on_one_page_each(store: Store) -> None:
    """Their order is always the same, whatever the database finds first."""
    every = [await kept(store, nth) for nth in range(1, 13)]
    both = await listed(store) + await listed(store, offset=10)
    assert both == [each.sid for each in sorted(every, key=lambda each: each.id)]


async def test_a_bundle_is_listed_with_who_waits_for_it(store: Store) -> None:
    first, second = await kept(store, 1, updated_at=NOON + MINUTE), await kept(store, 2)
    waiting = {(await wanting(store, first)).id, (await wanting(store, first, State.NEEDS_CHANGES)).id}
    await wanting(store, first, State.WITHDRAWN)
    await wanting(store, first, State.ENDED)
    await wanting(store, first, State.COMPLETE, phone_number_sid=PN)
    found = await store.list_bundles(ACCOUNT, EVERY, None, 0, 10)
    assert [each.bundle for each in found] == [first, second]
    assert [{p.id for p in each.waiting} for each in found] == [waiting, set()]


async def test_who_waits_for_a_bundle_and_who_was_bought_with_it_use_it_oldest_first(store: Store) -> None:
    bundle = await kept(store)
    last = await wanting(store, bundle, State.IN_PROGRESS, created_at=NOON + 3 * MINUTE)
    bought = await wanting(store, bundle, State.COMPLETE, phone_number_sid=PN, created_at=NOON)
    stopped = await wanting(store, bundle, State.FAILED, phone_number_sid=PN, created_at=NOON + MINUTE)
    waits = await wanting(store, bundle, State.AWAITING_APPROVAL, created_at=NOON + 2 * MINUTE)
    for state in (State.ENDED, State.WITHDRAWN, State.DENIED, State.LAPSED, State.FAILED):
        await wanting(store, bundle, state)
    await wanting(store, await kept(store, 2))
    using = await store.purchases_using(bundle.id)
    assert [each.id for each in using] == [bought.id, stopped.id, waits.id, last.id]


async def test_a_number_is_offered_the_bundles_of_its_kind_that_were_just_read(store: Store) -> None:
    newest = await kept(store, 1, updated_at=NOON + MINUTE)
    older = await kept(store, 2)
    await kept(store, 3, read_at=NOON - MINUTE)
    await kept(store, 4, country="DE")
    await kept(store, 5, number_type="local")
    await kept(store, 6, account_sid=OTHER_ACCOUNT)
    assert await store.bundles_for(ACCOUNT, "GB", "mobile", NOON) == [newest, older]


async def test_a_bundle_that_is_not_there_is_none(store: Store) -> None:
    assert await store.bundle("none") is None and await store.bundle_by_sid(ACCOUNT, sid(1)) is None


async def test_many_who_see_many_bundles_at_once_tell_of_each_once(store: Store, other: Store) -> None:
    """As after a callback: the poll, the worker and a page read the same bundles."""
    for nth in range(1, 6):
        await kept(store, nth)
    tell = Teller()
    await asyncio.gather(
        *(
            each.observe_bundle(answer(nth, **later(status="in-review")), tell)
            for nth in range(1, 6)
            for each in (store, other, store, other)
        )
    )
    assert {each.address for each in await owed(store)} == {BUNDLES} and len(await owed(store)) == 5


async def test_a_purchase_that_is_changed_meanwhile_is_woken_all_the_same(store: Store, other: Store) -> None:
    bundle = await kept(store)
    purchase = await wanting(store, bundle)
    await at_once(
        store,
        store.observe_bundle(answer(**later(status="twilio-approved")), Teller()),
        put(other, purchase.id, purpose="changed"),
    )
    after = await purchase_now(store, purchase)
    assert (after.purpose, after.version) == ("changed", 8) and after.wake_at is not None
