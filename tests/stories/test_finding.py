"""The pages: pre-filled, typed into, gone back on, left and taken up again."""

from typing import Any

import pytest

from tests.stories.stage import (
    Control,
    Person,
    Stage,
    asks,
    field_ids,
    finds,
    options,
    reviews,
    sends,
    shown,
    until,
)


async def test_the_command_fills_in_country_and_digits(requester: Person) -> None:
    answer = await requester.types("buy-number JP 123")
    assert answer["view"]["callback_id"] == "buy_number.find"
    view = await requester.view("buy_number.find")
    values = {name: state for block in view["state"]["values"].values() for name, state in block.items()}
    assert values["country"]["selected_option"]["value"] == "JP"
    assert values["contains"]["value"] == "123"
    assert options(view, "number_type") == ["local", "toll-free", "national"] or "local" in options(
        view, "number_type"
    )


@pytest.mark.parametrize("words", ["united states 415", "USA 415", "ＵＳ　４１５", "アメリカ合衆国 415"])
async def test_a_country_may_be_several_words_on_any_keyboard(requester: Person, words: str) -> None:
    await requester.types(f"buy-number {words}")
    view = await requester.view("buy_number.find")
    values = {name: state for block in view["state"]["values"].values() for name, state in block.items()}
    assert values["country"]["selected_option"]["value"] == "US"
    assert values["contains"]["value"] == "415"


async def test_a_country_without_numbers_is_named(requester: Person) -> None:
    await requester.types("buy-number Atlantis")
    assert "There is no country “Atlantis”" in shown(await requester.view())


async def test_what_is_said_of_a_country_that_there_is_none_of_comes_not_alive(requester: Person) -> None:
    for command in ("buy-number", "new-bundle", "atlas"):
        await requester.types(f"{command} *zz* ~zz~")
        view = await requester.view()
        (notice,) = [each["text"] for each in view["blocks"] if each["type"] == "alert"]
        assert "“*zz* ~zz~”" in notice["text"] and notice["type"] == "plain_text"
        await requester.slack.post("close", user=requester.id, view_id=view["id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("IN", "Twilio sells no numbers in India."),
        ("ES", "Twilio sells no numbers in Spain."),
        ("united", "“united” is not clear. Is it one of these: United States, United Kingdom"),
        ("+49", "Is it one of these: Germany"),
    ],
)
async def test_a_country_that_is_not_clear_or_not_sold_leaves_the_form_open_and_empty(
    stage: Stage, requester: Person, words: str, said: str
) -> None:
    """Seen: ES opened Estonia, IN Indonesia, AT the United States."""
    for command in ("buy-number", "new-bundle"):
        await requester.types(f"{command} {words} 415")
        view = await requester.view()
        assert said in shown(view)
        values = {
            name: state for fields in view["state"]["values"].values() for name, state in fields.items()
        }
        assert not values["country"].get("selected_option")
        assert "contains" not in values or values["contains"]["value"] == "415"
        await requester.slack.post("close", user=requester.id, view_id=view["id"])


@pytest.mark.parametrize(
    ("typed", "code"), [("germany", "DE"), ("DE", "DE"), ("+49", "DE"), ("ドイツ", "DE"), ("uk", "GB")]
)
async def test_the_type_ahead_finds_by_name_code_and_dialling_code(
    requester: Person, requester_ja: Person, typed: str, code: str
) -> None:
    person = requester_ja if typed == "ドイツ" else requester
    await person.types("buy-number")
    view = await person.view()
    answer = await person.slack.post(
        "suggest", user=person.id, view_id=view["id"], action_id="country", value=typed
    )
    assert answer["options"][0]["value"] == code


async def test_number_types_with_prices_come_with_the_country(requester: Person) -> None:
    await requester.types("buy-number")
    assert "number_type" not in field_ids(await requester.view())
    await requester.picks("country", "GB", typed={"purpose": "Typed before"})
    view = await requester.view()
    assert "Mobile – $2.50 a month" in shown_options(view, "number_type")
    values = {name: state for block in view["state"]["values"].values() for name, state in block.items()}
    assert values["purpose"]["value"] == "Typed before", "what was typed stays"
    await requester.picks("country", "US")
    assert options(await requester.view(), "number_type") == ["local", "toll-free"]


def shown_options(view: dict[str, Any], action_id: str) -> list[str]:
    for block in view["blocks"]:
        element = block.get("element") or {}
        if element.get("action_id") == action_id:
            return [each["text"]["text"] for each in element["options"]]
    return []


