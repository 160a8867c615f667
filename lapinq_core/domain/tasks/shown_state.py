"""The states that people think in. They divide the published statuses: pending into six, running into two.

Pages show them and searches take them. `Status` is what the API publishes for a task.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from lapinq_core.domain.tasks.state import Status


class ShownState(StrEnum):
    """What a task is waiting for, doing, or how it ended."""

    READY = "ready"
    """A worker may start it now."""
    SCHEDULED = "scheduled"
    """It waits for its time and has not counted a start; a task that snoozed before its first start is one, too."""
    RETRYING = "retrying"
    """It waits for its time, after at least one start."""
    BLOCKED = "blocked"
    """It belongs to a workflow and waits for its parents, whatever its time and starts."""
    SUSPENDED = "suspended"
    """A durable task that waits: for a signal, for another task, or until its sleep is over."""
    PAUSED = "paused"
    """It would be ready, but its queue is paused."""
    RUNNING = "running"
    STOPPING = "stopping"
    """It runs, and was asked to stop."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


STATUS_OF: dict[ShownState, Status] = {
    **dict.fromkeys(
        (
            ShownState.READY,
            ShownState.SCHEDULED,
            ShownState.RETRYING,
            ShownState.BLOCKED,
            ShownState.SUSPENDED,
            ShownState.PAUSED,
        ),
        Status.PENDING,
    ),
    **dict.fromkeys((ShownState.RUNNING, ShownState.STOPPING), Status.RUNNING),
    ShownState.COMPLETED: Status.COMPLETED,
    ShownState.FAILED: Status.FAILED,
    ShownState.CANCELLED: Status.CANCELLED,
    ShownState.EXPIRED: Status.EXPIRED,
}
"""The published status of a task in each state."""

DELAYED = frozenset({ShownState.SCHEDULED, ShownState.RETRYING})
"""The states of tasks that wait for their time."""


def state_of(
    status: Status,
    *,
    is_delayed: bool,
    is_blocked: bool,
    is_suspended: bool,
    starts: int,
    is_paused: bool,
    is_stopping: bool,
) -> ShownState:
    """The state of a task.

    `is_delayed` says whether it waits for its time, `is_blocked` whether it waits for its parents, `is_suspended`
    whether its last attempt ended in a wait, `is_paused` whether its queue is paused, `is_stopping` whether the running
    attempt was asked to stop. What does not concern a task of this status is ignored.
    """
    match status:
        case Status.PENDING if is_blocked:
            return ShownState.BLOCKED
        case Status.PENDING if is_suspended:
            return ShownState.SUSPENDED
        case Status.PENDING if is_delayed:
            return ShownState.RETRYING if starts else ShownState.SCHEDULED
        case Status.PENDING:
            return ShownState.PAUSED if is_paused else ShownState.READY
        case Status.RUNNING:
            return ShownState.STOPPING if is_stopping else ShownState.RUNNING
        case _:
            return ShownState(status.value)


def states_of(status: Status) -> frozenset[ShownState]:
    """The states that tasks of `status` may be in."""
    return frozenset(state for state, its in STATUS_OF.items() if its is status)


def statuses_of(states: AbstractSet[ShownState]) -> frozenset[Status]:
    """The statuses of tasks in any of `states`."""
    return frozenset(STATUS_OF[state] for state in states)
