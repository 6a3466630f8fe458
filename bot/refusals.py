"""What Slack and Twilio refuse, and what follows from it: one table for both (rule 34).

A refusal that the table does not have is of the thing that was asked for, when the platform gave a code, and passing otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

SLACK_FAILS = (SlackClientError, aiohttp.ClientError, TimeoutError)
"""Every way in which a call of Slack's SDK fails: refused, cut off, not answered in time."""


class Kind(StrEnum):
    PASSING = "passing"
    """Tried again by itself, with growing waits."""
    OF_THIS = "of this thing"
    """Of this number, card, person, bundle ...: never repeated blindly."""
    OF_INSTALLATION = "of the installation"
    """The operators have to mend a setting; what it stopped goes on by itself."""


class Platform(StrEnum):
    SLACK = "Slack"
    TWILIO = "Twilio"


@dataclass(frozen=True)
class Refusal:
    """A row. setting: what an operator has to look at, as in .env. of_channel: a channel of the settings makes it theirs. of_message:
    that message is lost, and what it said has to be posted anew. of_trigger: Slack was slow, and what a press allows is past."""

    platform: Platform
    code: int | str
    when: str
    kind: Kind
    way_on: str
    source: str
    setting: str | None = None
    of_channel: bool = False
    of_message: bool = False
    of_trigger: bool = False


class OfTwilio(Protocol):
    """What is asked of an error to find its row."""

    @property
    def status(self) -> int | None: ...
    @property
    def code(self) -> int | None: ...


TWILIO_SETTINGS = "TWILIO_ACCOUNT_SID, TWILIO_API_KEY, TWILIO_API_SECRET"
AUTH_TOKEN_SETTINGS = "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN"
BOT_TOKEN = "SLACK_BOT_TOKEN"
APP_TOKEN = "SLACK_APP_TOKEN"
NO_RIGHT = ("missing_scope", "no_permission")
"""Of the token's refusals those that concern one method only."""

_DICTIONARY = "twilio.com/docs/api/errors/{}, November 2026"
_SEEN = "twilio.com/docs/api/errors/{}, and reports of users, November 2026"
_METHODS = "docs.slack.dev/reference/methods/{}, November 2026"


def _twilio(
    kind: Kind, *rows: tuple[int, str, str], setting: str | None = None, source: str = _DICTIONARY
) -> Iterator[Refusal]:
    for code, when, way_on in rows:
        yield Refusal(Platform.TWILIO, code, when, kind, way_on, source.format(code), setting)


def _slack(
    kind: Kind,
    method: str,
    *rows: tuple[str, str, str],
    **more: Any,
) -> Iterator[Refusal]:
    """more: further columns, the same for these rows."""
    source = _METHODS.format(method)
    for code, when, way_on in rows:
        yield Refusal(Platform.SLACK, code, when, kind, way_on, source, **more)


