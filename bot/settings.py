"""The environment, read once. All that is missing or wrong is named in one message."""

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Any
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed has it for macOS only

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CALLBACK_PATH = "/twilio/bundles"
SLACK = "https://slack.com/api/"
AROUND = "\ufeff \t\r\n"
"""What an editor or a copied line leaves at the ends of a value (rule 37)."""


class SettingsError(Exception):
    """The text names every setting that is missing or wrong, never a value."""


def _starts_with(prefix: str, what: str) -> AfterValidator:
    def check(value: SecretStr | str | None) -> SecretStr | str | None:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if plain is not None and not plain.startswith(prefix):
            raise ValueError(f"{what} begins with {prefix}")
        return value

    return AfterValidator(check)


def _with_scheme(value: SecretStr | None) -> SecretStr | None:
    """``proxy:3128`` is a proxy for curl; aiohttp wants it said in full."""
    if value is None or "://" in value.get_secret_value():
        return value
    return SecretStr(f"http://{value.get_secret_value()}")


def _with_slash(value: str) -> str:
    return value if value.endswith("/") else value + "/"


class Settings(BaseSettings):
    """One field a setting; the environment variable has the field's name in capitals. Explained in .env.example."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",  # an editor's byte-order mark is no part of the first name
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    slack_bot_token: Annotated[SecretStr, _starts_with("xoxb-", "a bot token")]
    slack_app_token: Annotated[SecretStr | None, _starts_with("xapp-", "an app-level token")] = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: Annotated[str, AfterValidator(_with_slash)] = SLACK
    port: int | None = Field(default=None, ge=1, le=65535)
    public_url: str | None = None
    # rule 19: a channel takes about one message a second; chat.update is of tier 3, over 50 a minute in the workspace
    posts_per_second: float = Field(default=0.95, gt=0, allow_inf_nan=False)
    posts_at_once: int = Field(default=8, ge=1)
    updates_per_minute: float = Field(default=50, gt=0, allow_inf_nan=False)
    updates_at_once: int = Field(default=30, ge=1)

    twilio_account_sid: Annotated[str, _starts_with("AC", "an account SID")]
    twilio_api_key: Annotated[str | None, _starts_with("SK", "an API key's SID")] = None
    twilio_api_secret: SecretStr | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_base_url: str | None = None

    database_url: str = "sqlite:///data/numberdesk.db"
    approvals_channel: Annotated[str, Field(pattern="^[CG][A-Z0-9]+$")]
    bundles_channel: Annotated[str, Field(pattern="^[CG][A-Z0-9]+$")]
    operators_channel: Annotated[str, Field(pattern="^[CG][A-Z0-9]+$")]
    channel_language: Annotated[str, Field(pattern="^(en|ja)$")] = "en"
    bundle_email: str | None = None
    policy_file: Path = Path("policy.toml")
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    https_proxy: Annotated[SecretStr | None, AfterValidator(_with_scheme)] = None
    no_proxy: str = ""
    test_clock: bool = False

    @model_validator(mode="before")
    @classmethod
    def _folded(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        folded = {
            name: each.strip(AROUND) if isinstance(each, str) else each for name, each in values.items()
        }
        return {name: each for name, each in folded.items() if each != ""}

    @model_validator(mode="after")
    def _one_way_in(self) -> "Settings":
        if self.slack_app_token is None and not (self.port and self.slack_signing_secret):
            raise ValueError("set SLACK_APP_TOKEN (Socket Mode), or PORT and SLACK_SIGNING_SECRET (HTTP)")
        if (self.twilio_api_key is None) != (self.twilio_api_secret is None):
            raise ValueError("TWILIO_API_KEY and TWILIO_API_SECRET go together")
        if self.twilio_api_key is None and self.twilio_auth_token is None:
            raise ValueError("set TWILIO_API_KEY and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN")
        return self

    @property
    def uses_http(self) -> bool:
        """Slack delivers over HTTP; else over Socket Mode."""
        return self.slack_app_token is None

    @property
    def callback_url(self) -> str | None:
        """Where Twilio reports bundles to; None without a public address, or without the token that checks who calls."""
        if not (self.public_url and self.port and self.twilio_auth_token):
            return None
        return self.public_url.rstrip("/") + CALLBACK_PATH

    @property
    def slack_proxy(self) -> str | None:
        return self._proxy_to("slack.com") if self.slack_api_url == SLACK else None

    @property
    def twilio_proxy(self) -> str | None:
        return self._proxy_to("api.twilio.com") if self.twilio_base_url is None else None

    def _proxy_to(self, host: str) -> str | None:
        if self.https_proxy is None or proxy_bypass_environment(host, {"no": self.no_proxy}):
            return None
        return self.https_proxy.get_secret_value()

    @property
    def twilio_credentials(self) -> tuple[str, str]:
        if self.twilio_api_key and self.twilio_api_secret:
            return self.twilio_api_key, self.twilio_api_secret.get_secret_value()
        assert self.twilio_auth_token is not None
        return self.twilio_account_sid, self.twilio_auth_token.get_secret_value()


class _Database(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    database_url: str = Settings.model_fields["database_url"].default


def database_url() -> str:
    """Where the database is, for what needs nothing but that."""
    return _Database().database_url


def read() -> Settings:
    """Raises SettingsError with one line for each setting that is missing or wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            said = (
                "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
            )
            lines.append(f"  {name + ': ' if name else ''}{said}")
        raise SettingsError("These settings are missing or wrong:\n" + "\n".join(lines)) from None


def clear(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes out what Bolt and the SDKs would read by themselves; ours has been read (rule 40).

    With SLACK_CLIENT_ID, Bolt answers every command with "please install this app"; TWILIO_EDGE moves hosts; Slack's SDK
    uses a proxy whatever NO_PROXY says, for this machine too (slack_bolt 1.30, slack_sdk 3.47, twilio 9.13).
    """
    for name in list(environment):
        if name.upper().startswith(("SLACK_", "TWILIO_")) or name.upper().endswith("_PROXY"):
            del environment[name]
