"""How one attempt can end, as reported by the process that saw it end."""

import msgspec


class Completed(msgspec.Struct, frozen=True, tag=True, gc=False):
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


class Unretryable(msgspec.Struct, frozen=True, tag=True):
    """The function raised an exception that its decorator does not let it retry."""

    error: str
    traceback: str | None = None


class Snoozed(msgspec.Struct, frozen=True, tag=True):
    """The function raised `Snooze`: run it again after `seconds`, without counting this attempt."""

    seconds: float


class Suspended(msgspec.Struct, frozen=True, tag=True):
    """A durable task waits, for what `waits` says: it runs again when that has come, without counting this attempt."""

    waits: str


class OfOtherVersion(msgspec.Struct, frozen=True, tag=True):
    """The task has steps of another version of the function than this worker has, as `reason` says."""

    reason: str


class Throttled(msgspec.Struct, frozen=True, tag=True):
    """The function raised `RateLimited`: close the limit for `seconds`, and run it again when that opens, without
    counting this attempt."""

    limit: str
    seconds: float


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The function raised `Cancel`, or a user had the attempt stopped."""

    reason: str


class Unstorable(msgspec.Struct, frozen=True, tag=True):
    """The function returned a value that cannot be stored. A retry would only repeat its effects."""

    error: str


class TimedOut(msgspec.Struct, frozen=True, tag=True):
    """The attempt was stopped at its time limit of `limit` seconds."""

    limit: float


class Died(msgspec.Struct, frozen=True, tag=True):
    """The process that ran the code died; `reason` says how."""

    reason: str


class WorkerLost(msgspec.Struct, frozen=True, tag=True):
    """The worker stopped sending heartbeats; nobody knows how far the code got.

    `is_suspect`: the task may have been the cause, because few others were lost with it, or because it has lost a
    worker before.
    """

    worker: str
    is_suspect: bool = False


class Interrupted(msgspec.Struct, frozen=True, tag=True):
    """The worker shut down and the attempt did not end within the grace period."""


class Unstarted(msgspec.Struct, frozen=True, tag=True):
    """The worker releases the task without having called its function."""


class Committed(msgspec.Struct, frozen=True, tag=True):
    """The function ended its attempt in its own transaction (`current_task().transaction()`)."""


Outcome = (
    Completed
    | Raised
    | RetryAsked
    | Unretryable
    | Snoozed
    | Suspended
    | OfOtherVersion
    | Throttled
    | Cancelled
    | Unstorable
    | TimedOut
    | Died
    | WorkerLost
    | Interrupted
    | Unstarted
    | Committed
)
