"""The policy: who may do what, what nobody could decide, and a file that is edited while the app runs."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from time_machine import Traveller

from bot.errors import (
    BarredFromHere,
    BotError,
    CannotCheck,
    MayNotAddBundle,
    MayNotApprove,
    MayNotAsk,
    MayNotRelease,
    NobodyCouldApprove,
    NotYours,
    OwnRequest,
    UnknownList,
)
from bot.purchases import policy as approval
from bot.purchases.policy import MAY, Facts, Policy, PolicyFile, Role, Verb, may
from bot.purchases.policy.rules import Figures, Stage
from bot.purchases.policy.shortage import lack
from bot.starting import SettingsError
from bot.texts import Texts
from storage.models import Approval, Purchase, now
from tests import rows
from tests.bot.conftest import Desk
from tests.house.tree import ROOT

RITA, RAVI, ADA, ALAN, CORA, OMAR, OTTO = (
    "U0REQUESTER",
    "U0REQUESTER2",
    "U0APPROVER",
    "U0APPROVER2",
    "U0COMPLIANCE",
    "U0OPERATOR",
    "U0OUTSIDER",
)
GROUP = "S0APPROVERS"
PURCHASE = rows.purchase(requester_id=RITA, owner_id=RAVI)


def policy(**parts: Any) -> Policy:
    return Policy.model_validate({"approve": {"groups": [GROUP]}, **parts})


async def may_now(rules: Policy, given: list[str], people: Any) -> list[str]:
    """Of these, who have approved, those whose approval may be counted."""
    case = rules.case(await rules.facts(PURCHASE, people), Figures())
    approvals = [Approval(person_id=each, approved_at=now()) for each in given]
    yes = [await rules.yes(case, each, PURCHASE, people) for each in approvals]
    return [each.person_id for each in yes if each.may_fill]


async def refusal(work: Any) -> type[BotError] | None:
    try:
        await work
    except BotError as error:
        return type(error)
    return None


# the table


def test_the_table_in_the_rules_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs/rules.md").read_text()
    header, *lines = re.findall(r"^ {4}(\| .+ \|)$", text[text.index("41. ") : text.index("42. ")], re.M)
    roles = [Role(each) for each in header.strip("| ").split(" | ")[1:]]
    shown = {}
    for line in lines:
        verb, *marks = (each.strip() for each in line.strip("|").split("|"))
        shown[Verb(verb)] = {role for role, mark in zip(roles, marks, strict=True) if mark == "x"}
    assert shown == {verb: set(allowed) for verb, allowed in MAY.items()}
    assert set(MAY) == set(Verb) and roles == list(Role)


def test_one_role_that_allows_it_is_enough() -> None:
    assert may(Verb.RETRY, {Role.OPERATOR, Role.OWNER})
    assert not may(Verb.APPROVE, {Role.REQUESTER, Role.OWNER, Role.BUNDLES, Role.OPERATOR})
    assert not any(may(verb, ()) for verb in Verb)


@pytest.mark.parametrize(
    ("verb", "people"),
    [
        (Verb.APPROVE, {ADA, ALAN}),
        (Verb.BUY_ANYWAY, {ADA, ALAN}),
        (Verb.RETRY, {RITA, RAVI, ADA, ALAN}),
        (Verb.WITHDRAW, {RITA, RAVI, ADA, ALAN}),
        (Verb.ADD_BUNDLE, {RITA, RAVI, ADA, ALAN, CORA}),
        (Verb.HAND_OVER, {RAVI, ADA, ALAN, OMAR}),
        (Verb.RELEASE, {ADA, ALAN}),
    ],
)
async def test_who_has_the_role_may_and_nobody_else(desk: Desk, verb: Verb, people: set[str]) -> None:
    rules = policy(bundles={"people": [CORA]}, operators={"channels": ["C0OPERATORS"]})
    found = {
        each
        for each in (RITA, RAVI, ADA, ALAN, CORA, OMAR, OTTO)
        if await refusal(rules.check(verb, each, PURCHASE, desk.people)) is None
    }
    assert found == people


async def test_without_a_bundles_section_whoever_may_ask_may_add_one_and_with_it_nobody_loses_their_own(
    desk: Desk,
) -> None:
    rules = policy(ask={"people": [CORA]})
    for person, kind in ((CORA, None), (RITA, None), (OTTO, MayNotAddBundle)):
        assert await refusal(rules.check(Verb.ADD_BUNDLE, person, PURCHASE, desk.people)) is kind
    rules = policy(bundles={"people": [OTTO]})
    for person, kind in ((CORA, MayNotAddBundle), (RITA, None), (ADA, None), (OTTO, None)):
        assert await refusal(rules.check(Verb.ADD_BUNDLE, person, PURCHASE, desk.people)) is kind


@pytest.mark.parametrize(
    ("verb", "person", "kind"),
    [
        (Verb.APPROVE, OTTO, MayNotApprove),
        (Verb.RETRY, OTTO, NotYours),
        (Verb.ADD_BUNDLE, OTTO, MayNotAddBundle),
        (Verb.RELEASE, RITA, MayNotRelease),
    ],
)
async def test_who_may_not_reads_why(desk: Desk, verb: Verb, person: str, kind: type[BotError]) -> None:
    rules = policy(bundles={"people": [CORA]})
    assert await refusal(rules.check(verb, person, PURCHASE, desk.people)) is kind


GB = {"name": "gb", "people": [ADA], "countries": ["GB"]}
US = {**GB, "countries": ["US"], "release": {"people": [OMAR]}}


@pytest.mark.parametrize(
    ("parts", "people"),
    [
        ({"release": {"people": [CORA, RITA]}}, {CORA}),
        ({"rule": [{**GB, "release": {"people": [OMAR]}}], "release": {"people": [CORA]}}, {OMAR}),
        ({"rule": [GB], "release": {"people": [CORA]}}, {CORA}),
        ({"rule": [GB]}, {ADA}),
        ({"rule": [US]}, {ADA, ALAN}),
        ({"rule": [US], "approve": None}, set()),
        ({"rule": [US], "approve": None, "release": {"people": [CORA]}}, {CORA}),
        ({"rule": [{**GB, "own_request": True, "release": {"people": [RITA]}}]}, {RITA}),
        ({"release": {"groups": [GROUP]}}, {ADA, ALAN}),
        ({"release": {"channels": ["C0OPERATORS"]}}, {OMAR}),
    ],
)
async def test_who_may_release_says_the_rule_then_the_default_then_who_may_approve(
    desk: Desk, parts: dict[str, Any], people: set[str]
) -> None:
    """Never who asked for it or answers for it, unless the rule has own_request."""
    rules = policy(operators={"people": [OMAR]}, **parts)
    refused = {}
    for each in (RITA, RAVI, ADA, ALAN, CORA, OMAR, OTTO):
        refused[each] = await refusal(rules.check(Verb.RELEASE, each, PURCHASE, desk.people))
    assert {each for each, kind in refused.items() if kind is None} == people
    assert {kind for each, kind in refused.items() if each not in people} == {MayNotRelease}


async def test_who_may_not_release_learns_who_may_and_the_operators_where_nobody_may(desk: Desk) -> None:
    for parts, asked in (
        ({"release": {"people": [RITA, CORA]}}, CORA),
        ({"rule": [US], "approve": None}, OMAR),
        ({"release": {"people": [RITA]}}, OMAR),
    ):
        rules = policy(operators={"people": [OMAR]}, **parts)
        with pytest.raises(MayNotRelease) as refused:
            await rules.check(Verb.RELEASE, RITA, PURCHASE, desk.people)
        assert refused.value.said["with"] == {"people": {"mention": [asked]}}


async def test_nobody_approves_what_they_asked_for_or_answer_for(desk: Desk) -> None:
    for mine in (rows.purchase(requester_id=ADA), rows.purchase(requester_id=RITA, owner_id=ADA)):
        assert await refusal(policy().check(Verb.APPROVE, ADA, mine, desk.people)) is OwnRequest
        assert await refusal(policy().check(Verb.RETRY, ADA, mine, desk.people)) is None
        rules = policy(approve={"groups": [GROUP], "own_request": True})
        assert await refusal(rules.check(Verb.APPROVE, ADA, mine, desk.people)) is None


async def test_who_is_involved_may_while_slack_is_silent_about_lists(desk: Desk) -> None:
    await desk.goes_silent("usergroups.users.list")
    assert await refusal(policy().check(Verb.RETRY, RITA, PURCHASE, desk.people)) is None
    assert await refusal(policy().check(Verb.RETRY, ADA, PURCHASE, desk.people)) is CannotCheck
    assert await desk.asked("usergroups.users.list") == 1


# who has approved, and may now


async def test_an_approval_counts_while_the_person_may_approve(desk: Desk, clock: Traveller) -> None:
    rules, given = policy(), [ALAN, RITA, ADA, OTTO]
    assert await may_now(rules, given, desk.people) == [ALAN, ADA]
    await desk.slack.post(f"usergroups/{GROUP}", users=[ADA])
    clock.shift(5.1 * 60)
    assert await may_now(rules, given, desk.people) == [ADA]
    await desk.slack.post(f"people/{ADA}", deleted=True)
    clock.shift(5.1 * 60)
    assert await may_now(rules, given, desk.people) == []


async def test_approvals_are_not_counted_by_an_old_list(desk: Desk, clock: Traveller) -> None:
    assert await may_now(policy(), [ADA], desk.people) == [ADA]
    await desk.goes_silent()
    clock.shift(5.1 * 60)
    with pytest.raises(CannotCheck):
        await may_now(policy(), [ADA], desk.people)


async def test_a_group_that_slack_does_not_know_lets_nobody_approve_and_says_so(desk: Desk) -> None:
    rules = policy(approve={"groups": ["S0NOBODY"]})
    assert await refusal(rules.check(Verb.APPROVE, ADA, PURCHASE, desk.people)) is UnknownList


# guests and other companies


async def test_a_guest_may_nothing_whatever_they_are_a_member_of(desk: Desk) -> None:
    await desk.slack.post(f"people/{ADA}", is_restricted=True)
    rules = policy(ask={"channels": ["C0NUMBERS"]}, bundles={"groups": [GROUP]})
    mine = rows.purchase(requester_id=ADA)
    assert await refusal(rules.check_ask(ADA, desk.people)) is BarredFromHere
    assert await refusal(policy().check_ask(ADA, desk.people)) is BarredFromHere, (
        "everybody may ask, but guests"
    )
    assert await refusal(rules.check_bundles(ADA, desk.people)) is BarredFromHere
    assert await refusal(rules.check(Verb.APPROVE, ADA, PURCHASE, desk.people)) is BarredFromHere
    assert await refusal(rules.check(Verb.RETRY, ADA, mine, desk.people)) is BarredFromHere


async def test_a_guest_whom_the_policy_names_may_what_it_names_them_for(desk: Desk) -> None:
    await desk.slack.post(f"people/{ADA}", is_restricted=True)
    rules = policy(ask={"people": [ADA], "channels": ["C0NUMBERS"]})
    assert await refusal(rules.check_ask(ADA, desk.people)) is None
    assert await refusal(rules.check(Verb.RETRY, ADA, rows.purchase(requester_id=ADA), desk.people)) is None
    assert await refusal(rules.check(Verb.APPROVE, ADA, PURCHASE, desk.people)) is MayNotApprove
    named = policy(approve={"people": [ADA]})
    assert await refusal(named.check(Verb.APPROVE, ADA, PURCHASE, desk.people)) is None


# asking, and bundles


async def may_give_papers(rules: Policy, people: Any) -> set[str]:
    return {
        each for each in (ADA, ALAN, RITA, OTTO) if await refusal(rules.check_bundles(each, people)) is None
    }


async def test_without_a_list_of_its_own_whoever_may_ask_or_approve_may_give_papers(desk: Desk) -> None:
    assert await may_give_papers(policy(), desk.people) == {ADA, ALAN, RITA, OTTO}
    assert await may_give_papers(policy(ask={"people": [RITA]}), desk.people) == {ADA, ALAN, RITA}
    nobody = policy(ask={"except": [OTTO, ADA]})
    assert await may_give_papers(nobody, desk.people) == {ADA, ALAN, RITA}


async def test_with_a_list_of_its_own_nobody_else_may_give_papers(desk: Desk) -> None:
    assert await may_give_papers(policy(bundles={"people": [OTTO]}), desk.people) == {OTTO}
    assert await may_give_papers(policy(bundles={"groups": [GROUP]}), desk.people) == {ADA, ALAN}
    lists = {"people": [OTTO], "groups": [GROUP], "channels": ["C0OPERATORS"]}
    assert await may_give_papers(policy(bundles=lists), desk.people) == {OTTO, ADA, ALAN}


async def test_nobody_gives_papers_whose_group_can_not_be_looked_up(desk: Desk) -> None:
    await desk.goes_silent()
    with pytest.raises(CannotCheck):
        await policy(bundles={"groups": [GROUP]}).check_bundles(OTTO, desk.people)


async def test_who_may_not_ask_is_told_so(desk: Desk) -> None:
    rules = policy(ask={"channels": ["C0NUMBERS"], "except": [OTTO]})
    assert await refusal(rules.check_ask(OTTO, desk.people)) is MayNotAsk
    assert await refusal(rules.check_ask(RITA, desk.people)) is None


def test_the_groups_and_channels_of_every_part_are_kept_up_to_date() -> None:
    """Each once, whatever the parts in which it is named."""
    whole = policy(
        ask={"groups": ["S2"], "channels": ["C2"]},
        approve={"groups": ["S1", "S2"], "channels": ["C1"]},
        bundles={"groups": ["S3", "S1"], "channels": ["C3", "C1"]},
        operators={"channels": ["C4"]},
    )
    assert (whole.groups, whole.channels) == (["S1", "S2", "S3"], ["C1", "C2", "C3", "C4"])


# what nobody could decide


@pytest.mark.parametrize(
    ("approvers", "needed", "own", "requester", "is_short"),
    [
        ({ADA}, 1, False, RITA, False),
        ({ADA}, 1, False, ADA, True),
        ({ADA}, 1, True, ADA, False),
        ({ADA, ALAN}, 2, False, RITA, False),
        ({ADA, ALAN}, 2, False, ADA, True),
        ({ADA, ALAN}, 3, True, RITA, True),
        (set(), 1, False, None, True),
        ({ADA}, 1, False, None, False),
    ],
)
def test_a_request_needs_enough_different_people_who_may_approve_it(
    approvers: set[str], needed: int, own: bool, requester: str | None, is_short: bool
) -> None:
    stage = Stage(people=sorted(approvers), approvals=needed)
    excluded = () if own or requester is None else (requester,)
    assert (lack([stage], [approvers], excluded) is not None) == is_short


async def test_who_could_never_be_approved_is_told_so_when_asking(desk: Desk) -> None:
    rules = policy(approve={"groups": [GROUP], "approvals": 2})
    await desk.people.refresh_members(rules.groups, rules.channels)
    with pytest.raises(NobodyCouldApprove, match=r"it needs \{needed\} approvals") as refused:
        await rules.check_ask(ADA, desk.people)
    assert refused.value.said["with"] == {"needed": 2, "count": 1}
    assert await refusal(rules.check_ask(RITA, desk.people)) is None
    assert await refusal(rules.check_bundles(ADA, desk.people)) is None


async def test_an_unknown_list_refuses_no_request(desk: Desk) -> None:
    assert await refusal(policy(approve={"groups": ["S0NOBODY"]}).check_ask(RITA, desk.people)) is None


async def said_to_operators(desk: Desk, rules: Policy) -> str:
    await desk.people.refresh_members(rules.groups, rules.channels)
    said = await rules.undecidable(desk.people)
    return Texts("en").said(said) if said else ""


async def test_operators_are_told_what_nobody_could_ever_approve(desk: Desk) -> None:
    assert await said_to_operators(desk, policy()) == ""
    three = policy(approve={"groups": [GROUP], "approvals": 3})
    assert "No request can be approved" in await said_to_operators(desk, three)
    two = policy(approve={"groups": [GROUP], "approvals": 2})
    assert f"What <@{ADA}>, <@{ALAN}> ask for can never" in await said_to_operators(desk, two)
    others = policy(ask={"people": [RITA]}, approve={"groups": [GROUP], "approvals": 2})
    assert await said_to_operators(desk, others) == "", "the approvers may not ask"


async def test_the_app_and_guests_in_a_channel_are_no_approvers(desk: Desk, clock: Traveller) -> None:
    await desk.slack.post("channels", id="C0FEW", members=[ADA, ALAN])
    rules = policy(approve={"channels": ["C0FEW"]})
    assert await said_to_operators(desk, rules) == ""
    await desk.slack.post(f"people/{ALAN}", is_restricted=True)
    clock.shift(5.1 * 60)
    assert f"What <@{ADA}> ask for" in await said_to_operators(desk, rules)
    assert await refusal(rules.check_ask(ADA, desk.people)) is NobodyCouldApprove


async def test_in_a_large_channel_only_as_many_are_looked_up_as_are_needed(desk: Desk) -> None:
    everybody = [desk.twin.workspace.add_person(f"U0P{n:04}", f"Person {n}")["id"] for n in range(300)]
    rules = policy(approve={"channels": ["C0NUMBERS"], "approvals": 2})
    assert everybody and await said_to_operators(desk, rules) == ""
    assert await desk.asked("users.info") <= 4


# the file

GOOD = f'[approve]\ngroups = ["{GROUP}"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "policy.toml"
    made.write_text(GOOD)
    return made


def saved(file: Path, content: str | None) -> None:
    """content: None where the file is gone."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


