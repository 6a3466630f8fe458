"""Whether each number that was bought was approved as it was bought, by people who might approve it then. Pure.

It believes nobody: what the app has on record, what Twilio has sold, and what the audit itself did and saw are held against each other.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from tests.walks.checks import Json

MEMBERS_FOR = timedelta(minutes=5, seconds=1)
"""So long a list of members may be old that lets somebody approve; a second for the moments at which both are written down."""
POLICY_WITHIN = timedelta(seconds=5)
"""An edit counts when two looks, a second apart, have seen it; and the machine may be busy."""
PRICE_WITHIN = timedelta(seconds=15)
"""So long a read may be old when the intent is written: Twilio's slowest answer to what is asked beside it."""
SOLD_WITHIN = timedelta(minutes=6)
"""From the intent on, with a lost answer and a clock that is moved meanwhile."""
NUMBERS = "/IncomingPhoneNumbers.json"
NO = ("denied", "withdrawn", "lapsed", "ended")


@dataclass(frozen=True)
class Evidence:
    record: Sequence[Json]
    """``python -m bot record``"""
    twilio: Json
    """the twin's state at the end"""
    calls: Sequence[Json]
    """what the app has sent to Twilio, reads left out"""
    market: dict[str, Json] = field(default_factory=dict)
    """numbers as Twilio offered them before anything was bought"""
    done: Sequence[Json] = ()
    """what the audit did, each with ``what``, and the moments ``at`` and ``by`` between which it took effect"""

    @cached_property
    def of(self) -> dict[str, list[Json]]:
        """The record by purchase."""
        found: dict[str, list[Json]] = {}
        for each in self.record:
            found.setdefault(each["purchase"] or "", []).append(each)
        return found

    @cached_property
    def owned(self) -> dict[str, Json]:
        return {each["phone_number"]: each for each in self.twilio["owned_numbers"]}

    @cached_property
    def charges(self) -> list[Json]:
        return [each for each in self.record if each["what"] == "charge"]

    def did(self, *what: str) -> Iterator[Json]:
        return (each for each in self.done if each["what"] in what)

    def tries(self, number: str) -> list[Json]:
        """Calls that would have bought it."""
        return [
            each
            for each in self.calls
            if each["method"] == "POST"
            and each["path"].endswith(NUMBERS)
            and (each["form"] or {}).get("PhoneNumber") == number
        ]

    def before(self, moment: datetime, span: timedelta) -> datetime:
        """So long before, with the clock moved meanwhile left out: a call under way was not slower for it."""
        since = moment - span
        for jump in sorted(self.did("jump"), key=lambda each: each["by"], reverse=True):
            if since < jump["by"] and jump["at"] <= moment:
                since -= jump["by"] - jump["at"]
        return since

    def held(self, key: str, since: datetime, until: datetime, **fixed: str) -> list[Json]:
        """What was so at some moment between: entries of the kind ``key``, each until the next has taken effect."""
        entries = [each for each in self.did(key) if fixed.items() <= each.items()]
        return [
            each
            for n, each in enumerate(entries)
            if each["at"] <= until and (each is entries[-1] or entries[n + 1]["by"] >= since)
        ]


def findings(evidence: Evidence) -> Iterator[str]:
    yield from bought_once(evidence)
    for charge in evidence.charges:
        of = [each for each in evidence.of[charge["purchase"]] if each["no"] < charge["no"]]
        intents = [each for each in of if each["what"] == "buying"]
        quotes = [each for each in of if each["what"] == "quote" and each["quote"] == charge["quote"]]
        number = charge["details"]["phone_number"]
        if not intents or not quotes:
            yield f"{number}: bought without {'a quote' if intents else 'an intent'} on record"
            continue
        before = [each for each in quotes if each["no"] < intents[-1]["no"]]
        yield from as_approved(evidence, charge, intents[-1], [each["details"] for each in before])
        yield from by_whom(evidence, charge, intents[-1])
        yield from in_its_service(evidence, charge, before[-1]["details"])
        for each in of:
            if each["what"] in NO:
                yield f"{number}: bought after it was {each['what']}"
    yield from as_pressed(evidence)
    yield from as_asked(evidence)


