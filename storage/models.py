"""What the bot remembers. The row in the database is the truth; messages and modals are pictures of it.

Every table carries the Slack workspace's id. Dicts and lists in JSON columns are replaced, never changed in place.
"""

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from storage.columns import Choice, Money, Utc

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


class State(StrEnum):
    """Who has the ball: draft, needs_changes the requester; awaiting_approval the approvers; in_progress the bot."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    IN_PROGRESS = "in_progress"
    NEEDS_CHANGES = "needs_changes"
    COMPLETE = "complete"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    FAILED = "failed"


MOVES: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_APPROVAL, State.WITHDRAWN}),
    State.AWAITING_APPROVAL: frozenset({State.IN_PROGRESS, State.DENIED, State.WITHDRAWN, State.LAPSED}),
    State.IN_PROGRESS: frozenset(
        {State.COMPLETE, State.NEEDS_CHANGES, State.AWAITING_APPROVAL, State.FAILED, State.WITHDRAWN}
    ),
    State.NEEDS_CHANGES: frozenset({State.IN_PROGRESS, State.AWAITING_APPROVAL, State.WITHDRAWN}),
    State.FAILED: frozenset({State.IN_PROGRESS}),
}

HOLDING = (
    State.AWAITING_APPROVAL,
    State.IN_PROGRESS,
    State.NEEDS_CHANGES,
    State.COMPLETE,
    State.FAILED,
)
"""States in which a purchase keeps its number from all others. A bought number is kept for good."""

_HOLDS = text(f"state IN ({', '.join(repr(str(s)) for s in HOLDING)}) OR phone_number_sid IS NOT NULL")


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return secrets.token_hex(6)


def utc(*, nullable: bool = True, index: bool = False) -> Any:
    return Column(Utc, nullable=nullable, index=index)


def column(
    kind: TypeEngine[Any] | type[TypeEngine[Any]],
    phrase: str,
    *,
    default: Any = None,
    nullable: bool = False,
    key: bool = False,
    refers_to: str | None = None,
    name: str | None = None,
) -> Any:
    """A column with its phrase. No ``default_factory``: SQLModel inspects its signature at every construction."""
    foreign = [ForeignKey(refers_to)] if refers_to else []
    made = (
        Column(name, kind, *foreign, nullable=nullable, primary_key=key)
        if name
        else Column(kind, *foreign, nullable=nullable, primary_key=key)
    )
    return Field(default=default, sa_column=made, description=phrase)


_OWED = text("done_at IS NULL")


def partial(name: str, *columns: str, where: Any, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


class Purchase(SQLModel, table=True):
    """One number that somebody wants, from the first form to the number in use."""

    __tablename__ = "purchases"
    __table_args__ = (
        Index(  # one number, one live purchase, whatever the workspace
            "uq_purchases_live_number",
            "account_sid",
            "phone_number",
            unique=True,
            sqlite_where=_HOLDS,
            postgresql_where=_HOLDS,
        ),
        Index("ix_purchases_state_wake_at", "state", "wake_at"),
        Index("ix_purchases_requester_id_updated_at", "requester_id", "updated_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    workspace_id: str
    account_sid: str
    requester_id: str
    state: State = Field(default=State.DRAFT, sa_column=Column(Choice(State), nullable=False))
    version: int = 0
    created_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))
    updated_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))

    # the pages: what was typed on each, as typed, and what it means
    page: str | None = None
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    country: str | None = None
    number_type: str | None = None
    capabilities: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    contains: str | None = None
    purpose: str | None = None
    filters: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    results: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    searched_at: datetime | None = Field(default=None, sa_column=utc())
    results_page: int = 0
    phone_number: str | None = None
    number: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    regulated: bool = False
    end_user_type: str | None = None
    bundle_id: str | None = Field(default=None, foreign_key="bundles.id")
    address_sid: str | None = None
    wanted_service_sid: str | None = None
    wanted_service_name: str | None = None
    if_gone: str = "ask"

    # the money: what was quoted last, and what an approval of it covers
    quote: int = 0
    price: Decimal | None = Field(default=None, sa_column=Column(Money))
    currency: str | None = None
    ceiling: Decimal | None = Field(default=None, sa_column=Column(Money))
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=utc())
    reason: str | None = None

    # the steps: a filled column is a finished step
    bundle_approved_at: datetime | None = Field(default=None, sa_column=utc())
    buying_at: datetime | None = Field(default=None, sa_column=utc())
    looks: int = 0
    phone_number_sid: str | None = None
    messaging_service_sid: str | None = None
    attached_at: datetime | None = Field(default=None, sa_column=utc())
    checked_at: datetime | None = Field(default=None, sa_column=utc())

    # the work: when to go on, what it waits for, what is wrong; sentences as ``{"say": ..., "with": {...}}``
    wake_at: datetime | None = Field(default=None, sa_column=utc())
    waiting: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    problem: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    alternatives: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    unchecked: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    tries: int = 0
    lease: str | None = None
    leased_until: datetime | None = Field(default=None, sa_column=utc())

    @property
    def mark(self) -> str:
        """The friendly name by which a number at Twilio is known as this purchase's."""
        return f"Number Desk {self.id}"

    @property
    def can_text(self) -> bool:
        has = self.number.get("capabilities", [])
        return "sms" in has or "mms" in has


