"""What is ours to mend: the log has it with a reference, and the operators are told of it once.

The reference is the failure's, not the occasion's: the same one stands wherever it comes again, so that a defect met a thousand times is
told once a day.
"""

import asyncio
import hashlib
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from bot import announcements as news
from bot.core import App
from bot.texts import N_, say
from storage.database import Unavailable

log = logging.getLogger(__name__)

AGAIN = timedelta(days=1)
OURS = ("bot", "handlers", "storage")


Result = TypeVar("Result")


def note(what: str, error: Exception) -> str:
    """The reference under which the log has it. what: was being done."""
    reference = reference_of(error)
    if isinstance(error, Unavailable):  # where it was met tells nothing
        log.error("%s failed (%s): the database does not answer: %s", what, reference, type(error).__name__)
    else:
        log.error("%s failed (%s)", what, reference, exc_info=error)
    return reference


async def tell(app: App, what: str, error: Exception) -> tuple[str, bool]:
    """As ``note``, and whether the operators know of it: they are told where they were not within the day."""
    reference = note(what, error)
    if isinstance(error, Unavailable):
        return (
            reference,
            False,
        )  # it is no failure of ours, and cannot be told: the doctor and ``/readyz`` say it
    alarm = say(N_("Something went wrong: look for {reference} in the log."), reference=reference)
    try:
        told = news.operators(app.settings, alarm)
        await app.store.owe_once(app.workspace_id, f"failure:{reference}", told, AGAIN)
    except Exception:
        log.exception("the operators could not be told of %s", reference)
        return reference, False
    return reference, True


async def surely(app: App, what: str, write: Callable[[], Awaitable[Result]]) -> Result:
    """What was done elsewhere is written down, whatever the database says at first: else it would be done again."""
    wait = 0.2
    while True:
        try:
            return await write()
        except Exception as error:
            await tell(app, what, error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 30)


def reference_of(error: Exception) -> str:
    """By what went wrong and where in our code: six letters and digits."""
    frames = [
        (module, frame.f_code.co_qualname, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if (module := str(frame.f_globals.get("__name__"))).partition(".")[0] in OURS
    ]
    at = frames[-1] if frames else ()
    return hashlib.sha256(repr((type(error).__qualname__, at)).encode()).hexdigest()[:6]
