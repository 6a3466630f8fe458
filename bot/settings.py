"""The environment, read once. All that is missing or wrong is named at once, a line for each setting."""

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed has it for macOS only

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.starting import Problem, SettingsError
from storage.database import Unusable, driver_url

BUNDLES_PATH, MESSAGES_PATH = "/twilio/bundles", "/twilio/messages"
"""Where Twilio reports to."""
SLACK = "https://slack.com/api/"
AROUND = "\ufeff \t\r\n"
"""What an editor or a copied line leaves at the ends of a value (rule 37)."""

S = TypeVar("S", bound="_Environment")


def _plain(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _checked(is_good: Callable[[str], bool]) -> AfterValidator:
    """What is wrong is said by the field's description."""

    def check(value: SecretStr | str | None) -> SecretStr | str | None:
        if value is not None and not is_good(_plain(value)):
            raise ValueError
        return value

    return AfterValidator(check)


def _begins(prefix: str) -> AfterValidator:
    return _checked(lambda value: value.startswith(prefix))


def _is_web_address(value: str) -> bool:
    parts = urlsplit(value)  # raises ValueError where no address can be read at all, and so does its port
    is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    return bool(is_whole) and not parts.query and not parts.fragment and not set(value) & set(" \t\r\n")


def _is_database(value: str) -> bool:
    try:
        return bool(driver_url(value))
    except Unusable:
        return False


def _with_scheme(value: SecretStr | None) -> SecretStr | None:
    """``proxy:3128`` is a proxy for curl; aiohttp wants it said in full."""
    if value is None or "://" in value.get_secret_value():
        return value
    return SecretStr(f"http://{value.get_secret_value()}")


def _with_slash(value: str) -> str:
    return value if value.endswith("/") else value + "/"


# a description counts on the field itself only, so None is part of the type here
WebAddress = Annotated[
    str | None,
    _checked(_is_web_address),
    Field(description="a whole address, such as https://desk.example.com"),
]
Channel = Annotated[
    str,
    Field(
        pattern="^[CG][A-Z0-9]+$",
        description="a channel's id such as C012ABCDEF, from the bottom of its About tab",
    ),
]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]
Burst = Annotated[int, Field(ge=1, description="a whole number from 1 on")]


class _Environment(BaseSettings):
    """One field a setting; the environment variable has the field's name in capitals. Explained in .env.example.

    A field's description is what an operator reads when the setting is missing or wrong: "has to be ...".
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",  # an editor's byte-order mark is no part of the first name
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls: type[S], values: Any, handler: ModelWrapValidatorHandler[S]) -> S:
        """Raises SettingsError with what is wrong in each setting and between them, and never with a value."""
        given = {name: each.strip(AROUND) if isinstance(each, str) else each for name, each in values.items()}
        given = {name: each for name, each in given.items() if each != ""}
        problems = list(cls._lacks(given))
        try:
            made = handler(given)
        except ValidationError as error:
            wrong = {str(each["loc"][0]): each["type"] == "missing" for each in error.errors()}
            problems = [*(cls._problem(*each) for each in wrong.items()), *problems]
        if problems:
            raise SettingsError(*problems)
        return made

    @classmethod
    def _problem(cls, name: str, is_missing: bool) -> Problem:
        wanted = cls.model_fields[name].description
        return Problem(name.upper(), f"is missing; it is {wanted}" if is_missing else f"has to be {wanted}")

    @classmethod
    def _lacks(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong with the settings together."""
        yield from ()


class DatabaseSetting(_Environment):
    """For what needs nothing but that."""

    database_url: Annotated[
        str,
        _checked(_is_database),
        Field(
            description="the address of a database: sqlite:///data/numberdesk.db, or postgresql://user:password@host/name"
        ),
    ] = "sqlite:///data/numberdesk.db"


class PolicySetting(_Environment):
    """Whatever else is wrong, the policy can be read."""

    policy_file: Path = Path("policy.toml")


