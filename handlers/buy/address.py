"""Page 3b: a new address, for a number that needs one without a bundle."""

from collections.abc import Sequence

from bot.errors import FormErrors
from bot.texts import ADDRESS_NEEDS, N_, Said, Texts, say
from bot.twilio import addresses
from bot.twilio.addresses import AddressProblem
from handlers import address_fields, blocks, country_field, forms
from handlers.blocks import Block, View
from handlers.buy import draft as draft_row
from handlers.buy import review
from handlers.screen import Screen
from handlers.turn import Turn
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


async def submitted(turn: Turn) -> None:
    typed = turn.answers
    draft = await draft_row.of(turn)
    wrong: dict[str, Said] = address_fields.wrong(typed)
    needs, country = draft.address_requirements, typed.get("address_country")
    if needs == "local" and country != draft.country:
        wrong["address_country"] = say(N_("The number asks for an address in its own country."))
    if needs == "foreign" and country == draft.country:
        wrong["address_country"] = say(N_("The number asks for an address outside its country."))
    if wrong:
        raise FormErrors(wrong)
    await _save(turn, draft, typed)


async def suggestion_taken(turn: Turn) -> None:
    """The same address once more; this time Twilio may correct it."""
    await _save(turn, await draft_row.of(turn), turn.answers, correct=True)


async def _save(turn: Turn, draft: Draft, typed: forms.Answers, *, correct: bool = False) -> None:
    async def work(mark: str) -> View:
        app, t = turn.app, turn.t
        try:
            sid = await addresses.make(app.twilio, typed, draft.twilio_name, correct=correct)
        except AddressProblem as error:
            return page(draft, t, typed=typed, problem=address_fields.problem(error, t), mark=mark)
        answers = draft_row.answers(draft, "end_user", {"address": sid})
        saved = await app.store.record_draft(draft.id, page="review", answers=answers)
        return await review.drawn(saved, None, app, t)

    text = turn.t("Sending the address to Twilio…")
    await draft_row.behind(turn, text, work, draft=draft, of_address=True)


SCREEN = Screen(
    CALLBACK_ID,
    submitted,
    {"take_suggestion": suggestion_taken},
    {"address_country": country_field.suggested(country_field.of_addresses)},
)
