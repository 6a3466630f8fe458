"""Whether the database is at the newest migration. An empty one is brought there; nothing else is touched."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from storage.store import Store

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The text says which command to run."""


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


async def prepare(store: Store, *, may_create: bool = True) -> None:
    """An empty database is brought to the newest migration; of several processes that start on it one does, the others wait.

    Raises SchemaError when the schema is older or newer than this code.
    """
    newest = await asyncio.to_thread(lambda: ScriptDirectory.from_config(configuration()).get_current_head())
    version = await store.schema_version()
    if version is None and may_create and await store.is_empty():
        async with store.engine.begin() as connection:
            await connection.run_sync(upgrade)
        return
    if version != newest:
        raise SchemaError(
            f"The database is at migration {version or 'none'}, the code wants {newest}. Run: alembic upgrade head"
        )


def upgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
