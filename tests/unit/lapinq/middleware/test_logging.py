"""The log lines of tasks."""

import asyncio
import logging
from typing import Any

import pytest

from lapinq import AsyncTaskQueue, Cancel, RetryError, Snooze, TaskQueue, TimeLimit
from lapinq.middleware.logging import StructuredLogging
from tests.unit.lapinq.conftest import Script
from tests.unit.lapinq.middleware.attempts import araising, attempt, raising


def facts(record: logging.LogRecord) -> dict[str, Any]:
    names = ("task_id", "task_name", "queue", "attempt", "outcome", "error")
    return {name: vars(record)[name] for name in names if name in vars(record)}


@pytest.fixture(autouse=True)
def levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lapinq.tasks")


def test_a_task_that_returns_is_told_at_its_start_and_end(caplog: pytest.LogCaptureFixture) -> None:
    assert attempt(lambda: 5, StructuredLogging(), id="7", attempt=2) == 5
    started, ended = caplog.records
    common = {"task_id": "7", "task_name": "work", "queue": "video", "attempt": 2}
    assert (started.levelno, facts(started)) == (logging.DEBUG, common)
    assert (ended.levelno, facts(ended)) == (logging.INFO, {**common, "outcome": "completed"})
    assert 0 <= vars(ended)["seconds"] < 60
    assert ended.getMessage().startswith("work ended after 0.")


@pytest.mark.parametrize(
    ("error", "outcome", "name"),
    [
        (ValueError("x"), "failed", "ValueError"),
        (SystemExit(3), "failed", "SystemExit"),
        (RetryError(3), "retry", "lapinq_core.domain.errors.RetryError"),
        (Snooze(3), "snoozed", "lapinq_core.domain.errors.Snooze"),
        (Cancel("x"), "cancelled", "lapinq_core.domain.errors.Cancel"),
        (TimeLimit(3), "timed out", "lapinq_core.domain.errors.TimeLimit"),
        (asyncio.CancelledError(), "stopped", "asyncio.exceptions.CancelledError"),
    ],
)
def test_how_a_task_ends_is_told_in_a_word_and_the_exception_goes_on(
    caplog: pytest.LogCaptureFixture, error: BaseException, outcome: str, name: str
) -> None:
    with pytest.raises(type(error)) as caught:
        attempt(raising(error), StructuredLogging())
    assert caught.value is error
    assert facts(caplog.records[-1])["outcome"] == outcome
    assert facts(caplog.records[-1])["error"] == name


def test_coroutines_are_told_alike(caplog: pytest.LogCaptureFixture) -> None:
    async def function() -> int:
        await asyncio.sleep(0)
        return 5

    assert attempt(function, StructuredLogging()) == 5
    assert facts(caplog.records[-1])["outcome"] == "completed"
    with pytest.raises(KeyError):
        attempt(araising(KeyError()), StructuredLogging())
    assert facts(caplog.records[-1])["outcome"] == "failed"


def test_another_logger_can_be_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.jobs")
    attempt(lambda: 5, StructuredLogging("app.jobs"))
    attempt(lambda: 5, StructuredLogging(logging.getLogger("app.jobs")))
    assert [record.name for record in caplog.records] == ["app.jobs", "app.jobs"]


def test_what_is_enqueued_is_told_at_level_debug(server: Script, caplog: pytest.LogCaptureFixture) -> None:
    async def enqueue() -> None:
        async with AsyncTaskQueue(server.url, middleware=[StructuredLogging()]) as queue:
            await queue.batch_enqueue([{"task_name": "three"}])

    with TaskQueue(server.url, "mail", middleware=[StructuredLogging()]) as queue:
        queue.batch_enqueue([{"task_name": "one"}, {"task_name": "two", "queue_name": "video"}])
    asyncio.run(enqueue())
    assert [facts(record) for record in caplog.records if record.name == "lapinq.tasks"] == [
        {"task_name": "one", "queue": "mail"},
        {"task_name": "two", "queue": "video"},
        {"task_name": "three", "queue": "default"},
    ]
