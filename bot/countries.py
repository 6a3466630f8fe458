"""Countries as people name them: a search suggests, an exact match decides (rule 38). And where one leaves the common path.

Names: CLDR's usual, short and variant ones in every language of ours, whatever the reader's (``make country-names``), and what
people say instead. Filters that only work in the United States and Canada: AvailablePhoneNumber resource, twilio.com/docs, read
2026-11.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import phonenumbers

from bot.folding import folded, loose

FILE = Path(__file__).parent / "locale" / "countries.json"

SEARCHED_BY_AREA = frozenset({"US", "CA"})
"""Only here do region, postal code, area code and nearness narrow a search; elsewhere Twilio ignores them."""

POSTAL_CODES = {
    "US": re.compile(r"\d{5}"),
    "CA": re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d"),
}
_STATES = {
    "US": "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|PR Puerto Rico|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming",
    "CA": "AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NS Nova Scotia|NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon",
}
REGIONS = {
    country: {name.casefold(): each[:2] for each in states.split("|") for name in (each[:2], each[3:])}
    for country, states in _STATES.items()
}
"""``{code or name in small letters: code}``: Twilio takes the two letters only."""

SHORTER = frozenset({"HK", "MO", "PS"})
"""Shown by CLDR's short name: the usual one is a political footnote."""
OFTEN = ("US", "CA", "GB", "AU", "KR", "DE", "FR", "JP", "CD")
"""Of those that fit a search equally well, these first: who types "Korea" hardly means the North."""
ALSO = {
    "AE": ("UAE", "Emirates", "アラブ首長国連邦", "UAE"),
    "AU": ("オーストラリア連邦", "豪州"),
    "BF": ("Upper Volta",),
    "BJ": ("Dahomey",),
    "BN": ("Brunei Darussalam",),
    "BO": ("Plurinational State of Bolivia", "Bolivia, Plurinational State of"),
    "BY": ("Belorussia", "Byelorussia", "White Russia", "白ロシア"),
    "BZ": ("British Honduras",),
    "CD": (
        "DR Congo",
        "DRC",
        "Democratic Republic of the Congo",
        "Congo, Democratic Republic of the",
        "Zaire",
        "ザイール",
    ),
    "CG": ("Republic of the Congo", "Congo Republic"),
    "CI": ("Ivory Coast", "Republic of Côte d'Ivoire"),
    "CN": ("People's Republic of China", "PRC", "中華人民共和国"),
    "CV": ("Cape Verde", "カーボベルデ"),
    "CZ": ("Czech",),
    "DE": ("Federal Republic of Germany", "ドイツ連邦共和国"),
    "ET": ("Abyssinia", "エチオピア連邦民主共和国"),
    "FM": ("Federated States of Micronesia", "Micronesia, Federated States of"),
    "GB": (
        "Britain",
        "Great Britain",
        "England",
        "Scotland",
        "Wales",
        "Northern Ireland",
        "U.K.",
        "United Kingdom of Great Britain and Northern Ireland",
        "グレートブリテン",
        "イングランド",
        "スコットランド",
        "連合王国",
    ),
    "GH": ("Gold Coast",),
    "GW": ("Portuguese Guinea",),
    "HK": ("Hong Kong SAR", "ホンコン"),
    "IE": ("Republic of Ireland", "Eire"),
    "IR": ("Persia", "Islamic Republic of Iran", "Iran, Islamic Republic of", "ペルシャ"),
    "KG": ("Kirghizia", "Kirgizstan", "Kyrgyz Republic"),
    "KH": ("Kampuchea", "カンプチア"),
    "KP": (
        "DPRK",
        "Democratic People's Republic of Korea",
        "Korea, Democratic People's Republic of",
        "朝鮮民主主義人民共和国",
    ),
    "KR": ("Republic of Korea", "Korea, Republic of", "ROK", "大韓民国"),
    "LA": ("Lao PDR", "Lao People's Democratic Republic"),
    "LK": ("Ceylon", "セイロン"),
    "LS": ("Basutoland",),
    "MD": ("Moldavia", "Republic of Moldova", "Moldova, Republic of", "モルダビア"),
    "MK": ("Macedonia", "FYROM", "Former Yugoslav Republic of Macedonia", "マケドニア"),
    "MM": ("Burma", "ビルマ"),
    "MO": ("Macau", "澳門"),
    "MW": ("Nyasaland",),
    "NL": ("Holland", "Kingdom of the Netherlands", "Netherlands, Kingdom of the", "和蘭"),
    "PH": ("Philippine Islands",),
    "PS": ("State of Palestine", "Palestine, State of"),
    "RU": ("Russian Federation", "ロシア連邦"),
    "SR": ("Dutch Guiana",),
    "SY": ("Syrian Arab Republic",),
    "SZ": ("Kingdom of Eswatini",),
    "TH": ("Siam", "シャム"),
    "TL": ("Timor", "東ティモール"),
    "TR": ("Turkiye", "トルコ共和国"),
    "TW": ("Formosa", "Republic of China", "Taiwan, Province of China", "中華民国", "臺灣"),
    "TZ": ("Tanganyika", "United Republic of Tanzania", "Tanzania, United Republic of"),
    "US": (
        "USA",
        "U.S.",
        "U.S.A.",
        "America",
        "United States of America",
        "the States",
        "米国",
        "合衆国",
    ),
    "VA": ("Vatican", "Holy See", "バチカン", "ヴァチカン"),
    "VE": ("Bolivarian Republic of Venezuela", "Venezuela, Bolivarian Republic of"),
    "VN": ("Viet Nam", "越南"),
    "WS": ("Western Samoa",),
    "ZA": ("RSA",),
    "ZM": ("Northern Rhodesia",),
    "ZW": ("Rhodesia", "Southern Rhodesia", "ローデシア"),
}
"""Other names that people use, ISO's own among them, and the usual former ones."""


