"""What the bot remembers. The row in the database is the truth; messages and modals are pictures of it.

Each column has its phrase, which a test asks for. Dicts and lists in JSON columns are replaced, never changed in place.
How long a row lives is said in docs/operations.md.
"""

import secrets
from datetime import datetime
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
from sqlmodel import Field, Relationship, SQLModel

from storage.clock import now as now
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
    """Where a purchase stands, which says who has the ball."""

    AWAITING_APPROVAL = "awaiting_approval"
    """the approvers have it"""
    IN_PROGRESS = "in_progress"
    """the worker has it, also while it waits for a bundle, the balance or Twilio"""
    NEEDS_CHANGES = "needs_changes"
    """not bought, and a person has to choose"""
    FAILED = "failed"
    """bought, or perhaps bought, and a person has to choose"""
    COMPLETE = "complete"
    """bought and, where it can text and a service was asked for, in it"""
    DENIED = "denied"
    """an approver said no"""
    WITHDRAWN = "withdrawn"
    """taken back before anything was bought"""
    LAPSED = "lapsed"
    """nobody answered in time"""
    ENDED = "ended"
    """a person ended one that had stopped"""
    RELEASED = "released"
    """bought once, and not in the Twilio account any more"""


MOVES: dict[State, frozenset[State]] = {
    State.AWAITING_APPROVAL: frozenset({State.IN_PROGRESS, State.DENIED, State.WITHDRAWN, State.LAPSED}),
    State.IN_PROGRESS: frozenset(
        {State.COMPLETE, State.NEEDS_CHANGES, State.AWAITING_APPROVAL, State.FAILED, State.WITHDRAWN}
    ),
    State.NEEDS_CHANGES: frozenset(
        {State.IN_PROGRESS, State.AWAITING_APPROVAL, State.WITHDRAWN, State.ENDED}
    ),
    State.FAILED: frozenset({State.IN_PROGRESS, State.ENDED, State.RELEASED}),
    State.COMPLETE: frozenset({State.IN_PROGRESS, State.RELEASED}),
}
"""Where a purchase may go; the states that are missing are ends."""

STOPPED = (State.NEEDS_CHANGES, State.FAILED)
UNFINISHED = (State.AWAITING_APPROVAL, State.IN_PROGRESS, *STOPPED)


class Service(StrEnum):
    """Which messaging service a number shall be put into."""

    NONE = "none"
    """no service"""
    EXISTING = "existing"
    """the one with this SID and this name"""
    NEW = "new"
    """one that is to be made under this name"""


class IfGone(StrEnum):
    """What happens when somebody else has bought the number first."""

    ASK = "ask"
    """a person chooses"""
    CLOSEST = "closest"
    """the closest match up to the ceiling is taken"""


class WhatsApp(StrEnum):
    """How far the WhatsApp sender of a number is, where one is wanted."""

    ASKED = "asked"
    """nothing was sent to Twilio, or it was and came to nothing"""
    REGISTERING = "registering"
    """the intent: written before the call, settled by Twilio's list of senders alone (rule 2)"""
    REGISTERED = "registered"
    """Twilio has the sender"""
    REFUSED = "refused"
    """a person has to decide"""


def new_id() -> str:
    return secrets.token_hex(6)


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


def utc(*, nullable: bool = True, index: bool = False) -> Any:
    return Column(Utc, nullable=nullable, index=index)


_OWED = text("done_at IS NULL")
_LIVE = text("released_at IS NULL")
_UNFINISHED = text("wake_at IS NOT NULL")
_RENEWING = text("renews_id IS NOT NULL AND status <> 'deleted'")
_INTENT = text("buying_at IS NOT NULL AND phone_number_sid IS NULL")


