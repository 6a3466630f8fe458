"""Where a bundle stands, and how it may move."""

from enum import StrEnum


class BundleState(StrEnum):
    """As Twilio spells it; what Twilio may come to say beside these is kept as it is, and allows nothing."""

    DRAFT = "draft"
    """being made, by whoever may"""
    PENDING_REVIEW = "pending-review"
    """sent, and nobody at Twilio has begun with it"""
    IN_REVIEW = "in-review"
    """Twilio's people are at it"""
    PROVISIONALLY_APPROVED = "provisionally-approved"
    """a waiting state: Twilio refuses a purchase with it"""
    APPROVED = "twilio-approved"
    """numbers can be bought with it, until its ``valid_until`` if it has one"""
    REJECTED = "twilio-rejected"
    """refused, or approved once and lapsed; can be mended and sent again"""
    DELETED = "deleted"
    """our own word: Twilio does not know the bundle any more"""


_VERDICTS = frozenset({BundleState.APPROVED, BundleState.REJECTED})
MOVES: dict[BundleState, frozenset[BundleState]] = {
    BundleState.DRAFT: frozenset({BundleState.PENDING_REVIEW, BundleState.DELETED}),
    BundleState.PENDING_REVIEW: frozenset(
        {BundleState.IN_REVIEW, BundleState.PROVISIONALLY_APPROVED, *_VERDICTS}
    ),
    BundleState.IN_REVIEW: frozenset({BundleState.PROVISIONALLY_APPROVED, *_VERDICTS}),
    BundleState.PROVISIONALLY_APPROVED: _VERDICTS,
    BundleState.APPROVED: frozenset({BundleState.REJECTED, BundleState.DELETED}),
    BundleState.REJECTED: frozenset({BundleState.PENDING_REVIEW, BundleState.DELETED}),
}
"""Where a bundle goes from where it stands. Twilio decides and is believed whatever it says (one may miss a state between two
readings); what people are offered follows from here. Source: twilio.com/docs, Bundles resource; docs/twins.md 5.4."""

UNDER_REVIEW = (
    BundleState.PENDING_REVIEW,
    BundleState.IN_REVIEW,
    BundleState.PROVISIONALLY_APPROVED,
)
EDITABLE = tuple(state for state, further in MOVES.items() if BundleState.PENDING_REVIEW in further)
"""What it holds can be changed, and it can be sent."""
DELETABLE = tuple(state for state, further in MOVES.items() if BundleState.DELETED in further)
