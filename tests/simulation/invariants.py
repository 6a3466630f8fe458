"""What must hold of the app, whatever happens to it: at any moment, and once all is quiet. The witness is Twilio's own ledger.

What a purchase has to be is judged by ``tests/walks/judge.py`` and ``checks.py``, as in the audit.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.simulation.world import World
from tests.walks import checks
from tests.walks.checks import Json

TOLD = {
    "submitted": "asks for",
    "approved": "has approved",
    "denied": "has denied",
    "withdrawn": "has withdrawn",
    "charge": "is bought for",
    "attached": "is in the messaging service",
    "complete": "is bought",
    "ended": "has ended",
}
"""What stands in the card's thread once this is on record."""
IN_SERVICE = "not in the service"
"""A service that others have renamed since is shown by its new name once the number is looked at again, within the hour."""
ALREADY = "have approved this already", "has approved this already"
"""What whoever presses reads who comes too late."""
TAKEN_AWAY = "ServiceGone", "NotInService"
"""Why a request stops once somebody has deleted its service, or has taken its number out."""
OVER = {"denied": "denied", "withdrawn": "withdrawn", "complete": "complete", "ended": "ended"}
"""States, and the line of the record without which nothing is in them."""


def at_any_moment(world: World, by_hand: set[str]) -> Iterator[str]:
    """Nothing was bought twice, before its intent was written, or without an approval that stands."""
    ledger = [each["phone_number"] for each in world.twilio_twin.account.ledger]
    yield from (f"{number}: bought {times} times" for number, times in Counter(ledger).items() if times > 1)
    again = Counter(world.sold)
    yield from (f"{number}: asked for again when it was bought" for number in again if again[number] > 1)
    with world.reading() as database:
        events = database.execute(
            "SELECT purchase_id, what, quote_no, details FROM record ORDER BY id"
        ).fetchall()
    intents = {
        json.loads(each["details"])["phone_number"]: each for each in events if each["what"] == "buying"
    }
    happened = {(each["purchase_id"], each["what"], each["quote_no"]) for each in events}
    over = {each["purchase_id"] for each in events if each["what"] in ("denied", "withdrawn")}
    for number in set(ledger) - by_hand:
        if number not in intents:
            yield f"{number}: bought before its intent was written"
            continue
        purchase, quote = intents[number]["purchase_id"], intents[number]["quote_no"]
        if (purchase, "approved", quote) not in happened:
            yield f"{number}: bought, and quote {quote} of {purchase} was never approved"
        if purchase in over:
            yield f"{number}: bought, and {purchase} is denied or withdrawn"
    per = Counter(intents[number]["purchase_id"] for number in set(ledger) & set(intents) - by_hand)
    yield from (f"{times} numbers for request {purchase}" for purchase, times in per.items() if times > 1)


def unfinished(world: World) -> Iterator[str]:
    """What is still on its way: nobody has to act, and it has not come to its end."""
    with world.reading() as database:
        for each in database.execute(
            "SELECT id, state, buying_at, phone_number_sid, waiting FROM purchases WHERE state = 'in_progress'"
        ):
            waits = json.loads(each["waiting"] or "null") or {}
            if each["buying_at"] or each["phone_number_sid"] or not _for_a_bundle(waits):
                yield f"{each['id']} is in progress: {waits.get('say') or 'buying'}"
        for each in database.execute("SELECT * FROM outbox WHERE done_at IS NULL"):
            yield f"{each['kind']} {each['id']} to {each['address']} is still owed"


def _for_a_bundle(waits: Json) -> bool:
    return "undle" in json.dumps(waits)


