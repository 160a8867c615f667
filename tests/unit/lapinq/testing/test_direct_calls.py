"""`current_task()` for functions that a test calls itself."""

from datetime import UTC, datetime, timedelta

import pytest

from lapinq import current_task
from lapinq.errors import NoTask
from lapinq.testing import running_as


def test_current_task_has_the_given_properties_and_defaults() -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    with running_as("pack", attempt=2, metadata={"shop": 1}, queue="slow", enqueued_at=at, timeout=60):
        task = current_task()
        assert (task.task_name, task.attempt, task.metadata, task.queue) == ("pack", 2, {"shop": 1}, "slow")
        assert (task.enqueued_at, task.max_retries, task.request_id) == (at, 3, None)
        assert task.deadline - datetime.now(UTC) < timedelta(seconds=60)
        assert len(task.id) == 36
    with pytest.raises(NoTask):
        current_task()


def test_what_the_code_reports_can_be_looked_at() -> None:
    with running_as() as task:
        current_task().progress(50, "half")
        current_task().log.info("packed %d", 3)
        current_task().spend("openai", 1200)
        current_task().spend("openai", 850)
    assert task.reported == [(50, "half")]
    assert task.spent == {"openai": 850}
    assert "packed 3" in task.logged


def test_it_can_be_asked_to_stop_and_lose_its_lease() -> None:
    with running_as() as task:
        assert (current_task().cancelled, current_task().lease_lost) == (False, False)
        task.cancel()
        task.lose_lease()
        assert (current_task().cancelled, current_task().lease_lost) == (True, True)
