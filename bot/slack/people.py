"""People: their language and name, whether they are barred, and who belongs to which list. Rule 16.

What is known stands in memory and in our tables, with its age; Slack is asked in the background, and once for all who
want to know. A **list** is a user group or a channel whose members the policy means; its key is Slack's id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import CannotCheck, UnknownList
from bot.refusals import SLACK_FAILS, slack_code
from bot.texts import N_, Said, Texts, say
from storage.models import Barred, Person, now

log = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=1)
"""Language and name."""
RIGHTS_FOR = timedelta(minutes=5)
"""What is older lets nobody in."""
REFRESH_AFTER = timedelta(minutes=3)
"""With a look every minute a list in use is read anew before it is five minutes old."""
ASK_AGAIN = timedelta(minutes=1)
"""How often a list is asked for at most because somebody is not in it."""
PAUSE = timedelta(seconds=10)
"""How long a question is not asked again that Slack has just not answered."""
LONG_PAUSE = timedelta(seconds=30)
"""The same where Slack does not know the list: that does not pass by itself."""
LOOK_UP = 0.5
"""Seconds that somebody waits for Slack to say what an unknown person's language and name are."""
RIGHTS = 1.0
"""Seconds that somebody waits for Slack to say what they may: one question for the lists, one for the person, of three
seconds in all to be answered in."""
NEVER = datetime.min.replace(tzinfo=UTC)
PAGE = 999
"""The most that ``conversations.members`` takes as its limit."""

BARRED: Mapping[Barred, str] = {
    Barred.GUEST: N_("Guests cannot do that, unless the policy names them."),
    Barred.BOT: N_("Apps and bots cannot do that, unless the policy names them."),
    Barred.DEACTIVATED: N_("This Slack account is deactivated, so it cannot do that."),
    Barred.ELSEWHERE: N_("Only people of this company can do that, unless the policy names them."),
}

_UNKNOWN = N_(
    "The policy names {list}, but Slack knows no such user group or channel (or the app is not in the private channel), so nobody can be let in by it. Correct the id in POLICY_FILE, or invite the app."
)
_SCOPE = N_(
    "The policy names {list}, but Slack does not show its members: the app lacks the scope {scope}. Add it to the app's manifest, and install the app again."
)
_NO_GROUPS = N_(
    "The policy names the user group {list}, but this Slack workspace's plan has no user groups. Name people or a channel in POLICY_FILE instead."
)
HIDDEN: Mapping[str, str] = {
    "no_such_subteam": _UNKNOWN,
    "subteam_not_found": _UNKNOWN,
    "subteam_disabled": _UNKNOWN,
    "channel_not_found": _UNKNOWN,
    "missing_scope": _SCOPE,
    "plan_upgrade_required": _NO_GROUPS,
}
"""What the operators are told by Slack's refusal of a list: each needs a change of the policy or of the app (rule 34)."""
STRANGERS = {"user_not_found", "user_not_visible"}
"""What ``users.info`` says of people whom this workspace does not see, as of those in a shared channel."""


@dataclass(frozen=True)
class _List:
    members: frozenset[str]
    read_at: datetime

    @property
    def age(self) -> timedelta:
        return _age(self.read_at)


class Memory(Protocol):
    """What is known from before, and goes on being known."""

    async def people(self, workspace_id: str) -> Sequence[Person]: ...
    async def members(self, workspace_id: str) -> dict[str, tuple[frozenset[str], datetime]]: ...
    async def remember_person(self, person: Person) -> None: ...
    async def keep_members(
        self, workspace_id: str, list_id: str, members: Iterable[str], read_at: datetime
    ) -> None: ...


class Forgetful:
    """A memory for who only looks, and leaves nothing behind."""

    async def people(self, workspace_id: str) -> Sequence[Person]:
        return ()

    async def members(self, workspace_id: str) -> dict[str, tuple[frozenset[str], datetime]]:
        return {}

    async def remember_person(self, person: Person) -> None:
        pass

    async def keep_members(
        self, workspace_id: str, list_id: str, members: Iterable[str], read_at: datetime
    ) -> None:
        pass


