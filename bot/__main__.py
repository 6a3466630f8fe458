import sys

from bot import app, cli

if sys.argv[1:]:
    cli.main(sys.argv[1:])
else:
    app.main()
