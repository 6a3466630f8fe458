"""Which listener hears what. Bolt tries them in this order and takes the first that fits."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from handlers import address_fields, command, errors
from handlers.bundle import address as bundle_address
from handlers.bundle import document, start
from handlers.bundle import flow as new_bundle
from handlers.bundle import list as bundles
from handlers.bundle import review as bundle_review
from handlers.buy import address, choose, end_user, find, flow, review
from handlers.card import picture as card

Listener = Callable[..., Awaitable[None]]

ON_PAGES: dict[tuple[str, str], Listener] = {
    (find.CALLBACK_ID, "country"): find.changed,
    (find.CALLBACK_ID, "advanced"): find.changed,
    (find.CALLBACK_ID, "resume"): flow.resumed,
    (find.CALLBACK_ID, "discard"): find.discarded,
    (choose.CALLBACK_ID, "more"): choose.turned,
    (choose.CALLBACK_ID, "previous"): choose.turned,
    (choose.CALLBACK_ID, "search_again"): choose.search_again,
    (choose.CALLBACK_ID, "drop_filter"): choose.filter_dropped,
    (choose.CALLBACK_ID, "back"): flow.back,
    (end_user.CALLBACK_ID, "end_user_type"): end_user.type_changed,
    (end_user.CALLBACK_ID, "back"): flow.back,
    (address.CALLBACK_ID, "back"): flow.back,
    (address.CALLBACK_ID, "take_suggestion"): address.suggestion_taken,
    (review.CALLBACK_ID, "back"): flow.back,
    (errors.BACK, "back"): flow.back,
    **{
        (page, action): listener
        for page in (*new_bundle.PAGES, bundle_review.CALLBACK_ID)
        for action, listener in (("back", new_bundle.back), ("later", new_bundle.finishing_later))
    },
    (document.CALLBACK_ID, "document_type"): document.kind_changed,
    (bundle_address.CALLBACK_ID, "address"): bundle_address.changed,
    (bundle_address.CALLBACK_ID, "take_suggestion"): new_bundle.suggestion_taken,
    (bundle_review.CALLBACK_ID, "change"): new_bundle.changing,
    (new_bundle.PROBLEM, "look_again"): new_bundle.looking_again,
    ("card.papers", "continue"): new_bundle.going_on,
    ("card.papers", "fix"): new_bundle.going_on,
    (bundles.CALLBACK_ID, "status"): bundles.filtered,
    (bundles.CALLBACK_ID, "country"): bundles.filtered,
    (bundles.CALLBACK_ID, "more"): bundles.turned,
    (bundles.CALLBACK_ID, "previous"): bundles.turned,
    (bundles.CALLBACK_ID, "continue"): new_bundle.going_on,
    (bundles.CALLBACK_ID, "fix"): new_bundle.going_on,
    (bundles.CALLBACK_ID, "submit"): bundles.submitting,
    (bundles.CALLBACK_ID, "delete"): bundles.deleting,
}
"""What fires while a modal is open, by the view's ``callback_id`` and the ``action_id``."""

ON_CARDS: dict[str, Listener] = {
    "approve": card.approved,
    "deny": card.denying,
    "withdraw": card.withdrawn,
    "alternative": card.alternative_taken,
    "retry": card.retried,
    "choose_service": card.choosing_service,
    "give_papers": card.giving_papers,
    "add_bundle": card.giving_papers,
    "buy_anyway": card.bought_anyway,
    "take_over": card.taken_over,
    "choose_address": card.choosing_address,
    "end": card.ended,
    "fix": new_bundle.going_on,
}

SUBMISSIONS: dict[str, Listener] = {
    find.CALLBACK_ID: find.submitted,
    choose.CALLBACK_ID: choose.submitted,
    end_user.CALLBACK_ID: end_user.submitted,
    address.CALLBACK_ID: address.submitted,
    review.CALLBACK_ID: flow.sent,
    "card.deny": card.denied,
    "card.service": card.service_chosen,
    "card.papers": card.papers_given,
    "card.address": card.address_chosen,
    start.CALLBACK_ID: start.submitted,
    **dict.fromkeys(new_bundle.PAGES, new_bundle.submitted),
    bundle_review.CALLBACK_ID: new_bundle.sent,
}


def add_to(app: AsyncApp) -> None:
    app.command("/twilio")(command.received)
    app.options("country", matchers=[_on_page(start.CALLBACK_ID)])(address_fields.country_suggested)
    app.options("country")(find.country_suggested)
    app.options("address_country")(address_fields.country_suggested)
    for callback_id, submitted in SUBMISSIONS.items():
        app.view(callback_id)(submitted)
    for (callback_id, action_id), pressed in ON_PAGES.items():
        app.action(action_id, matchers=[_on_page(callback_id)])(pressed)
    for action_id, pressed in ON_CARDS.items():
        app.action(action_id, matchers=[_on_message])(pressed)
    app.action(re.compile(""))(_nothing_to_do)
    app.error(errors.shown)


def _on_page(callback_id: str) -> Callable[..., Awaitable[bool]]:
    async def matches(body: dict[str, Any]) -> bool:
        return (body.get("view") or {}).get("callback_id") == callback_id

    return matches


async def _on_message(body: dict[str, Any]) -> bool:
    return "message" in body


async def _nothing_to_do(ack: Callable[[], Awaitable[Any]]) -> None:
    """A field that only counts when its page is submitted, or a button from before the last deploy."""
    await ack()
