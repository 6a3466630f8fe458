"""Whether an installation is as it has to be: each probe asks, a pure function judges, and each finding names its mend.

``numberdesk doctor`` asks them all, ``/twilio doctor`` those that the running app can ask of itself, ``/readyz`` what it has
found broken. Nothing is written, and nothing is posted. What cannot be seen from here is said in docs/operations.md.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.exc import DBAPIError
from twilio.rest import Client

from bot import refusals
from bot.core import App
from bot.errors import CannotCheck
from bot.purchases.policy import Policy, PolicyFile
from bot.readiness import TRIAL
from bot.refusals import Kind, of_slack, of_twilio
from bot.settings import SLACK, Settings
from bot.slack.people import BARRED, Forgetful, People
from bot.starting import CannotStart, SettingsError
from bot.texts import N_, Said, moment, person, say
from bot.twilio import account
from bot.twilio import client as twilio_client
from bot.twilio.account import Money
from bot.twilio.callbacks import signed
from bot.twilio.client import TwilioError
from storage.database import Unusable, reason, sqlite_file
from storage.models import Barred, Trouble
from storage.schema import SchemaError, prepare
from storage.store import Store

PATIENCE = aiohttp.ClientTimeout(total=15, connect=5)
SKEW = 60
"""Seconds. Slack's signatures are good for five minutes, and so is a list of members that lets people in."""
LEAST = Decimal(1)
"""About what the cheapest numbers cost a month, whatever the account's currency makes of it."""

SCOPES = (
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "groups:read",
    "im:write",
    "usergroups:read",
    "users:read",
)
"""As app-manifest.yml has them, which an installed tool does not carry along."""


class Mark(StrEnum):
    FINE = "✓"
    ADVICE = "!"
    """it works, and is worth knowing"""
    MEND = "✗"
    UNSEEN = "?"
    """it cannot be looked at from here, or not now"""


@dataclass(frozen=True)
class Finding:
    """about: a setting as in .env, or what it is; mend: what to do."""

    about: str
    mark: Mark
    said: Said
    mend: Said | None = None


@dataclass(frozen=True)
class Installation:
    """As it is looked at. us: what ``auth.test`` says; people: none where Slack does not let the app in."""

    config: Settings
    policy: Policy | None
    """none where its file cannot be used"""
    slack: AsyncWebClient
    twilio: Client
    http: aiohttp.ClientSession
    """for everything but the two platforms, so without their proxy"""
    us: Any
    people: People | None
    store: Store | Unusable | None
    """none: a SQLite file that is not there yet"""
    environment: Mapping[str, str]
    inside: bool = False
    """the running app asks, which is connected, and has put the environment aside"""


Ask = Callable[[Installation], Awaitable[Any]]
Judge = Callable[[Installation, Any], Iterator[Finding]]


@dataclass(frozen=True)
class Probe:
    """ask: what was answered, or the platform's or network's error; judge: pure."""

    ask: Ask
    judge: Judge
    applies: Callable[[Installation], bool] = lambda _: True


FAILURES = (SlackClientError, TwilioError, aiohttp.ClientError, TimeoutError, OSError)


async def _answer(question: Awaitable[Any]) -> Any:
    """What it brings, a failure of the way or the platform included."""
    try:
        return await question
    except FAILURES as error:
        return error


async def _nothing(_: Installation) -> None:
    """Asked of nobody: the settings tell it."""


def _fine(about: str, text: str, **with_: Any) -> Finding:
    return Finding(about, Mark.FINE, say(text, **with_))


# settings


def unreadable(error: CannotStart) -> list[Finding]:
    """A line for each setting that is missing or wrong; what it has to be is the mend."""
    text = N_("{setting}: {problem}.")
    return [
        Finding(each.setting, Mark.MEND, say(text, setting=each.setting, problem=each.sentence.rstrip(".")))
        for each in error.problems
    ]


