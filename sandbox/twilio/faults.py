"""Failures that tests and people order: slow, cut, refused, and callbacks that go astray (twins 9.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

CUTS = ("cut_before", "cut_after")
ODD = ("broken",)
"""The work was done, and the answer is no JSON."""
CALLBACKS = ("lost", "twice", "late")


@dataclass
class Fault:
    """One order. times: how often it still happens; None means until it is taken back.

    cut: ``cut_before`` (nothing was done) or ``cut_after`` (the work was done, the answer is lost).
    status, code: an error answer; with ``processed`` the work was done before it. plain: it comes from a proxy, as HTML
    and without a code.
    callback: what happens to a bundle's next status callback.
    """

    method: str = "*"
    path: str = "*"
    times: int | None = 1
    delay: float = 0.0
    cut: str | None = None
    status: int | None = None
    code: int | None = None
    retry_after: float | None = None
    processed: bool = False
    plain: bool = False
    callback: str | None = None

    @classmethod
    def read(cls, order: dict[str, Any]) -> Fault:
        """From the body of ``POST /twin/faults``. Raises ValueError with what is wrong."""
        unknown = set(order) - {"method", "path", "times", "fault"}
        if unknown or "fault" not in order:
            raise ValueError(
                f"a fault has method, path, times and fault, not {', '.join(sorted(unknown)) or 'nothing'}"
            )
        what = order["fault"]
        if isinstance(what, str):
            what = {"cut": what}
        if not isinstance(what, dict):
            raise ValueError("fault is 'cut_before', 'cut_after' or an object")
        known = {"delay", "cut", "status", "code", "retry_after", "processed", "plain", "callback"}
        if strange := set(what) - known:
            raise ValueError(f"unknown in fault: {', '.join(sorted(strange))}")
        if what.get("cut") not in (None, *CUTS, *ODD):
            raise ValueError(f"cut is one of {', '.join((*CUTS, *ODD))}")
        if what.get("plain") and not what.get("status"):
            raise ValueError("plain goes with a status")
        if what.get("callback") not in (None, *CALLBACKS):
            raise ValueError(f"callback is one of {', '.join(CALLBACKS)}")
        times = order.get("times", 1)
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("times is a whole number of at least 1, or null for until it is taken back")
        for name in ("delay", "status", "code", "retry_after"):
            if not isinstance(what.get(name, 0), int | float):
                raise ValueError(f"{name} is a number")
        method = str(order.get("method", "*")).upper()
        return cls(method=method, path=str(order.get("path", "*")), times=times, **what)

    def json(self) -> dict[str, Any]:
        what = {
            k: v
            for k, v in vars(self).items()
            if k not in ("method", "path", "times") and v not in (None, 0.0, False)
        }
        return {"method": self.method, "path": self.path, "times": self.times, "fault": what}

    def __str__(self) -> str:
        return json.dumps(self.json()["fault"])


class Faults:
    """What was ordered, oldest first. The first that fits is used."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def add(self, order: dict[str, Any]) -> Fault:
        fault = Fault.read(order)
        self.ordered.append(fault)
        return fault

    def clear(self) -> None:
        self.ordered.clear()

    def for_request(self, method: str, path: str) -> Fault | None:
        for fault in self.ordered:
            if fault.callback is None and fault.method in ("*", method) and fnmatchcase(path, fault.path):
                return self._use(fault)
        return None

    def for_callback(self) -> str | None:
        for fault in self.ordered:
            if fault.callback is not None:
                return self._use(fault).callback
        return None

    def _use(self, fault: Fault) -> Fault:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.ordered.remove(fault)
        return fault
