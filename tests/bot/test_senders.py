"""What Twilio's answers about WhatsApp senders mean to people, and which text is a code."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as any_of

from bot.readiness import Verdict
from bot.refusals import TABLE, Kind
from bot.texts import LANGUAGES, Texts
from bot.twilio import senders
from bot.twilio.client import TwilioError
from bot.twilio.senders import ERRORS, Sender

NUMBER = "whatsapp:+14155550123"
STATUSES = (
    *("CREATING", "PENDING_VERIFICATION", "VERIFYING", "TWILIO_REVIEW", "ONLINE", "ONLINE:UPDATING"),
    *("OFFLINE", "DRAFT", "STUBBED", "SOMETHING_NEW"),
)
ROWS = {row.code: row for row in TABLE}
WORDS = {
    21712: "in another messaging service",
    63020: "accept Twilio's invitation",
    63100: "did not accept the display name",
    63101: "WHATSAPP_BUSINESS_ACCOUNT_ID",
    63103: "not made through this Twilio account",
    63104: "two until Meta has verified the business",
    63110: "on WhatsApp already",
    63111: "does not find the number or the business account",
    63113: "did not accept the code",
    63114: "Too many codes",
    63116: "did not reach the number",
}


def test_each_row_of_the_table_has_its_test() -> None:
    assert sorted(ERRORS) == sorted(WORDS)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_refusal_says_what_to_do_and_is_never_repeated_blindly(code: int) -> None:
    said = senders.why(code, "profile.name is not allowed")
    assert WORDS[code] in Texts("en").said(said)
    assert Texts("ja").said(said) != Texts("en").said(said)
    assert ROWS[code].kind is Kind.OF_THIS and ROWS[code].source
    assert TwilioError("refused", 400, code).definite


def test_what_is_in_no_table_is_said_in_twilios_words() -> None:
    assert Texts("en").said(senders.why(63999, "Disabled")) == "Twilio says: Disabled (error 63999)."
    assert Texts("en").said(senders.why(None, "")) == "Twilio does not say why."


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your WhatsApp code: 123-456. Don't share this code with others", "123456"),
        ("<#> 123-456 is your WhatsApp Business code", "123456"),
        ("WhatsAppコード：123456", "123456"),
        ("Your WhatsApp code 123 456", "123456"),
        ("Your code is 123456", None),
        ("WhatsApp: call +14155550123", None),
        ("WhatsApp", None),
    ],
)
def test_a_code_is_known_by_its_digits_and_by_whatsapps_name(text: str, code: str | None) -> None:
    assert senders.code_in(text) == code


@given(any_of.text(string.digits, min_size=6, max_size=6), any_of.sampled_from(["", "-", " "]))
def test_every_code_is_found_however_it_is_written(code: str, between: str) -> None:
    assert senders.code_in(f"WhatsApp code: {code[:3]}{between}{code[3:]}.") == code


@pytest.mark.parametrize("status", STATUSES)
def test_fine_is_what_is_online_and_nothing_else(status: str) -> None:
    sender = Sender("XE0", NUMBER, status)
    verdict, said = senders.standing([sender], NUMBER, {"state": "registered"})
    assert (Verdict(verdict) is Verdict.FINE) == status.startswith("ONLINE")
    assert all(Texts(each).said(said) for each in LANGUAGES)


def test_a_code_is_a_persons_matter_once_it_was_not_found() -> None:
    sender = Sender("XE0", NUMBER, "PENDING_VERIFICATION")
    assert senders.standing([sender], NUMBER, {})[0] == "waiting"
    assert senders.standing([sender], NUMBER, {"asks": True})[0] == "missing"


def test_the_business_account_is_known_where_all_senders_are_in_one() -> None:
    one, two, none = (Sender("XE0", NUMBER, "ONLINE", waba) for waba in ("1", "2", None))
    assert senders.business_account([one, one, none]) == "1"
    assert senders.business_account([one, two]) is None and senders.business_account([none]) is None
