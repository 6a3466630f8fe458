"""Slack's mrkdwn, and the Markdown of its ``markdown`` block, as HTML: escaped first, then marked up.

What is not understood stays visible as text.
"""

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
    "arrow_forward": "▶️",
    "point_right": "👉",
    "calendar": "📅",
    "envelope": "✉️",
    "link": "🔗",
    "memo": "📝",
    "shopping_cart": "🛒",
    "stopwatch": "⏱️",
    "key": "🔑",
    "gear": "⚙️",
    "zap": "⚡",
    "heavy_plus_sign": "➕",
    "double_vertical_bar": "⏸️",
    "o": "⭕",
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
_PRE = "\ue002"  # a line of its own: a code block
_OURS = re.compile(f"[{_KEPT}{_END}{_PRE}]")
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_NOT_IN_URL = re.compile(f"[\\s\\x00-\\x1f{_KEPT}{_END}]")
_TOKEN = re.compile(r"<([^<>\n]+)>")
_FENCE = re.compile(r"\n?```\n?(.+?)\n?```\n?", re.DOTALL)
_MD_FENCE = re.compile(r"```[\w+-]*\n(.+?)\n?```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_EMPHASIS = re.compile(r"(?<![\w*_~])([*_~])(?!\s|\1)((?:(?!\1).)+)(?<!\s)\1(?![\w*_~])")
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_TAGS = {"*": "strong", "_": "em", "~": "s"}
_MD_LINK = re.compile(r"\[([^\[\]\n]+)\]\(([^()\s]+)\)")
_MD_EMPHASIS = re.compile(
    r"(\*\*|~~|\*)(?![\s*])(.+?)(?<!\s)\1(?!\*)|(?<!\w)(__|_)(?![\s_])(.+?)(?<!\s)\3(?!\w)"
)
_MD_TAGS = {"**": "strong", "__": "strong", "*": "em", "_": "em", "~~": "s"}
_MD_LINES = (
    ("h4", re.compile(r"#{1,6}\s+(.+)")),
    ("ul", re.compile(r"\s*[-*+]\s+(.+)")),
    ("ol", re.compile(r"\s*\d{1,9}[.)]\s+(.+)")),
    ("blockquote", re.compile(r"&gt;\s?(.*)")),
    ("pre", re.compile(f"{_PRE}(.+)")),
    ("hr", re.compile(r"\s*(?:-{3,}|\*{3,}|_{3,})\s*()$")),
)


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


def markdown(text: str) -> Markup:
    """Headings, lists, quotes, code, emphasis, links and rules; no HTML, no tables, nothing nested."""
    return Markup(_Conversion(Names(), "en-US", None).run_markdown(text))


class _Conversion:
    def __init__(self, names: Names, locale: str, zone: tzinfo | None) -> None:
        self.names = names
        self.locale = locale
        self.zone = zone
        self.kept: list[str] = []

    def run(self, text: str) -> str:
        text = _OURS.sub("", text).replace("\r\n", "\n")
        text = _FENCE.sub(self._fence, text)
        text = _CODE.sub(lambda m: self._keep(f"<code>{_literal(m[1])}</code>"), text)
        text = _TOKEN.sub(lambda m: self._keep(self._token(m[1])), text)
        text = _SHORTCODE.sub(lambda m: self._keep(_emoji(m)), text)
        return self._put_back(self._lines(_literal(text)))

    def run_markdown(self, text: str) -> str:
        text = _OURS.sub("", text).replace("\r\n", "\n")
        text = _MD_FENCE.sub(
            lambda m: f"\n{_PRE}{self._keep(f'<pre><code>{escape(m[1])}</code></pre>')}\n", text
        )
        text = _CODE.sub(lambda m: self._keep(f"<code>{escape(m[1])}</code>"), text)
        text = _MD_LINK.sub(self._md_link, text)
        text = _SHORTCODE.sub(lambda m: self._keep(_emoji(m)), text)
        return self._put_back(_md_blocks(escape(text)))

    def _md_link(self, match: re.Match[str]) -> str:
        url = safe_url(match[2])
        if url is None:
            return match[0]
        return self._keep(_link(url, _md_inline(escape(match[1]))))

    def _put_back(self, html: str) -> str:
        while _KEPT in html:
            html = re.sub(f"{_KEPT}(\\d+){_END}", lambda m: self.kept[int(m[1])], html)
        return html

    def _fence(self, match: re.Match[str]) -> str:
        kept = self._keep(f"<pre><code>{_literal(match[1])}</code></pre>")
        line = "" if match[0].startswith("\n") else match.string[: match.start()].rpartition("\n")[2]
        return kept if line.startswith((">", "&gt;")) else f"\n{_PRE}{kept}\n"

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
            if line.startswith(_PRE):
                flush()
                parts.append(line.removeprefix(_PRE))
            elif line.startswith("&gt;"):
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


def _md_inline(line: str) -> str:
    def marked(match: re.Match[str]) -> str:
        tag = _MD_TAGS[match[1] or match[3]]
        return f"<{tag}>{_md_inline(match[2] or match[4])}</{tag}>"

    return _MD_EMPHASIS.sub(marked, line)


def _md_blocks(text: str) -> str:
    """Lines of one kind that follow each other become one list, quote or paragraph."""
    parts: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        found = ((tag, pattern.match(line)) for tag, pattern in _MD_LINES)
        tag, content = next(((tag, match[1]) for tag, match in found if match), ("p", line.strip()))
        if tag == "p" and not content:
            parts.append(("", []))
            continue
        if tag in ("ul", "ol") and [each for each, _ in parts[-2:]] == [tag, ""]:
            parts.pop()  # an empty line between two items
        if parts and parts[-1][0] == tag and tag not in ("h4", "hr"):
            parts[-1][1].append(_md_inline(content))
        else:
            parts.append((tag, [_md_inline(content)]))
    return "".join(_md_block(tag, lines) for tag, lines in parts)


def _md_block(tag: str, lines: list[str]) -> str:
    if tag in ("", "pre"):
        return "".join(lines)
    if tag == "hr":
        return "<hr>"
    if tag in ("ul", "ol"):
        return f"<{tag}>{''.join(f'<li>{each}</li>' for each in lines)}</{tag}>"
    return f"<{tag}>{'<br>'.join(lines)}</{tag}>"
