"""Everything once more, with what Twilio's evaluation says, before it is sent to the reviewers."""

from bot.core import App
from bot.texts import NC_, Texts
from bot.twilio import addresses, contents, names
from bot.twilio.contents import Document, Page
from bot.twilio.regulations import Requirement
from handlers import blocks, rich
from handlers.blocks import Block, View
from handlers.bundle import form as common
from handlers.bundle.form import BundleForm, Notes

CALLBACK_ID = "new_bundle.review"
DOCUMENTS_WITH_BUTTONS = 30
"""With more of them the view would have too many blocks: they are then changed by going back."""


async def page(form: BundleForm, app: App, t: Texts, *, notes: Notes, mark: str = "") -> View:
    shown: list[Block] = []
    if not notes:
        shown.append(blocks.alert(t("Twilio's evaluation finds nothing missing."), "success"))
    shown.append(
        blocks.context(
            t("Twilio's people look at it next, as a rule for one to three working days; you will be told.")
        )
    )
    shown += [*_group(form, t), *_end_users(form, t), *await _documents(form, app, t)]
    return common.page(
        form,
        CALLBACK_ID,
        t(NC_("a bundle", "Check and send")),
        shown,
        t,
        about=form.about,
        notes=notes,
        submit=t("Send to Twilio"),
    )


def _part(lines: list[str], t: Texts, *changes: Block) -> list[Block]:
    """lines: what it is, then what is in it; changes: the buttons that lead to its pages."""
    rest = rich.text("".join(f"\n{line}" for line in lines[1:]))
    shown = rich.block(rich.section(rich.text(lines[0], bold=True), *([rest] if lines[1:] else [])))
    return [shown, *([blocks.actions(f"change {changes[0]['value']}", *changes)] if changes else [])]


def _change(page_: Page, t: Texts) -> Block:
    return blocks.button("change", t("Change"), str(page_))


def _group(form: BundleForm, t: Texts) -> list[Block]:
    if len(form.regulation.groups) == 1 or form.bundle.group is None:
        return []
    chosen = t("Set {number}", number=form.bundle.group + 1)
    return _part([t("Documents"), chosen], t, _change(contents.GROUP, t))


def _end_users(form: BundleForm, t: Texts) -> list[Block]:
    shown: list[Block] = []
    for i, part in enumerate(form.regulation.end_users):
        there = form.contents.end_users.get(i)
        values = there.attributes if there else {}
        for n, portion in enumerate(contents.portions(part, form.regulation)):
            lines = [t(part.name)]
            for each in portion:
                if not values.get(each.name) and not each.is_required:
                    continue
                value = str(values.get(each.name) or "–")
                value = common.choice_label(value, t) if each.choices else value
                lines.append(f"{t(each.label)}: {value}")
            shown += _part(lines, t, _change(Page("end_user", i, n), t))
    return shown


async def _documents(form: BundleForm, app: App, t: Texts) -> list[Block]:
    shown: list[Block] = []
    few = len(form.documents) <= DOCUMENTS_WITH_BUTTONS
    for i, requirement in enumerate(form.documents):
        lines = [t(requirement.name), *await _document(form.contents.documents.get(i), requirement, app, t)]
        changes = [_change(Page("address" if requirement.is_only_an_address else "document", i), t)]
        if requirement.needs_address and not requirement.is_only_an_address:
            changes.append(blocks.button("change_address", t("Change the address"), str(Page("address", i))))
        shown += _part(lines, t, *(changes if few else ()))
    return shown


async def _document(there: Document | None, requirement: Requirement, app: App, t: Texts) -> list[str]:
    kind = requirement.kind(there.type if there else None)
    if kind is None or there is None:
        return []
    lines = [t(kind.name)]
    for each in kind.fields:
        if not each.is_address:
            lines.append(f"{t(each.label)}: {there.attributes.get(each.name) or '–'}")
    if there.address:
        address = await app.twilio.addresses(there.address).fetch_async()
        lines.append(t("Address: {address}", address=addresses.in_full(address)))
    if kind.needs_file:
        lines.append(_file(there, t))
    return lines


def _file(there: Document, t: Texts) -> str:
    """By the name that the document has at Twilio: here nothing of it is kept."""
    if not there.has_file:
        return t("File: –")
    name = names.file_name(there.name)
    return t("File: {name}", name=name) if name else t("File: uploaded")