def bought_once(evidence: Evidence) -> Iterator[str]:
    by_hand = {each["number"] for each in evidence.did("by_hand")} - {*_taken_from_under(evidence)}
    ledger = [each for each in evidence.twilio["ledger"] if each["phone_number"] not in by_hand]
    sold = Counter(each["phone_number"] for each in ledger)
    charged = Counter(each["details"]["phone_number"] for each in evidence.charges)
    yield from (
        f"{each}: {sold[each]} times in Twilio's ledger, {charged[each]} charges on record"
        for each in sold | charged
        if sold[each] != 1 or charged[each] != 1
    )
    purchases = Counter(each["purchase"] for each in evidence.charges)
    yield from (
        f"{times} charges for request {purchase}" for purchase, times in purchases.items() if times > 1
    )
    for line in ledger:
        number = line["phone_number"]
        sold_at = datetime.fromisoformat(line["at"].replace("Z", "+00:00")) + timedelta(seconds=2)
        late = [each for each in evidence.tries(number) if datetime.fromisoformat(each["at"]) > sold_at]
        if late:
            yield f"{number}: asked for again after it was bought, {late[0]['at']}"


def _taken_from_under(evidence: Evidence) -> Iterator[str]:
    """Numbers bought in the Console after the app had looked whether they are owned, and before its call: Twilio takes that as a change of
    the number, and says 201."""
    charged = {each["details"]["phone_number"]: _at(each) for each in evidence.charges}
    for each in evidence.did("by_hand"):
        if each["number"] in charged and abs(charged[each["number"]] - each["at"]) < PRICE_WITHIN:
            yield each["number"]


def as_approved(evidence: Evidence, charge: Json, intent: Json, quotes: Sequence[Json]) -> Iterator[str]:
    """quotes: the one that was approved first, then what became of it within its approval."""
    approved, last, number = quotes[0], quotes[-1], charge["details"]["phone_number"]
    costs = [Decimal(e["cost"]) for e in evidence.twilio["ledger"] if e["phone_number"] == number]
    sent = [each["form"] for each in evidence.tries(number) if not 400 <= (each["status"] or 500) < 500]
    mark = f"(nd-{charge['purchase'][:6]})"
    if len(costs) != 1 or not sent:
        return  # told by bought_once
    if any(not form.get("FriendlyName", "").endswith(mark) for form in sent):
        yield f"{number}: bought under the name of another request than {charge['purchase']}"
    if intent["details"]["phone_number"] != number or last["phone_number"] != number:
        yield f"{number}: the intent was for {intent['details']['phone_number']}"
    substitute = number != approved["phone_number"]
    if substitute and approved["if_gone"] != "closest":
        yield f"{number}: bought in place of {approved['phone_number']}, which was approved"
    elif substitute:
        yield from (f"{number}: {each}" for each in no_substitute(evidence, number, approved, last))
    most = Decimal(approved["ceiling"] if substitute else approved["price"])
    yield from (f"{number}: {each}" for each in another_price(evidence, approved, intent, costs[0], most))
    if charge["details"]["price"] != intent["details"]["price"]:
        yield f"{number}: {charge['details']['price']} is charged, {intent['details']['price']} was read"
    if (charge["details"]["currency"], approved["currency"]) != ("USD", "USD"):
        yield f"{number}: approved in {approved['currency']}, bought in {charge['details']['currency']}"
    yield from (f"{number}: {each}" for each in another_kind(evidence, number, approved))
    yield from (f"{number}: {each}" for each in another_bundle(evidence, charge, sent[-1], quotes))


def another_price(
    evidence: Evidence, approved: Json, intent: Json, cost: Decimal, most: Decimal
) -> Iterator[str]:
    """What Twilio said directly before is what it took, unless it has changed its price since: nobody can do anything about that."""
    read = Decimal(intent["details"]["price"])
    if read > most:
        yield f"the intent is for {read}, approved up to {most}"
    at, where = _at(intent), f"/Countries/{approved['country']}"
    asked = [
        datetime.fromisoformat(each["at"])
        for each in evidence.calls
        if each["host"] == "pricing.twilio.com" and each["path"].endswith(where)
    ]
    since_when = evidence.before(at, PRICE_WITHIN)
    lately = [each for each in asked if since_when <= each <= at]  # of this request, or of another one
    kind = {"country": approved["country"], "number_type": approved["number_type"]}
    said = {
        Decimal(price["price"])
        for each in lately
        for price in evidence.held("price", each, each + timedelta(seconds=1), **kind)
    }
    if read not in said:
        yield f"{read} on record at {at}, Twilio has said {sorted(said) or 'nothing'} lately"
    since = {Decimal(each["price"]) for each in evidence.held("price", since_when, at + SOLD_WITHIN, **kind)}
    if cost != read and cost not in since:
        yield f"bought for {cost}, on record {read}"


