"""Rows as tests need them: a purchase with its quote, a draft; whatever differs is given by name. Or any row of any table."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Integer, Table
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.columns import Choice, Money, Utc
from storage.models import Bundle, Draft, Purchase, Quote, Service, State, new_id, now

NUMBER = "+442079460000"
OF_QUOTE = set(Quote.model_fields) - {"id", "workspace_id", "purchase_id"}
OF_PURCHASE = set(Purchase.model_fields)


def purchase(**values: Any) -> Purchase:
    """With its quote beside it: what belongs to which of the two follows from the name."""
    moment = now()
    of_both = {
        "id": new_id(),
        "workspace_id": "T0",
        "account_sid": "AC" + "0" * 32,
        "requester_id": "U0REQUESTER",
        "owner_id": values.get("requester_id", "U0REQUESTER"),
        "channel_id": "C0NUMBERS",
        "purpose": "Reminders",
        "state": State.AWAITING_APPROVAL,
        "created_at": moment,
        "updated_at": moment,
        "quoted_at": moment,
        "phone_number": NUMBER,
        "country": "GB",
        "number_type": "mobile",
        "capabilities": ["sms", "voice"],
        "price": Decimal("1.15"),
        "ceiling": Decimal("1.15"),
        "currency": "USD",
        "service": Service.NONE,
        **values,
    }
    unknown = set(of_both) - OF_QUOTE - OF_PURCHASE
    assert not unknown, f"neither a purchase nor a quote has {unknown}"
    made = Purchase(**{name: value for name, value in of_both.items() if name in OF_PURCHASE})
    made.quote = Quote(
        purchase_id=made.id,
        workspace_id=made.workspace_id,
        **{
            "quote_no": made.quote_no,
            "revision": made.revision,
            **{name: value for name, value in of_both.items() if name in OF_QUOTE},
        },
    )
    return made


async def add(session: AsyncSession, row: Purchase) -> Purchase:
    """The purchase and its quote in the database."""
    quote = row.quote
    session.add(row)
    await session.flush()
    session.add(quote)
    await session.flush()
    return row


def draft(**values: Any) -> Draft:
    """values: columns; ``find``, ``choose``, ``end_user``, ``review``: what was typed on these pages."""
    moment = now()
    pages = {name: values.pop(name) for name in ("find", "choose", "end_user", "review") if name in values}
    return Draft(
        **{
            "id": new_id(),
            "workspace_id": "T0",
            "account_sid": "AC" + "0" * 32,
            "requester_id": "U0REQUESTER",
            "channel_id": "C0NUMBERS",
            "created_at": moment,
            "updated_at": moment,
            "answers": pages,
            **values,
        }
    )


def bundle(**values: Any) -> Bundle:
    return Bundle(
        **{
            "workspace_id": "T0",
            "account_sid": "AC" + "0" * 32,
            "sid": "BU0",
            "friendly_name": "Shop",
            "country": "GB",
            "number_type": "mobile",
            "end_user_type": "business",
            "status": "draft",
            **values,
        }
    )


# of any table, as it is: what no test has thought of is in it too

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def any_row(table: Table, n: int, *, bare: bool = False) -> dict[str, Any]:
    """The row of this number, which refers to those of the same number. bare: what may be empty is."""
    return {
        column.name: None if bare and column.nullable else _any_value(column, n) for column in table.columns
    }


def _any_value(column: "Column[Any]", n: int) -> Any:
    kind = column.type
    if column.foreign_keys:
        (foreign,) = column.foreign_keys
        return _any_value(foreign.column, n)
    if isinstance(kind, Choice):
        choices = list(kind.kind)
        return choices[n % len(choices)]
    if isinstance(kind, Money):
        return Decimal(n) / 100
    if isinstance(kind, Utc | DateTime):
        return NOON + timedelta(seconds=n)
    if isinstance(kind, JSON):
        return {"n": n, "名": ["\u00e9", None, 1.5, True, {}], "b": "\"'\\\n"}
    if isinstance(kind, Boolean):
        return n % 2 == 1
    if isinstance(kind, Integer):
        return n
    text = f"{column.name} {n} '\"\\\n％😀"
    return text[-getattr(kind, "length", None) :] if getattr(kind, "length", None) else text