def _judge_settings(i: Installation, _: Any) -> Iterator[Finding]:
    config = i.config
    yield _fine("settings", N_("Every setting can be read."))
    for name, value in (
        ("SLACK_API_URL", config.slack_api_url != SLACK),
        ("TWILIO_BASE_URL", config.twilio_base_url),
        ("TEST_CLOCK", config.test_clock),
    ):
        if value:
            said = say(N_("{setting} is set, which is for the sandbox only."), setting=name)
            yield Finding(name, Mark.ADVICE, said, say(N_("Take it out for the real platforms.")))
    if config.bundle_email is None:
        said = say(N_("BUNDLE_EMAIL is not set, so no regulatory bundle can be made here."))
        mend = say(N_("Set it to the address that shall get Twilio's mails about bundles."))
        yield Finding("BUNDLE_EMAIL", Mark.ADVICE, said, mend)
    if config.public_url and config.callback_url is None and not config.uses_http:
        said = say(
            N_("PUBLIC_URL is not used: Twilio can report nothing without PORT and TWILIO_AUTH_TOKEN.")
        )
        yield Finding("PUBLIC_URL", Mark.MEND, said, say(N_("Set both, or take PUBLIC_URL out.")))


# the environment


def _judge_environment(i: Installation, _: Any) -> Iterator[Finding]:
    ours = {name.upper() for name in Settings.model_fields}
    there = {name.upper() for name, value in i.environment.items() if value}
    if strange := sorted(each for each in there - ours if each.startswith(("SLACK_", "TWILIO_"))):
        text = N_(
            "Set in the environment: {names}. It would change what Slack's and Twilio's libraries do, so Number Desk puts it aside."
        )
        mend = say(N_("Take it out of the environment, unless another program needs it."))
        yield Finding(strange[0], Mark.ADVICE, say(text, names=strange), mend)
    if proxies := sorted(there & {"ALL_PROXY", "HTTP_PROXY", "WS_PROXY", "WSS_PROXY"}):
        said = say(N_("Not used: {names}. The way to Slack and Twilio is HTTPS_PROXY alone."), names=proxies)
        mend = say(N_("Set HTTPS_PROXY, where a proxy is needed."))
        yield Finding(proxies[0], Mark.ADVICE, said, mend)
    certificates = i.environment.get("SSL_CERT_FILE")
    if certificates and not Path(certificates).is_file():
        said = say(N_("SSL_CERT_FILE names a file that is not there, so no certificate can be checked."))
        yield Finding("SSL_CERT_FILE", Mark.MEND, said, say(N_("Correct the path, or take the setting out.")))
    if i.config.https_proxy:
        ways = [
            name for name, way in (("Slack", i.config.slack_proxy), ("Twilio", i.config.twilio_proxy)) if way
        ]
        if ways:
            yield _fine("HTTPS_PROXY", N_("The way to {platforms} goes through HTTPS_PROXY."), platforms=ways)
        else:
            said = say(N_("HTTPS_PROXY is not used: NO_PROXY or the sandbox's addresses go past it."))
            yield Finding("HTTPS_PROXY", Mark.ADVICE, said, say(N_("Look at NO_PROXY.")))


# Slack


def _lets_in(i: Installation) -> bool:
    return not isinstance(i.us, Exception)


async def _ask_us(i: Installation) -> Any:
    return i.us


def _judge_bot_token(i: Installation, us: Any) -> Iterator[Finding]:
    if not isinstance(us, Exception):
        yield _fine(
            refusals.BOT_TOKEN,
            N_("Slack lets the app in: {app} in {team}."),
            app=str(us.get("user") or "–"),
            team=str(us.get("team") or us.get("team_id")),
        )
        return
    yield _refused_by_slack(i, us, refusals.BOT_TOKEN, N_("Slack does not take SLACK_BOT_TOKEN ({code})."))


def _refused_by_slack(i: Installation, error: Exception, setting: str, text: str) -> Finding:
    row = of_slack(error)
    if row.kind is Kind.PASSING:
        way = (
            "HTTPS_PROXY"
            if i.config.slack_proxy
            else "SLACK_API_URL"
            if i.config.slack_api_url != SLACK
            else ""
        )
        said = say(N_("Slack cannot be reached ({why})."), why=f"{type(error).__name__}, {row.code}")
        mend = (
            say(N_("Look at {setting}, then at the network."), setting=way)
            if way
            else say(N_("Look at the network; where a proxy leads out, set HTTPS_PROXY."))
        )
        return Finding(way or setting, Mark.MEND, said, mend)
    mend = say(
        N_("Copy {setting} anew from the app's page on api.slack.com/apps, after installing the app again."),
        setting=setting,
    )
    return Finding(setting, Mark.MEND, say(text, code=str(row.code)), mend)


