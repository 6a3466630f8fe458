"""The address that a document shows: one of the account's, or a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.errors import FormErrors
from bot.texts import N_, Texts, say
from bot.twilio import addresses, contents
from handlers import address_fields, blocks, country_field, forms, rich
from handlers.blocks import Block, Option, View
from handlers.bundle import form as common
from handlers.bundle.form import BundleForm, Notes
from handlers.ref import OfBundle
from handlers.screen import Screen
from handlers.turn import Turn

CALLBACK_ID = "new_bundle.address"
NEW = "new"
NONE = "none"


@dataclass(frozen=True)
class Typed:
    chosen: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    options: Sequence[Option] = ()
    """What the page offered, for drawing it again without asking Twilio."""
    correct: bool = False


# what you see


async def first_page(form: BundleForm, app: App, t: Texts, *, notes: Notes, mark: str = "") -> View:
    """With the account's addresses. Proposed is the bundle's own, or a new one where the country has none; of the
    account's others nothing is, for they may be of other customers."""
    there = form.contents.documents.get(form.about.page.index)
    own = [form.bundle.addresses.get(str(form.about.page.index)), there.address if there else None]
    own += reversed(form.bundle.addresses.values())
    wanted = [sid for sid in own if sid]
    known = await addresses.known(app.twilio, form.bundle.country, wanted=wanted)
    local = [each for each in known if each.country == form.bundle.country]
    options = [blocks.option(each.sid, each.label) for each in local]
    options.append(blocks.option(NEW, t("A new address")))
    options += [blocks.option(each.sid, each.label) for each in known if each not in local]
    requirement = form.documents[form.about.page.index]
    if not all(kind.needs_address for kind in requirement.kinds):
        options.append(blocks.option(NONE, t("My document shows no address")))
    chosen = next((sid for sid in wanted if any(sid == each.sid for each in known)), None)
    if chosen is None and not local:
        chosen = NEW
    return page(form, t, typed=Typed(chosen, {}, options), notes=notes, mark=mark)


def page(
    form: BundleForm, t: Texts, *, typed: Typed, notes: Notes, mark: str = "", problem: Sequence[Block] = ()
) -> View:
    requirement = form.documents[form.about.page.index]
    shown: list[Block] = [
        *problem,
        blocks.header(t("Address: {document}", document=t(requirement.name))),
        *map(rich.linked, requirement.where),
        blocks.select("address", t("Address"), typed.options, initial=typed.chosen, mark=mark, dispatch=True),
        *common.below("address", notes),
        *common.below("address_sids", notes),
    ]
    if typed.chosen == NEW:
        shown.append(address_fields.privacy(t))
        shown += address_fields.fields(form.bundle.country, dict(typed.values), t, mark)
    drawn = ("address", "address_sids")
    return common.page(form, CALLBACK_ID, t("Address"), shown, t, about=form.about, notes=notes, drawn=drawn)


# what you typed


def _options(view: View) -> list[Option]:
    found = next(
        each["element"]["options"]
        for each in view["blocks"]
        if (each.get("element") or {}).get("action_id") == "address"
    )
    return [
        {"value": each["value"], "text": {"type": "plain_text", "text": each["text"]["text"], "emoji": True}}
        for each in found
    ]


def unfinished(view: View, form: BundleForm, t: Texts) -> View | None:
    """The page with the fields of a new address, when that was chosen and they are not shown yet."""
    typed = forms.answers(view)
    if typed.get("address") != NEW or "street" in typed:
        return None
    return page(form, t, typed=Typed(NEW, {}, _options(view)), notes={}, mark=forms.mark_of(view, "address"))


def read(view: View, form: BundleForm) -> Typed:
    typed = forms.answers(view)
    options = _options(view)
    chosen = typed.get("address")
    if chosen not in {each["value"] for each in options}:
        raise FormErrors({"address": say(N_("Choose an address."))})
    if chosen == NEW and (wrong := address_fields.wrong(typed)):
        raise FormErrors(wrong)
    return Typed(str(chosen), typed, options)


async def changed(turn: Turn) -> None:
    """An address of the account's, or a new one: the fields come and go."""
    about, typed = OfBundle.parse(turn.about), turn.answers
    bundle, regulation = await common.bundle_of(about, turn.app)
    form = BundleForm(bundle, regulation, contents.Contents(), about)
    again = Typed(typed.get("address"), typed, _options(turn.view))
    await turn.show(page(form, turn.t, typed=again, notes={}, mark=turn.mark("address")))


# what happens next


async def save(form: BundleForm, typed: Typed, client: AsyncWebClient, app: App) -> BundleForm:
    """Where a requirement is an address and nothing else, its document is made at once. Raises AddressProblem."""
    index = form.about.page.index
    chosen: dict[str, Any] = {each: sid for each, sid in form.bundle.addresses.items() if each != str(index)}
    if typed.chosen == NEW:
        mark = f"Number Desk {form.bundle.mark_id}"
        chosen[str(index)] = await addresses.make(app.twilio, typed.values, mark, correct=typed.correct)
    elif typed.chosen not in (None, NONE):
        chosen[str(index)] = typed.chosen
    bundle = await app.store.amend_bundle(form.bundle.id, addresses=chosen)
    form = replace(form, bundle=bundle)
    requirement = form.documents[index]
    there = form.contents.documents.get(index)
    at_once = requirement.is_only_an_address or (
        there is not None and there.status != contents.REJECTED and typed.chosen != NONE
    )
    kind = requirement.kind(there.type if there else None) or requirement.kinds[0]
    if not at_once:
        return form
    saved = await contents.save_document(app, bundle, form.regulation, form.contents, index, kind, {}, None)
    return replace(form, contents=saved)


Screen(
    CALLBACK_ID,
    actions={"address": changed},
    suggests={"address_country": country_field.suggested(country_field.of_addresses)},
)
