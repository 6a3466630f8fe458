"""Channels/Senders of messaging v2: WhatsApp senders, with JSON bodies and 202 answers (twins 7.3)."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.twilio.delivery import receive
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import is_phone_number
from sandbox.twilio.state import Account, World
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
FROM_META = "+14155550100"  # any number: who sends the code differs from country to country


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
        raise TwilioError(63110)
    if len(call.account.senders) >= MOST:
        raise TwilioError(63104)
    sid = call.world.sids.new("XE")
    sender = {"sid": sid, "status": "CREATING", "sender_id": sender_id} | {p: body.get(p) for p in PARTS}
    call.account.senders[sid] = sender
    call.world.clock.after(2, lambda: _verify(call.world, call.account, sender))
    return 202, sender_json(sender)


def _verify(world: World, account: Account, sender: dict[str, Any]) -> None:
    """A number with SMS is verified by itself [assumed], unless a code was ordered for it; others are told one in a call."""
    phone_number = sender["sender_id"].removeprefix("whatsapp:")
    number = account.number(phone_number)
    texts = number is not None and "sms" in number.capabilities
    if texts and phone_number not in account.codes:
        sender["status"] = "ONLINE"
        return
    code = account.codes.setdefault(phone_number, _made_up(sender["sid"]))
    sender["status"] = "PENDING_VERIFICATION"
    if texts:
        body = f"Your WhatsApp code: {code[:3]}-{code[3:]}. Don't share this code with others"
        receive(world, account, phone_number, FROM_META, body)


def _made_up(sid: str) -> str:
    return f"{int(hashlib.sha256(sid.encode()).hexdigest(), 16) % 1_000_000:06}"


def awaited(account: Account, sender: dict[str, Any]) -> str | None:
    """The code that would verify it now, for whoever plays the person who got it."""
    if sender["status"] != "PENDING_VERIFICATION":
        return None
    return account.codes.get(sender["sender_id"].removeprefix("whatsapp:"))


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
    given = (found.get("configuration") or {}).pop("verification_code", None)
    if given and found["status"] == "PENDING_VERIFICATION":
        if given != (awaited(call.account, found) or given):
            raise TwilioError(63113)  # at once, and with this code [assumed]
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
