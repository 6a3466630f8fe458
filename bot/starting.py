"""Why the process does not start: one plain line for each setting that an operator has to look at.

    CannotStart
        SettingsError        a setting, or the policy file, is missing or wrong
        Refused              Slack or Twilio does not let the app in, or Slack cannot be reached
        PortTaken            nobody can listen there
    storage.Unusable         the database: its address, its reach, its migration, its lock

Lines name settings, never a secret. They are English, for they end in a terminal.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from storage.database import Unusable, reason

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Problem:
    """setting: as in .env, several with commas; empty where none of them is to blame."""

    setting: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.sentence}" if self.setting else self.sentence


class CannotStart(Exception):
    """The text has a line for each problem."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = tuple(dict.fromkeys(problems))  # two calls may have failed in the same way
        super().__init__("\n".join(map(str, self.problems)))


class SettingsError(CannotStart):
    pass


class Refused(CannotStart):
    pass


class PortTaken(CannotStart):
    pass


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """What the two read. Raises SettingsError with the problems of both, so that nobody has to start twice to learn of them."""
    problems: list[Problem] = []
    found: list[Any] = []
    for read in (first, second):
        try:
            found.append(read())
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(*problems)
    return found[0], found[1]


async def all_of(*questions: Awaitable[Any]) -> list[Any]:
    """What each answers, asked side by side. Raises Refused with the problems of all."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    refusals = [each for each in answers if isinstance(each, Refused)]
    for each in answers:
        if isinstance(each, BaseException) and not isinstance(each, Refused):
            raise each
    if refusals:
        raise Refused(*(problem for each in refusals for problem in each.problems))
    return answers


@contextlib.contextmanager
def in_plain_words() -> Iterator[None]:
    """What keeps the process from starting ends it with its lines; anything else is ours to fix, and has its traceback."""
    try:
        yield
    except CannotStart as error:
        sys.exit(str(error))
    except Unusable as error:
        sys.exit(str(Problem("DATABASE_URL", str(error))))
    except DBAPIError as error:  # it answered at first
        sys.exit(str(Problem("DATABASE_URL", reason(error))))
