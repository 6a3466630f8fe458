"""What still keeps a number from doing its job: each check asks Twilio, a pure function judges, and people read it in the present tense.

Sources: twilio.com/docs, read 2026-11: "A2P 10DLC", "Toll-free message verification", "Messaging geo permissions", "Messaging
services" (inbound settings), "Trial accounts".
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.bundles.possible import usable
from bot.core import App
from bot.refusals import Kind, of_twilio
from bot.texts import BUNDLE_STATES, CAPABILITIES, N_, Said, country, moment, say
from bot.twilio import console, senders
from bot.twilio.account import commitment, is_trial
from bot.twilio.catalogue import HIGH_RISK
from bot.twilio.client import TwilioError
from bot.twilio.numbers import capabilities
from bot.twilio.senders import Sender
from storage.bundle_states import BundleState
from storage.models import Purchase


class Verdict(StrEnum):
    FINE = "fine"
    MISSING = "missing"
    """somebody has to do something"""
    WAITING = "waiting"
    """it is under way, at Twilio or the carriers"""
    UNKNOWN = "unknown"
    """this key may not see it, or Twilio did not answer"""


@dataclass(frozen=True)
class Subject:
    """A number as it is looked at."""

    number_sid: str
    country: str
    number_type: str
    account_sid: str
    service_sid: str | None = None
    wanted: tuple[str, ...] = ()
    texts: bool = True
    """whether it can text at all: else only what it was asked for is looked at"""
    destinations: tuple[str, ...] = ()
    """countries that it shall text"""
    sender_id: str | None = None
    """its address on WhatsApp, where it is wanted there"""
    whatsapp: dict[str, Any] = field(default_factory=dict)
    """how far its sender is, as the purchase has it"""
    listed: Sequence[Sender] | None = None
    """the account's senders, where they were read just now"""
    bundle_id: str | None = None
    """our row of the bundle that it was bought with"""


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: Verdict
    said: Said
    blocks: bool = False
    """whether texts do not arrive as long as it is so"""
    link: str | None = None
    """where in the Console it is mended"""
    mend: str | None = None
    """what a press on the card can do about it, as ``bot/purchases/mending.py`` has it"""
    about: dict[str, Any] = field(default_factory=dict)
    """what that press needs to know"""

    def kept(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "verdict": str(self.verdict),
            "said": self.said,
            "blocks": self.blocks,
            "link": self.link,
            "mend": self.mend,
            "about": self.about,
        }


@dataclass(frozen=True)
class Check:
    """ask: one call of Twilio's; judge: of its answer, None where Twilio does not know the thing (404)."""

    name: str
    applies: Callable[[Subject], bool]
    ask: Callable[[Subject, App], Awaitable[Any]]
    judge: Callable[[Subject, Any], Finding]
    essential: bool = False
    """without an answer to it nothing can be said of the number at all"""


CAMPAIGN, TOLL_FREE, GEO, WHATSAPP = "us_campaign", "toll_free", "geo", "whatsapp"
ACCOUNT, BALANCE = "account", "balance"
ENABLE_GEO, SET_INBOUND, MOVE_SERVICE = "enable_geo", "set_inbound", "move_service"


# capability


async def _ask_number(subject: Subject, app: App) -> Any:
    return await app.twilio.incoming_phone_numbers(subject.number_sid).fetch_async()


def _judge_capability(subject: Subject, answer: Any) -> Finding:
    has = set(capabilities(answer.capabilities)) if answer is not None else set()
    missing = [say(CAPABILITIES[each]) for each in CAPABILITIES if each in subject.wanted and each not in has]
    if missing:
        said = say(N_("The number cannot do what was asked for: {missing}."), missing=missing)
        return Finding("capability", Verdict.MISSING, said, blocks=True)
    return Finding("capability", Verdict.FINE, say(N_("It can do what was asked for.")))


# the messaging service


