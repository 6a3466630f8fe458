"""WhatsApp for a number that is bought: what is needed and what customers shall see, the code where it is asked for, and doing without."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from bot.folding import folded
from bot.purchases import whatsapp
from bot.texts import N_, Texts
from handlers import blocks, loading
from handlers.blocks import View
from handlers.card import page as pages
from handlers.card.decide import MENU, pressed
from handlers.forms import Form, Wrong, needed
from handlers.ref import OfPurchase
from handlers.screen import Screen, on_messages
from handlers.turn import Turn
from storage.models import Purchase

# enabling: what you see


async def enabling(turn: Turn, of: OfPurchase) -> None:
    purchase = await whatsapp.check_enable(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(page(purchase, turn.t, is_trial=turn.app.market.is_trial))


def page(purchase: Purchase, t: Texts, *, is_trial: bool) -> View:
    """With what was typed before, where Twilio did not take it."""
    typed = (purchase.whatsapp or {}).get("profile", {})
    trial = [blocks.alert(t("A trial account cannot have WhatsApp senders. Add billing details first."))]
    return pages.page(
        "card.whatsapp",
        t("Enable WhatsApp"),
        [
            pages.number(purchase, t, _needs(purchase, t)),
            *(trial if is_trial else []),
            blocks.text(
                "display_name",
                t("Display name"),
                initial=typed.get("display_name"),
                max_length=75,
                hint=t(
                    "As customers know the business. Meta reviews it, and limits numbers whose name it does not accept."
                ),
            ),
            blocks.text("about", t("About"), initial=typed.get("about"), max_length=139, optional=True),
            blocks.text(
                "description",
                t("Description"),
                initial=typed.get("description"),
                multiline=True,
                max_length=512,
                optional=True,
            ),
            blocks.text(
                "website",
                t("Website"),
                initial=typed.get("website"),
                placeholder="https://www.example.com",
                max_length=256,
                optional=True,
                hint=t("Customers see all of this. Address, e-mail and logo can be added in the Console."),
            ),
        ],
        purchase,
        t,
        submit=t("Enable WhatsApp"),
    )


def _needs(purchase: Purchase, t: Texts) -> str:
    lines = [
        t(
            "The account's first WhatsApp sender is made by a person in the Console, with Meta's sign-up. Where there is none yet, the card says how, and Number Desk goes on once it is there."
        ),
        t("The number must not be on WhatsApp yet."),
    ]
    if "sms" in purchase.quote.capabilities:
        lines.append(
            t(
                "WhatsApp may send the number a code. Number Desk looks for it among the account's incoming messages. It is not known whether Twilio lists a text that the messaging service drops: where no code is found, the card asks for it."
            )
        )
    else:
        lines.append(
            t("WhatsApp tells the number a code in a call. Somebody has to answer it, and enter the code.")
        )
    return "\n".join(f"• {line}" for line in lines)


# enabling: what you typed, and what happens next


def _website(value: str | None) -> str | None:
    if not value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or "." not in (parts.hostname or ""):
        raise Wrong(N_("Type the whole address, such as https://www.example.com."))
    return value


class Profile(Form):
    display_name: Annotated[str, needed(N_("Type the name that customers shall see."))]
    about: str | None = None
    description: str | None = None
    website: Annotated[str | None, BeforeValidator(_website)] = None


async def enabled(turn: Turn, form: Profile) -> None:
    of = OfPurchase.parse(turn.about)
    profile = form.model_dump(exclude_none=True)
    await whatsapp.enable(of.purchase_id, of.quote_no, turn.person_id, profile, turn.app)
    await turn.done()


# the code


async def entering(turn: Turn, of: OfPurchase) -> None:
    purchase = await whatsapp.check_code(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(code_page(purchase, turn.t))


def code_page(purchase: Purchase, t: Texts) -> View:
    where = t("WhatsApp told it to the number in a call.")
    if "sms" in purchase.quote.capabilities:
        where = t(
            "WhatsApp sent it to the number as a text. Look where the number's texts arrive, or in the Console under Monitor > Logs > Messaging."
        )
    return pages.page(
        "card.whatsapp_code",
        t("WhatsApp code"),
        [
            pages.number(purchase, t, where),
            blocks.text(
                "code",
                t("Code"),
                placeholder="123-456",
                max_length=20,
                hint=t("It goes to Twilio and is kept nowhere."),
            ),
        ],
        purchase,
        t,
        submit=t("Send"),
    )


def _code(value: str) -> str:
    digits = re.sub(r"[\s-]", "", folded(value))
    if not re.fullmatch(r"[0-9]{6}", digits):
        raise Wrong(N_("The code has six digits, such as 123-456."))
    return digits


class Code(Form):
    code: Annotated[str, BeforeValidator(_code), needed(N_("Type the code that WhatsApp sent."))]


async def entered(turn: Turn, form: Code) -> None:
    """Twilio's answer is shown where the code was typed."""
    of, app, t = OfPurchase.parse(turn.about), turn.app, turn.t

    async def work(_: str) -> View:
        await whatsapp.enter_code(of.purchase_id, of.quote_no, turn.person_id, form.code, app)
        said = t("Twilio has the code. The card's thread tells how it goes on.")
        return blocks.modal(
            "card.whatsapp_sent", t("WhatsApp code"), [blocks.section(said)], close=t("Close")
        )

    await loading.behind(turn, t("Sending the code to Twilio…"), work)


# doing without


async def giving_up(turn: Turn, of: OfPurchase) -> None:
    purchase = await whatsapp.check_give_up(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.show(give_up_page(purchase, turn.t))


def give_up_page(purchase: Purchase, t: Texts) -> View:
    said = t("Number Desk stops looking after WhatsApp for this number.")
    if (purchase.whatsapp or {}).get("sender"):
        said += " " + t("The sender stays in the Twilio account until somebody deletes it in the Console.")
    return pages.page(
        "card.no_whatsapp",
        t("Do without WhatsApp"),
        [pages.number(purchase, t, said)],
        purchase,
        t,
        submit=t("Do without"),
    )


async def given_up(turn: Turn) -> None:
    of = OfPurchase.parse(turn.about)
    await whatsapp.give_up(of.purchase_id, of.quote_no, turn.person_id, turn.app)
    await turn.done()


Screen("card.whatsapp", (Profile, enabled))
Screen("card.whatsapp_code", (Code, entered))
Screen("card.no_whatsapp", given_up)
MENU["no_whatsapp"] = giving_up
on_messages(enable_whatsapp=pressed(enabling), whatsapp_code=pressed(entering))
