"""The row behind the pages."""

from typing import Any

from bot.core import App
from bot.errors import DraftGone
from handlers import blocks, forms
from handlers.blocks import View
from storage.models import Draft


async def of(view: View, app: App) -> Draft:
    """Raises DraftGone when it was sent or thrown away meanwhile."""
    draft = await app.store.draft(blocks.about(view))
    if draft is None:
        raise DraftGone()
    return draft


async def held(draft: Draft, app: App) -> set[str]:
    """Of the numbers that were found those that others are buying."""
    found = [each["phone_number"] for each in draft.results or ()]
    return await app.store.held_numbers(draft.account_sid, found)


def answers(draft: Draft, page: str, typed: forms.Answers) -> dict[str, dict[str, Any]]:
    """All that was typed so far, with this page brought up to date."""
    return {**draft.answers, page: {**draft.answers.get(page, {}), **typed}}
