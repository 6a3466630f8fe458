"""Messages of api.twilio.com: what is sent, what is refused at once, what has come in (twins 8.1)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sandbox.twilio.delivery import FINAL, WHATSAPP, deliver, holder, pick_sender, segments
from sandbox.twilio.errors import ERRORS, TwilioError, not_found
from sandbox.twilio.inventory import NORTH_AMERICA, country_of, is_phone_number
from sandbox.twilio.state import Account, Message, Service
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
TRIAL = "Sent from your Twilio trial account - "


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
        "direction": message.direction,
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
    if from_ is None and service is not None:
        _check_sender(call.account, pick_sender(call.account, service, to), to)
    elif from_ is not None:
        _check_sender(call.account, from_, to)
    if call.account.type == "Trial":
        body = TRIAL + body
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
        is_template=call.form.get("ContentSid") is not None,
        media=media,
        segments=segments(body) if from_ else 0,
    )
    if call.form.get("ScheduleType") == "fixed" and (when := _when(call)):
        message.status = "scheduled"
        call.world.clock.at(when, lambda: deliver(call.world, call.account, message))
    else:
        deliver(call.world, call.account, message)
    call.account.messages[message.sid] = message
    return message


def _when(call: Call) -> datetime | None:
    text = call.form.get("SendAt")
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        raise TwilioError(20422, "Invalid Parameter: SendAt") from None


# Who may write to whom


def _check_recipient(account: Account, to: str) -> None:
    """The order of these refusals is [assumed]."""
    if to in MAGIC_TO:
        raise TwilioError(MAGIC_TO[to])
    bare = to.removeprefix(WHATSAPP)
    if not is_phone_number(bare):
        raise TwilioError(21211, f"The 'To' number {to} is not a valid phone number.")
    if to == bare and country_of(to) not in account.geo_permissions:
        raise TwilioError(21408, f"{ERRORS[21408][1]}: {to}")
    verified = {c["phone_number"] for c in account.caller_ids.values()}
    if account.type == "Trial" and bare not in verified:
        raise TwilioError(21608)


def _check_sender(account: Account, from_: str, to: str) -> None:
    if from_ in MAGIC_FROM:
        raise TwilioError(MAGIC_FROM[from_])
    if from_.startswith(WHATSAPP):
        online = {s["sender_id"] for s in account.senders.values() if s["status"].startswith("ONLINE")}
        if from_ not in online or not to.startswith(WHATSAPP):
            raise TwilioError(63007)
        return
    if from_.startswith("+") and not is_phone_number(from_):
        raise TwilioError(21212, f"The 'From' number {from_} is not a valid phone number.")
    number = account.number(from_)
    if number is None or not number.capabilities & {"sms", "mms"}:
        raise TwilioError(21606)
    if to.startswith(WHATSAPP):
        raise TwilioError(63007)
    if from_ == to:
        raise TwilioError(21266)
    if number.number_type == "toll-free" and number.country in NORTH_AMERICA and not to.startswith("+1"):
        raise TwilioError(21612)  # toll-free numbers text the US and Canada only
    if (holder(account, number), to) in account.opted_out:
        raise TwilioError(21610)


def _service(account: Account, sid: str) -> Service:
    if not re.fullmatch(r"MG[0-9a-fA-F]{32}", sid):
        raise TwilioError(21705)
    found = account.services.get(sid)
    if found is None:
        raise TwilioError(21701)
    return found


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
    if found.status not in (*FINAL, "sent", "received"):
        raise TwilioError(20409, "The message is still being sent")
    del call.account.messages[found.sid]
    return 204, None
