"""What is offered for a bundle follows from where it stands, and is what Twilio allows there."""

from datetime import timedelta

import pytest

from bot.bundles.possible import possible, selectable, usable
from bot.texts import BUNDLE_STATES
from storage.bundle_states import DELETABLE, EDITABLE, MOVES, UNDER_REVIEW, BundleState
from storage.models import now
from tests import rows


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        (BundleState.DRAFT, ("continue", "submit", "delete")),
        (BundleState.PENDING_REVIEW, ()),
        (BundleState.IN_REVIEW, ()),
        (BundleState.PROVISIONALLY_APPROVED, ()),
        (BundleState.REJECTED, ("fix", "submit", "delete")),
        (BundleState.APPROVED, ("delete",)),
        (BundleState.DELETED, ()),
        ("a-state-of-tomorrow", ()),
    ],
)
def test_what_is_offered_for_a_bundle(status: str, verbs: tuple[str, ...]) -> None:
    assert possible(rows.bundle(status=status)) == verbs


def test_what_twilio_does_not_have_yet_cannot_be_sent() -> None:
    assert possible(rows.bundle(sid="new 1")) == ("continue", "delete")


def test_every_state_has_its_words_and_its_moves() -> None:
    assert set(BUNDLE_STATES) == set(BundleState) == {*MOVES, BundleState.DELETED}
    assert EDITABLE == (BundleState.DRAFT, BundleState.REJECTED)
    assert set(DELETABLE) == {*EDITABLE, BundleState.APPROVED}
    assert all(not set(MOVES[each]) & {BundleState.DRAFT, BundleState.DELETED} for each in UNDER_REVIEW)


def test_only_an_approved_one_can_be_bought_with_and_one_under_review_be_waited_for() -> None:
    assert [each for each in BundleState if usable(rows.bundle(status=each))] == [BundleState.APPROVED]
    assert {each for each in BundleState if selectable(rows.bundle(status=each))} == {
        BundleState.APPROVED,
        *UNDER_REVIEW,
    }


SOON = now() + timedelta(days=20)


def test_what_will_lapse_can_be_renewed_once_at_a_time() -> None:
    lapses = rows.bundle(status=BundleState.APPROVED, valid_until=SOON)
    assert possible(lapses) == ("renew", "delete")
    for status in BundleState:
        copy = rows.bundle(status=status, renews_id=lapses.id)
        assert ("renew" in possible(lapses, copy)) == (status in EDITABLE), (
            "gone on with, and not begun again"
        )


def test_what_has_no_end_or_has_lapsed_can_not_be_renewed() -> None:
    """Twilio copies no other (22223)."""
    for until in (None, now() - timedelta(days=1)):
        assert possible(rows.bundle(status=BundleState.APPROVED, valid_until=until)) == ("delete",)


def test_a_copy_that_takes_its_bundles_place_is_left_alone_and_offered_to_no_purchase() -> None:
    copy = rows.bundle(status=BundleState.APPROVED, valid_until=SOON, renews_id="0123456789ab")
    assert possible(copy) == () and not selectable(copy)
