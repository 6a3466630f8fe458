"""Deciding by rules, as properties: which rule applies, whose approval counts where, what counts against a limit, what is due when."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from slack_sdk.web.async_client import AsyncWebClient

from bot.purchases.policy import Policy
from bot.purchases.policy.counting import Yes, progress, seats
from bot.purchases.policy.limits import Deciders, Limits, Spent, broken
from bot.purchases.policy.rules import Case, Facts, Figures, Rule, Stage, candidates, case_of, first_match
from bot.purchases.policy.waiting import Act, Hours, Waited, Waiting, next_act
from bot.purchases.standing import figures
from bot.slack.people import Forgetful, People
from storage.commitments import Commitment
from tests import rows

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""A Monday."""
BERLIN = ZoneInfo("Europe/Berlin")
COUNTRIES, TYPES, CAN = ("US", "DE", "JP"), ("local", "mobile", "toll-free"), ("voice", "sms", "mms")
PLACES, GROUPS = ("C0NUMBERS", "C0ELSEWHERE"), ("S0ONE", "S0TWO")
PEOPLE = [f"U{n}" for n in range(6)]


def some(values: Sequence[str]) -> Any:
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


@st.composite
def rules(draw: Any) -> list[Rule]:
    made = []
    for nth in range(draw(st.integers(1, 4))):
        low = draw(st.none() | st.integers(0, 300))
        high = draw(st.none() | st.integers(301, 600))
        asked_by = draw(some(GROUPS))
        made.append(
            Rule(
                name=f"rule {nth}",
                people=["U1"],
                countries=draw(some(COUNTRIES)),
                types=draw(some(TYPES)),
                capabilities=draw(some(CAN)),
                destinations=draw(some(COUNTRIES)),
                asked_in=draw(some(PLACES)),
                asked_by=None if asked_by is None else {"groups": asked_by},
                yearly_above=low,
                yearly_up_to=high,
            )
        )
    return made


whole = st.builds(
    Facts,
    st.sampled_from(PEOPLE),
    st.sampled_from([*PLACES, ""]),
    st.frozensets(st.sampled_from(GROUPS)),
    st.sampled_from(COUNTRIES),
    st.sampled_from(TYPES),
    st.lists(st.sampled_from(CAN), unique=True).map(tuple),
    st.lists(st.sampled_from(COUNTRIES), unique=True).map(tuple),
    st.decimals(0, 60, places=2),
    st.just("USD"),
)
UNKNOWN = ("channel_id", "member_of", "country", "number_type", "capabilities", "destinations", "price")


# which rule


@given(rules(), whole)
def test_the_first_rule_that_matches_wins_and_no_later_one_matters(made: list[Rule], facts: Facts) -> None:
    verdicts = [rule.matches(facts) for rule in made]
    assert None not in verdicts, "everything is known"
    first = verdicts.index(True) if True in verdicts else None
    assert first_match(made, facts) is (None if first is None else made[first])
    if first is not None:
        assert first_match(made[: first + 1], facts) is made[first]


@given(rules(), whole, st.sets(st.sampled_from(UNKNOWN)))
def test_what_is_not_known_yet_rules_out_nothing_that_may_still_come(
    made: list[Rule], facts: Facts, unknown: set[str]
) -> None:
    """So nobody reads too early that no rule is for them."""
    so_far = candidates(made, replace(facts, **dict.fromkeys(unknown)))
    applies = first_match(made, facts)
    assert applies is None or any(each is applies for each in so_far)
    if not so_far:
        assert applies is None


@pytest.mark.parametrize(
    ("yearly", "stages", "unasked"),
    [
        ("9.99", [], True),
        ("10.00", ["lead"], False),
        ("200.00", ["lead"], False),
        ("200.01", ["lead", "money"], False),
    ],
)
def test_the_borders_of_amounts(yearly: str, stages: list[str], unasked: bool) -> None:
    """Under 10 unasked, finance above 200: the very amount is neither under nor above."""
    lead, money = Stage(name="lead", people=["U1"]), Stage(name="money", people=["U2"], yearly_above=200)
    rule = Rule(name="tiers", stage=[lead, money], unasked_under=10)
    facts = Facts("U0", "", frozenset(), "US", "local", (), (), Decimal(yearly) / 12, "USD")
    case = case_of([rule], Limits(), facts, Figures())
    assert [each.name for each in case.stages] == stages
    assert progress(case, []).is_enough == unasked


def test_without_a_rule_nothing_is_enough() -> None:
    facts = Facts("U0", "", frozenset(), "US", "local", (), (), Decimal(1), "USD")
    case = case_of([Rule(name="other", people=["U1"], countries=["DE"])], Limits(), facts, Figures())
    assert case.rule is None and not progress(case, [Yes("U1", frozenset(), is_emergency=True)]).is_enough


# whose approval counts where

approvals = st.lists(
    st.builds(Yes, st.sampled_from(PEOPLE), st.frozensets(st.integers(0, 2))),
    unique_by=lambda each: each.person_id,
    max_size=len(PEOPLE),
)
needs = st.lists(st.integers(1, 2), min_size=1, max_size=3)


