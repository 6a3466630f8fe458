"""The table of sender rules: each row says where and when it was read, and what it says can be told in every language."""

import warnings
from datetime import UTC, date, datetime, timedelta

import pytest

from bot import countries
from bot.texts import LANGUAGES, Texts
from bot.twilio import destinations
from bot.twilio.destinations import Fate, Rules, Sender, Time, advice

ENGLISH, JAPANESE = Texts("en"), Texts("ja")
TODAY = datetime.now(UTC).date()
TABLE = destinations.table()
ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
NUMBER_TYPES = ("local", "mobile", "national", "toll-free")


def said(
    destination: str, number_country: str, number_type: str = "mobile", t: Texts = ENGLISH
) -> str | None:
    found = advice(destination, number_country, number_type)
    return None if found is None else t.said(found)


def test_the_table_has_the_countries_that_most_is_texted_to() -> None:
    assert len(TABLE) >= 30
    assert {"US", "CA", "GB", "FR", "DE", "IN", "AE", "JP", "AU", "HK"} <= TABLE.keys()


@ROWS
def test_each_row_is_of_a_country_and_names_its_source_and_the_day(row: Rules) -> None:
    assert row.country in countries.every()
    assert row.source == f"https://www.twilio.com/en-us/guidelines/{row.country.lower()}/sms"
    assert isinstance(row.read, date)
    assert row.read <= TODAY


@ROWS
def test_each_row_says_something_of_a_number(row: Rules) -> None:
    assert set(row.fates) & set(destinations.NUMBERS)
    assert all(row.fates[each] in destinations.GOOD for each in row.takes), "a time for what does not work"
    registered = Fate.REGISTERED in row.fates.values()
    assert registered or (row.registry is None and row.brands is None)


@pytest.mark.filterwarnings("default:read on:UserWarning")
@ROWS
def test_a_row_that_is_older_than_a_year_should_be_read_again(row: Rules) -> None:
    if TODAY - row.read > timedelta(days=365):
        warnings.warn(f"{row.country}: read on {row.read}, look whether it still holds", stacklevel=1)


