"""Across the pages: going back, going on with a draft, and sending it when the number may have gone to somebody else."""

from handlers.blocks import View
from handlers.buy import address, choose, end_user, find, review
from handlers.buy import draft as draft_row
from handlers.loading import PROBLEM
from handlers.screen import Screen
from handlers.turn import Turn
from storage.models import Draft
from storage.purchases import NumberHeld

PAGES = ("find", "choose", "end_user", "review")


async def back(turn: Turn) -> None:
    """The page before this one; what was typed here is kept for when the person comes forward again."""
    draft = await draft_row.of(turn)
    callback_id = turn.view["callback_id"]
    here = callback_id.rpartition(".")[2]
    answers = draft.answers
    if callback_id == address.CALLBACK_ID:
        before = "end_user"  # an address that was typed is kept nowhere
    elif here in PAGES:
        answers = draft_row.answers(draft, here, turn.answers)
        before = PAGES[max(0, PAGES.index(here) - 1)]
        if before == "end_user" and not end_user.has_to_choose(draft):
            before = "choose"  # the page was passed over on the way here
    else:  # an error in place of the page that ``draft.page`` names
        before = PAGES[max(0, PAGES.index(draft.page or "choose") - 1)]
    await _show(turn, before, await turn.app.store.record_draft(draft.id, page=before, answers=answers))


async def resumed(turn: Turn) -> None:
    """The earlier draft on the page where it was left; the new one is thrown away."""
    earlier = await turn.app.store.draft(turn.value)
    if earlier is None or earlier.requester_id != turn.person_id:
        await _show(turn, "find", await draft_row.of(turn))
        return
    await turn.app.store.discard_draft(turn.about)
    await _show(turn, earlier.page or "find", earlier)


async def sent(turn: Turn) -> None:
    """The last page; whoever comes second for a number is told, and sees the others."""
    draft = await draft_row.of(turn)
    if review.unasked(turn.answers):
        draft = await draft_row.keep(turn, draft, "review")
        await turn.show(await review.as_it_is(draft, turn.app, turn.t, mark=turn.mark("agree")))
        return
    try:
        await review.submit(turn, draft)
    except NumberHeld:
        assert draft.phone_number
        notice = choose.just_taken(draft.phone_number, turn.t)
        draft = await draft_row.keep(turn, draft, "review", page="choose")
        held = await draft_row.held(draft, turn.app)
        await turn.show(choose.page(draft, turn.app, turn.t, held, mark=f"~{draft.version}", notice=notice))
    else:
        await turn.close()


async def _show(turn: Turn, name: str, draft: Draft) -> None:
    mark = f"~{draft.version}"  # what Slack remembers of these fields is not what the row says
    if name == "end_user" and draft.phone_number is not None:
        await end_user.ask(turn, draft, mark)
    else:
        await turn.show(await _page(turn, name, draft, mark))


async def _page(turn: Turn, name: str, draft: Draft, mark: str) -> View:
    app, t = turn.app, turn.t
    if name == "review":
        return await review.as_it_is(draft, app, t, mark=mark)
    if name == "choose" and draft.results:
        return choose.page(draft, app, t, await draft_row.held(draft, app), mark=mark)
    return await find.drawn(draft, app, t, mark=mark)


for each in (choose.CALLBACK_ID, end_user.CALLBACK_ID, address.CALLBACK_ID, PROBLEM):
    Screen(each, actions={"back": back})
Screen(find.CALLBACK_ID, actions={"resume": resumed})
Screen(
    review.CALLBACK_ID,
    sent,
    {"back": back, "messaging_service": review.changed, "if_gone": review.changed},
    {"messaging_service": review.services_suggested},
)
