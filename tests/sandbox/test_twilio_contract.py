"""The checker of requests and answers against Twilio's OpenAPI documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.twilio.twin import ROUTES
from tests.contract import Contract
from tests.sandbox.twilio_world import ACCOUNT, V2010

BALANCE = V2010 + "/Balance.json"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.read()


@dataclass
class Seen:
    host: str = "api.twilio.com"
    method: str = "GET"
    path: str = BALANCE
    status: int = 200
    body: Any = None
    query: Any = None
    form: Any = None
    json: Any = None
    multipart: bool = False

    def __post_init__(self) -> None:
        self.query = self.query or {}


GOOD = {"account_sid": ACCOUNT, "balance": "1.00", "currency": "USD"}
NUMBERS = V2010 + "/IncomingPhoneNumbers.json"
LOCAL = V2010 + "/AvailablePhoneNumbers/US/Local.json"
ERROR = {"code": 20001, "message": "x", "more_info": "x", "status": 400}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(body=GOOD), None),
        (Seen(body=GOOD | {"balance": 1.0}), "balance"),
        (Seen(body=GOOD | {"extra": 1}), "undocumented extra"),
        (Seen(body={"balance": "1"}), "lacks account_sid, currency"),
        (Seen(body=GOOD, status=201), "status 201"),
        (Seen(path=V2010 + "/Balances.json"), "no such operation"),
        (Seen(body=GOOD, query={"Currency": ["EUR"]}), "unknown query parameter Currency"),
        (Seen(path=LOCAL, query={"AreaCode": ["abc"]}, status=400, body=ERROR), "AreaCode"),
        (Seen(path=LOCAL, query={"SmsEnabled": ["yes"]}, status=400, body=ERROR), "SmsEnabled"),
        (Seen(status=400, body={"code": 1}), "an error answer has"),
        (Seen(status=404, body=ERROR), "the body says 400"),
        (Seen(method="POST", path=NUMBERS, form={"PhoneNumbr": ["+1"]}, status=400, body=ERROR), "unknown form field PhoneNumbr"),
        (Seen(method="POST", path=NUMBERS, form={"BundleSid": ["BU1"]}, status=400, body=ERROR), "BundleSid"),
        (Seen(method="POST", path=NUMBERS, form={"VoiceMethod": ["PUT"]}, status=400, body=ERROR), "PUT"),
        (Seen(method="POST", path=NUMBERS, form={"VoiceMethod": ["POST"]}, status=400, body=ERROR), None),
        (Seen(method="POST", path=NUMBERS, json={"a": 1}, status=400, body=ERROR), "must be a form"),
        (Seen("messaging.twilio.com", "POST", "/v1/Services", form={}, status=400, body=ERROR), "'FriendlyName' is a required"),
        (Seen("messaging.twilio.com", "POST", "/v2/Channels/Senders", form={}, status=400, body=ERROR), "must be JSON"),
        (Seen("messaging.twilio.com", "GET", "/v2/Channels/Senders", status=400, body=ERROR), "missing query parameter Channel"),
    ],
)  # fmt: skip
def test_the_checker_finds_what_twilio_would_swallow(
    contract: Contract, seen: Seen, words: str | None
) -> None:
    found = "\n".join(contract.check(seen))
    assert (words in found) if words else (found == "")


# Operations that the twin has and no document describes.
UNDOCUMENTED = {"numbers-upload", "/v1/Services/Usecases"}
EXTRA = {"Status", "AreaCode"}  # of a document, of a list of one type: only their error codes are documented


def test_the_twin_knows_the_documented_parameters_and_no_others(contract: Contract) -> None:
    for route in ROUTES:
        path = re.sub(r"\{owned_type\}", "Local", route.template)
        path = re.sub(r"\{type\}", "Local", path)
        path = re.sub(r"\{\w+\}", "x", path)
        found = contract.find(f"{route.host}.twilio.com", route.method, path)
        if found is None:
            assert route.host in UNDOCUMENTED or path in UNDOCUMENTED, path
            continue
        operation = found[0]
        documented = {name for where, name in operation.parameters if where == "query"}
        content = operation.definition.get("requestBody", {}).get("content", {})
        if form := content.get("application/x-www-form-urlencoded"):
            documented |= set(operation.document.resolve(form["schema"]).get("properties", {}))
        assert documented <= route.known and route.known - documented <= EXTRA, (
            f"{route.method} {route.template}"
        )
