"""What becomes of a message: by the twin's clock, by what is registered for its sender, by who gets it (twins 8.1).

An order of ``/twin/deliveries`` for the recipient decides alone. What comes in is here too (twins 8.3).
"""

from __future__ import annotations

import math
from datetime import timedelta

import phonenumbers

from sandbox.twilio.errors import TwilioError
from sandbox.twilio.inventory import NORTH_AMERICA, country_of
from sandbox.twilio.messaging import is_registered
from sandbox.twilio.prices import SMS_PRICE
from sandbox.twilio.registrations import verification_of
from sandbox.twilio.state import Account, Callback, Fate, Message, Owned, Service, World

WHATSAPP = "whatsapp:"
FINAL = ("delivered", "undelivered", "failed", "canceled", "read")
QUEUED_AFTER, SENT_AFTER = 0.3, 0.8  # seconds
WINDOW = timedelta(hours=24)
# What error_message says; these are held back before they leave, so that they cost nothing.
HELD_BACK = {
    30032: "Toll-Free Number Has Not Been Verified",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    30035: "US A2P 10DLC - Message from a Number Still Being Configured",
    63016: "Failed to send freeform message because you are outside the allowed window",
}
LATER = HELD_BACK | {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
}
NEVER_MOBILE = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.TOLL_FREE)
STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
START = ("START", "YES", "UNSTOP")


def segments(body: str) -> int:
    one, more = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= one else math.ceil(len(body) / more)


# The sender


def pick_sender(account: Account, service: Service, to: str) -> str:
    """A number of the recipient's country before all others, as the longest in the pool."""
    if to.startswith(WHATSAPP):
        senders = [account.senders[sid] for sid in service.channel_senders if sid in account.senders]
        online = [each["sender_id"] for each in senders if each["status"].startswith("ONLINE")]
        if not online:
            raise TwilioError(63007)
        return str(online[0])
    pool = [account.owned[sid] for sid in service.numbers if sid in account.owned]
    if not pool:
        raise TwilioError(21704)
    able = [n for n in pool if n.capabilities & {"sms", "mms"}]
    if not able:
        raise TwilioError(21703)
    return min(able, key=lambda n: n.country != country_of(to)).phone_number


def holder(account: Account, number: Owned) -> str:
    """Whom people opt out of: the number's service, or the number itself."""
    service = account.service_of(number.sid)
    return service.sid if service else number.phone_number


# The way out


def deliver(world: World, account: Account, message: Message) -> None:
    world.clock.after(QUEUED_AFTER, lambda: _queue(world, account, message))
    after = min(SENT_AFTER, account.fates.get(message.to, Fate()).after)
    world.clock.after(after, lambda: _leave(world, account, message))


def _queue(world: World, account: Account, message: Message) -> None:
    if message.status in FINAL or message.sent_at:
        return
    if message.from_ is None and message.service_sid:
        service = account.services.get(message.service_sid)
        try:
            message.from_ = pick_sender(account, service, message.to) if service else None
        except TwilioError as error:
            message.error_code, message.error_message = error.code, error.message
            _move(world, account, message, "failed")
            return
        message.segments = segments(message.body)
    _move(world, account, message, "queued")


def _leave(world: World, account: Account, message: Message) -> None:
    """Sent and billed; or held back, which costs nothing."""
    if message.status in FINAL:
        return
    if message.from_ is None:
        _queue(world, account, message)
    fate = account.fates.get(message.to) or _fate(world, account, message)
    if fate.status == "failed" or fate.error_code in HELD_BACK:
        _end(world, account, message, fate)
        return
    message.sent_at, message.price = world.now(), SMS_PRICE * message.segments
    if account.balance is not None:
        account.balance -= message.price
    _move(world, account, message, "sent")
    if fate.status != "sent":
        world.clock.after(max(fate.after - SENT_AFTER, 0), lambda: _end(world, account, message, fate))


def _end(world: World, account: Account, message: Message, fate: Fate) -> None:
    message.error_code = fate.error_code
    message.error_message = LATER.get(fate.error_code, LATER[30008]) if fate.error_code else None
    _move(world, account, message, fate.status)


