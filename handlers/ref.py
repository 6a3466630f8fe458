"""The one codec for what a button or a view carries: ids and where the person is, never content.

Nothing in it is believed: whoever reads one asks the database what stands behind the id.
"""

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
