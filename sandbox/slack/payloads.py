"""The payloads that Slack sends when people act, and the places where they act."""

import copy
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sandbox.slack.elements import initial_values
from sandbox.slack.workspace import APP_ID, BOT_USER, TEAM_ID, Json, Workspace

TOKEN = "sandbox-verification-token"
TEAM = {"id": TEAM_ID, "domain": "sandbox"}
ECHOED = ("text", "value", "style", "url", "confirm", "placeholder")
"""What a click repeats of the element that was clicked, besides what was chosen."""
NOT_SENT = {"view": ("user",), "message": ("ephemeral", "to", "channel")}
MARKS = re.compile(r"<[@#!][^<>\s]+>|https?://[^\s<>]+|(?<!\S)\+\d{8,15}(?!\S)|[&<>]")


@dataclass
class Place:
    """Where a click happens: an open view, the Home tab, or a message."""

    view: Json | None
    message: Json | None = None
    channel: str | None = None
    stale: list[Json] | None = None
    """What the person's client still shows of it, where it has changed since. Slack's payload has it as it is by now [assumed]."""

    @property
    def blocks(self) -> list[Json]:
        if self.stale is not None:
            return self.stale
        shown = self.view or self.message
        assert shown is not None
        found: list[Json] = shown.get("blocks") or []
        return found

    @property
    def key(self) -> str:
        """Tells it from every other place."""
        return str(self.view["id"]) if self.view else f"{self.channel} {self.message and self.message['ts']}"


def handle_of(workspace: Workspace, user: str) -> str:
    return str(workspace.people[user]["name"]).lower().replace(" ", ".")


def command(workspace: Workspace, user: str, channel: Json, name: str, text: str, response_url: str) -> Json:
    shown = channel["name"]
    if channel["is_im"]:
        shown = "directmessage"
    elif channel["is_private"]:
        shown = "privategroup"
    return {
        "token": TOKEN,
        "team_id": TEAM_ID,
        "team_domain": "sandbox",
        "channel_id": channel["id"],
        "channel_name": shown,
        "user_id": user,
        "user_name": handle_of(workspace, user),
        "command": name,
        "text": escaped(text),
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": workspace.new_trigger(user),
    }


def escaped(text: str) -> str:
    """As with ``should_escape``; numbers in ``<tel:...>`` [assumed]. Mentions are as the client's picker wrote them."""

    def mark(found: re.Match[str]) -> str:
        part = found[0]
        if part in "&<>":
            return {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[part]
        if part.startswith("+"):
            return f"<tel:{part}|{part}>"
        return part if part.startswith("<") else f"<{part.replace('&', '&amp;')}>"

    return MARKS.sub(mark, text)


def interaction(workspace: Workspace, kind: str, user: str) -> Json:
    """What all of them begin with. kind: block_actions, block_suggestion, view_submission, view_closed."""
    name = handle_of(workspace, user)
    team_id = workspace.people.get(user, {}).get(
        "team_id", TEAM_ID
    )  # another company's where a channel is shared
    return {
        "type": kind,
        "user": {"id": user, "username": name, "name": name, "team_id": team_id},
        "api_app_id": APP_ID,
        "token": TOKEN,
        "team": dict(TEAM),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def view(shown: Json) -> Json:
    return copy.deepcopy({key: value for key, value in shown.items() if key not in NOT_SENT["view"]})


def origin(workspace: Workspace, place: Place) -> Json:
    """``container``, and ``view`` or ``channel`` and ``message``."""
    if place.view is not None:
        return {"container": {"type": "view", "view_id": place.view["id"]}, "view": view(place.view)}
    assert place.message is not None and place.channel is not None
    message = place.message
    ephemeral = bool(message.get("ephemeral"))
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": place.channel,
        "is_ephemeral": ephemeral,
    }
    if message.get("thread_ts") not in (None, message["ts"]):  # not for a thread's parent [assumed]
        container["thread_ts"] = message["thread_ts"]
    found: Json = {
        "container": container,
        "channel": {"id": place.channel, "name": workspace.channels[place.channel]["name"]},
    }
    if not ephemeral:
        found["message"] = copy.deepcopy(
            {key: value for key, value in message.items() if key not in NOT_SENT["message"]}
        )
    return found


def action(block: Json, element: Json, state: Json, action_ts: str) -> Json:
    """An entry of ``actions``. state: the element's part of ``state.values``; empty for a button."""
    repeated = {key: copy.deepcopy(element[key]) for key in ECHOED if element.get(key)}
    return {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        **repeated,
        **state,
        "action_ts": action_ts,
    }


def message_state(place: Place, block: Json, element: Json, state: Json) -> Json:
    """``state`` of a click in a message: what its elements show, this one as it was just chosen."""
    values = initial_values(place.blocks, {})
    if element["action_id"] in values.get(block["block_id"], {}):
        values[block["block_id"]][element["action_id"]] = state
    return {"values": values}


def event(inner: dict[str, Any]) -> Json:
    return {
        "token": TOKEN,
        "team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": inner,
        "type": "event_callback",
        "event_id": "Ev0" + secrets.token_hex(5).upper(),
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_hex(12),
    }
