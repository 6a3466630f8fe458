"""What a thousand numbers cost in calls: nothing is asked about what is ready, and little about what waits."""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from typing import Any

from storage.models import Service, State, now
from tests import rows
from tests.stories.conftest import Clock
from tests.stories.stage import Stage, until

NUMBERS, WAITING = 1000, 50


async def owned(stage: Stage, count: int) -> list[dict[str, Any]]:
    """US numbers of the account, bought at Twilio without a request."""
    client, account = stage.app.twilio, stage.twilio_twin.account
    found: dict[str, Any] = {}
    while len(found) < count:
        for each in await client.available_phone_numbers("US").local.list_async(limit=50):
            if len(found) < count and each.phone_number not in found:
                bought = await client.incoming_phone_numbers.create_async(phone_number=each.phone_number)
                found[each.phone_number] = bought
    assert len(account.owned) >= count
    return [{"phone_number": number, "phone_number_sid": each.sid} for number, each in found.items()]


async def test_of_a_thousand_numbers_only_those_that_wait_are_asked_about(stage: Stage, clock: Clock) -> None:
    made = await stage.app.twilio.messaging.v1.services.create_async(
        friendly_name="Leeds", use_inbound_webhook_on_number=True
    )
    waiting = await owned(stage, WAITING)
    for each in waiting:
        await stage.app.twilio.messaging.v1.services(made.sid).phone_numbers.create_async(
            phone_number_sid=each["phone_number_sid"]
        )
    ready = [
        {"phone_number": f"+1212556{n:04}", "phone_number_sid": f"PN{n:032x}", "ready_at": now()}
        for n in range(NUMBERS - WAITING)
    ]
    campaign = {
        "check": "us_campaign",
        "verdict": "waiting",
        "said": {"say": "–", "with": {}},
        "blocks": True,
    }
    async with stage.store.writing() as session:
        for each in [*ready, *waiting]:
            asleep = "ready_at" in each
            await rows.add(
                session,
                rows.purchase(
                    workspace_id=stage.app.workspace_id,
                    account_sid=stage.app.settings.twilio_account_sid,
                    country="US",
                    number_type="local",
                    state=State.COMPLETE,
                    service=Service.EXISTING,
                    service_sid=made.sid,
                    service_name="Leeds",
                    messaging_service_sid=made.sid,
                    attached_at=now(),
                    checked_at=now(),
                    decided_at=now(),
                    bought_at=now(),
                    findings=[] if asleep else [campaign],
                    wake_at=None if asleep else now() + timedelta(hours=1),
                    **each,
                ),
            )
    await asyncio.sleep(2)  # what the start still asks
    for _ in range(2):
        last = (await stage.twilio.get("calls"))[-1]["number"]
        await clock.forward(3605)

        async def looked(since: str = str(last)) -> bool:
            return len(await _calls(stage, since, "Usa2p")) >= WAITING

        await until(looked, "each that waits is looked at")
        await asyncio.sleep(1)
        calls = Counter(_kind(each["path"]) for each in await _calls(stage, str(last)))
        assert calls["campaign"] == WAITING, calls
        assert sum(calls.values()) <= WAITING + 10, calls


async def _calls(stage: Stage, since: str, part: str = "") -> list[dict[str, Any]]:
    return [each for each in await stage.twilio.get("calls", since=since) if part in each["path"]]


def _kind(path: str) -> str:
    for name, pattern in (
        ("campaign", "Usa2p"),
        ("member", "/PhoneNumbers/PN"),
        ("geo permissions", "GeoPermissions"),
        ("number", "IncomingPhoneNumbers/PN"),
        ("service", "/Services/MG[0-9a-f]+$"),
        ("account", "Accounts/AC[0-9a-f]+.json"),
    ):
        if re.search(pattern, path):
            return name
    return re.sub("[A-Z]{2}[0-9a-f]{32}", "SID", path)
