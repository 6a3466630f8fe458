"""The Slack twin's page in a browser: what a person sees and does, with a small app behind the twin."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from sandbox.slack.delivery import Acknowledged, Retry
from sandbox.slack.manifest import slash_commands
from sandbox.slack.page import WORDS
from sandbox.slack.tour import STEPS
from sandbox.slack.twin import SlackTwin
from sandbox.slack.values import SAID
from sandbox.slack.workspace import BOT_ID, BOT_USER
from tests.catalogue import in_code
from tests.sandbox.test_slack_web_api import speaker

Json = dict[str, Any]

SOON = 5_000
COUNTRIES = {"DE": "Germany", "GB": "United Kingdom", "JP": "Japan", "US": "United States"}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def marked(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def options(**named: str) -> list[Json]:
    return [{"text": plain(text), "value": value} for value, text in named.items()]


def field(block_id: str, label: str, element: Json, **more: Any) -> Json:
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


def modal(callback_id: str, title: str, blocks: list[Json], **more: Any) -> Json:
    return {"type": "modal", "callback_id": callback_id, "title": plain(title), "blocks": blocks, **more}


def find_view() -> Json:
    kinds = [
        {
            "text": marked("*Mobile*"),
            "value": "mobile",
            "description": plain("Sends and receives SMS almost everywhere"),
        },
        {"text": marked("*Local*"), "value": "local", "description": plain("Belongs to a city or an area")},
        {
            "text": marked("*Toll-free*"),
            "value": "toll-free",
            "description": plain("Free to call for your customers"),
        },
    ]
    return modal(
        "buy_number.find",
        "Find a number",
        [
            {
                "type": "alert",
                "block_id": "note",
                "level": "warning",
                "text": marked("German numbers need *papers* before they can be bought."),
            },
            field(
                "country",
                "Country",
                {
                    "type": "external_select",
                    "action_id": "country",
                    "min_query_length": 0,
                    "placeholder": plain("Type a country"),
                },
                dispatch_action=True,
            ),
            field(
                "number_type",
                "Number type",
                {"type": "radio_buttons", "action_id": "number_type", "options": kinds},
            ),
            field(
                "capabilities",
                "It must be able to",
                {
                    "type": "checkboxes",
                    "action_id": "capabilities",
                    "options": options(sms="Send SMS", voice="Call"),
                },
                optional=True,
            ),
            field(
                "purpose",
                "What is it for?",
                {
                    "type": "plain_text_input",
                    "action_id": "purpose",
                    "multiline": True,
                    "max_length": 200,
                    "placeholder": plain("Reminders for our customers in Berlin"),
                },
                hint=plain("Whoever approves it reads this."),
            ),
        ],
        submit=plain("Search"),
        close=plain("Cancel"),
    )


def card() -> list[Json]:
    button = {
        "type": "button",
        "action_id": "approve",
        "text": plain("Approve"),
        "style": "primary",
        "value": "p1",
    }
    ask = {
        "title": plain("Deny this?"),
        "text": marked("*Rita* will be told."),
        "confirm": plain("Deny"),
        "deny": plain("Keep"),
        "style": "danger",
    }
    return [
        {"type": "header", "block_id": "head", "text": plain("Buy +49 1579 2300001")},
        {
            "type": "section",
            "block_id": "facts",
            "text": marked("<@U0REQUESTER> asks <!subteam^S0APPROVERS> for a number."),
            "fields": [
                marked("*Country*\nGermany"),
                marked("*Type*\nMobile"),
                marked("*Monthly price*\n$3.00"),
                marked("*Purpose*\nReminders &amp; <https://example.com|support>"),
            ],
        },
        {
            "type": "section",
            "block_id": "steps",
            "text": marked(
                ":white_check_mark: Asked\n:hourglass_flowing_sand: Waiting for approval\n:white_circle: Buy\n:white_circle: Test message"
            ),
        },
        {
            "type": "context",
            "block_id": "when",
            "elements": [
                marked("Held until <!date^1767272400^{date_short} {time}|later>"),
                marked("`purchase 17`"),
            ],
        },
        {"type": "divider", "block_id": "line"},
        {
            "type": "actions",
            "block_id": "decide",
            "elements": [
                button,
                {
                    "type": "button",
                    "action_id": "deny",
                    "text": plain("Deny"),
                    "style": "danger",
                    "value": "p1",
                    "confirm": ask,
                },
                {
                    "type": "overflow",
                    "action_id": "more",
                    "options": options(contents="Give papers", other="Choose another"),
                },
            ],
        },
    ]


def home(title: str) -> Json:
    ask = {"type": "button", "action_id": "buy_number", "text": plain("Ask for a number")}
    return {
        "type": "home",
        "callback_id": "home",
        "blocks": [{"type": "header", "text": plain(title)}, {"type": "actions", "elements": [ask]}],
    }


class App:
    """Stands in for the app behind the twin's delivery."""

    def __init__(self, twin: SlackTwin) -> None:
        self.workspace = twin.workspace
        self.got: list[Json] = []
        self.error: str | None = None
        self.errors: Json = {}
        self.loading = 0.0
        self.tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, kind: str, payload: Json, retry: Retry | None = None) -> Acknowledged:
        self.got.append(payload)
        if self.error:
            return Acknowledged(error=self.error)
        if kind == "slash_commands":
            return self._command(payload)
        if payload["type"] == "block_suggestion":
            typed = payload["value"].lower()
            return Acknowledged(
                {
                    "options": options(
                        **{key: each for key, each in COUNTRIES.items() if typed in each.lower()}
                    )
                }
            )
        if payload["type"] == "block_actions":
            self._click(payload)
        elif payload["type"] == "view_submission" and self.errors:
            return Acknowledged({"response_action": "errors", "errors": self.errors})
        return Acknowledged()

    def _command(self, payload: Json) -> Acknowledged:
        if payload["text"] == "help":
            return Acknowledged({"text": "Try */twilio buy* in <#C0NUMBERS>"})
        shown = self.workspace.open_view(
            payload["user_id"],
            modal("loading", "One moment", [{"type": "section", "text": plain("Looking for countries…")}]),
        )
        task = asyncio.create_task(self._load(shown))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return Acknowledged()

    async def _load(self, shown: Json) -> None:
        await asyncio.sleep(self.loading)
        self.workspace.update_view(shown, find_view())

    def _click(self, payload: Json) -> None:
        action = payload["actions"][0]
        if action["action_id"] == "country":
            view = self.workspace.open_views[payload["view"]["id"]]
            chosen = action["selected_option"]["text"]["text"]
            blocks = find_view()["blocks"]
            blocks[0]["text"] = marked(f"Numbers in *{chosen}* cost about $3.")
            self.workspace.update_view(view, {**find_view(), "blocks": blocks})
        elif action["action_id"] == "buy_number":
            self.workspace.open_view(payload["user"]["id"], find_view())
        elif "message" in payload:
            message = self.workspace.find_message(payload["channel"]["id"], payload["message"]["ts"])
            assert message
            self.workspace.change_message(
                payload["channel"]["id"],
                message,
                text="done",
                blocks=[
                    {
                        "type": "section",
                        "text": marked(f"{action['action_id']} by <@{payload['user']['id']}>"),
                    }
                ],
            )

    async def hears_of_tabs(self, count: int) -> list[Json]:
        """The ``app_home_opened`` so far, once there are so many."""
        async with asyncio.timeout(SOON / 1000):
            while True:
                heard = [each["event"] for each in self.got if each.get("type") == "event_callback"]
                if len(heard) >= count:
                    return heard
                await asyncio.sleep(0.02)

    def last(self, kind: str) -> Json:
        return next(each for each in reversed(self.got) if each.get("type") == kind)