class AsKnown:
    """Whether somebody belongs to a list or is barred, answered at once by what is known: for pictures, which let nobody in."""

    def __init__(self, people: "People") -> None:
        self._people = people

    async def belongs(self, user_id: str, groups: Iterable[str], channels: Iterable[str]) -> bool:
        return any(user_id in (self._people.listed([each], []) or ()) for each in (*groups, *channels))

    async def barred(self, person_id: str) -> Said | None:
        return self._people.known_bar(person_id)


class People:
    def __init__(
        self, store: Memory, client: AsyncWebClient, workspace_id: str, enterprise_id: str | None = None
    ) -> None:
        """client: one that waits when Slack says so; enterprise_id: of the Enterprise Grid that the workspace is in."""
        self._store = store
        self._client = client
        self._workspace_id = workspace_id
        self._ours = {workspace_id, enterprise_id} - {None}
        self._people: dict[str, Person] = {}
        self._lists: dict[str, _List] = {}
        self._looked_again: dict[str, datetime] = {}
        self._changed: set[str] = set()
        self._from_elsewhere: set[str] = set()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, datetime] = {}
        self.troubles: dict[str, Said] = {}
        """For the operators: each list that Slack does not show, by its id, with what to do. Empty again once it is mended."""

    async def load(self) -> None:
        """What this and other processes have read so far; never in place of something newer."""
        for person in await self._store.people(self._workspace_id):
            known = self._people.get(person.user_id)
            if known is None or known.read_at <= person.read_at:
                self._people[person.user_id] = person
        for list_id, (members, read_at) in (await self._store.members(self._workspace_id)).items():
            if list_id not in self._lists or self._lists[list_id].read_at < read_at:
                self._has_members(list_id, _List(members, read_at))

    @property
    def as_known(self) -> AsKnown:
        return AsKnown(self)

    # who somebody is

    async def texts(self, user_id: str) -> Texts:
        """The person's language; English when Slack does not say it within half a second."""
        if not user_id:
            return Texts("en")
        person = self._people.get(user_id)
        if person is None:
            await self._soon(user_id, self._read_person, LOOK_UP)
            person = self._people.get(user_id)
        elif _age(person.read_at) > KNOWN_FOR:
            self._start(user_id, self._read_person)
        return Texts(person.locale if person else "en")

    async def name(self, person_id: str) -> str:
        """The display name, at most a day old; the id when Slack does not say it within half a second."""
        person = self._people.get(person_id)
        if person is None or person.display_name is None:
            await self._soon(person_id, self._read_person, LOOK_UP)
            person = self._people.get(person_id)
        elif _age(person.read_at) > KNOWN_FOR:
            self._start(person_id, self._read_person)
        return (person.display_name if person else None) or person_id

    async def names(self, person_ids: Iterable[str]) -> dict[str, str]:
        """Display names by id, looked up side by side."""
        wanted = sorted(set(person_ids))
        return dict(zip(wanted, await asyncio.gather(*map(self.name, wanted)), strict=True))

    async def dm_channel(self, user_id: str, *, anew: bool = False) -> str:
        """The app's direct-message channel with this person; anew: Slack does not know the old one. Raises the SDK's errors."""
        person = self._people.get(user_id) or await self._read_person(user_id)
        if anew or person.dm_channel is None:
            answer = await self._client.conversations_open(users=user_id)
            # as it is by now: it may have been read meanwhile
            person = Person(**{**self._people[user_id].model_dump(), "dm_channel": answer["channel"]["id"]})
            await self._remember(person)
        assert person.dm_channel is not None
        return person.dm_channel

    async def _read_person(self, person_id: str) -> Person:
        asked_at = now()
        values: dict[str, Any]
        try:
            answer = await self._client.users_info(user=person_id, include_locale=True)
        except SlackApiError as error:
            if slack_code(error) not in STRANGERS:
                raise
            values = {"locale": "en", "display_name": "", "team_id": "", "barred": Barred.ELSEWHERE}
        else:
            user = answer["user"]
            profile = user.get("profile") or {}
            values = {
                "locale": user.get("locale") or "en",
                "display_name": profile.get("display_name") or user.get("real_name") or user.get("name"),
                "team_id": user.get("team_id") or profile.get("team") or "",
                "barred": self._bar(user),
            }
        before = self._people.get(person_id)  # as it is by now: its channel may have been opened meanwhile
        person = Person(
            user_id=person_id,
            workspace_id=self._workspace_id,
            dm_channel=before.dm_channel if before else None,
            read_at=asked_at,
            **values,
        )
        await self._remember(person)
        return person

    async def _remember(self, person: Person) -> None:
        await self._store.remember_person(person)
        self._people[person.user_id] = person

    # who is barred

    async def barred(
        self, person_id: str, payload_team: str | None = None, payload_enterprise: str | None = None
    ) -> Said | None:
        """Why this person may do nothing here unless the policy names them; None for one of ours. Raises CannotCheck.

        What is older than five minutes is looked up again, and lets nobody in (rule 16).
        """
        if payload_team is not None and not self._is_ours(payload_team, payload_enterprise):
            return say(BARRED[Barred.ELSEWHERE])
        if person_id in self._from_elsewhere:
            return self.known_bar(person_id)
        person = self._people.get(person_id)
        if person is None or _age(person.read_at) > RIGHTS_FOR:
            await self._soon(person_id, self._read_person, RIGHTS)
            person = self._people.get(person_id)
        if person is None or _age(person.read_at) > RIGHTS_FOR:
            raise CannotCheck()
        return self.known_bar(person_id)

    def known_bar(self, person_id: str) -> Said | None:
        """The same as far as it is known: Slack is not asked."""
        if person_id in self._from_elsewhere:
            return say(BARRED[Barred.ELSEWHERE])
        person = self._people.get(person_id)
        return say(BARRED[person.barred]) if person is not None and person.barred is not None else None

    def acts(self, person_id: str, body: Mapping[str, Any]) -> None:
        """Takes note of the company from which somebody acts, as the payload has it (a shared channel, Slack Connect)."""
        team, enterprise = _company(body)
        if team is not None and not self._is_ours(team, enterprise):
            self._from_elsewhere.add(person_id)
        else:
            self._from_elsewhere.discard(person_id)

    def _is_ours(self, team_id: str | None, enterprise_id: str | None) -> bool:
        return team_id in self._ours or enterprise_id in self._ours

    def _bar(self, user: Mapping[str, Any]) -> Barred | None:
        """user: as ``users.info`` gives it."""
        enterprise = (user.get("enterprise_user") or {}).get("enterprise_id")
        team = user.get("team_id") or (user.get("profile") or {}).get("team")
        if user.get("deleted"):
            return Barred.DEACTIVATED
        if user.get("is_stranger") or not self._is_ours(team, enterprise):
            return Barred.ELSEWHERE
        if user.get("is_bot") or user.get("id") == "USLACKBOT":  # of which Slack says that it is no bot
            return Barred.BOT
        if user.get("is_restricted") or user.get("is_ultra_restricted"):
            return Barred.GUEST
        return None

    # who belongs to a list

    async def belongs(self, user_id: str, groups: Iterable[str], channels: Iterable[str]) -> bool:
        """Whether the person is in one of these user groups or channels, by lists that are at most five minutes old.

        A list without the person is read once more, at most once a minute: they may have just joined. Raises CannotCheck.
        """
        lists = [*groups, *channels]
        if self._is_in(user_id, lists):
            return True
        unsure = [
            each
            for each in lists
            if not self._is_fresh(each) or _age(self._looked_again.get(each, NEVER)) >= ASK_AGAIN
        ]
        self._looked_again |= dict.fromkeys(unsure, now())
        await asyncio.gather(*(self._soon(each, self._read_list, RIGHTS) for each in unsure))
        if self._is_in(user_id, lists):
            return True
        for each in lists:
            if not self._is_fresh(each):
                raise UnknownList(list=each) if each in self.troubles else CannotCheck()
        return False

    def listed(self, groups: Iterable[str], channels: Iterable[str]) -> frozenset[str] | None:
        """Everybody in these lists as they are known, whatever their age; None when one was never read."""
        lists = [*groups, *channels]
        if any(each not in self._lists for each in lists):
            return None
        return frozenset[str]().union(*(self._lists[each].members for each in lists))

    async def refresh_members(self, groups: Collection[str], channels: Collection[str]) -> set[str]:
        """Reads each list that is about to grow too old. Called every minute.

        Gives the lists (their ids) of which since the last call the members have changed, or are known again after they
        were not: what waits for a decision has to be counted anew (rule 8).
        """
        old = [
            each
            for each in (*groups, *channels)
            if each not in self._lists or self._lists[each].age >= REFRESH_AFTER
        ]
        await asyncio.gather(*(self._soon(each, self._read_list, None) for each in old))
        for gone in self.troubles.keys() - {*groups, *channels}:  # the policy names it no more
            del self.troubles[gone]
        changed, self._changed = self._changed, set()
        return changed

    def _is_in(self, person_id: str, lists: Iterable[str]) -> bool:
        return any(self._is_fresh(each) and person_id in self._lists[each].members for each in lists)

    def _is_fresh(self, list_id: str) -> bool:
        return list_id in self._lists and self._lists[list_id].age <= RIGHTS_FOR

    async def _read_list(self, list_id: str) -> None:
        asked_at = now()  # whoever left while the pages were read may still be on one of them
        try:
            members = await (self._of_group if list_id.startswith("S") else self._of_channel)(list_id)
        except SlackApiError as error:
            if slack_code(error) in HIDDEN:
                self._in_trouble(list_id, error)
            raise
        self.troubles.pop(list_id, None)
        self._has_members(list_id, _List(members, asked_at))
        await self._store.keep_members(self._workspace_id, list_id, members, asked_at)

    async def _of_group(self, group: str) -> frozenset[str]:
        answer = await self._client.usergroups_users_list(usergroup=group)
        return frozenset(answer["users"])

    async def _of_channel(self, channel: str) -> frozenset[str]:
        found: set[str] = set()
        cursor = ""
        while True:
            answer = await self._client.conversations_members(channel=channel, limit=PAGE, cursor=cursor)
            found.update(answer["members"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return frozenset(found)

    def _has_members(self, list_id: str, new: _List) -> None:
        if not self._is_fresh(list_id) or self._lists[list_id].members != new.members:
            self._changed.add(list_id)
        self._lists[list_id] = new

    def _in_trouble(self, list_id: str, error: SlackApiError) -> None:
        """Nobody is let in by a list that Slack does not show, however young what it said before is."""
        code = str(slack_code(error))
        self._not_before[list_id] = now() + LONG_PAUSE
        if self._lists.pop(list_id, None) is not None:
            self._changed.add(list_id)
        if list_id not in self.troubles:
            log.error("the policy names %s, which Slack does not show: %s", list_id, code)
        needed = error.response.get("needed") or "usergroups:read"
        self.troubles[list_id] = say(HIDDEN[code], list=list_id, scope=needed)

    # asking Slack, once for all who want to know

    async def _soon(self, key: str, read: Callable[[str], Awaitable[Any]], seconds: float | None) -> None:
        """Returns when it is read, fails, or takes longer; then it goes on in the background."""
        task = self._start(key, read)
        if task is not None:
            done, _ = await asyncio.wait([task], timeout=seconds)
            for each in done:
                each.result()

    def _start(self, key: str, read: Callable[[str], Awaitable[Any]]) -> asyncio.Task[None] | None:
        """The one question that is on its way; None when Slack has just not answered it."""
        if key in self._asking:
            return self._asking[key]
        if key in self._not_before and timedelta(0) < self._not_before[key] - now() <= LONG_PAUSE:
            return None

        async def ask() -> None:
            self._not_before[key] = now() + PAUSE
            try:
                await read(key)
                del self._not_before[key]
            except SLACK_FAILS as error:
                about = key if key[0] in "SCG" else "a person"
                log.warning("Slack did not answer about %s: %s", about, type(error).__name__)
            finally:
                del self._asking[key]

        self._asking[key] = asyncio.create_task(ask())
        return self._asking[key]


def _age(read_at: datetime) -> timedelta:
    """Endless where it was read in the future: the clock has stepped back, and nobody knows how old it is."""
    age = now() - read_at
    return age if age >= timedelta(0) else timedelta.max


def _company(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Team and enterprise of the person who acts, as a command, an interaction or an event names them.

    In a shared channel ``team`` is where the app is installed, ``user.team_id`` where the person is; an event names the
    person's team, or their enterprise, within.
    """
    user, event = body.get("user"), body.get("event")
    enterprise = body.get("enterprise_id") or (body.get("enterprise") or {}).get("id")
    if isinstance(user, Mapping):
        return user.get("team_id"), user.get("enterprise_id") or enterprise
    if isinstance(event, Mapping):
        return event.get("user_team") or event.get("source_team") or event.get("team"), None
    return body.get("team_id"), enterprise