async def _ask_member(subject: Subject, app: App) -> Any:
    assert subject.service_sid is not None
    return (
        await app.twilio.messaging.v1.services(subject.service_sid)
        .phone_numbers(subject.number_sid)
        .fetch_async()
    )


def _judge_member(_: Subject, answer: Any) -> Finding:
    if answer is None:
        said = say(N_("The number is not in its messaging service any more."))
        return Finding("member", Verdict.MISSING, said, blocks=True)
    return Finding("member", Verdict.FINE, say(N_("It is in its messaging service.")))


async def _ask_service(subject: Subject, app: App) -> Any:
    assert subject.service_sid is not None
    return await app.twilio.messaging.v1.services(subject.service_sid).fetch_async()


def _judge_inbound(subject: Subject, answer: Any) -> Finding:
    if answer is not None and not answer.inbound_request_url and not answer.use_inbound_webhook_on_number:
        said = say(
            N_(
                "Replies are dropped: the messaging service has no address for incoming messages. Set one in the Console under Integration, or let the number's own settings decide."
            )
        )
        link = console.messaging_service(str(subject.service_sid))
        return Finding("inbound", Verdict.MISSING, said, link=link, mend=SET_INBOUND)
    return Finding("inbound", Verdict.FINE, say(N_("Replies are handed on.")))


# registration in the United States and Canada


def is_10dlc(country_code: str, number_type: str, destinations: Iterable[str]) -> bool:
    return country_code == "US" and number_type == "local" and "US" in destinations


def is_toll_free(country_code: str, number_type: str) -> bool:
    return country_code in ("US", "CA") and number_type == "toll-free"


async def _ask_campaign(subject: Subject, app: App) -> Any:
    """The service's campaigns, and the services where one is verified already, as last read."""
    elsewhere = [each for each in app.market.registered() if each.sid != subject.service_sid]
    if subject.service_sid is None:
        return [], elsewhere
    service = app.twilio.messaging.v1.services(subject.service_sid)
    return await service.us_app_to_person.list_async(limit=5), elsewhere


def _judge_campaign(_: Subject, answer: Any) -> Finding:
    """The best of the service's campaigns: there is hardly ever more than one."""
    campaigns, elsewhere = answer or ([], [])
    by_status = {str(each.campaign_status): each for each in campaigns}
    if "VERIFIED" in by_status:
        return Finding(CAMPAIGN, Verdict.FINE, say(N_("The A2P 10DLC campaign is verified.")), blocks=True)
    link = console.A2P_10DLC
    move = MOVE_SERVICE if elsewhere else None
    to = {"services": [{"sid": each.sid, "name": each.name} for each in elsewhere]}
    for status in ("IN_PROGRESS", "PENDING"):
        if status in by_status:
            said = say(
                N_(
                    "Cannot text US phones yet: the A2P 10DLC campaign is under review, which takes ten to fifteen business days."
                )
            )
            return Finding(CAMPAIGN, Verdict.WAITING, said, True, link, move, to)
    said = say(NO_CAMPAIGN)
    if by_status:
        failed = next(iter(by_status.values()))
        reasons = [str(each.get("description") or each.get("error_code")) for each in failed.errors or ()]
        said = say(
            N_(
                "Cannot text US phones: the A2P 10DLC campaign was refused ({reasons}). Whoever runs the Twilio account can correct and resubmit it in the Console."
            ),
            reasons=reasons or ["–"],
        )
    return Finding(CAMPAIGN, Verdict.MISSING, said, True, link, move, to)


NO_CAMPAIGN = N_(
    "Cannot text US phones before an A2P 10DLC campaign is registered for its messaging service, which takes ten to fifteen business days."
)


async def _ask_verification(subject: Subject, app: App) -> Any:
    verifications = app.twilio.messaging.v1.tollfree_verifications
    return await verifications.list_async(tollfree_phone_number_sid=subject.number_sid, limit=5)


