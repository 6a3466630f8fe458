"""``/twilio atlas COUNTRY``: what a country asks of whom, and which senders reach its phones."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from bot import countries
from bot.core import App
from bot.errors import NothingKnownYet
from bot.texts import END_USERS, N_, Texts
from bot.twilio import destinations
from bot.twilio.catalogue import Offer
from bot.twilio.regulations import Regulation
from handlers import blocks, country_field, loading, rich
from handlers.blocks import Block, View
from handlers.forms import Form, needed
from handlers.rich import Element
from handlers.screen import Screen
from handlers.turn import Turn

CALLBACK_ID = "atlas.country"

Regulations = Mapping[str, Regulation]
"""By end-user type."""


# what you see


def choice(t: Texts, *, notice: str | None = None) -> View:
    """Where the command names no country, or not clearly."""
    shown: list[Block] = [blocks.note(notice, "warning")] if notice else []
    shown.append(country_field.field("country", None, t))
    return blocks.modal(CALLBACK_ID, t("Atlas"), shown, close=t("Cancel"), submit=t("Show"))


def page(
    country: str,
    offers: Sequence[Offer],
    abilities: Mapping[str, frozenset[str] | None],
    regulations: Mapping[str, Regulations],
    t: Texts,
) -> View:
    """abilities, regulations: by number type."""
    shown: list[Block] = [blocks.header(countries.label(country, t.language))]
    if offers:
        shown += [
            blocks.section("\n".join(_offer(each, abilities.get(each.number_type), t) for each in offers)),
            blocks.divider(),
            *(_asked(kinds, asked, t) for kinds, asked in _alike(offers, regulations)),
        ]
    else:
        shown.append(blocks.section(t("Twilio sells no numbers in {country}.", country=t.country(country))))
    shown += [blocks.divider(), *_senders(country, t)]
    return blocks.modal("atlas", t("Atlas"), shown, close=t("Close"))


def _offer(offer: Offer, abilities: frozenset[str] | None, t: Texts) -> str:
    line = t(
        "*{type}*: {price} a month",
        type=t.number_type(offer.number_type),
        price=t.money(offer.price, offer.currency),
    )
    return line if abilities is None else f"{line} · {t.capabilities(abilities) or '–'}"


def _alike(
    offers: Sequence[Offer], regulations: Mapping[str, Regulations]
) -> list[tuple[list[str], Regulations]]:
    """Number types of which the same is asked stand together, in the order of the offers."""
    found: list[tuple[list[str], Regulations]] = []
    for each in offers:
        asked = regulations.get(each.number_type, {})
        for kinds, same in found:
            if _plain(same) == _plain(asked):
                kinds.append(each.number_type)
                break
        else:
            found.append(([each.number_type], asked))
    return found


def _plain(asked: Regulations) -> Regulations:
    """Without what differs between number types of which the same is asked."""
    return {kind: replace(each, sid="", number_type="") for kind, each in asked.items()}


def _asked(kinds: Sequence[str], asked: Regulations, t: Texts) -> Block:
    said = t("What is asked for {types}", types=t.listed(t.number_type(each) for each in kinds))
    lines: list[list[Element]] = [[rich.text(said, bold=True)]]
    if not asked:
        lines.append([rich.text(t("No regulatory bundle is needed."))])
    for end_user, name in END_USERS.items() if asked else ():
        regulation = asked.get(end_user)
        if regulation is None:
            lines.append(_line(t(name), t("cannot have these numbers")))
        else:
            lines += _regulation(regulation, t)
    return rich.block(rich.section(*_joined(lines)))


def _regulation(regulation: Regulation, t: Texts) -> list[list[Element]]:
    """Twilio's words among them, which come alive nowhere."""
    fields = [t(field.label) for part in regulation.end_users for field in part.fields]
    lines = [_line(t(END_USERS[regulation.end_user_type]), t.listed(dict.fromkeys(fields)))]
    for i, group in enumerate(regulation.groups):
        if len(regulation.groups) > 1:
            either = t("Either set {number}:", number=1) if i == 0 else t("or set {number}:", number=i + 1)
            lines.append([rich.text(either)])
        for each in group:
            accepted = t.listed(dict.fromkeys(t(kind.name) for kind in each.kinds))
            lines.append([rich.text(f"• {t(each.name)}: {accepted}")])
            lines += [[rich.text(f"   {where}")] for where in each.where]
    return lines


def _line(name: str, said: str) -> list[Element]:
    return [rich.text(f"{name}: ", bold=True), rich.text(said or "–")]


def _joined(lines: Sequence[Sequence[Element]]) -> list[Element]:
    """One below the other."""
    return [element for i, line in enumerate(lines) for element in (*([rich.text("\n")] if i else []), *line)]


def _senders(country: str, t: Texts) -> list[Block]:
    rules = destinations.rules(country)
    name = t.country(country)
    if rules is None:
        said = t("Which senders reach phones in {country} is not recorded here.", country=name)
        return [blocks.section(said)]
    title = [rich.text(t("What reaches phones in {country}", country=name), bold=True)]
    lines = [[rich.text("• "), *rich.said(each, t, {})] for each in destinations.lines(rules)]
    if rules.stays_home:
        lines.append([rich.text("• "), rich.text(t("Its own numbers cannot text other countries."))])
    read = t("Read on {date} in", date=rules.read.isoformat())
    source = [rich.text(f"{read} "), rich.link(rules.source, t("Twilio's SMS guidelines"))]
    return [rich.block(rich.section(*_joined([title, *lines]))), rich.block(rich.section(*source))]


# what happens next


async def opened(turn: Turn) -> None:
    """``/twilio atlas COUNTRY``; countries of which Twilio sells no numbers are texted too."""
    app = turn.app
    await app.policy.check_ask(turn.person_id, app.people)
    if not app.market.countries():
        raise NothingKnownYet()
    named, notice = country_field.named(turn.words, app, turn.t, among=country_field.of_addresses)
    if named.country is None:
        await turn.show(choice(turn.t, notice=notice))
    else:
        await _show(turn, named.country)


class Wanted(Form):
    country: Annotated[str, needed(N_("Choose a country."))]


async def submitted(turn: Turn, form: Wanted) -> None:
    await _show(turn, form.country)


async def _show(turn: Turn, country: str) -> None:
    async def work(_: str) -> View:
        return await _read(country, turn.app, turn.t)

    await loading.behind(turn, turn.t("Asking Twilio what this country wants to know…"), work)


async def _read(country: str, app: App, t: Texts) -> View:
    """Raises TwilioError."""
    market = app.market
    offers = market.offers(country)
    kinds = [each.number_type for each in offers]
    asked = asyncio.gather(*(market.regulations(country, kind) for kind in kinds))
    regulations, _ = await asyncio.gather(asked, market.learn_abilities(country))
    abilities = {kind: market.abilities(country, kind) for kind in kinds}
    return page(country, offers, abilities, dict(zip(kinds, regulations, strict=True)), t)


SCREEN = Screen(
    CALLBACK_ID,
    (Wanted, submitted),
    suggests={"country": country_field.suggested(country_field.of_addresses)},
)
