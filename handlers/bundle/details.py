"""A bundle's page: where it stands, its documents, why it was refused, what uses it, and what can be done with it."""

from datetime import datetime

from bot.bundles import announcements, renewal
from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BundleGone, CannotCheck, NotAllowed
from bot.purchases import operations
from bot.purchases.policy import Verb
from bot.texts import BUNDLE_STATES, DOCUMENT_STATES, N_, Texts, channels, moment, say
from bot.twilio import contents, evaluation
from bot.twilio.client import TwilioError
from bot.twilio.contents import Contents
from bot.twilio.regulations import Regulation
from handlers import blocks, loading, rich
from handlers.blocks import Block, View
from handlers.bundle import buttons, flow, news
from handlers.bundle.form import heading, load
from handlers.ref import OfBundle
from handlers.rich import Element
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.bundle_states import EDITABLE, BundleState
from storage.models import Bundle

CALLBACK_ID = "bundles.details"


# what you see


async def page(bundle_id: str, turn: Turn, *, notice: Block | None = None) -> View:
    """Asks Twilio. Raises BundleGone, TwilioError."""
    app, t = turn.app, turn.t
    bundle = await app.store.bundle(bundle_id)
    if bundle is None:
        raise BundleGone()
    if bundle.is_made and bundle.status != BundleState.DELETED:
        bundle = await bundles.read(app, bundle)
    copy = await app.store.renewal_of(bundle.id)
    shown = [*([notice] if notice else []), heading(bundle, t), await _stands(bundle, copy, app, t)]
    if bundle.is_made and bundle.status != BundleState.DELETED:
        shown += await _contents(bundle, turn)
        shown += await news.users(bundle, app, t)
    if await _may_change(turn):
        every = blocks.button("list", t("All bundles"))
        actions = [*buttons.buttons(bundle, copy, t), every, *buttons.menu(bundle, copy, t)]
        shown.append(blocks.actions(f"of {bundle.id}", *actions))
    return blocks.modal(CALLBACK_ID, t("Bundle"), shown, close=t("Close"), about=str(OfBundle(bundle.id)))


async def _may_change(turn: Turn) -> bool:
    try:
        await turn.app.policy.check_bundles(turn.person_id, turn.app.people)
    except (NotAllowed, CannotCheck):
        return False
    return True


async def _stands(bundle: Bundle, copy: Bundle | None, app: App, t: Texts) -> Block:
    """Its status, who did what and when, and its renewal."""
    people = {bundle.made_by, bundle.submitted_by} - {None}
    names = await app.people.names(str(each) for each in people)
    lines = [[rich.text(t(BUNDLE_STATES.get(bundle.status, bundle.status)), bold=True)]]
    if bundle.created_at is not None:
        lines.append(_made(bundle, bundle.created_at, names.get(bundle.made_by or ""), t))
    if bundle.submitted_at is not None:
        lines.append(_sent(bundle.submitted_at, names.get(bundle.submitted_by or ""), t))
    if bundle.decided_at is not None:
        lines.append(rich.said(say(N_("Decided by Twilio {when}"), when=moment(bundle.decided_at)), t, {}))
    if bundle.status == BundleState.APPROVED:
        lines.append(_lasts(bundle, t))
    if bundle.renews_id is not None and (renewed := await app.store.bundle(bundle.renews_id)) is not None:
        takes = say(
            N_("Renews the bundle “{bundle}” once Twilio has approved it"), bundle=renewed.friendly_name
        )
        lines.append(rich.said(takes, t, {}))
    if copy is not None:
        renewal_ = say(N_("Its renewal: {status}"), status=announcements.state_of(copy))
        lines.append(rich.said(renewal_, t, {}))
    return rich.block(*(rich.section(*line) for line in lines))


def _made(bundle: Bundle, at: datetime, by: str | None, t: Texts) -> list[Element]:
    if by is None:
        return rich.said(say(N_("Made {when} in the Twilio Console"), when=moment(at)), t, {})
    return rich.said(say(N_("Made {when} by {name}"), when=moment(at), name=by), t, {})


def _sent(at: datetime, by: str | None, t: Texts) -> list[Element]:
    if by is None:
        return rich.said(say(N_("Sent to Twilio's review {when}"), when=moment(at)), t, {})
    return rich.said(say(N_("Sent to Twilio's review {when} by {name}"), when=moment(at), name=by), t, {})


def _lasts(bundle: Bundle, t: Texts) -> list[Element]:
    if bundle.valid_until is None:
        said = N_(
            "No end date. Twilio lets an approved bundle be changed only once it has one; until then, make a new bundle."
        )
        return [rich.text(t(said))]
    until = say(N_("Approved until {when}"), when=moment(bundle.valid_until))
    return rich.said(until, t, {})


async def _contents(bundle: Bundle, turn: Turn) -> list[Block]:
    """What Twilio has of it, as far as it is understood: one of the Console's may follow no regulation that is known."""
    app, t = turn.app, turn.t
    if bundle.regulation_sid is None:
        return []
    try:
        regulation = await app.market.regulation(bundle.regulation_sid)
        holds = await contents.read(app, bundle, regulation)
    except TwilioError as error:
        if not error.definite:
            raise
        return []
    refused = bundle.status == BundleState.REJECTED
    shows = refused and await _may_read_reasons(bundle, turn)
    shown = _documents(bundle, regulation, holds, t, with_reasons=shows)
    if refused:
        shown += _whole(bundle, app, t) if shows else [_elsewhere(app, t)]
    if bundle.status in EDITABLE:
        shown += await _evaluation(bundle, regulation, holds, app, t)
    return shown


