"""Tokens, scopes, channels, and who may decide."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot import refusals
from bot.doctor.probe import PATIENCE, Finding, Installation, Mark, Probe, answer_to, fine
from bot.errors import CannotCheck
from bot.refusals import Kind, of_slack
from bot.settings import SLACK
from bot.slack.people import BARRED
from bot.texts import N_, Said, person, say
from storage.models import Barred
from storage.store import Store

SCOPES = (
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "groups:read",
    "im:write",
    "usergroups:read",
    "users:read",
)
"""As app-manifest.yml has them, which an installed tool does not carry along."""
OPTIONAL = ("files:read", "usergroups:read")
"""Of those, what may be refused at the installation: who does not use what they are for does without."""


# Slack


def _lets_in(i: Installation) -> bool:
    return not isinstance(i.us, Exception)


async def _ask_us(i: Installation) -> Any:
    return i.us


def _judge_bot_token(i: Installation, us: Any) -> Iterator[Finding]:
    if not isinstance(us, Exception):
        yield fine(
            refusals.BOT_TOKEN,
            N_("Slack lets the app in: {app} in {team}."),
            app=str(us.get("user") or "–"),
            team=str(us.get("team") or us.get("team_id")),
        )
        return
    yield _refused_by_slack(i, us, refusals.BOT_TOKEN, N_("Slack does not take SLACK_BOT_TOKEN ({code})."))


def _refused_by_slack(i: Installation, error: Exception, setting: str, text: str) -> Finding:
    row = of_slack(error)
    if row.kind is Kind.PASSING:
        way = (
            "HTTPS_PROXY"
            if i.config.slack_proxy
            else "SLACK_API_URL"
            if i.config.slack_api_url != SLACK
            else ""
        )
        said = say(N_("Slack cannot be reached ({why})."), why=f"{type(error).__name__}, {row.code}")
        mend = (
            say(N_("Look at {setting}, then at the network."), setting=way)
            if way
            else say(N_("Look at the network; where a proxy leads out, set HTTPS_PROXY."))
        )
        return Finding(way or setting, Mark.MEND, said, mend)
    mend = say(
        N_("Copy {setting} anew from the app's page on api.slack.com/apps, after installing the app again."),
        setting=setting,
    )
    return Finding(setting, Mark.MEND, say(text, code=str(row.code)), mend)


def _judge_scopes(_: Installation, us: Any) -> Iterator[Finding]:
    """Slack names what the token was granted in a header of each answer."""
    header = us.headers.get("x-oauth-scopes")
    if header is None:
        yield Finding("scopes", Mark.UNSEEN, say(N_("Slack does not say which scopes the bot token has.")))
        return
    granted = {each.strip() for each in str(header).split(",") if each.strip()}
    missing, more = sorted({*SCOPES} - {*OPTIONAL} - granted), sorted(granted - {*SCOPES})
    refused = sorted({*OPTIONAL} - granted)
    if missing:
        said = say(N_("The bot token lacks the scopes {scopes}."), scopes=missing)
        mend = say(
            N_("Add them to the app's manifest, as app-manifest.yml has them, and install the app again.")
        )
        yield Finding("scopes", Mark.MEND, said, mend)
    else:
        yield fine("scopes", N_("The bot token has every scope it needs."))
    if refused:
        said = say(N_("The bot token lacks scopes that not everybody needs: {scopes}."), scopes=refused)
        mend = say(
            N_(
                "files:read is for the documents of bundles, usergroups:read for user groups in the policy. To grant them, install the app again."
            )
        )
        yield Finding("scopes", Mark.ADVICE, said, mend)
    if more:
        said = say(N_("The bot token has scopes that are not needed: {scopes}."), scopes=more)
        mend = say(N_("Take them out of the app's manifest, and install the app again."))
        yield Finding("scopes", Mark.ADVICE, said, mend)


@dataclass(frozen=True)
class Connections:
    """On the app-level token, this look's own left out; ours: whether an app runs on this database."""

    others: int
    ours: bool
    may_be_several: bool


