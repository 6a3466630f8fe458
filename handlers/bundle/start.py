"""What a new bundle is for: country, number type, end user. ``/twilio new-bundle [country]``"""

from typing import Annotated

from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BotError
from bot.texts import END_USERS, N_, Texts
from bot.twilio.client import TwilioError
from handlers import blocks, country_field, errors, forms, loading, rich
from handlers.blocks import Block, View
from handlers.bundle import flow
from handlers.forms import Form, needed
from handlers.screen import Screen
from handlers.turn import Turn

CALLBACK_ID = "new_bundle.start"


# what you see


def page(typed: forms.Answers, app: App, t: Texts, *, notice: str | None = None, mark: str = "") -> View:
    country = typed.get("country")
    offers = app.market.offers(country) if country else []
    shown: list[Block] = [blocks.note(notice)] if notice else []
    shown += [
        blocks.section(
            t(
                "A regulatory bundle tells Twilio, and the country's authority, who uses a number. Twilio's people review it before a number can be bought with it."
            )
        ),
        country_field.field("country", country, t, mark=mark, dispatch=True),
    ]
    if offers:
        shown.append(country_field.types(offers, typed.get("number_type"), t, mark=f"{mark}~{country}"))
    shown += [
        blocks.radio(
            "end_user_type",
            t("Who uses the number"),
            [blocks.option(kind, t(name)) for kind, name in END_USERS.items()],
            initial=typed.get("end_user_type"),
            mark=mark,
        ),
        blocks.text(
            "name",
            t("Name of the bundle"),
            initial=typed.get("name"),
            max_length=40,
            mark=mark,
            hint=t("For finding it in lists. Everybody in the channels can read it, so name no person."),
            optional=True,
        ),
        blocks.context(t("Bundles that are not finished yet: `/twilio bundles`")),
    ]
    return blocks.modal(CALLBACK_ID, t("New bundle"), shown, close=t("Cancel"), submit=t("Next"))


# what happens next


async def opened(turn: Turn) -> None:
    """``/twilio new-bundle [country]``"""
    bundles.check_email(turn.app)
    named, notice = country_field.named(turn.words, turn.app, turn.t)
    await turn.show(page({"country": named.country}, turn.app, turn.t, notice=notice))


async def changed(turn: Turn) -> None:
    """Another country has other types."""
    typed = turn.answers

    async def draw() -> View:
        return page(typed, turn.app, turn.t, mark=turn.mark("name"))

    await turn.redraw(draw)


class NewBundle(Form):
    country: Annotated[str, needed(N_("Choose a country."))]
    number_type: Annotated[str, needed(N_("Choose a number type."))]
    end_user_type: Annotated[str, needed(N_("Choose who uses the number."))]
    name: str | None = None


async def submitted(turn: Turn, form: NewBundle) -> None:
    await turn.app.policy.check_bundles(turn.person_id, turn.app.people)

    async def work(mark: str) -> View:
        try:
            regulations = await turn.app.market.regulations(form.country, form.number_type)
            regulation = regulations.get(form.end_user_type)
            if regulation is None:
                raise flow.no_bundle(form.country, form.number_type, regulations)
        except (BotError, TwilioError) as error:
            said = await errors.sentence(error, turn.app)
            return page(form.model_dump(), turn.app, turn.t, notice=rich.plainly(said, turn.t), mark=mark)
        return await flow.started(turn, regulation, mark, name=form.name)

    await loading.behind(turn, turn.t("Asking Twilio what this country wants to know…"), work)


SCREEN = Screen(
    CALLBACK_ID,
    (NewBundle, submitted),
    actions={"country": changed},
    suggests={"country": country_field.suggested(country_field.sold)},
)
