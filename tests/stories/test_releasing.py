"""A number is released: by whoever may, once, and nobody is told before it is so."""

import asyncio
import itertools
import signal
from pathlib import Path
from typing import Any

import pytest

from bot.purchases.owned import OwnedNumbers
from bot.purchases.steps import LAG
from storage.models import State
from storage.store import Store
from tests.stories.conftest import Clock
from tests.stories.process import AppProcess
from tests.stories.stage import (
    APPROVALS,
    PATIENCE,
    Person,
    Stage,
    asks,
    field_ids,
    number_in,
    shown,
    state_of,
    until,
)
from tests.stories.test_killed import killable, kills_after
from tests.stories.test_two_processes import office, taken_over, two, worker

__all__ = ["killable", "two"]

APPROVERS = '[approve]\ngroups = ["S0APPROVERS"]\n'
NUMBER = "/IncomingPhoneNumbers/PN"


async def completed(stage: Stage, requester: Person, approver: Person) -> Any:
    await asks(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    return await stage.card("complete")


async def releases(person: Person, card: Any, **typed: Any) -> Any:
    """By the card's menu and the page that it opens."""
    await person.chooses(card, "release")
    await person.view("card.release")
    return await person.submits(**{"reason": "Not used", "digits": number_in(card)[-4:], **typed})


async def row(stage: Stage, card: Any) -> Any:
    return await stage.store.purchase(card["metadata"]["event_payload"]["id"])


async def told(stage: Stage, card: Any, person: Person, words: str) -> tuple[int, int]:
    """How often the thread and the person have read this."""
    in_thread = [line for line in await stage.thread(card) if words in line]
    return len(in_thread), len([line for line in await person.direct_messages() if words in line])


async def can_be_asked_for_again(stage: Stage) -> None:
    """A line of the thread may be there before the card is drawn."""

    async def offered() -> bool:
        return "release" in field_ids(await stage.card("complete"))

    await until(offered, "the card offers the release again")


async def is_released(stage: Stage, card: Any, requester: Person) -> None:
    """At Twilio, on the card, in the thread and to who asked for it, once."""
    released = await stage.card("released", number_in(card))
    assert "was released by Ada Approver" in released["text"], released["text"]
    assert number_in(card) not in await stage.bought()
    await stage.told(requester, "has released")
    await stage.in_thread(card, "has released")
    assert await told(stage, card, requester, "has released") == (1, 1)


async def test_a_number_is_released_by_an_approver_and_its_people_are_told_once(
    stage: Stage, requester: Person, approver: Person, clock: Clock
) -> None:
    other = await completed(stage, requester, approver)
    number = number_in(other)
    card = await completed(stage, requester, approver)
    assert number_in(card) != number
    answer = await releases(approver, card)
    assert not answer["errors"], answer
    released = await stage.card("released", number_in(card))
    assert "was released by" in released["text"] and "more" not in shown(released)
    assert not field_ids(released), "nothing is left to press"
    assert await stage.bought() == [number], "and no other one"
    line = await stage.in_thread(card, "has released")
    assert "Ada Approver has released" in line and "Not used" in line
    await stage.told(requester, "has released")
    await clock.forward(86_500)
    await OwnedNumbers(stage.app).sweep()
    assert await told(stage, card, requester, "released") == (1, 1), "the daily look adds nothing"
    account = stage.app.settings.twilio_account_sid
    assert await stage.store.held_numbers(account, [number_in(card)]) == set(), "it can be asked for again"
    assert len(await stage.calls_to_twilio("DELETE", NUMBER)) == 1


@pytest.mark.parametrize(
    ("digits", "wrong"), [("0000", True), ("", True), ("full width", False), ("spaced", False)]
)
async def test_the_last_four_digits_are_typed_on_whatever_keyboard(
    stage: Stage, requester: Person, approver: Person, digits: str, wrong: bool
) -> None:
    card = await completed(stage, requester, approver)
    last = number_in(card)[-4:]
    full_width = "".join(chr(ord(each) + 0xFEE0) for each in last)
    typed = {"full width": full_width, "spaced": f" {last[:2]} - {last[2:]} "}.get(digits, digits)
    answer = await releases(approver, card, digits=typed)
    if wrong:
        assert set(answer["errors"]) == {"digits"}, answer
        assert (await row(stage, card)).releasing is None and len(await stage.bought()) == 1
    else:
        await stage.card("released")


async def test_a_reason_is_asked_for(stage: Stage, requester: Person, approver: Person) -> None:
    card = await completed(stage, requester, approver)
    assert set((await releases(approver, card, reason="  "))["errors"]) == {"reason"}
    assert (await row(stage, card)).releasing is None


async def test_who_asked_for_it_can_not_and_learns_whom_to_ask(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await completed(stage, requester, approver)
    await requester.chooses(card, "release")

    async def refused() -> Any:
        return next(
            (each for each in await requester.seen_alone(APPROVALS) if "You may not release" in each), None
        )

    assert "Ask" in await until(refused, "they are told")
    assert await stage.slack.get("views", user=requester.id) == []


@pytest.fixture
async def policy(stage: Stage, tmp_path: Path) -> Path:
    """A policy file of the story's own, in force."""
    file = tmp_path / "policy.toml"
    file.write_text(APPROVERS)
    await stage.stop_app()
    await stage.start_app(POLICY_FILE=str(file))
    return file


async def only_approver2_releases(stage: Stage, file: Path) -> None:
    """Once that is in force."""
    before = stage.app.policy.version
    await asyncio.to_thread(file.write_text, APPROVERS + '[release]\npeople = ["U0APPROVER2"]\n')

    async def in_force() -> bool:
        return bool(stage.app.policy.version != before)

    await until(in_force, "the edit is in force")


async def test_rights_are_looked_at_again_when_the_page_is_sent(
    stage: Stage, requester: Person, approver: Person, policy: Path
) -> None:
    card = await completed(stage, requester, approver)
    await approver.chooses(card, "release")
    await approver.view("card.release")
    await only_approver2_releases(stage, policy)
    answer = await approver.submits(reason="Not used", digits=number_in(card)[-4:])
    assert "U0APPROVER2" in str(answer), "they learn whom to ask"
    assert (await row(stage, card)).releasing is None and len(await stage.bought()) == 1
    other = stage.person("approver2")
    await releases(other, card)
    await stage.card("released")


async def test_who_has_lost_the_right_right_before_the_call_releases_nothing(
    stage: Stage, requester: Person, approver: Person, policy: Path
) -> None:
    card = await completed(stage, requester, approver)
    await stage.twilio.post("faults", method="GET", path=f"*{NUMBER}*", times=None, fault={"status": 503})
    await releases(approver, card)
    await only_approver2_releases(stage, policy)
    await stage.twilio.delete("faults")
    await stage.in_thread(card, "was not released")
    await stage.told(approver, "was not released")
    assert await told(stage, card, requester, "released") == (1, 0), "only who wanted it is told"
    assert len(await stage.bought()) == 1 and not await stage.calls_to_twilio("DELETE", NUMBER)
    await can_be_asked_for_again(stage)


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ({"cut": "cut_after"}, 1),
        ({"cut": "cut_before"}, 2),
        ({"status": 503, "processed": True}, 1),
        ({"status": 500}, 2),
        ({"status": 502, "plain": True}, 2),
        ({"status": 429, "code": 20429, "retry_after": 1}, 2),
    ],
)
async def test_after_a_doubt_twilio_is_asked_before_anything_is_tried_again(
    stage: Stage, requester: Person, approver: Person, fault: dict[str, Any], calls: int
) -> None:
    card = await completed(stage, requester, approver)
    await stage.twilio.post("faults", method="DELETE", path=f"*{NUMBER}*", times=1, fault=fault)
    await releases(approver, card)
    await stage.card("released")
    made = [
        each["method"]
        for each in await stage.twilio.get("calls")
        if NUMBER in each["path"] and each["method"] in ("GET", "DELETE")
    ]
    deletes = [n for n, method in enumerate(made) if method == "DELETE"]
    assert len(deletes) == calls
    assert await stage.bought() == []
    if fault.get("status") != 429:  # that one was not looked at
        assert all("GET" in made[a:b] for a, b in itertools.pairwise(deletes)), made
    await stage.told(requester, "has released")
    await stage.in_thread(card, "has released")
    assert await told(stage, card, requester, "has released") == (1, 1)


