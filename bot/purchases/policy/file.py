"""The policy file: read with every complaint at once, each with its line, and read again while the app runs."""

import asyncio
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.purchases.policy import places
from bot.purchases.policy.lists import Operators
from bot.purchases.policy.places import Places
from bot.purchases.policy.policy import Policy
from bot.purchases.policy.rules import UNNAMED
from bot.starting import Problem, SettingsError
from bot.texts import N_, Said, say

_OLD_SECTION = N_(
    "The section [papers] of POLICY_FILE is called [bundles] now. Please rename it there; the old name goes on working."
)
_UNREACHED = N_(
    "In POLICY_FILE the rule “{rule}” is never reached: “{first}” before it takes every request. Put it first, or take it out."
)

_PERSON = "a member ID such as U012ABCDEF"
_CHANNEL = "a channel's id such as C012ABCDEF"
_COUNTRY = "a country's two letters such as US"
IDS = {
    "people": _PERSON,
    "groups": "a user group's id such as S012ABCDEF",
    "channels": _CHANNEL,
    "except": _PERSON,
    "quiet": _PERSON,
    "asked_in": _CHANNEL,
    "countries": _COUNTRY,
    "destinations": _COUNTRY,
    "types": "local, mobile, toll-free or national",
    "capabilities": "voice, sms, mms or fax",
}
_AMOUNT = "an amount of money in the account's currency, such as 250 or 12.50"
_COUNT = "a whole number from 1 on"
_SPAN = 'a time such as "30m", "4h", "2d" or "1w"'
_DAY = "a day such as 2026-12-24, without quotes"
SHAPES = {
    **{name: f"a list, each of it {one} in quotes" for name, one in IDS.items()},
    "approvals": _COUNT,
    "own_request": "true or false",
    "name": "a name in quotes, at most 60 characters",
    **dict.fromkeys(("unasked_under", "yearly_above", "yearly_up_to", "monthly"), _AMOUNT),
    **dict.fromkeys(("per_person", "remind_at_most"), _COUNT),
    **dict.fromkeys(("remind_after", "pass_on_after", "lapse_after", "approvals_last"), _SPAN),
    **dict.fromkeys(("first", "last"), _DAY),
    **dict.fromkeys(("away", "by"), f"{_PERSON} in quotes"),
    **dict.fromkeys(("zone", "days", "hours"), "text in quotes"),
}
"""What a line of the file has to be, by its name."""
TABLES = ("rule", "stage", "stand_in")
"""What stands there several times, each under ``[[...]]``."""
EXAMPLES = {"U012ABCDEF", "S012ABCDEF", "C012ABCDEF", "U345GHIJKL"}
"""The ids of policy.example.toml: nobody's."""


@dataclass(frozen=True)
class Complaint:
    path: places.Path
    sentence: str
    value: Any = None


def read(file: Path) -> Policy:
    """Raises SettingsError that says what is wrong in the file, and where."""
    try:
        return parse(file.read_bytes(), file)
    except FileNotFoundError:
        raise _wrong(f"there is no {file}; copy policy.example.toml and say who may approve") from None
    except OSError as error:
        raise _wrong(f"{file} cannot be read: {error.strerror}") from None


def parse(content: bytes, file: Path) -> Policy:
    """Raises SettingsError."""
    try:
        text = content.decode("utf-8-sig")  # editors on Windows begin with a mark (rule 37)
        given = tomllib.loads(text)
    except UnicodeDecodeError:
        raise _wrong(f"{file} is not UTF-8; save it as that") from None
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"{file} is not TOML: {error}") from None
    complaints = [*_examples(given, ()), *_across(given)]
    try:
        policy = Policy.model_validate(given)
    except ValidationError as error:
        complaints += [
            Complaint(each["loc"], _in_words(each), each["input"]) for each in error.errors(include_url=False)
        ]
    if complaints:
        where = Places(text)
        raise _wrong(*(_at_its_line(each, given, file, where) for each in complaints))
    policy._version = _version(content)
    policy._notices = (*([say(_OLD_SECTION)] if "papers" in given else []), *_unreached(policy))
    return policy


def _wrong(*sentences: str) -> SettingsError:
    return SettingsError(*(Problem("POLICY_FILE", each) for each in sentences))


def _at_its_line(complaint: Complaint, given: dict[str, Any], file: Path, where: Places) -> str:
    line = where.line(complaint.path, complaint.value)
    at = f"{file}, line {line}" if line else f"{file}"
    return f"{at}: {_place(complaint.path, given)}: {complaint.sentence}"


