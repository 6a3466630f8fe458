"""One simulated life: people who ask, decide and change their minds, while whatever can go wrong does so at the moments that matter.

It is the audit (``tests/walks/audit.py``) on a smaller stage, with faults that are aimed. All chance comes from the seed.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation import invariants
from tests.simulation.world import Strike, World
from tests.walks import audit, checks, judge
from tests.walks.audit import LONG_AGO, POLICIES, Audit
from tests.walks.checks import Json

ROUNDS = 3
BUY = "*/IncomingPhoneNumbers.json"
AIMS: dict[tuple[str, str], int] = {
    ("POST", BUY): 12,
    ("GET", BUY): 1,
    ("POST", "*/v1/Services"): 2,
    ("POST", "*/Services/*/PhoneNumbers"): 2,
    ("GET", "*/Services/*/PhoneNumbers/*"): 1,
}
"""Calls to Twilio that a purchase makes, by method and path."""
HOW: dict[str, int] = {"before": 3, "after": 4, "cut_before": 2, "cut_after": 5, "answers": 6}
"""What happens there: a strike right before or after it, or how it is answered."""
COMMITS: dict[str, tuple[int, int]] = {
    "": (2, 30),
    "record": (4, 8),
    "outbox": (3, 8),
    "purchases": (1, 6),
    "messaging_services": (1, 2),
}
"""Commits, by a table that they write ("": any), with how often and up to which of the next ones is aimed: the record is written where
something happens, the outbox where Slack is owed it."""
ANSWERS: tuple[Json, ...] = (
    {"status": 500, "processed": True},
    {"status": 503},
    {"status": 429, "retry_after": 3},
    {"delay": 6},
    {"delay": 40},
    {"status": 403, "plain": True, "processed": True},
    {"status": 408, "plain": True, "processed": True},
    {"cut": "broken"},
)
SLOWEST = 45
"""Seconds within which Twilio has answered."""
REFUSED: Json = {"status": 400, "code": 21422}
"""The number is sold to somebody else."""
TWICE: Json = {"deliver": "twice", "times": 3}
SLACK: tuple[Json, ...] = (
    {"method": "*", "times": 25, "fault": {"status": 500}},
    {"method": "chat.postMessage", "times": 2, "fault": "cut_after"},
    {"method": "chat.update", "times": 2, "fault": "cut_after"},
    {"method": "chat.*", "times": 3, "fault": "cut_before"},
    {"method": "chat.update", "times": 3, "fault": {"status": 429, "retry_after": 2}},
    {"method": "chat.*", "times": 3, "fault": {"delay": 4}},
    TWICE,
    TWICE,
    {"deliver": "disconnect", "times": 2},
)
STEPS_OF_THE_CLOCK = (70, 310, 3700, 90_000)
STEPS_BACK = (-70, -900, -3700, -90_000)
BY_THE_CLOCK = ("on record at", "asked for again after it was bought")
"""Findings of the judge that compare times: where the clock steps back they say nothing."""
OVERSLEPT = 15.0
"""Seconds after which what is not awake yet has overslept: the app may have to be started first."""
STILL = 9.0
"""Seconds in which nothing more is begun when all is quiet."""
SETTLED_AFTER = 6
"""So many times two and a half minutes pass before what has not come to its end counts as stuck: an intent is looked for at 130 s, three times."""
TRUE_WITHIN = 60.0
DECIDED = ("approve", "deny", "withdraw")


def seen(card: Json) -> str:
    """The number that it is about."""
    return checks.number_in("\n".join(checks.texts(card["blocks"])))


class Life(Audit):
    world: World

    def __init__(self, seed: int) -> None:
        super().__init__(None, seed)  # type: ignore[arg-type]
        self.found: list[str] = []
        self.backwards = seed % 5 == 0
        """Whether the clock may step back; nothing else changes then of what is judged by its time."""
        self.due: dict[tuple[str, datetime], float] = {}
        """What sleeps, until when, and when that is by what counts seconds."""
        audit.DRAWN_WITHIN = 8.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def find(self, what: str) -> None:
        if what not in self.found:
            self.found.append(what)
            self.tell(f"!! {what}")

    # the whole of it

    async def live(self, world: World) -> None:
        self.world = world
        world.on_step = self.stepping
        await world.begin()
        await self.look_around()
        for n in range(ROUNDS):
            self.dice = random.Random(f"{self.seed}/{n}")
            ask = self.dice.choice([self.asks, self.ask_alike, self.ask_together])
            await self.attempt(ask, self.dice.choice([1, 1, 2]))
            await self.take_aim()
            if ask == self.ask_together:
                await self.attempt(self.go_on_together)
            for _ in range(self.dice.randint(2, 4)):
                await self.attempt(self.one_of_many())
                self.check()
                await asyncio.sleep(self.dice.choice([0.0, 0.2, 1.5, 5.0]))
            self.check()
        await self.finish()

    async def look_around(self) -> None:
        deciders = ["U0APPROVER", "U0APPROVER2", "U0OPERATOR"]
        await self.world.slack.post("channels", id=audit.CHANNEL, name="deciders", members=deciders)
        self.note("members", at=LONG_AGO, by=LONG_AGO, list=audit.CHANNEL, people=deciders)
        state = await self.world.slack.get("state")
        for each in state["people"]:
            self.note("person", at=LONG_AGO, by=LONG_AGO, person=each["id"], barred=False)
        for each in state["usergroups"]:
            self.note("members", at=LONG_AGO, by=LONG_AGO, list=each["id"], people=each["users"])
        self.note("policy", at=LONG_AGO, by=LONG_AGO, rules=POLICIES[0])
        for country, kind in audit.PRICES:
            await self.learn_price(country, kind)
        await self.learn_services()
        await self.world.twilio.post("account", balance="5000.00")
        self.market = self.world.market()

    def one_of_many(self) -> Callable[[], Awaitable[None]]:
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.decide: 40,
            self.approve_what_waits: 14,
            self.change_meanwhile: 18,
            self.change_mind: 14,
            self.decide_by_old_cards: 6,
            self.lead_on: 14,
            self.end_some: 8,
            self.take_numbers: 4,
            self.change_prices: 6,
            self.change_services: 2,
            self.change_bundles: 6,
            self.change_balance: 5,
            self.edit_policy: 7,
            self.change_members: 7,
            self.bar_somebody: 2,
            self.fail: 10,
            self.lag: 4,
            self.kill: 4,
            self.step_clock: 5,
        }
        if self.backwards:
            for each in (
                self.change_prices,
                self.change_services,
                self.edit_policy,
                self.change_members,
                self.bar_somebody,
            ):
                del kinds[each]
            kinds |= {self.step_clock: 25, self.doze: 25, self.kill: 8}
        return self.dice.choices(list(kinds), list(kinds.values()))[0]

    def check(self) -> None:
        by_hand = {each["number"] for each in self.done if each["what"] == "by_hand"}
        for each in invariants.at_any_moment(self.world, by_hand):
            self.find(each)
        self.look_who_sleeps()

    def look_who_sleeps(self) -> None:
        """Nothing sleeps longer because the clock has stepped back (rule 36)."""
        at, due = self.world.loop.time(), {}
        for what, until in self.world.asleep():
            left = (until - self.now()).total_seconds()
            if left > 0:
                due[what, until] = then = min(at + left, self.due.get((what, until), at + left))
                if at > then + OVERSLEPT:
                    self.find(f"{what} has overslept: the clock has stepped back, and nobody has woken it")
        self.due = due

    # people

    async def ask_alike(self, how_many: int) -> None:
        """Two at the same time, for the same."""
        people = self.dice.sample([each for each in audit.REQUESTERS if each not in self.gone], k=how_many)
        self.began += 1
        like = f"{self.seed}/request/{self.began}"
        asked = (self.ask(each, f"Alike {self.began}", random.Random(like)) for each in people)
        await self._at_once(asked)

    async def ask_together(self, _: int) -> None:
        """Two, for numbers of their own that go into one new service."""
        people = self.dice.sample([each for each in audit.REQUESTERS if each not in self.gone], k=2)
        self.began += 1
        each_his = {each: random.Random(f"{self.seed}/request/{self.began}/{each}") for each in people}
        what = f"Together {self.began}"
        await self._at_once(self.ask(person, what, dice, what) for person, dice in each_his.items())

    async def approve_what_waits(self) -> None:
        """By two at once, and by one of them twice."""
        presses = []
        for card in await self.cards("awaiting_approval"):
            presses += [
                self.press(each, card, "approve") for each in ("U0APPROVER", "U0APPROVER2", "U0APPROVER")
            ]
        await self._at_once(presses)

    async def change_mind(self) -> None:
        """Who asked withdraws it, or somebody denies it, in the moment in which it is approved."""
        waiting = await self.cards("awaiting_approval")
        if not waiting:
            return
        card, verb = self.dice.choice(waiting), self.dice.choice(["withdraw", "withdraw", "deny"])
        asked = [
            each["person"] for each in self.done if each["what"] == "asked" and each["number"] in seen(card)
        ]
        person = asked[-1] if verb == "withdraw" and asked else "U0APPROVER2"
        delay = self.dice.choice([0.0, 0.05, 0.1, 0.2, 0.4])

        async def approve() -> None:
            await asyncio.sleep(delay)
            await self.press("U0APPROVER", card, "approve")

        await self._at_once(
            [self.through_a_page(person, card, verb, {"reason": "Not needed any more"}), approve()]
        )

    async def change_meanwhile(self) -> None:
        """What was approved has to wait for the balance; when it may go on, something is not as it was."""
        changes = [self.end_some, self.take_numbers, self.change_bundles]
        if not self.backwards:
            changes += [self.lose_the_right] * 3 + [self.raise_prices] * 3 + [self.change_services]
        changed = self.dice.choice(changes)
        await self.go_on_together(changed)
        if changed == self.raise_prices:
            await self.decide_by_old_cards()

    async def go_on_together(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """What is approved has to wait for the balance, and all of it is at the next step in the same moment."""
        await self.world.twilio.post("account", balance="0.50")
        await self.approve_what_waits()
        await asyncio.sleep(1)
        if meanwhile is not None:
            await self.attempt(meanwhile)
            await asyncio.sleep(8)
        self.tell("the balance suffices again")
        await self.world.twilio.post("account", balance="5000.00")
        await self.later(61)
        await asyncio.sleep(4)

    async def lose_the_right(self) -> None:
        """Whoever has approved may not any more: by the policy, or by a list once that has grown old."""
        if self.dice.random() < 0.5:
            await self.apply({"people": ["U0COMPLIANCE"], "approvals": 1, "own_request": False})
            return
        people = ["U0COMPLIANCE"]
        changed = self.world.slack.post(f"usergroups/{audit.GROUP}", users=people)
        await self.changes("members", changed, list=audit.GROUP, people=people)
        await self.later(310)

    async def raise_prices(self) -> None:
        for country, kind in audit.PRICES:
            more = {"country": country, "number_type": kind, "price": self.dice.choice(["4.10", "5.20"])}
            await self.changes("price", self.world.twilio.post("prices", **more), **more)

    # what goes wrong

    async def take_aim(self) -> None:
        """At a call of the next purchases, at a commit, or at what people press next."""
        if self.dice.random() < 0.15:
            return
        if self.dice.random() < 0.35:
            seconds = self.world.twilio_twin.lag = self.dice.choice([4.0, 15.0, 45.0])
            self.tell(f"Twilio shows what is written {seconds:.0f} s late")
        at = self.dice.choices([self.at_call, self.at_commit, self.at_press], [11, 8, 1])[0]
        self.tell(f"aimed: {await at()}")

    async def at_call(self) -> str:
        method, path = self.dice.choices(list(AIMS), list(AIMS.values()))[0]
        how = self.dice.choices(list(HOW), list(HOW.values()))[0]
        if how in ("before", "after"):
            return self.strike(Strike(how, method, path))
        answers = (*ANSWERS, REFUSED, REFUSED) if (method, path) == ("POST", BUY) else ANSWERS
        fault: Any = self.dice.choice(answers) if how == "answers" else how
        times = self.dice.choice([1, 1, 2])
        order = {"method": method, "path": path, "times": times, "fault": fault}
        self.world.twilio_twin.faults.add(order)
        return f"{times} times {json.dumps(fault)} at {method} {path}"

    async def at_commit(self) -> str:
        table = self.dice.choices(list(COMMITS), [often for often, _ in COMMITS.values()])[0]
        moment = self.dice.choice(["before", "after"])
        return self.strike(Strike(moment, commits=self.dice.randint(1, COMMITS[table][1]), table=table))

    def strike(self, strike: Strike) -> str:
        if self.backwards and self.dice.random() < 0.5:
            strike.clock = self.dice.choice(STEPS_BACK)
        self.world.strike = strike
        return str(strike)

    async def at_press(self) -> str:
        await self.world.slack.post("faults", **TWICE)
        return json.dumps(TWICE)

    async def fail(self) -> None:
        if self.dice.random() < 0.3:
            self.tell("the app cannot reach Slack for 20 seconds")
            app = f"app{self.world.starts}"
            self.world.loop.net.partition([app], ["slack"])
            asyncio.get_running_loop().call_later(20, self.world.loop.net.heal)
            return
        fault = self.dice.choice(SLACK)
        self.tell(f"Slack fails: {json.dumps(fault)}")
        await self.world.slack.post("faults", **fault)

    async def lag(self) -> None:
        seconds = self.dice.choice([0, 3, 15, 45])
        self.tell(f"Twilio shows what is written {seconds} s late")
        await self.world.twilio.post("lag", seconds=seconds)

    async def kill(self) -> None:
        """With a policy that cannot be read it would not start again, as it should."""
        self.save_policy(audit.policy(self.rules))
        self.tell("the app is killed")
        self.world.kill()
        if self.backwards and self.dice.random() < 0.5:  # nobody minds it
            seconds = self.dice.choice(STEPS_BACK)
            self.tell(f"{seconds} seconds pass")
            self.world.step_clock(seconds)

    async def step_clock(self) -> None:
        await self.later(
            self.dice.choice(
                STEPS_BACK if self.backwards and self.dice.random() < 0.7 else STEPS_OF_THE_CLOCK
            )
        )

    async def later(self, seconds: int) -> None:
        """The clocks step. Not before an edit of the policy has had its seconds; and where time passes, not before Twilio has done what it is
        slow about, which would last longer than anybody waits for it."""
        await asyncio.sleep(max(0.1, self.quiet_at - self.world.loop.time() - 1000))
        for _ in range(SLOWEST):
            if seconds < 0 or not self.world.twilio_twin.in_flight:
                break
            await asyncio.sleep(1)
        self.tell(f"{seconds} seconds pass")
        before = self.now()
        self.world.step_clock(seconds)
        if not self.backwards:
            self.note("jump", at=before)
        await asyncio.sleep(1)

    def stepping(self, seconds: int) -> None:
        """What was so before is so still, and what sleeps shall not oversleep."""
        self.look_who_sleeps()
        then = self.now() + timedelta(seconds=seconds)
        for each in self.done:
            each["at"], each["by"] = min(each["at"], then), min(each["by"], then)

    async def doze(self) -> None:
        """Nothing is done for a while: what was put off has to come by itself."""
        await asyncio.sleep(self.dice.choice([25, 40]))

    # the end

    async def finish(self) -> None:
        """All is well again, and most of what is open is decided, led on or ended. Then it has to become quiet, and all has to be true."""
        self.tell("the end:")
        await self.all_well()
        for n in range(4):
            self.dice = random.Random(f"{self.seed}/end/{n}")
            await self.later(310 if n == 0 else 20)
            for card in await self.cards("awaiting_approval"):
                for each in ("U0APPROVER", "U0APPROVER2"):
                    await self.attempt(self.press, each, card, "approve")
            await self.lead_on()
            await asyncio.sleep(2)
            self.check()
            if not await self.cards("awaiting_approval", "in_progress", "needs_changes"):
                break
        await self.settle()
        await self.learn_services()

    async def all_well(self) -> None:
        self.world.strike = None
        self.world.loop.net.heal()
        await self.world.slack.delete("faults")
        await self.world.twilio.delete("faults")
        await self.world.twilio.post("lag", seconds=0)
        await self.world.twilio.post("account", balance="5000.00")
        for each in (await self.world.twilio.get("state"))["bundles"]:
            await self.world.twilio.post(f"bundles/{each['sid']}", status="twilio-approved")
        await self.apply(POLICIES[0])
        group = self.world.slack.post(f"usergroups/{audit.GROUP}", users=audit.MEMBERS[0])
        await self.changes("members", group, list=audit.GROUP, people=audit.MEMBERS[0])
        for person in sorted(self.gone):
            back = self.world.slack.post(f"people/{person}", deleted=False)
            await self.changes("person", back, person=person, barred=False)
        await self.world.connected()

    async def settle(self) -> None:
        for _ in range(SETTLED_AFTER):
            await asyncio.sleep(STILL)
            if not list(invariants.unfinished(self.world)):
                break
            await self.later(150)
        for each in invariants.unfinished(self.world):
            self.find(f"stuck: {each}")
        give_up_at = self.world.loop.time() + TRUE_WITHIN
        while wrong := await self.wrong_at_quiet():
            if self.world.loop.time() > give_up_at:
                break
            await asyncio.sleep(5)
        for each in wrong:
            self.find(each)

    async def wrong_at_quiet(self) -> list[str]:
        by_others = {
            each["sid"] for each in self.done if each["what"] == "service" and each["at"] != LONG_AGO
        }
        state = await self.world.twilio.get("state")
        presses = [each["person"] for each in self.done if each.get("verb") in DECIDED]
        return [
            *invariants.at_quiet(self.world, state, await self.said(), by_others),
            *invariants.answered_once(self.world, presses),
        ]

    async def said(self) -> dict[str, list[Json]]:
        """The approvals channel, and the thread of each of its cards by ts."""
        channel = await self.world.slack.get("messages", channel="C0APPROVALS")
        found = {"": channel}
        for each in channel:
            if (each.get("metadata") or {}).get("event_type") == "purchase":
                found[each["ts"]] = await self.world.slack.get(
                    "messages", channel="C0APPROVALS", thread_ts=each["ts"]
                )
        return found

    async def evidence(self) -> judge.Evidence:
        calls = [
            each
            for each in self.world.twilio_twin.calls
            if each["method"] != "GET" or each["host"] == "pricing.twilio.com"
        ]
        state = await self.world.twilio.get("state")
        return judge.Evidence(await self.world.record(), state, calls, self.market, self.done)

    def judge(self, evidence: judge.Evidence) -> None:
        for each in judge.findings(evidence):
            if not (self.backwards and any(words in each for words in BY_THE_CLOCK)):
                self.find(each)
        for each in checks.complaints(self.world.log):
            if "POLICY_FILE: " not in each:
                self.find(each)
