"""A search suggests, an exact match decides (rule 38)."""

import pytest

from bot import countries
from bot.countries import Named, exact, matching, of_command

BY_NAME = {
    "ES": "ES",
    "es": "ES",
    "ＩＮ": "IN",
    "AT": "AT",
    "South Korea": "KR",
    "United States of America": "US",
    "uk": "GB",
    "Great Britain": "GB",
    "Czech Republic": "CZ",
    "Turks & Caicos Islands": "TC",
    "St. Kitts and Nevis": "KN",
    "Saint Kitts & Nevis": "KN",
    "Cote d'Ivoire": "CI",
    "Côte d’Ivoire": "CI",
    "osterreich": None,
    "日本": "JP",
    "米国": "US",
    "大韓民国": "KR",
    "Viet Nam": "VN",
    "Burma": "MM",
    "Swaziland": "SZ",
    "Holland": "NL",
    "the Netherlands": "NL",
    "Russian Federation": "RU",
    "Iran, Islamic Republic of": "IR",
    "Macedonia": "MK",
    "Zaire": "CD",
    "Ceylon": "LK",
    "Persia": "IR",
    "Siam": "TH",
    "Korea": None,
    "Congo": None,
    "Kor": None,
    "Unite": None,
    "Atlantis": None,
    "": None,
}


@pytest.mark.parametrize(("typed", "code"), BY_NAME.items())
def test_a_country_is_taken_by_code_full_name_or_alias_alone(typed: str, code: str | None) -> None:
    assert exact(typed) == code


EVERY = [(name, code) for code in countries.every() for name in countries.names(code)]


def test_every_name_of_every_country_in_every_language_means_that_country() -> None:
    wrong = {(name, code, exact(name)) for name, code in EVERY if exact(name) != code}
    assert not wrong
    assert len(EVERY) > 600 and len(countries.every()) >= 249


def test_every_code_means_its_country_whatever_is_called_so() -> None:
    assert {code for code in countries.every() if exact(code) != code} == set()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("", Named()),
        ("US 415", Named("US", "415")),
        ("united states 415", Named("US", "415")),
        ("US 415-555", Named("US", "415555")),
        ("５５５", Named(None, "555")),
        ("アメリカ合衆国　５５５", Named("US", "555")),
        ("South Korea", Named("KR")),
        ("Korea", Named(unknown="Korea")),
        ("Korea 415", Named(digits="415", unknown="Korea")),
        ("US Korea", Named(unknown="US Korea")),
        ("+49", Named(unknown="+49")),
        ("5", Named(unknown="5")),
    ],
)
def test_of_the_words_of_a_command_what_is_left_over_is_digits_or_nothing(words: str, named: Named) -> None:
    assert of_command(words.split()) == named


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("America", ["US", "AS"]),
        ("Korea", ["KR", "KP"]),
        ("+1", ["US", "CA"]),
        ("+49", ["DE"]),
        ("united", ["US", "GB"]),
        ("united st", ["US"]),
        ("saint ki", ["KN"]),
        ("st ki", ["KN"]),
        ("ドイツ", ["DE"]),
        ("Öster", []),
        ("Congo", ["CD", "CG"]),
    ],
)
def test_in_a_search_the_likely_comes_first(typed: str, first: list[str]) -> None:
    found = matching(typed, countries.every(), "en")
    assert found[: len(first)] == first and len(found) <= 100


@pytest.mark.parametrize(
    ("code", "language", "name"),
    [
        ("HK", "ja", "香港"),
        ("HK", "en", "Hong Kong"),
        ("MO", "en", "Macao"),
        ("US", "en", "United States"),
        ("XX", "en", "XX"),
    ],
)
def test_a_country_is_shown_by_its_usual_or_short_name(code: str, language: str, name: str) -> None:
    assert countries.name(code, language) == name
