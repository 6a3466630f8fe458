"""One walk: people who do what occurs to them, with hands that slip, while Twilio and Slack have bad moments.

All chance comes from the seed, anew for each step, so that a walk can be taken again.
"""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.walks import checks
from tests.walks.words import COMMANDS, FILES, NASTY, TYPED, WRONG_COMMANDS
from tests.walks.world import Json, Refused, World

PEOPLE = {
    "U0REQUESTER": "en-US",
    "U0REQUESTERJA": "ja-JP",
    "U0APPROVER": "en-US",
    "U0APPROVER2": "en-GB",
    "U0COMPLIANCE": "en-US",
    "U0OPERATOR": "en-US",
    "U0OUTSIDER": "en-US",
}
WEIGHTS = {
    "U0REQUESTER": 6, "U0REQUESTERJA": 4, "U0APPROVER": 4, "U0APPROVER2": 2, "U0COMPLIANCE": 1, "U0OPERATOR": 1,
    "U0OUTSIDER": 1,
}  # fmt: skip
APPROVERS = ("U0APPROVER", "U0APPROVER2")
CHANNELS = ("C0NUMBERS", "C0APPROVALS", "C0BUNDLES", "C0OPERATORS")
SEEN_WITHIN = 6.0
"""Seconds after the acknowledgement, on a machine that has other things to do as well."""
DRAWN_WITHIN = 25.0
QUIET = 0.4


@dataclass
class Button:
    """Something to press or choose from, and where."""

    place: Json
    block: Json
    element: Json
    where: str

    @property
    def name(self) -> str:
        return f"{self.element['action_id']} on {self.where}"


