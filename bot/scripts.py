"""``numberdesk buy`` and ``numberdesk status``: a request and where it stands, for programs. JSON on stdout, a line for each thing that is wrong on stderr."""

import json
import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from bot import settings
from bot.beside import app_beside
from bot.errors import BotError, FormErrors, TwilioAway
from bot.folding import dialled
from bot.purchases import asking, policy
from bot.purchases.asking import Wish
from bot.purchases.draft import NEW, NONE
from bot.refusals import Kind, of_twilio
from bot.starting import both
from bot.texts import CAPABILITIES, END_USERS, NUMBER_TYPES, Texts
from bot.twilio.catalogue import Service
from bot.twilio.client import TwilioError
from storage.models import IfGone, Purchase
from storage.store import Store

MOST = 200
"""Requests of one person that are listed at most."""
T = Texts("en")


def add_buy(buy: ArgumentParser) -> None:
    def option(name: str, text: str, **more: Any) -> None:
        buy.add_argument(name, help=text, **more)

    option("--person", "who asks: a person's id in Slack, whose rights count", required=True, metavar="U...")
    option("--country", "ISO 3166 code such as US", required=True, metavar="CC")
    option("--type", "local by default", default="local", choices=[*NUMBER_TYPES], dest="number_type")
    option("--purpose", "what it is for, as the approvers read it", required=True)
    option(
        "--number",
        "this very one, such as +14155550100; without it the first that is on sale",
        metavar="+...",
    )
    option("--contains", "digits or letters that it shall have")
    option("--position", "where they stand; anywhere by default", choices=("anywhere", "start", "end"))
    option("--capability", "what it has to do; may be repeated", action="append", choices=[*CAPABILITIES])
    option("--texts", "a country that it shall text; may be repeated", action="append", metavar="CC")
    option("--end-user", "who uses it, where the country asks", choices=[*END_USERS])
    option("--bundle", "the regulatory bundle's SID; without it, it is added later", metavar="BU...")
    option("--address", "the address's SID, where the number needs one", metavar="AD...")
    service = buy.add_mutually_exclusive_group()
    service.add_argument("--service", help="the messaging service's SID or name, an existing one")
    service.add_argument("--new-service", help="the name of a messaging service to be made", metavar="NAME")
    service.add_argument("--no-service", help="into no messaging service", action="store_true")
    option("--closest-match", "if it is sold meanwhile, take the closest one", action="store_true")
    option("--price-limit", "for that one, at most this a month", metavar="AMOUNT")
    option("--agree", "agree to the monthly cost, which is charged until it is released", action="store_true")


def add_status(status: ArgumentParser) -> None:
    which = status.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "purchase", metavar="PURCHASE", nargs="?", help="its id, or the number such as +14155550100"
    )
    which.add_argument(
        "--person", metavar="U...", help="all that this person has asked for, the live ones first"
    )


async def buy(given: Namespace) -> int:
    config, read = both(settings.read, lambda: policy.read(settings.policy_file()))
    settings.clear()
    logging.basicConfig(handlers=[logging.NullHandler()])  # what goes wrong is told by a line of its own
    async with app_beside(config, read) as app:
        try:
            purchase = await asking.ask(_wish(given, app.market.services()), app)
        except FormErrors as error:
            return _wrong(
                *(f"{OPTIONS.get(name, name)}: {T.plain(said)}" for name, said in error.fields.items())
            )
        except BotError as error:
            return _wrong(T.plain(error.said))
        except TwilioError as error:
            away = of_twilio(error).kind is Kind.PASSING
            return _wrong(T.plain(TwilioAway().said) if away else f"Twilio refuses: {error}")
        _write(standing(purchase))
    return 0


async def status(given: Namespace, store: Store) -> int:
    if given.person:
        found = await store.requests_of(given.person, MOST)
    else:
        found = await store.purchases_known_as(dialled(given.purchase))
        if not found:
            return _wrong(T("There is no request {purchase} in this database.", purchase=given.purchase))
    for purchase in found:
        _write(standing(purchase))
    return 0


def standing(purchase: Purchase) -> dict[str, Any]:
    """Where it stands, as ``status`` and ``buy`` say it."""
    quote = purchase.quote
    why = purchase.problem or purchase.waiting
    return {
        "id": purchase.id,
        "number": quote.phone_number,
        "state": purchase.state.value,
        "bought": purchase.phone_number_sid is not None,
        "proven": purchase.proven_at is not None,
        "why": T.plain(why) if why else None,
        "requester": purchase.requester_id,
        "purpose": purchase.purpose,
        "country": quote.country,
        "type": quote.number_type,
        "price": str(purchase.monthly_price),
        "currency": quote.currency,
        "phone_number_sid": purchase.phone_number_sid,
        "messaging_service_sid": purchase.messaging_service_sid,
        "asked_at": purchase.created_at.isoformat(),
        "changed_at": purchase.updated_at.isoformat(),
    }


def _wish(given: Namespace, services: Sequence[Service]) -> Wish:
    service, name = None, None
    if given.service:
        service = next(
            (each.sid for each in services if given.service in (each.sid, each.name)), given.service
        )
    elif given.new_service:
        service, name = NEW, given.new_service.strip()
    elif given.no_service:
        service = NONE
    return Wish(
        given.person,
        {
            "country": given.country.upper(),
            "number_type": given.number_type,
            "purpose": given.purpose.strip(),
            "contains": given.contains,
            "position": given.position,
            "capabilities": given.capability or [],
            "destinations": [each.upper() for each in given.texts or ()],
        },
        {"end_user_type": given.end_user, "bundle": given.bundle, "address": given.address},
        {
            "messaging_service": service,
            "messaging_service_name": name,
            "if_gone": IfGone.CLOSEST if given.closest_match else IfGone.ASK,
            "price_limit": given.price_limit,
            "agree": ["yes"] if given.agree else [],
        },
        dialled(given.number) if given.number else None,
    )


OPTIONS = {
    "number_type": "--type",
    "capabilities": "--capability",
    "destinations": "--texts",
    "end_user_type": "--end-user",
    "messaging_service": "--service",
    "messaging_service_name": "--new-service",
    "price_limit": "--price-limit",
} | {name: f"--{name}" for name in ("country", "purpose", "contains", "bundle", "address", "agree")}
"""What each field of the form is called here."""


def _wrong(*lines: str) -> int:
    sys.stderr.write("".join(f"{each}\n" for each in lines))
    return 1


def _write(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
