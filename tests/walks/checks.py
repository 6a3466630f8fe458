"""What must hold of what people see, of what Twilio has sold, and of what the app has written. Pure: each takes what was read and gives findings."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

LIVE = ("awaiting_approval", "in_progress", "needs_changes", "failed")
ENDED = ("denied", "withdrawn", "lapsed", "ended", "released")

# first lines

NO, OURS, BOTH = False, True, None
"""What a first line says: the number is not bought, it is, or it does not say."""

CLAIMS: tuple[tuple[str, bool | None], ...] = (
    (r"asks for a number \(", NO),
    (r": denied by ", NO),
    (r": withdrawn$", NO),
    (r": nobody decided in time$", NO),
    (r" was released in the Twilio account$", NO),
    (r" was released by ", NO),
    (r" is being released$", BOTH),
    (r" was sold to somebody else$", NO),
    (r" is in the Twilio account already$", BOTH),
    (r": the address does not fit$", NO),
    (r" needs an address$", NO),
    (r": Twilio refused the bundle$", NO),
    (r" could not be bought$", NO),
    (r": a trial account may have one number only$", NO),
    (r": it is not clear who bought it$", BOTH),
    (r": its messaging service is gone$", BOTH),
    (r": somebody else made that messaging service$", BOTH),
    (r": several messaging services have that name$", BOTH),
    (r": its messaging service is full$", BOTH),
    (r" belongs to another messaging service$", OURS),
    (r": Twilio keeps it out of its messaging service$", OURS),
    (r" is not in its messaging service any more$", OURS),
    (r" is bought, and ", OURS),
    (r" is ready: a test message was delivered at$", OURS),
    (r" is bought and in “", OURS),
    (r" is bought$", OURS),
    (r": ended, and it goes on costing money$", OURS),
    (r": ended, nothing was bought$", NO),
    (r" is not bought, and a decision is needed$", NO),
    (r": the balance is too low$", NO),
    (r": Twilio does not let Number Desk in$", BOTH),
    (r" needs a bundle$", NO),
    (r": its bundle is not finished$", NO),
    (r": Twilio rejected the bundle$", NO),
    (r": its bundle was deleted$", NO),
    (r": its bundle has lapsed$", NO),
    (r": Waiting for the bundle$", NO),
    (r": Buying$", BOTH),
    (r": \w", BOTH),
)
"""By English words of the card's first line. The last is what a step says of itself while it is taken."""

BUNDLE_CLAIMS = {": Twilio rejected the bundle": "twilio-rejected"}


def first_line(card: Json) -> str:
    section = card["blocks"][0]["elements"][0]
    return "".join(each.get("text", "") for each in section["elements"] if each["type"] == "text").strip()


def payload(card: Json) -> Json:
    found: Json = card["metadata"]["event_payload"]
    return found


def number_in(text: str) -> str:
    spaced = re.search(r"\+[1-9][\d \-()]{6,}\d", text)
    return "+" + re.sub(r"\D", "", spaced[0]) if spaced else ""


def texts(each: Any) -> Iterator[str]:
    """Every text that a view or a message shows."""
    if isinstance(each, dict):
        if isinstance(each.get("text"), str):
            yield each["text"]
        for value in each.values():
            yield from texts(value)
    elif isinstance(each, list):
        for value in each:
            yield from texts(value)


def untrue_first_lines(cards: Iterable[Json], state: Json, language: str) -> Iterator[str]:
    """Compared with what Twilio's ledger and its list of numbers say. In Japanese the states alone are compared."""
    owned = {each["phone_number"]: each for each in state["owned_numbers"]}
    senders = {
        (each["friendly_name"], sender["phone_number"])
        for each in state["services"]
        for sender in each["senders"]
    }
    for card in cards:
        line, where = first_line(card), payload(card)
        number = number_in(line) or number_in("\n".join(texts(card["blocks"])))
        said = f"“{line}” ({where['state']})"
        if not number:
            yield f"no number on the card: {said}"
            continue
        ours = number in owned and not owned[number]["friendly_name"].startswith("By hand")
        if where["state"] == "complete" and not ours:
            yield f"not owned: {said}"
        if where["state"] in ("awaiting_approval", "needs_changes", "denied", "withdrawn", "lapsed") and ours:
            yield f"owned: {said}"
        if language != "en":
            continue
        claim = next((each for each in CLAIMS if re.search(each[0], line)), None)
        if claim is None:
            yield f"a first line that the walk does not know: {said}"
        elif claim[1] is not BOTH and claim[1] is not ours:
            yield f"{'not owned' if claim[1] else 'owned'}: {said}"
        if (found := re.search(r" is bought and in “(.*)”$", line)) and (found[1], number) not in senders:
            yield f"not in the service: {said}"
        if line.endswith("not in its messaging service") and any(sender == number for _, sender in senders):
            yield f"in a service: {said}"
        if line.endswith("a test message was delivered at") and not any(
            each["from"] == number and each["status"] == "delivered" for each in state["messages"]
        ):
            yield f"no message was delivered: {said}"
        for words, status in BUNDLE_CLAIMS.items():
            if line.endswith(words) and all(each["status"] != status for each in state["bundles"]):
                yield f"no bundle is {status}: {said}"


