"""The fields of a new address, wherever one is asked for. What is typed goes to Twilio and nowhere else."""

from bot.countries import REGIONS
from bot.folding import folded
from bot.texts import N_, Said, Texts, say
from bot.twilio.addresses import FIELDS, LONGEST_NAME, AddressProblem
from handlers import blocks, country_field, forms, rich
from handlers.blocks import Block


def fields(of: str, typed: forms.Answers, t: Texts, mark: str) -> list[Block]:
    """of: the country of the address, unless another was typed."""
    return [
        country_field.field("address_country", typed.get("address_country") or of, t, mark=mark),
        *(
            blocks.text(
                name,
                t(label),
                initial=typed.get(name),
                max_length=longest,
                mark=mark,
                hint=t("A dash where the country has none.") if name == "postal_code" else None,
                optional=optional,
            )
            for name, (label, longest, optional) in FIELDS.items()
        ),
    ]


def privacy(t: Texts) -> Block:
    return blocks.context(t("It is sent to Twilio and kept there; Number Desk keeps only its number (AD…)."))


def problem(error: AddressProblem, t: Texts) -> list[Block]:
    """What Twilio says of the address; its suggestion is taken over in one click."""
    shown = [blocks.note(rich.plainly(error.said, t))]
    if error.suggested:
        taken = blocks.button("take_suggestion", t("Take Twilio's suggestion"), style="primary")
        shown.append(blocks.actions("suggestion", taken))
    return shown


def wrong(typed: forms.Answers) -> dict[str, Said]:
    found = {
        name: say(N_("Type something here: Twilio asks for it."))
        for name, (_, _, optional) in FIELDS.items()
        if not optional and not typed.get(name)
    }
    if len((typed.get("customer_name") or "").encode()) > LONGEST_NAME:
        found["customer_name"] = say(N_("Twilio takes 64 letters here, or 21 Japanese characters."))
    if typed.get("address_country") in ("US", "CA") and not REGIONS[typed["address_country"]].get(
        folded(typed.get("region") or "").casefold()
    ):
        found["region"] = say(N_("Type the state or province, by its name or its two letters."))
    for name in ("street", "street_secondary", "city"):
        if typed.get("address_country") == "US" and set("&@#") & set(folded(typed.get(name) or "")):
            found[name] = say(
                N_("Twilio takes no &, @ and # in addresses of the United States. Write them out.")
            )
    if not typed.get("address_country"):
        found["address_country"] = say(N_("Choose a country."))
    return found
