"""One short audit; `make audit` takes 300 requests. And that what is wrong would be found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.walks import judge
from tests.walks.audit import GROUP, POLICIES, audited
from tests.walks.checks import Json

NUMBER, ANOTHER, THIRD = "+15045550108", "+15045550109", "+12125550199"
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
BEFORE = datetime.min.replace(tzinfo=UTC)
BUNDLE = "BU1"


async def test_a_short_audit_finds_nothing() -> None:
    story, evidence, complaints = await audited(4, seed=7)
    assert [*judge.findings(evidence), *complaints] == [], "\n".join(story)


def offered(number: str, **more: Any) -> Json:
    can = {"voice": True, "SMS": True, "MMS": False}
    place = {"locality": "New Orleans", "region": "LA", "postal_code": "70112"}
    return {
        "phone_number": number,
        "capabilities": can,
        "address_requirements": "none",
        "beta": False,
        **place,
        **more,
    }


class Case:
    """A purchase by the book, for one thing of it to be made wrong."""

    def __init__(self) -> None:
        self.quote: Json = {
            "phone_number": NUMBER, "country": "US", "number_type": "local", "capabilities": ["sms", "voice"], "locality": "New Orleans",
            "region": "LA", "address_requirements": "none", "price": "1.15", "ceiling": "1.15", "currency": "USD", "if_gone": "ask",
            "service": "existing", "service_sid": "MG1", "service_name": "Leeds", "regulated": False, "revision": 0,
        }  # fmt: skip
        self.revised: Json | None = None
        self.between: list[tuple[str, str | None, Json]] = []
        self.approver = "U0APPROVER"
        self.bought: Json = {
            "phone_number": NUMBER,
            "price": "1.15",
            "currency": "USD",
            "phone_number_sid": "PN1",
        }
        self.read = "1.15"
        """What the record has as the price directly before."""
        self.ledger = [self.sold(NUMBER)]
        self.owned: Json = {"country": "US", "number_type": "local", "capabilities": ["sms", "voice"]}
        self.calls = [self.priced(1), self.call(NUMBER), self.into("MG1")]
        self.market = {each: offered(each) for each in (NUMBER, ANOTHER)}
        self.price = "1.15"
        """Twilio's, all the time."""
        self.did: list[Json] = []
        self.pressed: Json = {"verb": "approve", "quote": 1, "number": NUMBER, "price": "1.15", "ok": False}
        self.asked: Json = {
            "number": NUMBER,
            "if_gone": "ask",
            "service": "MG1",
            "bundle": None,
            "wanted": [],
            "contains": "",
        }

    @staticmethod
    def sold(number: str, cost: str = "1.15") -> Json:
        return {"phone_number": number, "cost": cost, "at": (AT + timedelta(seconds=4)).isoformat()}

    @staticmethod
    def call(number: str, status: int = 201, after: int = 4, **more: str) -> Json:
        form = {"PhoneNumber": number, "FriendlyName": "Reminders (nd-abcdef)", **more}
        at = (AT + timedelta(seconds=after)).isoformat()
        code = 21422 if status == 400 else None
        return {
            "host": "api.twilio.com",
            "method": "POST",
            "path": f"/Accounts/AC{judge.NUMBERS}",
            "form": form,
            "status": status,
            "code": code,
            "at": at,
        }

    @staticmethod
    def into(service: str) -> Json:
        path, at = f"/v1/Services/{service}/PhoneNumbers", (AT + timedelta(seconds=6)).isoformat()
        return {
            "host": "messaging.twilio.com",
            "method": "POST",
            "path": path,
            "form": {"PhoneNumberSid": "PN1"},
            "status": 201,
            "code": None,
            "at": at,
        }

    @staticmethod
    def priced(after: int) -> Json:
        """The price is asked for."""
        at = (AT + timedelta(seconds=after)).isoformat()
        path = "/v1/PhoneNumbers/Countries/US"
        return {
            "host": "pricing.twilio.com",
            "method": "GET",
            "path": path,
            "form": None,
            "status": 200,
            "at": at,
        }

    def substitute(self, number: str, **more: Any) -> None:
        """Taken by rule 6, as the record has it."""
        self.quote |= {"if_gone": "closest", "ceiling": "2.00"}
        self.asked["if_gone"] = "closest"
        self.market[number] = offered(number, **more)
        self.revised = {**self.quote, "phone_number": number, "instead_of": NUMBER, "revision": 1}
        self.bought["phone_number"] = number
        self.ledger = [self.sold(number)]
        self.calls = [self.priced(1), self.call(NUMBER, 400, after=3), self.call(number), self.into("MG1")]

    def costs(self, price: str) -> None:
        self.price = self.read = self.bought["price"] = price
        self.ledger = [self.sold(self.bought["phone_number"], price)]

    def found(self) -> list[str]:
        lines: list[tuple[str, str | None, Json]] = [
            ("submitted", "U0REQUESTER", {}),
            ("quote", "U0REQUESTER", self.quote),
            ("approval", self.approver, {}),
            *self.between,
            *([("quote", None, self.revised)] if self.revised else []),
            ("buying", None, {"phone_number": self.bought["phone_number"], "price": self.read}),
            ("charge", None, self.bought),
        ]
        record = [
            {
                "no": no,
                "at": (AT + timedelta(seconds=no / 2)).isoformat(),
                "what": what,
                "purchase": "abcdef00",
                "person": person,
                "quote": 1,
                "details": details,
            }
            for no, (what, person, details) in enumerate(lines, 1)
        ]
        owned = [{"phone_number": each["phone_number"], **self.owned} for each in self.ledger]
        bundles = [{"sid": BUNDLE, "items": []}]
        first: Json = {"at": BEFORE, "by": BEFORE}
        done: list[Json] = [
            {"what": "price", "country": "US", "number_type": "local", "price": self.price, **first},
            {"what": "policy", "rules": POLICIES[0], **first},
            {"what": "members", "list": GROUP, "people": ["U0APPROVER", "U0APPROVER2"], **first},
            *({"what": "person", "person": each, "barred": False, **first} for each in ("U0APPROVER", "U0REQUESTER")),
            {"what": "service", "sid": "MG1", "name": "Leeds", "made": False, **first},
            {"what": "asked", "person": "U0REQUESTER", "purpose": "Reminders", "at": AT, "by": AT, **self.asked},
            {"what": "pressed", "purchase": "abcdef00", "person": self.approver, "at": AT, "by": AT, **self.pressed},
            *self.did,
        ]  # fmt: skip
        state = {"ledger": self.ledger, "owned_numbers": owned, "bundles": bundles}
        return list(judge.findings(judge.Evidence(record, state, self.calls, self.market, done)))


