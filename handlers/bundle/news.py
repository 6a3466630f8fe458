"""News of a bundle, as a message."""

from typing import Any

from bot.bundles import operations as bundles
from bot.core import App
from bot.texts import BUNDLE_STATES, N_, Texts, escape
from bot.twilio import contents
from bot.twilio.client import TwilioError
from handlers import blocks, rich
from handlers.blocks import Block
from handlers.bundle import buttons
from handlers.bundle.form import kind_of
from handlers.rich import Element
from storage.bundle_states import BundleState
from storage.models import Bundle

SIGNS: dict[str, str] = {
    BundleState.APPROVED: "white_check_mark",
    BundleState.REJECTED: "x",
    BundleState.DELETED: "x",
}
NOT_RENEWED = {
    22224: N_("Twilio takes only an approved copy of an approved bundle (error {code})."),
    22228: N_("The regulation has changed since it was copied (error {code})."),
    22229: N_("A number uses an address that the copy does not have (error {code})."),
}
"""Why Twilio does not let a copy take a bundle's place. Source: twilio.com/docs, error dictionary."""


async def bundle_news(news: dict[str, Any], bundle: Bundle, app: App, t: Texts) -> dict[str, Any]:
    """``text``, ``blocks`` and ``metadata`` of a message; news: as ``bot/bundles/announcements.py`` owes it.

    Reasons are read from Twilio now and kept nowhere (rule 27). Raises TwilioError: then it is posted later.
    """
    status = news["status"]
    bundle = await app.store.bundle(news.get("renewed") or news.get("not_renewed") or "") or bundle
    if "renewed" in news:
        text, sign = t("The bundle “{bundle}” is renewed.", bundle=bundle.friendly_name), "white_check_mark"
        shown = await users(bundle, app, t)
    elif "not_renewed" in news:
        text, sign = _not_renewed(news["code"], bundle, t), "warning"
        shown = await users(bundle, app, t)
    elif "lapses_in" in news:
        text, sign = _lapses(news["lapses_in"], bundle, t), "warning"
        shown = await users(bundle, app, t)
    else:
        text, sign = _sentence(news, bundle, t), SIGNS.get(status, "hourglass_flowing_sand")
        shown = [await _about(news, bundle, app, t)]
        if status == BundleState.REJECTED and bundle.status == BundleState.REJECTED:
            shown += await reasons(bundle, app, t)
    shown += await _actions(news, bundle, app, t)
    first = rich.block(rich.section(rich.emoji(sign), rich.text(f" {text}")))
    event = {"sid": bundle.sid, "status": status}
    return {
        "text": escape(text),
        "blocks": [first, *shown],
        "metadata": {"event_type": "bundle", "event_payload": event},
    }


async def _actions(news: dict[str, Any], bundle: Bundle, app: App, t: Texts) -> list[Block]:
    """What leads on from this news, where it is possible; a message stays, so what is possible is asked again when it is pressed."""
    if bundle.status == BundleState.DELETED:
        return []
    copy = await app.store.renewal_of(bundle.id)
    on = {"fix"} if news["status"] == BundleState.REJECTED else set()
    if "lapses_in" in news or "not_renewed" in news:
        on = {"renew"}
    verbs = [each for each in buttons.buttons(bundle, copy, t) if each["action_id"] in on]
    return [blocks.actions("mend", *verbs, buttons.details(bundle, t))]


def _not_renewed(code: int, bundle: Bundle, t: Texts) -> str:
    why = t(NOT_RENEWED.get(code, N_("Twilio refuses it (error {code}).")), code=code)
    return t(
        "The bundle “{bundle}” is not renewed. {why} The copy stays, as a bundle of its own.",
        bundle=bundle.friendly_name,
        why=why,
    )


def _lapses(days: int, bundle: Bundle, t: Texts) -> str:
    return t.n(
        "The bundle “{bundle}” lapses in one day, on {date}.",
        "The bundle “{bundle}” lapses in {n} days, on {date}.",
        days,
        bundle=bundle.friendly_name,
        date=bundle.valid_until.date().isoformat() if bundle.valid_until else "?",
    )


def _sentence(news: dict[str, Any], bundle: Bundle, t: Texts) -> str:
    name, days = bundle.friendly_name, news.get("days")
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


async def _about(news: dict[str, Any], bundle: Bundle, app: App, t: Texts) -> Block:
    """Whose it is, by name: nobody is pinged who is told directly."""
    parts = [kind_of(bundle, t)]
    if sender := news.get("submitted_by"):
        parts.append(t("sent by {person}", person=(await app.people.names([sender]))[sender]))
    elif not news.get("made_by"):
        parts.append(t("made in the Twilio Console"))
    return rich.block(rich.section(rich.text(" · ".join(parts))))


async def reasons(bundle: Bundle, app: App, t: Texts) -> list[Block]:
    """Why Twilio has rejected it, in its words, for those who may read them (rule 27). Raises TwilioError for what may pass."""
    found: list[tuple[str, str]] = []
    try:
        if bundle.regulation_sid:
            regulation = await app.market.regulation(bundle.regulation_sid)
            found = await contents.refused(app, bundle, regulation)
    except TwilioError as error:
        if not error.definite:  # told later; what Twilio refuses for good is told without
            raise
    rows: list[list[Element]] = [
        [rich.text(t(name), bold=True), rich.text(f": {reason}")] for name, reason in found
    ]
    in_words = app.bundle_memory.reason(bundle.sid)
    if in_words and not any(in_words == reason for _, reason in found):
        rows.append([rich.text(t("Twilio's words: {reason}", reason=in_words))])
    if not rows:
        said = t("Twilio names no document. Its mail to the address of the bundle says more.")
        rows.append([rich.text(said)])
    return rich.bullets(rows, t)


async def users(bundle: Bundle, app: App, t: Texts) -> list[Block]:
    """The requests and numbers that depend on the bundle. Raises TwilioError."""
    ours = await app.store.purchases_using(bundle.id)
    cards = await app.store.cards_of([each.id for each in ours])
    rows: list[list[Element]] = []
    for each in ours:
        link = cards[each.id].permalink if each.id in cards else None
        number = t.phone(each.phone_number)
        waits = [] if each.phone_number_sid else [rich.text(" · " + t("waits for it"))]
        rows.append([rich.link(link, number) if link else rich.text(number), *waits])
    known = {each.phone_number for each in ours}
    others = [each for each in await bundles.numbers_using(app, bundle) if each not in known]
    rows += [[rich.text(t.phone(each))] for each in others]
    if not rows:
        return [blocks.context(t("No number and no request uses it."))]
    return [rich.block(rich.section(rich.text(t("It is used by:")))), *rich.bullets(rows, t)]
