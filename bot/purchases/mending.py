"""What a press on the card can do about what a check found missing: each asks who may, then Twilio, and then looks again.

None of it is paid for, and each may be repeated without harm: an answer that was lost is found by looking again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot import announcements as news
from bot import readiness
from bot.core import App
from bot.errors import BotError, NotPossibleNow
from bot.purchases import operations
from bot.purchases.policy import Verb
from bot.texts import N_, Said, country, person, say
from storage.history import Happened
from storage.models import Purchase, Service, now

LOOKED_AT = timedelta(seconds=60)
"""After a press whose end nobody saw, because the process died."""


class NotEnabled(BotError):
    text = N_("Twilio did not enable {countries}: {message}")


def found(purchase: Purchase, mend: str) -> dict[str, Any]:
    """What the check found that this would mend, as it needs to know it. Raises NotPossibleNow."""
    for each in readiness.unfinished(purchase.findings):
        if each.get("mend") == mend:
            about: dict[str, Any] = each["about"]
            return about
    raise NotPossibleNow()


async def check(mend: str, purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """The purchase, if this person could do this now. Raises as ``operations.check_possible`` does."""
    return await operations.check_possible(MENDS[mend].verb, mend, purchase_id, quote_no, person_id, app)


@operations.of_the_newest
async def begin(mend: str, purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """Who does it, on record before Twilio is asked; ``finish`` follows. Raises as ``check`` does."""
    purchase = await check(mend, purchase_id, quote_no, person_id, app)
    happened = Happened(f"{mend}_began", person_id, found(purchase, mend))
    return await app.store.amend(purchase, happened, wake_at=now() + LOOKED_AT)


async def finish(mend: str, purchase: Purchase, person_id: str, app: App) -> None:
    """Twilio is asked, the thread is told, and the number is looked at again. Raises TwilioError, NotEnabled."""
    said = await MENDS[mend].act(purchase, person_id, app)
    happened = Happened(mend, person_id, owed=(news.thread(app.settings, said),))
    await operations.note(purchase.id, app, happened, wake_at=now())


async def _enable_geo(purchase: Purchase, person_id: str, app: App) -> Said:
    countries = found(purchase, readiness.ENABLE_GEO)["countries"]
    wanted: list[object] = [{"country_code": each, "type": "country", "enabled": True} for each in countries]
    answer: Any = await app.twilio.accounts.v1.messaging_geopermissions.update_async(permissions=wanted)
    refused = [each for each in answer.permissions if not each["enabled"]]
    await app.market.refresh_geo()
    if refused:
        messages = {str(text) for each in refused for text in each.get("error_messages") or ("–",)}
        raise NotEnabled(
            countries=[country(each["country_code"]) for each in refused], message=sorted(messages)
        )
    text = N_("{person} has enabled texting to {countries} for the account.")
    return say(text, person=person(person_id), countries=[country(each) for each in countries])


async def _set_inbound(purchase: Purchase, person_id: str, app: App) -> Said:
    service = app.twilio.messaging.v1.services(purchase.messaging_service_sid or "")
    await service.update_async(use_inbound_webhook_on_number=True)
    return say(
        N_("{person} has let the numbers in “{service}” handle replies by their own settings."),
        person=person(person_id),
        service=purchase.quote.service_name,
    )


@dataclass(frozen=True)
class Mend:
    verb: Verb
    act: Callable[[Purchase, str, App], Awaitable[Said]]


MENDS: Mapping[str, Mend] = {
    readiness.ENABLE_GEO: Mend(Verb.ENABLE_GEO_PERMISSION, _enable_geo),
    readiness.SET_INBOUND: Mend(Verb.SET_INBOUND, _set_inbound),
}


# into a service whose campaign is verified: a matter of the worker's steps


async def check_move(purchase_id: str, quote_no: int, person_id: str, app: App) -> Purchase:
    """Raises as ``operations.check_possible`` does."""
    return await operations.check_possible(
        Verb.CHOOSE_SERVICE, readiness.MOVE_SERVICE, purchase_id, quote_no, person_id, app
    )


@operations.of_the_newest
async def move_service(purchase_id: str, quote_no: int, person_id: str, sid: str, app: App) -> Purchase:
    """The number in the worker's hands again, which takes it out of its service and puts it into this one.

    After buying that is a matter of the right, not of the approval (rule 5). Raises as ``check_move`` does.
    """
    purchase = await check_move(purchase_id, quote_no, person_id, app)
    offered = found(purchase, readiness.MOVE_SERVICE)["services"]
    chosen = next((each for each in offered if each["sid"] == sid), None)
    if chosen is None:
        raise NotPossibleNow()
    said = say(
        N_("{person} is moving the number into “{service}”, which has a verified A2P 10DLC campaign."),
        person=person(person_id),
        service=chosen["name"],
    )
    happened = Happened("service_moved", person_id, chosen, (news.thread(app.settings, said),))
    into = {"service": Service.EXISTING, "service_sid": sid, "service_name": chosen["name"]}
    return await app.store.revise(
        purchase,
        happened,
        into,
        person_id,
        **operations.going_on(),
        leaves_service_sid=purchase.messaging_service_sid,
        messaging_service_sid=None,
        attached_at=None,
        checked_at=None,
        ready_at=None,
        findings=[],
    )
