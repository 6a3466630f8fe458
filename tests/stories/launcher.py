"""Starts the app again and again: each time a process of its own, forked from this one, which has imported the app already.

Of what a start costs, the imports are four fifths. A line on stdin asks for a process, ``{"environment", "log"}``; lines on
stdout say how it goes: ``{"pid"}`` of the new one, and ``{"pid", "code"}`` of one that has ended.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import sys
import time
from typing import Any

from bot import app  # noqa: F401  (what a start need not import any more)


def say(**line: int) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def serve() -> dict[str, Any] | None:
    """What to start, in the new process; None in this one, as soon as nobody asks any more."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: set[int] = set()
    unread = b""
    with selectors.DefaultSelector() as ready:
        ready.register(0, selectors.EVENT_READ)
        ready.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                read = os.read(key.fd, 65536)
                if key.fd == woken:
                    for pid in list(running):
                        ended, status = os.waitpid(pid, os.WNOHANG)
                        if ended:
                            running.discard(pid)
                            say(pid=pid, code=os.waitstatus_to_exitcode(status))
                    continue
                if not read:
                    return None
                *asked, unread = (unread + read).split(b"\n")
                for line in asked:
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        os.close(woken)
                        os.close(wake)
                        return dict(json.loads(line))
                    running.add(pid)
                    say(pid=pid)


def become(asked: dict[str, Any]) -> None:
    """``python -m bot`` with this environment; both streams go to the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for old, new in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(old, new)
    os.close(nothing)
    os.close(log)
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    sys.argv = ["bot"]
    runpy.run_module("bot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of who stops the tests: they end by themselves
    gc.collect()
    gc.freeze()
    asked = serve()
    if asked is not None:
        become(asked)
