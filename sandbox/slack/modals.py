"""``views.*``: modals open, grow, change; the Home tab is published."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from sandbox.slack.validate import LIMITS, WORDS, view_problems
from sandbox.slack.workspace import Json, SlackError, Workspace

ALL_SCHEMAS: str = WORDS["schema"].replace("{p}", "/view")
LARGEST: int = LIMITS["views"]["modal"]["max_bytes"]


class Modals:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.methods: Mapping[str, Any] = {
            "views.open": self._open,
            "views.push": self._push,
            "views.update": self._update,
            "views.publish": self._publish,
        }

    async def _open(self, args: Json) -> Json:
        view = _view(args)
        trigger = self.workspace.use_trigger(
            _required(args, "trigger_id")
        )  # after the view was taken [assumed]
        return {"view": self.workspace.open_view(trigger.user, view)}

    async def _push(self, args: Json) -> Json:
        view = _view(args)
        trigger = self.workspace.use_trigger(_required(args, "trigger_id"))
        if trigger.view_id not in self.workspace.stacks.get(trigger.user, ()):
            raise SlackError("invalid_trigger_id")  # not from inside an open modal [assumed]
        return {"view": self.workspace.open_view(trigger.user, view, push=True)}

    async def _update(self, args: Json) -> Json:
        view = _view(args)
        if not args.get("view_id") and not args.get("external_id"):
            raise SlackError("invalid_arguments", problems=[_missing("view_id or external_id")])
        shown = self.workspace.find_view(args.get("view_id"), args.get("external_id"))
        _check_hash(args, shown)
        return {"view": self.workspace.update_view(shown, view)}

    async def _publish(self, args: Json) -> Json:
        if not self.workspace.home_tab:
            raise SlackError("not_enabled")
        view = _view(args, "home")
        user = _required(args, "user_id")
        if user in self.workspace.homes:
            _check_hash(args, self.workspace.homes[user])
        return {"view": self.workspace.publish(user, view)}


def _required(args: Json, name: str) -> str:
    if not args.get(name):
        raise SlackError("invalid_arguments", problems=[_missing(name)])
    return str(args[name])


def _missing(field: str) -> str:
    said: str = WORDS["missing"]
    return said.replace("{field}", field).replace("{p}", "")


def too_large(view: Any) -> bool:
    return len(json.dumps(view, ensure_ascii=False).encode()) > LARGEST


def _view(args: Json, kind: str = "modal") -> Json:
    view = args.get("view")
    if too_large(view):
        raise SlackError("view_too_large")
    problems = view_problems(view, kind=kind)
    if problems:
        # a view of the wrong shape is blamed as a whole, too; one without its button is not
        whole = [] if all(each.startswith("must define `submit`") for each in problems) else [ALL_SCHEMAS]
        raise SlackError("invalid_arguments", problems=[*whole, *problems])
    assert isinstance(view, dict)
    return copy.deepcopy(view)


def _check_hash(args: Json, shown: Json) -> None:
    if args.get("hash") and args["hash"] != shown["hash"]:
        raise SlackError("hash_conflict")
