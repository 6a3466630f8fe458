"""Which pages a bundle has, what is still missing, and what is sent: for any regulation, without asking Twilio.

The twin is asked only where papers that were made in the Console are put in their places.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.rest import Client

from bot.twilio import addresses, contents, evaluation
from bot.twilio.client import connect
from bot.twilio.contents import (
    GROUP,
    REVIEW,
    Contents,
    Document,
    EndUser,
    Page,
    asked,
    attributes,
    guess_group,
    is_derived,
    next_page,
    pages,
    portions,
)
from bot.twilio.names import of_document
from bot.twilio.regulations import Part, Regulation
from storage.models import Bundle
from tests.bot.test_regulations import ALL, NAMES, kind, regulation, wanted
from tests.sandbox.twilio_world import ACCOUNT, KEY, SECRET, World, running

AD1, AD2 = "AD" + "1" * 32, "AD" + "2" * 32
BUSINESS = kind(
    "business", name="business['name'] != null", email=r"business['email'] =~ '^\S+@\S+$'", comments=""
)
PASSPORT = kind(
    "passport",
    name="passport['name'] == business['name']",
    number="passport['number'] != null",
    remark="",
)
BILL = kind("utility_bill", address_sids="utility_bill['address_sids'] != null")
ADDRESS = kind("business_address", address_sids="business_address['address_sids'] != null")


def asks(*documents: dict[str, Any], end_users: tuple[dict[str, Any], ...] = (BUSINESS,)) -> Regulation:
    return regulation({"end_user": list(end_users), "supporting_document": [list(documents)]})


def with_groups(*groups: list[dict[str, Any]]) -> Regulation:
    return regulation({"end_user": [BUSINESS], "supporting_document": list(groups)})


def many(count: int, type_: str = "business") -> dict[str, Any]:
    return kind(type_, *(f"f{n}" for n in range(count)))


def bundle(**values: Any) -> Bundle:
    return Bundle(
        **{
            "id": "0123456789ab",
            "workspace_id": "T0",
            "account_sid": ACCOUNT,
            "sid": "BU1",
            "friendly_name": "Shop",
            "country": "JP",
            "number_type": "local",
            "end_user_type": "business",
            "status": "draft",
            **values,
        }
    )


def document(type_: str, status: str = "draft", /, **values: Any) -> Document:
    return Document("RD1", ("BV1",), "Made elsewhere", type_, values, status, None, has_file=True)


def given_papers(*documents: Document, **end_user: Any) -> Contents:
    return Contents({0: EndUser("IT1", end_user)}, dict(enumerate(documents)))


SAID = {"name": "Shop", "email": "a@b.c"}
"""An end user with all that is mandatory."""


def said(found: list[Page]) -> list[str]:
    return [str(each) for each in found]


def upcoming(read: Regulation, holds: Contents, after: Page | None = None, **of_bundle: Any) -> str:
    return str(next_page(read, bundle(**of_bundle), holds, after))


# which pages there are


def test_a_page_is_named_as_it_is_read() -> None:
    for page in (GROUP, REVIEW, Page("document", 3, 2)):
        assert Page.parse(str(page)) == page


def test_there_is_a_page_for_each_end_user_document_and_address_and_one_to_check_them() -> None:
    read = asks(wanted("id", PASSPORT), wanted("where", BILL, PASSPORT), wanted("seat", ADDRESS))
    assert said(pages(read, None, Contents())) == [
        "end_user.0.0",
        "document.0.0",
        "address.1.0",
        "document.1.0",
        "address.2.0",
        "review.0.0",
    ]


def test_an_address_and_nothing_else_has_no_page_for_a_document() -> None:
    assert said(pages(asks(wanted("seat", ADDRESS)), None, Contents())) == [
        "end_user.0.0",
        "address.0.0",
        "review.0.0",
    ]


def test_with_several_groups_the_group_is_asked_first_and_its_documents_follow_from_it() -> None:
    read = with_groups([wanted("id", PASSPORT)], [wanted("seat", ADDRESS), wanted("id", PASSPORT)])
    assert said(pages(read, None, Contents())) == ["group.0.0", "end_user.0.0", "review.0.0"]
    assert said(pages(read, 0, Contents()))[2:] == ["document.0.0", "review.0.0"]
    assert said(pages(read, 1, Contents()))[2:] == ["address.0.0", "document.1.0", "review.0.0"]


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [0]), (1, [1]), (30, [30]), (31, [30, 1]), (100, [30, 30, 30, 10])]
)
def test_fields_that_do_not_fit_a_page_are_on_further_ones(count: int, sizes: list[int]) -> None:
    read = asks(end_users=(many(count),))
    found = portions(read.end_users[0], read)
    assert [len(each) for each in found] == sizes
    assert [each.name for portion in found for each in portion] == [f"f{n}" for n in range(count)]
    assert said(pages(read, None, Contents())) == [
        *(f"end_user.0.{n}" for n in range(len(sizes))),
        "review.0.0",
    ]


def test_how_many_pages_a_document_has_depends_on_its_kind() -> None:
    read = asks(wanted("id", PASSPORT, many(50, "licence")), end_users=())
    first, both = ["document.0.0", "review.0.0"], ["document.0.0", "document.0.1", "review.0.0"]
    assert said(pages(read, None, Contents())) == first, "the first kind is proposed"
    assert said(pages(read, None, given_papers(document("passport")))) == first
    assert said(pages(read, None, given_papers(document("licence")))) == both
    assert said(pages(read, None, given_papers(document("of a type that is not accepted")))) == first


# which fields are asked


def names(part: Part, read: Regulation) -> list[str]:
    return [each.name for each in asked(part, read)]


def test_nobody_types_an_address_or_what_follows_from_the_end_user() -> None:
    read = asks(
        wanted("id", kind("passport", "address_sids", name="p['name'] == business['name']", number="x"))
    )
    (passport,) = read.documents(None)[0].kinds
    assert names(passport, read) == ["number"]
    assert names(read.end_users[0], read) == ["name", "email", "comments"]
    assert portions(passport, read) == [asked(passport, read)]


def test_what_follows_from_nothing_that_is_asked_is_typed() -> None:
    other = kind(
        "passport",
        ghost="passport['ghost'] == business['ghost']",
        foreign="passport['foreign'] == individual['name']",
        own="passport['own'] == passport['number']",
        number="passport['number'] != null",
    )
    read = asks(wanted("id", other))
    (passport,) = read.documents(None)[0].kinds
    assert [each.name for each in passport.fields if is_derived(each, read)] == []
    assert names(passport, read) == ["ghost", "foreign", "own", "number"]


def test_two_fields_that_point_to_each_other_are_both_typed() -> None:
    round_ = kind("business", a="business['a'] == business['b']", b="business['b'] == business['a']")
    read = asks(end_users=(round_,))
    assert names(read.end_users[0], read) == ["a", "b"]


def test_a_field_that_repeats_another_of_the_same_page_is_typed_once() -> None:
    twice = kind(
        "business", email="business['email'] != null", again="business['again'] == business['email']"
    )
    read = asks(end_users=(twice,))
    (part,) = read.end_users
    assert names(part, read) == ["email"]
    assert attributes(part, read, Contents(), {"email": "a@b.c"}) == {"email": "a@b.c", "again": "a@b.c"}


# what is missing


def test_a_new_bundle_begins_with_its_first_page() -> None:
    assert upcoming(asks(wanted("id", PASSPORT)), Contents()) == "end_user.0.0"
    assert upcoming(asks(wanted("id", PASSPORT), end_users=()), Contents()) == "document.0.0"
    several = with_groups([wanted("id", PASSPORT)], [wanted("seat", ADDRESS)])
    assert upcoming(several, Contents()) == "group.0.0"
    assert upcoming(several, given_papers(**SAID)) == "group.0.0", "whatever else is there"
    assert upcoming(several, Contents(), group=1) == "end_user.0.0"
    assert upcoming(several, given_papers(**SAID), group=1) == "address.0.0"
    assert upcoming(several, given_papers(**SAID), group=0) == "document.0.0"


def test_a_bundle_that_needs_no_papers_is_checked_at_once() -> None:
    assert upcoming(regulation(None), Contents()) == "review.0.0"


def test_an_end_user_who_lacks_something_mandatory_is_asked_again() -> None:
    read = asks()
    assert upcoming(read, given_papers(name="Shop")) == "end_user.0.0"
    assert upcoming(read, given_papers(name="Shop", email="")) == "end_user.0.0"
    assert upcoming(read, given_papers(**SAID)) == "review.0.0", "comments are optional"


def test_the_page_that_lacks_something_is_asked_and_no_other() -> None:
    read = asks(end_users=(many(100),))
    holds = {f"f{n}": "x" for n in range(100) if n != 57}
    assert upcoming(read, given_papers(**holds)) == "end_user.0.1"


def test_after_a_page_comes_the_next_one_of_the_same_paper_even_when_nothing_is_missing_there() -> None:
    read = asks(wanted("id", PASSPORT), end_users=(many(100),))
    whole = given_papers(**{f"f{n}": "x" for n in range(100)})
    assert upcoming(read, whole, Page("end_user", 0, 0)) == "end_user.0.1"
    assert upcoming(read, whole, Page("end_user", 0, 1)) == "end_user.0.2"
    assert upcoming(read, whole, Page("end_user", 0, 3)) == "document.0.0"


def test_a_document_that_lacks_something_mandatory_is_asked_again() -> None:
    read = asks(wanted("id", PASSPORT))
    assert upcoming(read, given_papers(document("passport", name="Shop"), **SAID)) == "document.0.0"
    whole = document("passport", number="1")
    assert upcoming(read, given_papers(whole, **SAID)) == "review.0.0", "the rest follows or is optional"


def test_a_document_of_a_kind_that_is_not_accepted_is_asked_again() -> None:
    read = asks(wanted("id", PASSPORT))
    assert upcoming(read, given_papers(document("licence", number="1"), **SAID)) == "document.0.0"


def test_a_document_that_was_refused_is_asked_again_and_the_others_are_not() -> None:
    read = asks(wanted("id", PASSPORT), wanted("again", PASSPORT))
    good, bad = document("passport", number="1"), document("passport", "rejected", number="1")
    assert upcoming(read, given_papers(good, bad, **SAID)) == "document.1.0"
    assert upcoming(read, given_papers(bad, good, **SAID)) == "document.0.0"
    assert given_papers(good, bad).refused == [bad]


def test_the_address_of_a_document_is_asked_before_it() -> None:
    read = asks(wanted("where", BILL))
    assert upcoming(read, given_papers(**SAID)) == "address.0.0"
    assert upcoming(read, given_papers(**SAID), addresses={"0": AD1}) == "document.0.0"
    assert upcoming(read, given_papers(**SAID), addresses={"1": AD1}) == "address.0.0", "of another one"


def test_of_a_refused_document_the_address_is_asked_too_unless_a_new_one_was_chosen() -> None:
    read = asks(wanted("where", BILL))
    bad = given_papers(document("utility_bill", "rejected", address_sids=[AD1]), **SAID)
    assert upcoming(read, bad) == "address.0.0"
    assert upcoming(read, bad, addresses={"0": AD2}) == "document.0.0"


def test_a_document_without_the_address_that_it_shows_is_asked_for_it() -> None:
    read = asks(wanted("where", BILL, PASSPORT))
    assert upcoming(read, given_papers(document("utility_bill"), **SAID)) == "address.0.0"
    assert upcoming(read, given_papers(document("utility_bill", address_sids=[]), **SAID)) == "address.0.0"
    assert upcoming(read, given_papers(document("utility_bill", address_sids=[AD1]), **SAID)) == "review.0.0"
    assert upcoming(read, given_papers(document("passport", number="1"), **SAID)) == "review.0.0"


def test_a_requirement_that_is_only_an_address_is_met_by_choosing_one() -> None:
    read = asks(wanted("seat", ADDRESS))
    assert upcoming(read, given_papers(**SAID)) == "address.0.0"
    assert upcoming(read, given_papers(**SAID), addresses={"0": AD1}) == "address.0.0", "not at Twilio yet"
    there = document("business_address", address_sids=[AD1])
    assert upcoming(read, given_papers(there, **SAID)) == "review.0.0"
    refused = given_papers(replace(there, status="rejected"), **SAID)
    assert upcoming(read, refused, addresses={"0": AD1}) == "address.0.0"


@dataclass
class Filling:
    """A person who fills in page after page, as the listeners save each."""

    read: Regulation
    bundle: Bundle
    choose: int
    """Which of the accepted kinds is given: the nth, as far as there are so many."""

    def save(self, page: Page, holds: Contents) -> Contents:
        if page == GROUP:
            self.bundle.group = self.choose % len(self.read.groups)
            return holds
        if page.kind == "end_user":
            there, part = holds.end_users.get(page.index), self.read.end_users[page.index]
            made = self.made(part, page, holds, there.attributes if there else None)
            return replace(holds, end_users={**holds.end_users, page.index: EndUser("IT", made)})
        requirement = self.read.documents(self.bundle.group)[page.index]
        if page.kind == "address":
            self.bundle.addresses = {**self.bundle.addresses, str(page.index): AD1}
            if not requirement.is_only_an_address:
                return holds
        kind_ = requirement.kinds[self.choose % len(requirement.kinds)]
        old = holds.documents.get(page.index)
        address = self.bundle.addresses.get(str(page.index))
        made = self.made(kind_, page, holds, old.attributes if old else None, address)
        return replace(holds, documents={**holds.documents, page.index: document(kind_.type, **made)})

    def made(self, part: Part, page: Page, holds: Contents, *more: Any) -> dict[str, Any]:
        fields = portions(part, self.read)[page.portion]
        return attributes(part, self.read, holds, {each.name: f"Some {each.name}" for each in fields}, *more)


MULTIGROUP = regulation(
    {
        "end_user": [BUSINESS, many(41, "individual")],
        "supporting_document": [
            [wanted("id", PASSPORT), wanted("where", BILL, PASSPORT), wanted("seat", ADDRESS)],
            [wanted("licence", many(90, "licence"), ADDRESS)],
        ],
    }
)


@pytest.mark.parametrize("choose", range(5))
@pytest.mark.parametrize(
    "read", [*map(Regulation.parse, ALL), MULTIGROUP], ids=[*NAMES, "made up, with two groups"]
)
def test_whoever_fills_in_page_after_page_comes_to_the_last_one(read: Regulation, choose: int) -> None:
    filling, holds, seen = Filling(read, bundle(), choose), Contents(), list[Page]()
    page = next_page(read, filling.bundle, holds)
    while page != REVIEW:
        assert page not in seen, "nothing is asked twice"
        seen.append(page)
        holds = filling.save(page, holds)
        page = next_page(read, filling.bundle, holds, after=page)
    assert [*seen, REVIEW] == pages(read, filling.bundle.group, holds), "in their order, and none left out"
    parts = list(zip(read.end_users, (holds.end_users[i].attributes for i in holds.end_users), strict=True))
    for i, requirement in enumerate(read.documents(filling.bundle.group)):
        there = holds.documents[i]
        parts += [(part, there.attributes) for part in requirement.kinds if part.type == there.type]
    for part, values in parts:
        needed = {each.name for each in part.fields if each.is_required}
        assert needed <= set(values) <= {each.name for each in part.fields}, part.type


# what is sent


DOCUMENTS = asks(wanted("id", PASSPORT), wanted("where", BILL))
PASSPORT_PART, BILL_PART = (each.kinds[0] for each in DOCUMENTS.documents(None))
END_USER_PART = DOCUMENTS.end_users[0]


def sent(
    part: Part, typed: Mapping[str, str | None], holds: Contents | None = None, **more: Any
) -> dict[str, Any]:
    return attributes(part, DOCUMENTS, holds or given_papers(**SAID), typed, **more)


ANYTHING = st.dictionaries(
    st.sampled_from(["name", "email", "comments", "number", "address_sids", "more"]),
    st.none() | st.text(),
)


@given(ANYTHING, st.none() | ANYTHING, st.sampled_from([END_USER_PART, PASSPORT_PART, BILL_PART]))
def test_nothing_is_sent_but_what_the_regulation_names_and_nothing_empty(
    typed: dict[str, str | None], before: dict[str, Any] | None, part: Part
) -> None:
    found = sent(part, typed, before=before)
    assert set(found) <= {each.name for each in part.fields}
    assert all(found.values())


def test_what_was_typed_counts_more_than_what_was_there() -> None:
    before = {"name": "Old", "email": "old@b.c", "comments": "old"}
    assert sent(END_USER_PART, {"name": "New"}, before=before) == {**before, "name": "New"}
    assert sent(END_USER_PART, {"comments": None}, before=before) == {"name": "Old", "email": "old@b.c"}


@given(st.text(min_size=1))
def test_what_follows_from_the_end_user_is_the_same_to_the_last_sign(name: str) -> None:
    holds = given_papers(name=name)
    typed = {"name": "Typed all the same", "number": "1"}
    assert sent(PASSPORT_PART, typed, holds, before={"name": "Old"}) == {"name": name, "number": "1"}


def test_what_follows_from_an_end_user_who_is_not_there_yet_is_not_sent() -> None:
    assert sent(PASSPORT_PART, {"number": "1"}, Contents(), before={"name": "Old"}) == {"number": "1"}


def test_one_address_is_sent_and_the_one_before_stays_when_none_is_chosen() -> None:
    assert sent(BILL_PART, {}, address=AD2) == {"address_sids": [AD2]}
    assert sent(BILL_PART, {}, before={"address_sids": [AD1]}) == {"address_sids": [AD1]}
    assert sent(BILL_PART, {}, before={"address_sids": [AD1]}, address=AD2) == {"address_sids": [AD2]}
    assert sent(BILL_PART, {}) == {}
    assert sent(PASSPORT_PART, {"number": "1"}, address=AD1) == {"name": "Shop", "number": "1"}


# papers that were made in the Console


CHOICE = with_groups(
    [wanted("id", PASSPORT)],
    [wanted("where", BILL), wanted("id", kind("licence", number="x"))],
    [wanted("seat", ADDRESS), wanted("where", BILL)],
)


def guessed(*strays: Document, read: Regulation = CHOICE) -> int | None:
    return guess_group(Contents(strays=strays), read, bundle())


def test_the_group_is_guessed_that_fits_the_documents_best() -> None:
    assert guessed(document("passport")) == 0
    assert guessed(document("licence"), document("utility_bill")) == 1
    assert guessed(document("business_address")) == 2
    assert guessed(document("utility_bill"), document("business_address")) == 2
    assert guessed(document("utility_bill"), document("passport"), document("licence")) == 1


def test_of_two_groups_that_take_a_document_the_one_that_asks_for_less_beside_it_is_guessed() -> None:
    more, less = [wanted("where", BILL), wanted("id", PASSPORT)], [wanted("where", BILL)]
    assert guessed(document("utility_bill"), read=with_groups(more, less)) == 1
    assert guessed(document("utility_bill"), document("passport"), read=with_groups(less, more)) == 1


def test_without_documents_or_without_a_choice_no_group_is_guessed() -> None:
    assert guessed() is None
    assert guessed(document("passport"), read=asks(wanted("id", PASSPORT))) is None


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as found:
        yield found


@dataclass
class Some:
    """What reading papers asks of the app."""

    twilio: Client


@contextlib.asynccontextmanager
async def app_for(world: World) -> AsyncIterator[Any]:
    async with connect(ACCOUNT, KEY, SECRET, world.twin.url) as twilio:
        yield Some(twilio)


def known(country: str, number_type: str, end_user_type: str) -> Regulation:
    found = next(
        each
        for each in ALL
        if (each["iso_country"], each["number_type"], each["end_user_type"])
        == (country, number_type, end_user_type)
    )
    return Regulation.parse(found)


async def made_elsewhere(app: Any, read: Regulation) -> Bundle:
    compliance = app.twilio.numbers.v2.regulatory_compliance
    made = await compliance.bundles.create_async("Of the Console", "a@b.example", regulation_sid=read.sid)
    return bundle(sid=made.sid, friendly_name="Of the Console", regulation_sid=read.sid)


async def put(app: Any, into: Bundle, type_: str, name: str, values: dict[str, Any]) -> str:
    """A document without a file, in the bundle."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    made = await compliance.supporting_documents.create_async(name, type_, attributes=values)
    await compliance.bundles(into.sid).item_assignments.create_async(object_sid=made.sid)
    return str(made.sid)


