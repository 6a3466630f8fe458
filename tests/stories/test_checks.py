"""What the checks say beside the registrations: the bundle and until when it is approved, the account, the balance; in both languages."""

from datetime import timedelta

import pytest

from bot import readiness
from bot.readiness import ACCOUNT, BALANCE, CAMPAIGN, CHECKS, GEO, TOLL_FREE, WHATSAPP
from bot.twilio.access import LOOK
from storage.models import now
from tests.stories.conftest import Clock
from tests.stories.stage import Control, Person, Stage, shown, until
from tests.stories.test_mending import opens
from tests.stories.test_proven import Reader, reader
from tests.stories.test_ready import bought, reads, service

__all__ = ["reader"]


async def checked(stage: Stage, reader: Reader) -> str:
    """What ``/twilio check`` says of the one number that is owned."""
    number = next(iter(await stage.bought()))
    await reader.person.types(f"check {number}")
    view = await reader.person.view("check")
    await reader.person.slack.post("close", user=reader.person.id, view_id=view["id"])
    return shown(view)


CALLS = {
    "inbound": "*/Services/{service}",
    CAMPAIGN: "*/Services/{service}/Compliance/Usa2p",
    TOLL_FREE: "*/Tollfree/Verifications",
    GEO: "*/GeoPermissions",
    ACCOUNT: "*/Accounts/{account}.json",
}
"""What each check asks of Twilio that can do without an answer."""
OTHERS = {
    BALANCE: "has a story of its own",
    "bundle": "as the watch keeps it, asks nobody",
    WHATSAPP: "of a number that is enabled there",
}


def test_each_check_that_can_do_without_an_answer_is_refused_one() -> None:
    assert {*CALLS, *OTHERS} == {each.name for each in CHECKS if not each.essential}


@pytest.mark.parametrize(("number_type", "not_asked"), [("local", TOLL_FREE), ("toll-free", CAMPAIGN)])
async def test_what_this_key_may_not_see_is_called_unknown_and_keeps_nothing_else_from_being_said(
    stage: Stage, reader: Reader, approver: Person, twilio: Control, number_type: str, not_asked: str
) -> None:
    t = reader.t
    await bought(stage, reader.person, approver, number_type=number_type)
    of = {"service": await service(stage), "account": stage.environment["TWILIO_ACCOUNT_SID"]}
    for path in CALLS.values():
        refused = {"status": 401, "code": 20003}
        await twilio.post("faults", method="GET", path=path.format(**of), times=100, fault=refused)
    said = await checked(stage, reader)
    unknown = {each for each in CALLS if t(readiness.UNSEEN, check=t(readiness.NAMES[each])) in said}
    assert unknown == CALLS.keys() - {not_asked}
    assert t("It is in its messaging service.") in said and t("It can do what was asked for.") in said


