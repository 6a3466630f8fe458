"""Pages that a stopped purchase's card opens: another messaging service, an address, a new search."""

from typing import Annotated

from bot.core import App
from bot.errors import FormErrors
from bot.purchases import operations
from bot.purchases.draft import service_of
from bot.purchases.policy import Verb
from bot.texts import ADDRESS_NEEDS, N_, Said, Texts
from bot.twilio import addresses
from handlers import blocks, forms, loading
from handlers.blocks import View
from handlers.buy import find, review
from handlers.card import page as pages
from handlers.card.decide import pressed
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.models import Purchase


async def choosing_service(turn: Turn, of: OfPurchase) -> None:
    await _check(Verb.CHOOSE_SERVICE, turn, of)
    await turn.show(service_page(of, {}, turn.app, turn.t))


def service_page(of: OfPurchase, typed: forms.Answers, app: App, t: Texts, mark: str = "") -> View:
    return blocks.modal(
        "card.service",
        t("Messaging service"),
        review.service_fields(app, typed, t, mark=mark),
        close=t("Cancel"),
        submit=t("Choose"),
        about=str(of),
    )


async def service_changed(turn: Turn) -> None:
    """A new one has to be named."""
    of, typed, mark = OfPurchase.parse(turn.about), turn.answers, turn.mark("messaging_service")

    async def draw() -> View:
        return service_page(of, typed, turn.app, turn.t, mark)

    await turn.redraw(draw)


async def _check(verb: Verb, turn: Turn, of: OfPurchase) -> Purchase:
    """What stands against it is said before anybody chooses."""
    return await operations.check_possible(verb, verb, of.purchase_id, of.quote_no, turn.person_id, turn.app)


async def service_chosen(turn: Turn) -> None:
    of = OfPurchase.parse(turn.about)
    if review.unasked(turn.answers):
        await turn.show(service_page(of, turn.answers, turn.app, turn.t))
        return
    wrong: dict[str, Said] = {}
    chosen = service_of(turn.answers, turn.app.market, wrong)
    if wrong:
        raise FormErrors(wrong)
    await operations.choose_service(of.purchase_id, of.quote_no, turn.person_id, turn.app, chosen)
    await turn.done()


async def choosing_address(turn: Turn, of: OfPurchase) -> None:
    """The account's addresses that can fit are asked of Twilio behind a loading view."""
    purchase = await _check(Verb.CHOOSE_ADDRESS, turn, of)

    async def work(mark: str) -> View:
        quote = purchase.quote
        needs = quote.address_requirements if quote.needs_address else "any"
        known = await addresses.known(turn.app.twilio, quote.country, needs)
        return address_page(purchase, known, needs, turn.t)

    text = turn.t("Asking Twilio for the account's addresses…")
    await loading.behind(turn, text, work, about=str(of))


def address_page(purchase: Purchase, known: list[addresses.Known], needs: str, t: Texts) -> View:
    if not known:
        said = t(
            "The Twilio account has no address that can fit. Make one in the Twilio Console, then come back."
        )
        return blocks.modal("card.address", t("Address"), [blocks.alert(said)], close=t("Close"))
    options = [blocks.option(each.sid, each.label) for each in known[:100]]
    only = options[0]["value"] if len(options) == 1 else None  # one of several may be somebody else's
    return pages.page(
        "card.address",
        t("Address"),
        [
            blocks.section(t("The number {needs}.", needs=t(ADDRESS_NEEDS[needs]))),
            blocks.select("address", t("Address"), options, initial=only),
        ],
        purchase,
        t,
        submit=t("Choose"),
    )


class Address(Form):
    address: Annotated[str, needed(N_("Choose an address: the number cannot be bought without one."))]


async def address_chosen(turn: Turn, form: Address) -> None:
    of = OfPurchase.parse(turn.about)
    await operations.choose_address(of.purchase_id, of.quote_no, turn.person_id, turn.app, form.address)
    await turn.done()


Screen(
    "card.service",
    service_chosen,
    {"messaging_service": service_changed},
    {"messaging_service": review.services_suggested},
)
Screen("card.address", (Address, address_chosen))
on_messages(
    choose_service=pressed(choosing_service),
    choose_address=pressed(choosing_address),
    search=pressed(find.searched_again),
)
