"""Page 2: which number. The results are fetched once, kept on the draft, and paged from there (rule 18)."""

import asyncio
from collections.abc import Collection
from typing import Annotated, Any

from bot.core import App
from bot.errors import FormErrors, HeldByAnother
from bot.purchases.draft import Search, search_of
from bot.texts import ADDRESS_NEEDS, CAPABILITIES, N_, NC_, NUMBER_TYPES, Texts, phone, say
from bot.twilio.numbers import LIMIT, Available, available, from_kept
from handlers import blocks
from handlers.blocks import Block, View
from handlers.buy import draft as draft_row
from handlers.buy import end_user
from handlers.forms import Form, needed
from handlers.screen import Screen
from handlers.turn import Turn
from storage.models import Draft

CALLBACK_ID = "buy_number.choose"
PER_PAGE = 10

FILTERS = {
    "contains": N_("the digits"),
    "in_locality": N_("the town"),
    "in_region": N_("the state or province"),
    "in_postal_code": N_("the postal code"),
    "area_code": N_("the area code"),
    "near_number": N_("nearness to another number"),
    "exclude_all_address_required": N_("the address requirement"),
    "exclude_local_address_required": N_("the address requirement"),
    "exclude_foreign_address_required": N_("the address requirement"),
    "beta": N_("leaving out beta numbers"),
    **{f"{name}_enabled": label for name, label in CAPABILITIES.items()},
}
TOGETHER = {"near_number": ("near_number", "distance")}
DROPPED = {
    **{f"{name}_enabled": ("capabilities", name) for name in CAPABILITIES},
    **{name: ("address_requirement", None) for name in FILTERS if name.startswith("exclude_")},
}
"""Where a filter of Twilio's search comes from on page 1, when its name is another one there."""


# what you see