def at_quiet(
    world: World, state: Json, messages: dict[str, list[Json]], by_others: set[str]
) -> Iterator[str]:
    """messages: of the approvals channel, and of each card's thread by its ts. by_others: services that others have made or renamed."""
    with world.reading() as database:
        purchases = database.execute("SELECT * FROM purchases").fetchall()
        cards = {each["purchase_id"]: each for each in database.execute("SELECT * FROM cards")}
        events = database.execute("SELECT purchase_id, what, details FROM record ORDER BY id").fetchall()
        outbox = database.execute("SELECT * FROM outbox").fetchall()
        approvals = database.execute("SELECT * FROM approvals").fetchall()
    of: dict[str, list[Any]] = {}
    for event in events:
        of.setdefault(event["purchase_id"] or "", []).append(event)
    posted = {each["ts"]: each for each in messages[""]}
    shown = []
    for each in purchases:
        card = posted.get(cards[each["id"]]["ts"])
        if card is None:
            yield f"{each['id']} has no card"
            continue
        shown.append(card)
        where = checks.payload(card)
        if (where["state"], where["quote"], where["version"]) != (
            each["state"],
            each["quote_no"],
            each["version"],
        ):
            yield f"the card of {each['id']} shows {where}, it is {each['state']}, version {each['version']}"
        thread = [str(line.get("text")) for line in messages[card["ts"]]]
        happened = [event["what"] for event in of[each["id"]]]
        for what, words in TOLD.items():
            told = sum(words in line for line in thread)
            if happened.count(what) > told and not _told_elsewhere(what, each, of[each["id"]]):
                yield f"{each['id']}: {what} {happened.count(what)} times on record, told {told} times"
        line = OVER.get(each["state"])
        if line and line not in happened and not (line == "ended" and "replaced" in happened):
            yield f"{each['id']} is {each['state']}, which is not on record"
        if each["phone_number_sid"] and not {"charge", "taken_over"} & set(happened):
            yield f"{each['id']} is bought, which is not on record"
        problems = [json.loads(event["details"]).get("problem") for event in of[each["id"]]]
        if not by_others:  # what Twilio shows late is not gone (rule 32)
            yield from (
                f"{each['id']}: {what}, and nobody has done so" for what in problems if what in TAKEN_AWAY
            )
    charged = {
        json.loads(e["details"])["phone_number"]: e["purchase_id"] for e in events if e["what"] == "charge"
    }
    for card in list(
        shown
    ):  # of a number that another request has got since, a card may say that this one has not bought it
        number = checks.number_in("\n".join(checks.texts(card["blocks"])))
        if charged.get(number, checks.payload(card)["id"]) != checks.payload(card)["id"]:
            shown.remove(card)
    taken_over = {json.loads(e["details"])["phone_number_sid"] for e in events if e["what"] == "taken_over"}
    for each in state["owned_numbers"]:
        if each["sid"] in taken_over:  # by hand once, and ours now
            each["friendly_name"] = ""
    for untrue in checks.untrue_first_lines(shown, state, "en"):
        if not (by_others and untrue.startswith(IN_SERVICE)):
            yield untrue
    yield from checks.dead_ends(shown, state)
    recorded = sum(event["what"] == "approval" for event in events)
    if recorded != len(approvals):
        yield f"{len(approvals)} approvals, {recorded} on record"
    names = Counter(each["friendly_name"] for each in state["services"] if each["sid"] not in by_others)
    yield from (f"{times} services are called {name}" for name, times in names.items() if times > 1)
    everything = {message["ts"] for found in messages.values() for message in found}
    for each in outbox:
        if each["outcome"] == "delivered" and each["kind"] == "thread" and each["ts"] not in everything:
            yield f"thread line {each['id']} counts as told, and is not there"


def answered_once(world: World, presses: list[str]) -> Iterator[str]:
    """Nobody reads that they have done already what they did once. presses: who has pressed a button that decides, each time."""
    with world.reading() as database:
        given = [each["person_id"] for each in database.execute("SELECT person_id FROM approvals")]
    for person, pressed in Counter(presses).items():
        read = [each["text"] for each in world.slack_twin.workspace.shown_since(person, "")]
        already = sum(any(words in each for words in ALREADY) for each in read)
        if given.count(person) + already > pressed:
            yield f"{person} has pressed {pressed} times, approved {given.count(person)}, and reads {already} times that it is done already"


def _told_elsewhere(what: str, purchase: Any, events: list[Any]) -> bool:
    """The first line of a request, once its card was posted anew, stands in the thread that was lost with it."""
    return what == "submitted" and any(event["what"] == "replaced" for event in events)
