"""The workspace: people, channels, messages and open views, in Slack's own JSON shapes. It knows nothing of HTTP."""

import asyncio
import contextlib
import copy
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.elements import as_echoed, initial_values
from sandbox.slack.manifest import SlashCommand, is_on, slash_commands

Json = dict[str, Any]

TEAM_ID, APP_ID, BOT_ID, BOT_USER = "T0SANDBOX", "A0NUMBERDESK", "B0NUMBERDESK", "U0NUMBERDESK"
STACK = 3
TRIGGER_FOR, TRIGGER_KNOWN_FOR = 3.0, 600.0
RESPONSE_URL_FOR, RESPONSE_URL_USES = 30 * 60, 5
EVENTS = ("app_home_opened",)
SCOPES = (
    "chat:write",
    "commands",
    "files:read",
    "groups:read",
    "channels:read",
    "im:write",
    "usergroups:read",
    "users:read",
)

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


POSTING = {
    "everyone": "",
    "restricted": "restricted_action",
    "read_only": "restricted_action_read_only_channel",
    "threads_only": "restricted_action_thread_only_channel",
    "no_threads": "restricted_action_non_threadable_channel",
    "threads_locked": "restricted_action_thread_locked",
}
"""Who may post what in a channel, and what the app is told that may not."""


