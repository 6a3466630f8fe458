"""Whether a bundle holds what its regulation asks for, computed from the regulation (twins 4.2, 4.3, 5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.twilio.errors import TwilioError
from sandbox.twilio.regulations import fields_of, groups_of
from sandbox.twilio.state import Account, Bundle, Document, EndUser, World

Objects = Mapping[
    str, Mapping[str, Any]
]  # attributes by the name that a constraint uses: business, passport ...
NAME = r"(\w+)\['(\w+)'\]"
NOT_NULL = re.compile(rf"{NAME} != null")
MATCHES = re.compile(rf"{NAME} =~ '(.*)'", re.S)
EQUALS = re.compile(rf"{NAME} == {NAME}")
FORMS = (NOT_NULL, MATCHES, EQUALS)
SEVERAL = re.compile(r"'\s*(&&|\|\|)")


def evaluate(world: World, account: Account, bundle: Bundle) -> tuple[str, list[dict[str, Any]]]:
    """(``compliant`` or ``noncompliant``, one result per requirement). HTTP 500 when a document names two addresses."""
    documents = account.documents_of(bundle)
    if any(len(document.address_sids) > 1 for document in documents):
        raise TwilioError(20500)
    regulation = world.regulations.by_sid[bundle.regulation_sid]
    end_users = account.end_users_of(bundle)
    results = [_end_user_result(wanted, end_users) for wanted in regulation["requirements"]["end_user"]]
    # Groups are alternatives [assumed]: the one that is nearest to being met is reported.
    groups = [_group_results(group, documents, end_users, account) for group in groups_of(regulation)]
    if groups:
        nearest: list[dict[str, Any]] = max(groups, key=_nearness)
        results += nearest
    return ("compliant" if all(r["passed"] for r in results) else "noncompliant"), results


def _nearness(results: list[dict[str, Any]]) -> tuple[int, int]:
    """How near a group is to being met: what it lacks, then how many documents are there at all."""
    lacks = sum(1 for r in results if not r["passed"])
    return -lacks, sum(1 for r in results if r["error_code"] is None)


def allowed_documents(regulation: dict[str, Any], kind: str) -> int:
    """How many documents of a type a bundle takes: as many as requirements accept the type [assumed]."""
    counts = [
        sum(any(a["type"] == kind for a in requirement["accepted_documents"]) for requirement in group)
        for group in groups_of(regulation)
    ]
    return max(counts, default=0)


def is_met(constraint: str, objects: Objects) -> bool:
    """One constraint of a known form."""
    if found := NOT_NULL.fullmatch(constraint):
        return not _blank(_value(objects, found[1], found[2]))
    if found := EQUALS.fullmatch(constraint):
        left, right = _value(objects, found[1], found[2]), _value(objects, found[3], found[4])
        return not _blank(left) and left == right
    if found := MATCHES.fullmatch(constraint):
        value = _value(objects, found[1], found[2])
        return isinstance(value, str) and re.search(found[3], value) is not None
    return False


def _is_known(constraint: str) -> bool:
    """Not several conditions in one, nor a pattern that Python cannot read."""
    if SEVERAL.search(constraint) or not any(form.fullmatch(constraint) for form in FORMS):
        return False
    try:
        return bool(re.compile(found[3]) if (found := MATCHES.fullmatch(constraint)) else True)
    except re.error:
        return False


def _value(objects: Objects, name: str, field: str) -> Any:
    return objects.get(name, {}).get(field)


def _blank(value: Any) -> bool:
    return value is None or value == "" or value == []


def _field_is_met(field: dict[str, Any], objects: Objects, own: Mapping[str, Any]) -> bool:
    """An empty constraint: optional. One of an unknown form, or that nobody has seen: mandatory, anything goes."""
    if "constraint" in field and not (field["constraint"] or "").strip():
        return True
    constraint = field.get("constraint", "").strip()
    if not _is_known(constraint):
        return not _blank(own.get(field["machine_name"]))
    return is_met(constraint, objects)


def _entry(
    name: str, machine_name: str, reason: str | None = None, code: int | None = None
) -> dict[str, Any]:
    return {"friendly_name": name, "object_field": machine_name, "failure_reason": reason, "error_code": code}


def _an(name: str) -> str:
    return f"An {name}" if name[:1].upper() in "AEIOU" else f"A {name}"


def _result(
    wanted: dict[str, Any],
    about: dict[str, Any],
    valid: list[dict[str, Any]],
    invalid: list[dict[str, Any]],
    missing: tuple[str, int] | None,
) -> dict[str, Any]:
    """missing: what is said when the whole object is not there. With wrong fields only, the reason and the code
    stand at the fields and are null here [assumed]."""
    return {
        "friendly_name": about["name"],
        "object_type": about["type"],
        "requirement_friendly_name": wanted["name"],
        "requirement_name": wanted["requirement_name"],
        "passed": not invalid and missing is None,
        "failure_reason": missing[0] if missing else None,
        "error_code": missing[1] if missing else None,
        "valid": valid,
        "invalid": invalid,
    }


# End users


def _end_user_result(wanted: dict[str, Any], end_users: list[EndUser]) -> dict[str, Any]:
    kind, name = wanted["type"], wanted["name"]
    found = [e for e in end_users if e.type == kind]
    if not found:
        missing = f"{_an(name)} End-User is missing. Please add one to the regulatory bundle.", 22214
        invalid = [_end_user_problem(f, name) for f in fields_of(wanted)]
        return _result(wanted, wanted, [], invalid, missing)
    attributes = found[0].attributes
    valid, invalid = [], []
    for field in fields_of(wanted):
        if _field_is_met(field, {kind: attributes}, attributes):
            valid.append(_entry(field["friendly_name"], field["machine_name"]))
        else:
            invalid.append(_end_user_problem(field, name))
    invalid += _extra(attributes, wanted, name, 22215)
    return _result(wanted, wanted, valid, invalid, None)


def _end_user_problem(field: dict[str, Any], owner: str) -> dict[str, Any]:
    label = field["friendly_name"]
    reason = f"The {label} is missing. Please enter in {_an(label).lower()[:2].strip()} {label} on the {owner} information."
    return _entry(label, field["machine_name"], reason, 22215)


def _extra(
    attributes: Mapping[str, Any], part: dict[str, Any], owner: str, code: int
) -> Iterator[dict[str, Any]]:
    """Attributes that the regulation does not name make it fail; words and code are [assumed]."""
    fields = {field["machine_name"] for field in fields_of(part)}
    for name in attributes:
        if name not in fields:
            yield _entry(
                name, name, f"The field {name} is not mapped to the {owner}. Please remove it.", code
            )


# Documents


def _group_results(
    group: list[dict[str, Any]], documents: list[Document], end_users: list[EndUser], account: Account
) -> list[dict[str, Any]]:
    """The best way to give each requirement a document of its own."""
    people = {e.type: e.attributes for e in end_users}

    def best(
        rest: list[dict[str, Any]], left: list[Document]
    ) -> tuple[tuple[int, int, int], list[dict[str, Any]]]:
        if not rest:
            return (0, 0, 0), []
        wanted = rest[0]
        options = [(_missing_document(wanted, people), left)]
        for document in left:
            for accepted in wanted["accepted_documents"]:
                if accepted["type"] == document.type:
                    others = [d for d in left if d is not document]
                    options.append((_document_result(wanted, accepted, document, people, account), others))
        found = []
        for result, others in options:
            (passed, present, right), tail = best(rest[1:], others)
            score = (
                passed + result["passed"],
                present + (result["error_code"] is None),
                right + len(result["valid"]) - len(result["invalid"]),
            )
            found.append((score, [result, *tail]))
        return max(found, key=lambda f: f[0])

    return best(group, documents)[1]


def _missing_document(wanted: dict[str, Any], people: Objects) -> dict[str, Any]:
    accepted = wanted["accepted_documents"][0]
    missing = f"{_an(accepted['name'])} is missing. Please add one to the regulatory bundle.", 22216
    invalid = [_document_problem(f, accepted["name"], people) for f in fields_of(accepted)]
    return _result(wanted, accepted, [], invalid, missing)


def _document_result(
    wanted: dict[str, Any], accepted: dict[str, Any], document: Document, people: Objects, account: Account
) -> dict[str, Any]:
    objects = {**people, accepted["type"]: document.attributes}
    valid, invalid = [], []
    for field in fields_of(accepted):
        met = _field_is_met(field, objects, document.attributes)
        if field["machine_name"] == "address_sids":
            sids = document.address_sids
            met = met and bool(sids) and all(sid in account.addresses for sid in sids)
        if met:
            valid.append(_entry(field["friendly_name"], field["machine_name"]))
        else:
            invalid.append(_document_problem(field, accepted["name"], people))
    invalid += _extra(document.attributes, accepted, accepted["name"], 22217)
    return _result(wanted, accepted, valid, invalid, None)


def _document_problem(field: dict[str, Any], document: str, people: Objects) -> dict[str, Any]:
    label, name = field["friendly_name"], field["machine_name"]
    if name == "address_sids":
        reason = f"The Address is missing. Please enter in the address shown on the {document}."
        return _entry(label, name, reason, 22219)
    if found := EQUALS.fullmatch(field.get("constraint") or ""):
        reason = (
            f"The {label} is missing. Or, it does not match the {label} you entered within {found[3].capitalize()} "
            f"information. Please enter in the {label} shown on the {document} or make sure both {label} fields use "
            "the same exact inputs."
        )
        return _entry(label, name, reason, 22217)
    return _entry(
        label, name, f"The {label} is missing. Please enter in the {label} shown on the {document}.", 22217
    )
