"""Checks requests and answers against Twilio's OpenAPI documents.

``Contract.read().check`` can be hung into a twin as its ``checker``. It is stricter than Twilio where silence costs
money: a misspelt form field or an unknown query parameter is an error here, while Twilio ignores it and sells the number
without the setting. Answers must hold every documented key and no other.

The documents lie in the folder named by ``TWILIO_OPENAPI``, else beside the repository in ``shared/twilio/openapi``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import jsonschema
import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "twilio" / "openapi"
METHODS = ("get", "post", "delete", "put", "patch")

# Where Twilio's real answers differ from its own documents; each with what real answers hold instead.
REAL_TYPES: dict[str, dict[str, Any]] = {
    "latitude": {"type": ["string", "null"], "pattern": r"^-?\d+\.\d{6}$"},  # documented as numbers
    "longitude": {"type": ["string", "null"], "pattern": r"^-?\d+\.\d{6}$"},
    "base_price": {"type": "string", "pattern": r"^\d+\.\d+$"},
    "current_price": {"type": "string", "pattern": r"^\d+\.\d+$"},
}
UNSET_SIDS = ("sms_application_sid", "voice_application_sid")  # empty strings when not set
# The documents give searches the envelope of paging; real answers have none of it.
ENVELOPE = {"end", "first_page_uri", "next_page_uri", "page", "page_size", "previous_page_uri", "start"}
# In search answers the keys are voice, SMS, MMS, fax; the document has them all in lower case.
MIXED_CASE = "available_phone_number_"
DATES = {
    "date-time-rfc-2822": re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
}


class Exchange(Protocol):
    """A request and its answer; ``form`` is None where there was none."""

    host: str
    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]] | None
    status: int
    body: Any
    json: Any
    multipart: bool


def documents() -> Path | None:
    """The folder with Twilio's documents, if it is there."""
    given = os.environ.get("TWILIO_OPENAPI")
    folder = Path(given) if given else BESIDE
    return folder if (folder / "api_v2010.json").is_file() else None


def need_documents() -> Path:
    """Skips the test where the documents are not at hand; fails on a build server, where they have to be."""
    if folder := documents():
        return folder
    reason = "Twilio's OpenAPI documents are not here: set TWILIO_OPENAPI to the folder with api_v2010.json and the others"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Document:
    """One OpenAPI file, its schemas turned into JSON Schema."""

    data: dict[str, Any]
    formats: jsonschema.FormatChecker

    @cached_property
    def components(self) -> Any:
        return _as_json_schema(self.data["components"], "")

    def validator(self, schema: Any, name: str = "") -> jsonschema.Draft4Validator:
        whole = {**_as_json_schema(schema, name), "components": self.components}
        return jsonschema.Draft4Validator(whole, format_checker=self.formats)

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            found: Any = self.data
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def _as_json_schema(schema: Any, name: str) -> Any:
    """OpenAPI 3.0's ``nullable`` as a type, and Twilio's real types in place of the documented ones."""
    if isinstance(schema, list):
        return [_as_json_schema(part, "") for part in schema]
    if not isinstance(schema, dict):
        return schema
    if name in REAL_TYPES and "type" in schema:
        return REAL_TYPES[name]
    if name in UNSET_SIDS and "pattern" in schema:
        return {"type": ["string", "null"], "pattern": f"^$|{schema['pattern']}"}
    out = {key: _as_json_schema(value, key) for key, value in schema.items()}
    if out.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out


def _formats() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    for name, pattern in DATES.items():
        checker.checks(name)(lambda value, p=pattern: not isinstance(value, str) or bool(p.fullmatch(value)))
    return checker


