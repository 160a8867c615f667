"""The history of a task on a time axis."""

import pytest

from lapinq_api.dashboard.parts.task_page.gantt import Gantt, gantt_of, ticks_of
from lapinq_api.dashboard.parts.task_page.timeline import steps_of
from lapinq_core.domain.tasks.state import Status
from tests.support.rows.task_details import after, attempt, task

Drawn = list[list[tuple[str, float, float | None]]]


def drawn(gantt: Gantt) -> Drawn:
    """The pieces of each lane, in seconds."""
    return [[(piece.kind, piece.begin, piece.end) for piece in lane.pieces] for lane in gantt.lanes]


def test_each_attempt_has_a_lane_that_begins_with_its_wait() -> None:
    attempts = [attempt(2, 14, 20, "completed"), attempt(1, 1, 4, "failed", run_seconds=2.5)]
    gantt = gantt_of(steps_of(task(status=Status.COMPLETED, attempts=2), attempts))
    assert drawn(gantt) == [
        [("waited", 0, 1), ("failed", 1, 4)],
        [("waited", 4, 14), ("completed", 14, 20)],
    ]
    assert [(lane.waited, lane.ran) for lane in gantt.lanes] == [(1, 2.5), (10, 6)]
    assert [lane.address for lane in gantt.lanes] == ["2026-01-31T12:00:01Z", "2026-01-31T12:00:14Z"]
    last = gantt.lanes[1].pieces[1]
    assert (last.x, last.width) == (70, 30)
    assert (gantt.seconds, gantt.is_open) == (20, False)
    assert [tick.seconds for tick in gantt.ticks] == [0, 5, 10, 15, 20]
    assert [tick.x for tick in gantt.ticks] == [0, 25, 50, 75, 100]


def test_what_continues_has_no_end_and_half_of_the_axis() -> None:
    gantt = gantt_of(steps_of(task(status=Status.RUNNING, attempts=1), [attempt(1, 3, None, "running")]))
    assert drawn(gantt) == [[("waited", 0, 3), ("running", 3, None)]]
    assert [(piece.x, piece.width) for piece in gantt.lanes[0].pieces] == [(0, 50), (50, 50)]
    assert gantt.is_open
    waits = gantt_of(steps_of(task(), []))
    assert drawn(waits) == [[("waits", 0, None)]]
    assert waits.lanes[0].pieces[0].width == 100
    assert waits.lanes[0].address is None
    failed = gantt_of(steps_of(task(attempts=1), [attempt(1, 1, 2, "failed")]))
    assert drawn(failed) == [[("waited", 0, 1), ("failed", 1, 2)], [("waits", 2, None)]]
    cancelled = gantt_of(steps_of(task(status=Status.CANCELLED), [attempt(0, None, 5, "cancelled")]))
    assert drawn(cancelled) == [[("waited", 0, 5)]]
    assert cancelled.lanes[0].attempt is not None


def test_what_waits_for_its_time_tells_when_it_is_due() -> None:
    for waiting, attempts in (
        (task(due_at=after(60)), []),
        (task(due_at=after(60), attempts=1), [attempt(1, 1, 2, "failed")]),
    ):
        assert gantt_of(steps_of(waiting, attempts)).lanes[-1].due == after(60)
    for other in (task(), task(due_at=after(60), is_suspended=True)):
        assert gantt_of(steps_of(other, [])).lanes[-1].due is None


def test_a_requeue_stands_before_the_lane_that_follows_it() -> None:
    before = attempt(1, 1, 2, "failed", requeued_at=after(60), requeued_by="anna")
    attempts = [attempt(1, 61, 62, "completed"), before]
    gantt = gantt_of(steps_of(task(status=Status.COMPLETED, attempts=1), attempts))
    first, second = gantt.lanes
    assert first.requeued is None
    assert second.requeued is not None
    assert (second.requeued.by, second.requeued.at, second.waited) == ("anna", after(60), 1)


def test_the_axis_of_a_cut_history_begins_with_what_is_known() -> None:
    attempts = [attempt(2, 9000, 9001, "failed")]
    gantt = gantt_of(steps_of(task(status=Status.FAILED), attempts, is_cut=True), is_cut=True)
    assert drawn(gantt) == [[("failed", 0, 1)]]


@pytest.mark.parametrize(
    ("known", "ticks"),
    [
        (0, [0]),
        (0.004, [0, 0.001, 0.002, 0.003, 0.004]),
        (7, [0, 2, 4, 6]),
        (80, [0, 30, 60]),
        (3600, [0, 900, 1800, 2700, 3600]),
        (300_000, [0, 86_400, 172_800, 259_200]),
        (1e10, [n * 864e6 for n in range(12)]),
    ],
)
def test_marks_are_round_times(known: float, ticks: list[float]) -> None:
    assert [tick.seconds for tick in ticks_of(known, max(known, 1))] == pytest.approx(ticks)
