"""From page to page: each is saved at Twilio behind a loading view, and what is missing next is read from there."""

from dataclasses import replace
from functools import wraps
from typing import Any

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BotError
from bot.purchases import operations
from bot.slack.files import FileProblem
from bot.texts import N_, Said, Texts
from bot.twilio import contents, evaluation
from bot.twilio.addresses import AddressProblem
from bot.twilio.contents import GROUP, REVIEW, Contents, Page
from bot.twilio.regulations import Regulation
from handlers import address_fields, blocks, errors, loading, rich
from handlers.blocks import Block, View
from handlers.bundle import address, document, document_set, end_user, review, unseen
from handlers.bundle.form import BundleForm, Notes, bundle_of, heading, load
from handlers.buy import draft as draft_row
from handlers.buy import review as purchase_review
from handlers.ref import OfBundle
from handlers.screen import Listener, Screen, on_messages
from handlers.turn import Turn
from storage.bundle_states import BundleState
from storage.drafts import DraftMoved
from storage.models import Bundle, Draft, Purchase

PAGES: dict[str, Any] = {each.CALLBACK_ID: each for each in (document_set, end_user, address, document)}
"""The modules of the pages that are saved: each has ``page``, ``read``, ``save``, and ``unfinished`` where a page may grow."""


# drawing


async def draw(form: BundleForm, app: App, t: Texts, *, notes: Notes | None = None, mark: str = "") -> View:
    """The page that ``form.about`` names, filled with what Twilio has."""
    where, notes = form.about.page, notes or {}
    if where == GROUP:
        return document_set.page(form, t, notes=notes, mark=mark)
    if where == REVIEW:
        return await review_page(form, app, t, mark=mark)
    if where.kind == "end_user":
        return end_user.page(form, t, notes=notes, mark=mark)
    if where.kind == "address":
        return await address.first_page(form, app, t, notes=notes, mark=mark)
    return document.page(form, t, notes=notes, mark=mark)


async def review_page(form: BundleForm, app: App, t: Texts, *, mark: str = "") -> View:
    """The last page when Twilio's evaluation finds nothing; else the page where the first finding belongs."""
    form = replace(
        form, contents=await contents.sync_contents(app, form.bundle, form.regulation, form.contents)
    )
    findings = await evaluation.evaluate(app, form.bundle, form.regulation, form.contents)
    every = contents.pages(form.regulation, form.bundle.group, form.contents)
    placed = [each.page for each in findings if each.page in every]
    first = min((each for each in placed if each is not None), key=every.index, default=REVIEW)
    notes: dict[str | None, list[str]] = {}
    for each in findings:
        if each.page == first:
            notes.setdefault(each.field, []).append(rich.plainly(each.said, t))
        elif each.page not in every:
            notes.setdefault(None, []).append(rich.plainly(each.said, t))
    if first == REVIEW:
        return await review.page(form, app, t, notes=notes, mark=mark)
    return await draw(replace(form, about=form.about.at(first)), app, t, notes=notes, mark=mark)


async def next_view(form: BundleForm, app: App, t: Texts, mark: str, after: Page | None = None) -> View:
    where = contents.next_page(form.regulation, form.bundle, form.contents, after)
    notes: Notes = {}
    refused = form.contents.documents.get(where.index) if where.kind in ("document", "address") else None
    if refused is not None and refused.status == contents.REJECTED and refused.reason:
        notes = {None: [t("Twilio refused this document: {reason}", reason=refused.reason)]}
    return await draw(replace(form, about=form.about.at(where)), app, t, notes=notes, mark=mark)


# a page that is sent


async def submitted(turn: Turn) -> None:
    about = OfBundle.parse(turn.about)
    bundle, regulation = await bundle_of(about, turn.app)
    module = PAGES[turn.view["callback_id"]]
    form = BundleForm(bundle, regulation, Contents(), about)
    more = module.unfinished(turn.view, form, turn.t) if hasattr(module, "unfinished") else None
    if more is not None:
        await turn.show(more)
    else:
        await _save(turn, module, form, module.read(turn.view, form))


async def suggestion_taken(turn: Turn) -> None:
    """The same address once more; this time Twilio may correct it."""
    about = OfBundle.parse(turn.about)
    bundle, regulation = await bundle_of(about, turn.app)
    form = BundleForm(bundle, regulation, Contents(), about)
    await _save(turn, address, form, replace(address.read(turn.view, form), correct=True))


async def _save(turn: Turn, module: Any, form: BundleForm, typed: Any) -> None:
    """What was typed is held for this one try; when it fails the page is drawn again with it. Rule 25."""
    app, page, failed = turn.app, unseen.page_name(turn.view), list[Exception]()

    async def work(mark: str) -> View:
        known = form
        try:
            async with bundles.claimed(app, form.bundle.id):
                known = await load(form.about, app)
                saved = await module.save(known, typed, turn.client, app)
        except Exception as error:
            failed.append(error)
            return await _again(turn, module, known, typed, error, mark)
        return await next_view(saved, app, turn.t, mark, after=form.about.page)

    def closed(is_done: bool) -> Said:
        return unseen.saved(form.bundle, page, is_sure=is_done and not failed)

    await behind(turn, turn.t("Sending it to Twilio…"), form.about, work, closed)


