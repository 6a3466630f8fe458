"""Who somebody is and what they belong to: never from an old list, and without a storm of questions."""

import asyncio
from datetime import timedelta

import pytest
from time_machine import Traveller

from bot.errors import CannotCheck, UnknownList
from bot.texts import Texts
from sandbox.slack.workspace import BOT_USER, TEAM_ID
from storage.models import now
from tests.bot.conftest import Desk
from tests.stories.stage import until

GROUP, CHANNEL = "S0APPROVERS", "C0NUMBERS"
ADA, OTTO = "U0APPROVER", "U0OUTSIDER"
LIST, MEMBERS, INFO = "usergroups.users.list", "conversations.members", "users.info"
MINUTE = 60


async def is_approver(desk: Desk, person: str) -> bool:
    return await desk.people.belongs(person, [GROUP], [])


# lists


async def test_who_is_in_a_list_is_let_in_for_five_minutes_without_a_question(
    desk: Desk, clock: Traveller
) -> None:
    assert await is_approver(desk, ADA)
    clock.shift(4.9 * MINUTE)
    assert await is_approver(desk, ADA)
    assert await desk.asked(LIST) == 1


async def test_a_list_older_than_five_minutes_lets_nobody_in(desk: Desk, clock: Traveller) -> None:
    assert await is_approver(desk, ADA)
    clock.shift(5.1 * MINUTE)
    await desk.slack.post(f"usergroups/{GROUP}", users=["U0APPROVER2"])
    assert not await is_approver(desk, ADA)


async def test_while_slack_is_silent_nobody_is_let_in_by_an_old_list(desk: Desk, clock: Traveller) -> None:
    assert await is_approver(desk, ADA)
    await desk.goes_silent()
    assert await is_approver(desk, ADA)
    clock.shift(5.1 * MINUTE)
    with pytest.raises(CannotCheck, match="Slack did not say"):
        await is_approver(desk, ADA)
    await desk.answers_again()
    clock.shift(11)
    assert await is_approver(desk, ADA)


async def test_a_clock_that_steps_back_makes_no_list_younger(desk: Desk, clock: Traveller) -> None:
    assert await is_approver(desk, ADA)
    clock.shift(-60 * MINUTE)
    await desk.slack.post(f"usergroups/{GROUP}", users=[])
    assert not await is_approver(desk, ADA)


async def test_people_in_no_list_cause_no_storm(desk: Desk, clock: Traveller) -> None:
    """Seven minutes of somebody who presses every five seconds: once a minute, where it was once each time."""
    for _ in range(7 * 12):
        assert not await is_approver(desk, OTTO)
        clock.shift(5)
    assert await desk.asked(LIST) <= 8


async def test_somebody_who_has_just_joined_is_let_in_at_once(desk: Desk) -> None:
    await desk.people.refresh_members([GROUP], [])
    await desk.slack.post(f"usergroups/{GROUP}", users=[ADA, OTTO])
    assert await is_approver(desk, OTTO)


async def test_who_joins_after_having_been_refused_is_let_in_within_a_minute(
    desk: Desk, clock: Traveller
) -> None:
    assert not await is_approver(desk, OTTO)
    await desk.slack.post(f"usergroups/{GROUP}", users=[ADA, OTTO])
    clock.shift(MINUTE)
    assert await is_approver(desk, OTTO)


async def test_while_slack_is_silent_it_is_not_asked_at_every_press(desk: Desk, clock: Traveller) -> None:
    await desk.goes_silent()
    for _ in range(24):
        with pytest.raises(CannotCheck):
            await is_approver(desk, ADA)
        clock.shift(5)
    assert await desk.asked(LIST) <= 13


async def test_many_who_want_to_know_at_once_ask_once(desk: Desk) -> None:
    await desk.slack.post("faults", method=LIST, fault={"delay": 0.2})
    assert await asyncio.gather(*(is_approver(desk, ADA) for _ in range(50))) == [True] * 50
    assert await desk.asked(LIST) == 1


