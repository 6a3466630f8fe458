"""What is offered for a bundle follows from where it stands, and is what Twilio allows there."""

import pytest

from bot.bundles.possible import possible, selectable, usable
from bot.texts import BUNDLE_STATES
from storage.bundle_states import DELETABLE, EDITABLE, MOVES, UNDER_REVIEW, BundleState
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
