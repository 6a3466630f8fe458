"""Messaging services made under a name, by one purchase at a time."""

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.claims import claim
from storage.database import Database
from storage.models import MessagingService, now


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

    async def service_made_here(self, account_sid: str, sid: str) -> MessagingService | None:
        """The row of a service that we have made, if we have."""
        of_ours = select(MessagingService).where(
            MessagingService.account_sid == account_sid, MessagingService.sid == sid
        )
        async with self.reading() as session:
            return (await session.exec(of_ours)).first()

    async def claim_service(self, service: MessagingService, by: str) -> bool:
        """Whether this purchase is now the one that makes the service; its own claim from before counts.

        Not when somebody has made it since ``service`` was read.
        """
        still = col(MessagingService.sid).is_not_distinct_from(service.sid)
        async with self.writing() as session:
            return await claim(session, MessagingService, service.id, by, still)

    async def service_made(self, service: MessagingService, sid: str | None) -> None:
        """The SID it has at Twilio (None: it is gone there), and the claim given back. Whoever read a list before does
        not find it there, hence the time."""
        made_at = now() if sid is not None else None
        async with self.writing() as session:
            await session.exec(
                update(MessagingService)
                .where(col(MessagingService.id) == service.id)
                .values(sid=sid, made_at=made_at, claimed_by=None, claimed_until=None)
            )