@dataclass
class Operation:
    host: str
    method: str
    template: str
    definition: dict[str, Any]
    document: Document
    validators: dict[str, jsonschema.Draft4Validator] = field(default_factory=dict)
    judged: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """What was wrong with each value that was seen: stories ask for the same prices and countries over and over."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+?)", re.escape(self.template)))

    @cached_property
    def parameters(self) -> dict[tuple[str, str], dict[str, Any]]:
        listed = [self.document.resolve(p) for p in self.definition.get("parameters", [])]
        return {(p["in"], p["name"]): p for p in listed}

    def errors(self, name: str, schema: Any, value: Any) -> list[str]:
        key = name, json.dumps(value)
        if key not in self.judged:
            self.judged[key] = list(self._errors(name, schema, value))
        return self.judged[key]

    def _errors(self, name: str, schema: Any, value: Any) -> Iterator[str]:
        if name not in self.validators:
            self.validators[name] = self.document.validator(schema, name.rsplit(" ", 1)[-1])
        for error in self.validators[name].iter_errors(value):
            where = "/".join(str(part) for part in error.absolute_path)
            yield f"{name} {where}: {error.message}"[:300]


class Contract:
    def __init__(self, files: list[Path]) -> None:
        self.operations: list[Operation] = []
        formats = _formats()
        for file in files:
            document = Document(json.loads(file.read_text(encoding="utf-8")), formats)
            for template, item in document.data["paths"].items():
                servers = item.get("servers") or document.data["servers"]
                host = servers[0]["url"].removeprefix("https://")
                for method in METHODS:
                    if method in item:
                        self.operations.append(Operation(host, method, template, item[method], document))
        self.operations.sort(key=lambda o: o.template.count("{"))  # names before placeholders

    @classmethod
    def read(cls) -> Contract:
        """From the folder of documents. Skips the running test where there is none."""
        return cls(sorted(need_documents().glob("*_v*.json")))

    def find(self, host: str, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        for operation in self.operations:
            if (operation.host, operation.method) == (host, method.lower()) and (
                m := operation.pattern.fullmatch(path)
            ):
                return operation, m.groupdict()
        return None

    def check(self, exchange: Exchange) -> list[str]:
        """What is wrong with a request and its answer, each with its method and path in front."""
        # The upload of a file is in no document; its answer is that of a document without file.
        host = exchange.host.replace("numbers-upload.", "numbers.") if exchange.multipart else exchange.host
        found = self.find(host, exchange.method, exchange.path)
        if found is None:
            problems = ["no such operation"]
        else:
            operation, in_path = found
            problems = [] if exchange.multipart else list(self._request(operation, in_path, exchange))
            problems += self._answer(operation, exchange)
        return [f"{exchange.method} {exchange.host}{exchange.path}: {problem}" for problem in problems]

    # Requests

    def _request(self, operation: Operation, in_path: dict[str, str], exchange: Exchange) -> Iterator[str]:
        for name, value in in_path.items():
            if parameter := operation.parameters.get(("path", name)):
                yield from operation.errors(f"path {name}", parameter["schema"], value)
        for name, values in exchange.query.items():
            parameter = operation.parameters.get(("query", name))
            if parameter is None:
                yield f"unknown query parameter {name}"
            else:
                yield from operation.errors(
                    f"query {name}", parameter["schema"], _typed(parameter["schema"], values)
                )
        for (where, name), parameter in operation.parameters.items():
            if where == "query" and parameter.get("required") and name not in exchange.query:
                yield f"missing query parameter {name}"
        yield from self._body(operation, exchange)

    def _body(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        content = operation.definition.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            if exchange.json is None:
                yield "the body must be JSON"
            else:
                yield from operation.errors("body", content["application/json"]["schema"], exchange.json)
            return
        if exchange.json is not None:
            yield "the body must be a form, not JSON"
        form = exchange.form or {}
        if not content:
            yield from (f"unknown form field {name}" for name in form)
            return
        schema = operation.document.resolve(content["application/x-www-form-urlencoded"]["schema"])
        properties = schema.get("properties", {})
        yield from (f"unknown form field {name}" for name in form if name not in properties)
        typed = {
            name: _typed(operation.document.resolve(properties[name]), values)
            for name, values in form.items()
            if name in properties
        }
        yield from operation.errors("form", schema, typed)

    # Answers

    def _answer(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        if exchange.status >= 400:
            yield from _error_answer(exchange)
            return
        documented = operation.definition["responses"].get(str(exchange.status))
        if documented is None:
            yield f"status {exchange.status} is none of {', '.join(operation.definition['responses'])}"
            return
        content = documented.get("content")
        if not content:
            if exchange.body is not None:
                yield f"status {exchange.status} must have no body"
            return
        schema = next(iter(content.values()))["schema"]
        yield from operation.errors(f"answer {exchange.status}", schema, exchange.body)
        never = ENVELOPE if "/AvailablePhoneNumbers" in operation.template else frozenset[str]()
        yield from _keys(operation.document, schema, exchange.body, "", never)


def _typed(schema: dict[str, Any], values: list[str]) -> Any:
    """Form and query values are text: what the schema says they are, or the text when it does not fit."""
    if schema.get("type") == "array":
        return [_typed(schema.get("items", {}), [value]) for value in values]
    value = values[-1]
    try:
        match schema.get("type"):
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        pass
    return value if len(values) == 1 else values


def _error_answer(exchange: Exchange) -> Iterator[str]:
    body = exchange.body
    if not isinstance(body, dict) or set(body) != {"code", "message", "more_info", "status"}:
        yield "an error answer has code, message, more_info and status"
    elif body["status"] != exchange.status:
        yield f"status {exchange.status} but the body says {body['status']}"


def _keys(
    document: Document, schema: dict[str, Any], value: Any, where: str, never: Set[str] = frozenset()
) -> Iterator[str]:
    """Every documented key, and no other: the documents forbid nothing by themselves. never: keys that must not be."""
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    schema = document.resolve(schema)
    if isinstance(value, list) and "items" in schema:
        for entry in value[:3]:
            yield from _keys(document, schema["items"], entry, where)
    properties = schema.get("properties")
    if not isinstance(value, dict) or not properties:
        return
    seen, wanted = set(value), set(properties) - never
    if where.startswith("capabilities of " + "api.v2010.account." + MIXED_CASE):
        seen = {key.lower() if key.isupper() else key for key in seen}
    if missing := sorted(wanted - seen):
        yield f"answer lacks {', '.join(missing)} {where}".rstrip()
    if strange := sorted(seen - wanted):
        yield f"answer has undocumented {', '.join(strange)} {where}".rstrip()
    for key in properties:
        if key in value:
            yield from _keys(document, properties[key], value[key], f"{key} of {name}" if name else key)
