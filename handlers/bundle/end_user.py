"""Who uses the numbers: the fields that the regulation asks for."""

from collections.abc import Mapping
from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.core import App
from bot.texts import Texts
from bot.twilio import contents
from handlers import blocks, forms
from handlers.blocks import Block, View
from handlers.bundle import form as common
from handlers.bundle.form import BundleForm, Notes

CALLBACK_ID = "new_bundle.end_user"
Typed = Mapping[str, str | None]


# what you see


def page(form: BundleForm, t: Texts, *, typed: Typed | None = None, notes: Notes, mark: str = "") -> View:
    where = form.about.page
    part = form.regulation.end_users[where.index]
    there = form.contents.end_users.get(where.index)
    values = typed if typed is not None else there.attributes if there else {}
    shown: list[Block] = [blocks.header(t("End user: {type}", type=t(part.name)))]
    shown.append(
        blocks.context(t("What you type goes to Twilio and is kept there; Number Desk keeps none of it."))
    )
    shown += common.fields(form, part, where.portion, values, notes, t, mark)
    return common.page(
        form,
        CALLBACK_ID,
        t("End user"),
        shown,
        t,
        about=form.about,
        notes=notes,
        drawn=common.names(form, part, where.portion),
    )


# what you typed


def read(view: View, form: BundleForm) -> Typed:
    where = form.about.page
    part = form.regulation.end_users[where.index]
    return common.read(forms.answers(view), contents.portions(part, form.regulation)[where.portion])


# what happens next


async def save(form: BundleForm, typed: Typed, client: AsyncWebClient, app: App) -> BundleForm:
    index = form.about.page.index
    saved = await contents.save_end_user(app, form.bundle, form.regulation, form.contents, index, typed)
    return replace(form, contents=saved)
