"""What people do in Slack's client: commands, clicks, choices, submissions. Makes the payload, delivers it, shows the answer."""

import copy
import re
from dataclasses import dataclass
from typing import Any

from sandbox.slack.delivery import Acknowledged, Delivery
from sandbox.slack.validate import message_problems, view_problems
from sandbox.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER,
    TEAM_ID,
    Json,
    SlackError,
    Workspace,
    elements_of,
    options_of,
)

TOKEN = "sandbox-verification-token"
VALUE_KEYS = (
    "value",
    "selected_option",
    "selected_options",
    "selected_date",
    "selected_time",
    "selected_user",
    "files",
)
REQUIRED = {"en": "Please complete this required field.", "ja": "この必須フィールドに入力してください。"}


class CannotDo(Exception):
    """Slack's client would not let a person do that; the text says why."""


@dataclass
class Place:
    """Where a click happens: an open view, or a message."""

    view: Json | None
    message: Json | None
    channel: str | None

    @property
    def blocks(self) -> list[Json]:
        shown = self.view or self.message
        assert shown is not None
        found: list[Json] = shown.get("blocks") or []
        return found


class Acting:
    def __init__(
        self, workspace: Workspace, delivery: Delivery, refused: list[Json], scopes_used: set[str]
    ) -> None:
        self.workspace = workspace
        self.delivery = delivery
        self.refused = refused
        self.scopes_used = scopes_used
        self.url = ""
        self._suggested: dict[tuple[str, str], list[Json]] = {}

    # slash commands

    async def command(self, user: str, channel: str, command: str, text: str) -> Json:
        self._person(user)
        place = self.workspace.channels.get(channel)
        if place is None or user not in place["members"]:
            raise CannotDo(f"{user} is not in {channel}")
        self.scopes_used.add("commands")
        since = float(self.workspace.next_ts())
        payload = {
            "token": TOKEN,
            "team_id": TEAM_ID,
            "team_domain": "sandbox",
            "channel_id": channel,
            "channel_name": "directmessage"
            if place["is_im"]
            else "privategroup"
            if place["is_private"]
            else place["name"],
            "user_id": user,
            "user_name": self.workspace.people[user]["name"].lower().replace(" ", "."),
            "command": command,
            "text": _escaped(text),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": self.workspace.new_response_url(self.url, user, channel),
            "trigger_id": self.workspace.new_trigger(user),
        }
        before = self._newest(user)
        answer = await self.delivery.deliver("slash_commands", payload)
        if answer.error:
            return {
                "ok": False,
                "error": answer.error,
                "shown": self.workspace.shown_since(user, since),
                "view": None,
            }
        if isinstance(answer.body, dict) and (answer.body.get("text") or answer.body.get("blocks")):
            self._show_answer(channel, user, answer.body)
        view = self._newest(user)
        opened = view if view and (before is None or view["id"] != before["id"]) else None
        return {"ok": True, "shown": self.workspace.shown_since(user, since), "view": copy.deepcopy(opened)}

    def _show_answer(self, channel: str, user: str, body: Json) -> None:
        problems = message_problems(body.get("blocks") or [], body.get("text"))
        if problems:
            self.refused.append({"method": "command answer", "error": "invalid_blocks", "messages": problems})
            return
        shown = {"text": body.get("text") or "", **({"blocks": body["blocks"]} if body.get("blocks") else {})}
        if body.get("response_type") == "in_channel":
            self.workspace.add_message(channel, user=BOT_USER, bot_id=BOT_ID, app_id=APP_ID, **shown)
        else:
            self.workspace.add_ephemeral(channel, user, **shown)

    # clicks and choices

    async def suggest(self, user: str, place: Place, action_id: str, value: str) -> Json:
        block, _ = self._element(place, action_id, None, {"external_select", "multi_external_select"})
        payload = {
            **self._common("block_suggestion", user),
            **self._origin(place),
            "action_id": action_id,
            "block_id": block["block_id"],
            "value": value,
        }
        answer = await self.delivery.deliver("interactive", payload)
        if answer.error or not isinstance(answer.body, dict):
            return {"options": [], "error": answer.error}
        found: Json = answer.body
        options = options_of(found)
        if len(options) > 100:
            self.refused.append({"method": "block_suggestion", "error": "too many options"})
        if place.view is not None:
            self._suggested[(place.view["id"], action_id)] = options
        return found

    async def act(self, user: str, place: Place, body: Json) -> Json:
        """body: ``action_id``, perhaps ``block_id``, the element's value, and ``typed`` in the view's other fields."""
        self._person(user)
        block, element = self._element(
            place, body["action_id"], body.get("block_id"), None, body.get("value")
        )
        if place.view is not None:
            self._type(place.view, body.get("typed") or {})
        action: Json = {
            "type": element["type"],
            "block_id": block["block_id"],
            "action_id": element["action_id"],
            "action_ts": self.workspace.next_ts(),
        }
        if element["type"] == "button":
            action["text"] = element["text"]
            if element.get("value"):
                action["value"] = element["value"]
        else:
            state = await self._state(user, place, element, body)
            action |= state
            if place.view is not None:
                values = place.view["state"]["values"]
                values.setdefault(block["block_id"], {})[element["action_id"]] = state
            if block["type"] == "input" and not block.get("dispatch_action"):
                return {"ok": True, "shown": [], "view": copy.deepcopy(place.view)}  # Slack sends nothing
        since = float(self.workspace.next_ts())
        view_id = place.view["id"] if place.view else None
        payload = {
            **self._common("block_actions", user),
            **self._origin(place),
            "trigger_id": self.workspace.new_trigger(user, view_id),
            "actions": [action],
        }
        if place.message is not None:
            assert place.channel is not None
            payload["response_url"] = self.workspace.new_response_url(
                self.url,
                user,
                place.channel,
                ts=place.message["ts"],
                ephemeral=bool(place.message.get("ephemeral")),
            )
            payload["state"] = {"values": {}}
        answer = await self.delivery.deliver("interactive", payload)
        return self._after(user, since, answer)

    def _after(self, user: str, since: float, answer: Acknowledged) -> Json:
        shown = self.workspace.shown_since(user, since)
        if answer.error:
            return {
                "ok": False,
                "error": answer.error,
                "shown": shown,
                "view": copy.deepcopy(self._newest(user)),
            }
        return {"ok": True, "shown": shown, "view": copy.deepcopy(self._newest(user))}

    async def _state(self, user: str, place: Place, element: Json, given: Any) -> Json:
        """The element's part of ``state.values`` for what the person chose. Raises CannotDo for what is not offered."""
        kind = element["type"]
        if not isinstance(given, dict):
            given = _shaped(kind, given)
        if kind in ("static_select", "radio_buttons", "external_select"):
            chosen = given.get("selected_option", given.get("value"))
            if isinstance(chosen, str):
                chosen = {"value": chosen}
            if chosen is None:
                return {"type": kind, "selected_option": None}
            return {
                "type": kind,
                "selected_option": await self._option(user, place, element, chosen["value"]),
            }
        if kind in ("checkboxes", "multi_static_select", "multi_external_select"):
            wanted = given.get("selected_options", given.get("value")) or []
            values = [each["value"] if isinstance(each, dict) else each for each in wanted]
            found = [await self._option(user, place, element, each) for each in values]
            return {"type": kind, "selected_options": found}
        if kind == "file_input":
            return {"type": kind, "files": given.get("files") or []}
        key = {
            "datepicker": "selected_date",
            "timepicker": "selected_time",
            "users_select": "selected_user",
        }.get(kind, "value")
        value = given.get(key)
        return {"type": kind, key: str(value) if value not in (None, "") else None}

    async def _option(self, user: str, place: Place, element: Json, value: str) -> Json:
        offered = options_of(element)
        if element["type"].endswith("external_select"):
            initial = element.get("initial_option")
            offered = self._suggested.get((place.view["id"], element["action_id"]), []) if place.view else []
            offered = [*offered, *([initial] if initial else [])]
            if all(each["value"] != value for each in offered):
                offered = options_of(await self.suggest(user, place, element["action_id"], value))
        found = next((each for each in offered if each["value"] == value), None)
        if found is None:
            raise CannotDo(f"{element['action_id']} offers no option {value!r}")
        return found

    # modals

    async def submit(self, user: str, view_id: str, values: Json) -> Json:
        view = self.workspace.open_views.get(view_id)
        if view is None or self._newest(user) is not view:
            raise CannotDo(f"{view_id} is not the view that {user} sees")
        if not view.get("submit"):
            raise CannotDo(f"the view {view['callback_id']} has no submit button")
        ignored = await self._fill(user, view, values)
        client_says = _left_empty(view, self.workspace.people[user]["locale"][:2])
        if client_says:
            return {
                "ok": True,
                "response_action": "errors",
                **self._errors(view, client_says),
                "view": copy.deepcopy(view),
                "ignored": ignored,
            }
        payload = {
            **self._common("view_submission", user),
            "trigger_id": self.workspace.new_trigger(user, view_id),
            "view": _as_sent(view),
            "response_urls": [],
        }
        answer = await self.delivery.deliver("interactive", payload)
        if answer.error:
            return {
                "ok": False,
                "error": answer.error,
                "response_action": None,
                "errors": {},
                "view": copy.deepcopy(view),
            }
        return {**self._answered(user, view, answer.body), "ignored": ignored}

    def _answered(self, user: str, view: Json, body: Any) -> Json:
        action = body.get("response_action") if isinstance(body, dict) else None
        trouble: list[str] = []
        errors: Json = {}
        if action is None:
            if body not in (None, "", {}):
                trouble = ["the body of an answer that closes a view must be empty"]
            else:
                self.workspace.close_view(user)
        elif action == "errors":
            errors = body.get("errors") or {}
            inputs = {each["block_id"] for each in view["blocks"] if each["type"] == "input"}
            trouble = [f"no input block {each}" for each in errors if each not in inputs] or (
                [] if errors else ["errors without errors"]
            )
        elif action == "clear":
            self.workspace.close_all(user)
        elif action in ("update", "push"):
            trouble = view_problems(body.get("view"))
            if not trouble:
                try:
                    if action == "update":
                        self.workspace.update_view(view, body["view"])
                    else:
                        self.workspace.open_view(user, body["view"], push=True)
                except SlackError as error:
                    trouble = [error.error]
        else:
            trouble = [f"unknown response_action {action}"]
        if trouble:
            self.refused.append(
                {"method": "view_submission answer", "error": "trouble_connecting", "messages": trouble}
            )
            return {
                "ok": False,
                "error": "trouble_connecting",
                "response_action": action,
                "errors": {},
                "view": copy.deepcopy(self._newest(user)),
            }
        return {
            "ok": True,
            "response_action": action,
            **self._errors(view, errors),
            "view": copy.deepcopy(self._newest(user)),
        }

    @staticmethod
    def _errors(view: Json, errors: Json) -> Json:
        by_action = {
            element["action_id"]: errors[block["block_id"]]
            for block in view["blocks"]
            for element in elements_of(block)
            if block["block_id"] in errors
        }
        return {"errors": errors, "errors_by_action": by_action}

    async def close(self, user: str, view_id: str) -> Json:
        view = self.workspace.open_views.get(view_id)
        if view is None or view["user"] != user:
            raise CannotDo(f"{user} has no view {view_id} open")
        while self._newest(user) is not view:
            self.workspace.close_view(user)
        self.workspace.close_view(user)
        if view["notify_on_close"]:
            payload = {
                **self._common("view_closed", user),
                "view": {**_as_sent(view), "state": {"values": {}}},
                "is_cleared": view["root_view_id"] == view["id"],
            }
            await self.delivery.deliver("interactive", payload)
        return {"ok": True}

    async def _fill(self, user: str, view: Json, given: Json) -> list[str]:
        """Types and chooses in the view; gives the names of values for which it has no field."""
        ignored: list[str] = []
        place = Place(view, None, None)
        for block_id, element, value in self._named(view, given, ignored):
            state = await self._state(user, place, element, value)
            view["state"]["values"].setdefault(block_id, {})[element["action_id"]] = state
        return ignored

    @staticmethod
    def _named(view: Json, given: Json, ignored: list[str]) -> list[tuple[str, Json, Any]]:
        """``(block_id, element, value)`` for values by block and action, or by action alone."""
        by_block = {each["block_id"]: each for each in view["blocks"]}
        by_action = {
            element["action_id"]: (block["block_id"], element)
            for block in view["blocks"]
            for element in elements_of(block)
            if element["type"] != "button"
        }
        found: list[tuple[str, Json, Any]] = []
        for name, value in given.items():
            inner = by_block.get(name)
            elements = {each["action_id"]: each for each in elements_of(inner)} if inner else {}
            if isinstance(value, dict) and value and set(value) <= set(elements):
                found += [(name, elements[action_id], each) for action_id, each in value.items()]
            elif name in by_action:
                block_id, element = by_action[name]
                found.append((block_id, element, value))
            else:
                ignored.append(name)
        return found

    def _type(self, view: Json, typed: Json) -> None:
        for block_id, element, value in self._named(view, typed, []):
            kind = element["type"]
            state = {"type": kind, **(value if isinstance(value, dict) else _shaped(kind, value))}
            if isinstance(value, str) and kind in ("static_select", "radio_buttons"):
                state = {
                    "type": kind,
                    "selected_option": next(each for each in options_of(element) if each["value"] == value),
                }
            view["state"]["values"].setdefault(block_id, {})[element["action_id"]] = state

    # payloads

    def place(self, user: str, view_id: str | None, channel: str | None, ts: str | None) -> Place:
        if view_id:
            view = self.workspace.open_views.get(view_id)
            if view is None or view["user"] != user:
                raise CannotDo(f"{user} has no view {view_id} open")
            return Place(view, None, None)
        if not channel or not ts:
            raise CannotDo("name a view_id, or channel and ts")
        try:
            channel = self.workspace.channel_id(channel)
        except SlackError as error:
            raise CannotDo(f"there is no channel {channel}") from error
        message = self.workspace.find_message(channel, ts) or self.workspace.find_ephemeral(ts)
        if message is None:
            raise CannotDo(f"there is no message {ts} in {channel}")
        if user not in self.workspace.channels[channel]["members"]:
            raise CannotDo(f"{user} is not in {channel}")
        return Place(None, message, channel)

    def _element(
        self,
        place: Place,
        action_id: str,
        block_id: str | None,
        kinds: set[str] | None,
        value: Any = None,
    ) -> tuple[Json, Json]:
        found = [
            (block, element)
            for block in place.blocks
            for element in elements_of(block)
            if element["action_id"] == action_id
            and block_id in (None, block["block_id"])
            and (kinds is None or element["type"] in kinds)
        ]
        if not found:
            raise CannotDo(f"there is no {action_id} to press here")
        if len(found) > 1 and value is not None:
            found = [each for each in found if each[1].get("value") == value]
            if not found:
                raise CannotDo(f"no {action_id} here has the value {value!r}")
        return found[0]

    def _common(self, kind: str, user: str) -> Json:
        name = self.workspace.people[user]["name"].lower().replace(" ", ".")
        return {
            "type": kind,
            "user": {"id": user, "username": name, "name": name, "team_id": TEAM_ID},
            "api_app_id": APP_ID,
            "token": TOKEN,
            "team": {"id": TEAM_ID, "domain": "sandbox"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _origin(self, place: Place) -> Json:
        if place.view is not None:
            return {"container": {"type": "view", "view_id": place.view["id"]}, "view": _as_sent(place.view)}
        assert place.message is not None and place.channel is not None
        ephemeral = bool(place.message.get("ephemeral"))
        container: Json = {
            "type": "message",
            "message_ts": place.message["ts"],
            "channel_id": place.channel,
            "is_ephemeral": ephemeral,
        }
        if place.message.get("thread_ts"):
            container["thread_ts"] = place.message["thread_ts"]
        origin: Json = {
            "container": container,
            "channel": {"id": place.channel, "name": self.workspace.channels[place.channel]["name"]},
        }
        return origin if ephemeral else {**origin, "message": copy.deepcopy(place.message)}

    def _person(self, user: str) -> None:
        if user not in self.workspace.people:
            raise CannotDo(f"there is nobody called {user}")

    def _newest(self, user: str) -> Json | None:
        stack = self.workspace.stacks.get(user)
        return self.workspace.open_views[stack[-1]] if stack else None


def _as_sent(view: Json) -> Json:
    return {key: copy.deepcopy(value) for key, value in view.items() if key != "user"}


def _shaped(kind: str, plain: Any) -> Json:
    """A plain value in the element's shape, for scripts that name fields by action_id."""
    if kind in ("checkboxes", "multi_static_select", "multi_external_select"):
        return {"selected_options": [{"value": each} for each in plain or ()]}
    if kind in ("static_select", "radio_buttons", "external_select"):
        return {"selected_option": {"value": plain} if plain is not None else None}
    if kind == "file_input":
        return {"files": plain or []}
    key = {"datepicker": "selected_date", "timepicker": "selected_time"}.get(kind, "value")
    return {key: plain}


def _left_empty(view: Json, language: str) -> Json:
    """What the client itself says before it sends anything: required fields, lengths, numbers, e-mail."""
    said: Json = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
        value = next((state[key] for key in VALUE_KEYS if key in state), None)
        if not value:
            if not block.get("optional"):
                said[block["block_id"]] = REQUIRED.get(language, REQUIRED["en"])
            continue
        if not isinstance(value, str):
            continue
        if len(value) < element.get("min_length", 0):
            said[block["block_id"]] = f"Please enter at least {element['min_length']} characters."
        elif len(value) > element.get("max_length", 3000):
            said[block["block_id"]] = f"Please enter no more than {element['max_length']} characters."
        elif element["type"] == "number_input" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            said[block["block_id"]] = "Please enter a number."
        elif element["type"] == "email_text_input" and not re.fullmatch(r"\S+@\S+\.\S+", value):
            said[block["block_id"]] = "Please enter a valid email address."
    return said


def _escaped(text: str) -> str:
    """As with ``should_escape``: the three characters, and whole numbers in ``<tel:...>`` [assumed]."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?<!\S)\+\d{8,15}(?!\S)", lambda m: f"<tel:{m[0]}|{m[0]}>", text)
