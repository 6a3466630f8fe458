"""What a new bundle is for: country, number type, end user. ``/twilio new-bundle [country]``"""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot import countries
from bot.bundles import operations as bundles
from bot.core import App
from bot.errors import BotError, FormErrors
from bot.texts import END_USERS, N_, NUMBER_TYPES, Said, Texts, say
from bot.twilio.client import TwilioError
from bot.twilio.contents import GROUP
from handlers import blocks, errors, forms
from handlers.address_fields import TERRITORIES
from handlers.blocks import Block, View
from handlers.bundle import flow
from handlers.bundle.form import About

CALLBACK_ID = "new_bundle.start"


# what you see


def page(typed: forms.Answers, t: Texts, *, notice: str | None = None, mark: str = "") -> View:
    country = typed.get("country")
    shown: list[Block] = [blocks.alert(notice, "error")] if notice else []
    shown += [
        blocks.section(
            t(
                "A regulatory bundle tells Twilio, and the country's authority, who uses a number. Twilio's people review it before a number can be bought with it."
            )
        ),
        blocks.typeahead(
            "country",
            t("Country"),
            initial=blocks.option(country, countries.label(country, t)) if country else None,
            placeholder=t("Name, code or dialling code"),
            mark=mark,
        ),
        blocks.radio(
            "number_type",
            t("Number type"),
            [blocks.option(kind, t(name)) for kind, name in NUMBER_TYPES.items()],
            initial=typed.get("number_type"),
            mark=mark,
        ),
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


async def opened(
    *,
    ack: AsyncAck,
    body: dict[str, Any],
    client: AsyncWebClient,
    app: App,
    t: Texts,
    words: list[str],
) -> None:
    await app.policy.check_bundles(body["user_id"], app.people)
    bundles.check_email(app)
    typed: forms.Answers = {}
    notice = None
    if words:
        found = countries.matching(" ".join(words), TERRITORIES, t)
        if found:
            typed["country"] = found[0][0]
        else:
            notice = t("There is no country “{word}”.", word=blocks.cut(" ".join(words), 40))
    await client.views_open(trigger_id=body["trigger_id"], view=page(typed, t, notice=notice))
    await ack()


async def submitted(
    ack: AsyncAck, body: dict[str, Any], view: View, client: AsyncWebClient, app: App, t: Texts
) -> None:
    typed = forms.answers(view)
    person_id = body["user"]["id"]
    wrong: dict[str, Said] = {}
    if not typed.get("country"):
        wrong["country"] = say(N_("Choose a country."))
    if typed.get("number_type") not in NUMBER_TYPES:
        wrong["number_type"] = say(N_("Choose a number type."))
    if typed.get("end_user_type") not in END_USERS:
        wrong["end_user_type"] = say(N_("Choose who uses the number."))
    if wrong:
        raise FormErrors(wrong)
    await app.policy.check_bundles(person_id, app.people)

    async def work(mark: str) -> View:
        try:
            regulations = await app.market.regulations(typed["country"], typed["number_type"])
            regulation = regulations.get(typed["end_user_type"])
            if regulation is None:
                raise flow.no_bundle(typed["country"], typed["number_type"], regulations)
        except (BotError, TwilioError) as error:
            said = await errors.sentence(error, app)
            return page(typed, t, notice=t.said(said), mark=mark)
        return await flow.begun(regulation, app, t, person_id, mark, name=typed.get("name"))

    about = About("", GROUP)
    text = t("Asking Twilio what this country wants to know…")
    await flow.in_answer(ack, client, app, t, about, text, work)
