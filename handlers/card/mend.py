"""What is missing of a bought number, mended by a press: each by a page that says what else it changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from bot import readiness
from bot.purchases import mending
from bot.texts import N_, Texts
from handlers import blocks, errors, rich
from handlers.blocks import Block, View
from handlers.card import page as pages
from handlers.card.decide import pressed
from handlers.forms import Form, needed
from handlers.ref import OfPurchase
from handlers.screen import Listener, Screen, on_messages
from handlers.turn import Turn
from storage.models import Purchase
from storage.outbox import Owed


@dataclass(frozen=True)
class Words:
    title: str
    says: Callable[[Purchase, Texts], list[Block]]
    submit: str


def _geo(purchase: Purchase, t: Texts) -> list[Block]:
    countries = t.listed(map(t.country, mending.found(purchase, readiness.ENABLE_GEO)["countries"]))
    return [
        blocks.section(
            t("The whole Twilio account will be able to text *{countries}*.", countries=countries)
        ),
        blocks.alert(
            t(
                "Every open country can be abused to run up costs with messages to expensive numbers (SMS pumping). Enable only what is needed."
            )
        ),
    ]


def _inbound(purchase: Purchase, t: Texts) -> list[Block]:
    return [
        rich.sentence(
            t,
            N_(
                "From then on each number in “{service}” handles replies by its own settings, for all of its numbers. A number without such settings still drops them."
            ),
            service=purchase.quote.service_name,
        )
    ]


WORDS = {
    readiness.ENABLE_GEO: Words(N_("Geo permissions"), _geo, N_("Enable")),
    readiness.SET_INBOUND: Words(N_("Incoming messages"), _inbound, N_("Let numbers decide")),
}


def page(mend: str, purchase: Purchase, t: Texts) -> View:
    words = WORDS[mend]
    return pages.page(
        f"card.{mend}",
        t(words.title),
        words.says(purchase, t),
        purchase,
        t,
        submit=t(words.submit),
    )


def _asking(mend: str) -> Listener:
    async def ask(turn: Turn, of: OfPurchase) -> None:
        purchase = await mending.check(mend, of.purchase_id, of.quote_no, turn.person_id, turn.app)
        await turn.show(page(mend, purchase, turn.t))

    return pressed(ask)


def _confirmed(mend: str) -> Listener:
    """Who did it is on record before the acknowledgement; what Twilio says comes to the thread, or to who pressed."""

    async def confirm(turn: Turn) -> None:
        of, app = OfPurchase.parse(turn.about), turn.app
        purchase = await mending.begin(mend, of.purchase_id, of.quote_no, turn.person_id, app)
        await turn.done()

        async def tell(error: Exception) -> None:
            said = await errors.sentence(error, app)
            await app.store.owe(app.workspace_id, Owed("direct", turn.person_id, said))

        app.later(mending.finish(mend, purchase, turn.person_id, app), tell)

    return confirm


# into a service whose campaign is verified


async def moving(turn: Turn, of: OfPurchase) -> None:
    purchase = await mending.check_move(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(move_page(purchase, turn.t))


def move_page(purchase: Purchase, t: Texts) -> View:
    offered = mending.found(purchase, readiness.MOVE_SERVICE)["services"]
    options = [blocks.option(each["sid"], each["name"]) for each in offered[: blocks.MOST_OPTIONS]]
    only = options[0]["value"] if len(options) == 1 else None
    return pages.page(
        "card.move_service",
        t("Move the number"),
        [
            blocks.section(
                t(
                    "The number leaves its messaging service and joins one whose A2P 10DLC campaign is verified. What is sent from it has to fit that campaign."
                )
            ),
            blocks.select("messaging_service", t("Messaging service"), options, initial=only),
        ],
        purchase,
        t,
        submit=t("Move"),
    )


class Target(Form):
    messaging_service: Annotated[str, needed(N_("Choose a messaging service."))]


async def moved(turn: Turn, form: Target) -> None:
    of = OfPurchase.parse(turn.about)
    await mending.move_service(of.purchase_id, of.quote_no, turn.person_id, form.messaging_service, turn.app)
    await turn.done()


for each in WORDS:
    Screen(f"card.{each}", _confirmed(each))
Screen("card.move_service", (Target, moved))
on_messages(move_service=pressed(moving), **{each: _asking(each) for each in WORDS})
