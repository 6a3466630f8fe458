"""Numbers of the account that were not bought here: looked up, tested as ours are, and told to who asked, for there is no card.

They have neither requester nor owner, so approvers test them (rule 41). As ever the intent is written before the message is sent,
the recipient is in memory only, and after a doubt the worker asks Twilio (rule 2).
"""

import logging
from datetime import timedelta
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.errors import CannotText, NoSuchNumber, NotPossibleNow, TestUnderWay
from bot.purchases import owned, proof
from bot.purchases.proof import From, Proof
from bot.texts import phone
from bot.twilio import messages
from bot.twilio.client import TwilioError
from bot.twilio.numbers import capabilities
from bot.twilio.numbers import owned as owned_by_us
from storage.changes import Lost
from storage.history import Happened
from storage.models import Number, now

log = logging.getLogger(__name__)


async def find(phone_number: str, app: App) -> Any:
    """As Twilio has it. Raises NoSuchNumber, TwilioError."""
    found = await owned_by_us(app.twilio, phone_number)
    if found is None:
        raise NoSuchNumber(number=phone(phone_number))
    return found


async def check_test(phone_number: str, person_id: str, app: App) -> Number:
    """The number, if this person could send a test message from it now.

    Raises as the policy does, NoSuchNumber, CannotText, NotPossibleNow where a request holds it, TestUnderWay, TooManyTests, TwilioError.
    """
    await app.policy.check_of_nobody(person_id, app.people)
    found = await find(phone_number, app)
    if "sms" not in capabilities(found.capabilities):
        raise CannotText(number=phone(phone_number))
    await owned.meet(found, app)
    number = await app.store.number_of_nobody(app.settings.twilio_account_sid, phone_number)
    if number is None:
        raise NotPossibleNow()
    lines = await app.store.record_of_numbers("test_began", now() - proof.HOUR)
    mine = [each for each in lines if each.details.get("phone_number_sid") == number.phone_number_sid]
    proof.check(number.proof, (each.happened_at for each in mine))
    return number


async def begin_test(phone_number: str, person_id: str, app: App) -> Number:
    """The intent, written before the message is sent: of two presses one wins. Raises as ``check_test`` does."""
    number = await check_test(phone_number, person_id, app)
    begun = proof.begun(person_id, messages.SMS)
    happened = Happened("test_began", person_id, {"reference": begun["reference"], **_named(number)})
    wake_at = now() + proof.INTERRUPTED
    try:
        return await app.store.change_number(number, app.workspace_id, happened, proof=begun, wake_at=wake_at)
    except Lost:
        raise TestUnderWay() from None


async def send_test(number: Number, to: str, body: str, app: App) -> None:
    """to: kept nowhere."""
    begun = number.proof or {}
    origin = From(number.phone_number, callback=app.settings.message_callback({"number": _sid(number)}))
    known = await proof.send(begun, origin, to, body, app)
    if known is None:
        return  # the worker asks Twilio, before anybody sends another one
    assert number.id is not None
    while (newest := await app.store.number(number.id)) and proof.is_still(begun, newest.proof):
        try:
            await _keep(newest, known, None if not proof.is_open(known) else timedelta(seconds=1), app)
            return
        except Lost:
            continue  # Twilio has reported meanwhile


async def follow(app: App) -> None:
    """The duty: what became of those that were sent."""
    for number in await app.store.numbers_due():
        try:
            await _follow(number, app)
        except Lost:
            log.info("number %s was changed meanwhile", number.phone_number_sid)


async def _follow(number: Number, app: App) -> None:
    known = number.proof or {}
    try:
        known, again = await proof.followed(known, number.phone_number, app)
        wait = None if again is None else max(again - now(), timedelta(0))
    except TwilioError as error:
        log.warning("the test message of %s could not be looked at: %s", number.phone_number_sid, error)
        wait = timedelta(seconds=max(10, error.retry_after or 0))
    await _keep(number, known, wait, app, by_worker=True)


async def _keep(
    number: Number, known: Proof, wait: timedelta | None, app: App, *, by_worker: bool = False
) -> None:
    """What is known by now; with no wait it has ended, and is told to who asked. Raises Lost."""
    values: dict[str, Any] = {"proof": known, "wake_at": None if wait is None else now() + wait}
    happened = None
    if wait is None:
        said = news.about(number, proof.outcome(known))
        told = (news.to(known["by"], said),)
        happened = Happened("test_ended", details={**proof.on_record(known), **_named(number)}, owed=told)
        if known["status"] == proof.DELIVERED:
            values["proven_at"] = now()
    await app.store.change_number(number, app.workspace_id, happened, by_worker=by_worker, **values)


def _sid(number: Number) -> str:
    return number.phone_number_sid or ""


def _named(number: Number) -> dict[str, str]:
    return {"phone_number": number.phone_number, "phone_number_sid": _sid(number)}
