"""What can go wrong, and the sentence people read. The class says where a purchase goes (``bot/purchases/worker.py``)."""

from typing import Any

from bot.texts import N_, Said, say


class BotError(Exception):
    """Something people can act on: the text says what happened and what to do."""

    text: str

    def __init__(self, text: str | None = None, **with_: Any) -> None:
        self.said: Said = say(text or self.text, **with_)
        super().__init__(self.said["say"])


class FormErrors(BotError):
    """Answers of a modal that cannot be: a sentence for each field."""

    text = N_("Some fields need another look.")

    def __init__(self, fields: dict[str, Said]) -> None:
        super().__init__()
        self.fields = fields


UNSEEN_CHARACTERS = N_(
    "There are characters in it that cannot be seen. Type it anew, or paste it as plain text."
)
"""They come from copied terminals and files, are not seen, and change what others read (rule 39)."""


# who may do what


class NotAllowed(BotError):
    """By the policy, which the operators own: whoever shows it names them (``Policy.whom_to_ask``)."""


class MayNotAsk(NotAllowed):
    text = N_("You are not on the list of people who may ask for a number.")


class MayNotApprove(NotAllowed):
    text = N_("You are not on the list of people who may approve or deny this request.")


class OnlyApprovers(BotError):
    """Names them; where a channel's members approve, the channel."""

    text = N_("Only an approver can do this. Ask {approvers}.")


class MayNotRelease(BotError):
    """Names who may; where nobody may, the operators."""

    text = N_("You may not release this number: it takes somebody whom the policy names. Ask {people}.")


class OwnRequest(BotError):
    text = N_("This is your own request, so somebody else has to approve it.")


class NotYours(BotError):
    text = N_("Only {requester} can do that, who asked for the number.")


class CannotCheck(BotError):
    text = N_("Slack did not say who belongs to the group that may do this. Please try again in a moment.")


class UnknownList(CannotCheck):
    """The operators are told why (``People.troubles``)."""

    text = N_(
        "The policy names {list}, whose members Slack does not show, so nobody can be let in by it. The operators have been told."
    )


class BarredFromHere(NotAllowed):
    """A guest, a bot, somebody deactivated or of another company; says which (rule 16)."""


class NobodyCouldApprove(NotAllowed):
    """No rule is for it, or too few people could approve: says which."""


class NotYourTurn(BotError):
    """By the stages of its rule; names who may."""

    text = N_("At this point it waits for the approval of {approvers}.")


class OverLimit(NotAllowed):
    """By the policy: says which limit, with its figures."""


class NotAnOperator(NotAllowed):
    text = N_("Only the operators of Number Desk can do this.")


class MayNotAddBundle(NotAllowed):
    text = N_("You are not on the list of people who may make bundles and add them to a request.")


# what has moved on


class AlreadyDecided(BotError):
    """Says who decided, and when."""


class OldQuote(BotError):
    text = N_("This button belongs to an older quote. The card shows the current one now.")


class OldButton(BotError):
    """What it carries cannot be read: from before a change of the app, or made up."""

    text = N_("This button is too old. Open it again with `/twilio`.")


class NotPossibleNow(BotError):
    text = N_("That is not possible any more: the request has moved on. The card shows where it stands.")


class TestUnderWay(BotError):
    text = N_("A test message is being sent right now. Wait for what becomes of it.")


class NoSuchNumber(BotError):
    text = N_("{number} is not in the Twilio account.")


class CannotText(BotError):
    text = N_("{number} cannot send texts, so there is nothing to test.")


class TooManyTests(BotError):
    text = N_("Three test messages were sent from this number within the hour. Try again later.")


class CodeRefused(BotError):
    """Says why, and what to do."""


class DraftGone(BotError):
    text = N_("This form was already sent or discarded. Start again with `/twilio buy-number`.")


class BundleGone(BotError):
    text = N_("This bundle was deleted at Twilio.")


class StartAgain(BotError):
    text = N_("This page is too old. Close it, and go on with the bundle from `/twilio bundles`.")


class BundleBusy(BotError):
    text = N_("Somebody is changing this bundle right now. Please try again in a moment.")


class NotAsTwilioHasIt(BotError):
    text = N_("That is not possible now: at Twilio the bundle is {status}.")


