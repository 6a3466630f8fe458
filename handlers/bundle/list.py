"""``/twilio bundles``: the account's bundles, as the watch keeps them; what can be done with each."""

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.bundles import operations as bundles
from bot.bundles.possible import possible
from bot.core import App
from bot.errors import BundleGone
from bot.texts import BUNDLE_STATES, N_, Said, Texts, escape, say
from bot.twilio import contents, evaluation
from bot.twilio.client import TwilioError
from handlers import blocks, errors
from handlers.blocks import Block, View
from handlers.bundle import flow
from handlers.bundle.form import load
from handlers.ref import OfBundle, Ref
from handlers.screen import Screen
from handlers.turn import Turn
from storage.bundle_states import UNDER_REVIEW, BundleState
from storage.bundles import Listed
from storage.models import Bundle, now

CALLBACK_ID = "bundles.list"
ON_A_PAGE = 8
ALL = "all"
STATUSES = {
    BundleState.DRAFT: (BundleState.DRAFT,),
    "under-review": UNDER_REVIEW,
    BundleState.APPROVED: (BundleState.APPROVED,),
    BundleState.REJECTED: (BundleState.REJECTED,),
    BundleState.DELETED: (BundleState.DELETED,),
}
NAMES = {
    ALL: N_("All"),
    BundleState.DRAFT: N_("Drafts"),
    "under-review": N_("Under review"),
    BundleState.APPROVED: N_("Approved"),
    BundleState.REJECTED: N_("Rejected"),
    BundleState.DELETED: N_("Deleted"),
}


LABELS = {
    "continue": N_("Continue"),
    "fix": N_("Fix and resubmit"),
    "submit": N_("Submit"),
    "delete": N_("Delete"),
}


@dataclass(frozen=True)
class Part(Ref):
    """Which part of the list: carried in the view."""

    status: str = ALL
    country: str = ALL
    offset: int = 0


# what you see


async def page(which: Part, app: App, t: Texts, *, notice: Block | None = None) -> View:
    account = app.settings.twilio_account_sid
    statuses = STATUSES.get(which.status) or tuple(
        each for kind, found in STATUSES.items() if kind != BundleState.DELETED for each in found
    )
    country = None if which.country == ALL else which.country
    listed = await app.store.list_bundles(account, statuses, country, which.offset, ON_A_PAGE + 1)
    countries = await app.store.bundle_countries(account)
    shown: list[Block] = [notice] if notice else []
    shown.append(_filters(which, countries, t))
    for each in listed[:ON_A_PAGE]:
        shown += _bundle(each, t)
    if not listed:
        shown.append(blocks.section(t("There is no such bundle. Make one with `/twilio new-bundle`.")))
    turning = []
    if which.offset:
        turning.append(blocks.button("previous", t("Previous")))
    if len(listed) > ON_A_PAGE:
        turning.append(blocks.button("more", t("More")))
    if turning:
        shown.append(blocks.actions("turning", *turning))
    return blocks.modal(CALLBACK_ID, t("Bundles"), shown, close=t("Close"), about=str(which))


def _filters(which: Part, countries: list[str], t: Texts) -> Block:
    every = [blocks.option(value, t(name)) for value, name in NAMES.items()]
    places = [blocks.option(ALL, t("All countries"))]
    places += [blocks.option(code, t.country(code)) for code in countries[:99]]
    return blocks.actions(
        f"filters~{which.status}{which.country}",
        blocks.choice("status", t("Status"), every, which.status),
        blocks.choice("country", t("Country"), places, which.country),
    )


def _bundle(listed: Listed, t: Texts) -> list[Block]:
    bundle = listed.bundle
    kind = t("{country}, {type}", country=t.country(bundle.country), type=t.number_type(bundle.number_type))
    status = t(BUNDLE_STATES.get(bundle.status, bundle.status))
    if bundle.valid_until is not None and bundle.status == BundleState.APPROVED:
        status = t("{status}, until {date}", status=status, date=bundle.valid_until.date().isoformat())
    by = f"<@{bundle.made_by}>" if bundle.made_by else t("in the Twilio Console")
    lines = [
        f"*{escape(bundle.friendly_name)}* – *{status}*",
        f"{kind}, {t.end_user(bundle.end_user_type)}",
        t("Made {age}, {by}", age=_age(bundle, t), by=by),
    ]
    if listed.waiting:
        numbers = t.listed(t.phone(each.phone_number) for each in listed.waiting)
        lines.append(t("Waiting for it: {numbers}", numbers=numbers))
    shown = [blocks.section("\n".join(lines))]
    buttons = _buttons(bundle, t)
    if buttons:
        shown.append(blocks.actions(f"of {bundle.id}", *buttons))
    return shown


