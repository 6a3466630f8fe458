"""Whom a request that waits calls: by a mention, or by a direct message each. As far as is known, without asking Slack."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bot.purchases.policy.lists import Known, Lists
from bot.texts import channels, mention

MENTIONED = 5
"""People whom a card mentions; where more may decide they are told directly."""
TOLD = 30
"""People who are told directly of one request, at the most."""


def calls(
    deciders: Sequence[Lists], silent: Collection[str], away: Mapping[str, str], people: Known
) -> tuple[list[str], list[str]]:
    """Whom a card mentions, and who is told directly.

    User groups are mentioned, and people as long as they are few. Members of a channel, and many people, are told directly. silent:
    who is not called: because it is their own, or who has approved. away: in whose place who is called.
    """
    quiet = {each for lists in deciders for each in lists.named if each not in lists.people}
    not_these = quiet | {*silent}
    groups = list(dict.fromkeys(each for lists in deciders for each in lists.groups))
    named = _there((each for lists in deciders for each in lists.people), away)
    named = [each for each in named if each not in not_these]
    few = named if len(named) <= MENTIONED else []
    told = set(named)
    if not groups:
        in_channels = [people.listed([], lists.channels) or frozenset() for lists in deciders]
        told.update(_there((each for members in in_channels for each in members), away))
    asked = sorted(each for each in told - {*few} if each not in not_these and not people.known_bar(each))
    return [*groups, *few], asked[:TOLD]


def named(deciders: Sequence[Lists], silent: Collection[str], away: Mapping[str, str], people: Known) -> Any:
    """For a sentence: who of them may decide, or the channels whose members may."""
    called, told = calls(deciders, silent, away, people)
    in_channels = [each for lists in deciders for each in lists.channels]
    return channels(in_channels) if not called and in_channels else mention(called or told)


def _there(person_ids: Iterable[str], away: Mapping[str, str]) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(away.get(each, each) for each in person_ids))
