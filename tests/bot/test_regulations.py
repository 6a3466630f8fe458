"""What a regulation asks: the forms of a constraint as Twilio's answers have them, and whatever else may come."""

import json
import re
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts import LANGUAGES, Texts
from bot.twilio.regulations import CHOICES_AT_MOST, Field, Regulation
from sandbox.twilio.regulations import REGULATIONS

ALL: list[dict[str, Any]] = json.loads(REGULATIONS.read_text(encoding="utf-8"))["results"]
NAMES = [each["friendly_name"] for each in ALL]
EMAIL = r"business['email'] =~ '^\S+@\S+\.\S+$'"
PHONE = r"business['phone_number'] =~ '^\+[1-9]\d{1,14}$'"


def field(constraint: str, name: str = "f") -> Field:
    return Field(name, "Label", "What it is.", constraint)


def matching(pattern: str) -> Field:
    return field(f"business['f'] =~ '{pattern}'")


def regulation(requirements: Any) -> Regulation:
    return Regulation.parse(
        {
            "sid": "RN1",
            "iso_country": "JP",
            "number_type": "local",
            "end_user_type": "business",
            "requirements": requirements,
        }
    )


def detail(name: str, constraint: str | None = None, **more: str) -> dict[str, Any]:
    return {"machine_name": name, "friendly_name": name.title(), "constraint": constraint, **more}


def kind(type_: str, *fields: str, **constraints: str) -> dict[str, Any]:
    details = [detail(name, constraint) for name, constraint in constraints.items()]
    return {"name": type_.title(), "type": type_, "fields": list(fields), "detailed_fields": details}


def wanted(name: str, *kinds: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "requirement_name": f"{name}_info", "accepted_documents": list(kinds)}


# mandatory, optional, unknown


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_mandatory_can_not_be_left_out(value: str | None) -> None:
    name = field("business['f'] != null")
    assert name.is_required and name.wrong(value) is not None
    assert name.wrong("anything at all") is None


@pytest.mark.parametrize("constraint", ["", " ", "\n"])
def test_what_has_an_empty_constraint_can_be_left_out(constraint: str) -> None:
    comments = field(constraint)
    assert not comments.is_required
    assert comments.wrong(None) is None and comments.wrong("") is None and comments.wrong("x") is None


@pytest.mark.parametrize(
    "constraint",
    [
        "business['f'] in ['YES', 'NO']",
        "business.f =~ /^A$/",
        "len(business['f']) > 3",
        "business['f'] != null && business['g'] != null",
        "business['f'] == 'YES'",
        "a constraint of tomorrow",
        "=~",
    ],
)
def test_a_constraint_of_an_unknown_form_means_mandatory_and_anything_goes(constraint: str) -> None:
    unknown = field(constraint)
    assert unknown.is_required and unknown.wrong(None) is not None
    assert unknown.wrong("anything at all") is None
    assert (unknown.pattern, unknown.choices, unknown.same_as) == (None, (), None)
    assert not (unknown.is_email or unknown.is_phone or unknown.is_date)


@given(st.text())
def test_no_constraint_is_too_strange_to_ask_for_its_field(constraint: str) -> None:
    strange = field(constraint)
    assert strange.is_required == bool(constraint.strip())
    assert (strange.wrong(None) is not None) == strange.is_required
    assert strange.cleaned("x") == "x"
    if strange.pattern is None:
        assert strange.wrong("anything") is None


# patterns


def test_an_answer_must_have_the_form_of_its_pattern() -> None:
    crn = matching(r"^[A-Z]{2}\d{6}$")
    assert crn.pattern == r"^[A-Z]{2}\d{6}$" and crn.choices == ()
    assert crn.wrong("SC123456") is None
    for answer in ("sc123456", "SC12345", "xSC123456"):
        assert crn.wrong(answer) is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pattern_can_be_read_out_whatever_signs_it_has(language: str) -> None:
    problem = matching(r"^[A-Z]{2}\d{6}<x>$").wrong("x")
    assert problem is not None
    said = Texts(language).said(problem)
    assert r"^[A-Z]{2}\d{6}&lt;x&gt;$" in said and "What it is." in said