def _age(bundle: Bundle, t: Texts) -> str:
    days = max(timedelta(0), now() - (bundle.created_at or now())).days
    return t.n("one day ago", "{n} days ago", days) if days else t("today")


def _buttons(bundle: Bundle, t: Texts) -> list[Block]:
    """What is possible now: nothing while it is under review, which nobody can take back."""
    return [_button(verb, bundle, t) for verb in possible(bundle)]


def _button(verb: str, bundle: Bundle, t: Texts) -> Block:
    sure, style = None, None
    if verb == "submit":
        sure = blocks.confirm(
            t("Send to Twilio?"),
            t("Twilio checks it once more and begins its review. During it nothing can be changed."),
            t("Send"),
            t("Not yet"),
        )
    if verb == "delete":
        style = "danger"
        sure = blocks.confirm(
            t("Delete the bundle?"),
            t("Twilio deletes it for good. Requests that wait for it need another bundle."),
            t("Delete"),
            t("Keep it"),
            "danger",
        )
    return blocks.button(verb, t(LABELS[verb]), bundle.id, style=style, confirm=sure)


# what happens next


async def opened(turn: Turn) -> None:
    """``/twilio bundles``"""
    await turn.show(await page(Part(), turn.app, turn.t))


async def filtered(turn: Turn) -> None:
    typed = turn.answers
    await turn.show(
        await page(Part(typed.get("status") or ALL, typed.get("country") or ALL), turn.app, turn.t)
    )


async def turned(turn: Turn) -> None:
    """``more`` and ``previous``"""
    which = Part.parse(turn.about)
    step = ON_A_PAGE if turn.action_id == "more" else -ON_A_PAGE
    await turn.show(await page(replace(which, offset=max(0, which.offset + step)), turn.app, turn.t))


async def submitting(turn: Turn) -> None:
    """Sent when nothing is missing; else the page where something is."""
    which, about = Part.parse(turn.about), OfBundle(turn.value, contents.REVIEW)

    async def work(mark: str) -> View:
        app, t = turn.app, turn.t
        form = await load(about, app)
        where = contents.next_page(form.regulation, form.bundle, form.contents)
        if where != contents.REVIEW:
            return await flow.opened(turn, about, mark)
        kept = await contents.in_step(app, form.bundle, form.regulation, form.contents)
        if await evaluation.evaluate(app, form.bundle, form.regulation, kept):
            return await flow.review_page(form, app, t, mark=mark)
        await bundles.submit(app, form.bundle, turn.person_id)
        sent = blocks.alert(t("The bundle is with Twilio's reviewers now."), "success")
        return await page(which, app, t, notice=sent)

    await flow.behind(turn, turn.t("Sending the bundle to Twilio…"), about, work)


async def deleting(turn: Turn) -> None:
    which, about = Part.parse(turn.about), OfBundle(turn.value)

    async def work(mark: str) -> View:
        return await page(which, turn.app, turn.t, notice=await _delete(turn, about))

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
        return blocks.alert(t.said(_why_not_deleted(error) or await errors.sentence(error, app)), "error")
    return blocks.alert(
        t("The bundle “{bundle}” is deleted.", bundle=escape(bundle.friendly_name)), "success"
    )


def _why_not_deleted(error: Exception) -> Said | None:
    match getattr(error, "code", None) if isinstance(error, TwilioError) else None:
        case 21647:
            return say(N_("Twilio is reviewing this bundle: until it has decided, nobody can delete it."))
        case 21648:
            return say(N_("A number uses this bundle, so Twilio does not delete it."))
    return None


SCREEN = Screen(
    CALLBACK_ID,
    actions={
        "status": filtered,
        "country": filtered,
        "more": turned,
        "previous": turned,
        "continue": flow.allowed(flow.going_on),
        "fix": flow.allowed(flow.going_on),
        "submit": flow.allowed(submitting),
        "delete": flow.allowed(deleting),
    },
)
