"""Addresses of api.twilio.com (twins 5.1)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twilio.buying import owned_json
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.state import Account, Address
from sandbox.twilio.wire import V2010, Answer, Call, Params, Routes, page_v2010, rfc2822

routes = Routes("api", V2010 + "/Addresses")

# Countries whose addresses are checked, by the form of their postal code. Ireland: an Eircode.
POSTAL_CODES = {
    "AU": r"\d{4}",
    "BR": r"\d{5}-?\d{3}",
    "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
    "DE": r"\d{5}",
    "EE": r"\d{5}",
    "FR": r"\d{5}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "ID": r"\d{5}",
    "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}",
    "JP": r"\d{3}-?\d{4}",
    "NL": r"\d{4} ?[A-Z]{2}",
    "NZ": r"\d{4}",
    "PR": r"\d{5}(-\d{4})?",
    "SE": r"\d{3} ?\d{2}",
    "SG": r"\d{6}",
    "US": r"\d{5}(-\d{4})?",
    "ZA": r"\d{4}",
}
# Of addresses in the United States: two capitals, and none of the signs that the validation stumbles over.
STATES = re.compile(
    "A[AEKLPRSZ]|C[AOT]|D[CE]|FL|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEINOPST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|"
    "V[AIT]|W[AIVY]"
)
SIGNS = re.compile(r"[&@#]")
CHANGEABLE = (
    *("FriendlyName", "CustomerName", "Street", "StreetSecondary", "City", "Region", "PostalCode"),
    *("EmergencyEnabled", "AutoCorrectAddress"),
)


def address_json(account: Account, address: Address) -> dict[str, Any]:
    return {
        "sid": address.sid,
        "account_sid": account.sid,
        "customer_name": address.customer_name,
        "friendly_name": address.friendly_name,
        "street": address.street,
        "street_secondary": address.street_secondary,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "iso_country": address.iso_country,
        "emergency_enabled": address.emergency_enabled,
        "validated": address.validated,
        "verified": address.verified,
        "date_created": rfc2822(address.created_at),
        "date_updated": rfc2822(address.updated_at),
        "uri": f"/2010-04-01/Accounts/{account.sid}/Addresses/{address.sid}.json",
    }


@routes.listing(".json", "CustomerName", "FriendlyName", "EmergencyEnabled", "IsoCountry")
def addresses(call: Call) -> Answer:
    customer, name, country = (call.query.get(p) for p in ("CustomerName", "FriendlyName", "IsoCountry"))
    emergency = call.query.flag("EmergencyEnabled")
    found = [
        a
        for a in reversed(call.account.addresses.values())
        if customer in (None, a.customer_name)
        and name in (None, a.friendly_name)
        and country in (None, a.iso_country)
        and emergency in (None, a.emergency_enabled)
    ]
    return page_v2010(call, "addresses", [(a.sid, address_json(call.account, a)) for a in found])


@routes.post(".json", "IsoCountry", *CHANGEABLE)
def create_address(call: Call) -> Answer:
    form = call.form
    wanted = [form.need(p) for p in ("CustomerName", "Street", "City", "Region", "PostalCode", "IsoCountry")]
    customer, street, city, region, postal_code, country = wanted
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise TwilioError(20422, "Invalid Parameter: IsoCountry")
    name = _checked_names(form, customer, bool(form.flag("EmergencyEnabled")))
    _check_american(country, region, customer, name, street, form.get("StreetSecondary"), city)
    street, city = _validated(form, street, city, postal_code, country)
    now = call.world.now()
    new = Address(
        sid=call.world.sids.new("AD"),
        customer_name=customer,
        friendly_name=name,
        street=street,
        street_secondary=form.get("StreetSecondary"),
        city=city,
        region=region,
        postal_code=postal_code,
        iso_country=country,
        emergency_enabled=bool(form.flag("EmergencyEnabled")),
        created_at=now,
        updated_at=now,
    )
    call.account.addresses[new.sid] = new
    return 201, address_json(call.account, new)


def _checked_names(form: Params, customer: str, emergency: bool) -> str | None:
    # 64 bytes: 21 characters of three, 16 of four. The code is [assumed].
    if len(customer.encode()) > 64:
        raise TwilioError(20422, "Invalid Parameter: CustomerName is too long")
    return form.name(longest=32 if emergency else 64)


def _validated(form: Params, street: str, city: str, postal_code: str, country: str) -> tuple[str, str]:
    """Street and city as Twilio stores them.

    In the twin a street with INVALID is not found, one with NEAR is found as a similar one (twins 9.1).
    """
    pattern = POSTAL_CODES.get(country)
    if "INVALID" in street or (pattern and not re.fullmatch(pattern, postal_code.strip().upper())):
        raise TwilioError(21628)
    if "NEAR" in street:
        street = re.sub(r"\s*\bNEAR\b\s*", " ", street).strip()
        if form.flag("AutoCorrectAddress") is False:
            raise TwilioError(21629, f"{ERROR_21629} Did you mean: {street}, {city.title()} {postal_code}?")
        city = city.title()
    return street, city


def _check_american(country: str, region: str, *texts: str | None) -> None:
    """Raises 21628 for a state that is written out, and for signs; those in names are [assumed] to be refused too."""
    if country == "US" and (not STATES.fullmatch(region) or any(SIGNS.search(text or "") for text in texts)):
        raise TwilioError(21628)


ERROR_21629 = "The address could not be validated as given, but a similar one was found."


def _address(call: Call) -> Address:
    found = call.account.addresses.get(call.args["sid"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/{sid}.json")
def address(call: Call) -> Answer:
    return 200, address_json(call.account, _address(call))


@routes.post("/{sid}.json", *CHANGEABLE)
def update_address(call: Call) -> Answer:
    found, form = _address(call), call.form
    # AutoCorrectAddress and FriendlyName do not change where the address is.
    changes = any(form.get(p) for p in CHANGEABLE if p not in ("AutoCorrectAddress", "FriendlyName"))
    if changes and any(
        found.sid in d.address_sids and d.status == "approved" for d in call.account.documents.values()
    ):
        raise TwilioError(21630)
    customer = form.get("CustomerName") or found.customer_name
    flag = form.flag("EmergencyEnabled")
    emergency = found.emergency_enabled if flag is None else flag
    name = _checked_names(form, customer, emergency)
    postal_code = form.get("PostalCode") or found.postal_code
    street, city = form.get("Street") or found.street, form.get("City") or found.city
    region = form.get("Region") or found.region
    secondary = form.get("StreetSecondary") or found.street_secondary
    _check_american(found.iso_country, region, customer, name, street, secondary, city)
    found.street, found.city = _validated(form, street, city, postal_code, found.iso_country)
    found.customer_name, found.emergency_enabled, found.postal_code = customer, emergency, postal_code
    found.friendly_name = name or found.friendly_name
    found.region, found.street_secondary = region, secondary
    found.updated_at = call.world.now()
    return 200, address_json(call.account, found)


@routes.delete("/{sid}.json")
def delete_address(call: Call) -> Answer:
    found = _address(call)
    used = any(n.address_sid == found.sid for n in call.account.owned.values())
    if used or any(found.sid in d.address_sids for d in call.account.documents.values()):
        raise TwilioError(20409, "The address is in use")  # [assumed]
    del call.account.addresses[found.sid]
    return 204, None


@routes.listing("/{sid}/DependentPhoneNumbers.json")
def dependents(call: Call) -> Answer:
    found = _address(call)
    gone = {"type", "status", "origin", "bundle_sid", "identity_sid", "address_sid", "beta"}
    gone |= {"emergency_address_status", "voice_receive_mode"}
    numbers = []
    for number in call.account.owned.values():
        if number.address_sid == found.sid:
            shown = owned_json(call.account, number)
            numbers.append((number.sid, {k: v for k, v in shown.items() if k not in gone}))
    return page_v2010(call, "dependent_phone_numbers", numbers)