def test_a_price_read_before_the_clock_was_moved_is_read_just_before() -> None:
    case = Case()
    case.calls[0] = case.priced(-400)
    assert any("Twilio has said nothing lately" in each for each in case.found())
    at = AT - timedelta(seconds=399)
    case.did = [{"what": "jump", "at": at, "by": at + timedelta(seconds=399)}]
    assert case.found() == []


def since(minutes: int, what: str, **more: Any) -> Json:
    at = AT - timedelta(minutes=minutes)
    return {"what": what, "at": at, "by": at, **more}


def right() -> Iterator[tuple[str, Case]]:
    yield "by the book", Case()
    yield "a substitute", (case := Case())
    case.substitute(ANOTHER)
    yield "cheaper", (case := Case())
    case.costs("0.90")
    yield "dearer since the price was read", (case := Case())
    case.ledger = [case.sold(NUMBER, "1.60")]
    case.did = [
        {
            "what": "price",
            "country": "US",
            "number_type": "local",
            "price": "1.60",
            "at": AT + timedelta(seconds=3),
            "by": AT + timedelta(seconds=3),
        }
    ]
    yield "bought in the Console in the same moment", (case := Case())
    case.did = [since(0, "by_hand", number=NUMBER)]
    yield "tried to put into a service that was deleted", (case := Case())
    case.did = [since(1, "service", sid="MG1", name="", made=False)]
    yield "with the first bundle", (case := Case())
    case.quote["regulated"] = True
    case.revised = {**case.quote, "bundle_sid": BUNDLE, "revision": 1}
    case.between = [("bundle_given", "U0COMPLIANCE", {"bundle_sid": BUNDLE})]
    case.calls[1] = case.call(NUMBER, BundleSid=BUNDLE)
    yield "somebody who has left four minutes ago", (case := Case())
    case.did = [since(4, "members", list=GROUP, people=["U0APPROVER2"])]