def _judge_scopes(_: Installation, us: Any) -> Iterator[Finding]:
    """Slack names what the token was granted in a header of each answer."""
    header = us.headers.get("x-oauth-scopes")
    if header is None:
        yield Finding("scopes", Mark.UNSEEN, say(N_("Slack does not say which scopes the bot token has.")))
        return
    granted = {each.strip() for each in str(header).split(",") if each.strip()}
    missing, more = sorted({*SCOPES} - granted), sorted(granted - {*SCOPES})
    if missing:
        said = say(N_("The bot token lacks the scopes {scopes}."), scopes=missing)
        mend = say(
            N_("Add them to the app's manifest, as app-manifest.yml has them, and install the app again.")
        )
        yield Finding("scopes", Mark.MEND, said, mend)
    else:
        yield _fine("scopes", N_("The bot token has every scope it needs."))
    if more:
        said = say(N_("The bot token has scopes that are not needed: {scopes}."), scopes=more)
        mend = say(N_("Take them out of the app's manifest, and install the app again."))
        yield Finding("scopes", Mark.ADVICE, said, mend)


@dataclass(frozen=True)
class Connections:
    """On the app-level token, this look's own left out; ours: whether an app runs on this database."""

    others: int
    ours: bool
    may_be_several: bool


async def _ask_socket(i: Installation) -> Any:
    """Connects for the moment in which Slack says how many are connected. Slack could hand it a press meanwhile, so it
    goes at once."""
    assert i.config.slack_app_token is not None
    token = i.config.slack_app_token.get_secret_value()
    opened = await _answer(i.slack.apps_connections_open(app_token=token))
    if isinstance(opened, Exception):
        return opened

    async def hello() -> int:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.ws_connect(opened["url"], proxy=i.config.slack_proxy) as socket,
            asyncio.timeout(5),
        ):
            return int((await socket.receive_json())["num_connections"])

    connected = await _answer(hello())
    if isinstance(connected, Exception):
        return connected
    worker = await i.store.worker() if isinstance(i.store, Store) else None
    several = isinstance(i.store, Store) and not i.store.is_sqlite
    return Connections(connected - 1, worker is not None, several)


def _judge_socket(i: Installation, answer: Any) -> Iterator[Finding]:
    setting = refusals.APP_TOKEN
    if isinstance(answer, Exception):
        text = N_("Slack does not take SLACK_APP_TOKEN ({code}).")
        yield _refused_by_slack(i, answer, setting, text)
        return
    strangers = answer.others - answer.ours
    if strangers <= 0:
        if answer.ours and answer.others == 0:
            said = say(N_("The app runs, but is not connected to Slack with SLACK_APP_TOKEN."))
            mend = say(
                N_("Look again in a minute; then at the log of the app, and whether it has this token.")
            )
            yield Finding(setting, Mark.MEND, said, mend)
        else:
            yield _fine(setting, N_("Nobody else is connected to Slack with SLACK_APP_TOKEN."))
        return
    mend = say(
        N_(
            "Stop the other process, or give each installation a Slack app of its own: Slack hands each press to one of them."
        )
    )
    if answer.ours and answer.may_be_several:
        text = N_(
            "Besides the worker {count} more are connected with SLACK_APP_TOKEN, replicas of this app included."
        )
        yield Finding(setting, Mark.ADVICE, say(text, count=strangers), mend)
        return
    text = N_("Somebody else is connected to Slack with SLACK_APP_TOKEN ({count} connections).")
    yield Finding(setting, Mark.MEND, say(text, count=strangers), mend)


CHANNELS = ("APPROVALS_CHANNEL", "BUNDLES_CHANNEL", "OPERATORS_CHANNEL")


async def _ask_channels(i: Installation) -> Any:
    """``{setting: the channel}``"""
    ids = [getattr(i.config, each.lower()) for each in CHANNELS]
    answers = await asyncio.gather(*(_answer(i.slack.conversations_info(channel=each)) for each in ids))
    return dict(zip(CHANNELS, answers, strict=True))


def _judge_channels(i: Installation, answers: Any) -> Iterator[Finding]:
    for setting, answer in answers.items():
        yield from _judge_channel(setting, getattr(i.config, setting.lower()), answer)


