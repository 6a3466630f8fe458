"""Slack's mrkdwn as HTML: escaped first, then marked up; what is not understood stays visible as text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from html import escape

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from markupsafe import Markup

EMOJI = {
    "white_check_mark": "✅",
    "heavy_check_mark": "✔️",
    "ballot_box_with_check": "☑️",
    "hourglass_flowing_sand": "⏳",
    "hourglass": "⌛",
    "white_circle": "⚪",
    "black_circle": "⚫",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "red_circle": "🔴",
    "warning": "⚠️",
    "x": "❌",
    "no_entry": "⛔",
    "no_entry_sign": "🚫",
    "rotating_light": "🚨",
    "information_source": "ℹ️",
    "question": "❓",
    "exclamation": "❗",
    "bell": "🔔",
    "lock": "🔒",
    "mag": "🔍",
    "pencil2": "✏️",
    "page_facing_up": "📄",
    "paperclip": "📎",
    "telephone_receiver": "📞",
    "phone": "☎️",
    "iphone": "📱",
    "speech_balloon": "💬",
    "globe_with_meridians": "🌐",
    "moneybag": "💰",
    "credit_card": "💳",
    "clock3": "🕒",
    "arrow_right": "➡️",
    "arrows_counterclockwise": "🔄",
    "repeat": "🔁",
    "eyes": "👀",
    "tada": "🎉",
    "wave": "👋",
    "thumbsup": "👍",
    "+1": "👍",
    "thumbsdown": "👎",
    "-1": "👎",
    "bulb": "💡",
    "sparkles": "✨",
    "rocket": "🚀",
}

_KEPT, _END = "\ue000", "\ue001"  # stand for finished HTML while the rest is worked on
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_NOT_IN_URL = re.compile(f"[\\s\\x00-\\x1f{_KEPT}{_END}]")
_TOKEN = re.compile(r"<([^<>\n]+)>")
_FENCE = re.compile(r"\n?```\n?(.+?)\n?```\n?", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_EMPHASIS = re.compile(r"(?<![\w*_~])([*_~])(?!\s|\1)((?:(?!\1).)+)(?<!\s)\1(?![\w*_~])")
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_TAGS = {"*": "strong", "_": "em", "~": "s"}


@dataclass(frozen=True)
class Names:
    """Names by id."""

    people: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    usergroups: Mapping[str, str] = field(default_factory=dict)


def safe_url(url: str) -> str | None:
    """The address when it may become a link, else None."""
    return url if _SCHEME.match(url) and not _NOT_IN_URL.search(url) else None


def plain_text(text: str, *, emoji: bool = True) -> Markup:
    shown = escape(text)
    return Markup((_with_emoji(shown) if emoji else shown).replace("\n", "<br>"))


def mrkdwn(
    text: str, names: Names | None = None, locale: str = "en-US", zone: tzinfo | None = None
) -> Markup:
    """zone: the reader's; without it this machine's."""
    return Markup(_Conversion(names or Names(), locale, zone).run(text))


class _Conversion:
    def __init__(self, names: Names, locale: str, zone: tzinfo | None) -> None:
        self.names = names
        self.locale = locale
        self.zone = zone
        self.kept: list[str] = []

    def run(self, text: str) -> str:
        text = text.replace(_KEPT, "").replace(_END, "").replace("\r\n", "\n")
        text = _FENCE.sub(lambda m: self._keep(f"<pre><code>{_literal(m[1])}</code></pre>"), text)
        text = _CODE.sub(lambda m: self._keep(f"<code>{_literal(m[1])}</code>"), text)
        text = _TOKEN.sub(lambda m: self._keep(self._token(m[1])), text)
        text = _SHORTCODE.sub(lambda m: self._keep(_emoji(m)), text)
        html = self._lines(_literal(text))
        while _KEPT in html:
            html = re.sub(f"{_KEPT}(\\d+){_END}", lambda m: self.kept[int(m[1])], html)
        return html

    def _keep(self, html: str) -> str:
        self.kept.append(html)
        return f"{_KEPT}{len(self.kept) - 1}{_END}"

    def _lines(self, text: str) -> str:
        parts: list[str] = []
        plain: list[str] = []
        quoted: list[str] = []

        def flush() -> None:
            if plain:
                parts.append("<br>".join(plain))
                plain.clear()
            if quoted:
                parts.append(f"<blockquote>{'<br>'.join(quoted)}</blockquote>")
                quoted.clear()

        for line in text.split("\n"):
            if line.startswith("&gt;"):
                if plain:
                    flush()
                quoted.append(_emphasised(line.removeprefix("&gt;").removeprefix(" ")))
            else:
                if quoted:
                    flush()
                plain.append(_emphasised(line))
        flush()
        return "".join(parts)

    def _token(self, inner: str) -> str:
        target, _, label = inner.partition("|")
        if target.startswith("@"):
            return self._mention("@", self.names.people.get(target[1:]) or label or target[1:])
        if target.startswith("#"):
            return self._mention("#", self.names.channels.get(target[1:]) or label or target[1:])
        if target.startswith("!subteam^"):
            group = target.removeprefix("!subteam^")
            return self._mention("@", self.names.usergroups.get(group) or label.removeprefix("@") or group)
        if target.startswith("!date^"):
            return self._date(target, label)
        if target in ("!here", "!channel", "!everyone"):
            return self._mention("@", target[1:])
        url = safe_url(_unescaped(target))
        if url is None:
            return escape(f"<{_unescaped(inner)}>")
        shown = _with_emoji(_literal(label)) if label else _literal(re.sub("^(mailto|tel):", "", target))
        return _link(url, shown)

    @staticmethod
    def _mention(sign: str, name: str) -> str:
        return f'<span class="mention">{sign}{_literal(name)}</span>'

    def _date(self, target: str, fallback: str) -> str:
        parts = target.split("^")
        try:
            moment = datetime.fromtimestamp(int(parts[1]), UTC).astimezone(self.zone)
            shown = _literal(format_moment(moment, _unescaped(parts[2]), self.locale))
        except (ValueError, IndexError, OverflowError, OSError):
            return _literal(fallback)
        title = "" if _KEPT in fallback else f' title="{_literal(fallback)}"'
        html = f'<time datetime="{escape(moment.isoformat())}"{title}>{shown}</time>'
        url = safe_url(_unescaped(parts[3])) if len(parts) > 3 else None
        return _link(url, html) if url else html


def format_moment(moment: datetime, pattern: str, locale: str) -> str:
    """Slack's ``{date}``, ``{date_short_pretty}``, ``{time}`` ... in this locale."""
    try:
        where = Locale.parse(locale.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        where = Locale("en", "US")
    now = datetime.now(moment.tzinfo)
    days = (moment.date() - now.date()).days

    def shown(match: re.Match[str]) -> str:
        name = match[1]
        if name.endswith("_pretty") and abs(days) <= 1:
            return _relative_day(days, where)
        match name.removesuffix("_pretty"):
            case "date_num":
                return moment.strftime("%Y-%m-%d")
            case "date":
                return str(format_date(moment, "long", where))
            case "date_short":
                return str(format_date(moment, "medium", where))
            case "date_long":
                return str(format_date(moment, "full", where))
            case "time":
                return str(format_time(moment, "short", locale=where)).replace("\u202f", " ")
            case "time_secs":
                return str(format_time(moment, "medium", locale=where)).replace("\u202f", " ")
            case "ago":
                return str(format_timedelta(moment - now, add_direction=True, locale=where))
        return match[0]

    return re.sub(r"\{(\w+)\}", shown, pattern)


def _relative_day(days: int, where: Locale) -> str:
    words = {"ja": ("昨日", "今日", "明日")}.get(where.language, ("yesterday", "today", "tomorrow"))
    return words[days + 1]


def _link(url: str, html: str) -> str:
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{html}</a>'


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _literal(text: str) -> str:
    """Slack's three escapes undone, everything escaped for HTML."""
    return escape(_unescaped(text))


def _with_emoji(html: str) -> str:
    return _SHORTCODE.sub(_emoji, html)


def _emoji(match: re.Match[str]) -> str:
    name = match[1]
    if name not in EMOJI:
        return match[0]
    label = name.replace("_", " ")
    return f'<span class="emoji emoji-{name}" role="img" aria-label="{label}">{EMOJI[name]}</span>'


def _emphasised(line: str) -> str:
    """``*bold*``, ``_italic_`` and ``~strike~``, properly nested."""

    def marked(match: re.Match[str]) -> str:
        tag = _TAGS[match[1]]
        return f"<{tag}>{_emphasised(match[2])}</{tag}>"

    return _EMPHASIS.sub(marked, line)