class SlackError(Exception):
    """``{"ok": false, "error": ...}`` with whatever else Slack says; ``problems``: its reasons, one by one."""

    def __init__(self, error: str, *, problems: Sequence[str] = (), **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.problems = list(problems)
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
    thread_ts: str | None = None
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
    behind_info: set[str] = field(default_factory=set)
    """Files of which the app sees the id only until it asks ``files.info``, as in a shared channel."""
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    connections: int = 0
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    """What the app was granted."""
    scopes_used: set[str] = field(default_factory=set)
    """What its calls needed, granted or not; ``commands`` once a slash command was delivered."""
    events: set[str] = field(default_factory=lambda: set(EVENTS))
    """What it is subscribed to, beside this perhaps app_mention."""
    twilio_page: str = ""
    """Where the Twilio twin's page is, when it runs beside this one: a tour leads there."""
    commands: tuple[SlashCommand, ...] = field(default_factory=slash_commands)
    home_tab: bool = field(default_factory=lambda: is_on("home_tab_enabled"))
    messages_tab: bool = field(default_factory=lambda: is_on("messages_tab_enabled"))
    messages_read_only: bool = field(default_factory=lambda: is_on("messages_tab_read_only_enabled"))
    """People cannot write to the app in its direct messages."""
    has_usergroups: bool = True
    """Not in workspaces without a paid plan."""
    edit_window: float | None = None
    """Seconds for which messages can be edited, where an admin has set that."""
    _messages: dict[str, list[Json]] = field(default_factory=dict)
    _ephemeral: list[Json] = field(default_factory=list)
    _watchers: set["asyncio.Queue[Json]"] = field(default_factory=set)
    _last_microsecond: int = 0

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

    def need(self, scope: str) -> None:
        """Raises missing_scope when the app was not granted it."""
        self.scopes_used.add(scope)
        if scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(self.scopes))

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

    def change_channel(self, channel_id: str, changes: Json) -> Json:
        """changes: ``is_archived, is_private, posting``, and people (or the app) to ``add`` and to ``remove``.

        Raises channel_not_found.
        """
        channel = self.channels.get(channel_id)
        if channel is None:
            raise SlackError("channel_not_found")
        for name in ("is_archived", "is_private"):
            if name in changes:
                channel[name] = bool(changes[name])
        if "posting" in changes:
            channel["posting"] = changes["posting"]
        stay = [each for each in channel["members"] if each not in changes.get("remove", ())]
        channel["members"] = list(dict.fromkeys([*stay, *changes.get("add", ())]))
        self.tell({"type": "state"})
        return channel

    def change_person(self, user_id: str, changes: Json) -> Json:
        """Gone, a guest, a bot, of another company, of another language. Raises user_not_found."""
        if user_id not in self.people:
            raise SlackError("user_not_found")
        self.people[user_id] |= changes
        self.tell({"type": "state"})
        return self.people[user_id]

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

    def is_read_only(self, channel_id: str) -> bool:
        """For people; the app writes there."""
        return bool(self.channels[channel_id]["is_im"]) and self.messages_read_only

    # messages

    def next_ts(self) -> str:
        """Rises strictly, over all channels."""
        self._last_microsecond = max(int(time.time() * 1_000_000), self._last_microsecond + 1)
        return "{}.{:06}".format(*divmod(self._last_microsecond, 1_000_000))

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
            made["blocks"] = as_echoed(made["blocks"])
        self._messages.setdefault(channel, []).append(made)
        self._count_replies(channel, made.get("thread_ts"))
        self.tell({"type": "message", "channel": channel})
        return made

    def _count_replies(self, channel: str, thread_ts: str | None) -> None:
        """A parent names its thread and counts its replies; a reply names the parent's author."""
        parent = self.find_message(channel, thread_ts) if thread_ts else None
        if parent is None:
            return
        replies = [
            each
            for each in self._messages[channel]
            if each.get("thread_ts") == thread_ts and each is not parent
        ]
        for each in replies:
            each.setdefault("parent_user_id", parent.get("user"))
        if replies:
            parent |= {
                "thread_ts": thread_ts,
                "reply_count": len(replies),
                "latest_reply": replies[-1]["ts"],
            }
        else:
            for key in ("thread_ts", "reply_count", "latest_reply"):
                parent.pop(key, None)

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
            made["blocks"] = as_echoed(made["blocks"])
        self._ephemeral.append(made)
        self.tell({"type": "message", "channel": channel, "user": user})
        return made

    def forget_ephemeral(self, user: str) -> None:
        """Slack does not keep what only one person sees."""
        self._ephemeral = [each for each in self._ephemeral if each["to"] != user]
        self.tell({"type": "state", "user": user})

    def find_message(self, channel: str, ts: str) -> Json | None:
        return next((each for each in self._messages.get(channel, ()) if each["ts"] == ts), None)

    def find_ephemeral(self, user: str, ts: str) -> Json | None:
        """None when somebody else sees it."""
        return next((each for each in self._ephemeral if each["ts"] == ts and each["to"] == user), None)

    def change_message(self, channel: str, message: Json, **changes: Any) -> None:
        """What is not named stays as it is; empty ``blocks`` and ``metadata`` go away."""
        if changes.get("blocks"):
            changes["blocks"] = as_echoed(changes["blocks"])
        for name in ("blocks", "metadata"):
            if name in changes and not changes[name]:
                message.pop(name, None)
                del changes[name]
        message |= {**changes, "edited": {"user": BOT_ID, "ts": self.next_ts()}}
        self.tell({"type": "message", "channel": channel, "ts": message["ts"]})

    def delete_message(self, channel: str, message: Json) -> None:
        if message in self._ephemeral:
            self._ephemeral.remove(message)
        else:
            self._messages[channel].remove(message)
            self._count_replies(channel, message.get("thread_ts"))
        self.tell({"type": "message", "channel": channel})

    def messages(self, channel: str, user: str | None = None, thread_ts: str | None = None) -> list[Json]:
        """Oldest first; with ``thread_ts`` the parent and its replies, else what stands in the channel itself."""
        channel = self.channel_id(channel)
        private = [
            each for each in self._ephemeral if user and each["to"] == user and each["channel"] == channel
        ]
        found = []
        for each in sorted([*self._messages.get(channel, ()), *private], key=lambda message: message["ts"]):
            thread = each.get("thread_ts")
            if thread_ts:
                here = thread_ts in (thread, each["ts"])
            else:
                here = thread in (None, each["ts"]) or bool(each.get("reply_broadcast"))
            if here:
                found.append(copy.deepcopy(each))
        return found

    def shown_since(self, user: str, ts: str) -> list[Json]:
        """Messages that only this person sees, newer than ``ts``."""
        return copy.deepcopy([each for each in self._ephemeral if each["to"] == user and each["ts"] > ts])

    # triggers and response addresses

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        moment = time.monotonic()
        while self.triggers:  # the oldest come first
            oldest, trigger = next(iter(self.triggers.items()))
            if moment - trigger.made_at < TRIGGER_KNOWN_FOR:
                break
            del self.triggers[oldest]
        trigger_id = f"{int(time.time() * 1000)}.{secrets.randbits(40)}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(user, moment, view_id)
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
        """Without ``push`` what was open goes away [assumed]."""
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

    def publish(self, user: str, given: Json) -> Json:
        if user not in self.people:
            raise SlackError("user_not_found")
        view_id = "V0HOME" + user[2:]
        title = {"type": "plain_text", "text": "View Title", "emoji": True}
        typed = self.homes[user]["state"]["values"] if user in self.homes else {}
        view = self._complete({"title": title, **given}, view_id, typed)
        self.homes[user] = {**view, "previous_view_id": None, "root_view_id": view_id}
        self.tell({"type": "home", "user": user})
        return self.homes[user]

    def newest(self, user: str) -> Json | None:
        stack = self.stacks.get(user)
        return self.open_views[stack[-1]] if stack else None

    def find_view(self, view_id: str | None, external_id: str | None) -> Json:
        for view in self.open_views.values():
            if (view_id and view["id"] == view_id) or (external_id and view["external_id"] == external_id):
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

    def pop_view(self, view: Json) -> None:
        """This one, wherever it stands by now; the views above it go too."""
        stack = self.stacks.get(view["user"], [])
        while view["id"] in stack:
            self.close_view(view["user"])

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
        blocks = as_echoed(given["blocks"])
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
