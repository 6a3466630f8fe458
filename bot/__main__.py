import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the app listens: no traceback out of an import

from bot import app, cli  # noqa: E402

if sys.argv[1:]:
    cli.main(sys.argv[1:])
else:
    app.main()