def test_a_pattern_may_hold_a_quotation_mark_and_a_line_break() -> None:
    assert matching("^O'[A-Z]+$").wrong("O'HARA") is None
    assert matching("^O'[A-Z]+$").wrong("HARA") is not None
    assert matching("^a\nb$").wrong("a\nb") is None


def test_blanks_around_the_signs_do_not_matter() -> None:
    assert field("  business['f']=~'^A+$' ").pattern == "^A+$"
    assert field("doc['f']==business['g']").same_as == ("business", "g")


@pytest.mark.parametrize("pattern", [r"^(?<name>\w+)$", r"^\p{L}+$", r"^\h+$", "^(A", "^[z-a]$", r"^\w+\z"])
def test_a_pattern_of_a_dialect_that_python_does_not_speak_is_left_to_twilio(pattern: str) -> None:
    with pytest.raises(re.error):
        re.compile(pattern)
    assert matching(pattern).wrong("Anything") is None
    assert matching(pattern).wrong(None) is not None, "mandatory it is all the same"


def test_an_answer_that_a_pattern_would_take_long_for_is_too_long() -> None:
    mail = matching(r"^\S+@\S+\.\S+$")
    assert mail.wrong("a" * 300 + "@example.com") is None
    problem = mail.wrong("@." * 1500 + " x")
    assert problem is not None and problem["say"].startswith("This is too long")


# choices


def test_a_list_of_words_is_a_choice() -> None:
    registers = matching("^(UK:CRN|US:EIN|CA:CBN|AU:ACN|OTHER)$")
    assert registers.choices == ("UK:CRN", "US:EIN", "CA:CBN", "AU:ACN", "OTHER")
    assert registers.wrong("US:EIN") is None
    assert registers.wrong("DE:HRB") == {"say": "Choose one of the list.", "with": {}}


@pytest.mark.parametrize(
    "pattern",
    [
        "^(A|B)?$",
        "(A|B)",
        "^(A|[BC])$",
        "^(A|B+)$",
        r"^(A|\d)$",
        "^(A|)$",
        "^((A|B)|C)$",
        "^(A.|B)$",
        "^A|B$",
    ],
)
def test_what_only_looks_like_a_choice_is_typed(pattern: str) -> None:
    assert matching(pattern).choices == () and matching(pattern).pattern == pattern


def test_a_word_that_is_named_twice_is_one_choice() -> None:
    assert matching("^(YES|NO|YES)$").choices == ("YES", "NO")


def test_more_choices_than_slack_can_show_are_typed_and_checked() -> None:
    def among(count: int) -> Field:
        return matching("^(" + "|".join(f"C{n}" for n in range(count)) + ")$")

    assert len(among(CHOICES_AT_MOST).choices) == 100
    assert among(101).choices == ()
    assert among(101).wrong("C100") is None and among(101).wrong("C101") is not None


WORD = st.from_regex(r"[A-Za-z0-9_: -]+", fullmatch=True)


@given(st.lists(WORD, min_size=1, max_size=100, unique=True), WORD)
def test_exactly_the_words_of_a_choice_are_right(words: list[str], other: str) -> None:
    choice = matching(f"^({'|'.join(words)})$")
    assert choice.choices == tuple(words)
    assert all(choice.wrong(word) is None for word in words)
    assert (choice.wrong(other) is None) == (other in words)


# e-mail, telephone, dates


def test_an_e_mail_address_is_known_by_its_pattern() -> None:
    email = field(EMAIL, "email")
    assert email.is_email and not email.is_phone
    assert email.wrong("robin@example.com") is None
    for answer in ("robin", "robin@example", "ro bin@example.com", "@example.com"):
        problem = email.wrong(answer)
        assert problem is not None and "e-mail" in problem["say"]


