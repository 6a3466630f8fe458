"""``make pictures``: every screen in both languages, light and dark, wide and narrow, in ``build/screenshots``, to be looked at."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.screen import PICTURES, SOON
from tests.stories import filling
from tests.stories.stage import Person, Stage, asks, options, sends, state_of, until
from tests.stories.stage import stage as set_stage

WIDE, NARROW = {"width": 1180, "height": 820}, {"width": 390, "height": 844}
NEW = {"messaging_service": "new", "messaging_service_name": "Leeds"}


class Album:
    """One language's pictures. A person's page stays open, because a reload ends modals as in Slack."""

    def __init__(self, browser: Browser, stage: Stage, language: str) -> None:
        self.stage, self.language = stage, language
        self._browser = browser
        self._pages: dict[str, Any] = {}
        self.overflowing: list[str] = []

    async def page_of(self, person: Person, channel: str = "C0NUMBERS", **more: str) -> Any:
        if person.id not in self._pages:
            context = await self._browser.new_context(viewport=WIDE, reduced_motion="reduce")
            context.set_default_timeout(SOON)
            self._pages[person.id] = await context.new_page()
        query = "&".join(f"{name}={value}" for name, value in more.items())
        page = self._pages[person.id]
        await page.goto(f"{self.stage.slack_twin.url}/?as={person.id}&channel={channel}&{query}")
        await page.wait_for_selector("html[data-live]")
        end_tour = page.locator('#tour [data-tour="end"]')
        if await end_tour.is_visible():
            await end_tour.click()
        return page

    async def take(self, name: str, page: Any) -> None:
        await page.mouse.move(0, 0)
        for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
            await page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=PICTURES / f"{self.language}-{name}-{size}-{scheme}.png")
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.overflowing.append(f"{self.language}-{name}-{size}")
        await page.set_viewport_size(WIDE)

    async def modal(self, name: str, person: Person, callback_id: str, down_to: str = "") -> None:
        """The view that the person has open, once it is drawn on the page. down_to: a field to scroll to."""
        await person.view(callback_id)
        page = self._pages[person.id]
        await page.wait_for_selector(f'dialog[data-view-callback="{callback_id}"] form:not([data-waiting])')
        if down_to:
            await page.locator(f'dialog [data-action-id="{down_to}"]').first.scroll_into_view_if_needed()
        await self.take(name, page)

    async def close(self, person: Person) -> None:
        for view in reversed(await person.slack.get("views", user=person.id)):
            await person.slack.post("close", user=person.id, view_id=view["id"])


async def finding(album: Album, requester: Person) -> None:
    await album.page_of(requester)
    for name, command, callback_id in (
        ("account", "account", "account"),
        ("atlas", "atlas DE", "atlas"),
        ("find", "buy-number", "buy_number.find"),
    ):
        await requester.types(command)
        await album.modal(name, requester, callback_id)
        await album.close(requester)
    await requester.types("buy-number US")
    await requester.picks("destinations", ["US", "IN"])
    await requester.presses("advanced")
    await album.modal("find-type", requester, "buy_number.find")
    await album.modal("find-advanced", requester, "buy_number.find", "near_number")
    await requester.submits(purpose="", in_region="Nowhere")
    await album.modal("find-wrong", requester, "buy_number.find")
    await requester.submits(purpose="Appointment reminders for the Leeds office", in_region="")
    await album.modal("choose", requester, "buy_number.choose")
    chosen = options(await requester.view(), "phone_number")[0]
    await requester.submits(phone_number=chosen)
    await requester.picks("messaging_service", "new")
    await requester.picks("if_gone", "closest")
    await album.modal("review", requester, "buy_number.review")
    await album.modal("review-service", requester, "buy_number.review", "agree")
    await sends(requester, **NEW)


async def end_user(album: Album, requester: Person) -> None:
    await requester.types("buy-number GB")
    await requester.submits(number_type="mobile", purpose="Support line")
    chosen = options(await requester.view("buy_number.choose"), "phone_number")[0]
    await requester.submits(phone_number=chosen)
    await album.modal("end-user", requester, "buy_number.end_user")
    await album.modal("end-user-bundle", requester, "buy_number.end_user", "bundle")
    await album.close(requester)


async def deciding(album: Album, requester: Person, approver: Person) -> None:
    stage = album.stage
    card = await stage.card("awaiting_approval")
    page = await album.page_of(approver, "C0APPROVALS")
    await page.wait_for_selector('[data-action-id="approve"]')
    await album.take("card-waiting", page)
    await approver.clicks(card, "deny")
    await album.modal("deny", approver, "card.deny")
    await album.close(approver)
    await requester.chooses(card, "withdraw")
    await album.modal("withdraw", requester, "card.withdraw")
    await album.close(requester)
    await stage.twilio.post("geo", country="IN", enabled=False)
    await approver.clicks(card, "approve")
    card = await stage.card("complete")
    await album.take("card-bought", await album.page_of(approver, "C0APPROVALS", thread=card["ts"]))


async def ready(album: Album, requester: Person, approver: Person) -> None:
    stage = album.stage
    card = (await stage.cards())[-1]
    await album.page_of(approver, "C0APPROVALS")
    for verb in ("enable_geo", "set_inbound"):
        await approver.clicks(card, verb)
        await album.modal(verb.replace("_", "-"), approver, f"card.{verb}")
        await approver.submits()
    services = (await stage.twilio.get("state"))["services"]
    leeds = next(each["sid"] for each in services if each["friendly_name"] == "Leeds")
    await stage.twilio.post("a2p", service=leeds, campaign_status="VERIFIED")

    async def unblocked() -> bool:
        await requester.clicks((await stage.cards())[-1], "check")
        await asyncio.sleep(0.5)
        payload = (await stage.cards())[-1]["metadata"]["event_payload"]
        return payload["ready"] == "unknown"

    await until(unblocked, "nothing keeps it from texting")
    await album.page_of(requester)
    await requester.clicks((await stage.cards())[-1], "test")
    await album.modal("test", requester, "card.test")
    await requester.submits(to="+14155550123")
    number = (await stage.bought())[0]

    async def proven() -> bool:
        payload = (await stage.cards())[-1]["metadata"]["event_payload"]
        return payload["ready"] == "yes"

    await until(proven, "it is ready")
    await requester.types(f"check {number}")
    await album.modal("check", requester, "check")
    await album.close(requester)
    page = await album.page_of(approver, "C0APPROVALS", thread=card["ts"])
    await album.take("card-ready", page)
    card = (await stage.cards())[-1]
    await requester.chooses(card, "hand_over")
    await album.modal("hand-over", requester, "card.hand_over")
    await album.close(requester)
    await approver.chooses(card, "release")
    await album.modal("release", approver, "card.release")
    await album.close(approver)


async def lost(album: Album, requester: Person, approver: Person) -> None:
    stage = album.stage
    await requester.types("buy-number US")
    await requester.submits(purpose="Support line", contains="555")
    chosen = options(await requester.view("buy_number.choose"), "phone_number")[0]
    await requester.submits(phone_number=chosen)
    await sends(requester)
    card = await stage.card("awaiting_approval")
    await stage.twilio.post("taken", phone_number=chosen)
    await approver.clicks(card, "approve")
    await stage.card("needs_changes")
    page = await album.page_of(approver, "C0APPROVALS")
    await page.wait_for_selector('[data-action-id="search"]')
    await album.take("card-lost", page)


async def homes(album: Album, requester: Person, approver: Person, operator: Person) -> None:
    for name, person in (("requester", requester), ("approver", approver), ("operator", operator)):
        direct = album.stage.slack_twin.workspace.direct_channel(person.id)["id"]
        page = await album.page_of(person, direct, tab="home")
        await page.wait_for_selector(".home-view .block")
        await album.take(f"home-{name}", page)


async def bundles(album: Album, compliance: Person, requester: Person) -> None:
    stage = album.stage
    await album.page_of(compliance)
    await compliance.types("new-bundle DE")
    await album.modal("new-bundle", compliance, "new_bundle.start")
    await album.close(compliance)
    sid = await filling.makes(stage, compliance, "DE", "local", "business")
    made = await filling.bundle(stage, sid)
    reason = {made["items"][0]["sid"]: "The extract is older than six months."}
    await stage.twilio.post(f"bundles/{sid}/review", verdict="reject", reasons=reason)
    await stage.running.watch.poll()
    page = await album.page_of(compliance, "C0BUNDLES")
    await page.wait_for_selector('[data-action-id="fix"]')
    await album.take("bundle-rejected", page)
    await album.page_of(compliance)
    await compliance.types("bundles")
    await album.modal("bundles", compliance, "bundles.list")
    await compliance.presses("details")
    await album.modal("bundle-details", compliance, "bundles.details")
    await album.close(compliance)


async def whatsapp(album: Album, approver: Person) -> None:
    """Beside the account's first sender, which is made in the Console."""
    await album.stage.twilio.post("senders", phone_number="+442079460001")
    ready = next(each for each in await album.stage.cards() if state_of(each) == "complete")
    await album.page_of(approver, "C0APPROVALS")
    await approver.clicks(ready, "enable_whatsapp")
    await album.modal("whatsapp", approver, "card.whatsapp")
    await album.close(approver)


