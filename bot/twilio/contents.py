"""What is in a bundle at Twilio, and what is still missing: end users, documents, addresses. Rules 24, 25.

Twilio alone has what a bundle holds. Each page is made there at once, so that a bundle can be gone on with by anybody at any time:
what is missing is read from what Twilio has. Our side keeps SIDs.
"""

import asyncio
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from bot.core import App
from bot.slack.files import File, FileProblem
from bot.texts import N_
from bot.twilio import names
from bot.twilio.client import TwilioError
from bot.twilio.regulations import ADDRESS, Field, Part, Regulation
from storage.models import Bundle

log = logging.getLogger(__name__)

FIELDS_ON_A_PAGE = 30
"""A view takes 100 blocks; a field may need a second one for what is wrong with it, and so may one that is derived."""
REJECTED = "rejected"
UPLOAD = "https://numbers-upload.twilio.com/v2/RegulatoryCompliance/SupportingDocuments"

Attributes = dict[str, Any]


@dataclass(frozen=True)
class EndUser:
    sid: str
    attributes: Attributes


@dataclass(frozen=True)
class Document:
    sid: str
    items: tuple[str, ...]
    """Its item assignments; more than one when an answer of Twilio's was lost."""
    name: str
    type: str
    attributes: Attributes
    status: str
    reason: str | None
    has_file: bool

    @property
    def address(self) -> str | None:
        return next(iter(self.attributes.get(ADDRESS) or ()), None)


@dataclass(frozen=True)
class Contents:
    """By their place in the regulation: end users, and documents of the chosen group."""

    end_users: Mapping[int, EndUser] = field(default_factory=dict)
    documents: Mapping[int, Document] = field(default_factory=dict)
    strays: tuple[Document, ...] = ()
    """Assigned, but no document of the chosen group."""
    doubles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Our own end users beyond those that the regulation has, with their item assignments."""

    @property
    def refused(self) -> list[Document]:
        return [each for each in self.documents.values() if each.status == REJECTED]


@dataclass(frozen=True)
class Page:
    """A page of the form: which part of the regulation, and which portion of its fields."""

    kind: str
    index: int = 0
    portion: int = 0

    def __str__(self) -> str:
        return f"{self.kind}.{self.index}.{self.portion}"

    @classmethod
    def parse(cls, text: str) -> "Page":
        kind, index, portion = text.split(".")
        return cls(kind, int(index), int(portion))


GROUP = Page("group")
REVIEW = Page("review")


# which pages there are


def asked(part: Part, regulation: Regulation) -> list[Field]:
    """The fields that a person fills in: not the address, and not what must equal something that is asked elsewhere."""
    return [each for each in part.fields if not each.is_address and not is_derived(each, regulation)]


def is_derived(each: Field, regulation: Regulation) -> bool:
    if each.same_as is None:
        return False
    of, name = each.same_as
    sources = [part for part in regulation.end_users if part.type == of]
    return any(source.name == name and source.same_as is None for part in sources for source in part.fields)


def portions(part: Part, regulation: Regulation) -> list[list[Field]]:
    """The fields of a part, page by page; at least one page."""
    fields = asked(part, regulation)
    return [
        fields[start : start + FIELDS_ON_A_PAGE] for start in range(0, len(fields), FIELDS_ON_A_PAGE)
    ] or [[]]


def pages(regulation: Regulation, group: int | None, contents: Contents) -> list[Page]:
    """All pages in their order, as far as they are known: a document's later pages depend on its kind."""
    found = [GROUP] if len(regulation.groups) > 1 else []
    for i, part in enumerate(regulation.end_users):
        found += [Page("end_user", i, n) for n in range(len(portions(part, regulation)))]
    for i, requirement in enumerate(regulation.documents(group)):
        if requirement.needs_address:
            found.append(Page("address", i))
        if not requirement.is_only_an_address:
            document = contents.documents.get(i)
            kind = requirement.kind(document.type if document else None) or requirement.kinds[0]
            found += [Page("document", i, n) for n in range(len(portions(kind, regulation)))]
    return [*found, REVIEW]


