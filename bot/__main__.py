import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the app listens: no traceback out of an import

from bot.app import main  # noqa: E402

main()
