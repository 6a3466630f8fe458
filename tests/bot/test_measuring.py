"""What is measured is told to whoever follows, once it has ended, however it ends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.measuring import CALL, Measured, followed_by, is_followed, measured
from bot.twilio.client import resource


class Heard:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    @contextmanager
    def follow(self, it: Measured) -> Iterator[None]:
        try:
            yield
        finally:
            assert it.what == CALL and it.seconds > 0
            self.outcomes.append(it.outcome)


def test_an_outcome_is_what_was_said_or_what_happened() -> None:
    heard = Heard()
    with followed_by(heard):
        with measured(CALL, platform="slack") as it:
            it.outcome = "ok"
        with pytest.raises(ValueError), measured(CALL):
            raise ValueError
        with pytest.raises(ValueError), measured(CALL) as it:
            it.outcome = "404"
            raise ValueError
        with pytest.raises(asyncio.CancelledError), measured(CALL):
            raise asyncio.CancelledError
    assert heard.outcomes == ["ok", "failed", "404", "cut off"]
    assert not is_followed()
    with measured(CALL):
        pass
    assert len(heard.outcomes) == 4, "nobody follows any more"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/2010-04-01/Accounts/AC00/AvailablePhoneNumbers/US/TollFree.json", "TollFree"),
        ("/2010-04-01/Accounts/AC00/IncomingPhoneNumbers/PN00.json", "IncomingPhoneNumbers"),
        ("/v1/PhoneNumbers/Countries/GB", "Countries"),
        ("/v2/Voice/Numbers/+14155550100", "Numbers"),
        ("/v1/Services/MG00/Compliance/Usa2p", "Usa2p"),
        ("/", "other"),
    ],
)
def test_a_call_is_named_by_its_resource_and_not_by_whose_it_is(path: str, name: str) -> None:
    assert resource(path) == name
