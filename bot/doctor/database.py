"""The database, and what the running app has found broken."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from bot.doctor.probe import Finding, Installation, Mark, Probe, fine
from bot.texts import N_, moment, say
from storage.database import Unusable, reason
from storage.models import Trouble
from storage.schema import SchemaError
from storage.store import Store


def _judge_database(_: Installation, store: Any) -> Iterator[Finding]:
    setting = "DATABASE_URL"
    if store is None:
        yield fine(setting, N_("There is no database yet; the first start makes it."))
    elif isinstance(store, SchemaError):
        mend = say(
            N_("Make a copy, then run: numberdesk migrate. A newer database needs the newer Number Desk.")
        )
        yield Finding(setting, Mark.MEND, say(N_("{reason}."), reason=str(store).rstrip(".")), mend)
    elif isinstance(store, Unusable):
        mend = say(N_("Look at DATABASE_URL, and whether the database runs and lets the app in."))
        yield Finding(setting, Mark.MEND, say(N_("{reason}."), reason=str(store).rstrip(".")), mend)
    else:
        yield fine(setting, N_("The database answers, and is at the newest migration."))


async def _ask_database(i: Installation) -> Any:
    return i.store


async def _ask_troubles(i: Installation) -> Any:
    return await troubles(i.store) if isinstance(i.store, Store) else ()


async def troubles(store: Store) -> Sequence[Trouble] | Unusable:
    """What the running app has found broken and told to the operators."""
    try:
        return await store.troubles()
    except DBAPIError as error:
        return Unusable(reason(error))


def broken(found: Sequence[Trouble] | Unusable, only: str = "") -> list[str]:
    """By the names of settings, for ``/readyz``. only: troubles whose key begins so."""
    if isinstance(found, Unusable):
        return [] if only else ["DATABASE_URL"]
    return sorted({_about(each) for each in found if each.key.startswith(only)})


def _about(trouble: Trouble) -> str:
    return trouble.key.partition(":")[2]


def _judge_troubles(_: Installation, found: Sequence[Trouble] | Unusable) -> Iterator[Finding]:
    if isinstance(found, Unusable):
        return  # the database's own line says it
    for each in found:
        said = say(N_("Since {moment}: {trouble}"), moment=moment(each.since), trouble=each.said)
        yield Finding(_about(each), Mark.MEND, said)


PROBES = (
    Probe(_ask_database, _judge_database),
    Probe(_ask_troubles, _judge_troubles),
)
