"""Country and number type, wherever they are chosen: a type-ahead, what a command names (rule 38), and the types on sale there."""

from collections.abc import Callable, Collection, Sequence

from bot import countries
from bot.core import App
from bot.countries import Named
from bot.texts import NUMBER_TYPES, Texts
from bot.twilio.catalogue import Offer
from handlers import blocks
from handlers.blocks import Block, Option
from handlers.screen import Suggester
from handlers.turn import Turn


def sold(app: App) -> Collection[str]:
    return app.market.countries()


def of_addresses(app: App) -> Collection[str]:
    """Where people live: an address may lie where Twilio sells nothing."""
    return [each for each in countries.every() if countries.dialling_code(each)]


def field(name: str, country: str | None, t: Texts, *, mark: str = "", dispatch: bool = False) -> Block:
    return blocks.typeahead(
        name,
        t("Country"),
        initial=option(country, t) if country else None,
        placeholder=t("Name, code (DE) or dialling code (+49)"),
        mark=mark,
        dispatch=dispatch,
    )


MOST = 20
"""Countries in one field."""


def several(
    name: str,
    label: str,
    chosen: Sequence[str],
    t: Texts,
    *,
    mark: str = "",
    hint: str | None = None,
    dispatch: bool = False,
) -> Block:
    return blocks.typeahead_for_several(
        name,
        label,
        initial=[option(each, t) for each in chosen],
        most=MOST,
        mark=mark,
        hint=hint,
        dispatch=dispatch,
    )


def option(country: str, t: Texts) -> Option:
    return blocks.option(country, countries.label(country, t.language))


def suggested(among: Callable[[App], Collection[str]]) -> Suggester:
    async def suggest(turn: Turn) -> list[Option]:
        typed = str(turn.body.get("value") or "")
        found = countries.matching(typed, among(turn.app), turn.t.language)
        return [option(each, turn.t) for each in found]

    return suggest


def named(
    words: Sequence[str], app: App, t: Texts, *, among: Callable[[App], Collection[str]] = sold
) -> tuple[Named, str | None]:
    """What a command names, if it can be had, and what to say of it if not."""
    typed, here = countries.of_command(words), among(app)
    if typed.country and typed.country not in here:
        said = t("Twilio sells no numbers in {country}.", country=t.country(typed.country))
        return Named(digits=typed.digits), said
    if typed.unknown is None:
        return typed, None
    unknown = blocks.cut(typed.unknown, 40)
    likely = countries.matching(typed.unknown, here, t.language)
    likely = (likely or countries.matching(typed.unknown.split()[0], here, t.language))[:3]
    if not likely:
        return typed, t("There is no country “{word}”. Choose one from the list.", word=unknown)
    return typed, t(
        "“{word}” is not clear. Is it one of these: {countries}? Choose it from the list.",
        word=unknown,
        countries=t.listed(t.country(each) for each in likely),
    )


def chosen_type(offers: Sequence[Offer], chosen: str | None) -> str:
    """The first, until another one that is sold was chosen: that spends nothing yet."""
    return chosen if chosen in {each.number_type for each in offers} else offers[0].number_type


def types(
    offers: Sequence[Offer], chosen: str | None, t: Texts, *, mark: str, dispatch: bool = False
) -> Block:
    """Those that the country has, with their prices. mark: has to name the country, as another one's types are other options."""
    options = [
        blocks.option(
            each.number_type,
            t(
                "{type} – {price} a month",
                type=t(NUMBER_TYPES[each.number_type]),
                price=t.money(each.price, each.currency),
            ),
        )
        for each in offers
    ]
    sold_here = {each.number_type for each in offers}
    missing = [t(name) for kind, name in NUMBER_TYPES.items() if kind not in sold_here]
    return blocks.radio(
        "number_type",
        t("Number type"),
        options,
        initial=chosen_type(offers, chosen),
        mark=mark,
        dispatch=dispatch,
        hint=t("Not for sale in this country: {types}.", types=t.listed(missing)) if missing else None,
    )
