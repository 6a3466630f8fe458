"""Duties at an interval, also after the machine has slept."""

from datetime import UTC, datetime, timedelta

from bot.purchases.worker import Every

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_duty_comes_at_its_interval() -> None:
    every = Every(SECOND)
    assert every.get_next_fire_time(None, NOON) == NOON + SECOND
    late = NOON + SECOND + timedelta(milliseconds=200)
    assert every.get_next_fire_time(NOON + SECOND, late) == NOON + 2 * SECOND, "it does not drift"


def test_what_was_missed_in_a_month_of_sleep_is_done_once() -> None:
    every, awake = Every(SECOND), NOON + timedelta(days=30)
    assert every.get_next_fire_time(NOON, awake) == awake + SECOND
