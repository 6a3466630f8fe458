"""Every screen and message, in every language, within Slack's limits: by the twin's strict validator."""

import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot import errors, readiness
from bot.bundles.memory import BundleMemory
from bot.bundles.watch import Watch
from bot.core import App
from bot.purchases.policy import Approve, Policy
from bot.readiness import CHECKS, Finding, Subject, Verdict
from bot.settings import Settings
from bot.slack.people import People
from bot.texts import BUNDLE_STATES, LANGUAGES, Texts, country, mention, money, person, phone, say
from bot.twilio import contents, destinations
from bot.twilio.access import Access
from bot.twilio.addresses import FIELDS, AddressProblem, Known
from bot.twilio.catalogue import Balance, Market, Offer, Service
from bot.twilio.client import connect
from bot.twilio.contents import FIELDS_ON_A_PAGE, GROUP, Contents, Document, EndUser, Page
from bot.twilio.regulations import Part, Regulation
from bot.twilio.senders import Sender
from handlers import address_fields, atlas, blocks, country_field, loading, rich
from handlers import errors as shown_errors
from handlers.bundle import address as bundle_address
from handlers.bundle import delete, details, document, document_set, start
from handlers.bundle import end_user as bundle_end_user
from handlers.bundle import list as bundles
from handlers.bundle import news as alerts
from handlers.bundle import review as bundle_review
from handlers.bundle.form import BundleForm, Notes
from handlers.buy import address, choose, end_user, find, review
from handlers.card import add_bundle, decide, mend, whatsapp
from handlers.card import picture as card
from handlers.card import test as proof
from handlers.ref import OfBundle
from sandbox.environment import settings as sandbox_settings
from sandbox.slack.validate import message_problems, view_problems
from sandbox.twilio.regulations import REGULATIONS
from storage.bundle_states import BundleState
from storage.history import Happened
from storage.models import Bundle, Draft, Purchase, State, now
from storage.store import Store
from tests import rows
from tests.sandbox.twilio_world import ACCOUNT, KEY, SECRET, World, running
from tests.stories.stage import migrated

LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch & <Sons> *of* 北海道札幌市 " * 6
LONGER = LONG * 8
ALL = [Regulation.parse(each) for each in json.loads(REGULATIONS.read_text(encoding="utf-8"))["results"]]


@dataclass
class Shop:
    """What the pages ask of the market."""

    many: bool

    def offers(self, code: str) -> list[Offer]:
        kinds = ("local", "mobile", "toll-free", "national") if self.many else ("local",)
        return [Offer(kind, Decimal("1234.56"), "USD") for kind in kinds]

    def abilities(self, code: str, kind: str) -> frozenset[str] | None:
        return None if self.many else frozenset({"voice"})

    def offer(self, code: str | None, kind: str | None) -> Offer | None:
        return Offer(kind or "local", Decimal("1234.56"), "USD")

    def services(self) -> list[Service]:
        return [
            Service(f"MG{n:032}", LONG[:64] if n else "Support", n > 100)
            for n in range(150 if self.many else 0)
        ]

    def registered(self) -> list[Service]:
        return [each for each in self.services() if each.registered]

    def is_registered(self, sid: str | None) -> bool:
        return False

    def closed_to(self, countries: Sequence[str]) -> Sequence[str]:
        return countries if self.many else ()

    def is_high_risk(self, code: str) -> bool:
        return False

    @property
    def is_trial(self) -> bool:
        return self.many

    owns_numbers = is_trial

    def balance(self) -> Balance | None:
        return Balance(Decimal("0.10"), "USD", now()) if self.many else None


def _findings() -> list[Finding]:
    subject = Subject("PN0", "US", "local", ACCOUNT, "MG0", ("mms",), True, ("US",), "whatsapp:+1")
    nobody: Any = SimpleNamespace(
        capabilities={},
        inbound_request_url=None,
        use_inbound_webhook_on_number=False,
        type="Trial",
        status="active",
    )
    one = {"campaign": None, "rejection_reason": LONG[:500]}
    failed = [SimpleNamespace(campaign_status="FAILED", errors=[{"description": LONG[:300]}], **one)]
    answers = {
        "us_campaign": (failed, [Service("MG9", LONG[:64], True)]),
        "toll_free": [SimpleNamespace(status="TWILIO_REJECTED", **one)],
        "geo": [],
        "bundle": None,
        "balance": (Decimal(0), Decimal(1)),
        "whatsapp": [Sender("XE0", "whatsapp:+1", "OFFLINE", None, ((None, LONG[:500]), (63020, "")))],
    }
    return [each.judge(subject, answers.get(each.name, nobody)) for each in CHECKS]


EVERYWHERE = sorted(destinations.table())[: country_field.MOST]