def case(needed: Sequence[int]) -> Case:
    stages = tuple(Stage(people=PEOPLE, approvals=each) for each in needed)
    return Case(Rule(name="r", stage=list(stages)), stages)


@given(needs, approvals)
def test_nobody_counts_twice_nor_where_they_may_not_nor_more_than_are_needed(
    needed: list[int], given: list[Yes]
) -> None:
    filled = seats(needed, given)
    everybody = [each for stage in filled for each in stage]
    assert len(everybody) == len(set(everybody))
    may = {each.person_id: each.may_fill for each in given}
    assert all(place in may[each] for place, stage in enumerate(filled) for each in stage)
    assert all(len(stage) <= needed[place] for place, stage in enumerate(filled))


@given(needs, approvals)
def test_as_many_count_in_the_first_stage_as_can_then_in_the_second(
    needed: list[int], given: list[Yes]
) -> None:
    """Against every way to seat them."""
    best: tuple[int, ...] = max(
        tuple(min(sum(seat == place for seat in way), needed[place]) for place in range(len(needed)))
        for way in itertools.product(*([None, *sorted(each.may_fill)] for each in given))
    )
    assert tuple(map(len, seats(needed, given))) == best


@given(needs, approvals)
def test_a_stage_counts_only_once_the_one_before_it_is_complete(needed: list[int], given: list[Yes]) -> None:
    counted = progress(case(needed), given)
    place = counted.place
    assert counted.is_enough == (place is None)
    if place is not None:
        assert all(len(counted.given[each]) == needed[each] for each in range(place))
        assert 0 < counted.missing == needed[place] - len(counted.given[place])
        later = {each for stage in counted.given[place + 1 :] for each in stage}
        assert later.isdisjoint(counted.counting)


@given(needs, approvals, st.builds(Yes, st.just("U9"), st.frozensets(st.integers(0, 2))))
def test_one_more_approval_never_takes_it_back(needed: list[int], given: list[Yes], more: Yes) -> None:
    def how_far(all_of_them: list[Yes]) -> int:
        place = progress(case(needed), all_of_them).place
        return len(needed) if place is None else place

    assert how_far([*given, more]) >= how_far(given)


@given(needs, approvals, st.integers(0, 2))
def test_to_ask_for_more_never_approves_and_to_ask_for_fewer_never_takes_back(
    needed: list[int], given: list[Yes], where: int
) -> None:
    more = [each + (place == where) for place, each in enumerate(needed)]
    if progress(case(more), given).is_enough:
        assert progress(case(needed), given).is_enough


@given(needs, approvals)
def test_an_emergency_stands_for_every_stage_but_not_for_a_limit_that_refuses(
    needed: list[int], given: list[Yes]
) -> None:
    usual, alone = case(needed), Yes("U9", frozenset(), is_emergency=True)
    counted = progress(usual, [*given, alone])
    assert counted.is_enough and counted.counting == ["U9"]
    over = tuple(broken(Limits(monthly=1), Spent(), Decimal(2), "USD"))
    assert not progress(replace(usual, over=over), [*given, alone]).is_enough


# limits


@given(st.decimals(0, 100, places=2), st.decimals(0, 100, places=2), st.integers(0, 5))
def test_a_limit_is_broken_by_what_goes_over_it_and_asks_the_named_people_instead(
    spent: Decimal, price: Decimal, numbers: int
) -> None:
    facts = Facts("U0", "", frozenset(), "US", "local", (), (), price, "USD")
    rule = Rule(name="r", people=["U1"])
    limits = Limits(monthly=100, per_person=3, over=Deciders(people=["U2"]))
    found = case_of([rule], limits, facts, Figures(Spent(spent, numbers)))
    broken_ones = (spent + price > 100) + (numbers >= 3)
    assert len(found.over) == broken_ones and found.refused is None
    assert [each.people for each in found.stages] == ([["U2"]] if broken_ones else [["U1"]])
    refusing = limits.model_copy(update={"over": None})
    found = case_of([rule], refusing, facts, Figures(Spent(spent, numbers)))
    assert (found.refused is not None) == bool(broken_ones)


def commitment(purchase: Any, **values: Any) -> Commitment:
    given = {
        "purchase_id": purchase.id,
        "requester_id": purchase.requester_id,
        "rule": "r",
        "price": purchase.quote.price,
        "currency": "USD",
        "created_at": purchase.created_at,
        "decided_at": purchase.decided_at,
        "is_approved": purchase.decided_at is not None,
        **values,
    }
    return Commitment(**given)


minutes = st.integers(0, 3)