def placed(holds: Contents) -> dict[int, str]:
    return {i: each.sid for i, each in sorted(holds.documents.items())}


async def test_documents_of_the_console_are_placed_by_type_and_fields(world: World) -> None:
    """France wants the same kind of document twice: once with name and number, once with the address."""
    async with app_for(world) as ours:
        read = known("FR", "local", "business")
        theirs = await made_elsewhere(ours, read)
        first, second = (
            [each.name for each in requirement.kinds[0].fields] for requirement in read.documents(None)
        )
        assert first != second and "address_sids" in second
        address = next(iter(world.twin.account.addresses))
        excerpt = read.documents(None)[0].kinds[0].type
        of_second = await put(ours, theirs, excerpt, "a", {"address_sids": [address]})
        of_first = await put(ours, theirs, excerpt, "b", dict.fromkeys(first, "x"))
        holds = await contents.read(ours, theirs, read)
        assert placed(holds) == {0: of_first, 1: of_second} and holds.strays == ()
        assert holds.documents[1].address == address and not holds.documents[1].has_file


async def test_a_document_of_ours_is_placed_by_the_name_that_we_gave_it(world: World) -> None:
    async with app_for(world) as ours:
        read = known("FR", "local", "business")
        mine = await made_elsewhere(ours, read)
        excerpt = read.documents(None)[0].kinds[0].type
        of_second = await put(ours, mine, excerpt, of_document(mine, 1, "Excerpt"), {"business_name": "Shop"})
        of_first = await put(ours, mine, excerpt, of_document(mine, 0, "Excerpt"), {"business_name": "Shop"})
        assert placed(await contents.read(ours, mine, read)) == {0: of_first, 1: of_second}


