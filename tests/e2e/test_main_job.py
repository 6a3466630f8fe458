"""The whole main job in a real browser, as two people; pictures of it are kept in ``build/screenshots``."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.screen import Screen, screen
from tests.stories.stage import stage as set_stage


async def fill_in(person: Screen, prefix: str, country: str, purpose: str, service: str) -> None:
    """The four pages, with a picture of each."""
    await person.opens("C0NUMBERS")
    await person.types("/twilio buy-number")
    await expect(person.dialog("buy_number.find")).to_be_visible()
    box = person.element("country")
    combobox = box if await box.get_attribute("role") == "combobox" else box.get_by_role("combobox")
    await combobox.press_sequentially(country, delay=30)
    await person.page.get_by_role("option").first.wait_for()
    await person.picture(f"{prefix}-type-ahead")
    await combobox.press("ArrowDown")
    await combobox.press("Enter")
    await expect(person.dialog("buy_number.find").get_by_role("radio").first).to_be_visible()
    await person.picture(f"{prefix}-find")
    await person.sends("buy_number.find")
    await expect(person.page.locator(".field-error:visible").first).to_be_visible()
    await person.element("purpose").fill(purpose)
    await person.picture(f"{prefix}-find-error")
    await person.sends("buy_number.find")
    await expect(person.dialog("buy_number.choose")).to_be_visible()
    await person.dialog("buy_number.choose").get_by_role("radio").nth(1).check()
    await person.picture(f"{prefix}-choose")
    await person.sends("buy_number.choose")
    await expect(person.dialog("buy_number.review")).to_be_visible()
    select = person.element("messaging_service")
    await select.select_option("new")
    await person.element("messaging_service_name").fill(service)
    await person.dialog("buy_number.review").get_by_role("checkbox").check()
    await person.picture(f"{prefix}-review")
    await person.sends("buy_number.review")
    await expect(person.page.locator("dialog[data-view-callback][open]")).to_have_count(0)


@pytest.mark.parametrize(
    ("prefix", "requester", "country", "purpose", "language", "done"),
    [
        (
            "en",
            "U0REQUESTER",
            "united st",
            "Appointment reminders for the Leeds office",
            "en",
            "is bought, and cannot text US phones yet",
        ),
        (
            "ja",
            "U0REQUESTERJA",
            "アメリカ",
            "予約のリマインダーを送るため",
            "ja",
            "まだ米国宛てに送信できません",
        ),
    ],
)
async def test_the_main_job_as_two_people(
    browser: Browser,
    tmp_path: Path,
    prefix: str,
    requester: str,
    country: str,
    purpose: str,
    language: str,
    done: str,
) -> None:
    async with set_stage(tmp_path) as stage:
        if language != "en":
            await stage.stop_app()
            await stage.start_app(CHANNEL_LANGUAGE=language)
        asking = await screen(browser, stage, requester)
        deciding = await screen(browser, stage, "U0APPROVER")
        await deciding.opens("C0APPROVALS")
        await fill_in(asking, prefix, country, purpose, "Leeds")
        approve = deciding.element("approve")
        await expect(approve).to_be_visible()  # without reloading
        await deciding.picture(f"{prefix}-card-waiting")
        await approve.click()
        await expect(deciding.page.get_by_text(done).first).to_be_visible()
        await expect(deciding.element("approve")).to_have_count(0)
        card = await stage.card("complete")
        assert await stage.bought() == await stage.senders("Leeds") != []
        await stage.in_thread(card, "“Leeds”" if language == "en" else "「Leeds」")
        await deciding.page.goto(
            f"{stage.slack_twin.url}/?as=U0APPROVER&channel=C0APPROVALS&thread={card['ts']}"
        )
        await deciding.page.wait_for_selector("html[data-live]")
        await deciding.picture(f"{prefix}-card-done")
        await deciding.page.emulate_media(color_scheme="dark")
        await deciding.picture(f"{prefix}-card-done-dark")
        await deciding.page.goto(stage.twilio_twin.url)
        await expect(deciding.page.get_by_text((await stage.bought())[0][-4:]).first).to_be_visible()
        await deciding.page.emulate_media(color_scheme="light")
        await deciding.picture(f"{prefix}-twilio")
        await asking.page.context.close()
        await deciding.page.context.close()