async def _again(turn: Turn, module: Any, known: BundleForm, typed: Any, error: Exception, mark: str) -> View:
    """The page with what was typed, and with what is wrong where it belongs."""
    t = turn.t
    if isinstance(error, AddressProblem):
        problem = address_fields.problem(error, t)
        return address.page(known, t, typed=typed, notes={}, mark=mark, problem=problem)
    said = rich.plainly(await errors.sentence(error, turn.app), t)
    notes: Notes = {"file" if isinstance(error, FileProblem) else None: [said]}
    view: View = module.page(known, t, typed=typed, notes=notes, mark=mark)
    return view


# behind a loading view


async def behind(
    turn: Turn, text: str, about: OfBundle, work: loading.Work, closed: loading.Closed | None = None
) -> None:
    way_on = _look_again(turn.t) if about.bundle_id else None
    await loading.behind(turn, text, work, about=str(about), way_on=way_on, closed=closed)


def _look_again(t: Texts) -> Block:
    return blocks.button("look_again", t("Look again"))


# beginning


async def started(
    turn: Turn,
    regulation: Regulation,
    mark: str,
    *,
    name: str | None = None,
    of: Draft | Purchase | None = None,
) -> View:
    """A new bundle's first page. The row is written, and given to the request it is for, before Twilio hears of the bundle.

    What goes wrong from then on is shown with a way on, so that nobody begins a second one.
    """
    app = turn.app
    await app.market.regulation(regulation.sid)  # by its SID it is known to the pages that follow
    bundle = await bundles.start(app, bundles.new(app, regulation, name, turn.person_id))
    if of is not None:
        await _give(turn, of, bundle)
    about = OfBundle(bundle.id, GROUP, of.id if of is not None else "")
    try:
        bundle = await bundles.create_claimed(app, bundle, regulation)
        return await next_view(BundleForm(bundle, regulation, Contents(), about), app, turn.t, mark)
    except Exception as error:
        return await _problem(turn, error, about)


async def started_for(turn: Turn, of: Draft | Purchase, mark: str, end_user_type: str | None) -> View:
    """A new bundle for a request, sent or not. Raises BotError, TwilioError before anything is made."""
    about = of if isinstance(of, Draft) else of.quote
    assert about.country and about.number_type
    regulations = await turn.app.market.regulations(about.country, about.number_type)
    regulation = regulations.get(end_user_type or "")
    if regulation is None:
        raise no_bundle(about.country, about.number_type, regulations)
    return await started(turn, regulation, mark, of=of)


def no_bundle(country: str, number_type: str, others: Any) -> BotError:
    about = {"country": {"country": country}, "type": {"number_type": number_type}}
    if others:
        return BotError(
            N_("Twilio sells numbers of this kind ({country}, {type}) to the other kind of end user only."),
            **about,
        )
    return BotError(
        N_("Twilio asks for no bundle for {country}, {type}: such a number can be bought without one."),
        **about,
    )


async def _give(turn: Turn, of: Draft | Purchase, bundle: Bundle) -> None:
    """A draft takes the bundle as it is; a request that was sent is told so."""
    if isinstance(of, Purchase):
        await operations.give_bundle(of.id, of.quote_no, turn.person_id, turn.app, bundle)
    else:
        chosen = draft_row.answers(of, "end_user", {"bundle": bundle.id})
        await turn.app.store.record_draft(of.id, bundle_id=bundle.id, answers=chosen)


async def opened(turn: Turn, about: OfBundle, mark: str) -> View:
    """The bundle where something is missing or was refused, filled with what Twilio has."""
    app, t = turn.app, turn.t
    form = await load(about, app)
    if form.bundle.status != BundleState.REJECTED:
        return await next_view(form, app, t, mark)
    refused = [str(i) for i, each in form.contents.documents.items() if each.status == contents.REJECTED]
    if refused:
        left = {i: sid for i, sid in form.bundle.addresses.items() if i not in refused}
        bundle = await app.store.amend_bundle(form.bundle.id, addresses=left)
        return await next_view(replace(form, bundle=bundle), app, t, mark)
    reason = app.bundle_memory.reason(form.bundle.sid)
    note = (
        t("Twilio refused the bundle: {reason}", reason=reason)
        if reason
        else t("Twilio refused the bundle, and no document of it. Look at the end user's fields.")
    )
    first = contents.pages(form.regulation, form.bundle.group, form.contents)[0]
    at = Page("end_user") if form.regulation.end_users else first
    return await draw(replace(form, about=about.at(at)), app, t, notes={None: [note]}, mark=mark)


async def opened_or_problem(turn: Turn, about: OfBundle, mark: str) -> View:
    """For where a bundle's page stands in for another one: what goes wrong leads back to the bundle."""
    try:
        return await opened(turn, about, mark)
    except Exception as error:
        return await _problem(turn, error, about)


