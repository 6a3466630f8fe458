"""Whether Twilio lets the app in: told to the operators once, looked at until it does, and then everything goes on. Rule 34."""

import logging

from twilio.rest import Client

from bot import announcements as news
from bot import refusals
from bot.refusals import Kind, of_twilio
from bot.settings import Settings
from bot.texts import N_, moment, say
from bot.twilio.client import TwilioError
from storage.models import Trouble, now
from storage.store import Store

log = logging.getLogger(__name__)

LOOK = 20
"""Seconds between two looks."""
KEY = "twilio:credentials"


class Access:
    def __init__(self, twilio: Client, store: Store, settings: Settings, workspace_id: str) -> None:
        self._twilio = twilio
        self._store = store
        self._settings = settings
        self._workspace_id = workspace_id

    @property
    def setting(self) -> str:
        return refusals.TWILIO_SETTINGS if self._settings.twilio_api_key else refusals.AUTH_TOKEN_SETTINGS

    async def refused(self, error: TwilioError) -> None:
        """Notes that Twilio does not let us in, and tells the operators in the same transaction; the first who sees it does."""
        row = of_twilio(error)
        said = say(
            N_(
                "Twilio does not let the app in (error {error}): the account is suspended or closed, or one of these settings is wrong: {setting}. What waits goes on by itself once that is fixed."
            ),
            error=str(error.code or error.status),
            setting=self.setting,
        )
        trouble = Trouble(key=KEY, workspace_id=self._workspace_id, since=now(), said=said)
        if await self._store.open_trouble(trouble, [news.operators(self._settings, said)]):
            log.error("Twilio does not let the app in: %s (%s). See %s.", error, row.when, self.setting)

    async def look(self) -> None:
        """A duty. Where it is mended, whatever is in progress is looked at now."""
        trouble = next((each for each in await self._store.troubles() if each.key == KEY), None)
        try:
            await self._twilio.incoming_phone_numbers.list_async(limit=1, page_size=1)
        except TwilioError as error:
            if of_twilio(error).kind is Kind.OF_INSTALLATION:
                await self.refused(error)
            return
        if trouble is None:
            return
        said = say(
            N_("Twilio lets the app in again; what waited since {moment} goes on."),
            moment=moment(trouble.since),
        )
        if await self._store.close_trouble(trouble, [news.operators(self._settings, said)]):
            log.info("Twilio lets the app in again")
            await self._store.wake_all()
