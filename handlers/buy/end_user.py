"""Page 3: who uses the number, and with which bundle."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import FormErrors
from bot.texts import ADDRESS_NEEDS, END_USERS, N_, NUMBER_TYPES, Said, Texts, escape, say
from bot.twilio import addresses
from bot.twilio.regulations import Regulation
from handlers import blocks, errors, forms, modal
from handlers.blocks import Block, View
from handlers.bundle import flow as new_bundle
from handlers.bundle.document_set import described
from handlers.bundle.form import About
from handlers.buy import address, review
from handlers.buy import draft as draft_row
from storage.drafts import DraftMoved
from storage.models import Bundle, Draft, now

CALLBACK_ID = "buy_number.end_user"
LATER = "later"
NEW = "new"


# what you see


def page(
    draft: Draft,
    regulations: dict[str, Regulation],
    fitting: Mapping[str, Sequence[Bundle]],
    known: Sequence[addresses.Known],
    reviews: Mapping[str, Sequence[timedelta]],
    t: Texts,
    *,
    mark: str = "",
) -> View:
    """fitting, reviews: by end-user type; known: addresses, asked for where the number needs one and
    no bundle has it."""
    typed = draft.answers.get("end_user", {})
    assert draft.phone_number and draft.country and draft.number_type
    kind = t("{country}, {type}", country=t.country(draft.country), type=t(NUMBER_TYPES[draft.number_type]))
    shown: list[Block] = [blocks.section(f"*{t.phone(draft.phone_number)}* – {kind}")]
    if regulations:
        shown += _papers(draft, regulations, fitting, reviews, typed, t, mark)
    else:
        shown.append(blocks.alert(t("No regulatory bundle is needed for this number."), "success"))
        needs = draft.address_requirements
        if needs != "none":
            shown.append(blocks.section(t("The number {needs}.", needs=t(ADDRESS_NEEDS[needs]))))
            options = [blocks.option(each.sid, each.label) for each in known[:99]]
            options.append(blocks.option(NEW, t("A new address")))
            only = options[0]["value"] if len(known) < 2 else None  # one of several may be somebody else's
            chosen = typed.get("address") or only
            shown.append(blocks.select("address", t("Address"), options, initial=chosen, mark=mark))
    shown.append(blocks.actions("buttons", blocks.button("back", t("Back"))))
    return blocks.modal(CALLBACK_ID, t("End user"), shown, close=t("Cancel"), submit=t("Next"), about=draft)


def _papers(
    draft: Draft,
    regulations: dict[str, Regulation],
    fitting: Mapping[str, Sequence[Bundle]],
    reviews: Mapping[str, Sequence[timedelta]],
    typed: dict[str, Any],
    t: Texts,
    mark: str,
) -> list[Block]:
    chosen = typed.get("end_user_type")
    if chosen not in regulations:
        chosen = next(iter(regulations))
    bundles_of = fitting.get(chosen, ())
    options = [blocks.bundle_option(bundle, t) for bundle in bundles_of[:98]]
    options.append(blocks.option(NEW, t("A new bundle"), t("Its pages come next")))
    options.append(
        blocks.option(LATER, t("Add it later"), t("The number is bought once a bundle is approved"))
    )
    wanted = typed.get("bundle")
    if draft.bundle_id and wanted == draft.bundle_id:  # begun for this request before it had a SID
        wanted = next((bundle.sid for bundle in bundles_of if bundle.id == draft.bundle_id), None)
    if wanted not in {each["value"] for each in options}:
        wanted = options[0]["value"]
    return [
        blocks.section(
            t(
                "This number cannot be bought without a regulatory bundle that Twilio has approved. It asks for:"
            )
        ),
        *(
            blocks.section(_asks(regulation, reviews.get(kind, ()), t))
            for kind, regulation in regulations.items()
        ),
        blocks.radio(
            "end_user_type",
            t("Who uses the number"),
            [blocks.option(kind, t(END_USERS[kind])) for kind in regulations],
            initial=chosen,
            mark=mark,
            dispatch=len(regulations) > 1,
        ),
        blocks.select(
            "bundle",
            t("Bundle"),
            options,
            initial=wanted,
            mark=f"{mark}~{chosen}",  # another end user's bundles are other options
            hint=t("A bundle under review can be chosen too: the purchase waits for it."),
        ),
    ]


def _asks(regulation: Regulation, reviews: Sequence[timedelta], t: Texts) -> str:
    """What this kind of end user will be asked, before anybody begins."""
    count = sum(len(part.fields) for part in regulation.end_users)
    fields = t.n("one field about the end user", "{n} fields about the end user", count)
    lines = [f"*{t(END_USERS[regulation.end_user_type])}* – {fields}"]
    for i, group in enumerate(regulation.groups):
        if len(regulation.groups) > 1:
            lines.append(
                t("Either set {number}:", number=1) if i == 0 else t("or set {number}:", number=i + 1)
            )
        lines.append(described(group, t))
    address = t("Address")
    said = [text for group in regulation.groups for each in group for text in each.where]
    lines += [f"• {address}: {escape(text)}" for text in dict.fromkeys(said)]
    if reviews:
        days = sorted(max(1, round(each / timedelta(days=1))) for each in reviews)
        took, n = _days(days[0], days[-1], t), len(days)
        lines.append(
            t.n(
                "Last review in this country: {days}",
                "Last {n} reviews in this country: {days}",
                n,
                days=took,
            )
        )
    return "\n".join(line for line in lines if line)


def _days(fewest: int, most: int, t: Texts) -> str:
    if fewest == most:
        return t.n("one day", "{n} days", most)
    return t("{fewest} to {most} days", fewest=fewest, most=most)


# what happens next


async def show(
    external_id: str, draft: Draft, client: AsyncWebClient, app: App, t: Texts, mark: str = ""
) -> None:
    assert draft.country and draft.number_type
    asked_at = now()
    regulations = await app.market.regulations(draft.country, draft.number_type)
    answers = await asyncio.gather(
        *(bundles.fitting(app, draft.country, draft.number_type, kind) for kind in regulations)
    )
    needs = draft.address_requirements
    known: Sequence[addresses.Known] = ()
    if not regulations and needs != "none":
        known = await addresses.known(app.twilio, draft.country, needs)
    try:
        draft = await app.store.record_draft(
            draft.id,
            draft.version,
            regulated=bool(regulations),
            answers=draft_row.answers(draft, "end_user", {"asked_at": asked_at.isoformat()}),
        )
    except DraftMoved:
        return
    fitting = await _with_own(draft, dict(zip(regulations, answers, strict=True)), app)
    reviews = await _reviews(draft, regulations, app)
    await modal.late(client, external_id, page(draft, regulations, fitting, known, reviews, t, mark=mark))


async def _with_own(
    draft: Draft, fitting: Mapping[str, Sequence[Bundle]], app: App
) -> Mapping[str, Sequence[Bundle]]:
    """Also the bundle that was begun for this request and is not finished: it can be gone on with."""
    own = await app.store.bundle(draft.bundle_id) if draft.bundle_id else None
    if own is None or own.status not in bundles.EDITABLE:
        return fitting
    return {kind: [own, *found] if kind == own.end_user_type else found for kind, found in fitting.items()}


async def _reviews(
    draft: Draft, regulations: Mapping[str, Regulation], app: App
) -> dict[str, Sequence[timedelta]]:
    assert draft.country
    account = draft.account_sid
    return {kind: await app.store.reviews(account, draft.country, kind) for kind in regulations}


async def type_changed(
    ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, app: App, t: Texts
) -> None:
    """Business or individual: the bundles that fit are others. All of them were read when the page was first drawn."""
    shown = body["view"]
    draft = await draft_row.of(shown, app)
    draft = await app.store.record_draft(
        draft.id, answers=draft_row.answers(draft, "end_user", forms.answers(shown))
    )
    assert draft.country and draft.number_type
    regulations = await app.market.regulations(draft.country, draft.number_type)
    fitting = await _with_own(draft, await _as_read(draft, app), app)
    reviews = await _reviews(draft, regulations, app)
    mark = forms.mark_of(shown, "end_user_type")
    view = page(draft, regulations, fitting, (), reviews, t, mark=mark)
    await modal.redraw(client, shown, view)
    await ack()


async def _as_read(draft: Draft, app: App) -> dict[str, Sequence[Bundle]]:
    assert draft.country and draft.number_type
    since = datetime.fromisoformat(draft.answers["end_user"]["asked_at"])
    known = await app.store.bundles_for(draft.account_sid, draft.country, draft.number_type, since)
    found: dict[str, Sequence[Bundle]] = {}
    for kind in END_USERS:
        mine = [each for each in known if each.end_user_type == kind and bundles.selectable(each)]
        found[kind] = sorted(mine, key=lambda each: each.status != bundles.APPROVED)
    return found


async def submitted(
    ack: AsyncAck, body: dict[str, Any], view: View, client: AsyncWebClient, app: App, t: Texts
) -> None:
    typed = forms.answers(view)
    draft = await draft_row.of(view, app)
    wrong: dict[str, Said] = {}
    bundle = None
    if draft.regulated:
        if typed.get("end_user_type") not in END_USERS:
            wrong["end_user_type"] = say(N_("Choose who uses the number."))
        if not typed.get("bundle"):
            wrong["bundle"] = say(N_("Choose a bundle, or that the papers come later."))
        elif typed["bundle"] not in (LATER, NEW):
            bundle = await app.store.bundle_by_sid(draft.account_sid, typed["bundle"])
            if bundle is None or bundle.end_user_type != typed.get("end_user_type"):
                wrong["bundle"] = say(
                    N_("This bundle is for another kind of end user. Choose one from the list.")
                )
    elif draft.address_requirements != "none" and not typed.get("address"):
        wrong["address"] = say(N_("Choose an address: the number cannot be bought without one."))
    if wrong:
        raise FormErrors(wrong)
    papers_now = typed.get("bundle") == NEW or (bundle is not None and bundle.status in bundles.EDITABLE)
    if papers_now:
        await app.policy.check_bundles(body["user"]["id"], app.people)
    draft = await app.store.record_draft(
        draft.id,
        page="end_user" if typed.get("address") == NEW or papers_now else "review",
        answers=draft_row.answers(draft, "end_user", typed),
        bundle_id=bundle.id if bundle else None,
    )
    if typed.get("address") == NEW:
        await ack(response_action="update", view=address.page(draft, t))
    elif papers_now:
        await _papers_now(ack, body["user"]["id"], draft, bundle, client, app, t)
    else:
        await ack(response_action="update", view=review.page(draft, bundle, app, t))


async def _papers_now(
    ack: AsyncAck,
    person_id: str,
    draft: Draft,
    bundle: Bundle | None,
    client: AsyncWebClient,
    app: App,
    t: Texts,
) -> None:
    """The pages of a bundle come in between: a new one, or the one that was begun before."""
    waiting = modal.loading(t, t("Asking Twilio what this country wants to know…"), draft.id)
    await ack(response_action="update", view=waiting)
    external_id = waiting["external_id"]

    async def work() -> None:
        mark = f"~{external_id[:6]}"
        if bundle is None:
            view = await new_bundle.begun_for(draft, app, t, person_id, mark, draft.end_user_type)
        else:
            about = About(bundle.id, purchase_id=draft.id)
            try:
                view = await new_bundle.opened(about, app, t, mark)
            except Exception as error:
                view = new_bundle.problem(await errors.sentence(error, app), about, t)
        await modal.late(client, external_id, view)

    app.later(work(), errors.in_place_of(client, external_id, draft, app, t))
