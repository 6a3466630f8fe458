"""After a number is bought: what is missing is looked at again until it is there, and a delivered test message proves it.

A test message is sent by the process that took the form, because the recipient is in its memory only; what becomes of it is
followed by the worker. A process that dies in between leaves a row that the worker settles by asking Twilio (rule 2).
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot import announcements as news
from bot import readiness
from bot.core import App
from bot.errors import NotPossibleNow
from bot.purchases import operations, proof, whatsapp
from bot.purchases.policy import Verb
from bot.purchases.proof import From, Proof
from bot.readiness import Verdict
from bot.twilio import messages
from bot.twilio.senders import Sender
from storage.history import Happened
from storage.models import Purchase, now

log = logging.getLogger(__name__)

AGAIN = timedelta(hours=1)
"""Between two looks at what is missing."""
A_MOMENT = timedelta(seconds=30)


# what people do


@operations.of_the_newest
async def check(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """Everything looked at anew, now. Raises as ``operations.check_possible`` does."""
    purchase = await operations.check_possible(Verb.CHECK, "check", purchase_id, quote_no, person_id, app)
    return await app.store.amend(purchase, Happened("check_asked", person_id), wake_at=now())


async def check_test(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could send a test message from its number now. Raises TestUnderWay, TooManyTests too."""
    purchase = await operations.check_possible(Verb.TEST, "test", purchase_id, quote_no, person_id, app)
    lines = await app.store.record_of(purchase.id)
    proof.check(purchase.proof, (each.happened_at for each in lines if each.what == "test_began"))
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
    begun = proof.begun(person_id, way)
    happened = Happened("test_began", person_id, {"reference": begun["reference"]})
    return await app.store.amend(purchase, happened, proof=begun, wake_at=now() + proof.INTERRUPTED)


def ways_to_test(purchase: Purchase) -> tuple[str, ...]:
    """How it can write: first the way that is to be proven."""
    online = whatsapp.is_online(purchase)
    return (messages.WHATSAPP,) * online + (messages.SMS,) * purchase.quote.can_text


async def send_test(purchase: Purchase, to: str, body: str, app: App) -> None:
    """to: kept nowhere. What Twilio refuses is told; after a doubt it is asked whether the message is there."""
    begun = purchase.proof or {}
    origin = From(
        purchase.phone_number,
        purchase.messaging_service_sid,
        app.settings.message_callback({"purchase": purchase.id}),
    )
    known = await proof.send(begun, origin, to, body, app)
    if known is None:
        return

    def still(purchase: Purchase) -> bool:
        return proof.is_still(begun, purchase.proof)

    if proof.is_open(known):
        soon = now() + timedelta(seconds=1)
        await operations.note(purchase.id, app, still=still, proof=known, wake_at=soon)
    else:
        happened, values = _ended(purchase, known, app)
        await operations.note(purchase.id, app, happened, still, **values)


# what the worker does


async def look_again(purchase: Purchase, app: App) -> None:
    """One that is bought and awake: what is missing, and a test message on its way."""
    if proof.is_open(purchase.proof):
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
    before = purchase.proof or {}
    known, again = await proof.followed(before, purchase.phone_number, app)
    if again is None:
        happened, values = _ended(purchase, known, app)
        await app.store.save_step(purchase, happened, **values)
    elif known != before:
        await app.store.save_step(purchase, proof=known, wake_at=again)
    else:
        await app.store.pause(purchase, again, None)


def _ended(purchase: Purchase, known: Proof, app: App) -> tuple[Happened, dict[str, Any]]:
    """What became of it, on the card, in the thread and to who asked; the recipient is no part of it."""
    owed = news.both(app.settings, purchase, news.about(purchase, proof.outcome(known)))
    values: dict[str, Any] = {"proof": known, "wake_at": now()}  # what is missing may have changed too
    if known["status"] == proof.DELIVERED and known.get("way") != messages.WHATSAPP:
        values["ready_at"] = now()
    elif known["status"] == proof.DELIVERED and purchase.whatsapp is not None:
        values["whatsapp"] = {**purchase.whatsapp, "delivered_at": now().isoformat()}
    return Happened("test_ended", details=proof.on_record(known), owed=owed), values
