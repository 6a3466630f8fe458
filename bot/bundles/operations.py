"""Regulatory bundles: which fit a purchase, how one is read, made, submitted and deleted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from twilio.rest import Client

from bot.bundles import announcements
from bot.bundles.possible import possible, selectable
from bot.core import App
from bot.errors import BundleBusy, BundleGone, NoBundleEmail, NotAsTwilioHasIt
from bot.twilio.client import TwilioError
from bot.twilio.regulations import Regulation
from storage.bundle_states import UNDER_REVIEW, BundleState
from storage.history import Happened
from storage.models import Bundle, Purchase, now

log = logging.getLogger(__name__)


async def fitting(app: App, country: str, number_type: str, end_user_type: str) -> list[Bundle]:
    """Bundles of the account that a purchase may use or wait for, approved ones first, then the newest.

    Twilio is asked for each status by itself: of all together the newest hundred may be drafts.
    """
    asked_at = now()

    async def having(status: Any) -> list[Any]:
        found: list[Any] = await app.twilio.numbers.v2.regulatory_compliance.bundles.list_async(
            status=status,
            iso_country=country,
            number_type=number_type,
            end_user_type=end_user_type,
            sort_by="date-updated",
            sort_direction="DESC",
            limit=100,
            page_size=100,
        )
        return found

    answers = await asyncio.gather(*map(having, (BundleState.APPROVED, *UNDER_REVIEW)))
    bundles = [
        await observe(app, row(app, each, country, number_type, end_user_type, asked_at))
        for found in answers
        for each in found
    ]
    return sorted(filter(selectable, bundles), key=lambda each: each.status != BundleState.APPROVED)


async def read(app: App, bundle: Bundle) -> Bundle:
    """The bundle as it is at Twilio now, with its addresses when it is approved; ``deleted`` when it is not there."""
    asked_at = now()
    compliance = app.twilio.numbers.v2.regulatory_compliance
    try:
        found: Any = await compliance.bundles(bundle.sid).fetch_async()
    except TwilioError as error:
        if error.status == 404 and bundle.is_made:
            return await gone(app, bundle, asked_at)
        raise
    seen = row(app, found, bundle.country, bundle.number_type, bundle.end_user_type, asked_at)
    if seen.status == BundleState.APPROVED and (
        bundle.address_sids is None or bundle.updated_at != seen.updated_at
    ):
        seen.address_sids = await _addresses(app.twilio, bundle.sid)
    return await observe(app, seen)


async def with_addresses(app: App, found: Sequence[Bundle]) -> dict[str, Bundle]:
    """By id, those that are approved with the addresses that they allow: asked for once, and kept."""
    unknown = [each for each in found if each.address_sids is None and each.status == BundleState.APPROVED]
    read_now = await asyncio.gather(*(read(app, each) for each in unknown))
    return {each.id: each for each in (*found, *read_now)}


async def gone(app: App, bundle: Bundle, asked_at: datetime) -> Bundle:
    """Twilio does not know it any more."""
    seen = Bundle(**{**bundle.model_dump(), "status": BundleState.DELETED, "read_at": asked_at})
    return await observe(app, seen)


async def observe(app: App, seen: Bundle) -> Bundle:
    """What was seen at Twilio, known from now on; a change is told to whom it concerns.

    Until the watch has seen the account as a whole, a bundle that is found in it is how things are, and no news.
    """
    is_news = await app.bundle_memory.knows_account()

    def news(before: Bundle | None, bundle: Bundle, waiting: Sequence[Purchase]) -> Happened | None:
        if before is not None and before.status == BundleState.REJECTED:
            app.bundle_memory.forget_reason(bundle.sid)
        if before is None and not is_news:
            return None
        return announcements.told(app.settings, before, bundle, waiting)

    bundle = await app.store.observe_bundle(seen, news)
    return bundle


@asynccontextmanager
async def claimed(app: App, bundle_id: str) -> AsyncIterator[Bundle]:
    """The bundle's row as it is now, for changes at Twilio that nobody else makes meanwhile. Raises BundleBusy, BundleGone."""
    bundle = await app.store.claim_bundle(bundle_id)
    if bundle is None:
        raise BundleBusy() if await app.store.bundle(bundle_id) else BundleGone()
    try:
        yield bundle
    finally:
        await app.store.release_bundle(bundle)


