"""accounts.twilio.com: the countries that the account may text (twins 7.5)."""

from __future__ import annotations

import json
from typing import Any

import phonenumbers

from sandbox.twilio.errors import TwilioError
from sandbox.twilio.wire import Answer, Call, Routes

routes = Routes("accounts", "/v1/Messaging")

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
HIGH_RISK = 30649


@routes.get("/GeoPermissions", "CountryCode")
def permissions(call: Call) -> Answer:
    """Of the countries that are named, of all when none is; unknown ones are left out [assumed]."""
    named = call.query.get("CountryCode")
    asked = [code.strip() for code in named.split(",")] if named else COUNTRIES
    return 200, {"permissions": [_permission(call, code) for code in asked if code in COUNTRIES]}


def _permission(call: Call, country: str) -> dict[str, Any]:
    return {
        "country_code": country,
        "type": "country",
        "enabled": country in call.account.geo_permissions,
        "prefix": f"+{phonenumbers.country_code_for_region(country)}",
        "message": "High Risk Country" if country in call.world.high_risk else "",
    }


@routes.patch("/GeoPermissions", "Permissions")
def change(call: Call) -> Answer:
    """Each ``Permissions`` is one object as JSON; each is answered for itself, also when it was refused."""
    call.form.need("Permissions")
    wanted = [_wanted(text) for text in call.form.lists["Permissions"]]
    return 200, {"permissions": [_changed(call, country, enabled) for country, enabled in wanted]}


def _wanted(text: str) -> tuple[str, bool]:
    try:
        given = json.loads(text)
        country, enabled = given["country_code"], given["enabled"]
    except (ValueError, TypeError, KeyError):
        raise TwilioError(20001, "Invalid parameter Permissions") from None  # code: [assumed]
    if country not in COUNTRIES or not isinstance(enabled, bool):
        raise TwilioError(20001, "Invalid parameter Permissions")
    return country, enabled


def _changed(call: Call, country: str, enabled: bool) -> dict[str, Any]:
    now = country in call.account.geo_permissions
    refused = country in call.world.high_risk and enabled != now
    if not refused:
        (call.account.geo_permissions.add if enabled else call.account.geo_permissions.discard)(country)
    return {
        "country_code": country,
        "type": "country",
        "enabled": now if refused else enabled,
        "error_code": HIGH_RISK if refused else 0,
        "error_messages": ["High risk country permission cannot be updated"] if refused else [],
    }
