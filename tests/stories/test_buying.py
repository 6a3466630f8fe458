"""From the slash command to a number in its messaging service."""

from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    field_ids,
    options,
    reviews,
    sends,
    shown,
    until,
)


async def test_a_us_number_is_bought_and_attached_to_a_new_service(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Campaigns"})
    card = await stage.card("awaiting_approval")
    assert "$1.15 a month ($13.80 a year)" in shown(card)
    answer = await approver.clicks(card, "approve")
    assert answer == {"ok": True, "shown": [], "view": None}
    card = await stage.card("complete")
    assert await stage.bought() == [number]
    assert await stage.senders("Campaigns") == [number]
    assert "A2P 10DLC" in shown(card), "the card names what is missing"
    await stage.in_thread(card, "has approved")
    await stage.in_thread(card, "is bought and in its messaging service “Campaigns”")
    await stage.told(requester, "is bought and in its messaging service")
    assert field_ids(card) == {"test", "set_inbound", "check", "enable_whatsapp", "hand_over", "release"}, (
        "no button stays that does nothing"
    )


async def test_an_existing_service_is_used_and_its_name_typed_anew_means_the_same(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(requester, review={"messaging_service": "new", "messaging_service_name": "Support"})
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    assert await stage.senders("Support") == [number]
    state = await stage.twilio.get("state")
    assert [each["friendly_name"] for each in state["services"]] == ["Support"]


async def test_a_gb_mobile_number_is_bought_with_the_approved_bundle(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    state = await twilio.get("state")
    bundle = state["bundles"][0]["sid"]
    number = await asks(
        requester,
        "GB",
        number_type="mobile",
        end_user={"end_user_type": "business", "bundle": bundle},
        review={"messaging_service": "new", "messaging_service_name": "UK"},
    )
    await approver.clicks(await stage.card(), "approve")
    await stage.card("complete")
    owned = (await twilio.get("state"))["owned_numbers"]
    assert [each["phone_number"] for each in owned] == [number]
    assert owned[0]["bundle_sid"] == bundle
    assert await stage.senders("UK") == [number]


async def test_a_german_number_waits_for_papers_and_says_so(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(
        requester, "DE", number_type="local", end_user={"end_user_type": "business", "bundle": "later"}
    )
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "A bundle is needed")
    await stage.told(requester, "A bundle is needed")

    async def on_the_card() -> bool:
        return "A bundle is needed" in shown(await stage.card("in_progress"))

    await until(on_the_card, "the card says it too")
    card = await stage.card("in_progress")
    assert "add_bundle" in field_ids(card)
    assert await stage.bought() == []


async def test_papers_are_given_from_the_card(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await asks(
        requester, "GB", number_type="mobile", end_user={"end_user_type": "business", "bundle": "later"}
    )
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("in_progress")
    await stage.in_thread(card, "A bundle is needed")
    await approver.clicks(card, "add_bundle")
    page = await approver.view("card.bundle")
    answer = await approver.submits(bundle=options(page, "bundle")[0])
    assert answer["ok"], answer
    await stage.card("complete")
    assert await stage.bought() == [number]


async def test_a_number_that_cannot_text_skips_the_messaging_steps(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    number = await reviews(
        requester,
        "GB",
        number_type="local",
        end_user={"end_user_type": "business", "bundle": "later"},
    )
    view = await requester.view("buy_number.review")
    assert "messaging_service" not in field_ids(view)
    assert "cannot send text messages" in shown(view)
    await sends(requester)
    card = await stage.card("awaiting_approval")
    assert "Messaging service" not in shown(card) and number


async def test_no_number_can_be_had_without_an_approval(stage: Stage, requester: Person) -> None:
    await asks(requester)
    await stage.card("awaiting_approval")
    assert await stage.calls_to_twilio("POST") == []


async def test_a_number_may_stay_without_a_messaging_service(
    stage: Stage, requester: Person, approver: Person
) -> None:
    number = await asks(requester, review={"messaging_service": "none"})
    await approver.clicks(await stage.card(), "approve")
    card = await stage.card("complete")
    assert await stage.bought() == [number]
    assert "Attached" not in shown(card)
