"""``numberdesk``, and ``python -m bot``: runs the app, or a command of bot/cli.py."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the app listens: no traceback out of an import


def main() -> None:
    from bot import cli

    sys.exit(cli.main(sys.argv[1:], run))


def run() -> None:
    from bot import app  # only here: a command need not wait until all of the app is loaded

    app.main()


if __name__ == "__main__":
    main()
