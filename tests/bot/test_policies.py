"""Policies as other companies have them, by public descriptions of how purchases are approved: each as a file, and what follows from it.

What cannot be expressed stands in docs/operations.md ("The policy file").
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.purchases.policy import Facts, Policy, parse
from bot.purchases.policy.counting import Yes, progress
from bot.purchases.policy.limits import Spent
from bot.purchases.policy.rules import Case, Figures

SPEND_TIERS = """
# Small sums go through, the budget owner signs up to 500 a year, above that finance signs, and above 2000 the CFO, too.
[approve]
own_request = false
unasked_under = 50
[[approve.stage]]
name = "Budget owner"
groups = ["S0OWNERS"]
[[approve.stage]]
name = "Finance"
groups = ["S0FINANCE"]
yearly_above = 500
[[approve.stage]]
name = "CFO"
people = ["U0CFO"]
yearly_above = 2000
"""
FOUR_EYES = """
# Two different people of the purchasing team, whoever asks; nobody about their own.
[approve]
groups = ["S0PURCHASING"]
approvals = 2
"""
LEAD_THEN_FINANCE = """
# The lead of the team in whose channel it was asked, then finance above 200 a year.
[[rule]]
name = "Sales"
asked_in = ["C0SALES"]
[[rule.stage]]
name = "Sales lead"
people = ["U0SALESLEAD"]
[[rule.stage]]
name = "Finance"
groups = ["S0FINANCE"]
yearly_above = 200
[[rule]]
name = "Support"
asked_in = ["C0SUPPORT"]
[[rule.stage]]
name = "Support lead"
people = ["U0SUPPORTLEAD"]
[[rule.stage]]
name = "Finance"
groups = ["S0FINANCE"]
yearly_above = 200
"""
REGIONAL_DESKS = """
# Numbers of a region are decided by its desk; everything else by headquarters.
[[rule]]
name = "EMEA"
countries = ["DE", "GB", "FR"]
channels = ["C0EMEADESK"]
[[rule]]
name = "APAC"
countries = ["JP", "AU"]
channels = ["C0APACDESK"]
[approve]
groups = ["S0HEADQUARTERS"]
"""
COMPLIANCE_FOR_TEXTS = """
# Whatever texts people in the United States is seen by compliance first; toll-free numbers besides by marketing.
[[rule]]
name = "US texts, toll-free"
destinations = ["US"]
types = ["toll-free"]
[[rule.stage]]
name = "Compliance"
groups = ["S0COMPLIANCE"]
[[rule.stage]]
name = "Marketing"
groups = ["S0MARKETING"]
[[rule]]
name = "US texts"
destinations = ["US"]
[[rule.stage]]
name = "Compliance"
groups = ["S0COMPLIANCE"]
[approve]
groups = ["S0IT"]
"""
ON_CALL = """
# Two of the platform team; the engineer on call may act alone at night, also for themselves.
[approve]
groups = ["S0PLATFORM"]
approvals = 2
[emergency]
groups = ["S0ONCALL"]
own_request = true
[waiting]
remind_after = "30m"
remind_at_most = 4
pass_on_after = "4h"
pass_on_to = { groups = ["S0MANAGERS"] }
lapse_after = "3d"
[hours]
zone = "America/New_York"
days = "mon-fri"
hours = "8-18"
"""
BUDGET_CAPS = """
# A team's numbers may cost 40 a month; above that the head of department decides. The company spends 500, and no more.
[[rule]]
name = "Field team"
asked_by = { groups = ["S0FIELD"] }
people = ["U0FIELDLEAD"]
[rule.limits]
monthly = 40
over = { people = ["U0HEAD"] }
[approve]
groups = ["S0IT"]
[limits]
monthly = 500
per_person = 3
"""
SELF_SERVICE = """
# Engineers help themselves to cheap local numbers; what is dearer, or asked by others, goes to the platform team.
[[rule]]
name = "Engineers"
asked_by = { channels = ["C0ENGINEERS"] }
types = ["local"]
yearly_up_to = 60
people = ["U0LEAD"]
own_request = true
unasked_under = 30
[approve]
groups = ["S0PLATFORM"]
"""
VACATION = """
# One owner of the budget, and who stands in while they are away. Their board looks over their shoulder in silence.
[approve]
people = ["U0OWNER"]
quiet = ["U0BOARD"]
[[stand_in]]
away = "U0OWNER"
by = "U0DEPUTY"
first = 2026-12-21
last = 2027-01-06
"""
WHITELIST = """
# Only what was agreed with the carrier desk may be bought at all: mobile numbers in two countries, up to 300 a year.
[[rule]]
name = "Agreed"
countries = ["DE", "AT"]
types = ["mobile"]
yearly_up_to = 300
groups = ["S0CARRIERDESK"]
"""
STRICT_AUDIT = """
# Segregation of duties: requester, reviewer, budget owner and auditor are four different people, and an approval is good for a week.
[approve]
[[approve.stage]]
name = "Review"
groups = ["S0REVIEWERS"]
approvals = 2
[[approve.stage]]
name = "Budget"
groups = ["S0OWNERS"]
[[approve.stage]]
name = "Audit"
groups = ["S0AUDIT"]
[waiting]
approvals_last = "1w"
"""
ALL = {
    name: text
    for name, text in globals().items()
    if name.isupper() and isinstance(text, str) and text.lstrip().startswith("#")
}


def read(text: str) -> Policy:
    return parse(text.encode(), Path("policy.toml"))


def facts(**values: Any) -> Facts:
    given = {
        "requester_id": "U0RITA",
        "channel_id": "C0NUMBERS",
        "member_of": frozenset(),
        "country": "US",
        "number_type": "local",
        "capabilities": ("voice", "sms"),
        "destinations": (values.get("country", "US"),),
        "price": Decimal("1.15"),
        "currency": "USD",
    }
    return Facts(**{**given, **values})


def decided(text: str, spent: Figures | None = None, **values: Any) -> Case:
    return read(text).case(facts(**values), spent or Figures())


def asked(found: Case) -> list[str]:
    """Whom the request has to pass, in order; "nobody" where none has to."""
    if found.rule is None:
        return ["refused: no rule"]
    if found.refused is not None:
        return ["refused: limit"]
    names = [
        stage.name or ", ".join((*stage.people, *stage.groups, *stage.channels)) for stage in found.stages
    ]
    return names or ["nobody"]


@pytest.mark.parametrize("name", ALL)
def test_each_of_them_is_a_policy_without_a_complaint(name: str) -> None:
    assert len(ALL) >= 8 and read(ALL[name]).notices == ()


@pytest.mark.parametrize(
    ("text", "values", "whom"),
    [
        (SPEND_TIERS, {}, ["nobody"]),
        (SPEND_TIERS, {"price": Decimal(15)}, ["Budget owner"]),
        (SPEND_TIERS, {"price": Decimal(60)}, ["Budget owner", "Finance"]),
        (SPEND_TIERS, {"price": Decimal(300)}, ["Budget owner", "Finance", "CFO"]),
        (FOUR_EYES, {}, ["S0PURCHASING"]),
        (LEAD_THEN_FINANCE, {"channel_id": "C0SALES"}, ["Sales lead"]),
        (LEAD_THEN_FINANCE, {"channel_id": "C0SUPPORT", "price": Decimal(30)}, ["Support lead", "Finance"]),
        (LEAD_THEN_FINANCE, {"channel_id": ""}, ["refused: no rule"]),
        (REGIONAL_DESKS, {"country": "DE"}, ["C0EMEADESK"]),
        (REGIONAL_DESKS, {"country": "JP"}, ["C0APACDESK"]),
        (REGIONAL_DESKS, {"country": "BR"}, ["S0HEADQUARTERS"]),
        (COMPLIANCE_FOR_TEXTS, {"number_type": "toll-free"}, ["Compliance", "Marketing"]),
        (COMPLIANCE_FOR_TEXTS, {"country": "DE", "destinations": ("DE", "US")}, ["Compliance"]),
        (COMPLIANCE_FOR_TEXTS, {"destinations": ()}, ["S0IT"]),
        (BUDGET_CAPS, {"member_of": frozenset({"S0FIELD"})}, ["U0FIELDLEAD"]),
        (BUDGET_CAPS, {}, ["S0IT"]),
        (SELF_SERVICE, {"member_of": frozenset({"C0ENGINEERS"})}, ["nobody"]),
        (SELF_SERVICE, {"member_of": frozenset({"C0ENGINEERS"}), "price": Decimal(4)}, ["U0LEAD"]),
        (SELF_SERVICE, {"member_of": frozenset({"C0ENGINEERS"}), "number_type": "mobile"}, ["S0PLATFORM"]),
        (SELF_SERVICE, {}, ["S0PLATFORM"]),
        (WHITELIST, {"country": "DE", "number_type": "mobile"}, ["S0CARRIERDESK"]),
        (WHITELIST, {"country": "DE"}, ["refused: no rule"]),
        (WHITELIST, {"country": "AT", "number_type": "mobile", "price": Decimal(26)}, ["refused: no rule"]),
        (STRICT_AUDIT, {}, ["Review", "Budget", "Audit"]),
    ],
)
def test_a_request_goes_to_whom_the_company_says(text: str, values: dict[str, Any], whom: list[str]) -> None:
    assert asked(decided(text, **values)) == whom


def test_a_budget_that_is_used_up_goes_to_the_head_and_the_companys_is_the_end() -> None:
    field = {"member_of": frozenset({"S0FIELD"}), "price": Decimal(10)}
    used = {"Field team": Spent(Decimal("30.01"), 1)}
    assert asked(decided(BUDGET_CAPS, Figures(Spent(), {"Field team": Spent(Decimal(30), 1)}), **field)) == [
        "U0FIELDLEAD"
    ]
    assert asked(decided(BUDGET_CAPS, Figures(Spent(), used), **field)) == ["U0HEAD"]
    assert asked(decided(BUDGET_CAPS, Figures(Spent(Decimal(495)), used), **field)) == ["refused: limit"]
    assert asked(decided(BUDGET_CAPS, Figures(Spent(Decimal(0), 3)))) == ["refused: limit"]


def test_four_eyes_and_four_different_people() -> None:
    both = [Yes("U1", frozenset({0})), Yes("U2", frozenset({0}))]
    assert not progress(decided(FOUR_EYES), both[:1]).is_enough
    assert progress(decided(FOUR_EYES), both).is_enough
    audit = decided(STRICT_AUDIT)
    everywhere = [Yes(f"U{n}", frozenset({0, 1, 2})) for n in range(4)]
    assert not progress(audit, everywhere[:3]).is_enough, "who reviews does not sign the budget, too"
    assert progress(audit, everywhere).is_enough