# ways on and ways to end


def verbs(card: Json) -> list[str]:
    """What a card offers: its buttons, and the lines of its menu with ``more:`` before them."""
    found = []
    for block in card["blocks"]:
        for each in [block.get("accessory"), *block.get("elements", [])]:
            if each and each["type"] == "button":
                found.append(each["action_id"])
            elif each and each["type"] == "overflow":
                found += [f"more:{option['value'].partition(':')[0]}" for option in each["options"]]
    return found


def dead_ends(cards: Iterable[Json], state: Json) -> Iterator[str]:
    """At quiet: of each live purchase, somebody has a way on or it waits for Twilio's reviewers; and it can be ended."""
    in_review = any(
        each["status"] in ("pending-review", "in-review", "provisionally-approved")
        for each in state["bundles"]
    )
    owned = {each["phone_number"] for each in state["owned_numbers"]}
    for card in cards:
        where, offered = payload(card), verbs(card)
        said = f"“{first_line(card)}” ({where['state']}) offers {offered or 'nothing'}"
        if where["state"] not in LIVE:
            if where["state"] in ENDED and offered:
                yield f"ended, and still there is something to press: {said}"
            continue
        on = [each for each in offered if not each.startswith("more:")]
        if not on and not (where["state"] == "in_progress" and in_review):
            yield f"no way on: {said}"
        bought = number_in(first_line(card)) in owned
        if not {"more:withdraw", "more:end"} & set(offered) and not (
            where["state"] == "in_progress" and bought
        ):
            yield f"no way to end it: {said}"


# money


def wrong_purchases(state: Json, record: Sequence[Json], by_hand: Iterable[str]) -> Iterator[str]:
    """Each line of Twilio's ledger against the quotes, approvals, intents and charges that the app has on record."""
    ledger = Counter(each["phone_number"] for each in state["ledger"])
    cost = {each["phone_number"]: Decimal(each["cost"]) for each in state["ledger"]}
    owned = {each["phone_number"]: each for each in state["owned_numbers"]}
    charges = [each for each in record if each["what"] == "charge"]
    for purchase, times in Counter(each["purchase"] for each in charges).items():
        if times > 1:
            yield f"{times} charges for purchase {purchase}"
    for number, times in ledger.items():
        if number in by_hand:
            continue
        mine = [each for each in charges if each["details"].get("phone_number") == number]
        if times != 1 or len(mine) != 1:
            yield f"{number}: {times} times in Twilio's ledger, {len(mine)} charges on record"
            continue
        yield from _not_as_approved(mine[0], cost[number], record)
        yield from _another_thing(mine[0], owned.get(number), record)
    for each in charges:
        if each["details"].get("phone_number") not in ledger:
            yield f"a charge that Twilio's ledger does not have: {each}"


def _another_thing(charge: Json, owned: Json | None, record: Sequence[Json]) -> Iterator[str]:
    """What Twilio has under this number against the quote: type, country, capabilities, bundle."""
    quotes = [
        each["details"]
        for each in record
        if each["what"] == "quote"
        and (each["purchase"], each["quote"]) == (charge["purchase"], charge["quote"])
    ]
    if owned is None or not quotes:
        return
    quote, number = quotes[0], owned["phone_number"]
    for name in ("country", "number_type"):
        if owned[name] != quote[name]:
            yield f"{number}: {owned[name]} was bought, {quote[name]} approved"
    if missing := set(quote.get("capabilities", ())) - set(owned["capabilities"]):
        yield f"{number}: cannot {sorted(missing)}, which was approved"
    if quote.get("bundle_sid") and owned["bundle_sid"] != quote["bundle_sid"]:
        yield f"{number}: bought with {owned['bundle_sid']}, approved with {quote['bundle_sid']}"


