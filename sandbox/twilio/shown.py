"""The twin's state as JSON, for ``GET /twin/state`` and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.twilio.addresses import address_json
from sandbox.twilio.bundles import bundle_json
from sandbox.twilio.messages import message_json
from sandbox.twilio.papers import document_json, end_user_json
from sandbox.twilio.senders import awaited, sender_json
from sandbox.twilio.state import Bundle, Owned, Service
from sandbox.twilio.wire import iso

if TYPE_CHECKING:
    from sandbox.twilio.twin import TwilioTwin


def _owned_shown(number: Owned) -> dict[str, Any]:
    return {
        "sid": number.sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "country": number.country,
        "number_type": number.number_type,
        "capabilities": [kind for kind in ("voice", "sms", "mms", "fax") if kind in number.capabilities],
        "cost": f"{number.cost:.2f}",
        "bundle_sid": number.bundle_sid,
        "address_sid": number.address_sid,
        "date_created": iso(number.created_at),
    }


def _service_shown(twin: TwilioTwin, service: Service) -> dict[str, Any]:
    owned = twin.account.owned
    senders = [
        {"sid": sid, "phone_number": owned[sid].phone_number, "date_created": iso(attached)}
        for sid, attached in service.numbers.items()
        if sid in owned
    ]
    return {
        "sid": service.sid,
        "friendly_name": service.friendly_name,
        "date_created": iso(service.created_at),
        "senders": senders,
        "whatsapp_senders": [
            twin.account.senders[sid]["sender_id"]
            for sid in service.channel_senders
            if sid in twin.account.senders
        ],
        "campaign_status": next((c["campaign_status"] for c in service.campaigns.values()), None),
    }


def bundle_shown(twin: TwilioTwin, bundle: Bundle) -> dict[str, Any]:
    """A bundle with what Twilio's own answer leaves out: its regulation, its items and their addresses."""
    account, regulation = twin.account, twin.world.regulations.by_sid[bundle.regulation_sid]
    items: list[dict[str, Any]] = []
    for item in bundle.items.values():
        if end_user := account.end_users.get(item.object_sid):
            items.append({"item_sid": item.sid, "kind": "end_user"} | end_user_json(account, end_user))
        elif document := account.documents.get(item.object_sid):
            found = [account.addresses[sid] for sid in document.address_sids if sid in account.addresses]
            file = {"filename": document.filename, "size": document.size} if document.filename else None
            items.append(
                {"item_sid": item.sid, "kind": "document"}
                | document_json(account, document)
                | {"file": file, "addresses": [address_json(account, a) for a in found]}
            )
    return bundle_json(account, bundle) | {
        "regulation": regulation["friendly_name"],
        "iso_country": regulation["iso_country"],
        "number_type": regulation["number_type"],
        "end_user_type": regulation["end_user_type"],
        "failure_reason": bundle.failure_reason,
        "is_test": bundle.is_test,
        "items": items,
    }


def state_shown(twin: TwilioTwin) -> dict[str, Any]:
    account, world = twin.account, twin.world
    return {
        "now": world.now().isoformat(),
        "account": {
            "sid": account.sid,
            "friendly_name": account.friendly_name,
            "type": account.type,
            "status": account.status,
            "balance": None if account.balance is None else f"{account.balance:.2f}",
            "currency": account.currency,
        },
        "purchases": account.purchases,
        "ledger": [{**e, "cost": f"{e['cost']:.2f}", "at": iso(e["at"])} for e in account.ledger],
        "owned_numbers": [_owned_shown(n) for n in account.owned.values()],
        "services": [_service_shown(twin, s) for s in account.services.values()],
        "bundles": [bundle_shown(twin, b) for b in account.bundles.values()],
        "addresses": [address_json(account, a) for a in account.addresses.values()],
        "whatsapp_senders": [
            {**sender_json(each), "code": awaited(account, each)} for each in account.senders.values()
        ],
        "tollfree_verifications": list(account.tollfree_verifications.values()),
        "brands": list(account.brands.values()),
        "geo_permissions": sorted(account.geo_permissions),
        "messages": [message_json(account, m) for m in account.messages.values()],
    }
