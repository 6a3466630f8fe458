"""The time by which the app lives."""

from datetime import UTC, datetime, timedelta

_ahead = timedelta(0)


def now() -> datetime:
    return datetime.now(UTC) + _ahead


def move_to(ahead: timedelta) -> None:
    """Only for tests (the setting TEST_CLOCK): so far ahead of the machine's clock as the twins are."""
    global _ahead
    _ahead = ahead
