"""Regulatory bundles as the purchase needs them: which fit, whether one is still approved, which address it holds."""

from datetime import datetime
from typing import Any

from twilio.rest import Client

from bot.services import Services
from bot.texts import BUNDLE_STATES, N_, Said, say
from bot.twilio_client import TwilioError
from storage.models import Bundle, Purchase, now

APPROVED = "twilio-approved"
UNDER_REVIEW = ("pending-review", "in-review", "provisionally-approved")


def usable(bundle: Bundle) -> bool:
    """Only ``twilio-approved`` counts, and not past ``valid_until``."""
    return bundle.status == APPROVED and (bundle.valid_until is None or bundle.valid_until > now())


def selectable(bundle: Bundle) -> bool:
    """Approved, or worth waiting for."""
    return usable(bundle) or bundle.status in UNDER_REVIEW


async def fitting(services: Services, country: str, number_type: str, end_user_type: str) -> list[Bundle]:
    """Bundles of the account that a purchase may use or wait for, approved ones first, then the newest."""
    found: list[Any] = await services.twilio.numbers.v2.regulatory_compliance.bundles.list_async(
        iso_country=country,
        number_type=number_type,
        end_user_type=end_user_type,
        sort_by="date-updated",
        sort_direction="DESC",
        limit=100,
        page_size=100,
    )
    bundles = [
        await services.store.remember_bundle(_row(services, each, country, number_type, end_user_type))
        for each in found
        if each.status in (APPROVED, *UNDER_REVIEW)
    ]
    return sorted(
        filter(selectable, bundles),
        key=lambda each: each.status != APPROVED,
    )


async def read(services: Services, bundle: Bundle) -> Bundle | None:
    """The bundle as it is at Twilio now, with its addresses when it is approved; None when it was deleted."""
    compliance = services.twilio.numbers.v2.regulatory_compliance
    try:
        found = await compliance.bundles(bundle.sid).fetch_async()
    except TwilioError as error:
        if error.status == 404:
            return None
        raise
    row = _row(services, found, bundle.country, bundle.number_type, bundle.end_user_type)
    if row.status == APPROVED and (bundle.address_sids is None or bundle.updated_at != row.updated_at):
        row.address_sids = await _addresses(services.twilio, bundle.sid)
    return await services.store.remember_bundle(row)


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


def _row(services: Services, found: Any, country: str, number_type: str, end_user_type: str) -> Bundle:
    return Bundle(
        workspace_id=services.workspace_id,
        account_sid=services.settings.twilio_account_sid,
        sid=found.sid,
        friendly_name=found.friendly_name,
        country=country,
        number_type=number_type,
        end_user_type=end_user_type,
        status=found.status,
        valid_until=_aware(found.valid_until),
        updated_at=_aware(found.date_updated),
        read_at=now(),
    )


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else at if at.tzinfo else at.replace(tzinfo=now().tzinfo)


def why_waiting(purchase: Purchase, bundle: Bundle | None) -> Said:
    """The sentence for a purchase whose bundle is not approved (yet)."""
    if bundle is None:
        return say(
            N_(
                "Papers are needed: this number cannot be bought before Twilio has approved a regulatory bundle."
            )
        )
    if bundle.status == "twilio-rejected":
        return say(N_("Twilio has rejected the bundle “{bundle}”."), bundle=bundle.friendly_name)
    if bundle.status == APPROVED:
        return say(N_("The bundle “{bundle}” has lapsed."), bundle=bundle.friendly_name)
    return say(
        N_("The bundle “{bundle}” is not approved yet: {status}."),
        bundle=bundle.friendly_name,
        status=say(BUNDLE_STATES.get(bundle.status, bundle.status)),
    )


async def addresses(twilio: Client, country: str, requirement: str) -> list[tuple[str, str]]:
    """``(SID, label)`` of the account's addresses that satisfy ``any``, ``local`` or ``foreign``. Not kept anywhere."""
    found: list[Any] = await twilio.addresses.list_async(limit=100, page_size=100)
    return [
        (
            each.sid,
            ", ".join(
                part for part in (each.friendly_name, each.street, each.city, each.iso_country) if part
            ),
        )
        for each in found
        if requirement == "any" or (each.iso_country == country) == (requirement == "local")
    ]