async def test_a_page_sent_before_its_types_were_drawn_comes_back_with_them(requester: Person) -> None:
    await requester.types("buy-number")
    answer = await requester.submits(country="US", purpose="In a hurry")
    assert answer["response_action"] == "update"
    view = await requester.view("buy_number.find")
    assert "number_type" in field_ids(view)
    assert "In a hurry" in str(view["state"])


async def test_advanced_search_shows_only_what_works_in_the_country(requester: Person) -> None:
    await requester.types("buy-number US")
    await requester.presses("advanced")
    view = await requester.view()
    assert {"in_locality", "in_region", "in_postal_code", "area_code", "near_number"} <= field_ids(view)
    await requester.picks("country", "DE")
    view = await requester.view()
    assert "in_locality" in field_ids(view) and "area_code" not in field_ids(view)
    await requester.presses("advanced")
    assert "in_locality" not in field_ids(await requester.view())


async def test_filters_reach_twilio(requester: Person, stage: Stage) -> None:
    await requester.types("buy-number US")
    await requester.presses("advanced")
    await requester.view()
    await requester.submits(
        number_type="local", capabilities=["sms", "voice"], area_code="415", beta=[], purpose="Reminders"
    )
    choose = await requester.view("buy_number.choose")
    assert all(number.startswith("+1415") for number in options(choose, "phone_number"))
    search = (await stage.calls_to_twilio("GET", "/AvailablePhoneNumbers/US/Local"))[-1]
    assert "AreaCode" in str(search) and "SmsEnabled" in str(search)


async def test_digits_at_the_start_and_end_are_anchored(requester: Person) -> None:
    choose = await finds(requester, "US", contains="415", position="start")
    assert all(each.startswith("+1415") for each in options(choose, "phone_number"))
    await requester.presses("back")
    await requester.view("buy_number.find")
    await requester.submits(contains="7", position="end", purpose="x")
    view = await requester.view()
    assert view["callback_id"] == "buy_number.find", "one digit is refused"
    await requester.submits(contains="17", position="end", purpose="x")
    choose = await requester.view("buy_number.choose")
    assert all(each.endswith("17") for each in options(choose, "phone_number"))


async def test_results_are_paged_ten_at_a_time(requester: Person) -> None:
    first = options(await finds(requester), "phone_number")
    assert len(first) == 10
    await requester.presses("more")
    second = options(await requester.view(), "phone_number")
    assert len(second) == 10 and not set(first) & set(second)
    await requester.presses("previous")
    assert options(await requester.view(), "phone_number") == first
    await requester.presses("search_again")
    assert options(await requester.view("buy_number.choose"), "phone_number") == first


async def test_with_no_match_it_says_which_filter_to_drop(requester: Person) -> None:
    await requester.types("buy-number US")
    await requester.presses("advanced")
    await requester.view()
    await requester.submits(number_type="local", area_code="415", contains="999999", purpose="x")
    view = await requester.view("buy_number.choose")
    assert "No number matches" in shown(view)
    assert "Without the digits" in shown(view) and "Without the area code" not in shown(view)
    assert view["submit"] is None
    await requester.presses("drop_filter", value="contains")
    choose = await requester.view("buy_number.choose")
    assert options(choose, "phone_number")
    await requester.presses("back")
    view = await requester.view("buy_number.find")
    assert "999999" not in str(view["state"]), "page 1 forgets the dropped filter"


BAD_INPUT = [
    ({"contains": "5"}, "contains", "at least two digits"),
    ({"contains": "55é5"}, "contains", "Only digits and the letters"),
    ({"contains": "12345678901234567"}, "contains", "16 digits here at the most"),
    ({"purpose": "   "}, "purpose", "Say what the number is for"),
    ({"in_postal_code": "9410"}, "in_postal_code", "five digits"),
    ({"in_region": "Cascadia"}, "in_region", "two letters"),
    ({"area_code": "41"}, "area_code", "three digits"),
    ({"near_number": "555"}, "near_number", "whole number with +1"),
    ({"distance": "10"}, "distance", "needs the number"),
    ({"near_number": "+14155550123", "distance": "9999"}, "distance", "from 1 to 500"),
]


