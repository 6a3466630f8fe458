"""What people type, as it is checked: on whatever keyboard, it means the same (rule 37)."""

import re
import unicodedata

_HYPHENS = re.compile(r"[‐‑‒–—―−﹣－⁃]|(?<=\d)\s*ー\s*(?=\d)")
"""Hyphens and dashes; the long vowel of a Japanese keyboard only between digits, where it is meant as one."""
_SPACES = re.compile(r"[\s　​‌‍⁠]+")
_MARKS = str.maketrans("", "", "\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069〒")
"""A byte-order mark, marks of writing direction that come along with a copied number, and the sign of a postal code."""


def folded(text: str) -> str:
    """In half width, with one kind of hyphen and one of space, none at the ends."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS))
    return _SPACES.sub(" ", _HYPHENS.sub("-", plain)).strip()


def dialled(text: str) -> str:
    """A phone number without what people write between its digits."""
    return re.sub(r"[\s()-]", "", folded(text))


def loose(text: str) -> str:
    """For comparing names: folded, without case, accents and punctuation, ``&`` written out, and no article in front."""
    decomposed = unicodedata.normalize("NFKD", folded(text).replace("&", " and ").casefold())
    letters = "".join(c for c in decomposed if not 0x300 <= ord(c) < 0x370)
    words = re.sub(
        r"[^\w\s]|[・＝]", " ", re.sub(r"[’'ʻ.]", "", unicodedata.normalize("NFKC", letters))
    ).split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def has_control_characters(text: str) -> bool:
    """Line breaks and tabs are none."""
    return any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in text)
