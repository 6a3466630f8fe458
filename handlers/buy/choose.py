"""Page 2: which number. The results are fetched once, kept on the draft, and paged from there (rule 18)."""

import asyncio
from collections.abc import Collection
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.errors import FormErrors
from bot.purchases.draft import Search, search_of
from bot.texts import ADDRESS_NEEDS, CAPABILITIES, N_, NUMBER_TYPES, Texts, phone, say
from bot.twilio.numbers import LIMIT, Available, available, from_kept
from handlers import blocks, errors, forms, modal
from handlers.blocks import Block, View
from handlers.buy import draft as draft_row
from handlers.buy import end_user
from storage.drafts import DraftMoved
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
    price = t("{price} a month each", price=t.money(offer.price, offer.currency)) if offer else ""
    kind = t(NUMBER_TYPES[draft.number_type])
    found = t.n("One number found.", "{n} numbers found.", count)
    if count >= LIMIT:
        found = t("The first {n} numbers that Twilio names.", n=count)
    return f"*{t.country(draft.country)}, {kind}* – {price}. {found}"


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
        buttons.append(blocks.button("previous", t("Previous")))
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
                    blocks.button("drop_filter", t("Drop it"), name),
                    block_id=f"drop_{name}",
                )
            )
    if len(shown) == 1:
        shown.append(
            blocks.section(
                t("Dropping one filter is not enough. Go back and ask for less, or try another type.")
            )
        )
    return _with_buttons(draft, shown, t, 0, 1)


# what happens next


async def show(external_id: str, draft: Draft, client: AsyncWebClient, app: App, t: Texts) -> None:
    """Asks Twilio, keeps the results on the draft, and draws; a draft that has changed meanwhile is left alone."""
    search = search_of(draft.typed("find"), app.market)
    found = await available(app.twilio, search.country, search.number_type, search.filters)
    held = await app.store.held_numbers(draft.account_sid, [each.phone_number for each in found])
    if any(each.phone_number not in held for each in found):
        try:
            draft = await app.store.record_draft(
                draft.id, draft.version, results=[each.kept() for each in found], results_page=0
            )
        except DraftMoved:
            return
        view = page(draft, app, t, held, mark=f"~s{draft.version}")
    else:
        view = nothing_found(draft, t, await _without_each(draft, search, app))
    await modal.late(client, external_id, view)


async def _without_each(draft: Draft, search: Search, app: App) -> dict[str, int]:
    names = [name for name in search.filters if name in FILTERS]

    async def count(name: str) -> int:
        dropped = TOGETHER.get(name, (name,))
        filters = {key: value for key, value in search.filters.items() if key not in dropped}
        found = await available(app.twilio, search.country, search.number_type, filters)
        numbers = [each.phone_number for each in found]
        return len(numbers) - len(await app.store.held_numbers(draft.account_sid, numbers))

    return dict(zip(names, await asyncio.gather(*map(count, names)), strict=True))


async def turned(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """``more`` and ``previous``"""
    shown = body["view"]
    draft = await draft_row.of(shown, app)
    step = 1 if body["actions"][0]["action_id"] == "more" else -1
    draft = await app.store.record_draft(
        draft.id,
        results_page=max(0, draft.results_page + step),
        answers=draft_row.answers(draft, "choose", forms.answers(shown)),
    )
    held = await draft_row.held(draft, app)
    await modal.redraw(client, shown, page(draft, app, t, held, mark=f"~p{draft.version}"))
    await ack()


async def search_again(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    shown = body["view"]
    draft = await draft_row.of(shown, app)
    await _searched(shown, draft, client, app, t)
    await ack()


async def filter_dropped(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    shown = body["view"]
    draft = await draft_row.of(shown, app)
    find = _forgotten(draft.typed("find"), body["actions"][0]["value"])
    draft = await app.store.record_draft(draft.id, answers={**draft.answers, "find": find})
    await _searched(shown, draft, client, app, t)
    await ack()


def _forgotten(find: dict[str, Any], name: str) -> dict[str, Any]:
    """What was typed on page 1, without the dropped filter."""
    field, capability = DROPPED.get(name, (name, None))
    if capability is not None:
        return {**find, "capabilities": [each for each in find["capabilities"] if each != capability]}
    return {key: value for key, value in find.items() if key not in TOGETHER.get(field, (field,))}


async def _searched(shown: View, draft: Draft, client: AsyncWebClient, app: App, t: Texts) -> None:
    waiting = modal.loading(t, t("Looking for numbers at Twilio…"), draft.id)
    await modal.redraw(client, shown, waiting)
    external_id = waiting["external_id"]
    app.later(
        show(external_id, draft, client, app, t),
        errors.in_place_of(client, external_id, draft, app, t),
    )


async def submitted(ack: AsyncAck, view: View, client: AsyncWebClient, app: App, t: Texts) -> None:
    typed = forms.answers(view)
    draft = await draft_row.of(view, app)
    number = next(
        (each for each in from_kept(draft.results) if each.phone_number == typed.get("phone_number")), None
    )
    if number is None:
        raise FormErrors({"phone_number": say(N_("Choose one of the numbers."))})
    held = await draft_row.held(draft, app)
    if number.phone_number in held:
        await ack(
            response_action="update",
            view=page(
                draft, app, t, held, mark=f"~h{draft.version}", notice=just_taken(number.phone_number, t)
            ),
        )
        return
    draft = await app.store.record_draft(
        draft.id,
        page="end_user",
        answers=draft_row.answers(draft, "choose", typed),
    )
    waiting = modal.loading(t, t("Asking Twilio what this country wants to know…"), draft.id)
    await ack(response_action="update", view=waiting)
    external_id = waiting["external_id"]
    app.later(
        end_user.show(external_id, draft, client, app, t),
        errors.in_place_of(client, external_id, draft, app, t),
    )


def just_taken(phone_number: str, t: Texts) -> str:
    return t.said(
        say(N_("Somebody else is buying {number} already. Choose another one."), number=phone(phone_number))
    )
