"""WhatsApp in a real browser: the account's first sender is made on the Twilio twin's page, the rest from the card."""

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.e2e.screen import screen
from tests.stories.stage import stage as set_stage
from tests.stories.test_ready import bought


async def test_a_number_goes_online_from_the_card(tmp_path: Path, browser: Browser) -> None:
    async with set_stage(tmp_path) as stage:
        card = await bought(stage, stage.person("requester"), stage.person("approver"))
        (number,) = await stage.bought()
        console = await screen(browser, stage, "")
        await console.page.goto(stage.twilio_twin.url)
        senders = console.page.locator("#senders")
        await expect(senders).to_contain_text("The first one of an account is made here")
        await senders.get_by_label("Number of a sender to make").fill("me")
        await senders.get_by_role("button", name="Make it").click()
        await expect(console.page.get_by_role("status")).to_contain_text("E.164")
        await senders.get_by_label("Number of a sender to make").fill("+442079460001")
        await senders.get_by_role("button", name="Make it").click()
        await expect(senders).to_contain_text("whatsapp:+442079460001")
        approver = await screen(browser, stage, "U0APPROVER")
        await approver.opens("C0APPROVALS")
        await approver.message(card["ts"]).get_by_role("button", name="Enable WhatsApp").click()
        await expect(approver.dialog("card.whatsapp")).to_be_visible()
        await approver.element("display_name").fill("Leeds Dental")
        await approver.picture("whatsapp")
        await approver.sends("card.whatsapp")
        await expect(senders.locator("li", has_text=number)).to_contain_text("ONLINE", timeout=30_000)
        await console.picture("whatsapp-twilio")
        await expect(approver.message(card["ts"])).to_contain_text("on WhatsApp", timeout=30_000)
        await approver.picture("whatsapp-card")
