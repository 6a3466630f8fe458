"""Page 1: what number is wanted."""

import secrets
from collections.abc import Sequence
from typing import Any

from bot.core import App
from bot.countries import SEARCHED_BY_AREA
from bot.errors import NothingKnownYet, NotPossibleNow
from bot.purchases import foreseen, operations, standing
from bot.purchases.draft import REPLACES, cannot, search_of, typed_again
from bot.purchases.policy import Facts, Verb
from bot.texts import CAPABILITIES, N_, Said, Texts
from bot.twilio.catalogue import Offer
from handlers import blocks, country_field, errors, loading, rich
from handlers.blocks import Block, View
from handlers.buy import choose
from handlers.buy import draft as draft_row
from handlers.ref import OfPurchase
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.models import Draft, can_text, new_id, now

CALLBACK_ID = "buy_number.find"
POSITIONS = {"anywhere": N_("Anywhere"), "start": N_("At the start"), "end": N_("At the end")}
ADDRESS_REQUIREMENTS = {
    "any": N_("It does not matter"),
    "none": N_("No address needed"),
    "no_local": N_("No address in the country needed"),
    "no_foreign": N_("No address outside the country needed"),
}


# what you see


def page(
    draft: Draft,
    app: App,
    t: Texts,
    *,
    mark: str = "",
    earlier: Draft | None = None,
    notice: str | None = None,
    nobody: Said | None = None,
) -> View:
    """mark: see ``blocks``; what was typed is filled in from the row. earlier: a draft to go on with. nobody: why nobody could
    approve such a number."""
    typed = draft.answers.get("find", {})
    offers = app.market.offers(draft.country) if draft.country else []
    shown: list[Block] = []
    if notice:
        shown.append(blocks.note(notice, "warning"))
    if earlier:
        shown += _earlier(earlier, t)
    shown.append(country_field.field("country", draft.country, t, mark=mark, dispatch=True))
    if offers:
        kind = typed.get("number_type")
        shown.append(country_field.types(offers, kind, t, mark=f"{mark}~{draft.country}", dispatch=True))
    if nobody:
        shown.append(rich.alert(nobody, t, "warning"))
    shown += [
        *_capabilities(draft, offers, app, t, mark),
        *_destinations(draft, offers, app, t, mark),
        blocks.text(
            "contains",
            t("Digits it should contain"),
            initial=typed.get("contains"),
            placeholder="555",
            mark=mark,
            hint=t("2 to 16 digits, or letters as on a keypad."),
            optional=True,
        ),
        blocks.select(
            "position",
            t("Where the digits stand"),
            [blocks.option(value, t(label)) for value, label in POSITIONS.items()],
            initial=typed.get("position") or "anywhere",
            mark=mark,
        ),
    ]
    advanced = bool(typed.get("advanced"))
    shown.append(
        blocks.actions(
            "advanced",
            blocks.button("advanced", t("Fewer filters") if advanced else t("Advanced search")),
        )
    )
    if advanced:
        shown += _advanced(draft.country, typed, t, mark)
    shown.append(
        blocks.text(
            "purpose",
            t("What it is for"),
            initial=typed.get("purpose"),
            placeholder=t("Appointment reminders for the Leeds office"),
            multiline=True,
            max_length=500,
            mark=mark,
            hint=t("The approvers read this."),
        )
    )
    return blocks.modal(
        CALLBACK_ID, t("Buy a number"), shown, close=t("Cancel"), submit=t("Search"), about=draft
    )


def _of_type(draft: Draft, offers: Sequence[Offer], app: App) -> tuple[str | None, frozenset[str] | None]:
    """The type that is chosen by now, and what its numbers can do, as far as that is known."""
    kind = country_field.chosen_type(offers, draft.number_type) if offers else None
    return kind, app.market.abilities(draft.country, kind) if draft.country and kind else None