def mendable(way: str) -> Purchase:
    about = {"countries": EVERYWHERE, "services": [{"sid": f"MG{n}", "name": LONG[:64]} for n in range(150)]}
    found = Finding("check", Verdict.MISSING, say(LONG), mend=way, about=about)
    return purchase(findings=[found.kept()])


@dataclass
class Some:
    market: Shop


def number(nth: int) -> dict[str, Any]:
    return {
        "phone_number": f"+4420794600{nth:02}",
        "locality": LONG,
        "region": "NSW",
        "capabilities": ["fax", "mms", "sms", "voice"],
        "address_requirements": "foreign",
        "beta": True,
    }


def draft(*, country: str | None = "US", **changed: Any) -> Draft:
    find_ = {
        "number_type": "toll-free",
        "purpose": LONG[:500],
        **({"country": country} if country else {}),
        **changed.pop("find", {}),
    }
    return rows.draft(
        **{
            "id": "0123456789ab",
            "find": find_,
            "choose": {"phone_number": "+442079460000"},
            "end_user": {"end_user_type": "business"},
            "results": [number(n) for n in range(50)],
            "regulated": True,
            **changed,
        }
    )


def purchase(**changed: Any) -> Purchase:
    return rows.purchase(
        **{
            "id": "0123456789ab",
            "country": "US",
            "number_type": "toll-free",
            "capabilities": ["fax", "mms", "sms", "voice"],
            "locality": LONG,
            "address_requirements": "foreign",
            "purpose": LONG[:500],
            "price": Decimal("1234.56"),
            "ceiling": Decimal("99999.99"),
            "quote_no": 3,
            "regulated": True,
            "end_user_type": "business",
            "if_gone": "closest",
            "service": "new",
            "service_name": LONG[:64],
            **changed,
        }
    )


def bundle(**changed: Any) -> Bundle:
    return Bundle(
        **{
            "workspace_id": "T0",
            "account_sid": ACCOUNT,
            "sid": "BU0",
            "friendly_name": LONG,
            "country": "GB",
            "number_type": "mobile",
            "end_user_type": "business",
            "status": "provisionally-approved",
            "valid_until": now(),
            **changed,
        }
    )


FINDINGS = _findings()


def every_error() -> Iterator[errors.BotError]:
    values: dict[str, Any] = {
        "number": phone("+442079460000"),
        "country": country("BA"),
        "ceiling": money(Decimal("1.15"), "USD"),
        "balance": money(Decimal("1.15"), "USD"),
        "message": LONG,
        "code": 21422,
        "more_info": "https://www.twilio.com/docs/errors/21422",
        "requester": "x",
        "created": "x",
        "began": "x",
        "mark": "x",
        "service": LONG,
        "name": LONG,
        "price": money(Decimal("2.30"), "USD"),
        "status": say(BUNDLE_STATES["provisionally-approved"]),
        "count": 3,
        "list": "S0APPROVERS",
        "approvers": mention(f"U0APPROVER{n}" for n in range(30)),
    }
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.BotError) and kind.__dict__.get("text"):
            yield errors.BotError(kind.text, **values)


