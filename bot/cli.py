"""``numberdesk COMMAND``, for people and programs beside Slack. It takes no lock but to move a database: beside the running app it reads, and
``buy`` writes rows that the worker finds (rule 10).

Exit codes: 0 fine, 1 something has to be mended first (a line each on stderr or in the answer), 2 the command itself is wrong.
"""

import asyncio
import csv
import json
import logging
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bot import life, scripts, settings
from bot.doctor import examine, setup
from bot.doctor.probe import Finding
from bot.folding import dialled
from bot.purchases import policy
from bot.starting import CannotStart, Problem, SettingsError, in_plain_words
from bot.texts import LANGUAGES, Texts
from storage.models import Event
from storage.moving import NotMoved, move
from storage.schema import migrate, prepare
from storage.store import Store

A = TypeVar("A")
Command = Callable[[Namespace], int]

CODES = (
    "Exit codes: 0 fine; 1 something has to be mended, with a line for each; 2 the command itself is wrong."
)


def main(arguments: list[str], run: Callable[[], None]) -> int:
    """The exit code. arguments: without the program's name; none: ``run``, which is the app."""
    given = _parser(run).parse_args(arguments or ["run"])
    command: Command = given.command
    try:
        with in_plain_words():
            return command(given)
    except BrokenPipeError:  # whoever read has enough
        sys.stderr.close()
        return 0


def _parser(run: Callable[[], None]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="numberdesk",
        description="A Slack app that takes a Twilio number from 'we need one' to 'a message was delivered from it'. "
        "Settings come from the environment and from .env. Without a command: run.",
        epilog=CODES,
    )
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(name: str, text: str, do: Command) -> ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=CODES)
        made.set_defaults(command=do)
        return made

    def runs(_: Namespace) -> int:
        run()
        return 0

    command("run", "run the app until SIGTERM", runs)
    migrating = command(
        "migrate", "bring the database to the newest migration; make a copy of it before", _migrate
    )
    migrating.add_argument(
        "--to", metavar="URL", help="instead, move everything that is in it to this empty database"
    )
    check = command("check-policy", "say what is wrong in a policy file, a line for each mistake", _check)
    check.add_argument("file", type=Path, metavar="FILE")
    look = command("doctor", "say what of the installation is well, and how the rest is mended", _doctor)
    record = command("record", "write the record, oldest first: quotes, approvals, charges ...", _record)
    record.add_argument("--after", type=int, default=0, metavar="NO", help="only lines after this one")
    record.add_argument(
        "--since", type=_moment, metavar="WHEN", help="only from this date or time on, UTC unless it says"
    )
    record.add_argument("--format", choices=FORMATS, default="jsonl", help="jsonl by default")
    explain = command("explain", "tell a purchase's life in sentences, from the record", _explain)
    explain.add_argument("purchase", metavar="PURCHASE", help="its id, or the number such as +14155550100")
    ask = command("buy", "ask for a number, which is approved as any other; its state as JSON", _buy)
    scripts.add_buy(ask)
    stands = command("status", "where requests stand, a line of JSON each", _status)
    scripts.add_status(stands)
    for each in (explain, look):
        each.add_argument("--language", choices=LANGUAGES, default="en", help="en by default")
    return parser


