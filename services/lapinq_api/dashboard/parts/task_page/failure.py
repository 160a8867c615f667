"""How the last attempt of a task failed, if it did: what the page says first."""

from collections.abc import Sequence

import msgspec

from lapinq_api.dashboard.parts.task_page.traceback import last_frame
from lapinq_core.domain.tasks.diagnostics.traceback_text import Frame
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.task_detail import AttemptDetail, TaskDetail

MAX_ERROR = 500


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt, its error in at most `MAX_ERROR` characters, and the last frame of the user's code."""

    attempt: AttemptDetail
    error: str
    frame: Frame | None


def failure_of(task: TaskDetail, attempts: Sequence[AttemptDetail]) -> Failure | None:
    """The failure of a task that failed or waits for its retry; `attempts` come latest first."""
    if task.status not in {Status.FAILED, Status.PENDING} or not attempts:
        return None
    last = attempts[0]
    if last.outcome != Status.FAILED or last.requeued_at is not None:
        return None
    error = last.error or ""
    return Failure(
        attempt=last,
        error=error if len(error) <= MAX_ERROR else f"{error[:MAX_ERROR]}…",
        frame=last_frame(last.traceback) if last.traceback else None,
    )