def _capabilities(draft: Draft, offers: Sequence[Offer], app: App, t: Texts, mark: str) -> list[Block]:
    """Only what numbers of this kind can do, as far as that is known; and which other kind of the country can do the rest."""
    typed = draft.typed("find")
    kind, can = _of_type(draft, offers, app)
    offered = [name for name in CAPABILITIES if can is None or name in can]
    shown: list[Block] = []
    if offered:
        shown.append(
            blocks.checkboxes(
                "capabilities",
                t("What it must be able to do"),
                [blocks.option(name, t(CAPABILITIES[name])) for name in offered],
                initial=typed.get("capabilities") or (),
                # of another country or type they are other options; learning what these can do is no reason to forget
                mark=f"{mark}~{draft.country}{kind}" if kind else mark,
                hint=t("Leave all empty if it does not matter."),
                optional=True,
            )
        )
    if draft.country and kind and can is not None and "sms" not in can:
        shown.append(blocks.context(t.said(cannot(draft.country, kind, "sms", app.market))))
    return shown


def _destinations(draft: Draft, offers: Sequence[Offer], app: App, t: Texts, mark: str) -> list[Block]:
    """Where it shall text, and at once the honest word where such a number is not the right sender there."""
    kind, can = _of_type(draft, offers, app)
    if can is not None and not can_text(can):
        return []
    shown = [
        country_field.several(
            "destinations",
            t("Countries it will text"),
            draft.destinations,
            t,
            mark=mark,
            hint=t("Leave it empty for the number's own country."),
            dispatch=True,
        )
    ]
    if draft.country and kind:
        advice = foreseen.advised(draft.country, kind, draft.destinations or [draft.country])
        shown += [rich.warning(each, t) for each in advice]
    return shown


def _advanced(country: str | None, typed: dict[str, Any], t: Texts, mark: str) -> list[Block]:
    def text(name: str, label: str, **more: Any) -> Block:
        return blocks.text(name, label, initial=typed.get(name), mark=mark, optional=True, **more)

    by_area = (
        [
            text("in_region", t("State or province"), placeholder="CA"),
            text("in_postal_code", t("Postal code")),
            text("area_code", t("Area code"), placeholder="415"),
            text("near_number", t("Near another number"), placeholder="+14155550123"),
            text("distance", t("Within how many miles of it"), placeholder="25"),
        ]
        if country in SEARCHED_BY_AREA
        else []
    )
    return [
        text("in_locality", t("Town")),
        *by_area,
        blocks.select(
            "address_requirement",
            t("Address requirement"),
            [blocks.option(value, t(label)) for value, label in ADDRESS_REQUIREMENTS.items()],
            initial=typed.get("address_requirement") or "any",
            mark=mark,
        ),
        blocks.checkboxes(
            "beta",
            t("Beta numbers"),
            [blocks.option("yes", t("Include numbers that are new to Twilio"))],
            initial=typed.get("beta", ["yes"]),
            mark=mark,
            optional=True,
        ),
    ]


def _earlier(earlier: Draft, t: Texts) -> list[Block]:
    what = earlier.phone_number or (t.country(earlier.country) if earlier.country else "")
    return [
        blocks.section(
            t(
                "You began a request {moment}: *{what}*. Continue?",
                moment=t.moment(earlier.updated_at),
                what=t.phone(what) if what.startswith("+") else what,
            )
        ),
        blocks.actions(
            "earlier",
            blocks.button("resume", t("Continue"), earlier.id, style="primary"),
            blocks.button("discard", t("Discard"), earlier.id),
        ),
        blocks.divider(),
    ]


# what happens next


async def drawn(
    draft: Draft,
    app: App,
    t: Texts,
    *,
    mark: str = "",
    earlier: Draft | None = None,
    notice: str | None = None,
) -> View:
    """The page, with what is known by now of who could approve such a number."""
    nobody = app.policy.lack(standing.so_far(draft, app, draft.typed("find")), app.people)
    if nobody is not None:
        nobody = await errors.with_operators(nobody, app)
    return page(draft, app, t, mark=mark, earlier=earlier, notice=notice, nobody=nobody)


async def opened(turn: Turn) -> None:
    """``/twilio buy-number [country] [digits]``"""
    app = turn.app
    channel_id = turn.body.get("channel_id") or ""
    await app.policy.check_ask(turn.person_id, app.people, Facts(turn.person_id, channel_id))
    if not app.market.countries():
        raise NothingKnownYet()
    named, notice = country_field.named(turn.words, app, turn.t)
    typed = {"country": named.country, "contains": named.digits}
    draft = await app.store.open_draft(
        _new_draft(turn, {name: value for name, value in typed.items() if value})
    )
    earlier = await app.store.latest_draft(turn.person_id)
    external_id = secrets.token_hex(12)
    opened = await drawn(draft, app, turn.t, earlier=earlier, notice=notice)
    await turn.show({**opened, "external_id": external_id})
    _learn(turn, draft, external_id=external_id)