def next_page(regulation: Regulation, bundle: Bundle, contents: Contents, after: Page | None = None) -> Page:
    """Where something is missing or refused; the last page when nothing is. ``after``: the page that was just saved."""
    every = pages(regulation, bundle.group, contents)
    if after is not None:
        further = replace(after, portion=after.portion + 1)
        if further in every:
            return further
    return next(each for each in every if each == REVIEW or _is_open(each, regulation, bundle, contents))


def _is_open(page: Page, regulation: Regulation, bundle: Bundle, contents: Contents) -> bool:
    if page == GROUP:
        return bundle.group is None
    if page.kind == "end_user":
        end_user = contents.end_users.get(page.index)
        return end_user is None or _lacks(
            portions(regulation.end_users[page.index], regulation)[page.portion], end_user.attributes
        )
    requirement = regulation.documents(bundle.group)[page.index]
    document = contents.documents.get(page.index)
    if document is None or document.status == REJECTED:
        return (
            page.kind == "document"
            or requirement.is_only_an_address
            or (str(page.index) not in bundle.addresses)
        )
    kind = requirement.kind(document.type)
    if page.kind == "address":
        return kind is not None and kind.needs_address and document.address is None
    return kind is None or _lacks(portions(kind, regulation)[page.portion], document.attributes)


def _lacks(fields: Sequence[Field], attributes: Attributes) -> bool:
    return any(each.is_required and not attributes.get(each.name) for each in fields)


# reading


async def read(app: App, bundle: Bundle, regulation: Regulation, *, end_users: bool = True) -> Contents:
    """What the bundle holds at Twilio now (its documents only, without ``end_users``). Raises TwilioError."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    listed: list[Any] = await compliance.bundles(bundle.sid).item_assignments.list_async(page_size=100)
    items: dict[str, list[str]] = {}
    for each in listed:
        if end_users or not each.object_sid.startswith("IT"):
            items.setdefault(each.object_sid, []).append(each.sid)

    async def fetch(sid: str) -> Any:
        kind = compliance.end_users if sid.startswith("IT") else compliance.supporting_documents
        try:
            return await kind(sid).fetch_async()
        except TwilioError as error:
            if error.status == 404:  # assigned, but deleted
                return None
            raise

    found = [each for each in await asyncio.gather(*map(fetch, items)) if each is not None]
    people: dict[int, EndUser] = {}
    doubles: dict[str, Sequence[str]] = {}
    for each in found:
        if each.sid.startswith("IT"):
            place = next(
                (
                    i
                    for i, part in enumerate(regulation.end_users)
                    if part.type == str(each.type) and i not in people
                ),
                None,
            )
            if place is not None:
                people[place] = EndUser(each.sid, dict(each.attributes or {}))
            elif names.is_end_user(each.friendly_name, bundle):
                doubles[each.sid] = items[each.sid]
    documents = [
        Document(
            sid=each.sid,
            items=tuple(items[each.sid]),
            name=each.friendly_name,
            type=each.type,
            attributes=dict(each.attributes or {}),
            status=str(each.status),
            reason=each.failure_reason or _codes(each.errors),
            has_file=each.mime_type is not None,
        )
        for each in found
        if each.sid.startswith("RD")
    ]
    placed, strays = _placed(documents, regulation, bundle)
    return Contents(people, placed, strays, doubles)


async def refused(app: App, bundle: Bundle, regulation: Regulation) -> list[tuple[str, str]]:
    """``(document, reason)``, in Twilio's words, for whoever may see it; kept nowhere. Raises TwilioError."""
    found = await read(app, bundle, regulation, end_users=False)
    named = []
    for index, each in found.documents.items():
        requirement = regulation.documents(bundle.group)[index]
        kind = requirement.kind(each.type)
        named.append((f"{requirement.name} ({kind.name if kind else each.type})", each))
    named += [(each.type, each) for each in found.strays]
    return [(name, each.reason or "?") for name, each in named if each.status == REJECTED]


def _codes(errors: Any) -> str | None:
    return ", ".join(str(each.get("code")) for each in errors or () if each.get("code")) or None


