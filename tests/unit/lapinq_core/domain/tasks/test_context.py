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

from lapinq_core.domain.errors import InvalidValue, NoTask
from lapinq_core.domain.tasks.context import MAX_MESSAGE, CurrentTask, Transaction, current_task, running
from lapinq_core.domain.tasks.durable.calls import Calls, Storing

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
        self.workflow_id: str | None = None
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

    @property
    def durable(self) -> Calls:
        raise NotImplementedError

    def storing(self, connection: object) -> Storing:
        raise NotImplementedError

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
    logging.getLogger("lapinq.task").info("nobody keeps this")


def test_it_tells_what_stands_behind_it_and_looks_anew_each_time(attempt: Recorded) -> None:
    task = current_task()
    assert (task.id, task.task_name, task.module_path, task.queue) == ("id-1", "add", "app.tasks", "video")
    assert (task.attempt, task.max_retries, task.metadata, task.request_id) == (2, 3, {"a": 1}, "r-7")
    assert (task.claim_seq, task.enqueued_at, task.deadline) == (7, AT, AT)
    assert (task.cancelled, task.lease_lost, task.workflow) == (False, False, None)
    attempt.is_cancelled = attempt.is_lease_lost = True
    assert (task.cancelled, task.lease_lost) == (True, True)
    with pytest.raises(AttributeError):
        CurrentTask(attempt).id = "other"  # pyright: ignore[reportAttributeAccessIssue]  # that is the test


def test_progress_is_a_whole_percentage_with_a_message_that_can_be_stored(attempt: Recorded) -> None:
    for percent in (0, 100, 99.9, 0.5, 42):
        current_task().progress(percent, "halfway")
    assert attempt.progress == [(percent, "halfway") for percent in (0, 100, 99, 0, 42)]
    attempt.progress.clear()
    for message in (None, "", "a\x00b", "half a pair: \ud800", "ü" * (MAX_MESSAGE + 5)):
        current_task().progress(1, message)
    messages = [None, "", "ab", "half a pair: ?", "ü" * MAX_MESSAGE]
    assert attempt.progress == [(1, message) for message in messages]


@pytest.mark.parametrize(
    ("percent", "message", "loc"),
    [
        *((percent, None, "percent") for percent in (-1, -0.1, 100.1, math.nan, math.inf, "50", None, True)),
        *((50, message, "message") for message in (5, b"halfway", ["halfway"])),
    ],
)
def test_no_other_progress_is_taken(attempt: Recorded, percent: Any, message: Any, loc: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        current_task().progress(percent, message)
    assert caught.value.loc == loc
    assert attempt.progress == []


def test_log_lines_are_kept_with_the_attempt_once_however_often_the_log_is_asked_for(
    attempt: Recorded,
) -> None:
    current_task().log.debug("read %d rows", 5)
    current_task().log.warning("odd")
    try:
        raise ValueError("a bug")
    except ValueError:
        current_task().log.exception("it failed")
    times, lines = zip(*(line.split(" ", 1) for line in attempt.lines), strict=True)
    assert lines[:2] == ("DEBUG read 5 rows", "WARNING odd")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)
    assert lines[2].startswith("ERROR it failed\nTraceback")
    assert lines[2].endswith("ValueError: a bug")


def test_log_lines_go_on_to_the_log_of_the_process_with_the_tasks_id(
    attempt: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    current_task().log.info("hello")
    (record,) = caplog.records
    assert (record.message, vars(record)["task_id"], vars(record)["task_name"]) == ("hello", "id-1", "add")


def test_a_line_that_cannot_be_kept_ends_no_task(
    attempt: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_line: str) -> None:
        raise OSError("the pipe is closed")

    monkeypatch.setattr(attempt, "write_log", broken)
    current_task().log.info("hello")
    assert "the pipe is closed" in capsys.readouterr().err


async def test_each_coroutine_sees_its_own_task() -> None:
    async def task(name: str) -> str:
        running.set(Recorded(name))
        await asyncio.sleep(0)
        current_task().log.info("of %s", name)
        return current_task().id

    names = [f"id-{number}" for number in range(20)]
    assert await asyncio.gather(*map(task, names)) == names


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


def test_a_task_of_a_workflow_adds_others_to_it(attempt: Recorded) -> None:
    class Other:
        def __lapinq_add__(self, workflow_id: str, /, a: int, b: int) -> tuple[str, int, int]:
            return workflow_id, a, b

    attempt.workflow_id = "w-1"
    workflow = current_task().workflow
    assert workflow is not None
    assert (workflow.id, workflow.add(Other(), 1, b=2)) == ("w-1", ("w-1", 1, 2))
