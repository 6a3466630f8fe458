"""WhatsApp for a number that is bought: to a sender that is online, in the number's service, and proven by a delivered message."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.twilio import console
from tests.stories.conftest import Clock
from tests.stories.process import AppProcess
from tests.stories.stage import Control, Person, Stage, field_ids, shown, until
from tests.stories.stage import stage as set_stage
from tests.stories.test_languages import japanese
from tests.stories.test_ready import bought, reads, service, verified

PHONE = "+14155550123"
FIRST = "+442079460001"
PROFILE = {"display_name": "Leeds Dental", "about": "Teeth", "website": "https://leeds-dental.example"}
SENDERS = "/v2/Channels/Senders"


async def sends_texts(stage: Stage, requester: Person, approver: Person) -> Any:
    """The card of a number that may text the US, so that WhatsApp alone is the matter."""
    card = await bought(stage, requester, approver)
    await verified(stage)
    await requester.clicks(card, "check")
    return await reads(stage, "is bought and in")


async def beside_the_first(stage: Stage, requester: Person, approver: Person) -> tuple[Any, str]:
    """The same where the account has its first sender already: the card, and the number."""
    await stage.twilio.post("senders", phone_number=FIRST)
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    return card, number


async def enables(person: Person, card: Any, **typed: Any) -> Any:
    await person.clicks(card, "enable_whatsapp")
    await person.view("card.whatsapp")
    answer = await person.submits(**{**PROFILE, **typed})
    assert not answer.get("errors"), answer
    return answer


async def sender_of(stage: Stage, number: str) -> Any:
    state = await stage.twilio.get("state")
    found = [each for each in state["whatsapp_senders"] if each["sender_id"] == f"whatsapp:{number}"]
    assert len(found) <= 1, "never two of one number"
    return found[0] if found else None


async def has(stage: Stage, number: str, status: str) -> Any:
    async def there() -> Any:
        found = await sender_of(stage, number)
        return found if found and found["status"] == status else None

    return await until(there, f"the sender is {status}")


async def registrations(stage: Stage) -> int:
    calls = await stage.calls_to_twilio("POST", SENDERS)
    return sum(each["path"] == SENDERS for each in calls)


async def passes(clock: Clock, *seconds: float) -> None:
    for each in seconds:
        await clock.forward(each)
        await asyncio.sleep(0.3)


async def offers(stage: Stage, *verbs: str) -> Any:
    """The newest card, once it has these buttons: a line of the thread may be there before the card is drawn."""

    async def there() -> Any:
        card = (await stage.cards())[-1]
        return card if set(verbs) <= field_ids(card) else None

    return await until(there, f"the card offers {verbs}")


async def row_of(stage: Stage, card: Any) -> Any:
    return await stage.store.purchase(card["metadata"]["event_payload"]["id"])


async def test_from_the_button_to_a_delivered_whatsapp_message(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    await approver.clicks(card, "enable_whatsapp")
    page = await approver.view("card.whatsapp")
    assert "must not be on WhatsApp yet" in shown(page) and "It is not known whether" in shown(page)
    answer = await approver.submits(**{**PROFILE, "website": "leeds"})
    assert "whole address" in answer["errors_by_action"]["website"]
    answer = await approver.submits(**PROFILE)
    assert not answer.get("errors"), answer
    await stage.in_thread(card, "enables WhatsApp")
    card = await reads(stage, "cannot write on WhatsApp yet")
    assert "enable_whatsapp" not in field_ids(card)
    made = await has(stage, number, "ONLINE")
    assert made["profile"]["name"] == "Leeds Dental" and made["configuration"]["verification_method"] == "sms"
    await passes(clock, 3, 5)
    await stage.in_thread(card, "The WhatsApp sender is online")
    await stage.told(requester, "The WhatsApp sender is online")
    card = await reads(stage, "is bought and in")
    assert card["metadata"]["event_payload"]["ready"] == "unknown" and "no_whatsapp" in field_ids(card)
    state = await twilio.get("state")
    leeds = next(each for each in state["services"] if each["friendly_name"] == "Leeds")
    assert leeds["whatsapp_senders"] == [f"whatsapp:{number}"]
    purchase = await row_of(stage, card)
    assert "profile" not in purchase.whatsapp, "Twilio has it: nobody else needs it"
    assert purchase.wake_at is None or (purchase.wake_at - purchase.checked_at).total_seconds() > 3000

    await twilio.post("incoming", to=f"whatsapp:{number}", **{"from": f"whatsapp:{PHONE}", "body": "Hi"})
    await requester.clicks(card, "test")
    await requester.view("card.test")
    answer = await requester.submits(to=PHONE)
    assert not answer.get("errors"), answer
    card = await reads(stage, "is ready: a test message was delivered")
    assert card["metadata"]["event_payload"]["ready"] == "yes"
    (sent,) = [each for each in (await twilio.get("state"))["messages"] if each["direction"] != "inbound"]
    assert (sent["from"], sent["to"]) == (f"whatsapp:{number}", f"whatsapp:{PHONE}")
    assert await registrations(stage) == 1
    assert PHONE[2:] not in str(await row_of(stage, card)) + str(await stage.store.record_of(purchase.id))


async def test_in_japanese(
    stage: Stage, requester_ja: Person, approver: Person, twilio: Control, clock: Clock, tmp_path: Path
) -> None:
    """The card and its thread, every page, and what is told directly: who asks may approve other people's requests, and her own."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[approve]\npeople = ["U0REQUESTERJA", "U0APPROVER"]\nown_request = true\n')
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE="ja", POLICY_FILE=str(policy))
    await twilio.post("senders", phone_number=FIRST)
    card = await bought(stage, requester_ja, approver)
    (number,) = await stage.bought()
    await twilio.post("senders", phone_number=number, code="493817")
    await requester_ja.clicks(card, "enable_whatsapp")
    assert "まだWhatsAppに登録されていない" in shown(await requester_ja.view("card.whatsapp"))
    answer = await requester_ja.submits(display_name="リーズ歯科", website="歯科")
    assert japanese(answer["errors_by_action"]["website"])
    await requester_ja.submits(display_name="リーズ歯科", website="https://leeds-dental.example")
    await has(stage, number, "PENDING_VERIFICATION")
    await passes(clock, 3, 30, 70, 30)
    await stage.in_thread(card, "カードのボタンから入力してください")
    await requester_ja.clicks(await offers(stage, "whatsapp_code"), "whatsapp_code")
    assert japanese(shown(await requester_ja.view("card.whatsapp_code")))
    await requester_ja.submits(code="000000")
    assert "受け付けられませんでした" in shown(await requester_ja.view("problem"))
    await requester_ja.slack.post("close", user=requester_ja.id, view_id=(await requester_ja.view())["id"])
    await requester_ja.clicks(await offers(stage, "whatsapp_code"), "whatsapp_code")
    await requester_ja.view("card.whatsapp_code")
    await requester_ja.submits(code="493-817")
    await requester_ja.view("card.whatsapp_sent")
    made = await has(stage, number, "ONLINE")
    assert made["profile"]["name"] == "リーズ歯科"
    await passes(clock, 5, 10)
    assert japanese(await stage.in_thread(card, "オンラインです"))
    assert japanese(await stage.told(requester_ja, "オンラインです"))

    async def says_so() -> bool:
        return "WhatsAppで利用可" in shown((await stage.cards())[-1])

    await until(says_so, "the card says that it is on WhatsApp")
    await twilio.post(
        "incoming", to=f"whatsapp:{number}", **{"from": f"whatsapp:{PHONE}", "body": "もしもし"}
    )
    await requester_ja.clicks(await offers(stage, "test"), "test")
    await requester_ja.view("card.test")
    await requester_ja.submits(to=PHONE, way="whatsapp")
    await stage.in_thread(card, "テストメッセージが配信されました")