@pytest.mark.parametrize(("typed", "field", "words"), BAD_INPUT)
async def test_bad_input_gets_its_sentence_under_its_field(
    requester: Person, typed: dict[str, str], field: str, words: str
) -> None:
    await requester.types("buy-number US")
    await requester.presses("advanced")
    await requester.view()
    answer = await requester.submits(**{"number_type": "local", "purpose": "x", **typed})
    assert words in answer["errors_by_action"].get(field, ""), answer
    assert len(answer["errors"]) == 1


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"price_limit": "cheap"}, "price_limit", "amount of money"),
        ({"price_limit": "1.00"}, "price_limit", "cannot be lower"),
        ({"price_limit": "NaN"}, "price_limit", "amount of money"),
        (
            {"messaging_service": "new", "messaging_service_name": " "},
            "messaging_service_name",
            "Type a name",
        ),
    ],
)
async def test_bad_input_on_the_last_page_gets_its_sentence_too(
    requester: Person, typed: dict[str, str], field: str, words: str
) -> None:
    await reviews(requester)
    answer = await sends(requester, **{"if_gone": "closest", **typed})
    assert words in answer["errors_by_action"].get(field, ""), answer


async def test_without_the_agreement_nothing_is_sent(requester: Person, stage: Stage) -> None:
    await reviews(requester)
    answer = await requester.submits(agree=[])
    assert "agree" in answer["errors_by_action"]
    assert await stage.cards() == []


async def test_back_works_on_every_page_and_keeps_what_was_typed(requester: Person, stage: Stage) -> None:
    end_user = {"end_user_type": "business", "bundle": "later"}
    number = await reviews(requester, "GB", end_user=end_user, number_type="mobile", purpose="Kept")
    await requester.picks("messaging_service", "new")
    await requester.view("buy_number.review")
    await requester.presses("back", typed={"messaging_service_name": "Half typed"})
    page = await requester.view("buy_number.end_user")
    assert "later" in str(page["state"])
    await requester.presses("back")
    choose = await requester.view("buy_number.choose")
    assert number in str(choose["state"]), "the chosen number is still chosen"
    await requester.presses("back")
    find = await requester.view("buy_number.find")
    assert "Kept" in str(find["state"]) and "mobile" in str(find["state"])
    await requester.submits()
    await requester.view("buy_number.choose")
    await requester.submits(phone_number=number)
    await requester.view("buy_number.end_user")
    await requester.submits()
    review = await requester.view("buy_number.review")
    assert "Half typed" in str(review["state"])


async def test_a_us_number_is_three_pages_and_at_most_eight_presses(stage: Stage, requester: Person) -> None:
    """Pages sent, and choices of an option; what is typed is no press."""
    pages, presses = [], 0

    async def sent(callback_id: str, **values: Any) -> None:
        nonlocal presses
        pages.append((await requester.view(callback_id))["callback_id"])
        presses += 1 + sum(name not in ("purpose", "messaging_service_name") for name in values)
        answer = await requester.submits(**values)
        assert not answer.get("errors"), answer

    await requester.types("buy-number US")
    await sent("buy_number.find", purpose="Reminders")
    number = options(await requester.view("buy_number.choose"), "phone_number")[0]
    await sent("buy_number.choose", phone_number=number)
    service = {"messaging_service": "new", "messaging_service_name": "Leeds"}
    await sent("buy_number.review", agree=["yes"], **service)
    await stage.card("awaiting_approval", number)
    assert len(pages) == 3 and presses <= 8, (pages, presses)


async def test_back_passes_over_a_page_on_which_nothing_can_be_chosen(requester: Person) -> None:
    await reviews(requester)
    await requester.presses("back")
    assert (await requester.view())["callback_id"] == "buy_number.choose"


async def test_nothing_is_chosen_beforehand_that_spends_or_shares(requester: Person) -> None:
    await reviews(requester)
    view = await requester.view("buy_number.review")
    typed = {name: each for fields in view["state"]["values"].values() for name, each in fields.items()}
    assert typed["messaging_service"]["selected_option"] is None
    assert typed["agree"]["selected_options"] == []
    assert not {"messaging_service_name", "price_limit"} & field_ids(view)
    answer = await requester.submits(agree=["yes"])
    assert answer["errors_by_action"] == {
        "messaging_service": answer["errors_by_action"]["messaging_service"]
    }


async def test_of_many_services_every_one_is_found_by_typing(stage: Stage, requester: Person) -> None:
    for n in range(101):
        await stage.app.twilio.messaging.v1.services.create_async(friendly_name=f"Team {n:03}")
    await stage.app.market.fresh_services()
    await reviews(requester)
    view = await requester.view("buy_number.review")
    found = await requester.slack.post(
        "suggest", user=requester.id, view_id=view["id"], action_id="messaging_service", value="team 100"
    )
    assert [each["text"]["text"] for each in found["options"]] == ["Team 100", "A new one", "None"]
    await requester.picks("messaging_service", found["options"][0]["value"])
    assert "Team 100" in str((await requester.view("buy_number.review"))["state"])