async def test_a_bundle_is_approved_until_a_day_and_one_day_not_any_more(
    stage: Stage, reader: Reader, approver: Person, twilio: Control
) -> None:
    t = reader.t
    card = await bought(stage, reader.person, approver, "GB", number_type="mobile")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    bundle = await stage.store.bundle(purchase.quote.bundle_id)
    assert t("Its bundle is approved, with no end.") in await checked(stage, reader)
    until = now() + timedelta(days=40)
    await twilio.post(f"bundles/{bundle.sid}", valid_until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await stage.running.watch.poll()
    said = await checked(stage, reader)
    assert all(each in said for each in t("Its bundle is approved until {when}.", when="@").split("@"))
    await twilio.post(f"bundles/{bundle.sid}", status="twilio-rejected")
    await stage.running.watch.poll()
    await reader.person.clicks((await stage.cards())[-1], "check")
    lost = t(
        "The number's bundle is not approved any more ({status}), so Twilio may suspend the number. `/twilio bundles` shows what can be done.",
        status=t("rejected"),
    )
    assert await stage.in_thread(card, lost)


async def test_a_suspended_account(stage: Stage, reader: Reader, approver: Person, twilio: Control) -> None:
    t = reader.t
    card = await bought(stage, reader.person, approver, "CA")
    await twilio.post("account", status="suspended")
    assert t(readiness.SHUT_OUT) in await checked(stage, reader)
    await reader.person.clicks(card, "check")
    card = await reads(stage, t("{number} is bought, and cannot text yet", number="").strip())
    assert t(readiness.SHUT_OUT) in shown(card)
    await twilio.post("account", status="active")
    await reader.person.clicks(card, "check")
    await reads(stage, t("{number} is bought and in “{service}”", number="", service="Leeds").strip())


async def test_the_operators_hear_of_a_suspended_account_though_nothing_waits_and_nobody_asks(
    stage: Stage, reader: Reader, approver: Person, twilio: Control, clock: Clock
) -> None:
    """By the look at whether Twilio lets the app in, so that no number is polled for it."""
    t = reader.t
    card = await bought(stage, reader.person, approver, "CA")
    await opens(stage, approver, "set_inbound")
    await approver.submits()
    await stage.in_thread(card, t("Replies are handed on."))
    last = (await twilio.get("calls"))[-1]["number"]
    await twilio.post("account", status="suspended")
    refused = "Twilio does not let the app in (error {error}): the account is suspended or closed, or one of these settings is wrong: {setting}. What waits goes on by itself once that is fixed."
    said = t(refused, error="20003", setting=stage.app.access.setting)

    async def told() -> list[str]:
        return [each["text"] for each in await stage.messages("C0OPERATORS") if said in each["text"]]

    await clock.forward(LOOK + 1)
    await until(told, "the operators are told")
    for _ in range(3):
        await clock.forward(LOOK + 1)
    await twilio.post("account", status="active")
    await clock.forward(LOOK + 1)
    again = t("Twilio lets the app in again; what waited since {moment} goes on.", moment="@").split("@")

    async def mended() -> bool:
        messages = [each["text"] for each in await stage.messages("C0OPERATORS")]
        return any(all(part in each for part in again) for each in messages)

    await until(mended, "and that it is well again")
    assert len(await told()) == 1
    calls = await twilio.get("calls", since=str(last))
    assert [each for each in calls if "/IncomingPhoneNumbers/PN" in each["path"]] == []


async def test_a_balance_that_is_low_and_one_that_cannot_be_known(
    stage: Stage, reader: Reader, approver: Person, twilio: Control, clock: Clock
) -> None:
    t = reader.t
    card = await bought(stage, reader.person, approver, "CA")
    assert t("The balance covers the next month.") in await checked(stage, reader)
    await twilio.post("account", balance="0.50")
    await clock.forward(301)
    await stage.app.market.refresh()
    await reader.person.clicks(card, "check")
    await stage.in_thread(card, t(readiness.TOO_LOW))

    async def says_so() -> bool:
        return t(readiness.TOO_LOW).replace("`", "") in shown((await stage.cards())[-1])

    await until(says_so, "the card says so")
    await twilio.post("account", key="restricted", denied=["Balance"])
    await clock.forward(301)
    await stage.app.market.refresh()
    unknown = "The balance cannot be known: a subaccount's, an invoiced account's, or not with this API key."
    assert t(unknown) in await checked(stage, reader)


async def test_each_state_of_a_registration_and_what_else_keeps_a_number_from_texting(
    stage: Stage, reader: Reader, approver: Person, twilio: Control
) -> None:
    t = reader.t
    card = await bought(stage, reader.person, approver, destinations=["US", "FR"])
    of = await service(stage)
    review = "Cannot text US phones yet: the A2P 10DLC campaign is under review, which takes ten to fifteen business days."
    refused = "Cannot text US phones: the A2P 10DLC campaign was refused ({reasons}). Whoever runs the Twilio account can correct and resubmit it in the Console."
    errors = [{"error_code": 30886, "description": "No opt-in"}]
    suspended = {"campaign_status": "SUSPENDED", "errors": []}
    for order, said in (
        ({"campaign_status": "PENDING"}, t(review)),
        ({"campaign_status": "IN_PROGRESS"}, t(review)),
        ({"campaign_status": "FAILED", "errors": errors}, t(refused, reasons="No opt-in")),
        (suspended, t(refused, reasons="–")),
        ({"campaign_status": "VERIFIED"}, t("The A2P 10DLC campaign is verified.")),
    ):
        await twilio.post("a2p", service=of, **order)
        assert said in await checked(stage, reader), order
    await twilio.post("geo", country="FR", enabled=False, high_risk=True)
    assert t.said(readiness.not_permitted([], ["FR"])) in await checked(stage, reader)
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    number = stage.app.twilio.messaging.v1.services(of).phone_numbers(purchase.phone_number_sid)
    await number.delete_async()
    assert t("The number is not in its messaging service any more.") in await checked(stage, reader)


async def test_each_state_of_a_toll_free_verification(
    stage: Stage, reader: Reader, approver: Person, twilio: Control
) -> None:
    t = reader.t
    await bought(stage, reader.person, approver, number_type="toll-free")
    (number,) = await stage.bought()
    review = "Cannot text yet: the toll-free verification is under review, which takes three to five business days."
    for status, said in (
        ("PENDING_REVIEW", review),
        ("IN_REVIEW", review),
        ("TWILIO_APPROVED", "The toll-free verification is approved."),
    ):
        await twilio.post("tollfree", phone_number=number, status=status)
        assert t(said) in await checked(stage, reader), status


async def test_the_account_is_shown_in_each_of_its_states(
    stage: Stage, reader: Reader, twilio: Control
) -> None:
    """With the auth token: a Standard API key may not see the account's type."""
    t = reader.t
    await stage.stop_app()
    await stage.start_app(TWILIO_API_KEY="", TWILIO_API_SECRET="", CHANNEL_LANGUAGE=t.language)
    limits = "*A trial account* has one number, which is for tests only and texts verified recipients alone. Adding billing details in the Twilio Console ends the trial."
    unseen = t("Not visible with this API key: {what}.", what=t("balance"))
    for order, kind, where, also in (
        ({"type": "Full"}, "Full account", "a main account", None),
        ({"type": "Trial"}, "Trial account", "a main account", t(limits)),
        ({"type": "Full", "subaccount": True}, "Full account", "a subaccount", unseen),
    ):
        await twilio.post("account", **order)
        await reader.person.types("account")
        view = await reader.person.view("account")
        text = shown(view)
        await reader.person.slack.post("close", user=reader.person.id, view_id=view["id"])
        line = t("{type}, {where}: {status}", type=t(kind), where=t(where), status=t("active"))
        assert line in text, order
        assert (unseen in text) == (also == unseen) and (t(limits) in text) == (also == t(limits)), order
