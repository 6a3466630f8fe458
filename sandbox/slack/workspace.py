"""The workspace: people, channels, messages and open views, in Slack's own JSON shapes. It knows nothing of HTTP."""

import asyncio
import contextlib
import copy
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.validate import filled_in

Json = dict[str, Any]

TEAM_ID, APP_ID, BOT_ID, BOT_USER = "T0SANDBOX", "A0NUMBERDESK", "B0NUMBERDESK", "U0NUMBERDESK"
STACK = 3
TRIGGER_FOR = 3.0
RESPONSE_URL_FOR, RESPONSE_URL_USES = 30 * 60, 5

PEOPLE = {
    "U0REQUESTER": ("Rita Requester", "en-US"),
    "U0REQUESTER2": ("Ravi Requester", "en-US"),
    "U0REQUESTERJA": ("山田 花子", "ja-JP"),
    "U0APPROVER": ("Ada Approver", "en-US"),
    "U0APPROVER2": ("Alan Approver", "en-GB"),
    "U0COMPLIANCE": ("Cora Compliance", "en-US"),
    "U0OPERATOR": ("Omar Operator", "en-US"),
    "U0OUTSIDER": ("Otto Outsider", "en-US"),
}


class SlackError(Exception):
    """``{"ok": false, "error": ...}`` with whatever else Slack says."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Trigger:
    user: str
    made_at: float
    view_id: str | None = None
    used: bool = False


@dataclass
class ResponseUrl:
    user: str
    channel: str
    made_at: float
    ts: str | None = None
    ephemeral: bool = False
    uses: int = 0


@dataclass
class Workspace:
    people: dict[str, Json] = field(default_factory=dict)
    channels: dict[str, Json] = field(default_factory=dict)
    usergroups: dict[str, Json] = field(default_factory=dict)
    open_views: dict[str, Json] = field(default_factory=dict)
    stacks: dict[str, list[str]] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    files: dict[str, Json] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    connections: int = 0
    _messages: dict[str, list[Json]] = field(default_factory=dict)
    _ephemeral: list[Json] = field(default_factory=list)
    _watchers: set["asyncio.Queue[Json]"] = field(default_factory=set)
    _last_ts: float = 0.0

    def __post_init__(self) -> None:
        for user_id, (name, locale) in PEOPLE.items():
            self.add_person(user_id, name, locale)
        everybody = list(PEOPLE)
        insiders = [each for each in everybody if each != "U0OUTSIDER"]
        self.add_channel("C0NUMBERS", "numbers", everybody)
        self.add_channel("C0APPROVALS", "approvals", insiders)
        self.add_channel("C0BUNDLES", "bundles", insiders)
        self.add_channel("C0OPERATORS", "operators", ["U0OPERATOR"], is_private=True)
        self.usergroups["S0APPROVERS"] = {
            "id": "S0APPROVERS",
            "name": "Approvers",
            "handle": "approvers",
            "users": ["U0APPROVER", "U0APPROVER2"],
        }

    # who is there

    def add_person(self, user_id: str, name: str, locale: str = "en-US") -> Json:
        """Everybody is in #numbers."""
        self.people[user_id] = {"id": user_id, "name": name, "locale": locale}
        numbers = self.channels.get("C0NUMBERS")
        if numbers is not None and user_id not in numbers["members"]:
            numbers["members"].append(user_id)
        self.tell({"type": "state"})
        return self.people[user_id]

    def add_channel(
        self,
        channel_id: str,
        name: str,
        members: list[str],
        *,
        is_private: bool = False,
        with_app: bool = True,
    ) -> Json:
        """A channel that is there already gets the members too."""
        before = self.channels.get(channel_id, {}).get("members", [])
        everybody = [*before, *members, *([BOT_USER] if with_app else [])]
        self.channels[channel_id] = {
            "id": channel_id,
            "name": name,
            "members": list(dict.fromkeys(everybody)),
            "is_private": is_private,
            "is_im": False,
        }
        self.tell({"type": "state"})
        return self.channels[channel_id]

    def direct_channel(self, user_id: str) -> Json:
        """The app's direct messages with this person: always the same channel."""
        if user_id not in self.people:
            raise SlackError("user_not_found")
        channel_id = "D0" + user_id[2:]
        if channel_id not in self.channels:
            self.channels[channel_id] = {
                "id": channel_id,
                "name": "directmessage",
                "members": [user_id, BOT_USER],
                "is_private": True,
                "is_im": True,
                "user": user_id,
            }
            self.tell({"type": "state", "user": user_id})
        return self.channels[channel_id]

    def state(self) -> Json:
        return {
            "team": {"id": TEAM_ID, "name": "Sandbox"},
            "people": list(self.people.values()),
            "channels": list(self.channels.values()),
            "usergroups": list(self.usergroups.values()),
            "connections": self.connections,
        }

    # messages

    def next_ts(self) -> str:
        self._last_ts = max(time.time(), self._last_ts + 0.000_001)
        return f"{self._last_ts:.6f}"

    def channel_id(self, given: str) -> str:
        """A person's id means the direct messages with them. Raises channel_not_found."""
        if given in self.people:
            return str(self.direct_channel(given)["id"])
        if given not in self.channels:
            raise SlackError("channel_not_found")
        return given

    def add_message(self, channel: str, **message: Any) -> Json:
        made = {"type": "message", "team": TEAM_ID, **message, "ts": self.next_ts()}
        if made.get("blocks"):
            made["blocks"] = filled_in(made["blocks"])
        self._messages.setdefault(channel, []).append(made)
        self.tell({"type": "message", "channel": channel})
        return made

    def add_ephemeral(self, channel: str, user: str, **message: Any) -> Json:
        made = {
            "type": "message",
            "bot_id": BOT_ID,
            **message,
            "ts": self.next_ts(),
            "ephemeral": True,
            "to": user,
            "channel": channel,
        }
        if made.get("blocks"):
            made["blocks"] = filled_in(made["blocks"])
        self._ephemeral.append(made)
        self.tell({"type": "message", "channel": channel, "user": user})
        return made

    def find_message(self, channel: str, ts: str) -> Json | None:
        return next((each for each in self._messages.get(channel, ()) if each["ts"] == ts), None)

    def find_ephemeral(self, ts: str) -> Json | None:
        return next((each for each in self._ephemeral if each["ts"] == ts), None)

    def change_message(self, channel: str, message: Json, **changes: Any) -> None:
        if changes.get("blocks"):
            changes["blocks"] = filled_in(changes["blocks"])
        message |= {**changes, "edited": {"user": BOT_ID, "ts": self.next_ts()}}
        self.tell({"type": "message", "channel": channel, "ts": message["ts"]})

    def delete_message(self, channel: str, message: Json) -> None:
        if message in self._ephemeral:
            self._ephemeral.remove(message)
        else:
            self._messages[channel].remove(message)
        self.tell({"type": "message", "channel": channel})

    def messages(self, channel: str, user: str | None = None, thread_ts: str | None = None) -> list[Json]:
        """Oldest first; with ``thread_ts`` the parent and its replies, else what stands in the channel itself."""
        channel = self.channel_id(channel)
        every = self._messages.get(channel, [])
        replies: dict[str, int] = {}
        for each in every:
            if each.get("thread_ts") and each["thread_ts"] != each["ts"]:
                replies[each["thread_ts"]] = replies.get(each["thread_ts"], 0) + 1
        private = [
            each for each in self._ephemeral if user and each["to"] == user and each["channel"] == channel
        ]
        found = []
        for each in sorted([*every, *private], key=lambda message: float(message["ts"])):
            thread = each.get("thread_ts")
            here = (
                thread == thread_ts or each["ts"] == thread_ts if thread_ts else thread in (None, each["ts"])
            )
            if here:
                count = replies.get(each["ts"])
                found.append({**each, "reply_count": count} if count else dict(each))
        return copy.deepcopy(found)

    def shown_since(self, user: str, ts: float) -> list[Json]:
        """Messages that only this person sees, newer than ``ts``."""
        return [each for each in self._ephemeral if each["to"] == user and float(each["ts"]) > ts]

    # triggers and response addresses

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        trigger_id = f"{int(time.time() * 1000)}.{secrets.token_hex(12)}"
        self.triggers[trigger_id] = Trigger(user, time.monotonic(), view_id)
        return trigger_id

    def use_trigger(self, trigger_id: str | None) -> Trigger:
        trigger = self.triggers.get(trigger_id or "")
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if time.monotonic() - trigger.made_at > TRIGGER_FOR:
            raise SlackError("expired_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(self, base: str, user: str, channel: str, **more: Any) -> str:
        key = secrets.token_hex(16)
        self.response_urls[key] = ResponseUrl(user, channel, time.monotonic(), **more)
        return f"{base}/response/{key}"

    # views

    def views(self, user: str) -> list[Json]:
        return copy.deepcopy([self.open_views[each] for each in self.stacks.get(user, ())])

    def home(self, user: str) -> Json | None:
        return copy.deepcopy(self.homes.get(user))

    def open_view(self, user: str, given: Json, *, push: bool = False) -> Json:
        stack = self.stacks.get(user, []) if push else []
        if push and not stack:
            raise SlackError("invalid_trigger_id")
        if len(stack) >= STACK:
            raise SlackError("push_limit_reached")
        self._check_external_id(given, None)
        if not push:
            self.close_all(user)
        view_id = "V0" + secrets.token_hex(5).upper()
        view = self._complete(given, view_id, {})
        view["previous_view_id"] = stack[-1] if stack else None
        view["root_view_id"] = stack[0] if stack else view_id
        view["user"] = user
        self.open_views[view_id] = view
        self.stacks.setdefault(user, []).append(view_id)
        self.tell({"type": "view", "user": user})
        return view

    def update_view(self, shown: Json, given: Json) -> Json:
        """What was typed stays for fields with the same block_id and action_id."""
        self._check_external_id(given, shown["id"])
        view = self._complete(given, shown["id"], shown["state"]["values"])
        for kept in ("previous_view_id", "root_view_id", "user"):
            view[kept] = shown[kept]
        self.open_views[shown["id"]] = view
        self.tell({"type": "view", "user": view["user"]})
        return view

    def find_view(self, view_id: str | None, external_id: str | None) -> Json:
        for view in self.open_views.values():
            if view["id"] == view_id or (external_id and view["external_id"] == external_id):
                return view
        raise SlackError("not_found")

    def close_view(self, user: str) -> Json | None:
        """Takes the newest view off the person's stack."""
        stack = self.stacks.get(user)
        if not stack:
            return None
        closed = self.open_views.pop(stack.pop())
        self.tell({"type": "view", "user": user})
        return closed

    def close_all(self, user: str) -> None:
        while self.close_view(user):
            pass

    def _check_external_id(self, given: Json, own_id: str | None) -> None:
        external_id = given.get("external_id")
        if external_id and any(
            each["external_id"] == external_id and each["id"] != own_id for each in self.open_views.values()
        ):
            raise SlackError("duplicate_external_id")

    @staticmethod
    def _complete(given: Json, view_id: str, typed: Json) -> Json:
        blocks = filled_in(given["blocks"])
        return {
            "submit": None,
            "close": None,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            **given,
            "id": view_id,
            "team_id": TEAM_ID,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
            "hash": f"{int(time.time())}.{secrets.token_hex(4)}",
            "blocks": blocks,
            "state": {"values": initial_values(blocks, typed)},
        }

    # the page's news

    @contextlib.contextmanager
    def subscribe(self) -> Iterator["asyncio.Queue[Json]"]:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def tell(self, hint: Json) -> None:
        for queue in self._watchers:
            queue.put_nowait(hint)


# elements and their values


def elements_of(block: Json) -> list[Json]:
    """The interactive elements of a block."""
    found = [block.get("element"), block.get("accessory"), *(block.get("elements") or ())]
    return [each for each in found if isinstance(each, dict) and "action_id" in each]


def initial_values(blocks: list[Json], typed: Json) -> Json:
    """``state.values`` of a view that was just drawn: typed before, else initial, else empty."""
    values: Json = {}
    for block in blocks:
        for element in elements_of(block):
            state = _empty(element)
            if state is None:
                continue
            kept = typed.get(block["block_id"], {}).get(element["action_id"])
            if kept and kept["type"] == element["type"]:
                state = kept
            values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def _empty(element: Json) -> Json | None:
    kind = element["type"]
    if kind in ("plain_text_input", "email_text_input", "url_text_input", "number_input"):
        return {"type": kind, "value": element.get("initial_value")}
    if kind in ("static_select", "external_select", "radio_buttons"):
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in ("multi_static_select", "multi_external_select", "checkboxes"):
        return {"type": kind, "selected_options": element.get("initial_options") or []}
    if kind == "datepicker":
        return {"type": kind, "selected_date": element.get("initial_date")}
    if kind == "timepicker":
        return {"type": kind, "selected_time": element.get("initial_time")}
    if kind == "users_select":
        return {"type": kind, "selected_user": element.get("initial_user")}
    if kind == "file_input":
        return {"type": kind, "files": []}  # [assumed] when empty
    return None


def options_of(element: Json) -> list[Json]:
    grouped = [each for group in element.get("option_groups") or () for each in group["options"]]
    return [*(element.get("options") or ()), *grouped]