@pytest.mark.parametrize(
    "typed",
    [
        "+44 20 7946 0000",
        "+44 (0)20 7946-0000",
        "+44.20.7946.0000",
        "+442079460000",
        "+44\u00a020\u00a07946\u00a00000",
    ],
)
def test_a_phone_number_is_taken_as_people_write_it(typed: str) -> None:
    phone = field(PHONE, "phone_number")
    assert phone.is_phone and not phone.is_email
    assert phone.cleaned(typed) == "+442079460000" and phone.wrong(phone.cleaned(typed)) is None


@pytest.mark.parametrize("typed", ["020 7946 0000", "call me", "+", "+0 123", "0044 20 7946 0000"])
def test_a_phone_number_without_its_country_code_is_asked_for_again(typed: str) -> None:
    phone = field(PHONE)
    problem = phone.wrong(phone.cleaned(typed))
    assert problem is not None and "country code" in problem["say"]


FORMATS = [
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
]


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(FORMATS))
def test_every_countrys_numbers_are_taken_however_they_are_written(region: str, format_: int) -> None:
    phone, number = field(PHONE), phonenumbers.example_number(region)
    assert number is not None
    cleaned = phone.cleaned(phonenumbers.format_number(number, format_))
    assert cleaned == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert phone.wrong(cleaned) is None


@given(st.text())
def test_what_is_no_phone_number_stays_as_it_was_typed(text: str) -> None:
    assert field("business['f'] != null").cleaned(text) == text
    assert matching("^A|B$").cleaned(text) == text


def test_a_date_is_known_by_its_name() -> None:
    for name in ("birth_date", "date", "date_of_birth", "expiry_date_of_passport"):
        assert field("business['f'] != null", name).is_date, name
    for name in ("update", "candidate", "dated", "mandate"):
        assert not field("business['f'] != null", name).is_date, name
    assert not Field("birth_date", "", "", r"x['birth_date'] =~ '^\d{8}$'").is_date, "of another form"


# what must be the same as something else


def test_what_must_be_the_same_names_its_source() -> None:
    same = field("passport['first_name'] == individual['first_name']", "first_name")
    assert same.same_as == ("individual", "first_name")
    assert same.is_required and same.pattern is None and same.wrong("Robin") is None


# a regulation


def test_fields_without_details_are_asked_for_all_the_same() -> None:
    asked = regulation({"end_user": [kind("business", "business_name", "tax_id", tax_id="")]}).end_users[0]
    assert [(each.name, each.is_required) for each in asked.fields] == [
        ("business_name", True),
        ("tax_id", False),
    ]
    assert asked.fields[0].label == "Business name" and asked.fields[0].wrong("Shop") is None


def test_details_without_a_field_are_asked_for_too_and_nothing_twice() -> None:
    asked = regulation({"end_user": [kind("business", "a", "a", a="x", b="x")]}).end_users[0]
    assert [each.name for each in asked.fields] == ["a", "b"]


def test_what_a_regulation_leaves_out_is_not_asked_for() -> None:
    without: list[Any] = [
        None,
        {},
        {"end_user": None, "supporting_document": None},
        {"supporting_document": []},
    ]
    for nothing in without:
        empty = regulation(nothing)
        assert (empty.end_users, empty.groups, empty.documents(None)) == ((), ((),), ())
    bare = regulation({"end_user": [{"type": "business"}], "supporting_document": [[{"name": "Paper"}]]})
    assert (bare.end_users[0].name, bare.end_users[0].requirement, bare.end_users[0].fields) == (
        "business",
        "business",
        (),
    )
    (paper,) = bare.documents(None)
    assert (paper.name, paper.requirement, paper.description, paper.kinds) == ("Paper", "Paper", "", ())


def test_of_several_groups_one_is_chosen_and_of_one_there_is_nothing_to_choose() -> None:
    several = regulation(
        {"supporting_document": [[wanted("a", kind("passport"))], [wanted("b", kind("licence"))]]}
    )
    assert [len(group) for group in several.groups] == [1, 1]
    assert several.documents(None) == () and several.documents(2) == ()
    assert several.documents(1)[0].name == "b"
    one = regulation({"supporting_document": [[wanted("a", kind("passport"))]]})
    assert one.documents(None) == one.documents(0) == one.documents(5) == one.groups[0]


