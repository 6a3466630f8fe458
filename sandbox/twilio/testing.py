"""Twilio's test credentials: magic numbers, nothing stored, nothing charged (twins 6.5)."""

from __future__ import annotations

from decimal import Decimal

from sandbox.twilio.buying import owned_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.inventory import friendly, is_phone_number
from sandbox.twilio.messages import MAGIC_FROM, MAGIC_TO, message_json
from sandbox.twilio.state import TEST_SID, Account, Message, Owned
from sandbox.twilio.wire import Answer, Call

GOOD = "+15005550006"
BASE = f"/2010-04-01/Accounts/{TEST_SID}/"


def answer(call: Call) -> Answer:
    """Works for purchases and messages only; all else is 403/20008."""
    now = call.world.now()
    account = Account(TEST_SID, "Test", "", now, TEST_SID)
    if (call.method, call.host, call.path) == ("POST", "api", BASE + "IncomingPhoneNumbers.json"):
        return 201, owned_json(account, _bought(call))
    if (call.method, call.host, call.path) == ("POST", "api", BASE + "Messages.json"):
        to, from_ = call.form.need("To"), call.form.need("From")
        if code := MAGIC_TO.get(to) or MAGIC_FROM.get(from_):
            raise TwilioError(code)
        if from_ != GOOD:
            raise TwilioError(21606)
        if not is_phone_number(to):
            raise TwilioError(21211)
        sid = call.world.sids.new("SM")
        sent = Message(sid, to, call.form.get("Body") or "", now, now, "queued", from_=from_, segments=1)
        return 201, message_json(account, sent)
    raise TwilioError(20008)


def _bought(call: Call) -> Owned:
    number, area_code = call.form.get("PhoneNumber"), call.form.get("AreaCode")
    if number == "+15005550001":
        raise TwilioError(21421)
    if area_code == "533":
        raise TwilioError(21452)
    if number != GOOD and area_code != "500":
        raise TwilioError(21422)
    now = call.world.now()
    return Owned(
        sid=call.world.sids.new("PN"),
        phone_number=GOOD,
        friendly_name=call.form.name() or friendly(GOOD),
        country="US",
        number_type="local",
        capabilities=frozenset({"voice", "sms", "mms"}),
        address_requirements="none",
        beta=False,
        cost=Decimal(0),
        created_at=now,
        updated_at=now,
    )
