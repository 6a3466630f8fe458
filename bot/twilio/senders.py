"""WhatsApp senders: those of the account, a new one, the code that verifies it, and what each of Twilio's answers means to people.

Sources: twilio.com/docs/whatsapp/register-senders-using-api and /api/senders, read 2026-11; refusals: ``bot/refusals.py``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twilio.rest import Client
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from bot.texts import N_, Said, say
from bot.twilio import console
from bot.twilio.client import TwilioError

PREFIX = "whatsapp:"
ONLINE = ("ONLINE", "ONLINE:UPDATING")
OFFLINE, PENDING_VERIFICATION, IN_REVIEW, DRAFT = "OFFLINE", "PENDING_VERIFICATION", "TWILIO_REVIEW", "DRAFT"
IN_THIS_SERVICE, IN_ANOTHER_SERVICE = 21710, 21712

ERRORS = {
    63020: N_(
        "The business at Meta has not let Twilio in: whoever manages it there has to accept Twilio's invitation, in Meta Business Manager under Requests."
    ),
    63100: N_(
        "Twilio did not accept the display name or another field ({message}). Use the name by which customers know the business, and enable WhatsApp again."
    ),
    63101: N_(
        "Twilio cannot use this WhatsApp business account: it was deleted, or it is linked to another Twilio account. The operators of Number Desk can check WHATSAPP_BUSINESS_ACCOUNT_ID."
    ),
    63103: N_(
        "The WhatsApp business account was not made through this Twilio account, or it is a trial account, which cannot have WhatsApp senders. The operators of Number Desk can check WHATSAPP_BUSINESS_ACCOUNT_ID."
    ),
    63104: N_(
        "The WhatsApp business account has as many numbers as it may have: two until Meta has verified the business, twenty afterwards. Verify the business in Meta Business Manager, or delete a sender in the Console."
    ),
    63110: N_(
        "This number is on WhatsApp already. Delete that WhatsApp account on its phone or at its provider, and enable WhatsApp again."
    ),
    63111: N_(
        "WhatsApp does not find the number or the business account. Check both in the Console, and enable WhatsApp again."
    ),
    63113: N_("WhatsApp did not accept the code. Enter the newest one that the number got."),
    63114: N_("Too many codes were tried. Wait some hours, then enter the newest one."),
    63116: N_("The code did not reach the number, or it is too old. Ask for another one in the Console."),
    IN_ANOTHER_SERVICE: N_(
        "The WhatsApp sender is online, but in another messaging service. Take it out there in the Console, then press Check again."
    ),
}
"""What to do about each; when it comes and where it was learned stands in ``bot/refusals.py``."""

SETTING_UP = N_("Cannot write on WhatsApp yet: Twilio and Meta are setting the sender up.")
UNDER_REVIEW = N_("Cannot write on WhatsApp yet: Twilio is reviewing the sender.")
NO_FIRST = N_(
    "Cannot write on WhatsApp yet: the Twilio account has no WhatsApp sender, and its first one has to be made by a person. Open {link} in the Console, choose “Create new sender”, pick this number and follow Meta's sign-up. Number Desk looks for it once an hour and then goes on by itself; Check again looks now."
)
CODE_WANTED = N_(
    "Cannot write on WhatsApp yet: WhatsApp asks for a code that Number Desk has not found. Enter it with the button on the card."
)
UNFINISHED = N_("Cannot write on WhatsApp yet: the sender is a draft. Finish it in the Console.")
IS_OFFLINE = N_("Cannot write on WhatsApp: the sender is offline. {reasons}")
IS_ONLINE = N_("The WhatsApp sender is online.")


@dataclass(frozen=True)
class Sender:
    sid: str
    sender_id: str
    status: str
    waba_id: str | None = None
    reasons: tuple[tuple[int | None, str], ...] = ()
    """why it is offline: code and Twilio's words"""

    @property
    def is_online(self) -> bool:
        return self.status in ONLINE


def from_twilio(answer: Any) -> Sender:
    configuration: dict[str, Any] = answer.configuration or {}
    reasons = tuple(
        (_number(each.get("code")), str(each.get("message") or "")) for each in answer.offline_reasons or ()
    )
    return Sender(
        str(answer.sid), str(answer.sender_id), str(answer.status), configuration.get("waba_id"), reasons
    )


def _number(code: Any) -> int | None:
    return int(code) if str(code).isdecimal() else None


async def listed(twilio: Client) -> list[Sender]:
    """All of the account's. Raises TwilioError."""
    found = await twilio.messaging.v2.channels_senders.list_async(channel="whatsapp", page_size=1000)
    return [from_twilio(each) for each in found]


