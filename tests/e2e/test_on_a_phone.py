"""The approver on a phone: the whole decision in one look. The picture is kept in ``build/screenshots``."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.screen import screen
from tests.stories.stage import asks
from tests.stories.stage import stage as set_stage

PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_the_whole_decision_is_on_the_screen(browser: Browser, tmp_path: Path, language: str) -> None:
    """From the first line to the buttons, without scrolling, with what stands against the number."""
    async with set_stage(tmp_path) as stage:
        if language != "en":
            await stage.stop_app()
            await stage.start_app(CHANNEL_LANGUAGE=language)
        await stage.twilio.post("geo", country="IN", enabled=False)
        await stage.app.market.refresh_geo()
        await asks(
            stage.person("requester"),
            review={"messaging_service": "new", "messaging_service_name": "Leeds"},
            purpose="Appointment reminders for the Leeds office",
            destinations=["US", "IN"],
        )
        await stage.card("awaiting_approval")
        approver = await screen(browser, stage, "U0APPROVER")
        await approver.page.set_viewport_size(PHONE)
        await approver.opens("C0APPROVALS")
        end_tour = approver.page.locator('#tour [data-tour="end"]')
        if await end_tour.is_visible():
            await end_tour.click()
        card = approver.page.locator("#messages [data-ts] .block-rich_text").first
        await expect(approver.element("approve")).to_be_visible()
        await approver.picture(f"{language}-approver-on-a-phone")
        top, buttons = await card.bounding_box(), await approver.element("deny").bounding_box()
        composer = await approver.page.get_by_role("textbox").first.bounding_box()
        assert top is not None and buttons is not None and composer is not None
        assert top["y"] >= 0 and buttons["y"] + buttons["height"] <= composer["y"], (top, buttons, composer)
        await approver.page.context.close()