def in_force(file: Path) -> PolicyFile:
    return PolicyFile(file, approval.read(file), "C0OPERATORS")


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ("papers", "approvals = 2", "papers.approvals"),
        ("papers", 'people = "U1"', "papers.people"),
        ("bundles", 'people = "U1"', "bundles.people"),
        ("bundles", 'people = ["@rita"]', "bundles.people.0"),
        ("operators", 'groups = ["C1"]', "operators.groups.0"),
        ("ask", 'channels = ["#numbers"]', "ask.channels.0"),
        ("nonsense", "", "nonsense"),
    ],
)
def test_what_does_not_belong_in_a_section_is_named(file: Path, section: str, line: str, said: str) -> None:
    file.write_text(f'[approve]\npeople = ["U1"]\n[{section}]\n{line}\n')
    with pytest.raises(SettingsError, match=re.escape(said)):
        approval.read(file)


def test_the_old_name_of_the_bundles_section_goes_on_working_with_a_notice(file: Path) -> None:
    file.write_text(f'{GOOD}[papers]\npeople = ["U1"]\n')
    read = approval.read(file)
    assert read.bundles.people == ["U1"]
    assert ["[bundles]" in Texts("en").said(each) for each in read.notices] == [True]
    file.write_text(f'{GOOD}[bundles]\npeople = ["U1"]\n')
    assert approval.read(file).bundles.people == ["U1"] and approval.read(file).notices == ()


