"""Bundle news."""

from typing import Any

from bot.bundles import operations as bundles
from bot.core import App
from bot.texts import BUNDLE_STATES, Texts, escape
from bot.twilio import contents
from bot.twilio.client import TwilioError
from handlers import blocks
from handlers.blocks import Block
from storage.bundle_states import BundleState
from storage.models import Bundle

SECTIONS = 3
"""Slack refuses a message of about 13,000 characters."""
SIGNS = {
    BundleState.APPROVED: ":white_check_mark:",
    BundleState.REJECTED: ":x:",
    BundleState.DELETED: ":x:",
}


# bundle news


async def bundle_news(news: dict[str, Any], bundle: Bundle, app: App, t: Texts) -> dict[str, Any]:
    """``text``, ``blocks`` and ``metadata`` of a message; news: as ``bot/bundles/operations.py`` owes it.

    Reasons are read from Twilio now and kept nowhere (rule 27). Raises TwilioError: then it is posted later.
    """
    status = news["status"]
    if "lapses_in" in news:
        text = t.n(
            "The bundle “{bundle}” lapses in one day, on {date}.",
            "The bundle “{bundle}” lapses in {n} days, on {date}.",
            news["lapses_in"],
            bundle=escape(bundle.friendly_name),
            date=bundle.valid_until.date().isoformat() if bundle.valid_until else "?",
        )
        shown = [blocks.section(f":warning: {text}"), *await _users(bundle, app, t)]
    else:
        text = _sentence(news, bundle, t)
        shown = [
            blocks.section(f"{SIGNS.get(status, ':hourglass_flowing_sand:')} {text}"),
            _about(news, bundle, t),
        ]
        if status == BundleState.REJECTED and bundle.status == BundleState.REJECTED:
            shown += await _reasons(bundle, app, t)
            shown.append(
                blocks.actions(
                    "mend", blocks.button("fix", t("Fix and resubmit"), bundle.id, style="primary")
                )
            )
    event = {"sid": bundle.sid, "status": status}
    return {"text": text, "blocks": shown, "metadata": {"event_type": "bundle", "event_payload": event}}


def _sentence(news: dict[str, Any], bundle: Bundle, t: Texts) -> str:
    name, days = escape(bundle.friendly_name), news.get("days")
    waited = t.n("after one day", "after {n} days", days) if days else t("on the day it was sent")
    match news["status"]:
        case BundleState.APPROVED if days is not None:
            return t("Twilio has approved the bundle “{bundle}”, {waited}.", bundle=name, waited=waited)
        case BundleState.REJECTED if news.get("before") == BundleState.APPROVED:
            return t("The bundle “{bundle}” has lost its approval.", bundle=name)
        case BundleState.REJECTED if days is not None:
            return t("Twilio has rejected the bundle “{bundle}”, {waited}.", bundle=name, waited=waited)
    status = t(BUNDLE_STATES.get(news["status"], news["status"]))
    return t("The bundle “{bundle}”: {status}.", bundle=name, status=status)


def _about(news: dict[str, Any], bundle: Bundle, t: Texts) -> Block:
    parts = [
        t("{country}, {type}", country=t.country(bundle.country), type=t.number_type(bundle.number_type)),
        t.end_user(bundle.end_user_type),
    ]
    if news.get("submitted_by"):
        parts.append(t("sent by {person}", person=f"<@{news['submitted_by']}>"))
    elif not news.get("made_by"):
        parts.append(t("made in the Twilio Console"))
    return blocks.context(" · ".join(parts))


async def _reasons(bundle: Bundle, app: App, t: Texts) -> list[Block]:
    found: list[tuple[str, str]] = []
    try:
        if bundle.regulation_sid:
            regulation = await app.market.regulation(bundle.regulation_sid)
            found = await contents.refused(app, bundle, regulation)
    except TwilioError as error:
        if not error.definite:  # told later; what Twilio refuses for good is told without
            raise
    lines = [f"• *{escape(t(name))}*: {escape(reason)}" for name, reason in found]
    in_words = app.bundle_memory.reason(bundle.sid)
    if in_words and not any(in_words == reason for _, reason in found):
        said = t("Twilio's words: {reason}", reason=escape(in_words))
        lines.append(said)
    if not lines:
        lines.append(t("Twilio names no document. Its mail to the address of the bundle says more."))
    return blocks.sections(lines, t, at_most=SECTIONS)


async def _users(bundle: Bundle, app: App, t: Texts) -> list[Block]:
    """The purchases and numbers that depend on the bundle."""
    ours = await app.store.purchases_using(bundle.id)
    cards = await app.store.cards_of([each.id for each in ours])
    lines = []
    for each in ours:
        link = cards[each.id].permalink if each.id in cards else None
        number = t.phone(each.phone_number)
        lines.append(f"• <{link}|{number}>" if link else f"• {number}")
    known = {each.phone_number for each in ours}
    others = [each for each in await bundles.numbers_using(app, bundle) if each not in known]
    lines += [f"• {t.phone(each)}" for each in others]
    if not lines:
        return [blocks.context(t("No number and no request uses it."))]
    return blocks.sections([t("It is used by:"), *lines], t, at_most=SECTIONS)