async def test_a_document_with_other_fields_is_placed_by_its_type_where_there_is_room(world: World) -> None:
    async with app_for(world) as ours:
        read = known("DE", "local", "individual")
        theirs = await made_elsewhere(ours, read)
        passport = await put(ours, theirs, "passport", "a", {"first_name": "Robin"})
        holds = await contents.read(ours, theirs, read)
        assert placed(holds) == {0: passport} and holds.strays == ()


async def test_a_document_of_a_group_that_was_left_is_used_where_it_fits(world: World) -> None:
    async with app_for(world) as ours:
        read = known("FR", "local", "business")
        mine = await made_elsewhere(ours, read)
        excerpt = read.documents(None)[0].kinds[0].type
        of_another = Bundle(**{**mine.model_dump(), "group": 1})
        first = read.documents(None)[0].kinds[0].fields
        left = await put(
            ours,
            mine,
            excerpt,
            of_document(of_another, 0, "Excerpt"),
            {each.name: "x" for each in first},
        )
        assert placed(await contents.read(ours, mine, read)) == {0: left}


async def test_a_document_that_fits_nowhere_is_left_over(world: World) -> None:
    """Ours, for a requirement that takes another kind by now: it is no other requirement's."""
    async with app_for(world) as ours:
        read = known("AU", "local", "business")
        mine = await made_elsewhere(ours, read)
        filled = dict.fromkeys(("first_name", "last_name"), "x")
        stray = await put(ours, mine, "passport", of_document(mine, 0, "Excerpt"), filled)
        excerpt = await put(ours, mine, "commercial_registrar_excerpt", "a", {"business_name": "Shop"})
        holds = await contents.read(ours, mine, read)
        assert placed(holds) == {0: excerpt} and [each.sid for each in holds.strays] == [stray]