async def test_a_draft_is_offered_again_and_gone_on_with(requester: Person, stage: Stage) -> None:
    number = await reviews(requester, purpose="From yesterday")
    view = await requester.view()
    await requester.slack.post("close", user=requester.id, view_id=view["id"])
    await requester.types("buy-number")
    assert {"resume", "discard"} <= field_ids(await requester.view())
    await requester.presses("resume")
    review = await requester.view("buy_number.review")
    assert "From yesterday" in shown(review)
    answer = await sends(requester)
    assert answer["response_action"] == "clear"
    card = await stage.card("awaiting_approval")
    assert number[-4:] in shown(card)
    await requester.types("buy-number")
    assert "resume" not in field_ids(await requester.view()), "what was sent is no draft any more"


async def test_a_draft_is_thrown_away_on_request(requester: Person) -> None:
    await finds(requester)
    view = await requester.view()
    await requester.slack.post("close", user=requester.id, view_id=view["id"])
    await requester.types("buy-number DE")
    await requester.presses("discard", typed={"purpose": "Just typed"})
    view = await requester.view("buy_number.find")
    assert "discard" not in field_ids(view) and "Just typed" in str(view["state"])
    await requester.slack.post("close", user=requester.id, view_id=view["id"])
    await requester.types("buy-number")
    assert "resume" not in field_ids(await requester.view())


async def test_page_3_says_what_is_asked_of_each_kind_of_end_user(requester: Person) -> None:
    choose = await finds(requester, "GB", number_type="mobile")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    view = await requester.view("buy_number.end_user")
    assert "*Business* – 11 fields about the end user" in shown(view)
    assert "*Individual* – 5 fields about the end user" in shown(view)
    assert "Proof of Identity: Government-issued ID, Passport" in shown(view)
    assert len(options(view, "bundle")) == 3, "the approved bundle, a new one, and one to be added later"
    await requester.picks("end_user_type", "individual")
    view = await requester.view("buy_number.end_user")
    assert options(view, "bundle") == ["new", "later"]


async def test_japan_serves_businesses_only(requester: Person) -> None:
    choose = await finds(requester, "JP", number_type="local")
    await requester.submits(phone_number=options(choose, "phone_number")[0])
    view = await requester.view("buy_number.end_user")
    assert options(view, "end_user_type") == ["business"]


async def test_two_people_cannot_have_the_same_number(
    stage: Stage, requester: Person, requester2: Person
) -> None:
    number = await reviews(requester)
    await reviews(requester2, number=number)
    assert (await sends(requester))["response_action"] == "clear"
    answer = await sends(requester2)
    assert answer["response_action"] == "update"
    view = await requester2.view("buy_number.choose")
    assert "Somebody else is buying" in shown(view)
    assert number not in options(view, "phone_number") and options(view, "phone_number")
    await requester2.submits(phone_number=options(view, "phone_number")[0])
    await requester2.view("buy_number.review")
    assert (await sends(requester2))["response_action"] == "clear"


async def test_a_number_that_is_asked_for_is_not_listed(requester: Person, requester2: Person) -> None:
    number = await asks(requester)
    choose = await finds(requester2)
    assert number not in options(choose, "phone_number")


async def test_slow_twilio_does_not_slow_the_modal(stage: Stage, requester: Person, twilio: Control) -> None:
    await twilio.post("faults", method="GET", path="*", times=50, fault={"delay": 1.5})
    answer = await requester.types("buy-number US")
    assert answer["view"] is not None
    took = [each["milliseconds"] for each in await stage.slack.get("calls") if "delivery" in each][-1]
    assert took < 1000, f"the command was answered after {took} ms"
    calls_before = len(await stage.calls_to_twilio("GET"))
    answer = await requester.submits(purpose="x")
    assert answer["view"]["callback_id"] == "loading"
    assert calls_before <= len(await stage.calls_to_twilio("GET"))
    view = await requester.view("buy_number.choose")
    assert options(view, "phone_number")


async def test_when_twilio_is_away_the_page_says_so_and_nothing_is_lost(
    stage: Stage, requester: Person, twilio: Control
) -> None:
    await requester.types("buy-number US")
    await requester.view()
    await twilio.post("faults", method="GET", path="*AvailablePhoneNumbers*", times=20, fault={"status": 503})
    await requester.submits(purpose="Still here")
    view = await requester.view("problem")
    assert "Twilio does not answer" in shown(view)
    await twilio.delete("faults")
    await requester.presses("back")
    view = await requester.view("buy_number.find")
    assert "Still here" in str(view["state"])
    await requester.submits()
    assert options(await requester.view("buy_number.choose"), "phone_number")


