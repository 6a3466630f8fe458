"""Renewing a bundle by way of a copy, and cloning it into another account of the family (twins 5.7)."""

from __future__ import annotations

from dataclasses import replace

from sandbox.twilio.account import family
from sandbox.twilio.bundles import copy_json, find_bundle
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.regulations import BASE
from sandbox.twilio.state import Account, Bundle, Item
from sandbox.twilio.wire import Answer, Call, Routes, page_v1

routes = Routes("numbers", BASE)


@routes.listing("/Bundles/{bundle}/Copies")
def copies(call: Call) -> Answer:
    original = find_bundle(call)
    found = [b for b in call.account.bundles.values() if b.copy_of == original.sid]
    return page_v1(call, "results", [(b.sid, copy_json(call.account, b)) for b in found])


def _copy(call: Call, original: Bundle, status: str) -> Bundle:
    now = call.world.now()
    name = call.form.name() or original.friendly_name
    sid = call.world.sids.new("BU")
    new = Bundle(
        sid, name, original.email, original.regulation_sid, original.status_callback, now, now, status
    )
    return new


@routes.post("/Bundles/{bundle}/Copies", "FriendlyName")
def copy(call: Call) -> Answer:
    """With end users and documents of its own, so that changing them leaves the original as it is."""
    original = find_bundle(call)
    if original.status != "twilio-approved" or original.valid_until is None:
        raise TwilioError(22223)
    new = _copy(call, original, "draft")
    new.copy_of = original.sid
    for old in original.items.values():
        item = Item(call.world.sids.new("BV"), _cloned(call, call.account, old.object_sid), new.created_at)
        new.items[item.sid] = item
        if document := call.account.documents.get(item.object_sid):
            document.status = "draft"  # [assumed]
    call.account.bundles[new.sid] = new
    return 201, copy_json(call.account, new)


@routes.post("/Bundles/{bundle}/ReplaceItems", "FromBundleSid")
def replace_items(call: Call) -> Answer:
    """22228, a copy that follows an older regulation, cannot happen here: regulations do not change."""
    target, sid = find_bundle(call), call.form.need("FromBundleSid")
    source = call.account.bundles.get(sid)
    if source is None:
        raise TwilioError(22225)
    if source is target:
        raise TwilioError(22226)
    if {source.status, target.status} != {"twilio-approved"} or source.copy_of != target.sid:
        raise TwilioError(22224)
    kept = {address for d in call.account.documents_of(source) for address in d.address_sids}
    users = [n for n in call.account.owned.values() if n.bundle_sid == target.sid and n.address_sid]
    if any(n.address_sid not in kept for n in users):
        raise TwilioError(22229)
    target.items, source.items = dict(source.items), {}
    target.valid_until = None  # [assumed]
    target.updated_at = source.updated_at = call.world.now()
    return 201, copy_json(call.account, target)


@routes.post("/Bundles/{bundle}/Clones", "TargetAccountSid", "MoveToDraft", "FriendlyName")
def clone(call: Call) -> Answer:
    """To another account of the family, with its end users and documents."""
    original, target_sid = find_bundle(call), call.form.need("TargetAccountSid")
    main = call.world.accounts[call.account.owner_sid]
    target = next((a for a in family(call.world, main) if a.sid == target_sid), None)
    if target is None:
        raise TwilioError(20404, f"Account {target_sid} was not found")
    new = _copy(call, original, "draft" if call.form.flag("MoveToDraft") else original.status)
    for old in original.items.values():
        item = Item(call.world.sids.new("BV"), _cloned(call, target, old.object_sid), new.created_at)
        new.items[item.sid] = item
    target.bundles[new.sid] = new
    shown = copy_json(target, new)
    del shown["sid"]
    url = f"https://numbers.twilio.com{BASE}/Bundles/{new.sid}"
    return 201, {"bundle_sid": new.sid} | shown | {"url": url}


def _cloned(call: Call, target: Account, sid: str) -> str:
    if end_user := call.account.end_users.get(sid):
        new_sid = call.world.sids.new("IT")
        target.end_users[new_sid] = replace(end_user, sid=new_sid)
        return new_sid
    new_sid = call.world.sids.new("RD")
    target.documents[new_sid] = replace(call.account.documents[sid], sid=new_sid)
    return new_sid
