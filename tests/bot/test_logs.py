"""The log's lines: what they are about, in either form, and that no secret gets through."""

import asyncio
import io
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest

from bot import logs
from bot.settings import Settings
from sandbox.environment import settings as sandbox_settings

PASSWORD = "hunter2/&?"


def config(**changed: str) -> Settings:
    named = {name.lower(): value for name, value in sandbox_settings("http://slack", "http://twilio").items()}
    return Settings(_env_file=None, **named | changed)


def line(
    message: str, *args: Any, logger: str = "some.library", error: Exception | None = None
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(logger, logging.ERROR, "file", 1, message, args, info)


def written(record: logging.LogRecord, **changed: str) -> str:
    return logs.formatter(config(**changed), io.StringIO()).format(record)


def test_a_librarys_line_says_what_the_work_around_it_is_about() -> None:
    with logs.about(purchase="0123456789ab", bundle=""):
        with logs.about(turn="ab12"):
            logs.now_about(bundle="ba9876543210")
            said = json.loads(written(line("lost %s", "it")))
        outside = json.loads(written(line("again")))
    assert (said["event"], said["logger"], said["level"]) == ("lost it", "some.library", "error")
    assert (said["purchase"], said["turn"], said["bundle"]) == ("0123456789ab", "ab12", "ba9876543210")
    assert outside["purchase"] == "0123456789ab" and not {"turn", "bundle"} & outside.keys()
    assert "purchase" not in json.loads(written(line("later")))


async def test_what_is_handed_on_is_about_the_same_and_what_comes_after_it_is_not() -> None:
    async def say() -> Any:
        await asyncio.sleep(0)
        return json.loads(written(line("handed on")))

    with logs.about(turn="ab12"):
        handed_on = asyncio.create_task(say())
    assert (await handed_on)["turn"] == "ab12" and "turn" not in await say()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_written_whoever_logs_it_and_however_it_is_spelt(form: str) -> None:
    secrets = {
        "log_format": form,
        "slack_signing_secret": "planted-signing-secret",
        "https_proxy": f"http://me:{quote(PASSWORD, safe='')}@proxy:3128",
        "database_url": "postgresql://me:swordfish1@host/name",
    }
    planted = [PASSWORD, "planted-signing-secret", "swordfish1", "xoxb-sandbox", "sandbox-auth-token"]
    try:
        raise ValueError(" ".join(quote(each, safe="") for each in planted))
    except ValueError as error:
        text = written(line("%s", planted, error=error), **secrets)
    assert (
        "ValueError" in text
        and [each for each in planted if each in text or quote(each, safe="") in text] == []
    )


def test_a_traceback_shows_no_values_of_variables() -> None:
    recipient = "+1415555" + "0199"
    try:
        assert recipient == ""
    except AssertionError as error:
        bare = AssertionError()
        bare.__traceback__ = error.__traceback__
        for form in ("text", "json"):
            assert recipient not in written(line("failed", error=bare), log_format=form)