def _place(path: places.Path, given: Any) -> str:
    """``rule "toll-free".stage 2.people``: a table that stands there several times by its name or number."""
    words: list[str] = []
    for each in path:
        inner = given[each] if _has(given, each) else None
        if isinstance(each, int) and words and words[-1] in TABLES:
            name = inner.get("name") if isinstance(inner, dict) else None
            words[-1] += f' "{name}"' if isinstance(name, str) and name else f" {each + 1}"
        else:
            words.append(str(each))
        given = inner
    return ".".join(words)


def _has(given: Any, key: int | str) -> bool:
    if isinstance(given, dict):
        return key in given
    return isinstance(given, list) and isinstance(key, int) and key < len(given)


def _examples(given: Any, path: places.Path) -> Iterator[Complaint]:
    """Ids that were left as they stand in the example."""
    parts: Any = given.items() if isinstance(given, dict) else enumerate(given)
    for name, each in parts:
        if isinstance(each, dict | list):
            yield from _examples(each, (*path, name))
        elif isinstance(each, str) and each in EXAMPLES:
            place = path if isinstance(name, int) else (*path, name)
            yield Complaint(
                place, f'"{each}" stands in the example and is nobody\'s; put a real id in its place', each
            )


def _across(given: dict[str, Any]) -> Iterator[Complaint]:
    """What no part of the file knows by itself."""
    rules = given.get("rule")
    named = rules if isinstance(rules, list) else []
    if not {"approve", "rule"} & given.keys():
        yield Complaint(("approve",), "is missing; it says who may approve")
    names = [each.get("name") for each in named if isinstance(each, dict)]
    for place, name in enumerate(names):
        if name == UNNAMED:
            yield Complaint(("rule", place, "name"), f'"{UNNAMED}" is what the section [approve] is called')
        elif isinstance(name, str) and name in names[:place]:
            yield Complaint(("rule", place, "name"), "another rule has that name, too")


def _unreached(policy: Policy) -> Iterator[Said]:
    first = next((rule for rule in policy.rules if rule.takes_all), None)
    if first is not None:
        behind = policy.rules[policy.rules.index(first) + 1 :]
        yield from (
            say(_UNREACHED, rule=each.name if each.is_named else "[approve]", first=first.name)
            for each in behind
        )


def _in_words(error: Any) -> str:
    """One of pydantic's findings, for somebody who has never heard of it."""
    kind, where, given = error["type"], error["loc"], error["input"]
    name = next((each for each in reversed(where) if isinstance(each, str)), "")
    if kind == "missing":
        return "is missing; policy.example.toml shows what has to stand there"
    if kind == "extra_forbidden":
        return "does not belong there; policy.example.toml shows what may stand where"
    if kind == "value_error" and isinstance(given, dict):  # of several lines together
        return str(error["ctx"]["error"])
    if name in TABLES:
        return f"has to be written as [[{name}]], as often as there are several"
    within = IDS if isinstance(where[-1], int) else SHAPES
    wanted = within.get(name)
    if kind == "value_error":
        wanted = str(error["ctx"]["error"])
    if wanted is None:
        return f"has to be a section, [{'.'.join(each for each in where if isinstance(each, str))}]"
    return f"has to be {wanted}, not {json.dumps(given, default=str)}"


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


@dataclass(frozen=True)
class Edit:
    """What a look at the file found: another policy is in force, or the file is wrong, or right again."""

    policy: Policy | None = None
    problem: Said | None = None


class PolicyFile:
    """The policy in force. The file may be edited while the app runs; a broken edit leaves the one before in force."""

    def __init__(self, file: Path, policy: Policy, operators_channel: str) -> None:
        """policy: as it was read from the file at the start."""
        self._file = file
        self._operators = Operators(channels=[operators_channel])
        self._seen = self._judged = policy.version
        self.policy = self._completed(policy)
        self.problem: Said | None = None
        """For the operators: what is wrong with the file as it is now."""

    async def check(self) -> Edit | None:
        """Looks at the file; None when nothing has become of it. To be called every second or two.

        An edit counts when two looks in a row have seen it: half of a file that is just being saved may be a policy too.
        The content is compared, for it is small, and the times of a mounted file say little.
        """
        try:
            content = await asyncio.to_thread(self._file.read_bytes)
            version = _version(content)
        except OSError:
            content, version = None, "unreadable"
        settled, self._seen = version == self._seen, version
        if not settled or version == self._judged:
            return None
        self._judged = version
        try:
            policy = read(self._file) if content is None else parse(content, self._file)
        except SettingsError as error:
            text = N_("The policy file cannot be used, so the policy before it stays in force. {reason}")
            self.problem = say(text, reason=str(error))
            return Edit(problem=self.problem)
        self.problem = None
        if policy.version == self.policy.version:
            return Edit()  # taken back
        self.policy = self._completed(policy)
        return Edit(self.policy)

    def _completed(self, policy: Policy) -> Policy:
        if policy.operators.is_empty:
            policy.operators = self._operators
        return policy
