"""``make audit REQUESTS=300 SEED=1``: so many requests, while prices, numbers, services, bundles, the policy and its people change under them and the
app is killed now and then. Then every purchase is judged (``judge.py``). Chance comes from the seed, anew for each thing that is done.
"""

import argparse
import asyncio
import base64
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.walks import checks, judge
from tests.walks.world import Json, Refused, World, world

REQUESTERS = ("U0REQUESTER", "U0REQUESTER2", "U0REQUESTERJA", "U0COMPLIANCE", "U0APPROVER", "U0OPERATOR")
DECIDERS = {
    "U0APPROVER": 6,
    "U0APPROVER2": 6,
    "U0COMPLIANCE": 3,
    "U0OPERATOR": 2,
    "U0REQUESTER2": 1,
    "U0OUTSIDER": 1,
}
GROUP, CHANNEL = "S0APPROVERS", "C0DECIDERS"
POLICIES: tuple[Json, ...] = (
    {"groups": [GROUP], "approvals": 1, "own_request": False},
    {"groups": [GROUP], "approvals": 2, "own_request": False},
    {"groups": [GROUP], "people": ["U0COMPLIANCE"], "approvals": 2, "own_request": False},
    {"people": ["U0APPROVER", "U0OPERATOR"], "approvals": 1, "own_request": False},
    {"groups": [GROUP], "approvals": 1, "own_request": True},
    {"channels": [CHANNEL], "approvals": 2, "own_request": False},
)
BROKEN = ("[approve]\ngroups = [", "[approve]\napprovals = 1\n", "[approve]\ngroups = ['x']\n")
MEMBERS = (
    ["U0APPROVER", "U0APPROVER2"],
    ["U0APPROVER2", "U0OPERATOR"],
    ["U0APPROVER2", "U0COMPLIANCE"],
    ["U0APPROVER", "U0APPROVER2", "U0OPERATOR"],
)
SETTINGS = {
    "POSTS_PER_SECOND": "50",
    "POSTS_AT_ONCE": "50",
    "UPDATES_PER_MINUTE": "3000",
    "UPDATES_AT_ONCE": "100",
}
PRICES = {
    ("US", "local"): ("1.15", "2.40", "0.90", "1.60"),
    ("CA", "local"): ("1.15", "2.10"),
    ("GB", "mobile"): ("1.15", "3.00", "1.00"),
}
NAMES = ("Leeds", "Reminders", "Deliveries", "Support")
LIVE = ("awaiting_approval", "in_progress", "needs_changes", "failed")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
DRAWN_WITHIN = 25.0


