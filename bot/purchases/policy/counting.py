"""How far a request is: whose approval counts for which stage. Pure.

A person's yes is for the quote, not for a stage: when the rules change it counts wherever it may by the rules of now (rule 8).
Nobody counts twice, neither in one stage nor in two: stages are different people. Earlier stages are filled first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.purchases.policy.rules import Case, Stage


@dataclass(frozen=True)
class Yes:
    """An approval as it may be counted now."""

    person_id: str
    may_fill: frozenset[int]
    """places of the stages for which it would do, from 0 on"""
    is_emergency: bool = False
    """it stands for every approval that is needed"""


def seats(needed: Sequence[int], given: Sequence[Yes]) -> list[list[str]]:
    """The people who count in each stage, no more than it needs.

    As many as can be in the first stage, then in the second ...: who could fill two of them is moved where that lets another one
    count (augmenting paths, which never empty a seat that was filled).
    """
    stage_of: dict[str, int] = {}
    people = {each.person_id: each for each in given}

    def take(stage: int, tried: set[str]) -> bool:
        for person_id, yes in people.items():
            if stage not in yes.may_fill or person_id in tried or stage_of.get(person_id) == stage:
                continue
            tried.add(person_id)
            if person_id not in stage_of or take(stage_of[person_id], tried):
                stage_of[person_id] = stage
                return True
        return False

    for stage, count in enumerate(needed):
        for _ in range(count):
            if not take(stage, set()):
                break
    return [
        [person_id for person_id in people if stage_of.get(person_id) == stage]
        for stage in range(len(needed))
    ]


@dataclass(frozen=True)
class Progress:
    """The stages of a request with the people who count in each."""

    case: Case
    given: tuple[tuple[str, ...], ...]
    emergency: str | None = None
    """who approved for all by the emergency path"""

    @property
    def place(self) -> int | None:
        """The stage that it waits for, from 0 on: the first that is not complete."""
        if self.emergency is not None:
            return None
        lacking = (
            place
            for place, (stage, given) in enumerate(zip(self.case.stages, self.given, strict=True))
            if len(given) < stage.approvals
        )
        return next(lacking, None)

    @property
    def stage(self) -> Stage | None:
        return None if self.place is None else self.case.stages[self.place]

    @property
    def missing(self) -> int:
        """Approvals that the stage which it waits for still needs."""
        return 0 if self.place is None else self.case.needed[self.place] - len(self.given[self.place])

    @property
    def counting(self) -> list[str]:
        """Everybody whose approval counts, earlier stages first; in a stage whose turn has not come nobody's does."""
        if self.emergency is not None:
            return [self.emergency]
        last = len(self.given) if self.place is None else self.place + 1
        return [each for stage in self.given[:last] for each in stage]

    @property
    def is_enough(self) -> bool:
        """A limit that lets nothing through is no matter of approvals, nor of an emergency."""
        return self.case.rule is not None and self.case.refused is None and self.place is None


def progress(case: Case, given: Sequence[Yes]) -> Progress:
    """given: in the order of approving."""
    emergency = next((each.person_id for each in given if each.is_emergency), None)
    usual = [each for each in given if not each.is_emergency]
    return Progress(case, tuple(map(tuple, seats(case.needed, usual))), emergency)
