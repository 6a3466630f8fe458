"""Renewing a bundle that will lapse: a copy is changed, sent and approved, and then takes its place.

Numbers stay with the bundle that they were bought with; it is given the copy's end users and documents, and the copy goes. Twilio copies a
bundle only while it is approved and has an end date. Source: twilio.com/docs, Copies and Replace Items; docs/twins.md 5.7.
"""

import logging
from typing import Any

from bot.bundles import announcements
from bot.bundles import operations as bundles
from bot.bundles.possible import possible
from bot.core import App
from bot.errors import BundleBusy, NotAsTwilioHasIt
from bot.twilio.client import TwilioError
from bot.twilio.names import short
from storage.bundle_states import BundleState
from storage.history import Happened
from storage.models import Bundle, now

log = logging.getLogger(__name__)

LONGEST_NAME = 40
"""Letters of the bundle's name in that of its copy."""


async def start(app: App, bundle: Bundle, person_id: str) -> Bundle:
    """The copy's row, written before Twilio hears of it; the one that is there already, where somebody has begun.

    Opening it makes the copy at Twilio (``operations.made``). Raises NotAsTwilioHasIt.
    """
    renewal = await app.store.renewal_of(bundle.id)
    if "renew" not in possible(bundle, renewal):
        raise NotAsTwilioHasIt(status=announcements.state_of(renewal or bundle))
    if renewal is not None:
        return renewal
    happened = Happened("renewal_begun", person_id, {"of": bundle.sid})
    renewal = await app.store.start_renewal(_copy_of(bundle, person_id), happened)
    if renewal.made_by == person_id:
        await app.store.release_bundle(renewal)
    return renewal


def _copy_of(bundle: Bundle, made_by: str) -> Bundle:
    copied = (
        "workspace_id",
        "account_sid",
        "country",
        "number_type",
        "end_user_type",
        "regulation_sid",
        "group",
    )
    copy = Bundle(
        **{name: getattr(bundle, name) for name in copied},
        sid="",
        friendly_name="",
        status=BundleState.DRAFT,
        made_by=made_by,
        created_at=now(),
        renews_id=bundle.id,
    )
    copy.sid = f"new {copy.id}"
    copy.friendly_name = f"{short(bundle.friendly_name, LONGEST_NAME)} renewal ({copy.id[:6]})"
    return copy


async def carry_on(app: App) -> None:
    """Each copy that is approved takes its bundle's place; what fails is tried again a minute later. The worker's alone."""
    for copy in await app.store.renewals(app.settings.twilio_account_sid):
        try:
            async with bundles.claimed(app, copy.id) as claimed:
                await _take_place(app, claimed)
        except BundleBusy:
            continue
        except TwilioError as error:
            log.warning("bundle %s cannot be renewed yet: %s", copy.sid, error)


async def _take_place(app: App, copy: Bundle) -> None:
    """The intent is in the database before the call, and after a doubt Twilio is asked what the bundle holds by now."""
    original = await app.store.bundle(copy.renews_id) if copy.renews_id else None
    if original is None or (copy.replacing is None and copy.status != BundleState.APPROVED):
        return
    if copy.replacing is not None and await _has_taken(app, original, copy):
        await _finish(app, original, copy)
        return
    items = copy.replacing or await _objects(app, copy)
    if not items or not app.office.is_ours:
        return
    happened = None if copy.replacing else Happened("renewal_replacing", None, {"of": original.sid})
    copy = await app.store.amend_bundle(copy.id, happened, replacing=items)
    try:
        asked = app.twilio.numbers.v2.regulatory_compliance.bundles(original.sid).replace_items
        await asked.create_async(from_bundle_sid=copy.sid)
    except TwilioError as error:
        if not error.definite:
            raise
        if not await _has_taken(app, original, copy):
            await _give_up(app, original, copy, error)
            return
    await _finish(app, original, copy)


async def _objects(app: App, bundle: Bundle) -> list[str]:
    """The end users and documents in it; nothing where it is not there any more."""
    items = app.twilio.numbers.v2.regulatory_compliance.bundles(bundle.sid).item_assignments
    try:
        found: list[Any] = await items.list_async(page_size=100)
        return sorted({str(each.object_sid) for each in found})
    except TwilioError as error:
        if error.status == 404:
            return []
        raise


async def _has_taken(app: App, original: Bundle, copy: Bundle) -> bool:
    return set(copy.replacing or ()) <= set(await _objects(app, original))


async def _finish(app: App, original: Bundle, copy: Bundle) -> None:
    """The bundle is read anew, which wakes whoever waits for it; the copy has nothing in it any more, and goes."""
    original = await app.store.amend_bundle(
        original.id, group=copy.group, addresses=copy.addresses, address_sids=None
    )
    original = await bundles.read(app, original)
    try:
        await app.twilio.numbers.v2.regulatory_compliance.bundles(copy.sid).delete_async()
        await bundles.gone(app, copy, now())
    except TwilioError as error:
        if not error.definite:
            raise
        log.warning("the copy %s stays at Twilio: %s", copy.sid, error)
    renewed = announcements.renewed(app.settings, original, copy)
    await app.store.amend_bundle(copy.id, renewed, replacing=None, renews_id=None)


async def _give_up(app: App, original: Bundle, copy: Bundle, error: TwilioError) -> None:
    """Twilio does not take it: the copy is a bundle of its own from now on, and what it was made for is told."""
    log.warning("Twilio does not renew %s: %s", original.sid, error)
    told = announcements.not_renewed(app.settings, original, copy, error.code or error.status or 0)
    await app.store.amend_bundle(copy.id, told, replacing=None, renews_id=None)