def _placed(
    documents: list[Document], regulation: Regulation, bundle: Bundle
) -> tuple[dict[int, Document], tuple[Document, ...]]:
    """Each document at its requirement: by our own name for it, else by type and fields, else by type alone."""
    requirements = regulation.documents(bundle.group)
    left = list(documents)
    placed: dict[int, Document] = {}

    def is_of_another(each: Document) -> bool:
        """Made for one of the requirements: no other one takes it."""
        return any(names.is_document(each.name, bundle, i) for i, _ in enumerate(requirements))

    def place(fits: Any) -> None:
        for i, requirement in enumerate(requirements):
            if i not in placed:
                match = next((each for each in left if fits(i, requirement, each)), None)
                if match is not None:
                    placed[i] = match
                    left.remove(match)

    place(
        lambda i, requirement, each: names.is_document(each.name, bundle, i) and requirement.kind(each.type)
    )
    place(
        lambda i, requirement, each: (
            (kind := requirement.kind(each.type)) is not None
            and not is_of_another(each)
            and {f.name for f in kind.fields} == set(each.attributes)
        )
    )
    place(lambda i, requirement, each: requirement.kind(each.type) is not None and not is_of_another(each))
    return placed, tuple(left)


def guess_group(documents: Contents, regulation: Regulation, bundle: Bundle) -> int | None:
    """For a bundle that was made elsewhere: the group that its documents fit best; None without documents."""
    strays = [*documents.documents.values(), *documents.strays]
    if len(regulation.groups) < 2 or not strays:
        return None
    counts = []
    for i, _ in enumerate(regulation.groups):
        placed, _left = _placed(strays, regulation, Bundle(**{**bundle.model_dump(), "group": i}))
        counts.append(len(placed) / max(len(regulation.groups[i]), len(strays)))
    return counts.index(max(counts))


# making


def attributes(
    part: Part,
    regulation: Regulation,
    contents: Contents,
    typed: Mapping[str, str | None],
    before: Attributes | None = None,
    address: str | None = None,
) -> Attributes:
    """What is sent: what was typed (over what was there before), what must equal an end user's field, the address.

    Nothing but the fields that the regulation names: more would fail the evaluation.
    """
    made: Attributes = {}
    for each in part.fields:
        if each.is_address:
            value: Any = [address] if address else (before or {}).get(each.name)
        elif is_derived(each, regulation):
            value = _source(each, regulation, contents, typed, part)
        elif each.name in typed:
            value = typed[each.name]
        else:
            value = (before or {}).get(each.name)
        if value:
            made[each.name] = value
    return made


def _source(
    each: Field, regulation: Regulation, contents: Contents, typed: Mapping[str, str | None], part: Part
) -> Any:
    assert each.same_as is not None
    of, name = each.same_as
    if part.type == of and name in typed:
        return typed[name]
    index = next(
        i
        for i, source in enumerate(regulation.end_users)
        if source.type == of and any(field.name == name for field in source.fields)
    )
    end_user = contents.end_users.get(index)
    return end_user.attributes.get(name) if end_user else None


