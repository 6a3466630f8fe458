"""The log: lines to read in a terminal, JSON outside one; each says what it is about, and none holds a secret.

The code logs as any Python code does (``logging.getLogger``); structlog writes the lines, those of the libraries too. What a piece
of work is about is bound once, by whoever begins it, and stands on every line that is written meanwhile.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO
from urllib.parse import quote, urlsplit

import structlog
from pydantic import SecretStr

from bot.settings import Settings

SHORTEST = 6
"""Letters of a secret that is looked for: a shorter one would be found in words."""
CHATTY = ("apscheduler", "slack_bolt", "slack_sdk", "aiohttp.access", "aiosqlite", "urllib3")
"""Heard from WARNING on only: aiosqlite logs every value that is written, people's words included."""


_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(**what: str) -> Iterator[None]:
    """On every line until the end, and on those of the tasks that are begun meanwhile: ``purchase``, ``bundle``, ``turn``."""
    before = _about.set({**_about.get(), **{name: value for name, value in what.items() if value}})
    try:
        yield
    finally:
        _about.reset(before)


def now_about(**what: str) -> None:
    """What the work under way turns out to be about, until the end of the ``about`` around it."""
    _about.set({**_about.get(), **what})


def what_about() -> Mapping[str, str]:
    """Of the work under way."""
    return _about.get()


def start(config: Settings) -> None:
    """From now on everything that is logged goes to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(config, sys.stderr))
    logging.basicConfig(level=config.log_level, handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


def formatter(config: Settings, stream: TextIO) -> logging.Formatter:
    """Makes the lines as they are written to the stream."""
    return _Formatter(_renderers(config, stream), secrets_of(config))


def _renderers(config: Settings, stream: TextIO) -> list[Any]:
    to_read = config.log_format == "text" if config.log_format else stream.isatty()
    if to_read:
        # plain: another one would show the values of variables where it finds the library for that
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _say_about(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**line, **_about.get()}


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, renderers: list[Any], secrets: Iterable[str]) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            foreign_pre_chain=[
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _say_about,
                structlog.stdlib.ExtraAdder(),
            ],
        )
        self._cleaned = cleaner(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._cleaned(super().format(record))


# the net below: a secret is not logged, and where a library does so all the same it is not written


def secrets_of(config: Settings) -> set[str]:
    found = [getattr(config, name) for name in type(config).model_fields]
    known = {each.get_secret_value() for each in found if isinstance(each, SecretStr)}
    addresses = [config.database_url, *(each for each in known if "://" in each)]
    return known | {password for each in addresses if (password := urlsplit(each).password)}


def cleaner(secrets: Iterable[str]) -> Callable[[str], str]:
    """Takes them out of a text, as they are and as they stand in an address."""
    wanted = {form for each in secrets if len(each) >= SHORTEST for form in (each, quote(each, safe=""))}
    longest_first = sorted(wanted, key=len, reverse=True)

    def cleaned(text: str) -> str:
        for each in longest_first:
            text = text.replace(each, "***")
        return text

    return cleaned
