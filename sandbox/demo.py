"""``make demo``: both twins, an empty database, and the unchanged app against them, until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import aiohttp

from sandbox.environment import settings
from sandbox.slack.twin import SlackTwin
from sandbox.twilio.twin import TwilioTwin

FOLDER = Path(".sandbox")
PORTS = {"SLACK_PORT": 3001, "TWILIO_PORT": 3002}
"""Unless the environment says otherwise: ``make demo SLACK_PORT=4001 TWILIO_PORT=4002``."""
CHOSEN = ("CHANNEL_LANGUAGE", "CARD_STEPS")
"""Of the app's settings what may be chosen: ``CHANNEL_LANGUAGE=ja make demo`` shows cards in Japanese, ``CARD_STEPS=plan`` their steps as a plan."""
READY_WITHIN = 30.0

WELCOME = """
  Number Desk is running against a Slack and a Twilio of this machine's own.

    Slack    {slack}
    Twilio   {twilio}

  Open the first address and follow the tour. Or type in #numbers:   /twilio buy-number US
  Then be Ada Approver (bottom left) and press Approve in #approvals.
  For a bundle type /twilio new-bundle Germany, and decide about it at the second address.

  Ctrl-C ends everything.
"""


def ports() -> tuple[int, int]:
    """Slack's and Twilio's."""
    slack, twilio = (int(os.environ.get(name) or port) for name, port in PORTS.items())
    return slack, twilio


async def main() -> int:
    try:
        slack_port, twilio_port = ports()
    except ValueError:
        _say("SLACK_PORT and TWILIO_PORT are numbers.")
        return 1
    slack, twilio = SlackTwin(), TwilioTwin()
    async with contextlib.AsyncExitStack() as stack:
        for twin, name, port in ((slack, "Slack", slack_port), (twilio, "Twilio", twilio_port)):
            try:
                await twin.start(port)
            except OSError:
                _say(
                    f"Port {port}, for the {name} twin, is in use. Stop what uses it, or name another one: "
                    f"make demo {name.upper()}_PORT=..."
                )
                return 1
            stack.push_async_callback(twin.stop)
        slack.workspace.twilio_page = twilio.url
        usual = slack_port == PORTS["SLACK_PORT"]
        folder = FOLDER if usual else FOLDER / str(slack_port)  # two demos at once have a database each
        _emptied(folder)
        database = {"DATABASE_URL": f"sqlite:///{folder}/numberdesk.db"}
        chosen = {name: os.environ[name] for name in CHOSEN if os.environ.get(name)}
        app = await _started({**settings(slack.url, twilio.url), **database, **chosen})
        stack.push_async_callback(_ended, app)
        told = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, told.set)
        ended = asyncio.create_task(app.wait())
        stopped = asyncio.create_task(told.wait())
        if not await _connected(slack.url, ended, stopped):
            stopped.cancel()
            _say("The app did not start; its log is above.")
            return 1
        print(WELCOME.format(slack=slack.url, twilio=twilio.url), flush=True)  # noqa: T201
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return 0 if told.is_set() else 1


def _emptied(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("numberdesk.db*"):
        file.unlink()


async def _started(environment: dict[str, str]) -> asyncio.subprocess.Process:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
    }
    full = {**kept, "LOG_LEVEL": "WARNING", **environment}
    for command in (("-m", "alembic", "-q", "upgrade", "head"), ("-m", "bot")):
        # a session of its own: Ctrl-C reaches this process only, which then ends the app in order
        app = await asyncio.create_subprocess_exec(sys.executable, *command, env=full, start_new_session=True)
        if command[1] == "alembic" and await app.wait() != 0:
            sys.exit("The database could not be made; the reason is above.")
    return app


async def _connected(url: str, ended: asyncio.Task[int], stopped: asyncio.Task[bool]) -> bool:
    """Whether the app has opened its connection to Slack, by the twin's own word."""
    async with aiohttp.ClientSession() as session:
        for _ in range(int(READY_WITHIN / 0.1)):
            if ended.done() or stopped.done():
                return False
            async with session.get(f"{url}/twin/state") as answer:
                if (await answer.json()).get("connections"):
                    return True
            await asyncio.sleep(0.1)
    return False


async def _ended(app: asyncio.subprocess.Process) -> None:
    if app.returncode is None:
        app.terminate()
        try:
            await asyncio.wait_for(app.wait(), 15)
        except TimeoutError:
            app.kill()
            await app.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
