"""Whom a change is told: the card's thread, the requester, the operators. Sentences are kept and told when Slack is there."""

from collections.abc import Sequence

from bot.settings import Settings
from bot.texts import N_, Said, mention, phone, say
from storage.models import Number, Purchase
from storage.outbox import Owed


def thread(settings: Settings, message: Said) -> Owed:
    return Owed("thread", settings.approvals_channel, message)


def direct(purchase: Purchase, message: Said) -> Owed:
    """To who answers for it, at first the requester, with a link to the card: once that is there (rule 35)."""
    return Owed("direct", purchase.owner_id, message, after_card=True)


def called_back(
    settings: Settings, message: Said, calls: Sequence[str], told: Sequence[str], *, broadcast: bool = True
) -> tuple[Owed, ...]:
    """To those who have to decide now: an edited card notifies nobody, so a line of the thread does.

    calls: people and user groups that it mentions; told: people who are told directly instead. broadcast: whether the channel shows
    it, too.
    """
    line = say(N_("{approvers} {sentence}"), approvers=mention(calls), sentence=message) if calls else message
    shown = {**line, "broadcast": True} if broadcast else line
    in_thread = Owed("thread", settings.approvals_channel, shown)
    return in_thread, *(Owed("direct", each, message, after_card=True) for each in told)


def operators(settings: Settings, message: Said) -> Owed:
    return Owed("operators", settings.operators_channel, message)


def both(settings: Settings, purchase: Purchase, message: Said) -> tuple[Owed, ...]:
    return thread(settings, message), direct(purchase, message)


def to(person_id: str, message: Said) -> Owed:
    return Owed("direct", person_id, message)


def about(purchase: Purchase | Number, message: Said) -> Said:
    """With its number in front: the thread knows which one it is, who is told directly does not."""
    return say(N_("{number}: {what}"), number=phone(purchase.phone_number), what=message)