async def doctor(album: Album, operator: Person) -> None:
    await album.page_of(operator)
    await operator.types("doctor")
    await album.modal("doctor", operator, "doctor")
    await album.close(operator)


POLICY = """
[[rule]]
name = "Support"
countries = ["US"]
[[rule.stage]]
name = "Team lead"
people = ["U0APPROVER"]
[[rule.stage]]
name = "Finance"
people = ["U0APPROVER2"]
yearly_above = 10
[emergency]
people = ["U0APPROVER"]
[approve]
people = ["U0APPROVER"]
"""


async def stages(album: Album, requester: Person, approver: Person, file: Path) -> None:
    stage = album.stage
    await asyncio.to_thread(file.write_text, POLICY)
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(file), CHANNEL_LANGUAGE=album.language)
    number = await asks(requester)
    card = await stage.card("awaiting_approval", number)
    page = await album.page_of(approver, "C0APPROVALS", thread=card["ts"])
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "Finance")
    await album.take("card-stages", page)
    await approver.chooses(card, "approve_alone")
    await album.modal("emergency", approver, "card.approve_alone")
    await album.close(approver)


async def twilio(album: Album, person: Person) -> None:
    page = await album.page_of(person)
    await page.goto(album.stage.twilio_twin.url)
    await album.take("twilio", page)


