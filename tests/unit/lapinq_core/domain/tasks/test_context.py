"""What a task's own code sees of it, in whatever it runs."""

import asyncio
import contextvars
import logging
import math
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lapinq_core.domain.errors import InvalidValue, LapinqError, NoTask
from lapinq_core.domain.tasks import context
from lapinq_core.domain.tasks.context import MAX_MESSAGE, CurrentTask, Transaction, current_task, running

AT = datetime(2026, 5, 1, tzinfo=UTC)


class Recorded:
    """An attempt that remembers what it was told."""

    def __init__(self, task_id: str = "id-1") -> None:
        self.id = task_id
        self.task_name = "add"
        self.module_path = "app.tasks"
        self.queue_name = "video"
        self.attempt = 2
        self.max_retries = 3
        self.metadata: dict[str, Any] = {"a": 1}
        self.request_id = "r-7"
        self.enqueued_at = AT
        self.deadline = AT
        self.claim_seq = 7
        self.is_cancelled = False
        self.is_lease_lost = False
        self.progress: list[tuple[int, str | None]] = []
        self.lines: list[str] = []
        self.results: list[object] = []

    def report_progress(self, percent: int, message: str | None) -> None:
        self.progress.append((percent, message))

    def spend(self, limit: str, units: float) -> None:
        raise NotImplementedError

    def write_log(self, line: str) -> None:
        self.lines.append(line)

    def transaction(self, result: Any) -> Transaction:
        self.results.append(result)
        return cast("Transaction", object())


@pytest.fixture
def attempt() -> Iterator[Recorded]:
    """The attempt that the test runs in."""
    recorded = Recorded()
    token = running.set(recorded)
    yield recorded
    running.reset(token)


def test_outside_of_a_task_there_is_none() -> None:
    with pytest.raises(NoTask, match=r"^`current_task` was called outside a task"):
        current_task()
    assert issubclass(NoTask, LapinqError)


def test_it_tells_what_stands_behind_it(attempt: Recorded) -> None:
    task = current_task()
    assert (task.id, task.task_name, task.module_path, task.queue) == ("id-1", "add", "app.tasks", "video")
    assert (task.attempt, task.max_retries, task.metadata, task.request_id) == (2, 3, {"a": 1}, "r-7")
    assert task.claim_seq == 7
    assert (task.enqueued_at, task.deadline) == (AT, AT)
    assert not task.cancelled
    assert not task.lease_lost


def test_it_looks_anew_each_time(attempt: Recorded) -> None:
    task = current_task()
    attempt.is_cancelled = attempt.is_lease_lost = True
    assert task.cancelled
    assert task.lease_lost


@pytest.mark.parametrize(("percent", "told"), [(0, 0), (100, 100), (99.9, 99), (0.5, 0), (42, 42)])
def test_progress_is_a_whole_percentage(attempt: Recorded, percent: float, told: int) -> None:
    current_task().progress(percent, "halfway")
    assert attempt.progress == [(told, "halfway")]


@pytest.mark.parametrize("percent", [-1, -0.1, 100.1, 101, math.nan, math.inf, "50", None, True])
def test_progress_out_of_bounds_is_refused(attempt: Recorded, percent: Any) -> None:
    with pytest.raises(InvalidValue, match="percent"):
        current_task().progress(percent)
    assert attempt.progress == []


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (None, None),
        ("", ""),
        ("a\x00b", "ab"),
        ("half a pair: \ud800", "half a pair: ?"),
        ("ü" * (MAX_MESSAGE + 5), "ü" * MAX_MESSAGE),
    ],
)
def test_a_message_is_made_one_that_can_be_stored(
    attempt: Recorded, message: str | None, told: str | None
) -> None:
    current_task().progress(1, message)
    assert attempt.progress == [(1, told)]


def test_log_lines_are_kept_with_the_attempt(attempt: Recorded) -> None:
    current_task().log.debug("read %d rows", 5)
    current_task().log.warning("odd")
    times, lines = zip(*(line.split(" ", 1) for line in attempt.lines), strict=True)
    assert lines == ("DEBUG read 5 rows", "WARNING odd")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)


def test_a_logged_exception_brings_its_traceback(attempt: Recorded) -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        current_task().log.exception("it failed")
    (text,) = attempt.lines
    assert "ERROR it failed\nTraceback" in text
    assert text.endswith("ValueError: a bug")


def test_log_lines_go_on_to_the_log_of_the_process_with_the_tasks_id(
    attempt: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    current_task().log.info("hello")
    (record,) = caplog.records
    assert (record.message, vars(record)["task_id"], vars(record)["task_name"]) == ("hello", "id-1", "add")


def test_a_line_outside_of_a_task_is_kept_by_nobody() -> None:
    logging.getLogger("lapinq.task").info("nobody is here")


def test_a_line_that_cannot_be_kept_ends_no_task(
    attempt: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_line: str) -> None:
        raise OSError("the pipe is closed")

    monkeypatch.setattr(attempt, "write_log", broken)
    current_task().log.info("hello")
    assert "the pipe is closed" in capsys.readouterr().err


def test_the_log_has_one_keeper_however_often_it_is_asked_for(attempt: Recorded) -> None:
    for _ in range(3):
        current_task().log.info("once")
    assert len(attempt.lines) == 3
    assert [type(handler) for handler in logging.getLogger("lapinq.task").handlers].count(
        context._KeepWithAttempt  # pyright: ignore[reportPrivateUsage]
    ) == 1


def test_each_coroutine_sees_its_own_task() -> None:
    async def task(name: str) -> str:
        running.set(Recorded(name))
        await asyncio.sleep(0)
        current_task().log.info("of %s", name)
        return current_task().id

    async def run() -> list[str]:
        return await asyncio.gather(*(task(f"id-{number}") for number in range(20)))

    assert asyncio.run(run()) == [f"id-{number}" for number in range(20)]


def test_a_thread_sees_it_in_a_copy_of_the_context_only(attempt: Recorded) -> None:
    seen: list[object] = []

    def look() -> None:
        try:
            seen.append(current_task().id)
        except NoTask:
            seen.append(None)

    for given in (contextvars.copy_context(), contextvars.Context()):
        thread = threading.Thread(target=given.run, args=(look,))
        thread.start()
        thread.join()
    assert seen == ["id-1", None]


def test_the_result_of_a_transaction_is_named_by_its_keyword(attempt: Recorded) -> None:
    task = current_task()
    task.transaction()
    task.transaction(result={"a": 1})
    assert attempt.results == [None, {"a": 1}]
    with pytest.raises(TypeError):
        task.transaction(5)  # pyright: ignore[reportCallIssue]  # that is the test


def test_what_it_tells_cannot_be_changed(attempt: Recorded) -> None:
    with pytest.raises(AttributeError):
        CurrentTask(attempt).id = "other"  # pyright: ignore[reportAttributeAccessIssue]  # that is the test


@pytest.mark.parametrize("message", [5, b"halfway", ["halfway"]])
def test_a_message_that_is_no_text_is_refused(attempt: Recorded, message: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        current_task().progress(50, message)
    assert caught.value.loc == "message"
    assert attempt.progress == []
