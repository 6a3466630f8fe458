"""Whether the public address is reached, and whether the clock is right."""

import asyncio
import time
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk.signature import SignatureVerifier

from bot.doctor.probe import Finding, Installation, Mark, Probe, answer_to, fine
from bot.doctor.twilio import RIGHTS
from bot.texts import N_, say
from bot.twilio.callbacks import signed
from storage.store import Store

SKEW = 60
"""Seconds. Slack's signatures are good for five minutes, and so is a list of members that lets people in."""


# the public address


@dataclass(frozen=True)
class Door:
    """What the public address answers. Statuses, or the error; none where that is not asked."""

    unsigned: Any = None
    signed: Any = None
    slack: Any = None
    app_runs: bool = False


async def _ask_door(i: Installation) -> Door:
    """A call as Twilio's with a signature and without, and one as Slack's. None of them says anything: the app looks at
    its bundles once more than it would have."""
    runs = i.inside or (isinstance(i.store, Store) and await i.store.worker() is not None)
    unsigned = with_signature = slack = None
    if url := i.config.callback_url:
        form = {"AccountSid": i.config.twilio_account_sid}
        unsigned = await answer_to(_posted(i, url, form, {}))
        with_signature = await answer_to(
            _posted(i, url, form, {"X-Twilio-Signature": signed(i.config, url, form)})
        )
    if i.config.uses_http and i.config.slack_signing_secret and i.config.public_url:
        body = '{"type":"url_verification","challenge":"number-desk"}'
        verifier = SignatureVerifier(i.config.slack_signing_secret.get_secret_value())
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": verifier.generate_signature(timestamp=at, body=body) or "",
        }
        slack = await answer_to(_posted(i, f"{i.config.public_url.rstrip('/')}/slack/events", body, headers))
    return Door(unsigned, with_signature, slack, runs)


async def _posted(i: Installation, url: str, data: Any, headers: Mapping[str, str]) -> int:
    async with i.http.post(url, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status


def _judge_door(i: Installation, door: Door) -> Iterator[Finding]:
    setting = "PUBLIC_URL"
    answers = [each for each in (door.unsigned, door.signed, door.slack) if each is not None]
    failure = next((each for each in answers if isinstance(each, Exception)), None)
    if failure is not None and not door.app_runs:
        said = say(N_("PUBLIC_URL leads nowhere while the app does not run."))
        yield Finding(setting, Mark.UNSEEN, said, say(N_("Start the app, then look again.")))
        return
    if failure is not None:
        said = say(N_("PUBLIC_URL does not lead to the app ({why})."), why=type(failure).__name__)
        mend = say(N_("See that the address, its certificate and the way from there to PORT are right."))
        yield Finding(setting, Mark.MEND, said, mend)
        return
    if door.unsigned is not None and door.unsigned != 403:
        said = say(
            N_("Something else than Number Desk answers at PUBLIC_URL (HTTP {status})."),
            status=str(door.unsigned),
        )
        mend = say(N_("See that {url} leads to the app's PORT."), url=str(i.config.callback_url))
        yield Finding(setting, Mark.MEND, said, mend)
    elif door.signed is not None and door.signed != 204:
        said = say(N_("The app refuses what Twilio would sign (HTTP {status})."), status=str(door.signed))
        mend = say(
            N_("The running app has another PUBLIC_URL or TWILIO_AUTH_TOKEN: start it again with these.")
        )
        yield Finding("TWILIO_AUTH_TOKEN", Mark.MEND, said, mend)
    elif door.slack is not None and door.slack != 200:
        said = say(N_("The app refuses what Slack would sign (HTTP {status})."), status=str(door.slack))
        mend = say(
            N_(
                "See that PUBLIC_URL leads to the app's PORT, and that the running app has this SLACK_SIGNING_SECRET."
            )
        )
        yield Finding("SLACK_SIGNING_SECRET", Mark.MEND, said, mend)
    else:
        yield fine(setting, N_("PUBLIC_URL leads to the app, which believes signed calls alone."))
    if str(i.config.public_url).startswith("http://"):
        said = say(N_("PUBLIC_URL is not encrypted, so what comes that way can be read and changed."))
        yield Finding(setting, Mark.ADVICE, said, say(N_("Give it a certificate, and write https://.")))


# the clock


async def _ask_clocks(i: Installation) -> Mapping[str, float]:
    """How many seconds each platform is ahead of us, by the date of an answer."""
    path = RIGHTS[0].path.format(account=i.config.twilio_account_sid)
    slack, twilio = await asyncio.gather(
        answer_to(_ahead(i.slack.auth_test())), answer_to(_ahead(i.twilio.request_async("GET", path)))
    )
    found = {"Slack": slack, "Twilio": twilio}
    return {name: ahead for name, ahead in found.items() if isinstance(ahead, float)}


async def _ahead(question: Awaitable[Any]) -> float | None:
    began = time.time()
    answer = await question
    try:
        at = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    return at - (began + time.time()) / 2


def _judge_clocks(_: Installation, ahead: Mapping[str, float]) -> Iterator[Finding]:
    if not ahead:
        yield Finding(
            "clock", Mark.UNSEEN, say(N_("The clock cannot be compared with Slack's and Twilio's."))
        )
        return
    wrong = {name: seconds for name, seconds in ahead.items() if abs(seconds) > SKEW}
    for name, seconds in wrong.items():
        text = N_("This machine's clock is {seconds} s behind {platform}'s.")
        if seconds < 0:
            text = N_("This machine's clock is {seconds} s ahead of {platform}'s.")
        said = say(text, seconds=round(abs(seconds)), platform=name)
        yield Finding("clock", Mark.MEND, said, say(N_("Set it, and keep it right by NTP.")))
    if not wrong:
        yield fine("clock", N_("This machine's clock is right."))


PROBES = (
    Probe(_ask_door, _judge_door, lambda i: i.config.public_url is not None),
    Probe(_ask_clocks, _judge_clocks),
)
