"""``/twin/...`` for sending: what carriers, reviewers, Meta and people with telephones do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.twilio import registrations
from sandbox.twilio.control import Wrong, handler, only
from sandbox.twilio.delivery import LATER, WHATSAPP, receive
from sandbox.twilio.geo import COUNTRIES
from sandbox.twilio.inventory import is_phone_number
from sandbox.twilio.messages import message_json
from sandbox.twilio.senders import PARTS, STATUSES, sender_json
from sandbox.twilio.state import Fate, Owned

if TYPE_CHECKING:
    from sandbox.twilio.twin import TwilioTwin

UNKNOWN = 30008
ENDS = ("delivered", "undelivered", "failed", "sent")
WABA_ID = "100000000000001"
DICTIONARY = "https://www.twilio.com/docs/errors/63020"


def mount(app: web.Application, twin: TwilioTwin) -> None:
    steer = SendingControl(twin)
    for path, work in (
        ("/twin/a2p", steer.a2p),
        ("/twin/tollfree", steer.tollfree),
        ("/twin/geo", steer.geo),
        ("/twin/senders", steer.senders),
        ("/twin/deliveries", steer.deliveries),
        ("/twin/incoming", steer.incoming),
    ):
        app.router.add_post(path, handler(twin, work))


def _one_of(body: dict[str, Any], name: str, allowed: tuple[str, ...], *, usual: str | None = None) -> Any:
    """The value, None where the body says null."""
    value = body.get(name, usual)
    if value is not None and value not in allowed:
        raise Wrong(f"{name} is one of {', '.join(allowed)}")
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    if not isinstance(body[name], bool):
        raise Wrong(f"{name} is true or false")
    return bool(body[name])


def _phone_number(body: dict[str, Any], name: str) -> str:
    """As it was given, ``whatsapp:`` included."""
    value = str(body.get(name, ""))
    if not is_phone_number(value.removeprefix(WHATSAPP)):
        raise Wrong(f"{name} must be E.164")
    return value


def _errors(body: dict[str, Any], name: str, usual: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """A list of objects, or of texts, which become objects like the usual one."""
    given = body.get(name) or [usual]
    if not isinstance(given, list) or not all(isinstance(each, str | dict) for each in given):
        raise Wrong(f"{name} is a list of texts or objects")
    return [usual | ({text: each} if isinstance(each, str) else each) for each in given]


class SendingControl:
    def __init__(self, twin: TwilioTwin) -> None:
        self.twin = twin

    def _owned(self, body: dict[str, Any]) -> Owned:
        number = self.twin.account.number(_phone_number(body, "phone_number"))
        if number is None:
            raise Wrong(f"{body['phone_number']} is not owned by this account", 404)
        return number

    def a2p(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """The service's campaign as the carriers left it; null takes it away. Its brand is approved unless said."""
        only(body, "service", "campaign_status", "errors", "brand_status")
        world, account = self.twin.world, self.twin.account
        service = account.services.get(str(body.get("service")))
        if service is None:
            raise Wrong(f"no service {body.get('service')}", 404)
        status = _one_of(body, "campaign_status", registrations.CAMPAIGN_STATUSES)
        brand_status = _one_of(body, "brand_status", registrations.BRAND_STATUSES)
        if status is None:
            service.campaigns.clear()
            return {"service": service.sid, "campaign": None}
        failed = {
            "error_code": 30886,
            "description": "Campaign description is invalid",
            "url": "",
            "fields": [],
        }
        errors = _errors(body, "errors", failed, "description") if status == "FAILED" else []
        found = next(iter(service.campaigns.values()), None)
        if found is None:
            brand = next(iter(account.brands.values()), None)
            brand = brand or registrations.brand(world, account, status="APPROVED")
            found = registrations.campaign(world, account, service, brand_registration_sid=brand["sid"])
        found |= {"campaign_status": status, "errors": errors}
        if brand_status:
            account.brands[found["brand_registration_sid"]]["status"] = brand_status
        return {"service": service.sid, "campaign": found}

    def tollfree(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """A toll-free number's verification as the reviewers left it; null takes it away."""
        only(body, "phone_number", "status", "rejection_reasons")
        number = self._owned(body)
        if number.number_type != "toll-free":
            raise Wrong(f"{number.phone_number} is a {number.number_type} number")
        status = _one_of(body, "status", registrations.VERIFICATION_STATUSES)
        account = self.twin.account
        if status is None:
            if found := registrations.verification_of(account, number):
                del account.tollfree_verifications[found["sid"]]
            return {"phone_number": number.phone_number, "status": None}
        rejected = {"code": 30445, "reason": "Invalid information"}
        reasons = _errors(body, "rejection_reasons", rejected, "reason")
        fields = registrations.reviewed(self.twin.world, status, reasons)
        return registrations.verification(self.twin.world, account, number, **fields)

    def geo(self, _request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "country", "enabled", "high_risk")
        country, account, world = body.get("country"), self.twin.account, self.twin.world
        if country not in COUNTRIES:
            raise Wrong("country is an ISO code such as GB")
        for name, known in (("enabled", account.geo_permissions), ("high_risk", world.high_risk)):
            if name in body:
                (known.add if _flag(body, name) else known.discard)(country)
        enabled, high_risk = country in account.geo_permissions, country in world.high_risk
        return {"country": country, "enabled": enabled, "high_risk": high_risk}

    def senders(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """A WhatsApp sender, as one made in the Console: the account's own number or any other. Null deletes it.

        code: what WhatsApp will ask of the number when it is registered; without a status nothing else is done.
        """
        only(body, "phone_number", "status", "name", "offline_reasons", "code")
        number = _phone_number(body, "phone_number").removeprefix(WHATSAPP)
        if "code" in body:
            if not re.fullmatch(r"[0-9]{6}", str(body["code"])):
                raise Wrong("code is six digits")
            self.twin.account.codes[number] = str(body["code"])
            if "status" not in body:
                return {"phone_number": number, "code": body["code"]}
        status = _one_of(body, "status", STATUSES, usual="ONLINE")
        known, sender_id = self.twin.account.senders, WHATSAPP + number
        found = next((each for each in known.values() if each["sender_id"] == sender_id), None)
        if status is None:
            if found:
                del known[found["sid"]]
            return {"phone_number": number, "status": None}
        if found is None:
            sid = self.twin.world.sids.new("XE")
            parts = {
                "configuration": {"waba_id": WABA_ID},
                "profile": {"name": body.get("name") or "Example"},
            }
            found = known[sid] = {"sid": sid, "sender_id": sender_id} | dict.fromkeys(PARTS) | parts
        away = {"code": "63020", "message": "The invitation was not accepted", "more_info": DICTIONARY}
        reasons = _errors(body, "offline_reasons", away, "message") if status == "OFFLINE" else None
        found |= {"status": status, "offline_reasons": reasons}
        return sender_json(found)

    def deliveries(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """What becomes of messages to a number from now on; without a status that is decided as for any other."""
        only(body, "to", "status", "error_code", "after")
        to, status = _phone_number(body, "to"), _one_of(body, "status", ENDS)
        after, code = body.get("after", Fate.after), body.get("error_code")
        if not isinstance(after, int | float) or isinstance(after, bool) or after < 0:
            raise Wrong("after is a number of seconds")
        if status in ("undelivered", "failed"):
            code = code or UNKNOWN
        elif code is not None:
            raise Wrong("error_code belongs to undelivered and failed")
        if code is not None and not isinstance(code, int):
            raise Wrong(f"error_code is a number, such as {', '.join(map(str, sorted(LATER)))}")
        if status is None:
            self.twin.account.fates.pop(to, None)
        else:
            self.twin.account.fates[to] = Fate(status, code, float(after))
        return {"to": to, "status": status, "error_code": code, "after": after}

    def incoming(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """Somebody texts a number or a WhatsApp sender of the account; the message, or null where Twilio drops it."""
        only(body, "to", "from", "body")
        to, from_ = _phone_number(body, "to"), _phone_number(body, "from")
        account = self.twin.account
        if to.startswith(WHATSAPP) is not from_.startswith(WHATSAPP):
            raise Wrong("both are whatsapp: or neither")
        if to.startswith(WHATSAPP):
            if to not in {each["sender_id"] for each in account.senders.values()}:
                raise Wrong(f"{to} is no sender of this account", 404)
        elif not (number := account.number(to)) or "sms" not in number.capabilities:
            raise Wrong(f"{to} cannot receive texts for this account", 404)
        received = receive(self.twin.world, account, to, from_, str(body.get("body", "")))
        return {"message": message_json(account, received) if received else None}