PEOPLE = {"en": "requester", "ja": "requester_ja"}
OTHERS = ("U0APPROVER", "U0COMPLIANCE", "U0OPERATOR")


async def fill(album: Album, folder: Path) -> None:
    stage = album.stage
    requester, approver = stage.person(PEOPLE[album.language]), stage.person("approver")
    chapters: list[Callable[[], Awaitable[None]]] = [
        lambda: finding(album, requester),
        lambda: end_user(album, requester),
        lambda: deciding(album, requester, approver),
        lambda: ready(album, requester, approver),
        lambda: lost(album, requester, approver),
        lambda: homes(album, requester, approver, stage.person("operator")),
        lambda: bundles(album, stage.person("compliance"), requester),
        lambda: whatsapp(album, approver),
        lambda: doctor(album, stage.person("operator")),
        lambda: stages(album, requester, approver, folder / "stages.toml"),
        lambda: twilio(album, approver),
    ]
    for chapter in chapters:
        await chapter()


async def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    overflowing: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for language in PEOPLE:
            with tempfile.TemporaryDirectory() as folder:
                async with set_stage(Path(folder)) as stage:
                    if language != "en":
                        await stage.stop_app()
                        for each in OTHERS:  # else they would read their own English in these pictures
                            await stage.slack.post(f"people/{each}", locale="ja-JP")
                        fresh = f"sqlite:///{folder}/{language}.db"  # the other one knows which language they read
                        await stage.start_app(CHANNEL_LANGUAGE=language, DATABASE_URL=fresh)
                    album = Album(browser, stage, language)
                    await fill(album, Path(folder))
                    overflowing += album.overflowing
        await browser.close()
    for each in overflowing:
        sys.stderr.write(f"wider than the window: {each}\n")
    return 1 if overflowing else 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
