"""Alembic's entry: the database of DATABASE_URL (or the URL that a caller has set), one upgrade at a time."""

import os
import sys
from typing import Any, Literal

from alembic import context
from alembic.runtime.migration import MigrationContext
from dotenv import dotenv_values
from sqlalchemy import URL, Connection, String, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

import storage.models  # noqa: F401  (fills the metadata)
from storage.database import Unusable, driver_url, plain_engine, sqlite_file, usable
from storage.schema import check_known

DEFAULT_URL = "sqlite:///data/numberdesk.db"


def url() -> str:
    given = context.config.get_main_option("sqlalchemy.url")
    file = dotenv_values(".env", encoding="utf-8-sig")  # an editor's byte-order mark is no content (rule 37)
    return given or os.environ.get("DATABASE_URL") or file.get("DATABASE_URL") or DEFAULT_URL


def plain_type(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Our column types as what the database sees, so that an old migration does not depend on today's code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        impl = item.impl_instance
        length = getattr(impl, "length", None)
        return f"sa.String({length or ''})" if isinstance(impl, String) else f"sa.{impl!r}"
    return False


def migrate(connection: Connection) -> None:
    context.configure(
        render_item=plain_type,
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":  # replicas that start together take turns
            connection.execute(text("SELECT pg_advisory_xact_lock(714203)"))
            # a migration may think for longer than what makes a running app's transaction count as frozen
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        context.run_migrations()


def run() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    try:
        with usable():
            upgrade(driver_url(url()))
    except Unusable as error:  # an operator reads this, as in front of ``make run``
        sys.exit(f"DATABASE_URL: {error}")


def upgrade(address: URL) -> None:
    if file := sqlite_file(str(address)):
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = plain_engine(address)
    with engine.connect() as connection:
        check_known(MigrationContext.configure(connection).get_current_revision(), context.script)
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()


run()
