"""monitor.twilio.com: who bought and released numbers, and which messages failed (twins 9a)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.state import Account, Message
from sandbox.twilio.wire import Answer, Call, Routes, iso, page_v1

routes = Routes("monitor", "/v1")

KEPT_FOR = timedelta(days=30)
BASE = "https://monitor.twilio.com/v1"
LEVELS = ("error", "warning", "notice", "debug")


def _moment(call: Call, name: str) -> datetime | None:
    text = call.query.get(name)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        raise TwilioError(20422, f"Invalid Parameter: {name} is not a date") from None
    return moment if moment is None or moment.tzinfo else moment.astimezone()


def _within(call: Call, at: datetime) -> bool:
    start, end = _moment(call, "StartDate"), _moment(call, "EndDate")
    return (start is None or at >= start) and (end is None or at <= end)


# Events: here only those of phone numbers


def _event_json(account: Account, event: dict[str, Any]) -> dict[str, Any]:
    base = f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}"
    return {
        "sid": event["sid"],
        "account_sid": account.sid,
        "actor_sid": None,  # a user's SID; an API key's actor is not known
        "actor_type": "account",
        "description": None,
        "event_data": {"phone_number": {"previous": None, "updated": event["phone_number"]}},
        "event_date": iso(event["at"]),
        "event_type": event["type"],
        "resource_sid": event["resource_sid"],
        "resource_type": "phone-number",
        "source": event["source"],
        "source_ip_address": "127.0.0.1",
        "url": f"{BASE}/Events/{event['sid']}",
        "links": {"actor": base, "resource": f"{base}/IncomingPhoneNumbers/{event['resource_sid']}"},
    }


@routes.listing("/Events", "ActorSid", "EventType", "ResourceSid", "SourceIpAddress", "StartDate", "EndDate")
def events(call: Call) -> Answer:
    kind, resource = call.query.get("EventType"), call.query.get("ResourceSid")
    found = [
        each
        for each in reversed(call.account.events.values())
        if kind in (None, each["type"])
        and resource in (None, each["resource_sid"])
        and _within(call, each["at"])
    ]
    return page_v1(call, "events", [(each["sid"], _event_json(call.account, each)) for each in found])


@routes.get("/Events/{sid}")
def event(call: Call) -> Answer:
    if call.args["sid"] not in call.account.events:
        raise not_found(call.path)
    return 200, _event_json(call.account, call.account.events[call.args["sid"]])


# Alerts: here only those of messages that failed


def _alert_json(account: Account, message: Message) -> dict[str, Any]:
    sid, at = "NO" + message.sid[2:], iso(message.updated_at)
    return {
        "sid": sid,
        "account_sid": account.sid,
        "alert_text": message.error_message,
        "api_version": "2010-04-01",
        "date_created": at,
        "date_generated": at,
        "date_updated": at,
        "error_code": str(message.error_code),
        "log_level": "error",
        "more_info": f"https://www.twilio.com/docs/errors/{message.error_code}",
        "request_method": None,
        "request_url": None,
        "resource_sid": message.sid,
        "service_sid": message.service_sid,
        "url": f"{BASE}/Alerts/{sid}",
    }


def _failed(call: Call) -> list[Message]:
    since = call.world.now() - KEPT_FOR
    return [m for m in reversed(call.account.messages.values()) if m.error_code and m.updated_at > since]


@routes.listing("/Alerts", "LogLevel", "StartDate", "EndDate")
def alerts(call: Call) -> Answer:
    level = call.query.get("LogLevel")
    if level not in (None, *LEVELS):
        raise TwilioError(20001, "Invalid parameter LogLevel")  # code: [assumed]
    found = [m for m in _failed(call) if level in (None, "error") and _within(call, m.updated_at)]
    return page_v1(call, "alerts", [(m.sid, _alert_json(call.account, m)) for m in found])


@routes.get("/Alerts/{sid}")
def alert(call: Call) -> Answer:
    found = next((m for m in _failed(call) if m.sid[2:] == call.args["sid"][2:]), None)
    if found is None:
        raise not_found(call.path)
    more = ("request_variables", "request_headers", "response_body", "response_headers")
    return 200, _alert_json(call.account, found) | dict.fromkeys(more)
