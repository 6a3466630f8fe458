"""What is told of a bundle: whom a change of it concerns, and why a purchase waits for it."""

from collections.abc import Sequence
from typing import Any

from bot.settings import Settings
from bot.texts import BUNDLE_STATES, N_, Said, channels, person, say
from storage.bundle_states import UNDER_REVIEW, BundleState
from storage.history import Happened
from storage.models import Bundle, Purchase, now
from storage.outbox import Owed


def state_of(bundle: Bundle) -> Said:
    return say(BUNDLE_STATES.get(bundle.status, bundle.status))


def told(
    settings: Settings, before: Bundle | None, bundle: Bundle, waiting: Sequence[Purchase]
) -> Happened | None:
    """Whom a bundle's change concerns. Its reasons are no part of it: they may quote documents, and are read when it is told.

    A draft is nobody's business before it is sent. The first sweep of an account announces nothing (``bot/bundles/watch.py``).
    """
    if before is None and bundle.status not in (*UNDER_REVIEW, BundleState.APPROVED, BundleState.REJECTED):
        return None
    if (
        before is not None
        and before.status == BundleState.DRAFT
        and bundle.status == BundleState.DELETED
        and not waiting
    ):
        return None
    if bundle.status == BundleState.DELETED and bundle.replacing is not None:
        return None  # a copy that has done its work: that it did is told
    days = None
    if bundle.submitted_at is not None and bundle.status in (BundleState.APPROVED, BundleState.REJECTED):
        days = max(0, ((bundle.decided_at or now()) - bundle.submitted_at).days)
    message = {
        "status": bundle.status,
        "before": before.status if before else None,
        "days": days,
        "submitted_by": bundle.submitted_by,
        "made_by": bundle.made_by,
    }
    owed = [Owed("bundle", settings.bundles_channel, message)]
    people = {bundle.submitted_by} - {None}
    if bundle.status == BundleState.DELETED:
        people |= {bundle.made_by} - {None}
    owed += [Owed("bundle_direct", each, message) for each in sorted(filter(None, people))]
    sentence = change(bundle, settings)
    to_requester = {**sentence, "offer": "fix"} if bundle.status == BundleState.REJECTED else sentence
    for purchase in waiting:
        owed.append(Owed("thread", settings.approvals_channel, sentence, purchase.id))
        if purchase.requester_id not in people:
            owed.append(Owed("direct", purchase.requester_id, to_requester, purchase.id, after_card=True))
    details = {"sid": bundle.sid, "status": bundle.status}
    return Happened("bundle_status", None, details, tuple(owed))


def change(bundle: Bundle, settings: Settings) -> Said:
    """For a thread: the status, and where to look; never a reason."""
    name = bundle.friendly_name
    match bundle.status:
        case BundleState.APPROVED:
            return say(N_("Twilio has approved the bundle “{bundle}”."), bundle=name)
        case BundleState.REJECTED:
            return say(
                N_("Twilio has rejected the bundle “{bundle}”. {channel} has the reasons."),
                bundle=name,
                channel=channels([settings.bundles_channel]),
            )
        case BundleState.DELETED:
            return say(
                N_(
                    "The bundle “{bundle}” was deleted at Twilio. Add another one with the button on the card."
                ),
                bundle=name,
            )
        case BundleState.DRAFT:
            return say(N_("The bundle “{bundle}” is a draft again."), bundle=name)
        case BundleState.PENDING_REVIEW:
            if bundle.submitted_by:
                return say(
                    N_("{person} has sent the bundle “{bundle}” to Twilio's review."),
                    person=person(bundle.submitted_by),
                    bundle=name,
                )
            return say(N_("The bundle “{bundle}” waits for Twilio's review."), bundle=name)
    return say(N_("The bundle “{bundle}”: {status}."), bundle=name, status=state_of(bundle))


def why_waiting(bundle: Bundle | None) -> Said:
    """The sentence for a purchase whose bundle is not approved (yet)."""
    if bundle is None:
        return say(
            N_(
                "A bundle is needed: this number can be bought once Twilio has approved a regulatory bundle for it."
            )
        )
    name = bundle.friendly_name
    if bundle.status == BundleState.DRAFT:
        return say(N_("The bundle “{bundle}” is not finished yet: it is a draft."), bundle=name)
    if bundle.status == BundleState.REJECTED:
        return say(
            N_("Twilio has rejected the bundle “{bundle}”. Fix and resubmit it, or use another one."),
            bundle=name,
        )
    if bundle.status == BundleState.DELETED:
        return say(N_("The bundle “{bundle}” was deleted at Twilio. Another one is needed."), bundle=name)
    if bundle.status == BundleState.APPROVED:
        return say(N_("The bundle “{bundle}” has lapsed."), bundle=name)
    return say(
        N_("The bundle “{bundle}” is not approved yet: {status}."), bundle=name, status=state_of(bundle)
    )


def lapse_warning(settings: Settings, bundle: Bundle, days: int) -> Happened:
    """days: until then, which may be fewer than those at which people are warned."""
    message = {"status": bundle.status, "lapses_in": days, "submitted_by": bundle.submitted_by}
    owed = [Owed("bundle", settings.bundles_channel, message)]
    if bundle.submitted_by:
        owed.append(Owed("bundle_direct", bundle.submitted_by, message))
    return Happened("bundle_lapses", None, {"sid": bundle.sid, "days": days}, tuple(owed))


def renewed(settings: Settings, bundle: Bundle, copy: Bundle) -> Happened:
    """bundle: as it is now, with what the copy has given to it."""
    message = {"status": bundle.status, "renewed": bundle.id}
    return Happened("bundle_renewed", None, {"sid": bundle.sid}, _to_its_people(settings, copy, message))


def not_renewed(settings: Settings, bundle: Bundle, copy: Bundle, code: int) -> Happened:
    """code: Twilio's, why it does not let the copy take the bundle's place."""
    message = {"status": bundle.status, "not_renewed": bundle.id, "code": code}
    details = {"sid": bundle.sid, "code": code}
    return Happened("renewal_refused", None, details, _to_its_people(settings, copy, message))


def _to_its_people(settings: Settings, copy: Bundle, message: dict[str, Any]) -> tuple[Owed, ...]:
    people = sorted({copy.made_by, copy.submitted_by} - {None}, key=str)
    direct = [Owed("bundle_direct", str(each), message) for each in people]
    return Owed("bundle", settings.bundles_channel, message), *direct
