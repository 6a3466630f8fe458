"""The policy in one piece: its rules asked with the people of now. Deciding itself is pure (``rules``, ``counting``, ``waiting``)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import AliasChoices, Field, PrivateAttr

from bot.errors import (
    BarredFromHere,
    CannotCheck,
    MayNotAddBundle,
    MayNotApprove,
    MayNotAsk,
    MayNotRelease,
    NobodyCouldApprove,
    NotYours,
    OnlyApprovers,
    OwnRequest,
)
from bot.purchases.policy import calling
from bot.purchases.policy.counting import Progress, Yes
from bot.purchases.policy.limits import Limits
from bot.purchases.policy.lists import Ask, Bundles, Known, Lists, Lookup, Operators, Part, Release
from bot.purchases.policy.roles import Role, Verb, may
from bot.purchases.policy.rules import UNNAMED, Approve, Case, Facts, Figures, Rule, case_of, first_match
from bot.purchases.policy.shortage import undecidable, what_lacks
from bot.purchases.policy.waiting import Emergency, Hours, StandIn, Waiting
from bot.slack.people import People
from bot.texts import Said, person
from storage.models import EMERGENCY, Approval, Purchase, Quote, now

OPERATORS_NAMED = 3


class Policy(Part):
    ask: Ask = Ask()
    rule: list[Rule] = Field(default=[])
    approve: Approve | None = None
    limits: Limits = Limits()
    waiting: Waiting = Waiting()
    hours: Hours = Hours()
    stand_in: list[StandIn] = Field(default=[])
    emergency: Emergency = Emergency()
    bundles: Bundles = Field(default=Bundles(), validation_alias=AliasChoices("bundles", "papers"))
    release: Release = Release()
    operators: Operators = Operators()
    _version: str = PrivateAttr(default="")
    _notices: tuple[Said, ...] = PrivateAttr(default=())

    @property
    def version(self) -> str:
        """A short hash of the file's content, kept with each approval; empty for one that comes from no file."""
        return self._version

    def by_rule(self, rule: Rule | None) -> dict[str, Any]:
        """For the record: the rule, and the version of the file, by which something was decided."""
        return {"rule": rule.name if rule else None, "policy_version": self.version}

    @property
    def notices(self) -> tuple[Said, ...]:
        """For the operators: what works, and should be changed in the file."""
        return self._notices

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In the order of the file; [approve] is the last one."""
        last = [Rule.model_construct(name=UNNAMED, **dict(self.approve))] if self.approve else []
        return (*self.rule, *last)

    @property
    def has_limits(self) -> bool:
        every = (self.limits, *(rule.limits for rule in self.rules))
        return any(each.monthly is not None or each.per_person is not None for each in every)

    @property
    def groups(self) -> list[str]:
        return sorted({group for lists in self._every for group in lists.groups})

    @property
    def channels(self) -> list[str]:
        return sorted({channel for lists in self._every for channel in lists.channels})

    @property
    def _deciders(self) -> Iterator[Lists]:
        """Everybody who might be asked for an approval."""
        for rule in self.rules:
            yield from rule.deciders
        if self.limits.over is not None:
            yield self.limits.over
        yield self.waiting.pass_on_to

    @property
    def _every(self) -> Iterator[Lists]:
        yield from (self.ask, self.bundles, self.operators, self.emergency, self.release, *self._deciders)
        for rule in self.rules:
            yield from (each for each in (rule.asked_by, rule.release) if each is not None)

    @property
    def approvers_by_id(self) -> list[str]:
        """Whom the file names as approvers, each once: also who stands in for one, or may in an emergency."""
        named = [each for lists in (*self._deciders, self.emergency) for each in lists.named]
        return list(dict.fromkeys([*named, *(each.by for each in self.stand_in)]))

    def without(self, person_ids: Collection[str]) -> "Policy":
        """As it would be if these were not named as approvers: for looking whether the others are enough."""
        rest = self.model_copy(deep=True)
        for rule in (*rest.rule, *([rest.approve] if rest.approve is not None else [])):
            for lists in (rule, *rule.stage):
                lists.people = [each for each in lists.people if each not in person_ids]
        return rest

    def names(self, person_id: str) -> bool:
        """Whether anybody thought of this very person: then they are not barred as guests and bots are (rule 16)."""
        stand_ins = {each.by for each in self.stand_in}
        return person_id in stand_ins or any(person_id in lists.named for lists in self._every)

    # what a request needs

    async def facts(self, purchase: Purchase, people: Lookup, **changed: Any) -> Facts:
        """What rules look at of it. changed: columns of its quote that shall be otherwise. Raises CannotCheck."""
        quote = purchase.quote.model_copy(update=changed) if changed else purchase.quote
        return await self.facts_of(purchase.requester_id, purchase.channel_id, quote, people)

    async def facts_of(self, requester_id: str, channel_id: str, quote: Quote, people: Lookup) -> Facts:
        """Raises CannotCheck."""
        return Facts(
            requester_id,
            channel_id,
            await self.member_of(requester_id, people),
            quote.country,
            quote.number_type,
            tuple(quote.capabilities),
            quote.texts_to,
            max(quote.ceiling, quote.price),
            quote.currency,
        )

    async def rule_of(self, purchase: Purchase, people: Lookup) -> Rule | None:
        """The rule that applies to it now. Raises CannotCheck."""
        return first_match(self.rules, await self.facts(purchase, people))

    async def member_of(self, person_id: str, people: Lookup) -> frozenset[str]:
        """Of the lists that rules name under asked_by, those that the person is in. Raises CannotCheck."""
        groups, in_channels = self._asked_by
        found = [each for each in groups if await people.belongs(person_id, [each], [])]
        found += [each for each in in_channels if await people.belongs(person_id, [], [each])]
        return frozenset(found)

    def known_member_of(self, person_id: str, people: Known) -> frozenset[str] | None:
        """The same as far as it is known; None where one was never read."""
        groups, in_channels = self._asked_by
        if people.listed(groups, in_channels) is None:
            return None
        listed = {each: people.listed([each], []) or () for each in (*groups, *in_channels)}
        return frozenset(each for each, members in listed.items() if person_id in members)

    @property
    def _asked_by(self) -> tuple[list[str], list[str]]:
        lists = [rule.asked_by for rule in self.rules if rule.asked_by is not None]
        groups = {each for of_rule in lists for each in of_rule.groups}
        return sorted(groups), sorted({each for of_rule in lists for each in of_rule.channels})

    def case(self, facts: Facts, figures: Figures) -> Case:
        return case_of(self.rules, self.limits, facts, figures)

    async def may_fill(
        self, case: Case, person_id: str, purchase: Purchase, people: Lookup, at: datetime
    ) -> frozenset[int]:
        """The places of the stages for which the person's yes would do. at: of the yes, for who stands in. Raises CannotCheck."""
        found = set()
        for place, stage in enumerate(case.stages):
            passed_on = [self.waiting.pass_on_to] if place < purchase.passed_on_stage else []
            if await self._decides((stage, *passed_on), person_id, case.rule, purchase, people, at):
                found.add(place)
        return frozenset(found)

    async def yes(self, case: Case, approval: Approval, purchase: Purchase, people: Lookup) -> Yes:
        """The approval as it may be counted by the people of now (rule 8). Raises CannotCheck."""
        who = approval.person_id
        if approval.stage != EMERGENCY:
            return Yes(who, await self.may_fill(case, who, purchase, people, approval.approved_at))
        return Yes(who, frozenset(), await self.has(Role.EMERGENCY, who, purchase, people))

    def is_old(self, approval: Approval) -> bool:
        """Given too long ago to count."""
        lasts = self.waiting.approvals_last
        return lasts is not None and approval.approved_at + lasts <= now()

    async def _decides(
        self,
        deciders: Sequence[Lists],
        person_id: str,
        rule: Rule | None,
        purchase: Purchase,
        people: Lookup,
        at: datetime,
    ) -> bool:
        """Whether the person is one of them, or stands in at that moment for somebody who is: never about what is their own."""
        excluded = own_of(purchase, rule)
        for each in (person_id, *self._stands_in_for(person_id, at)):
            if person_id in excluded or each in excluded:
                continue
            for lists in deciders:
                if await lists.cover(each, people):
                    return True
        return False

    def _stands_in_for(self, person_id: str, at: datetime) -> list[str]:
        day = self.hours.day_of(at)
        return [
            each.away for each in self.stand_in if each.by == person_id and each.first <= day <= each.last
        ]

    # before there is a purchase

    async def check_ask(self, user_id: str, people: People, facts: Facts | None = None) -> None:
        """facts: what is known of the request so far. Raises MayNotAsk, BarredFromHere, NobodyCouldApprove, CannotCheck."""
        await self._check_ask(user_id, people)
        if lack := self.lack(facts or Facts(user_id), people):
            raise NobodyCouldApprove(lack["say"], **lack["with"])

    def lack(self, facts: Facts, people: Known) -> Said | None:
        """Why nobody could ever approve what is known so far; as far as is known without asking Slack."""
        return what_lacks(self.rules, facts, people)

    async def _check_ask(self, user_id: str, people: Lookup) -> None:
        if user_id in self.ask.except_:
            raise MayNotAsk()
        if self.ask.is_empty:
            if not self.names(user_id) and (why := await people.barred(user_id)):
                raise BarredFromHere(why["say"])
        elif not await self.ask.cover(user_id, people):
            raise _refusal(user_id, people) or MayNotAsk()

    async def check_approver(self, user_id: str, people: People) -> None:
        """Whether the person may approve some requests of others. Raises MayNotApprove, BarredFromHere, CannotCheck."""
        if not await self._may_approve_some(user_id, people):
            raise _refusal(user_id, people) or MayNotApprove()

    async def check_of_nobody(self, user_id: str, people: People) -> None:
        """What concerns a number that nobody asked for here is a matter of whoever may approve something. Raises OnlyApprovers, BarredFromHere, CannotCheck."""
        if not await self._may_approve_some(user_id, people):
            everybody = self.named([*self._deciders], (), people)
            raise _refusal(user_id, people) or OnlyApprovers(approvers=everybody)

    async def _may_approve_some(self, person_id: str, people: Lookup) -> bool:
        unsure: CannotCheck | None = None
        for each in (person_id, *self._stands_in_for(person_id, now())):
            for lists in self._deciders:
                try:
                    if await lists.cover(each, people):
                        return True
                except CannotCheck as error:
                    unsure = error
        if unsure is not None:
            raise unsure
        return False

    async def check_bundles(self, user_id: str, people: People) -> None:
        """Whether the person may make and change bundles. Raises MayNotAddBundle, BarredFromHere, CannotCheck."""
        if not await self._is_for_bundles(user_id, people):
            raise _refusal(user_id, people) or MayNotAddBundle()

    async def _is_for_bundles(self, person_id: str, people: Lookup) -> bool:
        if not self.bundles.is_empty:
            return await self.bundles.cover(person_id, people)
        if await self._may_approve_some(person_id, people):
            return True
        try:
            await self._check_ask(person_id, people)
        except (MayNotAsk, BarredFromHere):
            return False
        return True

    async def whom_to_ask(self, people: People) -> list[str]:
        """Operators, as far as they are known, and no bots: at most three."""
        found: list[str] = []
        for each in sorted(self.operators.known(people) or self.operators.people):
            with suppress(CannotCheck):
                if len(found) < OPERATORS_NAMED and not await people.barred(each):
                    found.append(each)
        return found

    async def is_operator(self, person_id: str, people: Lookup) -> bool:
        """Raises CannotCheck."""
        return await self.operators.cover(person_id, people)

    # with a purchase

    async def check(self, verb: Verb, person_id: str, purchase: Purchase, people: People) -> None:
        """Whether one of the person's roles allows it. Raises OwnRequest, MayNotApprove, OnlyApprovers, MayNotAddBundle,
        MayNotRelease, NotYours, BarredFromHere, CannotCheck."""
        roles = [role for role in Role if may(verb, {role})]
        unsure: CannotCheck | None = None
        for role in roles:  # who is involved comes first: nobody has to be asked for that
            try:
                if await self.has(role, person_id, purchase, people):
                    return
            except CannotCheck as error:
                if role in (Role.REQUESTER, Role.OWNER):
                    raise  # no list lets in whoever may be barred
                unsure = error
        if unsure is not None:
            raise unsure
        if barred := None if self.names(person_id) else _refusal(person_id, people):
            raise barred
        raise await self._why_not(verb, roles, person_id, purchase, people)

    async def _why_not(
        self, verb: Verb, roles: Sequence[Role], person_id: str, purchase: Purchase, people: People
    ) -> Exception:
        if verb is Verb.APPROVE_ALONE:
            may_otherwise = await self.emergency.cover(person_id, people)
            return OwnRequest() if person_id in _own(purchase) and may_otherwise else MayNotApprove()
        if roles == [Role.APPROVER]:
            rule = await self.rule_of(purchase, people)
            deciders = rule.deciders if rule else ()
            if verb not in (Verb.APPROVE, Verb.DENY):
                excluded = own_of(purchase, rule)
                return OnlyApprovers(approvers=self.named(deciders, excluded, people))
            own = person_id in _own(purchase)
            return OwnRequest() if own and await _any(deciders, person_id, people) else MayNotApprove()
        if verb is Verb.ADD_BUNDLE:
            return MayNotAddBundle()
        if verb is Verb.RELEASE:
            rule = await self.rule_of(purchase, people)
            named = self.named(self._who_releases(rule, purchase), own_of(purchase, rule), people)
            if not any(named.values()):  # by the policy of now it is nobody's: they can change it
                named = self.named([self.operators], (), people)
            return MayNotRelease(people=named)
        return NotYours(requester=person(purchase.requester_id))

    async def has(self, role: Role, person_id: str, purchase: Purchase, people: Lookup) -> bool:
        """Whether the person has it for this purchase now. Raises CannotCheck."""
        match role:
            case Role.REQUESTER | Role.OWNER:
                whose = purchase.requester_id if role is Role.REQUESTER else purchase.owner_id
                return person_id == whose and (self.names(person_id) or not await people.barred(person_id))
            case Role.APPROVER:
                rule = await self.rule_of(purchase, people)
                if rule is None:
                    return False
                return await self._decides(
                    self._who_decides(rule, purchase), person_id, rule, purchase, people, now()
                )
            case Role.EMERGENCY:
                own = person_id in _own(purchase) and not self.emergency.own_request
                return not own and await self.emergency.cover(person_id, people)
            case Role.BUNDLES:
                return await self._is_for_bundles(person_id, people)
            case Role.RELEASER:
                rule = await self.rule_of(purchase, people)
                releasers = self._who_releases(rule, purchase)
                return await self._decides(releasers, person_id, rule, purchase, people, now())
            case Role.OPERATOR:
                return await self.is_operator(person_id, people)

    def _who_decides(self, rule: Rule, purchase: Purchase) -> list[Lists]:
        """Whom the rule names for a request of this cost, in whichever stage, or for what is over a limit."""
        yearly = max(purchase.quote.ceiling, purchase.quote.price) * 12
        stages = [each for each in rule.stages if each.yearly_above is None or yearly > each.yearly_above]
        over = [each for each in (rule.limits.over, self.limits.over) if each is not None]
        passed_on = [self.waiting.pass_on_to] if purchase.passed_on_stage else []
        return [*stages, *over, *passed_on]

    def _who_releases(self, rule: Rule | None, purchase: Purchase) -> list[Lists]:
        """rule: the one that applies now."""
        if rule is not None and rule.release is not None:
            return [rule.release]
        if not self.release.is_empty:
            return [self.release]
        return self._who_decides(rule, purchase) if rule is not None else []

    def deciding(self, counted: Progress, purchase: Purchase) -> list[Lists]:
        """Who may give what it waits for: those of its stage, and whom that was passed on to."""
        if counted.stage is None or counted.place is None:
            return []
        passed_on = [self.waiting.pass_on_to] if counted.place < purchase.passed_on_stage else []
        return [counted.stage, *passed_on]

    def named(self, deciders: Sequence[Lists], silent: Collection[str], people: Known) -> Any:
        """For a sentence: who of them may decide, or the channels whose members may."""
        return calling.named(deciders, silent, self._away(), people)

    def calls(
        self, deciders: Sequence[Lists], silent: Collection[str], people: Known
    ) -> tuple[list[str], list[str]]:
        """Whom a request that waits for these calls: by a mention in its card, and by a direct message each (``calling.calls``)."""
        return calling.calls(deciders, silent, self._away(), people)

    def _away(self) -> dict[str, str]:
        """Who is away today, with who stands in."""
        day = self.hours.day_of(now())
        return {each.away: each.by for each in self.stand_in if each.first <= day <= each.last}

    def known_approvers(self, people: Known) -> frozenset[str] | None:
        """Everybody who might decide about something, as far as is known; None when a list was never read."""
        found: set[str] = {each.by for each in self.stand_in}
        for lists in (*self._deciders, self.emergency):
            members = lists.known(people)
            if members is None:
                return None
            found |= members
        return frozenset(found)

    async def undecidable(self, people: People) -> Said | None:
        """For the operators, at start and after a change: requests that nobody could ever decide, if there are such."""
        over = [
            Rule(name=f"{name}: limits.over", **limits.over.model_dump())
            for name, limits in (*((rule.name, rule.limits) for rule in self.rules), ("*", self.limits))
            if limits.over is not None
        ]
        for rule in (*self.rules, *over):
            if lack := await undecidable(rule, self.ask, people):
                return lack
        return None


async def _any(deciders: Iterable[Lists], person_id: str, people: Lookup) -> bool:
    for lists in deciders:
        if await lists.cover(person_id, people):
            return True
    return False


def _refusal(person_id: str, people: Any) -> BarredFromHere | None:
    """What somebody who is not covered is told, where it is known (``cover`` has asked) that they are barred."""
    why = people.known_bar(person_id)
    return BarredFromHere(why["say"]) if why else None


def _own(purchase: Purchase) -> set[str]:
    return {purchase.requester_id, purchase.owner_id}


def own_of(purchase: Purchase, rule: Rule | None) -> set[str]:
    """Who may not decide about it because it is their own."""
    return set() if rule is not None and rule.own_request else _own(purchase)