@pytest.fixture(scope="module")
async def window(browser: Browser) -> AsyncIterator[BrowserContext]:
    window = await browser.new_context(viewport={"width": 1180, "height": 820}, reduced_motion="reduce")
    window.set_default_timeout(SOON)
    yield window
    await window.close()


@pytest.fixture
async def twin() -> AsyncIterator[SlackTwin]:
    twin = SlackTwin(rate_limits=False)
    await twin.start(0)
    yield twin
    await twin.stop()


@pytest.fixture
def app(twin: SlackTwin) -> App:
    app = App(twin)
    twin.delivery.deliver = app.deliver  # type: ignore[method-assign]  # the page is tested, not the wire
    return app


@pytest.fixture
async def page(window: BrowserContext, app: App) -> AsyncIterator[Page]:
    page = await window.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console", lambda line: said.append(line.text) if "Content Security Policy" in line.text else None
    )
    yield page
    await page.close()
    assert not said


async def look(page: Page, twin: SlackTwin, user: str = "U0REQUESTER", channel: str = "C0NUMBERS") -> None:
    await page.goto(f"{twin.url}/?as={user}&channel={channel}", wait_until="commit")
    await page.wait_for_selector("html[data-live]")


def by_action(page: Page, action_id: str) -> Any:
    return page.locator(f'[data-action-id="{action_id}"]')


async def command(page: Page, text: str) -> None:
    box = page.get_by_label("Message #numbers")
    await box.fill(text)
    await box.press("Enter")