def _judge_verification(_: Subject, answer: Any) -> Finding:
    link = console.REGISTRATIONS
    found = next(iter(answer or ()), None)
    status = str(found.status) if found is not None else ""
    if status == "TWILIO_APPROVED":
        return Finding(
            TOLL_FREE, Verdict.FINE, say(N_("The toll-free verification is approved.")), blocks=True
        )
    if status in ("PENDING_REVIEW", "IN_REVIEW"):
        said = say(
            N_(
                "Cannot text yet: the toll-free verification is under review, which takes three to five business days."
            )
        )
        return Finding(TOLL_FREE, Verdict.WAITING, said, True, link)
    if status == "TWILIO_REJECTED":
        assert found is not None
        said = say(
            N_(
                "Cannot text: the toll-free verification was rejected ({reason}). It can be corrected in the Console for about seven days."
            ),
            reason=found.rejection_reason or "–",
        )
        return Finding(TOLL_FREE, Verdict.MISSING, said, True, link)
    return Finding(TOLL_FREE, Verdict.MISSING, say(NO_VERIFICATION), True, link)


NO_VERIFICATION = N_(
    "Cannot text before Twilio has verified the toll-free number, which takes three to five business days after it is asked for in the Console."
)


# where it may text


async def _ask_geo(subject: Subject, app: App) -> Any:
    permissions = app.twilio.accounts.v1.messaging_geopermissions
    return (await permissions.fetch_async(country_code=",".join(subject.destinations))).permissions


def _judge_geo(subject: Subject, answer: Any) -> Finding:
    by_code = {each["country_code"]: each for each in answer or ()}
    closed = [each for each in subject.destinations if not by_code.get(each, {}).get("enabled")]
    if not closed:
        return Finding(
            GEO,
            Verdict.FINE,
            say(N_("The account may text every country that the number will text.")),
            blocks=True,
        )
    risky = [each for each in closed if by_code.get(each, {}).get("message") == HIGH_RISK]
    here = [each for each in closed if each not in risky]
    return Finding(
        GEO,
        Verdict.MISSING,
        not_permitted(here, risky),
        True,
        console.GEO_PERMISSIONS,
        ENABLE_GEO if here else None,
        {"countries": here},
    )


def not_permitted(closed: Sequence[str], risky: Sequence[str]) -> Said:
    """risky: of those for which Twilio wants it to be enabled by hand; one of the two is not empty."""
    if not risky:
        return say(NOT_PERMITTED, countries=[country(each) for each in closed])
    return say(
        N_(
            "The account may not text to {countries}. Twilio counts {risky} as high risk, so that can be enabled in the Console only, under Messaging > Settings > Geo permissions."
        ),
        countries=[country(each) for each in (*closed, *risky)],
        risky=[country(each) for each in risky],
    )


NOT_PERMITTED = N_(
    "The account may not text to {countries}. An approver can enable that from the card once the number is bought, or in the Console under Messaging > Settings > Geo permissions."
)


# WhatsApp


async def _ask_senders(subject: Subject, app: App) -> Any:
    return await senders.listed(app.twilio) if subject.listed is None else subject.listed


def _judge_sender(subject: Subject, answer: Any) -> Finding:
    verdict, said = senders.standing(answer or (), subject.sender_id, subject.whatsapp)
    return Finding(WHATSAPP, Verdict(verdict), said, True, console.WHATSAPP_SENDERS)


# the account


async def _ask_account(subject: Subject, app: App) -> Any:
    return await app.twilio.api.v2010.accounts(subject.account_sid).fetch_async()


def _judge_account(_: Subject, answer: Any) -> Finding:
    status = str(getattr(answer, "status", "active")).casefold()
    if status != "active":
        return Finding(ACCOUNT, Verdict.MISSING, say(SHUT_OUT), True, console.HOME)
    if is_trial(answer):
        return Finding(ACCOUNT, Verdict.MISSING, say(TRIAL), link=console.BILLING)
    return Finding(ACCOUNT, Verdict.FINE, say(N_("The account is active, and no trial account.")))


