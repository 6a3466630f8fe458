"""Channels/Senders of messaging v2: WhatsApp senders, with JSON bodies and 202 answers (twins 7.3)."""

from __future__ import annotations

from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import is_phone_number
from sandbox.twilio.wire import Answer, Call, Routes, page_v1

routes = Routes("messaging", "/v2/Channels/Senders")

PARTS: dict[str, tuple[str, ...]] = {
    "configuration": (
        *("waba_id", "verification_method", "verification_code", "voice_application_sid", "account_type"),
    ),
    "webhook": (
        *("callback_url", "callback_method", "fallback_url", "fallback_method"),
        *("status_callback_url", "status_callback_method"),
    ),
    "profile": (
        *("name", "about", "address", "description", "logo_url", "banner_url", "privacy_url"),
        *("terms_of_service_url", "accent_color", "vertical", "websites", "emails", "phone_numbers"),
    ),
}
STATUSES = (
    *("CREATING", "PENDING_VERIFICATION", "VERIFYING", "TWILIO_REVIEW", "ONLINE", "ONLINE:UPDATING"),
    *("OFFLINE", "DRAFT", "STUBBED"),
)
MOST = 2  # until Meta has verified the business


def sender_json(sender: dict[str, Any]) -> dict[str, Any]:
    return {
        "sid": sender["sid"],
        "status": sender["status"],
        "sender_id": sender["sender_id"],
        **{part: dict.fromkeys(fields) | (sender.get(part) or {}) for part, fields in PARTS.items()},
        "properties": {"quality_rating": None, "messaging_limit": None},
        "offline_reasons": sender.get("offline_reasons"),
        "compliance": None,  # of RCS senders only
        "url": f"https://messaging.twilio.com/v2/Channels/Senders/{sender['sid']}",
    }


@routes.listing("", "Channel")
def senders(call: Call) -> Answer:
    if call.query.get("Channel") != "whatsapp":
        raise TwilioError(63100, "Channel is required and must be whatsapp")
    found = list(call.account.senders.values())
    return page_v1(call, "senders", [(s["sid"], sender_json(s)) for s in reversed(found)], default=20)


@routes.post("")
def create(call: Call) -> Answer:
    """The first sender of an account must be made in the Console; the API makes further ones in the same WABA."""
    body = call.json if isinstance(call.json, dict) else {}
    sender_id, configuration = str(body.get("sender_id", "")), body.get("configuration") or {}
    if not sender_id.startswith("whatsapp:") or not is_phone_number(sender_id.removeprefix("whatsapp:")):
        raise TwilioError(63100, "sender_id must be whatsapp: and a phone number")
    if not (body.get("profile") or {}).get("name"):
        raise TwilioError(63100, "profile.name is required")
    known = {(s.get("configuration") or {}).get("waba_id") for s in call.account.senders.values()}
    if configuration.get("waba_id") not in known or call.account.type == "Trial":
        raise TwilioError(63103, "The WhatsApp Business Account was not created through Twilio")
    if any(s["sender_id"] == sender_id for s in call.account.senders.values()):
        raise TwilioError(63100, "The sender exists already")
    if len(call.account.senders) >= MOST:
        raise TwilioError(63100, "Meta has not verified the business: two senders at most")  # code: [assumed]
    sid = call.world.sids.new("XE")
    sender = {"sid": sid, "status": "CREATING", "sender_id": sender_id} | {p: body.get(p) for p in PARTS}
    call.account.senders[sid] = sender
    number = call.account.number(sender_id.removeprefix("whatsapp:"))
    by_itself = number is not None and "sms" in number.capabilities  # [assumed]
    call.world.clock.after(2, lambda: sender.update(status="ONLINE" if by_itself else "PENDING_VERIFICATION"))
    return 202, sender_json(sender)


def _sender(call: Call) -> dict[str, Any]:
    if call.args["sid"] not in call.account.senders:
        raise not_found(call.path)
    return call.account.senders[call.args["sid"]]


@routes.get("/{sid}")
def sender(call: Call) -> Answer:
    return 200, sender_json(_sender(call))


@routes.post("/{sid}")
def update(call: Call) -> Answer:
    found = _sender(call)
    body = call.json if isinstance(call.json, dict) else {}
    for part in PARTS:
        if isinstance(body.get(part), dict):
            found[part] = {**(found.get(part) or {}), **body[part]}
    if (body.get("configuration") or {}).get("verification_code") and found[
        "status"
    ] == "PENDING_VERIFICATION":
        found["status"] = "VERIFYING"
        call.world.clock.after(2, lambda: found.update(status="ONLINE"))
    return 202, sender_json(found)


@routes.delete("/{sid}")
def delete(call: Call) -> Answer:
    sid = _sender(call)["sid"]
    del call.account.senders[sid]
    for service in call.account.services.values():
        service.channel_senders.pop(sid, None)
    return 204, None
