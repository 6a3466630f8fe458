"""Who and where: ``users.*``, ``usergroups.*``, ``conversations.*``."""

from collections.abc import Mapping
from typing import Any

from sandbox.slack.chat import is_true
from sandbox.slack.workspace import BOT_ID, BOT_USER, TEAM_ID, Json, SlackError, Workspace

ZONES = {
    "ja-JP": ("Asia/Tokyo", "Japan Standard Time", 32400),
    "en-GB": ("Europe/London", "Greenwich Mean Time", 0),
    "en-US": ("America/New_York", "Eastern Standard Time", -18000),
}
SCOPE_OF = {
    "public_channel": "channels:read",
    "private_channel": "groups:read",
    "im": "im:read",
    "mpim": "mpim:read",
}


class Directory:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.methods: Mapping[str, Any] = {
            "users.info": self._users_info,
            "users.list": self._users_list,
            "usergroups.list": self._usergroups_list,
            "usergroups.users.list": self._usergroup_users,
            "conversations.info": self._conversations_info,
            "conversations.members": self._conversations_members,
            "conversations.list": self._conversations_list,
            "conversations.open": self._conversations_open,
        }

    # people

    def _user(self, user_id: str, include_locale: bool) -> Json:
        about = self.workspace.people.get(user_id, {})
        if user_id == BOT_USER:
            name, locale = "Number Desk", "en-US"
        elif user_id in self.workspace.people:
            name, locale = (self.workspace.people[user_id][key] for key in ("name", "locale"))
        else:
            raise SlackError("user_not_found")
        if about.get("is_visible") is False:
            raise SlackError("user_not_visible")
        zone, label, offset = ZONES.get(locale, ZONES["en-US"])
        handle = name.lower().replace(" ", ".")
        user: Json = {
            "id": user_id,
            "team_id": about.get("team_id", TEAM_ID),
            "name": handle,
            "deleted": bool(about.get("deleted")),
            "color": "9f69e7",
            "real_name": name,
            "tz": zone,
            "tz_label": label,
            "tz_offset": offset,
            # no e-mail address: that needs users:read.email
            "profile": {"real_name": name, "display_name": name, "team": about.get("team_id", TEAM_ID)},
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": bool(about.get("is_restricted")),
            "is_ultra_restricted": bool(about.get("is_ultra_restricted")),
            "is_bot": user_id == BOT_USER or bool(about.get("is_bot")),
            "is_app_user": False,
            "updated": 1761200000,
        }
        if user_id == BOT_USER:
            user["profile"]["bot_id"] = BOT_ID
        return {**user, "locale": locale} if include_locale else user

    async def _users_info(self, args: Json) -> Json:
        self.workspace.need("users:read")
        return {"user": self._user(str(args.get("user")), is_true(args.get("include_locale")))}

    async def _users_list(self, args: Json) -> Json:
        self.workspace.need("users:read")
        locale = is_true(args.get("include_locale"))
        people = self.workspace.people.values()
        seen = [each["id"] for each in people if each.get("is_visible") is not False]
        return _paged("members", [self._user(each, locale) for each in (*seen, BOT_USER)], args)

    def _need_usergroups(self) -> None:
        self.workspace.need("usergroups:read")
        if not self.workspace.has_usergroups:
            raise SlackError("plan_upgrade_required")

    async def _usergroups_list(self, args: Json) -> Json:
        self._need_usergroups()
        found = []
        for group in self.workspace.usergroups.values():
            shown = {
                "id": group["id"],
                "team_id": TEAM_ID,
                "is_usergroup": True,
                "name": group["name"],
                "handle": group.get("handle", group["name"]),
                "date_delete": group.get("date_delete", 0),
            }
            if shown["date_delete"] and not is_true(args.get("include_disabled")):
                continue
            if is_true(args.get("include_users")):
                shown["users"] = list(group["users"])
            if is_true(args.get("include_count")):
                shown["user_count"] = str(len(group["users"]))
            found.append(shown)
        return {"usergroups": found}

    async def _usergroup_users(self, args: Json) -> Json:
        self._need_usergroups()
        group = self.workspace.usergroups.get(str(args.get("usergroup")))
        if group is None or (group.get("date_delete") and not is_true(args.get("include_disabled"))):
            raise SlackError("no_such_subteam")  # for a disabled one: [assumed]
        return {"users": list(group["users"])}

    # places

    def _conversation(self, args: Json) -> Json:
        channel = self.workspace.channels.get(str(args.get("channel")))
        if channel is None:
            raise SlackError("channel_not_found")
        self.workspace.need(SCOPE_OF[_kind(channel)])
        if channel["is_private"] and BOT_USER not in channel["members"]:
            raise SlackError("channel_not_found")
        return channel

    async def _conversations_info(self, args: Json) -> Json:
        channel = self._conversation(args)
        shown = _as_shown(channel)
        if is_true(args.get("include_num_members")):
            shown["num_members"] = len(channel["members"])
        return {"channel": shown}

    async def _conversations_members(self, args: Json) -> Json:
        return _paged("members", list(self._conversation(args)["members"]), args)

    async def _conversations_list(self, args: Json) -> Json:
        kinds = [each.strip() for each in str(args.get("types") or "public_channel").split(",")]
        for kind in kinds:
            if kind not in SCOPE_OF:
                raise SlackError("invalid_types")
            self.workspace.need(SCOPE_OF[kind])
        found = [
            {**_as_shown(each), "num_members": len(each["members"])}
            for each in self.workspace.channels.values()
            if _kind(each) in kinds and (not each["is_private"] or BOT_USER in each["members"])
        ]
        return _paged("channels", found, args)

    async def _conversations_open(self, args: Json) -> Json:
        given = args.get("users") or ""
        users = given if isinstance(given, list) else [each for each in str(given).split(",") if each]
        if not users:
            raise SlackError("users_list_not_supplied")
        self.workspace.need("im:write" if len(users) == 1 else "mpim:write")
        if len(users) > 1:
            raise SlackError("method_not_supported_for_channel_type")  # not reproduced: groups of people
        if users[0] == BOT_USER:
            raise SlackError("cannot_dm_bot")
        about = self.workspace.people.get(users[0], {})
        if about.get("deleted"):
            raise SlackError("user_disabled")
        if about.get("is_visible") is False:
            raise SlackError("user_not_visible")
        channel = self.workspace.direct_channel(users[0])
        if is_true(args.get("return_im")):
            return {"channel": {**_as_shown(channel), "is_open": True}}
        return {"channel": {"id": channel["id"]}}


def _kind(channel: Json) -> str:
    if channel["is_im"]:
        return "im"
    return "private_channel" if channel["is_private"] else "public_channel"


def _as_shown(channel: Json) -> Json:
    if channel["is_im"]:
        return {"id": channel["id"], "is_im": True, "user": channel["user"], "is_archived": False}
    return {
        "id": channel["id"],
        "name": channel["name"],
        "name_normalized": channel["name"],
        "is_channel": not channel["is_private"],
        "is_group": channel["is_private"],
        "is_im": False,
        "is_mpim": False,
        "is_private": channel["is_private"],
        "is_archived": bool(channel.get("is_archived")),
        "is_general": False,
        "is_member": BOT_USER in channel["members"],
    }


def _paged(name: str, found: list[Any], args: Json) -> Json:
    try:
        start, limit = int(args.get("cursor") or 0), int(args.get("limit") or 100)
    except ValueError as error:
        raise SlackError("invalid_cursor") from error
    if not 0 < limit <= 999:
        raise SlackError("invalid_limit")
    end = start + limit
    cursor = str(end) if end < len(found) else ""
    return {name: found[start:end], "response_metadata": {"next_cursor": cursor}}
