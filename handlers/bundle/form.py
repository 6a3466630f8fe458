"""What the pages of a bundle share: where a page belongs, its fields from a regulation, what was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.bundles import announcements
from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BundleGone, FormErrors, NotAsTwilioHasIt, StartAgain
from bot.texts import Said, Texts
from bot.twilio import contents
from bot.twilio.client import TwilioError
from bot.twilio.contents import Contents, Page
from bot.twilio.regulations import Field, Group, Part, Regulation
from handlers import blocks, forms, rich
from handlers.blocks import Block, View
from handlers.ref import OfBundle
from storage.bundle_states import EDITABLE, BundleState
from storage.models import Bundle

Notes = Mapping[str | None, Sequence[str]]
"""What is wrong, as bare text, by the field below which it stands; None: on top of the page."""


@dataclass(frozen=True)
class BundleForm:
    """A bundle being made or mended, as Twilio has it."""

    bundle: Bundle
    regulation: Regulation
    contents: Contents
    about: OfBundle

    @property
    def documents(self) -> Group:
        return self.regulation.documents(self.bundle.group)


async def bundle_of(about: OfBundle, app: App) -> tuple[Bundle, Regulation]:
    """From our side only, for the time before the acknowledgement. Raises BundleGone, NotAsTwilioHasIt, StartAgain."""
    bundle = await app.store.bundle(about.bundle_id)
    if bundle is None or bundle.status == BundleState.DELETED:
        raise BundleGone()
    if bundle.status not in EDITABLE:
        raise NotAsTwilioHasIt(status=announcements.state_of(bundle))
    return bundle, app.market.kept_regulation(bundle.regulation_sid)


async def load(about: OfBundle, app: App) -> BundleForm:
    """With what Twilio has. Raises as ``bundle_of``, and TwilioError."""
    bundle = await app.store.bundle(about.bundle_id)
    if bundle is None or bundle.status == BundleState.DELETED:
        raise BundleGone()
    if bundle.status not in EDITABLE:
        raise NotAsTwilioHasIt(status=announcements.state_of(bundle))
    if bundle.regulation_sid is None:  # known from before regulations were kept: the next sweep reads it
        raise StartAgain()
    regulation = await app.market.regulation(bundle.regulation_sid)
    bundle = await bundles.ensure_created(app, bundle, regulation)
    try:
        found = await contents.read(app, bundle, regulation)
    except TwilioError as error:
        if error.status == 404 and (await bundles.read(app, bundle)).status == BundleState.DELETED:
            raise BundleGone() from error
        raise
    if bundle.group is None and (guess := contents.guess_group(found, regulation, bundle)) is not None:
        bundle = await app.store.amend_bundle(bundle.id, group=guess)
        found = await contents.read(app, bundle, regulation)
    return BundleForm(bundle, regulation, found, about)


# what you see


def heading(bundle: Bundle, t: Texts) -> Block:
    name = rich.text(bundle.friendly_name, bold=True)
    return rich.block(rich.section(name, rich.text(f"\n{kind_of(bundle, t)}")))


def kind_of(bundle: Bundle, t: Texts) -> str:
    country, kind = t.country(bundle.country), t.number_type(bundle.number_type)
    return t.listed((country, kind, t.end_user(bundle.end_user_type)))


def field(each: Field, value: Any, t: Texts, mark: str) -> Block:
    """The input for a field: its kind follows from the constraint."""
    label, hint = t(each.label), _hint(each)
    text = str(value) if value else None
    if each.choices:
        options = [blocks.option(choice, choice_label(choice, t)) for choice in each.choices]
        return blocks.select(
            each.name, label, options, initial=text, mark=mark, hint=hint, optional=not each.is_required
        )
    if each.is_email:
        return blocks.email(each.name, label, initial=text, mark=mark, hint=hint)
    if each.is_date and (text is None or re.fullmatch(r"\d{4}-\d\d-\d\d", text)):
        return blocks.date(
            each.name, label, initial=text, mark=mark, hint=hint, optional=not each.is_required
        )
    return blocks.text(
        each.name,
        label,
        initial=text,
        placeholder="+49 30 1234567" if each.is_phone else None,
        mark=mark,
        hint=hint,
        optional=not each.is_required,
    )


def _hint(each: Field) -> str | None:
    """Twilio's own words, in English: they change with the regulation."""
    return each.description if each.description and each.description != each.label else None