def _judge_channel(setting: str, channel_id: str, answer: Any) -> Iterator[Finding]:
    invite = say(N_("Invite the app into it (/invite @numberdesk), or name another channel."))
    if isinstance(answer, Exception):
        row = of_slack(answer, setting)
        if row.kind is Kind.OF_INSTALLATION and row.of_channel:
            text = N_(
                "{setting} names {channel}, which Slack does not know, or which is private and without the app."
            )
            said = say(text, setting=setting, channel=channel_id)
            yield Finding(
                setting, Mark.MEND, said, say(N_("Correct the id, or invite the app into the channel."))
            )
        else:
            said = say(N_("{setting} cannot be looked at ({code})."), setting=setting, code=str(row.code))
            yield Finding(setting, Mark.UNSEEN, said)
        return
    channel = answer["channel"]
    name = f"#{channel.get('name') or channel_id}"
    if channel.get("is_archived"):
        said = say(N_("{setting}: {channel} is archived."), setting=setting, channel=name)
        yield Finding(setting, Mark.MEND, said, say(N_("Bring the channel back, or name another one.")))
    elif not channel.get("is_member"):
        said = say(N_("{setting}: the app is not in {channel}."), setting=setting, channel=name)
        yield Finding(setting, Mark.MEND, said, invite)
    else:
        yield _fine(setting, N_("{setting}: the app is in {channel}."), setting=setting, channel=name)
        if setting == "BUNDLES_CHANNEL" and not channel.get("is_private"):
            said = say(
                N_(
                    "BUNDLES_CHANNEL is public; the reasons of a rejection may quote what stands in documents."
                )
            )
            yield Finding(setting, Mark.ADVICE, said, say(N_("Better name a private channel.")))


# who may what


@dataclass(frozen=True)
class Deciders:
    hidden: Mapping[str, Said]
    """lists that Slack does not show, with what to do"""
    barred: Mapping[str, Barred]
    """of the people whom the policy names as approvers"""
    undecidable: Said | None
    seen: bool
    """whether Slack told all that it was asked about who may approve"""
    operators: Collection[str] | None
    """people who hear when something breaks; none: not to be seen"""


def _can_look_at_people(i: Installation) -> bool:
    return i.people is not None and i.policy is not None


async def _ask_deciders(i: Installation) -> Any:
    people, policy = i.people, i.policy
    assert people is not None and policy is not None
    await people.refresh_members(policy.groups, policy.channels)
    named = await asyncio.gather(
        *(people.barred(each) for each in policy.approve.people), return_exceptions=True
    )
    reasons = {text: bar for bar, text in BARRED.items()}
    barred = {
        each: reasons[why["say"]]
        for each in policy.approve.people
        if (why := people.known_bar(each)) is not None
    }
    living = [each for each in policy.approve.people if barred.get(each) in (None, Barred.GUEST)]
    approve = policy.approve.model_copy(update={"people": living})
    undecidable = await policy.model_copy(update={"approve": approve}).undecidable(people)
    operators = policy.operators.known(people)
    ours = {i.us["user_id"]}
    seen = policy.approve.known(people) is not None and not any(isinstance(e, CannotCheck) for e in named)
    heard = None if operators is None else operators - ours
    return Deciders(people.troubles, barred, undecidable, seen, heard)


NOBODY: Mapping[Barred, str] = {
    Barred.DEACTIVATED: N_("The policy names {person} as an approver, whose Slack account is deactivated."),
    Barred.BOT: N_(
        "The policy names {person} as an approver, which is an app or a bot and presses no button."
    ),
    Barred.ELSEWHERE: N_("The policy names {person} as an approver, who is nobody of this workspace."),
    Barred.GUEST: N_("The policy names {person} as an approver, who is a guest."),
}


def _judge_deciders(i: Installation, found: Deciders) -> Iterator[Finding]:
    setting = "POLICY_FILE"
    hidden = {each: said for each, said in found.hidden.items() if each != i.config.operators_channel}
    for said in hidden.values():  # of a channel of the settings its own line tells
        yield Finding(setting, Mark.MEND, said)  # it says what to do by itself
    for person_id, bar in sorted(found.barred.items()):
        mark = Mark.ADVICE if bar is Barred.GUEST else Mark.MEND
        mend = say(
            N_("Take {person} out of [approve] in POLICY_FILE, or correct the id."), person=person(person_id)
        )
        yield Finding(setting, mark, say(NOBODY[bar], person=person(person_id)), mend)
    if found.undecidable is not None:
        yield Finding(setting, Mark.MEND, found.undecidable)
    elif not found.seen:
        said = say(N_("Slack did not say who all of those are that may approve."))
        yield Finding(setting, Mark.UNSEEN, said, say(N_("Look again in a minute.")))
    elif not hidden:
        yield _fine(setting, N_("Every request can be approved: those who may are people of this workspace."))
    if found.operators is not None and not found.operators:
        said = say(N_("Nobody is an operator, so nobody hears when something breaks."))
        mend = say(N_("Bring people into OPERATORS_CHANNEL, or name them under [operators] in POLICY_FILE."))
        yield Finding("OPERATORS_CHANNEL", Mark.MEND, said, mend)


