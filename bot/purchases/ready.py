"""After a number is bought: what is missing is looked at again until it is there, and a delivered test message proves it.

A test message is sent by the process that took the form, because the recipient is in its memory only; what becomes of it is
followed by the worker. A process that dies in between leaves a row that the worker settles by asking Twilio (rule 2).
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot import announcements as news
from bot import readiness
from bot.core import App
from bot.errors import NotPossibleNow, TestUnderWay, TooManyTests
from bot.purchases import operations, whatsapp
from bot.purchases.policy import Verb
from bot.readiness import Verdict
from bot.texts import N_, Said, say
from bot.twilio import messages
from bot.twilio.client import TwilioError
from bot.twilio.senders import Sender
from storage.history import Happened
from storage.models import Purchase, now

log = logging.getLogger(__name__)

AGAIN = timedelta(hours=1)
"""Between two looks at what is missing."""
A_MOMENT = timedelta(seconds=30)
NO_RECEIPT = timedelta(minutes=10)
INTERRUPTED = timedelta(seconds=60)
"""After which a message of which nothing is known was cut off while it was being sent."""
TESTS_AN_HOUR = 3
SENDING, SENT = "sending", "sent"


# what people do


@operations.of_the_newest
async def check(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """Everything looked at anew, now. Raises as ``operations.check_possible`` does."""
    purchase = await operations.check_possible(Verb.CHECK, "check", purchase_id, quote_no, person_id, app)
    return await app.store.amend(purchase, Happened("check_asked", person_id), wake_at=now())


async def check_test(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could send a test message from its number now. Raises TestUnderWay, TooManyTests too."""
    purchase = await operations.check_possible(Verb.TEST, "test", purchase_id, quote_no, person_id, app)
    hour_ago = now() - timedelta(hours=1)
    lines = await app.store.record_of(purchase.id)
    if sum(each.what == "test_began" and each.happened_at > hour_ago for each in lines) >= TESTS_AN_HOUR:
        raise TooManyTests()
    if (purchase.proof or {}).get("status") == SENDING:
        raise TestUnderWay()
    return purchase


@operations.of_the_newest
async def begin_test(
    purchase_id: str, quote_no: int, person_id: str, app: App, way: str | None = None
) -> Purchase:
    """The intent, written before the message is sent: of two presses one wins. way: SMS or WhatsApp, where that was chosen.

    Raises as ``check_test`` does, and NotPossibleNow where the number cannot write in this way.
    """
    purchase = await check_test(purchase_id, quote_no, person_id, app)
    ways = ways_to_test(purchase)
    way = way or next(iter(ways), None)
    if way not in ways:
        raise NotPossibleNow()
    reference = secrets.token_hex(3)
    proof = {"status": SENDING, "reference": reference, "at": now().isoformat(), "by": person_id, "way": way}
    happened = Happened("test_began", person_id, {"reference": reference})
    return await app.store.amend(purchase, happened, proof=proof, wake_at=now() + INTERRUPTED)


def ways_to_test(purchase: Purchase) -> tuple[str, ...]:
    """How it can write: first the way that is to be proven."""
    online = whatsapp.is_online(purchase)
    return (messages.WHATSAPP,) * online + (messages.SMS,) * purchase.quote.can_text


async def send_test(purchase: Purchase, to: str, body: str, app: App) -> None:
    """to: kept nowhere. What Twilio refuses is told; after a doubt it is asked whether the message is there."""
    proof = purchase.proof or {}
    try:
        sent = await messages.send(
            app.twilio,
            messages.address(to, proof["way"]),
            _sender(purchase),
            purchase.messaging_service_sid,
            body,
            app.settings.whatsapp_content_sid,
            app.settings.message_callback(purchase.id),
        )
    except TwilioError as error:
        if not error.definite:
            return  # the worker asks Twilio, before anybody sends another one
        await _settle(purchase, {**proof, "status": "failed", "code": error.code}, app)
        return
    proof = {**proof, "status": SENT, "sid": str(sent.sid)}
    soon = now() + timedelta(seconds=1)
    await operations.note(purchase.id, app, still=_is_of(proof), proof=proof, wake_at=soon)


def _is_of(proof: dict[str, Any]) -> Callable[[Purchase], bool]:
    """Whether this test message is still the one that is looked for: the worker may have settled it meanwhile."""

    def same(purchase: Purchase) -> bool:
        newest = purchase.proof or {}
        return (newest.get("reference"), newest.get("status")) == (proof["reference"], SENDING)

    return same


# what the worker does


