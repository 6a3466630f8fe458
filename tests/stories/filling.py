"""How a person fills in the pages of a bundle, whatever they ask for: values are made up from what a page shows."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.stories.stage import Person, Stage, until

PDF = b"%PDF-1.7\n% invented for a test of Number Desk: 3f1c9a52-passport-of-nobody\n" + bytes(range(256)) * 8
PNG = b"\x89PNG\r\n\x1a\n" + b"invented picture 77aa41d0" + bytes(range(200, 256)) * 40
JPEG = b"\xff\xd8\xff\xe0" + b"invented photograph b1946ac9" + bytes(range(100, 180)) * 30
TYPED = {
    "business_name": "Morgenrot Kaffeewerk GmbH",
    "business_registration_number": "HRB 918273",
    "business_website": "https://morgenrot-kaffeewerk.example",
    "business_description": "Roasts coffee and tells customers when their order is ready",
    "first_name": "Aurelia",
    "last_name": "Quittenbaum",
    "phone_number": "+442079460712",
    "document_number": "DOC-5512-0098",
    "customer_name": "Morgenrot Kaffeewerk",
    "street": "Torfweg 417b",
    "city": "Berlin",
    "region": "Brandenburg-Nord",
    "postal_code": "10437",
}
EMAIL = "aurelia.quittenbaum@example.org"
BORN = "1978-11-30"
POSTAL_CODES = {
    "AU": "2000", "BR": "01310-100", "DE": "10437", "EE": "10111", "FR": "75001", "GB": "EC1A 1BB", "HK": "999077",
    "ID": "10110", "IE": "D02 X285", "JP": "100-0001", "NL": "1012 AB", "NZ": "6011", "SG": "018956", "ZA": "8001",
}  # fmt: skip
FILES_FIRST = {"pdf": PDF, "png": PNG, "jpg": JPEG}


@dataclass
class Filler:
    """A person at the pages of a bundle. ``given``: answers that count more than made-up ones, by field."""

    stage: Stage
    person: Person
    given: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """The pages that were filled in, in order."""
    content: bytes = PDF
    file_name: str = "passport.pdf"

    async def answers(self, view: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for block in view["blocks"]:
            element = block.get("element")
            if block["type"] == "input" and element:
                name = element["action_id"]
                if name in self.given:
                    values[name] = self.given[name]
                else:
                    made = await self._made_up(name, element, block, view)
                    if made is not None:
                        values[name] = made
        return values

    async def _made_up(
        self, name: str, element: dict[str, Any], block: dict[str, Any], view: dict[str, Any]
    ) -> Any:
        match element["type"]:
            case "file_input":
                return [await self.upload(self.file_name, self.content)]
            case "email_text_input":
                return EMAIL
            case "datepicker":
                return BORN
            case "static_select" | "radio_buttons":
                chosen = element.get("initial_option") or element["options"][0]
                return chosen["value"]
            case "external_select":
                return None  # what is shown stays
        if name == "postal_code":
            return POSTAL_CODES.get(country_in(view), "12345")
        if block.get("optional"):
            return None
        return TYPED.get(name, f"Answer to {name.replace('_', ' ')}")

    async def upload(self, name: str, content: bytes) -> str:
        return await upload(self.stage, self.person, name, content)

    async def fills(self, callback_id: str | None = None) -> dict[str, Any]:
        """One page; the view that comes next."""
        view = await self.person.view(callback_id)
        self.seen.append(view["callback_id"])
        answer = await self.person.submits(**await self.answers(view))
        assert not answer.get("errors"), answer
        return await self.after(view)

    async def after(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The page that takes the place of this one."""

        async def there() -> Any:
            views = await self.stage.slack.get("views", user=self.person.id)
            if not views:
                return {"callback_id": "", "blocks": []}
            newest = views[-1]
            changed = newest["hash"] != before["hash"] or newest["id"] != before["id"]
            return newest if changed and newest["callback_id"] != "loading" else None

        found: dict[str, Any] = await until(there, f"something follows {before['callback_id']}")
        return found

    async def fills_up_to(self, callback_id: str = "new_bundle.review") -> dict[str, Any]:
        """Page after page; the page that was wanted."""
        view = await self.person.view()
        for _ in range(40):
            if view["callback_id"] == callback_id:
                return view
            assert view["callback_id"].startswith("new_bundle."), view
            view = await self.fills()
        raise AssertionError(f"no {callback_id} after 40 pages: {self.seen}")

    async def submits(self) -> dict[str, Any]:
        """The last page; what is shown then."""
        view = await self.person.view("new_bundle.review")
        answer = await self.person.submits()
        assert not answer.get("errors"), answer
        return await self.after(view)


