"""How tasks run inline: at once, and to the end that they would have in a worker."""

import asyncio
import json
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from lapinq import (
    AsyncTaskQueue,
    Cancel,
    CurrentTask,
    LapinqError,
    Middleware,
    RateLimited,
    RetryError,
    Snooze,
    TaskQueue,
    current_task,
)
from lapinq.errors import NoTask, TaskFailed
from lapinq.testing import InlineTasks, inline, travel
from lapinq_core.domain.tasks.state import Status

log: list[Any] = []
marker: ContextVar[str] = ContextVar("marker", default="unset")


class Logging(Middleware):
    def run(self, task: CurrentTask, call: Any) -> Any:
        log.append(f"before {task.task_name}")
        return call()


queue = TaskQueue("http://192.0.2.1")
async_queue = AsyncTaskQueue("http://192.0.2.1")
layered = TaskQueue("http://192.0.2.1", middleware=[Logging()])


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@queue.task
def add(a: Any, b: Any) -> Any:
    log.append((a, b))
    return a + b


@queue.task(retry=[5, 50])
def flaky(fails: int) -> int:
    task = current_task()
    log.append(task.attempt)
    if task.attempt <= fails:
        raise RuntimeError(f"attempt {task.attempt}")
    return task.attempt


@queue.task(no_retry_for=KeyError)
def ends_by(how: str) -> None:
    if current_task().attempt > 1:
        return
    raise {"cancel": Cancel("no stock"), "retry": RetryError(7), "key": KeyError("x")}[how]


@queue.task
def snoozes(times: int) -> int:
    log.append(current_task().attempt)
    if len(log) <= times:
        raise Snooze(60)
    return len(log)


@queue.task(max_retries=0)
def refused(times: int) -> int:
    log.append(current_task().attempt)
    current_task().spend("openai", len(log))
    if len(log) <= times:
        raise RateLimited("openai", after=30)
    return len(log)


@queue.task
def reports() -> dict[str, Any]:
    task = current_task()
    task.progress(50, "half")
    task.progress(100)
    task.log.info("packed %d", 3)
    return {
        "id": task.id,
        "queue": task.queue,
        "metadata": dict(task.metadata),
        "module": task.module_path,
        "left": (task.deadline - datetime.now(UTC)).total_seconds(),
        "lost": task.lease_lost,
    }


@dataclass
class Parcel:
    id: UUID
    due: date


@queue.task
def ship(parcel: Parcel, *, extras: set[str]) -> Parcel:
    log.append((type(parcel), parcel.due, extras))
    return parcel


@layered.task
def wrapped() -> None:
    log.append("in")


@async_queue.task
async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


@async_queue.task(max_retries=0)
async def ends_badly(how: str) -> None:
    if how == "cancel":
        raise asyncio.CancelledError
    raise SystemExit(3) if how == "exit" else ValueError(how)


@async_queue.task
async def waits() -> None:
    await asyncio.sleep(60)


@async_queue.task
async def collect(numbers: list[int]) -> list[int]:
    refs = [await double.aqueue(number) for number in numbers]
    return [await ref.aresult() for ref in refs]


@queue.task
def sees() -> tuple[str, bool]:
    seen = marker.get()
    marker.set("changed")
    return seen, threading.current_thread() is threading.main_thread()


@queue.task
def countdown(number: int) -> None:
    log.append(number)
    if number:
        countdown.queue(number - 1)
    log.append(-number)


@queue.task
def stops_the_tests() -> None:
    pytest.fail("on purpose")


def test_a_task_has_run_when_it_is_enqueued(lapinq_inline: InlineTasks) -> None:
    ref = add.queue(1, b=2)
    assert log == [(1, 2)]
    assert (ref.status(), ref.result(), ref.wait()["result"]) == ("completed", 3, "3")
    assert add.queue((1,), [2]).result() == [1, 2]  # arguments and results go through JSON
    assert add.options(ttl_seconds=0).queue("a", "b").task_id is None
    assert [task.result for task in lapinq_inline] == ["3", "[1,2]", '"ab"']
    lapinq_inline.assert_enqueued(add, args=[1, 2], times=1)


