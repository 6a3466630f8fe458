"""What people can do with a bundle now: what its line, its page and its news offer, and nothing else. Pure: it looks at rows alone."""

from storage.bundle_states import DELETABLE, EDITABLE, UNDER_REVIEW, BundleState
from storage.models import Bundle, now


def usable(bundle: Bundle) -> bool:
    """Only ``twilio-approved`` counts, and not past ``valid_until``."""
    return bundle.status == BundleState.APPROVED and (
        bundle.valid_until is None or bundle.valid_until > now()
    )


def selectable(bundle: Bundle) -> bool:
    """Approved, or worth waiting for; no copy, which goes when it has renewed its bundle."""
    return bundle.renews_id is None and (usable(bundle) or bundle.status in UNDER_REVIEW)


def possible(bundle: Bundle, renewal: Bundle | None = None) -> tuple[str, ...]:
    """Verbs, the likely one first, and last ``delete``, which cannot be taken back. renewal: the copy that shall renew it.

    Nothing while it is under review, for nobody can take it back from there, or while it takes the place of another one.
    """
    if bundle.renews_id is not None and bundle.status == BundleState.APPROVED:
        return ()
    verbs = []
    if bundle.status in EDITABLE:
        verbs.append("continue" if bundle.status == BundleState.DRAFT else "fix")
        if bundle.is_made:
            verbs.append("submit")
    if usable(bundle) and bundle.valid_until is not None and (renewal is None or renewal.status in EDITABLE):
        verbs.append("renew")  # Twilio copies none without an end date (22223)
    if bundle.status in DELETABLE:
        verbs.append("delete")
    return tuple(verbs)
