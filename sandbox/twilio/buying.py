"""IncomingPhoneNumbers: buying, listing, changing and releasing numbers (twins 6)."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sandbox.twilio.account import family
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import FROM_PATH, NORTH_AMERICA, Available, friendly, is_phone_number
from sandbox.twilio.search import fold
from sandbox.twilio.state import Account, Bundle, Owned, World
from sandbox.twilio.wire import V2010, Answer, Call, Routes, page_v2010, rfc2822

routes = Routes("api", V2010 + "/IncomingPhoneNumbers")

# Form parameter -> (key of the answer, value when it was never set)
SETTINGS: dict[str, tuple[str, Any]] = {
    "SmsUrl": ("sms_url", ""),
    "SmsMethod": ("sms_method", "POST"),
    "SmsFallbackUrl": ("sms_fallback_url", ""),
    "SmsFallbackMethod": ("sms_fallback_method", "POST"),
    "SmsApplicationSid": ("sms_application_sid", ""),
    "VoiceUrl": ("voice_url", ""),
    "VoiceMethod": ("voice_method", "POST"),
    "VoiceFallbackUrl": ("voice_fallback_url", ""),
    "VoiceFallbackMethod": ("voice_fallback_method", "POST"),
    "VoiceApplicationSid": ("voice_application_sid", ""),
    "StatusCallback": ("status_callback", ""),
    "StatusCallbackMethod": ("status_callback_method", "POST"),
    "TrunkSid": ("trunk_sid", None),
    "VoiceReceiveMode": ("voice_receive_mode", "voice"),
    "EmergencyStatus": ("emergency_status", "Inactive"),
    "EmergencyAddressSid": ("emergency_address_sid", None),
    "ApiVersion": ("api_version", "2010-04-01"),
}
FIELDS = (*SETTINGS, "FriendlyName", "BundleSid", "AddressSid", "IdentitySid", "VoiceCallerIdLookup")


def owned_json(account: Account, number: Owned) -> dict[str, Any]:
    shown = {key: number.settings.get(key, default) for key, default in SETTINGS.values()}
    return shown | {
        "sid": number.sid,
        "account_sid": account.sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "capabilities": {kind: kind in number.capabilities for kind in ("voice", "sms", "mms", "fax")},
        "address_requirements": number.address_requirements,
        "address_sid": number.address_sid,
        "bundle_sid": number.bundle_sid,
        "identity_sid": number.identity_sid,
        "beta": number.beta,
        "origin": "twilio",
        "status": "in-use",
        "type": number.number_type,  # toll-free and national: the spelling is [assumed]
        "voice_caller_id_lookup": number.settings.get("voice_caller_id_lookup", False),
        "emergency_address_status": "registered"
        if number.settings.get("emergency_address_sid")
        else "unregistered",
        "date_created": rfc2822(number.created_at),
        "date_updated": rfc2822(number.updated_at),
        "uri": f"/2010-04-01/Accounts/{account.sid}/IncomingPhoneNumbers/{number.sid}.json",
    }


# Buying


@routes.post(".json", "PhoneNumber", "AreaCode", *FIELDS)
def buy(call: Call) -> Answer:
    return 201, owned_json(call.account, _buy(call, None))


def _of_type(call: Call) -> str:
    return FROM_PATH[call.args["owned_type"]]


@routes.post("/{owned_type}.json", "PhoneNumber", "AreaCode", *FIELDS)
def buy_of_type(call: Call) -> Answer:
    return 201, _of_a_type(owned_json(call.account, _buy(call, _of_type(call))))


def _of_a_type(shown: dict[str, Any]) -> dict[str, Any]:
    """The lists of one type have no ``type``."""
    return {key: value for key, value in shown.items() if key != "type"}


def _buy(call: Call, only: str | None) -> Owned:
    """The number, bought now or owned already. The order of the checks is that of twins 6.2."""
    phone_number = call.form.get("PhoneNumber")
    if phone_number is None:
        phone_number = _in_area(call, only)
    if not is_phone_number(phone_number):
        raise TwilioError(21421, f"{phone_number} is not a valid phone number")
    if owned := call.account.number(phone_number):
        # Answers 201 with the same resource and acts as an update, without a charge.
        _apply(call, owned)
        return owned
    available = call.world.market.find(phone_number)
    if available is None:
        raise TwilioError(
            21422, f"{phone_number} is not available. It may have been purchased by someone else."
        )
    if only is not None and available.number_type != only:
        raise TwilioError(21458)
    if call.account.type == "Trial" and call.account.owned:
        raise TwilioError(21404)
    _check_address(call, available, call.form.get("AddressSid"))
    bundle = _check_bundle(call, available.country, available.number_type, call.form.get("BundleSid"))
    _check_address_in_bundle(call.account, bundle, call.form.get("AddressSid"))
    return _charge(call, available)


def buy_by_hand(world: World, account: Account, available: Available) -> Owned:
    """As in the Console, where nothing is asked that this twin would know of."""
    return _charged(world, account, _new(world, available), source="web")


def _new(world: World, available: Available) -> Owned:
    price = world.market.countries[available.country].types[available.number_type].current_price
    now = world.now()
    return Owned(
        sid="",
        phone_number=available.phone_number,
        friendly_name=friendly(available.phone_number),
        country=available.country,
        number_type=available.number_type,
        capabilities=available.capabilities,
        address_requirements=available.address_requirements,
        beta=available.beta,
        cost=price,
        created_at=now,
        updated_at=now,
    )


def _charge(call: Call, available: Available) -> Owned:
    new = _new(call.world, available)
    _apply(call, new, checked=True)  # may still refuse the settings: nothing is bought before that
    return _charged(call.world, call.account, new)


def _charged(world: World, account: Account, new: Owned, *, source: str = "api") -> Owned:
    new.sid = world.sids.new("PN")
    world.market.remove(new.phone_number)
    account.owned[new.sid] = new
    # The balance is taken as it is, also below zero: the real refusal is not known (twins 6.2).
    if account.balance is not None:
        account.balance -= new.cost
    account.purchases += 1
    line = {"sid": new.sid, "phone_number": new.phone_number, "number_type": new.number_type}
    account.ledger.append(line | {"cost": new.cost, "at": new.created_at})
    world.note(account, "created", new, source)
    return new


def _in_area(call: Call, only: str | None) -> str:
    area_code = call.form.get("AreaCode")
    if area_code is None:
        raise TwilioError(21421, "A 'PhoneNumber' or an 'AreaCode' is required")
    if only is not None:
        raise TwilioError(21457)
    if not re.fullmatch(r"[2-9]\d\d", area_code):
        raise TwilioError(21451)
    countries = call.world.market.countries
    for code in sorted(NORTH_AMERICA, reverse=True):
        for number in countries[code].types["local"].stock.values():
            if number.phone_number.startswith("+1" + area_code):
                return number.phone_number
    raise TwilioError(21452)


def _check_address(call: Call, available: Available, address_sid: str | None) -> None:
    """21631 without an address that is needed, 21615 with one in the wrong place.

    A ``local`` number has its own list of towns, apart from the bundle and from its own locality.
    """
    required = available.address_requirements
    if address_sid is None:
        if required != "none":
            raise TwilioError(21631)
        return
    address = call.account.addresses.get(address_sid)
    if address is None:
        raise TwilioError(21615, f"Address {address_sid} was not found")  # code: [assumed]
    if required == "foreign" and address.iso_country == available.country:
        raise TwilioError(
            21615, "Phone Number Requires a Foreign Address. The given Address is in its country."
        )
    if required != "local":
        return
    towns = {fold(place) for place in available.places}
    if address.iso_country != available.country or (towns and fold(address.city) not in towns):
        raise TwilioError(
            21615,
            "Phone Number Requires a Local Address. The given Address must be in "
            + (", ".join(available.places) or available.country)
            + ".",
        )


def _check_bundle(call: Call, country: str, number_type: str, bundle_sid: str | None) -> Bundle | None:
    """21649 in every case; which code comes with the last three texts is [assumed]."""
    if bundle_sid is None:
        if call.world.regulations.find(country, number_type):
            raise TwilioError(21649)
        return None
    bundle = call.account.bundles.get(bundle_sid)
    if bundle is None:
        raise TwilioError(21649, "Bundle not found")
    regulation = call.world.regulations.by_sid[bundle.regulation_sid]
    if (regulation["iso_country"], regulation["number_type"]) != (country, number_type):
        raise TwilioError(21649, "Bundle does not have the correct regulation type for this phone number")
    if bundle.status != "twilio-approved":
        raise TwilioError(21649, "Bundle status is not twilio-approved")
    return bundle


def _check_address_in_bundle(account: Account, bundle: Bundle | None, address_sid: str | None) -> None:
    if bundle is None or address_sid is None:
        return
    if not any(address_sid in document.address_sids for document in account.documents_of(bundle)):
        raise TwilioError(21651)


# Settings


def _url(value: str) -> str:
    if value and not re.match(r"https?://[^/\s]+", value):
        raise TwilioError(21402, f"Url is not a valid url: {value}")
    return value


def _method(value: str) -> str:
    if value.upper() not in ("GET", "POST"):
        raise TwilioError(21403, f"Invalid Method: {value}")
    return value.upper()


def _one_of(*allowed: str) -> Any:
    def read(value: str) -> str:
        if value not in allowed:
            raise TwilioError(20422, f"Invalid Parameter: {value} is not one of {', '.join(allowed)}")
        return value

    return read


def _reader(parameter: str) -> Any:
    if parameter.endswith("Url") or parameter == "StatusCallback":
        return _url
    if parameter.endswith("Method"):
        return _method
    special = {"VoiceReceiveMode": _one_of("voice", "fax"), "EmergencyStatus": _one_of("Active", "Inactive")}
    return special.get(parameter, str)


def _settings(call: Call, number: Owned) -> dict[str, Any]:
    """The settings after this call. Every refusal comes before anything is changed."""
    new = dict(number.settings)
    for parameter, (key, default) in SETTINGS.items():
        if parameter in call.form:
            value = _reader(parameter)(call.form.lists[parameter][-1])
            new[key] = value if value != "" else default
    if (lookup := call.form.flag("VoiceCallerIdLookup")) is not None:
        new["voice_caller_id_lookup"] = lookup
    if "sms" not in number.capabilities and (call.form.get("SmsUrl") or call.form.get("SmsApplicationSid")):
        raise TwilioError(21407)
    if call.form.get("SmsApplicationSid") or call.form.get("VoiceApplicationSid"):
        raise TwilioError(21420)  # the twin has no applications
    if new.get("voice_fallback_url") and not new.get("voice_url"):
        raise TwilioError(21405)
    if new.get("sms_fallback_url") and not new.get("sms_url"):
        raise TwilioError(21406)
    if (emergency := new.get("emergency_address_sid")) and emergency not in call.account.addresses:
        raise TwilioError(20404, f"Address {emergency} was not found")
    return new


def _apply(call: Call, number: Owned, *, checked: bool = False) -> None:
    """checked: address and bundle were looked at already, as part of a purchase."""
    name, settings = call.form.name(), _settings(call, number)
    address_sid = call.form.get("AddressSid") or number.address_sid
    bundle_sid = call.form.get("BundleSid") or number.bundle_sid
    if not checked:
        if address_sid != number.address_sid and (
            known := call.world.market.everything.get(number.phone_number)
        ):
            _check_address(call, known, address_sid)
        if bundle_sid != number.bundle_sid:
            bundle = _check_bundle(call, number.country, number.number_type, bundle_sid)
            _check_address_in_bundle(call.account, bundle, address_sid)
    number.settings, number.address_sid, number.bundle_sid = settings, address_sid, bundle_sid
    number.friendly_name = name or number.friendly_name
    number.identity_sid = call.form.get("IdentitySid") or number.identity_sid
    number.updated_at = call.world.now()


# Owned numbers


def _listing(call: Call, only: str | None) -> Answer:
    part, name, beta = call.query.get("PhoneNumber"), call.query.get("FriendlyName"), call.query.flag("Beta")
    hosted = call.query.get("Origin") == "hosted"
    pattern = re.compile(re.escape(part or "").replace(r"\*", r"\d"))
    found = [
        n
        for n in reversed(call.account.owned.values())
        if only in (None, n.number_type)
        and pattern.search(n.phone_number)  # a part is enough
        and name in (None, n.friendly_name)
        and not (beta is False and n.beta)
        and not hosted
    ]
    entries = [(n.sid, owned_json(call.account, n)) for n in found]
    if only is not None:
        entries = [(sid, _of_a_type(shown)) for sid, shown in entries]
    return page_v2010(call, "incoming_phone_numbers", entries)


FILTERS = ("PhoneNumber", "FriendlyName", "Beta", "Origin")


@routes.listing(".json", *FILTERS)
def owned_numbers(call: Call) -> Answer:
    return _listing(call, None)


@routes.listing("/{owned_type}.json", *FILTERS)
def owned_of_type(call: Call) -> Answer:
    return _listing(call, _of_type(call))


def _owned(call: Call) -> Owned:
    found = call.account.owned.get(call.args["number"])
    if found is None:
        raise not_found(call.path)
    return found


@routes.get("/{number}.json")
def owned_number(call: Call) -> Answer:
    return 200, owned_json(call.account, _owned(call))


@routes.post("/{number}.json", "AccountSid", *FIELDS)
def update(call: Call) -> Answer:
    number = _owned(call)
    if (target := call.form.get("AccountSid")) and target != call.account.sid:
        return 200, _move(call, number, target)
    _apply(call, number)
    return 200, owned_json(call.account, number)


def _move(call: Call, number: Owned, target: str) -> dict[str, Any]:
    """To another account of the family; it leaves its service, bundle and address behind [assumed]."""
    main = call.world.accounts[call.account.owner_sid]
    other = next((a for a in family(call.world, main) if a.sid == target), None)
    if other is None:
        raise TwilioError(20404, f"Account {target} was not found")
    _forget(call.account, number)
    other.owned[number.sid] = replace(number, address_sid=None, bundle_sid=None, updated_at=call.world.now())
    return owned_json(other, other.owned[number.sid])


def _forget(account: Account, number: Owned) -> None:
    del account.owned[number.sid]
    if service := account.service_of(number.sid):
        del service.numbers[number.sid]


@routes.delete("/{number}.json")
def release(call: Call) -> Answer:
    """At once and without undo; nobody can buy it for a while, so it stays out of the stock."""
    number = _owned(call)
    if number.settings.get("emergency_address_sid"):
        raise TwilioError(20409, "The emergency address must be removed first")  # code: [assumed]
    _forget(call.account, number)
    call.world.note(call.account, "deleted", number, "api")
    return 204, None


def monthly_cost(account: Account) -> Decimal:
    return sum((n.cost for n in account.owned.values()), Decimal())