@given(st.lists(st.tuples(minutes, st.none() | minutes), min_size=2, max_size=4))
def test_of_two_requests_one_counts_against_the_other_and_never_both(
    times: list[tuple[int, int | None]],
) -> None:
    """Else each would keep the other out for ever."""
    made = [
        rows.purchase(
            created_at=NOON + timedelta(minutes=created),
            decided_at=None if decided is None else NOON + timedelta(minutes=decided),
        )
        for created, decided in times
    ]
    month = Hours().month_of
    for one, two in itertools.combinations(made, 2):
        pair = [commitment(one), commitment(two)]
        of_one, of_two = (figures(pair, each, month).all for each in (one, two))
        assert of_one.numbers + of_two.numbers == 1
        counted = [of_one.monthly, of_two.monthly]
        if one.decided_at and two.decided_at:
            assert sorted(counted) == [0, one.quote.price]
        if not (one.decided_at or two.decided_at):
            assert counted == [0, 0], "what is not approved yet costs nothing"


def test_a_month_begins_where_the_team_is() -> None:
    tokyo = Hours(zone="Asia/Tokyo")
    moment = datetime(2026, 10, 31, 16, tzinfo=UTC)  # the first of November there
    assert tokyo.month_of(moment) == datetime(2026, 10, 31, 15, tzinfo=UTC)
    earlier = rows.purchase(created_at=moment - timedelta(hours=2))
    later = rows.purchase(created_at=moment)
    assert figures([commitment(earlier)], later, tokyo.month_of).all.numbers == 0
    assert figures([commitment(earlier)], later, Hours().month_of).all.numbers == 1


# time

spans = st.integers(1, 96).map(lambda hours: f"{hours}h")


@given(st.integers(0, 2 * 365 * 24 * 3600))
@example(12254341)  # 08:59:01 of a day on which work begins at nine
def test_a_reminder_waits_for_working_hours_and_no_longer(seconds: int) -> None:
    at = NOON + timedelta(seconds=seconds)
    hours = Hours(zone="Europe/Berlin", days="mon-fri", hours="9-17")
    found = hours.first_from(at)
    there = found.astimezone(BERLIN)
    assert found >= at and there.weekday() < 5 and 9 <= there.hour < 18
    assert found - at < timedelta(days=3), "a weekend at the most"
    here = at.astimezone(BERLIN)
    if here.weekday() < 5 and 9 <= here.hour < 17:
        assert found - at < timedelta(minutes=1), "it is one"


@given(spans, st.integers(1, 4), st.booleans())
def test_reminders_double_end_and_the_request_lapses_in_time(after: str, most: int, passes_on: bool) -> None:
    """The whole life of one that nobody looks at."""
    passed = {"pass_on_after": "5d", "pass_on_to": {"people": ["U1"]}} if passes_on else {}
    waiting = Waiting(remind_after=after, remind_at_most=most, lapse_after="14d", **passed)
    waited, acts = Waited(NOON), []
    while not acts or acts[-1][1] is not Act.LAPSE:
        moment, act = next_act(waiting, Hours(), waited)
        assert len(acts) < 10 and (not acts or moment >= acts[-1][0]), "time goes forward, and it ends"
        acts.append((moment, act))
        if act is Act.REMIND:
            waited = replace(waited, reminders=waited.reminders + 1, reminded_at=moment)
        elif act is Act.PASS_ON:
            waited = replace(waited, passed_on=True)
    assert acts[-1][0] == NOON + timedelta(days=14)
    reminded = [NOON, *(moment for moment, act in acts if act is Act.REMIND)]
    pauses = [later - before for before, later in itertools.pairwise(reminded)]
    assert len(pauses) <= most and waiting.remind_after is not None
    assert pauses == [waiting.remind_after * 2**nth for nth in range(len(pauses))]
    assert [act for _, act in acts].count(Act.PASS_ON) == passes_on


@pytest.mark.parametrize(
    "wrong",
    [
        {"remind_after": "2 hours"},
        {"remind_after": "0h"},
        {"remind_after": "15d"},
        {"pass_on_after": "1d"},
        {"pass_on_to": {"people": ["U1"]}},
        {"remind_at_most": 0},
    ],
)
def test_times_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Waiting(**wrong)


# one's own


@given(
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda two: two[0] != two[1])
    ),
    st.booleans(),
)
def test_nobody_approves_their_own_nor_for_somebody_what_is_theirs(
    who: str, requester: str, owner: str, stand_ins: list[tuple[str, str]], own: bool
) -> None:
    """Whoever stands in for whom; unless the rule says that one may."""
    day = NOON.date()
    policy = Policy.model_validate(
        {
            "approve": {"people": PEOPLE[:3], "own_request": own},
            "stand_in": [{"away": away, "by": by, "first": day, "last": day} for away, by in stand_ins],
        }
    )
    purchase = rows.purchase(requester_id=requester, owner_id=owner)
    nobody_else = People(Forgetful(), AsyncWebClient(), "T0").as_known

    async def may() -> bool:
        made = policy.case(await policy.facts(purchase, nobody_else), Figures())
        return bool(await policy.may_fill(made, who, purchase, nobody_else, NOON))

    theirs = {requester, owner}
    named = {who, *(away for away, by in stand_ins if by == who)} & {*PEOPLE[:3]}
    if not own:
        named = set() if who in theirs else named - theirs
    assert asyncio.run(may()) == bool(named)
