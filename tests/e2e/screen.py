"""A person in front of the twins' pages, in a real browser; pictures are kept in ``build/screenshots``."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.catalogue import ROOT
from tests.stories.stage import Stage

PICTURES = Path(os.environ.get("SCREENSHOTS") or ROOT / "build" / "screenshots")
SOON = 8_000


class Screen:
    """One person in front of the Slack twin's page."""

    def __init__(self, page: Page, stage: Stage, user: str) -> None:
        self.page = page
        self._stage = stage
        self._user = user

    async def opens(self, channel: str) -> None:
        await self.page.goto(
            f"{self._stage.slack_twin.url}/?as={self._user}&channel={channel}", wait_until="commit"
        )
        await self.page.wait_for_selector("html[data-live]")

    async def types(self, text: str) -> None:
        box = self.page.get_by_role("textbox").first
        await box.fill(text)
        await box.press("Enter")

    def dialog(self, callback_id: str) -> Any:
        return self.page.locator(f'dialog[data-view-callback="{callback_id}"]')

    def element(self, action_id: str) -> Any:
        return self.page.locator(f'[data-action-id="{action_id}"]').first

    async def sends(self, callback_id: str) -> None:
        await self.dialog(callback_id).locator('button[type="submit"]').click()

    @contextlib.asynccontextmanager
    async def turns(self) -> AsyncIterator[None]:
        """Ends once another page stands in the place of this one, or this one is drawn again."""
        form = self.page.locator("dialog form[data-hash]")
        before = await form.get_attribute("data-hash")
        yield
        await self.page.wait_for_selector(
            f'dialog[open] form[data-hash]:not([data-hash="{before}"], [data-waiting])'
        )

    def message(self, ts: str) -> Any:
        return self.page.locator(f'#messages [data-ts="{ts}"]')

    async def picture(self, name: str) -> None:
        await self.page.mouse.move(0, 0)  # nothing is drawn as if pointed at
        await self.page.screenshot(path=PICTURES / f"{name}.png")


async def screen(browser: Browser, stage: Stage, user: str, **more: Any) -> Screen:
    context = await browser.new_context(
        viewport={"width": 1180, "height": 820}, reduced_motion="reduce", **more
    )
    context.set_default_timeout(SOON)
    return Screen(await context.new_page(), stage, user)
