"""``/twin/...``: how people, tests and scripts steer the twin. JSON in, JSON out, no authentication."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.twilio import review
from sandbox.twilio.bundles import STATUSES
from sandbox.twilio.buying import buy_by_hand, owned_json
from sandbox.twilio.inventory import IN_PRICES, IN_URIS, is_phone_number
from sandbox.twilio.shown import bundle_shown, state_shown
from sandbox.twilio.state import Bundle, Service

if TYPE_CHECKING:
    from sandbox.twilio.twin import TwilioTwin

WAITING = ("pending-review", "in-review", "provisionally-approved")
REVIEWABLE = {"approve": WAITING, "reject": (*WAITING, "twilio-approved")}

Work = Callable[[web.Request, dict[str, Any]], Any]


class Wrong(Exception):
    """A control call that cannot be done; its text says why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def mount(app: web.Application, twin: TwilioTwin) -> None:
    steer = Control(twin)
    for method, path, work in (
        ("GET", "/twin/state", steer.state),
        ("GET", "/twin/calls", steer.calls),
        ("POST", "/twin/bundles/{sid}/review", steer.review),
        ("POST", "/twin/bundles/{sid}", steer.change_bundle),
        ("DELETE", "/twin/bundles/{sid}", steer.delete_bundle),
        ("POST", "/twin/taken", steer.taken),
        ("POST", "/twin/prices", steer.prices),
        ("POST", "/twin/account", steer.account),
        ("POST", "/twin/credentials", steer.credentials),
        ("POST", "/twin/lag", steer.lag),
        ("POST", "/twin/owned", steer.own),
        ("DELETE", "/twin/owned/{sid}", steer.release),
        ("POST", "/twin/services", steer.make_service),
        ("POST", "/twin/services/{sid}", steer.rename_service),
        ("DELETE", "/twin/services/{sid}", steer.delete_service),
        ("GET", "/twin/clock", steer.time),
        ("POST", "/twin/clock", steer.clock),
        ("GET", "/twin/faults", steer.faults),
        ("POST", "/twin/faults", steer.add_fault),
        ("DELETE", "/twin/faults", steer.clear_faults),
    ):
        app.router.add_route(method, path, handler(twin, work))
    app.router.add_route("*", "/twin/{rest:.*}", handler(twin, _unknown))


def _unknown(request: web.Request, _body: dict[str, Any]) -> Any:
    raise Wrong(f"no such control call: {request.method} {request.path}", 404)