async def look_again(purchase: Purchase, app: App) -> None:
    """One that is bought and awake: what is missing, and a test message on its way."""
    if (purchase.proof or {}).get("status") in (SENDING, SENT):
        await _follow(purchase, app)
        return
    senders, again = None, None
    if purchase.whatsapp is not None:
        purchase, senders, again = await whatsapp.advance(purchase, app)
    found = await _found(purchase, senders, app)
    news_of = readiness.turned(purchase.findings, found)
    owed = tuple(
        each
        for finding in news_of
        for each in news.both(app.settings, purchase, news.about(purchase, finding["said"]))
    )
    happened = (
        Happened("checked", details=_on_record(found), owed=owed) if found != purchase.findings else None
    )
    wake_at = min((each for each in (again, wakes_at(found, now())) if each), default=None)
    await app.store.save_step(
        purchase, happened, as_read=True, findings=found, checked_at=now(), wake_at=wake_at
    )


async def _found(purchase: Purchase, senders: Sequence[Sender] | None, app: App) -> list[dict[str, Any]]:
    """What every check says. At the hour only what was not fine is asked about; who presses wants to know all, and so does what was done."""
    due = purchase.checked_at + AGAIN if purchase.checked_at is not None else None
    hourly = due is not None and purchase.wake_at is not None and abs(purchase.wake_at - due) < A_MOMENT
    fine = {each["check"]: each for each in purchase.findings if each["verdict"] == Verdict.FINE}
    only = {each["check"] for each in purchase.findings} - set(fine) if hourly else None
    looked = await readiness.look(readiness.subject_of(purchase, senders), app, only)
    new = {each.check: each.kept() for each in looked}
    return list((fine | new if hourly else new).values())


def wakes_at(findings: list[dict[str, Any]], at: datetime) -> datetime | None:
    """Nothing is polled for what is ready."""
    return at + AGAIN if readiness.unfinished(findings) else None


def _on_record(findings: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["check"]: each["verdict"] for each in findings}


async def _follow(purchase: Purchase, app: App) -> None:
    proof = purchase.proof or {}
    began = datetime.fromisoformat(proof["at"])
    if proof["status"] == SENDING:
        await _settle_doubt(purchase, proof, began, app)
        return
    message = await app.twilio.messages(proof["sid"]).fetch_async()
    status = str(message.status)
    if status in messages.ENDED:
        proves = status in messages.ENDED_WELL and message.from_ == _sender(purchase)
        ended = {**proof, "status": "delivered" if proves else status, "code": message.error_code}
        await _settle(purchase, ended, app, by_worker=True)
    elif now() - began > NO_RECEIPT:
        await _settle(purchase, {**proof, "status": "no_receipt"}, app, by_worker=True)
    else:
        wait = min(max((now() - began).total_seconds() / 2, 1), 60)
        await app.store.pause(purchase, now() + timedelta(seconds=wait), None)


async def _settle_doubt(purchase: Purchase, proof: dict[str, Any], began: datetime, app: App) -> None:
    """Whether it was sent is asked of Twilio; nothing is sent again by us."""
    found = await messages.find(app.twilio, _sender(purchase), proof["reference"], began)
    if found is not None:
        sent = {**proof, "status": SENT, "sid": str(found.sid)}
        await app.store.save_step(purchase, proof=sent, wake_at=now())
    elif now() - began > INTERRUPTED:
        await _settle(purchase, {**proof, "status": "interrupted"}, app, by_worker=True)
    else:
        await app.store.pause(purchase, began + INTERRUPTED + timedelta(seconds=1), None)


async def _settle(purchase: Purchase, proof: dict[str, Any], app: App, *, by_worker: bool = False) -> None:
    """What became of it, on the card, in the thread and to who asked; the recipient is no part of it."""
    said = news.about(purchase, outcome(proof))
    happened = Happened(
        "test_ended",
        details={name: proof.get(name) for name in ("reference", "status", "code")},
        owed=news.both(app.settings, purchase, said),
    )
    values: dict[str, Any] = {"proof": proof, "wake_at": now()}  # what is missing may have changed too
    if proof["status"] == "delivered" and proof.get("way") != messages.WHATSAPP:
        values["ready_at"] = now()
    elif proof["status"] == "delivered" and purchase.whatsapp is not None:
        values["whatsapp"] = {**purchase.whatsapp, "delivered_at": now().isoformat()}
    if by_worker:
        await app.store.save_step(purchase, happened, **values)
    else:
        await operations.note(purchase.id, app, happened, _is_of(proof), **values)


def outcome(proof: dict[str, Any]) -> Said:
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


def _sender(purchase: Purchase) -> str:
    """What the test message comes from."""
    return messages.address(purchase.phone_number, (purchase.proof or {}).get("way", messages.SMS))