def _moment(given: str) -> datetime:
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise ArgumentTypeError(
            "give a date or a time such as 2026-11-03 or 2026-11-03T12:00+09:00"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _migrate(given: Namespace) -> int:
    url = settings.database_url()
    if given.to is not None:
        return _move(url, given.to)
    migrate(url)
    print("The database is at the newest migration.")  # noqa: T201
    return 0


def _move(source: str, target: str) -> int:
    try:
        moved = move(source, target)
    except NotMoved as error:
        raise CannotStart(Problem("--to", f"nothing was moved. {error}")) from error
    for table, rows in moved.items():
        print(f"{table}: {rows}")  # noqa: T201
    print("Everything was moved and compared. Now set DATABASE_URL to the new address.")  # noqa: T201
    return 0


def _check(given: Namespace) -> int:
    read = policy.read(given.file)
    for notice in read.notices:
        print(Texts("en").plain(notice))  # noqa: T201
    print(f"{given.file} can be used (version {read.version}).")  # noqa: T201
    return 0


def _doctor(given: Namespace) -> int:
    logging.basicConfig(handlers=[logging.NullHandler()])  # what goes wrong is told by a line of its own
    found = _asked(_findings(dict(os.environ)))
    t = Texts(given.language)
    for each in found:
        print(each.mark, t.plain(each.said), *([t.plain(each.mend)] if each.mend else []))  # noqa: T201
    return 0 if examine.is_well(found) else 1


async def _findings(environment: dict[str, str]) -> list[Finding]:
    """environment: as it was found, before what is none of our settings is put aside."""
    config = _or_error(settings.read)
    given = _or_error(lambda: policy.read(settings.policy_file()))
    if isinstance(config, SettingsError):
        wrong = [config, *([given] if isinstance(given, SettingsError) else [])]
        return [finding for each in wrong for finding in setup.unreadable(each)]
    settings.clear()
    return await examine.examine_from_outside(config, given, environment)


def _or_error(read: Callable[[], A]) -> A | SettingsError:
    try:
        return read()
    except SettingsError as error:
        return error


# what reads the database


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    store = Store(settings.database_url())
    try:
        await prepare(store, may_create=False)
        yield store
    finally:
        await store.close()


def _asked(work: Coroutine[Any, Any, A]) -> A:
    answer = asyncio.run(work)
    sys.stdout.flush()
    return answer


def _record(given: Namespace) -> int:
    return _asked(_write_record(given))


async def _write_record(given: Namespace) -> int:
    async with _store() as store:
        write = FORMATS[given.format]()
        async for line in lines(store, given.after, given.since):
            write(line)
    return 0


async def lines(store: Store, after: int = 0, since: datetime | None = None) -> AsyncIterator[dict[str, Any]]:
    """Each line of the record, oldest first: ``no, at, what, purchase, bundle, person, quote, details``.

    ``what`` is among others ``quote`` (details: all that its approval covers), ``approval`` (with rule and version of the
    policy), ``buying`` (the intent, with the price read for it) and ``charge`` (what was bought at which price).
    """
    sids: dict[str, str] = {}
    while page := await store.record(after, since=since):
        for event in page:
            yield await _line(event, store, sids)
            after = event.id or after


async def _line(event: Event, store: Store, sids: dict[str, str]) -> dict[str, Any]:
    details = dict(event.details)
    bundle_id = details.get("bundle_id")
    if bundle_id:
        details["bundle_sid"] = await _sid(bundle_id, store, sids)
    return {
        "no": event.id,
        "at": event.happened_at.isoformat(),
        "what": event.what,
        "purchase": event.purchase_id,
        "bundle": await _sid(event.bundle_id, store, sids) if event.bundle_id else None,
        "person": event.person_id,
        "quote": event.quote_no,
        "details": details,
    }


async def _sid(bundle_id: str, store: Store, sids: dict[str, str]) -> str:
    """BU..., which is what Twilio and its Console call it; a bundle that is still being made has none."""
    if not sids.get(bundle_id, "").startswith("BU"):
        bundle = await store.bundle(bundle_id)
        sids[bundle_id] = bundle.sid if bundle is not None else ""
    return sids[bundle_id]


def _as_json() -> Callable[[dict[str, Any]], None]:
    def write(line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write


COLUMNS = ("no", "at", "what", "purchase", "bundle", "person", "quote")
FIGURES = ("phone_number", "country", "number_type", "price", "currency", "reason", "rule", "policy_version")
"""Of the details, those that a sheet is sorted or summed by; all of them stand in the last column."""


def _as_csv() -> Callable[[dict[str, Any]], None]:
    out = csv.writer(sys.stdout, lineterminator="\r\n")  # RFC 4180
    out.writerow([*COLUMNS, *FIGURES, "details"])

    def write(line: dict[str, Any]) -> None:
        cells = [*(line[name] for name in COLUMNS), *(line["details"].get(name) for name in FIGURES)]
        out.writerow([*map(defused, cells), json.dumps(line["details"], ensure_ascii=False)])

    return write


def defused(cell: Any) -> str:
    """As a sheet shows it and never calculates it: people's reasons may begin as a formula does (OWASP, CSV injection)."""
    text = "" if cell is None else str(cell)
    return (
        f"'{text}"
        if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
        else text
    )


FORMATS = {"jsonl": _as_json, "csv": _as_csv}


def _buy(given: Namespace) -> int:
    return _asked(scripts.buy(given))


def _status(given: Namespace) -> int:
    return _asked(_tell_status(given))


async def _tell_status(given: Namespace) -> int:
    async with _store() as store:
        return await scripts.status(given, store)


def _explain(given: Namespace) -> int:
    return _asked(_tell_lives(given.purchase, Texts(given.language)))


async def _tell_lives(asked: str, t: Texts) -> int:
    async with _store() as store:
        found = await store.purchases_known_as(dialled(asked))
        if not found:
            sys.stderr.write(t("There is no request {purchase} in this database.", purchase=asked) + "\n")
            return 1
        for purchase in found:
            sys.stdout.write("\n".join(await life.told(purchase, store, t)) + "\n")
    return 0
