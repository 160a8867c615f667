"""The life of a task as steps."""

from lapinq_api.dashboard.parts.task_page.timeline import Step, steps_of
from lapinq_core.domain.tasks.state import Status
from tests.support.rows.task_details import after, attempt, task


def told(steps: list[Step]) -> list[tuple[str, float | None]]:
    return [(step.kind.value, step.seconds) for step in steps]


def test_a_task_that_waits_has_waited_since_it_was_enqueued() -> None:
    steps = steps_of(task(), [])
    assert told(steps) == [("enqueued", None), ("waits", None)]


def test_each_attempt_has_the_wait_before_it() -> None:
    attempts = [attempt(2, 14, 15, "completed"), attempt(1, 1, 4, "failed", run_seconds=2.5)]
    steps = steps_of(task(status=Status.COMPLETED, attempts=2), attempts)
    assert told(steps) == [
        ("enqueued", None), ("waited", 1), ("attempt", 2.5), ("waited", 10), ("attempt", 1),
    ]  # fmt: skip


def test_the_time_that_it_was_scheduled_for_is_no_waiting_for_a_worker() -> None:
    steps = steps_of(task(scheduled_at=after(60), status=Status.COMPLETED), [attempt(1, 62, 63, "completed")])
    assert told(steps) == [("enqueued", None), ("planned", 60), ("waited", 2), ("attempt", 1)]
    early = steps_of(task(scheduled_at=after(60), status=Status.COMPLETED), [attempt(1, 20, 21, "completed")])
    assert told(early) == [("enqueued", None), ("planned", 20), ("attempt", 1)]


def test_a_task_that_runs_has_no_end() -> None:
    steps = steps_of(task(status=Status.RUNNING, attempts=1), [attempt(1, 3, None, "running")])
    assert told(steps) == [("enqueued", None), ("waited", 3), ("attempt", None)]


def test_one_that_was_cancelled_while_it_waited_never_ran() -> None:
    steps = steps_of(task(status=Status.CANCELLED), [attempt(0, None, 5, "cancelled")])
    assert told(steps) == [("enqueued", None), ("waited", 5), ("ended", None)]


def test_what_counts_anew_after_a_failure_was_requeued_and_what_was_handed_back_was_not() -> None:
    attempts = [attempt(1, 50, 51, "running"), attempt(2, 3, 4, "failed"), attempt(1, 1, 2, "failed")]
    steps = steps_of(task(status=Status.RUNNING, attempts=1), attempts)
    assert [step.kind.value for step in steps].count("requeued") == 1
    assert [step.kind.value for step in steps][-3:] == ["requeued", "waited", "attempt"]
    waits = steps_of(task(attempts=0), attempts[1:])
    assert [step.kind.value for step in waits][-2:] == ["requeued", "waits"]
    released = steps_of(task(attempts=0), [attempt(1, 1, 2, "released")])
    assert "requeued" not in [step.kind.value for step in released]


def test_a_retry_that_waits_or_is_cancelled_before_its_start_was_not_requeued() -> None:
    failed = attempt(1, 1, 2, "failed")
    assert told(steps_of(task(attempts=1), [failed]))[-2:] == [("attempt", 1), ("waits", None)]
    cancelled = steps_of(
        task(status=Status.CANCELLED, attempts=1), [attempt(1, None, 5, "cancelled"), failed]
    )
    assert told(cancelled)[-3:] == [("attempt", 1), ("waited", 3), ("ended", None)]


def test_a_requeue_has_its_own_time_and_name_and_the_wait_begins_there() -> None:
    failed = attempt(3, 1, 2, "failed", requeued_at=after(60), requeued_by="lisa")
    steps = steps_of(task(status=Status.COMPLETED), [attempt(1, 61, 65, "completed"), failed])
    assert told(steps)[-3:] == [("requeued", None), ("waited", 1), ("attempt", 4)]
    assert (steps[-3].at, steps[-3].by) == (after(60), "lisa")
    # It was cancelled before its first start after that.
    requeue, wait = steps_of(task(attempts=0), [failed])[-2:]
    assert (requeue.at, requeue.by, wait.at) == (after(60), "lisa", after(60))


def test_the_wait_before_an_attempt_that_is_left_out_is_not_known() -> None:
    steps = steps_of(task(status=Status.FAILED), [attempt(2, 9000, 9001, "failed")], is_cut=True)
    assert told(steps) == [("enqueued", None), ("attempt", 1)]
