"""A purchase's life in sentences, from the record: who did what when, at which price, by which rule."""

from collections.abc import Callable, Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any

from bot.readiness import NAMES
from bot.texts import BUNDLE_STATES, N_, NC_, Said, Texts, country, money, number_type, person, phone, say
from storage.models import Event, Purchase
from storage.store import Store

SENTENCES: Mapping[str, str] = {
    "submitted": N_("{person} asked for a number: {purpose}"),
    "quote": N_("Quote {quote}: {number}, {type} in {country}, for {price} a month."),
    "approval": N_("{person} approved quote {quote} by the rule “{rule}” of policy version {version}."),
    "approval_counted": N_("More approvals are needed."),
    "stage_reached": N_("It reached stage {stage} of the rule “{rule}” (policy version {version})."),
    "approved": N_("It has the approvals it needs."),
    "uncovered": N_("No rule of policy version {version} covered it any more."),
    "unasked": N_("Nobody had to approve it, by the rule “{rule}” of policy version {version}."),
    "emergency": N_(
        "{person} approved it alone, in an emergency: {reason} (rule “{rule}” of policy version {version})"
    ),
    "reminded": N_("Those who have to decide were reminded, for stage {stage} of the rule “{rule}”."),
    "passed_on": N_("Stage {stage} of the rule “{rule}” was passed on to others, who may decide, too."),
    "lapsed": N_("Nobody decided in time, by the rule “{rule}” of policy version {version}: it lapsed."),
    "approvals_void": N_(
        "Not enough of those who approved may approve any more: it went back to the approvers."
    ),
    "denied": N_("{person} denied it: {reason}"),
    "withdrawn": N_("{person} withdrew it. {reason}"),
    "ended": N_("{person} ended it."),
    "replaced": N_("{person} asked for another number instead."),
    "quote_changed": N_("What it was approved for has changed, so it was asked for again."),
    "waiting": N_("It had to wait."),
    "stopped": N_("It stopped until somebody decides ({problem})."),
    "retried": N_("{person} had it tried again."),
    "despite_balance": N_("{person} had it bought despite the balance."),
    "alternative_taken": N_("{person} took {number} in place of the lost one."),
    "closest_taken": N_("The number was gone; the closest match was taken within the approval."),
    "taken_over": N_("{person} said that the number in the account is this request's."),
    "service_chosen": N_("{person} chose the messaging service “{service}”."),
    "service_moved": N_("{person} moved the number into the messaging service “{service}”."),
    "address_chosen": N_("{person} chose an address ({address})."),
    "bundle_given": N_("{person} added the bundle {bundle}."),
    "bundle_status": N_("Twilio's review: the bundle is {status}."),
    "bundle_lapses": N_("The approval of its bundle lapses in {days} days."),
    "bundle_approved": N_("Its bundle is approved."),
    "buying": N_("The order for {number} at {price} a month was written down, and sent to Twilio."),
    "not_bought": N_("Twilio was asked: nothing was bought."),
    "looked_after_office": N_(
        "Another process took over in the middle; Twilio was asked what became of the order."
    ),
    "charge": N_("{number} was bought for {price} a month."),
    "service_found": N_("Its messaging service is set up ({service})."),
    "attached": N_("The number is in its messaging service."),
    "checked": N_("It was checked: {findings}."),
    "complete": N_("It is complete."),
    "check_asked": N_("{person} had it checked again."),
    "test_began": N_("{person} sent a test message."),
    "test_ended": N_("The test message ended: {status}."),
    "enable_geo_began": N_("{person} began to enable texts to other countries."),
    "enable_geo": N_("{person} enabled texts to other countries."),
    "set_inbound_began": N_("{person} began to have replies handled by the number."),
    "set_inbound": N_("{person} had replies handled by the number."),
    "whatsapp_enabled": N_("{person} enabled WhatsApp."),
    "whatsapp_given_up": N_("{person} did without WhatsApp."),
    "whatsapp_registering": N_("The WhatsApp sender was written down, and sent to Twilio."),
    "whatsapp_not_registered": N_("Twilio was asked: no WhatsApp sender was registered."),
    "whatsapp_registered": N_("Twilio has the WhatsApp sender."),
    "whatsapp_refused": N_("The WhatsApp sender was refused."),
    "whatsapp_code_entered": N_("{person} entered WhatsApp's code."),
    "whatsapp_code_found": N_("WhatsApp's code was found among the incoming texts."),
    "whatsapp_joined": N_("The WhatsApp sender is in the number's messaging service."),
    "handed_over": N_("{person} handed it over to {owner}."),
    "release_asked": N_("{person} asked for its number to be released: {reason}"),
    "releasing": N_("The release of {number} was written down, and sent to Twilio."),
    "release_given_up": N_("{number} was not released."),
    "released_here": N_("{number} was released, as {person} had asked: {reason}"),
    "released": N_("The number was released in the Twilio account."),
}
"""By what a line of the record says. A line that has none here is told by that very word."""

