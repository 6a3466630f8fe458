"""Which listener hears what. Bolt tries them in this order and takes the first that fits."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from handlers import card, command, errors
from handlers.buy_number import address, choose, end_user, find, flow, review

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
    (review.CALLBACK_ID, "back"): flow.back,
    (errors.BACK, "back"): flow.back,
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
}


def add_to(app: AsyncApp) -> None:
    app.command("/twilio")(command.received)
    app.options("country")(find.country_suggested)
    app.options("address_country")(address.country_suggested)
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