def choice_label(choice: str, t: Texts) -> str:
    """``DIRECT_CUSTOMER`` as people write it; anything that is no such word stays."""
    return t(choice.replace("_", " ").capitalize()) if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", choice) else choice


def fields(
    form: BundleForm, part: Part, portion: int, values: Mapping[str, Any], notes: Notes, t: Texts, mark: str
) -> list[Block]:
    """The fields of one page, each with what is wrong with it below; what follows from another page is said so."""
    shown: list[Block] = []
    for each in contents.portions(part, form.regulation)[portion]:
        shown.append(field(each, values.get(each.name), t, mark))
        shown += below(each.name, notes)
    if portion == 0:
        derived = [each for each in part.fields if contents.is_derived(each, form.regulation)]
        noted = [each for each in derived if notes.get(each.name)]
        plain = [t(each.label) for each in derived if each not in noted]
        if plain:
            shown.append(
                blocks.plain_context(t("{fields}: as on the end user's page", fields=t.listed(plain)))
            )
        for each in noted:
            shown.append(blocks.plain_context(t("{fields}: as on the end user's page", fields=t(each.label))))
            shown += below(each.name, notes)
    return shown


def below(name: str, notes: Notes) -> list[Block]:
    return [blocks.note(text) for text in notes.get(name, ())]


def page(
    form: BundleForm,
    callback_id: str,
    title: str,
    shown: Sequence[Block],
    t: Texts,
    *,
    about: OfBundle,
    notes: Notes,
    submit: str | None = None,
    drawn: Sequence[str] = (),
) -> View:
    """drawn: the fields that stand on the page; a note for any other stands on top."""
    stray = [text for name, texts in notes.items() if name not in drawn for text in texts]
    every = contents.pages(form.regulation, form.bundle.group, form.contents)
    buttons = [] if about.page == every[0] else [blocks.button("back", t("Back"))]
    buttons.append(blocks.button("later", t("Finish later")))
    return blocks.modal(
        callback_id,
        title,
        [
            *map(blocks.note, stray),
            heading(form.bundle, t),
            *_where(form, about.page, every, t),
            *shown,
            blocks.actions("buttons", *buttons),
        ],
        close=t("Close"),
        submit=submit or t("Save and go on"),
        about=str(about),
    )


def _where(form: BundleForm, page_: Page, every: Sequence[Page], t: Texts) -> list[Block]:
    """Which page it is. Nobody knows before a set of documents is chosen how many there are."""
    if page_ not in every or (len(form.regulation.groups) > 1 and form.bundle.group is None):
        return []
    return [blocks.context(t("Page {n} of {all}", n=every.index(page_) + 1, all=len(every)))]


def names(form: BundleForm, part: Part, portion: int) -> list[str]:
    """The fields that ``fields`` draws."""
    drawn = [each.name for each in contents.portions(part, form.regulation)[portion]]
    if portion == 0:
        drawn += [each.name for each in part.fields if contents.is_derived(each, form.regulation)]
    return drawn


# what you typed


def read(answers: forms.Answers, fields_: Sequence[Field]) -> dict[str, str | None]:
    """The answers to these fields as Twilio wants them. Raises FormErrors."""
    typed: dict[str, str | None] = {}
    wrong: dict[str, Said] = {}
    for each in fields_:
        value = answers.get(each.name)
        typed[each.name] = each.cleaned(value) if isinstance(value, str) else None
        problem = each.wrong(typed[each.name])
        if problem is not None:
            wrong[each.name] = problem
    if wrong:
        raise FormErrors(wrong)
    return typed
