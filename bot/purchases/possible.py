"""What people can do with a purchase now: what its card offers, and nothing else. Pure: it looks at the rows alone.

Whether somebody may do it is the policy's matter; that it would do something is this one's (rule 36).
"""

from bot import readiness
from bot.bundles.possible import usable
from bot.twilio import senders
from storage.bundle_states import BundleState
from storage.models import MOVES, STOPPED, UNFINISHED, Bundle, Purchase, State, WhatsApp

WAYS_ON: dict[str, tuple[str, ...]] = {
    "NumberTaken": ("alternative", "search", "retry"),
    "NumberOwned": ("alternative", "search", "retry"),
    "AddressDoesNotFit": ("alternative", "choose_address"),
    "AddressNeeded": ("choose_address",),
    "BundleRefused": ("add_bundle",),
    "ServiceGone": ("choose_service",),
    "ServiceExists": ("choose_service",),
    "SeveralServices": ("choose_service",),
    "ServiceFull": ("choose_service", "retry"),
    "InAnotherService": ("choose_service", "retry"),
    "CannotJoinService": ("choose_service",),
    "NotInService": ("retry", "choose_service"),
    "NeedsAPerson": ("retry", "take_over"),
}
"""What leads on from a problem, by its kind; from every other one ``retry``."""
ENDINGS = ("withdraw", "end", "no_whatsapp", "release")
IN_MENU = ("approve_alone", "bundle", "hand_over", *ENDINGS)
"""What is rare, or cannot be taken back."""


def ways_on(purchase: Purchase) -> tuple[str, ...]:
    """What leads on from where it has stopped, or from what it waits for, the likely one first."""
    kind = (purchase.problem or purchase.waiting or {}).get("kind")
    if purchase.state == State.IN_PROGRESS:
        return ("buy_anyway", "retry") if kind == "BalanceTooLow" and purchase.is_unbought else ()
    if purchase.state not in STOPPED:
        return ()
    ways = WAYS_ON.get(kind or "", ("retry",))
    if not purchase.alternatives:
        ways = tuple(way for way in ways if way != "alternative")
    return ways or ("retry",)


def possible(purchase: Purchase, bundle: Bundle | None) -> tuple[str, ...]:
    """Verbs, the likely one first, and last what ends it. bundle: the quoted one, as it is now.

    ``continue`` and ``fix`` are what leads on with that bundle; ``add_bundle`` takes another one, or the first; ``bundle`` shows it.
    """
    if purchase.is_being_released:
        return ()
    if purchase.state == State.COMPLETE:
        return (*_when_bought(purchase, bundle), "hand_over", *_given_up(purchase), "release")
    on = (*_deciding(purchase), *_with_bundle(purchase, bundle), *_without(purchase))
    if purchase.state in STOPPED and not on:
        on = (
            "retry",
        )  # what leads on from its problem is not possible where it is: nobody shall be left without a way
    return (*on, *(_shown(bundle) if purchase.state in UNFINISHED else ()), *_ending(purchase))


def _shown(bundle: Bundle | None) -> tuple[str, ...]:
    return () if bundle is None or bundle.status == BundleState.DELETED else ("bundle",)


def _when_bought(purchase: Purchase, bundle: Bundle | None) -> tuple[str, ...]:
    """WhatsApp wants a number that can be told its code."""
    whatsapp, quote = purchase.whatsapp, purchase.quote
    on_whatsapp = whatsapp or {}
    tests = quote.can_text or on_whatsapp.get("status") in senders.ONLINE
    mends = _mends(purchase) if quote.can_text else ()
    ways = (
        *(("test",) if tests else ()),
        *mends,
        *(("check",) if quote.can_text or whatsapp else ()),
    )
    if on_whatsapp.get("status") == senders.PENDING_VERIFICATION:
        ways = ("whatsapp_code", *ways)
    if on_whatsapp.get("state", WhatsApp.REFUSED) == WhatsApp.REFUSED and {"sms", "voice"} & set(
        quote.capabilities
    ):
        ways = (*ways, "enable_whatsapp")
    return (*ways, *_shown(bundle))


def _given_up(purchase: Purchase) -> tuple[str, ...]:
    """What is wanted no more. One that is being registered is waited for."""
    whatsapp = purchase.whatsapp
    return ("no_whatsapp",) if whatsapp and whatsapp["state"] != WhatsApp.REGISTERING else ()


def _mends(purchase: Purchase) -> tuple[str, ...]:
    """What can be done about what the checks found missing, what keeps texts from arriving first."""
    return tuple(each["mend"] for each in readiness.unfinished(purchase.findings) if each.get("mend"))


def _deciding(purchase: Purchase) -> tuple[str, ...]:
    return ("approve", "deny", "approve_alone") if purchase.state == State.AWAITING_APPROVAL else ()


def _with_bundle(purchase: Purchase, bundle: Bundle | None) -> tuple[str, ...]:
    live = purchase.state in (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES)
    if not live or not purchase.is_unbought:
        return ()
    if not purchase.is_regulated:
        return ("add_bundle",) if "add_bundle" in ways_on(purchase) else ()
    if bundle is None:
        return ("add_bundle",)
    if bundle.status == BundleState.DRAFT:
        return ("continue", "add_bundle")
    if bundle.status == BundleState.REJECTED:
        return ("fix", "add_bundle")
    refused = "add_bundle" in ways_on(purchase)
    return ("add_bundle",) if refused or not usable(bundle) else ()


def _without(purchase: Purchase) -> tuple[str, ...]:
    return tuple(way for way in ways_on(purchase) if way != "add_bundle")


def _ending(purchase: Purchase) -> tuple[str, ...]:
    if purchase.state in STOPPED:
        return ("hand_over", "release", "end") if purchase.is_owned else ("end",)
    withdrawable = State.WITHDRAWN in MOVES.get(purchase.state, ())
    return ("withdraw",) if withdrawable and purchase.is_unbought else ()
