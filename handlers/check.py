"""``/twilio check NUMBER``: what still keeps any number of the account from doing its job."""

from bot import readiness
from bot.core import App
from bot.errors import BotError
from bot.readiness import Finding, Subject, Verdict
from bot.texts import N_, Texts, phone
from bot.twilio.account import kind_of
from bot.twilio.numbers import capabilities, owned
from handlers import blocks, loading, number_field, rich
from handlers.blocks import View
from handlers.turn import Turn

SIGNS = {Verdict.FINE: "✓", Verdict.MISSING: "✗", Verdict.WAITING: "…", Verdict.UNKNOWN: "?"}


class NoSuchNumber(BotError):
    text = N_("{number} is not in the Twilio account.")


async def opened(turn: Turn) -> None:
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)
    number = number_field.of_command(turn, "check")

    async def work(_: str) -> View:
        subject = await _subject(number, app)
        return page(number, await readiness.look(subject, app), turn.t)

    await loading.behind(turn, turn.t("Checking the number at Twilio…"), work)


async def _subject(number: str, app: App) -> Subject:
    """As the purchase has it, or for a number that was not bought here as Twilio does. Raises NoSuchNumber, TwilioError."""
    purchase = await app.store.purchase_owning(app.settings.twilio_account_sid, number)
    if purchase is not None:
        return readiness.subject_of(purchase)
    found = await owned(app.twilio, number)
    if found is None:
        raise NoSuchNumber(number=phone(number))
    country, kind = kind_of(number)
    texts = "sms" in capabilities(found.capabilities)
    destinations = (country,) if country and texts else ()
    return Subject(
        str(found.sid),
        country or "",
        kind,
        app.settings.twilio_account_sid,
        texts=texts,
        destinations=destinations,
    )


def page(number: str, findings: list[Finding], t: Texts) -> View:
    shown = [blocks.header(t.phone(number))]
    for each in sorted(findings, key=lambda each: (each.verdict == Verdict.FINE, not each.blocks)):
        line = [rich.text(f"{SIGNS[each.verdict]} ", bold=True), *rich.said(each.said, t, {})]
        if each.link and each.verdict in (Verdict.MISSING, Verdict.WAITING):
            line += [rich.text(" "), rich.link(each.link, t("Open the Console"))]
        shown.append(rich.block(rich.section(*line)))
    if not readiness.unfinished([each.kept() for each in findings]):
        shown.append(blocks.context(t("Nothing is missing. A test message proves that it can send.")))
    return blocks.modal("check", t("Check"), shown, close=t("Close"))
