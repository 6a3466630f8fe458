"""The key and its rights, the account, the balance."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot import refusals
from bot.doctor.probe import Finding, Installation, Mark, Probe, answer_to, fine
from bot.readiness import TRIAL
from bot.refusals import Kind, of_twilio
from bot.texts import N_, say
from bot.twilio import account
from bot.twilio.account import Money
from bot.twilio.client import TwilioError

LEAST = Decimal(1)
"""About what the cheapest numbers cost a month, whatever the account's currency makes of it."""


@dataclass(frozen=True)
class Right:
    """What a restricted key has to be allowed to read. path: a read that costs nothing."""

    resource: str
    path: str
    needed_for: str


_API = "https://api.twilio.com/2010-04-01/Accounts/{account}"
_NUMBERS = "https://numbers.twilio.com/v2/RegulatoryCompliance"
RIGHTS = (
    Right("IncomingPhoneNumbers", f"{_API}/IncomingPhoneNumbers.json?PageSize=1", N_("buying numbers")),
    Right(
        "AvailablePhoneNumbers", f"{_API}/AvailablePhoneNumbers.json?PageSize=1", N_("searching for numbers")
    ),
    Right("Pricing", "https://pricing.twilio.com/v1/PhoneNumbers/Countries?PageSize=1", N_("prices")),
    Right("Services", "https://messaging.twilio.com/v1/Services?PageSize=1", N_("messaging services")),
    Right("Messages", f"{_API}/Messages.json?PageSize=1", N_("test messages")),
    Right("Addresses", f"{_API}/Addresses.json?PageSize=1", N_("addresses")),
    Right("Bundles", f"{_NUMBERS}/Bundles?PageSize=1", N_("regulatory bundles")),
    Right("Regulations", f"{_NUMBERS}/Regulations?PageSize=1", N_("what a country asks for")),
    Right("EndUsers", f"{_NUMBERS}/EndUsers?PageSize=1", N_("end users of bundles")),
    Right("SupportingDocuments", f"{_NUMBERS}/SupportingDocuments?PageSize=1", N_("documents of bundles")),
    Right(
        "Verifications",
        "https://messaging.twilio.com/v1/Tollfree/Verifications?PageSize=1",
        N_("whether toll-free numbers are verified"),
    ),
    Right(
        "Senders",
        "https://messaging.twilio.com/v2/Channels/Senders?Channel=whatsapp&PageSize=1",
        N_("WhatsApp senders"),
    ),
    Right(
        "GeoPermissions",
        "https://accounts.twilio.com/v1/Messaging/GeoPermissions?CountryCode=US",
        N_("which countries may be texted"),
    ),
)
"""The least set of docs/operations.md. What it has to be allowed to write cannot be tried without writing."""


async def _ask_rights(i: Installation) -> Any:
    """``{resource: the answer}``"""
    asked = (
        answer_to(i.twilio.request_async("GET", each.path.format(account=i.config.twilio_account_sid)))
        for each in RIGHTS
    )
    return dict(zip((each.resource for each in RIGHTS), await asyncio.gather(*asked), strict=True))


