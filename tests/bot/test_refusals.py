"""The table of refusals: each row is what its own error leads to, and what has no row is told apart by rule 34."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.refusals import APP_TOKEN, BOT_TOKEN, TABLE, Kind, Platform, Refusal, of_slack, of_twilio
from bot.settings import Settings
from bot.slack.troubles import Answer
from bot.twilio.client import TwilioError

TWILIO = [row for row in TABLE if row.platform is Platform.TWILIO]
SLACK = [row for row in TABLE if row.platform is Platform.SLACK]
STATUS = {20429: 429, 20500: 500, 20503: 503, 20003: 401, 20005: 401, 10001: 401, 20404: 404, 21701: 404}


def slack_error(
    code: str | None, status: int = 200, method: str = "chat.postMessage", data: Any = None
) -> SlackApiError:
    return SlackApiError(
        "refused",
        AsyncSlackResponse(
            client=AsyncWebClient(),
            http_verb="POST",
            api_url=f"https://slack.com/api/{method}",
            req_args={},
            data={"ok": False, "error": code} if data is None else data,
            headers={},
            status_code=status,
        ),
    )


def code_of(row: Refusal) -> str:
    return f"{row.platform} {row.code}"


@pytest.mark.parametrize("row", TWILIO, ids=code_of)
def test_each_code_of_twilios_leads_to_its_row(row: Refusal) -> None:
    assert isinstance(row.code, int)
    error = TwilioError("refused", STATUS.get(row.code, 400), row.code)
    assert of_twilio(error) == row
    assert error.definite == (row.kind is Kind.OF_THIS)


@pytest.mark.parametrize("row", SLACK, ids=code_of)
def test_each_code_of_slacks_leads_to_its_row(row: Refusal) -> None:
    assert of_slack(slack_error(str(row.code))) == row


@pytest.mark.parametrize("row", TABLE, ids=code_of)
def test_each_row_says_when_and_what_then_and_where_that_was_learned(row: Refusal) -> None:
    assert row.when and row.way_on and row.source
    assert row.setting is not None or row.kind is not Kind.OF_INSTALLATION


def test_an_expired_trigger_is_known_also_where_slack_calls_it_a_wrong_argument() -> None:
    metadata = {"messages": ["[ERROR] invalid_arguments [json-pointer:/trigger_id]: expired_trigger_id"]}
    said = {"ok": False, "error": "invalid_arguments", "response_metadata": metadata}
    assert of_slack(slack_error(None, data=said)).of_trigger
    metadata["messages"] = ["[ERROR] must be a string [json-pointer:/text]"]
    assert not of_slack(slack_error(None, data=said)).of_trigger


def test_no_code_has_two_rows() -> None:
    codes = [(row.platform, row.code) for row in TABLE]
    assert len(codes) == len(set(codes))


def test_what_the_installation_has_to_mend_is_a_setting_of_ours() -> None:
    named = {name for row in TABLE if row.setting for name in row.setting.split(", ")}
    assert {each for each in named if each.lower() not in Settings.model_fields} == {"app-manifest.yml"}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 29999, Kind.OF_THIS),
        (401, 29999, Kind.OF_INSTALLATION),
        (401, None, Kind.PASSING),
        (403, None, Kind.PASSING),
        (404, None, Kind.PASSING),
        (408, None, Kind.PASSING),
        (429, None, Kind.PASSING),
        (502, 21422, Kind.PASSING),
        (302, None, Kind.PASSING),
        (None, None, Kind.PASSING),
    ],
)
def test_what_twilios_table_has_not_is_told_apart_by_status_and_code(
    status: int | None, code: int | None, kind: Kind
) -> None:
    assert of_twilio(TwilioError("refused", status, code)).kind is kind


@pytest.mark.parametrize(
    "code", ["rate_limited", "internal_error", "request_timeout", "update_failed", "team_added_to_org"]
)
def test_what_passes_by_itself_is_delivered_again(code: str) -> None:
    assert Answer.of(slack_error(code), "APPROVALS_CHANNEL").kind is Kind.PASSING


def test_a_channel_of_a_workspace_without_the_app_closes_that_channel_alone() -> None:
    error = slack_error("team_access_not_granted")
    answer = Answer.of(error, "APPROVALS_CHANNEL")
    assert answer.kind is Kind.OF_INSTALLATION and not answer.is_of_token
    assert Answer.of(error).kind is Kind.OF_THIS, "of a direct message"


@pytest.mark.parametrize(
    "error",
    [slack_error(None, 500, data=""), slack_error("invalid_auth", 503), TimeoutError(), OSError()],
    ids=["500", "503", "time-out", "no connection"],
)
def test_where_slack_did_not_answer_it_passes(error: Exception) -> None:
    assert of_slack(error).kind is Kind.PASSING


def test_a_429_passes_whatever_stands_in_it() -> None:
    assert of_slack(slack_error(None, 429, data={})).code == "ratelimited"


def test_what_slacks_table_has_not_is_never_repeated_blindly() -> None:
    row = of_slack(slack_error("something_new"))
    assert (row.code, row.kind) == ("something_new", Kind.OF_THIS)


def test_a_channel_that_the_settings_name_is_the_installations() -> None:
    error = slack_error("is_archived")
    assert of_slack(error).kind is Kind.OF_THIS
    row = of_slack(error, "APPROVALS_CHANNEL")
    assert (row.kind, row.setting) == (Kind.OF_INSTALLATION, "APPROVALS_CHANNEL")
    assert of_slack(slack_error("message_not_found"), "APPROVALS_CHANNEL").kind is Kind.OF_THIS


def test_the_setting_is_that_of_the_token_that_was_sent() -> None:
    assert of_slack(slack_error("invalid_auth")).setting == BOT_TOKEN
    assert of_slack(slack_error("invalid_auth", method="apps.connections.open")).setting == APP_TOKEN
