"""``python -m bot record``: what happened, for people and programs beside Slack. It reads, and takes no lock."""

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from typing import Any, TextIO

from bot import settings
from bot.starting import in_plain_words
from storage.models import Event
from storage.schema import prepare
from storage.store import Store


def main(arguments: list[str]) -> None:
    """arguments: without the program's name, at least one. Ends the process with a sentence when it cannot."""
    parser = ArgumentParser(prog="python -m bot", description="Without a command: runs the app.")
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser(
        "record", help="write the record as JSON lines: quotes, approvals, charges ..."
    )
    record.add_argument("--after", type=int, default=0, metavar="NO", help="only lines after this one")
    given = parser.parse_args(arguments)
    try:
        with in_plain_words():
            asyncio.run(_record(settings.database_url(), given.after, sys.stdout))
    except BrokenPipeError:  # whoever read has enough
        sys.stderr.close()


async def _record(url: str, after: int, out: TextIO) -> None:
    store = Store(url)
    try:
        await prepare(store, may_create=False)
        async for line in lines(store, after):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()
    finally:
        await store.close()


async def lines(store: Store, after: int = 0) -> AsyncIterator[dict[str, Any]]:
    """Each line of the record, oldest first: ``no, at, what, purchase, bundle, person, quote, details``.

    ``what`` is among others ``quote`` (details: all that its approval covers), ``approval`` (with rule and version of the
    policy), ``buying`` (the intent, with the price read for it) and ``charge`` (what was bought at which price).
    """
    sids: dict[str, str] = {}
    while page := await store.record(after):
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
