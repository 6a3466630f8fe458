"""``python -m bot record``: what was quoted, approved and charged, for whoever looks from outside."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.stories.stage import Control, Person, Stage, asks

ROOT = Path(__file__).parents[2]


async def record(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    """Read by another process, while the app runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "record",
        *arguments,
        cwd=ROOT,
        env={"DATABASE_URL": stage.environment["DATABASE_URL"], "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_every_quote_approval_and_charge_is_a_line_of_the_record(
    stage: Stage, requester: Person, approver: Person, twilio: Control
) -> None:
    bundle = (await twilio.get("state"))["bundles"][0]["sid"]
    number = await asks(
        requester,
        "GB",
        number_type="mobile",
        end_user={"end_user_type": "business", "bundle": bundle},
        review={"messaging_service": "new", "messaging_service_name": "Team"},
    )
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.card("complete")
    lines = await record(stage)
    mine = [each for each in lines if each["purchase"] == card["metadata"]["event_payload"]["id"]]
    by = {each["what"]: each for each in mine}
    quote, approval, charge = by["quote"], by["approval"], by["charge"]
    assert (quote["quote"], approval["quote"]) == (1, 1)
    asked_for = {
        "phone_number": number,
        "country": "GB",
        "number_type": "mobile",
        "bundle_sid": bundle,
        "end_user_type": "business",
        "service": "new",
        "service_name": "Team",
        "price": charge["details"]["price"],
        "currency": "USD",
    }
    assert {name: quote["details"][name] for name in asked_for} == asked_for
    assert {"sms", "voice"} <= set(quote["details"]["capabilities"])
    assert approval["person"] == approver.id and approval["details"]["rule"] == "approve"
    assert (charge["details"]["phone_number"], charge["details"]["currency"]) == (number, "USD")
    assert by["buying"]["no"] < charge["no"] and by["buying"]["details"]["bundle_sid"] == bundle
    assert by["service_found"]["details"]["name"] == "Team"
    assert [each["no"] for each in await record(stage, "--after", str(charge["no"]))] == [
        each["no"] for each in lines if each["no"] > charge["no"]
    ]