def page(
    draft: Draft,
    app: App,
    t: Texts,
    held: Collection[str],
    *,
    mark: str = "",
    notice: str | None = None,
) -> View:
    """held: numbers that others are buying; they are not listed."""
    found = [each for each in from_kept(draft.results) if each.phone_number not in held]
    pages = max(1, -(-len(found) // PER_PAGE))
    nth = min(draft.results_page, pages - 1)
    listed = found[nth * PER_PAGE : (nth + 1) * PER_PAGE]
    shown: list[Block] = [blocks.alert(notice)] if notice else []
    if not listed:
        shown.append(
            blocks.section(t("Every number that was found is being bought by somebody else by now."))
        )
        return _with_buttons(draft, shown, t, nth, pages)
    shown.append(blocks.section(_heading(draft, app, t, len(found))))
    chosen = draft.answers.get("choose", {}).get("phone_number")
    shown.append(
        blocks.radio(
            "phone_number",
            t("Number"),
            [_option(each, t) for each in listed],
            initial=chosen,
            mark=f"{mark}~{nth}" if nth else mark,
        )
    )
    return _with_buttons(draft, shown, t, nth, pages, submit=t("Next"))


def _heading(draft: Draft, app: App, t: Texts, count: int) -> str:
    assert draft.country and draft.number_type
    offer = app.market.offer(draft.country, draft.number_type)
    what = t("{country}, {type}", country=t.country(draft.country), type=t(NUMBER_TYPES[draft.number_type]))
    found = t.n("One number found.", "{n} numbers found.", count)
    if count >= LIMIT:
        found = t("Showing {n}: Twilio lists no more at a time.", n=count)
    if offer is None:
        return t("*{what}*: {found}", what=what, found=found)
    price = t.money(offer.price, offer.currency)
    return t("*{what}* – {price} a month each. {found}", what=what, price=price, found=found)


def _option(number: Available, t: Texts) -> Any:
    place = f"  {number.place}" if number.place else ""
    details = [t.capabilities(number.capabilities), t(ADDRESS_NEEDS[number.address_requirements])]
    if number.beta:
        details.append(t("new to Twilio"))
    return blocks.option(number.phone_number, t.phone(number.phone_number) + place, " · ".join(details))


def _with_buttons(
    draft: Draft, shown: list[Block], t: Texts, nth: int, pages: int, submit: str | None = None
) -> View:
    buttons = []
    if nth > 0:
        buttons.append(blocks.button("previous", t(NC_("numbers", "Previous"))))
    if nth < pages - 1:
        buttons.append(blocks.button("more", t("More numbers")))
    buttons += [blocks.button("search_again", t("Search again")), blocks.button("back", t("Back"))]
    return blocks.modal(
        CALLBACK_ID,
        t("Choose a number"),
        [*shown, blocks.actions("buttons", *buttons)],
        close=t("Cancel"),
        submit=submit,
        about=draft,
    )


def nothing_found(draft: Draft, t: Texts, without: dict[str, int]) -> View:
    """without: how many numbers there would be if one filter were dropped."""
    shown = [blocks.section(t("*No number matches all of that.*"))]
    for name, count in sorted(without.items(), key=lambda each: -each[1]):
        if count:
            found = t.n("one number", "{n} numbers", count) if count < 50 else t("50 numbers or more")
            shown.append(
                blocks.section(
                    t("Without {filter}: {found}.", filter=t(FILTERS[name]), found=found),
                    blocks.button("drop_filter", t("Remove filter"), name),
                    block_id=f"drop_{name}",
                )
            )
    if len(shown) == 1:
        shown.append(
            blocks.section(
                t("Removing one filter is not enough. Go back and ask for less, or try another type.")
            )
        )
    return _with_buttons(draft, shown, t, 0, 1)


# what happens next


async def search(turn: Turn, draft: Draft) -> None:
    """Asks Twilio behind a loading view, and shows what there is."""

    async def work(mark: str) -> View:
        return await _found(turn, draft)

    text = turn.t("Looking for numbers at Twilio…")
    await draft_row.behind(turn, text, work, draft=draft)


async def _found(turn: Turn, draft: Draft) -> View:
    """Keeps the results on the draft. Raises DraftMoved when it has changed meanwhile."""
    app = turn.app
    search = search_of(draft.typed("find"), app.market)
    found = await available(app.twilio, search.country, search.number_type, search.filters)
    held = await app.store.held_numbers(draft.account_sid, [each.phone_number for each in found])
    if all(each.phone_number in held for each in found):
        return nothing_found(draft, turn.t, await _without_each(draft, search, app))
    results = [each.kept() for each in found]
    draft = await app.store.record_draft(draft.id, draft.version, results=results, results_page=0)
    return page(draft, app, turn.t, held, mark=f"~s{draft.version}")


async def _without_each(draft: Draft, search: Search, app: App) -> dict[str, int]:
    names = [name for name in search.filters if name in FILTERS]

    async def count(name: str) -> int:
        dropped = TOGETHER.get(name, (name,))
        filters = {key: value for key, value in search.filters.items() if key not in dropped}
        found = await available(app.twilio, search.country, search.number_type, filters)
        numbers = [each.phone_number for each in found]
        return len(numbers) - len(await app.store.held_numbers(draft.account_sid, numbers))

    return dict(zip(names, await asyncio.gather(*map(count, names)), strict=True))


async def turned(turn: Turn) -> None:
    """``more`` and ``previous``"""
    draft = await draft_row.of(turn)
    step = 1 if turn.action_id == "more" else -1
    await draft_row.keep(turn, draft, "choose", results_page=max(0, draft.results_page + step))

    async def draw() -> View:
        draft = await draft_row.of(turn)
        return page(draft, turn.app, turn.t, await draft_row.held(draft, turn.app), mark=f"~p{draft.version}")

    await turn.redraw(draw)


async def searched_again(turn: Turn) -> None:
    await search(turn, await draft_row.of(turn))


async def filter_dropped(turn: Turn) -> None:
    draft = await draft_row.of(turn)
    find = _forgotten(draft.typed("find"), turn.value)
    await search(turn, await turn.app.store.record_draft(draft.id, answers={**draft.answers, "find": find}))


def _forgotten(find: dict[str, Any], name: str) -> dict[str, Any]:
    """What was typed on page 1, without the dropped filter."""
    field, capability = DROPPED.get(name, (name, None))
    if capability is not None:
        return {**find, "capabilities": [each for each in find["capabilities"] if each != capability]}
    return {key: value for key, value in find.items() if key not in TOGETHER.get(field, (field,))}


class Choice(Form):
    phone_number: Annotated[str, needed(N_("Choose one of the numbers."))]


async def submitted(turn: Turn, choice: Choice) -> None:
    draft = await draft_row.of(turn)
    number = next(
        (each for each in from_kept(draft.results) if each.phone_number == choice.phone_number), None
    )
    if number is None:
        raise FormErrors({"phone_number": say(N_("Choose one of the numbers."))})
    held = await draft_row.held(draft, turn.app)
    if number.phone_number in held:
        notice = just_taken(number.phone_number, turn.t)
        await turn.show(page(draft, turn.app, turn.t, held, mark=f"~h{draft.version}", notice=notice))
        return
    draft = await draft_row.keep(turn, draft, "choose", page="end_user")
    await end_user.ask(turn, draft)


def just_taken(phone_number: str, t: Texts) -> str:
    return t.said(HeldByAnother(number=phone(phone_number)).said)


SCREEN = Screen(
    CALLBACK_ID,
    (Choice, submitted),
    {"more": turned, "previous": turned, "search_again": searched_again, "drop_filter": filter_dropped},
)
