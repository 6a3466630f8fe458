"""Every regulation that the twin knows, from the request over its papers to the number: with made-up valid answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.twilio.regulations import REGULATIONS
from tests.stories import filling
from tests.stories.filling import Filler
from tests.stories.stage import Person, Stage, options, sends

ALL: list[dict[str, Any]] = json.loads(Path(REGULATIONS).read_text())["results"]

NOT_SOLD = {("DE", "mobile"), ("FR", "national")}
"""Kinds that Twilio does not sell, so that nobody can ask for one on page 1."""


async def buys_with_new_papers(
    stage: Stage, person: Person, approver: Person, regulation: dict[str, Any]
) -> str | None:
    """The number that was bought with a bundle made on the way; None when Twilio sells none there."""
    country, kind, end_user = (regulation[k] for k in ("iso_country", "number_type", "end_user_type"))
    await person.types(f"buy-number {country}")
    find = await person.view("buy_number.find")
    if kind not in options(find, "number_type"):
        return None
    answer = await person.submits(number_type=kind, purpose="Reminders")
    assert not answer.get("errors"), answer
    choose = await person.view("buy_number.choose")
    number = options(choose, "phone_number")[0]
    await person.submits(phone_number=number)
    await person.view("buy_number.end_user")
    if len(options(await person.view(), "end_user_type")) > 1:
        await person.picks("end_user_type", end_user)
    view = await person.view("buy_number.end_user")
    answer = await person.submits(end_user_type=end_user, bundle="new")
    assert not answer.get("errors"), answer
    filler = Filler(stage, person, {"city": town_of(choose, number) or "Capital"})
    await filler.after(view)
    await filler.fills_up_to()
    assert (await filler.submits())["callback_id"] == "buy_number.review"
    await sends(person, messaging_service="none")
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.in_thread(card, "not approved yet")
    (bundle,) = [each for each in await filling.bundles(stage) if each["status"] == "pending-review"]
    await stage.twilio.post(f"bundles/{bundle['sid']}/review", verdict="approve")
    stage.look()
    await stage.card("complete")
    assert await stage.bought() == [number]
    return number


def town_of(choose: dict[str, Any], number: str) -> str | None:
    """The town that the page shows next to the number."""
    for block in choose["blocks"]:
        element = block.get("element") or {}
        for option in element.get("options", ()) if element.get("action_id") == "phone_number" else ():
            if option["value"] == number:
                place = option["text"]["text"].partition("  ")[2]
                return str(place).split(",")[0].strip() or None
    return None


@pytest.mark.parametrize(
    "regulation", ALL, ids=[f"{r['iso_country']}-{r['number_type']}-{r['end_user_type']}" for r in ALL]
)
async def test_a_number_is_bought_with_a_bundle_that_was_made_for_it(
    stage: Stage, requester: Person, approver: Person, regulation: dict[str, Any]
) -> None:
    number = await buys_with_new_papers(stage, requester, approver, regulation)
    kind = (regulation["iso_country"], regulation["number_type"])
    assert (number is None) == (kind in NOT_SOLD)
