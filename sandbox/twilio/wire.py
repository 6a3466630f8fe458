"""What every resource of the Twilio twin shares: a call, its answer, routes, pages, dates and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sandbox.twilio.errors import TwilioError

if TYPE_CHECKING:
    from sandbox.twilio.state import Account, Credentials, World

Answer = tuple[int, Any]
ARGUMENTS = {
    "number": r"PN\w+",
    "owned_type": "Local|Mobile|TollFree",
}  # in templates; all others: one segment
PAGING = ("PageSize", "Page", "PageToken")
V2010 = "/2010-04-01/Accounts/{account}"


class Params:
    """Query or form parameters: names as Twilio spells them, values as they came, lists by repetition."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self.lists.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self.lists

    def __iter__(self) -> Iterator[str]:
        return iter(self.lists)

    def get(self, name: str) -> str | None:
        """The last value, or None when the parameter was not sent or is empty."""
        values = self.lists.get(name)
        return (values[-1] or None) if values else None

    def need(self, name: str) -> str:
        """Raises 20001 as Twilio does for a missing required parameter."""
        if (value := self.get(name)) is None:
            raise TwilioError(20001, f"Missing required parameter {name} in the post body")
        return value

    def flag(self, name: str) -> bool | None:
        if (value := self.get(name)) is None:
            return None
        if value.lower() not in ("true", "false"):
            raise TwilioError(20422, f"Invalid Parameter: {name} must be true or false")
        return value.lower() == "true"

    def integer(self, name: str) -> int | None:
        if (value := self.get(name)) is None:
            return None
        if not re.fullmatch(r"-?\d+", value):
            raise TwilioError(20422, f"Invalid Parameter: {name} must be a whole number")
        return int(value)

    def day(self, name: str) -> date | None:
        if (value := self.get(name)) is None:
            return None
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).date()
        except ValueError:
            raise TwilioError(20422, f"Invalid Parameter: {name} is not a date") from None

    def name(self, field_name: str = "FriendlyName", longest: int = 64) -> str | None:
        """A friendly name; 20002 when it is too long."""
        value = self.get(field_name)
        if value is not None and len(value) > longest:
            raise TwilioError(20002, f"Invalid {field_name}: at most {longest} characters")
        return value

    def pairs(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self.lists.items() for value in values]


@dataclass
class Upload:
    """The ``File`` of a multipart body."""

    filename: str
    content: bytes


@dataclass
class Call:
    """One request of the app, after authentication and routing."""

    method: str
    host: str
    path: str
    query: Params
    form: Params
    world: World
    account: Account
    credentials: Credentials
    args: dict[str, str] = field(default_factory=dict)
    json: Any = None
    upload: Upload | None = None
    multipart: bool = False


Handler = Callable[[Call], Answer]


@dataclass
class Route:
    """One operation: where it is, which parameters Twilio knows there, what answers it."""

    method: str
    host: str
    template: str
    known: frozenset[str]
    handler: Handler
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        def group(name: re.Match[str]) -> str:
            return f"(?P<{name[1]}>{ARGUMENTS.get(name[1], '[^/]+?')})"

        body = re.sub(r"\\{(\w+)\\}", group, re.escape(self.template))
        self.pattern = re.compile(f"^{body}$")


class Routes:
    """The operations of one file; the decorators name the parameters besides those of paging."""

    def __init__(self, host: str, prefix: str = "") -> None:
        self.host, self.prefix, self.all = host, prefix, list[Route]()

    def _add(self, method: str, template: str, known: Sequence[str]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.all.append(Route(method, self.host, self.prefix + template, frozenset(known), handler))
            return handler

        return register

    def get(self, template: str, *known: str) -> Callable[[Handler], Handler]:
        return self._add("GET", template, known)

    def listing(self, template: str, *known: str) -> Callable[[Handler], Handler]:
        return self._add("GET", template, (*PAGING, *known))

    def post(self, template: str, *known: str) -> Callable[[Handler], Handler]:
        return self._add("POST", template, known)

    def patch(self, template: str, *known: str) -> Callable[[Handler], Handler]:
        return self._add("PATCH", template, known)

    def delete(self, template: str) -> Callable[[Handler], Handler]:
        return self._add("DELETE", template, ())


def rfc2822(moment: datetime | None) -> str | None:
    """v2010's dates: ``Tue, 18 Aug 2015 17:07:30 +0000``."""
    return format_datetime(moment.astimezone(UTC)) if moment else None


def iso(moment: datetime | None) -> str | None:
    """The dates of all other hosts: ``2015-08-18T17:07:30Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _slice(call: Call, keys: Sequence[str], default: int) -> tuple[int, int, int, int]:
    """(page, page size, first index, index after the last); tokens name the neighbour, as Twilio's do."""
    size, number = call.query.integer("PageSize"), call.query.integer("Page") or 0
    token = call.query.get("PageToken")
    if size is not None and size > 1000:
        raise TwilioError(20007, "Page size is greater than the maximum of 1000")
    if (size is not None and size < 1) or number < 0:
        raise TwilioError(20006 if number < 0 else 20007, "Invalid page or page size", status=400)
    size = size or default
    if number > 0 and token is None:
        raise TwilioError(20001, "A PageToken must be provided if page is greater than 0")  # code: [assumed]
    start = 0
    if token:
        neighbour = token[2:]
        at = keys.index(neighbour) if neighbour in keys else number * size
        start = max(0, at - size) if token.startswith("PB") else at + (1 if neighbour in keys else 0)
    return number, size, start, min(start + size, len(keys))


def _links(call: Call, keys: Sequence[str], default: int) -> tuple[dict[str, str | None], int, int, int, int]:
    page, size, start, end = _slice(call, keys, default)
    filters = [(n, v) for n, v in call.query.pairs() if n not in PAGING]

    def link(number: int, token: str | None = None) -> str:
        rest = [("PageSize", str(size)), ("Page", str(number))] + ([("PageToken", token)] if token else [])
        return f"{call.path}?{urlencode(filters + rest)}"

    links = {
        "first": link(0),
        "this": link(page, call.query.get("PageToken")),
        "next": link(page + 1, "PA" + keys[end - 1]) if end < len(keys) and end > start else None,
        "previous": link(page - 1, "PB" + keys[start]) if page > 0 and start < len(keys) else None,
    }
    return links, page, size, start, end


def page_v2010(call: Call, key: str, items: Sequence[tuple[str, Any]]) -> Answer:
    """A page in the manner of api.twilio.com: relative addresses, envelope beside the list.

    items: (what identifies it in a page token, its JSON), in order.
    """
    links, page, size, start, end = _links(call, [k for k, _ in items], 50)
    return 200, {
        key: [body for _, body in items[start:end]],
        "page": page,
        "page_size": size,
        "start": start,
        "end": max(start, end - 1),
        "uri": links["this"],
        "first_page_uri": links["first"],
        "previous_page_uri": links["previous"],
        "next_page_uri": links["next"],
    }


def page_v1(call: Call, key: str, items: Sequence[tuple[str, Any]], default: int = 50) -> Answer:
    """A page in the manner of all other hosts: absolute addresses of the real host, in ``meta``."""
    links, page, size, start, end = _links(call, [k for k, _ in items], default)
    full = {name: f"https://{call.host}.twilio.com{link}" if link else None for name, link in links.items()}
    return 200, {
        key: [body for _, body in items[start:end]],
        "meta": {
            "page": page,
            "page_size": size,
            "first_page_url": full["first"],
            "previous_page_url": full["previous"],
            "url": full["this"],
            "next_page_url": full["next"],
            "key": key,
        },
    }
