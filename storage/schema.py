"""Whether the database is at the newest migration. An empty one is brought there; nothing else is touched.

Alembic is loaded only where there is something to migrate: most starts do without it.
"""

import asyncio
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from storage.database import Unusable, usable
from storage.store import Store

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent / "migrations"
ANSWERS_WITHIN = 20.0
"""Seconds. A server that a firewall hides would else be waited for until the system gives up, which are minutes."""


MOVED = "moved"
"""In place of a migration, in a database whose content is in another one now (storage/moving.py)."""


class SchemaError(Unusable):
    """The database is older or newer than this code; the text says what to do."""


def newest() -> str:
    """The revision of the last migration that comes along, as its file is named."""
    return max(each.name.partition("_")[0] for each in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def configuration() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


@cache
def scripts() -> "ScriptDirectory":
    """The migrations that come along; read once, for that imports every one of them."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(configuration())


async def prepare(store: Store, *, may_create: bool = True) -> None:
    """An empty database is brought to the newest migration; of several processes that start on it one does, the others wait.

    Raises SchemaError when the schema is older or newer than this code, Unusable when the database cannot be reached or
    does not let us make tables.
    """
    with usable():
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                # in this order: another process may make the tables, and their version, between the two looks
                empty = await store.is_empty()
                version = await store.schema_version()
        except TimeoutError:
            raise Unusable("The database cannot be used: it does not answer") from None
        if version is None and may_create and empty:
            async with store.engine.begin() as connection:
                await connection.run_sync(upgrade)
            return
    check_newest(version)


def check_newest(version: str | None) -> None:
    """Raises SchemaError where the database is at another migration than the newest."""
    wanted = newest()
    if version != wanted:
        check_known(version, scripts())
        raise SchemaError(
            f"The database is at migration {version or 'none'}, the code wants {wanted}. Run: numberdesk migrate"
        )


def check_known(version: str | None, scripts: "ScriptDirectory") -> None:
    """Raises SchemaError where no upgrade helps: the database is of a newer version, or not in use any more."""
    if version == MOVED:
        raise SchemaError("What was in this database was moved to another one, whose address belongs here")
    if version is not None and version not in {each.revision for each in scripts.walk_revisions()}:
        raise SchemaError(
            f"The database is at migration {version}, which a newer Number Desk has made; this one ends at "
            f"{scripts.get_current_head()}. Start the newer one, or go back to a copy of the database"
        )


def migrate(url: str) -> None:
    """Brings it to the newest migration. What stands against it ends the process, with a line for the operator (migrations/env.py)."""
    from alembic import command

    config = configuration()
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))  # a password may have some
    command.upgrade(config, "head")


def upgrade(connection: Connection) -> None:
    from alembic import command

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