def test_arguments_arrive_as_annotated_or_fail_the_task(lapinq_inline: InlineTasks) -> None:
    parcel = Parcel(UUID(int=7), date(2026, 1, 2))
    assert ship.queue(parcel, extras={"gift"}).result() == parcel
    assert log == [(Parcel, parcel.due, {"gift"})]
    lapinq_inline.assert_enqueued(ship, args=[parcel], kwargs={"extras": {"gift"}})
    entry = {**ship.entry(parcel, extras=set()), "args": [{"id": "7", "due": "tomorrow"}]}
    queue.batch_enqueue([entry])
    [failed] = lapinq_inline.failed
    assert "argument 'parcel'" in (failed.error or "")
    assert len(failed.attempts) == 1


def test_an_attempt_that_fails_is_retried_at_once_until_no_retry_is_left(
    lapinq_inline: InlineTasks, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    assert flaky.queue(2).result() == 3
    failed = flaky.queue(3)
    assert time.monotonic() - began < 5
    good, bad = lapinq_inline
    assert [(one.number, one.error, one.delay) for one in good.attempts] == [
        (1, "RuntimeError: attempt 1", 5.0),
        (2, "RuntimeError: attempt 2", 50.0),
        (3, None, None),
    ]
    assert (log, failed.status(), lapinq_inline.failed) == ([1, 2, 3] * 2, "failed", [bad])
    with pytest.raises(TaskFailed, match="RuntimeError: attempt 3"):
        failed.result()
    assert 'raise RuntimeError(f"attempt' in caplog.text
    assert "lapinq_worker" not in (bad.attempts[-1].traceback or "")
    with inline(raise_failures=True), pytest.raises(TaskFailed, match="attempt 3") as caught:
        flaky.queue(3)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("how", "status", "error", "delay"),
    [
        ("cancel", "cancelled", "no stock", None),
        ("retry", "completed", "RetryError: retry in 7 s", 7.0),
        ("key", "failed", "KeyError: 'x'", None),
    ],
)
def test_a_task_ends_as_it_asks(
    lapinq_inline: InlineTasks, how: str, status: str, error: str, delay: float | None
) -> None:
    assert ends_by.queue(how).status() == status
    first = lapinq_inline[0].attempts[0]
    assert (first.error, first.delay) == (error, delay)


def test_a_snoozed_task_runs_when_its_time_has_come(lapinq_inline: InlineTasks) -> None:
    ref = snoozes.queue(3)
    travel(30)
    assert (ref.status(), log) == ("pending", [1])
    travel(100)
    assert (ref.status(), log) == ("pending", [1, 1, 1])  # a snooze uses up no start
    assert (ref.result(), lapinq_inline[0].attempts[0].delay) == (4, 60.0)


def test_a_task_that_closes_its_limit_runs_again_when_that_opens(lapinq_inline: InlineTasks) -> None:
    ref = refused.queue(1)
    travel(29)
    assert (ref.status(), log) == ("pending", [1])
    travel(2)
    assert (ref.result(), log) == (2, [1, 1])
    first, second = lapinq_inline[0].attempts
    assert (first.error, first.delay, first.spent) == ("limit openai closed for 30 s", 30.0, {"openai": 1.0})
    assert second.spent == {"openai": 2.0}


