"""What is there at the start: the main account, its credentials, one service and one approved bundle."""

from __future__ import annotations

import secrets

from sandbox.twilio.state import (
    API_KEY_SID,
    API_SECRET,
    AUTH_TOKEN,
    MAIN_SID,
    TEST_SID,
    TEST_TOKEN,
    Account,
    Address,
    Bundle,
    Credentials,
    Document,
    EndUser,
    Item,
    Service,
    World,
)


def plant(world: World) -> None:
    now = world.now()
    account = Account(MAIN_SID, "Number Desk Sandbox", AUTH_TOKEN, now, MAIN_SID)
    account.geo_permissions |= {"CA", "GB"}  # it has been in use: the bundle below is British
    world.accounts[MAIN_SID] = account
    account.keys[API_KEY_SID] = {
        "sid": API_KEY_SID,
        "friendly_name": "Number Desk",
        "secret": API_SECRET,
        "created_at": now,
    }
    service = Service(world.sids.new("MG"), "Support", now, now, {})
    account.services[service.sid] = service
    _plant_bundle(world, account)


def _plant_bundle(world: World, account: Account) -> None:
    """GB, mobile, business, approved: only where the regulations have that combination."""
    regulations = world.regulations.find("GB", "mobile", "business")
    if not regulations:
        return
    now, sids = world.now(), world.sids
    address = Address(
        sid=sids.new("AD"),
        customer_name="Example Trading Ltd",
        friendly_name="Head office",
        street="221B Baker Street",
        street_secondary=None,
        city="London",
        region="London",
        postal_code="NW1 6XE",
        iso_country="GB",
        emergency_enabled=False,
        created_at=now,
        updated_at=now,
        verified=True,
    )
    end_user = EndUser(
        sid=sids.new("IT"),
        friendly_name="Example Trading Ltd",
        type="business",
        attributes={
            "business_name": "Example Trading Ltd",
            "business_registration_identifier": "UK:CRN",
            "business_registration_number": "01234567",
            "business_website": "https://www.example.com",
            "first_name": "Robin",
            "last_name": "Example",
            "phone_number": "+442079460958",
            "email": "robin@example.com",
            "business_identity": "DIRECT_CUSTOMER",
            "is_subassigned": "NO",
        },
        created_at=now,
        updated_at=now,
    )
    document = Document(
        sid=sids.new("RD"),
        friendly_name="Example Trading Ltd, address",
        type="business_address",
        attributes={"address_sids": [address.sid]},
        created_at=now,
        updated_at=now,
        status="approved",
    )
    bundle = Bundle(
        sid=sids.new("BU"),
        friendly_name="Example Trading Ltd, GB mobile",
        email="compliance@example.com",
        regulation_sid=regulations[0]["sid"],
        status_callback=None,
        created_at=now,
        updated_at=now,
        status="twilio-approved",
    )
    for object_sid in (end_user.sid, document.sid):
        item = Item(sids.new("BV"), object_sid, now)
        bundle.items[item.sid] = item
    account.addresses[address.sid] = address
    account.end_users[end_user.sid] = end_user
    account.documents[document.sid] = document
    account.bundles[bundle.sid] = bundle


def credentials(world: World, user: str, password: str) -> Credentials | None:
    """Whose user name and password these are: an account with its Auth Token, a key with its secret."""
    if user == TEST_SID and secrets.compare_digest(password, TEST_TOKEN):
        return Credentials("test", TEST_SID)
    for account in world.accounts.values():
        if user == account.sid and secrets.compare_digest(password, account.auth_token):
            return Credentials("main", account.sid)
        key = account.keys.get(user)
        if key and secrets.compare_digest(password, key["secret"]):
            return Credentials("standard", account.sid)
    return None
