"""The page for people at ``/``: channels, messages, threads, Home and dialogs as one person sees them, live.

Everything is rendered here; the script fetches the same pieces again whenever ``/page/events`` hints at a change.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from babel.dates import format_date, format_time
from markupsafe import Markup

from sandbox.slack.acting import Acting
from sandbox.slack.mrkdwn import Names, markdown, mrkdwn, plain_text, safe_url
from sandbox.slack.tour import STEPS
from sandbox.slack.workspace import BOT_ID, BOT_USER, SlackError, Workspace

Json = dict[str, Any]

HERE = Path(__file__).parent
APP_NAME = "Number Desk"
HUES = 7
TOGETHER = 5 * 60
"""Messages of one author closer than this many seconds stand under one name."""
HEARTBEAT = 15.0
COOKIE = "looks_as"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' http: https: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

WORDS: dict[str, tuple[str, str]] = {
    "sandbox": ("Sandbox", "サンドボックス"),
    "channels": ("Channels", "チャンネル"),
    "apps": ("App", "アプリ"),
    "you_are": ("You are", "現在のユーザー"),
    "switch": ("Look as somebody else", "ほかの人として見る"),
    "connected": ("App connected", "アプリ接続中"),
    "not_connected": ("App not connected", "アプリ未接続"),
    "private": ("private", "プライベート"),
    "members": ("{n} members", "メンバー{n}人"),
    "unread": ("unread", "未読"),
    "menu": ("Channels and people", "チャンネルとユーザー"),
    "skip": ("Skip to the content", "本文へ移動"),
    "messages": ("Messages", "メッセージ"),
    "home": ("Home", "ホーム"),
    "empty": ("Nothing here yet", "まだ何もありません"),
    "empty_hint": ("Type a message, or try", "メッセージを入力するか、次を試してください："),
    "home_empty": ("The app has put nothing here yet", "アプリはまだ何も表示していません"),
    "app": ("App", "アプリ"),
    "only_you": ("Only visible to you", "あなただけに表示されています"),
    "edited": ("edited", "編集済み"),
    "reply": ("{n} reply", "{n}件の返信"),
    "replies": ("{n} replies", "{n}件の返信"),
    "reply_in_thread": ("Reply in thread", "スレッドで返信する"),
    "thread": ("Thread", "スレッド"),
    "thread_empty": ("No replies yet", "返信はまだありません"),
    "close": ("Close", "閉じる"),
    "close_thread": ("Close thread", "スレッドを閉じる"),
    "back": ("Back", "戻る"),
    "write_in": ("Message {where}", "{where}へのメッセージ"),
    "write_reply": ("Reply…", "返信する…"),
    "read_only": (
        "Sending messages to this app has been turned off.",
        "このアプリへのメッセージの送信はオフになっています。",
    ),
    "send": ("Send", "送信"),
    "hint": ("sends", "で送信"),
    "hint_line": ("new line", "で改行"),
    "hint_command": ("starts a slash command", "でコマンドを入力"),
    "sending": ("Sending…", "送信中…"),
    "running": ("Waiting for the app…", "アプリの応答を待っています…"),
    "commands": ("Slash commands", "スラッシュコマンド"),
    "unknown_command": (
        "{what} is not a valid command. This workspace knows {known}.",
        "{what}は有効なコマンドではありません。使えるのは{known}です。",
    ),
    "no_commands": (
        "Slash commands do not work in threads. Type it in the channel.",
        "スレッドではコマンドを使えません。チャンネルで入力してください。",
    ),
    "failed": ('{what} failed with the error "{error}"', "{what}はエラー「{error}」で失敗しました"),
    "this_action": ("This action", "この操作"),
    "this_form": ("Submitting", "フォームの送信"),
    "this_message": ("The message", "メッセージの送信"),
    "this_upload": ("The upload", "アップロード"),
    "no_answer": ("no_answer", "no_answer"),
    "optional": ("optional", "任意"),
    "choose": ("Choose…", "選択してください"),
    "search": ("Type to search", "入力して検索"),
    "searching": ("Searching…", "検索中…"),
    "no_results": ("No results", "該当なし"),
    "keep_typing": ("Keep typing…", "続けて入力してください…"),
    "results": ("{n} results", "{n}件"),
    "clear": ("Clear", "クリア"),
    "remove": ("Remove {name}", "{name}を削除"),
    "choose_file": ("Choose a file", "ファイルを選択"),
    "choose_files": ("Choose files", "ファイルを選択"),
    "drop": ("or drop it here", "またはここにドロップ"),
    "uploading": ("Uploading…", "アップロード中…"),
    "more_actions": ("More actions", "その他の操作"),
    "loading": ("Loading…", "読み込み中…"),
    "sure": ("Are you sure?", "よろしいですか？"),
    "yes": ("Yes", "はい"),
    "cancel": ("Cancel", "キャンセル"),
    "tour": ("Tour", "ツアー"),
    "tour_start": ("Take the tour", "ツアーを見る"),
    "tour_end": ("End tour", "ツアーを終了"),
    "step": ("Step {n} of {all}", "ステップ{n} / {all}"),
    "step_before": ("Previous step", "前のステップ"),
    "step_after": ("Next step", "次のステップ"),
    "today": ("Today", "今日"),
    "reconnecting": ("Connection lost, trying again…", "接続が切れました。再接続しています…"),
    "unknown_block": ("Not drawn here", "この画面では表示できません"),
    "info": ("Note", "お知らせ"),
    "warning": ("Warning", "警告"),
    "error": ("Error", "エラー"),
    "success": ("Done", "完了"),
    "pending": ("Not started", "未着手"),
    "in_progress": ("In progress", "進行中"),
    "complete": ("Done", "完了"),
    "task_error": ("Failed", "失敗"),
    "table": ("Table", "表"),
}
"""What the page itself says, in English and Japanese."""


def add_page(app: web.Application, workspace: Workspace, acting: Acting) -> None:
    page = Page(workspace, acting)
    app.router.add_get("/", page.whole)
    app.router.add_get("/page/events", page.events)
    app.router.add_get("/page/{piece:sidebar|messages|thread|home|modal}", page.piece)
    app.router.add_static("/static", HERE / "static")
    app.on_shutdown.append(page.end)


class Look:
    """What one person sees: their language, their zone, names for ids. Templates call it ``look``."""

    def __init__(self, state: Json, user: str) -> None:
        self.people: dict[str, Json] = {each["id"]: each for each in state["people"]}
        self.person = self.people[user]
        self.user = user
        self.locale: str = self.person.get("locale") or "en-US"
        self.language = "ja" if self.locale.startswith("ja") else "en"
        self.words = {key: pair[self.language == "ja"] for key, pair in WORDS.items()}
        self.zone: tzinfo | None = None
        names = {each["id"]: each["name"] for each in state["people"]} | {BOT_USER: APP_NAME}
        self.names = Names(
            names,
            {each["id"]: each["name"] for each in state["channels"]},
            {each["id"]: each.get("handle") or each.get("name", each["id"]) for each in state["usergroups"]},
        )

    def text(self, given: Any) -> Markup:
        """A text object, or a bare string as plain text."""
        if not isinstance(given, dict):
            return plain_text(str(given or ""))
        content = str(given.get("text") or "")
        if given.get("type") == "mrkdwn":
            return self.mrkdwn(content)
        return plain_text(content, emoji=given.get("emoji") is not False)

    def mrkdwn(self, text: str) -> Markup:
        return mrkdwn(text, self.names, self.locale, self.zone)

    @staticmethod
    def markdown(text: str) -> Markup:
        return markdown(text)

    @staticmethod
    def bare(given: Any) -> str:
        """For attributes, where no markup can stand."""
        return str((given.get("text") if isinstance(given, dict) else given) or "")

    def author(self, message: Json) -> Json:
        if message.get("bot_id") or message.get("user") == BOT_USER:
            return {"id": BOT_ID, "name": APP_NAME, "app": True}
        user = message.get("user", "")
        return {"id": user, "name": self.names.people.get(user, user), "app": False}

    def hue(self, user: str) -> int:
        return list(self.people).index(user) % HUES if user in self.people else 0

    def clock(self, ts: str) -> str:
        shown = str(format_time(_moment(ts, self.zone), "short", locale=self.locale.replace("-", "_")))
        return shown.replace("\u202f", " ")

    def moment(self, ts: str) -> str:
        return _moment(ts, self.zone).isoformat(timespec="seconds")

    def day(self, ts: str) -> str:
        day = _moment(ts, self.zone)
        if day.date() == datetime.now(UTC).astimezone(self.zone).date():
            return self.words["today"]
        return str(format_date(day, "full", self.locale.replace("-", "_")))

    def confirm(self, element: Json) -> Json | None:
        """The question before an action, ready for the script; its text is HTML."""
        asked = element.get("confirm")
        if not isinstance(asked, dict):
            return None
        return {
            "title": self.bare(asked.get("title")) or self.words["sure"],
            "html": str(self.text(asked.get("text"))),
            "confirm": self.bare(asked.get("confirm")) or self.words["yes"],
            "deny": self.bare(asked.get("deny")) or self.words["cancel"],
            "style": asked.get("style") or element.get("style"),
        }

    @staticmethod
    def framed(message: Json) -> bool:
        """Whether its blocks are more than a few lines of text, and stand in a frame of their own."""
        return any(
            each["type"] not in ("section", "context", "rich_text", "markdown")
            or each.get("fields")
            or each.get("accessory")
            for each in message["blocks"]
        )

    def laid_out(self, messages: list[Json]) -> Iterator[Json]:
        """Each message with the day that begins with it, and whether it goes on under the same name."""
        before: Json | None = None
        for each in messages:
            new_day = before is None or self.day(before["ts"]) != self.day(each["ts"])
            goes_on = (
                before is not None
                and not new_day
                and not each.get("ephemeral")
                and not before.get("ephemeral")
                and self.author(before)["id"] == self.author(each)["id"]
                and float(each["ts"]) - float(before["ts"]) < TOGETHER
            )
            yield {"message": each, "day": self.day(each["ts"]) if new_day else None, "goes_on": goes_on}
            before = each


class Page:
    def __init__(self, workspace: Workspace, acting: Acting) -> None:
        self.workspace = workspace
        self.acting = acting
        self._open: set[asyncio.Queue[Json]] = set()

    # what the browser fetches

    async def whole(self, request: web.Request) -> web.Response:
        user = self._person(request)
        # neither to look as somebody else nor to follow a link to a message is a reload
        if request.cookies.get(COOKIE) == user and "link" not in request.query:
            self.acting.reload(user)
        seen = self._seen(request)
        response = self._answer("page.html", seen)
        response.set_cookie(COOKIE, seen["look"].user, samesite="Strict", httponly=True)
        return response

    async def piece(self, request: web.Request) -> web.Response:
        return self._answer(f"{request.match_info['piece']}.html", self._seen(request))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Hints for one person as server-sent events."""
        user = request.query.get("as", "")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        with self.workspace.subscribe() as queue:
            self._open.add(queue)
            try:
                await response.write(b"retry: 1000\ndata: all\n\n")
                while True:
                    line = await self._next(queue, user)
                    if line is None:
                        break
                    await response.write(line)
            except ConnectionResetError:
                pass  # the browser has gone
            finally:
                self._open.discard(queue)
        return response

    async def end(self, _: web.Application) -> None:
        for queue in self._open:
            queue.put_nowait({"type": "end"})

    # how it comes about

    async def _next(self, queue: "asyncio.Queue[Json]", user: str) -> bytes | None:
        """The next line for this person; several hints of one kind become one. None: no more."""
        while True:
            try:
                hints = [await asyncio.wait_for(queue.get(), HEARTBEAT)]
            except TimeoutError:
                return b": still here\n\n"
            while not queue.empty():
                hints.append(queue.get_nowait())
            if any(each["type"] == "end" for each in hints):
                return None
            kinds = sorted({self._kind(each) for each in hints if each.get("user") in (None, user)})
            if kinds:
                return f"data: {' '.join(kinds)}\n\n".encode()

    @staticmethod
    def _kind(hint: Json) -> str:
        return f"message:{hint['channel']}" if hint.get("channel") else str(hint["type"])

    def _answer(self, template: str, seen: Json) -> web.Response:
        text = TEMPLATES.get_template(template).render(seen)
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    def _person(self, request: web.Request) -> str:
        known = [str(each["id"]) for each in self.workspace.state()["people"]]
        wanted = [request.query.get("as") or "", request.cookies.get(COOKIE) or ""]
        return next((each for each in wanted if each in known), known[0])

    def _seen(self, request: web.Request) -> Json:
        """All that a template shows to the person of this request, at the place that it names."""
        query, user = request.query, self._person(request)
        direct = self.workspace.direct_channel(user)
        state = self.workspace.state()
        mine = [each for each in state["channels"] if user in each["members"] and not each["is_im"]]
        here = {each["id"]: each for each in [*mine, direct]}
        channel = here.get(query.get("channel", "")) or next(iter(here.values()))
        thread = self._thread(channel["id"], user, query.get("thread"))
        views = self.workspace.views(user)
        home = self.workspace.home(user)
        has_home = self.workspace.home_tab or home is not None
        look = Look(state, user)
        return {
            "look": look,
            "t": look.words,
            "state": state,
            "tour": self._tour(look),
            "attempt": query.get("try", ""),
            "commands": [
                {
                    "name": each.name,
                    "description": each.description,
                    "usage_hint": each.usage_hint,
                    "subcommands": each.subcommands,
                }
                for each in self.workspace.commands
            ],
            "channels": mine,
            "direct": direct,
            "channel": channel,
            "read_only": self.workspace.is_read_only(channel["id"]),
            "app_name": APP_NAME,
            "has_home": has_home,
            "tab": "home" if has_home and query.get("tab") == "home" and channel["is_im"] else "messages",
            "messages": self.workspace.messages(channel["id"], user),
            "latest": lambda each: self._latest(each, user),
            "thread": thread,
            "view": views[-1] if views else None,
            "depth": len(views),
            "home": home,
        }

    def _tour(self, look: Look) -> list[Json]:
        """Its steps in the person's language; none without the Twilio twin, to which it leads."""
        twilio_page, language = self.workspace.twilio_page, int(look.language == "ja")
        return [
            {
                "title": each.title[language],
                "text": each.text[language],
                "go": each.go[language],
                "address": each.address(look.user, twilio_page),
                "outside": not each.channel,
                "own": not each.user,
            }
            for each in (STEPS if twilio_page else ())
        ]

    def _thread(self, channel: str, user: str, ts: str | None) -> Json | None:
        messages = self.workspace.messages(channel, user, ts) if ts else []
        return {"ts": ts, "messages": messages} if messages else None

    def _latest(self, channel: str, user: str) -> str:
        """When somebody else last wrote there, for the unread dot."""
        try:
            messages = self.workspace.messages(channel, user)
        except SlackError:
            return ""
        return max((each["ts"] for each in messages if each.get("user") != user), key=float, default="")


def _moment(ts: str, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC).astimezone(zone)


def _initials(name: str) -> str:
    words = name.split()
    if not words:
        return "?"
    return words[0][0] if ord(name[0]) > 0x2E7F else "".join(each[0] for each in words[:2]).upper()


def _idpart(text: str) -> str:
    """Fit to be part of an element's id."""
    return "".join(each if each.isalnum() or each in "-_" else f"-{ord(each):x}-" for each in text)


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.ChainableUndefined,
)
TEMPLATES.filters |= {"initials": _initials, "idpart": _idpart, "safe_url": safe_url}