async def test_lists_in_use_are_read_anew_before_they_are_five_minutes_old(
    desk: Desk, clock: Traveller
) -> None:
    for _ in range(21):
        await desk.people.refresh_members([GROUP], [CHANNEL])
        await desk.goes_silent()
        assert await is_approver(desk, ADA), "nobody has to ask"
        await desk.answers_again()
        clock.shift(MINUTE)
    assert await desk.asked(LIST) <= 8 and await desk.asked(MEMBERS) <= 8


async def test_a_large_channel_is_read_in_pages_that_slack_takes(desk: Desk) -> None:
    everybody = [desk.twin.workspace.add_person(f"U0P{n:04}", f"Person {n}")["id"] for n in range(1200)]
    assert await desk.people.belongs(everybody[-1], [], [CHANNEL])
    calls = [each for each in await desk.slack.get("calls") if each.get("method") == MEMBERS]
    assert len(calls) == 2 and all(int(each["arguments"]["limit"]) <= 999 for each in calls)


async def test_a_refresh_says_which_lists_have_changed(desk: Desk, clock: Traveller) -> None:
    assert await desk.people.refresh_members([GROUP], [CHANNEL]) == {GROUP, CHANNEL}, "they were not known"
    clock.shift(4 * MINUTE)
    assert await desk.people.refresh_members([GROUP], [CHANNEL]) == set()
    await desk.slack.post(f"usergroups/{GROUP}", users=[ADA])
    clock.shift(4 * MINUTE)
    assert await desk.people.refresh_members([GROUP], [CHANNEL]) == {GROUP}


async def test_a_change_that_a_press_has_found_is_said_by_the_next_refresh(
    desk: Desk, clock: Traveller
) -> None:
    await desk.people.refresh_members([GROUP], [])
    await desk.slack.post(f"usergroups/{GROUP}", users=[ADA, OTTO])
    clock.shift(2 * MINUTE)
    assert await is_approver(desk, OTTO)
    assert await desk.people.refresh_members([GROUP], []) == {GROUP}


async def test_a_list_that_could_not_be_told_for_a_while_counts_as_changed(
    desk: Desk, clock: Traveller
) -> None:
    await desk.people.refresh_members([GROUP], [])
    await desk.goes_silent()
    clock.shift(6 * MINUTE)
    assert await desk.people.refresh_members([GROUP], []) == set()
    await desk.answers_again()
    clock.shift(MINUTE)
    assert await desk.people.refresh_members([GROUP], []) == {GROUP}


async def test_a_young_list_is_used_after_a_restart_and_an_old_one_is_not(
    desk: Desk, clock: Traveller
) -> None:
    assert await is_approver(desk, ADA)
    await desk.goes_silent()
    assert await (await desk.started_anew()).belongs(ADA, [GROUP], [])
    clock.shift(6 * MINUTE)
    with pytest.raises(CannotCheck):
        await (await desk.started_anew()).belongs(ADA, [GROUP], [])


async def test_what_another_process_has_read_never_replaces_something_newer(
    desk: Desk, clock: Traveller
) -> None:
    web = await desk.started_anew()
    assert await is_approver(desk, ADA)
    await desk.slack.post(f"usergroups/{GROUP}", users=[OTTO])
    clock.shift(2 * MINUTE)
    await web.load()
    assert await web.belongs(OTTO, [GROUP], []), "asked anew, for the list of before has no Otto"
    await desk.store.keep_members(TEAM_ID, GROUP, [ADA], now() - timedelta(minutes=2))
    await web.load()
    assert await web.belongs(OTTO, [GROUP], [])


# lists that Slack does not show


