"""What people do in Slack's client: commands, clicks, choices, submissions. Makes the payload, delivers it, shows the answer."""

import copy
from typing import Any

from sandbox.slack import payloads
from sandbox.slack.chat import content_of
from sandbox.slack.delivery import Delivery
from sandbox.slack.elements import elements_of
from sandbox.slack.modals import too_large
from sandbox.slack.payloads import Place
from sandbox.slack.validate import view_problems
from sandbox.slack.values import CannotDo, Values, refused_by_client, suggestion_problems
from sandbox.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER,
    Json,
    SlackError,
    Workspace,
)

SHORTEST_QUERY = 3


class Acting:
    def __init__(self, workspace: Workspace, delivery: Delivery, refused: list[Json]) -> None:
        self.workspace = workspace
        self.delivery = delivery
        self.refused = refused
        self.url = ""
        self.values = Values(workspace, self._ask)

    # slash commands

    async def command(self, user: str, channel: str, command: str, text: str) -> Json:
        place = self.workspace.channels[self.channel_of(user, channel)]
        if command not in {each.name for each in self.workspace.commands}:
            raise CannotDo(f"{command} is not a valid command")
        self.workspace.scopes_used.add("commands")
        before = self.workspace.newest(user)
        since = self.workspace.next_ts()
        response_url = self.workspace.new_response_url(self.url, user, place["id"])
        answer = await self.delivery.deliver(
            "slash_commands", payloads.command(self.workspace, user, place, command, text, response_url)
        )
        if answer.error:
            shown = self.workspace.shown_since(user, since)
            return {"ok": False, "error": answer.error, "shown": shown, "view": None}
        if answer.body:
            self._show_answer(place["id"], user, f"{command} {text}".strip(), answer.body)
        view = self.workspace.newest(user)
        opened = view if view and (before is None or view["id"] != before["id"]) else None
        return {"ok": True, "shown": self.workspace.shown_since(user, since), "view": copy.deepcopy(opened)}

    def _show_answer(self, channel: str, user: str, typed: str, body: Any) -> None:
        if not isinstance(body, dict):
            body = {"text": str(body)}
        in_channel = body.get("response_type") == "in_channel"
        if in_channel:
            self.workspace.add_message(channel, user=user, text=typed)
            if set(body) == {"response_type"}:
                return
        try:
            shown = content_of(body)
        except SlackError as error:
            self._refuse("command answer", error.error, error.problems)
            return
        if in_channel:
            self.workspace.add_message(channel, user=BOT_USER, bot_id=BOT_ID, app_id=APP_ID, **shown)
        else:
            self.workspace.add_ephemeral(channel, user, **shown)

    # clicks and choices

    async def suggest(self, user: str, place: Place, action_id: str, value: str) -> Json:
        """The options that the app offers for what was typed; none for less than ``min_query_length`` characters."""
        self.person(user)
        _, element = self._external_select(place, action_id)
        if len(value) < element.get("min_query_length", SHORTEST_QUERY):
            return {"options": []}
        return await self._ask(user, place, action_id, value)

    async def _ask(self, user: str, place: Place, action_id: str, value: str) -> Json:
        block, _ = self._external_select(place, action_id)
        payload = {
            **payloads.interaction(self.workspace, "block_suggestion", user),
            **payloads.origin(self.workspace, place),
            "action_id": action_id,
            "block_id": block["block_id"],
            "value": value,
        }
        answer = await self.delivery.deliver("interactive", payload)
        if answer.error:
            return {"options": [], "error": answer.error}
        problems = suggestion_problems(answer.body)
        if problems:
            self._refuse("block_suggestion answer", "invalid_options", problems)
            return {"options": []}  # nothing can be told to the person
        found: Json = answer.body
        options = [*(found.get("options") or ())]
        for group in found.get("option_groups") or ():
            options += group["options"]
        self.values.suggested[(place.key, action_id)] = options
        return found

    def _external_select(self, place: Place, action_id: str) -> tuple[Json, Json]:
        block, element = self._element(place, action_id, None, None)
        if not element["type"].endswith("external_select"):
            raise CannotDo(f"{action_id} asks the app for no options")
        return block, element

    async def act(self, user: str, place: Place, body: Json) -> Json:
        """body: ``action_id``, perhaps ``block_id``, the element's value, and ``typed`` in the view's other fields."""
        self.person(user)
        block, element = self._element(place, body["action_id"], body.get("block_id"), body.get("value"))
        state: Json = {}
        if element["type"] != "button":
            state = await self.values.chosen(user, place, element, body)
        if place.view is not None:
            if body.get("typed"):
                await self.values.fill(user, place, body["typed"])
            if state and element["type"] != "overflow":
                values = place.view["state"]["values"]
                values.setdefault(block["block_id"], {})[element["action_id"]] = state
            if block["type"] == "input" and not block.get("dispatch_action"):
                return {"ok": True, "shown": [], "view": self._newest(user)}  # Slack sends nothing
        since = self.workspace.next_ts()
        payload = {
            **payloads.interaction(self.workspace, "block_actions", user),
            **payloads.origin(self.workspace, place),
            "trigger_id": self.workspace.new_trigger(user, place.view["id"] if place.view else None),
            "actions": [payloads.action(block, element, state, since)],
        }
        if place.message is not None:
            payload["state"] = payloads.message_state(place, block, element, state)
            payload["response_url"] = self._response_url(user, place)
        answer = await self.delivery.deliver("interactive", payload)
        shown = self.workspace.shown_since(user, since)
        if answer.error:
            return {"ok": False, "error": answer.error, "shown": shown, "view": self._newest(user)}
        return {"ok": True, "shown": shown, "view": self._newest(user)}

    def _response_url(self, user: str, place: Place) -> str:
        assert place.message is not None and place.channel is not None
        return self.workspace.new_response_url(
            self.url,
            user,
            place.channel,
            ts=place.message["ts"],
            thread_ts=place.message.get("thread_ts"),
            ephemeral=bool(place.message.get("ephemeral")),
        )

    # modals

    async def submit(self, user: str, view_id: str, given: Json) -> Json:
        view = self._on_top(user, view_id)
        if not view.get("submit"):
            raise CannotDo(f"the view {view['callback_id']} has no submit button")
        ignored = await self.values.fill(user, Place(view), given)
        if said := refused_by_client(view, self.workspace.people[user].get("locale") or "en-US"):
            return self._outcome(user, view, action="errors", errors=said, ignored=ignored)
        payload = {
            **payloads.interaction(self.workspace, "view_submission", user),
            "trigger_id": self.workspace.new_trigger(user, view_id),
            "view": payloads.view(view),
            "response_urls": self._response_urls(user, view),
        }
        answer = await self.delivery.deliver("interactive", payload)
        if answer.error:
            return self._outcome(user, view, error=answer.error, ignored=ignored)
        body = answer.body or {}
        action = body.get("response_action") if isinstance(body, dict) else None
        trouble = self._take_answer(user, view["id"], action, body)
        if trouble:
            self._refuse("view_submission answer", "trouble_connecting", trouble)
            return self._outcome(user, view, action=action, error="trouble_connecting", ignored=ignored)
        errors = body["errors"] if action == "errors" else {}
        return self._outcome(user, view, action=action, errors=errors, ignored=ignored)

    def _take_answer(self, user: str, view_id: str, action: Any, body: Any) -> list[str]:
        """Does what the app answered. What is wrong with the answer, when the client could not."""
        view = self.workspace.open_views.get(view_id)  # as it is by now: it may have been redrawn, or closed
        if action is None:
            if body:
                return ["the body of an answer that closes a view must be empty"]
            if view is not None:
                self.workspace.pop_view(view)
        elif action == "errors":
            return _wrong_errors(view, body.get("errors"))
        elif action == "clear":
            self.workspace.close_all(user)
        elif action in ("update", "push"):
            given = body.get("view")
            if too_large(given):
                return ["view_too_large"]
            if problems := view_problems(given):
                return problems
            if view is None:
                return ["the view is closed"]
            try:
                if action == "update":
                    self.workspace.update_view(view, given)
                else:
                    self.workspace.open_view(user, given, push=True)
            except SlackError as error:
                return [error.error]
        else:
            return [f"unknown response_action {action}"]
        return []

    def _outcome(
        self,
        user: str,
        view: Json,
        *,
        action: str | None = None,
        error: str | None = None,
        errors: Json | None = None,
        ignored: list[str],
    ) -> Json:
        errors = errors or {}
        by_action = {
            element["action_id"]: errors[block["block_id"]]
            for block in view["blocks"]
            for element in elements_of(block)
            if block["block_id"] in errors
        }
        return {
            "ok": error is None,
            **({"error": error} if error else {}),
            "response_action": action,
            "errors": errors,
            "errors_by_action": by_action,
            "view": self._newest(user),
            "ignored": ignored,
        }

    def _response_urls(self, user: str, view: Json) -> list[Json]:
        found = []
        for block in view["blocks"]:
            for element in elements_of(block):
                state = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
                channel = state.get("selected_conversation") or state.get("selected_channel")
                if element.get("response_url_enabled") and channel:
                    address = self.workspace.new_response_url(self.url, user, channel)
                    found.append(
                        {
                            "block_id": block["block_id"],
                            "action_id": element["action_id"],
                            "channel_id": channel,
                            "response_url": address,
                        }
                    )
        return found

    async def close(self, user: str, view_id: str, everything: bool = False) -> Json:
        """Cancel, or the x: that of a view with others above it, or with ``everything``, closes all of them."""
        view = self.workspace.open_views.get(view_id)
        if view is None or view["user"] != user:
            raise CannotDo(f"{user} has no view {view_id} open")
        cleared = everything or self.workspace.newest(user) is not view or view["clear_on_close"]
        if cleared:
            view = self.workspace.open_views[view["root_view_id"]]
        if told := self._taken_away(view, cleared):
            await self.delivery.deliver("interactive", told)
        return {"ok": True}

    def reload(self, user: str) -> None:
        """What lived in the client only is gone for good. An app that asked hears of its view as of the x [assumed]."""
        self.workspace.forget_ephemeral(user)
        stack = self.workspace.stacks.get(user)
        if stack and (told := self._taken_away(self.workspace.open_views[stack[0]], cleared=True)):
            self.delivery.later(self.delivery.deliver("interactive", told))

    def _taken_away(self, view: Json, cleared: bool) -> Json | None:
        """What the app is told of it, if it asked with ``notify_on_close``."""
        self.workspace.pop_view(view)
        if not view["notify_on_close"]:
            return None
        return {
            **payloads.interaction(self.workspace, "view_closed", view["user"]),
            "view": {**payloads.view(view), "state": {"values": {}}},
            "is_cleared": cleared,
        }

    # messages and the Home tab

    def message(
        self, user: str, channel: str, text: str, thread_ts: str | None, *, mention: bool = False
    ) -> Json:
        channel = self.channel_of(user, channel)
        if self.workspace.is_read_only(channel):
            raise CannotDo("sending messages to this app has been turned off")
        if thread_ts and self.workspace.find_message(channel, thread_ts) is None:
            raise CannotDo(f"there is no message {thread_ts} in {channel}")
        text = f"<@{BOT_USER}> {text}".strip() if mention else text
        more = {"thread_ts": thread_ts} if thread_ts else {}
        made = self.workspace.add_message(channel, user=user, text=text, **more)
        hears = "app_mention" in self.workspace.events and "app_mentions:read" in self.workspace.scopes
        if mention and hears and BOT_USER in self.workspace.channels[channel]["members"]:
            self.workspace.scopes_used.add("app_mentions:read")
            told = {**made, "type": "app_mention", "channel": channel, "event_ts": made["ts"]}
            self.delivery.announce(payloads.event(told))
        return made

    def open_home(self, user: str, tab: str = "home") -> Json | None:
        """The person looks at the app's Home tab, or at its ``messages``: the app is told of both."""
        self.person(user)
        home = self.workspace.home(user)
        if "app_home_opened" in self.workspace.events:
            inner: Json = {
                "type": "app_home_opened",
                "user": user,
                "channel": self.workspace.direct_channel(user)["id"],
                "tab": tab,
                "event_ts": self.workspace.next_ts(),
            }
            if home is not None and tab == "home":  # absent the first time [assumed]
                inner["view"] = payloads.view(home)
            self.delivery.announce(payloads.event(inner))
        return home

    # who and where

    def place(self, user: str, view_id: str | None, channel: str | None, ts: str | None) -> Place:
        self.person(user)
        if view_id:
            home = self.workspace.homes.get(user)
            if home is not None and home["id"] == view_id:
                return Place(home)
            return Place(self._on_top(user, view_id))
        if not channel or not ts:
            raise CannotDo("name a view_id, or channel and ts")
        channel = self.channel_of(user, channel)
        message = self.workspace.find_message(channel, ts) or self.workspace.find_ephemeral(user, ts)
        if message is None:
            raise CannotDo(f"there is no message {ts} in {channel}")
        return Place(None, message, channel)

    def channel_of(self, user: str, channel: str) -> str:
        """Its id, a person's id meaning their direct messages with the app. Raises CannotDo for who is not in it."""
        self.person(user)
        try:
            channel = self.workspace.channel_id(channel)
        except SlackError as error:
            raise CannotDo(f"there is no channel {channel}") from error
        if user not in self.workspace.channels[channel]["members"]:
            raise CannotDo(f"{user} is not in {channel}")
        return channel

    def person(self, user: str) -> None:
        if user not in self.workspace.people:
            raise CannotDo(f"there is nobody called {user}")

    def _on_top(self, user: str, view_id: str) -> Json:
        view = self.workspace.open_views.get(view_id)
        if view is None or self.workspace.newest(user) is not view:
            raise CannotDo(f"{view_id} is not the view that {user} sees")
        return view

    @staticmethod
    def _element(place: Place, action_id: str, block_id: str | None, value: Any) -> tuple[Json, Json]:
        found = [
            (block, element)
            for block in place.blocks
            for element in elements_of(block)
            if element["action_id"] == action_id and block_id in (None, block["block_id"])
        ]
        if not found:
            raise CannotDo(f"there is no {action_id} to press here")
        if len(found) > 1 and value is not None:
            found = [each for each in found if each[1].get("value") == value]
            if not found:
                raise CannotDo(f"no {action_id} here has the value {value!r}")
        return found[0]

    def _newest(self, user: str) -> Json | None:
        return copy.deepcopy(self.workspace.newest(user))

    def _refuse(self, method: str, error: str, problems: list[str]) -> None:
        self.refused.append({"method": method, "error": error, "messages": problems})


def _wrong_errors(view: Json | None, errors: Any) -> list[str]:
    """Errors may stand under input blocks of the view only [cause of the trouble: assumed]."""
    if view is None:
        return ["the view is closed"]
    if not isinstance(errors, dict) or not errors:
        return ["errors without errors"]
    inputs = {each["block_id"] for each in view["blocks"] if each["type"] == "input"}
    wrong = [f"no input block {each}" for each in errors if each not in inputs]
    return wrong or [
        f"the error of {key} is no text" for key, each in errors.items() if not isinstance(each, str)
    ]