def views(t: Texts) -> Iterator[tuple[str, Any]]:
    regulations = {kind: replace(MADE_UP, end_user_type=kind) for kind in ("business", "individual")}
    reviews = {"business": [timedelta(hours=3), timedelta(days=12)], "individual": [timedelta(days=1)]}
    for many in (True, False):
        app: Any = Some(Shop(many))
        for advanced in (True, False):
            typed = {"advanced": advanced, "contains": "555", "beta": [], "capabilities": ["sms"]}
            typed |= {"destinations": EVERYWHERE} if many else {}
            yield (
                "find",
                find.page(
                    draft(find=typed), app, t, earlier=draft(), notice=LONG[:150], nobody=say(LONG[:300])
                ),
            )
            yield "find without a country", find.page(draft(country=None), app, t)
        yield "choose", choose.page(draft(results_page=1), app, t, held=set(), notice=LONG)
        yield "choose, all held", choose.page(draft(results=[]), app, t, held=set())
        yield "nothing found", choose.nothing_found(draft(), t, dict.fromkeys(choose.FILTERS, 50))
        yield "nothing at all", choose.nothing_found(draft(), t, dict.fromkeys(choose.FILTERS, 0))
        fitting = {"business": [bundle(sid=f"BU{n}") for n in range(100 if many else 0)], "individual": []}
        yield "end user", end_user.page(draft(), regulations, fitting, (), reviews, t)
        one = {"individual": regulations["individual"]}
        yield "end user, one type", end_user.page(draft(), one, fitting, (), {}, t)
        known = [Known(f"AD{n}", LONG, "GB") for n in range(100 if many else 0)]
        yield "end user, address", end_user.page(draft(), {}, {}, known, {}, t)
        yield "review", review.page(draft(), bundle() if many else None, app, t)
        everywhere = draft(find={"destinations": EVERYWHERE})
        yield (
            "review, many destinations",
            review.page(everywhere, None, app, t, against=[say(LONG[:300])] * 3),
        )
        voice = [{**number(0), "capabilities": ["voice"]}]
        yield "review, voice", review.page(draft(results=voice, regulated=False), None, app, t)
    for regulation in ALL:
        asked = {regulation.end_user_type: regulation}
        yield "end user of a country", end_user.page(draft(), asked, {}, (), {}, t)
    offers = Shop(many=True).offers("GB")
    for code in sorted({*destinations.table(), *(each.country for each in ALL)}):
        asked_there: dict[str, dict[str, Regulation]] = {each.number_type: {} for each in offers}
        for each in ALL:
            if each.country == code:
                asked_there[each.number_type][each.end_user_type] = each
        yield f"atlas, {code}", atlas.page(code, offers, {}, asked_there, t)
    differing = {
        each.number_type: {kind: replace(one, groups=one.groups * n) for kind, one in regulations.items()}
        for n, each in enumerate(offers, start=1)
    }
    yield "atlas, much", atlas.page("GB", offers, {}, differing, t)
    yield "atlas, nothing sold", atlas.page("PE", [], {}, {}, t)
    yield "atlas, which country", atlas.choice(t, notice=LONG[:150])
    yield "new address", address.page(draft(), t, typed=ADDRESS, problem=suggestion(t))
    yield "deny", decide.deny_page(purchase(), t)
    yield "emergency", decide.emergency_page(purchase(), t)
    for each in mend.WORDS:
        yield f"mend, {each}", mend.page(each, mendable(each), t)
    yield "move", mend.move_page(mendable(readiness.MOVE_SERVICE), t)
    for own in (True, False):
        yield "withdraw", decide.withdraw_page(purchase(), t, own=own)
    yield "end", decide.end_page(purchase(), t)
    yield "end, bought", decide.end_page(purchase(phone_number_sid="PN0"), t)
    yield "loading", loading.page(t, t("Looking for numbers at Twilio…"), "0123456789ab")
    for error in every_error():
        yield error.said["say"], shown_errors.view([error.said], t)


# the pages of a bundle


def asked_field(name: str, constraint: str, **more: str) -> dict[str, str]:
    return {
        "machine_name": name,
        "friendly_name": LONG,
        "description": LONGER,
        "constraint": constraint,
        **more,
    }


def asking(type_: str, *fields: dict[str, str]) -> dict[str, Any]:
    return {"name": LONG, "type": type_, "requirement_name": type_, "detailed_fields": list(fields)}


EVERY_KIND = [
    asked_field("choice", "business['choice'] =~ '^(" + "|".join(["X" * 150, *map(str, range(99))]) + ")$'"),
    asked_field("few", "business['few'] =~ '^(YES|NO|DIRECT_CUSTOMER|UK:CRN)$'"),
    asked_field("email", r"business['email'] =~ '^\S+@\S+\.\S+$'"),
    asked_field("phone_number", r"business['phone_number'] =~ '^\+[1-9]\d{1,14}$'"),
    asked_field("birth_date", "business['birth_date'] != null"),
    asked_field("issue_date", ""),
    asked_field("crn", r"business['crn'] =~ '^[A-Z]{2}\d{6}$'"),
    asked_field("name", "business['name'] != null"),
    asked_field("unknown", "something else"),
    asked_field("comments", ""),
    asked_field("bare", "", description=""),
]
TYPED = {
    "choice": "X" * 150,
    "few": "DIRECT_CUSTOMER",
    "email": "robin@example.com",
    "phone_number": "+442079460000",
    "birth_date": "1978-11-30",
    "issue_date": "in November",
    "crn": "SC123456",
    "name": LONG[:500],
}
DERIVED = [asked_field(f"d{n}", f"paper['d{n}'] == business['name']") for n in range(3)]
SHOWN = asked_field("address_sids", "paper['address_sids'] != null")


def wanted(*kinds: dict[str, Any]) -> dict[str, Any]:
    return {"name": LONG, "description": LONGER, "accepted_documents": list(kinds)}


def made_up(*groups: list[dict[str, Any]], end_users: list[dict[str, Any]]) -> Regulation:
    return Regulation.parse(
        {
            "sid": "RN1",
            "iso_country": "GB",
            "number_type": "toll-free",
            "end_user_type": "business",
            "requirements": {"end_user": end_users, "supporting_document": list(groups)},
        }
    )