def partial(name: str, *columns: str, where: Any, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


class Draft(SQLModel, table=True):
    """A form that somebody opened and has not sent. What was typed stands in ``answers`` and nowhere else."""

    __tablename__ = "drafts"
    __table_args__ = (
        Index("ix_drafts_requester_id_updated_at", "requester_id", "updated_at"),
        Index("ix_drafts_updated_at", "updated_at"),
    )

    id: str = column(String(32), "the purchase will have it too", key=True)
    workspace_id: str = column(String, "Slack's team")
    account_sid: str = column(String, "the Twilio account that shall buy")
    requester_id: str = column(String, "who opened the form")
    channel_id: str = column(String, "where the command was typed")
    answer_url: str | None = column(
        String, "where the command can be answered, for half an hour", nullable=True
    )
    created_at: datetime = column(Utc, "when the form was opened")
    updated_at: datetime = column(Utc, "when something of it was last kept")
    version: int = column(Integer, "grows with each change; a page that is drawn late compares it", default=0)
    page: str | None = column(String, "the page to go on with; none before one was sent", nullable=True)
    answers: dict[str, dict[str, Any]] = column(JSON, "what was typed, by page and field", default={})
    results: list[dict[str, Any]] | None = column(
        JSON(none_as_null=True), "the numbers that were found, none before a search", nullable=True
    )
    results_page: int = column(Integer, "which ten of them are shown", default=0)
    regulated: bool | None = column(
        Boolean, "whether the number needs a bundle, none before Twilio was asked", nullable=True
    )
    bundle_id: str | None = column(
        String(32), "the bundle that was chosen or begun", nullable=True, refers_to="bundles.id"
    )

    def typed(self, page: str) -> dict[str, Any]:
        return self.answers.get(page, {})

    @property
    def country(self) -> str | None:
        return self.typed("find").get("country")

    @property
    def number_type(self) -> str | None:
        return self.typed("find").get("number_type")

    @property
    def purpose(self) -> str:
        return self.typed("find").get("purpose") or ""

    @property
    def number(self) -> dict[str, Any]:
        """The chosen one of the results; empty before one was chosen."""
        chosen = self.typed("choose").get("phone_number")
        return next((each for each in self.results or () if each["phone_number"] == chosen), {})

    @property
    def phone_number(self) -> str | None:
        return self.number.get("phone_number")

    @property
    def destinations(self) -> list[str]:
        """The countries it shall text, as they were typed."""
        return self.typed("find").get("destinations") or []

    @property
    def texts_to(self) -> tuple[str, ...]:
        """The countries that the chosen number shall text: its own where nothing was said."""
        return texts_to(self.number.get("capabilities", ()), self.destinations, self.country or "")

    @property
    def end_user_type(self) -> str | None:
        return self.typed("end_user").get("end_user_type") if self.regulated else None

    @property
    def address_sid(self) -> str | None:
        """Of the number as it is now: what was typed for another one does not count."""
        chosen = self.typed("end_user").get("address") or ""
        needed = not self.regulated and self.address_requirements != "none"
        return chosen if needed and chosen.startswith("AD") else None

    def address_is_elsewhere(self, bundle: "Bundle | None") -> bool:
        """Whether every address that it could be bought with lies in another town than the number, as page 3 found."""
        sids = (bundle.address_sids if bundle else [self.address_sid]) or []
        away = self.typed("end_user").get("elsewhere") or ()
        return bool(sids) and all(each in away for each in sids)

    @property
    def address_requirements(self) -> str:
        return self.number.get("address_requirements") or "none"

    @property
    def can_text(self) -> bool:
        return can_text(self.number.get("capabilities", ()))

    @property
    def twilio_name(self) -> str:
        """The name at Twilio of what is made for it there before it is sent: an address."""
        return f"Number Desk {self.id}"


class Purchase(SQLModel, table=True):
    """One number that somebody wants, from the moment the request is sent."""

    __tablename__ = "purchases"
    __table_args__ = (
        partial("ix_purchases_state_wake_at", "state", "wake_at", where=_UNFINISHED),
        partial("ix_purchases_account_sid_intents", "account_sid", where=_INTENT),
        Index("ix_purchases_requester_id_updated_at", "requester_id", "updated_at"),
    )

    id: str = column(String(32), "in buttons, records, and in part in the number's name at Twilio", key=True)
    workspace_id: str = column(String, "Slack's team")
    account_sid: str = column(String, "the Twilio account that buys")
    requester_id: str = column(String, "who asked for it")
    owner_id: str = column(String, "who answers for the number; at first who asked")
    channel_id: str = column(String, "where it was asked for; empty where that is not known")
    group_id: str | None = column(String(32), "of those that were asked for together", nullable=True)
    purpose: str = column(String, "what it is for, in the requester's words")
    state: State = column(Choice(State), "who has the ball")
    version: int = column(Integer, "grows with each change that a card shows", default=1)
    created_at: datetime = column(Utc, "when it was sent")
    updated_at: datetime = column(Utc, "when it last changed")
    quote_no: int = column(Integer, "the quote that was asked for last; approvals are for it", default=1)
    revision: int = column(Integer, "what became of that quote within its approval", default=0)

    rule: str | None = column(
        String,
        "the rule of the policy by which it was last judged; none before it was, empty: no rule is for it",
        nullable=True,
    )
    stage: int = column(Integer, "the stage of that rule whose people were called last", default=1)
    asked_at: datetime | None = column(
        Utc, "since when those who have to decide are asked; none before they were counted", nullable=True
    )
    reminders: int = column(Integer, "how often they were reminded", default=0)
    reminded_at: datetime | None = column(Utc, "when that was last", nullable=True)
    passed_on_stage: int = column(
        Integer, "the last stage that was passed on to others, who may decide, too", default=0
    )

    decided_by: str | None = column(String, "who gave the last approval, or the denial", nullable=True)
    decided_at: datetime | None = column(Utc, "when that was", nullable=True)
    reason: str | None = column(String, "why it was denied, withdrawn or ended", nullable=True)
    despite_balance_by: str | None = column(
        String, "who had it bought although the balance looked too low", nullable=True
    )

    bundle_approved_at: datetime | None = column(Utc, "step: the bundle is approved", nullable=True)
    buying_at: datetime | None = column(Utc, "the intent: written before the paid call", nullable=True)
    looks: int = column(Integer, "how often an open intent was looked for at Twilio", default=0)
    phone_number_sid: str | None = column(String, "step: bought", nullable=True)
    bought_at: datetime | None = column(Utc, "when it was bought or found to be ours", nullable=True)
    charged: Decimal | None = column(Money, "the price that was read directly before buying", nullable=True)
    messaging_service_sid: str | None = column(String, "step: the service is there", nullable=True)
    leaves_service_sid: str | None = column(
        String, "the service that it is moved out of, before it can join another one", nullable=True
    )
    attached_at: datetime | None = column(Utc, "step: the number is in the service", nullable=True)
    checked_at: datetime | None = column(
        Utc, "step: number and service were looked at; when that was last", nullable=True
    )
    findings: list[dict[str, Any]] = column(
        JSON, "what each check found, as bot/readiness.py keeps it", default=[]
    )
    proof: dict[str, Any] | None = column(
        JSON(none_as_null=True),
        "the last test message: its reference, SID and what became of it",
        nullable=True,
    )
    ready_at: datetime | None = column(Utc, "when a test message was delivered", nullable=True)
    whatsapp: dict[str, Any] | None = column(
        JSON(none_as_null=True),
        "how far its WhatsApp sender is (bot/purchases/whatsapp.py); none: it is not wanted",
        nullable=True,
    )
    releasing: dict[str, Any] | None = column(
        JSON(none_as_null=True),
        "the intent to release its number, with who, why and when (bot/purchases/releasing.py); none: there is none",
        nullable=True,
    )

    wake_at: datetime | None = column(
        Utc, "when to look at it again; none once it is finished", nullable=True
    )
    waiting: dict[str, Any] | None = column(
        JSON(none_as_null=True), "what it waits for, as a sentence to be told", nullable=True
    )
    problem: dict[str, Any] | None = column(
        JSON(none_as_null=True), "what is wrong, as a sentence with its kind", nullable=True
    )
    alternatives: list[dict[str, Any]] = column(JSON, "numbers that the card offers in its place", default=[])
    tries: int = column(Integer, "how often the step that is next was tried in vain", default=0)

    quote: "Quote" = Relationship(
        sa_relationship_kwargs={
            "primaryjoin": "and_(Quote.purchase_id == foreign(Purchase.id), "
            "Quote.quote_no == foreign(Purchase.quote_no), Quote.revision == foreign(Purchase.revision))",
            "lazy": "joined",
            "innerjoin": True,
            "viewonly": True,
            "uselist": False,
        }
    )

    @property
    def is_unbought(self) -> bool:
        """Surely: nothing was bought, and no try is open."""
        return self.buying_at is None and self.phone_number_sid is None

    @property
    def is_owned(self) -> bool:
        """Bought, and at rest: the worker is not about to do something with the number."""
        return self.phone_number_sid is not None and self.state in (State.FAILED, State.COMPLETE)

    @property
    def is_being_released(self) -> bool:
        """The intent is written, and it is not known that the number is gone."""
        return self.releasing is not None and self.is_owned

    @property
    def phone_number(self) -> str:
        return self.quote.phone_number

    @property
    def monthly_price(self) -> Decimal:
        """What it was bought at, in the quote's currency; until then what the quote says."""
        return self.quote.price if self.charged is None else self.charged

    @property
    def sender_id(self) -> str | None:
        """Its address on WhatsApp, where it is wanted there."""
        return f"whatsapp:{self.phone_number}" if self.whatsapp else None

    @property
    def proven_at(self) -> datetime | None:
        """When a test message was delivered in the way that the number was asked for last: where it is wanted, by WhatsApp."""
        if self.whatsapp is None:
            return self.ready_at
        at = self.whatsapp.get("delivered_at")
        return datetime.fromisoformat(at) if at else None

    @property
    def is_regulated(self) -> bool:
        return self.quote.regulated

    @property
    def wants_service(self) -> bool:
        return self.quote.can_text and self.quote.service != Service.NONE

    @property
    def subject(self) -> str:
        """What an approval of it names: the quote that was asked for, whatever its approval has covered since."""
        return f"quote:{self.id}:{self.quote_no}"

    @property
    def twilio_name(self) -> str:
        """The number's friendly name at Twilio, at most 64 characters: for people, and for finding it again."""
        ours = f" (nd-{self.id[:6]})"
        return " ".join(self.purpose.split())[: 64 - len(ours)].rstrip() + ours

    def is_named(self, friendly_name: str | None) -> bool:
        """Whether a number at Twilio carries this purchase's name, or the one that it had before (rule 42)."""
        return friendly_name in (self.twilio_name, f"Number Desk {self.id}")


class Quote(SQLModel, table=True):
    """All that an approval covers and all that buying reads, frozen: a row is never changed.

    ``quote_no`` counts what was asked for anew, ``revision`` what became of it within its approval.
    """

    __tablename__ = "quotes"
    __table_args__ = (
        UniqueConstraint("purchase_id", "quote_no", "revision"),
        Index("ix_quotes_bundle_id", "bundle_id"),
    )

    id: int | None = column(Integer, "in the order of asking", key=True)
    workspace_id: str = column(String, "Slack's team")
    purchase_id: str = column(String(32), "whose quote it is", refers_to="purchases.id")
    quote_no: int = column(Integer, "the how manieth that was asked for")
    revision: int = column(
        Integer, "0 as it was asked for; more: a change that its approval covers", default=0
    )
    quoted_at: datetime = column(Utc, "when it was frozen")
    phone_number: str = column(String, "E.164")
    country: str = column(String, "ISO 3166 alpha-2")
    number_type: str = column(String, "local, mobile, toll-free or national")
    capabilities: list[str] = column(JSON, "what the number can do", default=[])
    wanted: list[str] = column(JSON, "the capabilities that were asked for", default=[])
    locality: str = column(String, "its town as the search named it, or empty", default="")
    region: str = column(String, "its region, or empty", default="")
    contains: str = column(String, "the digits that were asked for, or empty", default="")
    filters: dict[str, Any] = column(JSON, "every parameter of the search that found it", default={})
    destinations: list[str] = column(JSON, "the countries it shall text, where that was said", default=[])
    address_requirements: str = column(
        String, "the address it needs: none, any, local or foreign", default="none"
    )
    address_sid: str | None = column(
        String, "AD...; none: not needed, in the bundle, or to be added", nullable=True
    )
    address_elsewhere: bool = column(
        Boolean, "whether that, or the bundle's, lay in another town than the number", default=False
    )
    regulated: bool = column(Boolean, "whether it needs a bundle", default=False)
    end_user_type: str | None = column(
        String, "business or individual, where a bundle is needed", nullable=True
    )
    bundle_id: str | None = column(
        String(32),
        "our row of the bundle; none: not needed, or to be added",
        nullable=True,
        refers_to="bundles.id",
    )
    service: Service = column(Choice(Service), "which messaging service it goes into", default=Service.NONE)
    service_sid: str | None = column(String, "MG... of one that exists", nullable=True)
    service_name: str = column(String, "the service's name, or empty", default="")
    price: Decimal = column(Money, "a month, in ``currency``")
    currency: str = column(String, "ISO 4217")
    ceiling: Decimal = column(Money, "the most that a substitute may cost a month")
    if_gone: IfGone = column(Choice(IfGone), "what happens when the number is gone", default=IfGone.ASK)
    instead_of: str | None = column(
        String, "the quoted number in whose place this one is taken within the approval", nullable=True
    )

    @property
    def can_text(self) -> bool:
        return can_text(self.capabilities)

    @property
    def texts_to(self) -> tuple[str, ...]:
        """The countries that it shall text: its own where nothing was said."""
        return texts_to(self.capabilities, self.destinations, self.country)

    @property
    def needs_address(self) -> bool:
        return self.address_requirements != "none"


def can_text(capabilities: Any) -> bool:
    return "sms" in capabilities or "mms" in capabilities


def texts_to(capabilities: Any, destinations: list[str], country: str) -> tuple[str, ...]:
    return tuple(destinations or (country,)) if can_text(capabilities) else ()


class Number(SQLModel, table=True):
    """A number that is held for a purchase or owned by the account, also one that was not bought here."""

    __tablename__ = "numbers"
    __table_args__ = (
        # one number, one live purchase (rule 7): no matter of the Slack workspace
        partial("uq_numbers_live", "account_sid", "phone_number", where=_LIVE, unique=True),
        Index("ix_numbers_purchase_id", "purchase_id"),
        Index("ix_numbers_phone_number_sid", "phone_number_sid"),
        partial("ix_numbers_wake_at", "wake_at", where=_UNFINISHED),
    )

    id: int | None = column(Integer, "in the order of holding", key=True)
    account_sid: str = column(String, "the Twilio account")
    phone_number: str = column(String, "E.164")
    phone_number_sid: str | None = column(String, "PN..., once it is owned", nullable=True)
    purchase_id: str | None = column(
        String(32),
        "for which it is held or was bought; none: bought elsewhere",
        nullable=True,
        refers_to="purchases.id",
    )
    held_at: datetime = column(Utc, "since when nobody else may have it here")
    owned_at: datetime | None = column(Utc, "since when Twilio lists it under the account", nullable=True)
    released_at: datetime | None = column(Utc, "since when it is free again", nullable=True)
    proof: dict[str, Any] | None = column(
        JSON(none_as_null=True),
        "the last test message from one that was not bought here, as a purchase has its own",
        nullable=True,
    )
    proven_at: datetime | None = column(
        Utc, "when a test message from such a one was delivered", nullable=True
    )
    wake_at: datetime | None = column(
        Utc, "when to look for what became of it; none: nothing is under way", nullable=True
    )


EMERGENCY = 0
"""The stage of an approval that stands for all of them."""


class Approval(SQLModel, table=True):
    """A person's yes to something that asks. Whether it counts is looked at anew each time (rule 8)."""

    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("subject", "stage", "person_id"),)

    id: int | None = column(Integer, "in the order of saying yes", key=True)
    workspace_id: str = column(String, "Slack's team")
    subject: str = column(String, "what is approved: ``quote:PURCHASE:NO`` for a purchase's quote")
    stage: int = column(Integer, "the stage of the rule; 0: in place of all, in an emergency", default=1)
    person_id: str = column(String, "who approved")
    approved_at: datetime = column(Utc, "when")
    rule: str = column(String, "the rule of the policy that let the person", default="")
    policy_version: str = column(String, "of the policy file by which it was looked at", default="")
    reason: str | None = column(String, "what the person said to it", nullable=True)


