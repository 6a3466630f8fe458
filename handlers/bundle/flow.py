"""From page to page: each is saved at Twilio behind a loading view, and what is missing next is read from there."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BotError, BundleGone, NotAsTwilioHasIt
from bot.purchases import operations as decisions
from bot.slack.files import FileProblem
from bot.texts import N_, Said, Texts, escape
from bot.twilio import contents
from bot.twilio.addresses import AddressProblem
from bot.twilio.contents import GROUP, REVIEW, Contents, Page
from bot.twilio.regulations import Regulation
from handlers import address_fields, blocks, errors, modal
from handlers.blocks import View
from handlers.bundle import address, document, document_set, end_user, review
from handlers.bundle.form import About, Form, Notes, bundle_of, heading, load
from handlers.buy import draft as draft_row
from handlers.buy import review as purchase_review
from storage.drafts import DraftMoved
from storage.models import Bundle, Draft, Purchase

PROBLEM = "new_bundle.problem"
PAGES: dict[str, Any] = {each.CALLBACK_ID: each for each in (document_set, end_user, address, document)}
"""The modules of the pages that are saved: each has ``page``, ``read``, ``save``, and ``unfinished`` where a page may grow."""

Work = Callable[[str], Awaitable[View]]
"""Makes the view that takes the place of the loading one; its argument marks the fields that Slack must forget."""


# drawing


async def draw(form: Form, app: App, t: Texts, *, notes: Notes | None = None, mark: str = "") -> View:
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


async def review_page(form: Form, app: App, t: Texts, *, mark: str = "") -> View:
    """The last page when Twilio's evaluation finds nothing; else the page where the first finding belongs."""
    form = replace(form, contents=await contents.in_step(app, form.bundle, form.regulation, form.contents))
    findings = await contents.evaluate(app, form.bundle, form.regulation, form.contents)
    every = contents.pages(form.regulation, form.bundle.group, form.contents)
    placed = [each.page for each in findings if each.page in every]
    first = min((each for each in placed if each is not None), key=every.index, default=REVIEW)
    notes: dict[str | None, list[str]] = {}
    for each in findings:
        if each.page == first:
            notes.setdefault(each.field, []).append(t.said(each.said))
        elif each.page not in every:
            notes.setdefault(None, []).append(t.said(each.said))
    if first == REVIEW:
        return await review.page(form, app, t, notes=notes, mark=mark)
    return await draw(replace(form, about=form.about.at(first)), app, t, notes=notes, mark=mark)


async def next_view(form: Form, app: App, t: Texts, mark: str, after: Page | None = None) -> View:
    where = contents.next_page(form.regulation, form.bundle, form.contents, after)
    notes: Notes = {}
    refused = form.contents.documents.get(where.index) if where.kind in ("document", "address") else None
    if refused is not None and refused.status == contents.REJECTED and refused.reason:
        notes = {None: [t("Twilio refused this document: {reason}", reason=escape(refused.reason))]}
    return await draw(replace(form, about=form.about.at(where)), app, t, notes=notes, mark=mark)


# a page that is sent


async def submitted(
    ack: AsyncAck, body: dict[str, Any], view: View, client: AsyncWebClient, app: App, t: Texts
) -> None:
    await app.policy.check_bundles(body["user"]["id"], app.people)
    about = About.of(view)
    bundle, regulation = await bundle_of(about, app)
    module = PAGES[view["callback_id"]]
    form = Form(bundle, regulation, Contents(), about)
    more = module.unfinished(view, form, t) if hasattr(module, "unfinished") else None
    if more is not None:
        await ack(response_action="update", view=more)
        return
    typed = module.read(view, form)
    work = _saving(module, form, typed, client, app, t)
    await in_answer(ack, client, app, t, about, t("Sending it to Twilio…"), work)


