"""Once a day: the numbers that the Twilio account owns, compared with the purchases and the balance. Rules 7 and 33."""

import logging
import re
from datetime import timedelta
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.purchases import releasing
from bot.purchases.steps import LAG
from bot.readiness import TOO_LOW
from bot.texts import N_, phone, say
from bot.twilio.account import commitment
from bot.twilio.client import TwilioError
from bot.twilio.numbers import of_sid
from storage.history import Happened
from storage.models import now

log = logging.getLogger(__name__)

SWEEP = timedelta(days=1)
SWEPT = "numbers:swept"
OURS = re.compile(r"\(nd-[0-9a-f]{6}\)$|^Number Desk [0-9a-f]{12}$")
"""The names that a number gets here, and those that it got before (rule 42)."""


class OwnedNumbers:
    """The duty: ``tick`` as often as one likes."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def tick(self) -> None:
        store, workspace_id = self._app.store, self._app.workspace_id
        kept = (await store.kept(workspace_id)).get(SWEPT)
        if kept is not None and abs(now() - kept[1]) < SWEEP:
            return
        try:
            await self.sweep()
        except TwilioError as error:
            log.warning("the account's numbers could not be read: %s", error)
            return
        await store.keep(workspace_id, SWEPT, True, now())

    async def sweep(self) -> None:
        """Frees what was released in the Console, and tells the operators of what bears our name and is nobody's."""
        app = self._app
        account_sid = app.settings.twilio_account_sid
        asked_at = now()
        found: list[Any] = await app.twilio.incoming_phone_numbers.list_async(page_size=1000)
        known = {each.phone_number_sid: each for each in await app.store.owned_numbers(account_sid)}
        listed = {str(each.sid) for each in found}
        for sid, number in known.items():
            assert number.owned_at is not None
            missing = sid is not None and sid not in listed and number.owned_at < asked_at - LAG
            if missing and await of_sid(app.twilio, str(sid)) is None:  # a list may be read while it changes
                await releasing.gone(number, app)
        for each in found:
            if str(each.sid) not in known:
                await meet(each, app)
        await self._look_at_balance(found)

    async def _look_at_balance(self, found: list[Any]) -> None:
        """The operators are told once that it does not cover the next month; again after it did in between."""
        app = self._app
        balance = app.market.balance()
        if balance is None:
            return
        _, due, _ = commitment(found, app.market.price_of, balance.currency)
        owed = [news.operators(app.settings, say(TOO_LOW))] if balance.amount < due else []
        await app.store.advise(app.workspace_id, "balance", owed)


async def meet(found: Any, app: App) -> None:
    """One that was bought elsewhere is held like ours; one that bears our name and no purchase explains is told once."""
    stray = None
    if OURS.search(found.friendly_name or ""):
        said = say(
            N_(
                "{number} ({sid}) is in the Twilio account under the name “{name}”, which Number Desk gives, and no request explains it. Somebody should look: it costs money every month."
            ),
            number=phone(found.phone_number),
            sid=str(found.sid),
            name=found.friendly_name,
        )
        details = {"phone_number": found.phone_number, "phone_number_sid": str(found.sid)}
        owed = (news.operators(app.settings, said),)
        stray = Happened("unexplained_number", details=details, owed=owed)
    await app.store.add_owned(
        app.settings.twilio_account_sid, found.phone_number, str(found.sid), app.workspace_id, stray
    )
