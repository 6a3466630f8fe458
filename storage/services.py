"""Messaging services made under a name, by one purchase at a time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.database import Database
from storage.models import MessagingService, now

CLAIM = timedelta(seconds=60)


class MessagingServices(Database):
    async def service_named(self, workspace_id: str, account_sid: str, name: str) -> MessagingService:
        """The one row for this name, inserted when there is none."""
        for _ in range(2):
            async with self.reading() as session:
                row = (
                    await session.exec(
                        select(MessagingService).where(
                            MessagingService.account_sid == account_sid, MessagingService.name == name
                        )
                    )
                ).first()
            if row is not None:
                return row
            try:
                async with self.writing() as session:
                    session.add(
                        MessagingService(workspace_id=workspace_id, account_sid=account_sid, name=name)
                    )
            except IntegrityError:
                continue
        raise RuntimeError("a messaging service can be neither inserted nor found")

    async def claim_service(self, service: MessagingService, by: str) -> bool:
        """Whether this purchase is now the one that makes the service; its own claim from before counts.

        Not when somebody has made it since ``service`` was read.
        """
        return await self._update_service(
            service,
            and_(
                col(MessagingService.sid).is_not_distinct_from(service.sid),
                or_(
                    col(MessagingService.claimed_by).is_(None),
                    col(MessagingService.claimed_by) == by,
                    col(MessagingService.claimed_until) < now(),
                ),
            ),
            {"claimed_by": by, "claimed_until": now() + CLAIM},
        )

    async def service_made(self, service: MessagingService, sid: str | None) -> None:
        """The SID it has at Twilio (None: it is gone there), and the claim given back. Whoever read a list before does
        not find it there, hence the time."""
        made_at = now() if sid is not None else None
        values = {"sid": sid, "made_at": made_at, "claimed_by": None, "claimed_until": None}
        await self._update_service(service, None, values)

    async def _update_service(
        self, service: MessagingService, condition: Any, values: Mapping[str, Any]
    ) -> bool:
        statement = update(MessagingService).where(col(MessagingService.id) == service.id)
        if condition is not None:
            statement = statement.where(condition)
        async with self.writing() as session:
            done = await session.exec(statement.values(**values))
            return bool(done.rowcount == 1)
