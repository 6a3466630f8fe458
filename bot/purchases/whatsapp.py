"""WhatsApp for a number that is bought: from "Enable WhatsApp" to a sender that is online and in the number's messaging service.

People write what they want into the purchase's ``whatsapp``; the worker does the rest, one look at the account's senders at a
time, and at each look the one thing that can be done next. What was typed is public, as customers see it, and is kept until
Twilio has it; the code that verifies the number is in memory only.

``whatsapp`` has: ``state``, of ``WhatsApp``; ``by`` and ``at``, who enabled it and when; ``since``, when that or Twilio's status began; ``profile``;
``tries``, registrations that came to nothing; ``sender`` and ``status``, as Twilio has it; ``tried``, the SID of the text whose
code was tried; ``asks``, whether a person has to enter the code; ``service``, where the sender is; ``why``, what stands against
it, as a sentence; ``delivered_at``, when a test message was delivered.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from bot import announcements as news
from bot import readiness
from bot.core import App
from bot.errors import CodeRefused
from bot.purchases import operations
from bot.purchases.policy import Verb
from bot.purchases.steps import LAG, LOOKS
from bot.texts import N_, Said, person, say
from bot.twilio import senders
from bot.twilio.client import TwilioError
from bot.twilio.senders import Sender
from storage.changes import LONGEST_SLEEP
from storage.history import Happened
from storage.models import Purchase, WhatsApp, now

log = logging.getLogger(__name__)

MOST_TRIES = 3
CODE_COMES = timedelta(seconds=90)
"""After which a code that is not among the incoming messages is asked for."""
SHORTEST = timedelta(seconds=2)

NOT_MADE = N_(
    "Twilio did not say three times in a row whether the WhatsApp sender was made, and it was not. Enable WhatsApp again when Twilio works."
)
SEVERAL_ACCOUNTS = N_(
    "The Twilio account has senders in several WhatsApp business accounts. The operators of Number Desk can say in WHATSAPP_BUSINESS_ACCOUNT_ID which one to use; then enable WhatsApp again."
)
GONE = N_("The WhatsApp sender was deleted in the Twilio account. Enable WhatsApp again to register it anew.")


def is_online(purchase: Purchase) -> bool:
    """By what was seen of it last."""
    return (purchase.whatsapp or {}).get("status") in senders.ONLINE


# what people do


async def check_enable(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could enable WhatsApp for its number now. Raises as ``operations.check_possible``."""
    return await operations.check_possible(
        Verb.ENABLE_WHATSAPP, "enable_whatsapp", purchase_id, quote_no, person_id, app
    )


@operations.of_the_newest
async def enable(
    purchase_id: str, quote_no: int, person_id: str, profile: dict[str, str], app: App
) -> Purchase:
    """profile: ``display_name``, and what else was typed. Raises as ``check_enable`` does."""
    purchase = await check_enable(purchase_id, quote_no, person_id, app)
    moment = now().isoformat()
    wanted = {"state": WhatsApp.ASKED, "by": person_id, "at": moment, "since": moment, "profile": profile}
    said = news.about(purchase, say(N_("{person} enables WhatsApp."), person=person(person_id)))
    happened = Happened("whatsapp_enabled", person_id, owed=(news.thread(app.settings, said),))
    setting_up = readiness.Finding(
        readiness.WHATSAPP, readiness.Verdict.WAITING, say(senders.SETTING_UP), blocks=True
    )
    return await _amend(purchase, happened, app, wanted, [setting_up.kept()])


