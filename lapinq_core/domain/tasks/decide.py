"""The one place where the outcome of an attempt becomes the task's next state.

The worker, the rescuer and the test kit call `decide`. Transitions without an attempt (cancel, expire, requeue,
promote) are single guarded statements in `lapinq_core.tasks`.
"""

from enum import IntEnum
from typing import assert_never

import msgspec

from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Died,
    Interrupted,
    OfOtherVersion,
    Outcome,
    Raised,
    RetryAsked,
    Snoozed,
    Suspended,
    Throttled,
    TimedOut,
    Unretryable,
    Unstarted,
    Unstorable,
    WorkerLost,
)
from lapinq_core.domain.tasks.retry import RetryPolicy, may_retry, retry_wait

SUSPENDED = "suspended: "
"""How the reason of an attempt begins that ended as its task waits."""
SUSPENDED_SECONDS = 200_000_000_000.0
"""When the task is due until the database finds out when its waits are over (`lapinq_until_woken`)."""
OTHER_VERSION_SECONDS = 30.0


class Isolation(IntEnum):
    """Whether the next attempt must run alone. Stored with the task, and only ever raised."""

    NONE = 0
    SUSPECTED = 1
    """It was lost with its worker and many other tasks. It runs anywhere, but is isolated after the next loss."""
    ISOLATED = 2
    """It may have crashed its process or worker: it runs alone, in a fresh child process.

    Compare with >=: earlier releases also stored 3.
    """


class Complete(msgspec.Struct, frozen=True):
    """Final: keep the result."""

    result: str


class Fail(msgspec.Struct, frozen=True):
    """Final: keep the reason."""

    error: str
    traceback: str | None = None


class Retry(msgspec.Struct, frozen=True):
    """Not final: keep the reason with this attempt and run again after `delay` seconds."""

    delay: float
    error: str
    traceback: str | None = None
    isolation: Isolation = Isolation.NONE


class Closing(msgspec.Struct, frozen=True):
    """A named limit closes. `otherwise` follows if there is no such limit."""

    limit: str
    otherwise: Fail | Retry


class Release(msgspec.Struct, frozen=True):
    """Not final: the task is pending again after `delay` seconds, and this attempt uses up no start.

    If it closes a limit for these seconds, a task that takes from that keeps its place until the limit opens.
    """

    error: str | None = None
    delay: float = 0.0
    closing: Closing | None = None


class Drop(msgspec.Struct, frozen=True):
    """Final: the task is cancelled; keep the reason."""

    reason: str


class Nothing(msgspec.Struct, frozen=True):
    """The end is stored already."""


Next = Complete | Fail | Retry | Release | Drop | Nothing


def decide(policy: RetryPolicy, attempt: int, outcome: Outcome, rand: float) -> Next:
    """What follows attempt number `attempt` (the first is 1) that ended in `outcome`; `rand` is in [0, 1)."""
    match outcome:
        case Completed(result=result):
            return Complete(result)
        case Raised(error=error, traceback=traceback):
            return _failed(policy, attempt, retry_wait(policy, attempt, rand), error, traceback)
        case RetryAsked(countdown=countdown, error=error, traceback=traceback):
            return _failed(policy, attempt, countdown, error, traceback)
        case Unretryable(error=error, traceback=traceback):
            return Fail(error, traceback)
        case Snoozed(seconds=seconds):
            return Release(f"snoozed for {seconds:g} s", seconds)
        case Suspended(waits=waits):
            return Release(SUSPENDED + waits, SUSPENDED_SECONDS)
        case OfOtherVersion(reason=reason):
            return Release(reason, OTHER_VERSION_SECONDS * (0.5 + rand))
        case Throttled(limit=limit, seconds=seconds):
            missing = f"RateLimited: there is no limit with the name {limit!r}"
            otherwise = _failed(policy, attempt, retry_wait(policy, attempt, rand), missing)
            return Release(f"limit {limit} closed for {seconds:g} s", seconds, Closing(limit, otherwise))
        case Cancelled(reason=reason):
            return Drop(reason)
        case Unstorable(error=error):
            return Fail(error)
        case TimedOut(limit=limit):
            error = f"time limit of {limit:g} s reached"
            if not policy.retries_time_limit:
                return Fail(error)
            return _failed(policy, attempt, retry_wait(policy, attempt, rand), error)
        case Died(reason=reason):
            delay = retry_wait(policy, attempt, rand)
            return _failed(policy, attempt, delay, reason, isolation=Isolation.ISOLATED)
        case WorkerLost(worker=worker, is_suspect=is_suspect):
            # The task itself did nothing wrong: it goes on at once, but the start is spent (PROMISES P4). The name is
            # quoted, so that errors of all lost workers are of one kind.
            error = f"worker '{worker}' was lost while it ran this task"
            isolation = Isolation.ISOLATED if is_suspect else Isolation.SUSPECTED
            return _failed(policy, attempt, 0.0, error, isolation=isolation)
        case Interrupted():
            # max_retries 0 means at most one start, ever: giving the start back would allow a second one.
            if policy.max_retries == 0:
                return Fail(
                    "the worker was stopped before the task finished, and it may not be started twice"
                )
            return Release("the worker was stopped before the task finished")
        case Unstarted():
            return Release()
        case Committed():
            return Nothing()
        case _:
            assert_never(outcome)


def _failed(
    policy: RetryPolicy,
    attempt: int,
    delay: float,
    error: str,
    traceback: str | None = None,
    *,
    isolation: Isolation = Isolation.NONE,
) -> Fail | Retry:
    if may_retry(policy, attempt):
        return Retry(delay, error, traceback, isolation)
    return Fail(error, traceback)