def handler(twin: TwilioTwin, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.host.rsplit(":", 1)[0].endswith("twilio.com"):
            return web.json_response({"error": "not a control call"}, status=404)
        try:
            body: Any = {}
            if request.can_read_body:
                try:
                    body = await request.json()
                except ValueError:
                    raise Wrong("the body is not JSON") from None
                if not isinstance(body, dict):
                    raise Wrong("the body must be an object")
            twin.run_due()
            answer = work(request, body)
        except Wrong as wrong:
            return web.json_response({"error": str(wrong)}, status=wrong.status)
        if request.method != "GET":
            twin.changed()
        return web.json_response(answer)

    return handle


def only(body: dict[str, Any], *names: str) -> None:
    if unknown := sorted(set(body) - set(names)):
        raise Wrong(f"unknown: {', '.join(unknown)}; there is {', '.join(names)}")


def _moment(value: Any, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise Wrong(f"{name} is not an ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Control:
    def __init__(self, twin: TwilioTwin) -> None:
        self.twin = twin

    def state(self, _request: web.Request, _body: dict[str, Any]) -> Any:
        return {
            **state_shown(self.twin),
            "callbacks": list(self.twin.callbacks.sent),
            "complaints": self.twin.complaints,
        }

    def calls(self, request: web.Request, _body: dict[str, Any]) -> Any:
        """since: only calls with a higher number."""
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise Wrong("since is the number of a call")
        return [c for c in self.twin.calls if c["number"] > int(since)]

    def _bundle(self, request: web.Request) -> Bundle:
        sid = request.match_info["sid"]
        found = self.twin.account.bundles.get(sid)
        if found is None:
            raise Wrong(f"no bundle {sid}", 404)
        return found

    def review(self, request: web.Request, body: dict[str, Any]) -> Any:
        """Of a bundle in review. One that is approved can only be rejected: Twilio may change its mind."""
        only(body, "verdict", "reasons")
        bundle, verdict, reasons = self._bundle(request), body.get("verdict"), body.get("reasons") or {}
        world, account = self.twin.world, self.twin.account
        if verdict not in ("approve", "reject"):
            raise Wrong("verdict is approve or reject")
        if not isinstance(reasons, dict) or not all(isinstance(v, str) for v in reasons.values()):
            raise Wrong("reasons maps SIDs to texts")
        if bundle.status not in REVIEWABLE[verdict]:
            raise Wrong(f"the bundle is {bundle.status}, so there is nothing to {verdict}", 409)
        if reasons and verdict == "approve":
            raise Wrong("reasons are for a rejection")
        known = {i.object_sid for i in bundle.items.values()}
        if strange := sorted(set(reasons) - known):
            raise Wrong(f"not in this bundle: {', '.join(strange)}")
        if bundle.status == "pending-review":
            review.set_status(world, account, bundle, "in-review")
        if verdict == "approve":
            review.approve(world, account, bundle)
        else:
            review.reject(world, account, bundle, reasons)
        return bundle_shown(self.twin, bundle)

    def change_bundle(self, request: web.Request, body: dict[str, Any]) -> Any:
        """From outside, as Twilio would: no rule of the customer's holds. A new status calls the callback."""
        only(body, "status", "valid_until", "friendly_name", "email", "status_callback", "failure_reason")
        bundle = self._bundle(request)
        if "status" in body and body["status"] not in STATUSES:
            raise Wrong(f"status is one of {', '.join(STATUSES)}")
        if "valid_until" in body:
            bundle.valid_until = _moment(body["valid_until"], "valid_until")
        for name in ("friendly_name", "email", "status_callback", "failure_reason"):
            if name in body:
                setattr(bundle, name, body[name])
        bundle.updated_at = self.twin.world.now()
        if body.get("status") == "twilio-approved":
            review.approve(self.twin.world, self.twin.account, bundle)
        elif "status" in body:
            review.set_status(
                self.twin.world, self.twin.account, bundle, body["status"], body.get("failure_reason")
            )
        self.twin.run_due()
        return bundle_shown(self.twin, bundle)

    def delete_bundle(self, request: web.Request, _body: dict[str, Any]) -> Any:
        bundle = self._bundle(request)
        del self.twin.account.bundles[bundle.sid]
        return {"deleted": bundle.sid}

    def taken(self, _request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "phone_number")
        number = str(body.get("phone_number", ""))
        if not is_phone_number(number):
            raise Wrong("phone_number must be E.164")
        if self.twin.account.number(number):
            raise Wrong(f"{number} is owned by this account", 409)
        self.twin.world.market.take(number)
        return {"taken": number}

    def prices(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """number_type in any of Twilio's spellings."""
        only(body, "country", "number_type", "price")
        country = self.twin.world.market.countries.get(str(body.get("country", "")))
        if country is None:
            raise Wrong("country is not one that the twin sells in")
        wanted = str(body.get("number_type", ""))
        spelled = {
            spelling: name for name in IN_PRICES for spelling in (name, IN_PRICES[name], IN_URIS[name])
        }
        number_type = country.types.get(spelled.get(wanted, ""))
        if number_type is None:
            raise Wrong(
                f"{country.code} has no {wanted or 'number_type'} numbers: {', '.join(country.types)}"
            )
        try:
            number_type.current_price = Decimal(str(body.get("price")))
        except InvalidOperation:
            raise Wrong("price is a number such as 1.15") from None
        return {
            "country": country.code,
            "number_type": number_type.name,
            "price": f"{number_type.current_price:.2f}",
        }

    def account(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """key: ``restricted`` may not read Balance and Accounts, or what ``denied`` names; ``standard`` takes that back."""
        only(
            body,
            "type",
            "balance",
            "currency",
            "status",
            "friendly_name",
            "key",
            "denied",
            "subaccount",
        )
        account = self.twin.account
        if body.get("key", "standard") not in ("standard", "restricted"):
            raise Wrong("key is standard or restricted")
        denied = body.get(
            "denied", ["Balance.json", "Accounts.json"] if body.get("key") == "restricted" else []
        )
        if not isinstance(denied, list) or not all(isinstance(each, str) for each in denied):
            raise Wrong("denied is a list of resources, such as Balance")
        if body.get("type", "Full") not in ("Trial", "Full"):
            raise Wrong("type is Trial or Full")
        if body.get("status", "active") not in ("active", "suspended", "closed"):
            raise Wrong("status is active, suspended or closed")
        try:
            given = body.get("balance", account.balance)
            balance = None if given is None else Decimal(str(given))
        except InvalidOperation:
            raise Wrong("balance is a number such as 0.50, or null") from None
        account.balance = balance
        account.currency = str(body.get("currency", account.currency))
        account.has_parent = bool(body.get("subaccount", account.has_parent))
        if "key" in body or "denied" in body:
            account.denied = denied
        account.type, account.status = body.get("type", account.type), body.get("status", account.status)
        account.friendly_name = body.get("friendly_name", account.friendly_name)
        return state_shown(self.twin)["account"]

    def clock(self, _request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "forward")
        seconds = body.get("forward")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise Wrong("forward is a number of seconds")
        self.twin.forward(seconds)
        return self.time(_request, body)

    def time(self, _request: web.Request, _body: dict[str, Any]) -> Any:
        clock = self.twin.clock
        return {"now": clock.now().isoformat(), "ahead": clock.ahead.total_seconds()}

    def lag(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """From now on reads find what is written so many seconds late."""
        only(body, "seconds")
        seconds = body.get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise Wrong("seconds is a number")
        self.twin.lag = float(seconds)
        return {"seconds": self.twin.lag}

    def credentials(self, _request: web.Request, body: dict[str, Any]) -> Any:
        """As after a change of the secret: every call is refused with 20003 until it is taken back."""
        only(body, "refuse")
        self.twin.refuses_credentials = bool(body.get("refuse"))
        return {"refuse": self.twin.refuses_credentials}

    # What people do in the Console

    def own(self, _request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "phone_number", "friendly_name")
        number = str(body.get("phone_number", ""))
        available = self.twin.world.market.find(number)
        if available is None:
            raise Wrong(f"{number or 'phone_number'} is not for sale")
        owned = buy_by_hand(self.twin.world, self.twin.account, available)
        owned.friendly_name = str(body.get("friendly_name") or owned.friendly_name)
        return owned_json(self.twin.account, owned)

    def release(self, request: web.Request, _body: dict[str, Any]) -> Any:
        account, sid = self.twin.account, request.match_info["sid"]
        number = account.owned.pop(sid, None)
        if number is None:
            raise Wrong(f"no number {sid}", 404)
        self.twin.world.note(account, "deleted", number, "web")
        for service in account.services.values():
            service.numbers.pop(sid, None)
        return {"released": sid}

    def _service(self, request: web.Request) -> Service:
        found = self.twin.account.services.get(request.match_info["sid"])
        if found is None:
            raise Wrong(f"no service {request.match_info['sid']}", 404)
        return found

    def make_service(self, _request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "friendly_name")
        if not body.get("friendly_name"):
            raise Wrong("friendly_name is missing")
        moment = self.twin.world.now()
        sid = self.twin.world.sids.new("MG")
        made = Service(sid, str(body["friendly_name"]), moment, moment, {})
        self.twin.account.services[sid] = made
        return {"sid": sid, "friendly_name": made.friendly_name}

    def rename_service(self, request: web.Request, body: dict[str, Any]) -> Any:
        only(body, "friendly_name")
        found = self._service(request)
        found.friendly_name = str(body.get("friendly_name") or found.friendly_name)
        return {"sid": found.sid, "friendly_name": found.friendly_name}

    def delete_service(self, request: web.Request, _body: dict[str, Any]) -> Any:
        found = self._service(request)
        del self.twin.account.services[found.sid]
        return {"deleted": found.sid}

    def faults(self, _request: web.Request, _body: dict[str, Any]) -> Any:
        return {"faults": [f.json() for f in self.twin.faults.ordered]}

    def add_fault(self, _request: web.Request, body: dict[str, Any]) -> Any:
        try:
            return self.twin.faults.add(body).json()
        except ValueError as error:
            raise Wrong(str(error)) from None

    def clear_faults(self, _request: web.Request, _body: dict[str, Any]) -> Any:
        self.twin.faults.clear()
        return {"faults": []}
