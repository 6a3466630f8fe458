"""What belongs to a bundle is readable in the Console, found again by its name, and found by the names of earlier releases too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.twilio import names
from tests import rows

ID, OTHER = "0123456789ab", "ba9876543210"
BUNDLE = rows.bundle(id=ID, group=1)


def test_people_read_what_it_is_and_which_file() -> None:
    assert names.of_document(BUNDLE, 2, "Trade licence", "HRB 4711.pdf") == (
        "Trade licence: HRB 4711.pdf (0123456789ab 1.2)"
    )
    assert names.of_document(BUNDLE, 2, "Business address") == "Business address (0123456789ab 1.2)"
    assert names.of_end_user(BUNDLE, "Business") == "Business (0123456789ab)"


@given(st.text(min_size=1, max_size=90), st.text(max_size=200), st.integers(0, 30))
def test_whatever_it_is_called_it_fits_and_is_found_at_its_place(kind: str, file: str, index: int) -> None:
    name = names.of_document(BUNDLE, index, kind, file)
    assert len(name) <= names.LONGEST
    assert names.is_document(name, BUNDLE, index) and names.is_ours(name, BUNDLE)
    assert not names.is_document(name, BUNDLE, index + 1) and not names.is_end_user(name, BUNDLE)
    assert not names.is_ours(name, rows.bundle(id=OTHER, group=1))


@pytest.mark.parametrize("file", ["scan.pdf", "登記簿謄本.pdf", "a: b (2026).png"])
def test_a_files_name_is_read_back(file: str) -> None:
    assert names.file_name(names.of_document(BUNDLE, 0, "Passport", file)) == file


def test_a_long_files_name_keeps_its_ending() -> None:
    name = names.of_document(BUNDLE, 0, "Commercial registrar excerpt", "extract " * 20 + ".pdf")
    assert names.file_name(name).startswith("extract") and names.file_name(name).endswith(".pdf")


def test_the_names_of_earlier_releases_are_known_and_tell_of_no_file() -> None:
    old = f"Number Desk {ID} 1.2: Trade licence: of 2020"
    assert names.is_document(old, BUNDLE, 2) and names.is_ours(old, BUNDLE)
    assert not names.is_document(old, BUNDLE, 1) and names.file_name(old) == ""
    assert names.is_end_user(f"Number Desk {ID}", BUNDLE)
    assert not names.is_end_user(f"Number Desk {OTHER}", BUNDLE)


@pytest.mark.parametrize("name", ["Passport", "Passport: mine (copy)", f"Number Desk {OTHER} 1.2: x", ""])
def test_what_was_made_elsewhere_is_not_ours(name: str) -> None:
    assert not names.is_ours(name, BUNDLE) and not names.is_end_user(name, BUNDLE)
    assert names.file_name(name) == ""