def test_a_scheduled_task_runs_when_its_time_has_come_or_its_result_is_awaited(
    lapinq_inline: InlineTasks,
) -> None:
    tomorrow, later = (datetime.now(UTC) + timedelta(days=days) for days in (1, 2))
    second = add.options(scheduled_at=later).queue(2, 0)
    expiring = add.options(scheduled_at=later, ttl_seconds=60).queue(3, 0)
    cancelled = add.options(scheduled_at=tomorrow).queue(4, 0)
    assert queue.batch_enqueue([add.options(scheduled_at=later).entry(5, 0)]).status_code == 201
    add.options(scheduled_at=tomorrow).queue(1, 0)
    assert log == []
    lapinq_inline[2].status = Status.CANCELLED
    assert second.result() == 2
    travel(0)
    assert log == [(2, 0), (1, 0), (5, 0)]
    assert (expiring.status(), cancelled.status()) == ("expired", "cancelled")
    with pytest.raises(ValueError, match="forward"):
        travel(-1)


def test_travelling_takes_an_active_context() -> None:
    with pytest.raises(LapinqError, match="inline"):
        travel(1)


def test_the_task_knows_itself_and_what_it_reports_is_kept(lapinq_inline: InlineTasks) -> None:
    ref = reports.options(metadata={"shop": 1}, queue_name="q", timeout=9).queue()
    assert ref.result() == {
        "id": ref.task_id,
        "queue": "q",
        "metadata": {"shop": 1},
        "module": __name__,
        "left": pytest.approx(9, abs=1),
        "lost": False,
    }
    attempt = lapinq_inline[0].attempts[0]
    assert attempt.progress == [(50, "half"), (100, None)]
    assert "packed 3" in attempt.log
    with pytest.raises(NoTask):
        current_task()


def test_a_function_that_no_worker_finds_fails(lapinq_inline: InlineTasks) -> None:
    queue.batch_enqueue([{"module_path": __name__, "task_name": "missing", "max_retries": 1}])
    [task] = lapinq_inline
    assert task.status == "failed"
    assert "no task or function 'missing'" in (task.error or "")
    assert len(task.attempts) == 2


def test_coroutines_run_on_the_loop_of_the_caller_or_on_one_of_their_own(lapinq_inline: InlineTasks) -> None:
    assert double.queue(2).result() == 4

    async def main() -> None:
        assert await (await collect.aqueue([1, 2])).aresult() == [2, 4]
        refs = await asyncio.gather(*(double.aqueue(number) for number in range(3)))
        assert [ref.status() for ref in refs] == ["completed"] * 3
        assert double.queue(5).result() == 10  # plain code below a coroutine
        ref = await sees.aqueue()
        assert await ref.aresult() == ("unset", False)

    asyncio.run(main())
    assert len(lapinq_inline) == 9


async def test_a_coroutine_that_exits_or_is_cancelled_from_inside_fails(lapinq_inline: InlineTasks) -> None:
    for how in ("exit", "cancel", "kill"):
        assert await (await ends_badly.aqueue(how)).astatus() == "failed"
    waiting = asyncio.create_task(waits.aqueue())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    errors = ["SystemExit: 3", "CancelledError", "ValueError: kill"]
    assert [task.error for task in lapinq_inline.failed] == errors


def test_it_runs_inside_its_middleware_and_context_variables_do_not_leak_out(
    lapinq_inline: InlineTasks,
) -> None:
    wrapped.queue()
    assert log == ["before wrapped", "in"]
    assert sees.queue().result() == ("unset", True)
    assert marker.get() == "unset"


def test_tasks_that_enqueue_others_run_in_a_row_and_those_of_a_batch_by_priority(
    lapinq_inline: InlineTasks,
) -> None:
    countdown.queue(300)
    assert log[:4] == [300, -300, 299, -299]
    assert len(lapinq_inline) == 301
    log.clear()
    queue.batch_enqueue([add.entry(1, 0), add.options(priority=1).entry(2, 0)])
    assert log == [(2, 0), (1, 0)]
    assert json.loads(lapinq_inline[-2].result or "") == 1


def test_a_failed_test_inside_a_task_fails_the_test(lapinq_inline: InlineTasks) -> None:
    with pytest.raises(pytest.fail.Exception, match="on purpose"):
        stops_the_tests.queue()
