"""What would keep a number from being bought or from doing its job, said before the money is spent. Asks nobody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.bundles.possible import usable
from bot.errors import SecondOnTrial
from bot.readiness import NO_CAMPAIGN, NO_VERIFICATION, TRIAL, is_10dlc, is_toll_free, not_permitted
from bot.texts import N_, Said, country, say
from bot.twilio import destinations
from bot.twilio.account import Money
from bot.twilio.catalogue import Market
from storage.models import Bundle, Quote, Service

REGISTERED_ELSEWHERE = N_(
    "A verified A2P 10DLC campaign exists in this messaging service: {services}. A number in it can text US phones at once."
)


@dataclass(frozen=True)
class Plan:
    """A number as it is asked for."""

    country: str
    number_type: str
    destinations: tuple[str, ...]
    """countries that it shall text; none for one that cannot"""
    price: Money
    regulated: bool = False
    bundle: Bundle | None = None
    elsewhere: str | None = None
    """the number's town, where its address lies in another one"""
    service_sid: str | None = None
    """the messaging service that it goes into; none where it is to be made, or there is none"""


def plan_of(quote: Quote, bundle: Bundle | None) -> Plan:
    sid = quote.service_sid if quote.service == Service.EXISTING else None
    price, town = (quote.price, quote.currency), quote.locality if quote.address_elsewhere else None
    return Plan(quote.country, quote.number_type, quote.texts_to, price, quote.regulated, bundle, town, sid)


@dataclass(frozen=True)
class Foreseen:
    """What will stand against a number: for who decides in brief, for who asks with what to do about it."""

    brief: Said
    full: Said


def foreseen(plan: Plan, market: Market) -> list[Foreseen]:
    """What would keep it from being bought or from doing its job, as far as it is known by now. Asks nobody."""
    return [*_documents(plan), *_texting(plan, market), *_account(plan, market)]


def _documents(plan: Plan) -> Iterator[Foreseen]:
    if plan.regulated and plan.bundle is None:
        said = say(N_("It cannot be bought before a bundle is added, and Twilio has approved it."))
        yield Foreseen(said, said)
    elif plan.regulated and plan.bundle is not None and not usable(plan.bundle):
        said = say(N_("It cannot be bought before Twilio has approved the bundle."))
        yield Foreseen(said, said)
    if plan.elsewhere:
        text = N_(
            "The address is in another town than the number, which is in {town}. Twilio refuses it unless its town is on the number's own list."
        )
        brief = say(N_("The address is in another town than the number, so Twilio may refuse it."))
        yield Foreseen(brief, say(text, town=plan.elsewhere))


def _texting(plan: Plan, market: Market) -> Iterator[Foreseen]:
    if not plan.destinations:
        return
    registered = market.is_registered(plan.service_sid)
    if is_10dlc(plan.country, plan.number_type, plan.destinations) and not registered:
        yield Foreseen(
            say(N_("Cannot text US phones before an A2P 10DLC campaign is registered.")), say(NO_CAMPAIGN)
        )
        if names := [each.name for each in market.registered()]:
            said = say(REGISTERED_ELSEWHERE, services=names)
            yield Foreseen(say(N_("A verified campaign is there in {services}."), services=names), said)
    if is_toll_free(plan.country, plan.number_type):
        brief = say(N_("Cannot text before Twilio has verified the toll-free number."))
        yield Foreseen(brief, say(NO_VERIFICATION))
    if closed := market.closed_to(plan.destinations):
        risky = [each for each in closed if market.is_high_risk(each)]
        there = [country(each) for each in closed]
        brief = say(N_("The account may not text to {countries} yet."), countries=there)
        yield Foreseen(brief, not_permitted([each for each in closed if each not in risky], risky))
    for said in advised(plan.country, plan.number_type, plan.destinations):
        problem: Said = said["with"].get("problem") or said
        yield Foreseen(problem, said)


def _account(plan: Plan, market: Market) -> Iterator[Foreseen]:
    if market.is_trial:
        yield Foreseen(say(N_("A trial account: the number is for tests only.")), say(TRIAL))
        if market.owns_numbers:
            said = say(SecondOnTrial.text)
            yield Foreseen(say(N_("A trial account may have one number, and has one already.")), said)
    balance = market.balance()
    if balance is not None and balance.currency == plan.price[1].upper() and balance.amount < plan.price[0]:
        said = say(N_("The Twilio balance does not cover the first month. It is bought once it does."))
        yield Foreseen(say(N_("The Twilio balance does not cover the first month.")), said)


def advised(country: str, number_type: str, to: Sequence[str]) -> list[Said]:
    """Where such a number is not the right sender, as far as public documentation says."""
    found = (destinations.advice(each, country, number_type) for each in to)
    return [each for each in found if each is not None]
