"""The delay before a failed task runs again."""

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS

MAX_BACKOFF_SECONDS = 600.0
JITTER = 0.2
MAX_RETRIES = 100


class FixedDelay(msgspec.Struct, frozen=True):
    """The same delay before each retry: `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        _check_seconds("seconds", self.seconds)


class Backoff(msgspec.Struct, frozen=True):
    """A delay of `first` seconds that grows by `factor` with each retry, up to `cap` seconds.

    Each delay is randomised by a share of `jitter` in both directions, so tasks that failed together do not retry
    together.
    """

    first: float = 10.0
    factor: float = 2.0
    cap: float = MAX_BACKOFF_SECONDS
    jitter: float = JITTER

    def __post_init__(self) -> None:
        _check_seconds("first", self.first)
        _check_seconds("cap", self.cap)
        if not _is_number(self.factor) or not 1 <= self.factor <= 100:
            raise InvalidValue("factor", "must be a number between 1 and 100")
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            raise InvalidValue("jitter", "must be a number between 0 and 1")


class Delays(msgspec.Struct, frozen=True):
    """A list of delays in seconds, one per retry; the last one repeats."""

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds:
            raise InvalidValue("seconds", "must hold at least one number")
        for index, wait in enumerate(self.seconds):
            _check_seconds(f"seconds[{index}]", wait)


RetrySchedule = FixedDelay | Backoff | Delays


class RetryPolicy(msgspec.Struct, frozen=True):
    """A task's retry options: how many, how many seconds between them, and whether the delay doubles.

    A `schedule` from the function's decorator replaces the last two; it may also say that a reached time limit is not
    retried.
    """

    max_retries: int = 3
    retry_delay: float = 10.0
    retry_backoff: bool = True
    schedule: RetrySchedule | None = None
    retries_time_limit: bool = True


def may_retry(policy: RetryPolicy, attempt: int) -> bool:
    """Whether a retry is left after attempt number `attempt` (the first is 1)."""
    return attempt <= policy.max_retries


def retry_wait(policy: RetryPolicy, attempt: int, rand: float) -> float:
    """The delay in seconds after failed attempt number `attempt`; `rand` is in [0, 1).

    Without a schedule: with backoff the delay doubles each time, varies by 20 % either way, and never exceeds 10
    minutes; without backoff it is exactly the delay.
    """
    match policy.schedule:
        case None if policy.retry_backoff:
            return _grown(policy.retry_delay, 2.0, MAX_BACKOFF_SECONDS, JITTER, attempt, rand)
        case None:
            return policy.retry_delay
        case FixedDelay(seconds=seconds):
            return seconds
        case Backoff(first=first, factor=factor, cap=cap, jitter=jitter):
            return _grown(first, factor, cap, jitter, attempt, rand)
        case Delays(seconds=waits):
            return waits[min(attempt, len(waits)) - 1]
        case _:
            assert_never(policy.schedule)


def planned_waits(policy: RetryPolicy) -> tuple[float, float] | None:
    """The first and the last delay in seconds, without their random share; None if nothing is retried."""
    if not policy.max_retries:
        return None
    return retry_wait(policy, 1, 0.5), retry_wait(policy, policy.max_retries, 0.5)


def planned_delays(schedule: RetrySchedule) -> list[float]:
    """The delays in seconds before the retries, without their random share; the last one repeats."""
    policy = RetryPolicy(schedule=schedule)
    delays = [retry_wait(policy, attempt, 0.5) for attempt in range(1, MAX_RETRIES + 1)]
    while len(delays) > 1 and delays[-1] == delays[-2]:
        delays.pop()
    return delays


def as_schedule(given: RetrySchedule | Sequence[float]) -> RetrySchedule:
    """A list of seconds as `Delays`. Raises `InvalidValue`, and TypeError if it is not a list."""
    if isinstance(given, FixedDelay | Backoff | Delays):
        return given
    return Delays(tuple(given))


def _grown(first: float, factor: float, cap: float, jitter: float, attempt: int, rand: float) -> float:
    grown = min(first * factor ** min(attempt - 1, 64), MAX_SECONDS)
    return min(grown * (1 - jitter + 2 * jitter * rand), cap)


def _check_seconds(loc: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= MAX_SECONDS:
        raise InvalidValue(loc, f"must be a number of seconds between 0 and {MAX_SECONDS} (ten years)")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
