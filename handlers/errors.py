"""Shows an error where the person is looking: under the field, in the modal, as a message only they see."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot import failures
from bot.core import App
from bot.errors import BotError, DraftGone, FormErrors, NotAllowed, OldButton, SlackSlow, TwilioAway
from bot.purchases.steps import refused
from bot.refusals import SLACK_FAILS, Kind, of_slack, of_twilio
from bot.texts import N_, Said, Texts, person, say
from bot.twilio.client import TwilioError
from handlers import blocks, forms, rich
from handlers.blocks import View
from storage.changes import Lost
from storage.drafts import DraftMoved

log = logging.getLogger(__name__)


async def shown(
    error: Exception,
    body: dict[str, Any],
    context: AsyncBoltContext,
    client: AsyncWebClient,
    app: App,
) -> BoltResponse:
    """Bolt's error handler. Its answer is the acknowledgement, so the person sees it at once."""
    t: Texts = context.get("t") or Texts("en")
    kind = body.get("type", "command")
    if isinstance(error, NotAllowed | OldButton):
        log.warning("a %s was refused: %s", kind, type(error).__name__)
    if isinstance(error, FormErrors) and kind == "view_submission":
        if here := under_fields(error, body["view"], t):
            return _answer({"response_action": "errors", "errors": here})
        # the page has none of the fields yet
        return _answer({"response_action": "push", "view": view(list(error.fields.values()), t)})
    said = await sentence(error, app)
    if kind == "command":
        return _answer({"response_type": "ephemeral", **rich.message(said, t)})
    if kind == "view_submission":
        return _answer({"response_action": "push", "view": view([said], t)})
    if kind == "block_suggestion":
        return _answer({"options": []})
    try:
        if kind == "block_actions" and (body.get("view") or {}).get("type") == "home":
            await client.views_open(trigger_id=body["trigger_id"], view=view([said], t))
        elif kind == "block_actions" and body.get("view"):
            await client.views_push(trigger_id=body["trigger_id"], view=view([said], t))
        elif kind == "block_actions":
            await only_to(client, body, said, t)
    except SLACK_FAILS as failed:
        log.warning("an error could not be shown: %s", type(failed).__name__)
    return BoltResponse(status=200, body="")


def under_fields(error: FormErrors, shown_view: View, t: Texts) -> dict[str, str]:
    """``{block_id: sentence}``; Slack takes errors under input blocks that are in the view only."""
    found = {name: forms.block_of(shown_view, name) for name in error.fields}
    return {block: t.said(error.fields[name]) for name, block in found.items() if block}


def _answer(body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=body)


async def only_to(client: AsyncWebClient, body: dict[str, Any], said: Said, t: Texts) -> None:
    """A message only the person who clicked sees, in the thread or channel of what was clicked."""
    container = body.get("container") or {}
    await client.chat_postEphemeral(
        channel=body["channel"]["id"],
        user=body["user"]["id"],
        **rich.message(said, t),
        thread_ts=container.get("thread_ts"),
    )


async def sentence(error: Exception, app: App) -> Said:
    """What people read. An error of ours gets a reference that the log and the operators' channel carry too."""
    if isinstance(error, NotAllowed):
        return await with_operators(error.said, app)
    if isinstance(error, BotError):
        return error.said
    if isinstance(error, Lost | DraftMoved):
        return DraftGone().said
    if isinstance(error, SLACK_FAILS):
        refusal = of_slack(error)
        if refusal.kind is Kind.PASSING or refusal.of_trigger:
            log.warning("Slack was slow: %s", refusal.code)
            return SlackSlow().said
    if isinstance(error, TwilioError):
        log.warning("Twilio: %s", error)
        kind = of_twilio(error).kind
        if kind is Kind.OF_INSTALLATION:
            await app.access.refused(error)
        return (TwilioAway() if kind is Kind.PASSING else refused(error)).said
    reference, told = await failures.tell(app, "what somebody did in Slack", error)
    if not told:
        return say(N_("Something went wrong ({reference})."), reference=reference)
    return say(N_("Something went wrong ({reference}). The operators have been told."), reference=reference)


async def with_operators(why: Said, app: App) -> Said:
    """What the policy says against it, and who can change that."""
    operators = await app.policy.whom_to_ask(app.people)
    if not operators:
        return why
    can = N_("{why} {operators} can change the policy.")
    return say(can, why=why, operators=[person(each) for each in operators])


def view(sentences: Sequence[Said], t: Texts) -> View:
    """On top of the page where it happened, which keeps what was typed."""
    shown = [rich.alert(each, t) for each in sentences]
    return blocks.modal("problem", t("That did not work"), shown, close=t("Back"))


def unseen(what: str, app: App) -> Callable[[Exception], Awaitable[None]]:
    """For ``app.later`` where nobody waits to see it."""

    async def note(error: Exception) -> None:
        if isinstance(error, SLACK_FAILS) and of_slack(error).kind is Kind.PASSING:
            log.warning("%s failed: %s", what, of_slack(error).code)
        else:
            await failures.tell(app, what, error)

    return note
