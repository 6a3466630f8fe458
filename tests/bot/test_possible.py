"""What a card offers is what can be done: always a way on, and always a way to end it (rule 36)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as any_of

from bot.purchases.possible import ENDINGS, IN_MENU, WAYS_ON, possible
from handlers import screen
from handlers.card import add_bundle, choose, decide, whatsapp
from handlers.card import test as proof
from storage.bundle_states import BundleState
from storage.models import MOVES, STOPPED, UNFINISHED, Bundle, Purchase, State, WhatsApp, now
from tests import rows

HEARD = {*screen.ON_MESSAGES, *decide.MENU}
KINDS = (None, "", "NotBoughtYet", "TrialLimit", *WAYS_ON)
WAITING = (None, "BalanceTooLow", "AccountRefused", "BundleMissing")
BOUGHT = (State.FAILED, State.COMPLETE, State.ENDED, State.RELEASED)
SENDERS = (None, "CREATING", "PENDING_VERIFICATION", "ONLINE", "OFFLINE")
STATUSES = tuple(BundleState)


def why(kind: str | None) -> dict[str, Any] | None:
    return None if kind is None else {"say": "It has stopped.", "with": {}, "kind": kind}


@any_of.composite
def reachable(draw: any_of.DrawFn) -> tuple[Purchase, Bundle | None]:
    """A purchase in any state that the steps and operations can leave it in, with its bundle in any state."""
    state = draw(any_of.sampled_from(State))
    regulated = draw(any_of.booleans())
    bundle = draw(any_of.none() | any_of.sampled_from(STATUSES).map(bundle_in)) if regulated else None
    bought = state in BOUGHT or (state == State.IN_PROGRESS and draw(any_of.booleans()))
    intent = state == State.IN_PROGRESS and not bought and draw(any_of.booleans())
    sender = {"state": draw(any_of.sampled_from(WhatsApp)), "status": draw(any_of.sampled_from(SENDERS))}
    purchase = rows.purchase(
        state=state,
        capabilities=draw(any_of.sampled_from((["sms", "voice"], ["voice"], ["mms"], ["fax"]))),
        whatsapp=sender if state == State.COMPLETE and draw(any_of.booleans()) else None,
        regulated=regulated,
        end_user_type="business" if regulated else None,
        bundle_id=bundle.id if bundle else None,
        phone_number_sid="PN1" if bought else None,
        releasing={"by": "U0", "reason": "Not used"} if bought and draw(any_of.booleans()) else None,
        buying_at=now() if bought or intent else None,
        problem=why(draw(any_of.sampled_from(KINDS))) if state in STOPPED else None,
        waiting=why(draw(any_of.sampled_from(WAITING))) if state == State.IN_PROGRESS else None,
        alternatives=[{}] if state == State.NEEDS_CHANGES and draw(any_of.booleans()) else [],
    )
    return purchase, bundle


def bundle_in(status: str) -> Bundle:
    return rows.bundle(status=status)


@given(reachable())
def test_every_button_is_heard(found: tuple[Purchase, Bundle | None]) -> None:
    assert set(possible(*found)) <= HEARD, (choose, add_bundle, proof, whatsapp)


@given(reachable())
def test_no_verb_is_offered_twice_and_what_ends_it_comes_last(found: tuple[Purchase, Bundle | None]) -> None:
    verbs = possible(*found)
    assert len(set(verbs)) == len(verbs)
    endings = [each for each in verbs if each in ENDINGS]
    assert list(verbs[len(verbs) - len(endings) :]) == endings


@given(reachable())
def test_what_has_stopped_has_a_way_on_and_a_way_to_end_it(found: tuple[Purchase, Bundle | None]) -> None:
    verbs = possible(*found)
    if found[0].state in STOPPED:
        assert (set(verbs) - set(IN_MENU) and verbs[-1] == "end") or found[0].is_being_released


@given(reachable())
def test_what_is_not_bought_can_be_withdrawn_and_what_is_being_bought_can_not(
    found: tuple[Purchase, Bundle | None],
) -> None:
    purchase, _ = found
    can = State.WITHDRAWN in MOVES.get(purchase.state, ()) and purchase.is_unbought
    assert ("withdraw" in possible(*found)) == (can and purchase.state not in STOPPED)


@given(reachable())
def test_a_decision_is_offered_while_one_is_waited_for_alone(found: tuple[Purchase, Bundle | None]) -> None:
    waits = found[0].state == State.AWAITING_APPROVAL
    assert ({"approve", "deny"} <= set(possible(*found))) == waits


@given(reachable())
def test_what_is_finished_offers_nothing_but_the_proof_that_a_number_can_write(
    found: tuple[Purchase, Bundle | None],
) -> None:
    purchase, offered = found[0], possible(*found)
    if purchase.state == State.COMPLETE:
        if purchase.is_being_released:
            assert offered == ()
            return
        on_whatsapp = {"enable_whatsapp", "whatsapp_code", "no_whatsapp"}
        texts = {"test", "check"} if purchase.quote.can_text else set()
        if purchase.whatsapp is None:
            assert set(offered) - {"enable_whatsapp", "bundle", "hand_over", "release"} == texts
        assert set(offered) <= {"test", "check", "bundle", "hand_over", "release"} | on_whatsapp
    elif purchase.state not in UNFINISHED:
        assert offered == ()


@given(reachable())
def test_a_number_can_be_released_or_handed_over_while_it_is_ours_at_rest_and_nobody_has_it_released(
    found: tuple[Purchase, Bundle | None],
) -> None:
    purchase, offered = found[0], possible(*found)
    ours = purchase.state in (State.FAILED, State.COMPLETE) and purchase.phone_number_sid is not None
    assert ("release" in offered) == ("hand_over" in offered) == (ours and purchase.releasing is None)
    if ours and purchase.releasing is not None:
        assert offered == (), "nothing else is done with a number that is being released"


@given(reachable())
def test_a_whatsapp_sender_that_does_not_come_can_be_done_without(
    found: tuple[Purchase, Bundle | None],
) -> None:
    """Only the intent has to be settled first; and what was refused can be tried anew."""
    purchase, offered = found[0], possible(*found)
    if purchase.whatsapp is not None and not purchase.is_being_released:
        assert ("no_whatsapp" in offered) == (purchase.whatsapp["state"] != WhatsApp.REGISTERING)
        can = bool({"sms", "voice"} & set(purchase.quote.capabilities))
        assert ("enable_whatsapp" in offered) == (can and purchase.whatsapp["state"] == WhatsApp.REFUSED)
        assert "check" in offered


@given(reachable())
def test_a_bundle_is_shown_from_every_card_that_is_still_about_it(
    found: tuple[Purchase, Bundle | None],
) -> None:
    purchase, bundle = found
    live = purchase.state in (*UNFINISHED, State.COMPLETE)
    there = bundle is not None and bundle.status != BundleState.DELETED
    assert ("bundle" in possible(*found)) == (live and there and not purchase.is_being_released)


@given(reachable())
def test_a_bundle_that_can_not_be_bought_with_leads_on_by_itself_or_by_a_button(
    found: tuple[Purchase, Bundle | None],
) -> None:
    """Under review it passes by itself; everything else is somebody's to mend."""
    purchase, bundle = found
    waits = purchase.state in (State.AWAITING_APPROVAL, State.IN_PROGRESS) and purchase.is_unbought
    if (
        waits
        and purchase.is_regulated
        and (
            bundle is None or bundle.status in (BundleState.DRAFT, BundleState.REJECTED, BundleState.DELETED)
        )
    ):
        assert {"continue", "fix", "add_bundle"} & set(possible(purchase, bundle))
