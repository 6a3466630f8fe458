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


async def test_a_balance_below_the_next_month_is_told_to_the_operators_once_until_it_changes(
    stage: Stage, requester: Person, approver: Person, clock: Clock
) -> None:
    await completed(stage, requester, approver)

    async def told() -> list[str]:
        texts = [each["text"] for each in await stage.messages("C0OPERATORS")]
        return [each for each in texts if "does not cover" in each]

    async def looks_at(balance: str) -> None:
        await stage.twilio.post("account", balance=balance)
        await clock.forward(301)
        await stage.app.market.refresh()
        await OwnedNumbers(stage.app).sweep()

    await looks_at("500.00")
    await looks_at("0.80")
    await until(told, "the operators are told")
    await looks_at("0.70")
    await looks_at("300.00")
    assert len(await told()) == 1
    await looks_at("0.60")

    async def twice() -> bool:
        return len(await told()) == 2

    await until(twice, "they are told again, after it sufficed in between")