async def upload(stage: Stage, person: Person, name: str, content: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("user", person.id)
    form.add_field("file", io.BytesIO(content), filename=name)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stage.slack_twin.url}/twin/upload", data=form) as answer,
    ):
        said = await answer.json()
    assert answer.status < 400, said
    return str(said["id"])


def country_in(view: dict[str, Any]) -> str:
    for block in view["blocks"]:
        element = block.get("element") or {}
        if element.get("action_id") == "address_country":
            return str(element["initial_option"]["value"])
    return ""


async def begins(
    person: Person, country: str, number_type: str, end_user_type: str, **more: Any
) -> dict[str, Any]:
    """``/twilio new-bundle`` and its first page; the page that comes next."""
    await person.types(f"new-bundle {country}")
    view = await person.view("new_bundle.start")
    answer = await person.submits(number_type=number_type, end_user_type=end_user_type, **more)
    assert not answer.get("errors"), answer

    async def there() -> Any:
        newest = await person.view()
        return newest if newest["hash"] != view["hash"] else None

    found: dict[str, Any] = await until(there, "the first page of the bundle")
    return found


async def makes(
    stage: Stage, person: Person, country: str, number_type: str, end_user_type: str, **given: Any
) -> str:
    """A bundle from the command to the reviewers; its SID."""
    before = {each["sid"] for each in await bundles(stage)}
    await begins(person, country, number_type, end_user_type)
    filler = Filler(stage, person, given)
    await filler.fills_up_to()
    await filler.submits()
    (made,) = [each for each in await bundles(stage) if each["sid"] not in before]
    assert made["status"] == "pending-review", made
    return str(made["sid"])


async def bundles(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.twilio.get("state"))["bundles"]
    return found


async def bundle(stage: Stage, sid: str) -> dict[str, Any]:
    return next(each for each in await bundles(stage) if each["sid"] == sid)


async def news(stage: Stage, words: str, within: float = 20.0) -> dict[str, Any]:
    """The newest message in the bundles channel with these words, once it is there."""

    async def there() -> Any:
        found = [each for each in await stage.messages("C0BUNDLES") if words in each["text"]]
        return found[-1] if found else None

    message: dict[str, Any] = await until(there, f"the bundles channel says “{words}”", within)
    return message


async def deletes(person: Person, block_id: str) -> None:
    """From the menu of a bundle's line, and the page that this opens. block_id: of its buttons."""
    await person.picks("menu", f"delete:{block_id.removeprefix('of ')}", block_id=block_id)
    await person.view("bundles.delete")
    await person.submits()


def alerts(view: dict[str, Any]) -> list[tuple[str | None, str]]:
    """``(field, text)`` of every alert: the field directly above it, None on top of the page."""
    found: list[tuple[str | None, str]] = []
    above: str | None = None
    for block in view["blocks"]:
        if block["type"] == "alert" or (
            block["type"] == "section" and ":warning:" in (block.get("text") or {}).get("text", "")
        ):
            found.append((above, block["text"]["text"]))
        elif block["type"] == "input":
            above = block["element"]["action_id"]
        elif block["type"] == "context" and (name := re.match(r"(.+?):", block["elements"][0]["text"])):
            above = name[1]
    return found
