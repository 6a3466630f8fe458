"""A terminal beside the running app, in which ``numberdesk COMMAND`` is typed."""

import asyncio

import pytest

from bot import cli


def never() -> None:
    raise AssertionError("the app was started")


class Terminal:
    """Where a command is typed, with the settings of the stage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._settings: dict[str, str] = {}

    def sets(self, **settings: str) -> None:
        self._settings |= settings

    async def types(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what was written to either stream."""
        self._capsys.readouterr()
        for (
            name,
            value,
        ) in self._settings.items():  # each time: a command may take out what libraries would read
            self._monkeypatch.setenv(name, value)

        def command() -> int:
            try:
                return cli.main(list(arguments), never)
            except SystemExit as ended:  # as the interpreter does it: a sentence goes to stderr
                if isinstance(ended.code, str):
                    cli.sys.stderr.write(ended.code + "\n")
                    return 1
                return ended.code or 0

        code = await asyncio.to_thread(command)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err
