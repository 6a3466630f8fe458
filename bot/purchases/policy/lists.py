"""Lists of people as the policy file has them: by id, as members of user groups, as members of channels."""

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bot.texts import Said

PersonId = Annotated[str, Field(pattern="^[UW][A-Z0-9]+$")]
GroupId = Annotated[str, Field(pattern="^S[A-Z0-9]+$")]
ChannelId = Annotated[str, Field(pattern="^[CG][A-Z0-9]+$")]


class Lookup(Protocol):
    """Who belongs to which list, and who is barred: asked of Slack (``People``), or as it is known (``People.as_known``)."""

    async def belongs(self, user_id: str, groups: list[str], channels: list[str]) -> bool: ...

    async def barred(self, person_id: str) -> Said | None: ...


class Known(Protocol):
    """What is known without asking Slack."""

    def listed(self, groups: list[str], channels: list[str]) -> frozenset[str] | None: ...

    def known_bar(self, person_id: str) -> Said | None: ...


class Part(BaseModel):
    """A table of the file; what does not belong there is complained of."""

    model_config = ConfigDict(extra="forbid")


class Lists(Part):
    people: list[PersonId] = []
    groups: list[GroupId] = []
    channels: list[ChannelId] = []

    @property
    def named(self) -> list[str]:
        """Those named by id: they are not barred as guests and bots are (rule 16)."""
        return self.people

    @property
    def is_empty(self) -> bool:
        return not (self.named or self.groups or self.channels)

    async def cover(self, user_id: str, people: Lookup) -> bool:
        """Whoever is barred counts only if named by id, not as a member of something. Raises CannotCheck."""
        if user_id in self.named:
            return True
        return await people.belongs(user_id, self.groups, self.channels) and not await people.barred(user_id)

    def known(self, people: Known) -> frozenset[str] | None:
        """Everybody it covers, as far as is known without asking Slack; None when a list was never read."""
        listed = people.listed(self.groups, self.channels)
        if listed is None:
            return None
        return frozenset({*self.named, *(each for each in listed if not people.known_bar(each))})


class Ask(Lists):
    """Nobody named: everybody in the workspace may ask."""

    except_: list[PersonId] = Field(default=[], alias="except")


class Bundles(Lists):
    """Who may make, send, mend and delete bundles, and add one to anybody's request. Nobody named: whoever may ask, and
    whoever may approve."""


class Release(Lists):
    """Who may release a number, where its rule does not say. Nobody named: whoever may approve one."""


class Operators(Lists):
    """Nobody named: the members of the operators' channel."""
