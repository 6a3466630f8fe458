"""The row behind the pages."""

from typing import Any

from bot.core import Services
from bot.errors import DraftGone
from handlers import blocks, forms
from handlers.blocks import View
from storage.models import Purchase, State


async def of(view: View, services: Services) -> Purchase:
    """Raises DraftGone when it was sent or thrown away meanwhile."""
    draft = await services.store.purchase(blocks.about(view))
    if draft is None or draft.state != State.DRAFT:
        raise DraftGone()
    return draft


def answers(draft: Purchase, page: str, typed: forms.Answers) -> dict[str, dict[str, Any]]:
    """All that was typed so far, with this page brought up to date."""
    return {**draft.answers, page: {**draft.answers.get(page, {}), **typed}}
