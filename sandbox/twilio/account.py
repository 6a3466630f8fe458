"""The account itself: its resource, balance, subaccounts, API keys and verified caller IDs (twins 1)."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import friendly, is_phone_number
from sandbox.twilio.state import Account, World
from sandbox.twilio.wire import V2010, Answer, Call, Routes, page_v2010, rfc2822

routes = Routes("api")

SUBRESOURCES = {
    "addresses": "Addresses",
    "available_phone_numbers": "AvailablePhoneNumbers",
    "balance": "Balance",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "keys": "Keys",
    "messages": "Messages",
    "outgoing_caller_ids": "OutgoingCallerIds",
}


PARENT_SID = "AC" + "f" * 32
"""Of a parent that lies outside this world (``subaccount`` of ``/twin/account``)."""


def account_json(account: Account) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{account.sid}"
    return {
        "sid": account.sid,
        "friendly_name": account.friendly_name,
        "type": account.type,
        "status": account.status,
        "owner_account_sid": PARENT_SID if account.has_parent else account.owner_sid,
        "auth_token": account.auth_token,
        "date_created": rfc2822(account.created_at),
        "date_updated": rfc2822(account.created_at),
        "subresource_uris": {name: f"{uri}/{path}.json" for name, path in SUBRESOURCES.items()},
        "uri": uri + ".json",
    }


def family(world: World, account: Account) -> list[Account]:
    """The account and its subaccounts, the account first."""
    return [account] + [a for a in world.accounts.values() if a.owner_sid == account.sid and a is not account]


def needs_auth_token(call: Call) -> None:
    """A Standard key may do everything but Accounts and Keys."""
    if call.credentials.kind != "main":
        raise TwilioError(20003)


@routes.listing("/2010-04-01/Accounts.json", "FriendlyName", "Status")
def accounts(call: Call) -> Answer:
    needs_auth_token(call)
    name, status = call.query.get("FriendlyName"), call.query.get("Status")
    found = [
        a
        for a in family(call.world, call.account)
        if name in (None, a.friendly_name) and status in (None, a.status)
    ]
    return page_v2010(call, "accounts", [(a.sid, account_json(a)) for a in found])


@routes.post("/2010-04-01/Accounts.json", "FriendlyName")
def create_subaccount(call: Call) -> Answer:
    needs_auth_token(call)
    subaccounts = len(family(call.world, call.account)) - 1
    if subaccounts >= (1 if call.account.type == "Trial" else 1000):
        raise TwilioError(
            20003, "The account has the maximum number of subaccounts", status=400
        )  # code: [assumed]
    sid, now = call.world.sids.new("AC"), call.world.now()
    new = Account(
        sid=sid,
        friendly_name=call.form.name() or f"SubAccount Created at {now:%Y-%m-%d %I:%M %p}".lower(),
        auth_token=hashlib.sha256(sid.encode()).hexdigest()[:32],
        created_at=now,
        owner_sid=call.account.sid,
        type=call.account.type,
    )
    call.world.accounts[sid] = new
    return 201, account_json(new)


def _account(call: Call) -> Account:
    needs_auth_token(call)
    found = next((a for a in family(call.world, call.account) if a.sid == call.args["sid"]), None)
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/2010-04-01/Accounts/{sid}.json")
def account(call: Call) -> Answer:
    return 200, account_json(_account(call))


@routes.post("/2010-04-01/Accounts/{sid}.json", "FriendlyName", "Status")
def update_account(call: Call) -> Answer:
    found = _account(call)
    if status := call.form.get("Status"):
        if status not in ("active", "suspended", "closed"):
            raise TwilioError(20422, "Invalid Parameter: Status")
        if found.status == "closed" or found.owner_sid == found.sid:
            raise TwilioError(20409)  # closing is final; the main account is not changed here [assumed]
        found.status = status
    found.friendly_name = call.form.name() or found.friendly_name
    return 200, account_json(found)


@routes.get(V2010 + "/Balance.json")
def balance(call: Call) -> Answer:
    account = call.account
    if account.has_parent or account.owner_sid != account.sid:
        raise not_found(call.path)  # subaccounts have none; the code is [assumed]
    amount = None if account.balance is None else f"{account.balance:.2f}"
    return 200, {"account_sid": account.sid, "balance": amount, "currency": account.currency}


# API keys. One made here is a Standard key, whatever was asked for.


def _key_json(key: dict[str, Any], *, with_secret: bool = False) -> dict[str, Any]:
    shown = {
        "sid": key["sid"],
        "friendly_name": key["friendly_name"],
        "date_created": rfc2822(key["created_at"]),
        "date_updated": rfc2822(key["created_at"]),
    }
    return shown | {"secret": key["secret"]} if with_secret else shown


@routes.listing(V2010 + "/Keys.json")
def keys(call: Call) -> Answer:
    needs_auth_token(call)
    found = reversed(call.account.keys.values())
    return page_v2010(call, "keys", [(k["sid"], _key_json(k)) for k in found])


@routes.post(V2010 + "/Keys.json", "FriendlyName")
def create_key(call: Call) -> Answer:
    needs_auth_token(call)
    sid = call.world.sids.new("SK")
    key = {
        "sid": sid,
        "friendly_name": call.form.name() or "",
        "secret": hashlib.sha256(b"secret" + sid.encode()).hexdigest()[:32],
        "created_at": call.world.now(),
    }
    call.account.keys[sid] = key
    return 201, _key_json(key, with_secret=True)


def _key(call: Call) -> dict[str, Any]:
    needs_auth_token(call)
    if call.args["sid"] not in call.account.keys:
        raise not_found(call.path)
    return call.account.keys[call.args["sid"]]


@routes.get(V2010 + "/Keys/{sid}.json")
def key(call: Call) -> Answer:
    return 200, _key_json(_key(call))


@routes.post(V2010 + "/Keys/{sid}.json", "FriendlyName")
def update_key(call: Call) -> Answer:
    found = _key(call)
    found["friendly_name"] = call.form.name() or found["friendly_name"]
    return 200, _key_json(found)


@routes.delete(V2010 + "/Keys/{sid}.json")
def delete_key(call: Call) -> Answer:
    del call.account.keys[_key(call)["sid"]]
    return 204, None


# Verified caller IDs: Twilio calls and the code is typed in; the twin takes that as done at once.


def _caller_id_json(call: Call, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "sid": entry["sid"],
        "account_sid": call.account.sid,
        "friendly_name": entry["friendly_name"],
        "phone_number": entry["phone_number"],
        "date_created": rfc2822(entry["created_at"]),
        "date_updated": rfc2822(entry["created_at"]),
        "uri": f"/2010-04-01/Accounts/{call.account.sid}/OutgoingCallerIds/{entry['sid']}.json",
    }


@routes.listing(V2010 + "/OutgoingCallerIds.json", "PhoneNumber", "FriendlyName")
def caller_ids(call: Call) -> Answer:
    number, name = call.query.get("PhoneNumber"), call.query.get("FriendlyName")
    found = [
        c
        for c in reversed(call.account.caller_ids.values())
        if number in (None, c["phone_number"]) and name in (None, c["friendly_name"])
    ]
    return page_v2010(call, "outgoing_caller_ids", [(c["sid"], _caller_id_json(call, c)) for c in found])


@routes.post(
    V2010 + "/OutgoingCallerIds.json",
    *("PhoneNumber", "FriendlyName", "CallDelay", "Extension", "StatusCallback", "StatusCallbackMethod"),
)
def verify_caller_id(call: Call) -> Answer:
    number = call.form.need("PhoneNumber")
    if not is_phone_number(number):
        raise TwilioError(21421)
    if call.account.type == "Trial" and len(call.account.caller_ids) >= 5:
        raise TwilioError(20422, "Trial accounts may verify five numbers")  # code: [assumed]
    sid = call.world.sids.new("PN")
    name = call.form.name() or friendly(number)
    call.account.caller_ids[sid] = {
        "sid": sid,
        "phone_number": number,
        "friendly_name": name,
        "created_at": call.world.now(),
    }
    return 200, {
        "account_sid": call.account.sid,
        "call_sid": call.world.sids.new("CA"),
        "friendly_name": name,
        "phone_number": number,
        "validation_code": f"{int(sid[2:10], 16) % 1_000_000:06d}",
    }


def _caller_id(call: Call) -> dict[str, Any]:
    if call.args["sid"] not in call.account.caller_ids:
        raise not_found(call.path)
    return call.account.caller_ids[call.args["sid"]]


@routes.get(V2010 + "/OutgoingCallerIds/{sid}.json")
def caller_id(call: Call) -> Answer:
    return 200, _caller_id_json(call, _caller_id(call))


@routes.post(V2010 + "/OutgoingCallerIds/{sid}.json", "FriendlyName")
def update_caller_id(call: Call) -> Answer:
    found = _caller_id(call)
    found["friendly_name"] = call.form.name() or found["friendly_name"]
    return 200, _caller_id_json(call, found)


@routes.delete(V2010 + "/OutgoingCallerIds/{sid}.json")
def delete_caller_id(call: Call) -> Answer:
    del call.account.caller_ids[_caller_id(call)["sid"]]
    return 204, None
