"""The approver's inbox and the requester's overview."""

from typing import Any

from tests.stories import filling
from tests.stories.stage import Person, Stage, asks, shown, until


async def opens(person: Person) -> Any:
    """Home, once the app has drawn it."""
    before = await home(person)
    await person.slack.post("home", user=person.id)

    async def drawn() -> Any:
        view = await home(person)
        return view if view and (before is None or view["hash"] != before["hash"]) else None

    return await until(drawn, "Home is drawn")


async def home(person: Person) -> Any:
    return await person.slack.get("home", user=person.id)


async def shows(person: Person, words: str, *, gone: bool = False) -> Any:
    async def there() -> Any:
        view = await home(person)
        return view if (words in shown(view)) != gone else None

    return await until(there, f"Home {'no longer ' if gone else ''}shows “{words}”")


async def presses(person: Person, view: Any, action_id: str) -> Any:
    return await person.slack.post("act", user=person.id, view_id=view["id"], action_id=action_id)


async def test_home_begins_with_first_steps_and_leads_to_the_form(requester: Person) -> None:
    view = await opens(requester)
    assert "First steps" in shown(view)
    await presses(requester, view, "buy_number")
    assert (await requester.view())["callback_id"] == "buy_number.find"


async def test_an_approver_decides_on_home(stage: Stage, requester: Person, approver: Person) -> None:
    assert "waits for you" not in shown(await opens(approver))
    number = await asks(requester)
    view = await shows(approver, "One request waits for you")
    assert "Reminders" in shown(view) and number[-4:] in shown(view)
    answer = await presses(approver, view, "approve")
    assert answer["ok"], answer
    await stage.card("complete")
    assert await stage.bought() == [number]
    await shows(approver, "waits for you", gone=True)


async def test_an_approver_denies_on_home_with_a_reason(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    view = await opens(approver)
    await presses(approver, view, "deny")
    await approver.submits(reason="Over budget")
    await stage.card("denied")
    await shows(approver, "waits for you", gone=True)


async def test_the_same_checks_hold_on_home(stage: Stage, requester: Person, approver: Person) -> None:
    await asks(requester)
    view = await opens(approver)
    await requester.clicks(await stage.card("awaiting_approval"), "withdraw")
    answer = await presses(approver, view, "approve")
    assert "withdrawn" in shown(answer["view"]), "what stands against it is said on top of Home"
    assert "waits for you" not in shown(await opens(requester)), "nobody decides about the own request"


async def test_a_requester_sees_where_each_request_stands_and_what_to_do(
    stage: Stage, requester: Person, approver: Person
) -> None:
    end_user = {"end_user_type": "business", "bundle": "later"}
    number = await asks(requester, "DE", number_type="local", end_user=end_user)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("in_progress")
    view = await opens(requester)
    await shows(requester, "needs a bundle")
    assert number[-4:] in shown(view)
    view = await home(requester)
    await presses(requester, view, "add_bundle")
    assert (await requester.view("card.bundle"))["callback_id"] == "card.bundle"


async def test_a_bundle_that_is_not_finished_is_gone_on_with(stage: Stage, compliance: Person) -> None:
    await filling.begins(compliance, "GB", "mobile", "business")
    await compliance.slack.post("close", user=compliance.id, view_id=(await compliance.view())["id"])
    view = await opens(compliance)
    assert "Bundles that need you" in shown(view)
    await presses(compliance, view, "continue")
    assert (await compliance.view())["callback_id"].startswith("new_bundle.")


async def test_an_outsider_is_told_on_home_too(outsider: Person) -> None:
    view = await opens(outsider)
    answer = await presses(outsider, view, "buy_number")
    assert "not on the list" in shown(answer["view"])


async def test_home_is_in_the_language_of_the_person(requester_ja: Person) -> None:
    from tests.stories.test_languages import japanese

    assert japanese(shown(await opens(requester_ja)))


async def test_a_storm_of_changes_is_one_drawing(stage: Stage, requester: Person, approver: Person) -> None:
    await opens(requester)
    for _ in range(3):
        await asks(requester)
    await shows(requester, "waiting for approval")
    calls = [each for each in await stage.slack.get("calls") if each.get("method") == "views.publish"]
    assert len(calls) <= 1 + 3 * 2, "no more than one in two seconds"


async def test_home_stays_within_slacks_hundred_blocks(
    stage: Stage, requester: Person, approver: Person
) -> None:
    from handlers import home as screen

    for _ in range(18):
        await asks(requester)
    view = await screen.view(approver.id, stage.app)
    assert len(view["blocks"]) <= 100 and "and 6 more" in shown(view)
    assert "Older ones are left out" in shown(await screen.view(requester.id, stage.app))


async def test_operators_see_what_is_broken_and_look_at_the_installation_from_there(stage: Stage) -> None:
    operator = stage.person("operator")
    assert "Needs an operator" not in shown(await opens(operator))
    await stage.twilio.post("credentials", refuse=True)
    await stage.app.access.look()
    view = await opens(operator)
    assert "Needs an operator" in shown(view)
    await stage.twilio.post("credentials", refuse=False)
    await presses(operator, view, "doctor")
    assert "Twilio lets the app in" in shown(await operator.view("doctor"))
