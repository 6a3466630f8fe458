"""What a country asks of whom, in one view: of what is on sale there, of end users, and of who texts its phones."""

from typing import Any

import pytest

from tests.stories.stage import Control, Person, Stage, shown
from tests.stories.test_languages import japanese


async def opens(person: Person, words: str) -> Any:
    for view in await person.slack.get("views", user=person.id):
        await person.slack.post("close", user=person.id, view_id=view["id"])
    await person.types(f"atlas {words}")
    return await person.view()


async def test_a_country_shows_what_it_has_asks_and_lets_in(requester: Person) -> None:
    text = shown(await opens(requester, "united kingdom"))
    assert "United Kingdom (GB, +44)" in text
    assert "*Local*: $1.15 a month · Voice" in text and "*Mobile*: $2.50 a month · Voice, SMS" in text
    assert "What is asked for Local" in text
    assert "Business: Business Name" in text and "Individual: " in text
    assert "United Kingdom numbers: delivered" in text
    assert "numbers from other countries: not delivered" in text
    assert "short codes: delivered, usually ready in 8–12 weeks" in text
    assert "Read on 2026-11-30 in Twilio's SMS guidelines" in text


async def test_it_is_read_in_ones_own_language(requester_ja: Person) -> None:
    view = await opens(requester_ja, "ドイツ")
    text = shown(view)
    assert japanese(view["title"]["text"])
    assert "ドイツ (DE, +49)" in text and "法人" in text
    assert "ほかの国の番号：届きます" in text
    assert "Read on" not in text and "a month" not in text


async def test_where_no_bundle_is_needed_it_says_so(requester: Person) -> None:
    text = shown(await opens(requester, "US"))
    assert "No regulatory bundle is needed." in text and "toll-free numbers: once verified" in text


async def test_a_country_that_sells_nothing_is_texted_all_the_same(requester: Person) -> None:
    text = shown(await opens(requester, "UAE"))
    assert "Twilio sells no numbers in United Arab Emirates." in text
    assert "alphanumeric sender IDs: once registered, usually ready in 2 weeks" in text
    text = shown(await opens(requester, "Peru"))
    assert "Which senders reach phones in Peru is not recorded here." in text


@pytest.mark.parametrize(
    ("words", "said"),
    [("", None), ("Atlantis", "There is no country “Atlantis”"), ("united", "“united” is not clear")],
)
async def test_without_a_country_one_is_asked_for(requester: Person, words: str, said: str | None) -> None:
    view = await opens(requester, words)
    assert view["callback_id"] == "atlas.country"
    assert said is None or said in shown(view)
    answer = await requester.slack.post(
        "suggest", user=requester.id, view_id=view["id"], action_id="country", value="emira"
    )
    assert [each["value"] for each in answer["options"]] == ["AE"]
    await requester.submits(country="AE")
    assert "United Arab Emirates (AE, +971)" in shown(await requester.view("atlas"))


async def test_every_country_on_sale_fits_into_one_view(stage: Stage, requester: Person) -> None:
    """The twin refuses a view that is over Slack's limits, which fails the story."""
    sold = stage.app.market.countries()
    assert len(sold) > 10
    for code in sold:
        view = await opens(requester, code)
        assert view["callback_id"] == "atlas" and f"({code}, +" in shown(view)


async def test_while_twilio_is_away_the_view_says_so(requester: Person, twilio: Control) -> None:
    await twilio.post("faults", method="GET", path="*/Regulations*", times=None, fault={"status": 500})
    view = await opens(requester, "AU")
    assert view["callback_id"] == "problem"
    await twilio.delete("faults")
    assert (await opens(requester, "AU"))["callback_id"] == "atlas"


async def test_who_may_not_ask_for_numbers_is_told_so(outsider: Person) -> None:
    answer = await outsider.types("atlas GB")
    assert "may ask for a number" in answer["shown"][0]["text"] and answer["view"] is None
