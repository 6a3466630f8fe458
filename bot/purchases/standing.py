"""How a request stands with those who decide: the rule that applies to it, the stage it waits for, and whose approval counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.core import App
from bot.errors import NobodyCouldApprove, OverLimit
from bot.purchases.policy.counting import Progress, Yes, progress
from bot.purchases.policy.limits import Spent
from bot.purchases.policy.lists import Lists, Lookup
from bot.purchases.policy.policy import Policy, own_of
from bot.purchases.policy.rules import Case, Facts, Figures, Rule
from bot.purchases.policy.waiting import Waited, next_act
from bot.texts import Said, money, phone
from storage.changes import LONGEST_SLEEP
from storage.commitments import Commitment
from storage.models import EMERGENCY, Approval, Draft, Purchase, Quote, now
from storage.purchases import purchase_of

Key = tuple[str, bool]
"""An approval within those of one quote: the person, and whether it is one in an emergency."""


def key(approval: Approval) -> Key:
    return approval.person_id, approval.stage == EMERGENCY


@dataclass(frozen=True)
class Standing:
    """Read once, by one policy and the people of one moment; counting itself asks nobody."""

    policy: Policy
    purchase: Purchase
    case: Case
    approvals: Sequence[Approval]
    yes: Mapping[Key, Yes]

    def counted(self, approvals: Sequence[Approval]) -> Progress:
        """Of these, which may be others by now than were read; an approval that was not looked at does not count."""
        known = [
            self.yes[key(each)]
            for each in approvals
            if key(each) in self.yes and not self.policy.is_old(each)
        ]
        return progress(self.case, known)

    @property
    def progress(self) -> Progress:
        return self.counted(self.approvals)

    @property
    def rule(self) -> Rule | None:
        return self.case.rule

    @property
    def by_rule(self) -> dict[str, Any]:
        """For the record (``Policy.by_rule``)."""
        return self.policy.by_rule(self.rule)

    @property
    def names(self) -> dict[str, Any]:
        """For a sentence: the number, and what it costs a month."""
        quote = self.purchase.quote
        return {"number": phone(quote.phone_number), "price": money(quote.price, quote.currency)}

    @property
    def as_sent(self) -> dict[str, Any]:
        """The columns that say so of one that is just being sent; none where nobody has to be asked, as the worker finds at once."""
        if self.rule is None or not self.case.stages:
            return {}
        moment = now()
        due, _ = next_act(self.policy.waiting, self.policy.hours, Waited(moment))
        wake_at = min(due, moment + LONGEST_SLEEP)
        return {"rule": self.rule.name, "stage": 1, "asked_at": moment, "wake_at": wake_at}

    def deciding(self, counted: Progress) -> list[Lists]:
        return self.policy.deciding(counted, self.purchase)

    def calls(
        self, app: App, deciders: Sequence[Lists] | None = None, approved: Iterable[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Whom it calls (``Policy.calls``), but who have ``approved``. deciders: without them those of the stage that it waits for."""
        deciders = self.deciding(self.progress) if deciders is None else deciders
        excluded = own_of(self.purchase, self.rule) | {*approved}
        return self.policy.calls(deciders, excluded, app.people)

    def named(self, app: App) -> Any:
        """For a sentence: who may decide now."""
        return self.policy.named(self.deciding(self.progress), own_of(self.purchase, self.rule), app.people)


async def of(
    purchase: Purchase,
    app: App,
    *,
    people: Lookup | None = None,
    new: Approval | None = None,
    approvals: Sequence[Approval] | None = None,
    policy: Policy | None = None,
) -> Standing:
    """people: who is asked; ``app.people.as_known`` for a picture. new: an approval that is about to be given. approvals: where they
    were read with the purchase. Raises CannotCheck."""
    policy, people = policy or app.policy, people or app.people
    facts = await policy.facts(purchase, people)
    case = policy.case(facts, await _figures(policy, app, purchase))
    if approvals is None:
        approvals = await app.store.approvals_of(purchase)
    looked_at = [*approvals, *([new] if new is not None else [])]
    yes = {key(each): await policy.yes(case, each, purchase, people) for each in looked_at}
    return Standing(policy, purchase, case, approvals, yes)