class Settings(DatabaseSetting, PolicySetting):
    slack_bot_token: Annotated[
        SecretStr, _begins("xoxb-"), Field(description="a bot token, which begins with xoxb-")
    ]
    slack_app_token: Annotated[
        SecretStr | None, _begins("xapp-"), Field(description="an app-level token, which begins with xapp-")
    ] = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: Annotated[
        str,
        _checked(_is_web_address),
        AfterValidator(_with_slash),
        Field(description=f"a whole address, such as {SLACK}"),
    ] = SLACK
    port: Annotated[int | None, Field(ge=1, le=65535, description="a number from 1 to 65535")] = None
    public_url: WebAddress = None
    # rule 19: a channel takes about one message a second; chat.update is of tier 3, over 50 a minute in the workspace
    posts_per_second: Rate = 0.95
    posts_at_once: Burst = 8
    updates_per_minute: Rate = 50
    updates_at_once: Burst = 30

    twilio_account_sid: Annotated[
        str, _begins("AC"), Field(description="the SID of an account, which begins with AC")
    ]
    twilio_api_key: Annotated[
        str | None, _begins("SK"), Field(description="the SID of an API key, which begins with SK")
    ] = None
    twilio_api_secret: SecretStr | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_base_url: WebAddress = None

    approvals_channel: Channel
    bundles_channel: Channel
    operators_channel: Channel
    card_steps: Annotated[str, Field(pattern="^(text|plan)$", description="text or plan")] = "text"
    channel_language: Annotated[str, Field(pattern="^(en|ja)$", description="en or ja")] = "en"
    bundle_email: Annotated[
        str | None, Field(pattern=r"^[^@\s]+@[^@\s]+$", description="an e-mail address")
    ] = None
    whatsapp_business_account_id: Annotated[
        str | None, Field(pattern=r"^\d+$", description="the id of a WhatsApp business account, digits only")
    ] = None
    whatsapp_content_sid: Annotated[
        str | None, _begins("HX"), Field(description="the SID of a content template, which begins with HX")
    ] = None
    log_level: Annotated[
        str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR")
    ] = "INFO"
    log_format: Annotated[str | None, Field(pattern="^(text|json)$", description="text or json")] = None
    metrics: Annotated[bool, Field(description="true or false")] = False
    otel_exporter_otlp_endpoint: WebAddress = None
    otel_exporter_otlp_headers: Annotated[
        SecretStr | None,
        _checked(lambda value: all("=" in each for each in value.split(","))),
        Field(description="name=value, several with commas between them"),
    ] = None
    https_proxy: Annotated[
        SecretStr | None,
        AfterValidator(_with_scheme),
        _checked(_is_web_address),
        Field(description="the address of a proxy, such as http://user:password@host:3128"),
    ] = None
    no_proxy: str = ""
    test_clock: Annotated[bool, Field(description="true or false")] = False

    @classmethod
    def _lacks(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        missing = {name for name in cls.model_fields if name not in given}
        if "slack_app_token" in missing and {"port", "slack_signing_secret"} & missing:
            ways = "set it for Socket Mode, or PORT and SLACK_SIGNING_SECRET for HTTP"
            yield Problem("SLACK_APP_TOKEN", f"is missing; {ways}")
        key = {"twilio_api_key", "twilio_api_secret"}
        if key <= missing and "twilio_auth_token" in missing:
            yield Problem("TWILIO_API_KEY", "is missing; set it and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN")
        elif len(key & missing) == 1:
            (one,), (other,) = key & missing, key - missing
            yield Problem(one.upper(), f"is missing; it goes with {other.upper()}")

    @property
    def uses_http(self) -> bool:
        """Slack delivers over HTTP; else over Socket Mode."""
        return self.slack_app_token is None

    @property
    def callback_url(self) -> str | None:
        """Where Twilio reports bundles to."""
        return self._callback(BUNDLES_PATH)

    def message_callback(self, of: Mapping[str, str]) -> str | None:
        """Where Twilio reports to what became of a test message. of: the purchase, or the number of none, by its SID."""
        return self._callback(f"{MESSAGES_PATH}?{urlencode(of)}")

    def _callback(self, path: str) -> str | None:
        """None without a public address, or without the token that checks who calls."""
        if not (self.public_url and self.port and self.twilio_auth_token):
            return None
        return self.public_url.rstrip("/") + path

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


def read() -> Settings:
    """Raises SettingsError with a problem for each setting that is missing or wrong."""
    return _read(Settings)


def database_url() -> str:
    """Raises SettingsError."""
    return _read(DatabaseSetting).database_url


def policy_file() -> Path:
    return _read(PolicySetting).policy_file


def _read(settings: type[S]) -> S:
    try:
        return settings()
    except UnicodeDecodeError:
        raise SettingsError(Problem(".env", "is not UTF-8; save it as that")) from None
    except OSError as error:
        raise SettingsError(Problem(".env", f"cannot be read: {error.strerror}")) from None


def clear(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes out what Bolt and the SDKs would read by themselves; ours has been read (rule 40).

    With SLACK_CLIENT_ID, Bolt answers every command with "please install this app"; TWILIO_EDGE moves hosts; Slack's SDK
    uses a proxy whatever NO_PROXY says, for this machine too (slack_bolt 1.30, slack_sdk 3.47, twilio 9.13). OTEL_SDK_DISABLED
    and its like change what is traced, and where it goes (opentelemetry-sdk 1.45).
    """
    for name in list(environment):
        if name.upper().startswith(("SLACK_", "TWILIO_", "OTEL_")) or name.upper().endswith("_PROXY"):
            del environment[name]
