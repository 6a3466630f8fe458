"""Page 4: everything once more, the cost, and the agreement."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bot.core import App
from bot.folding import loose
from bot.purchases import operations, standing
from bot.purchases.draft import NEW, NONE, REPLACES, asked_for, offer_for
from bot.purchases.foreseen import Foreseen, Plan, foreseen
from bot.texts import END_USERS, NUMBER_TYPES, Said, Texts
from bot.twilio.catalogue import Offer
from handlers import blocks, forms, rich
from handlers.blocks import Block, Option, View
from handlers.buy import draft as draft_row
from handlers.turn import Turn
from storage.models import Bundle, Draft, IfGone

CALLBACK_ID = "buy_number.review"


# what you see


def page(
    draft: Draft,
    bundle: Bundle | None,
    app: App,
    t: Texts,
    *,
    mark: str = "",
    notice: str | None = None,
    against: Sequence[Said] = (),
) -> View:
    """against: the policy's limits that it would break."""
    typed = draft.answers.get("review", {})
    offer = offer_for(draft, app.market)
    shown: list[Block] = [blocks.note(notice, "success")] if notice else []
    shown += [_summary(draft, bundle, t), blocks.section(_cost(offer, t))]
    shown += [rich.warning(each, t) for each in against]
    shown += [rich.warning(each.full, t) for each in _foreseen(draft, bundle, offer, app)]
    if draft.can_text:
        shown += service_fields(app, typed, t, mark=mark)
    else:
        shown.append(
            blocks.section(t("This number cannot send text messages, so it needs no messaging service."))
        )
    shown += [
        *_if_gone(offer, typed, t, mark),
        blocks.checkboxes(
            "agree",
            t("Agreement"),
            [
                blocks.option(
                    "yes",
                    t("I agree to the monthly cost"),
                    t("It is charged every month until the number is released"),
                )
            ],
            initial=typed.get("agree") or (),
            mark=mark,
        ),
        blocks.actions("buttons", blocks.button("back", t("Back"))),
    ]
    return blocks.modal(
        CALLBACK_ID, t("Check and send"), shown, close=t("Cancel"), submit=t("Send for approval"), about=draft
    )


async def drawn(
    draft: Draft, bundle: Bundle | None, app: App, t: Texts, *, mark: str = "", notice: str | None = None
) -> View:
    """The page, with what is known by now of the policy's limits."""
    against = await standing.limits_against(draft, app)
    return page(draft, bundle, app, t, mark=mark, notice=notice, against=against)


def _foreseen(draft: Draft, bundle: Bundle | None, offer: Offer, app: App) -> list[Foreseen]:
    """For the messaging service that is chosen by now."""
    assert draft.country and draft.number_type
    chosen = draft.typed("review").get("messaging_service")
    plan = Plan(
        draft.country,
        draft.number_type,
        draft.texts_to,
        (offer.price, offer.currency),
        bool(draft.regulated),
        bundle,
        draft.number.get("locality") if draft.address_is_elsewhere(bundle) else None,
        None if chosen in (NEW, NONE) else chosen,
    )
    return foreseen(plan, app.market)


def _if_gone(offer: Offer, typed: dict[str, Any], t: Texts, mark: str) -> list[Block]:
    """The price limit is asked for only where something else may be bought."""
    chosen = typed.get("if_gone") or IfGone.ASK
    shown = [
        blocks.radio(
            "if_gone",
            t("If somebody else buys the number first"),
            [
                blocks.option(IfGone.ASK, t("Ask me")),
                blocks.option(IfGone.CLOSEST, t("Take the closest match, within a price limit")),
            ],
            initial=chosen,
            mark=mark,
            hint=t("Twilio holds no numbers: somebody else may buy it before the approval."),
            dispatch=True,
        )
    ]
    if chosen == IfGone.CLOSEST:
        limit = blocks.text(
            "price_limit",
            t("For the closest match: at most this a month, in {currency}", currency=offer.currency),
            initial=typed.get("price_limit"),
            placeholder=str(offer.price),
            mark=mark,
            hint=t("Left empty, it may cost no more than this one."),
            optional=True,
        )
        shown.append(limit)
    return shown


