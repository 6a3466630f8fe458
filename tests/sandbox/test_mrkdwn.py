"""mrkdwn as HTML: what Slack marks up, and nothing else gets through."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.slack.mrkdwn import Names, format_moment, markdown, mrkdwn, plain_text, safe_url

NAMES = Names({"U1": "Rita <b>"}, {"C1": "numbers"}, {"S1": "Approvers"})
CHECK = '<span class="emoji emoji-white_check_mark" role="img" aria-label="white check mark">✅</span>'


def link(url: str, shown: str) -> str:
    return f'<a href="{url}" target="_blank" rel="noopener noreferrer">{shown}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("two\nlines", "two<br>lines"),
        ("*bold* _italic_ ~strike~", "<strong>bold</strong> <em>italic</em> <s>strike</s>"),
        ("_*both*_ and *a _b_ c*", "<em><strong>both</strong></em> and <strong>a <em>b</em> c</strong>"),
        ("2*3*4 snake_case_name * no *", "2*3*4 snake_case_name * no *"),
        ("**markdown** is not mrkdwn", "**markdown** is not mrkdwn"),
        ("*太字* と太字*にならない*字", "<strong>太字</strong> と太字*にならない*字"),
        ("*not\nover lines*", "*not<br>over lines*"),
        ("`*code* <b>`", "<code>*code* &lt;b&gt;</code>"),
        ("a\n```x = <1>\n*y*```\nb", "a<pre><code>x = &lt;1&gt;\n*y*</code></pre>b"),
        ("&gt; quoted\n> *more*\nnot", "<blockquote>quoted<br><strong>more</strong></blockquote>not"),
        ("> q\n```x```\nnot", "<blockquote>q</blockquote><pre><code>x</code></pre>not"),
        ("> ```x```", "<blockquote><pre><code>x</code></pre></blockquote>"),
        ("a &amp; b &lt;i&gt; & c", "a &amp; b &lt;i&gt; &amp; c"),
        ("&amp;lt;", "&amp;lt;"),
        ("<https://x.test/?a=1&amp;b=2|the *x*>", link("https://x.test/?a=1&amp;b=2", "the *x*")),
        ("*<https://x.test|x>*", f"<strong>{link('https://x.test', 'x')}</strong>"),
        (
            "<mailto:a@b.test|mail> <tel:+4930123>",
            link("mailto:a@b.test", "mail") + " " + link("tel:+4930123", "+4930123"),
        ),
        (
            "<@U1> <@U9|nine> <@U9>",
            '<span class="mention">@Rita &lt;b&gt;</span> <span class="mention">@nine</span> <span class="mention">@U9</span>',
        ),
        ("<#C1> <#C9|gone>", '<span class="mention">#numbers</span> <span class="mention">#gone</span>'),
        (
            "<!subteam^S1> <!here>",
            '<span class="mention">@Approvers</span> <span class="mention">@here</span>',
        ),
        ("done :white_check_mark: :unknown:", f"done {CHECK} :unknown:"),
        ("_done :white_check_mark: now_", f"<em>done {CHECK} now</em>"),
        ("10:30:45", "10:30:45"),
        ("<!date^oops^{date}|the *fallback*>", "the *fallback*"),
    ],
)
def test_markup(text: str, html: str) -> None:
    assert mrkdwn(text, NAMES) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<javascript:alert(1)|click>",
        "<JaVaScRiPt:alert(1)>",
        "<data:text/html,x|y>",
        "<//evil.test|y>",
        '<https://x.test/"onmouseover="alert(1)|y>',
        "<https://x.test|<b onclick=x>>",
        "<https://x.test/`a`|\"onclick='x'>",
        "<!date^0^<b>|<i onclick=x>>",
        '<!date^0^{date}^javascript:alert(1)|"onclick="x>',
        '<@U9|"><script>x</script>>',
        "```<script>x</script>```",
        "`<script>`",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\ue0000\ue001 \ue0005\ue001",
        '*<script>* _"onload="x_',
    ],
)
def test_nothing_dangerous(text: str) -> None:
    assert_harmless(mrkdwn(text, NAMES))


@given(
    st.lists(
        st.sampled_from(
            [
                *"<>|*_~`&\"' \n\ue0000\ue001",
                "```",
                "https://x",
                "javascript:",
                "!date^0^{date}",
                "@U1",
                "&lt;",
                ":x:",
                "a",
                ">",
                "\ue002",
                "[a](",
                ")",
                "- ",
                "# ",
                "**",
            ]
        ),
        max_size=24,
    ).map("".join)
)
def test_any_text_is_harmless(text: str) -> None:
    assert_harmless(mrkdwn(text, NAMES))
    assert_harmless(markdown(text))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Head *it*\ntext", "<h4>Head <em>it</em></h4><p>text</p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("**bold *both*** ~~gone~~", "<p><strong>bold <em>both</em></strong> <s>gone</s></p>"),
        ("__bold__ _it_ snake_case_name", "<p><strong>bold</strong> <em>it</em> snake_case_name</p>"),
        ("これは**太字**です", "<p>これは<strong>太字</strong>です</p>"),
        ("- a\n\n- b\n1. c", "<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol>"),
        ("> q\n> r\n---", "<blockquote>q<br>r</blockquote><hr>"),
        ("a\n```py\nx < *1*\n```\nb", "<p>a</p><pre><code>x &lt; *1*</code></pre><p>b</p>"),
        ("`a*b*` <b> &amp;", "<p><code>a*b*</code> &lt;b&gt; &amp;amp;</p>"),
        (
            "[the *x*](https://x.test?a=1&b=2)",
            f"<p>{link('https://x.test?a=1&amp;b=2', 'the <em>x</em>')}</p>",
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("done :white_check_mark:", f"<p>done {CHECK}</p>"),
    ],
)
def test_markdown(text: str, html: str) -> None:
    assert markdown(text) == html


def test_dates_in_the_readers_language_and_zone() -> None:
    text = "<!date^1767272400^{date_short} {time}|then>"
    english = mrkdwn(text, locale="en-US", zone=ZoneInfo("Europe/Berlin"))
    assert ">Jan 1, 2026 2:00 PM</time>" in english
    assert 'title="then"' in english
    assert ">2026/01/01 22:00</time>" in mrkdwn(text, locale="ja-JP", zone=ZoneInfo("Asia/Tokyo"))
    assert ">Jan 1, 2026 1:00 PM" in mrkdwn(text, locale="xx-nonsense", zone=UTC)
    assert 'href="https://x.test"' in mrkdwn("<!date^1767272400^{date}^https://x.test|then>", zone=UTC)


def test_pretty_dates() -> None:
    now = datetime.now(UTC)
    assert format_moment(now, "{date_pretty}", "en-GB") == "today"
    assert format_moment(now - timedelta(days=1), "{date_short_pretty}", "ja-JP") == "昨日"
    assert format_moment(now, "{date_num}", "en-US") == now.strftime("%Y-%m-%d")
    assert format_moment(now, "{other}", "en-US") == "{other}"


def test_plain_text() -> None:
    assert plain_text("*a* <b> &amp;\n:white_check_mark:") == f"*a* &lt;b&gt; &amp;amp;<br>{CHECK}"
    assert plain_text(":x:", emoji=False) == ":x:"


def test_addresses() -> None:
    assert safe_url("https://x.test") == "https://x.test"
    assert safe_url("javascript:alert(1)") is None
    assert safe_url("https://x.test\n") is None
    assert safe_url(" https://x.test") is None


ALLOWED = {
    "a": {"href", "target", "rel"},
    "span": {"class", "role", "aria-label"},
    "time": {"datetime", "title"},
    **{tag: set[str]() for tag in ("strong", "em", "s", "code", "pre", "br", "blockquote")},
    **{tag: set[str]() for tag in ("p", "h4", "ul", "ol", "li", "hr")},
}


def assert_harmless(html: str) -> None:
    opened: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in ALLOWED, html
            assert {name for name, _ in attrs} <= ALLOWED[tag], html
            for name, value in attrs:
                assert name != "href" or safe_url(value or "") is not None, html
            if tag not in ("br", "hr"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag, html

    parser = Check()
    parser.feed(html)
    parser.close()
    assert not opened, html
    assert not set("\ue000\ue001\ue002") & set(html)
