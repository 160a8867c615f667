"""How one attempt at a task can end, as told by whoever saw it end."""

import msgspec


class Completed(msgspec.Struct, frozen=True, tag=True):
    """The function returned; `result` is its value as JSON text."""

    result: str


class Raised(msgspec.Struct, frozen=True, tag=True):
    """The function raised, or could not be found or called. A retry may help."""

    error: str
    traceback: str | None = None


class RetryAsked(msgspec.Struct, frozen=True, tag=True):
    """The function raised `RetryError`: run it again after `countdown` seconds if a retry is left."""

    countdown: float
    error: str
    traceback: str | None = None


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The function raised what its decorator says no retry helps against."""

    error: str
    traceback: str | None = None


class Snoozed(msgspec.Struct, frozen=True, tag=True):
    """The function raised `Snooze`: run it again after `seconds`, as if this attempt had not been."""

    seconds: float


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The function raised `Cancel`, or a person had the attempt stopped."""

    reason: str


class Unstorable(msgspec.Struct, frozen=True, tag=True):
    """The function returned something that can't be kept. Running it again would only repeat its effects."""

    error: str


class TimedOut(msgspec.Struct, frozen=True, tag=True):
    """The attempt was stopped at its time limit of `limit` seconds."""

    limit: float


class Died(msgspec.Struct, frozen=True, tag=True):
    """The process that ran the code ended in the middle of it; `reason` says how."""

    reason: str


class WorkerLost(msgspec.Struct, frozen=True, tag=True):
    """The worker stopped sending its heartbeat; nobody knows how far the code got.

    `is_suspect`: the task may well have been the reason, for few others were lost with it, or it is not the first
    worker to be lost with this task.
    """

    worker: str
    is_suspect: bool = False


class Interrupted(msgspec.Struct, frozen=True, tag=True):
    """The worker was told to stop and the attempt did not end within the grace time."""


class Unstarted(msgspec.Struct, frozen=True, tag=True):
    """The worker hands the task back without having called its function."""


class Committed(msgspec.Struct, frozen=True, tag=True):
    """The function ended its attempt itself, in a transaction of its own (`current_task().transaction()`)."""


Outcome = (
    Completed
    | Raised
    | RetryAsked
    | Refused
    | Snoozed
    | Cancelled
    | Unstorable
    | TimedOut
    | Died
    | WorkerLost
    | Interrupted
    | Unstarted
    | Committed
)
