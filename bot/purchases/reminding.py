"""What the worker does about a request while nobody decides: reminds, passes it on, lets it lapse. Each is done once, and told once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot import announcements as news
from bot.core import App
from bot.purchases import standing
from bot.purchases.policy.lists import Lists
from bot.purchases.policy.waiting import Act, Waited, Waiting, next_act
from bot.purchases.standing import Standing
from bot.texts import N_, Said, say
from storage.changes import LONGEST_SLEEP
from storage.history import Happened
from storage.models import Purchase, State, now
from storage.outbox import Owed


async def look(purchase: Purchase, app: App) -> None:
    """One that waits for approval, looked at by the worker: what is due is done, and it sleeps until the next. Raises Lost, OutOfOffice."""
    if purchase.asked_at is None:  # Slack did not say who decides: it was not counted yet
        await app.store.pause(purchase, now() + LONGEST_SLEEP, purchase.waiting, tries=purchase.tries)
        return
    stands = await standing.of(purchase, app, people=app.people.as_known)
    moment, act = _next(stands)
    if moment <= now():
        purchase = await _do(act, stands, app)
        if purchase.state != State.AWAITING_APPROVAL:
            return
        stands = await standing.of(purchase, app, people=app.people.as_known)
        moment, _ = _next(stands)
    await app.store.pause(purchase, moment, purchase.waiting, tries=purchase.tries)


def _next(stands: Standing) -> tuple[datetime, Act]:
    purchase, policy = stands.purchase, stands.policy
    assert purchase.asked_at is not None
    waited = Waited(
        purchase.asked_at,
        purchase.reminders,
        purchase.reminded_at,
        passed_on=purchase.passed_on_stage >= purchase.stage,
    )
    waiting = policy.waiting
    if stands.progress.stage is None:  # no rule, or a limit: nobody could decide if they were asked
        waiting = Waiting(lapse_after=waiting.lapse_after)
    return next_act(waiting, policy.hours, waited)


async def _do(act: Act, stands: Standing, app: App) -> Purchase:
    match act:
        case Act.LAPSE:
            return await _lapse(stands, app)
        case Act.PASS_ON:
            return await _pass_on(stands, app)
        case Act.REMIND:
            return await _remind(stands, app)


async def _remind(stands: Standing, app: App) -> Purchase:
    purchase = stands.purchase
    said = say(N_("{number} for {price} a month still waits for a decision."), **stands.names)
    owed = _called(stands, stands.deciding(stands.progress), said, app)
    return await app.store.save_step(
        purchase,
        Happened("reminded", None, _details(stands), owed),
        bump=False,
        as_read=True,
        reminders=purchase.reminders + 1,
        reminded_at=now(),
    )


async def _pass_on(stands: Standing, app: App) -> Purchase:
    """Those who may decide too from now on are called; the others still may."""
    said = say(
        N_(
            "Nobody has decided about {number} for {price} a month so far. It is passed on: you may decide, too."
        ),
        **stands.names,
    )
    owed = _called(stands, [stands.policy.waiting.pass_on_to], said, app)
    purchase = stands.purchase
    return await app.store.save_step(
        purchase,
        Happened("passed_on", None, _details(stands), owed),
        as_read=True,
        passed_on_stage=purchase.stage,
    )


async def _lapse(stands: Standing, app: App) -> Purchase:
    """Nobody said no: it can be asked again."""
    purchase = stands.purchase
    said = say(
        N_("Nobody decided about {number} for {price} a month in time, so the request has lapsed."),
        **stands.names,
    )
    owed = (news.thread(app.settings, said), news.direct(purchase, {**said, "offer": "ask_again"}))
    happened = Happened("lapsed", None, _details(stands), owed)
    return await app.store.save_step(purchase, happened, as_read=True, state=State.LAPSED, waiting=None)


def _called(stands: Standing, deciders: Sequence[Lists], said: Said, app: App) -> tuple[Owed, ...]:
    """In the thread, which notifies whom it mentions; the channel is not disturbed again."""
    calls, told = stands.calls(app, deciders, (each.person_id for each in stands.approvals))
    return news.called_back(app.settings, said, calls, told, broadcast=False)


def _details(stands: Standing) -> dict[str, Any]:
    return {**stands.by_rule, "stage": stands.purchase.stage}