def _not_as_approved(charge: Json, cost: Decimal, record: Sequence[Json]) -> Iterator[str]:
    of = [each for each in record if each["purchase"] == charge["purchase"] and each["no"] < charge["no"]]
    quotes = [each for each in of if each["what"] == "quote" and each["quote"] == charge["quote"]]
    number = charge["details"]["phone_number"]
    if not quotes:
        yield f"{number}: bought without a quote"
        return
    approvals = {
        each["person"] for each in of if each["what"] == "approval" and each["quote"] == charge["quote"]
    }
    asked = next(each for each in of if each["what"] == "quote")["person"]
    if not approvals & {"U0APPROVER", "U0APPROVER2"} - {asked}:
        yield f"{number}: bought with the approvals of {sorted(approvals) or 'nobody'}"
    quote = quotes[0]["details"]
    substitute = quote.get("if_gone") == "closest"
    if quote["phone_number"] != number and not substitute:
        yield f"{number}: bought in place of {quote['phone_number']}, which was approved"
    most = (
        Decimal(quote["ceiling"])
        if substitute and quote["phone_number"] != number
        else Decimal(quote["price"])
    )
    if cost > most:
        yield f"{number}: bought for {cost}, approved up to {most}"
    if Decimal(charge["details"]["price"]) != cost:
        yield f"{number}: {charge['details']['price']} on record, {cost} in Twilio's ledger"


# what was sent to Slack, and what came to life in it

MARKUP = ("*zqbold*", "_zqitalic_", "~zqstruck~", "`zqcode`")
ALIVE = ("<!channel>", "<!here>", "<@U0NASTY>", "<https://zq.example")
"""What people type in a walk that must stay text."""


def came_alive(shown: Any) -> Iterator[str]:
    """In whatever Slack would render as mrkdwn, or notify for."""
    if isinstance(shown, list):
        for each in shown:
            yield from came_alive(each)
        return
    if not isinstance(shown, dict):
        return
    if shown.get("type") == "mrkdwn" or ("ts" in shown and "blocks" not in shown):
        outside = re.sub(r"```.*?```|`(?!zqcode)[^`\n]*`", "", str(shown.get("text") or ""))
        yield from (
            f"{each} came alive in {outside[:200]!r}" for each in (*MARKUP, *ALIVE) if each in outside
        )
    elif "ts" in shown:
        yield from (f"{each} is alive in a notification" for each in ALIVE if each in str(shown.get("text")))
    if shown.get("type") in ("user", "link", "broadcast") and any(
        each in str(shown) for each in ("U0NASTY", "zq.example", "channel")
    ):
        yield f"{shown} came alive"
    for name, value in shown.items():
        if name != "text" or not isinstance(value, str):
            yield from came_alive(value)


def untold(messages: Iterable[Json], state: Json, by_hand: Iterable[str]) -> Iterator[str]:
    """In English: who was told that a number is bought, or that nothing was, against Twilio's ledger."""
    sold = {each["phone_number"] for each in state["ledger"]} - set(by_hand)
    for each in messages:
        text = str(each.get("text") or "")
        number = number_in(text)
        if number and re.search(r"is bought (for|and in|and yours)", text) and number not in sold:
            yield f"told, and not so: {text[:160]}"
        if number and "Nothing was bought" in text and number in sold:
            yield f"told, and not so: {text[:160]}"


EXPECTED = {
    "internal_error", "ratelimited", "cut_before", "cut_after", "hash_conflict", "not_found",
    "expired_trigger_id", "exchanged_trigger_id",
}  # fmt: skip
"""Of Slack's refusals: what was injected, and what people's own quick hands cause."""


def refusals_of_slack(calls: Iterable[Json], refused: Iterable[Json]) -> Iterator[str]:
    found = Counter(
        f"{each['method']} was refused: {each['error']}"
        for each in calls
        if each.get("method") and each["error"] and each["error"] not in EXPECTED
    )
    yield from (f"{what} ({times} times)" for what, times in found.items())
    for each in refused:
        if each.get("messages") != ["the view is closed"]:  # by hands that were quicker than the answer
            yield f"{each['method']} was invalid: {each['error']} {each.get('messages')}"


def complaints(log: str) -> Iterator[str]:
    """Errors and exceptions in the app's log."""
    lines = log.splitlines()
    for n, line in enumerate(lines):
        if "Twilio does not let the app in" in line:  # a suspended account, of the walk's own making
            continue
        if line.startswith("{"):
            said = json.loads(line)
            if said["level"] in ("error", "critical"):
                yield f"in the log: {said['event']}" + _cause(said.get("exception", "").splitlines())
        elif re.search(r"^Traceback|never awaited|was never retrieved", line):
            yield "in the log: " + line + _cause(lines[n + 1 :])


def _cause(lines: Sequence[str]) -> str:
    """The last line of the traceback that follows."""
    if not lines or not lines[0].startswith("Traceback"):
        return ""
    return next((f" / {each}" for each in lines[1:] if each and not each.startswith(" ")), "")


# languages

JAPANESE = re.compile(r"[぀-ヿ一-鿿]")


def wrong_language(view: Json, locale: str) -> Iterator[str]:
    title = (view.get("title") or {}).get("text", "")
    if title and (JAPANESE.search(title) is not None) is not locale.startswith("ja"):
        yield f"a page with the title “{title}” for somebody who reads {locale}"
