"""Bundles of numbers.twilio.com, what is assigned to them, evaluations and copies (twins 5.4 to 5.7)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.evaluation import allowed_documents, evaluate
from sandbox.twilio.regulations import BASE, END_USER_TYPES, NUMBER_TYPES
from sandbox.twilio.review import set_status, submit
from sandbox.twilio.state import Account, Bundle, Item
from sandbox.twilio.wire import Answer, Call, Routes, iso, page_v1

routes = Routes("numbers", BASE)

STATUSES = (
    "draft",
    "pending-review",
    "in-review",
    "twilio-rejected",
    "twilio-approved",
    "provisionally-approved",
)


def copy_json(account: Account, bundle: Bundle) -> dict[str, Any]:
    """What a copy and a replacement answer: a bundle without address and links."""
    return {
        "sid": bundle.sid,
        "account_sid": account.sid,
        "regulation_sid": bundle.regulation_sid,
        "friendly_name": bundle.friendly_name,
        "status": bundle.status,
        "valid_until": iso(bundle.valid_until),
        "email": bundle.email,
        "status_callback": bundle.status_callback,
        "date_created": iso(bundle.created_at),
        "date_updated": iso(bundle.updated_at),
    }


def bundle_json(account: Account, bundle: Bundle) -> dict[str, Any]:
    """No country, no number type and no reason for a rejection: the real one has none either."""
    url = f"https://numbers.twilio.com{BASE}/Bundles/{bundle.sid}"
    return copy_json(account, bundle) | {
        "url": url,
        "links": {
            "evaluations": f"{url}/Evaluations",
            "item_assignments": f"{url}/ItemAssignments",
            "bundle_copies": f"{url}/Copies",
        },
    }


def find_bundle(call: Call) -> Bundle:
    found = call.account.bundles.get(call.args["bundle"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.listing(
    "/Bundles",
    *("Status", "BundleSids", "FriendlyName", "RegulationSid", "IsoCountry", "NumberType", "EndUserType"),
    *("HasValidUntilDate", "SortBy", "SortDirection", "ValidUntilDate", "ValidUntilDate<", "ValidUntilDate>"),
)
def bundles(call: Call) -> Answer:
    """Newest first unless sorted [assumed]."""
    query, found = call.query, list(reversed(call.account.bundles.values()))
    if status := query.get("Status"):
        if status not in STATUSES:
            raise TwilioError(22203)
        found = [b for b in found if b.status == status]
    if sids := query.get("BundleSids"):
        wanted = [s.strip() for s in sids.split(",")]
        if len(wanted) > 20:
            raise TwilioError(20422, "Invalid Parameter: BundleSids takes at most 20")  # code: [assumed]
        found = [b for b in found if b.sid in wanted]
    if name := query.get("FriendlyName"):
        found = [b for b in found if b.friendly_name == name]
    if regulation_sid := query.get("RegulationSid"):
        found = [b for b in found if b.regulation_sid == regulation_sid]
    if query.get("EndUserType") not in (None, *END_USER_TYPES) or query.get("NumberType") not in (
        None,
        *NUMBER_TYPES,
    ):
        raise TwilioError(22200)
    regulations = call.world.regulations.find(
        query.get("IsoCountry"), query.get("NumberType"), query.get("EndUserType")
    )
    fitting = {r["sid"] for r in regulations}
    found = [b for b in found if b.regulation_sid in fitting]
    found = _by_validity(call, found)
    return page_v1(call, "results", [(b.sid, bundle_json(call.account, b)) for b in _sorted(call, found)])


def _by_validity(call: Call, found: list[Bundle]) -> list[Bundle]:
    query = call.query
    if (has := query.flag("HasValidUntilDate")) is not None:
        found = [b for b in found if (b.valid_until is not None) is has]
    exact, before, after = (query.day("ValidUntilDate" + mark) for mark in ("", "<", ">"))
    if exact:
        found = [b for b in found if b.valid_until and b.valid_until.date() == exact]
    if before:
        found = [b for b in found if b.valid_until and b.valid_until.date() <= before]
    if after:
        found = [b for b in found if b.valid_until and b.valid_until.date() >= after]
    return found


def _sorted(call: Call, found: list[Bundle]) -> list[Bundle]:
    by, direction = call.query.get("SortBy"), call.query.get("SortDirection") or "ASC"
    if by not in (None, "valid-until", "date-updated") or direction not in ("ASC", "DESC"):
        raise TwilioError(20422, "Invalid Parameter: SortBy or SortDirection")
    if by is None:
        return found
    last = direction == "DESC"
    if by == "date-updated":
        return sorted(found, key=lambda b: b.updated_at, reverse=last)
    # Without a date last, whichever way [assumed].
    dated = sorted((b for b in found if b.valid_until), key=lambda b: str(iso(b.valid_until)), reverse=last)
    return dated + [b for b in found if not b.valid_until]


def _callback(call: Call) -> str | None:
    url = call.form.get("StatusCallback")
    if url and not re.match(r"https?://[^/\s]+", url):
        raise TwilioError(20422, "Invalid Parameter: StatusCallback is not a URL")
    return url


@routes.post(
    "/Bundles",
    *(
        "FriendlyName",
        "Email",
        "StatusCallback",
        "RegulationSid",
        "IsoCountry",
        "EndUserType",
        "NumberType",
        "IsTest",
    ),
)
def create_bundle(call: Call) -> Answer:
    form = call.form
    form.need("FriendlyName")
    name, email, callback = form.name() or "", form.need("Email"), _callback(call)
    now = call.world.now()
    new = Bundle(call.world.sids.new("BU"), name, email, _regulation_sid(call), callback, now, now)
    new.is_test = bool(form.flag("IsTest"))
    call.account.bundles[new.sid] = new
    return 201, bundle_json(call.account, new)


def _regulation_sid(call: Call) -> str:
    if sid := call.form.get("RegulationSid"):
        if sid not in call.world.regulations.by_sid:
            raise TwilioError(22201)
        return sid
    country, number_type, end_user_type = (
        call.form.get(p) for p in ("IsoCountry", "NumberType", "EndUserType")
    )
    if number_type not in (None, *NUMBER_TYPES) or end_user_type not in (None, *END_USER_TYPES):
        raise TwilioError(22200)
    if not (country and number_type and end_user_type):
        raise TwilioError(22202)
    found = call.world.regulations.find(country, number_type, end_user_type)
    if not found:
        raise TwilioError(22201)
    return str(found[0]["sid"])


@routes.get("/Bundles/{bundle}")
def bundle(call: Call) -> Answer:
    return 200, bundle_json(call.account, find_bundle(call))


@routes.post("/Bundles/{bundle}", "Status", "StatusCallback", "FriendlyName", "Email")
def update_bundle(call: Call) -> Answer:
    found, form = find_bundle(call), call.form
    name, callback = form.name(), _callback(call)
    if status := form.get("Status"):
        if any(p in form for p in ("StatusCallback", "FriendlyName", "Email")):
            raise TwilioError(22204)
        _change_status(call, found, status)
        return 200, bundle_json(call.account, found)
    found.friendly_name, found.email = name or found.friendly_name, form.get("Email") or found.email
    if "StatusCallback" in form:
        found.status_callback = callback
    found.updated_at = call.world.now()
    return 200, bundle_json(call.account, found)


def _change_status(call: Call, found: Bundle, status: str) -> None:
    """Only draft and pending-review are the customer's to set, and only outside a review [assumed]."""
    if status not in STATUSES:
        raise TwilioError(22203)
    if status not in ("draft", "pending-review"):
        raise TwilioError(20422, f"Invalid Parameter: the status {status} cannot be set by a customer")
    if found.is_fixed:
        raise TwilioError(20409, f"The bundle's status {found.status} does not allow this")
    if status == "pending-review":
        submit(call.world, call.account, found)
    elif found.status != "draft":
        set_status(call.world, call.account, found, "draft")