def _summary(draft: Draft, bundle: Bundle | None, t: Texts) -> Block:
    assert draft.phone_number and draft.country and draft.number_type
    kind = t("{country}, {type}", country=t.country(draft.country), type=t(NUMBER_TYPES[draft.number_type]))
    lines = [kind, t.capabilities(draft.number.get("capabilities", []))]
    if draft.can_text and draft.destinations:
        lines.append(t("Will text: {countries}", countries=t.listed(map(t.country, draft.destinations))))
    if draft.regulated:
        assert draft.end_user_type is not None
        given = t("“{bundle}”", bundle=bundle.friendly_name) if bundle else t("bundle to be added")
        lines.append(t("End user: {type}, {bundle}", type=t(END_USERS[draft.end_user_type]), bundle=given))
    return rich.block(
        rich.section(
            rich.text(t.phone(draft.phone_number), bold=True),
            rich.text("\n" + "\n".join(filter(None, lines))),
        ),
        rich.quote(draft.purpose),
    )


def _cost(offer: Offer, t: Texts) -> str:
    return t(
        "*{month} a month*, {year} a year. The first month is charged when it is bought.",
        month=t.money(offer.price, offer.currency),
        year=t.money(offer.price * 12, offer.currency),
    )


def service_fields(
    app: App, typed: dict[str, Any], t: Texts, *, mark: str = "", none: bool = True
) -> list[Block]:
    """Nothing is chosen beforehand: a service is shared by all of its senders. The name is asked for only where one is to be made.

    none: whether the number may stay without a service. More of them than a select shows are found by typing.
    """
    options = _services(app, t, none=none)
    chosen = next((each for each in options if each["value"] == typed.get("messaging_service")), None)
    label, hint = (
        t("Messaging service"),
        t("Messages are sent through a service; the number becomes one of its senders."),
    )
    if len(options) > blocks.MOST_OPTIONS:
        field = blocks.typeahead(
            "messaging_service", label, initial=chosen, mark=mark, hint=hint, dispatch=True
        )
    else:
        value = chosen["value"] if chosen else None
        field = blocks.select(
            "messaging_service", label, options, initial=value, mark=mark, hint=hint, dispatch=True
        )
    if typed.get("messaging_service") != NEW:
        return [field]
    name = blocks.text(
        "messaging_service_name",
        t("Name of the new service"),
        initial=typed.get("messaging_service_name"),
        max_length=64,
        mark=mark,
        optional=True,
    )
    return [field, name]


def _services(app: App, t: Texts, *, none: bool = True) -> list[Option]:
    known = app.market.services()
    same = Counter(each.name for each in known)
    options = [blocks.option(NEW, t("A new one"))]
    if none:
        options.append(blocks.option(NONE, t("None")))
    return [
        *(blocks.option(each.sid, each.name, each.sid if same[each.name] > 1 else None) for each in known),
        *options,
    ]


async def services_suggested(turn: Turn) -> list[Option]:
    """By a part of the name; a new one and none stay in reach."""
    wanted = loose(str(turn.body.get("value") or ""))
    *services, new, none = _services(turn.app, turn.t)
    found = [each for each in services if wanted in loose(each["text"]["text"])]
    return [*found[: blocks.MOST_OPTIONS - 2], new, none]


# what you typed


def unasked(typed: forms.Answers) -> bool:
    """Whether the page was sent before it could be drawn with a field that the choices on it need."""
    names = typed.get("messaging_service") == NEW and "messaging_service_name" not in typed
    return names or (typed.get("if_gone") == IfGone.CLOSEST and "price_limit" not in typed)


# what happens next


async def changed(turn: Turn) -> None:
    """Another service, or what to do if the number is gone: the page is drawn with the fields that this needs, in place."""
    await draft_row.keep(turn, await draft_row.of(turn), "review")

    async def draw() -> View:
        return await as_it_is(await draft_row.of(turn), turn.app, turn.t, mark=turn.mark("agree"))

    await turn.redraw(draw)


async def as_it_is(draft: Draft, app: App, t: Texts, *, mark: str) -> View:
    bundle = await app.store.bundle(draft.bundle_id) if draft.bundle_id else None
    return await drawn(draft, bundle, app, t, mark=mark)


async def submit(turn: Turn, draft: Draft) -> None:
    """Raises NumberHeld when somebody else was quicker."""
    app = turn.app
    await app.policy.check_ask(draft.requester_id, app.people)
    bundle = await app.store.bundle(draft.bundle_id) if draft.bundle_id else None
    await operations.submit(draft, app, asked_for(turn.answers, draft, bundle, app.market), draft.purpose)
    if (replaced := draft.typed("find").get(REPLACES)) is not None:
        await operations.replaced(replaced, draft.requester_id, draft.phone_number, app)
