"""The status of a task, and every transition. `docs/state-machine.md` shows the same as a chart."""

from enum import StrEnum


class Status(StrEnum):
    """A task's status as users see it. `docs/architecture.md` says which tables hold it."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED})

TRANSITIONS: dict[Status, dict[Status, str]] = {
    Status.PENDING: {
        Status.RUNNING: "a worker claims it",
        Status.CANCELLED: "a user cancels it, or a parent in its workflow did not complete",
        Status.FAILED: "a parent in its workflow did not complete, and it is to fail then",
        Status.EXPIRED: "its time to live runs out before it starts",
    },
    Status.RUNNING: {
        Status.COMPLETED: "the function returns",
        Status.FAILED: "it fails, times out or loses its worker, and no retry is left",
        Status.PENDING: (
            "it is retried, snoozes, is suspended, is released by a worker that stops, or parked while the circuit"
            " breaker of its name is open"
        ),
        Status.CANCELLED: "a user cancels it, or it cancels itself",
    },
    Status.FAILED: {Status.PENDING: "a user requeues it, or retries its workflow"},
    Status.COMPLETED: {Status.PENDING: "its workflow is retried, and it runs after a task that failed"},
    Status.CANCELLED: {
        Status.PENDING: "its workflow is retried, and it was cancelled because of a task that failed"
    },
    Status.EXPIRED: {Status.PENDING: "its workflow is retried"},
}
"""From each status to those that may follow, with the reason for the transition."""