class Event(SQLModel, table=True):
    """A line of the record: who did what when. Only ever added to."""

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_purchase_id", "purchase_id"),
        Index("ix_record_bundle_id", "bundle_id"),
    )

    id: int | None = column(Integer, "in the order of happening", key=True)
    workspace_id: str = column(String, "Slack's team")
    purchase_id: str | None = column(
        String(32), "about which purchase", nullable=True, refers_to="purchases.id"
    )
    bundle_id: str | None = column(String(32), "about which bundle", nullable=True, refers_to="bundles.id")
    happened_at: datetime = column(Utc, "when")
    person_id: str | None = column(String, "who did it; none: the bot", nullable=True)
    what: str = column(String, "quote, approval, charge, denied, stopped ...")
    quote_no: int = column(Integer, "the purchase's quote at that time", default=0)
    details: dict[str, Any] = column(
        JSON, "codes and figures; never what an identity document says", default={}
    )


class Bundle(SQLModel, table=True):
    """A regulatory bundle as last read from Twilio. No person's data: SIDs and states only."""

    __tablename__ = "bundles"
    __table_args__ = (
        UniqueConstraint("account_sid", "sid"),
        Index("ix_bundles_account_sid_country_number_type", "account_sid", "country", "number_type"),
        # one renewal at a time
        partial("uq_bundles_renewing", "renews_id", where=_RENEWING, unique=True),
    )

    id: str = Field(
        default_factory=new_id,
        primary_key=True,
        max_length=32,
        description="our own, for buttons and for names at Twilio",
    )
    workspace_id: str = column(String, "Slack's team")
    account_sid: str = column(String, "the Twilio account")
    sid: str = column(String, "BU...; ``new`` and the id while it is made: it is found again by its name")
    friendly_name: str = column(String, "its name at Twilio")
    country: str = column(String, "ISO 3166 alpha-2")
    number_type: str = column(String, "as in its regulation")
    end_user_type: str = column(String, "business or individual")
    regulation_sid: str | None = column(String, "RN..., none for one from before it was kept", nullable=True)
    status: str = column(String, "as Twilio said last; ``deleted`` is our own word")
    valid_until: datetime | None = column(Utc, "when an approval lapses, if it does", nullable=True)
    created_at: datetime | None = column(Utc, "by Twilio's clock", nullable=True)
    updated_at: datetime | None = column(Utc, "by Twilio's clock", nullable=True)
    address_sids: list[str] | None = column(
        JSON(none_as_null=True), "the addresses of its documents, none when they were not read", nullable=True
    )
    read_at: datetime = Field(
        default_factory=now,
        sa_column=utc(nullable=False),
        description="when the question was asked whose answer this is",
    )

    made_by: str | None = column(String, "who made it here; none for the Console", nullable=True)
    claimed_by: str | None = column(String, "an id of whoever changes it at Twilio alone", nullable=True)
    claimed_until: datetime | None = column(Utc, "when that counts as dead", nullable=True)
    group: int | None = column(Integer, "the chosen set of documents", nullable=True, name="document_group")
    addresses: dict[str, str] = column(JSON, "the address of each document, by its place", default={})

    submitted_by: str | None = column(String, "who sent it to the review from here", nullable=True)
    submitted_at: datetime | None = column(Utc, "when its last review began", nullable=True)
    decided_at: datetime | None = column(Utc, "when that ended", nullable=True)
    lapse_told: int | None = column(
        Integer, "days ahead of ``valid_until`` of the last warning", nullable=True
    )
    renews_id: str | None = column(String, "of a copy the bundle that it shall renew", nullable=True)
    replacing: list[str] | None = column(
        JSON(none_as_null=True),
        "the end users and documents that it gives to that one: the intent, until Twilio has taken them",
        nullable=True,
    )

    @property
    def is_made(self) -> bool:
        """Whether Twilio is known to have it."""
        return self.sid.startswith("BU")

    @property
    def mark_id(self) -> str:
        """By which what belongs to it is found again at Twilio (``bot/twilio/names.py``): a copy's is to be the original's."""
        return self.renews_id or self.id


