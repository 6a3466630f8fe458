"""What still keeps a number from doing its job, judged of whatever Twilio may answer."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as any_of

from bot import readiness
from bot.readiness import CHECKS, Finding, Subject, Verdict
from bot.texts import LANGUAGES, Texts, say
from storage.bundle_states import BundleState
from storage.models import now
from tests import rows

SUBJECT = Subject("PN0", "US", "local", "AC0", bundle_id="b1")
JUDGES = {each.name: each.judge for each in CHECKS}
CENTS = any_of.integers(-10_000, 1_000_000).map(lambda cents: Decimal(cents) / 100)
MOMENTS = any_of.none() | any_of.integers(-400, 400).filter(bool).map(
    lambda days: now() + timedelta(days=days)
)


def judged(check: str, answer: Any) -> Finding:
    return JUDGES[check](SUBJECT, answer)


@given(any_of.sampled_from(BundleState), MOMENTS)
def test_a_bundle_is_fine_only_while_it_is_approved_and_says_until_when(status: str, until: Any) -> None:
    found = judged("bundle", rows.bundle(status=status, valid_until=until))
    fine = status == BundleState.APPROVED and (until is None or until > now())
    assert found.verdict is (Verdict.FINE if fine else Verdict.MISSING)
    if fine and until is not None:
        assert found.said["with"]["when"]["moment"] == int(until.timestamp())
    assert not found.blocks, "what was bought goes on texting until Twilio says otherwise"
    for language in LANGUAGES:
        assert Texts(language).said(found.said)


def test_a_bundle_that_is_gone_is_missing() -> None:
    assert judged("bundle", None).verdict is Verdict.MISSING


@given(
    any_of.sampled_from(("Full", "Trial", "full", "trial")),
    any_of.sampled_from(("active", "suspended", "closed")),
)
def test_an_account_that_is_not_active_keeps_its_numbers_from_everything(kind: str, status: str) -> None:
    found = judged("account", SimpleNamespace(type=kind, status=status))
    assert found.blocks == (status != "active")
    assert (found.verdict is Verdict.FINE) == (status == "active" and kind.casefold() == "full")


WAITING, MISSING, FINE = Verdict.WAITING, Verdict.MISSING, Verdict.FINE


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *(("PENDING", WAITING), ("IN_PROGRESS", WAITING), ("VERIFIED", FINE)),
        *(("FAILED", MISSING), ("SUSPENDED", MISSING)),
    ],
)
def test_a_campaign_is_fine_waiting_or_missing_and_says_why_it_was_refused(
    status: str, verdict: Verdict
) -> None:
    campaign = SimpleNamespace(campaign_status=status, errors=[{"description": "No <opt-in>"}])
    found = judged("us_campaign", ([campaign], []))
    assert found.verdict is verdict and found.blocks
    for language in LANGUAGES:
        assert ("No &lt;opt-in&gt;" in Texts(language).said(found.said)) == (verdict is MISSING)


def test_of_several_campaigns_the_best_decides() -> None:
    campaigns = [SimpleNamespace(campaign_status=each, errors=None) for each in ("FAILED", "VERIFIED")]
    assert judged("us_campaign", (campaigns, [])).verdict is FINE
    assert judged("us_campaign", (campaigns[:1], [])).verdict is MISSING


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *(("PENDING_REVIEW", WAITING), ("IN_REVIEW", WAITING), ("TWILIO_APPROVED", FINE)),
        *(("TWILIO_REJECTED", MISSING), (None, MISSING)),
    ],
)
def test_a_toll_free_verification_is_fine_waiting_or_missing_and_says_why_it_was_rejected(
    status: str | None, verdict: Verdict
) -> None:
    verification = SimpleNamespace(status=status, rejection_reason="No website")
    found = judged("toll_free", [verification] if status else [])
    assert found.verdict is verdict and found.blocks
    for language in LANGUAGES:
        assert ("No website" in Texts(language).said(found.said)) == (status == "TWILIO_REJECTED")


@given(CENTS, CENTS.map(abs))
def test_a_balance_is_low_when_it_does_not_cover_the_next_month_and_stops_texts_when_there_is_none(
    amount: Decimal, due: Decimal
) -> None:
    found = judged("balance", (amount, due))
    assert found.verdict is (Verdict.MISSING if amount < due else Verdict.FINE)
    assert found.blocks == (amount < due and amount <= 0)
    assert found.said["with"] == {}, "no figures: each change of one would be news"


def test_a_balance_that_cannot_be_known_is_not_called_low() -> None:
    assert judged("balance", None).verdict is Verdict.UNKNOWN


# what follows from all findings


@any_of.composite
def findings(draw: any_of.DrawFn) -> list[dict[str, Any]]:
    names = draw(any_of.lists(any_of.sampled_from(sorted(JUDGES)), unique=True))
    return [
        Finding(
            name,
            draw(any_of.sampled_from(Verdict)),
            say(draw(any_of.sampled_from("ab"))),
            draw(any_of.booleans()),
        ).kept()
        for name in names
    ]


@given(findings())
def test_what_keeps_texts_from_arriving_is_named_first_and_nothing_that_is_fine_or_unknown(
    found: list[dict[str, Any]],
) -> None:
    left = readiness.unfinished(found)
    assert {each["verdict"] for each in left} <= {"missing", "waiting"}
    assert [each["blocks"] for each in left] == sorted((each["blocks"] for each in left), reverse=True)
    first = readiness.blocking(found)
    assert (first is not None) == any(each["blocks"] for each in left) and first in (None, *left[:1])


@given(findings(), findings())
def test_news_is_only_what_says_something_else_than_it_did_and_could_be_seen_both_times(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    earlier = {each["check"]: each for each in before}
    for each in readiness.turned(before, after):
        assert each["said"] != earlier[each["check"]]["said"]
        assert "unknown" not in (each["verdict"], earlier[each["check"]]["verdict"])
    assert readiness.turned(after, after) == []


@given(findings(), any_of.booleans(), any_of.booleans())
def test_ready_is_said_only_of_what_is_proven_and_has_nothing_against_it(
    found: list[dict[str, Any]], proven: bool, texts: bool
) -> None:
    purchase = rows.purchase(
        findings=found, ready_at=now() if proven else None, capabilities=["sms"] if texts else ["voice"]
    )
    ready = readiness.ready(purchase)
    assert (ready == "yes") == (texts and proven and readiness.blocking(found) is None)
    assert (ready == "never") == (not texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_check_has_a_name_in_every_language(language: str) -> None:
    t = Texts(language)
    for each in CHECKS:
        name = t(readiness.NAMES[each.name])
        assert name and (language == "en" or name != readiness.NAMES[each.name] or name.isascii())
