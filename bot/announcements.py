"""Whom a change is told: the card's thread, the requester, the operators. Sentences are kept and told when Slack is there."""

from bot.settings import Settings
from bot.texts import Said
from storage.models import Purchase
from storage.outbox import Owed


def thread(settings: Settings, message: Said) -> Owed:
    return Owed("thread", settings.approvals_channel, message)


def direct(purchase: Purchase, message: Said) -> Owed:
    """To the requester, with a link to the card: once that is there (rule 35)."""
    return Owed("direct", purchase.requester_id, message, after_card=True)


def operators(settings: Settings, message: Said) -> Owed:
    return Owed("operators", settings.operators_channel, message)


def both(settings: Settings, purchase: Purchase, message: Said) -> tuple[Owed, ...]:
    return thread(settings, message), direct(purchase, message)