class MessagingService(SQLModel, table=True):
    """A messaging service made, or being made, under a name. One purchase at a time holds the claim to make it."""

    __tablename__ = "messaging_services"
    __table_args__ = (UniqueConstraint("account_sid", "name"),)

    id: int | None = column(Integer, "in the order of making", key=True)
    workspace_id: str = column(String, "Slack's team")
    account_sid: str = column(String, "the Twilio account")
    name: str = column(String, "as it was typed")
    sid: str | None = column(String, "MG... as it was made last; none: not made, or gone", nullable=True)
    made_at: datetime | None = column(Utc, "when: Twilio may show it late", nullable=True)
    claimed_by: str | None = column(String, "the purchase that is making it", nullable=True)
    claimed_until: datetime | None = column(Utc, "when that counts as dead", nullable=True)


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
    answer_url: str | None = column(String, "where it is tried first; none once it is done", nullable=True)
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


class Barred(StrEnum):
    """Why somebody may do nothing here, unless the policy names them (rule 16)."""

    GUEST = "guest"
    """a guest of one or of several channels"""
    BOT = "bot"
    """an app's user"""
    DEACTIVATED = "deactivated"
    """no longer a member of the workspace"""
    ELSEWHERE = "elsewhere"
    """of another company, in a channel that is shared with it"""


