"""Once a day: the numbers that the Twilio account owns, compared with the purchases and the balance. Rules 7 and 33."""

import logging
import re
from datetime import timedelta
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.purchases.steps import LAG
from bot.texts import N_, phone, say
from bot.twilio.account import commitment
from bot.twilio.client import TwilioError
from storage.history import Happened
from storage.models import Number, now
from storage.outbox import Owed

log = logging.getLogger(__name__)

SWEEP = timedelta(days=1)
SWEPT = "numbers:swept"
TOO_LOW = N_(
    "The Twilio balance does not cover what the account's numbers cost next month. `/twilio account` shows both. When it runs out, Twilio suspends the account."
)
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
            if sid not in listed and number.owned_at < asked_at - LAG and await self._is_gone(number):
                await self._released(number)
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

    async def _is_gone(self, number: Number) -> bool:
        """A list may be read while it changes: the number itself is asked for."""
        if number.phone_number_sid is None:
            return False
        try:
            await self._app.twilio.incoming_phone_numbers(number.phone_number_sid).fetch_async()
        except TwilioError as error:
            if error.status == 404:
                return True
            raise
        return False

    async def _released(self, number: Number) -> None:
        purchase = (
            await self._app.store.purchase(number.purchase_id) if number.purchase_id is not None else None
        )
        owed: tuple[Owed, ...] = ()
        if purchase is not None:
            said = say(
                N_("{number} is not in the Twilio account any more: it was released there."),
                number=phone(number.phone_number),
            )
            owed = news.both(self._app.settings, purchase, said)
        details = {"phone_number": number.phone_number, "phone_number_sid": number.phone_number_sid}
        await self._app.store.number_gone(number, Happened("released", details=details, owed=owed))


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