class NoBundleEmail(BotError):
    text = N_(
        "Twilio asks for an e-mail address on every bundle, and none is set. The operators of Number Desk can set BUNDLE_EMAIL."
    )


class SlackSlow(BotError):
    """Too many calls, no answer in time, or a press that Slack has forgotten meanwhile: nobody's fault, and no alarm (rule 23)."""

    text = N_("Slack was slow just now, so this did not happen. Please try again.")


# what Twilio says


class NothingKnownYet(BotError):
    text = N_("The list of countries is still being fetched from Twilio. Please try again in a moment.")


class TwilioAway(BotError):
    text = N_("Twilio does not answer at the moment. Nothing is lost: go back and try again.")


class TwilioRefused(BotError):
    """Twilio's own words, with its code."""

    text = N_("Twilio refuses: {message} (error {code}). {more_info}")


class AccountRefused(BotError):
    text = N_(
        "Twilio does not accept the app's credentials, or the account is suspended (error {code}). The operators have been told."
    )


# while a number is chosen


class NothingOnSale(BotError):
    text = N_("No number matches all of that.")


class NotOnSale(BotError):
    text = N_("{number} is not among the numbers that Twilio offers for this now.")


class HeldByAnother(BotError):
    text = N_("Somebody else is buying {number} already. Choose another one.")


# before and while buying; each sends the purchase to where somebody can act


class NumberTaken(BotError):
    text = N_("{number} was sold to somebody else in the meantime.")


class NumberOwned(BotError):
    text = N_("{number} is in the Twilio account already, and was not bought for this request.")


class QuoteChanged(BotError):
    """What is to be bought is not what was approved any more. changed: the quote's columns that differ."""

    def __init__(self, text: str, changed: dict[str, Any], **with_: Any) -> None:
        super().__init__(text, **with_)
        self.changed = changed


class ApprovalsVoid(BotError):
    """Before the intent: of those who approved, too few may approve now (rule 8)."""

    text = N_(
        "Not enough of the people who approved {number} may approve now. It needs another approval before it is bought."
    )


class NotSoldAnyMore(BotError):
    text = N_("Twilio lists no price any more for this type of number in {country}.")


class AddressNeeded(BotError):
    text = N_(
        "Twilio wants an address for this number, and none was chosen. Choose one with the button on the card."
    )


class AddressDoesNotFit(BotError):
    text = N_(
        "The address does not lie in the area that this number asks for. Choose another number or another address."
    )


class BundleRefused(BotError):
    text = N_("Twilio does not accept the bundle for this number: {message}. Choose another one.")


class NotBoughtYet(BotError):
    text = N_(
        "Twilio did not say whether {number} was bought, {count} times in a row, and it was not. Press Retry once Twilio works."
    )


class TrialLimit(BotError):
    text = N_(
        "A trial account may have one number only, and it has one. Upgrade the Twilio account, then press Retry."
    )


class SecondOnTrial(BotError):
    text = N_(
        "A trial account may have one number, and has one already: Twilio refuses a second one until billing details are added in the Console."
    )


class NeedsAPerson(BotError):
    text = N_(
        "{number} is in the Twilio account but does not carry this request's name, so Number Desk cannot tell who bought it. Nothing more is bought until somebody has looked. It was created there at {created}; our own attempt began at {began}."
    )


class ServiceGone(BotError):
    text = N_("There is no messaging service “{name}” at Twilio any more. Choose another one.")


class ServiceExists(BotError):
    text = N_(
        "Somebody else has made a messaging service named “{name}” in the meantime. Choose that one or another."
    )


class CannotJoinService(BotError):
    text = N_("Twilio does not take this number into a messaging service: {message}. Finish it without one.")


class NotInService(BotError):
    text = N_("The number is not in its messaging service any more: somebody took it out, or Twilio did.")


class BundleDoesNotFit(BotError):
    text = N_(
        "This bundle is for another country, number type or end user than the number. Choose one that fits."
    )


class ServiceFull(BotError):
    text = N_("The messaging service takes no more numbers. Choose another one.")


class InAnotherService(BotError):
    text = N_(
        "The number already belongs to the messaging service {service}. Take it out there, or choose that one."
    )


class SeveralServices(BotError):
    text = N_("There are several messaging services named {name}. Choose one of them from the list.")
