"""Thirty purchases at the same time, with Slack's rate limits on; each approved by two people at the same instant."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from tests.stories.stage import Person, finds, options, sends, state_of, until
from tests.stories.stage import stage as set_stage

MANY = 30


async def test_thirty_purchases_at_once(tmp_path: Path) -> None:
    async with set_stage(tmp_path, rate_limits=True) as stage:
        people = []
        for n in range(MANY):
            await stage.slack.post("people", id=f"U0MANY{n:02}", name=f"Person {n}", locale="en-US")
            people.append(Person(f"U0MANY{n:02}", stage.slack))
        choose = await finds(people[0])
        choices: list[str] = []
        while len(choices) < MANY:
            choices += options(choose, "phone_number")
            if len(choices) < MANY:
                await people[0].presses("more")
                choose = await people[0].view("buy_number.choose")
        view = await people[0].view()
        await stage.slack.post("close", user=people[0].id, view_id=view["id"])

        ten = asyncio.Semaphore(
            10
        )  # asking at once: Slack gives each press three seconds, whatever else the machine does

        async def asks_in_turn(person: Person, n: int) -> None:
            async with ten:
                await _asks(person, choices[n], n)

        await asyncio.gather(*(asks_in_turn(person, n) for n, person in enumerate(people)))
        approvers = [stage.person("approver"), stage.person("approver2")]
        told: list[str] = []
        approved: set[str] = set()

        async def approve_what_is_there() -> bool:
            fresh = [each for each in await stage.cards() if _id(each) not in approved]
            for card in fresh:
                approved.add(_id(card))
                answers = await asyncio.gather(*(each.clicks(card, "approve") for each in approvers))
                assert all(answer["ok"] for answer in answers)
                told.extend(message["text"] for answer in answers for message in answer["shown"])
            return len(approved) == MANY

        await until(approve_what_is_there, "every card is posted and approved")

        async def bought() -> bool:
            return len(await stage.bought()) == MANY

        await until(bought, "thirty numbers are bought")
        assert Counter(await stage.bought()) == Counter(choices[:MANY])

        async def attached() -> bool:
            state = await stage.twilio.get("state")
            return sum(len(each["senders"]) for each in state["services"]) == MANY

        await until(attached, "thirty numbers are attached")
        assert len(told) == MANY and all("has approved this already" in each for each in told)

        async def true() -> bool:
            return all(state_of(each) == "complete" for each in await stage.cards())

        await until(true, "all cards are true")
        assert len(await stage.cards()) == MANY


def _id(card: dict[str, Any]) -> str:
    return str(card["metadata"]["event_payload"]["id"])


async def _asks(person: Person, number: str, nth: int) -> None:
    page = 0
    choose = await finds(person)
    while number not in options(choose, "phone_number"):
        page += 1
        assert page < 6, "the number is not listed"
        choose = await _more(person, options(choose, "phone_number"))
    await person.submits(phone_number=number)
    await person.view("buy_number.review")
    service = {"messaging_service": "new", "messaging_service_name": f"Team {nth % 5}"}
    answer = await sends(person, **service)
    assert answer["response_action"] == "clear", answer


async def _more(person: Person, before: list[str]) -> dict[str, Any]:
    """The page with other numbers than ``before``."""
    await person.presses("more")

    async def changed() -> dict[str, Any] | None:
        page = await person.view("buy_number.choose")
        return page if options(page, "phone_number") != before else None

    found: dict[str, Any] = await until(changed, "other numbers are shown")
    return found