async def _may_read_reasons(bundle: Bundle, turn: Turn) -> bool:
    """Who sent it, and the members of the bundles channel: they read them there (rule 27)."""
    if bundle.submitted_by == turn.person_id:
        return True
    try:
        return await turn.app.people.belongs(turn.person_id, [], [turn.app.settings.bundles_channel])
    except CannotCheck:
        return False


def _documents(
    bundle: Bundle, regulation: Regulation, holds: Contents, t: Texts, *, with_reasons: bool
) -> list[Block]:
    rows: list[list[Element]] = []
    for i, requirement in enumerate(regulation.documents(bundle.group)):
        there = holds.documents.get(i)
        kind = requirement.kind(there.type) if there else None
        state = t(DOCUMENT_STATES.get(there.status, there.status)) if there else t("missing")
        said = t.listed((t(kind.name), state)) if kind else state
        if there is not None and there.reason and with_reasons:
            said += f"\n{there.reason}"
        rows.append([rich.text(t(requirement.name), bold=True), rich.text(f" · {said}")])
    rows += [
        [rich.text(f"{each.type}: {t(DOCUMENT_STATES.get(each.status, each.status))}")]
        for each in holds.strays
    ]
    if not rows:
        return []
    return [rich.block(rich.section(rich.text(t("Documents"), bold=True))), *rich.bullets(rows, t)]


def _whole(bundle: Bundle, app: App, t: Texts) -> list[Block]:
    """What Twilio said of the bundle as a whole, as far as it told us."""
    reason = app.bundle_memory.reason(bundle.sid)
    return [rich.sentence(t, N_("Twilio's words: {reason}"), reason=reason)] if reason else []


def _elsewhere(app: App, t: Texts) -> Block:
    where = channels([app.settings.bundles_channel])
    return rich.sentence(t, N_("Twilio's reasons are told in {channel}, and to who sent it."), channel=where)


async def _evaluation(
    bundle: Bundle, regulation: Regulation, holds: Contents, app: App, t: Texts
) -> list[Block]:
    found = await evaluation.latest(app, bundle, regulation, holds)
    if found is None:
        return []
    at, findings = found
    if not findings:
        return [rich.sentence(t, N_("Twilio's evaluation {when} found nothing missing."), when=moment(at))]
    first = rich.sentence(t, N_("Twilio's evaluation {when} found:"), when=moment(at))
    return [first, *rich.bullets([rich.said(each.said, t, {}) for each in findings], t)]


# what happens next


async def opened(turn: Turn) -> None:
    """``details``, on a list or the news of a bundle."""
    await turn.app.policy.check_bundles(turn.person_id, turn.app.people)
    await show(turn, turn.value)


async def show(turn: Turn, bundle_id: str) -> None:
    async def work(mark: str) -> View:
        return await page(bundle_id, turn)

    await loading.behind(turn, turn.t("Reading the bundle from Twilio…"), work)


async def of_purchase(turn: Turn, purchase_id: str) -> None:
    """From a card, for whoever could give its request a bundle."""
    purchase = await operations.existing(purchase_id, turn.app)
    await turn.app.policy.check(Verb.ADD_BUNDLE, turn.person_id, purchase, turn.app.people)
    if purchase.quote.bundle_id is None:
        raise BundleGone()
    await show(turn, purchase.quote.bundle_id)


async def submitting(turn: Turn) -> None:
    """Sent when nothing is missing; else the page where something is."""
    about = OfBundle(turn.value, contents.REVIEW)

    async def work(mark: str) -> View:
        app, t = turn.app, turn.t
        form = await load(about, app)
        if contents.next_page(form.regulation, form.bundle, form.contents) != contents.REVIEW:
            return await flow.opened(turn, about, mark)
        kept = await contents.sync_contents(app, form.bundle, form.regulation, form.contents)
        if await evaluation.evaluate(app, form.bundle, form.regulation, kept):
            return await flow.review_page(form, app, t, mark=mark)
        await bundles.submit(app, form.bundle, turn.person_id)
        sent = blocks.alert(t("The bundle is with Twilio's reviewers now."), "success")
        return await page(about.bundle_id, turn, notice=sent)

    await flow.behind(turn, turn.t("Sending the bundle to Twilio…"), about, work)


async def renewing(turn: Turn) -> None:
    """The copy on its last page, where everything can be changed; the one that was begun, where there is one."""
    bundle = await turn.app.store.bundle(turn.value)
    if bundle is None:
        raise BundleGone()
    copy = await renewal.start(turn.app, bundle, turn.person_id)
    about = OfBundle(copy.id)

    async def work(mark: str) -> View:
        return await flow.opened(turn, about, mark)

    await flow.behind(turn, turn.t("Copying the bundle at Twilio…"), about, work)


ACTIONS = {
    "details": opened,
    "continue": flow.allowed(flow.going_on),
    "fix": flow.allowed(flow.going_on),
    "submit": flow.allowed(submitting),
    "renew": flow.allowed(renewing),
}
"""What a bundle's buttons do, wherever they stand."""

Screen(CALLBACK_ID, actions=ACTIONS)
on_messages(details=opened, renew=ACTIONS["renew"])