MARK = "~0123456789"
NOTHING: Notes = {}
MADE_UP = made_up(
    [
        wanted(*(asking(f"paper{n}", *EVERY_KIND[1:], *DERIVED, SHOWN) for n in range(20))),
        wanted(asking("paper", SHOWN), asking("passport", *EVERY_KIND[5:])),
        wanted(asking("business_address", SHOWN)),
        wanted(asking("passport")),
        wanted(asking("business_address", *EVERY_KIND)),
    ],
    [wanted(asking("passport"))],
    end_users=[
        asking("business", *EVERY_KIND),
        asking("individual", *(asked_field(f"f{n}", "x") for n in range(100))),
    ],
)
"""Two groups; an end user with every kind of field, one with a hundred; documents of all sorts."""


def form(page: Page = GROUP, regulation: Regulation = MADE_UP, holds: Contents | None = None) -> BundleForm:
    """group 0 is chosen; every view carries the longest ids that there are."""
    about = OfBundle("0123456789ab", page, "0123456789ab", "x" * 60, "x" * 60)
    return BundleForm(bundle(group=0, status="draft"), regulation, holds or Contents(), about)


def paper(type_: str, status: str = "draft", *, has_file: bool = True) -> Document:
    return Document("RD1", ("BV1",), LONG, type_, TYPED, status, LONGER, has_file)


def noted(*parts: Part) -> dict[str | None, list[str]]:
    """Something is wrong with the page, and with each field of these parts."""
    names = [each.name for part in parts for each in part.fields]
    return {
        None: [LONGER],
        **{name: [LONG] for name in (*names, "file", "document_type", "address", "group")},
    }


ADDRESS = {
    **{name: LONG[:longest] for name, (_, longest, _) in FIELDS.items()},
    "address_country": "GB",
    "address": "new",
}


def suggestion(t: Texts) -> list[blocks.Block]:
    text = "Twilio does not find exactly this address but a similar one: {suggestion}"
    return address_fields.problem(AddressProblem(text, suggested=True, suggestion=LONGER), t)


def bundle_views(t: Texts) -> Iterator[tuple[str, Any]]:
    shop: Any = Some(Shop(True))
    typed = {"country": "BA", "number_type": "toll-free", "end_user_type": "business", "name": LONG[:40]}
    yield "start", start.page(typed, shop, t, notice=LONGER, mark="~x")
    yield "start, empty", start.page({}, shop, t)
    for count in (2, 10, 11, 40):
        several = made_up(*([wanted(asking("passport"))] for _ in range(count)), end_users=[])
        for notes in (NOTHING, noted()):
            yield f"{count} groups", document_set.page(form(GROUP, several), t, typed="1", notes=notes)
            yield f"{count} groups, none chosen", document_set.page(form(GROUP), t, notes=notes, mark=MARK)
    for i, part in enumerate(MADE_UP.end_users):
        for n, fields in enumerate(contents.portions(part, MADE_UP)):
            for notes in (NOTHING, noted(replace(part, fields=tuple(fields)))):
                shown = form(Page("end_user", i, n))
                filled = dict.fromkeys((f"f{each}" for each in range(100)), LONG[:500])
                yield "end user", bundle_end_user.page(shown, t, typed=filled, notes=notes, mark=MARK)
                yield "end user, empty", bundle_end_user.page(shown, t, notes=notes)
                there = replace(shown, contents=Contents({i: EndUser("IT1", TYPED)}))
                yield "end user, as it is there", bundle_end_user.page(there, t, notes=notes, mark=MARK)
    for i, requirement in enumerate(MADE_UP.documents(0)):
        for kind in requirement.kinds[:2]:
            for notes in (NOTHING, noted(kind)):
                yield from document_views(form(Page("document", i)), kind, notes, t)
    for i in (1, 2):
        options = [blocks.option(f"AD{n:032}", LONG) for n in range(98)]
        options += [blocks.option("new", "A new address"), blocks.option("none", "None")]
        shown = form(Page("address", i))
        notes = {None: [LONGER], "address": [LONG], "address_sids": [LONG]}
        for chosen in ("new", "none", options[0]["value"]):
            given = bundle_address.Typed(chosen, ADDRESS, options)
            for problem in (suggestion(t), []):
                view = bundle_address.page(shown, t, typed=given, notes=notes, mark=MARK, problem=problem)
                yield f"address, {chosen[:4]}", view
    abouts: list[OfBundle | None] = [OfBundle("0123456789ab"), None]
    for said in (say(LONGER), errors.BundleGone().said):
        for about in abouts:
            yield "problem", loading.problem(said, t, str(about), blocks.button("back", t("Back")))