async def _ask_socket(i: Installation) -> Any:
    """Connects for the moment in which Slack says how many are connected. Slack could hand it a press meanwhile, so it
    goes at once."""
    assert i.config.slack_app_token is not None
    token = i.config.slack_app_token.get_secret_value()
    opened = await answer_to(i.slack.apps_connections_open(app_token=token))
    if isinstance(opened, Exception):
        return opened

    async def hello() -> int:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.ws_connect(opened["url"], proxy=i.config.slack_proxy) as socket,
            asyncio.timeout(5),
        ):
            return int((await socket.receive_json())["num_connections"])

    connected = await answer_to(hello())
    if isinstance(connected, Exception):
        return connected
    worker = await i.store.worker() if isinstance(i.store, Store) else None
    several = isinstance(i.store, Store) and not i.store.is_sqlite
    return Connections(connected - 1, worker is not None, several)


def _judge_socket(i: Installation, answer: Any) -> Iterator[Finding]:
    setting = refusals.APP_TOKEN
    if isinstance(answer, Exception):
        text = N_("Slack does not take SLACK_APP_TOKEN ({code}).")
        yield _refused_by_slack(i, answer, setting, text)
        return
    strangers = answer.others - answer.ours
    if strangers <= 0:
        if answer.ours and answer.others == 0:
            said = say(N_("The app runs, but is not connected to Slack with SLACK_APP_TOKEN."))
            mend = say(
                N_("Look again in a minute; then at the log of the app, and whether it has this token.")
            )
            yield Finding(setting, Mark.MEND, said, mend)
        else:
            yield fine(setting, N_("Nobody else is connected to Slack with SLACK_APP_TOKEN."))
        return
    mend = say(
        N_(
            "Stop the other process, or give each installation a Slack app of its own: Slack hands each press to one of them."
        )
    )
    if answer.ours and answer.may_be_several:
        text = N_(
            "Besides the worker {count} more are connected with SLACK_APP_TOKEN, replicas of this app included."
        )
        yield Finding(setting, Mark.ADVICE, say(text, count=strangers), mend)
        return
    text = N_("Somebody else is connected to Slack with SLACK_APP_TOKEN ({count} connections).")
    yield Finding(setting, Mark.MEND, say(text, count=strangers), mend)


CHANNELS = ("APPROVALS_CHANNEL", "BUNDLES_CHANNEL", "OPERATORS_CHANNEL")


async def _ask_channels(i: Installation) -> Any:
    """``{setting: the channel}``"""
    ids = [getattr(i.config, each.lower()) for each in CHANNELS]
    answers = await asyncio.gather(*(answer_to(i.slack.conversations_info(channel=each)) for each in ids))
    return dict(zip(CHANNELS, answers, strict=True))


def _judge_channels(i: Installation, answers: Any) -> Iterator[Finding]:
    for setting, answer in answers.items():
        yield from _judge_channel(setting, getattr(i.config, setting.lower()), answer)


def _judge_channel(setting: str, channel_id: str, answer: Any) -> Iterator[Finding]:
    invite = say(N_("Invite the app into it (/invite @numberdesk), or name another channel."))
    if isinstance(answer, Exception):
        row = of_slack(answer, setting)
        if row.kind is Kind.OF_INSTALLATION and row.of_channel:
            text = N_(
                "{setting} names {channel}, which Slack does not know, or which is private and without the app."
            )
            said = say(text, setting=setting, channel=channel_id)
            yield Finding(
                setting, Mark.MEND, said, say(N_("Correct the id, or invite the app into the channel."))
            )
        else:
            said = say(N_("{setting} cannot be looked at ({code})."), setting=setting, code=str(row.code))
            yield Finding(setting, Mark.UNSEEN, said)
        return
    channel = answer["channel"]
    name = f"#{channel.get('name') or channel_id}"
    if channel.get("is_archived"):
        said = say(N_("{setting}: {channel} is archived."), setting=setting, channel=name)
        yield Finding(setting, Mark.MEND, said, say(N_("Bring the channel back, or name another one.")))
    elif not channel.get("is_member"):
        said = say(N_("{setting}: the app is not in {channel}."), setting=setting, channel=name)
        yield Finding(setting, Mark.MEND, said, invite)
    else:
        yield fine(setting, N_("{setting}: the app is in {channel}."), setting=setting, channel=name)
        if setting == "BUNDLES_CHANNEL" and not channel.get("is_private"):
            said = say(
                N_(
                    "BUNDLES_CHANNEL is public; the reasons of a rejection may quote what stands in documents."
                )
            )
            yield Finding(setting, Mark.ADVICE, said, say(N_("Better name a private channel.")))


