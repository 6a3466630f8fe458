"""What a test wants to go wrong, and how often."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Fault = dict[str, Any] | str

CUTS = ("cut_before", "cut_after")
DELIVERIES = ("twice", "late", "disconnect")
KEYS = ("status", "error", "delay")


@dataclass
class Planned:
    fault: Fault
    times: int
    method: str | None = None


@dataclass
class Faults:
    _planned: list[Planned] = field(default_factory=list)

    def plan(self, body: dict[str, Any]) -> None:
        """Raises ValueError for a fault that there is none of."""
        times = int(body.get("times", 1))
        if times < 1:
            raise ValueError("times is at least 1")
        if "deliver" in body:
            if body["deliver"] not in DELIVERIES:
                raise ValueError(f"deliver is one of {', '.join(DELIVERIES)}")
            self._planned.append(Planned(str(body["deliver"]), times))
            return
        fault = body.get("fault")
        if not (fault in CUTS if isinstance(fault, str) else _is_known(fault)):
            raise ValueError(f"fault is one of {', '.join(CUTS)}, or an object with {', '.join(KEYS)}")
        assert isinstance(fault, str | dict)
        self._planned.append(Planned(fault, times, str(body.get("method", "*"))))

    def clear(self) -> None:
        self._planned.clear()

    def of_call(self, method: str) -> Fault | None:
        return self._take(lambda each: each.method is not None and fnmatch.fnmatchcase(method, each.method))

    def of_delivery(self) -> str | None:
        fault = self._take(lambda each: each.method is None)
        return fault if isinstance(fault, str) else None

    def _take(self, fits: Callable[[Planned], bool]) -> Fault | None:
        for each in self._planned:
            if fits(each):
                each.times -= 1
                if each.times <= 0:
                    self._planned.remove(each)
                return each.fault
        return None


def _is_known(fault: Any) -> bool:
    return isinstance(fault, dict) and any(isinstance(fault.get(key), int | float | str) for key in KEYS)
