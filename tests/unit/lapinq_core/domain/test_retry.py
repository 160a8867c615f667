"""How long a failed task waits, as properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.retry import JITTER, MAX_BACKOFF_SECONDS, RetryPolicy, may_retry, retry_wait
from lapinq_core.domain.task import MAX_RETRIES, MAX_SECONDS

delays = st.just(0.0) | st.floats(1e-9, MAX_SECONDS)
attempts = st.integers(1, MAX_RETRIES + 1)
rands = st.floats(0, 1, exclude_max=True)


@given(delays, attempts, rands)
def test_without_backoff_the_wait_is_the_delay_exactly(delay: float, attempt: int, rand: float) -> None:
    assert retry_wait(RetryPolicy(3, delay, retry_backoff=False), attempt, rand) == delay


@given(delays, attempts, rands)
def test_with_backoff_the_wait_stays_within_the_spread_and_ten_minutes(
    delay: float, attempt: int, rand: float
) -> None:
    wait = retry_wait(RetryPolicy(3, delay), attempt, rand)
    doubled = delay * 2.0 ** (attempt - 1)
    lowest, highest = (min(doubled * factor, MAX_BACKOFF_SECONDS) for factor in (1 - JITTER, 1 + JITTER))
    assert lowest <= wait <= highest * (1 + 1e-12)
    assert wait <= MAX_BACKOFF_SECONDS == 600


@given(st.floats(0.001, 5), st.integers(1, 6), rands)
def test_each_wait_is_twice_the_one_before(delay: float, attempt: int, rand: float) -> None:
    policy = RetryPolicy(10, delay)
    earlier, later = retry_wait(policy, attempt, rand), retry_wait(policy, attempt + 1, rand)
    assert later == min(2 * earlier, MAX_BACKOFF_SECONDS)


@given(delays, attempts, rands, rands)
def test_a_greater_draw_never_waits_shorter(delay: float, attempt: int, one: float, other: float) -> None:
    policy = RetryPolicy(3, delay)
    low, high = sorted((one, other))
    assert retry_wait(policy, attempt, low) <= retry_wait(policy, attempt, high)


@given(delays, st.booleans(), st.integers(1, 10_000), rands)
def test_the_wait_is_always_a_finite_number(delay: float, backoff: bool, attempt: int, rand: float) -> None:
    wait = retry_wait(RetryPolicy(3, delay, backoff), attempt, rand)
    assert math.isfinite(wait)
    assert wait >= 0


def test_the_middle_draw_is_the_delay_itself() -> None:
    assert [retry_wait(RetryPolicy(), attempt, 0.5) for attempt in (1, 2, 3, 4)] == [10, 20, 40, 80]


@pytest.mark.parametrize("max_retries", [0, 1, 3, MAX_RETRIES])
def test_as_many_retries_as_asked_for_means_one_execution_more(max_retries: int) -> None:
    policy = RetryPolicy(max_retries)
    executions = 1
    while may_retry(policy, executions):
        executions += 1
    assert executions == max_retries + 1
