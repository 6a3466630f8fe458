"""Countries, searches and prices of the Twilio twin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import phonenumbers
import pytest

from tests.sandbox.twilio_world import V2010, World, refusal, running

US = V2010 + "/AvailablePhoneNumbers/US"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


async def search(world: World, where: str = "US/Local", **query: str) -> list[dict[str, object]]:
    answer = await world.call("GET", "api", f"{V2010}/AvailablePhoneNumbers/{where}.json", query)
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"available_phone_numbers", "uri"}  # no paging keys at all
    return list(answer.body["available_phone_numbers"])


async def test_the_list_of_countries_is_not_complete_as_to_types(world: World) -> None:
    countries = {c.country_code: c for c in await world.sdk.available_phone_numbers.list_async()}
    assert len(countries) >= 17
    assert set(countries["GB"].subresource_uris) == {"local", "mobile", "toll_free"}
    assert len(await search(world, "GB/National")) == 50  # sold all the same
    priced = await world.sdk.pricing.v1.phone_numbers.countries("GB").fetch_async()
    assert {p["number_type"] for p in priced.phone_number_prices} == {
        "local",
        "mobile",
        "national",
        "toll free",
    }


async def test_an_answer_is_spelled_as_twilio_spells_it(world: World) -> None:
    first = (await search(world, InRegion="CA", Beta="false"))[0]
    assert set(first["capabilities"]) == {"voice", "SMS", "MMS", "fax"}  # type: ignore[call-overload]
    assert isinstance(first["latitude"], str) and len(first["latitude"].split(".")[1]) == 6
    assert first["friendly_name"] == "({}) {}-{}".format(
        *(str(first["phone_number"])[a:b] for a, b in ((2, 5), (5, 8), (8, 12)))
    )
    mobile = (await search(world, "GB/Mobile"))[0]
    assert (
        mobile["latitude"] is None and mobile["locality"] is None and mobile["address_requirements"] == "none"
    )


async def test_what_a_country_does_not_sell_is_404_and_what_does_not_match_is_an_empty_list(
    world: World,
) -> None:
    for where in ("US/Mobile", "SE/Local", "XX/Local", "IE/Mobile", "US/Voip"):
        answer = await world.call("GET", "api", f"{V2010}/AvailablePhoneNumbers/{where}.json")
        assert (answer.status, answer.code) == (404, 20404), where
    assert await search(world, Contains="9999999") == []
    assert await refusal(world.sdk.available_phone_numbers("XX").fetch_async()) == (404, 20404)


@pytest.mark.parametrize(
    ("pattern", "digits"),
    [
        ("415", "415"),
        ("+1415", "1415"),
        ("27$", "27"),
        ("*27$", "27"),
        ("%27", "27"),
        ("snow", "7669"),
        ("+1212555010*", "1212555010"),
    ],
)
async def test_contains_finds_digits_letters_and_wildcards(world: World, pattern: str, digits: str) -> None:
    found = [str(n["phone_number"])[1:] for n in await search(world, Contains=pattern, PageSize="1000")]
    assert all(digits in n for n in found)
    if pattern.startswith("+"):
        assert found and all(n.startswith(digits) for n in found)
    if pattern.endswith("$"):
        assert found and all(n.endswith(digits) for n in found)


@pytest.mark.parametrize(
    "pattern",
    ["1", "12345678901234567", "4*5", "*+1", "+*12", "1*", "12#4", "4$5", "4+5", "**", "1%2", " 1415"],
)
async def test_contains_refuses_what_the_grammar_does_not_allow(world: World, pattern: str) -> None:
    answer = await world.call("GET", "api", US + "/Local.json", {"Contains": pattern})
    assert answer.status == 400


async def test_every_filter_filters(world: World) -> None:
    assert {str(n["phone_number"])[:5] for n in await search(world, AreaCode="415")} == {"+1415"}
    assert {n["region"] for n in await search(world, InRegion="TX", PageSize="500")} == {"TX"}
    assert {n["locality"] for n in await search(world, InLocality="boston")} == {"Boston"}
    assert {n["postal_code"] for n in await search(world, InPostalCode="94103")} == {"94103"}
    assert {n["lata"] for n in await search(world, InLata="722")} == {"722"}
    both = await search(world, InLata="722", InRateCenter="SNFC CNTRL")
    assert {n["locality"] for n in both} == {"San Francisco"}
    without_beta = await search(world, Beta="false", PageSize="1000")
    assert not any(n["beta"] for n in without_beta)
    assert any(n["beta"] for n in await search(world, PageSize="1000"))
    assert await search(world, "GB/Local", SmsEnabled="true") == []
    assert await search(world, "GB/Local", FaxEnabled="true") == []
    assert await search(world, "SE/Mobile", VoiceEnabled="true") == []
    assert len(await search(world, "US/Local", MmsEnabled="true", VoiceEnabled="true")) == 50
    assert await search(world, "DE/Local", ExcludeLocalAddressRequired="true") == []
    assert await search(world, "JP/Local", ExcludeAllAddressRequired="true") == []
    assert await search(world, "ID/Local", ExcludeForeignAddressRequired="true") == []
    assert len(await search(world, "DE/Local", ExcludeForeignAddressRequired="true", PageSize="7")) == 7


async def test_near_filters_measure_miles(world: World) -> None:
    near = await search(world, NearLatLong="37.7749,-122.4194", PageSize="1000")
    assert {n["locality"] for n in near} == {"San Francisco", "Oakland"}
    wider = await search(world, NearNumber="+14155550123", Distance="60", PageSize="1000")
    assert {n["locality"] for n in wider} == {"San Francisco", "Oakland", "San Jose"}


async def test_a_place_is_named_by_its_letters_or_by_a_number_there(world: World) -> None:
    for parameter, key, value in (
        ("InLocality", "locality", "Boston"),
        ("InRegion", "region", "MA"),
        ("InLata", "lata", "128"),
    ):
        found = await search(world, PageSize="1000", **{parameter: "+16175550123"})
        assert {n[key] for n in found} == {value}
    for nowhere in ("Massachusetts", "Mass.", "Boston"):
        assert await search(world, InRegion=nowhere) == []
    assert await search(world, InLocality="Boston, MA") == []


async def test_filters_of_north_america_are_ignored_elsewhere(world: World) -> None:
    assert len(await search(world, "GB/Local", AreaCode="20", InRegion="XX", NearLatLong="0,0")) == 50


@pytest.mark.parametrize(
    "query",
    [
        {"AreaCode": "abc"},
        {"SmsEnabled": "maybe"},
        {"NearLatLong": "here"},
        {"NearLatLong": "1,2", "Distance": "501"},
        {"InRateCenter": "SNFC CNTRL"},
        {"PageSize": "1001"},
        {"PageSize": "0"},
    ],
)
async def test_values_that_cannot_be_are_refused(world: World, query: dict[str, str]) -> None:
    answer = await world.call("GET", "api", US + "/Local.json", query)
    assert answer.status == 400
    world.pardon()  # the checker does not like some of them either


async def test_the_stock_is_the_same_for_the_same_seed(world: World) -> None:
    first = [n["phone_number"] for n in await search(world)]
    async with running(seed=1) as same, running(seed=2) as other:
        assert first == [n["phone_number"] for n in await search(same)]
        assert first != [n["phone_number"] for n in await search(other)]
    assert first == [n["phone_number"] for n in await search(world)]


async def test_numbers_are_ones_that_could_exist(world: World) -> None:
    drama = ("GB", "IE")  # reserved for fiction, and so unknown to the library
    for number in world.twin.world.market.everything.values():
        parsed = phonenumbers.parse(number.phone_number)
        assert phonenumbers.is_possible_number(parsed), number
        if number.country not in drama:
            assert phonenumbers.is_valid_number(parsed), number


async def test_prices_are_strings_and_follow_what_is_set(world: World) -> None:
    country = await world.sdk.pricing.v1.phone_numbers.countries("US").fetch_async()
    assert country.price_unit == "USD"
    assert country.phone_number_prices == [
        {"number_type": "local", "base_price": "1.15", "current_price": "1.15"},
        {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
    ]
    await world.control("POST", "prices", {"country": "US", "number_type": "toll_free", "price": 3})
    changed = await world.sdk.pricing.v1.phone_numbers.countries("US").fetch_async()
    assert [p["current_price"] for p in changed.phone_number_prices] == ["1.15", "3.00"]
    assert len(await world.sdk.pricing.v1.phone_numbers.countries.list_async(page_size=5)) == len(
        world.twin.world.market.countries
    )
    texts = await world.sdk.pricing.v1.messaging.countries("US").fetch_async()
    assert Decimal(texts.outbound_sms_prices[0]["prices"][0]["current_price"]) > 0
    assert await refusal(world.sdk.pricing.v1.phone_numbers.countries("XX").fetch_async()) == (404, 20404)
