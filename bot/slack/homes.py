"""Home, for those who have it open: drawn again when something changes that it shows, at most once in two seconds for each."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import failures
from bot.core import App
from storage.models import Bundle, Outgoing, Purchase, State

log = logging.getLogger(__name__)

PAUSE = 2
"""Seconds between two looks at what has changed: whatever changes meanwhile is one drawing."""
AT_ONCE = 20
"""People whose Home is drawn in one look; the others follow in the next."""

Draw = Callable[[str], Awaitable[dict[str, Any]]]


class Homes:
    """The worker's part: what is delivered to Slack tells what has changed."""

    def __init__(self, app: App, client: AsyncWebClient, draw: Draw) -> None:
        """draw: the view for a person, as everything is now."""
        self._app = app
        self._client = client
        self._draw = draw
        self._changed: set[tuple[str, str]] = set()
        self._to_draw: dict[str, None] = {}

    def changed(self, row: Outgoing) -> None:
        """Something about this purchase or bundle was delivered: it has changed."""
        if row.purchase_id:
            self._changed.add(("purchase", row.purchase_id))
        elif row.bundle_id:
            self._changed.add(("bundle", row.bundle_id))

    async def tick(self) -> None:
        """A duty, every two seconds."""
        changed, self._changed = self._changed, set()
        if changed:
            opened = await self._app.store.open_homes(self._app.workspace_id)
            if opened:
                self._to_draw |= dict.fromkeys(sorted(opened & await self._concerned(changed, opened)))
        for person_id in list(self._to_draw)[:AT_ONCE]:
            del self._to_draw[person_id]
            await publish(person_id, self._client, self._draw, self._app)

    async def _concerned(self, changed: Iterable[tuple[str, str]], opened: set[str]) -> set[str]:
        found: set[str] = set()
        for kind, row_id in changed:
            if kind == "bundle":
                found |= _of_bundle(await self._app.store.bundle(row_id))
            else:
                found |= self._of_purchase(await self._app.store.purchase(row_id), opened)
        return found

    def _of_purchase(self, purchase: Purchase | None, opened: set[str]) -> set[str]:
        if purchase is None:
            return set()
        involved = {purchase.requester_id, purchase.owner_id}
        decided = purchase.state != State.AWAITING_APPROVAL and purchase.decided_at is None
        approvers = self._app.policy.approve.known(self._app.people)
        return involved if decided else involved | (opened if approvers is None else set(approvers))


def _of_bundle(bundle: Bundle | None) -> set[str]:
    return {each for each in (bundle.made_by, bundle.submitted_by) if each} if bundle else set()


async def publish(person_id: str, client: AsyncWebClient, draw: Draw, app: App) -> None:
    """What fails is no alarm: Home is drawn anew whenever it is opened."""
    try:
        await client.views_publish(user_id=person_id, view=await draw(person_id))
    except SlackApiError as error:
        log.warning("a Home could not be published: %s", error.response.get("error"))
    except Exception as error:
        await failures.tell(app, "drawing a Home", error)
