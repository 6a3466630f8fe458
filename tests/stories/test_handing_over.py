"""Who answers for a number names somebody else who does."""

from typing import Any

import pytest

from tests.stories.stage import PEOPLE, Person, Stage, asks, shown, until
from tests.stories.test_ready import bought


async def hands_over(person: Person, card: Any, to: str) -> Any:
    await person.chooses(card, "hand_over")
    await person.view("card.hand_over")
    return await person.submits(owner=to)


async def owner(stage: Stage, card: Any) -> str:
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    return str(purchase.owner_id)


async def test_who_answers_for_a_number_hands_it_over_and_everybody_concerned_hears_of_it_once(
    stage: Stage, requester: Person, requester2: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver)
    answer = await hands_over(requester, card, requester2.id)
    assert not answer["errors"], answer
    await stage.told(requester2, "who answers for it from now on")
    assert "has handed" in await stage.in_thread(card, "who answers for it from now on")
    assert not [each for each in await requester.direct_messages() if "has handed" in each], (
        "who did it knows"
    )

    async def drawn() -> bool:
        return "answers for it" in shown((await stage.cards())[-1])

    await until(drawn, "the card names the owner")
    assert await owner(stage, card) == requester2.id
    (line,) = [
        each
        for each in await stage.store.record_of(card["metadata"]["event_payload"]["id"])
        if each.what == "handed_over"
    ]
    assert line.details == {"owner": requester2.id, "from": requester.id}
    card = (await stage.cards())[-1]
    refused = await requester.chooses(card, "hand_over")
    assert "Only" in refused["shown"][0]["text"], "it is not theirs to give any more"
    assert not (await hands_over(requester2, card, requester.id))["errors"], "but the new owner's"
    await stage.told(requester, "who answers for it from now on")


async def test_what_happens_to_the_number_afterwards_the_owner_hears(
    stage: Stage, requester: Person, requester2: Person, approver: Person
) -> None:
    card = await bought(stage, requester, approver)
    await hands_over(requester, card, requester2.id)
    await stage.told(requester2, "who answers for it from now on")
    campaign = {"service": await _service(stage), "campaign_status": "VERIFIED"}
    await stage.twilio.post("a2p", **campaign)
    await approver.clicks((await stage.cards())[-1], "check")
    await stage.told(requester2, "campaign is verified")
    assert not [each for each in await requester.direct_messages() if "campaign is verified" in each]


async def _service(stage: Stage) -> str:
    services = (await stage.twilio.get("state"))["services"]
    return str(next(each["sid"] for each in services if each["friendly_name"] == "Leeds"))


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("requester", "They answer for it already. Choose somebody else."),
        ("deactivated", "This Slack account is deactivated"),
    ],
)
async def test_who_cannot_answer_for_a_number_is_refused_under_the_field(
    stage: Stage, requester: Person, approver: Person, to: str, said: str
) -> None:
    card = await bought(stage, requester, approver)
    gone = PEOPLE["outsider"]
    await stage.slack.post(f"people/{gone}", deleted=True)
    answer = await hands_over(requester, card, requester.id if to == "requester" else gone)
    assert said in answer["errors"]["owner"]
    assert await owner(stage, card) == requester.id


async def test_before_anything_is_bought_there_is_nothing_to_hand_over(
    stage: Stage, requester: Person
) -> None:
    await asks(requester)
    assert "Hand over" not in shown(await stage.card("awaiting_approval"))
