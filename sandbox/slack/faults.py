"""What a test wants to go wrong, and how often."""

import fnmatch
from dataclasses import dataclass, field
from typing import Any

Fault = dict[str, Any] | str


@dataclass
class Planned:
    fault: Fault
    times: int
    method: str | None = None


@dataclass
class Faults:
    _planned: list[Planned] = field(default_factory=list)

    def plan(self, body: dict[str, Any]) -> None:
        if "deliver" in body:
            self._planned.append(Planned({"deliver": body["deliver"]}, int(body.get("times", 1))))
            return
        self._planned.append(Planned(body["fault"], int(body.get("times", 1)), body.get("method", "*")))

    def clear(self) -> None:
        self._planned.clear()

    def of_call(self, method: str) -> Fault | None:
        return self._take(lambda each: each.method is not None and fnmatch.fnmatch(method, each.method))

    def of_delivery(self) -> str | None:
        fault = self._take(lambda each: each.method is None)
        return str(fault["deliver"]) if isinstance(fault, dict) else None

    def _take(self, fits: Any) -> Fault | None:
        for each in self._planned:
            if fits(each):
                each.times -= 1
                if each.times <= 0:
                    self._planned.remove(each)
                return each.fault
        return None