def wrong() -> Iterator[tuple[str, Case]]:
    yield "bought in the Console before", (case := Case())
    case.did = [since(9, "by_hand", number=NUMBER)]
    yield "never approved", (case := Case())
    case.pressed["verb"] = "deny"
    yield "by who asked", (case := Case())
    case.approver = "U0REQUESTER"
    yield "by who left six minutes ago", (case := Case())
    case.did = [since(6, "members", list=GROUP, people=["U0APPROVER2"])]
    yield "by who is deactivated", (case := Case())
    case.did = [since(6, "person", person="U0APPROVER", barred=True)]
    yield "by a policy that wants two", (case := Case())
    case.did = [since(1, "policy", rules=POLICIES[1])]
    yield "an older quote", (case := Case())
    case.pressed["quote"] = 2
    yield "another price on the card", (case := Case())
    case.pressed["price"] = "1.00"
    yield "dearer", (case := Case())
    case.costs("1.60")
    yield "dearer than it was on record", (case := Case())
    case.ledger = [case.sold(NUMBER, "1.60")]
    yield "another price on record", (case := Case())
    case.bought["price"] = "1.10"
    yield "by a price that Twilio never had", (case := Case())
    case.price = "1.60"
    yield "by a price of long ago", (case := Case())
    case.calls[0] = case.priced(-60)
    yield "twice", (case := Case())
    case.ledger *= 2
    yield "asked for again", (case := Case())
    case.calls.append(case.call(NUMBER, after=30))
    yield "another number", (case := Case())
    case.substitute(ANOTHER)
    case.quote["if_gone"] = case.asked["if_gone"] = "ask"
    yield "a substitute without a refusal", (case := Case())
    case.substitute(ANOTHER)
    del case.calls[1]
    for name, more in {
        "that cannot text": {"capabilities": {"voice": True, "SMS": False}},
        "with an address": {"address_requirements": "local"},
    }.items():
        yield f"a substitute {name}", (case := Case())
        case.substitute(ANOTHER, **more)
    for name, filters in {
        "elsewhere": {"in_locality": "New Orleans"},
        "in another area": {"area_code": 504},
        "with other digits": {"contains": "08$"},
        "that is new": {"beta": False},
    }.items():
        yield f"a substitute {name}", (case := Case())
        case.quote["filters"] = filters
        case.substitute(THIRD, locality="New York", beta=True)
    yield "a dear substitute", (case := Case())
    case.substitute(ANOTHER)
    case.costs("2.40")
    yield "unable", (case := Case())
    case.owned["capabilities"] = ["voice"]
    yield "of another type", (case := Case())
    case.owned["number_type"] = "toll-free"
    yield "elsewhere", (case := Case())
    case.market[NUMBER] = offered(NUMBER, locality="Leeds")
    yield "with another bundle", (case := Case())
    case.quote |= {"regulated": True, "bundle_sid": "BU2"}
    case.asked["bundle"] = "BU2"
    case.calls[1] = case.call(NUMBER, BundleSid=BUNDLE)
    yield "with a bundle that nobody gave", (case := Case())
    case.quote["regulated"] = True
    case.revised = {**case.quote, "bundle_sid": BUNDLE, "revision": 1}
    case.calls[1] = case.call(NUMBER, BundleSid=BUNDLE)
    yield "into another service", (case := Case())
    case.calls[2] = case.into("MG2")
    case.did = [since(60, "service", sid="MG2", name="Marketing", made=True)]
    yield "into one that was renamed", (case := Case())
    case.did = [since(1, "service", sid="MG1", name="Marketing", made=False)]
    yield "withdrawn", (case := Case())
    case.between = [("withdrawn", "U0REQUESTER", {})]
    yield "denied on a page", (case := Case())
    case.did = [
        since(
            0,
            "pressed",
            purchase="abcdef00",
            person="U0APPROVER2",
            verb="deny",
            quote=1,
            number=NUMBER,
            price="1.15",
            ok=True,
        )
    ]
    yield "not asked for", (case := Case())
    case.asked["number"] = ANOTHER
    yield "asked for otherwise", (case := Case())
    case.asked["service"] = "none"


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in right()])
def test_what_is_right_is_not_found(case: Case) -> None:
    assert case.found() == []


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in wrong()])
def test_what_is_wrong_is_found(case: Case) -> None:
    assert case.found()