@dataclass
class Walk:
    world: World
    seed: int
    story: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    earlier: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    """Messages as they were, by channel and ts: the versions that were seen, oldest first."""
    by_hand: set[str] = field(default_factory=set)
    """Numbers bought in the Console."""
    released: set[str] = field(default_factory=set)
    """Given back in the Console: the app looks once a day."""
    disturbed: bool = False
    """Something was made to fail, and may still do so."""
    busy: str = ""
    """Who was last at a page: most people finish what they have begun."""
    outcome: str = ""
    newest: tuple[float, int] = (0.0, 0)
    dice: random.Random = field(default_factory=random.Random)

    # the whole of it

    async def take(self, steps: int, hours: int = 3) -> None:
        began = time.monotonic()
        for n in range(steps):
            self.dice = random.Random(f"{self.seed}/{n}")
            try:
                await self.step()
            except Refused as refused:
                self.tell(f"  … cannot be done: {refused}")
            if n % 25 == 24:
                await self.calm_down()
                await self.check_now()
        self.dice = random.Random(f"{self.seed}/end")
        await self.finish(hours)
        self.tell(f"{steps} steps, {time.monotonic() - began:.0f} s")

    def tell(self, what: str) -> None:
        self.story.append(what)

    def find(self, what: str) -> None:
        if what not in self.findings:
            self.findings.append(what)
            self.tell(f"!! {what}")

    async def step(self) -> None:
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.on_a_page: 48,
            self.asks: 7,
            self.types: 12,
            self.presses: 14,
            self.decides: 8,
            self.presses_as_it_was: 4,
            self.presses_at_once: 5,
            self.opens_home: 3,
            self.decides_at_twilio: 6,
            self.changes_twilio: 3,
            self.fails: 3,
            self.lets_time_pass: 3,
        }
        await self.dice.choices(list(kinds), list(kinds.values()))[0]()

    def person(self, among: Iterable[str] = PEOPLE) -> str:
        people = list(among)
        return self.dice.choices(people, [WEIGHTS[each] for each in people])[0]

    # what they see

    async def messages(self, channel: str, user: str) -> list[Json]:
        """Of the channel, and of the threads in it."""
        try:
            found: list[Json] = await self.world.slack.get("messages", channel=channel, user=user)
        except Refused:
            return []
        threads = [
            each["ts"]
            for each in found
            if each.get("reply_count") or (each.get("metadata") or {}).get("event_type") == "purchase"
        ]
        for ts in threads:
            replies = await self.world.slack.get("messages", channel=channel, thread_ts=ts)
            found += [each for each in replies if each["ts"] != ts]
        for each in found:
            versions = self.earlier.setdefault((channel, each["ts"]), [])
            if (
                not versions
                or versions[-1].get("blocks") != each.get("blocks")
                or versions[-1].get("text") != each.get("text")
            ):
                versions.append(each)
                if each.get("user") not in PEOPLE:  # what the app said
                    for alive in checks.came_alive(each):
                        self.find(f"{alive} (in {channel})")
        return found

    async def views(self, user: str) -> list[Json]:
        found: list[Json] = await self.world.slack.get("views", user=user)
        for each in found:
            for alive in checks.came_alive(each.get("blocks")):
                self.find(f"{alive} (on {each['callback_id']})")
            for wrong in checks.wrong_language(each, PEOPLE[user]):
                self.find(wrong)
        return found

    async def sight(self, user: str, channel: str | None) -> str:
        """All that this person can see of it, as one word."""
        views = [(each["id"], each["hash"]) for each in await self.views(user)]
        shown = [views, await self.world.slack.get("home", user=user)]
        for each in {user, channel, "C0NUMBERS"} - {None}:
            shown.append(await self.messages(str(each), user))
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()

    async def seen(self, user: str, channel: str | None, before: str, what: str) -> None:
        """Something visible has followed."""
        give_up_at = time.monotonic() + SEEN_WITHIN
        while await self.sight(user, channel) == before:
            if time.monotonic() > give_up_at:
                if not self.disturbed:
                    self.find(f"nothing visible follows: {user} {what}")
                return
            await asyncio.sleep(0.05)

    async def page(self, user: str, within: float = DRAWN_WITHIN) -> Json | None:
        """The newest open view, once it is no loading view."""
        give_up_at = time.monotonic() + within
        while True:
            views = await self.views(user)
            if not views or views[-1]["callback_id"] != "loading":
                return views[-1] if views else None
            if time.monotonic() > give_up_at:
                if within == DRAWN_WITHIN:
                    self.find(
                        f"a loading view is left standing: {user}, “{' '.join(checks.texts(views[-1]['blocks']))[:80]}”"
                    )
                    await self.world.slack.post("close", user=user, view_id=views[-1]["id"], all=True)
                return None
            await asyncio.sleep(0.05)

    async def calls_made(self) -> tuple[float, int]:
        """The newest call that the app has made to either."""
        slack = await self.world.slack.get("calls", since=str(self.newest[0]))
        twilio = await self.world.twilio.get("calls", since=str(self.newest[1]))
        self.newest = (
            max((each["at"] for each in slack), default=self.newest[0]),
            max((each["number"] for each in twilio), default=self.newest[1]),
        )
        return self.newest

    async def quiet(self, within: float = 30.0, still_for: float = QUIET) -> None:
        give_up_at = time.monotonic() + within
        before = None
        while (now := await self.calls_made()) != before:
            if time.monotonic() > give_up_at:
                if still_for == QUIET:
                    self.tell("  … it does not become quiet")
                return
            before = now
            await asyncio.sleep(still_for)

    # commands

    async def types(self) -> None:
        user = self.person()
        if await self.views(user) and self.dice.random() < 0.8:  # a modal lies above the box for messages
            return
        right = self.dice.random() < 0.75
        text = self.dice.choice(COMMANDS if right else WRONG_COMMANDS)
        if "NUMBER" in text:
            owned = [each["phone_number"] for each in (await self.world.twilio.get("state"))["owned_numbers"]]
            text = text.replace("NUMBER", self.dice.choice(owned or ["+15005550006"]))
        channel = self.dice.choices(["C0NUMBERS", user, "C0APPROVALS"], [8, 1, 1])[0]
        await self.command(user, text, channel)

    async def command(self, user: str, text: str, channel: str = "C0NUMBERS") -> None:
        self.tell(f"{user} types /twilio {text[:120]!r} in {channel}")
        before = await self.sight(user, channel)
        answer = await self.world.slack.post(
            "command", user=user, channel=channel, command="/twilio", text=text
        )
        self.acknowledged(answer, f"{user} types {text[:60]!r}")
        if answer["ok"] and not answer["shown"] and not answer["view"]:
            await self.seen(user, channel, before, f"types {text[:60]!r}")

    def acknowledged(self, answer: Json, what: str) -> None:
        if (error := answer.get("error")) and not self.disturbed:
            self.find(f"{error}: {what}")
        elif error:
            self.tell(f"  … {error}")

    # pages

    async def on_a_page(self) -> None:
        people = [each for each in PEOPLE if await self.world.slack.get("views", user=each)]
        if not people:
            await self.command(
                self.person(["U0REQUESTER", "U0REQUESTERJA", "U0COMPLIANCE"]), self.dice.choice(COMMANDS[:9])
            )
            return
        user = self.busy if self.busy in people and self.dice.random() < 0.8 else self.dice.choice(people)
        self.busy = user
        view = await self.page(user)
        if view is None:
            return
        how = self.dice.choices(["right", "wrong", "press", "twice", "close"], [62, 12, 16, 3, 7])[0]
        if how == "close":
            self.tell(f"{user} closes {view['callback_id']}")
            await self.world.slack.post("close", user=user, view_id=view["id"], all=self.dice.random() < 0.5)
            return
        pressable = [
            each
            for each in self.pressable(view["blocks"], {"view_id": view["id"]}, view["callback_id"])
            if _fires(each)
        ]
        if (how == "press" or not view.get("submit")) and pressable:
            await self.press(user, self.dice.choice(pressable))
        elif view.get("submit"):
            await self.submit(user, view, right=how != "wrong", twice=how == "twice")
        else:
            await self.world.slack.post("close", user=user, view_id=view["id"])

    async def asks(self) -> None:
        """Somebody who knows what they want, from the command to the last page."""
        user = self.person(["U0REQUESTER", "U0REQUESTERJA", "U0COMPLIANCE", "U0OPERATOR", "U0APPROVER"])
        await self.turns_to_slack(user)
        await self.command(user, f"buy-number {self.dice.choice(['US', 'US', 'US', 'CA', 'GB'])}")
        for _ in range(8):
            view = await self.page(user)
            if view is None or not view.get("submit") or view["callback_id"].startswith("new_bundle"):
                return
            await self.submit(user, view, right=True)

    async def submit(self, user: str, view: Json, *, right: bool, twice: bool = False) -> Json:
        values, view = await self.filled(user, view, right=right)
        shown = json.dumps(
            {name: each if len(str(each)) < 60 else f"{str(each)[:57]}…" for name, each in values.items()},
            ensure_ascii=False,
        )
        self.tell(f"{user} sends {view['callback_id']}{' twice' if twice else ''} {shown}")
        before = await self.sight(user, None)
        sent = [
            self.world.slack.post("submit", user=user, view_id=view["id"], values=values)
            for _ in range(2 if twice else 1)
        ]
        answers = await asyncio.gather(*sent, return_exceptions=True)
        real = [each for each in answers if not isinstance(each, BaseException)]
        if not real:
            raise next(each for each in answers if isinstance(each, BaseException))
        for each in real:
            if not (twice and each.get("error") == "trouble_connecting"):  # Slack's client sends a form once
                self.acknowledged(each, f"{user} sends {view['callback_id']} {shown}")
        if real[0]["errors"]:
            self.tell(f"  … {real[0]['errors_by_action'] or real[0]['errors']}")
            if real[0]["response_action"] != "errors" or not real[0]["errors_by_action"]:
                self.find(f"errors that stand nowhere: {view['callback_id']} {real[0]['errors']}")
        else:
            await self.seen(user, None, before, f"sends {view['callback_id']} {shown}")
        await self.page(user)
        return real[0]

    async def filled(self, user: str, view: Json, *, right: bool) -> tuple[Json, Json]:
        """Values by ``action_id``, and the page as it is once what fires at once has fired."""
        values: Json = {}
        done: set[str] = set()
        for _ in range(4):  # a choice may bring other fields
            fields = [each for each in view["blocks"] if each["type"] == "input"]
            firing = [
                each
                for each in fields
                if each["dispatch_action"] and each["element"]["action_id"] not in done
            ]
            if not firing:
                break
            block = firing[0]
            done.add(block["element"]["action_id"])
            element = block["element"]
            chosen = element.get("initial_option") or element.get("initial_options")
            if not chosen or self.dice.random() < (0.1 if element["action_id"] == "country" else 0.4):
                await self.press(user, Button({"view_id": view["id"]}, block, element, view["callback_id"]))
                view = await self.page(user) or view
        fields = [each for each in view["blocks"] if each["type"] == "input"]
        wrong = (
            []
            if right
            else self.dice.sample(fields, k=min(len(fields), self.dice.randint(1, 2)))
            if fields
            else []
        )
        for block in fields:
            if block["dispatch_action"]:  # a choice has fired
                continue
            value = await self.value(user, view, block, wrong=block in wrong)
            if value is not None:
                values[block["element"]["action_id"]] = value
        return values, view

    async def value(self, user: str, view: Json, block: Json, *, wrong: bool) -> Any:
        element, name = block["element"], block["element"]["action_id"]
        kind = element["type"]
        if kind in ("static_select", "radio_buttons"):
            initial = element.get("initial_option")
            if initial and self.dice.random() < 0.6:
                return None
            options = element.get("options") or [
                o for group in element["option_groups"] for o in group["options"]
            ]
            return self.dice.choice(options)["value"]
        if kind in ("checkboxes", "multi_static_select"):
            if wrong:
                return []
            if name == "agree":
                return [each["value"] for each in element["options"]]
            return [each["value"] for each in element["options"] if self.dice.random() < 0.2][
                : element.get("max_selected_items")
            ]
        if kind.endswith("external_select"):
            if kind.startswith("multi") or (element.get("initial_option") and self.dice.random() < 0.8):
                return None
            chosen = await self.suggested(user, {"view_id": view["id"]}, element)
            return chosen and chosen["value"]
        if kind == "file_input":
            file, content = self.dice.choice(FILES if wrong else FILES[:3])
            return [await self.world.slack.upload(user, file, content)]
        if kind == "users_select":
            return self.dice.choice(list(PEOPLE))
        if kind == "datepicker":
            return "2999-01-01" if wrong else "1978-11-30"
        if wrong:
            return self.dice.choice(NASTY)
        if block.get("optional") and self.dice.random() < 0.75:
            return None
        if name == "purpose" and self.dice.random() < 0.4:
            return self.dice.choice(NASTY[:6])
        typed = TYPED.get(name, f"Answer to {name.replace('_', ' ')}")
        return typed if isinstance(typed, str) else self.dice.choice(typed)

    async def suggested(self, user: str, place: Json, element: Json) -> Json | None:
        word = self.dice.choice(["United", "Germany", "kingdom", "日本", "44", "GB", "zz<b>", "Aust"])
        found = await self.world.slack.post(
            "suggest", user=user, action_id=element["action_id"], value=word, **place
        )
        options = [
            *(found.get("options") or ()),
            *(o for g in found.get("option_groups") or () for o in g["options"]),
        ]
        return self.dice.choice(options[:4]) if options else None

    # buttons

    async def turns_to_slack(self, user: str) -> None:
        """Whoever has a page open closes it first."""
        if views := await self.views(user):
            self.tell(f"{user} closes {views[-1]['callback_id']}")
            await self.world.slack.post("close", user=user, view_id=views[-1]["id"], all=True)

    def pressable(self, blocks: list[Json], place: Json, where: str) -> list[Button]:
        found = []
        for block in blocks:
            inside = [block.get("element"), block.get("accessory"), *(block.get("elements") or ())]
            found += [
                Button(place, block, each, where)
                for each in inside
                if isinstance(each, dict) and "action_id" in each and each["type"] != "file_input"
            ]
        return found

    async def on_messages(self, user: str) -> list[Button]:
        found = []
        for channel in (*CHANNELS, user):
            for each in await self.messages(channel, user):
                where = f"a message in {channel}"
                found += self.pressable(
                    each.get("blocks") or [], {"channel": channel, "ts": each["ts"]}, where
                )
        return found

    async def on_home(self, user: str) -> list[Button]:
        home = await self.world.slack.get("home", user=user)
        return self.pressable(home["blocks"], {"view_id": home["id"]}, "Home") if home else []

    async def presses(self) -> None:
        user = self.person()
        if await self.views(user):  # a modal lies above everything
            return
        found = [*await self.on_messages(user), *await self.on_home(user)]
        if found:
            await self.press(user, self.dice.choice(found[-25:] if self.dice.random() < 0.7 else found))

    async def decides(self) -> None:
        """Approvers do what they are there for."""
        waiting = [
            each for each in await self.cards() if checks.payload(each)["state"] == "awaiting_approval"
        ]
        user = self.person(APPROVERS)
        if not waiting:
            return
        await self.turns_to_slack(user)
        card = self.dice.choice(waiting)
        place = {"channel": "C0APPROVALS", "ts": card["ts"]}
        verb = self.dice.choices(["approve", "deny"], [6, 1])[0]
        for button in self.pressable(card["blocks"], place, f"the card “{checks.first_line(card)}”"):
            if button.element["action_id"] == verb:
                await self.press(user, button)

    async def presses_as_it_was(self) -> None:
        """A button that the person's client still shows."""
        user = self.person()
        old = []
        for (channel, ts), versions in self.earlier.items():
            for each in versions[:-1]:
                place = {"channel": channel, "ts": ts, "blocks": each.get("blocks") or []}
                old += self.pressable(place["blocks"], place, f"an earlier message in {channel}")
        if old and not await self.views(user):
            await self.press(user, self.dice.choice(old))

    async def presses_at_once(self) -> None:
        """Two people, or one twice, at the same instant."""
        first = self.person(APPROVERS if self.dice.random() < 0.5 else PEOPLE)
        second = first if self.dice.random() < 0.3 else self.person()
        found = [
            each for each in await self.on_messages(first) if each.element["type"] in ("button", "overflow")
        ]
        if not found or await self.views(first) or await self.views(second):
            return
        button = self.dice.choice(found[-15:])
        value = self.chosen(button.element)
        self.tell(f"{first} and {second} at once:")
        await asyncio.gather(
            self.press(first, button, value), self.press(second, button, value), return_exceptions=True
        )

    def chosen(self, element: Json) -> Json:
        """Of what needs no question to the app."""
        kind = element["type"]
        if kind == "button":
            return {"value": element.get("value")} if element.get("value") else {}
        options = element.get("options") or [
            o for g in element.get("option_groups") or () for o in g["options"]
        ]
        if kind in ("overflow", "static_select", "radio_buttons"):
            return {"selected_option": self.dice.choice(options)}
        if kind == "checkboxes":
            return {"selected_options": [each for each in options if self.dice.random() < 0.5]}
        return {"value": self.dice.choice(NASTY)}

    async def press(self, user: str, button: Button, value: Json | None = None) -> Json:
        element = button.element
        if value is None and element["type"].endswith("external_select"):
            option = await self.suggested(user, button.place, element)
            if option is None:
                return {}
            value = {"selected_option": option}
        value = self.chosen(element) if value is None else value
        what = f"{button.name} {json.dumps(value, ensure_ascii=False)[:100]}"
        self.tell(f"{user} presses {what}")
        channel = button.place.get("channel")
        before = await self.sight(user, channel)
        answer: Json = await self.world.slack.post(
            "act",
            user=user,
            action_id=element["action_id"],
            block_id=button.block["block_id"],
            **button.place,
            **value,
        )
        self.acknowledged(answer, f"{user} presses {what}")
        if answer["ok"] and not answer["shown"] and not element.get("url"):
            await self.seen(user, channel, before, f"presses {what}")
        if "view_id" in button.place and self.dice.random() < 0.9:
            await self.quiet(3, 0.15)  # few are quicker than the page that they look at
        for each in answer["shown"]:
            self.tell(f"  … reads “{str(each.get('text'))[:160]}”")
        await self.page(user)
        return answer

    # Home, Twilio, the clock

    async def opens_home(self) -> None:
        user = self.person()
        self.tell(f"{user} opens Home")
        await self.world.slack.post("home", user=user)
        give_up_at = time.monotonic() + SEEN_WITHIN
        while not await self.world.slack.get("home", user=user):
            if time.monotonic() > give_up_at:
                if not self.disturbed:
                    self.find(f"{user} opens Home, and it stays empty")
                return
            await asyncio.sleep(0.05)

    async def decides_at_twilio(self) -> None:
        state = await self.world.twilio.get("state")
        waiting = [each for each in state["bundles"] if each["status"] in ("pending-review", "in-review")]
        if not waiting:
            approved = [each for each in state["bundles"] if each["status"] == "twilio-approved"]
            if approved and self.dice.random() < 0.1:
                await self.lapses(self.dice.choice(approved)["sid"], state["now"])
            return
        bundle = self.dice.choice(waiting)
        approve = self.dice.random() < 0.7
        reasons = (
            {}
            if approve
            else {
                each["sid"]: self.dice.choice(NASTY[:8])
                for each in bundle["items"]
                if each["kind"] == "document"
            }
        )
        self.tell(f"Twilio {'approves' if approve else 'rejects'} {bundle['friendly_name']}")
        await self.world.twilio.post(
            f"bundles/{bundle['sid']}/review", verdict="approve" if approve else "reject", reasons=reasons
        )

    async def lapses(self, sid: str, now: str) -> None:
        how = self.dice.choice(["rejected", "soon"])
        self.tell(f"the approved bundle {sid}: {how}")
        if how == "rejected":
            await self.world.twilio.post(
                f"bundles/{sid}", status="twilio-rejected", failure_reason="*zqbold*"
            )
        else:
            await self.world.twilio.post(f"bundles/{sid}", valid_until=now)

    async def changes_twilio(self) -> None:
        """What others do in the account, and in the world."""
        twilio, state = self.world.twilio, await self.world.twilio.get("state")
        asked = [
            checks.number_in(checks.first_line(each))
            or checks.number_in("\n".join(checks.texts(each["blocks"])))
            for each in await self.cards()
        ]
        free = [
            each
            for each in asked
            if each and each not in {owned["phone_number"] for owned in state["owned_numbers"]}
        ]
        what = self.dice.choice(
            ["taken", "price", "poor", "rich", "rename", "new", "owned", "release", "suspended", "lag"]
        )
        self.tell(f"at Twilio: {what}")
        if what == "taken" and free:
            await twilio.post("taken", phone_number=self.dice.choice(free))
        elif what == "price":
            await twilio.post(
                "prices", country="US", number_type="local", price=self.dice.choice(["2.40", "1.15", "0.90"])
            )
        elif what == "suspended":
            await twilio.post("account", status=self.dice.choice(["suspended", "active", "active"]))
        elif what == "lag":
            await twilio.post("lag", seconds=self.dice.choice([0, 2]))
        elif what in ("poor", "rich"):
            await twilio.post("account", balance="0.50" if what == "poor" else "500.00")
        elif what == "rename" and state["services"]:
            await twilio.post(
                f"services/{self.dice.choice(state['services'])['sid']}", friendly_name="Renamed"
            )
        elif what == "new":
            await twilio.post("services", friendly_name="Team A")
        elif what == "owned" and free:
            number = self.dice.choice(free)
            self.by_hand.add(number)
            await twilio.post("owned", phone_number=number, friendly_name="By hand")
        elif what == "release" and state["owned_numbers"]:
            number = self.dice.choice(state["owned_numbers"])
            self.released.add(number["phone_number"])
            await twilio.delete(f"owned/{number['sid']}")

    async def fails(self) -> None:
        """For a few steps something fails; then all is well again, and it becomes quiet."""
        self.disturbed = True
        twilio = [
            {"method": "*", "path": "*", "times": 3, "fault": {"delay": 2}},
            {
                "method": "*",
                "path": "*",
                "times": 2,
                "fault": {"status": 429, "code": 20429, "retry_after": 2},
            },
            {"method": "*", "path": "*", "times": 3, "fault": {"status": 503}},
            {"method": "*", "path": "*", "times": 2, "fault": "cut_before"},
            {"method": "POST", "path": "*", "times": 1, "fault": "cut_after"},
            {"method": "POST", "path": "*/IncomingPhoneNumbers.json", "times": 1, "fault": "cut_after"},
            {
                "method": "POST",
                "path": "*/IncomingPhoneNumbers.json",
                "times": 1,
                "fault": {"status": 500, "processed": True},
            },
            {
                "method": "POST",
                "path": "*/IncomingPhoneNumbers.json",
                "times": 1,
                "fault": {"status": 400, "code": 21422},
            },
        ]
        slack = [
            {"method": method, "times": self.dice.randint(1, 3), "fault": fault}
            for method in ("chat.update", "chat.postMessage", "chat.postEphemeral", "views.*", "*")
            for fault in (
                {"status": 429, "retry_after": 1},
                {"status": 500},
                {"delay": 4},
                "cut_before",
                "cut_after",
            )
        ] + [{"deliver": each} for each in ("twice", "late", "disconnect") for _ in range(3)]
        one = self.dice.random() < 0.5
        fault: Any = self.dice.choice(twilio if one else slack)
        self.tell(f"{'Twilio' if one else 'Slack'} fails: {json.dumps(fault)}")
        await (self.world.twilio if one else self.world.slack).post("faults", **fault)
        for _ in range(self.dice.randint(1, 4)):
            try:
                await self.dice.choice(
                    [
                        self.on_a_page,
                        self.on_a_page,
                        self.types,
                        self.presses,
                        self.presses_at_once,
                        self.decides,
                    ]
                )()
            except Refused as refused:
                self.tell(f"  … cannot be done: {refused}")
        await self.calm_down()

    async def calm_down(self) -> None:
        await self.world.slack.delete("faults")
        await self.world.twilio.delete("faults")
        if self.disturbed:
            self.tell("all is well again")
            await asyncio.sleep(1.2)
        await self.quiet()
        self.disturbed = False

    async def lets_time_pass(self) -> None:
        await self.later(self.dice.choice([60, 600, 3600, 6 * 3600, 26 * 3600, 3 * 86400]))

    async def later(self, seconds: int) -> None:
        self.tell(f"{seconds / 3600:.1f} hours pass")
        await self.world.twilio.post("clock", forward=seconds)
        await asyncio.sleep(0.4)  # the app looks at the clock five times a second

    # what holds

    async def cards(self) -> list[Json]:
        found = await self.world.slack.get("messages", channel="C0APPROVALS")
        return [each for each in found if (each.get("metadata") or {}).get("event_type") == "purchase"]

    async def check_now(self) -> None:
        """In a quiet moment. What is seen once and gone a second later was on its way."""
        if not (wrong := await self._untrue()):
            return
        await asyncio.sleep(3)
        await self.quiet()
        for each in await self._untrue():
            if each in wrong:
                self.find(each)

    async def _untrue(self) -> list[str]:
        language = self.world.environment["CHANNEL_LANGUAGE"]
        state = await self.world.twilio.get("state")
        found = checks.untrue_first_lines(await self.cards(), state, language)
        return [each for each in found if not any(number[-4:] in each for number in self.released)]

    async def finish(self, quiet_hours: int) -> None:
        """All is well, and the hours go by: then nobody is stuck, everything is true, and everything can be ended."""
        self.tell("the end:")
        await self.world.twilio.post("account", balance="500.00", status="active")
        await self.world.twilio.post("lag", seconds=0)
        self.disturbed = True
        await self.calm_down()
        for user in PEOPLE:
            if (view := await self.page(user)) is not None:
                await self.world.slack.post("close", user=user, view_id=view["id"], all=True)
        for hours in (*[1] * quiet_hours, *([25] if self.released else [])):
            await self.later(hours * 3600)
            await asyncio.sleep(0.6)
            await self.quiet()
        released, self.released = self.released, set()
        for _ in range(65):  # the daily look is taken within a minute of being due
            if not released or not await self._untrue():
                break
            await asyncio.sleep(1)
        await self.check_now()
        for each in checks.dead_ends(await self.cards(), await self.world.twilio.get("state")):
            self.find(each)
        for card in await self.cards():
            await self.lead_on(card)
        await self.quiet()
        for card in await self.cards():
            await self.end(card)
        await self.quiet()
        await self.check_now()
        state, record = await self.world.twilio.get("state"), await self.world.record()
        slack = await self.world.slack.get("state")
        for each in (
            *checks.wrong_purchases(state, record, self.by_hand),
            *checks.refusals_of_slack(await self.world.slack.get("calls"), slack["refused"]),
            *checks.untold([last for *_, last in self.earlier.values()], state, self.by_hand),
            *checks.complaints(self.world.log),
            *(f"Twilio would not have understood: {each}" for each in state["complaints"]),
        ):
            self.find(each)
        states = Counter(checks.payload(each)["state"] for each in await self.cards())
        self.outcome = (
            f"bought {len(state['ledger'])}, requests {dict(states)}, bundles {len(state['bundles']) - 1}"
        )

    async def lead_on(self, card: Json) -> None:
        """Each button of the card does something for somebody who may press it."""
        place = {"channel": "C0APPROVALS", "ts": card["ts"]}
        for button in self.pressable(card["blocks"], place, f"the card “{checks.first_line(card)}”"):
            if button.element["type"] != "button" or self.dice.random() < 0.3:
                continue
            user = self.dice.choice(APPROVERS)
            try:
                await self.press(user, button)
            except Refused as refused:
                self.tell(f"  … cannot be done: {refused}")
            if (view := await self.page(user)) is not None:
                await self.world.slack.post("close", user=user, view_id=view["id"], all=True)

    async def end(self, card: Json) -> None:
        """Whatever is not finished can be ended, by its menu."""
        where = checks.payload(card)
        menus = [
            each
            for each in self.pressable(
                card["blocks"], {"channel": "C0APPROVALS", "ts": card["ts"]}, "the card"
            )
            if each.element["type"] == "overflow"
        ]
        if where["state"] not in checks.LIVE or not menus:
            return
        user = self.dice.choice(APPROVERS)
        option = menus[0].element["options"][-1]  # what ends it stands last
        try:
            await self.press(user, menus[0], {"selected_option": option})
            view = await self.page(user)
            if view is None:
                raise Refused("no page opens")
            fields = [each["element"]["action_id"] for each in view["blocks"] if each["type"] == "input"]
            await self.world.slack.post(
                "submit", user=user, view_id=view["id"], values=dict.fromkeys(fields, "The walk is over")
            )
        except Refused as refused:
            self.tell(f"  … cannot be done: {refused}")
        give_up_at = time.monotonic() + SEEN_WITHIN
        while True:
            now = next(
                (each for each in await self.cards() if checks.payload(each)["id"] == where["id"]), card
            )
            if checks.payload(now)["state"] not in checks.LIVE:
                return
            if time.monotonic() > give_up_at:
                self.find(f"it cannot be ended: “{checks.first_line(now)}” ({checks.payload(now)['state']})")
                return
            await asyncio.sleep(0.1)


def _fires(button: Button) -> bool:
    """Whether Slack tells the app of it at once."""
    return button.block["type"] != "input" or bool(button.block.get("dispatch_action"))
