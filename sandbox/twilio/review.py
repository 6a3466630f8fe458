"""What happens to a bundle after it was submitted: review, verdict, callback, lapse (twins 5.4, 11.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sandbox.twilio.errors import TwilioError
from sandbox.twilio.evaluation import evaluate
from sandbox.twilio.state import Account, Bundle, Callback, Document, World

WITHOUT_FILE = ("business_address", "individual_address", "address")
DOCUMENT_PROBLEM = {"code": 18050}


def set_status(
    world: World, account: Account, bundle: Bundle, status: str, reason: str | None = None
) -> None:
    """Change it and tell the app: at every change but the one to in-review."""
    bundle.status, bundle.failure_reason, bundle.updated_at = status, reason, world.now()
    if status == "in-review" or not bundle.status_callback:
        return
    form = {
        "AccountSID": account.sid,
        "BundleSID": bundle.sid,
        "Status": status,
        "FailureReason": reason or "",
    }
    # Signed like every webhook of Twilio [assumed].
    world.send_callback(Callback("bundle", bundle.status_callback, form, account.auth_token))


def submit(world: World, account: Account, bundle: Bundle) -> None:
    """To pending-review; no passed evaluation is asked for first [assumed]."""
    bundle.submissions += 1
    for document in account.documents_of(bundle):
        if document.status != "approved":
            document.status, document.updated_at = "pending-review", world.now()
            document.failure_reason = document.errors = None
    set_status(world, account, bundle, "pending-review")
    if world.review_after is None:
        return
    submission = bundle.submissions

    def still_waiting(status: str) -> bool:
        return account.bundles.get(bundle.sid) is bundle and (bundle.submissions, bundle.status) == (
            submission,
            status,
        )

    def look_at_it() -> None:
        if still_waiting("pending-review"):
            set_status(world, account, bundle, "in-review")

    def decide() -> None:
        if still_waiting("in-review"):
            review_by_itself(world, account, bundle)

    world.clock.after(world.review_after / 2, look_at_it)
    world.clock.after(world.review_after, decide)


def review_by_itself(world: World, account: Account, bundle: Bundle) -> None:
    """Rejected when noncompliant, a test, or when an item says REJECT; also without a file that is needed [assumed]."""
    documents = account.documents_of(bundle)
    reasons: dict[str, str] = {}
    for document in documents:
        if "REJECT" in json.dumps(document.attributes):
            reasons[document.sid] = "The document could not be verified."
        elif document.mime_type is None and document.type not in WITHOUT_FILE:
            reasons[document.sid] = "The document has no readable file."
    said_reject = any("REJECT" in json.dumps(e.attributes) for e in account.end_users_of(bundle))
    try:
        compliant = evaluate(world, account, bundle)[0] == "compliant"
    except TwilioError:
        compliant = False
    if compliant and not bundle.is_test and not said_reject and not reasons:
        approve(world, account, bundle)
    else:
        reject(world, account, bundle, reasons)


def approve(world: World, account: Account, bundle: Bundle) -> None:
    for document in account.documents_of(bundle):
        document.status, document.updated_at = "approved", world.now()
        document.failure_reason = document.errors = None
        for sid in document.address_sids:
            if address := account.addresses.get(sid):
                address.verified = True
    set_status(world, account, bundle, "twilio-approved")


def reject(world: World, account: Account, bundle: Bundle, reasons: Mapping[str, str]) -> None:
    """reasons: by SID of a document or end user. Without any, the first document takes the blame.

    The other documents and the end user stay as they are; an end user has no status, its reason is only in the callback.
    """
    documents = account.documents_of(bundle)
    people = {e.sid for e in account.end_users_of(bundle)}
    blamed = {
        sid: text for sid, text in reasons.items() if sid in people or any(d.sid == sid for d in documents)
    }
    if not blamed and documents:
        blamed = {documents[0].sid: "The document does not meet the requirements."}
    for document in documents:
        if document.sid in blamed:
            _refuse(document, blamed[document.sid] or "The document does not meet the requirements.", world)
    text = " ".join(t for t in blamed.values() if t) or "The bundle does not meet the requirements."
    set_status(world, account, bundle, "twilio-rejected", text)


def _refuse(document: Document, text: str, world: World) -> None:
    document.status, document.failure_reason, document.updated_at = "rejected", text, world.now()
    document.errors = [dict(DOCUMENT_PROBLEM)]


def lapse_expired(world: World, account: Account) -> None:
    """Approved bundles whose ``valid_until`` has passed become rejected."""
    now = world.now()
    for bundle in account.bundles.values():
        if bundle.status == "twilio-approved" and bundle.valid_until and bundle.valid_until <= now:
            set_status(
                world, account, bundle, "twilio-rejected", "The bundle was not renewed before it lapsed."
            )