async def _addresses(twilio: Client, bundle_sid: str) -> list[str]:
    """The addresses that the bundle's documents refer to: a purchase may use no other (21651)."""
    compliance = twilio.numbers.v2.regulatory_compliance
    items: list[Any] = await compliance.bundles(bundle_sid).item_assignments.list_async()
    found: list[str] = []
    for item in items:
        if item.object_sid.startswith("RD"):
            document: Any = await compliance.supporting_documents(item.object_sid).fetch_async()
            found += (document.attributes or {}).get("address_sids") or []
    return list(dict.fromkeys(found))


def row(
    app: App,
    found: Any,
    country: str,
    number_type: str,
    end_user_type: str,
    asked_at: datetime,
) -> Bundle:
    """asked_at: when the question was asked whose answer this is."""
    updated_at = aware(found.date_updated)
    return Bundle(
        workspace_id=app.workspace_id,
        account_sid=app.settings.twilio_account_sid,
        sid=found.sid,
        friendly_name=found.friendly_name,
        country=country,
        number_type=number_type,
        end_user_type=end_user_type,
        regulation_sid=found.regulation_sid,
        status=str(found.status),
        valid_until=aware(found.valid_until),
        created_at=aware(found.date_created),
        updated_at=updated_at,
        submitted_at=updated_at if found.status in UNDER_REVIEW else None,
        read_at=asked_at,
    )


def aware(at: datetime | None) -> datetime | None:
    return None if at is None else at if at.tzinfo else at.replace(tzinfo=now().tzinfo)


# making, submitting, deleting


def new(app: App, regulation: Regulation, name: str | None, made_by: str) -> Bundle:
    """A row for a bundle that is about to be made. name: as people will find it; it must say nothing about a person."""
    bundle = Bundle(
        workspace_id=app.workspace_id,
        account_sid=app.settings.twilio_account_sid,
        sid="",
        friendly_name="",
        country=regulation.country,
        number_type=regulation.number_type,
        end_user_type=regulation.end_user_type,
        regulation_sid=regulation.sid,
        status=BundleState.DRAFT,
        made_by=made_by,
        created_at=now(),
    )
    bundle.sid = f"new {bundle.id}"
    given = name or f"{regulation.country} {regulation.number_type} {regulation.end_user_type}"
    bundle.friendly_name = f"{given} ({bundle.id[:6]})"
    return bundle


async def start(app: App, bundle: Bundle) -> Bundle:
    """The row in the database, before Twilio hears of the bundle: a try that is cut off is found again by its name."""
    assert bundle.made_by is not None
    check_email(app)
    return await app.store.start_bundle(
        bundle, Happened("bundle_begun", bundle.made_by, {"name": bundle.friendly_name})
    )


def check_email(app: App) -> str:
    """Where Twilio sends its mails about a bundle. Raises NoBundleEmail."""
    if not app.settings.bundle_email:
        raise NoBundleEmail()
    return app.settings.bundle_email


async def ensure_created(app: App, bundle: Bundle, regulation: Regulation) -> Bundle:
    """The bundle with its draft at Twilio, made once however often this is cut off. Raises BundleBusy, TwilioError."""
    if bundle.is_made:
        return bundle
    async with claimed(app, bundle.id) as bundle:
        if bundle.status == BundleState.DELETED:
            raise BundleGone()
        if bundle.is_made:
            return bundle
        return await _named(app, bundle) or await _make(app, bundle, regulation)


async def create_claimed(app: App, started: Bundle, regulation: Regulation) -> Bundle:
    """As ``ensure_created``, for a row that was inserted just now: nobody can have made it yet, and its claim is ours."""
    try:
        return await _make(app, started, regulation)
    finally:
        await app.store.release_bundle(started)


async def _make(app: App, bundle: Bundle, regulation: Regulation) -> Bundle:
    asked_at = now()
    try:
        found = await _create(app, bundle, regulation)
    except TwilioError as error:
        there = await _named(app, bundle) if error.doubtful else None
        if there is not None:
            return there
        raise
    return await _adopted(app, bundle, found, asked_at)


