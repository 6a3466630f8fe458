"""Settings, and what of the environment would change our libraries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.doctor.probe import Finding, Installation, Mark, Probe, fine, nothing
from bot.settings import SLACK, Settings
from bot.starting import CannotStart
from bot.texts import N_, say

# settings


def unreadable(error: CannotStart) -> list[Finding]:
    """A line for each setting that is missing or wrong; what it has to be is the mend."""
    text = N_("{setting}: {problem}.")
    return [
        Finding(each.setting, Mark.MEND, say(text, setting=each.setting, problem=each.sentence.rstrip(".")))
        for each in error.problems
    ]


def _judge_settings(i: Installation, _: Any) -> Iterator[Finding]:
    config = i.config
    yield fine("settings", N_("Every setting can be read."))
    for name, value in (
        ("SLACK_API_URL", config.slack_api_url != SLACK),
        ("TWILIO_BASE_URL", config.twilio_base_url),
        ("TEST_CLOCK", config.test_clock),
    ):
        if value:
            said = say(N_("{setting} is set, which is for the sandbox only."), setting=name)
            yield Finding(name, Mark.ADVICE, said, say(N_("Take it out for the real platforms.")))
    if config.bundle_email is None:
        said = say(N_("BUNDLE_EMAIL is not set, so no regulatory bundle can be made here."))
        mend = say(N_("Set it to the address that shall get Twilio's mails about bundles."))
        yield Finding("BUNDLE_EMAIL", Mark.ADVICE, said, mend)
    if config.public_url and config.callback_url is None and not config.uses_http:
        said = say(
            N_("PUBLIC_URL is not used: Twilio can report nothing without PORT and TWILIO_AUTH_TOKEN.")
        )
        yield Finding("PUBLIC_URL", Mark.MEND, said, say(N_("Set both, or take PUBLIC_URL out.")))
    if config.metrics and config.port is None:
        said = say(N_("METRICS is not used: there is no PORT at which the figures could be read."))
        yield Finding("METRICS", Mark.MEND, said, say(N_("Set PORT, or take METRICS out.")))


# the environment


def _judge_environment(i: Installation, _: Any) -> Iterator[Finding]:
    ours = {name.upper() for name in Settings.model_fields}
    there = {name.upper() for name, value in i.environment.items() if value}
    if strange := sorted(each for each in there - ours if each.startswith(("SLACK_", "TWILIO_"))):
        text = N_(
            "Set in the environment: {names}. It would change what Slack's and Twilio's libraries do, so Number Desk puts it aside."
        )
        mend = say(N_("Take it out of the environment, unless another program needs it."))
        yield Finding(strange[0], Mark.ADVICE, say(text, names=strange), mend)
    if proxies := sorted(there & {"ALL_PROXY", "HTTP_PROXY", "WS_PROXY", "WSS_PROXY"}):
        said = say(N_("Not used: {names}. The way to Slack and Twilio is HTTPS_PROXY alone."), names=proxies)
        mend = say(N_("Set HTTPS_PROXY, where a proxy is needed."))
        yield Finding(proxies[0], Mark.ADVICE, said, mend)
    certificates = i.environment.get("SSL_CERT_FILE")
    if certificates and not Path(certificates).is_file():
        said = say(N_("SSL_CERT_FILE names a file that is not there, so no certificate can be checked."))
        yield Finding("SSL_CERT_FILE", Mark.MEND, said, say(N_("Correct the path, or take the setting out.")))
    if i.config.https_proxy:
        ways = [
            name for name, way in (("Slack", i.config.slack_proxy), ("Twilio", i.config.twilio_proxy)) if way
        ]
        if ways:
            yield fine("HTTPS_PROXY", N_("The way to {platforms} goes through HTTPS_PROXY."), platforms=ways)
        else:
            said = say(N_("HTTPS_PROXY is not used: NO_PROXY or the sandbox's addresses go past it."))
            yield Finding("HTTPS_PROXY", Mark.ADVICE, said, say(N_("Look at NO_PROXY.")))


PROBES = (
    Probe(nothing, _judge_settings),
    Probe(nothing, _judge_environment, lambda i: not i.inside),
)