@pytest.mark.parametrize(
    ("groups", "channels", "words"),
    [(["S0NOBODY"], [], "knows no such user group"), ([], ["C0NOWHERE"], "knows no such user group")],
)
async def test_a_list_that_slack_does_not_know_is_said_to_be_the_policys_mistake(
    desk: Desk, groups: list[str], channels: list[str], words: str
) -> None:
    with pytest.raises(UnknownList, match="whose members Slack does not show") as refused:
        await desk.people.belongs(ADA, groups, channels)
    (name,) = [*groups, *channels]
    assert refused.value.said["with"] == {"list": name}
    assert words in Texts("en").said(desk.people.troubles[name])
    assert "POLICY_FILE" in Texts("ja").said(desk.people.troubles[name])


async def test_who_is_in_another_list_is_let_in_all_the_same(desk: Desk) -> None:
    assert await desk.people.belongs(ADA, ["S0NOBODY", GROUP], [])


async def test_a_missing_scope_is_named_to_the_operators(desk: Desk) -> None:
    desk.twin.workspace.scopes.remove("usergroups:read")
    with pytest.raises(UnknownList):
        await is_approver(desk, ADA)
    assert "the scope usergroups:read" in Texts("en").said(desk.people.troubles[GROUP])


async def test_a_list_that_slack_stops_showing_lets_nobody_in_however_young_it_is(
    desk: Desk, clock: Traveller
) -> None:
    assert await is_approver(desk, ADA)
    del desk.twin.workspace.usergroups[GROUP]
    clock.shift(4 * MINUTE)
    assert await desk.people.refresh_members([GROUP], []) == {GROUP}
    with pytest.raises(UnknownList):
        await is_approver(desk, ADA)


async def test_the_trouble_ends_by_itself_once_it_is_mended(desk: Desk, clock: Traveller) -> None:
    await desk.people.refresh_members(["S0LATE"], [])
    assert list(desk.people.troubles) == ["S0LATE"]
    await desk.slack.post("usergroups", id="S0LATE", users=[ADA])
    clock.shift(MINUTE)
    assert await desk.people.refresh_members(["S0LATE"], []) == {"S0LATE"}
    assert desk.people.troubles == {} and await desk.people.belongs(ADA, ["S0LATE"], [])


async def test_the_trouble_ends_when_the_policy_names_the_list_no_more(desk: Desk) -> None:
    await desk.people.refresh_members(["S0NOBODY"], [])
    await desk.people.refresh_members([GROUP], [])
    assert desk.people.troubles == {}


async def test_an_unknown_list_is_not_asked_for_at_every_press(desk: Desk, clock: Traveller) -> None:
    for _ in range(24):
        with pytest.raises(UnknownList):
            await desk.people.belongs(ADA, ["S0NOBODY"], [])
        clock.shift(5)
    assert await desk.asked(LIST) <= 5


# who is barred


async def why(desk: Desk, person: str, *payload: str) -> str | None:
    said = await desk.people.barred(person, *payload)
    return Texts("en").said(said) if said else None


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"is_restricted": True}, "Guests cannot"),
        ({"is_ultra_restricted": True}, "Guests cannot"),
        ({"is_bot": True}, "Apps and bots cannot"),
        ({"deleted": True}, "is deactivated"),
        ({"team_id": "T0PARTNER"}, "Only people of this company"),
    ],
)
async def test_guests_bots_the_deactivated_and_other_companies_people_are_barred(
    desk: Desk, flags: dict[str, object], words: str
) -> None:
    assert await why(desk, ADA) is None
    await desk.slack.post(f"people/{OTTO}", **flags)
    assert words in (await why(desk, OTTO) or "")
    assert words in Texts("en").said((await desk.started_anew()).known_bar(OTTO) or {})


async def test_our_own_app_is_a_bot_wherever_it_is_a_member(desk: Desk) -> None:
    assert "Apps and bots" in (await why(desk, BOT_USER) or "")


async def test_somebody_whom_the_workspace_does_not_see_is_of_another_company(desk: Desk) -> None:
    assert "Only people of this company" in (await why(desk, "U0STRANGER") or "")
    assert await desk.people.name("U0STRANGER") == "U0STRANGER"
    assert await desk.asked(INFO) == 1


