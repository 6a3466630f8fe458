"""What is told directly to somebody whose form was closed, by them or by Slack, before they saw what became of it. Rules 13, 23."""

from bot.texts import N_, Said, say
from handlers.blocks import View
from handlers.loading import Closed
from storage.models import Bundle


def page_name(view: View) -> str:
    """As the page calls itself."""
    header = next((each for each in view["blocks"] if each["type"] == "header"), None)
    return str((header or {"text": view["title"]})["text"]["text"])


def saved(bundle: Bundle, page: str, *, is_sure: bool) -> Said:
    """What went wrong is left out: it may quote what was typed, and this is kept until it is delivered."""
    text = N_(
        "The form of the bundle “{bundle}” was closed while “{page}” was sent to Twilio. It is saved there: go on with `/twilio bundles`."
    )
    if not is_sure:
        text = N_(
            "The form of the bundle “{bundle}” was closed while “{page}” was sent to Twilio, and that did not go well. Go on with `/twilio bundles`: what is not saved is asked again."
        )
    return say(text, bundle=bundle.friendly_name, page=page)


def sent(bundle: Bundle) -> Closed:
    """That it was sent is told anyway, as every change of a bundle is."""

    def closed(is_done: bool) -> Said | None:
        if is_done:
            return None
        text = N_(
            "The form of the bundle “{bundle}” was closed while it was sent to Twilio's review, and that did not go well. Look at it with `/twilio bundles`."
        )
        return say(text, bundle=bundle.friendly_name)

    return closed
