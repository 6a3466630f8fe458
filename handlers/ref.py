"""The one codec for what a button or a view carries: ids and where the person is, never content.

Nothing in it is believed: whoever reads one asks the database what stands behind the id.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from bot.errors import OldButton
from bot.twilio.contents import GROUP, Page


class Ref:
    """A frozen dataclass of text, whole numbers and pages as ``first|second|...``; parts missing at the end have their defaults."""

    SEPARATOR: ClassVar[str] = "|"

    def __str__(self) -> str:
        return self.SEPARATOR.join(str(getattr(self, each.name)) for each in fields(self))  # type: ignore[arg-type]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises OldButton where this cannot be one: from before a change, or made up."""
        try:
            parts = text.split(cls.SEPARATOR)
            return cls(*(_read(each.type, part) for each, part in zip(fields(cls), parts, strict=False)))  # type: ignore[arg-type]
        except (ValueError, TypeError) as error:
            raise OldButton() from error


def _read(kind: Any, part: str) -> Any:
    if kind is int:
        return int(part)
    return Page.parse(part) if kind is Page else part


@dataclass(frozen=True)
class OfPurchase(Ref):
    """A purchase, the quote that the button belongs to, and what is chosen with it."""

    SEPARATOR = ":"  # as on the cards that were posted first

    purchase_id: str
    quote_no: int = 0
    choice: str = ""


@dataclass(frozen=True)
class OfBundle(Ref):
    """A bundle, its page, the request that it was begun for, and on a document's page the kind that is drawn and the
    kind whose file may stay as it is."""

    bundle_id: str
    page: Page = GROUP
    purchase_id: str = ""
    kind: str = ""
    kept: str = ""

    def at(self, page: Page) -> "OfBundle":
        return replace(self, page=page, kind="", kept="")


# for the log

_ID = re.compile(r"[0-9a-f]{32}")


def about(body: Mapping[str, Any]) -> dict[str, str]:
    """Which request and which bundle something that a person did is about, as far as what Slack carries back says so."""
    try:
        carried = list(_carried(body))
    except (AttributeError, TypeError):  # of no shape of Slack's: its signature has not been looked at yet
        return {}
    found: dict[str, str] = {}
    for each in carried:
        if OfBundle.SEPARATOR in each:
            bundle_id, _, purchase_id, *_ = [*each.split(OfBundle.SEPARATOR), "", ""]
            ids = {"bundle": bundle_id, "purchase": purchase_id}
        else:
            ids = {"purchase": next(filter(_ID.fullmatch, each.split(OfPurchase.SEPARATOR)), "")}
        found = {**{name: value for name, value in ids.items() if _ID.fullmatch(value)}, **found}
    return found


def _carried(body: Mapping[str, Any]) -> Iterator[str]:
    """What was pressed says more than the view that it stands on."""
    for action in body.get("actions") or ():
        chosen = action.get("selected_option") or action
        if OfPurchase.SEPARATOR in (value := str(chosen.get("value") or "")):
            yield value
    view = body.get("view") or {}
    yield str(view.get("private_metadata") or "")
