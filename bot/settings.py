"""The environment, read once. All that is missing or wrong is named in one message."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CALLBACK_PATH = "/twilio/bundles"


class SettingsError(Exception):
    """The text names every setting that is missing or wrong, never a value."""


def _starts_with(prefix: str, what: str) -> AfterValidator:
    def check(value: SecretStr | str | None) -> SecretStr | str | None:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if plain is not None and not plain.startswith(prefix):
            raise ValueError(f"{what} begins with {prefix}")
        return value

    return AfterValidator(check)


def _with_slash(value: str) -> str:
    return value if value.endswith("/") else value + "/"


class Settings(BaseSettings):
    """One field a setting; the environment variable has the field's name in capitals. Explained in .env.example."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    slack_bot_token: Annotated[SecretStr, _starts_with("xoxb-", "a bot token")]
    slack_app_token: Annotated[SecretStr | None, _starts_with("xapp-", "an app-level token")] = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: Annotated[str, AfterValidator(_with_slash)] = "https://slack.com/api/"
    port: int | None = Field(default=None, ge=1, le=65535)
    public_url: str | None = None

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
