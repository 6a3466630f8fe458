"""What may be bought in place of a number that is gone, and what a person may choose: rules 5 and 6."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.twilio.numbers import Available, alternatives, available, substitutes
from storage.models import Quote
from tests import rows
from tests.sandbox.twilio_world import World, running


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def quoted(world: World, country: str, filters: dict[str, Any], **more: Any) -> Quote:
    """The first number that the search finds, as it is frozen in a quote; nobody can have it any more."""
    found = (await available(world.sdk, country, "local", filters))[0]
    wanted = [name.removesuffix("_enabled") for name in filters if name.endswith("_enabled")]
    quote = rows.purchase(
        country=country,
        number_type="local",
        phone_number=found.phone_number,
        capabilities=found.capabilities,
        locality=found.locality or "",
        region=found.region or "",
        address_requirements=found.address_requirements,
        filters=filters,
        wanted=wanted,
        **more,
    ).quote
    await world.control("POST", "taken", {"phone_number": found.phone_number})
    return quote


async def found_for(world: World, quote: Quote) -> list[Available]:
    return await substitutes(world.sdk, quote)


async def test_digits_at_the_start_stay_at_the_start(world: World) -> None:
    """Seen: "020" in London became a Leeds number."""
    quote = await quoted(world, "GB", {"contains": "+4420"}, contains="020")
    found = await found_for(world, quote)
    assert all(each.phone_number.startswith("+4420") for each in found)
    assert not any(each.locality == "Leeds" for each in found)


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({"area_code": 415}, lambda each: each.phone_number.startswith("+1415")),
        ({"in_region": "CA"}, lambda each: each.region == "CA"),
        ({"in_locality": "Dallas"}, lambda each: each.locality == "Dallas"),
        ({"beta": False}, lambda each: not each.beta),
        ({"exclude_all_address_required": True}, lambda each: each.address_requirements == "none"),
        ({"sms_enabled": True, "mms_enabled": True}, lambda each: {"sms", "mms"} <= set(each.capabilities)),
    ],
)
async def test_every_filter_of_the_search_still_holds(
    world: World, filters: dict[str, Any], holds: Any
) -> None:
    found = await found_for(world, await quoted(world, "US", filters))
    assert found and all(map(holds, found))


async def test_a_substitute_can_do_all_that_the_quoted_number_could(world: World) -> None:
    """Seen: a number for voice, SMS and MMS was replaced by one for voice only."""
    quote = await quoted(world, "US", {})
    assert quote.capabilities == ["mms", "sms", "voice"] and quote.wanted == []
    found = await found_for(world, quote)
    assert found and all(set(quote.capabilities) <= set(each.capabilities) for each in found)


async def test_a_substitute_needs_no_address_that_the_quoted_number_did_not_need(world: World) -> None:
    quote = await quoted(world, "GB", {})
    assert quote.address_requirements == "any"
    free = Quote(**{**quote.model_dump(), "address_requirements": "none"})
    assert await found_for(world, quote) and await found_for(world, free) == []


async def test_where_an_address_ties_the_number_to_a_place_the_substitute_lies_there(world: World) -> None:
    quote = await quoted(world, "IE", {})
    assert quote.address_requirements == "local"
    found = await found_for(world, quote)
    assert found and {each.locality for each in found} == {quote.locality}


async def test_the_longest_run_of_the_wanted_digits_comes_first(world: World) -> None:
    quote = await quoted(world, "US", {}, contains="0199")
    runs = [each.phone_number for each in await found_for(world, quote)]
    assert "0199" in runs[0] or not any("0199" in each for each in runs)


async def test_a_person_is_offered_more_than_may_be_taken_without_asking(world: World) -> None:
    quote = await quoted(world, "GB", {"contains": "+44207946"}, contains="0207946")
    offered = await alternatives(world.sdk, quote)
    taken = await found_for(world, quote)
    assert {each.phone_number for each in taken} <= {each.phone_number for each in offered}
    assert len(offered) > len(taken)