def document_views(shown: BundleForm, kind: Part, notes: Notes, t: Texts) -> Iterator[tuple[str, Any]]:
    yield "document", document.page(shown, t, notes=notes, mark=MARK)
    for there in (paper(kind.type), paper(kind.type, "rejected"), paper(kind.type, has_file=False)):
        kept = replace(shown, contents=Contents({}, {shown.about.page.index: there}))
        yield f"document, {there.status}", document.page(kept, t, notes=notes, mark=MARK)
    lost = document.Typed(kind, TYPED, {"id": "F1"})
    yield "document, file lost", document.page(shown, t, typed=lost, notes=notes, mark=MARK)
    kept = replace(shown, about=replace(shown.about, kept=kind.type))
    yield "document, file kept", document.page(kept, t, typed=lost, notes=notes, mark=MARK)


def views_of(regulation: Regulation, t: Texts) -> Iterator[tuple[str, Any]]:
    """Every page that asks for something, with something wrong everywhere."""
    for page in contents.pages(regulation, None, Contents()):
        shown = form(page, regulation)
        match page.kind:
            case "end_user":
                notes = noted(regulation.end_users[page.index])
                yield str(page), bundle_end_user.page(shown, t, notes=notes)
            case "document":
                for kind in shown.documents[page.index].kinds:
                    typed = document.Typed(kind, {}, None)
                    yield f"{page}, {kind.type}", document.page(shown, t, typed=typed, notes=noted(kind))
            case "address":
                new = bundle_address.Typed("new", {}, [blocks.option("new", "New")])
                yield str(page), bundle_address.page(shown, t, typed=new, notes=noted())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_a_bundle_is_within_slacks_limits(language: str) -> None:
    t = Texts(language)
    for name, view in bundle_views(t):
        assert view_problems(view) == [], f"{name} in {language}"
        if name != "problem":
            assert alive(view) == [], f"{name} in {language}: mrkdwn cannot escape a star"


def alive(shown: Any) -> list[str]:
    """What came from outside and stands where its formatting counts."""
    if isinstance(shown, dict):
        own = [str(shown["text"])] if shown.get("type") == "mrkdwn" and "*of*" in str(shown["text"]) else []
        return own + [text for each in shown.values() for text in alive(each)]
    return [text for each in shown for text in alive(each)] if isinstance(shown, list) else []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_every_regulation_is_within_slacks_limits(language: str) -> None:
    t = Texts(language)
    seen = 0
    for regulation in ALL:
        for name, view in views_of(regulation, t):
            assert view_problems(view) == [], f"{name} of {regulation.sid} in {language}"
            seen += 1
    assert seen > 3 * len(ALL)


def test_a_page_has_room_for_what_is_wrong_with_each_of_its_fields() -> None:
    notes: Notes = {None: [LONGER], **{f"f{n}": [LONG] for n in range(FIELDS_ON_A_PAGE)}}
    view = bundle_end_user.page(form(Page("end_user", 1)), Texts("en"), notes=notes)
    inputs = [each for each in view["blocks"] if each["type"] == "input"]
    assert len(inputs) == FIELDS_ON_A_PAGE and 2 * FIELDS_ON_A_PAGE < len(view["blocks"]) <= 100


def test_each_kind_of_field_has_its_own_input() -> None:
    view = bundle_end_user.page(form(Page("end_user", 0)), Texts("en"), notes={})
    kinds = {
        each["element"]["action_id"]: (each["element"]["type"], each["optional"])
        for each in view["blocks"]
        if each["type"] == "input"
    }
    assert kinds == {
        "choice": ("static_select", False),
        "few": ("static_select", False),
        "email": ("email_text_input", False),
        "phone_number": ("plain_text_input", False),
        "birth_date": ("datepicker", False),
        "issue_date": ("datepicker", True),
        "crn": ("plain_text_input", False),
        "name": ("plain_text_input", False),
        "unknown": ("plain_text_input", False),
        "comments": ("plain_text_input", True),
        "bare": ("plain_text_input", True),
    }


def test_what_was_typed_and_is_no_date_is_shown_as_it_was_typed() -> None:
    view = bundle_end_user.page(form(Page("end_user", 0)), Texts("en"), typed=TYPED, notes={})
    elements = {each["element"]["action_id"]: each["element"] for each in view["blocks"] if "element" in each}
    assert elements["issue_date"]["initial_value"] == "in November"
    assert elements["birth_date"]["initial_date"] == "1978-11-30"
    assert elements["few"]["initial_option"]["value"] == "DIRECT_CUSTOMER"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_is_within_slacks_limits(language: str) -> None:
    t = Texts(language)
    for name, view in views(t):
        assert view_problems(view) == [], f"{name} in {language}"


