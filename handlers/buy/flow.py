"""Across the pages: going back, going on with a draft, and sending it when the number may have gone to somebody else."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.texts import Texts
from handlers import blocks, errors, forms, modal
from handlers.blocks import View
from handlers.buy import address, choose, end_user, find, review
from handlers.buy import draft as draft_row
from storage.models import Draft
from storage.purchases import NumberHeld

PAGES = ("find", "choose", "end_user", "review")


async def back(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """The page before this one; what was typed here is kept for when the person comes forward again."""
    shown = body["view"]
    draft = await draft_row.of(shown, app)
    here = shown["callback_id"].rpartition(".")[2]
    answers = draft.answers
    if here in PAGES:
        answers = draft_row.answers(draft, here, forms.answers(shown))
        previous = PAGES[max(0, PAGES.index(here) - 1)]
    elif shown["callback_id"] == address.CALLBACK_ID:
        previous = "end_user"  # an address that was typed is kept nowhere
    else:  # an error in place of the page that ``draft.page`` names
        previous = PAGES[max(0, PAGES.index(draft.page or "choose") - 1)]
    draft = await app.store.record_draft(draft.id, page=previous, answers=answers)
    await _show(previous, shown, draft, client, app, t)
    await ack()


async def resumed(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """The earlier draft on the page where it was left; the new one is thrown away."""
    shown = body["view"]
    draft = await app.store.draft(body["actions"][0]["value"])
    if draft is None or draft.requester_id != body["user"]["id"]:
        draft = await draft_row.of(shown, app)
        await _show("find", shown, draft, client, app, t)
    else:
        await app.store.discard_draft(blocks.about(shown))
        await _show(draft.page or "find", shown, draft, client, app, t)
    await ack()


async def sent(ack: AsyncAck, view: View, app: App, t: Texts) -> None:
    """The last page; whoever comes second for a number is told and sees the others."""
    try:
        await review.submitted(ack, view, app)
    except NumberHeld:
        draft = await draft_row.of(view, app)
        draft = await app.store.record_draft(
            draft.id, page="choose", answers=draft_row.answers(draft, "review", forms.answers(view))
        )
        assert draft.phone_number
        held = await draft_row.held(draft, app)
        notice = choose.just_taken(draft.phone_number, t)
        page = choose.page(draft, app, t, held, mark=f"~{draft.version}", notice=notice)
        await ack(response_action="update", view=page)


async def _show(name: str, shown: View, draft: Draft, client: AsyncWebClient, app: App, t: Texts) -> None:
    mark = f"~{draft.version}"  # what Slack remembers of these fields is not what the row says
    if name == "review":
        bundle = await app.store.bundle(draft.bundle_id) if draft.bundle_id else None
        await modal.redraw(client, shown, review.page(draft, bundle, app, t, mark=mark))
    elif name == "choose" and draft.results:
        held = await draft_row.held(draft, app)
        await modal.redraw(client, shown, choose.page(draft, app, t, held, mark=mark))
    elif name == "find" or draft.phone_number is None:
        await modal.redraw(client, shown, find.page(draft, app, t, mark=mark))
    else:
        waiting = modal.loading(t, t("Asking Twilio what this country wants to know…"), draft.id)
        await modal.redraw(client, shown, waiting)
        external_id = waiting["external_id"]
        app.later(
            end_user.show(external_id, draft, client, app, t, mark),
            errors.in_place_of(client, external_id, draft, app, t),
        )
