"""Workflows in tests without a database."""

from dataclasses import dataclass
from typing import Any

import pytest

from lapinq import AsyncTaskQueue, LapinqError, TaskQueue, current_task
from lapinq.errors import RequestRefused, TaskFailed
from lapinq.testing import captured, inline, runner, travel

queue = TaskQueue("http://192.0.2.1")
async_queue = AsyncTaskQueue("http://192.0.2.1")
log: list[Any] = []


@dataclass
class Total:
    sum: int


@queue.task
def double(number: int) -> int:
    return number * 2


@queue.task
def total(numbers: list[int]) -> Total:
    return Total(sum(numbers))


@queue.task(max_retries=0)
async def fail(_after: Any = None) -> int:
    raise ValueError("no")


@queue.task
def note(what: Any) -> Any:
    log.append(what)
    return what


@queue.task
def note_total(given: Total) -> int:
    log.append(given)
    return given.sum


@queue.task
def grow(count: int) -> str:
    workflow = current_task().workflow
    assert workflow is not None
    for number in range(count):
        workflow.add(note.options(after=["grow"], ref=f"note {number}"), number)
    log.append("grown")
    return workflow.id


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


def test_inline_runs_a_graph_with_results_as_annotated() -> None:
    with inline() as ran:
        with queue.workflow("sums", metadata={"a": 1}) as flow:
            summed = flow.add(total, flow.map(double, [1, 2, 3]))
            told = flow.add(note_total, summed)
            assert len(ran) == 0
        assert (told.ref.result(), log) == (12, [Total(12)])
        assert [task.task_name for task in ran] == ["double", "double", "double", "total", "note_total"]
        ended = flow.ref.wait()
        assert (ended["status"], ended["metadata"], ended["counts"]["completed"]) == (
            "completed",
            {"a": 1},
            5,
        )
        found = flow.ref.get()
        assert found is not None
        assert {"parent": "total", "child": "note_total"} in found["edges"]


@pytest.mark.parametrize(
    ("after_failure", "status", "of_all"),
    [("cancel", "cancelled", "failed"), ("fail", "failed", "failed"), ("run", "completed", "completed")],
)
def test_inline_does_what_is_said_of_failures(after_failure: Any, status: str, of_all: str) -> None:
    with inline():
        with queue.workflow("fails") as flow:
            failed = flow.add(fail)
            after = flow.add(
                note.options(after_failure=after_failure), {"value": failed, "how": flow.outcome(failed)}
            )
            last = flow.add(note.options(after=[after]), 1)
        assert (after.ref.status(), flow.ref.status()) == (status, of_all)
        if status == "completed":
            told = {"status": "failed", "result": None, "error": "ValueError: no"}
            assert log == [{"value": None, "how": told}, 1]
        else:
            assert log == []
            with pytest.raises(TaskFailed, match="its parent fail failed"):
                after.ref.result()
            with pytest.raises(TaskFailed, match="its parent note"):
                last.ref.result()


def test_inline_runs_what_a_task_adds() -> None:
    with inline():
        with queue.workflow("grows") as flow:
            grown = flow.add(grow, 2)
        assert grown.ref.result() == flow.id
        assert log == ["grown", 0, 1]
        assert flow.ref.wait()["counts"]["completed"] == 3


def test_a_graph_waits_for_delayed_tasks_and_ends_with_cancelled_ones() -> None:
    with inline():
        with queue.workflow("later") as flow:
            first = flow.add(note.options(delay=60), 1)
            last = flow.add(note, first)
        assert (log, first.ref.status(), flow.ref.status()) == ([], "pending", "running")
        travel(60)
        assert (log, last.ref.status()) == ([1, 1], "completed")
        with queue.workflow("later") as flow:
            first = flow.add(note.options(delay=600), 2)
            last = flow.add(note, first)
            other = flow.add(note.options(delay=900), 3)
        assert last.ref.result(timeout=5) == 2
        assert flow.ref.cancel()
        assert (other.ref.status(), flow.ref.status()) == ("cancelled", "cancelled")
        with queue.workflow("cut") as flow:
            first = flow.add(note.options(delay=6000), 4)
            last = flow.add(note.options(after_failure="run"), {"how": flow.outcome(first)})
        assert first.ref.cancel()
        assert last.ref.status() == "completed"


async def test_coroutines_have_graphs_too() -> None:
    with inline():
        async with async_queue.workflow("sums") as flow:
            summed = flow.add(total, [flow.add(double, 1)])
        assert await summed.ref == Total(2)


def test_captured_tasks_stay_pending() -> None:
    with captured() as tasks:
        with queue.workflow("sums") as flow:
            flow.add(total, flow.map(double, [1, 2]))
        tasks.assert_enqueued(double, times=2)
        tasks.assert_enqueued(total, args=[[{"$result": "double"}, {"$result": "double-2"}]])
        assert flow.ref.status() == "running"
        with pytest.raises(LapinqError, match="lapinq_database"):
            flow.ref.retry()


def test_what_a_server_refuses_is_refused() -> None:
    with captured() as tasks:
        refused = pytest.raises(RequestRefused, match=r"tasks\[0\].debounce")
        with refused, queue.workflow("sums") as flow:
            flow.add(double.options(debounce={"key": "k", "delay": 5}), 1)
        assert len(tasks) == 0


def test_no_later_call_replaces_a_task_of_a_workflow() -> None:
    with captured() as tasks:
        with queue.workflow("sums") as flow:
            flow.add(double.options(unique={"key": "k"}), flow.add(double, 1))
        assert not double.options(unique={"key": "k", "on_conflict": "replace"}).queue(2).replaced
        assert not double.options(debounce={"key": "k", "delay": 5}).queue(2).replaced
        assert len(tasks) == 2


def test_a_graph_may_have_more_tasks_than_may_be_enqueued_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_IN_A_ROW", 3)
    with inline():
        with queue.workflow("fan") as flow:
            flow.add(total, flow.map(double, range(10)))
        assert flow.ref.status() == "completed"


def test_the_end_of_a_deep_graph_can_be_waited_for() -> None:
    """Each layer of two comes after both of the layer before, so there are more ways to the top than can be walked."""
    with inline():
        with queue.workflow("deep") as flow:
            layer = [flow.add(note.options(delay=60), 0)]
            for _ in range(600):
                layer = [flow.add(note.options(after=layer), number) for number in (1, 2)]
        assert log == []
        assert layer[1].ref.result() == 2
        assert len(log) == 1201
