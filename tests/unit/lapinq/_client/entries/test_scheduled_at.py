from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lapinq import TaskQueue

queue = TaskQueue()
AT = datetime(2090, 1, 1, tzinfo=UTC)


@queue.task(scheduled_at=AT)
def send(to: str) -> None: ...


@pytest.mark.parametrize("options", [{"delay": 90}, {"countdown": 90.0}, {"delay": timedelta(minutes=1.5)}])
def test_a_delay_counts_from_the_call(options: dict[str, Any]) -> None:
    later = send.options(**options)
    before = datetime.now(UTC)
    entry = later.entry("a")
    assert before <= entry["scheduled_at"] - timedelta(seconds=90) <= datetime.now(UTC)
    assert not entry.keys() & options.keys()
    assert later.entry("a")["scheduled_at"] > entry["scheduled_at"]


def test_the_last_of_delay_and_scheduled_at_counts() -> None:
    assert send.options(delay=5).options(scheduled_at=AT).entry("a")["scheduled_at"] == AT
    assert send.options(delay=5).options(priority=1).entry("a")["scheduled_at"] < AT
    assert "scheduled_at" not in send.options(delay=5).options(delay=None).entry("a")
    assert send.options(delay=None).entry("a")["scheduled_at"] == AT


def test_a_text_without_an_offset_is_read_as_utc_where_1_3_0_is_asked_for() -> None:
    as_before, told = (
        TaskQueue(raise_errors=False),
        "2090-01-01T12:00:00' has no time zone and is read as UTC",
    )
    with pytest.warns(UserWarning, match=told) as warned:
        task = as_before.task(scheduled_at="2090-01-01T12:00:00")(print)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match=told):
        task = task.options(scheduled_at="2090-01-01T12:00:00")
    assert task.entry("a")["scheduled_at"] == "2090-01-01T12:00:00"