class Quote(SQLModel, table=True):
    """Number and price at a moment; what an approval is given for."""

    __tablename__ = "quotes"
    __table_args__ = (UniqueConstraint("purchase_id", "quote"),)

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    purchase_id: str = Field(foreign_key="purchases.id")
    quote: int
    phone_number: str
    price: Decimal = Field(sa_column=Column(Money, nullable=False))
    ceiling: Decimal = Field(sa_column=Column(Money, nullable=False))
    currency: str
    quoted_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))


class Approval(SQLModel, table=True):
    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("purchase_id", "quote", "person_id"),)

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    purchase_id: str = Field(foreign_key="purchases.id")
    quote: int
    person_id: str
    approved_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))


class Event(SQLModel, table=True):
    """A line of the record: who did what when to which purchase or bundle, with the quote. Only ever added to."""

    __tablename__ = "record"

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    purchase_id: str | None = Field(default=None, foreign_key="purchases.id", index=True)
    bundle_id: str | None = Field(default=None, foreign_key="bundles.id", index=True)
    happened_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))
    person_id: str | None = None  # None: the bot
    what: str
    quote: int = 0
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Bundle(SQLModel, table=True):
    """A regulatory bundle as last read from Twilio. No person's data: SIDs and states only."""

    __tablename__ = "bundles"
    __table_args__ = (
        UniqueConstraint("account_sid", "sid"),
        Index("ix_bundles_account_sid_country_number_type", "account_sid", "country", "number_type"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    workspace_id: str
    account_sid: str
    sid: str  # ``new`` and the id while it is being made here; found again at Twilio by its name
    friendly_name: str
    country: str
    number_type: str
    end_user_type: str
    regulation_sid: str | None = None
    status: str
    valid_until: datetime | None = Field(default=None, sa_column=utc())
    created_at: datetime | None = Field(default=None, sa_column=utc())  # these two by Twilio's clock
    updated_at: datetime | None = Field(default=None, sa_column=utc())
    address_sids: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    read_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))

    # who made it here, and how far; None and empty for one that was made in the Console
    made_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_column=utc())
    group: int | None = Field(default=None, sa_column=Column("document_group", Integer))
    addresses: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))

    # what became of it
    submitted_by: str | None = None
    submitted_at: datetime | None = Field(default=None, sa_column=utc())
    decided_at: datetime | None = Field(default=None, sa_column=utc())
    lapse_told: int | None = None  # days ahead of ``valid_until`` of the last warning

    @property
    def is_made(self) -> bool:
        """Whether Twilio is known to have it."""
        return self.sid.startswith("BU")

    @property
    def mark(self) -> str:
        """The friendly name of what belongs to it at Twilio: end user, documents, addresses."""
        return f"Number Desk {self.id}"


