"""messaging.twilio.com: services, their numbers and their WhatsApp senders (twins 7.1 to 7.3)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.inventory import country_of
from sandbox.twilio.state import Account, Owned, Service
from sandbox.twilio.wire import Answer, Call, Routes, iso, page_v1

routes = Routes("messaging", "/v1")

USECASES = ("notifications", "marketing", "verification", "discussion", "poll", "undeclared")
POOL_SIZE, MOST_SERVICES = 400, 10_000
URLS = {
    "InboundRequestUrl": "inbound_request_url",
    "FallbackUrl": "fallback_url",
    "StatusCallback": "status_callback",
}
METHODS = {"InboundMethod": "inbound_method", "FallbackMethod": "fallback_method"}
FLAGS = {
    "StickySender": ("sticky_sender", True),
    "MmsConverter": ("mms_converter", True),
    "SmartEncoding": ("smart_encoding", True),
    "FallbackToLongCode": ("fallback_to_long_code", True),
    "AreaCodeGeomatch": ("area_code_geomatch", True),
    "SynchronousValidation": ("synchronous_validation", False),
    "UseInboundWebhookOnNumber": ("use_inbound_webhook_on_number", False),
}
FIELDS = ("FriendlyName", *URLS, *METHODS, *FLAGS, "ScanMessageContent", "ValidityPeriod", "Usecase")


def service_json(account: Account, service: Service) -> dict[str, Any]:
    url = f"https://messaging.twilio.com/v1/Services/{service.sid}"
    links = {
        "phone_numbers": "PhoneNumbers",
        "short_codes": "ShortCodes",
        "alpha_senders": "AlphaSenders",
        "messages": "Messages",
        "us_app_to_person": "Compliance/Usa2p",
        "us_app_to_person_usecases": "Compliance/Usa2p/Usecases",
        "channel_senders": "ChannelSenders",
        "destination_alpha_senders": "DestinationAlphaSenders",
    }
    defaults: dict[str, Any] = {**dict.fromkeys(URLS.values()), **dict.fromkeys(METHODS.values(), "POST")}
    defaults |= dict(FLAGS.values())
    defaults |= {"scan_message_content": "inherit", "validity_period": 36000, "usecase": "undeclared"}
    return {
        **defaults,
        **service.settings,
        "sid": service.sid,
        "account_sid": account.sid,
        "friendly_name": service.friendly_name,
        "us_app_to_person_registered": is_registered(service),
        "date_created": iso(service.created_at),
        "date_updated": iso(service.updated_at),
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in links.items()},
    }


def is_registered(service: Service) -> bool:
    """Whether it has a VERIFIED campaign for US local numbers."""
    return any(c["campaign_status"] == "VERIFIED" for c in service.campaigns.values())


def _settings(call: Call) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for parameter, key in URLS.items():
        if parameter in call.form:
            value = call.form.get(parameter)
            if value and not re.match(r"https?://[^/\s]+", value):
                raise TwilioError(20422, f"Invalid Parameter: {parameter} is not a URL")
            new[key] = value
    for parameter, key in METHODS.items():
        if value := call.form.get(parameter):
            if value not in ("GET", "POST"):
                raise TwilioError(20422, f"Invalid Parameter: {parameter} must be GET or POST")
            new[key] = value
    for parameter, (key, _) in FLAGS.items():
        if (flag := call.form.flag(parameter)) is not None:
            new[key] = flag
    if scan := call.form.get("ScanMessageContent"):
        if scan not in ("inherit", "enable", "disable"):
            raise TwilioError(20422, "Invalid Parameter: ScanMessageContent")
        new["scan_message_content"] = scan
    if (period := call.form.integer("ValidityPeriod")) is not None:
        if not 1 <= period <= 36000:
            raise TwilioError(20422, "Invalid Parameter: ValidityPeriod must be 1 to 36000 seconds")
        new["validity_period"] = period
    if usecase := call.form.get("Usecase"):
        if usecase not in USECASES:
            raise TwilioError(21713)
        new["usecase"] = usecase
    return new


@routes.listing("/Services")
def services(call: Call) -> Answer:
    """Newest first [assumed]; there is no filter, and names may repeat."""
    found = reversed(call.account.services.values())
    return page_v1(call, "services", [(s.sid, service_json(call.account, s)) for s in found])


@routes.get("/Services/Usecases")
def usecases(call: Call) -> Answer:
    entries = [{"name": u, "friendly_name": u.capitalize(), "description": u.capitalize()} for u in USECASES]
    return 200, {"usecases": entries}


@routes.post("/Services", *FIELDS)
def create_service(call: Call) -> Answer:
    call.form.need("FriendlyName")
    name, settings = call.form.name() or "", _settings(call)
    if len(call.account.services) >= MOST_SERVICES:
        raise TwilioError(30995)
    now = call.world.now()
    service = Service(call.world.sids.new("MG"), name, now, now, settings)
    call.account.services[service.sid] = service
    return 201, service_json(call.account, service)


def find_service(call: Call, sid: str) -> Service:
    """21705 for what is no SID at all, 21701 with 404 for a service that is not there."""
    if not re.fullmatch(r"MG[0-9a-fA-F]{32}", sid):
        raise TwilioError(21705)
    found = call.account.services.get(sid)
    if found is None:
        raise TwilioError(21701, f"The requested Messaging Service {sid} was not found")
    return found


@routes.get("/Services/{service}")
def service(call: Call) -> Answer:
    return 200, service_json(call.account, find_service(call, call.args["service"]))


@routes.post("/Services/{service}", *FIELDS)
def update_service(call: Call) -> Answer:
    found = find_service(call, call.args["service"])
    name, settings = call.form.name(), _settings(call)
    found.friendly_name = name or found.friendly_name
    found.settings |= settings
    found.updated_at = call.world.now()
    return 200, service_json(call.account, found)


@routes.delete("/Services/{service}")
def delete_service(call: Call) -> Answer:
    del call.account.services[find_service(call, call.args["service"]).sid]
    return 204, None


# Numbers in a service


def _number_json(account: Account, service: Service, number: Owned) -> dict[str, Any]:
    spelled = {"mms": "MMS", "sms": "SMS", "voice": "Voice", "fax": "Fax"}
    return {
        "sid": number.sid,  # the PN SID itself
        "account_sid": account.sid,
        "service_sid": service.sid,
        "phone_number": number.phone_number,
        "country_code": number.country or country_of(number.phone_number),
        "capabilities": [shown for kind, shown in spelled.items() if kind in number.capabilities],
        "date_created": iso(service.numbers[number.sid]),
        "date_updated": iso(service.numbers[number.sid]),
        "url": f"https://messaging.twilio.com/v1/Services/{service.sid}/PhoneNumbers/{number.sid}",
    }


@routes.listing("/Services/{service}/PhoneNumbers")
def numbers(call: Call) -> Answer:
    found = find_service(call, call.args["service"])
    owned = [call.account.owned[sid] for sid in reversed(found.numbers) if sid in call.account.owned]
    return page_v1(call, "phone_numbers", [(n.sid, _number_json(call.account, found, n)) for n in owned])


@routes.post("/Services/{service}/PhoneNumbers", "PhoneNumberSid")
def attach(call: Call) -> Answer:
    found = find_service(call, call.args["service"])
    number = call.account.owned.get(call.form.need("PhoneNumberSid"))
    if number is None:
        raise TwilioError(21421, "PhoneNumberSid is not a phone number of this account")
    if holder := call.account.service_of(number.sid):
        raise TwilioError(21710 if holder is found else 21712)
    if not number.capabilities & {"sms", "mms"}:
        raise TwilioError(21715)
    if len(found.numbers) >= POOL_SIZE:
        raise TwilioError(21714)
    found.numbers[number.sid] = call.world.now()
    return 201, _number_json(call.account, found, number)


def _attached(call: Call) -> tuple[Service, Owned]:
    found = find_service(call, call.args["service"])
    if call.args["sid"] not in found.numbers:
        raise TwilioError(21711)
    return found, call.account.owned[call.args["sid"]]


@routes.get("/Services/{service}/PhoneNumbers/{sid}")
def number(call: Call) -> Answer:
    found = find_service(call, call.args["service"])
    if call.args["sid"] not in found.numbers:
        raise not_found(call.path)
    return 200, _number_json(call.account, found, call.account.owned[call.args["sid"]])


@routes.delete("/Services/{service}/PhoneNumbers/{sid}")
def detach(call: Call) -> Answer:
    found, number = _attached(call)
    del found.numbers[number.sid]
    return 204, None


# WhatsApp senders in a service


def _channel_sender_json(account: Account, service: Service, sid: str) -> dict[str, Any]:
    sender_id, added = account.senders[sid]["sender_id"], iso(service.channel_senders[sid])
    return {
        "sid": sid,
        "account_sid": account.sid,
        "messaging_service_sid": service.sid,
        "sender": sender_id,
        "sender_type": "WhatsApp",
        "country_code": country_of(sender_id.removeprefix("whatsapp:")),
        "date_created": added,
        "date_updated": added,
        "url": f"https://messaging.twilio.com/v1/Services/{service.sid}/ChannelSenders/{sid}",
    }


@routes.listing("/Services/{service}/ChannelSenders")
def channel_senders(call: Call) -> Answer:
    found = find_service(call, call.args["service"])
    here = [sid for sid in reversed(found.channel_senders) if sid in call.account.senders]
    entries = [(sid, _channel_sender_json(call.account, found, sid)) for sid in here]
    return page_v1(call, "senders", entries, default=20)


@routes.post("/Services/{service}/ChannelSenders", "Sid")
def add_channel_sender(call: Call) -> Answer:
    """In one service only, as a number is; the codes are those of numbers [assumed]."""
    found, sid = find_service(call, call.args["service"]), call.form.need("Sid")
    if sid not in call.account.senders:
        raise not_found(call.path)
    if holder := next((s for s in call.account.services.values() if sid in s.channel_senders), None):
        raise TwilioError(21710 if holder is found else 21712)
    found.channel_senders[sid] = call.world.now()
    return 201, _channel_sender_json(call.account, found, sid)


def _channel_sender(call: Call) -> tuple[Service, str]:
    found, sid = find_service(call, call.args["service"]), call.args["sid"]
    if sid not in found.channel_senders or sid not in call.account.senders:
        raise not_found(call.path)
    return found, sid


@routes.get("/Services/{service}/ChannelSenders/{sid}")
def channel_sender(call: Call) -> Answer:
    return 200, _channel_sender_json(call.account, *_channel_sender(call))


@routes.delete("/Services/{service}/ChannelSenders/{sid}")
def remove_channel_sender(call: Call) -> Answer:
    found, sid = _channel_sender(call)
    del found.channel_senders[sid]
    return 204, None
