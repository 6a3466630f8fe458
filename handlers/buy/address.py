"""Page 3b: a new address, for a number that needs one without a bundle."""

from collections.abc import Sequence
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.errors import FormErrors
from bot.texts import ADDRESS_NEEDS, N_, Said, Texts, say
from bot.twilio import addresses
from bot.twilio.addresses import AddressProblem
from handlers import address_fields, blocks, errors, forms, modal
from handlers.blocks import Block, View
from handlers.buy import draft as draft_row
from handlers.buy import review
from storage.models import Draft

CALLBACK_ID = "buy_number.address"


# what you see


def page(
    draft: Draft,
    t: Texts,
    *,
    typed: forms.Answers | None = None,
    problem: Sequence[Block] = (),
    mark: str = "",
) -> View:
    """typed: what a refused try had, from memory; it is in no database."""
    assert draft.phone_number and draft.country
    needs = t(ADDRESS_NEEDS[draft.address_requirements])
    shown: list[Block] = [
        *problem,
        blocks.section(f"*{t.phone(draft.phone_number)}* – {needs}"),
        address_fields.privacy(t),
        *address_fields.fields(draft.country, typed or {}, t, mark),
        blocks.actions("buttons", blocks.button("back", t("Back"))),
    ]
    return blocks.modal(
        CALLBACK_ID, t("New address"), shown, close=t("Cancel"), submit=t("Save and go on"), about=draft
    )


# what happens next


async def submitted(ack: AsyncAck, view: View, client: AsyncWebClient, app: App, t: Texts) -> None:
    typed = forms.answers(view)
    draft = await draft_row.of(view, app)
    wrong: dict[str, Said] = address_fields.wrong(typed)
    needs, country = draft.address_requirements, typed.get("address_country")
    if needs == "local" and country != draft.country:
        wrong["address_country"] = say(N_("The number asks for an address in its own country."))
    if needs == "foreign" and country == draft.country:
        wrong["address_country"] = say(N_("The number asks for an address outside its country."))
    if wrong:
        raise FormErrors(wrong)
    waiting = modal.loading(t, t("Sending the address to Twilio…"), draft.id)
    await ack(response_action="update", view=waiting)
    external_id = waiting["external_id"]
    app.later(
        _save(external_id, draft, typed, client, app, t),
        errors.in_place_of(client, external_id, draft, app, t),
    )


async def suggestion_taken(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """The same address once more; this time Twilio may correct it."""
    shown = body["view"]
    typed = forms.answers(shown)
    draft = await draft_row.of(shown, app)
    waiting = modal.loading(t, t("Sending the address to Twilio…"), draft.id)
    await modal.redraw(client, shown, waiting)
    await ack()
    external_id = waiting["external_id"]
    app.later(
        _save(external_id, draft, typed, client, app, t, correct=True),
        errors.in_place_of(client, external_id, draft, app, t),
    )


async def _save(
    external_id: str,
    draft: Draft,
    typed: forms.Answers,
    client: AsyncWebClient,
    app: App,
    t: Texts,
    *,
    correct: bool = False,
) -> None:
    try:
        sid = await addresses.make(app.twilio, typed, draft.twilio_name, correct=correct)
    except AddressProblem as error:
        problem = address_fields.problem(error, t)
        again = page(draft, t, typed=typed, problem=problem, mark=f"~{external_id[:6]}")
        await modal.late(client, external_id, again)
        return
    draft = await app.store.record_draft(
        draft.id,
        page="review",
        answers=draft_row.answers(draft, "end_user", {"address": sid}),
    )
    await modal.late(client, external_id, review.page(draft, None, app, t))
