"""Messages of api.twilio.com: accepted, queued, sent, delivered by the twin's clock (twins 8.1)."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import NORTH_AMERICA, country_of, is_phone_number
from sandbox.twilio.messaging import is_registered
from sandbox.twilio.prices import SMS_PRICE
from sandbox.twilio.state import Account, Callback, Message, Owned, Service, World
from sandbox.twilio.wire import V2010, Answer, Call, Routes, page_v2010, rfc2822

routes = Routes("api", V2010 + "/Messages")

FIELDS = (
    *(
        "To",
        "From",
        "MessagingServiceSid",
        "Body",
        "MediaUrl",
        "ContentSid",
        "ContentVariables",
        "StatusCallback",
    ),
    *(
        "ApplicationSid",
        "MaxPrice",
        "ProvideFeedback",
        "Attempt",
        "ValidityPeriod",
        "ForceDelivery",
        "ContentRetention",
    ),
    *(
        "AddressRetention",
        "SmartEncoded",
        "PersistentAction",
        "TrafficType",
        "ShortenUrls",
        "ScheduleType",
        "SendAt",
    ),
    *("SendAsMms", "RiskCheck", "FallbackFrom"),
)
# Twilio's magic numbers (twins 6.5): the code with which a text to or from each is refused.
MAGIC_TO = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610}
MAGIC_TO["+15005550009"] = 21614
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
FINAL = ("delivered", "undelivered", "failed", "canceled", "read")
QUEUED_AFTER, SENT_AFTER, DELIVERED_AFTER = 0.3, 0.8, 1.5  # seconds
NOT_VERIFIED = {
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    30032: "Toll-Free Number Has Not Been Verified",
}


def message_json(account: Account, message: Message) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{account.sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": rfc2822(message.created_at),
        "date_updated": rfc2822(message.updated_at),
        "date_sent": rfc2822(message.sent_at),
        "direction": "outbound-api",
        "error_code": message.error_code,
        "error_message": message.error_message,
        "from": message.from_,
        "to": message.to,
        "messaging_service_sid": message.service_sid,
        "num_media": str(message.media),  # counts are strings
        "num_segments": str(message.segments),
        "price": None if message.price is None else f"-{message.price:.5f}",
        "price_unit": "USD" if message.price is not None else None,
        "status": message.status,
        "subresource_uris": {"media": uri + "/Media.json"},
        "uri": uri + ".json",
    }


@routes.listing(".json", "To", "From", "DateSent", "DateSent<", "DateSent>")
def messages(call: Call) -> Answer:
    to, from_ = call.query.get("To"), call.query.get("From")
    exact, before, after = (call.query.day("DateSent" + mark) for mark in ("", "<", ">"))

    def day(m: Message) -> Any:
        return (m.sent_at or m.created_at).date()

    found = [
        m
        for m in reversed(call.account.messages.values())
        if to in (None, m.to)
        and from_ in (None, m.from_)
        and (exact is None or day(m) == exact)
        and (before is None or day(m) <= before)
        and (after is None or day(m) >= after)
    ]
    return page_v2010(call, "messages", [(m.sid, message_json(call.account, m)) for m in found])


@routes.post(".json", *FIELDS)
def send(call: Call) -> Answer:
    form = call.form
    to, from_, service_sid = form.get("To"), form.get("From"), form.get("MessagingServiceSid")
    if to is None:
        raise TwilioError(21604, "A 'To' phone number is required.")
    _check_recipient(call.account, to)
    if from_ is None and service_sid is None:
        raise TwilioError(21603)
    body, media = form.get("Body") or "", form.lists.get("MediaUrl", [])
    if not body and not media and not form.get("ContentSid"):
        raise TwilioError(21602)
    if len(body) > 1600:
        raise TwilioError(21617)
    service = _service(call.account, service_sid) if service_sid else None
    if from_ is not None:
        _check_sender(call.account, from_, to)
    elif service is not None:
        _pick_sender(call.account, service, to)
    return 201, message_json(call.account, _accept(call, to, from_, service, body, len(media)))


def _accept(
    call: Call, to: str, from_: str | None, service: Service | None, body: str, media: int
) -> Message:
    now = call.world.now()
    message = Message(
        sid=call.world.sids.new("MM" if media else "SM"),
        to=to,
        body=body,
        created_at=now,
        updated_at=now,
        status="queued" if from_ else "accepted",
        from_=from_,
        service_sid=service.sid if service else None,
        status_callback=call.form.get("StatusCallback")
        or (service.settings.get("status_callback") if service else None),
        media=media,
        segments=_segments(body) if from_ else 0,
    )
    if call.form.get("ScheduleType") == "fixed" and (when := _when(call)):
        message.status = "scheduled"
        call.world.clock.at(when, lambda: _deliver(call.world, call.account, message))
    else:
        _deliver(call.world, call.account, message)
    call.account.messages[message.sid] = message
    return message


def _when(call: Call) -> datetime | None:
    text = call.form.get("SendAt")
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        raise TwilioError(20422, "Invalid Parameter: SendAt") from None


def _segments(body: str) -> int:
    one, more = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= one else math.ceil(len(body) / more)


# Who may write to whom


def _check_recipient(account: Account, to: str) -> None:
    if to in MAGIC_TO:
        raise TwilioError(MAGIC_TO[to])
    bare = to.removeprefix("whatsapp:")
    if not is_phone_number(bare):
        raise TwilioError(21211, f"The 'To' number {to} is not a valid phone number.")
    verified = {c["phone_number"] for c in account.caller_ids.values()}
    if account.type == "Trial" and bare not in verified:
        raise TwilioError(21608)


def _check_sender(account: Account, from_: str, to: str) -> None:
    if from_ in MAGIC_FROM:
        raise TwilioError(MAGIC_FROM[from_])
    if from_.startswith("whatsapp:"):
        online = {s["sender_id"] for s in account.senders.values() if s["status"] == "ONLINE"}
        if from_ not in online:
            raise TwilioError(63007)
        return
    if from_.startswith("+") and not is_phone_number(from_):
        raise TwilioError(21212, f"The 'From' number {from_} is not a valid phone number.")
    number = account.number(from_)
    if number is None or not number.capabilities & {"sms", "mms"}:
        raise TwilioError(21606)
    if to.startswith("whatsapp:"):
        raise TwilioError(63007)


def _service(account: Account, sid: str) -> Service:
    if not re.fullmatch(r"MG[0-9a-fA-F]{32}", sid):
        raise TwilioError(21705)
    found = account.services.get(sid)
    if found is None:
        raise TwilioError(21701)
    return found


def _pick_sender(account: Account, service: Service, to: str) -> Owned:
    """A number of the recipient's country before all others, as the longest in the pool."""
    pool = [account.owned[sid] for sid in service.numbers if sid in account.owned]
    if not pool:
        raise TwilioError(21704)
    if to.startswith("whatsapp:"):
        raise TwilioError(63007)
    able = [n for n in pool if n.capabilities & {"sms", "mms"}]
    if not able:
        raise TwilioError(21703)
    return min(able, key=lambda n: n.country != country_of(to))


