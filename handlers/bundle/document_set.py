"""Which of several sets of documents is given; only where a regulation leaves the choice."""

from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.errors import FormErrors
from bot.texts import N_, Texts, say
from bot.twilio import contents
from bot.twilio.regulations import Group
from handlers import blocks, forms
from handlers.blocks import Block, View
from handlers.bundle import form as common
from handlers.bundle.form import BundleForm, Notes

CALLBACK_ID = "new_bundle.group"
CHOICES_AT_MOST = 10
DESCRIBED_AT_MOST = 80


# what you see


def page(form: BundleForm, t: Texts, *, typed: str | None = None, notes: Notes, mark: str = "") -> View:
    chosen = typed if typed is not None else None if form.bundle.group is None else str(form.bundle.group)
    groups = form.regulation.groups
    names = [t("Set {number}", number=i + 1) for i, _ in enumerate(groups)]
    options = [
        blocks.option(str(i), name, t.listed(t(each.name) for each in group))
        for i, (name, group) in enumerate(zip(names, groups, strict=True))
    ]
    ask = blocks.radio if len(options) <= CHOICES_AT_MOST else blocks.select
    shown: list[Block] = [
        blocks.section(t("Twilio takes one of several sets of documents. Choose the one that you have.")),
        *(
            blocks.plain_section(f"{name}\n{described(group, t)}")
            for name, group in list(zip(names, groups, strict=True))[:DESCRIBED_AT_MOST]
        ),
        ask("group", t("Documents"), options, initial=chosen, mark=mark),
        *common.below("group", notes),
    ]
    return common.page(
        form, CALLBACK_ID, t("New bundle"), shown, t, about=form.about, notes=notes, drawn=("group",)
    )


def described(group: Group, t: Texts) -> str:
    """Each document with the kinds that are accepted for it."""
    return "\n".join(
        f"• {t(each.name)}: {t.listed(dict.fromkeys(t(kind.name) for kind in each.kinds))}" for each in group
    )


# what you typed


def read(view: View, form: BundleForm) -> str:
    chosen = forms.answers(view).get("group")
    if chosen is None or not 0 <= int(chosen) < len(form.regulation.groups):
        raise FormErrors({"group": say(N_("Choose one of the sets."))})
    return str(chosen)


# what happens next


async def save(form: BundleForm, typed: str, client: AsyncWebClient, app: App) -> BundleForm:
    """Documents that are in another set as well stay, the others are taken out; addresses are asked for again."""
    if form.bundle.group == int(typed):
        return form
    await app.store.amend_bundle(form.bundle.id, group=int(typed), addresses={})
    form = await common.load(form.about, app)
    kept = await contents.sync_contents(app, form.bundle, form.regulation, form.contents)
    return replace(form, contents=kept)