def own(senders: Sequence[Sender], sender_id: str | None) -> Sender | None:
    return next((each for each in senders if each.sender_id == sender_id), None)


def business_account(senders: Sequence[Sender]) -> str | None:
    """The one in which every sender is; None where there are several, or none."""
    found = {each.waba_id for each in senders if each.waba_id}
    return found.pop() if len(found) == 1 else None


async def register(
    twilio: Client, sender_id: str, waba_id: str, profile: dict[str, str], by_voice: bool
) -> Sender:
    """Not safe to repeat: after a doubt ``listed`` tells whether it was made. Raises TwilioError."""
    asked = _Body(
        {
            "sender_id": sender_id,
            "configuration": {"waba_id": waba_id, "verification_method": "voice" if by_voice else "sms"},
            "profile": {
                "name": profile["display_name"],
                "about": profile.get("about"),
                "description": profile.get("description"),
                "websites": [{"website": profile["website"], "label": "Website"}]
                if profile.get("website")
                else None,
            },
        }
    )
    return from_twilio(await twilio.messaging.v2.channels_senders.create_async(asked))


async def verify(twilio: Client, sid: str, code: str) -> None:
    """code: kept nowhere. Raises TwilioError."""
    asked = _Body({"configuration": {"verification_code": code}})
    await twilio.messaging.v2.channels_senders(sid).update_async(asked)


class _Body(
    ChannelsSenderList.MessagingV2ChannelsSenderRequestsCreate,
    ChannelsSenderList.MessagingV2ChannelsSenderRequestsUpdate,
):
    """Only what is meant: the SDK's own would send null for everything else, and so might empty it (twilio-python 9.13)."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._sent = _without_none(body)

    def to_dict(self) -> dict[str, Any]:
        return self._sent


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }


async def join(twilio: Client, service_sid: str, sid: str) -> None:
    """The sender in the messaging service, also where it was there before. Raises TwilioError."""
    try:
        await twilio.messaging.v1.services(service_sid).channel_senders.create_async(sid=sid)
    except TwilioError as error:
        if error.code != IN_THIS_SERVICE:
            raise


# the code

_CODE = re.compile(r"(?<!\d)(\d{3})[- ]?(\d{3})(?!\d)")


def code_in(text: str) -> str | None:
    """Of a text of WhatsApp's, in whatever language: they all name it."""
    found = _CODE.search(text) if "whatsapp" in text.lower() else None
    return found[1] + found[2] if found else None


async def newest_code(twilio: Client, phone_number: str, since: datetime) -> tuple[str, str] | None:
    """The SID of the newest text with a code that came to the number since then, and the code, which is kept nowhere.
    Raises TwilioError."""
    since = since.replace(microsecond=0)  # Twilio tells whole seconds
    found: Any = await twilio.messages.list_async(to=phone_number, date_sent_after=since, limit=100)
    for message in sorted(found, key=lambda each: each.date_created, reverse=True):
        code = code_in(message.body or "")
        if code is not None and message.direction == "inbound" and message.date_created >= since:
            return str(message.sid), code
    return None


# what it means


def why(code: int | None, message: str) -> Said:
    if code in ERRORS:
        with_ = {"message": message} if "{message}" in ERRORS[code] else {}
        return say(ERRORS[code], **with_)
    if not message:
        return say(N_("Twilio does not say why."))
    return say(N_("Twilio says: {message} (error {code})."), message=message, code=str(code or "–"))


def standing(senders: Sequence[Sender], sender_id: str | None, whatsapp: dict[str, Any]) -> tuple[str, Said]:
    """Whether something is ``missing`` or ``waiting`` or all is ``fine``, and the sentence. whatsapp: as the purchase has it."""
    sender = own(senders, sender_id)
    if sender is None or (sender.is_online and whatsapp.get("why")):
        if whatsapp.get("why"):
            return "missing", whatsapp["why"]
        return (
            ("waiting", say(SETTING_UP))
            if senders
            else ("missing", say(NO_FIRST, link=console.WHATSAPP_SENDERS))
        )
    if sender.is_online:
        return "fine", say(IS_ONLINE)
    if sender.status == OFFLINE:
        reasons = [why(*each) for each in sender.reasons] or [say(N_("Twilio does not say why."))]
        return "missing", say(IS_OFFLINE, reasons=reasons)
    if sender.status == PENDING_VERIFICATION and whatsapp.get("asks"):
        return "missing", say(CODE_WANTED)
    if sender.status == DRAFT:
        return "missing", say(UNFINISHED)
    return "waiting", say(UNDER_REVIEW if sender.status == IN_REVIEW else SETTING_UP)