class Person(SQLModel, table=True):
    """Somebody in Slack, as last read from there."""

    __tablename__ = "people"

    user_id: str = column(String, "Slack's id", key=True)
    workspace_id: str = column(String, "Slack's team: where we met them")
    locale: str = column(String, "the language of their Slack, such as ja-JP")
    display_name: str | None = column(
        String, "as they call themselves; empty when hidden from us", nullable=True
    )
    team_id: str | None = column(String, "the Slack team that they belong to", nullable=True)
    barred: Barred | None = column(
        Choice(Barred), "why they may do nothing here; none: they may", nullable=True
    )
    dm_channel: str | None = column(String, "the app's direct messages with them", nullable=True)
    read_at: datetime = column(Utc, "when Slack said so")


class Home(SQLModel, table=True):
    """Somebody who has opened the app's Home lately: it is drawn again when what it shows has changed."""

    __tablename__ = "homes"
    __table_args__ = (Index("ix_homes_opened_at", "opened_at"),)

    user_id: str = column(String, "Slack's id", key=True)
    workspace_id: str = column(String, "Slack's team")
    opened_at: datetime = column(Utc, "when it was opened last")


class Kept(SQLModel, table=True):
    """Something read from Twilio or Slack, with its age: countries, prices, services, members of a group."""

    __tablename__ = "kept"

    workspace_id: str = column(String, "Slack's team", key=True)
    key: str = column(String, "what it is, such as prices:GB", key=True)
    value: Any = column(JSON, "as it was read")
    read_at: datetime = Field(default_factory=now, sa_column=utc(nullable=False), description="when")


class Office(SQLModel, table=True):
    """Which process is the worker: one row. On PostgreSQL it is held by the database's clock (rule 10)."""

    __tablename__ = "office"

    id: int = column(Integer, "always 1", key=True)
    epoch: int = column(Integer, "grows with each take-over; every result is written under it", default=0)
    holder: str = column(String, "who has it: host and process", default="")
    held_until: datetime = column(Utc, "by the database's clock")