def _learn(turn: Turn, draft: Draft, **at: str) -> None:
    """What the country's numbers can do is asked after the page is there, which is drawn once more as soon as it is known."""
    if draft.country is None:
        return
    app, code = turn.app, draft.country
    mark = turn.mark("purpose") if turn.is_on_view else ""

    async def learn() -> None:
        if await app.market.learn_abilities(code):
            newest = await app.store.draft(draft.id)
            if newest is not None and newest.version == draft.version:
                await loading.late(turn.client, await drawn(newest, app, turn.t, mark=mark), **at)

    app.later(learn(), errors.unseen("learning what numbers can do", app))


async def asked_again(turn: Turn) -> None:
    """What was asked for and denied, to be changed and asked for once more."""
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)
    purchase = await operations.existing(turn.value, app)
    if purchase.requester_id != turn.person_id:
        raise NotPossibleNow()
    draft = await app.store.open_draft(_new_draft(turn, typed_again(purchase)))
    await turn.show(await drawn(draft, app, turn.t))


async def searched_again(turn: Turn, of: OfPurchase) -> None:
    """Another number in place of one that is lost: what was typed is filled in, and the request ends when the new one is sent."""
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)
    purchase = await operations.check_possible(
        Verb.PICK_NUMBER, "search", of.purchase_id, of.quote_no, turn.person_id, app
    )
    typed = {**typed_again(purchase), REPLACES: purchase.id}
    draft = await app.store.open_draft(_new_draft(turn, typed))
    await turn.show(await drawn(draft, app, turn.t))


def _new_draft(turn: Turn, typed: dict[str, Any]) -> Draft:
    moment = now()
    return Draft(
        id=new_id(),
        workspace_id=turn.app.workspace_id,
        account_sid=turn.app.settings.twilio_account_sid,
        requester_id=turn.person_id,
        channel_id=turn.body.get("channel_id") or "",
        answer_url=turn.body.get("response_url") if "command" in turn.body else None,
        created_at=moment,
        updated_at=moment,
        answers={"find": typed},
    )


async def changed(turn: Turn) -> None:
    """Another country or type, or "Advanced search": the page is drawn again with the fields that fit, in place."""
    draft = await draft_row.of(turn)
    was_advanced = bool(draft.typed("find").get("advanced"))
    typed = {**turn.answers, "advanced": was_advanced != (turn.action_id == "advanced")}
    changes = draft_row.answers(draft, "find", typed)
    draft = await turn.app.store.record_draft(draft.id, page="find", answers=changes)
    await _redraw(turn)
    _learn(turn, draft, view_id=turn.view["id"])


async def discarded(turn: Turn) -> None:
    """The earlier draft; what stands on the page by now is kept."""
    await turn.app.store.discard_draft(turn.value)
    await draft_row.keep(turn, await draft_row.of(turn), "find")
    await _redraw(turn)


async def _redraw(turn: Turn) -> None:
    async def draw() -> View:
        return await drawn(await draft_row.of(turn), turn.app, turn.t, mark=turn.mark("purpose"))

    await turn.redraw(draw)


async def submitted(turn: Turn) -> None:
    typed, app = turn.answers, turn.app
    draft = await draft_row.of(turn)
    if "number_type" not in typed and typed.get("country"):  # sent before the types could be drawn
        draft = await draft_row.keep(turn, draft, "find")
        await turn.show(await drawn(draft, app, turn.t, mark=f"~{draft.version}"))
        return
    search_of(typed, app.market)
    answers = draft_row.answers(draft, "find", typed)
    facts = standing.so_far(draft, app, typed)
    await app.policy.check_ask(turn.person_id, app.people, facts)
    answers.pop("choose", None)  # of other numbers
    draft = await app.store.record_draft(draft.id, page="choose", answers=answers, results=None)
    await choose.search(turn, draft)


SCREEN = Screen(
    CALLBACK_ID,
    submitted,
    {
        "country": changed,
        "number_type": changed,
        "destinations": changed,
        "advanced": changed,
        "discard": discarded,
    },
    {
        "country": country_field.suggested(country_field.sold),
        "destinations": country_field.suggested(country_field.of_addresses),
    },
)
on_messages(ask_again=asked_again)
