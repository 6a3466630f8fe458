"""From what is missing to a delivered test message: known before the money, told when it is there, proven; as both languages read it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot import readiness
from bot.texts import LANGUAGES, Texts, country, say
from bot.twilio import messages
from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, field_ids, reviews, sends, shown, until
from tests.stories.test_ready import NEW, PHONE, bought, reads, texts, verified


@dataclass
class Reader:
    """Who asks, in a channel of the same language."""

    person: Person
    t: Texts


@pytest.fixture(params=LANGUAGES)
async def reader(request: pytest.FixtureRequest, stage: Stage) -> AsyncIterator[Reader]:
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE=request.param)
    who = "requester_ja" if request.param == "ja" else "requester"
    yield Reader(stage.person(who), Texts(request.param))


async def warned(
    stage: Stage, reader: Reader, approver: Person, warning: str, *where: Any, **search: Any
) -> str:
    """Asked for and approved, after page 4 has said this; the number, as people read it."""
    number = await reviews(reader.person, *where, **search)
    assert warning in shown(await reader.person.view("buy_number.review")), "known before the money"
    await sends(reader.person, **NEW)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    return Texts.phone(number)


async def is_ready(stage: Stage, reader: Reader, number: str, to: str = PHONE) -> None:
    """A test message, and what the card says of it."""
    await texts(stage, reader.person, (await stage.cards())[-1], to=to)
    ready = reader.t("{number} is ready: a test message was delivered at {at}", number=number, at="@")
    card = await reads(stage, ready.partition("@")[0])
    assert card["metadata"]["event_payload"]["ready"] == "yes"
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    at = purchase.ready_at
    assert f"<!date^{int(at.timestamp())}^{{time}}|{at:%Y-%m-%d %H:%M} " in card["text"], "with a fallback"
    (clock,) = [each for each in card["blocks"][0]["elements"][0]["elements"] if each["type"] == "date"]
    assert (clock["timestamp"], clock["format"]) == (int(at.timestamp()), "{time}")
    await stage.told(reader.person, reader.t("A test message was delivered."))


async def test_a_us_number_whose_service_has_no_campaign(
    stage: Stage, reader: Reader, approver: Person, clock: Clock, twilio: Control
) -> None:
    t = reader.t
    number = await warned(stage, reader, approver, t(readiness.NO_CAMPAIGN))
    card = await stage.card("complete")
    assert t("{number} is bought, and cannot text US phones yet", number=number) in card["text"]
    assert t(readiness.NO_CAMPAIGN) in shown(card) and card["metadata"]["event_payload"]["ready"] == "no"
    assert field_ids(card) == {"test", "set_inbound", "check", "enable_whatsapp", "hand_over", "release"}, (
        "replies are dropped"
    )
    await verified(stage)
    await clock.forward(3601)
    await stage.in_thread(card, t("The A2P 10DLC campaign is verified."))
    await stage.told(reader.person, t("The A2P 10DLC campaign is verified."))
    card = await reads(stage, t("{number} is bought and in “{service}”", number=number, service="Leeds"))
    assert card["metadata"]["event_payload"]["ready"] == "unknown"
    await is_ready(stage, reader, number)
    (message,) = (await twilio.get("state"))["messages"]
    assert [message["from"]] == await stage.bought() and message["to"] == PHONE


async def test_a_toll_free_number_that_is_not_verified(
    stage: Stage, reader: Reader, approver: Person, clock: Clock, twilio: Control
) -> None:
    t = reader.t
    number = await warned(stage, reader, approver, t(readiness.NO_VERIFICATION), number_type="toll-free")
    card = await stage.card("complete")
    assert t("{number} is bought, and cannot text yet", number=number) in card["text"]
    assert t(readiness.NO_VERIFICATION) in shown(card)
    (owned,) = await stage.bought()
    await twilio.post("tollfree", phone_number=owned, status="TWILIO_APPROVED")
    await clock.forward(3601)
    await stage.in_thread(card, t("The toll-free verification is approved."))
    await reads(stage, t("{number} is bought and in “{service}”", number=number, service="Leeds"))
    await is_ready(stage, reader, number)


async def test_a_regulated_number_that_may_not_text_france(
    stage: Stage, reader: Reader, approver: Person, clock: Clock, twilio: Control
) -> None:
    """Of the United Kingdom: Germany's numbers that are on sale cannot text at all."""
    t = reader.t
    await twilio.post("geo", country="FR", enabled=False)
    await stage.app.market.refresh_geo()
    closed = t.said(say(readiness.NOT_PERMITTED, countries=[country("FR")]))
    number = await warned(
        stage, reader, approver, closed, "GB", number_type="mobile", destinations=["GB", "FR"]
    )
    card = await stage.card("complete")
    assert t("{number} is bought, and cannot text yet", number=number) in card["text"]
    assert closed in shown(card)
    await twilio.post("geo", country="FR", enabled=True)
    await clock.forward(3601)
    await stage.in_thread(card, t("The account may text every country that the number will text."))
    await reads(stage, t("{number} is bought and in “{service}”", number=number, service="Leeds"))
    await is_ready(stage, reader, number, to="+33612345678")


async def test_a_number_of_a_trial_account(
    stage: Stage, reader: Reader, approver: Person, clock: Clock, twilio: Control
) -> None:
    """With the auth token: a Standard API key may not see the account's type."""
    t = reader.t
    await twilio.post("account", type="Trial")
    await stage.stop_app()
    await stage.start_app(TWILIO_API_KEY="", TWILIO_API_SECRET="")
    await clock.forward(301)
    await stage.app.market.refresh()
    number = await warned(stage, reader, approver, t(readiness.TRIAL), "CA")
    card = await stage.card("complete")
    assert t(readiness.TRIAL) in shown(card)
    await texts(stage, reader.person, card)
    await stage.in_thread(card, t(messages.ERRORS[21608]))
    await stage.app.twilio.validation_requests.create_async(phone_number=PHONE)
    await is_ready(stage, reader, number)


async def test_a_message_of_which_no_carrier_gives_a_receipt_proves_nothing(
    stage: Stage, reader: Reader, approver: Person, clock: Clock, twilio: Control
) -> None:
    t = reader.t
    card = await bought(stage, reader.person, approver, "CA")
    await twilio.post("deliveries", to=PHONE, status="delivered", after=3000)
    await texts(stage, reader.person, card)

    async def on_its_way() -> bool:
        purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
        return (purchase.proof or {}).get("status") == "sent"

    await until(on_its_way, "Twilio has taken it")
    await clock.forward(601)
    said = "A test message was sent, and the carrier gave no receipt. That proves nothing: try another phone."
    await stage.in_thread(card, t(said))
    await stage.told(reader.person, t(said))
    assert (await stage.cards())[-1]["metadata"]["event_payload"]["ready"] == "unknown"
