"""English and Japanese: what only one person sees in theirs, channels in the language of the setting."""

import asyncio

from tests.stories.stage import Person, Stage, asks, finds, reviews, sends, shown, until


def japanese(text: str) -> bool:
    return any("぀" <= c <= "ヿ" or "一" <= c <= "鿿" for c in text)


async def test_a_japanese_person_reads_japanese(stage: Stage, requester_ja: Person, approver: Person) -> None:
    answer = await requester_ja.types("help")
    assert japanese(answer["shown"][0]["text"])
    await requester_ja.types("buy-number アメリカ")
    view = await requester_ja.view("buy_number.find")
    assert japanese(view["title"]["text"]) and "アメリカ合衆国" in str(view["state"])
    answer = await requester_ja.submits(purpose="  ", contains="1")
    assert all(japanese(each) for each in answer["errors"].values())
    await requester_ja.slack.post("close", user=requester_ja.id, view_id=view["id"])
    number = await reviews(requester_ja, "US", purpose="予約のお知らせ")
    view = await requester_ja.view("buy_number.review")
    assert japanese(shown(view))
    await sends(requester_ja)
    card = await stage.card("awaiting_approval")
    assert "asks for a number" in shown(card), "the channel's language is English"
    await approver.clicks(card, "approve")
    await stage.card("complete")
    assert await stage.bought() == [number]

    told = await until(requester_ja.direct_messages, "who asked is told directly")
    assert all(japanese(each) for each in told)
    answer = await requester_ja.types("status")
    assert japanese(shown(answer["shown"][0]))


async def test_channels_speak_the_language_of_the_setting(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await stage.stop_app()
    await stage.start_app(CHANNEL_LANGUAGE="ja")
    await asks(requester)
    card = await stage.card("awaiting_approval")
    assert japanese(shown(card)) and "asks for a number" not in shown(card)
    answer = await approver.clicks(card, "approve")
    assert answer["ok"]
    card = await stage.card("complete")
    lines = await stage.thread(card)
    assert lines and all(japanese(each) for each in lines)
    view = await finds(requester)
    assert not japanese(shown(view)), "what only one person sees is in theirs"


async def test_somebody_unknown_reads_english_until_slack_says_more(stage: Stage) -> None:
    await stage.slack.post("people", id="U0NEWJA", name="新人", locale="ja-JP")
    await stage.slack.post("faults", method="users.info", times=1, fault={"delay": 1.0})
    person = Person("U0NEWJA", stage.slack)
    answer = await person.types("help")
    assert not japanese(answer["shown"][0]["text"]), "half a second is all that is waited"
    await asyncio.sleep(0.8)
    answer = await person.types("help")
    assert japanese(answer["shown"][0]["text"])