TEST_STATES = {
    "delivered": NC_("a test message", "delivered"),
    "undelivered": NC_("a test message", "not delivered"),
    "failed": N_("failed"),
    "no_receipt": N_("no receipt of the carrier's"),
    "interrupted": N_("interrupted before it was sent"),
}
VERDICTS = {
    "fine": N_("fine"),
    "missing": NC_("a check", "missing"),
    "waiting": N_("under way"),
    "unknown": N_("not to be seen"),
}


async def told(purchase: Purchase, store: Store, t: Texts) -> list[str]:
    """A line each, oldest first, below one that names the request."""
    names = {
        each.user_id: each.display_name
        for each in await store.people(purchase.workspace_id)
        if each.display_name
    }
    head = t("Request {purchase} for {number}:", purchase=purchase.id, number=t.phone(purchase.phone_number))
    lines = [head]
    for event in await store.record_of(purchase.id):
        at = event.happened_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.append(f"{at}  {t.plain(sentence(event, purchase), names).strip()}")
    return lines


def sentence(event: Event, purchase: Purchase) -> Said:
    text = SENTENCES.get(event.what)
    if text is None:
        return {"say": event.what.replace("{", "").replace("}", ""), "with": {}}
    return say(
        text, **{name: value(event, purchase) for name, value in VALUES.items() if f"{{{name}}}" in text}
    )


def _price(event: Event, purchase: Purchase) -> Said:
    currency = event.details.get("currency") or purchase.quote.currency
    return money(Decimal(event.details["price"]), currency)


def _detail(*names: str) -> Callable[[Event, Purchase], str]:
    """The first of these that the line has."""

    def value(event: Event, _: Purchase) -> str:
        return next((str(event.details[each]) for each in names if event.details.get(each)), "–")

    return value


def _status(event: Event, _: Purchase) -> Any:
    status = str(event.details.get("status") or "–")
    known = BUNDLE_STATES if event.what == "bundle_status" else TEST_STATES
    return say(known[status]) if status in known else status


def _findings(event: Event, _: Purchase) -> list[Said]:
    return [
        say("{check}: {verdict}", check=say(NAMES[check]), verdict=say(VERDICTS[verdict]))
        for check, verdict in sorted(event.details.items())
        if check in NAMES and verdict in VERDICTS
    ]


VALUES: Mapping[str, Callable[[Event, Purchase], Any]] = {
    "person": lambda event, _: person(event.person_id),
    "owner": lambda event, _: person(event.details.get("owner")),
    "purpose": lambda _, purchase: purchase.purpose,
    "quote": lambda event, _: str(event.quote_no),
    "number": lambda event, purchase: phone(event.details.get("phone_number") or purchase.phone_number),
    "type": lambda event, _: number_type(event.details["number_type"]),
    "country": lambda event, _: country(event.details["country"]),
    "price": _price,
    "rule": _detail("rule"),
    "stage": _detail("stage"),
    "version": _detail("policy_version"),
    "reason": lambda event, _: str(event.details.get("reason") or ""),
    "problem": _detail("problem"),
    "service": _detail("service_name", "name", "service", "messaging_service_sid"),
    "address": _detail("address_sid"),
    "bundle": _detail("bundle_sid"),
    "status": _status,
    "days": _detail("days"),
    "findings": _findings,
}