async def _create(app: App, bundle: Bundle, regulation: Regulation) -> Any:
    compliance = app.twilio.numbers.v2.regulatory_compliance
    if bundle.renews_id is not None:
        copies = compliance.bundles(await _renewed_sid(app, bundle)).bundle_copies
        return await copies.create_async(friendly_name=bundle.friendly_name)
    more = {"status_callback": app.settings.callback_url} if app.settings.callback_url else {}
    return await compliance.bundles.create_async(
        friendly_name=bundle.friendly_name, email=check_email(app), regulation_sid=regulation.sid, **more
    )


async def _renewed_sid(app: App, copy: Bundle) -> str:
    """Of the bundle that the copy shall renew. Raises BundleGone."""
    original = await app.store.bundle(copy.renews_id) if copy.renews_id else None
    if original is None or original.status == BundleState.DELETED:
        raise BundleGone()
    return str(original.sid)


async def _named(app: App, bundle: Bundle) -> Bundle | None:
    """Our bundle at Twilio, found by its name; a copy is among those of the bundle that it shall renew."""
    asked_at = now()
    compliance = app.twilio.numbers.v2.regulatory_compliance
    found: list[Any]
    if bundle.renews_id is not None:
        found = await compliance.bundles(await _renewed_sid(app, bundle)).bundle_copies.list_async()
    else:
        found = await compliance.bundles.list_async(friendly_name=bundle.friendly_name, limit=20)
    same = next((each for each in found if each.friendly_name == bundle.friendly_name), None)
    return await _adopted(app, bundle, same, asked_at) if same is not None else None


async def _adopted(app: App, bundle: Bundle, found: Any, asked_at: datetime) -> Bundle:
    """observe_bundle finds the row by its name, and gives it the SID."""
    return await observe(
        app, row(app, found, bundle.country, bundle.number_type, bundle.end_user_type, asked_at)
    )


async def submit(app: App, bundle: Bundle, person_id: str) -> Bundle:
    """The bundle before Twilio's reviewers, sent by this person.

    Raises BundleBusy and NotAsTwilioHasIt when somebody else was quicker, BundleGone, TwilioError.
    """
    async with claimed(app, bundle.id) as bundle:
        if "submit" not in possible(bundle):
            raise NotAsTwilioHasIt(status=announcements.state_of(bundle))
        earlier = bundle.submitted_by
        await app.store.amend_bundle(
            bundle.id, Happened("bundle_submitting", person_id), submitted_by=person_id
        )
        context = app.twilio.numbers.v2.regulatory_compliance.bundles(bundle.sid)
        try:
            await context.update_async(status="pending-review")
        except TwilioError as error:
            current = await read(app, bundle)
            if current.status in UNDER_REVIEW:  # the answer to our own call was lost
                return current
            await app.store.amend_bundle(bundle.id, submitted_by=earlier)
            if error.code == 20409:
                raise NotAsTwilioHasIt(status=announcements.state_of(current)) from error
            raise
        return await read(app, bundle)


async def delete(app: App, bundle: Bundle, person_id: str) -> Bundle:
    """Raises TwilioError with 21647 (under review) or 21648 (a number uses it), NotAsTwilioHasIt, BundleBusy, and BundleGone."""
    async with claimed(app, bundle.id) as bundle:
        if bundle.status == BundleState.DELETED:
            raise BundleGone()
        if "delete" not in possible(bundle):
            raise NotAsTwilioHasIt(status=announcements.state_of(bundle))
        there = bundle if bundle.is_made else await _named(app, bundle)
        if there is not None:
            try:
                await app.twilio.numbers.v2.regulatory_compliance.bundles(there.sid).delete_async()
            except TwilioError as error:
                if error.status != 404:  # somebody else deleted it
                    raise
        await app.store.amend_bundle(bundle.id, Happened("bundle_deleted", person_id))
        return await gone(app, there or bundle, now())


async def numbers_using(app: App, bundle: Bundle) -> list[str]:
    """The account's own numbers that were bought with the bundle. Raises TwilioError."""
    found: list[Any] = await app.twilio.incoming_phone_numbers.list_async(page_size=1000)
    return [each.phone_number for each in found if each.bundle_sid == bundle.sid]