TRIAL = N_(
    "A trial account: a number for tests only, which texts verified recipients alone. Adding billing details in the Console ends the trial."
)
SHUT_OUT = N_(
    "Twilio does not let Number Desk in: the account is suspended or closed, or its key is not valid any more. As long as it is suspended the number does nothing. Whoever runs the Twilio account sees there why."
)


async def _ask_balance(_: Subject, app: App) -> Any:
    """The balance as last read, and what the numbers that the account is known to own cost a month. Asks nobody."""
    balance = app.market.balance()
    if balance is None:
        return None
    owned = await app.store.owned_numbers(app.settings.twilio_account_sid)
    return balance.amount, commitment(owned, app.market.price_of, balance.currency)[1]


def _judge_balance(_: Subject, answer: Any) -> Finding:
    """In no figures: whoever hears of it shall hear it once."""
    if answer is None:
        said = N_(
            "The balance cannot be known: a subaccount's, an invoiced account's, or not with this API key."
        )
        return Finding(BALANCE, Verdict.UNKNOWN, say(said))
    amount, due = answer
    if amount < due:
        return Finding(BALANCE, Verdict.MISSING, say(TOO_LOW), amount <= 0, console.BILLING)
    return Finding(BALANCE, Verdict.FINE, say(N_("The balance covers the next month.")))


TOO_LOW = N_(
    "The Twilio balance does not cover what the account's numbers cost next month. `/twilio account` shows both. When it runs out, Twilio suspends the account."
)


# the bundle


async def _ask_bundle(subject: Subject, app: App) -> Any:
    """As the watch keeps it: no call."""
    return await app.store.bundle(subject.bundle_id) if subject.bundle_id else None


def _judge_bundle(_: Subject, answer: Any) -> Finding:
    link = console.BUNDLES
    if answer is None or not usable(answer):
        lapsed = answer is not None and answer.status == BundleState.APPROVED
        status = say(N_("lapsed")) if lapsed else say(BUNDLE_STATES.get(getattr(answer, "status", ""), "–"))
        said = say(
            N_(
                "The number's bundle is not approved any more ({status}), so Twilio may suspend the number. `/twilio bundles` shows what can be done."
            ),
            status=status,
        )
        return Finding("bundle", Verdict.MISSING, said, link=link)
    said = say(N_("Its bundle is approved, with no end."))
    if answer.valid_until is not None:
        said = say(N_("Its bundle is approved until {when}."), when=moment(answer.valid_until))
    return Finding("bundle", Verdict.FINE, said)


def _in_service(subject: Subject) -> bool:
    return subject.texts and subject.service_sid is not None


CHECKS = (
    Check("capability", lambda subject: True, _ask_number, _judge_capability, essential=True),
    Check("member", _in_service, _ask_member, _judge_member, essential=True),
    Check("inbound", _in_service, _ask_service, _judge_inbound),
    Check(
        CAMPAIGN,
        lambda subject: (
            subject.texts and is_10dlc(subject.country, subject.number_type, subject.destinations)
        ),
        _ask_campaign,
        _judge_campaign,
    ),
    Check(
        TOLL_FREE,
        lambda subject: subject.texts and is_toll_free(subject.country, subject.number_type),
        _ask_verification,
        _judge_verification,
    ),
    Check(GEO, lambda subject: subject.texts and bool(subject.destinations), _ask_geo, _judge_geo),
    Check(WHATSAPP, lambda subject: subject.sender_id is not None, _ask_senders, _judge_sender),
    Check("bundle", lambda subject: subject.bundle_id is not None, _ask_bundle, _judge_bundle),
    Check(ACCOUNT, lambda subject: True, _ask_account, _judge_account),
    Check(BALANCE, lambda subject: True, _ask_balance, _judge_balance),
)
UNSEEN = N_("{check}: cannot be known at the moment, or not with this API key.")
NAMES = {
    "capability": N_("Capabilities"),
    "member": N_("Messaging service"),
    "inbound": N_("Incoming messages"),
    CAMPAIGN: N_("A2P 10DLC campaign"),
    TOLL_FREE: N_("Toll-free verification"),
    GEO: N_("Geo permissions"),
    WHATSAPP: N_("WhatsApp sender"),
    "bundle": N_("Bundle"),
    ACCOUNT: N_("Twilio account"),
    BALANCE: N_("Balance"),
    "trial": N_("Trial account"),  # lines of the record from before there was more to say of the account
}