async def asked_anew(purchase: Purchase, app: App, changed: Mapping[str, Any]) -> Standing:
    """As it will stand with another quote, which nobody has approved yet; as far as is known. changed: columns of the quote."""
    policy, people = app.policy, app.people.as_known
    facts = await policy.facts(purchase, people, **changed)
    case = policy.case(facts, await _figures(policy, app, purchase))
    return Standing(policy, purchase, case, (), {})


async def before(draft: Draft, quote: Mapping[str, Any], app: App) -> Standing:
    """As it will stand once it is sent. Raises NobodyCouldApprove, OverLimit, CannotCheck."""
    policy, purchase = app.policy, purchase_of(draft, now())
    facts = await policy.facts_of(draft.requester_id, draft.channel_id, Quote(**quote), app.people)
    if lack := policy.lack(facts, app.people):
        raise NobodyCouldApprove(lack["say"], **lack["with"])
    case = policy.case(facts, await _figures(policy, app, purchase))
    check_limits(case)
    return Standing(policy, purchase, case, (), {})


async def limits_against(draft: Draft, app: App) -> list[Said]:
    """The limits that it would break with the number that is chosen, as far as is known."""
    policy = app.policy
    facts = replace(
        so_far(draft, app, draft.typed("find")),
        capabilities=tuple(draft.number.get("capabilities") or ()),
        destinations=draft.texts_to,
    )
    if not policy.has_limits or facts.member_of is None:
        return []
    case = policy.case(facts, await _figures(policy, app, purchase_of(draft, now())))
    return [each.said for each in case.over]


def so_far(draft: Draft, app: App, typed: Mapping[str, Any]) -> Facts:
    """What is known of a request whose first page is filled in, without asking anybody. typed: that page, by field."""
    country, kind = typed.get("country"), typed.get("number_type")
    offer = app.market.offer(country, kind) if country and kind else None
    return Facts(
        draft.requester_id,
        draft.channel_id,
        app.policy.known_member_of(draft.requester_id, app.people),
        country,
        kind,
        price=offer.price if offer else None,
        currency=offer.currency if offer else "",
    )


def check_limits(case: Case) -> None:
    """Raises OverLimit."""
    if case.refused is not None:
        said = case.refused.said
        raise OverLimit(said["say"], **said["with"])


# what counts against the limits


async def _figures(policy: Policy, app: App, purchase: Purchase) -> Figures:
    if not policy.has_limits:
        return Figures()
    return figures(await app.store.commitments(purchase.account_sid), purchase, policy.hours.month_of)


def figures(commitments: Sequence[Commitment], purchase: Purchase, month_of: Any) -> Figures:
    """Against a purchase count the numbers that were approved before it was, and what the same person asked for before it in the
    same month: so two never keep each other out. Pure. month_of: when the month of a moment began."""
    others = [each for each in commitments if each.purchase_id != purchase.id]
    approved = [each for each in others if each.is_approved and _decided_before(each, purchase)]
    first = month_of(purchase.created_at)
    theirs = [
        each
        for each in others
        if each.requester_id == purchase.requester_id
        and first <= each.created_at
        and (each.created_at, each.purchase_id) < (purchase.created_at, purchase.id)
    ]
    rules = {each.rule for each in (*approved, *theirs) if each.rule}
    return Figures(
        _spent(approved, theirs),
        {
            rule: _spent(
                [each for each in approved if each.rule == rule],
                [each for each in theirs if each.rule == rule],
            )
            for rule in rules
        },
    )


def _spent(approved: Sequence[Commitment], theirs: Sequence[Commitment]) -> Spent:
    return Spent(sum((each.price for each in approved), Decimal(0)), len(theirs))


def _decided_before(each: Commitment, purchase: Purchase) -> bool:
    if purchase.decided_at is None or each.decided_at is None:
        return True
    return (each.decided_at, each.purchase_id) < (purchase.decided_at, purchase.id)