async def test_end_users_are_found_by_their_type_and_what_was_deleted_is_not_there(world: World) -> None:
    async with app_for(world) as ours:
        read = known("GB", "mobile", "business")
        theirs = await made_elsewhere(ours, read)
        compliance = ours.twilio.numbers.v2.regulatory_compliance
        assert await contents.read(ours, theirs, read) == Contents()
        made = await compliance.end_users.create_async(
            "Somebody", "business", attributes={"business_name": "Shop"}
        )
        await compliance.bundles(theirs.sid).item_assignments.create_async(object_sid=made.sid)
        holds = await contents.read(ours, theirs, read)
        assert holds == Contents({0: EndUser(made.sid, {"business_name": "Shop"})})


# what Twilio's evaluation finds


async def end_user(app: Any, into: Bundle, read: Regulation, **values: Any) -> None:
    compliance = app.twilio.numbers.v2.regulatory_compliance
    made = await compliance.end_users.create_async("Somebody", read.end_users[0].type, attributes=values)
    await compliance.bundles(into.sid).item_assignments.create_async(object_sid=made.sid)


async def findings(app: Any, into: Bundle, read: Regulation) -> list[tuple[str, str | None]]:
    holds = await contents.read(app, into, read)
    found = await evaluation.evaluate(app, into, read, holds)
    return [(str(each.page), each.field) for each in found]