# Twilio


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
        _answer(i.twilio.request_async("GET", each.path.format(account=i.config.twilio_account_sid)))
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
        yield _fine(setting, N_("Twilio lets the app in, and shows it what it needs."))


async def _ask_account(i: Installation) -> Any:
    """By the Auth Token where there is one: a key sees the account only if it is the main one (rule 29)."""
    token, sid = i.config.twilio_auth_token, i.config.twilio_account_sid
    path = f"https://api.twilio.com/2010-04-01/Accounts/{sid}.json"
    by = (sid, token.get_secret_value()) if token else None
    answer = await _answer(i.twilio.request_async("GET", path, auth=by))
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
        yield _fine("account", N_("The Twilio account is active."))


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
        yield _fine("balance", N_("The Twilio balance is {balance}."), balance=_amount(balance))


def _amount(balance: Money) -> str:
    return f"{balance[0]} {balance[1]}".strip()


# the database, and what the running app has found


def _judge_database(_: Installation, store: Any) -> Iterator[Finding]:
    setting = "DATABASE_URL"
    if store is None:
        yield _fine(setting, N_("There is no database yet; the first start makes it."))
    elif isinstance(store, SchemaError):
        mend = say(
            N_("Make a copy, then run: numberdesk migrate. A newer database needs the newer Number Desk.")
        )
        yield Finding(setting, Mark.MEND, say(N_("{reason}."), reason=str(store).rstrip(".")), mend)
    elif isinstance(store, Unusable):
        mend = say(N_("Look at DATABASE_URL, and whether the database runs and lets the app in."))
        yield Finding(setting, Mark.MEND, say(N_("{reason}."), reason=str(store).rstrip(".")), mend)
    else:
        yield _fine(setting, N_("The database answers, and is at the newest migration."))


async def _ask_database(i: Installation) -> Any:
    return i.store


async def _ask_troubles(i: Installation) -> Any:
    return await troubles(i.store) if isinstance(i.store, Store) else ()


async def troubles(store: Store) -> Sequence[Trouble] | Unusable:
    """What the running app has found broken and told to the operators."""
    try:
        return await store.troubles()
    except DBAPIError as error:
        return Unusable(reason(error))


def broken(found: Sequence[Trouble] | Unusable, only: str = "") -> list[str]:
    """By the names of settings, for ``/readyz``. only: troubles whose key begins so."""
    if isinstance(found, Unusable):
        return [] if only else ["DATABASE_URL"]
    return sorted({_about(each) for each in found if each.key.startswith(only)})


def _about(trouble: Trouble) -> str:
    return trouble.key.partition(":")[2]


def _judge_troubles(_: Installation, found: Sequence[Trouble] | Unusable) -> Iterator[Finding]:
    if isinstance(found, Unusable):
        return  # the database's own line says it
    for each in found:
        said = say(N_("Since {moment}: {trouble}"), moment=moment(each.since), trouble=each.said)
        yield Finding(_about(each), Mark.MEND, said)


# the public address


@dataclass(frozen=True)
class Door:
    """What the public address answers. Statuses, or the error; none where that is not asked."""

    unsigned: Any = None
    signed: Any = None
    slack: Any = None
    app_runs: bool = False