async def look(subject: Subject, app: App, only: Collection[str] | None = None) -> list[Finding]:
    """All that applies, asked side by side: one round trip. only: of the checks, by name.

    Raises TwilioError where the number itself cannot be looked at.
    """
    asked = (
        _look(each, subject, app)
        for each in CHECKS
        if each.applies(subject) and (only is None or each.name in only)
    )
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [each for each in answers if isinstance(each, Finding)]


async def look_from_outside(subject: Subject, app: App, only: Collection[str] | None = None) -> list[Finding]:
    """As ``look``, but where Twilio lets the whole app in no more, that is what is found: such an account's numbers do nothing."""
    try:
        return await look(subject, app, only)
    except TwilioError as error:
        if of_twilio(error).kind is not Kind.OF_INSTALLATION:
            raise
        await app.access.refused(error)
    unseen = [_unseen(each) for each in CHECKS if each.applies(subject) and each.name != ACCOUNT]
    return [Finding(ACCOUNT, Verdict.MISSING, say(SHUT_OUT), True, console.HOME), *unseen]


def _unseen(check: Check) -> Finding:
    return Finding(check.name, Verdict.UNKNOWN, say(UNSEEN, check=say(NAMES[check.name])))


async def _look(check: Check, subject: Subject, app: App) -> Finding:
    try:
        answer = await check.ask(subject, app)
    except TwilioError as error:
        if check.essential and (error.status != 404 or check.name == "capability"):
            raise
        if error.status != 404 or check.name == GEO:
            return _unseen(check)
        answer = None
    return check.judge(subject, answer)


def subject_of(purchase: Purchase, listed: Sequence[Sender] | None = None) -> Subject:
    """A number that was bought here. listed: the account's senders, where they were read just now."""
    quote = purchase.quote
    assert purchase.phone_number_sid is not None
    return Subject(
        purchase.phone_number_sid,
        quote.country,
        quote.number_type,
        purchase.account_sid,
        purchase.messaging_service_sid,
        tuple(quote.wanted),
        quote.can_text,
        quote.texts_to,
        purchase.sender_id,
        purchase.whatsapp or {},
        listed,
        quote.bundle_id,
    )


# verdicts, pure


def unfinished(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is missing or under way, what keeps texts from arriving first."""
    found = [each for each in findings if each["verdict"] in (Verdict.MISSING, Verdict.WAITING)]
    return sorted(found, key=lambda each: not each["blocks"])


def blocking(findings: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return next((each for each in unfinished(findings) if each["blocks"]), None)


def ready(purchase: Purchase) -> str:
    """``yes`` only with the proof, ``no``, ``unknown``, ``never`` for what can write to nobody (rule 21)."""
    if not purchase.quote.can_text and purchase.whatsapp is None:
        return "never"
    if blocking(purchase.findings) is not None:
        return "no"
    return "yes" if purchase.proven_at is not None else "unknown"


def turned(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings that say something else than they did, for people to hear of; what could not be seen is no news."""
    earlier = {each["check"]: each for each in before}
    return [
        each
        for each in after
        if each["verdict"] != Verdict.UNKNOWN
        and each["check"] in earlier
        and earlier[each["check"]]["verdict"] != Verdict.UNKNOWN
        and each["said"] != earlier[each["check"]]["said"]
    ]
