"""The life of a task as steps."""

from lapinq_api.dashboard.parts.task_page.timeline import Step, steps_of
from lapinq_core.domain.tasks.state import Status
from tests.support.rows.task_details import after, attempt, task

ENQUEUED = ("enqueued", None)
FAILED = attempt(1, 1, 2, "failed")
DONE, RUNNING, CANCELLED = Status.COMPLETED, Status.RUNNING, Status.CANCELLED


def told(steps: list[Step]) -> list[tuple[str, float | None]]:
    return [(step.kind.value, step.seconds) for step in steps]


def test_each_wait_and_each_attempt_is_a_step() -> None:
    tried = [attempt(2, 14, 15, "completed"), attempt(1, 1, 4, "failed", run_seconds=2.5)]
    for one, attempts, steps in (
        (task(), [], [("waits", None)]),
        (
            task(status=DONE, attempts=2),
            tried,
            [("waited", 1), ("attempt", 2.5), ("waited", 10), ("attempt", 1)],
        ),
        # The time that it was scheduled for is no waiting for a worker.
        (
            task(scheduled_at=after(60), status=DONE),
            [attempt(1, 62, 63, "completed")],
            [("planned", 60), ("waited", 2), ("attempt", 1)],
        ),
        (
            task(scheduled_at=after(60), status=DONE),
            [attempt(1, 20, 21, "completed")],
            [("planned", 20), ("attempt", 1)],
        ),
        (
            task(status=RUNNING, attempts=1),
            [attempt(1, 3, None, "running")],
            [("waited", 3), ("attempt", None)],
        ),
        # One that was cancelled while it waited never ran, or not again.
        (task(status=CANCELLED), [attempt(0, None, 5, "cancelled")], [("waited", 5), ("ended", None)]),
        (
            task(status=CANCELLED, attempts=1),
            [attempt(1, None, 5, "cancelled"), FAILED],
            [("waited", 1), ("attempt", 1), ("waited", 3), ("ended", None)],
        ),
        (task(attempts=1), [FAILED], [("waited", 1), ("attempt", 1), ("waits", None)]),
    ):
        assert told(steps_of(one, attempts)) == [ENQUEUED, *steps]
    # The wait before an attempt that is left out is not known.
    cut = steps_of(task(status=Status.FAILED), [attempt(2, 9000, 9001, "failed")], is_cut=True)
    assert told(cut) == [ENQUEUED, ("attempt", 1)]


def test_what_counts_anew_after_a_failure_was_requeued_and_what_was_handed_back_was_not() -> None:
    attempts = [attempt(1, 50, 51, "running"), attempt(2, 3, 4, "failed"), FAILED]
    kinds = [step.kind.value for step in steps_of(task(status=RUNNING, attempts=1), attempts)]
    assert kinds.count("requeued") == 1
    assert kinds[-3:] == ["requeued", "waited", "attempt"]
    waits = steps_of(task(attempts=0), attempts[1:])
    assert [step.kind.value for step in waits][-2:] == ["requeued", "waits"]
    released = steps_of(task(attempts=0), [attempt(1, 1, 2, "released")])
    assert "requeued" not in [step.kind.value for step in released]


def test_a_requeue_has_its_own_time_and_name_and_the_wait_begins_there() -> None:
    failed = attempt(3, 1, 2, "failed", requeued_at=after(60), requeued_by="lisa")
    steps = steps_of(task(status=DONE), [attempt(1, 61, 65, "completed"), failed])
    assert told(steps)[-3:] == [("requeued", None), ("waited", 1), ("attempt", 4)]
    assert (steps[-3].at, steps[-3].by) == (after(60), "lisa")
    # It was cancelled before its first start after that.
    requeue, wait = steps_of(task(attempts=0), [failed])[-2:]
    assert (requeue.at, requeue.by, wait.at) == (after(60), "lisa", after(60))