async def save_end_user(
    app: App,
    bundle: Bundle,
    regulation: Regulation,
    contents: Contents,
    index: int,
    typed: Mapping[str, str | None],
) -> Contents:
    """The end user made or brought up to date, and assigned; the contents as they are then. Raises TwilioError."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    part = regulation.end_users[index]
    there = contents.end_users.get(index)
    sent = attributes(part, regulation, contents, typed, there.attributes if there else None)
    if there is None:
        made: Any = await compliance.end_users.create_async(
            friendly_name=names.of_end_user(bundle, part.name),
            type=part.type,  # type: ignore[arg-type]  # the SDK's enum is a plain string
            attributes=sent,
        )
        sid = str(made.sid)
        await _assign(app, bundle, sid)
    else:
        sid = there.sid
        if sent != there.attributes:
            await compliance.end_users(sid).update_async(attributes=sent)
    return replace(contents, end_users={**contents.end_users, index: EndUser(sid, sent)})


async def save_document(
    app: App,
    bundle: Bundle,
    regulation: Regulation,
    contents: Contents,
    index: int,
    kind: Part,
    typed: Mapping[str, str | None],
    file: File | None,
) -> Contents:
    """The document made, or replaced (a file cannot be exchanged at Twilio), or brought up to date. Raises TwilioError, FileProblem.

    An old one is taken out of the bundle first, because of a type it takes only as many as are asked for, and then deleted.
    """
    compliance = app.twilio.numbers.v2.regulatory_compliance
    there = contents.documents.get(index)
    keeps = there is not None and not must_be_new(there, kind, file)
    before = there.attributes if there is not None and there.type == kind.type else None
    address = bundle.addresses.get(str(index)) or (there.address if there is not None else None)
    sent = attributes(kind, regulation, contents, typed, before, address)
    if there is not None and keeps:
        if sent != there.attributes:
            await compliance.supporting_documents(there.sid).update_async(attributes=sent)
        made = replace(there, attributes=sent)
    else:
        name = names.of_document(bundle, index, kind.name, file.given_name if file else "")
        sid = await _create(app, name, kind, sent, file)
        if there is not None:
            await _take_out(app, bundle, there.sid, there.items)
        items = await _assign(app, bundle, sid)
        made = Document(sid, items, name, kind.type, sent, "draft", None, file is not None)
    return replace(contents, documents={**contents.documents, index: made})


def must_be_new(there: Document, kind: Part, file: File | None) -> bool:
    return file is not None or there.type != kind.type or there.status == REJECTED


async def _create(app: App, name: str, kind: Part, sent: Attributes, file: File | None) -> str:
    if file is None:
        made: Any = await app.twilio.numbers.v2.regulatory_compliance.supporting_documents.create_async(
            friendly_name=name, type=kind.type, attributes=sent
        )
        return str(made.sid)
    for _ in range(2):
        form = aiohttp.FormData()
        form.add_field("FriendlyName", name)
        form.add_field("Type", kind.type)
        form.add_field("Attributes", json.dumps(sent))
        form.add_field("File", io.BytesIO(file.content), filename=file.name, content_type=file.type)
        answer = await app.twilio.request_async("POST", UPLOAD, data=form)  # type: ignore[arg-type]
        said = json.loads(answer.text)
        if said.get("mime_type"):  # without one there is no file in it, and a review would refuse it
            return str(said["sid"])
        log.warning("%s was made without its file", said["sid"])
        await _delete(app, str(said["sid"]))
    raise FileProblem(
        N_("Twilio did not keep the file, twice in a row. Choose it again, or save it anew as a PDF first.")
    )


async def _assign(app: App, bundle: Bundle, sid: str) -> tuple[str, ...]:
    """The object's item assignments. A refusal may be of a second try whose first was carried out: the list tells."""
    items = app.twilio.numbers.v2.regulatory_compliance.bundles(bundle.sid).item_assignments
    try:
        made: Any = await items.create_async(object_sid=sid)
    except TwilioError:
        listed: list[Any] = await items.list_async(page_size=100)
        there = tuple(each.sid for each in listed if each.object_sid == sid)
        if not there:
            raise
        return there
    return (str(made.sid),)


async def _take_out(app: App, bundle: Bundle, sid: str, items: Sequence[str]) -> None:
    """A document or end user."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    for item in items:
        try:
            await compliance.bundles(bundle.sid).item_assignments(item).delete_async()
        except TwilioError as error:
            if error.status != 404:
                raise
    await _delete(app, sid)


async def _delete(app: App, sid: str) -> None:
    compliance = app.twilio.numbers.v2.regulatory_compliance
    kind = compliance.end_users if sid.startswith("IT") else compliance.supporting_documents
    try:
        await kind(sid).delete_async()
    except TwilioError as error:  # in another bundle as well, or in a review: it stays
        log.info("%s stays: %s", sid, error)


async def sync_contents(app: App, bundle: Bundle, regulation: Regulation, contents: Contents) -> Contents:
    """What must equal the end user's fields does so again; documents of a group that was left, and what is there twice, are
    taken out."""
    compliance = app.twilio.numbers.v2.regulatory_compliance
    for stray in contents.strays:
        if names.is_ours(stray.name, bundle):
            await _take_out(app, bundle, stray.sid, stray.items)
    for sid, items in contents.doubles.items():
        await _take_out(app, bundle, sid, items)
    documents = dict(contents.documents)
    for index, there in contents.documents.items():
        kind = regulation.documents(bundle.group)[index].kind(there.type)
        if kind is None:
            continue
        sent = attributes(kind, regulation, contents, {}, there.attributes)
        if sent != there.attributes:
            await compliance.supporting_documents(there.sid).update_async(attributes=sent)
            documents[index] = replace(there, attributes=sent)
    return replace(contents, documents=documents, strays=(), doubles={})
