"""Delivers what Slack is owed: newest card state first, no faster than Slack takes it, and never twice on purpose.

What cannot be delivered is one of three kinds (rule 34), and each has its way on: it is tried again, it is dropped or done
anew and that is said, or the operators are told and everything waits for the day on which it works.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import announcements as news
from bot import failures, logs
from bot.core import BREATH, App
from bot.measuring import DELIVERY, measured
from bot.refusals import Kind, of_slack
from bot.slack.pace import Pace
from bot.slack.troubles import Answer, Troubles, setting_of
from bot.texts import N_, Said, person, say
from storage.models import Card, Outgoing, Purchase, now
from storage.outbox import Lane

log = logging.getLogger(__name__)

Message = dict[str, Any]
Result = TypeVar("Result")

KEPT = timedelta(days=30)
ODD_TRIES = 8
"""How often a message is tried that Slack refuses with a word we do not know."""
LAG_TRIES = 3
"""How often a card has to be unknown to whoever asks for its link: directly after it was posted Slack may lag."""
DIRECT = ("direct", "bundle_direct")
ON_A_CARD = ("card", "thread", "link")
INVALID = ("invalid_blocks", "invalid_blocks_format")


class Courier:
    def __init__(
        self,
        app: App,
        client: AsyncWebClient,
        picture: Callable[[Purchase, bool], Awaitable[Message]],
        compose: Callable[[Outgoing, Card | None], Awaitable[Message]],
        begun_again: Callable[[Purchase], Awaitable[Said]],
        delivered: Callable[[Outgoing], None],
    ) -> None:
        """picture: a card as its purchase is now, its steps as a ``plan`` block or not; compose: another message; begun_again: the first line of a new thread;
        delivered: hears of what was."""
        self._app = app
        self._settings = app.settings
        self._store = app.store
        self._client = client
        self._picture = picture
        self._takes_plans = app.settings.card_steps == "plan"
        self._compose = compose
        self._begun_again = begun_again
        self._delivered = delivered
        self._owed = asyncio.Event()
        self.troubles = Troubles(app, client, mended=self.kick)
        self._lanes: dict[tuple[str, Lane], asyncio.Task[None]] = {}
        self._again: set[tuple[str, Lane]] = set()
        self._posts: dict[str, Pace] = {}
        self._updates = Pace(app.settings.updates_per_minute / 60, app.settings.updates_at_once)
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """First what waits for a channel that the settings do not name any more is owed to the one that they name, and nothing is put
        off any longer: who knows how the clock has stepped while nobody looked."""
        self._stopping = False
        await self._store.due_now()
        for kind, channel in (
            ("card", self._settings.approvals_channel),
            ("bundle", self._settings.bundles_channel),
            ("operators", self._settings.operators_channel),
        ):
            await self._store.readdress(kind, channel)
        await self.troubles.start()
        self._loop = asyncio.create_task(self._run())
        self.kick()

    async def stop(self, grace: float) -> None:
        """Ends after what is being delivered: what is cut off would be posted again."""
        self._stopping = True
        self.kick()
        if self._loop is not None:
            if grace:
                await asyncio.wait([self._loop], timeout=1)
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        lanes = list(self._lanes.values())
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=grace)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    def kick(self) -> None:
        """Something is owed: nobody shall wait for the clock."""
        self._owed.set()

    async def tick(self) -> None:
        """A duty: something may be due again."""
        self.kick()

    async def forget_old(self) -> None:
        """A duty: what was delivered long ago is deleted, little by little."""
        while True:
            if not await self._store.forget_delivered(now() - KEPT):
                return
            await asyncio.sleep(0.1)  # whoever waits for the database comes first

    # who is served when

    async def _run(self) -> None:
        while True:
            await self._owed.wait()
            self._owed.clear()
            if self._stopping:
                return
            try:
                if self.troubles.of_approvals:
                    await self._store.tell_held(self._settings.approvals_channel, self.troubles.held)
                owed = await self._store.lanes_owed()
            except Exception as error:
                await failures.tell(self._app, "reading what Slack is owed", error)
                continue
            for address, lane in owed:
                self._serve(address, lane)
            await asyncio.sleep(BREATH)

    def _serve(self, address: str, lane: Lane) -> None:
        key = (address, lane)
        if key in self._lanes:
            self._again.add(key)  # it may have looked just before this was owed: let it look once more
            return
        if self.troubles.is_closed(address):
            return
        if self.troubles.of_token and self._lanes:
            return  # one call shows whether it is mended
        self._again.discard(key)
        self._lanes[key] = task = asyncio.create_task(self._drain(address, lane))
        task.add_done_callback(lambda _: self._lanes.pop(key, None))

    async def _drain(self, address: str, lane: Lane) -> None:
        key, pace = (address, lane), self._updates
        if lane is Lane.POSTS:
            pace = self._posts.setdefault(
                address, Pace(self._settings.posts_per_second, self._settings.posts_at_once)
            )
        try:
            while not self._stopping:
                await pace.turn()  # first the turn, then the newest state
                row = await self._store.next_owed(address, lane)
                if row is None:
                    pace.give_back()
                    if key not in self._again:
                        return
                    self._again.discard(key)
                elif not await self._try(row):
                    return
        except Exception as error:
            await failures.tell(self._app, "delivering to Slack", error)

    # one delivery

    async def _try(self, row: Outgoing) -> bool:
        """Whether the lane may go on."""
        with logs.about(purchase=row.purchase_id or "", bundle=row.bundle_id or ""):
            try:
                with measured(DELIVERY, kind=row.kind) as it:
                    await self._pay(row)
                    it.outcome = "delivered"
            except Exception as error:
                return await self._failed(row, error)
            self._delivered(row)
            return True

    async def _pay(self, row: Outgoing) -> None:
        card = await self._store.card_of(row.purchase_id) if row.purchase_id else None
        if row.kind in ON_A_CARD:
            if card is None or (row.kind == "link" and card.ts is None):
                await self._surely(lambda: self._store.dropped(row, "no card"))
                return
            if row.kind == "thread" and card.ts is None:
                return  # gone since the line was chosen: it follows into the new thread
            row.ts = card.ts  # which card it was, should it turn out to be gone
        if row.kind == "card" and card is not None:
            await self._draw(row, card)
        elif row.kind == "link" and card is not None:
            await self._link(row, card)
        else:
            await self._post(row, card)

    async def _draw(self, row: Outgoing, card: Card) -> None:
        purchase = await self._store.purchase(card.purchase_id)
        assert purchase is not None
        try:
            await self._draw_as(row, card, purchase, await self._picture(purchase, self._takes_plans))
        except SlackApiError as error:
            if not self._takes_plans or error.response.get("error") not in INVALID:
                raise
            log.warning("Slack does not take the plan block here: steps are text from now on")
            self._takes_plans = False
            await self._draw_as(row, card, purchase, await self._picture(purchase, False))

    async def _draw_as(self, row: Outgoing, card: Card, purchase: Purchase, message: Message) -> None:
        if card.ts is not None:
            await self._client.chat_update(channel=card.channel_id, ts=card.ts, **message)
            await self._surely(lambda: self._store.card_drawn(row, purchase.version))
            await self.troubles.works(row.address, card.channel_id)
            return
        ts = await self._sent(card.channel_id, message)
        link = await self._surely(lambda: self._store.card_posted(row, purchase.version, ts))
        await self.troubles.works(row.address, card.channel_id)
        self.kick()  # its thread lines may follow, or it has changed again
        await self._try(link)

    async def _link(self, row: Outgoing, card: Card) -> None:
        ts = str(card.ts)
        answer = await self._client.chat_getPermalink(channel=card.channel_id, message_ts=ts)
        await self._surely(lambda: self._store.card_linked(row, ts, answer["permalink"]))
        self.kick()  # who waits for the link

    async def _post(self, row: Outgoing, card: Card | None) -> None:
        message = await self._compose(row, card)
        if row.answer_url and await self._answered(row.answer_url, message):
            await self._surely(lambda: self._store.delivered(row))
            return
        channel = row.address
        if row.kind in DIRECT:
            channel = await self._app.people.dm_channel(row.address)
        elif row.kind == "thread" and card is not None:
            channel, message = card.channel_id, {**message, "thread_ts": card.ts}
        try:
            ts = await self._sent(channel, message)
        except SlackApiError as error:
            if row.kind not in DIRECT or not of_slack(error).of_channel:
                raise
            channel = await self._app.people.dm_channel(row.address, anew=True)
            ts = await self._sent(channel, message)
        await self._surely(lambda: self._store.delivered(row, ts))
        await self.troubles.works(row.address, channel)

    async def _answered(self, url: str, message: Message) -> bool:
        """Whether the command's ``response_url`` took it: five times in half an hour, to that person alone, and without a receipt.

        An answer that was lost is not repeated: a direct message follows in any case.
        """
        content = {name: message[name] for name in ("text", "blocks") if name in message}
        try:
            async with self._app.http.post(url, json={**content, "response_type": "ephemeral"}) as answered:
                return answered.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _sent(self, channel: str, message: Message) -> str:
        posted = await self._client.chat_postMessage(
            channel=channel, unfurl_links=False, unfurl_media=False, **message
        )
        return str(posted["ts"])

    async def _surely(self, write: Callable[[], Awaitable[Result]]) -> Result:
        return await failures.surely(self._app, "writing down what became of a delivery", write)

    # what cannot be delivered

    async def _failed(self, row: Outgoing, error: Exception) -> bool:
        """Whether the lane may go on."""
        answer = Answer.of(error, self._setting_of(row))
        kind = answer.kind
        # without the answer's body: it repeats what was sent, people's words included
        log.warning("%s %s: %s %s (%s)", row.kind, row.id, type(error).__name__, answer.code, kind)
        if kind is Kind.OF_INSTALLATION:
            await self._surely(lambda: self.troubles.found(row.address, answer))
            return False
        if kind is Kind.OF_THIS:
            await self._surely(lambda: self._way_on(row, answer, error))
            await self.troubles.works(row.address, "")
            return True
        seconds = max(min(2.0**row.tries, 60), answer.retry_after)
        await self._surely(lambda: self._store.put_off(row, timedelta(seconds=seconds)))
        if answer.retry_after:
            self.troubles.close(row.address, answer.retry_after)
        return not answer.retry_after

    def _setting_of(self, row: Outgoing) -> str | None:
        """That names the channel; none for a direct message, or where it names another one by now."""
        if row.kind in DIRECT:
            return None
        return setting_of(self._settings, row.address)

    async def _way_on(self, row: Outgoing, answer: Answer, error: Exception) -> None:
        """For what no patience helps: a card is posted anew, a person who cannot be reached is named in the thread."""
        gone = answer.refusal.of_message or answer.refusal.of_channel
        if row.kind in ON_A_CARD and gone and (row.kind != "link" or row.tries >= LAG_TRIES):
            await self._lost(row)
        elif row.kind in DIRECT:
            note = None
            if row.purchase_id is not None:
                note = news.thread(
                    self._settings,
                    say(
                        N_("{person} could not be reached by a direct message ({error})."),
                        person=person(row.address),
                        error=answer.code,
                    ),
                )
            await self._store.dropped(row, answer.code, note)
            self.kick()
        elif row.kind in ("card", "link") or row.tries < ODD_TRIES:
            await self._store.put_off(row, timedelta(seconds=min(2**row.tries, 60)))
        else:
            await self._store.dropped(row, answer.code)
            await failures.tell(self._app, f"delivering {row.kind} {row.id} ({answer.code})", error)

    async def _lost(self, row: Outgoing) -> None:
        assert row.purchase_id is not None
        card = await self._store.card_of(row.purchase_id)
        purchase = await self._store.purchase(row.purchase_id)
        if card is None or purchase is None or card.ts != row.ts:
            return  # noticed before
        line = news.thread(self._settings, await self._begun_again(purchase))
        if card.ts is None:  # never posted, and its channel is not that of the settings any more
            await self._store.readdress("card", self._settings.approvals_channel)
        else:
            await self._store.card_lost(card, self._settings.approvals_channel, line)
        self.kick()
