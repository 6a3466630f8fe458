"""A phone number, wherever one is typed: with its country code, however it is written."""

import phonenumbers

from bot.errors import BotError
from bot.folding import folded
from bot.texts import N_
from handlers.forms import Wrong
from handlers.turn import Turn


class NoNumber(BotError):
    text = N_("Type the number with its country code: `/twilio {command} +14155550123`.")


def e164(typed: str) -> str:
    """For a field's type. Raises Wrong."""
    try:
        parsed = phonenumbers.parse(folded(typed))
    except phonenumbers.NumberParseException:
        raise Wrong(N_("Type the whole number with its country code, such as +14155550123.")) from None
    if not phonenumbers.is_possible_number(parsed):
        raise Wrong(N_("This number has too few or too many digits. Type it with its country code."))
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def of_command(turn: Turn, command: str) -> str:
    """E.164, the plus sign left out or not. Raises NoNumber."""
    typed = "".join(turn.words)
    try:
        return e164(typed if typed.startswith("+") else f"+{typed}")
    except Wrong:
        raise NoNumber(command=command) from None