def another_kind(evidence: Evidence, number: str, approved: Json) -> Iterator[str]:
    """Country, type, capabilities, place: by what Twilio has under it, and what it offered."""
    ours, offered = evidence.owned.get(number), evidence.market.get(number)
    if ours is not None:
        for name in ("country", "number_type"):
            if ours[name] != approved[name]:
                yield f"{ours[name]} was bought, {approved[name]} approved"
        if missing := {*approved.get("capabilities", ()), *approved.get("wanted", ())} - {
            *ours["capabilities"]
        }:
            yield f"it cannot {sorted(missing)}, which was approved"
    if offered is not None and number == approved["phone_number"]:
        for name in ("locality", "region"):
            if (offered[name] or "") != approved.get(name, ""):
                yield f"it lies in {offered[name]}, approved was {approved.get(name)}"
        if offered["address_requirements"] != approved["address_requirements"]:
            yield f"its address need is {offered['address_requirements']}, approved {approved['address_requirements']}"


def no_substitute(evidence: Evidence, number: str, approved: Json, last: Json) -> Iterator[str]:
    """Rule 6, and that the approved number was really gone."""
    if not any(each["code"] == 21422 for each in evidence.tries(approved["phone_number"])):
        yield f"in place of {approved['phone_number']}, which Twilio never refused"
    filters, offered = approved.get("filters", {}), evidence.market.get(number)
    if wanted := str(filters.get("contains") or ""):
        digits = wanted.strip("$")
        fits = (
            number.endswith(digits)
            if wanted.endswith("$")
            else number.startswith(digits)
            if digits.startswith("+")
            else digits in number
        )
        if not fits:
            yield f"a substitute that does not fit the digits {wanted}"
    if offered is None:
        yield "a substitute that was not on sale before"
        return
    can = {name.lower() for name, on in offered["capabilities"].items() if on}
    needed = {
        name.removesuffix("_enabled") for name, on in filters.items() if name.endswith("_enabled") and on
    }
    if missing := {*needed, *approved.get("capabilities", ())} - can:
        yield f"a substitute that cannot {sorted(missing)}"
    for name, key in (
        ("in_locality", "locality"),
        ("in_region", "region"),
        ("in_postal_code", "postal_code"),
    ):
        if name in filters and (offered[key] or "").casefold() != str(filters[name]).casefold():
            yield f"a substitute in {offered[key]}, searched for was {filters[name]}"
    if "area_code" in filters and not number.startswith(f"+1{filters['area_code']}"):
        yield f"a substitute outside the area code {filters['area_code']}"
    if filters.get("beta") is False and offered["beta"]:
        yield "a substitute that is new to Twilio"
    need = offered["address_requirements"]
    if need not in ("none", approved["address_requirements"]):
        yield f"a substitute that needs an address ({need}), approved {approved['address_requirements']}"
    if (
        approved["address_requirements"] != "none"
        and need != "none"
        and (offered["locality"] or "") != approved.get("locality", "")
    ):
        yield f"a substitute in {offered['locality']}, its address ties it to {approved.get('locality')}"
    if last.get("instead_of") != approved["phone_number"]:
        yield f"the record has it in place of {last.get('instead_of')}, approved was {approved['phone_number']}"