# Delivery


def _deliver(world: World, account: Account, message: Message) -> None:
    world.clock.after(QUEUED_AFTER, lambda: _move(world, account, message, "queued"))
    world.clock.after(SENT_AFTER, lambda: _leave(world, account, message))
    world.clock.after(DELIVERED_AFTER, lambda: _move(world, account, message, "delivered"))


def _move(world: World, account: Account, message: Message, status: str) -> None:
    if message.status in FINAL or message.sid not in account.messages:
        return
    if message.status == status and message.updated_at != message.created_at:
        return
    message.status, message.updated_at = status, world.now()
    if status == "queued" and message.from_ is None and message.service_sid:
        service = account.services.get(message.service_sid)
        try:
            message.from_ = _pick_sender(account, service, message.to).phone_number if service else None
        except TwilioError as error:
            message.status, message.error_code, message.error_message = "failed", error.code, error.message
        message.segments = _segments(message.body)
    _tell(world, account, message)


def _leave(world: World, account: Account, message: Message) -> None:
    """Sent and billed, or held back by the carriers for want of a registration."""
    if message.status in FINAL:
        return
    if code := _unregistered(account, message):
        message.error_code, message.error_message = code, NOT_VERIFIED[code]
        _move(world, account, message, "undelivered")
        return
    message.sent_at, message.price = world.now(), SMS_PRICE * message.segments
    if account.balance is not None:
        account.balance -= message.price
    _move(world, account, message, "sent")


def _unregistered(account: Account, message: Message) -> int | None:
    """30034 for a US local number outside a registered service, 30032 for a toll-free number not verified."""
    number = account.number(message.from_ or "")
    if number is None or number.country not in NORTH_AMERICA:
        return None
    if number.number_type == "toll-free":
        approved = {
            v["tollfree_phone_number_sid"]
            for v in account.tollfree_verifications
            if v["status"] == "TWILIO_APPROVED"
        }
        return None if number.sid in approved else 30032
    if number.country != "US" or country_of(message.to) not in ("US", "PR", ""):
        return None
    service = account.service_of(number.sid)
    return None if service and is_registered(service) else 30034


def _tell(world: World, account: Account, message: Message) -> None:
    if not message.status_callback:
        return
    form = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "To": message.to,
        "From": message.from_ or "",
        "AccountSid": account.sid,
        "ApiVersion": "2010-04-01",
    }
    if message.service_sid:
        form["MessagingServiceSid"] = message.service_sid
    if message.error_code:
        form["ErrorCode"] = str(message.error_code)
    world.send_callback(Callback("message", message.status_callback, form, account.auth_token))


# One message


def _message(call: Call) -> Message:
    found = call.account.messages.get(call.args["sid"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/{sid}.json")
def message(call: Call) -> Answer:
    return 200, message_json(call.account, _message(call))


@routes.post("/{sid}.json", "Body", "Status")
def change(call: Call) -> Answer:
    """An empty Body redacts the text; Status=canceled stops a scheduled message."""
    found = _message(call)
    if call.form.get("Status") == "canceled":
        if found.status != "scheduled":
            raise TwilioError(20409, "Only a scheduled message can be canceled")
        found.status, found.updated_at = "canceled", call.world.now()
    if "Body" in call.form:
        found.body = ""
    return 200, message_json(call.account, found)


@routes.delete("/{sid}.json")
def delete_message(call: Call) -> Answer:
    found = _message(call)
    if found.status not in (*FINAL, "sent"):
        raise TwilioError(20409, "The message is still being sent")
    del call.account.messages[found.sid]
    return 204, None
