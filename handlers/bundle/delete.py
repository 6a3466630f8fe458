"""Deleting a bundle, behind a page that says what depends on it: a menu has one confirmation for all."""

from bot.bundles import operations as bundles
from bot.errors import BundleGone, OldButton
from bot.texts import N_, Said, Texts, say
from bot.twilio.client import TwilioError
from handlers import blocks, errors, rich
from handlers.blocks import Block, View
from handlers.bundle import details, flow
from handlers.bundle import list as bundles_list
from handlers.bundle.form import heading
from handlers.ref import OfBundle
from handlers.screen import Screen
from handlers.turn import Turn
from storage.models import Bundle, Purchase

CALLBACK_ID = "bundles.delete"


def page(bundle: Bundle, waiting: list[Purchase], t: Texts) -> View:
    """waiting: the requests that need another bundle then."""
    shown: list[Block] = [
        heading(bundle, t),
        blocks.section(t("Twilio deletes it for good. Requests that wait for it need another bundle.")),
    ]
    if waiting:
        numbers = t.listed(t.phone(each.phone_number) for each in waiting)
        shown.append(blocks.section(t("Waiting for it: {numbers}", numbers=numbers)))
    about = str(OfBundle(bundle.id))
    return blocks.modal(
        CALLBACK_ID, t("Delete the bundle?"), shown, close=t("Keep it"), submit=t("Delete"), about=about
    )


async def chosen(turn: Turn) -> None:
    """The menu of a bundle: its values begin with the verb."""
    verb, _, bundle_id = turn.value.partition(":")
    bundle = await turn.app.store.bundle(bundle_id)
    if verb != "delete":
        raise OldButton()
    if bundle is None:
        raise BundleGone()
    waiting = [each for each in await turn.app.store.purchases_using(bundle.id) if each.is_unbought]
    await turn.show(page(bundle, waiting, turn.t))


async def deleted(turn: Turn) -> None:
    about = OfBundle.parse(turn.about)

    async def work(mark: str) -> View:
        return await bundles_list.page(
            bundles_list.Part(), turn.app, turn.t, notice=await _delete(turn, about)
        )

    await flow.behind(turn, turn.t("Deleting the bundle…"), about, work)


async def _delete(turn: Turn, about: OfBundle) -> Block:
    """What became of it."""
    app, t = turn.app, turn.t
    bundle = await app.store.bundle(about.bundle_id)
    if bundle is None:
        raise BundleGone()
    try:
        bundle = await bundles.delete(app, bundle, turn.person_id)
    except Exception as error:
        return blocks.note(rich.plainly(_why_not(error) or await errors.sentence(error, app), t))
    return blocks.note(t("The bundle “{bundle}” is deleted.", bundle=bundle.friendly_name), "success")


def _why_not(error: Exception) -> Said | None:
    match getattr(error, "code", None) if isinstance(error, TwilioError) else None:
        case 21647:
            return say(N_("Twilio is reviewing this bundle: until it has decided, nobody can delete it."))
        case 21648:
            return say(N_("A number uses this bundle, so Twilio does not delete it."))
    return None


Screen(CALLBACK_ID, flow.allowed(deleted))
for each in (bundles_list.CALLBACK_ID, details.CALLBACK_ID):
    Screen(each, actions={"menu": flow.allowed(chosen)})