def test_a_document_is_an_address_only_when_nothing_else_is_to_be_asked() -> None:
    def only(*kinds: dict[str, Any]) -> bool:
        (requirement,) = regulation({"supporting_document": [[wanted("a", *kinds)]]}).documents(None)
        return requirement.is_only_an_address

    address = kind("business_address", "address_sids")
    assert only(address) and only(kind("individual_address", "address_sids"))
    assert not only(address, kind("utility_bill", "address_sids"))
    assert not only(kind("utility_bill", "address_sids"))
    assert not only(kind("business_address", "address_sids", "comments"))


def test_a_document_needs_an_address_when_one_of_its_kinds_shows_one() -> None:
    passport, bill = kind("passport", "first_name"), kind("utility_bill", "address_sids")
    (both, none) = regulation(
        {"supporting_document": [[wanted("a", passport, bill), wanted("b", passport)]]}
    ).documents(None)
    assert both.needs_address and not none.needs_address
    assert [each.needs_address for each in both.kinds] == [False, True]
    assert [each.needs_file for each in both.kinds] == [True, True]
    assert both.kind("utility_bill") == both.kinds[1]
    assert both.kind("licence") is None and both.kind(None) is None


# every regulation that is known


def test_there_are_regulations_to_read() -> None:
    assert len(ALL) == 36


def constraints(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """``(type, field, constraint)`` as they stand in the JSON."""
    asked = found["requirements"]
    parts = list(asked["end_user"])
    parts += [
        each for group in asked["supporting_document"] for r in group for each in r["accepted_documents"]
    ]
    return [
        (part["type"], each["machine_name"], each["constraint"])
        for part in parts
        for each in part["detailed_fields"]
    ]


@pytest.mark.parametrize("found", ALL, ids=NAMES)
def test_nothing_of_a_regulation_is_lost(found: dict[str, Any]) -> None:
    read = Regulation.parse(found)
    kinds = [kind for group in read.groups for requirement in group for kind in requirement.kinds]
    parts = [*read.end_users, *kinds]
    assert [(part.type, each.name, each.constraint) for part in parts for each in part.fields] == constraints(
        found
    )
    asked = found["requirements"]
    assert [[each.requirement for each in group] for group in read.groups] == [
        [each["requirement_name"] for each in group] for group in asked["supporting_document"]
    ]
    assert (read.sid, read.country, read.number_type, read.end_user_type) == tuple(
        found[name] for name in ("sid", "iso_country", "number_type", "end_user_type")
    )


@pytest.mark.parametrize("found", ALL, ids=NAMES)
def test_every_constraint_of_a_regulation_is_understood(found: dict[str, Any]) -> None:
    """A pattern, an equality or plainly mandatory: none falls back to being unknown."""
    read = Regulation.parse(found)
    kinds = [kind for group in read.groups for requirement in group for kind in requirement.kinds]
    for each in (each for part in (*read.end_users, *kinds) for each in part.fields):
        plainly = re.fullmatch(rf"\w+\['{each.name}'\] != null", each.constraint)
        assert plainly or each.pattern or each.same_as or not each.is_required, each
        if each.pattern:
            assert each.choices or each.is_email or each.is_phone, each


@pytest.mark.parametrize(
    "constraint",
    [
        "business['a'] =~ '^A$' && business['b'] =~ '^B$'",
        "business['a'] =~ '^A$' || business['a'] =~ '^C$'",
    ],
)
def test_several_conditions_in_one_are_a_form_that_is_not_known(constraint: str) -> None:
    asked = Field("a", "A", "", constraint)
    assert asked.pattern is None and asked.is_required and asked.wrong("anything") is None


def test_a_pattern_that_python_cannot_count_is_left_to_twilio() -> None:
    assert Field("a", "A", "", "business['a'] =~ '^a{4294967296}$'").wrong("A") is None
