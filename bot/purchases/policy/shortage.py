"""What nobody could ever decide: no rule for it, or too few people in one of its stages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.errors import CannotCheck
from bot.purchases.policy.counting import Yes, seats
from bot.purchases.policy.lists import Ask, Known
from bot.purchases.policy.rules import Facts, Rule, Stage, candidates
from bot.slack.people import People
from bot.texts import N_, Said, person, say


@dataclass(frozen=True)
class Lack:
    stage: Stage
    place: int
    """from 0 on"""
    needed: int
    count: int
    """people who could approve in it"""


def lack(
    stages: Sequence[Stage], members: Sequence[Collection[str]], own: Collection[str] = ()
) -> Lack | None:
    """The first stage that could not be filled though everybody approved. Pure.

    members: of each stage. own: who may not approve, because it would be their own request.
    """
    everybody = dict.fromkeys(each for of_stage in members for each in sorted(of_stage) if each not in own)
    yes = [
        Yes(each, frozenset(place for place, of_stage in enumerate(members) if each in of_stage))
        for each in everybody
    ]
    filled = seats([stage.approvals for stage in stages], yes)
    for place, stage in enumerate(stages):
        if len(filled[place]) < stage.approvals:
            return Lack(stage, place, stage.approvals, len({*members[place]} - {*own}))
    return None


def what_lacks(rules: Sequence[Rule], facts: Facts, people: Known) -> Said | None:
    """Why nobody could ever approve what is known so far of a request; None where somebody could, or that is not known."""
    possible = candidates(rules, facts)
    if not possible:
        return say(N_("By the policy nobody approves such a number: no rule covers it."))
    lacks = [_lacks(rule, facts, people) for rule in possible]
    return lacks[0] if all(lacks) else None


def _lacks(rule: Rule, facts: Facts, people: Known) -> Said | None:
    if rule.unasked_under is not None and (facts.yearly is None or facts.yearly < rule.unasked_under):
        return None
    stages = [
        each
        for each in rule.stages
        if each.yearly_above is None or (facts.yearly is not None and facts.yearly > each.yearly_above)
    ]
    members = [each.known(people) for each in stages]
    known = [each for each in members if each is not None]
    own = () if rule.own_request else (facts.requester_id,)
    found = lack(stages, known, own) if len(known) == len(members) else None
    if found is None:
        return None
    if found.count == 0:
        return say(N_("Your request could never be decided: nobody else may approve it."))
    if found.count >= found.needed:
        return say(N_("Your request could never be decided: each of its stages needs other people."))
    text = N_(
        "Your request could never be decided: it needs {needed} approvals, and only {count} other people may approve."
    )
    return say(text, needed=found.needed, count=found.count)


async def undecidable(rule: Rule, ask: Ask, people: People) -> Said | None:
    """Of this rule, for the operators: what nobody could ever decide.

    Asks Slack about members who are not known yet, until enough of them are no bots or guests.
    """
    stages = rule.stages
    enough = sum(stage.approvals for stage in stages) + 1
    members = [await _some(stage, enough, people) for stage in stages]
    known = [each for each in members if each is not None]
    if len(known) < len(members):
        return None  # the list itself is the trouble, or Slack is silent
    if found := lack(stages, known):
        return _nobody(rule, found)
    asking = ask.known(people)
    approvers = {each for of_stage in known for each in of_stage}
    stuck = {
        each: found
        for each in sorted(approvers - {*ask.except_})
        if not rule.own_request and (ask.is_empty or asking is None or each in asking)
        if (found := lack(stages, known, (each,)))
    }
    return _stuck(rule, stuck) if stuck else None


async def _some(stage: Stage, enough: int, people: People) -> set[str] | None:
    """So many who may approve in it, or all of them; None where that cannot be seen."""
    listed = people.listed(stage.groups, stage.channels)
    if listed is None:
        return None
    found = set(stage.named)
    for each in sorted(listed - found):
        if len(found) >= enough:
            break
        try:
            if not await people.barred(each):
                found.add(each)
        except CannotCheck:
            return None
    return found


def _nobody(rule: Rule, found: Lack) -> Said:
    figures = {"needed": found.needed, "count": found.count}
    if not rule.is_named:
        text = N_(
            "No request can be approved: by the policy {needed} approvals are needed, and people who may approve are {count}. Name more people under [approve] in POLICY_FILE, or lower approvals."
        )
        return say(text, **figures)
    text = N_(
        "No request under the rule “{rule}” can be approved: in its stage {stage} {needed} approvals are needed, and people who may approve are {count}. Name more people there in POLICY_FILE, or lower approvals."
    )
    return say(text, rule=rule.name, stage=found.stage.name or str(found.place + 1), **figures)


def _stuck(rule: Rule, stuck: dict[str, Lack]) -> Said:
    first = next(iter(stuck.values()))
    figures = {"people": [person(each) for each in stuck], "needed": first.needed, "count": first.count}
    if not rule.is_named:
        text = N_(
            "What {people} ask for can never be approved: {needed} approvals by others are needed, and others who may approve are {count}. Name more people under [approve] in POLICY_FILE, or set own_request."
        )
        return say(text, **figures)
    text = N_(
        "What {people} ask for under the rule “{rule}” can never be approved: in its stage {stage} {needed} approvals by others are needed, and others who may approve are {count}. Name more people there in POLICY_FILE, or set own_request."
    )
    return say(text, rule=rule.name, stage=first.stage.name or str(first.place + 1), **figures)
