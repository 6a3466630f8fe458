"""Where a number shall text: asked on page 1, advised at once, frozen in the quote, and checked once it is bought."""

import pytest

from tests.stories import filling
from tests.stories.conftest import Clock
from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    field_ids,
    finds,
    options,
    reviews,
    shown,
    until,
)
from tests.stories.test_ready import NEW, bought


async def test_page_1_says_at_once_that_the_number_is_the_wrong_sender(requester: Person) -> None:
    await requester.types("buy-number US")
    await requester.view("buy_number.find")
    await requester.picks("destinations", ["IN"])
    view = await requester.view("buy_number.find")
    assert "to India arrive under another sender" in shown(view)
    assert "sender ID" in shown(view), "and what would work"
    await requester.picks("destinations", ["CA"])
    assert "to India" not in shown(await requester.view("buy_number.find"))


async def test_the_same_in_japanese(requester_ja: Person) -> None:
    await requester_ja.types("buy-number US")
    await requester_ja.view("buy_number.find")
    await requester_ja.picks("destinations", ["AE"])
    assert "アラブ首長国連邦" in shown(await requester_ja.view("buy_number.find"))


async def test_what_was_said_stands_on_the_page_the_card_and_in_the_quote(
    stage: Stage, requester: Person
) -> None:
    await reviews(requester, destinations=["HK", "GB"])
    text = shown(await requester.view("buy_number.review"))
    assert "Will text: Hong Kong, United Kingdom" in text
    assert "Cannot text US phones" not in text, "it shall not"
    await requester.submits(agree=["yes"], messaging_service="none")
    card = await stage.card("awaiting_approval")
    assert "Will text: Hong Kong, United Kingdom" in shown(card)
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    assert purchase.quote.destinations == ["HK", "GB"]


async def test_a_country_that_the_account_may_not_text_is_said_before_the_money(
    stage: Stage, requester: Person, twilio: Control, clock: Clock
) -> None:
    await twilio.post("geo", country="FR", enabled=False)
    await stage.app.market.refresh_geo()
    await asks(requester, "CA", review=NEW, destinations=["FR"])
    assert "The account may not text to France" in shown(await stage.card("awaiting_approval"))


async def test_what_the_key_may_not_see_is_not_claimed(
    stage: Stage, requester: Person, twilio: Control
) -> None:
    await twilio.post("geo", country="FR", enabled=False)
    await twilio.post("account", key="restricted", denied=["GeoPermissions"])
    await stage.app.market.refresh_geo()
    await asks(requester, "CA", review=NEW, destinations=["FR"])
    assert "may not text" not in shown(await stage.card("awaiting_approval"))


async def test_a_request_asked_again_keeps_its_destinations(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester, review=NEW, destinations=["HK"])
    await approver.clicks(await stage.card("awaiting_approval"), "deny")
    await approver.submits(reason="Too early")
    await stage.told(requester, "Too early")
    messages = await requester.slack.get("messages", channel=requester.id)
    denied = next(each for each in messages if "ask_again" in field_ids(each))
    await requester.slack.post(
        "act", user=requester.id, channel=requester.id, ts=denied["ts"], action_id="ask_again"
    )
    assert "Hong Kong" in shown(await requester.view("buy_number.find"))


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_the_balance_and_the_missing_bundle_are_foreseen_on_the_last_page(
    stage: Stage, requester: Person, requester_ja: Person, twilio: Control, clock: Clock, language: str
) -> None:
    await twilio.post("account", balance="0.10")
    await clock.forward(301)
    await stage.app.market.refresh()
    person = requester if language == "en" else requester_ja
    await reviews(person, "GB", number_type="mobile", end_user={"bundle": "later"})
    text = shown(await person.view("buy_number.review"))
    if language == "en":
        assert "before a bundle is added" in text and "balance does not cover the first month" in text
    else:
        assert "バンドルを追加し" in text and "残高が最初の1か月分に足りません" in text


async def test_a_second_number_on_a_trial_account_is_refused_before_anybody_approves_it(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """With the auth token: a Standard API key may not see the account's type."""
    await twilio.post("account", type="Trial")
    await stage.stop_app()
    await stage.start_app(TWILIO_API_KEY="", TWILIO_API_SECRET="")
    await bought(stage, requester, approver)
    await clock.forward(301)
    await stage.app.market.refresh()
    await finds(requester)
    await reviews(requester)
    assert "has one already" in shown(await requester.view("buy_number.review"))
    await requester.submits(agree=["yes"], messaging_service="none")
    assert "has one already" in shown(await requester.view("problem"))
    assert len(await stage.cards()) == 1


async def test_a_bundle_whose_address_is_in_another_town_is_said_before_the_money(
    stage: Stage, requester: Person, compliance: Person, twilio: Control
) -> None:
    """A Munich number with a Berlin bundle is refused with 21615, which cannot be known for sure beforehand."""
    sid = await filling.makes(stage, compliance, "DE", "local", "business", city="Berlin")
    await twilio.post(f"bundles/{sid}/review", verdict="approve")
    await stage.running.watch.poll()
    for town, differs in (("München", True), ("Berlin", False)):
        choose = await finds(requester, "DE", number_type="local", advanced=True, in_locality=town)
        await requester.submits(phone_number=options(choose, "phone_number")[0])
        view = await requester.view("buy_number.end_user")
        assert ("in another town than the number" in shown(view)) == differs, town
        await requester.submits(end_user_type="business", bundle=sid)
        text = shown(await requester.view("buy_number.review"))
        assert (f"The address is in another town than the number, which is in {town}" in text) == differs
        await requester.submits(agree=["yes"])
    cards = [shown(await stage.card("awaiting_approval", each)) for each in await waiting(stage)]
    assert sum("in another town" in each for each in cards) == 1


async def waiting(stage: Stage) -> list[str]:
    async def both() -> list[str] | None:
        found = [each["metadata"]["event_payload"]["id"] for each in await stage.cards()]
        return found if len(found) == 2 else None

    purchases = [await stage.store.purchase(each) for each in await until(both, "both are asked for")]
    return [each.phone_number for each in purchases]