async def test_loading_is_replaced_and_a_form_is_filled_in(page: Page, twin: SlackTwin, app: App) -> None:
    app.loading = 0.4
    await look(page, twin)
    await command(page, "/twilio buy")
    await expect(page.locator('dialog[data-view-callback="loading"]').get_by_role("status")).to_contain_text(
        "Loading"
    )
    dialog = page.get_by_role("dialog", name="Find a number")
    await expect(dialog).to_have_attribute("data-view-callback", "buy_number.find")
    await dialog.get_by_label("What is it for?").fill("Reminders")
    await dialog.get_by_role("radio", name="Mobile").check()

    country = dialog.get_by_role("combobox", name="Country")
    await country.press_sequentially("united")
    await expect(dialog.get_by_role("option")).to_have_text(["United Kingdom", "United States"])
    await country.press("ArrowDown")
    await country.press("Enter")
    await expect(dialog.locator('[data-block-id="note"]')).to_contain_text("Numbers in United States")

    await expect(country).to_have_value("United States")
    await expect(country).to_be_focused()
    await expect(dialog.get_by_label("What is it for?")).to_have_value("Reminders")
    await expect(dialog.get_by_role("radio", name="Mobile")).to_be_checked()
    typed = app.last("block_actions")["view"]["state"]["values"]
    assert typed["purpose"]["purpose"]["value"] == "Reminders"
    assert typed["number_type"]["number_type"]["selected_option"]["value"] == "mobile"

    await dialog.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    sent = app.last("view_submission")["view"]["state"]["values"]
    assert sent["country"]["country"]["selected_option"]["value"] == "US"
    assert sent["capabilities"]["capabilities"]["selected_options"] == []


