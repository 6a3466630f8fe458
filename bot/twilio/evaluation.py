"""What Twilio's evaluation finds in a bundle, and on which page and below which field it belongs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core import App
from bot.texts import N_, Said, say
from bot.twilio.contents import Contents, Page, portions
from bot.twilio.regulations import ADDRESS, Part, Regulation
from storage.models import Bundle


@dataclass(frozen=True)
class Finding:
    """What the evaluation finds: on which page, below which field (None: it belongs to no field, or to no page)."""

    page: Page | None
    field: str | None
    said: Said


FINDINGS = {
    22214: N_("Twilio does not find the end user in the bundle. Save this page again."),
    22215: N_("Twilio says: {field} is missing or not as it has to be."),
    22216: N_("Twilio does not find this document in the bundle. Save this page again."),
    22217: N_("Twilio says: {field} is missing, or differs from what the end user's page says."),
    22218: N_("Twilio says: {field} differs from what the end user's page says."),
    22219: N_("Twilio says: the address is missing. Choose one."),
}
"""Sentences for the codes of an evaluation. Source: twilio.com/docs, error dictionary."""


async def evaluate(app: App, bundle: Bundle, regulation: Regulation, contents: Contents) -> list[Finding]:
    """What Twilio's evaluation of the bundle finds; nothing when it is compliant. Raises TwilioError."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    made: Any = await compliance.bundles(bundle.sid).evaluations.create_async()
    return _found(made, bundle, regulation, contents)


async def latest(
    app: App, bundle: Bundle, regulation: Regulation, contents: Contents
) -> tuple[datetime, list[Finding]] | None:
    """What the last evaluation has found, and when; None where there was none. Raises TwilioError."""
    evaluations = app.twilio.numbers.v2.regulatory_compliance.bundles(bundle.sid).evaluations
    made: list[Any] = await evaluations.list_async(limit=100, page_size=100)
    last = max(made, key=lambda each: each.date_created, default=None)
    return (last.date_created, _found(last, bundle, regulation, contents)) if last is not None else None


def _found(evaluation: Any, bundle: Bundle, regulation: Regulation, contents: Contents) -> list[Finding]:
    found: list[Finding] = []
    used: set[Page] = set()
    for result in evaluation.results or ():
        place = _place(result, regulation, bundle, used)
        if place is not None:
            used.add(place)
        if not result.get("passed"):
            found += _findings(result, place, regulation, bundle, contents)
    if not found and evaluation.status != "compliant":
        found.append(
            Finding(None, None, say(N_("Twilio says that the bundle is not complete, and not why.")))
        )
    return found


def _place(result: Mapping[str, Any], regulation: Regulation, bundle: Bundle, used: set[Page]) -> Page | None:
    for i, part in enumerate(regulation.end_users):
        if part.type == result.get("object_type") and part.requirement == result.get("requirement_name"):
            return Page("end_user", i)
    for i, requirement in enumerate(regulation.documents(bundle.group)):
        page = Page("address" if requirement.is_only_an_address else "document", i)
        if requirement.requirement == result.get("requirement_name") and page not in used:
            return page
    return None


def _findings(
    result: Mapping[str, Any], place: Page | None, regulation: Regulation, bundle: Bundle, contents: Contents
) -> list[Finding]:
    """A missing object is said once, not for each of its fields."""
    if result.get("error_code") is not None or not result.get("invalid"):
        return [Finding(place, None, _sentence(result))]
    found = []
    for each in result["invalid"]:
        name = str(each.get("object_field") or "")
        page = place
        if place is not None and name == ADDRESS:
            page = Page("address", place.index)
        elif place is not None:
            page = _portion(place, name, regulation, bundle, contents)
        found.append(Finding(page, name or None, _sentence(each)))
    return found


def _portion(place: Page, name: str, regulation: Regulation, bundle: Bundle, contents: Contents) -> Page:
    if place.kind == "end_user":
        part: Part | None = regulation.end_users[place.index]
    else:
        document = contents.documents.get(place.index)
        part = regulation.documents(bundle.group)[place.index].kind(document.type if document else None)
    for n, fields in enumerate(portions(part, regulation) if part else ()):
        if any(each.name == name for each in fields):
            return replace(place, portion=n)
    return place


def _sentence(said: Mapping[str, Any]) -> Said:
    code = said.get("error_code")
    known = FINDINGS.get(int(code)) if code is not None else None
    field_name = said.get("friendly_name") or said.get("object_field") or "?"
    if known is None or (known == FINDINGS[22215] and not said.get("object_field")):
        return say(N_("Twilio says: {reason}"), reason=said.get("failure_reason") or code or "?")
    return say(known, field=field_name)