async def _ask_door(i: Installation) -> Door:
    """A call as Twilio's with a signature and without, and one as Slack's. None of them says anything: the app looks at
    its bundles once more than it would have."""
    runs = i.inside or (isinstance(i.store, Store) and await i.store.worker() is not None)
    unsigned = with_signature = slack = None
    if url := i.config.callback_url:
        form = {"AccountSid": i.config.twilio_account_sid}
        unsigned = await _answer(_posted(i, url, form, {}))
        with_signature = await _answer(
            _posted(i, url, form, {"X-Twilio-Signature": signed(i.config, url, form)})
        )
    if i.config.uses_http and i.config.slack_signing_secret and i.config.public_url:
        body = '{"type":"url_verification","challenge":"number-desk"}'
        verifier = SignatureVerifier(i.config.slack_signing_secret.get_secret_value())
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": verifier.generate_signature(timestamp=at, body=body) or "",
        }
        slack = await _answer(_posted(i, f"{i.config.public_url.rstrip('/')}/slack/events", body, headers))
    return Door(unsigned, with_signature, slack, runs)


async def _posted(i: Installation, url: str, data: Any, headers: Mapping[str, str]) -> int:
    async with i.http.post(url, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status


def _judge_door(i: Installation, door: Door) -> Iterator[Finding]:
    setting = "PUBLIC_URL"
    answers = [each for each in (door.unsigned, door.signed, door.slack) if each is not None]
    failure = next((each for each in answers if isinstance(each, Exception)), None)
    if failure is not None and not door.app_runs:
        said = say(N_("PUBLIC_URL leads nowhere while the app does not run."))
        yield Finding(setting, Mark.UNSEEN, said, say(N_("Start the app, then look again.")))
        return
    if failure is not None:
        said = say(N_("PUBLIC_URL does not lead to the app ({why})."), why=type(failure).__name__)
        mend = say(N_("See that the address, its certificate and the way from there to PORT are right."))
        yield Finding(setting, Mark.MEND, said, mend)
        return
    if door.unsigned is not None and door.unsigned != 403:
        said = say(
            N_("Something else than Number Desk answers at PUBLIC_URL (HTTP {status})."),
            status=str(door.unsigned),
        )
        mend = say(N_("See that {url} leads to the app's PORT."), url=str(i.config.callback_url))
        yield Finding(setting, Mark.MEND, said, mend)
    elif door.signed is not None and door.signed != 204:
        said = say(N_("The app refuses what Twilio would sign (HTTP {status})."), status=str(door.signed))
        mend = say(
            N_("The running app has another PUBLIC_URL or TWILIO_AUTH_TOKEN: start it again with these.")
        )
        yield Finding("TWILIO_AUTH_TOKEN", Mark.MEND, said, mend)
    elif door.slack is not None and door.slack != 200:
        said = say(N_("The app refuses what Slack would sign (HTTP {status})."), status=str(door.slack))
        mend = say(
            N_(
                "See that PUBLIC_URL leads to the app's PORT, and that the running app has this SLACK_SIGNING_SECRET."
            )
        )
        yield Finding("SLACK_SIGNING_SECRET", Mark.MEND, said, mend)
    else:
        yield _fine(setting, N_("PUBLIC_URL leads to the app, which believes signed calls alone."))
    if str(i.config.public_url).startswith("http://"):
        said = say(N_("PUBLIC_URL is not encrypted, so what comes that way can be read and changed."))
        yield Finding(setting, Mark.ADVICE, said, say(N_("Give it a certificate, and write https://.")))


# the clock


async def _ask_clocks(i: Installation) -> Mapping[str, float]:
    """How many seconds each platform is ahead of us, by the date of an answer."""
    path = RIGHTS[0].path.format(account=i.config.twilio_account_sid)
    slack, twilio = await asyncio.gather(
        _answer(_ahead(i.slack.auth_test())), _answer(_ahead(i.twilio.request_async("GET", path)))
    )
    found = {"Slack": slack, "Twilio": twilio}
    return {name: ahead for name, ahead in found.items() if isinstance(ahead, float)}


async def _ahead(question: Awaitable[Any]) -> float | None:
    began = time.time()
    answer = await question
    try:
        at = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    return at - (began + time.time()) / 2


def _judge_clocks(_: Installation, ahead: Mapping[str, float]) -> Iterator[Finding]:
    if not ahead:
        yield Finding(
            "clock", Mark.UNSEEN, say(N_("The clock cannot be compared with Slack's and Twilio's."))
        )
        return
    wrong = {name: seconds for name, seconds in ahead.items() if abs(seconds) > SKEW}
    for name, seconds in wrong.items():
        text = N_("This machine's clock is {seconds} s behind {platform}'s.")
        if seconds < 0:
            text = N_("This machine's clock is {seconds} s ahead of {platform}'s.")
        said = say(text, seconds=round(abs(seconds)), platform=name)
        yield Finding("clock", Mark.MEND, said, say(N_("Set it, and keep it right by NTP.")))
    if not wrong:
        yield _fine("clock", N_("This machine's clock is right."))


PROBES = (
    Probe(_nothing, _judge_settings),
    Probe(_nothing, _judge_environment, lambda i: not i.inside),
    Probe(_ask_us, _judge_bot_token),
    Probe(_ask_us, _judge_scopes, _lets_in),
    Probe(_ask_socket, _judge_socket, lambda i: _lets_in(i) and not i.inside and not i.config.uses_http),
    Probe(_ask_channels, _judge_channels, _lets_in),
    Probe(_ask_deciders, _judge_deciders, _can_look_at_people),
    Probe(_ask_rights, _judge_rights),
    Probe(_ask_account, _judge_account),
    Probe(_ask_balance, _judge_balance),
    Probe(_ask_database, _judge_database),
    Probe(_ask_troubles, _judge_troubles),
    Probe(_ask_door, _judge_door, lambda i: i.config.public_url is not None),
    Probe(_ask_clocks, _judge_clocks),
)


async def examine(i: Installation) -> list[Finding]:
    """Everything that applies, asked side by side, in the order of ``PROBES``."""
    probes = [each for each in PROBES if each.applies(i)]
    answers = await asyncio.gather(*(each.ask(i) for each in probes))
    return [
        finding for probe, answer in zip(probes, answers, strict=True) for finding in probe.judge(i, answer)
    ]


def is_well(findings: Sequence[Finding]) -> bool:
    return all(each.mark is not Mark.MEND for each in findings)


# where it is asked from


async def examine_from_outside(
    config: Settings, policy: Policy | SettingsError, environment: Mapping[str, str]
) -> list[Finding]:
    """As ``numberdesk doctor`` does it, whether the app runs or not."""
    found = unreadable(policy) if isinstance(policy, SettingsError) else []
    async with _installation(config, None if isinstance(policy, SettingsError) else policy, environment) as i:
        return [*found, *await examine(i)]


@asynccontextmanager
async def _installation(
    config: Settings, policy: Policy | None, environment: Mapping[str, str]
) -> AsyncIterator[Installation]:
    username, secret = config.twilio_credentials
    proxy = config.slack_proxy
    async with (
        twilio_client.connect(
            config.twilio_account_sid, username, secret, config.twilio_base_url, proxy=config.twilio_proxy
        ) as twilio,
        aiohttp.ClientSession(timeout=PATIENCE, proxy=proxy) as to_slack,
        aiohttp.ClientSession(timeout=PATIENCE) as http,
        _opened(config.database_url) as store,
    ):
        retries = [AsyncRateLimitErrorRetryHandler(max_retry_count=2)]
        token = config.slack_bot_token.get_secret_value()
        slack = AsyncWebClient(
            token, config.slack_api_url, session=to_slack, proxy=proxy, retry_handlers=[*retries]
        )
        us = await _answer(slack.auth_test())
        people = None
        if not isinstance(us, Exception):
            people = People(Forgetful(), slack, us["team_id"], us.get("enterprise_id"))
        if policy is not None:
            policy = PolicyFile(config.policy_file, policy, config.operators_channel).policy
        yield Installation(config, policy, slack, twilio, http, us, people, store, environment)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store | Unusable | None]:
    """None where there is nothing yet: looking makes no database."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        yield None
        return
    try:
        store = Store(url)
    except Unusable as error:
        yield error
        return
    try:
        yield await _usable(store)
    finally:
        await store.close()


async def _usable(store: Store) -> Store | Unusable | None:
    try:
        await prepare(store, may_create=False)
    except SchemaError as error:
        return None if await store.is_empty() else error
    except Unusable as error:
        return error
    return store


async def examine_from_inside(app: App, slack: AsyncWebClient) -> list[Finding]:
    """As ``/twilio doctor`` does it."""
    us = await _answer(slack.auth_test())
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        i = Installation(
            app.settings,
            app.policy,
            slack,
            app.twilio,
            http,
            us,
            None if isinstance(us, Exception) else app.people,
            app.store,
            {},
            inside=True,
        )
        return await examine(i)