@routes.delete("/Bundles/{bundle}")
def delete_bundle(call: Call) -> Answer:
    found = find_bundle(call)
    if found.status in ("pending-review", "in-review"):
        raise TwilioError(21647)
    if any(n.bundle_sid == found.sid for n in call.account.owned.values()):
        raise TwilioError(21648)
    del call.account.bundles[found.sid]
    return 204, None


# Items


def item_json(account: Account, bundle: Bundle, item: Item) -> dict[str, Any]:
    return {
        "sid": item.sid,
        "bundle_sid": bundle.sid,
        "account_sid": account.sid,
        "object_sid": item.object_sid,
        "date_created": iso(item.created_at),
        "url": f"https://numbers.twilio.com{BASE}/Bundles/{bundle.sid}/ItemAssignments/{item.sid}",
    }


def _editable(found: Bundle) -> None:
    """The code is [assumed]."""
    if found.is_fixed:
        raise TwilioError(20409, f"Items cannot change while the bundle is {found.status}")


@routes.listing("/Bundles/{bundle}/ItemAssignments")
def items(call: Call) -> Answer:
    found = find_bundle(call)
    return page_v1(
        call, "results", [(i.sid, item_json(call.account, found, i)) for i in found.items.values()]
    )


@routes.post("/Bundles/{bundle}/ItemAssignments", "ObjectSid")
def assign(call: Call) -> Answer:
    """Assigning the same object twice gives a second item [assumed]."""
    found, sid = find_bundle(call), call.form.need("ObjectSid")
    if not re.fullmatch(r"[A-Z]{2}[0-9a-fA-F]{32}", sid):
        raise TwilioError(22205)
    if sid[:2] not in ("IT", "RD"):
        raise TwilioError(22206)
    if sid not in call.account.end_users and sid not in call.account.documents:
        _foreign(call, sid)
    _editable(found)
    if document := call.account.documents.get(sid):
        regulation = call.world.regulations.by_sid[found.regulation_sid]
        others = {d.sid for d in call.account.documents_of(found) if d.type == document.type} - {sid}
        if len(others) >= allowed_documents(regulation, document.type):
            raise TwilioError(
                70002, f"The bundle cannot take another document of type {document.type}"
            )  # [assumed]
    item = Item(call.world.sids.new("BV"), sid, call.world.now())
    found.items[item.sid] = item
    found.updated_at = item.created_at
    return 201, item_json(call.account, found, item)