# who may what


@dataclass(frozen=True)
class Deciders:
    hidden: Mapping[str, Said]
    """lists that Slack does not show, with what to do"""
    barred: Mapping[str, Barred]
    """of the people whom the policy names as approvers"""
    undecidable: Said | None
    seen: bool
    """whether Slack told all that it was asked about who may approve"""
    operators: Collection[str] | None
    """people who hear when something breaks; none: not to be seen"""


def _can_look_at_people(i: Installation) -> bool:
    return i.people is not None and i.policy is not None


async def _ask_deciders(i: Installation) -> Any:
    people, policy = i.people, i.policy
    assert people is not None and policy is not None
    await people.refresh_members(policy.groups, policy.channels)
    named = await asyncio.gather(
        *(people.barred(each) for each in policy.approve.people), return_exceptions=True
    )
    reasons = {text: bar for bar, text in BARRED.items()}
    barred = {
        each: reasons[why["say"]]
        for each in policy.approve.people
        if (why := people.known_bar(each)) is not None
    }
    living = [each for each in policy.approve.people if barred.get(each) in (None, Barred.GUEST)]
    approve = policy.approve.model_copy(update={"people": living})
    undecidable = await policy.model_copy(update={"approve": approve}).undecidable(people)
    operators = policy.operators.known(people)
    ours = {i.us["user_id"]}
    seen = policy.approve.known(people) is not None and not any(isinstance(e, CannotCheck) for e in named)
    heard = None if operators is None else operators - ours
    return Deciders(people.troubles, barred, undecidable, seen, heard)


NOBODY: Mapping[Barred, str] = {
    Barred.DEACTIVATED: N_("The policy names {person} as an approver, whose Slack account is deactivated."),
    Barred.BOT: N_(
        "The policy names {person} as an approver, which is an app or a bot and presses no button."
    ),
    Barred.ELSEWHERE: N_("The policy names {person} as an approver, who is nobody of this workspace."),
    Barred.GUEST: N_("The policy names {person} as an approver, who is a guest."),
}


def _judge_deciders(i: Installation, found: Deciders) -> Iterator[Finding]:
    setting = "POLICY_FILE"
    hidden = {each: said for each, said in found.hidden.items() if each != i.config.operators_channel}
    for said in hidden.values():  # of a channel of the settings its own line tells
        yield Finding(setting, Mark.MEND, said)  # it says what to do by itself
    for person_id, bar in sorted(found.barred.items()):
        mark = Mark.ADVICE if bar is Barred.GUEST else Mark.MEND
        mend = say(
            N_("Take {person} out of [approve] in POLICY_FILE, or correct the id."), person=person(person_id)
        )
        yield Finding(setting, mark, say(NOBODY[bar], person=person(person_id)), mend)
    if found.undecidable is not None:
        yield Finding(setting, Mark.MEND, found.undecidable)
    elif not found.seen:
        said = say(N_("Slack did not say who all of those are that may approve."))
        yield Finding(setting, Mark.UNSEEN, said, say(N_("Look again in a minute.")))
    elif not hidden:
        yield fine(setting, N_("Every request can be approved: those who may are people of this workspace."))
    if found.operators is not None and not found.operators:
        said = say(N_("Nobody is an operator, so nobody hears when something breaks."))
        mend = say(N_("Bring people into OPERATORS_CHANNEL, or name them under [operators] in POLICY_FILE."))
        yield Finding("OPERATORS_CHANNEL", Mark.MEND, said, mend)


PROBES = (
    Probe(_ask_us, _judge_bot_token),
    Probe(_ask_us, _judge_scopes, _lets_in),
    Probe(_ask_socket, _judge_socket, lambda i: _lets_in(i) and not i.inside and not i.config.uses_http),
    Probe(_ask_channels, _judge_channels, _lets_in),
    Probe(_ask_deciders, _judge_deciders, _can_look_at_people),
)