async def test_errors_stand_under_their_fields(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    twin.workspace.open_view("U0REQUESTER", find_view())
    dialog = page.get_by_role("dialog", name="Find a number")
    await dialog.get_by_role("button", name="Search").click()
    country = dialog.get_by_role("combobox", name="Country")
    await expect(country).to_have_attribute("aria-invalid", "true")
    await expect(country).to_be_focused()
    await expect(country).to_have_accessible_description("Please complete this required field.")
    await expect(dialog.locator(".field-error:visible")).to_have_count(3)

    app.errors = {"purpose": "Say a little more."}
    await country.fill("japan")
    await dialog.get_by_role("option", name="Japan").click()
    await dialog.get_by_role("radio", name="Local").check()
    await dialog.get_by_label("What is it for?").fill("x")
    await dialog.get_by_role("button", name="Search").click()
    await expect(dialog.locator(".field-error:visible")).to_have_text(["Say a little more."])
    await expect(dialog.get_by_label("What is it for?")).to_be_focused()

    app.errors, app.error = {}, "operation_timeout"
    await dialog.get_by_role("button", name="Search").click()
    await expect(dialog.get_by_role("alert")).to_have_text(
        'Submitting failed with the error "operation_timeout"'
    )
    await expect(dialog.get_by_label("What is it for?")).to_have_value("x")


async def test_a_command_that_fails_says_so(page: Page, twin: SlackTwin, app: App) -> None:
    app.error = "operation_timeout"
    await look(page, twin)
    await command(page, "/twilio buy")
    await expect(page.get_by_role("alert")).to_have_text('/twilio failed with the error "operation_timeout"')
    await expect(page.get_by_label("Message #numbers")).to_have_value("/twilio buy")
    await command(page, "/other")
    await expect(page.get_by_role("alert")).to_contain_text("/other is not a valid command")


async def test_commands_are_offered_while_they_are_typed(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    box, keys = page.get_by_label("Message #numbers"), page.keyboard
    offered = page.get_by_role("listbox", name="Slash commands").get_by_role("option")
    await keys.type("/")
    [given] = twin.workspace.commands
    await expect(offered).to_have_text([f"{given.name} {given.usage_hint}{given.description}"])
    await expect(box).to_have_attribute("aria-activedescendant", "command-0")
    await keys.press("Enter")
    await expect(box).to_have_value("/twilio ")
    await expect(offered).to_have_text([f"/twilio {each}" for each in given.subcommands])
    await keys.press("ArrowUp")
    await keys.press("ArrowUp")
    await keys.press("Tab")
    await expect(box).to_have_value("/twilio status ")
    await expect(offered).to_have_count(0)

    await box.fill("/twilio b")
    await expect(offered).to_have_text(["/twilio buy-number", "/twilio bundles"])
    await offered.nth(1).click()
    await expect(box).to_have_value("/twilio bundles ")
    await expect(box).to_be_focused()
    await box.fill("/tw")
    await keys.press("Escape")
    await expect(offered).to_have_count(0)
    await box.fill("/twilio bu")
    await expect(offered).to_have_count(2)
    await keys.press("Enter")  # nothing was chosen: it is sent as it stands
    await expect(page.get_by_role("dialog", name="Find a number")).to_be_visible()
    assert app.got[-1]["text"] == "bu"


async def test_only_one_person_sees_an_ephemeral_message(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    await command(page, "/twilio help")
    message = page.locator("[data-ts]").last
    await expect(message).to_contain_text("Only visible to you")
    await expect(message).to_contain_text("Try /twilio buy in #numbers")
    await look(page, twin, "U0APPROVER")
    await expect(page.locator("[data-ts]")).to_have_count(0)
    await look(page, twin)
    await expect(message).to_contain_text("Only visible to you")
    await page.reload()
    await expect(page.get_by_label("Message #numbers")).to_be_visible()
    await expect(page.locator("[data-ts]")).to_have_count(0)


@pytest.mark.parametrize("told", [False, True])
async def test_a_reload_closes_what_is_open_for_good(
    page: Page, twin: SlackTwin, app: App, told: bool
) -> None:
    await look(page, twin)
    twin.workspace.open_view("U0REQUESTER", {**find_view(), "notify_on_close": told})
    second = modal("second", "More", [{"type": "divider"}])
    twin.workspace.open_view("U0REQUESTER", second, push=True)
    await expect(page.get_by_role("dialog", name="More")).to_be_visible()
    await look(page, twin, "U0APPROVER")
    await look(page, twin)
    await expect(page.get_by_role("dialog", name="More")).to_be_visible()
    await page.reload()
    await page.wait_for_selector("html[data-live]")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert not twin.workspace.views("U0REQUESTER")
    heard = [each for each in app.got if each["type"] == "view_closed"]
    assert [(each["view"]["callback_id"], each["is_cleared"]) for each in heard] == [
        ("buy_number.find", True)
    ] * told


async def test_a_link_to_a_message_takes_nothing_away(page: Page, twin: SlackTwin, app: App) -> None:
    made = twin.workspace.add_message("C0NUMBERS", user="U0APPROVER", text="news")
    await look(page, twin)
    twin.workspace.add_ephemeral("C0NUMBERS", "U0REQUESTER", text="Only for you")
    await page.goto(f"{twin.url}/archives/C0NUMBERS/p{made['ts'].replace('.', '')}")
    await expect(page.locator("[data-ts]")).to_contain_text(["news", "Only for you"])
    await page.reload()
    await expect(page.locator("[data-ts]")).to_have_count(1)
    assert [each["text"] for each in twin.workspace.messages("C0NUMBERS", "U0REQUESTER")] == ["news"]


async def test_a_message_appears_changes_and_is_answered_in_its_thread(
    page: Page, twin: SlackTwin, app: App
) -> None:
    await look(page, twin, "U0APPROVER", "C0APPROVALS")
    made = twin.workspace.add_message(
        "C0APPROVALS", user=BOT_USER, bot_id=BOT_ID, text="asked", blocks=card()
    )
    message = page.locator(f'#messages [data-ts="{made["ts"]}"]')
    await expect(message).to_contain_text("@Rita Requester asks @approvers for a number.")
    await expect(message.get_by_role("heading", name="Buy +49 1579 2300001")).to_be_visible()
    await expect(message.get_by_role("link", name="support")).to_have_attribute("href", "https://example.com")

    await message.get_by_role("link", name="Reply in thread").click()
    thread = page.get_by_role("complementary", name="Thread")
    reply = thread.get_by_label("Reply…")
    await expect(reply).to_be_focused()
    await reply.fill("<b>Why?</b> & when")
    await reply.press("Enter")
    await expect(thread.locator("[data-ts]").last).to_contain_text("<b>Why?</b> & when")
    await expect(message.get_by_role("link", name="1 reply")).to_be_visible()

    await message.get_by_role("button", name="Deny").click()
    question = page.get_by_role("dialog", name="Deny this?")
    await expect(question).to_contain_text("Rita will be told.")
    await question.get_by_role("button", name="Keep").click()
    await message.get_by_role("button", name="Deny").click()
    await question.get_by_role("button", name="Deny").click()
    await expect(message).to_contain_text("deny by @Ada Approver")
    await expect(message).to_contain_text("(edited)")
    assert len([each for each in app.got if each["type"] == "block_actions"]) == 1


async def test_a_click_that_fails_says_so_at_the_message(page: Page, twin: SlackTwin, app: App) -> None:
    made = twin.workspace.add_message(
        "C0APPROVALS", user=BOT_USER, bot_id=BOT_ID, text="asked", blocks=card()
    )
    app.error = "dispatch_failed"
    await look(page, twin, "U0APPROVER", "C0APPROVALS")
    message = page.locator(f'[data-ts="{made["ts"]}"]')
    await message.get_by_role("button", name="Approve").click()
    await expect(message.get_by_role("alert")).to_have_text(
        'This action failed with the error "dispatch_failed"'
    )


async def test_people_switch_and_unread_dots(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    twin.workspace.add_message("C0APPROVALS", user="U0APPROVER", text="news")
    approvals = page.get_by_role("link", name="approvals unread")
    await approvals.click()
    await expect(page.locator("#messages [data-ts]")).to_contain_text("news")
    await expect(page.get_by_role("link", name="approvals", exact=True)).to_be_visible()
    await expect(approvals).to_have_count(0)
    await expect(page.get_by_role("link", name="operators")).to_have_count(0)

    await page.get_by_role("button", name="You are Rita Requester").click()
    await (
        page.get_by_role("dialog", name="Look as somebody else")
        .get_by_role("link", name="Omar Operator")
        .click()
    )
    await expect(page.get_by_role("button", name="You are Omar Operator")).to_be_visible()
    await expect(page.get_by_role("link", name="operators")).to_be_visible()


async def test_what_is_unread_is_marked_until_it_is_opened(page: Page, twin: SlackTwin, app: App) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await look(page, twin)
    menu = page.get_by_role("button", name="Channels and people")
    await expect(menu).to_have_accessible_name("Channels and people")
    twin.workspace.add_message("C0APPROVALS", user="U0REQUESTER", text="my own is not news")
    direct = twin.workspace.direct_channel("U0REQUESTER")["id"]
    twin.workspace.add_message(direct, user=BOT_USER, bot_id=BOT_ID, text="news")
    await expect(menu).to_have_accessible_name("Channels and people, unread")
    await page.reload()
    await menu.click()
    await expect(page.get_by_role("link", name="approvals", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Number Desk unread").click()
    await expect(page.locator("#messages [data-ts]")).to_contain_text("news")
    await expect(menu).to_have_accessible_name("Channels and people")
    await page.reload()
    await menu.click()
    await expect(page.get_by_role("link", name="Number Desk", exact=True)).to_be_visible()


@pytest.mark.parametrize("words", [WORDS, SAID], ids=["page", "errors"])
def test_both_languages_fill_in_the_same(words: dict[str, tuple[str, str]]) -> None:
    named = {key: [set(re.findall(r"\{\w+\}", each)) for each in pair] for key, pair in words.items()}
    assert [key for key, (english, japanese) in named.items() if english != japanese] == []


async def test_the_page_speaks_japanese(page: Page, twin: SlackTwin, app: App) -> None:
    made = twin.workspace.add_message(
        "C0NUMBERS", user="U0REQUESTER", text="<!date^1767272400^{date_long}|x>"
    )
    await look(page, twin, "U0REQUESTERJA")
    await expect(page.locator("html")).to_have_attribute("lang", "ja")
    await expect(page.get_by_role("button", name="現在のユーザー 山田 花子")).to_be_visible()
    await expect(page.locator(f'[data-ts="{made["ts"]}"]')).to_contain_text("2026年1月")
    app.error = "operation_timeout"
    box = page.get_by_label("#numbersへのメッセージ")
    await box.fill("/twilio buy")
    await box.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("/twilioはエラー「operation_timeout」で失敗しました")
    app.error = None
    email = field("e", "メール", {"type": "email_text_input", "action_id": "email"})
    proof = field("f", "書類", {"type": "file_input", "action_id": "file", "max_files": 1})
    twin.workspace.open_view("U0REQUESTERJA", modal("x", "確認", [email, proof], submit=plain("送信")))
    dialog = page.get_by_role("dialog", name="確認")
    await expect(dialog).to_contain_text("ファイルを選択")
    await expect(dialog.get_by_role("button", name="キャンセル")).to_be_visible()
    await dialog.get_by_label("メール").fill("x")
    await dialog.get_by_role("button", name="送信").click()
    await expect(dialog.locator(".field-error:visible")).to_have_text(
        ["有効なメールアドレスを入力してください。", "この項目は必須です。入力または選択してください。"]
    )
    await dialog.get_by_label("書類").set_input_files(
        {"name": "書類.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    await expect(dialog.get_by_role("button", name="書類.pdfを削除")).to_be_visible()


async def test_a_tour_leads_through_the_whole_job(browser: Browser, twin: SlackTwin, app: App) -> None:
    twin.workspace.twilio_page = "http://127.0.0.1:3002"
    window = await browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    window.set_default_timeout(SOON)
    page = await window.new_page()
    await look(page, twin, "U0REQUESTERJA", "C0BUNDLES")
    tour = page.get_by_role("region", name="ツアー")
    await expect(tour).to_contain_text("ステップ1 / 5")
    await tour.get_by_role("link", name="コマンドを入力").click()
    await expect(page.get_by_label("#numbersへのメッセージ")).to_have_value("/twilio buy-number US")
    await expect(page.get_by_label("#numbersへのメッセージ")).to_be_focused()

    await tour.get_by_role("button", name="次のステップ").press("Enter")
    await tour.get_by_role("link", name="Ada Approverに切り替え").click()
    tour = page.get_by_role("region", name="Tour")
    await expect(tour).to_contain_text("Step 2 of 5")
    await expect(page.get_by_label("Message #approvals")).to_be_visible()
    await tour.get_by_role("button", name="Next step").click()
    await tour.get_by_role("link", name="Type it for me").click()  # as who asked before
    await expect(page.get_by_label("#numbersへのメッセージ")).to_have_value("/twilio buy-number DE")
    tour = page.get_by_role("region", name="ツアー")
    await tour.get_by_role("button", name="次のステップ").click()
    twilio = tour.get_by_role("link", name="Twilioのページを開く")
    await expect(twilio).to_have_attribute("href", "http://127.0.0.1:3002")
    await tour.get_by_role("button", name="次のステップ").click()
    await expect(tour.get_by_role("heading")).to_have_text("番号をテストする")

    await tour.get_by_role("button", name="ツアーを終了").click()
    await expect(tour).to_be_hidden()
    await page.reload()
    await page.wait_for_selector("html[data-live]")
    await expect(tour).to_be_hidden()
    await page.get_by_role("button", name="チャンネルとユーザー").click()
    await page.get_by_role("button", name="ツアーを見る").click()
    await expect(tour.get_by_role("heading")).to_have_text("番号を申請する")
    await expect(tour.get_by_role("link", name="コマンドを入力")).to_be_focused()
    await window.close()


def test_the_tour_uses_the_words_of_the_app() -> None:
    commands = [step.types.split()[1] for step in STEPS if step.types]
    assert set(commands) <= set(slash_commands()[0].subcommands)
    buttons = {name for step in STEPS for text in step.text for name in re.findall(r"\*([^*]+)\*", text)}
    texts = [str(entry.id) for entry in in_code()]
    assert buttons and all(any(each.startswith(name) for each in texts) for name in buttons)


async def test_without_the_twilio_twin_there_is_no_tour(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    await expect(page.get_by_role("region", name="Tour")).to_have_count(0)
    await expect(page.get_by_role("button", name="Take the tour")).to_have_count(0)


async def test_everything_with_the_keyboard(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    keys = page.keyboard
    await expect(page.get_by_label("Message #numbers")).to_be_focused()
    await keys.type("/twilio buy")
    await keys.press("Enter")
    country = page.get_by_role("combobox", name="Country")
    await expect(country).to_be_focused()
    await keys.press("ArrowDown")
    await expect(page.get_by_role("option")).to_have_count(4)
    await keys.press("Escape")
    await expect(page.get_by_role("option")).to_have_count(0)
    await keys.type("ger")
    await expect(page.get_by_role("option")).to_have_text(["Germany"])
    await keys.press("Enter")
    await expect(page.locator('[data-block-id="note"]')).to_contain_text("Germany")
    await keys.press("Tab")
    await keys.press("Space")
    await keys.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Local")).to_be_checked()
    for _ in range(3):
        await keys.press("Tab")
    await keys.type("Reminders")
    await keys.press("Control+Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (
        app.last("view_submission")["view"]["state"]["values"]["purpose"]["purpose"]["value"] == "Reminders"
    )

    twin.workspace.open_view("U0REQUESTER", {**find_view(), "notify_on_close": True})
    await expect(page.get_by_role("dialog")).to_be_visible()
    await keys.press("Shift+Tab")
    await keys.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Search")).to_be_focused()
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert app.last("view_closed")
    assert not twin.workspace.views("U0REQUESTER")


async def test_going_back_keeps_what_was_typed_below(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    twin.workspace.open_view("U0REQUESTER", find_view())
    await page.get_by_label("What is it for?").fill("Reminders")
    pushed = modal(
        "second",
        "More",
        [field("b", "Name", {"type": "plain_text_input", "action_id": "name"})],
        submit=plain("Next"),
    )
    twin.workspace.open_view("U0REQUESTER", pushed, push=True)
    dialog = page.get_by_role("dialog", name="More")
    await dialog.get_by_role("button", name="Back").click()
    await expect(page.get_by_label("What is it for?")).to_have_value("Reminders")
    await page.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_file_is_uploaded(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    twin.workspace.open_view(
        "U0REQUESTER",
        modal(
            "papers",
            "Contents",
            [field("f", "Proof", {"type": "file_input", "action_id": "file"})],
            submit=plain("Send"),
        ),
    )
    await page.get_by_label("Proof").set_input_files(
        {"name": "proof.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_contain_text("proof.pdf")
    await page.get_by_role("dialog").get_by_role("button", name="Send").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    [file] = app.last("view_submission")["view"]["state"]["values"]["f"]["file"]["files"]
    assert file["name"] == "proof.pdf"


async def test_an_app_may_take_no_messages(page: Page, twin: SlackTwin, app: App) -> None:
    told = twin.workspace.add_message(
        twin.workspace.direct_channel("U0REQUESTER")["id"], user=BOT_USER, bot_id=BOT_ID, text="news"
    )
    await look(page, twin)
    await page.get_by_role("link", name="Number Desk").click()
    await expect(page.locator(f'[data-ts="{told["ts"]}"]')).to_be_visible()
    note = page.get_by_text("Sending messages to this app has been turned off.")
    await expect(note).to_be_visible()
    await expect(page.get_by_role("textbox")).to_have_count(0)
    await page.get_by_role("link", name="Reply in thread").click()
    await expect(page.get_by_role("button", name="Close thread")).to_be_focused()
    await expect(page.get_by_role("textbox")).to_have_count(0)
    await page.get_by_role("link", name="numbers").click()
    await expect(page.get_by_label("Message #numbers")).to_be_focused()
    await expect(note).to_be_hidden()

    twin.workspace.messages_read_only = False
    await page.get_by_role("link", name="Number Desk").click()
    await expect(page.get_by_label("Message Number Desk")).to_be_focused()


async def test_home_is_live(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    await page.get_by_role("link", name="Number Desk").click()
    await expect(page.get_by_role("heading", name="Number Desk")).to_be_focused()
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_text("The app has put nothing here yet")).to_be_visible()
    opened = await app.hears_of_tabs(2)
    assert [(each["tab"], "view" in each) for each in opened] == [("messages", False), ("home", False)]

    async with aiohttp.ClientSession() as session:
        client = speaker(twin, session)
        await client.views_publish(user_id="U0REQUESTER", view=home("Your numbers"))
        await expect(page.get_by_role("heading", name="Your numbers")).to_be_visible()
        await page.get_by_role("button", name="Ask for a number").focus()
        await client.views_publish(user_id="U0REQUESTER", view=home("Your number"))
        await expect(page.get_by_role("heading", name="Your number", exact=True)).to_be_visible()
    button = page.get_by_role("button", name="Ask for a number")
    await expect(button).to_be_focused()
    await button.press("Enter")
    await expect(page.get_by_role("dialog", name="Find a number")).to_be_visible()
    assert app.last("block_actions")["view"]["type"] == "home"
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()

    app.error = "dispatch_failed"
    await button.click()
    await expect(page.get_by_role("alert")).to_have_text(
        'This action failed with the error "dispatch_failed"'
    )
    app.error = None
    await page.get_by_role("link", name="Messages", exact=True).click()
    await expect(page.get_by_role("heading", name="Your number")).to_be_hidden()
    await page.goto(f"{page.url}&tab=home")
    await expect(page.get_by_role("heading", name="Your number")).to_be_visible()
    opened = await app.hears_of_tabs(4)
    assert opened[3]["view"]["callback_id"] == "home"


COVERED = """() => {
  const texts = document.createTreeWalker(document.querySelector("#messages .messages"), NodeFilter.SHOW_TEXT);
  const covered = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const range = document.createRange();
    range.selectNodeContents(text);
    text.parentElement.scrollIntoView({ block: "center" });
    for (const box of range.getClientRects())
      for (const x of [box.left + 1, box.right - 1]) {
        const top = document.elementFromPoint(x, box.top + box.height / 2);
        if (box.width > 2 && top && !text.parentElement.contains(top) && !top.contains(text)) covered.push(text.data.trim());
      }
  }
  return covered;
}"""


async def test_nothing_covers_a_text_where_fingers_point(browser: Browser, twin: SlackTwin, app: App) -> None:
    long = "Ask for it today and give the bundle later, which is the fastest way that I know of by far."
    twin.workspace.add_message("C0NUMBERS", user="U0APPROVER", text=long)
    twin.workspace.add_message("C0NUMBERS", user="U0APPROVER", text=long)
    parent = twin.workspace.add_message("C0NUMBERS", user=BOT_USER, bot_id=BOT_ID, text="x", blocks=card())
    twin.workspace.add_message("C0NUMBERS", user="U0APPROVER", text=long, thread_ts=parent["ts"])
    phone = await browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    phone.set_default_timeout(SOON)
    page = await phone.new_page()
    await look(page, twin)
    assert await page.locator("#messages [data-thread]").count() == 3
    assert await page.evaluate(COVERED) == []
    await by_action(page, "more").tap()
    menu = page.locator(".overflow[open] .menu")
    box = await menu.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert await page.evaluate("document.scrollingElement.scrollWidth") <= 390
    await phone.close()


async def test_unknown_blocks_and_markup_are_shown_not_run(page: Page, twin: SlackTwin, app: App) -> None:
    blocks = [
        {"type": "carousel", "block_id": "p", "elements": ["<img src=x onerror=alert(1)>"]},
        {"type": "plan", "block_id": "q", "title": "<img src=x onerror=alert(1)>"},
        {
            "type": "rich_text",
            "block_id": "r",
            "elements": [
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [
                                {"type": "text", "text": "<b>one</b>", "style": {"bold": True}},
                                {"type": "link", "url": "javascript:alert(1)", "text": "two"},
                            ],
                        }
                    ],
                }
            ],
        },
        {"type": "markdown", "block_id": "m", "text": "# <script>alert(1)</script>"},
        {
            "type": "actions",
            "block_id": "a",
            "elements": [
                {
                    "type": "static_select",
                    "action_id": "s",
                    "placeholder": plain("Pick"),
                    "options": options(a="'\"><img src=x onerror=alert(1)>"),
                }
            ],
        },
    ]
    twin.workspace.add_message("C0NUMBERS", bot_id=BOT_ID, text="x", blocks=blocks)
    await look(page, twin)
    message = page.locator("[data-ts]")
    await expect(message.locator("figure")).to_contain_text("Not drawn here: carousel")
    await expect(message).to_contain_text("<b>one</b>")
    await expect(message.locator("img, script, a[href^=javascript]")).to_have_count(0)
    await by_action(page, "s").select_option("a")
    await expect(message).to_contain_text("s by @Rita Requester")


async def test_tables_tasks_and_markdown(page: Page, twin: SlackTwin, app: App) -> None:
    said = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "$1.15"}]}],
    }
    tasks = [
        {"task_id": "buy", "title": "Buy", "status": "complete", "output": said},
        {"task_id": "attach", "title": "Attach", "status": "in_progress"},
        {"task_id": "check", "title": "Check", "status": "error"},
    ]
    cells = [
        [{"type": "raw_text", "text": each} for each in row] for row in (("Number", "Price"), ("+1", "2"))
    ]
    blocks = [
        {"type": "markdown", "block_id": "m", "text": "# Done\n- **one**\n- [two](https://x.test)"},
        {"type": "table", "block_id": "t", "rows": cells, "column_settings": [{}, {"align": "right"}]},
        {"type": "plan", "block_id": "p", "title": "Buying", "tasks": tasks},
        {"type": "task_card", "block_id": "c", **tasks[0]},
    ]
    twin.workspace.add_message("C0NUMBERS", bot_id=BOT_ID, text="x", blocks=blocks)
    await look(page, twin)
    message = page.locator("[data-ts]")
    await expect(message.get_by_role("heading", name="Done")).to_be_visible()
    await expect(message.get_by_role("link", name="two")).to_have_attribute("href", "https://x.test")
    await expect(message.get_by_role("columnheader")).to_have_text(["Number", "Price"])
    await expect(message.get_by_role("cell", name="2")).to_have_class("right")
    plan = message.locator('[data-block-id="p"]')
    await expect(plan.locator('[data-task-id="buy"]')).to_contain_text("$1.15")
    await expect(plan.get_by_role("listitem")).to_contain_text(
        ["Buy Done", "Attach In progress", "Check Failed"]
    )
    await expect(message.locator('[data-block-id="c"] [data-status="complete"]')).to_be_visible()


async def test_what_left_the_view_is_forgotten(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    shown = twin.workspace.open_view("U0REQUESTER", find_view())
    purpose = page.get_by_label("What is it for?")
    await purpose.fill("Reminders")
    waiting = modal("loading", "One moment", [{"type": "section", "text": plain("Searching…")}])
    shown = twin.workspace.update_view(shown, waiting)
    await expect(page.locator('dialog[data-view-callback="loading"]')).to_be_visible()
    twin.workspace.update_view(shown, find_view())
    await expect(purpose).to_have_value("")


async def test_the_page_ends_promptly_with_the_twin(page: Page, twin: SlackTwin, app: App) -> None:
    await look(page, twin)
    async with asyncio.timeout(1):
        await twin.stop()
    await expect(page.get_by_text("Connection lost, trying again…")).to_be_visible()
