"""A test message from its intent to its end, whoever's number it comes from. Each kind of number keeps it in its own row.

A proof is what that row has of the last one: a reference, Twilio's SID, and what became of it; whom it goes to is no part of it.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.core import App
from bot.errors import TestUnderWay, TooManyTests
from bot.texts import N_, Said, say
from bot.twilio import messages
from bot.twilio.client import TwilioError
from storage.models import now

Proof = dict[str, Any]

NO_RECEIPT = timedelta(minutes=10)
INTERRUPTED = timedelta(seconds=60)
"""After which a message of which nothing is known was cut off while it was being sent."""
HOUR = timedelta(hours=1)
TESTS_AN_HOUR = 3
SENDING, SENT, DELIVERED = "sending", "sent", "delivered"


@dataclass(frozen=True)
class From:
    """What the message comes from, and where Twilio reports to."""

    phone_number: str
    service_sid: str | None = None
    callback: str | None = None


def check(before: Proof | None, began: Iterable[datetime]) -> None:
    """began: when tests of this number did. Raises TooManyTests, TestUnderWay."""
    if sum(now() - HOUR < each <= now() for each in began) >= TESTS_AN_HOUR:
        raise TooManyTests()
    if (before or {}).get("status") == SENDING:
        raise TestUnderWay()


def begun(person_id: str, way: str) -> Proof:
    """The intent; to be looked at after ``INTERRUPTED``."""
    reference = secrets.token_hex(3)
    return {"status": SENDING, "reference": reference, "at": now().isoformat(), "by": person_id, "way": way}


def is_open(proof: Proof | None) -> bool:
    return (proof or {}).get("status") in (SENDING, SENT)


def is_still(proof: Proof, newest: Proof | None) -> bool:
    """Whether this message is still the one that is being sent: the worker may have settled it meanwhile."""
    newest = newest or {}
    return (newest.get("reference"), newest.get("status")) == (proof["reference"], SENDING)


async def send(proof: Proof, origin: From, to: str, body: str, app: App) -> Proof | None:
    """What is known of it then; None in doubt: Twilio is asked (``followed``) before anybody sends another one.

    to: kept nowhere.
    """
    try:
        sent = await messages.send(
            app.twilio,
            messages.address(to, proof["way"]),
            messages.address(origin.phone_number, proof["way"]),
            origin.service_sid,
            body,
            app.settings.whatsapp_content_sid,
            origin.callback,
        )
    except TwilioError as error:
        return {**proof, "status": "failed", "code": error.code} if error.definite else None
    return {**proof, "status": SENT, "sid": str(sent.sid)}


async def followed(proof: Proof, phone_number: str, app: App) -> tuple[Proof, datetime | None]:
    """The proof as Twilio knows it now, and when to ask again: None once it has ended. Raises TwilioError."""
    if datetime.fromisoformat(proof["at"]) > now():  # the clock has stepped back: its time counts anew
        proof = {**proof, "at": now().isoformat()}
    began, from_ = datetime.fromisoformat(proof["at"]), messages.address(phone_number, proof["way"])
    if proof["status"] == SENDING:
        return await _looked_for(proof, from_, began, app)
    message = await app.twilio.messages(proof["sid"]).fetch_async()
    status = str(message.status)
    if status in messages.ENDED:
        proves = status in messages.ENDED_WELL and message.from_ == from_
        return {**proof, "status": DELIVERED if proves else status, "code": message.error_code}, None
    if now() - began > NO_RECEIPT:
        return {**proof, "status": "no_receipt"}, None
    wait = min(max((now() - began).total_seconds() / 2, 1), 60)
    return proof, now() + timedelta(seconds=wait)


async def _looked_for(proof: Proof, from_: str, began: datetime, app: App) -> tuple[Proof, datetime | None]:
    """Whether it was sent is asked of Twilio; nothing is sent again by us."""
    found = await messages.find(app.twilio, from_, proof["reference"], began)
    if found is not None:
        return {**proof, "status": SENT, "sid": str(found.sid)}, now()
    if now() - began > INTERRUPTED:
        return {**proof, "status": "interrupted"}, None
    return proof, began + INTERRUPTED + timedelta(seconds=1)


def on_record(proof: Proof) -> dict[str, Any]:
    return {name: proof.get(name) for name in ("reference", "status", "code")}


def outcome(proof: Proof) -> Said:
    match proof["status"]:
        case "sending" | "sent":
            return say(N_("A test message is on its way."))
        case "delivered":
            return say(N_("A test message was delivered."))
        case "no_receipt":
            return say(
                N_(
                    "A test message was sent, and the carrier gave no receipt. That proves nothing: try another phone."
                )
            )
        case "interrupted":
            return say(N_("It was interrupted before the test message was sent. Send it again."))
    return say(N_("The test message was not delivered: {why}"), why=messages.why(proof.get("code")))
