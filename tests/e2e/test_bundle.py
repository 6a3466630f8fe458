"""A bundle in a real browser: its pages, the reviewer's desk, a refusal put right; pictures are kept in ``build/screenshots``."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.screen import Screen, screen
from tests.stories.filling import EMAIL, PDF, PNG, TYPED
from tests.stories.stage import Stage, until
from tests.stories.stage import stage as set_stage

REASON = "The tax notice is older than six months."
END_USER = ("business_name", "business_registration_number", "business_website", "first_name", "last_name")
ADDRESS = ("customer_name", "street", "city", "postal_code")


async def saves(person: Screen, callback_id: str) -> None:
    async with person.turns():
        await person.sends(callback_id)


async def chooses_file(person: Screen, name: str, content: bytes) -> None:
    field = person.element("file")
    chosen: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    await field.locator('input[type="file"]').set_input_files(chosen)
    await expect(field.get_by_text(name)).to_be_visible()


async def begins(person: Screen) -> None:
    await person.opens("C0NUMBERS")
    await person.types("/twilio new-bundle DE")
    await expect(person.dialog("new_bundle.start")).to_be_visible()
    await person.element("number_type").locator('input[value="local"]').check()
    await person.element("end_user_type").locator('input[value="business"]').check()
    await person.element("name").fill("Kaffeewerk Berlin")
    await saves(person, "new_bundle.start")


async def gives_end_user(person: Screen, prefix: str) -> None:
    await expect(person.dialog("new_bundle.end_user")).to_be_visible()
    for name in END_USER:
        await person.element(name).fill(TYPED[name])
    await person.element("email").fill(EMAIL)
    await person.picture(f"{prefix}-end-user")
    await saves(person, "new_bundle.end_user")


async def gives_document(person: Screen, prefix: str, wrong_file: str) -> None:
    """Another kind than the proposed one, and at first a file that Twilio does not take."""
    await expect(person.dialog("new_bundle.document")).to_be_visible()
    kind = person.element("document_type")
    async with person.turns():
        await kind.select_option("tax_document")
    await chooses_file(person, "letter.pdf", b"No PDF, only named like one.")
    await saves(person, "new_bundle.document")
    below = person.page.locator('.block:has([data-action-id="file"]) + .block .alert.error')
    await expect(below).to_contain_text(wrong_file)
    await expect(kind).to_have_value("tax_document")
    await person.picture(f"{prefix}-wrong-file")
    await expect(person.element("file").get_by_text("letter.pdf")).to_have_count(0)
    await chooses_file(person, "tax-notice.pdf", PDF)
    await saves(person, "new_bundle.document")


async def gives_file(person: Screen, picture: str | None = None) -> None:
    await expect(person.dialog("new_bundle.document")).to_be_visible()
    await chooses_file(person, "register-excerpt.pdf", PDF)
    if picture:
        await person.picture(picture)
    await saves(person, "new_bundle.document")


async def gives_address(person: Screen, prefix: str) -> None:
    await expect(person.dialog("new_bundle.address")).to_be_visible()
    await expect(person.element("address")).to_have_value("new")
    for name in ADDRESS:
        await person.element(name).fill(TYPED[name])
    await person.picture(f"{prefix}-address")
    await saves(person, "new_bundle.address")


async def sends(person: Screen, prefix: str | None = None) -> None:
    review = person.dialog("new_bundle.review")
    await expect(review.locator(".alert.success")).to_be_visible()  # Twilio's evaluation
    if prefix:
        await person.picture(f"{prefix}-review")
    await saves(person, "new_bundle.review")
    done = person.dialog("new_bundle.done")
    await expect(done.locator(".alert.success")).to_be_visible()
    await done.locator('footer [data-close="this"]').click()
    await expect(person.page.locator("dialog[open]")).to_have_count(0)


async def news(stage: Stage, person: Screen, status: str) -> Any:
    """The newest message of the bundles channel about this status, on the page without reloading."""

    async def there() -> Any:
        for each in reversed(await stage.messages("C0BUNDLES")):
            if each.get("metadata", {}).get("event_payload", {}).get("status") == status:
                return each["ts"]
        return None

    stage.look()
    message = person.message(await until(there, f"the bundles channel says {status}"))
    await expect(message).to_be_visible()
    return message


@pytest.mark.parametrize(
    ("language", "user", "wrong_file", "fix", "approval"),
    [
        ("en", "U0COMPLIANCE", "no PDF, JPEG or PNG", "Fix and resubmit", "has approved"),
        ("ja", "U0REQUESTERJA", "", "", ""),
    ],
)
async def test_a_bundle_is_made_refused_put_right_and_approved(
    browser: Browser, tmp_path: Path, language: str, user: str, wrong_file: str, fix: str, approval: str
) -> None:
    prefix = f"bundle-{language}"
    async with set_stage(tmp_path) as stage:
        if language != "en":
            await stage.stop_app()
            await stage.start_app(CHANNEL_LANGUAGE=language)
        person = await screen(browser, stage, user)
        desk = await screen(browser, stage, user)
        await begins(person)
        await gives_end_user(person, prefix)
        await gives_document(person, prefix, wrong_file)
        await gives_file(person, f"{prefix}-document")
        await gives_address(person, prefix)
        await gives_file(person)
        await sends(person, prefix)
        await person.opens("C0BUNDLES")
        await news(stage, person, "pending-review")

        await desk.page.goto(stage.twilio_twin.url)
        bundle = desk.page.locator('[data-bundle-sid][data-status="pending-review"]')
        refused = bundle.locator("li", has_text="Tax document")
        await refused.get_by_role("textbox").fill(REASON)
        await bundle.locator(".verdict").evaluate("each => each.scrollIntoView({block: 'end'})")
        await desk.picture(f"{prefix}-desk")
        await bundle.locator('button[value="reject"]').click()
        await expect(bundle).to_have_count(0)
        rejected = await news(stage, person, "twilio-rejected")
        await expect(rejected).to_contain_text(REASON)
        await expect(rejected.locator('[data-action-id="fix"]')).to_contain_text(fix)
        await person.picture(f"{prefix}-rejected")

        await rejected.locator('[data-action-id="fix"]').click()
        await expect(person.dialog("new_bundle.document")).to_contain_text(REASON)
        await chooses_file(person, "tax-notice.png", PNG)
        await person.picture(f"{prefix}-fix")
        await saves(person, "new_bundle.document")
        await sends(person)

        await expect(bundle.locator("li", has_text="image/png")).to_be_visible()
        await bundle.locator('button[value="approve"]').click()
        await expect(bundle).to_have_count(0)
        approved = await news(stage, person, "twilio-approved")
        await expect(approved).to_contain_text(approval)
        await person.picture(f"{prefix}-approved")
        await person.page.context.close()
        await desk.page.context.close()
