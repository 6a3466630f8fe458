"""``python -m sandbox``: both twins, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from pathlib import Path

from sandbox.environment import settings
from sandbox.slack.twin import SlackTwin
from sandbox.twilio.twin import TwilioTwin


def port(given: str) -> int:
    number = int(given)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 (any free one) to 65535")
    return number


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local Slack and a local Twilio."
    )
    parser.add_argument("--slack-port", type=port, default=3001)
    parser.add_argument("--twilio-port", type=port, default=3002)
    parser.add_argument(
        "--seed", type=int, default=1, help="two runs with the same seed sell the same numbers"
    )
    parser.add_argument(
        "--regulations",
        type=Path,
        metavar="FILE",
        help="answers of Twilio's Regulations API, in its own JSON",
    )
    parser.add_argument(
        "--review-after", type=float, metavar="SECONDS", help="bundles are reviewed by themselves"
    )
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="of every call to Twilio")
    parser.add_argument("--no-rate-limits", action="store_true", help="Slack takes any number of messages")
    parser.add_argument("--env", type=Path, metavar="FILE", help="also write the app's settings there")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


async def main(given: argparse.Namespace) -> int:
    told = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    slack = SlackTwin(rate_limits=not given.no_rate_limits)
    try:
        twilio = TwilioTwin(
            seed=given.seed,
            regulations=given.regulations,
            review_after=given.review_after,
            latency_ms=given.latency,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if given.regulations is None:
            raise
        why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}, {error}"
        return failed(f"The regulations in {given.regulations} cannot be used: {why}.")
    async with contextlib.AsyncExitStack() as stack:
        for twin, option, number in (
            (slack, "--slack-port", given.slack_port),
            (twilio, "--twilio-port", given.twilio_port),
        ):
            try:
                await twin.start(number)
            except OSError as error:
                why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
                return failed(f"Port {number} {why}. Choose another with {option}.")
            stack.push_async_callback(twin.stop)
        slack.workspace.twilio_page = twilio.url
        lines = [f"{name}={value}" for name, value in settings(slack.url, twilio.url).items()]
        if given.env:
            try:
                write(given.env, lines)
            except OSError as error:
                return failed(f"The settings cannot be written to {given.env}: {error.strerror}.")
        if not given.quiet:
            print(f"Slack   {slack.url}\nTwilio  {twilio.url}\n", *lines, sep="\n", flush=True)  # noqa: T201
        await told.wait()
    return 0


def write(file: Path, lines: list[str]) -> None:
    """All of it or nothing: whoever waits for the file never reads half of it."""
    half = file.with_name(file.name + ".part")
    half.write_text("\n".join(lines) + "\n")
    os.replace(half, file)


def failed(why: str) -> int:
    print(why, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    arguments = options()
    logging.basicConfig(level=logging.ERROR if arguments.quiet else logging.WARNING)
    sys.exit(asyncio.run(main(arguments)))
