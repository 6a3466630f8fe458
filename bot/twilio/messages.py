"""Test messages: sent once, found again after a doubt, and what became of them. Whom they went to is kept nowhere."""

from datetime import datetime, timedelta
from typing import Any

from twilio.rest import Client

from bot.texts import N_, Said, say

ENDED_WELL = ("delivered", "read")
ENDED = (*ENDED_WELL, "undelivered", "failed", "canceled")
LOOKED_BACK = timedelta(minutes=5)

ERRORS = {
    21211: N_("This is no phone number that exists. Check it."),
    21408: N_("The account may not text this country: enable it in the Console under Geo permissions."),
    21606: N_("Twilio does not let this number send."),
    21608: N_("A trial account texts verified recipients only. Verify this one in the Console first."),
    21610: N_("The recipient has opted out (STOP). They can text START to the number, or use another phone."),
    21611: N_("Too many messages of this number are waiting. Try again later."),
    21612: N_("Twilio cannot send from this number to that one: the carriers there take other senders."),
    21614: N_("This is no mobile phone. Use one that can receive texts."),
    21703: N_("The messaging service has no sender that fits this recipient."),
    21704: N_("The messaging service has no sender."),
    30003: N_("The phone was off or out of reach. Try again."),
    30004: N_("The recipient's carrier or phone blocks this message."),
    30005: N_("This number is not known to any carrier. Check it."),
    30006: N_("This is a landline, or its carrier takes no texts. Use a mobile phone."),
    30007: N_("The carrier has filtered the message out as unwanted."),
    30008: N_("The carrier did not deliver it, and does not say why. Try again."),
    30032: N_("The toll-free number is not verified, so carriers refuse its messages."),
    30034: N_(
        "The number is in no A2P 10DLC campaign, so carriers in the United States refuse its messages."
    ),
    30035: N_("The A2P 10DLC registration of this number is still being set up. Try again in some hours."),
    30036: N_("The message was not delivered in time."),
    63007: N_("WhatsApp does not know this number as a sender."),
    63016: N_("WhatsApp takes only a template outside of a conversation."),
}
"""What to do about each. Source: twilio.com/docs/api/errors, read 2026-11."""


def why(code: int | None) -> Said:
    if code in ERRORS:
        return say(ERRORS[code])
    return say(N_("Twilio reports the error {code}."), code=str(code or "–"))


async def send(
    twilio: Client, to: str, from_: str, service_sid: str | None, body: str, callback: str | None = None
) -> Any:
    """From this very number: a service alone would pick any of its senders, and prove nothing. Raises TwilioError.

    callback: where Twilio reports to what becomes of it.
    """
    more = {"messaging_service_sid": service_sid, "status_callback": callback}
    given = {name: value for name, value in more.items() if value}
    return await twilio.messages.create_async(to=to, from_=from_, body=body, **given)


async def find(twilio: Client, from_: str, reference: str, since: datetime) -> Any | None:
    """The message that bears the reference, where one was sent. Raises TwilioError."""
    found = await twilio.messages.list_async(from_=from_, date_sent_after=since - LOOKED_BACK, limit=200)
    return next((each for each in found if reference in (each.body or "")), None)