def another_bundle(evidence: Evidence, charge: Json, sent: Json, quotes: Sequence[Json]) -> Iterator[str]:
    """The bundle that was quoted; where it was to be added the first one that somebody who might gave."""
    approved, bought_with = quotes[0], sent.get("BundleSid")
    quoted = approved.get("bundle_sid") or None
    if quoted and bought_with != quoted:
        yield f"bought with the bundle {bought_with}, approved with {quoted}"
    if not approved.get("regulated"):
        if bought_with:
            yield f"bought with the bundle {bought_with}, approved without one"
        return
    given: set[str | None] = {each["bundle_sid"] for each in quotes if each.get("bundle_sid")}
    if given != {bought_with}:
        yield f"bought with the bundle {bought_with}, within the approval were {given or 'none'}"
    if not quoted:
        of = evidence.of[charge["purchase"]]
        gave = [e for e in of if e["what"] == "bundle_given" and e["details"]["bundle_sid"] == bought_with]
        if not gave or any(each["person"] == "U0OUTSIDER" for each in gave):
            yield f"with the bundle {bought_with}, which nobody who may has added"
    if address := approved.get("address_sid"):
        items = [i for e in evidence.twilio["bundles"] if e["sid"] == bought_with for i in e["items"]]
        own = {a["sid"] for item in items for a in item.get("addresses", ())}
        if sent.get("AddressSid") not in (own or {address}):
            yield f"bought with the address {sent.get('AddressSid')}, approved {address}"


def by_whom(evidence: Evidence, charge: Json, intent: Json) -> Iterator[str]:
    """Enough of those who approved this quote might approve it when the intent was written."""
    of, at = evidence.of[charge["purchase"]], _at(intent)
    approvals = [
        each
        for each in of
        if each["what"] == "approval" and each["quote"] == charge["quote"] and each["no"] < intent["no"]
    ]
    requester = next(each["person"] for each in of if each["what"] == "submitted")
    people = {each["person"] for each in approvals}
    number = charge["details"]["phone_number"]
    rules = evidence.held("policy", at - POLICY_WITHIN, at)
    counted = [
        (sum(may_approve(evidence, each, requester, rule["rules"], at) for each in people), rule["rules"])
        for rule in rules
    ]
    if not any(good >= rule["approvals"] for good, rule in counted):
        yield f"{number}: bought with the approvals of {sorted(people) or 'nobody'} at {at}, of which {counted} counted"
    for each in approvals:
        rules = evidence.held("policy", _at(each) - POLICY_WITHIN, _at(each))
        if not any(
            may_approve(evidence, each["person"], requester, rule["rules"], _at(each)) for rule in rules
        ):
            yield f"{number}: {each['person']} has approved it at {each['at']} and might not"


def may_approve(evidence: Evidence, person: str, requester: str, rules: Json, at: datetime) -> bool:
    if person == requester and not rules.get("own_request"):
        return False
    if person in rules.get("people", ()):
        return True
    since = at - MEMBERS_FOR
    barred = evidence.held("person", since, at, person=person)
    if barred and all(each["barred"] for each in barred):
        return False
    return any(
        person in each["people"]
        for listed in (*rules.get("groups", ()), *rules.get("channels", ()))
        for each in evidence.held("members", since, at, list=listed)
    )


def in_its_service(evidence: Evidence, charge: Json, approved: Json) -> Iterator[str]:
    """Into the service that was approved, by its name, and in no other; chosen anew after buying is a matter of who may."""
    number, sid = charge["details"]["phone_number"], charge["details"]["phone_number_sid"]
    of = [each for each in evidence.of[charge["purchase"]] if each["no"] > charge["no"]]
    chosen = [each["details"] for each in of if each["what"] == "service_chosen"]
    wanted = [approved, *chosen]
    names = {each["service_name"] for each in wanted if each.get("service") in ("existing", "new")}
    made_outside = {each["sid"]: each for each in evidence.did("service") if each["made"]}
    for call in evidence.calls:
        into = re.search(r"/Services/(MG\w+)/PhoneNumbers$", call["path"])
        if not into or call["method"] != "POST" or call["form"].get("PhoneNumberSid") != sid:
            continue
        at = datetime.fromisoformat(call["at"])
        called = {each["name"] for each in evidence.held("service", at - POLICY_WITHIN, at, sid=into[1])}
        if not called & names and called != {""}:  # one that is deleted takes nothing
            yield f"{number}: put into {into[1]} ({sorted(called)}), approved was {sorted(names) or 'none'}"
        elif approved.get("service") == "new" and not chosen and into[1] in made_outside:
            yield f"{number}: put into {into[1]}, which somebody else has made; approved was a new one"