async def test_help_status_and_unknown_words(requester: Person, stage: Stage) -> None:
    for text in ("", "help"):
        answer = await requester.types(text)
        assert "/twilio buy-number" in answer["shown"][0]["text"]
    answer = await requester.types("buy <b>https://zq.example</b>")
    assert "<" not in answer["shown"][0]["text"].splitlines()[0]
    answer = await requester.types("buynumber")
    assert "Did you mean `/twilio buy-number`" in answer["shown"][0]["text"]
    for text, meant in (
        ("buy", "buy-number"),
        ("number US", "buy-number US"),
        ("buy number US", "buy-number US"),
    ):
        answer = await requester.types(text)
        assert f"Did you mean `/twilio {meant}`" in answer["shown"][0]["text"]
    answer = await requester.types("status")
    assert "no number yet" in answer["shown"][0]["text"]
    number = await asks(requester)
    await stage.card("awaiting_approval")
    answer = await requester.types("status")
    text = "\n".join(map(shown, answer["shown"]))  # the line about what was just sent may come with it
    assert f"{number[-4:]}: waiting for approval" in text


async def test_the_types_that_a_country_does_not_sell_are_named(requester: Person) -> None:
    await requester.types("buy-number FR")
    view = await requester.view("buy_number.find")
    assert options(view, "number_type") == ["local"]
    assert "Not for sale in this country: Mobile, Toll-free, National." in str(view["blocks"])


async def test_a_type_that_only_the_list_of_countries_leaves_out_is_offered(requester: Person) -> None:
    await requester.types("buy-number GB")
    view = await requester.view("buy_number.find")
    assert "national" in options(view, "number_type") and "Not for sale" not in str(view["blocks"])


def block_id(view: dict[str, Any], action_id: str) -> str:
    (found,) = [
        b["block_id"] for b in view["blocks"] if (b.get("element") or {}).get("action_id") == action_id
    ]
    return str(found)


async def test_only_what_a_countrys_numbers_can_do_is_offered(requester: Person) -> None:
    """Known after the page is there; asked of Twilio once a day. What was ticked meanwhile stays, as far as it can be had."""
    first = (await requester.types("buy-number DE"))["view"]

    async def known() -> Any:
        view = await requester.view("buy_number.find")
        return view if "SMS: not possible" in shown(view) else None

    view = await until(known, "the page shows what local numbers of Germany can do")
    assert shown_options(view, "capabilities") == ["Voice"]
    assert {block_id(each, "capabilities") for each in (first, view)} == {"capabilities~DElocal"}
    answer = await requester.slack.post(
        "submit",
        user=requester.id,
        view_id=view["id"],
        values={"purpose": "Reminders", "country": "DE", "number_type": "local"},
    )
    assert not answer.get("errors")


async def test_an_earlier_draft_is_offered_though_its_page_was_not_sent(requester: Person) -> None:
    """A choice that fires at once is kept."""
    await requester.types("buy-number")
    await requester.picks("country", "DE")
    await requester.view("buy_number.find")
    await requester.slack.post("close", user=requester.id, view_id=(await requester.view())["id"])
    await requester.types("buy-number")
    view = await requester.view("buy_number.find")
    assert "resume" in field_ids(view)
    await requester.presses("resume")
    assert "DE" in str((await requester.view("buy_number.find"))["state"])


async def test_a_type_that_twilios_list_of_countries_leaves_out_is_still_there_after_a_restart(
    stage: Stage, requester: Person
) -> None:
    await stage.stop_app()
    await stage.start_app()
    await requester.types("buy-number GB")
    assert "national" in options(await requester.view("buy_number.find"), "number_type")


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_who_closes_the_form_while_twilio_is_asked_is_told_what_is_kept(
    stage: Stage, requester: Person, requester_ja: Person, twilio: Control, language: str
) -> None:
    person = requester if language == "en" else requester_ja
    await person.types("buy-number US")
    view = await person.view("buy_number.find")
    await twilio.post("faults", method="GET", path="*/Local.json", times=1, fault={"delay": 0.5})
    await person.submits(purpose="Reminders")
    await stage.slack.post("close", user=person.id, view_id=view["id"])
    await stage.told(person, "kept for a day" if language == "en" else "1日間保存されています")
    await person.types("buy-number")
    assert "resume" in field_ids(await person.view("buy_number.find"))
