"""``/twilio check NUMBER``: what still keeps any number of the account from doing its job."""

from datetime import datetime

from bot import readiness
from bot.core import App
from bot.purchases import foreign
from bot.readiness import Finding, Subject, Verdict
from bot.texts import N_, Texts, moment
from bot.twilio.account import kind_of
from bot.twilio.numbers import capabilities
from handlers import blocks, loading, number_field, rich
from handlers.blocks import View
from handlers.turn import Turn

SIGNS = {Verdict.FINE: "✓", Verdict.MISSING: "✗", Verdict.WAITING: "…", Verdict.UNKNOWN: "?"}


async def opened(turn: Turn) -> None:
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)
    number = number_field.of_command(turn, "check")

    async def work(_: str) -> View:
        subject, proven_at = await _subject(number, app)
        return page(number, await readiness.look(subject, app), proven_at, turn.t)

    await loading.behind(turn, turn.t("Checking the number at Twilio…"), work)


async def _subject(number: str, app: App) -> tuple[Subject, datetime | None]:
    """As the purchase has it, or for a number that was not bought here as Twilio does; and when a test message was delivered.

    Raises NoSuchNumber, TwilioError.
    """
    purchase = await app.store.purchase_owning(app.settings.twilio_account_sid, number)
    if purchase is not None:
        return readiness.subject_of(purchase), purchase.proven_at
    found = await foreign.find(number, app)
    country, kind = kind_of(number)
    texts = "sms" in capabilities(found.capabilities)
    destinations = (country,) if country and texts else ()
    subject = Subject(
        str(found.sid),
        country or "",
        kind,
        app.settings.twilio_account_sid,
        texts=texts,
        destinations=destinations,
    )
    known = await app.store.number_of_nobody(app.settings.twilio_account_sid, number)
    return subject, known.proven_at if known is not None else None


def page(number: str, findings: list[Finding], proven_at: datetime | None, t: Texts) -> View:
    shown = [blocks.header(t.phone(number))]
    for each in sorted(findings, key=lambda each: (each.verdict == Verdict.FINE, not each.blocks)):
        line = [rich.text(f"{SIGNS[each.verdict]} ", bold=True), *rich.said(each.said, t, {})]
        if each.link and each.verdict in (Verdict.MISSING, Verdict.WAITING):
            line += [rich.text(" "), rich.link(each.link, t("Open the Console"))]
        shown.append(rich.block(rich.section(*line)))
    if proven_at is not None:
        shown.append(rich.sentence(t, N_("A test message was delivered: {at}"), at=moment(proven_at)))
    elif not readiness.unfinished([each.kept() for each in findings]):
        shown.append(blocks.context(t("Nothing is missing. A test message proves that it can send.")))
    return blocks.modal("check", t("Check"), shown, close=t("Close"))
