"""Page 3: who uses the number, and with which bundle."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.bundles import operations as bundles
from bot.bundles.possible import selectable
from bot.core import App
from bot.errors import FormErrors
from bot.texts import ADDRESS_NEEDS, END_USERS, N_, NUMBER_TYPES, Said, Texts, escape, say
from bot.twilio import addresses
from bot.twilio.regulations import Regulation
from handlers import blocks
from handlers.blocks import Block, View
from handlers.bundle import flow as bundle_flow
from handlers.bundle.document_set import described
from handlers.buy import address, review
from handlers.buy import draft as draft_row
from handlers.forms import Form
from handlers.ref import OfBundle
from handlers.screen import Screen
from handlers.turn import Turn
from storage.bundle_states import EDITABLE, BundleState
from storage.models import Bundle, Draft, now

CALLBACK_ID = "buy_number.end_user"
LATER = "later"
LOOKED_INTO = 10
"""Bundles whose addresses are looked at before a page is shown; each costs its calls once."""
NEW = "new"


# what you see


def page(
    draft: Draft,
    regulations: dict[str, Regulation],
    fitting: Mapping[str, Sequence[Bundle]],
    known: Sequence[addresses.Known],
    reviews: Mapping[str, Sequence[timedelta]],
    t: Texts,
    *,
    mark: str = "",
) -> View:
    """fitting, reviews: by end-user type; known: addresses, asked for where the number needs one and
    no bundle has it."""
    typed = draft.answers.get("end_user", {})
    assert draft.phone_number and draft.country and draft.number_type
    kind = t("{country}, {type}", country=t.country(draft.country), type=t(NUMBER_TYPES[draft.number_type]))
    shown: list[Block] = [blocks.section(f"*{t.phone(draft.phone_number)}* – {kind}")]
    if regulations:
        shown += _bundles(draft, regulations, fitting, reviews, typed, t, mark)
    else:
        needs = draft.address_requirements
        shown.append(blocks.section(t("The number {needs}.", needs=t(ADDRESS_NEEDS[needs]))))
        away = typed.get("elsewhere") or ()
        note = t("In another town than the number")
        options = [
            blocks.option(each.sid, each.label, note if each.sid in away else None) for each in known[:99]
        ]
        options.append(blocks.option(NEW, t("A new address")))
        only = options[0]["value"] if len(known) < 2 else None  # one of several may be somebody else's
        chosen = typed.get("address") or only
        shown.append(blocks.select("address", t("Address"), options, initial=chosen, mark=mark))
    shown.append(blocks.actions("buttons", blocks.button("back", t("Back"))))
    return blocks.modal(CALLBACK_ID, t("End user"), shown, close=t("Cancel"), submit=t("Next"), about=draft)


def _bundles(
    draft: Draft,
    regulations: dict[str, Regulation],
    fitting: Mapping[str, Sequence[Bundle]],
    reviews: Mapping[str, Sequence[timedelta]],
    typed: dict[str, Any],
    t: Texts,
    mark: str,
) -> list[Block]:
    chosen = typed.get("end_user_type")
    if chosen not in regulations:
        chosen = next(iter(regulations))
    bundles_of = fitting.get(chosen, ())
    options = [
        blocks.bundle_option(bundle, t, elsewhere=draft.address_is_elsewhere(bundle))
        for bundle in bundles_of[:98]
    ]
    options.append(blocks.option(NEW, t("A new bundle"), t("Its pages come next")))
    options.append(
        blocks.option(LATER, t("Add it later"), t("The number is bought once a bundle is approved"))
    )
    wanted = typed.get("bundle")
    if draft.bundle_id and wanted == draft.bundle_id:  # begun for this request before it had a SID
        wanted = next((bundle.sid for bundle in bundles_of if bundle.id == draft.bundle_id), None)
    if wanted not in {each["value"] for each in options}:
        wanted = options[0]["value"]
    return [
        blocks.section(
            t(
                "This number cannot be bought without a regulatory bundle that Twilio has approved. It asks for:"
            )
        ),
        *(
            blocks.section(_asks(regulation, reviews.get(kind, ()), t))
            for kind, regulation in regulations.items()
        ),
        blocks.radio(
            "end_user_type",
            t("Who uses the number"),
            [blocks.option(kind, t(END_USERS[kind])) for kind in regulations],
            initial=chosen,
            mark=mark,
            dispatch=len(regulations) > 1,
        ),
        blocks.select(
            "bundle",
            t("Bundle"),
            options,
            initial=wanted,
            mark=f"{mark}~{chosen}",  # another end user's bundles are other options
            hint=t("A bundle under review can be chosen too: the request waits for it."),
        ),
    ]


def _asks(regulation: Regulation, reviews: Sequence[timedelta], t: Texts) -> str:
    """What this kind of end user will be asked, before anybody begins."""
    count = sum(len(part.fields) for part in regulation.end_users)
    fields = t.n("one field about the end user", "{n} fields about the end user", count)
    lines = [f"*{t(END_USERS[regulation.end_user_type])}* – {fields}"]
    for i, group in enumerate(regulation.groups):
        if len(regulation.groups) > 1:
            lines.append(
                t("Either set {number}:", number=1) if i == 0 else t("or set {number}:", number=i + 1)
            )
        lines.append(escape(described(group, t)))
    address = t("Address")
    said = [text for group in regulation.groups for each in group for text in each.where]
    lines += [f"• {address}: {escape(text)}" for text in dict.fromkeys(said)]
    if reviews:
        days = sorted(max(1, round(each / timedelta(days=1))) for each in reviews)
        took, n = _days(days[0], days[-1], t), len(days)
        lines.append(
            t.n(
                "Last review in this country: {days}",
                "Last {n} reviews in this country: {days}",
                n,
                days=took,
            )
        )
    return "\n".join(line for line in lines if line)


def _days(fewest: int, most: int, t: Texts) -> str:
    if fewest == most:
        return t.n("one day", "{n} days", most)
    return t("{fewest} to {most} days", fewest=fewest, most=most)


# what happens next


async def ask(turn: Turn, draft: Draft, mark: str = "") -> None:
    """Asks Twilio what the country wants to know, behind a loading view, and shows the page."""

    async def work(_: str) -> View:
        return await _asked(turn, draft, mark)

    text = turn.t("Asking Twilio what this country wants to know…")
    await draft_row.behind(turn, text, work, draft=draft)


async def _asked(turn: Turn, draft: Draft, mark: str) -> View:
    """Raises DraftMoved when the draft has changed meanwhile."""
    app = turn.app
    assert draft.country and draft.number_type
    asked_at = now()
    regulations = await app.market.regulations(draft.country, draft.number_type)
    fitting, away = await _fitting(draft, regulations, app)
    needs = draft.address_requirements
    known: Sequence[addresses.Known] = ()
    if not regulations and needs != "none":
        known = await addresses.known(app.twilio, draft.country, needs)
    regulated = bool(regulations)
    nothing_to_choose = not regulated and needs == "none"
    draft = await app.store.record_draft(
        draft.id,
        draft.version,
        regulated=regulated,
        page="review" if nothing_to_choose else "end_user",
        answers=draft_row.answers(draft, "end_user", {"asked_at": asked_at.isoformat(), "elsewhere": away}),
    )
    if nothing_to_choose:
        return await review.drawn(draft, None, app, turn.t, mark=mark)
    fitting = await _with_own(draft, fitting, app)
    reviews = await _reviews(draft, regulations, app)
    return page(draft, regulations, fitting, known, reviews, turn.t, mark=mark)


async def _fitting(
    draft: Draft, kinds: Iterable[str], app: App
) -> tuple[Mapping[str, Sequence[Bundle]], list[str]]:
    """Bundles by end user; for a number that needs an address nearby with their addresses, and those of the account that lie in another town."""
    assert draft.country and draft.number_type
    kinds, town = list(kinds), draft.number.get("locality")
    answers = await asyncio.gather(
        *(bundles.fitting(app, draft.country, draft.number_type, kind) for kind in kinds)
    )
    if draft.address_requirements != "local" or not town:
        return dict(zip(kinds, answers, strict=True)), []
    away, known = await asyncio.gather(
        addresses.elsewhere(app.twilio, draft.country, town),
        bundles.with_addresses(app, [each for found in answers for each in found][:LOOKED_INTO]),
    )
    found = [[known.get(each.id, each) for each in found] for found in answers]
    return dict(zip(kinds, found, strict=True)), away


def has_to_choose(draft: Draft) -> bool:
    """Whether there is anything on this page: else it is passed over."""
    return bool(draft.regulated) or draft.address_requirements != "none"


async def _with_own(
    draft: Draft, fitting: Mapping[str, Sequence[Bundle]], app: App
) -> Mapping[str, Sequence[Bundle]]:
    """Also the bundle that was begun for this request and is not finished: it can be gone on with."""
    own = await app.store.bundle(draft.bundle_id) if draft.bundle_id else None
    if own is None or own.status not in EDITABLE:
        return fitting
    return {kind: [own, *found] if kind == own.end_user_type else found for kind, found in fitting.items()}


async def _reviews(
    draft: Draft, regulations: Mapping[str, Regulation], app: App
) -> dict[str, Sequence[timedelta]]:
    assert draft.country
    account = draft.account_sid
    return {kind: await app.store.reviews(account, draft.country, kind) for kind in regulations}


async def type_changed(turn: Turn) -> None:
    """Business or individual: the bundles that fit are others. All of them were read when the page was first drawn."""
    await draft_row.keep(turn, await draft_row.of(turn), "end_user")

    async def draw() -> View:
        draft, app = await draft_row.of(turn), turn.app
        assert draft.country and draft.number_type
        regulations = await app.market.regulations(draft.country, draft.number_type)
        fitting = await _with_own(draft, await _as_read(draft, app), app)
        reviews = await _reviews(draft, regulations, app)
        return page(draft, regulations, fitting, (), reviews, turn.t, mark=turn.mark("end_user_type"))

    await turn.redraw(draw)


async def _as_read(draft: Draft, app: App) -> dict[str, Sequence[Bundle]]:
    assert draft.country and draft.number_type
    since = datetime.fromisoformat(draft.answers["end_user"]["asked_at"])
    known = await app.store.bundles_for(draft.account_sid, draft.country, draft.number_type, since)
    found: dict[str, Sequence[Bundle]] = {}
    for kind in END_USERS:
        mine = [each for each in known if each.end_user_type == kind and selectable(each)]
        found[kind] = sorted(mine, key=lambda each: each.status != BundleState.APPROVED)
    return found


class EndUser(Form):
    """What stands on the page depends on what the number needs, so nothing is asked for here."""

    end_user_type: str | None = None
    bundle: str | None = None
    address: str | None = None


async def submitted(turn: Turn, form: EndUser) -> None:
    draft = await draft_row.of(turn)
    bundle = await _chosen(form, draft, turn.app)
    makes_bundle = form.bundle == NEW or (bundle is not None and bundle.status in EDITABLE)
    if makes_bundle:
        await turn.app.policy.check_bundles(turn.person_id, turn.app.people)
    here = makes_bundle or form.address == NEW
    draft = await draft_row.keep(
        turn,
        draft,
        "end_user",
        page="end_user" if here else "review",
        bundle_id=bundle.id if bundle else None,
    )
    if form.address == NEW:
        await turn.show(address.page(draft, turn.t))
    elif makes_bundle:
        await _bundle_pages(turn, draft, bundle)
    else:
        await turn.show(await review.drawn(draft, bundle, turn.app, turn.t))


async def _chosen(form: EndUser, draft: Draft, app: App) -> Bundle | None:
    """The bundle of the account's that was chosen. Raises FormErrors."""
    wrong: dict[str, Said] = {}
    bundle = None
    if draft.regulated:
        if form.end_user_type not in END_USERS:
            wrong["end_user_type"] = say(N_("Choose who uses the number."))
        if not form.bundle:
            wrong["bundle"] = say(N_("Choose a bundle, or to add it later."))
        elif form.bundle not in (LATER, NEW):
            bundle = await app.store.bundle_by_sid(draft.account_sid, form.bundle)
            if bundle is None or bundle.end_user_type != form.end_user_type:
                wrong["bundle"] = say(
                    N_("This bundle is for another kind of end user. Choose one from the list.")
                )
    elif draft.address_requirements != "none" and not form.address:
        wrong["address"] = say(N_("Choose an address: the number cannot be bought without one."))
    if wrong:
        raise FormErrors(wrong)
    return bundle


async def _bundle_pages(turn: Turn, draft: Draft, bundle: Bundle | None) -> None:
    """The pages of a bundle come in between: a new one, or the one that was begun before."""

    async def work(mark: str) -> View:
        if bundle is None:
            return await bundle_flow.started_for(turn, draft, mark, draft.end_user_type)
        about = OfBundle(bundle.id, purchase_id=draft.id)
        return await bundle_flow.opened_or_problem(turn, about, mark)

    text = turn.t("Asking Twilio what this country wants to know…")
    await draft_row.behind(turn, text, work, draft=draft)


SCREEN = Screen(CALLBACK_ID, (EndUser, submitted), {"end_user_type": type_changed})
