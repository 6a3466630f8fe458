"""Releasing a number, which cannot be taken back: the intent of whoever may, and the one call that the worker makes for it.

Where Twilio does not have it any more, it ends here too, whoever released it.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.errors import BotError, CannotCheck, FormErrors, NotPossibleNow
from bot.folding import dialled
from bot.purchases import operations
from bot.purchases.policy import Verb
from bot.purchases.steps import LAG
from bot.refusals import Kind, of_twilio
from bot.texts import N_, Said, person, phone, say
from bot.twilio.client import TwilioError
from bot.twilio.numbers import of_sid
from storage.history import Happened
from storage.models import Number, Purchase, now
from storage.outbox import Owed

log = logging.getLogger(__name__)

LAST_DIGITS = 4
"""To be typed: a number is not released by mistaking it for another one."""
A_MOMENT = timedelta(seconds=5)
"""After the call is written down: when a process that comes after a crash looks what became of it."""


async def check(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could have its number released now. Raises as ``operations.check_possible`` does."""
    purchase = await operations.check_possible(Verb.RELEASE, "release", purchase_id, quote_no, person_id, app)
    if purchase.account_sid != app.settings.twilio_account_sid:
        raise NotPossibleNow()
    return purchase


@operations.of_the_newest
async def begin(
    purchase_id: str, quote_no: int, person_id: str, reason: str, digits: str, app: App
) -> Purchase:
    """The intent. Nobody is told yet. digits: the number's last ones, as they were typed. Raises as ``check`` does, and FormErrors."""
    purchase = await check(purchase_id, quote_no, person_id, app)
    if dialled(digits) != purchase.phone_number[-LAST_DIGITS:]:
        raise FormErrors({"digits": say(N_("These are not the last four digits of this number."))})
    intent = {"by": person_id, "reason": reason, "asked_at": now().isoformat()}
    happened = Happened("release_asked", person_id, {"reason": reason})
    return await app.store.amend(purchase, happened, releasing=intent, wake_at=now(), tries=0)


# what the worker does


async def carry_out(purchase: Purchase, app: App) -> None:
    """Twilio is asked first, each time: so a call is repeated only where the one before is known to have done nothing.

    Raises TwilioError where it has to be looked at again.
    """
    intent, sid = purchase.releasing, purchase.phone_number_sid
    assert intent is not None and sid is not None
    if purchase.account_sid != app.settings.twilio_account_sid:  # of another account a 404 says nothing
        await _give_up(purchase, NotPossibleNow().said, app)
        return
    found = await of_sid(app.twilio, sid)
    if found is None:
        await _is_gone(purchase, app)
        return
    if found.phone_number != purchase.phone_number:
        said = say(N_("Twilio has another number in its place."))
        await _give_up(purchase, said, app, operators=True)
        return
    try:  # who asked for it may have lost the right since
        await app.policy.check(Verb.RELEASE, intent["by"], purchase, app.people)
    except CannotCheck:
        await _look_again(purchase, app)
        return
    except BotError as error:
        await _give_up(purchase, error.said, app)
        return
    await _call(purchase, intent, sid, app)


async def _call(purchase: Purchase, intent: dict[str, Any], sid: str, app: App) -> None:
    by = intent["by"]
    happened = None if "sent_at" in intent else Happened("releasing", by, _which(purchase))
    purchase = await app.store.save_step(
        purchase,
        happened,
        bump=False,
        as_read=True,
        releasing={**intent, "sent_at": now().isoformat()},
        wake_at=now() + A_MOMENT,
    )
    try:
        done = await app.twilio.incoming_phone_numbers(sid).delete_async()
    except TwilioError as error:
        kind = of_twilio(error).kind
        if error.status == 404 or kind is Kind.PASSING:
            raise
        said = say(N_("Twilio refuses: {message}"), message=error.message)
        await _give_up(purchase, said, app, operators=kind is Kind.OF_INSTALLATION)
        return
    if done:
        await _is_gone(purchase, app)
    else:
        await _look_again(purchase, app)


async def _is_gone(purchase: Purchase, app: App) -> None:
    sent = "sent_at" in (purchase.releasing or {})
    if not sent and purchase.bought_at is not None and now() < purchase.bought_at + LAG:
        await app.store.pause(purchase, purchase.bought_at + LAG, None)  # Twilio may answer late (rule 32)
        return
    await gone(await app.store.number_of(purchase), app)


async def _look_again(purchase: Purchase, app: App) -> None:
    until = now() + timedelta(seconds=min(5 * 2**purchase.tries, 300))
    await app.store.pause(purchase, until, None, tries=min(purchase.tries + 1, 10))


async def _give_up(purchase: Purchase, why: Said, app: App, *, operators: bool = False) -> None:
    """The number stays, and who wanted it gone learns why; they can ask for it again."""
    intent = purchase.releasing or {}
    said = say(N_("{number} was not released. {problem}"), number=phone(purchase.phone_number), problem=why)
    alarm = (news.operators(app.settings, said),) if operators else ()
    owed = (news.thread(app.settings, said), Owed("direct", intent["by"], said, after_card=True), *alarm)
    log.warning("its number is not released")
    await app.store.save_step(
        purchase,
        Happened("release_given_up", details=_which(purchase), owed=owed),
        as_read=True,
        releasing=None,
        tries=0,
        wake_at=now(),
    )


# what is so afterwards, whoever did it


async def gone(number: Number, app: App) -> None:
    """Twilio does not have it any more: it is free, and its people are told once who released it, or that it was done there."""
    purchase = await app.store.purchase(number.purchase_id) if number.purchase_id is not None else None
    which = {"phone_number": number.phone_number, "phone_number_sid": number.phone_number_sid}
    intent = (purchase.releasing or {}) if purchase is not None and purchase.is_being_released else {}
    if purchase is None:
        await app.store.number_gone(number, Happened("released", details=which))
    elif "sent_at" not in intent:
        text = N_("{number} is not in the Twilio account any more: it was released there.")
        owed = news.both(app.settings, purchase, say(text, number=phone(number.phone_number)))
        happened = Happened("released", details=which, owed=owed)
        await app.store.number_gone(number, happened, releasing=None)
    else:
        by, reason = intent["by"], intent["reason"]
        said = say(
            N_("{person} has released {number}: {reason}"),
            person=person(by),
            number=phone(number.phone_number),
            reason=reason,
        )
        happened = Happened(
            "released_here", by, {**which, "reason": reason}, operations.told(app, purchase, by, said)
        )
        await app.store.number_gone(number, happened, releasing={**intent, "released_at": now().isoformat()})


def released_at(purchase: Purchase) -> datetime | None:
    """When it was released here; none: it was not."""
    at = (purchase.releasing or {}).get("released_at")
    return datetime.fromisoformat(at) if at else None


def _which(purchase: Purchase) -> dict[str, Any]:
    return {"phone_number": purchase.phone_number, "phone_number_sid": purchase.phone_number_sid}
