"""Page 3b: a new address, for a number that needs one without a bundle. What is typed goes to Twilio and nowhere else."""

from typing import Any

from babel import Locale
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot import countries
from bot.errors import FormErrors
from bot.services import Services
from bot.texts import ADDRESS_NEEDS, N_, Said, Texts, say
from bot.twilio_client import TwilioError
from handlers import blocks, errors, forms, modal
from handlers.blocks import Block, View
from handlers.buy_number import draft as draft_row
from handlers.buy_number import review
from storage.models import Purchase

CALLBACK_ID = "buy_number.address"
NOT_FOUND = (21628, 21629)
TERRITORIES = [
    str(code)
    for code in Locale("en").territories
    if len(str(code)) == 2 and countries.dialling_code(str(code))
]

FIELDS = {
    "customer_name": (N_("Name of the company or person"), 21, False),
    "street": (N_("Street and number"), 100, False),
    "street_secondary": (N_("Flat, floor, building"), 100, True),
    "city": (N_("Town"), 100, False),
    "region": (N_("State, province or county"), 100, True),
    "postal_code": (N_("Postal code"), 20, True),
}
"""What Twilio asks of an address: its label, its longest text, and whether it may be left out.

A name in Japanese characters may have 21 of them at Twilio, and that holds for all here.
"""


# what you see


def page(
    draft: Purchase,
    t: Texts,
    *,
    typed: forms.Answers | None = None,
    notice: str | None = None,
    mark: str = "",
) -> View:
    """typed: what a refused try had, from memory; it is in no database."""
    assert draft.phone_number and draft.country
    typed = typed or {}
    needs = t(ADDRESS_NEEDS[draft.number.get("address_requirements", "any")])
    shown: list[Block] = [blocks.alert(notice, "error")] if notice else []
    shown.append(blocks.section(f"*{t.phone(draft.phone_number)}* – {needs}"))
    shown.append(
        blocks.context(t("It is sent to Twilio and kept there; Number Desk keeps only its number (AD…)."))
    )
    country = typed.get("address_country") or draft.country
    shown.append(
        blocks.typeahead(
            "address_country",
            t("Country"),
            initial=blocks.option(country, countries.label(country, t)),
            mark=mark,
        )
    )
    shown += [
        blocks.text(name, t(label), initial=typed.get(name), max_length=longest, mark=mark, optional=optional)
        for name, (label, longest, optional) in FIELDS.items()
    ]
    shown.append(blocks.actions("buttons", blocks.button("back", t("Back"))))
    return blocks.modal(
        CALLBACK_ID, t("New address"), shown, close=t("Cancel"), submit=t("Save and go on"), about=draft
    )


async def country_suggested(ack: AsyncAck, body: dict[str, Any], t: Texts) -> None:
    found = countries.matching(body.get("value") or "", TERRITORIES, t)
    await ack(options=[blocks.option(code, label) for code, label in found])


# what happens next


async def submitted(ack: AsyncAck, view: View, client: AsyncWebClient, services: Services, t: Texts) -> None:
    typed = forms.answers(view)
    draft = await draft_row.of(view, services)
    wrong: dict[str, Said] = {
        name: say(N_("Type something here: Twilio asks for it."))
        for name, (_, _, optional) in FIELDS.items()
        if not optional and not typed.get(name)
    }
    needs, country = draft.number.get("address_requirements"), typed.get("address_country")
    if needs == "local" and country != draft.country:
        wrong["address_country"] = say(N_("The number asks for an address in its own country."))
    if needs == "foreign" and country == draft.country:
        wrong["address_country"] = say(N_("The number asks for an address outside its country."))
    if wrong:
        raise FormErrors(wrong)
    waiting = modal.loading(t, t("Sending the address to Twilio…"), draft.id)
    await ack(response_action="update", view=waiting)
    external_id = waiting["external_id"]
    services.later(
        _save(external_id, draft, typed, client, services, t),
        errors.in_place_of(client, external_id, draft, services, t),
    )


async def _save(
    external_id: str,
    draft: Purchase,
    typed: forms.Answers,
    client: AsyncWebClient,
    services: Services,
    t: Texts,
) -> None:
    """Region and postal code are asked for by name even where a country has none: a dash stands for them."""
    try:
        made = await services.twilio.addresses.create_async(
            customer_name=typed["customer_name"],
            street=typed["street"],
            street_secondary=typed.get("street_secondary") or "",
            city=typed["city"],
            region=typed.get("region") or "-",
            postal_code=typed.get("postal_code") or "-",
            iso_country=typed["address_country"],
            friendly_name=draft.mark,
        )
    except TwilioError as error:
        if not error.definite or error.status in (401, 403):
            raise
        said = (
            t("Twilio does not find this address. Check the street, the town and the postal code.")
            if error.code in NOT_FOUND
            else t("Twilio does not take this address: {message}", message=error.message)
        )
        again = page(draft, t, typed=typed, notice=said, mark=f"~{external_id[:6]}")
        await modal.late(client, external_id, again)
        return
    draft = await services.store.record_draft(
        draft.id,
        page="review",
        address_sid=made.sid,
        answers=draft_row.answers(draft, "end_user", {"address": made.sid}),
    )
    await modal.late(client, external_id, review.page(draft, None, services, t))