async def _problem(turn: Turn, error: Exception, about: OfBundle) -> View:
    said = await errors.sentence(error, turn.app)
    return loading.problem(said, turn.t, str(about), _look_again(turn.t))


# listeners


async def back(turn: Turn) -> None:
    """The page before, filled with what Twilio has; what was typed here and not saved is gone."""
    about = OfBundle.parse(turn.about)

    async def work(mark: str) -> View:
        form = await load(about, turn.app)
        every = contents.pages(form.regulation, form.bundle.group, form.contents)
        at = every[max(0, every.index(about.page) - 1)] if about.page in every else every[0]
        return await draw(replace(form, about=about.at(at)), turn.app, turn.t, mark=mark)

    await behind(turn, turn.t("Reading the bundle from Twilio…"), about, work)


async def changing(turn: Turn) -> None:
    """From the last page to another one."""
    about = OfBundle.parse(turn.about).at(Page.parse(turn.value))

    async def work(mark: str) -> View:
        return await draw(await load(about, turn.app), turn.app, turn.t, mark=mark)

    await behind(turn, turn.t("Reading the bundle from Twilio…"), about, work)


async def looking_again(turn: Turn) -> None:
    await open_bundle(turn, OfBundle.parse(turn.about))


async def going_on(turn: Turn) -> None:
    """``continue`` and ``fix``, on a list, a card's page, or the news of a bundle; the value: bundle, and request if any."""
    bundle_id, _, purchase_id = turn.value.partition("|")
    await open_bundle(turn, OfBundle(bundle_id, GROUP, purchase_id))


async def open_bundle(turn: Turn, about: OfBundle) -> None:
    async def work(mark: str) -> View:
        return await opened(turn, about, mark)

    await behind(turn, turn.t("Reading the bundle from Twilio…"), about, work)


async def finishing_later(turn: Turn) -> None:
    """The pages that were saved stay at Twilio. A request that is not sent yet goes on to its last page."""
    about, t = OfBundle.parse(turn.about), turn.t
    said = t("The bundle is kept as a draft.")
    if about.page != REVIEW:
        page = unseen.page_name(turn.view)
        said += " " + t(
            "What you changed on the page “{page}” is not saved: only pages that were sent are.", page=page
        )
    await turn.show(await after_bundle(about, turn.app, t, said))


async def after_bundle(about: OfBundle, app: App, t: Texts, said: str) -> View:
    """Where the person goes on: with the request that the bundle was made for, or nowhere."""
    bundle = await app.store.bundle(about.bundle_id)
    draft = await app.store.draft(about.purchase_id) if about.purchase_id else None
    if draft is not None and bundle is not None:
        try:
            draft = await app.store.record_draft(draft.id, page="review", bundle_id=bundle.id)
            return await purchase_review.drawn(draft, bundle, app, t, mark=f"~{draft.version}", notice=said)
        except DraftMoved:
            pass
    purchase = await app.store.purchase(about.purchase_id) if about.purchase_id else None
    shown = [blocks.note(said, "success")]
    if bundle is not None:
        shown.append(heading(bundle, t))
    if purchase is not None:
        shown.append(
            blocks.section(t("The request for {number} waits for it.", number=t.phone(purchase.phone_number)))
        )
    shown.append(blocks.context(t("All bundles: `/twilio bundles`")))
    return blocks.modal("new_bundle.done", t("Bundle"), shown, close=t("Close"), about=str(about))


async def sent(turn: Turn) -> None:
    """The last page: before Twilio's reviewers."""
    about = OfBundle.parse(turn.about)
    bundle, _ = await bundle_of(about, turn.app)

    async def work(mark: str) -> View:
        form = await load(about, turn.app)
        await bundles.submit(turn.app, form.bundle, turn.person_id)
        said = turn.t("The bundle is with Twilio's reviewers now.")
        return await after_bundle(about, turn.app, turn.t, said)

    await behind(turn, turn.t("Sending the bundle to Twilio…"), about, work, unseen.sent(bundle))


def allowed(listener: Listener) -> Listener:
    """The same, for those who may make and change bundles."""

    @wraps(listener)
    async def checked(turn: Turn) -> None:
        await turn.app.policy.check_bundles(turn.person_id, turn.app.people)
        await listener(turn)

    return checked


for each in (*PAGES, review.CALLBACK_ID):
    Screen(
        each,
        allowed(sent if each == review.CALLBACK_ID else submitted),
        {"back": allowed(back), "later": finishing_later},
    )
Screen(address.CALLBACK_ID, actions={"take_suggestion": allowed(suggestion_taken)})
Screen(review.CALLBACK_ID, actions={name: allowed(changing) for name in ("change", "change_address")})
Screen(loading.PROBLEM, actions={"look_again": allowed(looking_again)})
on_messages(**{name: allowed(going_on) for name in ("continue", "fix")})
