"""``/twilio account``: what the account is, what it costs a month, and what its key may not see."""

from decimal import Decimal

from bot.core import App
from bot.texts import N_, Texts
from bot.twilio import account
from bot.twilio.account import Account
from handlers import blocks, loading
from handlers.blocks import Block, View
from handlers.turn import Turn

NAMED = 10
"""Countries that the account may text, by name; the rest is counted."""
TYPES = {"trial": N_("Trial account"), "full": N_("Full account")}
STATUSES = {"active": N_("active"), "suspended": N_("suspended"), "closed": N_("closed")}


async def opened(turn: Turn) -> None:
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)

    async def work(_: str) -> View:
        found = await account.read(app.twilio, app.settings.twilio_account_sid, app.market.price_of)
        return page(found, app, turn.t)

    await loading.behind(turn, turn.t("Reading the account from Twilio…"), work)


def page(found: Account, app: App, t: Texts) -> View:
    shown: list[Block] = [blocks.section("\n".join(_lines(found, app, t)))]
    if (found.type or "").casefold() == "trial":
        shown.append(
            blocks.section(
                t(
                    "*A trial account* has one number, which is for tests only and texts verified recipients alone. Adding billing details in the Twilio Console ends the trial."
                )
            )
        )
    seen = (
        (N_("type and status"), found.type),
        (N_("balance"), found.balance),
        (N_("geo permissions"), app.market.enabled()),
    )
    unseen = [t(name) for name, value in seen if value is None]
    if unseen:
        shown.append(blocks.context(t("Not visible with this API key: {what}.", what=t.listed(unseen))))
    return blocks.modal("account", t("Twilio account"), shown, close=t("Close"))


def _lines(found: Account, app: App, t: Texts) -> list[str]:
    lines = [f"`{app.settings.twilio_account_sid}`"]
    if found.type is not None:
        kind = t(TYPES.get(found.type.casefold(), found.type))
        status = t(STATUSES.get((found.status or "").casefold(), found.status or "–"))
        where = t("a subaccount") if found.is_subaccount else t("a main account")
        lines.append(t("{type}, {where}: {status}", type=kind, where=where, status=status))
    if found.balance is not None:
        lines.append(t("Balance: *{balance}*", balance=t.money(found.balance, found.currency)))
    numbers = t.n("one number", "{n} numbers", found.numbers)
    lines.append(
        t("{numbers}, *{price} a month*", numbers=numbers, price=t.money(found.commitment, found.currency))
    )
    if found.unpriced:
        lines.append(
            t.n(
                "The price of one of them is not known.",
                "The price of {n} of them is not known.",
                found.unpriced,
            )
        )
    if (enabled := app.market.enabled()) is not None:
        named = [t.country(each) for each in enabled[:NAMED]]
        lines.append(t("May text: {countries}", countries=t.listed(named) or "–"))
        if left := len(enabled) - len(named):
            lines[-1] += t.separator + t.n("and one more", "and {n} more", left)
    if found.balance is not None and Decimal(0) <= found.balance < found.commitment:
        lines.append(":warning: " + t("The balance does not cover the next month."))
    return lines
