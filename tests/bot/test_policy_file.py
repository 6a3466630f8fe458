"""What is wrong in a policy file is told all at once, each with its line and a reason that says what to write instead."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.purchases.policy import Policy, parse
from bot.purchases.policy.places import Places
from bot.starting import SettingsError
from bot.texts import Texts

WRONG = """# Everything in it is wrong.
[ask]
channels = ["#numbers"]

[[rule]]
name = "toll-free"
types = ["tollfree"]
countries = [
  "US",
  "Germany",
]
people = ["U1"]

[[rule]]
name = "toll-free"
yearly_above = "200 USD"
[[rule.stage]]
name = "Lead"
people = ["@rita"]
[[rule.stage]]
name = "Finance"
group = ["S1"]

[rule.limits]
monthly = -5

[approve]
people = ["U012ABCDEF"]
approvals = 0

[waiting]
remind_after = "2 hours"

[hours]
zone = "Middle/Earth"

[[stand_in]]
away = "U1"
by = "U2"
first = 2026-12-24
"""
COMPLAINTS = [
    (3, "ask.channels.0", 'has to be a channel\'s id such as C012ABCDEF, not "#numbers"'),
    (7, 'rule "toll-free".types.0', "has to be local, mobile, toll-free or national"),
    (10, 'rule "toll-free".countries.1', 'two letters, such as US or DE, not "Germany"'),
    (15, 'rule "toll-free".name', "another rule has that name"),
    (16, 'rule "toll-free".yearly_above', "has to be an amount of money"),
    (19, 'rule "toll-free".stage "Lead".people.0', 'a member ID such as U012ABCDEF, not "@rita"'),
    (22, 'rule "toll-free".stage "Finance".group', "does not belong there"),
    (25, 'rule "toll-free".limits.monthly', "has to be an amount of money"),
    (28, "approve.people", "stands in the example and is nobody's"),
    (29, "approve.approvals", "has to be a whole number from 1 on, not 0"),
    (32, "waiting.remind_after", 'has to be a time such as "30m"'),
    (35, "hours.zone", "has to be a time zone such as Europe/Berlin"),
    (37, "stand_in 1.last", "is missing"),
]


def read(text: str) -> Policy:
    return parse(text.encode(), Path("policy.toml"))


def complaints(text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(text)
    return [each.sentence for each in raised.value.problems]


def test_every_mistake_is_told_at_once_with_its_line_and_what_to_write() -> None:
    found = complaints(WRONG)
    told = [re.fullmatch(r"policy\.toml, line (\d+): (.+?): (.+)", each) for each in found]
    assert all(told), found
    lines = {(int(each[1]), each[2]): each[3] for each in told if each}
    for line, place, reason in COMPLAINTS:
        assert reason in lines.get((line, place), ""), (line, place, found)
    assert len(found) == len(COMPLAINTS), found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "approve: is missing"),
        ("[approve]\n", "line 1: approve: it names nobody who may approve"),
        ('[[rule]]\nname = "a"\n', 'line 1: rule "a": it names nobody who may approve'),
        ('[[rule]]\npeople = ["U1"]\n', "rule 1.name: is missing"),
        ('[[rule]]\nname = "approve"\npeople = ["U1"]\n', "is what the section [approve] is called"),
        ('[rule]\nname = "a"\npeople = ["U1"]\n', "rule: has to be written as [[rule]]"),
        ('approve = "U1"\n', "approve: has to be a section, [approve]"),
        (
            '[approve]\npeople = ["U1"]\n[[approve.stage]]\npeople = ["U2"]\n',
            "it names people itself and has stages",
        ),
        (
            '[[rule]]\nname = "a"\n[[rule.stage]]\npeople = ["U1"]\nyearly_above = 200\n',
            "nobody would be asked below",
        ),
        (
            '[[rule]]\nname = "a"\npeople = ["U1"]\nyearly_above = 9\nyearly_up_to = 9\n',
            "has to be more than",
        ),
        ('[[rule]]\nname = "a"\npeople = ["U1"]\nasked_by = {}\n', "asked_by names nobody"),
        ('[[rule]]\nname = "a"\npeople = ["U1"]\nrelease = {}\n', "its release names nobody"),
        ('[approve]\npeople = ["U1"]\nrelease = ["U1"]\n', "line 3: approve.release: has to be a section"),
        ('release = "U1"\n[approve]\npeople = ["U1"]\n', "line 1: release: has to be a section, [release]"),
        (
            '[approve]\npeople = ["U1"]\n[release]\napprovals = 2\n',
            "line 4: release.approvals: does not belong",
        ),
        ('[approve]\npeople = ["U1"]\n[hours]\ndays = "Monday"\n', "line 3: hours: days and hours"),
        ('[approve]\npeople = ["U1"]\n[waiting]\npass_on_after = "2d"\n', "belong together"),
        ('[approve]\npeople = ["U1"]\n[waiting]\nlapse_after = "1h"\nremind_after = "2h"\n', "shorter than"),
        (
            '[approve]\npeople = ["U1"]\n[[stand_in]]\naway = "U1"\nby = "U2"\nfirst = 2026-12-24\nlast = 2026-12-01\n',
            "line 3: stand_in 1: last lies before first",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    (found,) = complaints(text)
    assert reason in found


def test_stages_that_all_need_an_amount_are_right_where_less_is_unasked() -> None:
    text = (
        '[[rule]]\nname = "a"\nunasked_under = 200.01\n[[rule.stage]]\npeople = ["U1"]\nyearly_above = 200\n'
    )
    (rule,) = read(text).rules
    assert rule.unasked_under is not None and rule.takes_all


def test_a_rule_that_is_never_reached_is_told_and_can_be_used() -> None:
    text = '[[rule]]\nname = "all"\npeople = ["U1"]\n[[rule]]\nname = "late"\npeople = ["U2"]\n[approve]\npeople = ["U3"]\n'
    told = [Texts("en").said(each) for each in read(text).notices]
    assert len(told) == 2 and "“late” is never reached: “all”" in told[0] and "[approve]" in told[1]


def test_the_short_form_is_the_last_rule() -> None:
    made = read(
        '[[rule]]\nname = "a"\ncountries = ["DE"]\npeople = ["U1"]\n[approve]\npeople = ["U2"]\napprovals = 2\n'
    )
    assert [(each.name, each.is_named, each.stages[0].approvals) for each in made.rules] == [
        ("a", True, 1),
        ("approve", False, 2),
    ]


def test_a_file_from_before_there_were_rules_means_what_it_meant() -> None:
    """Nobody is reminded, nothing goes unasked, nothing is limited; only what nobody answers lapses after two weeks."""
    made = read('[approve]\npeople = ["U1"]\napprovals = 1\nown_request = false\n')
    (rule,) = made.rules
    assert (rule.takes_all, rule.unasked_under, made.has_limits) == (True, None, False)
    assert made.emergency.is_empty and not made.stand_in
    waiting = made.waiting
    assert (waiting.lapse_after, waiting.remind_after, waiting.pass_on_after, waiting.approvals_last) == (
        timedelta(days=14),
        None,
        None,
        None,
    )


def test_lines_are_found_whatever_stands_in_a_long_text() -> None:
    text = "a = '''\n[b]\nc = 1\n'''\n[b]\nc = 2\n[[d]]\ne = 1\n[[d]]\n'f' = { g = 1 }\nh.i = 3\n"
    places = Places(text)
    found = [
        places.line(each)
        for each in (("b", "c"), ("d", 1, "f", "g"), ("d", 1, "h", "i"), ("d", 1, "z"), ("z",))
    ]
    assert found == [6, 10, 11, 9, None]
