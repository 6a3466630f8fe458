"""Asking for a number without the form: the same checks, the same quote, the same approval. For programs beside Slack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import UNSEEN_CHARACTERS, FormErrors, HeldByAnother, NothingKnownYet, NothingOnSale, NotOnSale
from bot.folding import has_control_characters
from bot.purchases import operations
from bot.purchases.draft import asked_for, search_of
from bot.texts import N_, Said, phone, say
from bot.twilio import addresses
from bot.twilio.numbers import Available, available
from storage.models import Bundle, Draft, Purchase, new_id, now
from storage.purchases import NumberHeld

LONGEST = {"purpose": 500, "messaging_service_name": 64}
"""Letters, as the form's fields take them."""


@dataclass(frozen=True)
class Wish:
    """What the form's pages would hold, by the names of their fields. number: E.164; none: the first that is on sale.

    end_user: ``end_user_type``, ``bundle`` (its SID; none: to be added later), ``address`` (its SID).
    """

    person_id: str
    find: Mapping[str, Any]
    end_user: Mapping[str, Any]
    review: Mapping[str, Any]
    number: str | None = None


async def ask(wish: Wish, app: App) -> Purchase:
    """The purchase, before its approvers. Raises BotError, FormErrors with the sentence of each field, and TwilioError."""
    await app.policy.check_ask(wish.person_id, app.people)
    _check_texts({**wish.find, **wish.review})
    if not app.market.countries():
        raise NothingKnownYet()
    search = search_of(wish.find, app.market)
    filters = {**search.filters, **({"contains": wish.number} if wish.number else {})}
    found = await available(app.twilio, search.country, search.number_type, filters)
    number = await _chosen(wish, found, app)
    answers = {"find": dict(wish.find), "choose": {"phone_number": number.phone_number}}
    draft = _draft(wish, number, answers, app)
    draft, bundle = await _with_end_user(draft, wish, app)
    quote = asked_for(wish.review, draft, bundle, app.market)
    draft = await app.store.open_draft(draft)
    try:
        details = {"from": "command line"}
        return await operations.submit(draft, app, quote, draft.purpose, details)
    except NumberHeld as held:
        raise HeldByAnother(number=phone(number.phone_number)) from held
    finally:
        await app.store.discard_draft(draft.id)  # where it was not sent: nobody could go on with it


def _check_texts(typed: Mapping[str, Any]) -> None:
    """What Slack's fields see to, or the form before anything else. Raises FormErrors."""
    wrong: dict[str, Said] = {}
    for name, value in typed.items():
        if isinstance(value, str) and has_control_characters(value):
            wrong[name] = say(UNSEEN_CHARACTERS)
        elif name in LONGEST and len(value or "") > LONGEST[name]:
            wrong[name] = say(N_("At most {most} letters."), most=LONGEST[name])
    if wrong:
        raise FormErrors(wrong)


async def _chosen(wish: Wish, found: Sequence[Available], app: App) -> Available:
    account = app.settings.twilio_account_sid
    if wish.number:
        exact = next((each for each in found if each.phone_number == wish.number), None)
        if exact is None:
            raise NotOnSale(number=phone(wish.number))
        return exact
    held = await app.store.held_numbers(account, [each.phone_number for each in found])
    free = next((each for each in found if each.phone_number not in held), None)
    if free is None:
        raise NothingOnSale()
    return free


def _draft(wish: Wish, number: Available, answers: dict[str, dict[str, Any]], app: App) -> Draft:
    moment = now()
    return Draft(
        id=new_id(),
        workspace_id=app.workspace_id,
        account_sid=app.settings.twilio_account_sid,
        requester_id=wish.person_id,
        channel_id="",
        created_at=moment,
        updated_at=moment,
        version=0,
        answers=answers,
        results=[number.kept()],
    )


async def _with_end_user(draft: Draft, wish: Wish, app: App) -> tuple[Draft, Bundle | None]:
    """As page 3 has it: who uses the number, with which bundle or address, and whether that lies in another town."""
    assert draft.country and draft.number_type
    regulations = await app.market.regulations(draft.country, draft.number_type)
    draft.regulated = bool(regulations)
    typed = {name: value for name, value in wish.end_user.items() if value}
    if len(regulations) == 1:
        typed.setdefault("end_user_type", *regulations)
    town, needs = draft.number.get("locality"), draft.address_requirements
    away = []
    if needs == "local" and town:
        away = await addresses.elsewhere(app.twilio, draft.country, town)
    draft.answers = {**draft.answers, "end_user": {**typed, "elsewhere": away}}
    wrong: dict[str, Said] = {}
    bundle = None
    if regulations:
        if typed.get("end_user_type") not in regulations:
            wrong["end_user_type"] = say(N_("Choose who uses the number."))
        elif "bundle" in typed:
            bundle = await _bundle(draft, typed["bundle"], app)
            if bundle is None:
                wrong["bundle"] = say(
                    N_("No bundle of this SID fits the country, the number type and the end user.")
                )
    elif needs != "none":
        known = await addresses.known(app.twilio, draft.country, needs, [typed.get("address", "")])
        if typed.get("address") not in {each.sid for each in known}:
            wrong["address"] = say(N_("Choose an address: the number cannot be bought without one."))
    if wrong:
        raise FormErrors(wrong)
    draft.bundle_id = bundle.id if bundle else None
    return draft, bundle


async def _bundle(draft: Draft, sid: str, app: App) -> Bundle | None:
    assert draft.country and draft.number_type and draft.end_user_type
    fitting = await bundles.fitting(app, draft.country, draft.number_type, draft.end_user_type)
    chosen = [each for each in fitting if each.sid == sid]
    known = await bundles.with_addresses(app, chosen)
    return known.get(chosen[0].id, chosen[0]) if chosen else None