def _foreign(call: Call, sid: str) -> None:
    for other in call.world.accounts.values():
        if sid in other.end_users or sid in other.documents:
            raise TwilioError(70002)
    raise TwilioError(22205)


def _item(call: Call, found: Bundle) -> Item:
    if call.args["sid"] not in found.items:
        raise not_found(call.path)
    return found.items[call.args["sid"]]


@routes.get("/Bundles/{bundle}/ItemAssignments/{sid}")
def item(call: Call) -> Answer:
    found = find_bundle(call)
    return 200, item_json(call.account, found, _item(call, found))


@routes.delete("/Bundles/{bundle}/ItemAssignments/{sid}")
def unassign(call: Call) -> Answer:
    found = find_bundle(call)
    item = _item(call, found)
    _editable(found)
    del found.items[item.sid]
    found.updated_at = call.world.now()
    return 204, None


# Evaluations


@routes.listing("/Bundles/{bundle}/Evaluations")
def evaluations(call: Call) -> Answer:
    found = reversed(find_bundle(call).evaluations.values())
    return page_v1(call, "results", [(e["sid"], e) for e in found])


@routes.post("/Bundles/{bundle}/Evaluations")
def create_evaluation(call: Call) -> Answer:
    """Answers at once. Two addresses in one document make it fail every time."""
    found = find_bundle(call)
    status, results = evaluate(call.world, call.account, found)
    sid = call.world.sids.new("EL")
    found.evaluations[sid] = {
        "sid": sid,
        "account_sid": call.account.sid,
        "regulation_sid": found.regulation_sid,
        "bundle_sid": found.sid,
        "status": status,
        "results": results,
        "date_created": iso(call.world.now()),
        "url": f"https://numbers.twilio.com{BASE}/Bundles/{found.sid}/Evaluations/{sid}",
    }
    return 201, found.evaluations[sid]


@routes.get("/Bundles/{bundle}/Evaluations/{sid}")
def evaluation(call: Call) -> Answer:
    found = find_bundle(call)
    if call.args["sid"] not in found.evaluations:
        raise not_found(call.path)
    return 200, found.evaluations[call.args["sid"]]
