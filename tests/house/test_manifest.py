"""The Slack app's manifest: valid by Slack's own schema, with the scopes that the code uses and no more."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from slack_sdk.web.async_client import AsyncWebClient

from bot.doctor import slack
from tests.house.tree import ROOT, python_files

SCHEMA = json.loads((ROOT / "tests/data/manifest.schema.json").read_text())

SCOPES: dict[str, set[str]] = {
    "apps_connections_open": set(),  # the app-level token's own scope, which no manifest gives
    "auth_test": set(),
    "chat_getPermalink": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_info": {"channels:read", "groups:read"},
    "conversations_members": {"channels:read", "groups:read"},
    "conversations_open": {"im:write"},
    "files_info": {"files:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
"""What each method that the code calls needs. Source: docs.slack.dev, "Required scopes" of the method's page."""


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    return read


def methods(source: str) -> Iterator[str]:
    """Web API methods that are called or handed on. Our own objects have none of these names."""
    known = {each for each in dir(AsyncWebClient) if "_" in each.strip("_") and not each.startswith("_")}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in known - {"api_call"}:
            yield node.attr


def complaints(manifest: dict[str, Any]) -> list[str]:
    Draft7Validator.check_schema(SCHEMA)
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(SCHEMA).iter_errors(manifest)]


def test_it_is_valid(manifest: dict[str, Any]) -> None:
    assert complaints(manifest) == []


def test_the_schema_refuses_what_slack_does_not_know(manifest: dict[str, Any]) -> None:
    manifest["settings"]["socket_mode"] = True
    manifest["features"]["slash_commands"][0]["command"] = "twilio"
    assert len(complaints(manifest)) == 2


def test_it_asks_for_exactly_the_scopes_that_the_code_uses(manifest: dict[str, Any]) -> None:
    used = {each for file in python_files("bot", "handlers") for each in methods(file.read_text())}
    assert used == set(SCOPES), "a method without its scopes, or scopes of a method that nobody calls"
    needed = {"commands"}.union(*SCOPES.values())
    assert sorted(manifest["oauth_config"]["scopes"]["bot"]) == sorted(needed) == sorted(slack.SCOPES)


def test_what_is_optional_is_asked_for_too_and_is_what_the_doctor_takes_for_optional(
    manifest: dict[str, Any],
) -> None:
    """Slack marks scopes of ``bot`` as optional. Source: docs.slack.dev, changelog of 2026-03-16; slackapi/slack-cli pull request 517."""
    scopes = manifest["oauth_config"]["scopes"]
    assert set(scopes["bot_optional"]) < set(scopes["bot"])
    assert sorted(scopes["bot_optional"]) == sorted(slack.OPTIONAL)


def test_a_method_that_is_called_is_found() -> None:
    assert list(methods("await client.files_info(file=f)\nawait self.store.users_seen()")) == ["files_info"]


def test_it_is_set_up_for_socket_mode_and_for_home_alone(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True and settings["interactivity"] == {"is_enabled": True}
    assert settings["event_subscriptions"] == {"bot_events": ["app_home_opened"]}
    assert manifest["features"]["app_home"]["home_tab_enabled"]


def test_the_command_hands_over_people_and_channels_by_their_ids(manifest: dict[str, Any]) -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == "/twilio" and command["should_escape"] is True