def as_pressed(evidence: Evidence) -> Iterator[str]:
    """Each approval on record is a press of this person's on this quote, whose card showed what the quote says; and who said no was heard."""
    presses = list(evidence.did("pressed"))
    for line in evidence.record:
        if line["what"] != "approval":
            continue
        revisions = [
            each["details"]
            for each in evidence.of[line["purchase"]]
            if each["what"] == "quote" and each["quote"] == line["quote"] and each["no"] < line["no"]
        ]
        mine = [
            each
            for each in presses
            if (each["verb"], each["person"], each["purchase"], each["quote"])
            == ("approve", line["person"], line["purchase"], line["quote"])
            and each["at"] <= _at(line) + timedelta(seconds=2)
        ]
        if not mine:
            yield f"{line['person']} has never approved quote {line['quote']} of {line['purchase']}"
        shown = {(each["phone_number"], Decimal(each["price"])) for each in revisions}
        for each in mine:
            if (each["number"], Decimal(each["price"])) not in shown:
                yield f"{line['person']} saw {each['number']} for {each['price']}, quoted were {shown}"
    bought = {each["purchase"] for each in evidence.charges}
    for each in presses:
        if each["verb"] in ("deny", "withdraw") and each["ok"] and each["purchase"] in bought:
            yield f"{each['purchase']} is bought, and {each['person']} had been told that it is over ({each['verb']})"


def as_asked(evidence: Evidence) -> Iterator[str]:
    """The first quote is what was typed and chosen; and nothing is quoted that nobody asked for."""
    for of in evidence.of.values():
        quotes = [each for each in of if each["what"] == "quote"]
        if not quotes:
            continue
        first, purchase = quotes[0]["details"], quotes[0]["purchase"]
        mine = [
            each
            for each in evidence.did("asked")
            if (each["person"], each["number"]) == (quotes[0]["person"], first["phone_number"])
            and each["at"] <= _at(quotes[0]) + timedelta(seconds=2)
        ]
        if not mine:
            yield f"nobody asked for {first['phone_number']} (request {purchase})"
            continue
        asked = mine[-1]
        said = {
            "if_gone": first["if_gone"],
            "service": first["service"] if first["service"] != "existing" else first["service_sid"],
            "bundle": first.get("bundle_sid") or None,
            "wanted": sorted(first.get("wanted", ())),
            "contains": first.get("contains", ""),
        }
        for name, each in said.items():
            if name in asked and asked[name] != each:
                yield f"{first['phone_number']}: {name} is {each} in the quote, asked for was {asked[name]}"
        if asked.get("limit") and Decimal(first["ceiling"]) != Decimal(asked["limit"]):
            yield f"{first['phone_number']}: the ceiling is {first['ceiling']}, the limit was {asked['limit']}"


def outcome(evidence: Evidence) -> str:
    """What has happened, in numbers: an audit of nothing finds nothing."""
    bought = evidence.charges
    quotes = [each for each in evidence.record if each["what"] == "quote"]
    counted = {
        "requests": sum(each["what"] == "submitted" for each in evidence.record),
        "bought": len(bought),
        "substitutes": sum(
            bool(q["details"].get("instead_of"))
            and q["details"]["phone_number"] == c["details"]["phone_number"]
            for c in bought
            for q in quotes
            if q["purchase"] == c["purchase"]
        ),
        "with a bundle": sum(
            "BundleSid" in evidence.tries(c["details"]["phone_number"])[-1]["form"]
            for c in bought
            if evidence.tries(c["details"]["phone_number"])
        ),
        "quoted anew": sum(each["quote"] > 1 for each in quotes),
        **Counter(
            each["what"]
            for each in evidence.record
            if each["what"]
            in (
                *NO,
                "quote_changed",
                "approvals_void",
                "alternative_taken",
                "bundle_given",
                "closest_taken",
                "not_bought",
                "service_chosen",
                "approval",
            )
        ),
    }
    return ", ".join(f"{name} {count}" for name, count in counted.items())


def _at(line: Json) -> datetime:
    return datetime.fromisoformat(line["at"])
