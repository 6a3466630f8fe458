"""What can be done with a bundle, as buttons: the same on its line, its page and its news."""

from bot.bundles.possible import possible
from bot.texts import N_, NC_, Texts
from handlers import blocks
from handlers.blocks import Block
from storage.models import Bundle

LABELS = {
    "continue": N_("Continue"),
    "fix": N_("Fix and resubmit"),
    "submit": N_("Submit"),
    "renew": N_("Renew"),
}


def buttons(bundle: Bundle, renewal: Bundle | None, t: Texts) -> list[Block]:
    """What is possible now, the likely one first; what cannot be taken back is in the menu. renewal: the copy that shall renew it."""
    verbs = possible(bundle, renewal)
    shown = [_button(verb, bundle, renewal, t) for verb in verbs if verb != "delete"]
    if shown:
        shown[0]["style"] = "primary"
    return shown


def menu(bundle: Bundle, renewal: Bundle | None, t: Texts) -> list[Block]:
    if "delete" not in possible(bundle, renewal):
        return []
    return [blocks.overflow("menu", [blocks.option(f"delete:{bundle.id}", t("Delete…"))])]


def details(bundle: Bundle, t: Texts) -> Block:
    return blocks.button("details", t("Details"), bundle.id)


def _button(verb: str, bundle: Bundle, renewal: Bundle | None, t: Texts) -> Block:
    label, sure = LABELS[verb], None
    if verb == "renew" and renewal is not None:
        label = N_("Continue the renewal")
    if verb == "submit":
        sure = blocks.confirm(
            t("Send to Twilio?"),
            t("Twilio checks it once more and begins its review. During it nothing can be changed."),
            t(NC_("a bundle", "Send")),
            t("Not yet"),
        )
    return blocks.button(verb, t(label), bundle.id, confirm=sure)