def test_both_names_of_the_section_at_once_are_refused(file: Path) -> None:
    file.write_text(f'{GOOD}[papers]\npeople = ["U1"]\n[bundles]\npeople = ["U2"]\n')
    with pytest.raises(SettingsError, match="papers"):
        approval.read(file)


def test_a_byte_order_mark_is_no_content_and_another_encoding_is_named(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert approval.read(file).rules[-1].groups == [GROUP]
    file.write_bytes("# Einkäufer\n".encode("latin-1") + GOOD.encode())
    with pytest.raises(SettingsError, match="is not UTF-8"):
        approval.read(file)


def test_the_version_tells_contents_apart_and_nothing_else(file: Path, tmp_path: Path) -> None:
    one = approval.read(file).version
    copy = tmp_path / "copy.toml"
    copy.write_text(GOOD)
    assert len(one) == 12 and approval.read(copy).version == one
    copy.write_text(GOOD + "approvals = 2\n")
    assert approval.read(copy).version != one


async def test_an_edit_takes_effect_once_it_has_been_seen_twice(file: Path) -> None:
    policy_file = in_force(file)
    assert await policy_file.check() is None
    saved(file, GOOD + "approvals = 2\n")
    assert await policy_file.check() is None, "it may be half of what is being saved"
    edit = await policy_file.check()
    assert edit is not None and edit.policy is policy_file.policy
    assert policy_file.policy.rules[-1].approvals == 2
    assert policy_file.policy.version == approval.read(file).version
    assert await policy_file.check() is None


async def test_without_a_section_of_their_own_operators_are_the_members_of_their_channel(file: Path) -> None:
    policy_file = in_force(file)
    assert policy_file.policy.operators.channels == ["C0OPERATORS"]
    saved(file, f'{GOOD}[operators]\npeople = ["U1"]\n')
    await policy_file.check()
    await policy_file.check()
    assert (policy_file.policy.operators.people, policy_file.policy.operators.channels) == (["U1"], [])


@pytest.mark.parametrize("broken", ["[approve", "[approve]\n", '[approve]\npeople = "U1"\n', None])
async def test_a_broken_edit_leaves_the_policy_in_force_and_is_complained_of_once(
    file: Path, broken: str | None
) -> None:
    policy_file = in_force(file)
    before = policy_file.policy
    saved(file, broken)
    edits = [await policy_file.check() for _ in range(5)]
    (edit,) = [each for each in edits if each is not None]
    assert edit.policy is None and edit.problem is not None and policy_file.policy is before
    assert "stays in force. POLICY_FILE: " in Texts("en").said(edit.problem)
    saved(file, "[still broken")
    assert [bool(await policy_file.check()) for _ in range(3)] == [False, True, False], "another complaint"
    saved(file, GOOD)
    edits = [await policy_file.check() for _ in range(3)]
    assert [each is not None for each in edits] == [False, True, False] and policy_file.problem is None
    assert policy_file.policy is before


async def test_a_file_that_is_missing_only_while_it_is_replaced_is_no_trouble(file: Path) -> None:
    policy_file = in_force(file)
    saved(file, None)
    assert await policy_file.check() is None
    saved(file, GOOD)
    assert [await policy_file.check() for _ in range(3)] == [None] * 3 and policy_file.problem is None


# rules, stages, and who stands in for whom


def tiers(**parts: Any) -> Policy:
    """The lead, then finance above 100 a year."""
    stages = [
        {"name": "lead", "people": [ADA]},
        {"name": "finance", "people": [ALAN], "yearly_above": 100},
    ]
    rule = {"name": "tiers", "countries": ["GB"], "stage": stages}
    return Policy.model_validate({"rule": [rule], "approve": {"people": [OMAR]}, **parts})


DEAR = rows.purchase(requester_id=RITA, owner_id=RAVI, price=Decimal(10), ceiling=Decimal(10))
ELSEWHERE = rows.purchase(requester_id=RITA, owner_id=RAVI, country="DE")


async def those_who_may(rules: Policy, verb: Verb, purchase: Purchase, people: Any) -> set[str]:
    return {
        each
        for each in (RITA, RAVI, ADA, ALAN, CORA, OMAR, OTTO)
        if await refusal(rules.check(verb, each, purchase, people)) is None
    }


async def test_whom_the_rule_names_for_a_request_of_this_cost_may_decide_about_it(desk: Desk) -> None:
    for purchase, people in ((PURCHASE, {ADA}), (DEAR, {ADA, ALAN}), (ELSEWHERE, {OMAR})):
        assert await those_who_may(tiers(), Verb.DENY, purchase, desk.people) == people
    over = tiers(limits={"monthly": 1, "over": {"people": [CORA]}})
    assert await those_who_may(over, Verb.DENY, PURCHASE, desk.people) == {ADA, CORA}


async def test_where_no_rule_is_left_nobody_decides_and_who_asked_can_still_withdraw(desk: Desk) -> None:
    rules = Policy.model_validate({"rule": [{"name": "de", "countries": ["DE"], "people": [ADA]}]})
    assert await those_who_may(rules, Verb.APPROVE, PURCHASE, desk.people) == set()
    assert await those_who_may(rules, Verb.WITHDRAW, PURCHASE, desk.people) == {RITA, RAVI}


async def test_who_asks_decides_which_rule_applies(desk: Desk) -> None:
    rule = {"name": "approvers ask", "asked_by": {"groups": [GROUP]}, "people": [CORA]}
    rules = Policy.model_validate({"rule": [rule], "approve": {"people": [OMAR]}})
    assert await those_who_may(rules, Verb.DENY, rows.purchase(requester_id=ADA), desk.people) == {CORA}
    assert await those_who_may(rules, Verb.DENY, PURCHASE, desk.people) == {OMAR}
    await desk.goes_silent()
    assert rules.known_member_of(ADA, desk.people) == {GROUP}


def test_whose_groups_are_not_known_yet_is_ruled_out_by_nothing(desk: Desk) -> None:
    rule = {"name": "approvers ask", "asked_by": {"groups": [GROUP]}, "people": [CORA]}
    rules = Policy.model_validate({"rule": [rule]})
    facts = Facts(ADA, "", rules.known_member_of(ADA, desk.people))
    assert facts.member_of is None and rules.lack(facts, desk.people) is None


async def test_a_number_that_no_rule_covers_is_refused_as_soon_as_that_is_known(desk: Desk) -> None:
    rules = Policy.model_validate({"rule": [{"name": "de", "countries": ["DE"], "people": [ADA]}]})
    so_far = Facts(RITA, "C0NUMBERS", frozenset())
    assert await refusal(rules.check_ask(RITA, desk.people, so_far)) is None
    other = replace(so_far, country="US")
    assert await refusal(rules.check_ask(RITA, desk.people, other)) is NobodyCouldApprove
    own = replace(so_far, requester_id=ADA, country="DE")
    assert await refusal(rules.check_ask(ADA, desk.people, own)) is NobodyCouldApprove


async def test_who_stands_in_may_during_those_days_and_what_they_approved_then_goes_on_counting(
    desk: Desk,
) -> None:
    day = now().date()
    rules = tiers(stand_in=[{"away": ADA, "by": CORA, "first": day, "last": day}])
    assert await those_who_may(rules, Verb.APPROVE, PURCHASE, desk.people) == {ADA, CORA}
    case = rules.case(await rules.facts(PURCHASE, desk.people), Figures())
    for days, places in ((0, {0}), (1, set()), (-1, set())):
        at = now() + timedelta(days=days)
        assert await rules.may_fill(case, CORA, PURCHASE, desk.people, at) == places, (
            "as of when it was approved"
        )
    assert rules.calls(case.stages[:1], (), desk.people) == ([CORA], []), "who is away is not called"


async def test_nobody_decides_for_somebody_about_what_is_that_persons_own(desk: Desk) -> None:
    day = now().date()
    rules = tiers(stand_in=[{"away": ADA, "by": CORA, "first": day, "last": day}])
    hers = rows.purchase(requester_id=ADA)
    assert await those_who_may(rules, Verb.APPROVE, hers, desk.people) == set()
    mine = rows.purchase(requester_id=CORA)
    assert await those_who_may(rules, Verb.APPROVE, mine, desk.people) == {ADA}


async def test_the_quiet_may_decide_and_are_never_called(desk: Desk) -> None:
    rules = policy(approve={"people": [ADA], "quiet": [ALAN], "channels": ["C0FEW"]})
    await desk.slack.post("channels", id="C0FEW", members=[ALAN, CORA])
    await desk.people.refresh_members(rules.groups, rules.channels)
    assert await those_who_may(rules, Verb.APPROVE, PURCHASE, desk.people) == {ADA, ALAN, CORA}
    mentioned, told = rules.calls(rules.rules[-1].stages, (), desk.people)
    assert mentioned == [ADA] and CORA in told and ALAN not in told


async def test_what_was_passed_on_may_be_decided_by_others_too_up_to_that_stage(desk: Desk) -> None:
    rules = tiers(waiting={"pass_on_after": "2d", "pass_on_to": {"people": [OTTO]}})
    case = rules.case(await rules.facts(DEAR, desk.people), Figures())
    for passed_on, places in ((0, set()), (1, {0}), (2, {0, 1})):
        purchase = rows.purchase(requester_id=RITA, price=Decimal(10), passed_on_stage=passed_on)
        assert await rules.may_fill(case, OTTO, purchase, desk.people, now()) == places


async def test_only_whom_the_emergency_names_may_approve_alone_and_not_their_own(desk: Desk) -> None:
    rules = tiers(emergency={"people": [OTTO, RITA]})
    assert await those_who_may(rules, Verb.APPROVE_ALONE, PURCHASE, desk.people) == {OTTO}
    assert await refusal(rules.check(Verb.APPROVE_ALONE, RITA, PURCHASE, desk.people)) is OwnRequest
    assert await refusal(rules.check(Verb.APPROVE_ALONE, ADA, PURCHASE, desk.people)) is MayNotApprove
    own = tiers(emergency={"people": [RITA], "own_request": True})
    assert await those_who_may(own, Verb.APPROVE_ALONE, PURCHASE, desk.people) == {RITA}
    assert await those_who_may(tiers(), Verb.APPROVE_ALONE, PURCHASE, desk.people) == set()


async def test_a_stage_that_nobody_could_fill_is_told_with_its_rule(desk: Desk) -> None:
    same = [{"name": "first", "people": [ADA]}, {"name": "second", "people": [ADA]}]
    rules = Policy.model_validate({"rule": [{"name": "twice", "countries": ["GB"], "stage": same}]})
    assert "“twice” can be approved: in its stage second" in await said_to_operators(desk, rules)
    two = [{"people": [ADA]}, {"people": [ADA, ALAN]}]
    rules = Policy.model_validate({"rule": [{"name": "two", "stage": two}]})
    assert f"What <@{ADA}>, <@{ALAN}> ask for under the rule “two”" in await said_to_operators(desk, rules)