PENDING = {"state": "registered", "status": "PENDING_VERIFICATION", "sender": "XE0"}
PROFILE = {"display_name": LONG[:75], "about": LONG[:139], "description": LONG[:512], "website": LONG[:256]}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("capabilities", [["sms"], ["voice"]])
def test_every_page_about_whatsapp_is_within_slacks_limits(language: str, capabilities: list[str]) -> None:
    t = Texts(language)
    bought = {"state": State.COMPLETE, "capabilities": capabilities}
    for whatsapp_ in (
        None,
        PENDING,
        {**PENDING, "status": "ONLINE"},
        {"state": "refused", "profile": PROFILE},
    ):
        shown = purchase(**bought, whatsapp=whatsapp_)
        for view in (
            whatsapp.page(shown, t, is_trial=True),
            whatsapp.code_page(shown, t),
            whatsapp.give_up_page(shown, t),
            proof.page(shown, t),
        ):
            assert view_problems(view) == [], view["callback_id"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("as_plan", [False, True], ids=["text", "plan"])
@pytest.mark.parametrize("state", list(State))
def test_every_card_is_within_slacks_limits(language: str, state: State, as_plan: bool) -> None:
    t = Texts(language)
    of_policy: dict[str, Any] = {
        "rule": "R" * 60,
        "stage": "S" * 60,
        "has_emergency": True,
        "against": [say(LONG[:300])] * 2,
    }
    done = {"phone_number_sid": "PN0", "buying_at": now(), "messaging_service_sid": "MG0"}
    for error in every_error():
        shown = purchase(
            state=state,
            problem={**error.said, "kind": "NumberTaken"},
            waiting=error.said,
            reason=LONG[:500],
            decided_by="U1",
            decided_at=now(),
            alternatives=[number(n) for n in range(5)],
            findings=[each.kept() for each in FINDINGS],
            proof={"status": "failed", "code": 30034},
            whatsapp=PENDING if state == State.COMPLETE else None,
            **(done if state == State.COMPLETE else {}),
        )
        for own in (bundle(), None):
            names = {"U1": LONG, "U0REQUESTER": LONG}
            around = card.Around(
                own, ["U1", "U2", "U3"], 4, names, ("S0APPROVERS", "U0A", "U0B", "U0C", "U0D"), **of_policy
            )
            message = card.view(shown, around, t, as_plan=as_plan)
            assert message_problems(message["blocks"], message["text"]) == []
            assert len(message["text"]) <= 4000


# what is drawn with the database and Twilio


@dataclass
class Desk:
    """The app as it is put together, the twin behind them, and a Slack that keeps the views it is sent."""

    app: App
    world: World
    client: AsyncWebClient
    views: list[Any]


@contextlib.asynccontextmanager
async def slack() -> AsyncIterator[tuple[str, list[Any]]]:
    views: list[Any] = []

    async def keep(request: web.Request) -> web.Response:
        views.append((await request.json())["view"])
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_post("/api/views.update", keep)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", views
    await runner.cleanup()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as stack:
        url, views = await stack.enter_async_context(slack())
        world = await stack.enter_async_context(running())
        environment = sandbox_settings(url, world.twin.url) | {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
        values: dict[str, Any] = {name.lower(): each for name, each in environment.items()}
        config = Settings(_env_file=None, **values)
        (tmp_path / "x.db").write_bytes(migrated())
        store = Store(config.database_url)
        stack.push_async_callback(store.close)
        twilio = await stack.enter_async_context(connect(ACCOUNT, KEY, SECRET, world.twin.url))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        client = AsyncWebClient("xoxb-x", config.slack_api_url, session=http)
        policy = Policy(approve=Approve(people=["U1"]))
        market, people = Market(twilio, store, "T0"), People(store, client, "T0")
        access = Access(twilio, store, config, "T0")
        memory = BundleMemory(store, "T0", config.twilio_account_sid)
        app = App(config, store, twilio, people, market, policy, "T0", http, access, memory)
        yield Desk(app, world, client, views)


async def made(desk: Desk, **values: Any) -> Bundle:
    """A row as the watch or a person has made it."""
    row = bundle(**values)
    return await desk.app.store.start_bundle(row, Happened("bundle_begun"))


async def waiting(desk: Desk, for_: Bundle, nth: int, **values: Any) -> None:
    async with desk.app.store.writing() as session:
        row = purchase(
            id=f"{for_.id}-{nth}",
            state=State.IN_PROGRESS,
            bundle_id=for_.id,
            account_sid=ACCOUNT,
            phone_number=f"+4420794{int(for_.id[:4], 16) % 10000:04}{nth}",
            **values,
        )
        await rows.add(session, row)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_last_page_of_a_bundle_is_within_slacks_limits(language: str, desk: Desk) -> None:
    """Without addresses: the twin is not asked."""
    t = Texts(language)
    for regulation in (MADE_UP, *ALL):
        holds = Contents(
            {i: EndUser("IT1", TYPED) for i, _ in enumerate(regulation.end_users)},
            {i: paper(each.kinds[-1].type) for i, each in enumerate(regulation.documents(0))},
        )
        for shown in (form(contents.REVIEW, regulation), form(contents.REVIEW, regulation, holds)):
            for notes in (NOTHING, noted()):
                view = await bundle_review.page(shown, desk.app, t, notes=notes, mark="~x")
                assert view_problems(view) == [], f"{regulation.sid} in {language}"
                assert alive(view) == [], f"{regulation.sid} in {language}"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_list_of_bundles_is_within_slacks_limits(language: str, desk: Desk) -> None:
    t = Texts(language)
    empty = await bundles.page(bundles.Part(), desk.app, t)
    assert view_problems(empty) == []
    assert len([each for each in empty["blocks"] if each["type"] == "section"]) == 1
    for n, status in enumerate([*BUNDLE_STATES, *BUNDLE_STATES]):
        country_ = ("GB", "BA", "JP")[n % 3]
        row = await made(
            desk, id=f"{n:04x}{n:08}", sid=f"BU{n}", status=status, country=country_, made_by="U0MAKER"
        )
        for nth in range(9):
            await waiting(desk, row, nth)
    notice = blocks.note(LONGER)
    for status in bundles.NAMES:
        for country_ in ("all", "GB"):
            for offset in (0, 1, 8):
                which = bundles.Part(status, country_, offset)
                view = await bundles.page(which, desk.app, t, notice=notice)
                assert view_problems(view) == [] and alive(view) == [], which
                assert bundles.Part.parse(view["private_metadata"]) == which


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", list(BundleState))
async def test_the_page_of_a_bundle_is_within_slacks_limits(
    language: str, status: BundleState, desk: Desk
) -> None:
    """With a renewal, sixty that wait for it, and a reason of any length."""
    rc = desk.world.sdk.numbers.v2.regulatory_compliance
    there = await rc.bundles.create_async(LONG[:64], "a@example.com", regulation_sid=ALL[0].sid)
    values = {"sid": there.sid, "regulation_sid": ALL[0].sid, "submitted_by": "U1", "submitted_at": now()}
    row = await made(desk, **values, status=status, made_by="U1", decided_at=now(), created_at=now())
    await made(desk, sid="new 1", status="draft", renews_id=row.id)
    desk.world.twin.account.bundles[there.sid].status = status
    desk.app.bundle_memory.remember_reason(there.sid, LONGER)
    for nth in range(60):
        await waiting(desk, row, nth)
    turn: Any = SimpleNamespace(app=desk.app, t=Texts(language), person_id="U1")
    view = await details.page(row.id, turn, notice=blocks.note(LONG))
    assert view_problems(view) == [] and alive(view) == []
    shown = delete.page(row, list(await desk.app.store.purchases_using(row.id)), Texts(language))
    assert view_problems(shown) == [] and alive(shown) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_bundle_news_is_within_slacks_limits(language: str, desk: Desk) -> None:
    t = Texts(language)
    row = await made(desk, sid=f"BU{1:032}", regulation_sid=ALL[0].sid)
    for nth in range(9):
        await waiting(desk, row, nth)
    for status in BUNDLE_STATES:
        for before in (None, "twilio-approved"):
            for days in (None, 0, 1, 12):
                news = {"status": status, "before": before, "days": days, "submitted_by": "U0SENDER"}
                shown = Bundle(**{**row.model_dump(), "status": status})
                message = await alerts.bundle_news(news, shown, desk.app, t)
                assert message_problems(message["blocks"], message["text"]) == [], news
                assert alive(message["blocks"]) == [], news
                assert len(message["text"]) <= 4000
    more: list[dict[str, Any]] = [{"lapses_in": 1}, {"lapses_in": 30}, {"renewed": row.id}]
    more += [{"not_renewed": row.id, "code": code} for code in (22224, 22228, 22229, 20404)]
    for each in more:
        news = {"status": "twilio-approved", **each}
        message = await alerts.bundle_news(news, row, desk.app, t)
        assert message_problems(message["blocks"], message["text"]) == [], news


@pytest.mark.parametrize("language", LANGUAGES)
async def test_long_reasons_of_a_refusal_are_within_slacks_limits(language: str, desk: Desk) -> None:
    rc = desk.world.sdk.numbers.v2.regulatory_compliance
    there = await rc.bundles.create_async("Shop", "a@example.com", regulation_sid=ALL[0].sid)
    row = await made(desk, sid=there.sid, regulation_sid=ALL[0].sid, status="twilio-rejected")
    reason = "<!channel> " + LONGER
    called = {"BundleSID": str(there.sid), "Status": "twilio-rejected", "FailureReason": reason}
    Watch(desk.app).called_back(called)
    news = {"status": "twilio-rejected", "before": "in-review", "days": 2, "submitted_by": "U0SENDER"}
    message = await alerts.bundle_news(news, row, desk.app, Texts(language))
    assert message_problems(message["blocks"], message["text"]) == []
    assert "<!channel> " in str(message["blocks"]) and "'mrkdwn'" not in str(message["blocks"])
    assert "<!channel>" not in message["text"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", ["draft", "twilio-rejected", "pending-review"])
async def test_the_page_where_a_bundle_is_added_is_within_slacks_limits(
    status: str, language: str, desk: Desk
) -> None:
    rc = desk.world.sdk.numbers.v2.regulatory_compliance
    regulation = next(each for each in ALL if (each.country, each.number_type) == ("GB", "mobile"))
    for n in range(5):
        there = await rc.bundles.create_async(
            f"{LONG[:60]} {n}", "a@example.com", regulation_sid=regulation.sid
        )
        await rc.bundles(str(there.sid)).update_async(status="pending-review")
    own = await made(desk, status=status)
    asking_ = purchase(
        country="GB", number_type="mobile", end_user_type=regulation.end_user_type, bundle_id=own.id
    )
    view = await add_bundle.page(asking_, desk.app, Texts(language))
    assert view["callback_id"] == "card.bundle" and view_problems(view) == []
    (choice,) = [each["element"] for each in view["blocks"] if "element" in each]
    assert len(choice["options"]) >= 6
    assert any("accessory" in each for each in view["blocks"]) == (status != "pending-review")


def test_a_text_that_is_too_long_is_cut_with_a_sign() -> None:
    assert blocks.cut("abcdef", 4) == "abc…" and blocks.cut("abcd", 4) == "abcd"
    assert blocks.option("v", "x" * 80)["text"]["text"].endswith("…")


def test_peoples_words_stand_as_they_typed_them_and_nothing_of_them_comes_alive() -> None:
    typed = "<!channel> & *bold* ~x~ `code` ```\nline"
    shown = purchase(state=State.DENIED, purpose=typed, reason=typed, decided_by="U1", service_name=typed)
    message = card.view(shown, card.Around(names={"U1": "*Ada*"}), Texts("en"))
    texts = [each for block in message["blocks"] for each in _leaves(block)]
    assert {"type": "text", "text": typed} in texts
    assert not any(each["type"] == "mrkdwn" for each in texts), "mrkdwn cannot escape a star"
    assert {"type": "text", "text": "*Ada*", "style": {"bold": True}} in texts, "who denied it"


@pytest.mark.parametrize("sentence", ["{why}", "{why} Type `/twilio status`, or ask {who}."])
def test_what_went_wrong_is_said_in_the_words_of_whoever_said_it_and_none_of_them_comes_alive(
    sentence: str,
) -> None:
    typed = "<!channel> & *bold* ~x~"
    t, said = Texts("en"), say(sentence, why=typed, who=person("U1"))
    for view in (loading.problem(said, t), shown_errors.view([said], t)):
        assert view_problems(view) == []
        leaves = list(_leaves(view["blocks"]))
        assert typed in "".join(each["text"] for each in leaves)
        assert not any(each["type"] == "mrkdwn" for each in leaves), "mrkdwn cannot escape a star"
    told = rich.message(said, t)
    assert not any(each["type"] == "mrkdwn" for each in _leaves(told["blocks"]))
    assert "<!channel>" not in told["text"]


def test_the_words_of_the_policy_on_page_1_stay_as_the_operator_wrote_them() -> None:
    app: Any = Some(Shop(False))
    nobody = say("The rule “{rule}” names nobody.", rule="<!channel> *Support*")
    page = find.page(draft(), app, Texts("en"), nobody=nobody)
    said = [each for each in _leaves(page["blocks"]) if "*Support*" in each["text"]]
    assert [each["type"] for each in said] == ["plain_text"], "mrkdwn cannot escape a star"


def _leaves(block: Any) -> Iterator[dict[str, Any]]:
    if isinstance(block, dict) and isinstance(block.get("text"), str):
        yield block
    for each in block.values() if isinstance(block, dict) else block if isinstance(block, list) else ():
        yield from _leaves(each)


def test_sentences_escape_what_comes_from_outside() -> None:
    assert Texts("en").said(say("{x}", x="<!here>")) == "&lt;!here&gt;"


def test_a_note_for_a_field_that_follows_from_another_stands_there_once() -> None:
    view = document.page(form(Page("document", 0)), Texts("en"), notes={"d0": ["DIFFERS"]})
    assert str(view).count("DIFFERS") == 1