@pytest.mark.parametrize(
    "row",
    [
        {"read": date(2026, 11, 30), "domestic": "arrives"},
        {"source": "https://example.com", "domestic": "arrives"},
        {"source": "https://example.com", "read": date(2026, 11, 30), "domestic": "sometimes"},
        {"source": "https://example.com", "read": date(2026, 11, 30), "homing_pigeon": "arrives"},
        {"source": "https://example.com", "read": date(2026, 11, 30), "takes": {"short_code": "a while"}},
        {"source": "https://example.com", "read": date(2026, 11, 30), "takes": {"short_code": "1 weeks"}},
    ],
    ids=["no source", "no day", "no such fate", "no such sender", "no such time", "one is not many"],
)
def test_a_row_of_another_form_is_refused(row: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Rules.parse("DE", row)


def test_a_time_may_be_a_range() -> None:
    assert ENGLISH.said(Time.parse("8-12 weeks").said()) == "usually ready in 8–12 weeks"
    assert ENGLISH.said(Time.parse("18 days").said()) == "usually ready in 18 days"


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_can_be_said_in_every_language(language: str) -> None:
    t = Texts(language)
    sentences = [t.said(line) for row in TABLE.values() for line in destinations.lines(row)]
    for to in TABLE:
        for origin in (to, *TABLE):
            for kind in NUMBER_TYPES:
                found = advice(to, origin, kind)
                sentences += [t.said(found)] if found else []
    assert len(sentences) > 500
    assert not [each for each in sentences if "{" in each or "}" in each or len(each) > 600]
    if language != "en":
        patterns = {
            *destinations.SENDERS.values(),
            *destinations.NOTES.values(),
            *destinations.PROBLEMS.values(),
            *destinations.TIMES.values(),
            *destinations.WHOSE.values(),
        }
        assert not [each for each in patterns if t.pattern(each) == each]


# by hand, of what the pages say


def test_the_united_kingdom_does_not_take_foreign_long_codes() -> None:
    assert said("GB", "GB") is None
    assert said("GB", "US", "local") == (
        "United States numbers cannot text phones in United Kingdom. What works there: United Kingdom numbers, alphanumeric sender IDs, short codes (usually ready in 8–12 weeks)."
    )


def test_no_number_reaches_the_united_arab_emirates() -> None:
    assert said("AE", "GB") == (
        "United Kingdom numbers cannot text phones in United Arab Emirates. Do not buy a number for that country. What works there: alphanumeric sender IDs (once registered, usually ready in 2 weeks)."
    )
    assert said("AE", "GB", t=JAPANESE) == (
        "イギリスの番号からアラブ首長国連邦の電話にはSMSを送信できません。この国への送信のために番号を購入しないでください。届く送信元：英数字送信者ID（登録が必要、通常2週間で利用可能）。"
    )


def test_india_replaces_numbers_and_registers_its_own_companies_sender_ids() -> None:
    text = said("IN", "US", "local") or ""
    assert "arrive under another sender" in text
    assert (
        "once registered with DLT and Twilio, usually ready in 10 business days, for companies of that country only"
        in text
    )


def test_japan_takes_foreign_numbers_only() -> None:
    assert said("JP", "US", "local") is None
    assert said("JP", "JP") == (
        "Japan numbers cannot text phones in Japan. What works there: numbers from other countries, alphanumeric sender IDs."
    )


def test_singapore_marks_what_is_not_registered() -> None:
    assert "“Likely-SCAM”" in (said("SG", "GB") or "")
    assert said("SG", "SG") == (
        "Singapore numbers have to be registered with SGNIC and Twilio before they can text phones in Singapore."
    )


def test_french_phones_may_not_get_what_foreign_numbers_text() -> None:
    assert said("FR", "FR") is None
    assert "may not arrive" in (said("FR", "DE") or "")


def test_a_network_of_hong_kong_takes_no_foreign_numbers() -> None:
    assert said("HK", "HK") is None
    assert "may not arrive" in (said("HK", "GB") or "")
    assert "Hong Kong numbers, alphanumeric sender IDs (once registered, usually ready in 18 days)" in (
        said("HK", "GB") or ""
    )


def test_australia_and_germany_take_both() -> None:
    assert [said(to, origin) for to in ("AU", "DE") for origin in (to, "GB", "US")] == [None] * 6


def test_nothing_reaches_china_for_certain() -> None:
    assert (said("CN", "US", "local") or "").endswith("name no sender that reaches it better.")


def test_spanish_numbers_stay_at_home() -> None:
    assert said("ES", "ES") is None
    assert (said("FR", "ES") or "").startswith("Spain numbers cannot text other countries. What works there")
    assert said("PE", "ES") == "Spain numbers cannot text other countries."


@pytest.mark.parametrize(
    ("to", "kind"), [(to, kind) for to in ("US", "CA") for kind in ("local", "toll-free")]
)
def test_the_registration_of_us_numbers_is_looked_at_elsewhere(to: str, kind: str) -> None:
    assert advice(to, "US", kind) is None


def test_toll_free_numbers_of_the_us_text_abroad_as_its_others_do() -> None:
    assert advice("FR", "US", "toll-free") == advice("FR", "US", "local") is not None
    assert advice("DE", "US", "toll-free") is None


def test_canadian_carriers_filter_its_local_numbers() -> None:
    assert "filter" in (said("CA", "CA", "local") or "")
    assert said("CA", "CA", "toll-free") is None
    assert said("US", "CA", "local") is None


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert "PE" not in TABLE
    assert said("PE", "US", "local") is None
    assert said("GB", "GB", "toll-free") is None and said("FR", "GB", "toll-free") is None
    assert Sender.FOREIGN not in TABLE["CA"].fates
    assert said("CA", "GB") is None
