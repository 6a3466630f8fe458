"""What is read from the environment, what is taken out of it, and which way the calls then go."""

from pathlib import Path
from typing import Any

import pytest

from bot import settings
from bot.settings import Settings
from bot.starting import SettingsError
from bot.twilio.client import TwilioError, connect
from sandbox.environment import settings as sandbox_settings
from tests.proxy import closed_proxy

OTHERS = {"SLACK_API_URL": None, "TWILIO_BASE_URL": None}


def read(**changed: str | None) -> Settings:
    """As the sandbox has them; None: not set."""
    named = {**sandbox_settings("http://slack", "http://twilio"), "HTTPS_PROXY": "", "NO_PROXY": ""} | changed
    values: dict[str, Any] = {name.lower(): each for name, each in named.items() if each is not None}
    return Settings(_env_file=None, **values)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without settings, and none in the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# the ends of a value


@pytest.mark.parametrize("around", ["\ufeff{}", "{}\r\n", "  {}\n", "\ufeff{}\ufeff\n"])
def test_a_byte_order_mark_or_line_break_at_the_ends_is_no_part_of_a_setting(around: str) -> None:
    read_ = read(
        SLACK_BOT_TOKEN=around.format("xoxb-1"),
        APPROVALS_CHANNEL=around.format("C0A"),
        PORT=around.format("3000"),
        CHANNEL_LANGUAGE=around.format("ja"),
    )
    assert read_.slack_bot_token.get_secret_value() == "xoxb-1"
    assert (read_.approvals_channel, read_.port, read_.channel_language) == ("C0A", 3000, "ja")


def test_what_holds_nothing_else_is_not_set() -> None:
    read_ = read(SLACK_API_URL="\ufeff\r\n", BUNDLE_EMAIL=" ", PORT="\n")
    assert (read_.slack_api_url, read_.bundle_email, read_.port) == (settings.SLACK, None, None)


def test_a_file_of_settings_may_begin_with_a_byte_order_mark(bare: Path) -> None:
    lines = "\r\n".join(f"{name}={value}" for name, value in sandbox_settings("http://s", "http://t").items())
    (bare / ".env").write_bytes(("\ufeff" + lines).encode())
    assert settings.read().slack_bot_token.get_secret_value() == "xoxb-sandbox"


def test_what_is_missing_is_named(bare: Path) -> None:
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN: is missing"):
        settings.read()


# the environment


def test_only_what_others_would_read_by_themselves_is_taken_out() -> None:
    mine = {"PATH": "/bin", "SSL_CERT_FILE": "/ca.pem", "PGPASSFILE": "/pg", "PGSSLMODE": "require"}
    theirs = dict.fromkeys(
        [
            "SLACK_CLIENT_ID",
            "SLACK_CLIENT_SECRET",
            "SLACK_SCOPES",
            "SLACK_VERIFICATION_TOKEN",
            "SLACK_BOT_TOKEN",
            "TWILIO_EDGE",
            "TWILIO_REGION",
            "HTTPS_PROXY",
            "https_proxy",
            "http_proxy",
            "ALL_PROXY",
            "NO_PROXY",
        ],
        "x",
    )
    environment = {**mine, **theirs}
    settings.clear(environment)
    assert environment == mine


# proxies


@pytest.mark.parametrize("value", ["http://proxy:3128", "proxy:3128"])
def test_one_proxy_leads_to_slack_and_twilio_alike(value: str) -> None:
    config = read(**OTHERS, HTTPS_PROXY=value)
    assert config.slack_proxy == config.twilio_proxy == "http://proxy:3128"


def test_a_proxy_is_not_used_for_the_base_addresses() -> None:
    config = read(HTTPS_PROXY="http://proxy:3128")
    assert (config.slack_proxy, config.twilio_proxy) == (None, None)


@pytest.mark.parametrize(
    ("hosts", "slack", "twilio"),
    [("slack.com", False, True), (".twilio.com,localhost", True, False), ("*", False, False)],
)
def test_a_proxy_is_not_used_for_the_hosts_that_are_left_out(hosts: str, slack: bool, twilio: bool) -> None:
    config = read(**OTHERS, HTTPS_PROXY="http://proxy:3128", NO_PROXY=hosts)
    assert (config.slack_proxy is not None, config.twilio_proxy is not None) == (slack, twilio)


async def test_twilio_is_reached_through_the_proxy_and_what_that_refuses_was_never_sent() -> None:
    async with closed_proxy() as proxy:
        config = read(**OTHERS, HTTPS_PROXY=proxy.url)
        way = config.twilio_proxy
        async with connect("AC" + "0" * 32, "SK0", "secret", patience=0.01, proxy=way) as client:
            with pytest.raises(TwilioError, match="cannot be reached") as raised:
                await client.incoming_phone_numbers.create_async(phone_number="+14155550100")
    assert set(proxy.asked) == {"CONNECT api.twilio.com:443 HTTP/1.1"}
    assert not raised.value.doubtful and not raised.value.sent