TABLE: tuple[Refusal, ...] = (
    # Twilio: any call
    *_twilio(
        Kind.PASSING,
        (20429, "too many calls at once; nothing was done", "send it again after Retry-After"),
        (20500, "Twilio's side is broken", "repeat reads; look before a write is repeated"),
        (20503, "Twilio's side is overloaded", "repeat reads; look before a write is repeated"),
    ),
    *_twilio(
        Kind.OF_INSTALLATION,
        (20003, "wrong credentials, or the account is suspended or closed", "tell the operators, look again"),
        (20005, "the account is not active", "tell the operators, look again"),
        (10001, "the account is not active", "tell the operators, look again"),
        (20006, "the key has no right to this resource", "tell the operators, look again"),
        (20403, "the key has no right to this resource", "tell the operators, look again"),
        (20008, "test credentials, on a resource that does not take them", "tell the operators, look again"),
        setting=TWILIO_SETTINGS,
    ),
    *_twilio(
        Kind.OF_THIS,
        (
            20404,
            "not there (any more), or another account's",
            "look again for two minutes, then treat as gone",
        ),
        (20409, "its state does not allow it", "read it again and show what it is now"),
        (20004, "the method is not allowed", "a mistake of ours: say so with a reference"),
        (20001, "a parameter is not valid", "show Twilio's words"),
        (20002, "a parameter is not valid", "show Twilio's words"),
        (20007, "a page is too large", "a mistake of ours: say so with a reference"),
        (20422, "a parameter is not valid; seen too where the balance is short", "show Twilio's words"),
        (20423, "a parameter is not valid", "show Twilio's words"),
        (70001, "the newer services' check failed", "show Twilio's words"),
        (70002, "a document too many of one kind, or an object of another account", "show Twilio's words"),
    ),
    # Twilio: buying
    *_twilio(
        Kind.OF_THIS,
        (21404, "a trial account has its one number", "upgrade the account, then try again, or end it"),
        (21421, "no number, or not this account's", "choose another number"),
        (
            21422,
            "sold to somebody else, or never Twilio's",
            "take a substitute (rule 6), or choose another number",
        ),
        (21451, "no US or Canadian area code", "choose another number"),
        (21452, "no number in that area code", "choose another number"),
        (21457, "an area code where none is taken", "a mistake of ours: say so with a reference"),
        (21458, "a number of another type", "a mistake of ours: say so with a reference"),
        (21613, "has to be certified in the Console", "buy it in the Console, or choose another number"),
        (22300, "the account may buy no long codes for now", "ask Twilio, then try again, or end it"),
        (21650, "asks for an identity document of the old scheme", "choose another number"),
    ),
    *_twilio(
        Kind.OF_THIS,
        (21615, "the address is outside the number's own list of places", "choose another address or number"),
        (21631, "an address is needed", "choose an address"),
        (21649, "a bundle is needed, or this one does not do", "choose or make a bundle"),
        (21651, "a document does not do, or the address is not in the bundle", "use the bundle's address"),
        source=_SEEN,
    ),
    # Twilio: addresses and bundles
    *_twilio(
        Kind.OF_THIS,
        (21628, "the address cannot be found", "say so on the page of the address"),
        (21629, "the address is nearly right", "show Twilio's suggestion"),
        (21630, "a verified document names the address", "make a new address"),
        (21644, "the end user is in a bundle", "leave it there"),
        (21645, "the document is in a bundle", "leave it there"),
        (21646, "the document is being reviewed", "wait for the review"),
        (21647, "the bundle is being reviewed", "wait for the review"),
        (21648, "a number uses the bundle", "give the number another bundle first"),
        (22200, "no such end-user or number type", "a mistake of ours: say so with a reference"),
        (22201, "no regulation for this, or another account's object", "choose country and type again"),
        (22202, "neither a regulation nor country and type", "a mistake of ours: say so with a reference"),
        (22203, "no such status", "a mistake of ours: say so with a reference"),
        (22204, "status together with something else", "a mistake of ours: say so with a reference"),
        (22205, "the item is not there, or another account's", "draw the page again from what Twilio has"),
        (22206, "no end user and no document", "a mistake of ours: say so with a reference"),
        (22207, "the attributes are no JSON", "a mistake of ours: say so with a reference"),
        (22208, "status together with attributes", "a mistake of ours: say so with a reference"),
        (22209, "no such status", "a mistake of ours: say so with a reference"),
        (22210, "no such type of document", "draw the page again from the regulation"),
        (22211, "no name", "a mistake of ours: say so with a reference"),
        (22212, "no such end-user type", "draw the page again from the regulation"),
        (22213, "no such number type", "choose country and type again"),
        (22223, "only an approved bundle with an end date is copied", "make a new bundle"),
        (
            22224,
            "the bundle is no approved copy of the one that it shall renew",
            "keep it as a bundle of its own",
        ),
        (22225, "no such bundle to renew from", "renew it again"),
        (22226, "a bundle cannot renew itself", "a mistake of ours: say so with a reference"),
        (22228, "the copy follows an older regulation", "renew it again"),
        (22229, "numbers use an address that the copy lacks", "renew it again, with that address"),
    ),
    # Twilio: messaging services
    *_twilio(
        Kind.OF_THIS,
        (21701, "no such service (any more)", "look again for two minutes, then choose another service"),
        (21705, "no SID of a service", "choose another service"),
        (21710, "in this service already", "count it as done"),
        (21711, "not in this service", "count it as taken out"),
        (21712, "in another service", "name that one; choose it, or take the number out there"),
        (21713, "no such use case", "a mistake of ours: say so with a reference"),
        (21714, "the service is full", "choose another service"),
        (21715, "can do neither SMS nor MMS", "finish without a service"),
        (30995, "the account has all the services it may have", "choose one that is there"),
    ),
    # Twilio: WhatsApp senders
    *_twilio(
        Kind.OF_THIS,
        (63020, "the business at Meta has not accepted Twilio's invitation", "accept it there"),
        (63100, "a field of the sender, the display name above all", "show Twilio's words; type it anew"),
        (63101, "the business account cannot be used", "name the setting"),
        (63103, "the business account was not made through Twilio", "name the setting"),
    ),
    *_twilio(
        Kind.OF_THIS,
        (63104, "the business account has all the numbers it may have", "verify the business at Meta"),
        (63110, "the number is on WhatsApp already", "delete it there"),
        (63111, "the number or the business account is not found", "look at both in the Console"),
        (63113, "the number could not be verified by this code", "ask for the code"),
        (63114, "too many codes were tried", "wait, then ask for the code"),
        (63116, "the code did not arrive", "ask for the code"),
        source="twilio.com/docs/api/errors/{}, by public projects that handle it, November 2026",
    ),
    # Slack: any call
    *_slack(
        Kind.PASSING,
        "chat.postMessage",
        ("ratelimited", "too many calls", "send it again after Retry-After"),
        ("rate_limited", "too many messages", "send it again after Retry-After"),
        ("message_limit_exceeded", "too many messages in the workspace", "send it again later"),
        ("internal_error", "Slack's side is broken", "send it again"),
        ("fatal_error", "Slack's side is broken", "send it again"),
        ("service_unavailable", "Slack's side is down", "send it again"),
        ("request_timeout", "Slack did not get the whole call", "send it again"),
        ("update_failed", "Slack could not change the message", "send it again"),
        ("team_added_to_org", "the workspace is being moved into an organization", "send it again"),
    ),
    *_slack(
        Kind.OF_INSTALLATION,
        "auth.test",
        ("not_authed", "no token", "tell the operators, look again"),
        ("invalid_auth", "a wrong token", "tell the operators, look again"),
        ("account_inactive", "the app was taken out of the workspace", "tell the operators, look again"),
        ("token_revoked", "the token was revoked", "tell the operators, look again"),
        ("token_expired", "the token has run out", "tell the operators, look again"),
        ("not_allowed_token_type", "another kind of token", "tell the operators, look again"),
        ("missing_scope", "a scope is missing", "install the app again with the manifest's scopes"),
        ("no_permission", "the token has not the right", "tell the operators, look again"),
        ("ekm_access_denied", "the workspace's admins hold posting back", "tell the operators, look again"),
        setting=BOT_TOKEN,
    ),
    *_slack(
        Kind.OF_INSTALLATION,
        "views.publish",
        ("not_enabled", "the Home tab is off", "turn it on in the app's configuration"),
        (
            "messages_tab_disabled",
            "the app's direct messages are off",
            "turn them on in the app's configuration",
        ),
        setting="app-manifest.yml",
    ),
    # Slack: a channel; one that the settings name is the installation's
    *_slack(
        Kind.OF_THIS,
        "chat.postMessage",
        ("channel_not_found", "no such channel, or a private one without the app", "invite the app"),
        ("not_in_channel", "the app is not in the channel", "invite the app"),
        ("is_archived", "the channel is archived", "bring the channel back, or name another"),
        ("is_inactive", "the channel is archived", "bring the channel back, or name another"),
        (
            "restricted_action",
            "the workspace does not let the app post there",
            "change that, or name another",
        ),
        ("restricted_action_read_only_channel", "only some may post there", "let the app post there"),
        (
            "restricted_action_thread_only_channel",
            "only threads may be written there",
            "let the app post there",
        ),
        ("restricted_action_non_threadable_channel", "no threads there", "let the app post there"),
        ("restricted_action_thread_locked", "the thread is locked", "post anew"),
        ("method_not_supported_for_channel_type", "no channel of this kind", "name another channel"),
        ("team_not_found", "a channel of another workspace", "name another channel"),
        ("team_access_not_granted", "a channel of a workspace without the app", "let the app in there"),
        of_channel=True,
    ),
    # Slack: a message
    *_slack(
        Kind.OF_THIS,
        "chat.update",
        ("message_not_found", "the message was deleted", "post it anew, its thread begun again"),
        ("cant_update_message", "not the app's message, or it may not be changed", "post it anew"),
        ("edit_window_closed", "too old to be changed here", "post it anew"),
        ("block_mismatch", "blocks of another kind", "post it anew"),
        ("streaming_state_conflict", "the message is being streamed", "post it anew"),
        ("cannot_reply_to_message", "no thread can hang on it", "post without a thread"),
        ("thread_not_found", "the thread is gone", "post without a thread"),
        of_message=True,
    ),
    *_slack(
        Kind.OF_THIS,
        "chat.postMessage",
        ("msg_too_long", "the text is too long", "shorten the text"),
        ("msg_blocks_too_long", "the blocks hold too much text", "shorten the blocks"),
        ("metadata_too_large", "the metadata is too large", "a mistake of ours: say so with a reference"),
        ("no_text", "no text", "a mistake of ours: say so with a reference"),
        ("invalid_blocks", "the blocks break a rule", "post the text alone, and log the blocks' fault"),
        (
            "invalid_blocks_format",
            "the blocks are no blocks",
            "post the text alone, and log the blocks' fault",
        ),
        ("invalid_arguments", "an argument is wrong", "a mistake of ours: say so with a reference"),
        ("duplicate_message_not_found", "the answer to a repeated call was lost", "post it anew"),
    ),
    # Slack: a person
    *_slack(
        Kind.OF_THIS,
        "conversations.open",
        ("user_not_found", "no such person", "drop it, and note it in the thread"),
        ("users_not_found", "no such person", "drop it, and note it in the thread"),
        ("user_not_visible", "the app may not see this person", "drop it, and note it in the thread"),
        ("user_disabled", "the person is deactivated", "drop it, and note it in the thread"),
        ("cannot_dm_bot", "a bot gets no direct messages", "drop it, and note it in the thread"),
        ("user_not_in_channel", "the person is not in the channel", "send a direct message"),
        ("method_not_supported_for_shared_channel", "a person of another company", "drop it, and note it"),
    ),
    # Slack: a group, a file
    *_slack(
        Kind.OF_THIS,
        "usergroups.users.list",
        ("no_such_subteam", "no such user group", "tell the operators: the policy names it"),
        ("subteam_disabled", "the user group is disabled", "tell the operators: the policy names it"),
        (
            "plan_upgrade_required",
            "the workspace has no user groups",
            "name people or a channel in the policy",
        ),
        ("paid_teams_only", "the workspace has no user groups", "name people or a channel in the policy"),
        setting="POLICY_FILE",
    ),
    *_slack(
        Kind.OF_THIS,
        "files.info",
        ("file_not_found", "no such file, or not visible for the app", "choose the file again"),
        ("file_deleted", "the file was deleted", "choose the file again"),
    ),
    # Slack: a view; somebody waits, so nothing is tried again (rule 23)
    *_slack(
        Kind.OF_THIS,
        "views.open",
        ("expired_trigger_id", "three seconds have passed", "say that Slack was slow; no alarm"),
        ("exchanged_trigger_id", "the click was used already", "say that Slack was slow; no alarm"),
        ("invalid_trigger_id", "no click of this app", "say that Slack was slow; no alarm"),
        of_trigger=True,
    ),
    *_slack(
        Kind.OF_THIS,
        "views.open",
        ("push_limit_reached", "three views are open", "close one"),
        ("not_found", "the view was closed, or is not there yet", "try for three seconds, then a message"),
        ("hash_conflict", "the view has changed meanwhile", "draw the newest"),
        ("duplicate_external_id", "a view of this id is open", "draw into that one"),
        ("view_too_large", "the view is over 250 kB", "a mistake of ours: say so with a reference"),
    ),
)

