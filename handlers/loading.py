"""The one way to work behind a loading view, and to show what went wrong in it. Rule 13."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BundleGone, DraftGone, NotAsTwilioHasIt, SlackSlow
from bot.refusals import SLACK_FAILS, Kind, of_slack
from bot.texts import Said, Texts
from handlers import blocks, errors, rich
from handlers.blocks import Block, View
from handlers.turn import Turn
from storage.drafts import DraftMoved
from storage.outbox import Owed

log = logging.getLogger(__name__)

PROBLEM = "problem"
"""The ``callback_id`` of the view that takes the place of work that failed."""
NOT_FOUND_FOR = 3.0
"""Seconds in which the answer that shows the loading view may be overtaken by what shall replace it."""
PASSING_FOR = 30.0
"""Seconds for which a loading view waits until Slack is well, or takes more calls."""
LONGEST_PAUSE = 5.0
NO_WAY_BACK = (DraftGone, BundleGone, NotAsTwilioHasIt)
"""After these the page before is not there any more."""

Closed = Callable[[bool], Said | None]
"""The sentence, if any, for whoever does not see what became of the work; its argument: whether it was done."""
Work = Callable[[str], Awaitable[View]]
"""Makes the view that takes the place of the loading one; its argument marks the fields that Slack must forget."""


def page(t: Texts, text: str, about: str = "") -> View:
    """What is shown meanwhile; its ``external_id`` is where the result goes."""
    return blocks.modal(
        "loading",
        t("One moment"),
        [blocks.section(text)],
        close=t("Close"),
        about=about,
        external_id=secrets.token_hex(12),
    )


async def behind(
    turn: Turn,
    text: str,
    work: Work,
    *,
    about: str = "",
    way_on: Block | None = None,
    closed: Closed | None = None,
) -> None:
    """Shows that something is under way, acknowledges, does the work, and shows its view, or what went wrong.

    about: what the view of an error carries; way_on: its button; closed: what is told directly to whom the view was closed for before that.
    A draft that was changed meanwhile is left alone.
    """
    waiting = page(turn.t, text, about)
    external_id = waiting["external_id"]
    await _show(turn, waiting, problem(SlackSlow().said, turn.t, about, way_on))

    async def run() -> None:
        is_done = True
        try:
            view = await work(f"~{external_id[:6]}")
        except DraftMoved:
            return
        except Exception as error:
            is_done = False
            said = await errors.sentence(error, turn.app)
            view = problem(said, turn.t, about, None if isinstance(error, NO_WAY_BACK) else way_on)
        is_shown = await late(turn.client, view, external_id=external_id)
        told = closed(is_done) if closed is not None and not is_shown else None
        if told is not None:
            await turn.app.store.owe(turn.app.workspace_id, Owed("direct", turn.person_id, told))

    turn.app.later(run(), errors.unseen("showing what was done", turn.app))


async def _show(turn: Turn, waiting: View, slow: View) -> None:
    """slow: what takes its place where Slack did not answer: it may stand there all the same, and nothing is under way behind it."""
    try:
        await turn.show(waiting)
    except SLACK_FAILS:
        gone = late(turn.client, slow, external_id=waiting["external_id"])
        turn.app.later(gone, errors.unseen("taking a loading view away", turn.app))
        raise


def problem(said: Said, t: Texts, about: str = "", way_on: Block | None = None) -> View:
    shown = [rich.alert(said, t)]
    if way_on is not None:
        shown.append(blocks.actions("buttons", way_on))
    return blocks.modal(PROBLEM, t("That did not work"), shown, close=t("Close"), about=about)


async def late(client: AsyncWebClient, view: View, **at: str) -> bool:
    """Replaces the view at this ``external_id`` or ``view_id``; False when it is not there any more: the person, or Slack, has closed it.

    Nothing is lost by that: the row is there.

    At an ``external_id`` it is tried again while Slack has a bad moment: that id goes with its page, so no newer one is covered.
    """
    began, pause = time.monotonic(), 0.1
    while True:
        try:
            await client.views_update(view=view, **at)
            return True
        except SLACK_FAILS as error:
            waited, refusal = time.monotonic() - began, of_slack(error)
            if refusal.code == "not_found":
                if waited > NOT_FOUND_FOR:
                    return False
                pause = 0.1
            elif refusal.kind is Kind.PASSING and "external_id" in at and waited < PASSING_FOR:
                pause = _asked_to_wait(error) or min(2 * pause, LONGEST_PAUSE)
            else:
                raise
        await asyncio.sleep(pause)


def _asked_to_wait(error: Exception) -> float:
    """Seconds; none where Slack did not say."""
    headers = error.response.headers if isinstance(error, SlackApiError) else {}
    return float(headers.get("Retry-After") or 0)
