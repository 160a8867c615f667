"""What `captured` takes in, and what its assertions say."""

from collections.abc import Callable
from datetime import date
from typing import Any, cast

import pytest

from lapinq import AsyncTaskQueue, LapinqError, TaskQueue, TaskRef
from lapinq.errors import RequestRefused
from lapinq.testing import EnqueuedTasks, captured, inline

queue = TaskQueue("http://192.0.2.1", "mail")
async_queue = AsyncTaskQueue("postgresql://192.0.2.1/shop")


@queue.task
def confirm(order: int, language: str = "en", *, day: date | None = None) -> None: ...


@queue.task(priority=3, metadata={"by": "test"})
def remind(*orders: int) -> None: ...


@async_queue.task
async def pack(order: int) -> None: ...


def audit(order: int) -> None: ...


class OfAnotherFramework:
    """As a task of Django."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func


async def test_it_takes_the_tasks_of_all_queues_and_sends_nothing(lapinq_captured: EnqueuedTasks) -> None:
    ref = confirm.queue(1)
    remind.options(queue_name="slow", ttl_seconds=0).queue(1, 2)
    answer = queue.batch_enqueue(
        [confirm.entry(2), {"module_path": __name__, "task_name": "audit", "args": [1]}]
    )
    packed = await pack.aqueue(3)
    assert [str(task) for task in lapinq_captured] == [
        f"{__name__}.confirm(1) in queue 'mail'",
        f"{__name__}.remind(1, 2) in queue 'slow'",
        f"{__name__}.confirm(2) in queue 'mail'",
        f"{__name__}.audit(1) in queue 'mail'",
        f"{__name__}.pack(3) in queue 'default'",
    ]
    assert (ref.status_code, ref.task_id, ref.status()) == (201, lapinq_captured[0].id, "pending")
    assert answer.json() == {"task_ids": [task.id for task in lapinq_captured][2:4]}
    assert (lapinq_captured[1].priority, lapinq_captured[1].metadata) == (3, {"by": "test"})
    assert TaskRef(answer, queue.server_url, None).status_code == 201
    [task] = lapinq_captured.assert_enqueued(pack, args=[3])
    assert task.id == packed.task_id
    lapinq_captured.assert_enqueued(OfAnotherFramework(audit), kwargs={"order": 1}, times=1)
    with pytest.raises(LapinqError, match="lapinq_inline"):
        ref.result()
    lapinq_captured.clear()
    assert (len(lapinq_captured), ref.status()) == (0, "pending")


def test_it_refuses_what_the_server_refuses(lapinq_captured: EnqueuedTasks) -> None:
    with pytest.raises(RequestRefused, match="NUL") as caught:
        cast("Any", confirm).queue("\0")
    assert caught.value.details[0]["loc"] == "args[0]"
    with pytest.raises(RequestRefused, match=r"\[1\]\.priority"):
        queue.batch_enqueue([confirm.entry(1), {**confirm.entry(1), "priority": 2**40}])
    with pytest.raises(RequestRefused, match="at most 1000"):
        queue.batch_enqueue(confirm.entry(order) for order in range(1001))
    assert len(lapinq_captured) == 0


def test_a_limit_must_be_declared_by_some_queue_of_the_process(lapinq_captured: EnqueuedTasks) -> None:
    other = TaskQueue("http://192.0.2.1")
    limited = confirm.options(limits={"captured": 6})
    with pytest.raises(
        RequestRefused, match=r"limits\.captured is not a limit that exists; `lapinq limit set"
    ):
        limited.queue(1)
    other.limit("captured", rate="5/m")
    with pytest.raises(
        RequestRefused, match=r"limits\.captured must be at most 5, the burst of the limit's rate"
    ):
        limited.queue(1)
    with pytest.raises(
        RequestRefused, match=r"limits\.capturd is not a limit that exists \(did you mean 'captured'"
    ):
        confirm.options(limits={"capturd": 1}).queue(1)
    confirm.options(limits={"captured": 5}).queue(1)
    assert len(lapinq_captured) == 1


def test_a_batch_without_a_server_has_no_limit(lapinq_captured: EnqueuedTasks) -> None:
    direct = TaskQueue("postgresql://192.0.2.1/shop")
    direct.batch_enqueue(confirm.entry(order) for order in range(1001))
    with pytest.raises(RequestRefused, match=r"\[1001\]\.max_retries"):
        direct.batch_enqueue([*[confirm.entry(1)] * 1001, {**confirm.entry(1), "max_retries": 1000}])
    assert len(lapinq_captured) == 1001


def test_a_repeated_idempotency_key_enqueues_nothing(lapinq_captured: EnqueuedTasks) -> None:
    once = confirm.options(idempotency_key="order 1")
    assert once.queue(1).task_id == once.queue(1).task_id
    with pytest.raises(RequestRefused, match="Idempotency-Key"):
        once.queue(2).raise_for_status()
    assert len(lapinq_captured) == 1


def test_assert_enqueued_finds_a_task_by_what_is_given(lapinq_captured: EnqueuedTasks) -> None:
    confirm.queue(1)
    confirm.options(queue_name="other").queue(order=1)
    confirm.queue(2, "es", day=date(2026, 1, 2))
    remind.queue(1, 2)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"task": confirm, "times": 3}, 3),
        ({"task": "confirm"}, 3),
        ({"task": confirm, "args": [1]}, 2),
        ({"task": confirm, "args": (), "kwargs": {"order": 1}}, 2),
        ({"task": confirm, "kwargs": {"order": 1}, "queue": "mail"}, 1),
        ({"task": confirm, "args": [2], "kwargs": {"day": date(2026, 1, 2), "language": "es"}}, 1),
        ({"task": "confirm", "args": [1], "kwargs": {}}, 1),
        ({"task": remind, "args": [1, 2]}, 1),
        ({"task": confirm, "args": [3], "times": 0}, 0),
    ]
    for wanted, found in cases:
        assert len(lapinq_captured.assert_enqueued(**wanted)) == found, wanted


def test_a_failed_assertion_lists_what_was_enqueued(lapinq_captured: EnqueuedTasks) -> None:
    def failed(*args: Any, **kwargs: Any) -> str:
        with pytest.raises(AssertionError) as caught:
            lapinq_captured.assert_enqueued(*args, **kwargs)
        return str(caught.value)

    missing = f"{__name__}.confirm(1) was not enqueued"
    assert failed(confirm, args=[1]) == f"{missing}.\nNothing was enqueued."
    confirm.queue(1, language="es")
    enqueued = f"{__name__}.confirm(1, language='es') in queue 'mail'"
    told = failed(confirm, args=[1], queue="slow")
    assert told == f"{missing} in queue 'slow'.\nEnqueued, in this order:\n  {enqueued}"
    assert "confirm was enqueued once, not 2 times." in failed(confirm, times=2)
    for order in range(60):
        confirm.queue(order)
    assert "and 11 more" in failed(remind)


def test_the_innermost_context_takes_the_calls() -> None:
    with captured() as outer, inline() as inner:
        confirm.queue(1)
        assert (len(outer), len(inner)) == (0, 1)
    with captured() as outer:
        confirm.queue(1)
        assert len(outer) == 1