class MessagingService(SQLModel, table=True):
    """A messaging service made, or being made, under a name. One purchase at a time holds the claim to make it."""

    __tablename__ = "messaging_services"
    __table_args__ = (UniqueConstraint("account_sid", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    account_sid: str
    name: str
    sid: str | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_column=utc())


class Card(SQLModel, table=True):
    """Where a purchase is shown, and which version of it."""

    __tablename__ = "cards"

    purchase_id: str = column(String(32), "what it shows", key=True, refers_to="purchases.id")
    workspace_id: str = column(String, "Slack's team")
    channel_id: str = column(String, "the approvals channel at the time")
    ts: str | None = column(String, "the message; none before it is posted", nullable=True)
    permalink: str | None = column(String, "its link, once Slack gave it", nullable=True)
    drawn_version: int = column(Integer, "the purchase's version that it shows", default=-1)


class Outgoing(SQLModel, table=True):
    """Something that Slack is owed: a message, or a card to be drawn. Done rows stay for 30 days."""

    __tablename__ = "outbox"
    __table_args__ = (
        partial("ix_outbox_address", "address", "id", where=_OWED),
        partial("ix_outbox_due_at", "due_at", where=_OWED),
        partial("uq_outbox_one_drawing", "drawing_of", where=_OWED, unique=True),
        partial("ix_outbox_purchase_id", "purchase_id", where=_OWED),
        Index("ix_outbox_done_at", "done_at"),
    )

    id: int | None = column(Integer, "in the order of owing", key=True)
    workspace_id: str = column(String, "Slack's team")
    kind: str = column(String, "card, thread, direct, operators, bundle, bundle_direct, link")
    address: str = column(String, "a channel, or a person")
    purchase_id: str | None = column(
        String(32), "whose card it belongs to", nullable=True, refers_to="purchases.id"
    )
    bundle_id: str | None = column(
        String(32), "which bundle it is about", nullable=True, refers_to="bundles.id"
    )
    drawing_of: str | None = column(String(32), "the purchase whose card is to be drawn", nullable=True)
    version: int = column(Integer, "the version of it that has to be shown at least", default=0)
    after_card: bool = column(Boolean, "whether it waits until the card is posted", default=False)
    message: dict[str, Any] = column(JSON, "the sentence to be told", default={})
    created_at: datetime = column(Utc, "when it was owed")
    due_at: datetime = column(Utc, "when to try next")
    tries: int = column(Integer, "how often in vain", default=0)
    done_at: datetime | None = column(Utc, "when it was delivered or dropped", nullable=True)
    outcome: str | None = column(String, "delivered, or why it was dropped", nullable=True)
    ts: str | None = column(String, "the message that was posted", nullable=True)


class Trouble(SQLModel, table=True):
    """Something that keeps the whole installation from working, told to the operators once (rule 34)."""

    __tablename__ = "troubles"

    key: str = column(String, "what it is, such as slack:SLACK_BOT_TOKEN", key=True)
    workspace_id: str = column(String, "Slack's team")
    since: datetime = column(Utc, "when it was noticed")
    said: dict[str, Any] = column(JSON, "the sentence, with the setting's name")


class Person(SQLModel, table=True):
    __tablename__ = "people"

    user_id: str = Field(primary_key=True)
    workspace_id: str
    locale: str
    dm_channel: str | None = None
    read_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))


class Kept(SQLModel, table=True):
    """Something read from Twilio or Slack, with its age: countries, prices, services, members of a group."""

    __tablename__ = "kept"

    workspace_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: Any = Field(default=None, sa_column=Column(JSON, nullable=False))
    read_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False))