async def test_the_payloads_team_bars_where_neither_it_nor_its_enterprise_is_ours(desk: Desk) -> None:
    assert "Only people" in (await why(desk, ADA, "T0PARTNER") or "")
    assert await why(desk, ADA, TEAM_ID) is None
    desk.people = await desk.started_anew(enterprise_id="E0OURS")
    assert await why(desk, ADA, "T0SISTER", "E0OURS") is None


@pytest.mark.parametrize(
    "body",
    [
        {"user": {"id": ADA, "team_id": "T0PARTNER"}, "team": {"id": TEAM_ID}, "enterprise": None},
        {"user_id": ADA, "team_id": "T0PARTNER"},
        {"team_id": TEAM_ID, "event": {"user": ADA, "user_team": "T0PARTNER"}},
        {"team_id": TEAM_ID, "event": {"user": ADA, "user_team": "E0PARTNER"}},
    ],
)
async def test_who_acts_from_another_company_is_barred_until_they_act_from_ours(
    desk: Desk, body: dict[str, object]
) -> None:
    desk.people.acts(ADA, body)
    assert "Only people" in (await why(desk, ADA) or "")
    desk.people.acts(ADA, {"user": {"id": ADA, "team_id": TEAM_ID}})
    assert await why(desk, ADA) is None


async def test_who_becomes_a_guest_is_barred_after_five_minutes_at_most(desk: Desk, clock: Traveller) -> None:
    assert await why(desk, ADA) is None
    await desk.slack.post(f"people/{ADA}", is_restricted=True)
    clock.shift(5.1 * MINUTE)
    assert "Guests" in (await why(desk, ADA) or "")


async def test_while_slack_is_silent_nobody_is_let_in_by_what_it_said_more_than_five_minutes_ago(
    desk: Desk, clock: Traveller
) -> None:
    assert await why(desk, ADA) is None
    await desk.goes_silent()
    with pytest.raises(CannotCheck):
        await why(desk, OTTO)
    clock.shift(4 * MINUTE)
    assert await why(desk, ADA) is None
    clock.shift(2 * MINUTE)
    with pytest.raises(CannotCheck):
        await why(desk, ADA)
    clock.shift(MINUTE)
    await desk.answers_again()
    assert await why(desk, ADA) is None


async def test_what_is_known_of_somebody_is_as_old_as_the_question(desk: Desk, clock: Traveller) -> None:
    """Slack may have answered before the person was deactivated, and the answer be heard long after."""
    await desk.slack.post("faults", method="users.info", fault={"delay": 0.5}, times=1)
    asking = asyncio.create_task(why(desk, ADA))
    await asyncio.sleep(0.1)  # Slack has been asked, and takes its time
    clock.shift(6 * MINUTE)
    with pytest.raises(CannotCheck):
        await asking
    assert await why(desk, ADA) is None


# names and languages


async def test_names_and_languages_are_asked_for_once_a_day(desk: Desk, clock: Traveller) -> None:
    for _ in range(10):
        assert await desk.people.name("U0REQUESTERJA") == "山田 花子"
        assert (await desk.people.texts("U0REQUESTERJA")).language == "ja"
        clock.shift(2 * 60 * MINUTE)
    assert await desk.asked(INFO) == 1
    await desk.slack.post("people/U0REQUESTERJA", locale="en-US")
    clock.shift(5 * 60 * MINUTE)
    assert (await desk.people.texts("U0REQUESTERJA")).language == "ja", "nobody waits"

    async def is_known() -> bool:
        return (await desk.people.texts("U0REQUESTERJA")).language == "en"

    await until(is_known, "the new language is known")
    assert await desk.asked(INFO) == 2


async def test_without_an_answer_a_name_is_the_id(desk: Desk) -> None:
    await desk.goes_silent()
    assert await desk.people.name(ADA) == ADA
