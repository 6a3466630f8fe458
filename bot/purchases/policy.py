"""Who may do what: one table of verb and role (rule 41), and the policy file, which the operator owns."""

import asyncio
import hashlib
import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from bot.errors import (
    BarredFromHere,
    CannotCheck,
    MayNotAddBundle,
    MayNotApprove,
    MayNotAsk,
    NobodyCouldApprove,
    NotYours,
    OnlyApprovers,
    OwnRequest,
)
from bot.slack.people import People
from bot.starting import Problem, SettingsError
from bot.texts import N_, Said, channels, mention, person, say
from storage.models import Purchase


class Role(StrEnum):
    REQUESTER = "requester"
    """who asked for the number"""
    OWNER = "owner"
    """who answers for it; at first the requester"""
    APPROVER = "approver"
    """whom [approve] covers, on a request of somebody else's (or where own_request allows it)"""
    BUNDLES = "bundles"
    """whom [bundles] covers: where it is left out, whoever may ask or approve"""
    OPERATOR = "operator"
    """whom [operators] covers: where it is left out, the members of the operators' channel"""


class Verb(StrEnum):
    """What a person does with a purchase or a number."""

    APPROVE = "approve"
    DENY = "deny"
    BUY_ANYWAY = "buy_anyway"
    TAKE_OVER = "take_over"
    WITHDRAW = "withdraw"
    RETRY = "retry"
    END = "end"
    PICK_NUMBER = "pick_number"
    ASK_AGAIN = "ask_again"
    ADD_BUNDLE = "add_bundle"
    CHOOSE_ADDRESS = "choose_address"
    CHOOSE_SERVICE = "choose_service"
    CHECK = "check"
    TEST = "test"
    ENABLE_GEO_PERMISSION = "enable_geo_permission"
    SET_INBOUND = "set_inbound"
    ENABLE_WHATSAPP = "enable_whatsapp"
    HAND_OVER = "hand_over"


_APPROVERS = frozenset({Role.APPROVER})
_INVOLVED = frozenset({Role.REQUESTER, Role.OWNER, Role.APPROVER})

MAY: Mapping[Verb, frozenset[Role]] = {
    Verb.APPROVE: _APPROVERS,
    Verb.DENY: _APPROVERS,
    Verb.BUY_ANYWAY: _APPROVERS,
    Verb.TAKE_OVER: _APPROVERS,
    Verb.WITHDRAW: _INVOLVED,
    Verb.RETRY: _INVOLVED,
    Verb.END: _INVOLVED,
    Verb.PICK_NUMBER: _INVOLVED,
    Verb.ASK_AGAIN: _INVOLVED,
    Verb.ADD_BUNDLE: _INVOLVED | {Role.BUNDLES},
    Verb.CHOOSE_ADDRESS: _INVOLVED,
    Verb.CHOOSE_SERVICE: _INVOLVED,
    Verb.CHECK: _INVOLVED,
    Verb.TEST: _INVOLVED,
    Verb.ENABLE_GEO_PERMISSION: _APPROVERS,
    Verb.SET_INBOUND: _APPROVERS,
    Verb.ENABLE_WHATSAPP: _APPROVERS,
    Verb.HAND_OVER: frozenset({Role.OWNER, Role.APPROVER, Role.OPERATOR}),
}
"""The one table of who may do what; docs/rules.md shows it (rule 41)."""


def may(verb: Verb, roles: Iterable[Role]) -> bool:
    return not MAY[verb].isdisjoint(roles)


MENTIONED = 5
"""People whom a card mentions; where more may decide they are told directly."""
OPERATORS_NAMED = 3
TOLD = 30
"""People who are told directly of one request, at the most."""

PersonId = Annotated[str, Field(pattern="^[UW][A-Z0-9]+$")]
GroupId = Annotated[str, Field(pattern="^S[A-Z0-9]+$")]
ChannelId = Annotated[str, Field(pattern="^[CG][A-Z0-9]+$")]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: list[PersonId] = []
    groups: list[GroupId] = []
    channels: list[ChannelId] = []

    @property
    def is_empty(self) -> bool:
        return not (self.people or self.groups or self.channels)

    async def cover(self, user_id: str, people: People) -> bool:
        """Whoever is barred counts only if named by id, not as a member of something. Raises CannotCheck."""
        if user_id in self.people:
            return True
        return await people.belongs(user_id, self.groups, self.channels) and not await people.barred(user_id)

    def known(self, people: People) -> frozenset[str] | None:
        """Everybody it covers, as far as is known without asking Slack; None when a list was never read."""
        listed = people.listed(self.groups, self.channels)
        if listed is None:
            return None
        return frozenset({*self.people, *(each for each in listed if not people.known_bar(each))})