async def test_nobody_is_told_while_it_has_not_happened(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await completed(stage, requester, approver)
    await stage.twilio.post("faults", method="DELETE", path=f"*{NUMBER}*", times=None, fault={"status": 503})
    await releases(approver, card)

    async def under_way() -> Any:
        now = await stage.card("complete")
        return now if "is being released" in now["text"] else None

    now = await until(under_way, "the card says that it is under way")
    assert not field_ids(now), "nothing else can be done with it meanwhile"

    async def tried_twice() -> bool:
        return len(await stage.calls_to_twilio("DELETE", NUMBER)) >= 2

    await until(tried_twice, "it is tried again")
    assert await told(stage, card, requester, "released") == (0, 0)
    assert len(await stage.bought()) == 1
    await stage.twilio.delete("faults")
    await stage.card("released")


async def test_what_twilio_refuses_is_told_and_the_number_stays(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await completed(stage, requester, approver)
    refusal = {"status": 409, "code": 20409}
    await stage.twilio.post("faults", method="DELETE", path=f"*{NUMBER}*", times=1, fault=refusal)
    await releases(approver, card)
    await stage.in_thread(card, "was not released")
    await can_be_asked_for_again(stage)
    assert len(await stage.bought()) == 1
    assert len(await stage.calls_to_twilio("DELETE", NUMBER)) == 1


async def test_another_number_under_its_sid_is_left_alone(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await completed(stage, requester, approver)
    (owned,) = stage.twilio_twin.account.owned.values()
    owned.phone_number = "+13105550199"
    await releases(approver, card)
    await stage.in_thread(card, "was not released")
    assert await stage.bought() == ["+13105550199"] and not await stage.calls_to_twilio("DELETE", NUMBER)

    async def operators_told() -> bool:
        return any("was not released" in each["text"] for each in await stage.messages("C0OPERATORS"))

    await until(operators_told, "the operators are told")


async def test_one_that_was_released_in_the_console_meanwhile_is_nobodys_deed(
    stage: Stage, requester: Person, approver: Person, clock: Clock
) -> None:
    card = await completed(stage, requester, approver)
    await clock.forward(200)
    (owned,) = (await stage.twilio.get("state"))["owned_numbers"]
    await stage.twilio.delete(f"owned/{owned['sid']}")
    await releases(approver, card)
    released = await stage.card("released")
    assert "was released in the Twilio account" in released["text"]
    await stage.in_thread(card, "it was released there")
    assert not await stage.calls_to_twilio("DELETE", NUMBER)


async def test_a_404_for_a_number_that_was_bought_just_now_does_not_mean_that_it_is_gone(
    stage: Stage, requester: Person, approver: Person, clock: Clock
) -> None:
    card = await completed(stage, requester, approver)
    late = {"status": 404, "code": 20404}
    await stage.twilio.post("faults", method="GET", path=f"*{NUMBER}*", times=None, fault=late)
    before = len(await stage.calls_to_twilio("GET", NUMBER))
    await releases(approver, card)

    async def asleep() -> bool:
        purchase = await row(stage, card)
        asked = len(await stage.calls_to_twilio("GET", NUMBER)) > before
        return asked and purchase.wake_at == purchase.bought_at + LAG

    await until(asleep, "it is looked at again once Twilio shows everything")
    assert await told(stage, card, requester, "released") == (0, 0)
    await stage.twilio.delete("faults")
    await clock.forward(LAG.total_seconds() + 1)
    await is_released(stage, card, requester)


async def test_a_bought_number_that_has_stopped_is_released_instead_of_left_to_cost_money(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.twilio.post(
        "faults",
        method="POST",
        path="*/Services/MG*/PhoneNumbers",
        times=None,
        fault={"status": 409, "code": 21712},
    )
    await asks(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    card = await stage.card("failed")
    assert {"end", "release"} <= field_ids(card)
    await releases(approver, card)
    released = await stage.card("released")
    assert "was released by" in released["text"] and await stage.bought() == []


async def test_two_who_press_at_once_release_it_once(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await completed(stage, requester, approver)
    both = (approver, stage.person("approver2"))
    for each in both:
        await each.chooses(card, "release")
        await each.view("card.release")
    digits = number_in(card)[-4:]
    await asyncio.gather(*(each.submits(reason=each.id, digits=digits) for each in both))
    await stage.card("released")
    lines = [each.what for each in await stage.store.record_of((await row(stage, card)).id)]
    assert lines.count("release_asked") == lines.count("releasing") == lines.count("released_here") == 1
    purchase = await row(stage, card)
    assert purchase.state == State.RELEASED and state_of(await stage.card()) == "released"
    await stage.told(requester, "has released")
    await stage.in_thread(card, "has released")
    assert await told(stage, card, requester, "has released") == (1, 1)


@pytest.mark.parametrize("n", range(1, 4))
async def test_killed_after_each_call_it_is_released_once_and_nothing_else_is(
    killable: tuple[Stage, AppProcess], n: int
) -> None:
    """After each call about the number: Twilio has answered, and the process dies before it has read that."""
    stage, app = killable
    requester, approver = stage.person("requester"), stage.person("approver")
    other = await completed(stage, requester, approver)
    card = await completed(stage, requester, approver)
    seen, killed, check = 0, asyncio.Event(), stage.twilio_twin.checker

    def kill(exchange: Any) -> list[str]:
        nonlocal seen
        if exchange.method in ("GET", "DELETE") and NUMBER in exchange.path:
            seen += 1
            if seen == n and not killed.is_set():
                killed.set()
                app.kill()
        return check(exchange) if check else []

    stage.twilio_twin.checker = kill
    await stage.twilio.post("faults", method="DELETE", path=f"*{NUMBER}*", times=1, fault={"status": 503})
    await releases(approver, card)
    await asyncio.wait_for(killed.wait(), PATIENCE)
    assert await told(stage, card, requester, "released") == (0, 0), "nobody is told yet"
    await app.ended()
    await app.start()
    await is_released(stage, card, requester)
    assert await stage.bought() == [number_in(other)], "and no other one"
    done = [each for each in await stage.calls_to_twilio("DELETE", NUMBER) if each["status"] == 204]
    assert len(done) == 1


async def test_killed_when_the_call_was_carried_out_it_is_not_sent_again(
    killable: tuple[Stage, AppProcess],
) -> None:
    stage, app = killable
    requester, approver = stage.person("requester"), stage.person("approver")
    card = await completed(stage, requester, approver)
    killed = kills_after(stage, app, "DELETE", NUMBER)
    await releases(approver, card)
    await asyncio.wait_for(killed.wait(), PATIENCE)
    await app.ended()
    assert await told(stage, card, requester, "released") == (0, 0), "nobody is told yet"
    await app.start()
    await is_released(stage, card, requester)
    assert len(await stage.calls_to_twilio("DELETE", NUMBER)) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_the_worker_dies_or_freezes_in_the_middle_the_other_process_finds_it_released(
    how: signal.Signals, two: tuple[Stage, list[AppProcess], Store]
) -> None:
    """Frozen right before the call too: what it was about to send it does not send once it is thawed."""
    stage, apps, store = two
    requester, approver = stage.person("requester"), stage.person("approver")
    other = await completed(stage, requester, approver)
    card = await completed(stage, requester, approver)
    victim, check = await worker(apps, store), stage.twilio_twin.checker
    epoch, _ = await office(store)
    struck: list[Any] = []

    def strike(exchange: Any) -> list[str]:
        if not struck and exchange.method == "GET" and NUMBER in exchange.path:
            struck.append(exchange)
            victim.signal(how)
        return check(exchange) if check else []

    stage.twilio_twin.checker = strike
    await releases(approver, card)
    await until(lambda: struck, "it was about to be released")
    await taken_over(store, epoch)
    await is_released(stage, card, requester)
    if how == signal.SIGSTOP:
        victim.signal(signal.SIGCONT)
        await asyncio.sleep(1)
    assert await stage.bought() == [number_in(other)]
    assert len(await stage.calls_to_twilio("DELETE", NUMBER)) == 1
    assert await told(stage, card, requester, "has released") == (1, 1)