async def suggestion_taken(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """The same address once more; this time Twilio may correct it."""
    await app.policy.check_bundles(body["user"]["id"], app.people)
    about = About.of(body["view"])
    bundle, regulation = await bundle_of(about, app)
    form = Form(bundle, regulation, Contents(), about)
    typed = replace(address.read(body["view"], form), correct=True)
    work = _saving(address, form, typed, client, app, t)
    await in_place(ack, body, client, app, t, about, t("Sending it to Twilio…"), work)


def _saving(module: Any, form: Form, typed: Any, client: AsyncWebClient, app: App, t: Texts) -> Work:
    async def work(mark: str) -> View:
        """What was typed is held for this one try; when it fails the page is drawn again with it. Rule 25."""
        known = form
        try:
            async with bundles.alone(app, form.bundle.id):
                known = await load(form.about, app)
                saved = await module.save(known, typed, client, app)
        except AddressProblem as error:
            problem = address_fields.problem(error, t)
            return address.page(known, t, typed=typed, notes={}, mark=mark, problem=problem)
        except FileProblem as error:
            notes: Notes = {"file": [t.said(error.said)]}
            return document.page(known, t, typed=typed, notes=notes, mark=mark)
        except Exception as error:
            notes = {None: [t.said(await errors.sentence(error, app))]}
            view: View = module.page(known, t, typed=typed, notes=notes, mark=mark)
            return view
        return await next_view(saved, app, t, mark, after=form.about.page)

    return work


# behind a loading view


def work_on(
    app: App, client: AsyncWebClient, t: Texts, external_id: str, about: About | None, work: Work
) -> None:
    """Does the work and shows its view. An error that the page itself has not shown takes the view's place, with a way on."""

    async def run() -> None:
        await modal.late(client, external_id, await work(f"~{external_id[:6]}"))

    async def failed(error: Exception) -> None:
        try:
            said = await errors.sentence(error, app)
            again = None if isinstance(error, NotAsTwilioHasIt | BundleGone) else about
            await modal.late(client, external_id, problem(said, again, t))
        except Exception as failure:
            errors.log.error("an error could not be shown: %s", type(failure).__name__)

    app.later(run(), failed)


def problem(said: Said, about: About | None, t: Texts) -> View:
    shown = [blocks.alert(t.said(said), "error")]
    if about is not None:
        shown.append(blocks.actions("buttons", blocks.button("look_again", t("Look again"))))
    return blocks.modal(
        PROBLEM, t("That did not work"), shown, close=t("Close"), about=str(about) if about else None
    )


async def in_answer(
    ack: AsyncAck, client: AsyncWebClient, app: App, t: Texts, about: About, text: str, work: Work
) -> None:
    """A submission is answered with the loading view; the work follows."""
    waiting = modal.loading(t, text, str(about))
    await ack(response_action="update", view=waiting)
    work_on(app, client, t, waiting["external_id"], about, work)


async def in_place(
    ack: AsyncAck,
    body: dict[str, Any],
    client: AsyncWebClient,
    app: App,
    t: Texts,
    about: About,
    text: str,
    work: Work,
) -> None:
    """A button on a page shows the loading view in its place; one on a message opens it."""
    waiting = modal.loading(t, text, str(about))
    if body.get("view"):
        await modal.redraw(client, body["view"], waiting)
    else:
        await client.views_open(trigger_id=body["trigger_id"], view=waiting)
    await ack()
    work_on(app, client, t, waiting["external_id"], about, work)


# beginning


async def begun(
    regulation: Regulation,
    app: App,
    t: Texts,
    person_id: str,
    mark: str,
    *,
    name: str | None = None,
    purchase_id: str = "",
    quote_no: int = 0,
) -> View:
    """A new bundle's first page. The row is written, and given to its purchase, before Twilio hears of the bundle.

    What goes wrong from then on is shown with a way on, so that nobody begins a second one.
    """
    await app.market.regulation(regulation.sid)  # by its SID it is known to the pages that follow
    bundle = await bundles.begin(app, bundles.new(app, regulation, name, person_id))
    if purchase_id:
        await _give(app, purchase_id, quote_no, person_id, bundle)
    about = About(bundle.id, GROUP, purchase_id)
    try:
        bundle = await bundles.made_first(app, bundle, regulation)
        return await next_view(Form(bundle, regulation, Contents(), about), app, t, mark)
    except Exception as error:
        return problem(await errors.sentence(error, app), about, t)


async def begun_for(
    of: Draft | Purchase, app: App, t: Texts, person_id: str, mark: str, end_user_type: str | None
) -> View:
    """A new bundle for a request, sent or not. Raises BotError, TwilioError before anything is made."""
    about = of if isinstance(of, Draft) else of.quote
    quote_no = 0 if isinstance(of, Draft) else of.quote_no
    assert about.country and about.number_type
    regulations = await app.market.regulations(about.country, about.number_type)
    regulation = regulations.get(end_user_type or "")
    if regulation is None:
        raise no_bundle(about.country, about.number_type, regulations)
    return await begun(regulation, app, t, person_id, mark, purchase_id=of.id, quote_no=quote_no)


def no_bundle(country: str, number_type: str, others: Any) -> BotError:
    about = {"country": {"country": country}, "type": {"number_type": number_type}}
    if others:
        return BotError(
            N_("Twilio gives numbers of this kind ({country}, {type}) to the other kind of end user only."),
            **about,
        )
    return BotError(
        N_("Twilio asks for no bundle for {country}, {type}: such a number can be bought without one."),
        **about,
    )


async def _give(app: App, purchase_id: str, quote_no: int, person_id: str, bundle: Bundle) -> None:
    """To the request that it is made for: a draft takes it as it is, one that was sent is told so."""
    draft = await app.store.draft(purchase_id)
    if draft is not None:
        chosen = draft_row.answers(draft, "end_user", {"bundle": bundle.id})
        await app.store.record_draft(purchase_id, bundle_id=bundle.id, answers=chosen)
    else:
        await decisions.give_bundle(purchase_id, quote_no, person_id, app, bundle)


async def opened(about: About, app: App, t: Texts, mark: str) -> View:
    """The bundle where something is missing or was refused, filled with what Twilio has."""
    form = await load(about, app)
    if form.bundle.status != bundles.REJECTED:
        return await next_view(form, app, t, mark)
    refused = [str(i) for i, each in form.contents.documents.items() if each.status == contents.REJECTED]
    if refused:
        left = {i: sid for i, sid in form.bundle.addresses.items() if i not in refused}
        bundle = await app.store.amend_bundle(form.bundle.id, addresses=left)
        return await next_view(replace(form, bundle=bundle), app, t, mark)
    reason = app.bundle_memory.reason(form.bundle.sid)
    note = (
        t("Twilio refused the bundle: {reason}", reason=escape(reason))
        if reason
        else t("Twilio refused the bundle, and no document of it. Look at the end user's fields.")
    )
    first = contents.pages(form.regulation, form.bundle.group, form.contents)[0]
    at = Page("end_user") if form.regulation.end_users else first
    return await draw(replace(form, about=about.at(at)), app, t, notes={None: [note]}, mark=mark)


# listeners


async def back(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """The page before, filled with what Twilio has; what was typed here and not saved is gone."""
    await app.policy.check_bundles(body["user"]["id"], app.people)
    about = About.of(body["view"])

    async def work(mark: str) -> View:
        form = await load(about, app)
        every = contents.pages(form.regulation, form.bundle.group, form.contents)
        at = every[max(0, every.index(about.page) - 1)] if about.page in every else every[0]
        return await draw(replace(form, about=about.at(at)), app, t, mark=mark)

    await in_place(ack, body, client, app, t, about, t("Reading the bundle from Twilio…"), work)


async def changing(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """From the last page to another one."""
    await app.policy.check_bundles(body["user"]["id"], app.people)
    about = About.of(body["view"]).at(Page.parse(body["actions"][0]["value"]))

    async def work(mark: str) -> View:
        return await draw(await load(about, app), app, t, mark=mark)

    await in_place(ack, body, client, app, t, about, t("Reading the bundle from Twilio…"), work)


async def looking_again(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    await app.policy.check_bundles(body["user"]["id"], app.people)
    about = About.of(body["view"])

    async def work(mark: str) -> View:
        return await opened(about, app, t, mark)

    await in_place(ack, body, client, app, t, about, t("Reading the bundle from Twilio…"), work)


async def going_on(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts) -> None:
    """``continue`` and ``fix``, on a list, a card's page, or the news of a bundle; the value: bundle, and purchase if any."""
    await app.policy.check_bundles(body["user"]["id"], app.people)
    bundle_id, _, purchase_id = body["actions"][0]["value"].partition("|")
    about = About(bundle_id, GROUP, purchase_id)

    async def work(mark: str) -> View:
        return await opened(about, app, t, mark)

    await in_place(ack, body, client, app, t, about, t("Reading the bundle from Twilio…"), work)


async def finishing_later(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """The pages that were saved stay at Twilio. A request that is not sent yet goes on to its last page."""
    about = About.of(body["view"])
    await modal.redraw(
        client, body["view"], await after_papers(about, app, t, t("The bundle is kept as a draft."))
    )
    await ack()


async def after_papers(about: About, app: App, t: Texts, said: str) -> View:
    """Where the person goes on: with the request that the bundle was made for, or nowhere."""
    bundle = await app.store.bundle(about.bundle_id)
    draft = await app.store.draft(about.purchase_id) if about.purchase_id else None
    if draft is not None and bundle is not None:
        try:
            draft = await app.store.record_draft(draft.id, page="review", bundle_id=bundle.id)
            return purchase_review.page(draft, bundle, app, t, mark=f"~{draft.version}", notice=said)
        except DraftMoved:
            pass
    purchase = await app.store.purchase(about.purchase_id) if about.purchase_id else None
    shown = [blocks.alert(said, "success")]
    if bundle is not None:
        shown.append(blocks.section(heading(bundle, t)))
    if purchase is not None:
        shown.append(
            blocks.section(t("The request for {number} waits for it.", number=t.phone(purchase.phone_number)))
        )
    shown.append(blocks.context(t("All bundles: `/twilio bundles`")))
    return blocks.modal("new_bundle.done", t("Bundle"), shown, close=t("Close"), about=str(about))


async def sent(
    ack: AsyncAck, body: dict[str, Any], view: View, client: AsyncWebClient, app: App, t: Texts
) -> None:
    """The last page: before Twilio's reviewers."""
    person_id = body["user"]["id"]
    await app.policy.check_bundles(person_id, app.people)
    about = About.of(view)

    async def work(mark: str) -> View:
        form = await load(about, app)
        await bundles.submit(app, form.bundle, person_id)
        return await after_papers(about, app, t, t("The bundle is with Twilio's reviewers now."))

    await in_answer(ack, client, app, t, about, t("Sending the bundle to Twilio…"), work)