@operations.of_the_newest
async def give_up(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """WhatsApp wanted no more; a sender that Twilio has stays there."""
    purchase = await check_give_up(purchase_id, quote_no, person_id, app)
    said = news.about(purchase, say(N_("{person} does without WhatsApp."), person=person(person_id)))
    happened = Happened("whatsapp_given_up", person_id, owed=(news.thread(app.settings, said),))
    return await _amend(purchase, happened, app, None, [])


async def check_give_up(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    return await operations.check_possible(
        Verb.ENABLE_WHATSAPP, "no_whatsapp", purchase_id, quote_no, person_id, app
    )


async def _amend(
    purchase: Purchase,
    happened: Happened,
    app: App,
    whatsapp: dict[str, Any] | None,
    findings: list[dict[str, Any]],
) -> Purchase:
    others = [each for each in purchase.findings if each["check"] != readiness.WHATSAPP]
    return await app.store.amend(
        purchase, happened, whatsapp=whatsapp, findings=others + findings, wake_at=now(), tries=0
    )


async def check_code(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if its sender waits for a code that this person may enter. Raises as ``operations.check_possible``."""
    return await operations.check_possible(
        Verb.ENABLE_WHATSAPP, "whatsapp_code", purchase_id, quote_no, person_id, app
    )


async def enter_code(purchase_id: str, quote_no: int, person_id: str, code: str, app: App) -> None:
    """code: goes to Twilio and nowhere else. Raises CodeRefused, TwilioError, and as ``check_code`` does."""
    purchase = await check_code(purchase_id, quote_no, person_id, app)
    try:
        await senders.verify(app.twilio, (purchase.whatsapp or {})["sender"], code)
    except TwilioError as error:
        if not error.definite:
            raise
        why = senders.why(error.code, error.message)
        raise CodeRefused(why["say"], **why["with"]) from error
    await _code_entered(purchase_id, person_id, app)


@operations.of_the_newest
async def _code_entered(purchase_id: str, person_id: str, app: App) -> Purchase:
    """Twilio has it, whatever else has changed of the purchase meanwhile."""
    purchase = await operations.existing(purchase_id, app)
    whatsapp = {**(purchase.whatsapp or {}), "since": now().isoformat()}  # it is looked at often again
    happened = Happened("whatsapp_code_entered", person_id)
    return await app.store.amend(purchase, happened, whatsapp=whatsapp, wake_at=now())


# what the worker does


async def advance(purchase: Purchase, app: App) -> tuple[Purchase, list[Sender], datetime | None]:
    """One look, and what can be done next: the purchase, the account's senders, and when to look again if that is before the hour.
    Raises TwilioError, Lost, OutOfOffice."""
    found = await senders.listed(app.twilio)
    sender = senders.own(found, purchase.sender_id)
    whatsapp = purchase.whatsapp or {}
    again: datetime | None = None
    if sender is not None:
        purchase, again = await _follow(purchase, sender, app)
    elif whatsapp["state"] == WhatsApp.REGISTERING:
        purchase, again = await _settle_doubt(purchase, app)
    elif whatsapp["state"] == WhatsApp.REGISTERED and now() - _since(whatsapp) < LAG:
        again = _later(whatsapp)
    elif whatsapp["state"] == WhatsApp.REGISTERED:
        purchase = await _refuse(purchase, say(GONE), app)
    elif whatsapp["state"] == WhatsApp.ASKED and found:
        return await _register(purchase, found, app)
    return purchase, found, again


async def _register(
    purchase: Purchase, found: list[Sender], app: App
) -> tuple[Purchase, list[Sender], datetime | None]:
    """Intent, call, result. Whatever is not clear is settled at a later look."""
    waba_id = app.settings.whatsapp_business_account_id or senders.business_account(found)
    if waba_id is None:
        return await _refuse(purchase, say(SEVERAL_ACCOUNTS), app), found, None
    sender_id = senders.PREFIX + purchase.phone_number
    profile = (purchase.whatsapp or {})["profile"]
    by_voice = "sms" not in purchase.quote.capabilities
    purchase = await _save(
        purchase,
        app,
        "whatsapp_registering",
        state=WhatsApp.REGISTERING,
        since=now(),
        wake_at=now() + LOOKS[0],
    )
    try:
        made = await senders.register(app.twilio, sender_id, waba_id, profile, by_voice)
    except TwilioError as error:
        if not error.definite:
            return purchase, found, now() + LOOKS[0]
        found = await senders.listed(app.twilio)  # a definite refusal is settled by one look (rule 2)
        there = senders.own(found, sender_id)
        if there is None:
            why = senders.why(error.code, error.message)
            return await _refuse(purchase, why, app, error.code), found, None
        made = there
    purchase, again = await _follow(purchase, made, app)
    return purchase, [*(each for each in found if each.sid != made.sid), made], again


async def _settle_doubt(purchase: Purchase, app: App) -> tuple[Purchase, datetime | None]:
    """Twilio does not list it: looked for again, then the registration came to nothing, and is tried again."""
    whatsapp = purchase.whatsapp or {}
    began = _since(whatsapp)
    again = next((began + each for each in LOOKS if began + each > now()), None)
    if again is not None:
        return purchase, again
    tries = whatsapp.get("tries", 0) + 1
    if tries >= MOST_TRIES:
        return await _refuse(purchase, say(NOT_MADE), app), None
    return await _save(
        purchase, app, "whatsapp_not_registered", state=WhatsApp.ASKED, since=now(), tries=tries
    ), now()


async def _refuse(purchase: Purchase, why: Said, app: App, code: int | None = None) -> Purchase:
    details = {"code": code} if code else {}
    return await _save(
        purchase,
        app,
        "whatsapp_refused",
        details,
        state=WhatsApp.REFUSED,
        since=now(),
        why=why,
        sender=None,
        status=None,
    )


async def _follow(purchase: Purchase, sender: Sender, app: App) -> tuple[Purchase, datetime | None]:
    """The sender that Twilio has: verified, put into the service, or waited for with growing pauses."""
    whatsapp = purchase.whatsapp or {}
    if whatsapp.get("sender") != sender.sid:
        purchase = await _save(
            purchase,
            app,
            "whatsapp_registered",
            {"sender": sender.sid},
            state=WhatsApp.REGISTERED,
            since=now(),
            sender=sender.sid,
            status=sender.status,
            **dict.fromkeys(("profile", "why", "tried", "asks", "service")),  # of what was there before
        )
    elif whatsapp.get("status") != sender.status:
        purchase = await _save(purchase, app, status=sender.status, since=now())
    if sender.status == senders.PENDING_VERIFICATION:
        purchase = await _verify(purchase, sender, app)
    if sender.is_online:
        return await _join(purchase, sender, app)
    return purchase, _later(purchase.whatsapp or {})


async def _verify(purchase: Purchase, sender: Sender, app: App) -> Purchase:
    """With the code that came to the number since WhatsApp was enabled; which text was tried is written first, so that none is
    tried twice. Where there is none, a person is asked."""
    whatsapp = purchase.whatsapp or {}
    texts = "sms" in purchase.quote.capabilities
    if texts:
        enabled = datetime.fromisoformat(whatsapp["at"])
        newest = await senders.newest_code(app.twilio, purchase.phone_number, enabled)
        if newest is not None and newest[0] != whatsapp.get("tried"):
            purchase = await _save(purchase, app, "whatsapp_code_found", tried=newest[0])
            try:
                await senders.verify(app.twilio, sender.sid, newest[1])
            except TwilioError as error:
                log.warning("the code did not verify the sender: %s", error)
            else:
                return purchase
    asks = not texts or "tried" in (purchase.whatsapp or {}) or now() - _since(whatsapp) > CODE_COMES
    return await _save(purchase, app, asks=True) if asks and not whatsapp.get("asks") else purchase


async def _join(purchase: Purchase, sender: Sender, app: App) -> tuple[Purchase, datetime | None]:
    """Into the number's messaging service; what that refuses is said, and tried again with the hourly look."""
    service_sid = purchase.messaging_service_sid
    whatsapp = purchase.whatsapp or {}
    if service_sid is None or whatsapp.get("service") == service_sid:
        return purchase, None
    try:
        await senders.join(app.twilio, service_sid, sender.sid)
    except TwilioError as error:
        if error.status == 404 and now() - _since(whatsapp) < LAG:
            return purchase, _later(whatsapp)
        if not error.definite:
            raise
        why = senders.why(error.code, error.message)
        return await _save(purchase, app, why=why) if why != whatsapp.get("why") else purchase, None
    details = {"messaging_service_sid": service_sid}
    return await _save(purchase, app, "whatsapp_joined", details, service=service_sid, why=None), None


async def _save(
    purchase: Purchase,
    app: App,
    what: str | None = None,
    details: dict[str, Any] | None = None,
    wake_at: datetime | None = None,
    **changed: Any,
) -> Purchase:
    """changed: of ``whatsapp``; None takes it out. Raises Lost where a person has changed the purchase since it was read."""
    times = {name: value.isoformat() for name, value in changed.items() if isinstance(value, datetime)}
    whatsapp = {**(purchase.whatsapp or {}), **changed, **times}
    whatsapp = {name: value for name, value in whatsapp.items() if value is not None}
    values: dict[str, Any] = {"wake_at": wake_at} if wake_at else {}
    happened = Happened(what, details=details or {}) if what else None
    return await app.store.save_step(purchase, happened, as_read=True, whatsapp=whatsapp, **values)


def _later(whatsapp: dict[str, Any]) -> datetime:
    """After as long again as it has waited already."""
    return now() + min(max(now() - _since(whatsapp), SHORTEST), LONGEST_SLEEP)


def _since(whatsapp: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(whatsapp["since"])