async def test_of_an_empty_bundle_each_paper_is_missing_once(world: World) -> None:
    async with app_for(world) as ours:
        read = known("DE", "local", "business")
        mine = await made_elsewhere(ours, read)
        assert await findings(ours, mine, read) == [
            ("end_user.0.0", None),
            ("document.0.0", None),
            ("document.1.0", None),
            ("document.2.0", None),
        ]


async def test_what_is_found_stands_at_its_field_until_nothing_is(world: World) -> None:
    async with app_for(world) as ours:
        read = known("EE", "mobile", "business")
        part = read.documents(None)[0].kinds[0]
        whole = {each.name: "x" for each in part.fields} | {"business_name": "Shop"}
        bare, wrong, right = [await made_elsewhere(ours, read) for _ in range(3)]
        await end_user(ours, bare, read)
        await put(ours, bare, part.type, "a", whole)
        assert ("end_user.0.0", "business_name") in await findings(ours, bare, read)
        for into, values in ((wrong, {**whole, "business_name": "Shop Ltd"}), (right, whole)):
            await end_user(ours, into, read, business_name="Shop")
            await put(ours, into, part.type, "a", values)
        assert await findings(ours, wrong, read) == [("document.0.0", "business_name")]
        assert await findings(ours, right, read) == []


async def test_a_missing_address_is_found_on_the_page_where_it_is_chosen(world: World) -> None:
    async with app_for(world) as ours:
        read = known("FR", "local", "business")
        mine = await made_elsewhere(ours, read)
        excerpt = read.documents(None)[1].kinds[0].type
        await put(ours, mine, excerpt, of_document(mine, 1, "Excerpt"), {})
        assert ("address.1.0", "address_sids") in await findings(ours, mine, read)


