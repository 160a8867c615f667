"""The circuit breaker of a queue or a task name: when it opens and tries again, what it says about itself. Pure."""

import math
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from lapinq_core.domain.errors import InvalidValue

MAX_FAILURES = 100_000
MIN_SECONDS, MAX_SECONDS = 1.0, 86_400.0
WINDOW_SECONDS = 60.0
LEAST_ATTEMPTS = 20
RETRY_AFTER_SECONDS = 30.0


class BreakerState(StrEnum):
    """Whether its tasks start."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """None does."""
    HALF_OPEN = "half_open"
    """One may, as a probe; after a while another, if it still runs."""


class BreakerRule(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens: after this many failures in a row, or at a share of failures in a window; at least one of
    them is set. It tries a task `retry_after_seconds` later, and after each probe that fails waits twice as long, at
    most ten times as long."""

    failures_in_row: int | None = None
    failure_share: float | None = None
    window_seconds: float = WINDOW_SECONDS
    least_attempts: int = LEAST_ATTEMPTS
    retry_after_seconds: float = RETRY_AFTER_SECONDS


class Breaker(BreakerRule, frozen=True, kw_only=True):
    """A breaker and its state. `why`, `failures`, `opened_at`, `failed_task_id` and `next_try_at` are null while it is
    closed, `attempts` also if so many `failures` in a row opened it, and `probe_task_id` unless a probe runs."""

    state: BreakerState
    since: datetime
    why: str | None = None
    failures: int | None = None
    attempts: int | None = None
    opened_at: datetime | None = None
    next_try_at: datetime | None = None
    failed_task_id: str | None = None
    probe_task_id: str | None = None


def check_breaker(rule: BreakerRule, field: str = "breaker") -> None:
    """Raises `InvalidValue` that names the place in `field`; "" is a rule of its own."""
    if rule.failures_in_row is None and rule.failure_share is None:
        raise InvalidValue(field, "must have failures_in_row or failure_share")
    within = f"{field}." if field else ""
    _check_whole(f"{within}failures_in_row", rule.failures_in_row)
    share = rule.failure_share
    if share is not None and not (math.isfinite(share) and 0 < share <= 1):
        raise InvalidValue(f"{within}failure_share", "must be more than 0 and at most 1")
    _check_seconds(f"{within}window_seconds", rule.window_seconds)
    _check_whole(f"{within}least_attempts", rule.least_attempts)
    _check_seconds(f"{within}retry_after_seconds", rule.retry_after_seconds)


def why_open(failures: int, attempts: int | None, window_seconds: float) -> str:
    """Why it opened: this many failures in a row, or this many of `attempts` within the window."""
    if attempts is None:
        return f"{failures} {'failure' if failures == 1 else 'failures'} in a row"
    return f"{failures} failures in {attempts} attempts within {window_seconds:g} s"


def next_try(tries_at: datetime | None, probe: str | None) -> str:
    """When one of its tasks may start, as a sentence."""
    if tries_at is not None:
        return f"It tries one task at {tries_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
    return "It tries the next task." if probe is None else f"It is trying task {probe}."


def _check_whole(field: str, number: int | None) -> None:
    if number is not None and not 1 <= number <= MAX_FAILURES:
        raise InvalidValue(field, f"must be from 1 to {MAX_FAILURES:,}")


def _check_seconds(field: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and MIN_SECONDS <= seconds <= MAX_SECONDS):
        raise InvalidValue(field, f"must be from {MIN_SECONDS:g} to {MAX_SECONDS:,g} seconds")
