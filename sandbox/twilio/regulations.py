"""numbers.twilio.com: regulations, and the types of end users and documents that they use (twins 4)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.wire import Answer, Call, Routes, page_v1

REGULATIONS = Path(__file__).parent / "data" / "regulations.json"
BASE = "/v2/RegulatoryCompliance"
NUMBER_TYPES = ("local", "mobile", "national", "toll-free")
END_USER_TYPES = ("individual", "business")

routes = Routes("numbers", BASE)


def _read(file: Path) -> list[dict[str, Any]]:
    """A page of the list, the bare list, or one regulation alone. Raises ValueError with what cannot be used."""
    answer: Any = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(answer, dict):
        answer = answer.get("results", [answer])
    if not isinstance(answer, list) or not answer:
        raise ValueError("it has no regulations")
    for at, each in enumerate(answer):
        if trouble := _trouble(each):
            raise ValueError(f"regulation {at + 1} {trouble}")
    return answer


def _trouble(regulation: Any) -> str | None:
    """Why the twin could not answer with it."""
    if not isinstance(regulation, dict):
        return "is no object"
    if not regulation.get("sid") or not re.fullmatch("[A-Z]{2}", str(regulation.get("iso_country"))):
        return "has no sid or no iso_country of two capital letters"
    if regulation.get("number_type") not in NUMBER_TYPES:
        return f"has a number_type other than {', '.join(NUMBER_TYPES)}"
    if regulation.get("end_user_type") not in END_USER_TYPES:
        return f"has an end_user_type other than {', '.join(END_USER_TYPES)}"
    requirements = regulation.get("requirements")
    if not isinstance(requirements, dict) or not {"end_user", "supporting_document"} <= set(requirements):
        return "has no requirements with end_user and supporting_document"
    groups = requirements["supporting_document"]
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        return "has documents that are no list of groups"
    return None


class Regulations:
    """The answers of Twilio's Regulations API, in its own JSON."""

    def __init__(self, file: Path) -> None:
        self.by_sid: dict[str, dict[str, Any]] = {r["sid"]: r for r in _read(file)}
        self.combinations = {(r["iso_country"], r["number_type"]) for r in self.by_sid.values()}
        self.end_user_types = _types(_end_users(self.by_sid.values()), "EndUserTypes")
        self.document_types = _types(_documents(self.by_sid.values()), "SupportingDocumentTypes")

    def find(
        self, country: str | None, number_type: str | None, end_user_type: str | None = None
    ) -> list[dict[str, Any]]:
        wanted = {"iso_country": country, "number_type": number_type, "end_user_type": end_user_type}
        return [r for r in self.by_sid.values() if all(v is None or r[k] == v for k, v in wanted.items())]


def regulations_of(file: Path | None) -> Regulations:
    """file: somebody's own, in place of the ones that come along."""
    return Regulations(file) if file is not None else _that_come_along()


@cache
def _that_come_along() -> Regulations:
    """Read once, for nobody changes them."""
    return Regulations(REGULATIONS)


def groups_of(regulation: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Groups of document requirements: alternatives to each other [assumed]."""
    found: list[list[dict[str, Any]]] = regulation["requirements"]["supporting_document"]
    return found


def fields_of(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Of an end user or a document; a name without details is a field all the same."""
    detailed: list[dict[str, Any]] = part.get("detailed_fields") or []
    known = {field["machine_name"] for field in detailed}
    bare = [name for name in part.get("fields") or () if name not in known]
    return detailed + [
        {"machine_name": name, "friendly_name": name.replace("_", " ").capitalize()} for name in bare
    ]


def _end_users(regulations: Any) -> Iterator[dict[str, Any]]:
    for regulation in regulations:
        for end_user in regulation["requirements"]["end_user"]:
            yield end_user | {"friendly": end_user["name"]}


def _documents(regulations: Any) -> Iterator[dict[str, Any]]:
    for regulation in regulations:
        for group in groups_of(regulation):
            for requirement in group:
                for accepted in requirement["accepted_documents"]:
                    yield accepted | {"friendly": accepted["name"]}


def _types(found: Iterator[dict[str, Any]], path: str) -> dict[str, dict[str, Any]]:
    """The union over all countries; ``constraint`` is a data type here, not a rule."""
    types: dict[str, dict[str, Any]] = {}
    for entry in found:
        name = entry["type"]
        sid = "OY" + hashlib.sha256(f"{path}/{name}".encode()).hexdigest()[:32]
        known = types.setdefault(
            name,
            {
                "sid": sid,
                "friendly_name": entry["friendly"],
                "machine_name": name,
                "fields": [],
                "url": f"https://numbers.twilio.com{BASE}/{path}/{sid}",
            },
        )
        for field in fields_of(entry):
            machine_name = field["machine_name"]
            if machine_name not in {f["machine_name"] for f in known["fields"]}:
                kind = "List" if machine_name.endswith("_sids") else "String"
                known["fields"].append(
                    {
                        "friendly_name": field["friendly_name"],
                        "machine_name": machine_name,
                        "constraint": kind,
                    }
                )
    return types


def _without_constraints(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_constraints(v) for k, v in value.items() if k != "constraint"}
    return [_without_constraints(v) for v in value] if isinstance(value, list) else value


def _shown(call: Call, regulation: dict[str, Any]) -> Any:
    """Without IncludeConstraints=true the ``constraint`` keys are left out [assumed]."""
    return regulation if call.query.flag("IncludeConstraints") else _without_constraints(regulation)


@routes.listing("/Regulations", "EndUserType", "IsoCountry", "NumberType", "IncludeConstraints")
def regulations(call: Call) -> Answer:
    number_type, end_user_type = call.query.get("NumberType"), call.query.get("EndUserType")
    if end_user_type is not None and end_user_type not in END_USER_TYPES:
        raise TwilioError(22212)
    if number_type is not None and number_type not in NUMBER_TYPES:
        raise TwilioError(22213)
    found = call.world.regulations.find(call.query.get("IsoCountry"), number_type, end_user_type)
    return page_v1(call, "results", [(r["sid"], _shown(call, r)) for r in found])


@routes.get("/Regulations/{sid}", "IncludeConstraints")
def regulation(call: Call) -> Answer:
    found = call.world.regulations.by_sid.get(call.args["sid"])
    if found is None:
        raise not_found(call.path)
    return 200, _shown(call, found)


def _type(call: Call, types: dict[str, dict[str, Any]]) -> Answer:
    """By SID, or by machine name as the addresses inside regulations have it."""
    wanted = call.args["sid"]
    for entry in types.values():
        if wanted in (entry["sid"], entry["machine_name"]):
            return 200, entry
    raise not_found(call.path)


@routes.listing("/EndUserTypes")
def end_user_types(call: Call) -> Answer:
    return page_v1(
        call, "end_user_types", [(t["sid"], t) for t in call.world.regulations.end_user_types.values()]
    )


@routes.get("/EndUserTypes/{sid}")
def end_user_type(call: Call) -> Answer:
    return _type(call, call.world.regulations.end_user_types)


@routes.listing("/SupportingDocumentTypes")
def document_types(call: Call) -> Answer:
    types = call.world.regulations.document_types
    return page_v1(call, "supporting_document_types", [(t["sid"], t) for t in types.values()])


@routes.get("/SupportingDocumentTypes/{sid}")
def document_type(call: Call) -> Answer:
    return _type(call, call.world.regulations.document_types)
