"""Every screen and message, in every language, within Slack's limits: by the twin's strict validator."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from bot import errors
from bot.market import Offer, Service
from bot.regulations import Regulation
from bot.texts import LANGUAGES, Texts, country, money, phone, say
from handlers import blocks, card, modal
from handlers import errors as shown_errors
from handlers.buy_number import address, choose, end_user, find, review
from sandbox.slack.validate import message_problems, view_problems
from storage.models import Approval, Bundle, Purchase, State, now

LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch & <Sons> *of* 北海道札幌市 " * 6


@dataclass
class Shop:
    """What the pages ask of the market."""

    many: bool

    def offers(self, code: str) -> list[Offer]:
        kinds = ("local", "mobile", "toll-free", "national") if self.many else ("local",)
        return [Offer(kind, Decimal("1234.56"), "USD") for kind in kinds]

    def offer(self, code: str | None, kind: str | None) -> Offer | None:
        return Offer(kind or "local", Decimal("1234.56"), "USD")

    def services(self) -> list[Service]:
        return [Service(f"MG{n:032}", LONG[:64] if n else "Support") for n in range(150 if self.many else 0)]


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


def purchase(**changed: Any) -> Purchase:
    return Purchase(
        **{
            "id": "0123456789ab",
            "workspace_id": "T0",
            "account_sid": "AC0",
            "requester_id": "U0REQUESTER",
            "country": "US",
            "number_type": "toll-free",
            "phone_number": "+442079460000",
            "number": number(0),
            "results": [number(n) for n in range(50)],
            "purpose": LONG[:500],
            "price": Decimal("1234.56"),
            "ceiling": Decimal("99999.99"),
            "currency": "USD",
            "quote": 3,
            "regulated": True,
            "end_user_type": "business",
            "if_gone": "closest",
            "wanted_service_name": LONG[:64],
            **changed,
        }
    )


def bundle() -> Bundle:
    return Bundle(
        workspace_id="T0",
        account_sid="AC0",
        sid="BU0",
        friendly_name=LONG,
        country="GB",
        number_type="mobile",
        end_user_type="business",
        status="provisionally-approved",
        valid_until=now(),
    )


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
    }
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.BotError) and kind.__dict__.get("text"):
            yield errors.BotError(kind.text, **values)


def views(t: Texts) -> Iterator[tuple[str, Any]]:
    regulations = {
        kind: Regulation("RN0", kind, 11, tuple((LONG[:80], (LONG[:60],) * 4) for _ in range(4)))
        for kind in ("business", "individual")
    }
    for many in (True, False):
        services: Any = Some(Shop(many))
        for advanced in (True, False):
            typed = {"find": {"advanced": advanced, "contains": "555", "beta": [], "capabilities": ["sms"]}}
            draft = purchase(answers=typed)
            yield "find", find.page(draft, services, t, earlier=purchase(), notice=LONG[:150])
            yield "find without a country", find.page(purchase(country=None), services, t)
        yield "choose", choose.page(purchase(results_page=1), services, t, held=set(), notice=LONG)
        yield "choose, all held", choose.page(purchase(results=[]), services, t, held=set())
        yield "nothing found", choose.nothing_found(purchase(), t, dict.fromkeys(choose.FILTERS, 50))
        yield "nothing at all", choose.nothing_found(purchase(), t, dict.fromkeys(choose.FILTERS, 0))
        fitting = {"business": [bundle()] * 1 if many else [], "individual": []}
        yield "end user", end_user.page(purchase(), regulations, fitting, (), t)
        addresses = [("AD0", LONG)] if many else []
        yield "end user, address", end_user.page(purchase(), {}, {}, addresses, t)
        yield "review", review.page(purchase(), bundle() if many else None, services, t)
        voice = {**number(0), "capabilities": ["voice"]}
        yield "review, voice", review.page(purchase(number=voice, regulated=False), None, services, t)
    yield "new address", address.page(purchase(), t, typed={"street": LONG[:100]}, notice=LONG)
    yield "deny", card.deny_page(purchase(), t)
    yield "loading", modal.loading(t, t("Looking for numbers at Twilio…"), "0123456789ab")
    for error in every_error():
        yield error.said["say"], shown_errors.view(t.said(error.said), t)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_is_within_slacks_limits(language: str) -> None:
    t = Texts(language)
    for name, view in views(t):
        assert view_problems(view) == [], f"{name} in {language}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [each for each in State if each != State.DRAFT])
def test_every_card_is_within_slacks_limits(language: str, state: State) -> None:
    t = Texts(language)
    approvals = [Approval(workspace_id="T0", purchase_id="x", quote=3, person_id=f"U{n}") for n in range(3)]
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
            unchecked=["us_campaign", "toll_free_verification", "geo_permission", "test_message"],
            **(done if state == State.COMPLETE else {}),
        )
        message = card.view(shown, bundle(), approvals, 4, LONG, t)
        assert message_problems(message["blocks"], message["text"]) == []
        assert len(message["text"]) <= 4000


def test_a_text_that_is_too_long_is_cut_with_a_sign() -> None:
    assert blocks.cut("abcdef", 4) == "abc…" and blocks.cut("abcd", 4) == "abcd"
    assert blocks.option("v", "x" * 80)["text"]["text"].endswith("…")


def test_peoples_words_cannot_break_out_of_their_quotation() -> None:
    message = card.view(
        purchase(state=State.DENIED, purpose="<!channel> & *bold*\nline", reason="<@U1>", decided_by="U1"),
        None,
        [],
        1,
        "",
        Texts("en"),
    )
    assert "<!channel>" not in str(message) and "&lt;!channel&gt; &amp; *bold*\\n>line" in str(message)


def test_sentences_escape_what_comes_from_outside() -> None:
    assert Texts("en").said(say("{x}", x="<!here>")) == "&lt;!here&gt;"
