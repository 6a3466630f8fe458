"""Keeps what is known of who may do what up to date: the policy file, the members of its lists, what waits for them."""

import logging

from bot import announcements as news
from bot.core import App
from bot.purchases.deciding import count_all_again
from bot.purchases.policy import PolicyFile
from bot.texts import Said
from storage.models import Trouble, now

log = logging.getLogger(__name__)

NOTICES = "policy:notices"
"""The key under which the database remembers which of the policy's notices were told."""


class Authority:
    def __init__(self, app: App, file: PolicyFile) -> None:
        self._app = app
        self._file = file
        self._followed = (app.policy, file.problem)
        """The policy and its trouble of which all has been told and judged."""
        self._undecidable: Said | None = None
        self._notices: tuple[Said, ...] | None = None
        """Those that this process knows to be told."""

    @property
    def troubles(self) -> dict[str, Said]:
        """What the operators have to know as it is now, by a key that stays the same: a file that cannot be used, lists
        that Slack does not show, requests that nobody could approve."""
        found = {f"policy:{list_id}": said for list_id, said in self._app.people.troubles.items()}
        if self._file.problem:
            found["policy:POLICY_FILE"] = self._file.problem
        if self._undecidable:
            found["policy:approve"] = self._undecidable
        return found

    async def look_at_file(self) -> None:
        """Every second, in each process: an edit is in force without a restart. What it changes for others is ``follow_edit``'s."""
        edit = await self._file.check()
        if edit is None:
            return
        if edit.problem:
            log.error("%s", edit.problem["with"]["reason"])
        if edit.policy:
            log.info("the policy has changed (version %s)", edit.policy.version)
            self._app.policy = edit.policy

    async def follow_edit(self) -> None:
        """Every second too, and beside it: the next edit does not wait until all that waits is judged by this one."""
        policy, problem = self._app.policy, self._file.problem
        if (policy, problem) != self._followed:
            await self.refresh(changed=policy != self._followed[0])
            self._followed = policy, problem

    async def refresh(self, changed: bool = False) -> None:
        """Every minute, by the worker; changed: the policy has, or is new to us. What waits is judged by the people of now."""
        app = self._app
        moved = await app.people.refresh_members(app.policy.groups, app.policy.channels)
        if moved or changed:
            self._undecidable = await app.policy.undecidable(app.people)
            if self._undecidable:
                log.error("POLICY_FILE: there are requests that nobody could approve")
            if app.office.is_ours:
                await count_all_again(app)
        await self._tell()

    async def _tell(self) -> None:
        """The operators, once of each trouble as it is and of each notice; by the worker, for all see the same."""
        app = self._app
        if not app.office.is_ours:
            return
        found = self.troubles
        for trouble in await app.store.troubles():
            if trouble.key.startswith("policy:") and found.get(trouble.key) != trouble.said:
                await app.store.close_trouble(trouble)
        for key, said in found.items():
            trouble = Trouble(key=key, workspace_id=app.workspace_id, since=now(), said=said)
            await app.store.open_trouble(trouble, [news.operators(app.settings, said)])
        if self._notices != app.policy.notices:
            owed = [news.operators(app.settings, each) for each in app.policy.notices]
            await app.store.advise(app.workspace_id, NOTICES, owed)
            self._notices = app.policy.notices
