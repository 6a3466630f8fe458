"""What the store promises about renewals, on both databases: one at a time, and found until it is done."""

import pytest
from sqlalchemy.exc import IntegrityError

from storage.bundle_states import BundleState
from storage.history import Happened
from storage.models import Bundle, State
from storage.store import Store
from tests import rows
from tests.storage.test_bundles import ACCOUNT, DAY, NOON, answer, kept, record, sid, wanting

PN = "PN" + "1" * 32


def copy_of(bundle: Bundle, nth: int) -> Bundle:
    return rows.bundle(
        account_sid=ACCOUNT, sid=f"new {nth}", friendly_name=f"Copy {nth}", renews_id=bundle.id
    )


def begun(person: str = "U0") -> Happened:
    return Happened("renewal_begun", person, {})


async def test_of_two_who_renew_a_bundle_the_second_goes_on_with_the_firsts_copy(store: Store) -> None:
    bundle = await kept(store, status=BundleState.APPROVED, valid_until=NOON + DAY)
    first = await store.start_renewal(copy_of(bundle, 1), begun("U1"))
    second = await store.start_renewal(copy_of(bundle, 2), begun("U2"))
    assert second.id == first.id and first.claimed_until is not None
    assert [each.person_id for each in await record(store, first)] == ["U1"]
    renewal = await store.renewal_of(bundle.id)
    assert renewal is not None and renewal.id == first.id


async def test_after_a_copy_is_gone_the_bundle_can_be_renewed_again(store: Store) -> None:
    bundle = await kept(store, status=BundleState.APPROVED)
    first = await store.start_renewal(copy_of(bundle, 1), begun())
    await store.observe_bundle(
        Bundle(**{**first.model_dump(), "status": BundleState.DELETED}), lambda *_: None
    )
    assert await store.renewal_of(bundle.id) is None
    assert (await store.start_renewal(copy_of(bundle, 2), begun())).id != first.id


async def test_another_mistake_than_a_second_renewal_is_not_hidden(store: Store) -> None:
    bundle = await kept(store, 1, status=BundleState.APPROVED)
    double = copy_of(bundle, 1)
    double.sid = bundle.sid  # one of that SID is there
    with pytest.raises(IntegrityError):
        await store.start_renewal(double, begun())


async def test_copies_are_found_that_can_take_their_bundles_place_or_are_on_the_way(store: Store) -> None:
    bundles = [await kept(store, n, status=BundleState.APPROVED) for n in range(3)]
    draft, approved, gone = [
        await store.start_renewal(copy_of(each, n), begun()) for n, each in enumerate(bundles)
    ]
    for copy, status in ((approved, BundleState.APPROVED), (gone, BundleState.DELETED)):
        await store.observe_bundle(Bundle(**{**copy.model_dump(), "status": status}), lambda *_: None)
    assert [each.id for each in await store.renewals(ACCOUNT)] == [approved.id]
    await store.amend_bundle(gone.id, replacing=["IT1", "RD1"])
    found = {each.id: each.replacing for each in await store.renewals(ACCOUNT)}
    assert found == {approved.id: None, gone.id: ["IT1", "RD1"]}
    await store.amend_bundle(gone.id, replacing=None, renews_id=None)
    assert draft.id not in found and [each.id for each in await store.renewals(ACCOUNT)] == [approved.id]


async def test_the_end_of_a_copys_approval_is_no_warning(store: Store) -> None:
    bundle = await kept(store, 1, status=BundleState.APPROVED, valid_until=NOON + DAY)
    copy = await store.start_renewal(copy_of(bundle, 2), begun())
    seen = answer(2, sid=sid(2), friendly_name=copy.friendly_name, status=BundleState.APPROVED)
    seen.valid_until = NOON + DAY
    adopted = await store.observe_bundle(seen, lambda *_: None)
    assert adopted.id == copy.id, "found by its name"
    lapsing = await store.bundles_lapsing(ACCOUNT, NOON + 2 * DAY)
    assert [each.id for each in lapsing] == [bundle.id]


async def test_the_list_names_what_waits_for_a_bundle_what_uses_it_and_its_renewal(store: Store) -> None:
    bundle = await kept(store, status=BundleState.APPROVED)
    copy = await store.start_renewal(copy_of(bundle, 1), begun())
    waits = await wanting(store, bundle)
    uses = await wanting(store, bundle, State.COMPLETE, phone_number_sid=PN)
    await wanting(store, bundle, State.RELEASED, phone_number_sid=PN)
    await wanting(store, bundle, State.WITHDRAWN)
    listed = await store.list_bundles(ACCOUNT, list(BundleState), None, 0, 10)
    (found,) = [each for each in listed if each.bundle.id == bundle.id]
    assert [each.id for each in found.waiting] == [waits.id]
    assert [each.id for each in found.using] == [uses.id]
    assert found.renewal is not None and found.renewal.id == copy.id
