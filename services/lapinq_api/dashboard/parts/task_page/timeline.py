"""The history of a task as a list of steps."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from lapinq_core.domain.tasks.shown_state import DELAYED
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.task_detail import AttemptDetail, TaskDetail


class StepKind(StrEnum):
    """The kind of a step."""

    ENQUEUED = "enqueued"
    PLANNED = "planned"
    """It waited for its scheduled time."""
    WAITED = "waited"
    ATTEMPT = "attempt"
    REQUEUED = "requeued"
    ENDED = "ended"
    """It ended while waiting: cancelled or expired."""
    WAITS = "waits"
    """It waits now."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is its start. `seconds` is its duration, None if unknown or if it continues. `by` is who requeued it.

    `due` is when the task is due that waits for its time, or for its retry.
    """

    kind: StepKind
    at: datetime
    seconds: float | None = None
    attempt: AttemptDetail | None = None
    by: str | None = None
    due: datetime | None = None


def steps_of(task: TaskDetail, attempts: Sequence[AttemptDetail], *, is_cut: bool = False) -> list[Step]:
    """The steps, oldest first. `attempts` come latest first; `is_cut` if earlier ones are missing."""
    steps = [Step(kind=StepKind.ENQUEUED, at=task.created_at)]
    since: datetime | None = None if is_cut else task.created_at
    before: AttemptDetail | None = None
    for one in reversed(attempts):
        # An attempt that ended before it started carries the number of the start before it.
        if before is not None and _is_requeued(before, one.attempt + (one.started_at is None)):
            since = before.requeued_at or since
            steps.append(_requeue(before, since or task.created_at))
        until = one.started_at or one.finished_at
        if since is not None and until is not None:
            planned = task.scheduled_at if before is None else None
            steps += _waits(since, until, planned)
        kind = StepKind.ENDED if one.started_at is None else StepKind.ATTEMPT
        steps.append(Step(kind=kind, at=until or task.created_at, seconds=_run_seconds(one), attempt=one))
        since, before = one.finished_at or since, one
    if task.status is Status.PENDING:
        begin = since or task.created_at
        if before is not None and _is_requeued(before, task.attempts + 1):
            begin = before.requeued_at or begin
            steps.append(_requeue(before, begin))
        due = task.due_at if task.state in DELAYED else None
        steps.append(Step(kind=StepKind.WAITS, at=begin, due=due))
    return steps


def _waits(since: datetime, until: datetime, planned: datetime | None) -> list[Step]:
    found: list[Step] = []
    if planned is not None and planned > since:
        due = min(planned, until)
        found.append(Step(kind=StepKind.PLANNED, at=since, seconds=_between(since, due)))
        since = due
    if until > since:
        found.append(Step(kind=StepKind.WAITED, at=since, seconds=_between(since, until)))
    return found


def _requeue(before: AttemptDetail, at: datetime) -> Step:
    return Step(kind=StepKind.REQUEUED, at=at, by=before.requeued_by)


def _is_requeued(before: AttemptDetail, number: int) -> bool:
    """Whether a user requeued the task after `before`, when start `number` follows. Attempts from before the time was
    stored show it too: only a requeue resets the number after a failure."""
    if before.requeued_at is not None:
        return True
    return before.outcome == Status.FAILED and number <= before.attempt and number <= 1


def _run_seconds(one: AttemptDetail) -> float | None:
    """How long the function ran, or how long the worker had the task if that is unknown."""
    return one.run_seconds if one.run_seconds is not None else _between(one.started_at, one.finished_at)


def _between(since: datetime | None, until: datetime | None) -> float | None:
    if since is None or until is None:
        return None
    return max((until - since) / timedelta(seconds=1), 0.0)
