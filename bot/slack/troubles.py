"""What is broken in the installation as far as Slack shows it: the token, a scope, a channel (rule 34).

The operators are told of each once, and again when it works. Meanwhile nothing is sent there but one try now and then.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot import announcements as news
from bot import failures
from bot.core import App
from bot.refusals import BOT_TOKEN, NO_RIGHT, Kind, Refusal, of_slack
from bot.settings import Settings
from bot.texts import N_, Said, moment, phone, say
from storage.models import Purchase, Trouble, now
from storage.outbox import Owed

log = logging.getLogger(__name__)

PROBE = 20
"""Seconds between two tries where something of the installation is broken."""
LOOK = 30
"""Seconds between two looks at whether Slack still takes the token."""
CHANNELS = ("approvals_channel", "bundles_channel", "operators_channel")
TOKEN = "slack:SLACK_BOT_TOKEN"
APPROVALS = "slack:APPROVALS_CHANNEL"
OPERATORS = "slack:OPERATORS_CHANNEL"
_EVERYWHERE = ""
_CHANNEL = {
    "is_archived": N_(
        "Nothing can be posted in the channel of {setting}: it is archived. Unarchive it and invite the app, "
        "or name another channel."
    ),
    "not_in_channel": N_(
        "Nothing can be posted in the channel of {setting}: the app is not in it. Invite it there with /invite."
    ),
    "channel_not_found": N_(
        "Nothing can be posted in the channel of {setting}: Slack does not know it, or it is private and the app "
        "is not in it. Check the id, and invite the app there with /invite."
    ),
}
_RESTRICTED = N_("Nothing can be posted in the channel of {setting}: Slack refuses it ({error}).")


@dataclass(frozen=True)
class Answer:
    """What Slack said to a call, or that it said nothing. refusal: what follows from it."""

    refusal: Refusal
    method: str = ""
    scope: str = ""
    retry_after: float = 0

    @classmethod
    def of(cls, error: Exception, channel: str | None = None) -> "Answer":
        """channel: the setting that names the channel it was about; elsewhere one that is gone is a matter of the message alone."""
        refusal = of_slack(error, channel)
        response = error.response if isinstance(error, SlackApiError) else None
        if not isinstance(response, AsyncSlackResponse) or not isinstance(response.data, dict):
            return cls(refusal)
        wait = str((response.headers or {}).get("Retry-After", "0"))
        return cls(
            refusal,
            response.api_url.rpartition("/")[2],
            str(response.data.get("needed") or ""),
            float(wait) if wait.isdigit() else 0,
        )

    @property
    def code(self) -> str:
        return str(self.refusal.code)

    @property
    def kind(self) -> Kind:
        """What is turned off for direct messages, or on Home, stops nothing else: it is noted where it was owed."""
        about_us = self.refusal.of_channel or self.refusal.setting == BOT_TOKEN
        return (
            Kind.OF_THIS if self.refusal.kind is Kind.OF_INSTALLATION and not about_us else self.refusal.kind
        )

    @property
    def is_of_token(self) -> bool:
        return self.refusal.setting == BOT_TOKEN and self.code not in NO_RIGHT


def setting_of(settings: Settings, channel: str) -> str | None:
    """The setting that names the channel."""
    return next((each.upper() for each in CHANNELS if getattr(settings, each) == channel), None)


class Troubles:
    def __init__(self, app: App, client: AsyncWebClient, mended: Callable[[], None]) -> None:
        """mended: hears that something may be sent again, or has to be said."""
        self._app = app
        self._settings = app.settings
        self._store = app.store
        self._client = client
        self._changed = mended
        self.probe: float = PROBE
        self._known: dict[str, Trouble] = {}
        self._closed: dict[str, float] = {}

    async def start(self) -> None:
        self._known = {each.key: each for each in await self._store.troubles()}
        await self.check_channels(CHANNELS)

    @property
    def of_token(self) -> bool:
        """Slack refuses it: one call shows whether it is mended."""
        return TOKEN in self._known

    @property
    def of_approvals(self) -> bool:
        return APPROVALS in self._known

    def close(self, address: str, seconds: float) -> None:
        """Nothing is sent there until then."""
        self._closed[address] = time.monotonic() + seconds

    def is_closed(self, address: str) -> bool:
        until = max(self._closed.get(address, 0), self._closed.get(_EVERYWHERE, 0))
        return until > time.monotonic()

    async def found(self, address: str, answer: Answer) -> None:
        """By a delivery that Slack has refused."""
        if answer.is_of_token:
            self.close(_EVERYWHERE, self.probe)
            await self._token_trouble(answer.code)
        elif answer.code in NO_RIGHT:
            self.close(address, self.probe)
            scope = answer.scope or answer.method
            said = say(
                N_(
                    "{setting} lacks the scope {scope}, so that nobody gets what needs it ({method}). "
                    "Add it to the app's manifest, and install the app again."
                ),
                setting="SLACK_BOT_TOKEN",
                scope=scope,
                method=answer.method,
                address=address,  # where it shows whether it is mended
            )
            await self._open(f"{TOKEN}:{scope}", said, tell=answer.method != "chat.postMessage")
        else:
            self.close(address, self.probe)
            await self._channel_trouble(address, answer.code)

    async def _token_trouble(self, code: str) -> None:
        said = say(N_("Slack refuses {setting}: {error}."), setting="SLACK_BOT_TOKEN", error=code)
        await self._open(TOKEN, said, tell=False)

    async def _channel_trouble(self, channel: str, code: str) -> None:
        name = setting_of(self._settings, channel)
        said = say(_CHANNEL.get(code, _RESTRICTED), setting=name, error=code)
        await self._open(f"slack:{name}", said, tell=channel != self._settings.operators_channel)

    async def _open(self, key: str, said: Said, *, tell: bool) -> None:
        """tell: whether the operators can be reached at all."""
        if key in self._known:
            return
        trouble = Trouble(key=key, workspace_id=self._app.workspace_id, since=now(), said=said)
        owed = [news.operators(self._settings, said)] if tell else []
        if await self._store.open_trouble(trouble, owed):
            log.error("%s: %s", key, said["say"].format(**said["with"]))
        self._known[key] = trouble
        self._changed()

    def held(self, purchase: Purchase) -> Owed:
        """To the requester, once: where the request is, and who knows of it."""
        told = not {TOKEN, OPERATORS} & set(self._known) and (
            self._settings.operators_channel != self._settings.approvals_channel
        )
        text = (
            N_(
                "Your request for {number} could not be posted in the approvals channel. The operators have been told; "
                "it is posted as soon as the channel works again."
            )
            if told
            else N_(
                "Your request for {number} could not be posted in the approvals channel. It is posted as soon as the "
                "channel works again."
            )
        )
        return Owed("direct", purchase.requester_id, say(text, number=phone(purchase.phone_number)))

    async def works(self, address: str, channel: str) -> None:
        """What was delivered, or refused for a reason of its own, ends the troubles that it disproves.

        address: as in the outbox; channel: where it really went.
        """
        for trouble in list(self._known.values()):
            setting = trouble.key.split(":")[1]
            if (
                trouble.key == TOKEN
                or trouble.said["with"].get("address") == address
                or getattr(self._settings, setting.lower(), None) == channel
            ):
                await failures.surely(
                    self._app, "writing down what works again", partial(self._mended, trouble)
                )

    async def _mended(self, trouble: Trouble) -> None:
        since = moment(trouble.since)
        setting = trouble.said["with"]["setting"]
        if trouble.key == TOKEN:
            said = say(
                N_(
                    "Slack takes {setting} again. Nothing could be posted since {moment}; what waited is being posted."
                ),
                setting=setting,
                moment=since,
            )
        elif trouble.key.startswith(TOKEN):
            said = say(
                N_("{setting} has the scope {scope} now; what waited since {moment} is being posted."),
                setting=setting,
                scope=trouble.said["with"]["scope"],
                moment=since,
            )
        else:
            said = say(
                N_("The channel of {setting} works again; what waited since {moment} is being posted."),
                setting=setting,
                moment=since,
            )
        if await self._store.close_trouble(trouble, [news.operators(self._settings, said)]):
            log.info("%s is mended", trouble.key)
        self._known.pop(trouble.key, None)
        self._closed.clear()
        self._changed()

    # looking without being asked

    async def check_channels(self, names: Iterable[str]) -> None:
        """Whether the app can post there, before anything has to be. What is owed there finds out by itself."""
        for name in names:
            channel = getattr(self._settings, name)
            try:
                found = (await self._client.conversations_info(channel=channel))["channel"]
                code = ""
                if found.get("is_archived"):
                    code = "is_archived"
                elif not found.get("is_member"):
                    code = "not_in_channel"
            except Exception as error:
                code = str(of_slack(error).code)
                if code not in _CHANNEL:
                    log.warning("%s could not be looked at: %s %s", name.upper(), type(error).__name__, code)
                    continue
            if code:
                await self._channel_trouble(channel, code)
            elif not await self._store.is_owed(channel):
                await self.works("", channel)

    async def look_again(self) -> None:
        """A duty: whether Slack takes the token, and whether what nothing waits for is mended."""
        if self.is_closed(_EVERYWHERE):
            return
        try:
            await self._client.auth_test()
        except Exception as error:
            answer = Answer.of(error)
            if answer.is_of_token:
                self.close(_EVERYWHERE, self.probe)
                await self._token_trouble(answer.code)
            return
        if TOKEN in self._known and not await self._store.lanes_owed():
            await self._mended(self._known[TOKEN])
        broken = {key.split(":")[1].lower() for key in self._known}
        await self.check_channels(name for name in CHANNELS if name in broken)
