"""What a test wants to go wrong, and how often."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Fault = dict[str, Any] | str

CUTS = ("cut_before", "cut_after")
DELIVERIES = ("twice", "late", "disconnect")
DOWNLOAD = "files.download"
"""No method of Slack's: what faults call the fetching of a file, besides which they may have ``{"error": "sign_in"}``."""
CHECK_FILE_INFO = "check_file_info"
KEYS = ("status", "error", "delay")


@dataclass
class Planned:
    fault: Fault
    times: int
    method: str | None = None
    of_file: bool = False
    channel: str | None = None


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
        if "file" in body:
            if body["file"] != CHECK_FILE_INFO:
                raise ValueError(f"file is {CHECK_FILE_INFO}")
            self._planned.append(Planned(CHECK_FILE_INFO, times, of_file=True))
            return
        fault = body.get("fault")
        if not (fault in CUTS if isinstance(fault, str) else _is_known(fault)):
            raise ValueError(f"fault is one of {', '.join(CUTS)}, or an object with {', '.join(KEYS)}")
        assert isinstance(fault, str | dict)
        channel = str(body["channel"]) if body.get("channel") else None
        self._planned.append(Planned(fault, times, str(body.get("method", "*")), channel=channel))

    def clear(self) -> None:
        self._planned.clear()

    def of_call(self, method: str, channel: str = "") -> Fault | None:
        """channel: the one that the call names, for a fault of one channel only."""
        return self._take(
            lambda each: (
                each.method is not None
                and fnmatch.fnmatchcase(method, each.method)
                and each.channel in (None, channel)
            )
        )

    def of_file(self) -> bool:
        """Whether the app is only told the id of the file that is uploaded now."""
        return self._take(lambda each: each.of_file) is not None

    def of_delivery(self) -> str | None:
        fault = self._take(lambda each: each.method is None and not each.of_file)
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
