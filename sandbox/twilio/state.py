"""What the Twilio twin remembers: accounts with what they own, the market, and the clock."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.twilio.inventory import Market
from sandbox.twilio.regulations import Regulations

MAIN_SID = "AC" + "0" * 32
API_KEY_SID, API_SECRET, AUTH_TOKEN = "SK" + "0" * 32, "sandbox-secret", "sandbox-auth-token"
TEST_SID, TEST_TOKEN = "AC" + "f" * 32, "sandbox-test-token"


@dataclass(frozen=True)
class Credentials:
    """Whose call it is. kind: ``main`` (Auth Token), ``standard`` (API key), ``test``."""

    kind: str
    account_sid: str


@dataclass
class Clock:
    """The twin's time: the machine's, moved forward on request, and what is due at some later time."""

    ahead: timedelta = timedelta()
    changed: Callable[[], None] = lambda: None
    _due: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._order), action))
        self.changed()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now() + timedelta(seconds=seconds), action)

    def run_due(self) -> None:
        while self._due and self._due[0][0] <= self.now():
            heapq.heappop(self._due)[2]()

    def seconds_to_next(self) -> float | None:
        return max(0.0, (self._due[0][0] - self.now()).total_seconds()) if self._due else None


class Sids:
    """SIDs that are the same in every run with the same seed."""

    def __init__(self, seed: int) -> None:
        self._seed, self._made = seed, Counter[str]()

    def new(self, prefix: str) -> str:
        self._made[prefix] += 1
        text = f"{self._seed}:{prefix}:{self._made[prefix]}"
        return prefix + hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class Owned:
    """A phone number of the account, with what it cost when it was bought."""

    sid: str
    phone_number: str
    friendly_name: str
    country: str
    number_type: str
    capabilities: frozenset[str]
    address_requirements: str
    beta: bool
    cost: Decimal
    created_at: datetime
    updated_at: datetime
    address_sid: str | None = None
    bundle_sid: str | None = None
    identity_sid: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Address:
    sid: str
    customer_name: str
    friendly_name: str | None
    street: str
    street_secondary: str | None
    city: str
    region: str
    postal_code: str
    iso_country: str
    emergency_enabled: bool
    created_at: datetime
    updated_at: datetime
    validated: bool = True
    verified: bool = False


@dataclass
class EndUser:
    sid: str
    friendly_name: str
    type: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass
class Document:
    sid: str
    friendly_name: str
    type: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    mime_type: str | None = None
    filename: str | None = None
    size: int = 0
    status: str = "draft"
    failure_reason: str | None = None
    errors: list[dict[str, int]] | None = None

    @property
    def address_sids(self) -> list[str]:
        sids = self.attributes.get("address_sids")
        return [s for s in sids if isinstance(s, str)] if isinstance(sids, list) else []


@dataclass
class Item:
    """An item assignment: an end user or a document in a bundle."""

    sid: str
    object_sid: str
    created_at: datetime


@dataclass
class Bundle:
    sid: str
    friendly_name: str
    email: str
    regulation_sid: str
    status_callback: str | None
    created_at: datetime
    updated_at: datetime
    status: str = "draft"
    valid_until: datetime | None = None
    is_test: bool = False
    copy_of: str | None = None
    failure_reason: str | None = None
    items: dict[str, Item] = field(default_factory=dict)
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: int = 0

    @property
    def is_fixed(self) -> bool:
        """In review, or approved: what it holds cannot change [assumed]."""
        return self.status not in ("draft", "twilio-rejected")


@dataclass
class Service:
    """A messaging service. ``numbers`` maps the PN SID to when it was attached."""

    sid: str
    friendly_name: str
    created_at: datetime
    updated_at: datetime
    settings: dict[str, Any]
    numbers: dict[str, datetime] = field(default_factory=dict)
    campaigns: dict[str, dict[str, Any]] = field(default_factory=dict)
    """A2P campaigns as the API shows them, by SID: one at most."""
    channel_senders: dict[str, datetime] = field(default_factory=dict)
    """WhatsApp senders, and when each was added."""


@dataclass(frozen=True)
class Fate:
    """How a message ends: delivered, undelivered, failed, or ``sent`` when nothing more is heard of it."""

    status: str = "delivered"
    error_code: int | None = None
    after: float = 1.5
    """Seconds after it was sent for."""


@dataclass
class Message:
    sid: str
    to: str
    body: str
    created_at: datetime
    updated_at: datetime
    status: str
    from_: str | None = None
    service_sid: str | None = None
    status_callback: str | None = None
    direction: str = "outbound-api"
    is_template: bool = False
    media: int = 0
    segments: int = 0
    sent_at: datetime | None = None
    price: Decimal | None = None
    error_code: int | None = None
    error_message: str | None = None


@dataclass
class Account:
    """One account with everything it owns, each kind by SID, oldest first."""

    sid: str
    friendly_name: str
    auth_token: str
    created_at: datetime
    owner_sid: str
    type: str = "Full"
    status: str = "active"
    balance: Decimal | None = Decimal("500.00")
    currency: str = "USD"
    denied: list[str] = field(default_factory=list)
    """What a restricted key may not read: parts of paths, such as ``Balance``."""
    has_parent: bool = False
    """As a subaccount, which has no balance of its own."""
    purchases: int = 0
    owned: dict[str, Owned] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)
    end_users: dict[str, EndUser] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    senders: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """The code that WhatsApp asks of a number when it is registered as a sender."""
    tollfree_verifications: dict[str, dict[str, Any]] = field(default_factory=dict)
    brands: dict[str, dict[str, Any]] = field(default_factory=dict)
    geo_permissions: set[str] = field(default_factory=lambda: {"US"})
    """Countries that may be texted: at first the account's own."""
    fates: dict[str, Fate] = field(default_factory=dict)
    """What somebody ordered to become of messages to a number."""
    opted_out: set[tuple[str, str]] = field(default_factory=set)
    """(service, or number outside all services; person who wrote STOP)."""
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    caller_ids: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def numbers_bought(self) -> list[str]:
        """E.164, oldest first."""
        return [n.phone_number for n in self.owned.values()]

    def number(self, phone_number: str) -> Owned | None:
        return next((n for n in self.owned.values() if n.phone_number == phone_number), None)

    def service_of(self, number_sid: str) -> Service | None:
        return next((s for s in self.services.values() if number_sid in s.numbers), None)

    def documents_of(self, bundle: Bundle) -> list[Document]:
        found = (self.documents.get(item.object_sid) for item in bundle.items.values())
        return [d for d in found if d]

    def end_users_of(self, bundle: Bundle) -> list[EndUser]:
        found = (self.end_users.get(item.object_sid) for item in bundle.items.values())
        return [e for e in found if e]


@dataclass
class Callback:
    """A POST that the twin owes to the app; ``kind`` is ``bundle`` or ``message``."""

    kind: str
    url: str
    form: dict[str, str]
    auth_token: str


@dataclass
class World:
    """All accounts, what is for sale, the regulations and the time."""

    seed: int
    market: Market
    regulations: Regulations
    clock: Clock
    sids: Sids
    accounts: dict[str, Account]
    review_after: float | None = None
    high_risk: set[str] = field(default_factory=set)
    """Countries whose permission a customer cannot change by himself."""
    send_callback: Callable[[Callback], None] = lambda _callback: None

    def note(self, account: Account, event: str, number: Owned, source: str) -> None:
        """An audit event of a phone number: ``created`` or ``deleted``, by ``api`` or ``web``."""
        sid = self.sids.new("AE")
        account.events[sid] = {
            "sid": sid,
            "type": f"phone-number.{event}",
            "resource_sid": number.sid,
            "phone_number": number.phone_number,
            "source": source,
            "at": self.now(),
        }

    @property
    def main(self) -> Account:
        return self.accounts[MAIN_SID]

    def now(self) -> datetime:
        return self.clock.now()