@cache
def _cldr() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def every() -> Collection[str]:
    """The codes of ISO 3166, and Kosovo's."""
    return _cldr().keys()


def name(country: str, language: str) -> str:
    names = _cldr().get(country, {}).get(language)
    if not names:
        return country
    return names[1] if country in SHORTER and len(names) > 1 else names[0]


def label(country: str, language: str) -> str:
    return f"{name(country, language)} ({country}, +{dialling_code(country)})"[:75]


def dialling_code(country: str) -> int:
    """1 for US, 81 for JP; 0 for a country without one."""
    return phonenumbers.country_code_for_region(country)


def trunk_prefix(country: str) -> str:
    """What is dialled before a number inside the country only (``0`` in GB), empty where there is none."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    return (metadata.national_prefix or "") if metadata else ""


# an exact match decides


def exact(typed: str) -> str | None:
    """The one country of that code or name."""
    code = folded(typed).upper()
    if code in every():
        return code
    found = _by_name().get(loose(typed), frozenset())
    return next(iter(found)) if len(found) == 1 else None


@cache
def _by_name() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for code in every():
        for each in _names(code):
            found.setdefault(each, set()).add(code)
    return {each: frozenset(meant) for each, meant in found.items()}


def names(country: str) -> list[str]:
    """In every language of ours, as they are written; what people say instead last."""
    return [
        *(each for every_form in _cldr()[country].values() for each in every_form),
        *ALSO.get(country, ()),
    ]


@cache
def _names(code: str) -> tuple[str, ...]:
    plain = [loose(each) for each in names(code)]
    return *plain, *(re.sub(r"\bst\b", "saint", each) for each in plain if re.search(r"\bst\b", each))


@dataclass(frozen=True)
class Named:
    """What the words of a command say."""

    country: str | None = None
    digits: str | None = None
    unknown: str | None = None
    """what was typed, where it names no country"""


def of_command(words: Sequence[str]) -> Named:
    """``[country] [digits]``: a name may be of several words, and what is left over has to be digits."""
    typed = [folded(each) for each in words]
    for end in range(len(typed), -1, -1):
        digits = re.sub(r"[-.()\s]", "", "".join(typed[end:]))
        if digits and not re.fullmatch(r"[0-9]{2,16}", digits):
            continue
        country = exact(" ".join(typed[:end])) if end else None
        if country or not end:
            return Named(country, digits or None)
    *before, last = typed
    if before and re.fullmatch(r"[0-9]{2,16}", last):
        return Named(digits=last, unknown=" ".join(before))
    return Named(unknown=" ".join(typed))


# a search suggests


def matching(typed: str, among: Iterable[str], language: str) -> list[str]:
    """Codes of the countries that may be meant, the likely first, at most 100 (Slack's limit).

    Finds by code, name in any of our languages, and dialling code (``+49``).
    """
    wanted, code = loose(typed), re.fullmatch(r"\+?\s*(\d+)", folded(typed))
    digits = code[1] if code else None
    found = []
    for each in among:
        rank = _rank_by_code(digits, each) if digits else _rank(wanted, each)
        if rank is not None:
            found.append(
                (
                    rank,
                    OFTEN.index(each) if wanted and each in OFTEN else len(OFTEN),
                    name(each, language),
                    each,
                )
            )
    return [each for *_, each in sorted(found)[:100]]


def _rank_by_code(digits: str, country: str) -> int | None:
    own = str(dialling_code(country))
    if own != digits:
        return 2 if own.startswith(digits) else None
    main = phonenumbers.region_code_for_country_code(int(own))
    return 0 if main == country else 1  # +1: US before CA


def _rank(wanted: str, country: str) -> int | None:
    names = _names(country)
    if not wanted or wanted == country.casefold() or wanted in names:
        return 0
    if any(each.startswith(wanted) for each in names):
        return 1
    if any(word.startswith(wanted) for each in names for word in each.split()):
        return 2
    return 3 if any(wanted in each for each in names) else None