def _move(world: World, account: Account, message: Message, status: str) -> None:
    if message.status in FINAL or message.sid not in account.messages:
        return
    if message.status == status and message.updated_at != message.created_at:
        return
    message.status, message.updated_at = status, world.now()
    _tell(world, account, message)


def _fate(world: World, account: Account, message: Message) -> Fate:
    """What the contract says of sender, recipient and account."""
    sender = message.from_ or ""
    if sender.startswith(WHATSAPP):
        free = message.is_template or _wrote_lately(world, account, message.to, sender)
        return Fate() if free else Fate("undelivered", 63016)
    if code := _unregistered(account, message):
        return Fate("undelivered", code)
    if _is_landline(message.to):
        return Fate("undelivered", 30006)
    return Fate()


def _wrote_lately(world: World, account: Account, person: str, sender: str) -> bool:
    since = world.now() - WINDOW
    return any(
        m.direction == "inbound" and (m.from_, m.to) == (person, sender) and m.created_at > since
        for m in account.messages.values()
    )


def _unregistered(account: Account, message: Message) -> int | None:
    """30034 for a US local number outside a registered service, 30032 for a toll-free number not verified."""
    number = account.number(message.from_ or "")
    if number is None or number.country not in NORTH_AMERICA:
        return None
    if number.number_type == "toll-free":
        verification = verification_of(account, number)
        return None if verification and verification["status"] == "TWILIO_APPROVED" else 30032
    if number.country != "US" or country_of(message.to) not in ("US", "PR", ""):
        return None
    service = account.service_of(number.sid)
    if service is None or not service.campaigns:
        return 30034
    if is_registered(service):
        return None
    # A campaign under way counts as a number being set up; one that failed as none [assumed].
    under_way = any(c["campaign_status"] in ("PENDING", "IN_PROGRESS") for c in service.campaigns.values())
    return 30035 if under_way else 30034


def _is_landline(to: str) -> bool:
    """By the numbering plan: in North America nobody can tell, so nobody is refused there [assumed]."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(to)) in NEVER_MOBILE
    except phonenumbers.NumberParseException:
        return False


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


# What comes in


def receive(world: World, account: Account, to: str, from_: str, body: str) -> Message | None:
    """A text to a number or a WhatsApp sender of the account. None when Twilio does not even keep it.

    That is so for a number in a service without ``inbound_request_url`` that does not ask the number either.
    """
    number = account.number(to)
    service = account.service_of(number.sid) if number else None
    if number:
        _heed(account, holder(account, number), from_, body)
    url = (number.settings.get("sms_url") or None) if number else None
    if service and not service.settings.get("use_inbound_webhook_on_number"):
        url = service.settings.get("inbound_request_url")
        if not url:
            return None
    now = world.now()
    message = Message(
        sid=world.sids.new("SM"),
        to=to,
        body=body,
        created_at=now,
        updated_at=now,
        status="received",
        direction="inbound",
        from_=from_,
        service_sid=service.sid if service else None,
        segments=segments(body),
        sent_at=now,
    )
    account.messages[message.sid] = message
    if url:
        world.send_callback(Callback("message", url, _inbound_form(account, message), account.auth_token))
    return message


def _heed(account: Account, of: str, person: str, body: str) -> None:
    """STOP and START; Twilio's own answer to them is not reproduced."""
    word = body.strip().upper()
    if word in STOP:
        account.opted_out.add((of, person))
    elif word in START:
        account.opted_out.discard((of, person))


def _inbound_form(account: Account, message: Message) -> dict[str, str]:
    form = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "SmsStatus": "received",
        "AccountSid": account.sid,
        "From": message.from_ or "",
        "To": message.to,
        "Body": message.body,
        "NumMedia": "0",
        "NumSegments": str(message.segments),
        "FromCountry": country_of((message.from_ or "").removeprefix(WHATSAPP)),
        "ToCountry": country_of(message.to.removeprefix(WHATSAPP)),
        "ApiVersion": "2010-04-01",
    }
    return form | ({"MessagingServiceSid": message.service_sid} if message.service_sid else {})
