"""The row behind the pages."""

from typing import Any

from bot.core import App
from bot.errors import DraftGone
from bot.texts import N_, Said, say
from handlers import blocks, forms, loading
from handlers.blocks import Block
from handlers.loading import Work
from handlers.turn import Turn
from storage.models import Draft


async def of(turn: Turn) -> Draft:
    """Raises DraftGone when it was sent or thrown away meanwhile, or is somebody else's."""
    draft = await turn.app.store.draft(turn.about)
    if draft is None or draft.requester_id != turn.person_id:
        raise DraftGone()
    return draft


async def keep(turn: Turn, draft: Draft, of_page: str, **columns: Any) -> Draft:
    """The draft with what stands on this page by now, and these columns."""
    kept = answers(draft, of_page, turn.answers)
    return await turn.app.store.record_draft(draft.id, answers=kept, **columns)


async def held(draft: Draft, app: App) -> set[str]:
    """Of the numbers that were found those that others are buying."""
    found = [each["phone_number"] for each in draft.results or ()]
    return await app.store.held_numbers(draft.account_sid, found)


def answers(draft: Draft, page: str, typed: forms.Answers) -> dict[str, dict[str, Any]]:
    """All that was typed so far, with this page brought up to date."""
    return {**draft.answers, page: {**draft.answers.get(page, {}), **typed}}


async def behind(turn: Turn, text: str, work: Work, *, draft: Draft, of_address: bool = False) -> None:
    """A page that Twilio is asked for. Whoever closes the form meanwhile, or has it closed by Slack, is told what was kept (rules 13, 23).

    of_address: what is under way is an address, which is kept nowhere here.
    """

    def closed(is_done: bool) -> Said:
        if of_address and not is_done:
            return say(
                N_(
                    "The form was closed while the address was sent to Twilio, and that did not go well. {rest}"
                ),
                rest=say(KEPT),
            )
        return say(N_("The form was closed while Twilio was asked. {rest}"), rest=say(KEPT))

    await loading.behind(turn, text, work, about=draft.id, way_on=back(turn), closed=closed)


KEPT = N_("What you sent before is kept for a day: `/twilio buy-number` offers to continue.")


def back(turn: Turn) -> Block:
    """The button that leads to the page before."""
    return blocks.button("back", turn.t("Back"))
