"""Who may ask and who may approve: the policy file, which the operator owns."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import MayNotApprove, MayNotAsk, MayNotGivePapers, NotYours, OwnRequest
from bot.settings import SettingsError
from bot.slack.people import People
from bot.texts import person
from storage.models import Purchase


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: list[str] = []
    groups: list[str] = []
    channels: list[str] = []

    @property
    def is_empty(self) -> bool:
        return not (self.people or self.groups or self.channels)

    async def cover(self, user_id: str, people: People) -> bool:
        return user_id in self.people or await people.belongs(user_id, self.groups, self.channels)


class Ask(_Rules):
    """Nobody named: everybody in the workspace may ask."""

    except_: list[str] = Field(default=[], alias="except")


class Approve(_Rules):
    approvals: int = Field(default=1, ge=1)
    own_request: bool = False


class Papers(_Rules):
    """Who may make, send, mend and delete bundles. Nobody named: whoever may ask, and whoever may approve."""


class Policy(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ask: Ask = Ask()
    approve: Approve
    papers: Papers = Papers()
    version: str = ""

    @property
    def groups(self) -> list[str]:
        return sorted({*self.ask.groups, *self.approve.groups, *self.papers.groups})

    @property
    def channels(self) -> list[str]:
        return sorted({*self.ask.channels, *self.approve.channels, *self.papers.channels})

    async def check_ask(self, user_id: str, people: People) -> None:
        """Raises MayNotAsk, CannotCheck."""
        if user_id in self.ask.except_:
            raise MayNotAsk()
        if not self.ask.is_empty and not await self.ask.cover(user_id, people):
            raise MayNotAsk()

    async def check_papers(self, user_id: str, people: People) -> None:
        """Raises MayNotGivePapers, CannotCheck."""
        if not self.papers.is_empty:
            if not await self.papers.cover(user_id, people):
                raise MayNotGivePapers()
            return
        if await self.approve.cover(user_id, people):
            return
        try:
            await self.check_ask(user_id, people)
        except MayNotAsk:
            raise MayNotGivePapers() from None

    async def check_approve(self, user_id: str, purchase: Purchase, people: People) -> None:
        """Raises MayNotApprove, OwnRequest, CannotCheck."""
        if not await self.approve.cover(user_id, people):
            raise MayNotApprove()
        if user_id == purchase.requester_id and not self.approve.own_request:
            raise OwnRequest()

    async def check_change(self, user_id: str, purchase: Purchase, people: People) -> None:
        """Whether the person may act for the purchase: the requester, or somebody who may approve. Raises NotYours."""
        if user_id != purchase.requester_id and not await self.approve.cover(user_id, people):
            raise NotYours(requester=person(purchase.requester_id))


def read(file: Path) -> Policy:
    """Raises SettingsError that says what is wrong in the file, and where."""
    try:
        policy = Policy.model_validate(tomllib.loads(file.read_text()))
    except FileNotFoundError:
        raise SettingsError(
            f"POLICY_FILE: there is no {file}. Copy policy.example.toml and say who may approve."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"POLICY_FILE: {file} is not TOML: {error}") from None
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        raise SettingsError(f"POLICY_FILE: {file} is not a policy:\n" + "\n".join(lines)) from None
    if policy.approve.is_empty:
        raise SettingsError(f"POLICY_FILE: {file} names nobody under [approve] who may approve.")
    return policy
