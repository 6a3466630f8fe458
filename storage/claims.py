"""The one kind of claim: who alone changes a thing at Twilio that a person's press and the worker could both change.

What only the worker does needs none (rule 10). A claim runs out by itself, for whoever holds it may have died.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import Database
from storage.models import Bundle, MessagingService, now

CLAIM = timedelta(seconds=90)


class Claims(Database):
    async def free_all_claims(self) -> None:
        """At start on SQLite: no other process can hold one (rule 10). A service's are its purchase's own, which looks for what
        it began before it makes it again."""
        async with self.writing() as session:
            await session.exec(update(Bundle).values(claimed_by=None, claimed_until=None))


async def claim(
    session: AsyncSession,
    table: type[Bundle] | type[MessagingService],
    row_id: Any,
    by: str,
    *also: ColumnElement[bool],
) -> bool:
    """Whether the row is ``by``'s for ``CLAIM`` from now on: nobody had it, or whoever had it did for too long, or ``by`` itself.

    One that would last much longer than ``CLAIM`` is from before the clock stepped back: it has run out. Not a little longer:
    of two at once the one that was quicker may have read its clock later, and two processes' clocks differ."""
    moment = now()
    free = or_(
        col(table.claimed_until).is_(None),
        col(table.claimed_until) < moment,
        col(table.claimed_until) > moment + 2 * CLAIM,
        col(table.claimed_by) == by,
    )
    done = await session.exec(
        update(table)
        .where(col(table.id) == row_id, free, *also)
        .values(claimed_by=by, claimed_until=moment + CLAIM)
    )
    return bool(done.rowcount == 1)
