"""A bundle for a purchase that waits for one: one of the account's that fits, the one that is not finished, or a new one."""

from collections.abc import Sequence
from typing import Annotated

from bot.bundles import announcements
from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import FormErrors
from bot.purchases import operations
from bot.texts import END_USERS, N_, Texts, say
from handlers import blocks, loading, rich
from handlers.blocks import Block, Option, View
from handlers.bundle import flow
from handlers.buy.end_user import NEW
from handlers.card import page as pages
from handlers.card.decide import pressed
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.bundle_states import EDITABLE, BundleState
from storage.models import Bundle, Purchase

CALLBACK_ID = "card.bundle"
OLD_CALLBACK_ID = "card.papers"


# what you see


async def page(purchase: Purchase, app: App, t: Texts) -> View:
    """Asks Twilio which bundles fit. Raises TwilioError."""
    quote = purchase.quote
    kinds = [quote.end_user_type] if quote.end_user_type else list(END_USERS)
    fitting = [
        bundle
        for kind in kinds
        for bundle in await bundles.fitting(app, quote.country, quote.number_type, kind)
    ]
    own = await app.store.bundle(quote.bundle_id) if quote.bundle_id else None
    options = [blocks.bundle_option(each, t) for each in fitting[:99]] + _new(purchase, kinds, t)
    return pages.page(
        CALLBACK_ID,
        t("Add bundle"),
        [
            *_unfinished(own, purchase, t),
            blocks.select("bundle", t("Bundle"), options, initial=options[0]["value"]),
        ],
        purchase,
        t,
        submit=t("Choose"),
    )


def _unfinished(own: Bundle | None, purchase: Purchase, t: Texts) -> list[Block]:
    """The bundle that the purchase has, where something is missing in it or was refused."""
    if own is None or own.status not in EDITABLE:
        return []
    name = "continue" if own.status == BundleState.DRAFT else "fix"
    text = t("Continue") if own.status == BundleState.DRAFT else t("Fix and resubmit")
    button = blocks.button(name, text, f"{own.id}|{purchase.id}", "primary")
    return [blocks.plain_section(rich.plainly(announcements.why_waiting(own), t), button)]


def _new(purchase: Purchase, kinds: Sequence[str], t: Texts) -> list[Option]:
    if purchase.quote.end_user_type:
        return [blocks.option(NEW, t("A new bundle"), t("Its pages come next"))]
    return [
        blocks.option(
            f"{NEW}:{kind}", t("A new bundle, {type}", type=t(END_USERS[kind])), t("Its pages come next")
        )
        for kind in kinds
    ]


# what happens next


async def adding(turn: Turn, of: OfPurchase) -> None:
    purchase = await operations.check_can_add(of.purchase_id, of.quote_no, turn.person_id, turn.app)

    async def work(mark: str) -> View:
        return await page(purchase, turn.app, turn.t)

    await loading.behind(turn, turn.t("Asking Twilio for bundles that fit…"), work, about=str(of))


class Choice(Form):
    bundle: Annotated[str, needed(N_("Choose a bundle."))]


async def chosen(turn: Turn, form: Choice) -> None:
    """A bundle of the account's, or a new one: its pages come next, and it is given to the purchase as it is begun."""
    of, app = OfPurchase.parse(turn.about), turn.app
    if form.bundle.partition(":")[0] == NEW:
        await _begin(turn, of, form.bundle.partition(":")[2])
        return
    bundle = await app.store.bundle_by_sid(app.settings.twilio_account_sid, form.bundle)
    if bundle is None:
        raise FormErrors({"bundle": say(N_("Choose a bundle."))})
    await operations.give_bundle(of.purchase_id, of.quote_no, turn.person_id, app, bundle)
    await turn.done()


async def _begin(turn: Turn, of: OfPurchase, end_user_type: str) -> None:
    await turn.app.policy.check_bundles(turn.person_id, turn.app.people)
    purchase = await operations.check_can_add(of.purchase_id, of.quote_no, turn.person_id, turn.app)

    async def work(mark: str) -> View:
        return await flow.started_for(turn, purchase, mark, end_user_type or purchase.quote.end_user_type)

    text = turn.t("Asking Twilio what this country wants to know…")
    await loading.behind(turn, text, work, about=str(of))


for each in (CALLBACK_ID, OLD_CALLBACK_ID):
    Screen(
        each,
        (Choice, chosen),
        {"continue": flow.allowed(flow.going_on), "fix": flow.allowed(flow.going_on)},
    )
on_messages(add_bundle=pressed(adding), give_papers=pressed(adding))
