"""People: their language and who belongs to which group, from our tables; Slack is asked in the background. Rule 16."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import CannotCheck
from bot.texts import Texts
from storage.models import Person, now
from storage.store import Store

log = logging.getLogger(__name__)

LANGUAGE_FOR = timedelta(days=1)
MEMBERS_FOR = timedelta(minutes=5)
LOOK_UP = 0.5
"""Seconds that somebody waits for Slack to say who an unknown person or group is."""


class People:
    def __init__(self, store: Store, client: AsyncWebClient, workspace_id: str) -> None:
        self._store = store
        self._client = client
        self._workspace_id = workspace_id
        self._people: dict[str, Person] = {}
        self._members: dict[str, tuple[frozenset[str], datetime]] = {}
        self._asking: dict[str, asyncio.Task[Any]] = {}

    async def load(self) -> None:
        self._people = {person.user_id: person for person in await self._store.people()}
        for key, (value, read_at) in (await self._store.kept(self._workspace_id)).items():
            if key.startswith(("group:", "channel:")):
                self._members[key] = (frozenset(value), read_at)

    # language

    async def texts(self, user_id: str) -> Texts:
        """The person's language; English when Slack does not say it within half a second."""
        person = self._people.get(user_id)
        if person is None:
            person = await self._soon(f"person:{user_id}", self._read_person(user_id))
        elif now() - person.read_at > LANGUAGE_FOR:
            self._start(f"person:{user_id}", self._read_person(user_id))
        return Texts(person.locale if person else "en")

    async def _read_person(self, user_id: str) -> Person:
        answer = await self._client.users_info(user=user_id, include_locale=True)
        before = self._people.get(user_id)
        person = Person(
            user_id=user_id,
            workspace_id=self._workspace_id,
            locale=answer["user"].get("locale") or "en",
            dm_channel=before.dm_channel if before else None,
        )
        await self._store.remember_person(person)
        self._people[user_id] = person
        return person

    async def dm_channel(self, user_id: str, *, anew: bool = False) -> str:
        """The app's direct-message channel with this person; anew: Slack does not know the old one. Raises the SDK's errors."""
        person = self._people.get(user_id) or await self._read_person(user_id)
        if anew or person.dm_channel is None:
            answer = await self._client.conversations_open(users=user_id)
            person = Person(**{**person.model_dump(), "dm_channel": answer["channel"]["id"]})
            await self._store.remember_person(person)
            self._people[user_id] = person
        assert person.dm_channel is not None
        return person.dm_channel

    # groups

    async def belongs(self, user_id: str, groups: list[str], channels: list[str]) -> bool:
        """Whether the person is in one of these user groups or channels.

        Somebody who is not found in what is kept is looked up once more, for they may have just joined. Raises CannotCheck.
        """
        keys = [f"group:{each}" for each in groups] + [f"channel:{each}" for each in channels]
        if any(user_id in self._members[key][0] for key in keys if key in self._members):
            return True
        answers = await asyncio.gather(*(self._soon(key, self._read_members(key)) for key in keys))
        if any(user_id in fresh for fresh in answers if fresh):
            return True
        if any(fresh is None and key not in self._members for key, fresh in zip(keys, answers, strict=True)):
            raise CannotCheck()
        return False

    async def refresh_members(self, groups: list[str], channels: list[str]) -> None:
        for key in [f"group:{each}" for each in groups] + [f"channel:{each}" for each in channels]:
            read_at = self._members[key][1] if key in self._members else None
            if read_at is None or now() - read_at > MEMBERS_FOR:
                await self._soon(key, self._read_members(key), seconds=None)

    async def _read_members(self, key: str) -> frozenset[str]:
        kind, _, name = key.partition(":")
        if kind == "group":
            answer = await self._client.usergroups_users_list(usergroup=name)
            members = frozenset(answer["users"])
        else:
            found: list[str] = []
            cursor = ""
            while True:
                answer = await self._client.conversations_members(channel=name, limit=999, cursor=cursor)
                found += answer["members"]
                cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
                if not cursor:
                    break
            members = frozenset(found)
        read_at = now()
        self._members[key] = (members, read_at)
        await self._store.keep(self._workspace_id, key, sorted(members), read_at)
        return members

    # asking Slack, once for all who want to know

    async def _soon(self, key: str, question: Any, seconds: float | None = LOOK_UP) -> Any:
        """The answer, or None when it fails or takes longer; then it goes on in the background."""
        task = self._start(key, question)
        try:
            return await asyncio.wait_for(asyncio.shield(task), seconds)
        except TimeoutError:
            return None

    def _start(self, key: str, question: Any) -> asyncio.Task[Any]:
        if key in self._asking:
            question.close()
            return self._asking[key]

        async def ask() -> Any:
            try:
                return await question
            except (SlackClientError, ClientError, OSError, TimeoutError) as error:
                log.warning("Slack did not answer about %s: %s", key.partition(":")[0], type(error).__name__)
                return None
            finally:
                self._asking.pop(key, None)

        self._asking[key] = asyncio.create_task(ask())
        return self._asking[key]