# addresses


@dataclass
class Address:
    friendly_name: str | None
    customer_name: str = "Shop Ltd"
    street: str = "1 High Street"
    city: str = ""
    iso_country: str = "GB"


@pytest.mark.parametrize("name", [None, "", "Number Desk 0123 abc"])
def test_an_address_without_a_name_of_peoples_own_is_known_by_whose_it_is(name: str | None) -> None:
    assert addresses.label(Address(name)) == "Shop Ltd, 1 High Street, GB"


def test_an_address_with_a_name_is_known_by_it() -> None:
    assert addresses.label(Address("Head office", city="London")) == "Head office, 1 High Street, London, GB"


def test_what_is_derived_comes_from_the_end_user_that_has_the_field() -> None:
    read = asks(
        wanted("id", kind("passport", last="p['last'] == individual['last']")),
        end_users=(kind("individual", "first"), kind("individual", "last")),
    )
    (part,) = read.documents(None)[0].kinds
    holds = Contents({0: EndUser("IT1", {"first": "A"}), 1: EndUser("IT2", {"last": "B"})})
    assert contents.attributes(part, read, holds, {}) == {"last": "B"}


async def test_the_finding_of_a_missing_document_that_is_an_address_leads_to_its_page(world: World) -> None:
    async with app_for(world) as ours:
        read = known("GB", "mobile", "business")
        mine = await made_elsewhere(ours, read)
        holds = await contents.read(ours, mine, read)
        found = await evaluation.evaluate(ours, mine, read, holds)
        every = contents.pages(read, None, holds)
        assert found and [str(each.page) for each in found if each.page not in every] == []