class Ask(_Rules):
    """Nobody named: everybody in the workspace may ask."""

    except_: list[PersonId] = Field(default=[], alias="except")


class Approve(_Rules):
    approvals: int = Field(default=1, ge=1)
    own_request: bool = False


class Bundles(_Rules):
    """Who may make, send, mend and delete bundles, and add one to anybody's request. Nobody named: whoever may ask, and
    whoever may approve."""


class Operators(_Rules):
    """Nobody named: the members of the operators' channel."""


class Policy(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ask: Ask = Ask()
    approve: Approve
    bundles: Bundles = Field(default=Bundles(), validation_alias=AliasChoices("bundles", "papers"))
    operators: Operators = Operators()
    _version: str = PrivateAttr(default="")
    _notices: tuple[Said, ...] = PrivateAttr(default=())

    @property
    def version(self) -> str:
        """A short hash of the file's content, kept with each approval; empty for one that comes from no file."""
        return self._version

    @property
    def notices(self) -> tuple[Said, ...]:
        """For the operators: what works, and should be changed in the file."""
        return self._notices

    @property
    def groups(self) -> list[str]:
        return sorted({group for rules in self._every for group in rules.groups})

    @property
    def channels(self) -> list[str]:
        return sorted({channel for rules in self._every for channel in rules.channels})

    @property
    def _every(self) -> tuple[_Rules, ...]:
        return self.ask, self.approve, self.bundles, self.operators

    def names(self, person_id: str) -> bool:
        """Whether anybody thought of this very person: then they are not barred as guests and bots are (rule 16)."""
        return any(person_id in rules.people for rules in self._every)

    # before there is a purchase

    async def check_ask(self, user_id: str, people: People) -> None:
        """Raises MayNotAsk, BarredFromHere, NobodyCouldApprove, CannotCheck."""
        await self._check_ask(user_id, people)
        approvers = self.approve.known(people)
        if approvers is not None and (lack := shortage(self.approve, approvers, user_id)):
            raise NobodyCouldApprove(lack["say"], **lack["with"])

    async def _check_ask(self, user_id: str, people: People) -> None:
        if user_id in self.ask.except_:
            raise MayNotAsk()
        if self.ask.is_empty:
            if not self.names(user_id) and (why := await people.barred(user_id)):
                raise BarredFromHere(why["say"])
        elif not await self.ask.cover(user_id, people):
            raise _refusal(user_id, people) or MayNotAsk()

    async def check_approver(self, user_id: str, people: People) -> None:
        """Whether the person may approve requests of others. Raises MayNotApprove, BarredFromHere, CannotCheck."""
        if not await self.approve.cover(user_id, people):
            raise _refusal(user_id, people) or MayNotApprove()

    async def check_of_nobody(self, user_id: str, people: People) -> None:
        """What concerns a number that nobody asked for here is a matter of approvers. Raises OnlyApprovers, BarredFromHere, CannotCheck."""
        if not await self.approve.cover(user_id, people):
            raise _refusal(user_id, people) or OnlyApprovers(approvers=self.named_approvers("", people))

    async def check_bundles(self, user_id: str, people: People) -> None:
        """Whether the person may make and change bundles. Raises MayNotAddBundle, BarredFromHere, CannotCheck."""
        if not await self._is_for_bundles(user_id, people):
            raise _refusal(user_id, people) or MayNotAddBundle()

    async def _is_for_bundles(self, person_id: str, people: People) -> bool:
        if not self.bundles.is_empty:
            return await self.bundles.cover(person_id, people)
        if await self.approve.cover(person_id, people):
            return True
        try:
            await self._check_ask(person_id, people)
        except (MayNotAsk, BarredFromHere):
            return False
        return True

    async def whom_to_ask(self, people: People) -> list[str]:
        """Operators, as far as they are known, and no bots: at most three."""
        found: list[str] = []
        for each in sorted(self.operators.known(people) or self.operators.people):
            with suppress(CannotCheck):
                if len(found) < OPERATORS_NAMED and not await people.barred(each):
                    found.append(each)
        return found

    async def is_operator(self, person_id: str, people: People) -> bool:
        """Raises CannotCheck."""
        return await self.operators.cover(person_id, people)

    # with a purchase

    async def check(self, verb: Verb, person_id: str, purchase: Purchase, people: People) -> None:
        """Whether one of the person's roles allows it. Raises OwnRequest, MayNotApprove, OnlyApprovers, MayNotAddBundle,
        NotYours, BarredFromHere, CannotCheck."""
        roles = [role for role in Role if may(verb, {role})]
        unsure: CannotCheck | None = None
        for role in roles:  # who is involved comes first: nobody has to be asked for that
            try:
                if await self.has(role, person_id, purchase, people):
                    return
            except CannotCheck as error:
                if role in (Role.REQUESTER, Role.OWNER):
                    raise  # no list lets in whoever may be barred
                unsure = error
        if unsure is not None:
            raise unsure
        if barred := None if self.names(person_id) else _refusal(person_id, people):
            raise barred
        if roles == [Role.APPROVER]:
            if verb not in (Verb.APPROVE, Verb.DENY):
                raise OnlyApprovers(approvers=self.named_approvers(purchase.requester_id, people))
            own = _is_own(person_id, purchase) and await self.approve.cover(person_id, people)
            raise OwnRequest() if own else MayNotApprove()
        if verb is Verb.ADD_BUNDLE:
            raise MayNotAddBundle()
        raise NotYours(requester=person(purchase.requester_id))

    async def has(self, role: Role, person_id: str, purchase: Purchase, people: People) -> bool:
        """Whether the person has it for this purchase now. Raises CannotCheck."""
        match role:
            case Role.REQUESTER | Role.OWNER:
                whose = purchase.requester_id if role is Role.REQUESTER else purchase.owner_id
                return person_id == whose and (self.names(person_id) or not await people.barred(person_id))
            case Role.APPROVER:
                excluded = _is_own(person_id, purchase) and not self.approve.own_request
                return not excluded and await self.approve.cover(person_id, people)
            case Role.BUNDLES:
                return await self._is_for_bundles(person_id, people)
            case Role.OPERATOR:
                return await self.is_operator(person_id, people)

    async def approvers_now(self, person_ids: Iterable[str], purchase: Purchase, people: People) -> list[str]:
        """Of these, who have approved, the ones whose approval counts now (rule 8), in their order. Raises CannotCheck."""
        return [each for each in person_ids if await self.has(Role.APPROVER, each, purchase, people)]

    def named_approvers(self, requester_id: str, people: People) -> Any:
        """For a sentence: who may decide, or the channels whose members may."""
        called, told = self.calls(requester_id, people)
        if not called and self.approve.channels:
            return channels(self.approve.channels)
        return mention(called or told)

    def calls(self, requester_id: str, people: People) -> tuple[list[str], list[str]]:
        """Whom a request that waits for approval calls: by a mention in its card, and by a direct message each.

        User groups are mentioned, and people as long as they are few. Members of a channel, and many people, are told directly,
        as far as they are known.
        """
        rules = self.approve
        named = [each for each in rules.people if rules.own_request or each != requester_id]
        few = named if len(named) <= MENTIONED else []
        mentioned = [*rules.groups, *few]
        told = set(named) - {*few}
        if not rules.groups:
            told |= people.listed([], rules.channels) or set()
        asked = sorted(
            each
            for each in told
            if not people.known_bar(each) and (rules.own_request or each != requester_id)
        )
        return mentioned, asked[:TOLD]

    # what could never be decided

    async def undecidable(self, people: People) -> Said | None:
        """For the operators, at start and after a change: requests that nobody could ever decide, if there are such.

        Asks Slack about members who are not known yet, until enough of them are no bots or guests.
        """
        listed = people.listed(self.approve.groups, self.approve.channels)
        if listed is None:
            return None  # the list itself is the trouble
        enough = self.approve.approvals + 1
        approvers = set(self.approve.people)
        for each in sorted(listed):
            if len(approvers) >= enough:
                return None
            try:
                if each not in approvers and not await people.barred(each):
                    approvers.add(each)
            except CannotCheck:
                return None
        if lack := shortage(self.approve, approvers):
            return lack
        asking = self.ask.known(people)
        stuck = [
            each
            for each in sorted(approvers - {*self.ask.except_})
            if (self.ask.is_empty or asking is None or each in asking)
            and shortage(self.approve, approvers, each)
        ]
        if not stuck:
            return None
        text = N_(
            "What {people} ask for can never be approved: {needed} approvals by others are needed, and others who may approve are {count}. Name more people under [approve] in POLICY_FILE, or set own_request."
        )
        who = [person(each) for each in stuck]
        return say(text, people=who, needed=self.approve.approvals, count=len(approvers) - 1)


def shortage(approve: Approve, approvers: Collection[str], requester_id: str | None = None) -> Said | None:
    """Why no request, or none of this requester's, could ever get its approvals; None when enough people could give one.

    The sentence is the requester's, or, without one, the operators'.
    """
    could = {*approvers} if approve.own_request else {*approvers} - {requester_id}
    if len(could) >= approve.approvals:
        return None
    if requester_id is None:
        text = N_(
            "No request can be approved: by the policy {needed} approvals are needed, and people who may approve are {count}. Name more people under [approve] in POLICY_FILE, or lower approvals."
        )
    elif could:
        text = N_(
            "Your request could never be decided: it needs {needed} approvals, and only {count} other people may approve."
        )
    else:
        text = N_("Your request could never be decided: nobody else may approve it.")
        return say(text)
    return say(text, needed=approve.approvals, count=len(could))


def _refusal(person_id: str, people: People) -> BarredFromHere | None:
    """What somebody who is not covered is told, where it is known (``cover`` has asked) that they are barred."""
    why = people.known_bar(person_id)
    return BarredFromHere(why["say"]) if why else None


def _is_own(person_id: str, purchase: Purchase) -> bool:
    return person_id in (purchase.requester_id, purchase.owner_id)


# the file

_OLD_SECTION = N_(
    "The section [papers] of POLICY_FILE is called [bundles] now. Please rename it there; the old name goes on working."
)


IDS = {
    "people": "a member ID such as U012ABCDEF",
    "groups": "a user group's id such as S012ABCDEF",
    "channels": "a channel's id such as C012ABCDEF",
    "except": "a member ID such as U012ABCDEF",
}
SHAPES = {
    **{name: f"a list, each of it {one} in quotes" for name, one in IDS.items()},
    "approvals": "a whole number from 1 on",
    "own_request": "true or false",
}
"""What a line of the file has to be, by its name."""
EXAMPLES = {"U012ABCDEF", "S012ABCDEF", "C012ABCDEF", "U345GHIJKL"}
"""The ids of policy.example.toml: nobody's."""


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
        given = tomllib.loads(content.decode("utf-8-sig"))  # editors on Windows begin with a mark (rule 37)
    except UnicodeDecodeError:
        raise _wrong(f"{file} is not UTF-8; save it as that") from None
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"{file} is not TOML: {error}") from None
    problems = [
        f'{section}.{name}: "{each}" stands in the example and is nobody\'s; put a real id in its place'
        for section, rules in given.items()
        if isinstance(rules, dict)
        for name, ids in rules.items()
        if isinstance(ids, list)
        for each in ids
        if isinstance(each, str) and each in EXAMPLES
    ]
    try:
        policy = Policy.model_validate(given)
    except ValidationError as error:
        problems += [_in_words(each["loc"], each["type"], each["input"]) for each in error.errors()]
    else:
        if policy.approve.is_empty:
            problems.append("approve: it names nobody who may approve")
    if problems:
        raise _wrong(*(f"{file}, {each}" for each in problems))
    policy._version = _version(content)
    policy._notices = (say(_OLD_SECTION),) if "papers" in given else ()
    return policy


def _wrong(*sentences: str) -> SettingsError:
    return SettingsError(*(Problem("POLICY_FILE", each) for each in sentences))


def _in_words(where: tuple[int | str, ...], kind: str, given: Any) -> str:
    """One of pydantic's findings, for somebody who has never heard of it."""
    place = ".".join(map(str, where))
    if kind == "missing":
        return f"{place}: is missing; it says who may approve"
    if kind == "extra_forbidden":
        return f"{place}: does not belong there; policy.example.toml shows what may stand where"
    if len(where) == 1:
        return f"{place}: has to be a section, [{place}]"
    wanted = (SHAPES if len(where) == 2 else IDS)[str(where[1])]
    return f"{place}: has to be {wanted}, not {json.dumps(given, default=str)}"


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
