"""End users and supporting documents of numbers.twilio.com, and the upload of files (twins 5.2, 5.3)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.regulations import BASE, END_USER_TYPES
from sandbox.twilio.state import Account, Document, EndUser
from sandbox.twilio.wire import Answer, Call, Routes, iso, page_v1

routes = Routes("numbers", BASE)
upload_routes = Routes("numbers-upload", BASE)

LARGEST_FILE = 5 * 2**20
MAGIC = {b"%PDF": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def _attributes(call: Call) -> dict[str, Any] | None:
    """The JSON object in ``Attributes``, None when it was not sent; 22207 for anything else."""
    text = call.form.get("Attributes")
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        raise TwilioError(22207) from None
    if not isinstance(found, dict):
        raise TwilioError(22207)
    return found


def _editable(account: Account, sid: str) -> None:
    """What is in a bundle is fixed together with it; the code is [assumed]."""
    for bundle in account.bundles.values():
        if bundle.is_fixed and any(item.object_sid == sid for item in bundle.items.values()):
            raise TwilioError(20409, f"It cannot change while bundle {bundle.sid} is {bundle.status}")


def _is_assigned(account: Account, sid: str) -> bool:
    return any(
        item.object_sid == sid for bundle in account.bundles.values() for item in bundle.items.values()
    )


# End users


def end_user_json(account: Account, end_user: EndUser) -> dict[str, Any]:
    return {
        "sid": end_user.sid,
        "account_sid": account.sid,
        "friendly_name": end_user.friendly_name,
        "type": end_user.type,
        "attributes": end_user.attributes,
        "date_created": iso(end_user.created_at),
        "date_updated": iso(end_user.updated_at),
        "url": f"https://numbers.twilio.com{BASE}/EndUsers/{end_user.sid}",
    }


@routes.listing("/EndUsers")
def end_users(call: Call) -> Answer:
    found = reversed(call.account.end_users.values())
    return page_v1(call, "results", [(e.sid, end_user_json(call.account, e)) for e in found])


@routes.post("/EndUsers", "FriendlyName", "Type", "Attributes")
def create_end_user(call: Call) -> Answer:
    call.form.need("FriendlyName")
    kind = call.form.need("Type")
    if kind not in END_USER_TYPES:
        raise TwilioError(22212)
    now = call.world.now()
    name, attributes = call.form.name() or "", _attributes(call) or {}
    new = EndUser(call.world.sids.new("IT"), name, kind, attributes, now, now)
    call.account.end_users[new.sid] = new
    return 201, end_user_json(call.account, new)


def _end_user(call: Call) -> EndUser:
    found = call.account.end_users.get(call.args["sid"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/EndUsers/{sid}")
def end_user(call: Call) -> Answer:
    return 200, end_user_json(call.account, _end_user(call))


@routes.post("/EndUsers/{sid}", "FriendlyName", "Attributes")
def update_end_user(call: Call) -> Answer:
    found, name, attributes = _end_user(call), call.form.name(), _attributes(call)
    if attributes is not None:
        _editable(call.account, found.sid)
    found.friendly_name = name or found.friendly_name
    found.attributes = found.attributes if attributes is None else attributes
    found.updated_at = call.world.now()
    return 200, end_user_json(call.account, found)


@routes.delete("/EndUsers/{sid}")
def delete_end_user(call: Call) -> Answer:
    found = _end_user(call)
    if _is_assigned(call.account, found.sid):
        raise TwilioError(21644)
    del call.account.end_users[found.sid]
    return 204, None


# Supporting documents


def document_json(account: Account, document: Document) -> dict[str, Any]:
    return {
        "sid": document.sid,
        "account_sid": account.sid,
        "friendly_name": document.friendly_name,
        "mime_type": document.mime_type,  # null without a file [assumed]
        "status": document.status,
        "failure_reason": document.failure_reason,
        "errors": document.errors,
        "type": document.type,
        "attributes": document.attributes,
        "date_created": iso(document.created_at),
        "date_updated": iso(document.updated_at),
        "url": f"https://numbers.twilio.com{BASE}/SupportingDocuments/{document.sid}",
    }


@routes.listing("/SupportingDocuments")
def documents(call: Call) -> Answer:
    found = reversed(call.account.documents.values())
    return page_v1(call, "results", [(d.sid, document_json(call.account, d)) for d in found])


@upload_routes.post("/SupportingDocuments", "FriendlyName", "Type", "Attributes")
def upload_document(call: Call) -> Answer:
    """The upload host takes nothing but files. Codes of what is wrong with a file: [assumed]."""
    if not call.multipart or call.upload is None:
        raise TwilioError(70001, "A multipart body with a File is required")
    return create_document(call)


@routes.post("/SupportingDocuments", "FriendlyName", "Type", "Attributes")
def create_document(call: Call) -> Answer:
    """Also takes a multipart body, as some integrations send it to this host with success."""
    if call.form.get("FriendlyName") is None:
        raise TwilioError(22211)
    kind = call.form.get("Type")
    if kind not in call.world.regulations.document_types:
        raise TwilioError(22210)
    now = call.world.now()
    name, attributes = call.form.name() or "", _attributes(call) or {}
    mime_type = _mime_type(call)
    new = Document(call.world.sids.new("RD"), name, kind, attributes, now, now, mime_type)
    if call.upload is not None:
        # The file itself is not kept: it cannot be downloaded again [assumed].
        new.filename, new.size = call.upload.filename, len(call.upload.content)
    call.account.documents[new.sid] = new
    return 201, document_json(call.account, new)


def _mime_type(call: Call) -> str | None:
    if call.upload is None:
        return None
    if len(call.upload.content) > LARGEST_FILE:
        raise TwilioError(70001, "The file is larger than 5 MB")
    for magic, mime_type in MAGIC.items():
        if call.upload.content.startswith(magic):
            return mime_type
    raise TwilioError(70001, "The file is neither PDF, JPEG nor PNG")


def _document(call: Call) -> Document:
    found = call.account.documents.get(call.args["sid"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/SupportingDocuments/{sid}")
def document(call: Call) -> Answer:
    return 200, document_json(call.account, _document(call))


@routes.post("/SupportingDocuments/{sid}", "FriendlyName", "Attributes", "Status")
def update_document(call: Call) -> Answer:
    found, name, attributes = _document(call), call.form.name(), _attributes(call)
    if status := call.form.get("Status"):
        # Not in the OpenAPI document, but the dictionary has codes for it.
        if attributes is not None:
            raise TwilioError(22208)
        raise TwilioError(22209, f"The status {status} cannot be set")
    if attributes is not None:
        _editable(call.account, found.sid)
    found.friendly_name = name or found.friendly_name
    found.attributes = found.attributes if attributes is None else attributes
    found.updated_at = call.world.now()
    return 200, document_json(call.account, found)


@routes.delete("/SupportingDocuments/{sid}")
def delete_document(call: Call) -> Answer:
    found = _document(call)
    if _is_assigned(call.account, found.sid):
        raise TwilioError(21645)
    if found.status == "pending-review":
        raise TwilioError(21646)
    del call.account.documents[found.sid]
    return 204, None