async def test_where_the_account_has_no_first_sender_it_goes_on_once_somebody_made_one(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await enables(approver, card)
    card = await reads(stage, "cannot write on WhatsApp yet")
    said = await stage.in_thread(card, "its first one has to be made by a person")
    assert console.WHATSAPP_SENDERS in said and "Meta's sign-up" in said
    assert await registrations(stage) == 0
    await passes(clock, 3601)
    assert await registrations(stage) == 0 and await sender_of(stage, number) is None
    await twilio.post("senders", phone_number=FIRST)
    await passes(clock, 3601)
    await has(stage, number, "ONLINE")
    await passes(clock, 3, 5)
    await stage.in_thread(card, "The WhatsApp sender is online")
    assert await registrations(stage) == 1


async def test_this_very_number_made_in_the_console_is_taken_up_by_the_button(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await enables(approver, card)
    card = await reads(stage, "cannot write on WhatsApp yet")
    await stage.in_thread(card, "its first one has to be made by a person")
    await twilio.post("senders", phone_number=number)
    await requester.clicks(await offers(stage, "check"), "check")
    await stage.in_thread(card, "The WhatsApp sender is online")
    assert await registrations(stage) == 0, "nothing is made that is there"


async def test_the_code_is_caught_among_the_incoming_messages(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """The service hands its texts on, so Twilio keeps them."""
    card, number = await beside_the_first(stage, requester, approver)
    await stage.app.twilio.messaging.v1.services(await service(stage)).update_async(
        inbound_request_url="https://example.com/inbound"
    )
    await twilio.post("incoming", to=number, **{"from": PHONE, "body": "Old WhatsApp code: 111-222"})
    await clock.forward(2)
    await twilio.post("senders", phone_number=number, code="493817")
    await enables(approver, card)
    await has(stage, number, "PENDING_VERIFICATION")
    await passes(clock, 3)
    await has(stage, number, "ONLINE")
    await passes(clock, 5, 5)
    await stage.in_thread(card, "The WhatsApp sender is online")
    purchase = await row_of(stage, card)
    everything = str(purchase) + str(await stage.store.record_of(purchase.id)) + str(await stage.thread(card))
    assert "493817" not in everything and "493-817" not in everything
    assert not any("code" in each for each in await stage.thread(card)), "nobody had to enter it"


async def test_a_code_that_is_not_found_is_asked_for_and_a_wrong_one_refused(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """The service drops its texts: the twin keeps none of them."""
    card, number = await beside_the_first(stage, requester, approver)
    await twilio.post("senders", phone_number=number, code="493817")
    await enables(approver, card)
    await has(stage, number, "PENDING_VERIFICATION")
    await passes(clock, 3, 30, 70, 30)
    await stage.in_thread(card, "Enter it with the button on the card")
    await approver.clicks(await offers(stage, "whatsapp_code"), "whatsapp_code")
    await approver.view("card.whatsapp_code")
    answer = await approver.submits(code="12345")
    assert "six digits" in answer["errors_by_action"]["code"]
    await approver.submits(code="111111")
    assert "did not accept the code" in shown(await approver.view("problem"))
    await approver.slack.post("close", user=approver.id, view_id=(await approver.view())["id"])
    await approver.clicks(await offers(stage, "whatsapp_code"), "whatsapp_code")
    await approver.view("card.whatsapp_code")
    await approver.submits(code="４９３－８１７")
    assert "Twilio has the code" in shown(await approver.view("card.whatsapp_sent"))
    await has(stage, number, "ONLINE")
    await passes(clock, 5, 60)
    await stage.in_thread(card, "The WhatsApp sender is online")
    purchase = await row_of(stage, card)
    everything = str(purchase) + str(await stage.store.record_of(purchase.id))
    assert "493817" not in everything and "111111" not in everything


async def test_a_wrong_code_that_was_caught_is_tried_once_and_then_a_person_is_asked(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    await twilio.post("senders", phone_number=number, code="493817")
    await enables(approver, card)
    await has(stage, number, "PENDING_VERIFICATION")
    await stage.app.twilio.messaging.v1.services(await service(stage)).update_async(
        use_inbound_webhook_on_number=True
    )
    await twilio.post("incoming", to=number, **{"from": PHONE, "body": "WhatsApp code 222-333"})
    await passes(clock, 3, 10, 20, 40)
    await stage.in_thread(card, "Enter it with the button on the card")
    codes = await stage.calls_to_twilio("POST", f"{SENDERS}/XE")
    assert len(codes) == 1, "no code is tried twice"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (63100, "Use the name by which customers know the business"),
        (63103, "was not made through this Twilio account"),
        (63020, "accept Twilio's invitation"),
        (63110, "is on WhatsApp already"),
    ],
)
async def test_what_twilio_refuses_is_said_and_can_be_typed_anew(
    stage: Stage, requester: Person, approver: Person, twilio: Control, code: int, words: str, clock: Clock
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    refused = {"method": "POST", "path": SENDERS, "times": 1, "fault": {"status": 400, "code": code}}
    await twilio.post("faults", **refused)
    await enables(approver, card)
    assert words in await stage.in_thread(card, words)
    await stage.told(requester, words)
    card = await offers(stage, "enable_whatsapp", "no_whatsapp")
    assert card["metadata"]["event_payload"]["ready"] == "no"
    await approver.clicks(card, "enable_whatsapp")
    page = await approver.view("card.whatsapp")
    assert "Leeds Dental" in str(page["state"]), "what was typed is there again"
    await approver.submits(display_name="Leeds Dental Practice")
    made = await has(stage, number, "ONLINE")
    assert made["profile"]["name"] == "Leeds Dental Practice"


async def test_two_senders_are_the_limit_and_one_can_do_without(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    await twilio.post("senders", phone_number=FIRST)
    await twilio.post("senders", phone_number="+442079460002")
    card = await sends_texts(stage, requester, approver)
    await enables(approver, card)
    await stage.in_thread(card, "two until Meta has verified the business")
    await approver.chooses(await offers(stage, "no_whatsapp"), "no_whatsapp")
    page = await approver.view("card.no_whatsapp")
    assert "stops looking after WhatsApp" in shown(page) and "until somebody deletes" not in shown(page)
    await approver.submits()
    await stage.in_thread(card, "does without WhatsApp")
    card = await reads(stage, "is bought and in")
    assert "WhatsApp" not in shown({"blocks": card["blocks"][:1]})
    assert (await row_of(stage, card)).whatsapp is None


async def test_a_sender_that_goes_offline_says_why(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    await enables(approver, card)
    await has(stage, number, "ONLINE")
    await passes(clock, 3, 5)
    await stage.in_thread(card, "The WhatsApp sender is online")
    reasons = [
        {"code": "63020", "message": "x", "more_info": "https://www.twilio.com/docs/errors/63020"},
        {"code": "63999", "message": "Meta disconnected it", "more_info": "https://www.twilio.com"},
    ]
    await twilio.post("senders", phone_number=number, status="OFFLINE", offline_reasons=reasons)
    await requester.clicks(await offers(stage, "check"), "check")
    line = await stage.in_thread(card, "the sender is offline")
    assert "accept Twilio's invitation" in line and "Meta disconnected it (error 63999)" in line
    card = await reads(stage, "cannot write on WhatsApp yet")
    await twilio.post("senders", phone_number=number, status="ONLINE")
    await passes(clock, 3601)
    await reads(stage, "is bought and in")
    await twilio.post("senders", phone_number=number, status=None)
    await passes(clock, 121)
    await requester.clicks(await offers(stage, "check"), "check")
    await stage.in_thread(card, "was deleted in the Twilio account")


@pytest.mark.parametrize("cut", ["cut_after", "cut_before"])
async def test_a_lost_answer_makes_no_second_sender(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock, cut: str
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    await twilio.post("faults", method="POST", path=SENDERS, times=1, fault=cut)
    await enables(approver, card)

    async def intends() -> bool:
        row = await row_of(stage, card)
        return bool(row.whatsapp and row.whatsapp["state"] == "registering")

    await until(intends, "the intent is written")
    await passes(clock, 6, 16, 41, 71, 3, 5, 5)
    await has(stage, number, "ONLINE")
    await passes(clock, 5, 10)
    await stage.in_thread(card, "The WhatsApp sender is online")
    assert await registrations(stage) == (1 if cut == "cut_after" else 2)


async def test_three_registrations_that_came_to_nothing_are_left_to_a_person(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    await twilio.post("senders", phone_number=FIRST)
    card = await sends_texts(stage, requester, approver)
    await twilio.post("faults", method="POST", path=SENDERS, times=3, fault="cut_before")
    await enables(approver, card)
    await passes(clock, *[6, 16, 41, 71, 3] * 3)
    await stage.in_thread(card, "Twilio did not say three times in a row")
    assert await registrations(stage) == 3
    await offers(stage, "enable_whatsapp")


async def test_of_several_business_accounts_the_setting_says_which(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    await twilio.post("senders", phone_number=FIRST)
    other = await twilio.post("senders", phone_number="+442079460002")
    stage.twilio_twin.account.senders[other["sid"]]["configuration"]["waba_id"] = "222"
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await enables(approver, card)
    await stage.in_thread(card, "WHATSAPP_BUSINESS_ACCOUNT_ID which one to use")
    assert await registrations(stage) == 0, "nothing is guessed"
    await stage.stop_app()
    await stage.start_app(WHATSAPP_BUSINESS_ACCOUNT_ID="222")
    await twilio.post("senders", phone_number=FIRST, status=None)
    await enables(approver, await offers(stage, "enable_whatsapp"))
    assert (await has(stage, number, "ONLINE"))["configuration"]["waba_id"] == "222"


async def test_a_sender_in_another_service_is_said_and_joins_once_it_is_taken_out(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    made = await twilio.post("senders", phone_number=number)
    services = (await twilio.get("state"))["services"]
    support = next(each["sid"] for each in services if each["friendly_name"] == "Support")
    theirs = stage.app.twilio.messaging.v1.services(support).channel_senders
    await theirs.create_async(sid=made["sid"])
    await enables(approver, card)
    await stage.in_thread(card, "in another messaging service")
    await theirs(made["sid"]).delete_async()
    await requester.clicks(await offers(stage, "check"), "check")
    await stage.in_thread(card, "The WhatsApp sender is online.")
    leeds = [each for each in (await twilio.get("state"))["services"] if each["friendly_name"] == "Leeds"]
    assert leeds[0]["whatsapp_senders"] == [f"whatsapp:{number}"]


async def test_a_template_reaches_people_who_have_not_written(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    card, number = await beside_the_first(stage, requester, approver)
    await twilio.post("senders", phone_number=number)
    await enables(approver, card)
    await stage.in_thread(card, "The WhatsApp sender is online")
    await requester.clicks(await offers(stage, "test"), "test")
    await requester.view("card.test")
    await requester.submits(to=PHONE)
    assert "Write to the number there first" in await stage.in_thread(card, "was not delivered")
    await stage.stop_app()
    await stage.start_app(WHATSAPP_CONTENT_SID="HX" + "1" * 32)
    await requester.clicks(await offers(stage, "test"), "test")
    await requester.view("card.test")
    await requester.submits(to=PHONE, way="whatsapp")
    await reads(stage, "is ready: a test message was delivered")
    sent = await stage.calls_to_twilio("POST", "/Messages.json")
    assert [("ContentSid" in each["form"], "Body" in each["form"]) for each in sent] == [
        (False, True),
        (True, False),
    ]


async def test_a_template_whose_answer_was_lost_is_found_and_not_sent_again(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """It bears no reference of ours: the sender and the time tell."""
    await stage.stop_app()
    await stage.start_app(WHATSAPP_CONTENT_SID="HX" + "1" * 32)
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await twilio.post("senders", phone_number=number)
    await enables(approver, card)
    await stage.in_thread(card, "The WhatsApp sender is online")
    await twilio.post("faults", method="POST", path="*/Messages.json", times=1, fault="cut_after")
    await requester.clicks(await offers(stage, "test"), "test")
    await requester.view("card.test")
    await requester.submits(to=PHONE)
    await passes(clock, *[61] * 5)
    await stage.in_thread(card, "A test message was delivered")
    assert len((await twilio.get("state"))["messages"]) == 1


async def test_a_text_proves_no_whatsapp(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await twilio.post("senders", phone_number=number)
    await enables(approver, card)
    await stage.in_thread(card, "The WhatsApp sender is online")
    await requester.clicks(await offers(stage, "test"), "test")
    await requester.view("card.test")
    await requester.submits(to=PHONE, way="sms")
    await stage.in_thread(card, "A test message was delivered")
    purchase = await row_of(stage, card)
    assert purchase.ready_at is not None and purchase.proven_at is None


async def test_a_number_that_cannot_text_can_be_on_whatsapp(
    stage: Stage, requester: Person, approver: Person, twilio: Control, clock: Clock
) -> None:
    """Its code is told in a call, so a person enters it."""
    await twilio.post("senders", phone_number=FIRST)
    await requester.types("buy-number NZ")
    card = await bought(stage, requester, approver, "NZ", number_type="toll-free")
    (number,) = await stage.bought()
    assert field_ids(card) == {"enable_whatsapp", "hand_over", "release"}
    await approver.clicks(card, "enable_whatsapp")
    assert "tells the number a code in a call" in shown(await approver.view("card.whatsapp"))
    await approver.submits(**PROFILE)
    made = await has(stage, number, "PENDING_VERIFICATION")
    assert made["configuration"]["verification_method"] == "voice"
    await passes(clock, 3)
    await stage.in_thread(card, "Enter it with the button on the card")
    await approver.clicks(await offers(stage, "whatsapp_code"), "whatsapp_code")
    assert "in a call" in shown(await approver.view("card.whatsapp_code"))
    await approver.submits(code=made["code"])
    await has(stage, number, "ONLINE")
    await passes(clock, 5, 10)
    await stage.in_thread(card, "The WhatsApp sender is online")
    await offers(stage, "test")


async def test_who_may_not_approve_may_not_enable_it(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await sends_texts(stage, requester, approver)
    answer = await requester.clicks(card, "enable_whatsapp")
    assert answer["shown"] and not answer.get("view")
    assert (await row_of(stage, card)).whatsapp is None


async def test_check_says_it_of_a_number_that_wants_whatsapp(
    stage: Stage, requester: Person, approver: Person
) -> None:
    card = await sends_texts(stage, requester, approver)
    (number,) = await stage.bought()
    await requester.types(f"check {number}")
    assert "WhatsApp" not in shown(await requester.view("check"))
    await requester.slack.post("close", user=requester.id, view_id=(await requester.view())["id"])
    await enables(approver, card)
    await stage.in_thread(card, "its first one has to be made by a person")
    await requester.types(f"check {number}")
    assert "✗ Cannot write on WhatsApp yet" in shown(await requester.view("check"))


# kill -9


@pytest.fixture
async def killable(tmp_path: Path) -> AsyncIterator[tuple[Stage, AppProcess]]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log")
        await app.start()
        yield stage, app
        assert await app.stop() == 0, "SIGTERM ends it in order"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", SENDERS), ("POST", f"{SENDERS}/"), ("POST", "/ChannelSenders"), ("GET", SENDERS)],
)
async def test_killed_after_a_call_it_goes_on_without_a_second_sender(
    killable: tuple[Stage, AppProcess], method: str, path: str
) -> None:
    """After the registration, after the code, after the sender was put into its service, after a look at it."""
    stage, app = killable
    requester, approver = stage.person("requester"), stage.person("approver")
    await stage.twilio.post("senders", phone_number=FIRST)
    card = await bought(stage, requester, approver)
    (number,) = await stage.bought()
    await stage.twilio.post("senders", phone_number=number, code="493817")
    services = (await stage.twilio.get("state"))["services"]
    leeds = next(each["sid"] for each in services if each["friendly_name"] == "Leeds")
    stage.twilio_twin.account.services[leeds].settings["use_inbound_webhook_on_number"] = True
    killed = asyncio.Event()
    check = stage.twilio_twin.checker

    def kill_after(exchange: Any) -> list[str]:
        """Twilio has done the work; the app dies before it has the answer."""
        there = exchange.path == path if path == SENDERS else path in exchange.path
        if exchange.method == method and there and not killed.is_set():
            killed.set()
            app.kill()
        return check(exchange) if check else []

    stage.twilio_twin.checker = kill_after
    await enables(approver, card)
    await asyncio.wait_for(killed.wait(), 60)
    await app.ended()
    await app.start()
    await has(stage, number, "ONLINE")

    async def joined() -> bool:
        state = await stage.twilio.get("state")
        return any(each["whatsapp_senders"] for each in state["services"])

    await until(joined, "the sender is in its service")
    assert await registrations(stage) == 1
    await stage.in_thread(card, "The WhatsApp sender is online")