_ROWS = {(row.platform, row.code): row for row in TABLE}


def of_twilio(error: OfTwilio) -> Refusal:
    """The row of a ``TwilioError``, or one made for it.

    A code of Twilio's shows that Twilio has looked at the call. A status alone may be a proxy's and tells nothing (rule 2).
    """
    status, code = error.status, error.code
    if status == 429:
        return _ROWS[Platform.TWILIO, 20429]
    known = _ROWS.get((Platform.TWILIO, code)) if code is not None else None
    if known is not None and known.kind is Kind.PASSING:
        return known
    if status is None or code is None or not 400 <= status < 500:
        return Refusal(
            Platform.TWILIO,
            status or "no answer",
            "no answer, or none of Twilio's that can be read",
            Kind.PASSING,
            "repeat reads; look before a write is repeated",
            "rule 2",
        )
    if status == 401 and (known is None or known.kind is not Kind.OF_INSTALLATION):
        return replace(_ROWS[Platform.TWILIO, 20003], code=code)
    return known or Refusal(
        Platform.TWILIO,
        code,
        "Twilio refuses what was asked for",
        Kind.OF_THIS,
        "show Twilio's words",
        _DICTIONARY.format(code),
    )


def of_slack(error: Exception, channel: str | None = None) -> Refusal:
    """The row of what a call of Slack's SDK raised, or one made for it.

    channel: the setting that names the channel the call was about, such as APPROVALS_CHANNEL. Without it a channel's
    refusal is of this one thing.
    """
    code = slack_code(error)
    if code is None:
        return Refusal(
            Platform.SLACK,
            "no answer",
            "no answer, or none that can be read",
            Kind.PASSING,
            "send it again",
            "rule 34",
        )
    row = _ROWS.get((Platform.SLACK, code)) or Refusal(
        Platform.SLACK,
        code,
        "Slack refuses what was asked for",
        Kind.OF_THIS,
        "log it, and say so to whoever waits",
        "docs.slack.dev/reference/methods, November 2026",
    )
    if row.of_channel and channel:
        return replace(row, kind=Kind.OF_INSTALLATION, setting=channel)
    if row.setting == BOT_TOKEN and _method(error) == "apps.connections.open":
        return replace(row, setting=APP_TOKEN)
    return row


def slack_code(error: Exception) -> str | None:
    """Slack's own word for the refusal; None where no answer of Slack's could be read."""
    if not isinstance(error, SlackApiError):
        return None
    # where the answer was no JSON, the SDK gives aiohttp's own answer in place of its own, which has no ``data``
    data = getattr(error.response, "data", error.response)
    status = getattr(error.response, "status_code", None)
    if status == 429:
        return "ratelimited"
    if not isinstance(data, dict) or (status is not None and status >= 500):
        return None
    code = data.get("error")
    problems = (data.get("response_metadata") or {}).get("messages") or ()
    if code == "invalid_arguments" and any("trigger" in str(each) for each in problems):
        return "expired_trigger_id"  # as it has been seen to be said too (twins 11.2)
    return str(code) if code else None


def _method(error: Exception) -> str:
    return str(getattr(getattr(error, "response", None), "api_url", "")).rpartition("/")[2]
