"""Numbers that come and go in the Twilio Console, behind our back."""

from typing import Any

from bot.purchases.owned import OwnedNumbers
from tests.stories.conftest import Clock
from tests.stories.stage import Person, Stage, asks, finds, options, until


async def completed(stage: Stage, requester: Person, approver: Person) -> tuple[str, Any]:
    number = await asks(requester)
    await approver.clicks(await stage.card(), "approve")
    return number, await stage.card("complete")


async def test_a_number_released_in_the_console_is_free_again_and_its_people_are_told(
    stage: Stage, requester: Person, approver: Person, clock: Clock
) -> None:
    number, card = await completed(stage, requester, approver)
    (owned,) = (await stage.twilio.get("state"))["owned_numbers"]
    await stage.app.twilio.incoming_phone_numbers(owned["sid"]).delete_async()
    await clock.forward(86_500)  # a day later

    async def released() -> bool:
        await OwnedNumbers(stage.app).tick()
        return (await stage.cards())[-1]["metadata"]["event_payload"]["state"] == "released"

    await until(released, "the card says that it was released")
    await stage.in_thread(card, "it was released there")
    await stage.told(requester, "it was released there")
    account = stage.app.settings.twilio_account_sid
    assert await stage.store.held_numbers(account, [number]) == set(), "it can be asked for again"


async def test_a_number_with_our_name_that_no_request_explains_is_told_to_the_operators_once(
    stage: Stage, requester: Person
) -> None:
    number = options(await finds(requester), "phone_number")[0]
    client = stage.app.twilio
    await client.incoming_phone_numbers.create_async(
        phone_number=number, friendly_name="Reminders (nd-4f2086)"
    )
    for _ in range(2):
        await OwnedNumbers(stage.app).sweep()

    async def told() -> list[str]:
        return [each["text"] for each in await stage.messages("C0OPERATORS")]

    assert "Reminders (nd-4f2086)" in (await until(told, "the operators are told"))[0]
    assert len(await told()) == 1
    held = await stage.store.held_numbers(stage.app.settings.twilio_account_sid, [number])
    assert held == {number}, "it is no number for anybody else here"
