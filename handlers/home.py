"""Home: what waits for me, my requests and where each stands, bundles that need me; first steps when there is nothing."""

from collections.abc import Sequence

from bot.core import App
from bot.errors import CannotCheck
from bot.purchases.policy import Role
from bot.slack import homes
from bot.texts import BUNDLE_STATES, Texts
from handlers import blocks, doctor, errors, rich, status
from handlers.blocks import Block, View
from handlers.bundle import start
from handlers.bundle.flow import allowed
from handlers.buy import find
from handlers.card import picture
from handlers.screen import Screen
from handlers.turn import Turn
from storage.bundle_states import EDITABLE, BundleState
from storage.models import Bundle, Purchase

CALLBACK_ID = "home"
DECISIONS, REQUESTS, BUNDLES = 12, 15, 8
"""Shown of each, so that all of it stays within Slack's 100 blocks; of the others the count."""


# what you see


async def view(person_id: str, app: App) -> View:
    """As everything is now, in the person's language."""
    t = await app.people.texts(person_id)
    shown = [
        *await _troubles(person_id, app, t),
        *await _decisions(person_id, app, t),
        *await _requests(person_id, app, t),
        *await _bundles(person_id, app, t),
    ]
    return {
        "type": "home",
        "callback_id": CALLBACK_ID,
        "blocks": [*(shown or _first_steps(t)), _beginnings(t)],
    }


def _first_steps(t: Texts) -> list[Block]:
    return [
        blocks.header(t("First steps")),
        blocks.section(
            t(
                "*1. Ask for a number.* Choose the country, what it has to do, and one of the numbers that are for sale.\n*2. It is approved.* Whoever decides sees the price and what it is for, and you hear of it at once.\n*3. It is bought and made ready.* Where a country wants documents, Number Desk asks you for them. What happens stands in the request's thread."
            )
        ),
    ]


def _beginnings(t: Texts) -> Block:
    return blocks.actions(
        "beginnings",
        blocks.button("buy_number", t("Ask for a number"), style="primary"),
        blocks.button("new_bundle", t("New bundle")),
    )


async def _troubles(person_id: str, app: App, t: Texts) -> list[Block]:
    """For operators: what keeps the installation from working."""
    troubles = await app.store.troubles()
    if not troubles or not await _is_operator(person_id, app):
        return []
    lines = [rich.section(*rich.said(each.said, t, {})) for each in troubles[:5]]
    doctor_button = blocks.button("doctor", t("Check the installation"))
    return [
        blocks.header(t("Needs an operator")),
        rich.block(*lines),
        blocks.actions("operating", doctor_button),
    ]


async def _is_operator(person_id: str, app: App) -> bool:
    try:
        return await app.policy.is_operator(person_id, app.people)
    except CannotCheck:
        return False


async def _decisions(person_id: str, app: App, t: Texts) -> list[Block]:
    """Those that this person could decide now, and has not approved yet; what waits longest comes first."""
    waiting = sorted(await app.store.awaiting_approval(), key=lambda each: each.created_at)
    mine = [each for each in waiting if await _may_decide(person_id, each, app)]
    if not mine:
        return []
    shown = [blocks.header(t.n("One request waits for you", "{n} requests wait for you", len(mine)))]
    for purchase in mine[:DECISIONS]:
        shown += await _decision(purchase, app, t)
    return [*shown, *_left_out(len(mine) - DECISIONS, t)]


async def _may_decide(person_id: str, purchase: Purchase, app: App) -> bool:
    try:
        if not await app.policy.has(Role.APPROVER, person_id, purchase, app.people):
            return False
    except CannotCheck:
        return False
    return person_id not in {each.person_id for each in await app.store.approvals_of(purchase)}


async def _decision(purchase: Purchase, app: App, t: Texts) -> list[Block]:
    around = await picture.around(purchase, app)
    shown = picture.picture_of(purchase, around, t)
    buttons = [each for each in shown.buttons if each["action_id"] in ("approve", "deny")]
    card = await app.store.card_of(purchase.id)
    lines = [rich.text("\n".join((*shown.facts, *(f"⚠ {each}" for each in shown.warnings))))]
    if card is not None and card.permalink:
        lines += [rich.text("\n"), rich.link(card.permalink, t("See the request"))]
    return [
        rich.block(
            rich.section(*shown.first),
            rich.quote(blocks.cut(shown.purpose, 200)),
            rich.section(*lines),
        ),
        blocks.actions(f"decide {purchase.id}", *buttons),
    ]


async def _requests(person_id: str, app: App, t: Texts) -> list[Block]:
    found = await app.store.requests_of(person_id, REQUESTS + 1)
    if not found:
        return []
    cards = await app.store.cards_of([each.id for each in found])
    shown = [blocks.header(t("Your requests"))]
    for purchase in found[:REQUESTS]:
        around = await picture.around(purchase, app)
        shown.append(status.line(purchase, around, cards.get(purchase.id), t))
        shown += _next_step(purchase, around.bundle, t)
    more = blocks.context(t("Older ones are left out."))
    return [*shown, more] if len(found) > REQUESTS else shown


def _next_step(purchase: Purchase, bundle: Bundle | None, t: Texts) -> list[Block]:
    """What its requester can do now; the numbers that a card offers in place of a lost one need the card's room."""
    others = ("approve", "deny", "buy_anyway", "take_over")
    buttons = [each for each in picture.buttons(purchase, bundle, t) if each["action_id"] not in others]
    return [blocks.actions(f"of {purchase.id}", *buttons)] if buttons else []


async def _bundles(person_id: str, app: App, t: Texts) -> list[Block]:
    """Drafts and rejected ones that this person has made or sent."""
    account = app.settings.twilio_account_sid
    found = await app.store.bundles_of(account, person_id, EDITABLE, BUNDLES + 1)
    if not found:
        return []
    shown = [blocks.header(t("Bundles that need you"))]
    for bundle in found[:BUNDLES]:
        state = t(BUNDLE_STATES[bundle.status])
        verb = (
            ("continue", t("Continue"))
            if bundle.status == BundleState.DRAFT
            else ("fix", t("Fix and resubmit"))
        )
        line = rich.section(rich.text(bundle.friendly_name, bold=True), rich.text(f" · {state}"))
        shown += [rich.block(line), blocks.actions(f"bundle {bundle.id}", blocks.button(*verb, bundle.id))]
    return [*shown, *_left_out(len(found) - BUNDLES, t)]


def _left_out(count: int, t: Texts) -> Sequence[Block]:
    return [blocks.context(t.n("and one more", "and {n} more", count))] if count > 0 else []


# what happens


async def opened(turn: Turn) -> None:
    """Slack says so also for the tab with the messages."""
    await turn.done()
    if turn.body["event"].get("tab") == "home":
        await turn.app.store.home_opened(turn.app.workspace_id, turn.person_id)
        again(turn)


def again(turn: Turn) -> None:
    """Drawn for who opened it or pressed something on it, as everything is afterwards."""

    async def draw(person_id: str) -> View:
        return await view(person_id, turn.app)

    drawn = homes.publish(turn.person_id, turn.client, draw, turn.app)
    turn.app.later(drawn, errors.unseen("publishing a Home", turn.app))


Screen(
    CALLBACK_ID,
    actions={"buy_number": find.opened, "new_bundle": allowed(start.opened), "doctor": doctor.opened},
)
