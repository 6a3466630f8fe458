"""Countries as people look for them, and where one leaves the common path.

Filters that only work in the United States and Canada: AvailablePhoneNumber resource, twilio.com/docs, read 2026-11.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import phonenumbers
from babel import Locale

from bot.texts import SHORTER_NAMES, Texts

SEARCHED_BY_AREA = frozenset({"US", "CA"})
"""Only here do region, postal code, area code and nearness narrow a search; elsewhere Twilio ignores them."""

POSTAL_CODES = {
    "US": re.compile(r"\d{5}"),
    "CA": re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d"),
}
REGION = re.compile(r"[A-Z]{2}")


def dialling_code(country: str) -> int:
    """1 for US, 81 for JP; 0 for a country without one."""
    return phonenumbers.country_code_for_region(country)


def trunk_prefix(country: str) -> str:
    """What is dialled before a number inside the country only (``0`` in GB), empty where there is none."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    return (metadata.national_prefix or "") if metadata else ""


def matching(query: str, countries: Iterable[str], t: Texts) -> list[tuple[str, str]]:
    """``(code, label)`` of the countries that the query may mean, best first, at most 100.

    Finds by the name in the reader's language and in English, by the ISO code and by the dialling code (``+49``).
    """
    wanted = _plain(query)
    digits = wanted.lstrip("+").strip() if re.fullmatch(r"\+?\s*\d+", wanted) else None
    found = []
    for code in countries:
        rank = _rank(wanted, digits, code, t.language)
        if rank is not None:
            found.append((rank, t.country(code), code))
    found.sort()
    return [(code, label(code, t)) for _, _, code in found[:100]]


def label(country: str, t: Texts) -> str:
    return f"{t.country(country)} ({country}, +{dialling_code(country)})"[:75]


def _rank(wanted: str, digits: str | None, code: str, language: str) -> int | None:
    if not wanted:
        return 0
    if digits:
        own = str(dialling_code(code))
        if own != digits:
            return 2 if own.startswith(digits) else None
        return 0 if phonenumbers.region_code_for_country_code(int(own)) == code else 1  # +1: US before CA
    if wanted == code.casefold():
        return 0
    names = _names(code, language)
    if any(name.startswith(wanted) for name in names):
        return 1
    if any(word.startswith(wanted) for name in names for word in name.split()):
        return 2
    return 3 if any(wanted in name for name in names) else None


@lru_cache(maxsize=1024)
def _names(code: str, language: str) -> tuple[str, ...]:
    names = {str(Locale(each).territories.get(code, code)) for each in ("en", language)}
    names |= {SHORTER_NAMES.get(code, code), *_ALSO.get(code, ())}
    return tuple(_plain(name) for name in names)


_ALSO = {
    "US": ("USA", "America", "アメリカ", "米国"),
    "GB": ("UK", "Britain", "England", "英国"),
    "NL": ("Holland",),
}


def _plain(text: str) -> str:
    """Without case, width and accents, so that ``ＤＥ`` and ``Österreich`` are found as people type them."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold())
    without_accents = "".join(c for c in decomposed if not 0x300 <= ord(c) < 0x370)
    return unicodedata.normalize("NFKC", without_accents)
