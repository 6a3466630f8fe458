"""``/twilio bundles``: the account's bundles, as the watch keeps them; what can be done with each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.bundles import announcements
from bot.core import App
from bot.texts import BUNDLE_STATES, N_, Said, Texts, mention, say
from handlers import blocks, rich
from handlers.blocks import Block, View
from handlers.bundle import buttons, details, flow, start
from handlers.bundle.form import kind_of
from handlers.ref import Ref
from handlers.screen import Screen
from handlers.turn import Turn
from storage.bundle_list import Listed
from storage.bundle_states import UNDER_REVIEW, BundleState
from storage.models import Bundle, Purchase, now

CALLBACK_ID = "bundles.list"
ON_A_PAGE = 8
NUMBERS = 5
"""Of those that wait for a bundle, and of those that use it."""
ALL = "all"
STATUSES = {
    BundleState.DRAFT: (BundleState.DRAFT,),
    "under-review": UNDER_REVIEW,
    BundleState.APPROVED: (BundleState.APPROVED,),
    BundleState.REJECTED: (BundleState.REJECTED,),
    BundleState.DELETED: (BundleState.DELETED,),
}
NAMES = {
    ALL: N_("All"),
    BundleState.DRAFT: N_("Drafts"),
    "under-review": N_("Under review"),
    BundleState.APPROVED: N_("Approved"),
    BundleState.REJECTED: N_("Rejected"),
    BundleState.DELETED: N_("Deleted"),
}


@dataclass(frozen=True)
class Part(Ref):
    """Which part of the list: carried in the view."""

    status: str = ALL
    country: str = ALL
    offset: int = 0


# what you see


async def page(which: Part, app: App, t: Texts, *, notice: Block | None = None) -> View:
    account = app.settings.twilio_account_sid
    statuses = STATUSES.get(which.status) or tuple(
        each for kind, found in STATUSES.items() if kind != BundleState.DELETED for each in found
    )
    country = None if which.country == ALL else which.country
    listed = await app.store.list_bundles(account, statuses, country, which.offset, ON_A_PAGE + 1)
    countries = await app.store.bundle_countries(account)
    shown: list[Block] = [notice] if notice else []
    shown.append(_filters(which, countries, t))
    for each in listed[:ON_A_PAGE]:
        shown += _bundle(each, t)
    if not listed:
        shown.append(blocks.section(t("There is no such bundle. Make one with `/twilio new-bundle`.")))
    turning = []
    if which.offset:
        turning.append(blocks.button("previous", t("Previous")))
    if len(listed) > ON_A_PAGE:
        turning.append(blocks.button("more", t("More")))
    if turning:
        shown.append(blocks.actions("turning", *turning))
    return blocks.modal(CALLBACK_ID, t("Bundles"), shown, close=t("Close"), about=str(which))


def _filters(which: Part, countries: list[str], t: Texts) -> Block:
    every = [blocks.option(value, t(name)) for value, name in NAMES.items()]
    places = [blocks.option(ALL, t("All countries"))]
    places += [blocks.option(code, t.country(code)) for code in countries[:99]]
    return blocks.actions(
        f"filters~{which.status}{which.country}",
        blocks.choice("status", t("Status"), every, which.status),
        blocks.choice("country", t("Country"), places, which.country),
        blocks.button("new", t("New bundle")),
    )


def _bundle(listed: Listed, t: Texts) -> list[Block]:
    bundle = listed.bundle
    status = t(BUNDLE_STATES.get(bundle.status, bundle.status))
    if bundle.valid_until is not None and bundle.status == BundleState.APPROVED:
        status = t("{status}, until {date}", status=status, date=bundle.valid_until.date().isoformat())
    lines = [
        [rich.text(bundle.friendly_name, bold=True)],
        [rich.text(status, bold=True), rich.text(f" · {kind_of(bundle, t)}")],
        rich.said(_made(bundle, t), t, {}),
    ]
    if listed.waiting:
        lines.append([rich.text(t("Waiting for it: {numbers}", numbers=_numbers(listed.waiting, t)))])
    if listed.using:
        lines.append([rich.text(t("Using it: {numbers}", numbers=_numbers(listed.using, t)))])
    if listed.renewal is not None:
        renewing = say(N_("Its renewal: {status}"), status=announcements.state_of(listed.renewal))
        lines.append(rich.said(renewing, t, {}))
    actions = [*buttons.buttons(bundle, listed.renewal, t), buttons.details(bundle, t)]
    actions += buttons.menu(bundle, listed.renewal, t)
    block = rich.block(*(rich.section(*line) for line in lines))
    return [block, blocks.actions(f"of {bundle.id}", *actions)]


def _made(bundle: Bundle, t: Texts) -> Said:
    if bundle.made_by is None:
        return say(N_("Made {age} in the Twilio Console"), age=_age(bundle, t))
    return say(N_("Made {age} by {person}"), age=_age(bundle, t), person=mention([bundle.made_by]))


def _numbers(purchases: Sequence[Purchase], t: Texts) -> str:
    shown = t.listed(t.phone(each.phone_number) for each in purchases[:NUMBERS])
    left = len(purchases) - NUMBERS
    return f"{shown} {t.n('and one more', 'and {n} more', left)}" if left > 0 else shown


def _age(bundle: Bundle, t: Texts) -> str:
    days = max(timedelta(0), now() - (bundle.created_at or now())).days
    return t.n("one day ago", "{n} days ago", days) if days else t("today")


# what happens next


async def opened(turn: Turn) -> None:
    """``/twilio bundles``"""
    await turn.show(await page(Part(), turn.app, turn.t))


async def filtered(turn: Turn) -> None:
    typed = turn.answers
    await turn.show(
        await page(Part(typed.get("status") or ALL, typed.get("country") or ALL), turn.app, turn.t)
    )


async def turned(turn: Turn) -> None:
    """``more`` and ``previous``"""
    which = Part.parse(turn.about)
    step = ON_A_PAGE if turn.action_id == "more" else -ON_A_PAGE
    await turn.show(await page(replace(which, offset=max(0, which.offset + step)), turn.app, turn.t))


SCREEN = Screen(
    CALLBACK_ID,
    actions={
        **details.ACTIONS,
        "status": filtered,
        "country": filtered,
        "more": turned,
        "previous": turned,
        "new": flow.allowed(start.opened),
    },
)
Screen(details.CALLBACK_ID, actions={"list": flow.allowed(opened)})