@dataclass
class Audit:
    world: World
    seed: int
    aloud: bool = False
    """The story is told while it happens."""
    done: list[Json] = field(default_factory=list)
    calls: dict[int, Json] = field(default_factory=dict)
    """Of the app to Twilio, by Twilio's count."""
    market: dict[str, Json] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    earlier: dict[str, dict[int, Json]] = field(default_factory=dict)
    """Cards with their buttons to decide, by purchase and quote: a client may still show them."""
    ahead: timedelta = timedelta(0)
    began: int = 0
    """Forms that somebody has opened."""
    sent: int = 0
    """Requests that the app has taken."""
    newest_call: int = 0
    dice: random.Random = field(default_factory=random.Random)
    rules: Json = field(default_factory=lambda: POLICIES[0])
    """Of the policy in force."""
    taken: set[str] = field(default_factory=set)
    """Numbers that somebody else has bought."""
    gone: set[str] = field(default_factory=set)
    """People whose account is deactivated: what they have open they can still press."""
    saved_at: float = 0.0
    """When the policy's file was last written, by the machine's own clock."""
    quiet_at: float = 0.0
    """When what was begun last will be over, by the same."""
    started_at: float = field(default_factory=time.monotonic)

    # the whole of it

    async def take(self, requests: int) -> judge.Evidence:
        await self.look_around()
        step = 0
        while self.sent < requests:
            step += 1
            self.dice = random.Random(f"{self.seed}/{step}")
            await self.attempt(self.asks, min(self.dice.randint(3, 6), requests - self.sent))
            for _ in range(self.dice.randint(5, 9)):
                await self.attempt(self.one_of_many())
            await self.read_calls()
            self.tell(f"-- {self.sent} requests, {time.monotonic() - self.started_at:.0f} s")
        await self.finish()
        return judge.Evidence(
            await self.world.record(),
            await self.world.twilio.get("state"),
            list(self.calls.values()),
            self.market,
            self.done,
        )

    def tell(self, what: str) -> None:
        self.story.append(f"{self.now():%d %H:%M:%S} {what}")
        if self.aloud:
            print(self.story[-1], flush=True)

    def now(self) -> datetime:
        """By the clock of both twins and the app."""
        return datetime.now(UTC) + self.ahead

    async def attempt(self, act: Callable[..., Awaitable[Any]], *given: Any) -> None:
        try:
            await act(*given)
        except Refused as refused:
            self.tell(f"  … cannot be done: {refused}")

    def one_of_many(self) -> Callable[[], Awaitable[None]]:
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.decide: 30,
            self.decide_by_old_cards: 4,
            self.lead_on: 16,
            self.end_some: 4,
            self.take_numbers: 12,
            self.change_prices: 8,
            self.change_services: 6,
            self.change_bundles: 7,
            self.change_balance: 10,
            self.edit_policy: 6,
            self.change_members: 6,
            self.bar_somebody: 4,
            self.fail: 8,
            self.kill: 2,
            self.let_time_pass: 7,
        }
        return self.dice.choices(list(kinds), list(kinds.values()))[0]

    async def look_around(self) -> None:
        """What there is before anything is changed."""
        slack, twilio = self.world.slack, self.world.twilio
        await slack.post(
            "channels", id=CHANNEL, name="deciders", members=["U0APPROVER", "U0APPROVER2", "U0OPERATOR"]
        )
        await slack.post("channels/C0APPROVALS", add=["U0OUTSIDER"])
        state = await slack.get("state")
        for each in state["people"]:
            self.note("person", at=LONG_AGO, by=LONG_AGO, person=each["id"], barred=False)
        for each in state["usergroups"]:
            self.note("members", at=LONG_AGO, by=LONG_AGO, list=each["id"], people=each["users"])
        self.note(
            "members",
            at=LONG_AGO,
            by=LONG_AGO,
            list=CHANNEL,
            people=["U0APPROVER", "U0APPROVER2", "U0OPERATOR"],
        )
        self.note("policy", at=LONG_AGO, by=LONG_AGO, rules=POLICIES[0])
        for country, kind in PRICES:
            await self.learn_price(country, kind)
        await self.learn_services()
        await twilio.post("account", balance="5000.00")
        for country, kind in (("US", "Local"), ("CA", "Local"), ("GB", "Mobile")):
            towns = {each["locality"] for each in await self.on_sale(country, kind)}
            for town in sorted(filter(None, towns)):
                await self.on_sale(country, kind, InLocality=town)
        for _ in range(3):
            await self.make_bundle()

    async def learn_price(self, country: str, kind: str) -> None:
        said = await self.at_twilio("GET", f"pricing/v1/PhoneNumbers/Countries/{country}")
        prices = {each["number_type"]: each["current_price"] for each in said["phone_number_prices"]}
        more = {"country": country, "number_type": kind, "price": prices[kind]}
        self.note("price", at=LONG_AGO, by=LONG_AGO, **more)

    async def on_sale(self, country: str, kind: str, **search: str) -> list[Json]:
        environment = self.world.environment
        path = f"api/2010-04-01/Accounts/{environment['TWILIO_ACCOUNT_SID']}/AvailablePhoneNumbers/{country}/{kind}.json"
        found: list[Json] = (await self.at_twilio("GET", path, PageSize="1000", **search))[
            "available_phone_numbers"
        ]
        self.market |= {each["phone_number"]: each for each in found}
        return found

    async def at_twilio(self, method: str, path: str, **given: str) -> Any:
        """The real protocol, as curl would have it."""
        environment, twilio = self.world.environment, self.world.twilio
        key = f"{environment['TWILIO_API_KEY']}:{environment['TWILIO_API_SECRET']}"
        headers = {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
        sent = {"params": given} if method == "GET" else {"data": given}
        async with twilio.session.request(method, f"{twilio.url}/{path}", headers=headers, **sent) as answer:  # type: ignore[arg-type]
            return await answer.json()

    # the journal

    def note(self, what: str, **more: Any) -> Json:
        self.done.append({"what": what, "at": self.now(), "by": self.now(), **more})
        return self.done[-1]

    async def changes(self, what: str, change: Awaitable[Any], **more: Any) -> Any:
        """Something that is so from now on."""
        at = self.now()
        answer = await change
        self.note(what, at=at, **more)
        self.tell(f"{what}: {json.dumps(more, ensure_ascii=False)}")
        return answer

    async def read_calls(self) -> None:
        """The twin forgets the oldest. What is under way is read again when it has ended."""
        found = await self.world.twilio.get("calls", since=str(self.newest_call))
        under_way = [each["number"] - 1 for each in found if each["ms"] is None]
        self.newest_call = min(under_way, default=max([self.newest_call, *(e["number"] for e in found)]))
        wanted = [e for e in found if e["method"] != "GET" or e["host"] == "pricing.twilio.com"]
        self.calls |= {each["number"]: each for each in wanted}

    # asking

    async def asks(self, how_many: int) -> None:
        """Several at the same time: each of them a person with a form."""
        here = [each for each in REQUESTERS if each not in self.gone]
        people = self.dice.sample(here, k=min(how_many, len(here)))
        wanted = []
        for each in people:
            self.began += 1
            wanted.append(
                self.ask(each, f"Audit {self.began}", random.Random(f"{self.seed}/request/{self.began}"))
            )
        for failed in await asyncio.gather(*wanted, return_exceptions=True):
            if isinstance(failed, Refused):
                self.tell(f"  … cannot be done: {failed}")
            elif isinstance(failed, BaseException):
                raise failed

    async def ask(self, person: str, purpose: str, dice: random.Random, service: str = "") -> None:
        """service: the name of the new one that the number is for, where it is for one."""
        slack = self.world.slack
        await self.close_all(person)
        country = dice.choices(["US", "CA", "GB"], [6, 2, 4])[0]
        text = f"buy-number {country}"
        answer = await slack.post("command", user=person, channel="C0NUMBERS", command="/twilio", text=text)
        if not answer["view"]:
            raise Refused(f"{person} reads {[each.get('text') for each in answer['shown']]}")
        view = await self.page(person)
        said: Json = {"purpose": purpose}
        find: Json = {"purpose": purpose}
        if country == "GB":
            view = await self.choose(person, view, "number_type", "mobile")
        offered = _options(view, "capabilities")
        find["capabilities"] = [
            each for each in dice.choice([["sms"], ["voice", "sms"], ["mms"], []]) if each in offered
        ]
        if dice.random() < 0.4:
            find["contains"] = dice.choice(["55", "01", "7"]) + str(dice.randint(0, 9))
            find["position"] = dice.choice(["anywhere", "anywhere", "end"])
        if country != "GB" and dice.random() < 0.3:
            view = await self.choose(person, view, "advanced", None)
            town = dice.choice(
                {"US": ["New Orleans", "Brooklyn", "Chicago"], "CA": ["Toronto", "St. John's"]}[country]
            )
            find["in_locality"] = town
        view = await self.send(person, view, find)
        if view["callback_id"] == "buy_number.choose":
            numbers = _options(view, "phone_number")
            if numbers:
                said["number"] = dice.choice(numbers)
                view = await self.send(person, view, {"phone_number": said["number"]})
        if view["callback_id"] == "buy_number.end_user":
            bundles = [each for each in _options(view, "bundle") if each != "new"]
            chosen = dice.choices(bundles, [2 if each != "later" else 3 for each in bundles])[0]
            said["bundle"] = None if chosen == "later" else chosen
            view = await self.send(person, view, {"bundle": chosen})
        if view["callback_id"] != "buy_number.review":
            self.tell(f"{person} gives up {purpose} at {view['callback_id']}")
            return
        await self.review(person, view, find, said, dice, service)

    async def review(
        self, person: str, view: Json, find: Json, said: Json, dice: random.Random, name: str
    ) -> None:
        typed: Json = {"agree": ["yes"]}
        services = _options(view, "messaging_service")
        if services:
            weights = [4 if each == "new" else 1 if each == "none" else 2 for each in services]
            service = "new" if name else dice.choices(services, weights)[0]
            view = await self.choose(person, view, "messaging_service", service)
            said["service"] = service
            if service == "new":
                typed["messaging_service_name"] = name or dice.choice(NAMES)
                del said["service"]  # a name that exists means the service that has it
        said["if_gone"] = dice.choice(["ask", "closest", "closest"])
        if said["if_gone"] == "closest":
            view = await self.choose(person, view, "if_gone", "closest")
            if dice.random() < 0.6:
                typed["price_limit"] = said["limit"] = dice.choice(["3.50", "5"])
        entry = {
            **said,
            "person": person,
            "wanted": sorted(find["capabilities"]),
            "contains": find.get("contains", ""),
        }
        at = self.now()
        answer = await self.world.slack.post("submit", user=person, view_id=view["id"], values=typed)
        self.sent += answer["ok"] and not answer["errors"]
        self.note(
            "asked", at=at, **entry
        )  # though it may have failed: what was asked for is what may be quoted
        self.tell(
            f"{person} asks: {json.dumps(entry, ensure_ascii=False)} {answer['errors_by_action'] or answer.get('error') or ''}"
        )

    async def close_all(self, person: str) -> None:
        if views := await self.world.slack.get("views", user=person):
            await self.world.slack.post("close", user=person, view_id=views[-1]["id"], all=True)

    async def page(self, person: str, unlike: str = "") -> Json:
        """The newest view, once it is no loading view. Raises Refused. unlike: a hash that it shall not have any more."""
        give_up_at = time.monotonic() + DRAWN_WITHIN
        while True:
            views = await self.world.slack.get("views", user=person)
            if views and views[-1]["callback_id"] != "loading" and views[-1]["hash"] != unlike:
                found: Json = views[-1]
                return found
            if time.monotonic() > give_up_at or not views:
                raise Refused(f"no page for {person}")
            await asyncio.sleep(0.05)

    async def choose(self, person: str, view: Json, name: str, value: str | None) -> Json:
        """Something that fires at once: the page as it is drawn then."""
        if value is not None and _initial(view, name) == value:
            return view
        given = {} if value is None else {"value": value}
        await self.world.slack.post("act", user=person, view_id=view["id"], action_id=name, **given)
        return await self.page(person, unlike=view["hash"])

    async def send(self, person: str, view: Json, values: Json) -> Json:
        """The page that follows. Raises Refused where there are errors."""
        names = {each["element"]["action_id"] for each in view["blocks"] if each["type"] == "input"}
        values = {name: each for name, each in values.items() if name in names}
        answer = await self.world.slack.post("submit", user=person, view_id=view["id"], values=values)
        if answer["errors"] or answer.get("error"):
            raise Refused(f"{view['callback_id']}: {answer['errors_by_action'] or answer.get('error')}")
        return await self.page(person, unlike=view["hash"])

    # cards

    async def cards(self, *states: str) -> list[Json]:
        found = await self.world.slack.get("messages", channel="C0APPROVALS")
        cards = [each for each in found if (each.get("metadata") or {}).get("event_type") == "purchase"]
        for each in cards:
            where = checks.payload(each)
            if where["state"] == "awaiting_approval":
                self.earlier.setdefault(where["id"], {})[where["quote"]] = each
        return [each for each in cards if checks.payload(each)["state"] in states]

    async def press(
        self, person: str, card: Json, verb: str, *, old: bool = False, nth: int = 0
    ) -> Json | None:
        """What Slack answers; None where the card has no such button."""
        found = [
            (block, each)
            for block in card["blocks"]
            for each in [block.get("accessory"), *block.get("elements", [])]
            if each and each.get("action_id") == verb
        ]
        if not found:
            return None
        block, element = found[nth % len(found)]
        _, quote, *_ = element["value"].split(":")
        entry = self.note(
            "pressed",
            person=person,
            verb=verb,
            purchase=checks.payload(card)["id"],
            quote=int(quote),
            ok=False,
            **_seen(card),
        )
        answer: Json = await self.world.slack.post(
            "act",
            user=person,
            channel="C0APPROVALS",
            ts=card["ts"],
            action_id=verb,
            block_id=block["block_id"],
            value=element["value"],
            blocks=card["blocks"],  # as this person's client shows it: it may have been drawn again
        )
        entry["by"] = self.now()
        read = " / ".join(str(each.get("text"))[:120] for each in answer["shown"])
        self.tell(
            f"{person} presses {verb} of {entry['purchase'][:6]}/{quote}{' (old)' if old else ''} {answer.get('error') or ''} {read}"
        )
        return answer

    async def decide(self) -> None:
        """Several people about several requests at the same time, among them some who may not."""
        waiting = await self.cards("awaiting_approval")
        presses = []
        for card in self.dice.sample(waiting, k=min(8, len(waiting))):
            if self.dice.random() < 0.08:
                await self.attempt(
                    self.through_a_page, self.decider(), card, "deny", {"reason": "Over budget"}
                )
                continue
            presses += [self.press(self.decider(), card, "approve") for _ in range(self.dice.randint(1, 3))]
        await self._at_once(presses)

    async def _at_once(self, presses: Iterable[Awaitable[Any]]) -> None:
        for failed in await asyncio.gather(*presses, return_exceptions=True):
            if isinstance(failed, BaseException) and not isinstance(failed, Refused):
                raise failed

    async def decide_by_old_cards(self) -> None:
        """As a client shows them that has not heard yet."""
        await self.cards()
        old = [each for versions in self.earlier.values() for each in versions.values()]
        await self._at_once(
            self.press(self.decider(), each, "approve", old=True)
            for each in self.dice.sample(old, k=min(4, len(old)))
        )

    def decider(self) -> str:
        return self.dice.choices(list(DECIDERS), list(DECIDERS.values()))[0]

    async def through_a_page(self, person: str, card: Json, verb: str, values: Json) -> None:
        """A button or a line of the menu that opens a page first."""
        slack, where = self.world.slack, checks.payload(card)
        await self.close_all(person)
        menus = [
            (block, each, option)
            for block in card["blocks"]
            for each in [block.get("accessory"), *block.get("elements", [])]
            if each and each["type"] == "overflow"
            for option in each["options"]
            if option["value"].startswith(f"{verb}:")
        ]
        entry = None
        if menus:
            block, element, option = menus[0]
            await slack.post(
                "act",
                user=person,
                channel="C0APPROVALS",
                ts=card["ts"],
                action_id=element["action_id"],
                block_id=block["block_id"],
                selected_option=option,
                blocks=card["blocks"],
            )
            quote = int(option["value"].split(":")[2])
            entry = self.note(
                "pressed",
                person=person,
                verb=verb,
                purchase=where["id"],
                quote=quote,
                ok=False,
                **_seen(card),
            )
        elif await self.press(person, card, verb) is not None:
            entry = next(
                e
                for e in reversed(self.done)
                if e["what"] == "pressed" and e["person"] == person and e["verb"] == verb
            )
        if entry is None or not await slack.get("views", user=person):
            return
        view = await self.page(person)
        names = {each["element"]["action_id"]: each for each in view["blocks"] if each["type"] == "input"}
        if "bundle" in names:
            options = [each for each in _options(view, "bundle") if each.startswith("BU")]
            if not options:
                return
            values = {"bundle": self.dice.choice(options)}
        if "messaging_service" in names:
            view = await self.choose(
                person, view, "messaging_service", self.dice.choice(_options(view, "messaging_service"))
            )
            names = {each["element"]["action_id"]: each for each in view["blocks"] if each["type"] == "input"}
            values = {"messaging_service_name": self.dice.choice(NAMES)}
        if not view.get("submit"):
            return
        answer = await slack.post(
            "submit",
            user=person,
            view_id=view["id"],
            values={name: each for name, each in values.items() if name in names},
        )
        entry["ok"] = answer["ok"] and not answer["errors"] and not await slack.get("views", user=person)
        self.tell(
            f"{person} sends {view['callback_id']} of {where['id'][:6]} {values} {answer['errors_by_action'] or answer.get('error') or ''} ok={entry['ok']}"
        )

    async def lead_on(self) -> None:
        """Whatever the cards of stopped requests, and of those that wait for a bundle, offer."""
        cards = [each for each in await self.cards(*LIVE) if set(checks.verbs(each)) & set(WAYS)]
        for card in self.dice.sample(cards, k=min(5, len(cards))):
            offered = [each for each in WAYS if each in checks.verbs(card)]
            verb, person = self.dice.choice(offered), self.dice.choice([*DECIDERS, *REQUESTERS])
            if verb in ("add_bundle", "choose_service"):
                await self.attempt(self.through_a_page, person, card, verb, {})
            else:
                await self.attempt(self.press_nth, person, card, verb)

    async def press_nth(self, person: str, card: Json, verb: str) -> None:
        await self.press(person, card, verb, nth=self.dice.randrange(5))

    async def end_some(self) -> None:
        cards = await self.cards(*LIVE)
        for card in self.dice.sample(cards, k=min(2, len(cards))):
            verb = "withdraw" if "more:withdraw" in checks.verbs(card) else "end"
            person = self.dice.choice([*DECIDERS, *REQUESTERS])
            await self.attempt(self.through_a_page, person, card, verb, {"reason": "Not needed any more"})

    # what others do

    async def take_numbers(self) -> None:
        owned = {each["phone_number"] for each in (await self.world.twilio.get("state"))["owned_numbers"]}
        cards = await self.cards("in_progress") or await self.cards(*LIVE)
        wanted = [_seen(each)["number"] for each in cards]
        free = [each for each in wanted if each and each not in owned | self.taken]
        gone = self.dice.sample(free, k=min(len(free), self.dice.randint(1, 4)))
        for number in gone:
            if self.dice.random() < 0.1:
                bought = self.world.twilio.post("owned", phone_number=number, friendly_name="By hand")
                await self.changes("by_hand", bought, number=number)
            else:
                self.tell(f"somebody else buys {number}")
                await self.world.twilio.post("taken", phone_number=number)
                self.taken.add(number)

    async def change_prices(self) -> None:
        for (country, kind), prices in PRICES.items():
            if self.dice.random() < 0.6:
                price = self.dice.choice(prices)
                await self.changes(
                    "price",
                    self.world.twilio.post("prices", country=country, number_type=kind, price=price),
                    country=country,
                    number_type=kind,
                    price=price,
                )

    async def learn_services(self) -> list[Json]:
        """Their names, also of those that the app has made."""
        found: list[Json] = (await self.world.twilio.get("state"))["services"]
        known = {each["sid"] for each in self.done if each["what"] == "service"}
        for each in found:
            if each["sid"] not in known:
                self.note(
                    "service",
                    at=LONG_AGO,
                    by=LONG_AGO,
                    sid=each["sid"],
                    name=each["friendly_name"],
                    made=False,
                )
        return found

    async def change_services(self) -> None:
        twilio, services = self.world.twilio, await self.learn_services()
        how = self.dice.choice(["rename", "rename", "make", "delete"])
        if how == "make" or not services:
            name, at = self.dice.choice(NAMES), self.now()
            made = await twilio.post("services", friendly_name=name)
            self.note("service", at=at, sid=made["sid"], name=name, made=True)
            self.tell(f"somebody makes the service {name}")
            return
        service = self.dice.choice(services)
        if how == "rename":
            name = self.dice.choice([*NAMES, "Marketing"])
            await self.changes(
                "service",
                twilio.post(f"services/{service['sid']}", friendly_name=name),
                sid=service["sid"],
                name=name,
                made=False,
            )
        elif not service["senders"]:
            await self.changes(
                "service",
                twilio.delete(f"services/{service['sid']}"),
                sid=service["sid"],
                name="",
                made=False,
            )

    async def change_bundles(self) -> None:
        twilio = self.world.twilio
        bundles = (await twilio.get("state"))["bundles"]
        how = self.dice.choice(["reject", "approve", "approve", "new"])
        if how == "new":
            await self.make_bundle()
        for each in self.dice.sample(bundles, k=min(2, len(bundles))):
            status = {"reject": "twilio-rejected", "approve": "twilio-approved"}.get(how)
            if status and each["status"] != status:
                self.tell(f"{each['sid']} is {status}")
                await twilio.post(f"bundles/{each['sid']}", status=status)

    async def make_bundle(self) -> None:
        """Another approved one for British mobile numbers, made in the Console: a copy of the first."""
        twilio = self.world.twilio
        first = (await twilio.get("state"))["bundles"][0]["sid"]
        await twilio.post(f"bundles/{first}", status="twilio-approved", valid_until="2099-01-01T00:00:00Z")
        made = await self.at_twilio(
            "POST",
            f"numbers/v2/RegulatoryCompliance/Bundles/{first}/Copies",
            FriendlyName=f"Copy {self.dice.randrange(1000)}",
        )
        await twilio.post(f"bundles/{first}", valid_until=None)
        await twilio.post(f"bundles/{made['sid']}", status="twilio-approved")

    async def change_balance(self) -> None:
        """What is approved meanwhile waits: that is when the rest changes."""
        balance = self.dice.choice(["0.50", "0.50", "0.50", "5000.00", "5000.00"])
        self.tell(f"the balance is {balance}")
        await self.world.twilio.post("account", balance=balance)

    async def edit_policy(self) -> None:
        """Not before the last edit counts: the app would never know of it."""
        if time.monotonic() < self.saved_at + 4:
            return
        if self.dice.random() < 0.2:
            self.tell("the policy is broken")
            self.save_policy(self.dice.choice(BROKEN))
            return
        await self.apply(self.dice.choice(POLICIES))

    async def apply(self, rules: Json) -> None:
        at = self.now()
        self.rules = rules
        self.save_policy(policy(rules))
        self.note("policy", at=at, rules=rules)
        self.tell(f"policy: {rules}")

    def save_policy(self, content: str) -> None:
        Path(self.world.environment["POLICY_FILE"]).write_text(content)
        self.saved_at = time.monotonic()
        self.quiet_at = self.saved_at + 5

    async def change_members(self) -> None:
        people = self.dice.choice(MEMBERS)
        if self.dice.random() < 0.7:
            await self.changes(
                "members",
                self.world.slack.post(f"usergroups/{GROUP}", users=people),
                list=GROUP,
                people=people,
            )
            return
        remove = [each for each in DECIDERS if each not in people]
        await self.changes(
            "members",
            self.world.slack.post(f"channels/{CHANNEL}", add=people, remove=remove),
            list=CHANNEL,
            people=people,
        )

    async def bar_somebody(self) -> None:
        """An account is deactivated, and comes back."""
        person = self.dice.choice(["U0APPROVER2", "U0COMPLIANCE", "U0OPERATOR"])
        barred = person not in self.gone
        (self.gone.add if barred else self.gone.remove)(person)
        await self.changes(
            "person", self.world.slack.post(f"people/{person}", deleted=barred), person=person, barred=barred
        )

    async def fail(self) -> None:
        """For a few moments, in which things are decided."""
        buying = {"method": "POST", "path": "*/IncomingPhoneNumbers.json"}
        faults: tuple[Json, ...] = (
            {"method": "GET", "path": "*/Balance.json", "times": 3, "fault": {"delay": 7}},
            {"method": "GET", "path": "*/IncomingPhoneNumbers.json", "times": 3, "fault": {"delay": 7}},
            {"method": "*", "path": "*", "times": 4, "fault": {"status": 503}},
            {**buying, "times": 2, "fault": "cut_after"},
            {**buying, "times": 2, "fault": {"status": 500, "processed": True}},
            {**buying, "times": 2, "fault": {"status": 400, "code": 21422}},
            {**buying, "times": 1, "fault": "cut_before"},
            {**buying, "times": 2, "fault": {"delay": 6}},
        )
        fault = self.dice.choice(faults)
        self.tell(f"Twilio fails: {json.dumps(fault)}")
        await self.world.twilio.post("faults", **fault)
        await self.decide()
        meanwhile = self.dice.sample(
            [
                self.edit_policy,
                self.change_members,
                self.change_prices,
                self.take_numbers,
                self.end_some,
                self.kill,
            ],
            k=2,
        )
        for act in meanwhile:
            await self.attempt(act)
        await asyncio.sleep(self.dice.choice([0.5, 3, 8]))
        await self.world.twilio.delete("faults")
        self.quiet_at = time.monotonic() + 8  # what has begun to be slow is so until its end

    async def kill(self) -> None:
        """With a policy that cannot be read it would not start again, as it should."""
        self.save_policy(policy(self.rules))
        self.tell("the app is killed")
        await self.world.kill_app()
        await self.world.start_app()
        self.quiet_at = time.monotonic() + 5

    async def let_time_pass(self) -> None:
        await self.later(self.dice.choice([60, 240, 310, 310, 3700]))

    async def later(self, seconds: int) -> None:
        """Not before an edit of the policy, and a call that is slow, has had its seconds: they are the machine's."""
        await asyncio.sleep(max(1.0, self.quiet_at - time.monotonic()))
        self.tell(f"{seconds} seconds pass")
        before = self.now()
        clock = await self.world.twilio.post("clock", forward=seconds)
        self.ahead = timedelta(seconds=clock["ahead"])
        self.note("jump", at=before)
        await asyncio.sleep(1)

    # the end

    async def finish(self) -> None:
        """All is well again, and most of what is open is decided, led on or ended."""
        self.tell("the end:")
        await self.world.twilio.delete("faults")
        await self.world.twilio.post("account", balance="5000.00")
        for each in (await self.world.twilio.get("state"))["bundles"]:
            await self.world.twilio.post(f"bundles/{each['sid']}", status="twilio-approved")
        await self.apply(POLICIES[0])
        await self.changes(
            "members",
            self.world.slack.post(f"usergroups/{GROUP}", users=MEMBERS[0]),
            list=GROUP,
            people=MEMBERS[0],
        )
        for person in ("U0APPROVER2", "U0COMPLIANCE", "U0OPERATOR"):
            await self.changes(
                "person",
                self.world.slack.post(f"people/{person}", deleted=False),
                person=person,
                barred=False,
            )
        for n in range(12):
            self.dice = random.Random(f"{self.seed}/end/{n}")
            await self.later(310 if n % 3 == 0 else 20)
            for card in await self.cards("awaiting_approval"):
                await self.attempt(
                    self.press, self.dice.choice(("U0APPROVER", "U0APPROVER2")), card, "approve"
                )
            await self.lead_on()
            await self.read_calls()
            if not await self.cards("awaiting_approval", "in_progress", "needs_changes"):
                break
        await asyncio.sleep(3)
        await self.read_calls()
        await self.learn_services()


def policy(rules: Json) -> str:
    """The file."""
    lines = "".join(f"{name} = {json.dumps(each)}\n" for name, each in rules.items())
    return f'[ask]\nchannels = ["C0NUMBERS"]\nexcept = ["U0OUTSIDER"]\n\n[approve]\n{lines}'


WAYS = ("alternative", "retry", "add_bundle", "choose_service", "buy_anyway", "take_over")


def _element(view: Json, name: str) -> Json:
    for block in view["blocks"]:
        for each in [block.get("element"), block.get("accessory"), *block.get("elements", [])]:
            if each and each.get("action_id") == name:
                found: Json = each
                return found
    return {}


def _options(view: Json, name: str) -> list[str]:
    element = _element(view, name)
    options = element.get("options") or [
        o for group in element.get("option_groups", ()) for o in group["options"]
    ]
    return [each["value"] for each in options]


def _initial(view: Json, name: str) -> str | None:
    return (_element(view, name).get("initial_option") or {}).get("value")


def _seen(card: Json) -> Json:
    """The number and the price that whoever looks at it reads."""
    texts = "\n".join(checks.texts(card["blocks"]))
    price = re.search(r"\$(\d+\.\d\d)", checks.first_line(card)) or re.search(r"\$(\d+\.\d\d)", texts)
    return {"number": checks.number_in(texts), "price": price[1] if price else "0"}


async def audited(
    requests: int, seed: int, aloud: bool = False
) -> tuple[list[str], judge.Evidence, list[str]]:
    """The story, what it left, and what the app complained of."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.toml"
        file.write_text(policy(POLICIES[0]))
        async with world(
            Path(folder), seed, limits=False, language="en", POLICY_FILE=str(file), **SETTINGS
        ) as made:
            audit = Audit(made, seed, aloud)
            try:
                evidence = await audit.take(requests)
            except Exception:
                told = [] if aloud else audit.story
                print("\n".join([*told, "the app's log:", made.log[-6000:]]), flush=True)
                raise
            # of a policy that cannot be used, or by which nobody can approve: of the audit's own making
            complaints = [each for each in checks.complaints(made.log) if "POLICY_FILE: " not in each]
            return audit.story, evidence, complaints


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.walks.audit")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--story", action="store_true", help="tell all that was done, not only what was found"
    )
    parser.add_argument("--keep", type=Path, help="a file for the evidence, as JSON")
    given = parser.parse_args()
    began = time.monotonic()
    story, evidence, complaints = await audited(given.requests, given.seed, given.story)
    if given.keep:
        given.keep.write_text(json.dumps(evidence.__dict__, default=str, ensure_ascii=False))
    found = [*judge.findings(evidence), *complaints]
    if found and not given.story:
        print("\n".join(story))
    print(f"seed {given.seed}: {judge.outcome(evidence)} ({time.monotonic() - began:.0f} s)")
    print("\n".join(f"!! {each}" for each in found) or "nothing found", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