def _judge_rights(i: Installation, answers: Mapping[str, Any]) -> Iterator[Finding]:
    setting = refusals.TWILIO_SETTINGS if i.config.twilio_api_key else refusals.AUTH_TOKEN_SETTINGS
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, TwilioError)}
    kinds = {name: of_twilio(answer).kind for name, answer in failed.items()}
    refused = [each for each in RIGHTS if kinds.get(each.resource) is Kind.OF_INSTALLATION]
    silent = [name for name, kind in kinds.items() if kind is Kind.PASSING]
    if len(refused) == len(RIGHTS):
        error = failed[RIGHTS[0].resource]
        said = say(N_("Twilio does not let the app in (error {code})."), code=str(error.code or error.status))
        mend = say(
            N_(
                "Compare {setting} with the Console's “API keys & tokens”, and see there whether the account is active."
            ),
            setting=setting,
        )
        yield Finding(setting, Mark.MEND, said, mend)
        return
    if len(silent) == len(RIGHTS):
        said = say(N_("Twilio cannot be reached ({why})."), why=str(failed[silent[0]]))
        way = (
            "HTTPS_PROXY" if i.config.twilio_proxy else "TWILIO_BASE_URL" if i.config.twilio_base_url else ""
        )
        mend = (
            say(N_("Look at {setting}, then at the network."), setting=way)
            if way
            else say(N_("Look at the network; where a proxy leads out, set HTTPS_PROXY."))
        )
        yield Finding(way or setting, Mark.MEND, said, mend)
        return
    for right in refused:
        said = say(
            N_("The Twilio key may not read {resource}, which is needed for this: {purpose}."),
            resource=right.resource,
            purpose=say(right.needed_for),
        )
        mend = say(
            N_(
                "Give the restricted key this right (docs/operations.md has the list), or take a Standard key."
            )
        )
        yield Finding(right.resource, Mark.MEND, said, mend)
    if silent:
        said = say(N_("Twilio did not answer about {resources}."), resources=silent)
        yield Finding("Twilio", Mark.UNSEEN, said, say(N_("Look again in a minute.")))
    if not refused:
        yield fine(setting, N_("Twilio lets the app in, and shows it what it needs."))


async def _ask_account(i: Installation) -> Any:
    """By the Auth Token where there is one: a key sees the account only if it is the main one (rule 29)."""
    token, sid = i.config.twilio_auth_token, i.config.twilio_account_sid
    path = f"https://api.twilio.com/2010-04-01/Accounts/{sid}.json"
    by = (sid, token.get_secret_value()) if token else None
    answer = await answer_to(i.twilio.request_async("GET", path, auth=by))
    if isinstance(answer, TwilioError):
        return answer
    return json.loads(answer.text)


def _judge_account(i: Installation, answer: Any) -> Iterator[Finding]:
    if isinstance(answer, TwilioError):
        if i.config.twilio_auth_token is not None and of_twilio(answer).kind is Kind.OF_INSTALLATION:
            said = say(
                N_("Twilio does not take TWILIO_AUTH_TOKEN, so no report of Twilio's would be believed.")
            )
            mend = say(
                N_("Copy the Auth Token anew from the Console's first page; it may have been rotated.")
            )
            yield Finding("TWILIO_AUTH_TOKEN", Mark.MEND, said, mend)
        else:
            said = say(
                N_("The account's type and status cannot be seen with this key, which changes nothing.")
            )
            yield Finding("account", Mark.UNSEEN, said)
        return
    if answer["status"] != "active":
        said = say(N_("The Twilio account is {status}."), status=str(answer["status"]))
        yield Finding(
            "account", Mark.MEND, said, say(N_("See in the Console what it takes to make it active."))
        )
    elif str(answer["type"]).casefold() == "trial":
        yield Finding("account", Mark.ADVICE, say(TRIAL))
    else:
        yield fine("account", N_("The Twilio account is active."))


async def _ask_balance(i: Installation) -> Money | None:
    return await account.balance(i.twilio, i.config.twilio_account_sid)


def _judge_balance(_: Installation, balance: Money | None) -> Iterator[Finding]:
    if balance is None:
        said = say(N_("The balance cannot be seen with this key, so nobody is warned when it is low."))
        yield Finding("balance", Mark.UNSEEN, said)
    elif Decimal(0) <= balance[0] < LEAST:  # negative: invoiced
        said = say(N_("The Twilio balance ({balance}) does not cover a number."), balance=_amount(balance))
        yield Finding("balance", Mark.MEND, said, say(N_("Top it up in the Console under Billing.")))
    else:
        yield fine("balance", N_("The Twilio balance is {balance}."), balance=_amount(balance))


def _amount(balance: Money) -> str:
    return f"{balance[0]} {balance[1]}".strip()


PROBES = (
    Probe(_ask_rights, _judge_rights),
    Probe(_ask_account, _judge_account),
    Probe(_ask_balance, _judge_balance),
)
