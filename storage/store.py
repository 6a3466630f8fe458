"""Every question to the database, by name."""

from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.bundle_list import BundleList
from storage.cache import Cache
from storage.drafts import Drafts
from storage.foreign import Foreign
from storage.history import History
from storage.numbers import Numbers
from storage.outbox import Outbox
from storage.purchases import Purchases
from storage.renewals import Renewals
from storage.services import MessagingServices
from storage.work import Work


class Store(
    Drafts, Purchases, Work, Numbers, Foreign, History, BundleList, Renewals, MessagingServices, Outbox, Cache
):
    """Opened with a database URL, closed with ``close``."""

    async def schema_version(self) -> str | None:
        """The Alembic revision that the database is at; None for an empty one."""
        return await _version(self.engine)

    async def is_empty(self) -> bool:
        """Whether it has no table at all: nobody else's database is written to."""
        async with self.engine.connect() as connection:
            return not await connection.run_sync(lambda each: inspect(each).get_table_names())


async def _version(engine: AsyncEngine) -> str | None:
    def read(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
        return None if row is None else str(row[0])

    async with engine.connect() as connection:
        return await connection.run_sync(read)
