"""What the numbers of an account cost a month, and who asked for them: what limits are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import col, select

from storage.database import Database
from storage.models import Number, Purchase, Quote, State


@dataclass(frozen=True)
class Commitment:
    """A number that a request holds, or that it bought and the account still owns."""

    purchase_id: str
    requester_id: str
    rule: str | None
    price: Decimal
    currency: str
    created_at: datetime
    decided_at: datetime | None
    is_approved: bool


class Commitments(Database):
    async def commitments(self, account_sid: str) -> Sequence[Commitment]:
        """Of every request that was made here; numbers that the account has from elsewhere are not among them."""
        async with self.reading() as session:
            rows = await session.exec(
                select(
                    Purchase.id,
                    Purchase.requester_id,
                    Purchase.rule,
                    Purchase.charged,
                    Quote.price,
                    Quote.currency,
                    Purchase.created_at,
                    Purchase.decided_at,
                    Purchase.state,
                )  # type: ignore[call-overload]  # SQLModel types four columns at the most
                .join(Number, col(Number.purchase_id) == col(Purchase.id))
                .join(
                    Quote,
                    (col(Quote.purchase_id) == col(Purchase.id))
                    & (col(Quote.quote_no) == col(Purchase.quote_no))
                    & (col(Quote.revision) == col(Purchase.revision)),
                )
                .where(Number.account_sid == account_sid, col(Number.released_at).is_(None))
            )
            return [
                Commitment(
                    purchase_id,
                    requester_id,
                    rule,
                    charged if charged is not None else price,
                    currency,
                    created_at,
                    decided_at,
                    state != State.AWAITING_APPROVAL,
                )
                for purchase_id, requester_id, rule, charged, price, currency, created_at, decided_at, state in rows
            ]
