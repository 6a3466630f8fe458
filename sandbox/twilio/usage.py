"""Usage records of api.twilio.com: what numbers and texts cost, by kind and by time (twins 9a).

The real ones lag behind by hours; these do not. They hold the account's own costs: subaccounts are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.twilio.errors import TwilioError
from sandbox.twilio.state import Account
from sandbox.twilio.wire import V2010, Answer, Call, Routes, page_v2010

routes = Routes("api", V2010 + "/Usage/Records")

FILTERS = ("Category", "StartDate", "EndDate", "IncludeSubaccounts")
# Category: (description, unit). A parent such as `sms` holds its children: adding both up counts twice.
CATEGORIES = {
    "phonenumbers": ("Phone Numbers", "numbers"),
    "phonenumbers-local": ("Local PhoneNumbers", "numbers"),
    "phonenumbers-mobile": ("Mobile PhoneNumbers", "numbers"),
    "phonenumbers-tollfree": ("Toll Free PhoneNumbers", "numbers"),
    "sms": ("SMS", "messages"),
    "sms-inbound": ("Inbound SMS", "messages"),
    "sms-outbound": ("Outbound SMS", "messages"),
    "totalprice": ("Total Price", ""),
}
RESOURCES = ("AllTime", "Daily", "LastMonth", "Monthly", "ThisMonth", "Today", "Yearly", "Yesterday")


@dataclass(frozen=True)
class Line:
    """Something that was paid for, in every category that it belongs to."""

    day: date
    categories: tuple[str, ...]
    price: Decimal


def _lines(account: Account) -> Iterator[Line]:
    for entry in account.ledger:
        kind = f"phonenumbers-{entry['number_type'].replace('-', '')}"
        own = (
            (kind,) if kind in CATEGORIES else ()
        )  # national numbers have no category of their own [assumed]
        yield Line(entry["at"].date(), ("phonenumbers", *own, "totalprice"), entry["cost"])
    for message in account.messages.values():
        if message.sent_at:
            way = "sms-inbound" if message.direction == "inbound" else "sms-outbound"
            yield Line(message.sent_at.date(), ("sms", way, "totalprice"), message.price or Decimal(0))


Period = tuple[date, date]


def _month(day: date) -> Period:
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day.replace(day=1), following - timedelta(days=1)


def _day(day: date) -> Period:
    return day, day


def _year(day: date) -> Period:
    return date(day.year, 1, 1), date(day.year, 12, 31)


REPEATED: dict[str, Callable[[date], Period]] = {"Daily": _day, "Monthly": _month, "Yearly": _year}


def _periods(call: Call, resource: str) -> list[Period]:
    """Newest first."""
    today, born = call.world.now().date(), call.account.created_at.date()
    start, end = call.query.day("StartDate") or born, call.query.day("EndDate") or today
    if start > end:
        raise TwilioError(20001, "StartDate must not be after EndDate")  # [assumed]
    if period_of := REPEATED.get(resource):
        days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
        return sorted({period_of(day) for day in days}, reverse=True)
    fixed = {
        "Today": _day(today),
        "Yesterday": _day(today - timedelta(days=1)),
        "ThisMonth": (_month(today)[0], today),
        "LastMonth": _month(_month(today)[0] - timedelta(days=1)),
    }
    return [fixed.get(resource, (start, end))]


def _records(call: Call, resource: str) -> Answer:
    wanted = call.query.get("Category")
    if wanted is not None and wanted not in CATEGORIES:
        raise TwilioError(20001, f"{wanted} is no category of usage that this twin knows")  # [assumed]
    lines = list(_lines(call.account))
    entries = [
        (f"{category}:{period[0]}", _record(call, resource, category, period, lines))
        for period in _periods(call, resource)
        for category in ([wanted] if wanted else CATEGORIES)
    ]
    return page_v2010(call, "usage_records", entries)


def _record(call: Call, resource: str, category: str, period: Period, lines: list[Line]) -> dict[str, Any]:
    found = [each for each in lines if category in each.categories and period[0] <= each.day <= period[1]]
    description, unit = CATEGORIES[category]
    price = sum((each.price for each in found), Decimal(0))
    base = f"/2010-04-01/Accounts/{call.account.sid}/Usage/Records"
    times = {
        "all_time": "AllTime",
        "daily": "Daily",
        "last_month": "LastMonth",
        "monthly": "Monthly",
        "this_month": "ThisMonth",
        "today": "Today",
        "yearly": "Yearly",
        "yesterday": "Yesterday",
    }
    middle = f"/{resource}" if resource else ""
    return {
        "account_sid": call.account.sid,
        "api_version": "2010-04-01",
        "as_of": call.world.now().isoformat(timespec="seconds"),
        "category": category,
        "description": description,
        "count": str(len(found)) if unit else None,
        "count_unit": unit,
        "usage": str(len(found)) if unit else str(price),
        "usage_unit": unit or "usd",
        "price": float(price),  # a number in the document, a string in its examples
        "price_unit": "usd",  # in lower case, unlike the price list
        "start_date": period[0].isoformat(),
        "end_date": period[1].isoformat(),
        "subresource_uris": {k: f"{base}/{name}.json?Category={category}" for k, name in times.items()},
        "uri": f"{base}{middle}.json?Category={category}&StartDate={period[0]}&EndDate={period[1]}",
    }


def _serve(resource: str) -> None:
    @routes.listing(f"/{resource}.json" if resource else ".json", *FILTERS)
    def records(call: Call) -> Answer:
        return _records(call, resource)


for each in ("", *RESOURCES):
    _serve(each)
