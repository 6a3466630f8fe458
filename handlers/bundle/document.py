"""One document: which of the accepted kinds, its fields, and the file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.errors import BotError, FormErrors
from bot.slack import files as slack_files
from bot.texts import N_, Texts, say
from bot.twilio import contents
from bot.twilio.regulations import Part, Requirement
from handlers import blocks, forms, rich
from handlers.blocks import Block, View
from handlers.bundle import form as common
from handlers.bundle.form import BundleForm, Notes
from handlers.ref import OfBundle
from handlers.screen import Screen
from handlers.turn import Turn

CALLBACK_ID = "new_bundle.document"
TYPES = ("pdf", "jpg", "jpeg", "png")


@dataclass(frozen=True)
class Typed:
    kind: Part
    values: Mapping[str, str | None]
    file: Mapping[str, Any] | None
    """Slack's file object."""


# what you see


def page(form: BundleForm, t: Texts, *, typed: Typed | None = None, notes: Notes, mark: str = "") -> View:
    where = form.about.page
    requirement = form.documents[where.index]
    there = form.contents.documents.get(where.index)
    if typed is not None:
        kind, values, kept = typed.kind, typed.values, form.about.kept
    else:
        kind = requirement.kind(there.type if there else None) or requirement.kinds[0]
        values = there.attributes if there is not None and there.type == kind.type else {}
        stays = there is not None and there.has_file and there.status != contents.REJECTED
        kept = there.type if there is not None and stays else ""
    lost = typed is not None and typed.file is not None
    return _drawn(form, requirement, kind, values, kept, notes, t, mark, mark if lost else "")


def _drawn(
    form: BundleForm,
    requirement: Requirement,
    kind: Part,
    values: Mapping[str, Any],
    kept: str,
    notes: Notes,
    t: Texts,
    mark: str,
    file_mark: str,
) -> View:
    """kept: the kind of the file that is at Twilio already; file_mark: when set, a file has to be chosen again."""
    where = form.about.page
    shown: list[Block] = [blocks.header(t(requirement.name))]
    if requirement.description:
        shown.append(rich.linked(requirement.description))
    if len(form.documents) > 1:
        shown.append(blocks.context(t("Document {n} of {all}", n=where.index + 1, all=len(form.documents))))
    if where.portion == 0:
        shown += _kind(requirement, kind, t, mark)
        shown += common.below("document_type", notes)
    drawn = ["document_type", *common.names(form, kind, where.portion)]
    shown += common.fields(form, kind, where.portion, values, notes, t, mark)
    if where.portion == 0 and kind.needs_file:
        shown += _file(kind, kept, notes, t, file_mark)
        drawn.append("file")
    about = replace(form.about, kind=kind.type, kept=kept)
    return common.page(form, CALLBACK_ID, t("Document"), shown, t, about=about, notes=notes, drawn=drawn)


def _kind(requirement: Requirement, kind: Part, t: Texts, mark: str) -> list[Block]:
    if len(requirement.kinds) == 1:
        return [blocks.plain_section(t("Accepted: {kind}", kind=t(kind.name)))]
    options = [blocks.option(each.type, t(each.name)) for each in requirement.kinds]
    return [
        blocks.select(
            "document_type", t("Kind of document"), options, initial=kind.type, mark=mark, dispatch=True
        )
    ]


def _file(kind: Part, kept: str, notes: Notes, t: Texts, mark: str) -> list[Block]:
    there = kept == kind.type
    shown = [
        blocks.file(
            "file",
            t("File"),
            TYPES,
            mark=mark,
            hint=t("PDF, JPEG or PNG, at most 5 MB."),
            optional=there,
        ),
        *common.below("file", notes),
    ]
    if mark:
        shown.append(blocks.context(t("A file that you chose before has to be chosen again.")))
    if there:
        shown.append(blocks.context(t("Twilio has a file already. It stays unless you choose another one.")))
    shown.append(
        blocks.context(
            t(
                "The file goes from Slack to Twilio; Number Desk keeps nothing of it. It also stays among your own files in Slack, where only you see it: delete it there under Files."
            )
        )
    )
    return shown


async def kind_changed(turn: Turn) -> None:
    """Another kind of document has other fields; what both have stays, a file that was chosen too."""
    about, typed = OfBundle.parse(turn.about), turn.answers
    bundle, regulation = await common.bundle_of(about, turn.app)
    form = BundleForm(bundle, regulation, contents.Contents(), about)
    requirement = form.documents[about.page.index]
    kind = requirement.kind(typed.get("document_type")) or requirement.kinds[0]
    marks = turn.mark("document_type"), turn.mark("file")
    await turn.show(_drawn(form, requirement, kind, typed, about.kept, {}, turn.t, *marks))


# what you typed


def unfinished(view: View, form: BundleForm, t: Texts) -> View | None:
    """The page once more, when another kind was chosen whose fields the page does not show yet."""
    kind, drawn = _chosen(view, form)
    before = form.documents[form.about.page.index].kind(form.about.kind)
    same = before is None or _asks(before, form) == _asks(kind, form)
    if same:
        return None
    requirement = form.documents[form.about.page.index]
    mark, file_mark = forms.mark_of(view, "document_type"), forms.mark_of(view, "file")
    return _drawn(form, requirement, kind, drawn, form.about.kept, {}, t, mark, file_mark)


def _asks(kind: Part, form: BundleForm) -> tuple[list[str], bool]:
    return [each.name for each in contents.asked(kind, form.regulation)], kind.needs_file


def _chosen(view: View, form: BundleForm) -> tuple[Part, forms.Answers]:
    typed = forms.answers(view)
    requirement = form.documents[form.about.page.index]
    name = typed.get("document_type") or form.about.kind
    return requirement.kind(name) or requirement.kinds[0], typed


def read(view: View, form: BundleForm) -> Typed:
    kind, answers = _chosen(view, form)
    where = form.about.page
    wrong = {}
    values: Mapping[str, str | None] = {}
    try:
        values = common.read(forms.answers(view), contents.portions(kind, form.regulation)[where.portion])
    except FormErrors as error:
        wrong = dict(error.fields)
    files = answers.get("file") or []
    if where.portion == 0 and kind.needs_file and not files and form.about.kept != kind.type:
        wrong["file"] = say(N_("Choose a file."))
    if wrong:
        raise FormErrors(wrong)
    return Typed(kind, values, files[0] if files else None)


# what happens next


async def save(form: BundleForm, typed: Typed, client: AsyncWebClient, app: App) -> BundleForm:
    """The file goes through memory, from Slack to Twilio. Raises FileProblem."""
    file = None
    if typed.file is not None:
        api_url = app.settings.slack_api_url
        file = await slack_files.download(dict(typed.file), client, app.http, api_url)
    index = form.about.page.index
    there = form.contents.documents.get(index)
    if typed.kind.needs_address and str(index) not in form.bundle.addresses and not (there and there.address):
        raise BotError(
            N_("This kind of document shows an address. Go back and choose one, or choose another kind.")
        )
    gone = there is None or contents.must_be_new(there, typed.kind, file)
    if file is None and typed.kind.needs_file and gone and form.about.page.portion == 0:
        raise slack_files.FileProblem(N_("Choose a file: the one that Twilio had is not there any more."))
    saved = await contents.save_document(
        app, form.bundle, form.regulation, form.contents, index, typed.kind, typed.values, file
    )
    return replace(form, contents=saved)


Screen(CALLBACK_ID, actions={"document_type": kind_changed})
