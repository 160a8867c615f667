"""What follows each outcome, with retries left and without: the whole table."""

from typing import get_args

import pytest

from lapinq_core.domain.tasks.decide import (
    OTHER_VERSION_SECONDS,
    SUSPENDED_SECONDS,
    Closing,
    Complete,
    Drop,
    Fail,
    Isolation,
    Next,
    Nothing,
    Release,
    Retry,
    decide,
)
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
from lapinq_core.domain.tasks.retry import Backoff, Delays, FixedDelay, RetryPolicy

# Of two executions the first has a retry left and the second has not; of one execution none has.
TWICE = RetryPolicy(max_retries=1, retry_delay=10, retry_backoff=True)
ONCE = RetryPolicy(max_retries=0, retry_delay=10, retry_backoff=True)

LIMIT = "time limit of 2.5 s reached"
LOST = "worker 'w1' was lost while it ran this task"
STOPPED = "the worker was stopped before the task finished"
SNOOZED = Release("snoozed for 30 s", 30)
WAITS = Release("suspended: waits for x", SUSPENDED_SECONDS)
LEFT = Release("it needs version 2", OTHER_VERSION_SECONDS)
MISSING = "RateLimited: there is no limit with the name 'api'"
CRASHED = Retry(10, "killed by 9", isolation=Isolation.ISOLATED)
ISOLATED = Retry(0, LOST, isolation=Isolation.ISOLATED)
SUSPECTED = Retry(0, LOST, isolation=Isolation.SUSPECTED)


def closed(otherwise: Fail | Retry) -> Release:
    """What follows a limit that is exhausted; if there is no such limit, `otherwise`."""
    return Release("limit api closed for 30 s", 30, Closing("api", otherwise))


TABLE: list[tuple[Outcome, Next, Next, Next]] = [
    # outcome, then what follows: a retry is left; the last of two; the only one
    (Completed("1"), Complete("1"), Complete("1"), Complete("1")),
    (Raised("E: no", "tb"), Retry(10, "E: no", "tb"), Fail("E: no", "tb"), Fail("E: no", "tb")),
    (Raised("E: no"), Retry(10, "E: no"), Fail("E: no"), Fail("E: no")),
    (RetryAsked(7, "later", "tb"), Retry(7, "later", "tb"), Fail("later", "tb"), Fail("later", "tb")),
    (RetryAsked(0, "now"), Retry(0, "now"), Fail("now"), Fail("now")),
    (Unstorable("a set"), Fail("a set"), Fail("a set"), Fail("a set")),
    (TimedOut(2.5), Retry(10, LIMIT), Fail(LIMIT), Fail(LIMIT)),
    (Died("killed by 9"), CRASHED, Fail("killed by 9"), Fail("killed by 9")),
    (WorkerLost("w1"), SUSPECTED, Fail(LOST), Fail(LOST)),
    (WorkerLost("w1", is_suspect=True), ISOLATED, Fail(LOST), Fail(LOST)),
    (Unretryable("E: no", "tb"), Fail("E: no", "tb"), Fail("E: no", "tb"), Fail("E: no", "tb")),
    (Snoozed(30), SNOOZED, SNOOZED, SNOOZED),
    (Suspended("waits for x"), WAITS, WAITS, WAITS),
    (OfOtherVersion("it needs version 2"), LEFT, LEFT, LEFT),
    (Throttled("api", 30), closed(Retry(10, MISSING)), closed(Fail(MISSING)), closed(Fail(MISSING))),
    (Cancelled("by itself"), Drop("by itself"), Drop("by itself"), Drop("by itself")),
    (Committed(), Nothing(), Nothing(), Nothing()),
    (
        Interrupted(),
        Release(STOPPED),
        Release(STOPPED),
        Fail(f"{STOPPED}, and it may not be started twice"),
    ),
    (Unstarted(), Release(), Release(), Release()),
]


def name(value: object) -> str | None:
    return type(value).__name__ if isinstance(value, Outcome) else ""


@pytest.mark.parametrize(("outcome", "retry_left", "last", "only"), TABLE, ids=name)
def test_what_follows(outcome: Outcome, retry_left: Next, last: Next, only: Next) -> None:
    assert decide(TWICE, 1, outcome, rand=0.5) == retry_left
    assert decide(TWICE, 2, outcome, rand=0.5) == last
    assert decide(ONCE, 1, outcome, rand=0.5) == only


def test_the_table_has_every_outcome() -> None:
    assert {type(row[0]) for row in TABLE} == set(get_args(Outcome))


def delays(policy: RetryPolicy, *attempts: tuple[int, Outcome, float]) -> list[float]:
    following = [decide(policy, attempt, outcome, rand) for attempt, outcome, rand in attempts]
    return [retry.delay for retry in following if isinstance(retry, Retry)]


@pytest.mark.parametrize("outcome", [Raised("E"), TimedOut(1), Died("d")], ids=name)
def test_the_wait_before_a_retry_doubles_and_is_spread_unless_the_function_has_a_schedule(
    outcome: Outcome,
) -> None:
    usual = RetryPolicy(max_retries=5, retry_delay=10)
    both = [(attempt, outcome, rand) for attempt in (1, 3) for rand in (0.0, 0.5)]
    assert delays(usual, *both) == [8, 10, 32, 40]
    for schedule, expected in (
        (FixedDelay(3), [3, 3]),
        (Delays((1, 60)), [1, 60]),
        (Backoff(2, 3, jitter=0), [2, 6]),
    ):
        policy = RetryPolicy(max_retries=5, retry_delay=10, retry_backoff=True, schedule=schedule)
        assert delays(policy, (1, outcome, 0.9), (2, outcome, 0.9)) == expected


def test_neither_a_schedule_nor_chance_delays_a_lost_worker_and_a_countdown() -> None:
    for policy in (RetryPolicy(max_retries=9), RetryPolicy(max_retries=9, schedule=FixedDelay(60))):
        assert delays(policy, (1, WorkerLost("w"), 0.9), (5, RetryAsked(7, "later"), 0.9)) == [0, 7]


def test_isolation_only_rises_and_what_earlier_releases_stored_is_isolated() -> None:
    assert Isolation.NONE < Isolation.SUSPECTED < Isolation.ISOLATED < 3


def test_a_start_beyond_the_last_one_can_only_fail() -> None:
    # After a requeue that raced with a rescue, say: it must not count down below zero and go on.
    assert decide(TWICE, 7, Raised("E"), rand=0.5) == Fail("E")


def test_a_reached_time_limit_is_not_retried_where_the_function_says_so() -> None:
    policy = RetryPolicy(max_retries=9, retries_time_limit=False)
    assert decide(policy, 1, TimedOut(2.5), rand=0.5) == Fail(LIMIT)
    assert isinstance(decide(policy, 1, Raised("E"), rand=0.5), Retry)
