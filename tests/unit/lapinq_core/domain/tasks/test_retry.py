"""How long a failed task waits, as properties."""

import math
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.retry import (
    JITTER,
    MAX_BACKOFF_SECONDS,
    Backoff,
    Delays,
    FixedDelay,
    RetryPolicy,
    as_schedule,
    may_retry,
    planned_delays,
    planned_waits,
    retry_wait,
)
from lapinq_core.domain.tasks.task import MAX_RETRIES

delays = st.just(0.0) | st.floats(1e-9, MAX_SECONDS)
attempts = st.integers(1, MAX_RETRIES + 1)
rands = st.floats(0, 1, exclude_max=True)
backoffs = st.builds(Backoff, delays, st.floats(1, 100), delays, st.floats(0, 1))
schedules = (
    backoffs | st.builds(FixedDelay, delays) | st.builds(Delays, st.lists(delays, min_size=1).map(tuple))
)


@given(delays, attempts, rands)
def test_without_backoff_and_with_a_fixed_delay_the_wait_is_the_delay_exactly(
    delay: float, attempt: int, rand: float
) -> None:
    assert retry_wait(RetryPolicy(3, delay, retry_backoff=False), attempt, rand) == delay
    assert retry_wait(RetryPolicy(schedule=FixedDelay(delay)), attempt, rand) == delay


@given(delays, attempts, rands)
def test_with_backoff_the_wait_stays_within_the_spread_and_ten_minutes(
    delay: float, attempt: int, rand: float
) -> None:
    wait = retry_wait(RetryPolicy(3, delay), attempt, rand)
    doubled = delay * 2.0 ** (attempt - 1)
    lowest, highest = (min(doubled * factor, MAX_BACKOFF_SECONDS) for factor in (1 - JITTER, 1 + JITTER))
    assert lowest <= wait <= highest * (1 + 1e-12)
    assert wait <= MAX_BACKOFF_SECONDS == 600
    assert wait == retry_wait(RetryPolicy(schedule=Backoff(delay)), attempt, rand), "what Backoff() says"


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


@given(schedules, st.integers(1, 10_000), rands)
def test_a_schedule_waits_a_finite_number_whatever_the_task_says(
    schedule: FixedDelay | Backoff | Delays, attempt: int, rand: float
) -> None:
    waits = {retry_wait(RetryPolicy(3, delay, False, schedule), attempt, rand) for delay in (0.0, 77.0)}
    (wait,) = waits
    assert 0 <= wait <= MAX_SECONDS


@given(st.lists(delays, min_size=1, max_size=9), attempts, rands)
def test_of_several_delays_the_last_holds_for_all_that_follow(
    waits: list[float], attempt: int, rand: float
) -> None:
    wait = retry_wait(RetryPolicy(schedule=as_schedule(waits)), attempt, rand)
    assert wait == (waits[attempt - 1] if attempt <= len(waits) else waits[-1])


@given(backoffs, attempts, rands)
def test_a_backoff_stays_within_its_jitter_and_its_cap(schedule: Backoff, attempt: int, rand: float) -> None:
    wait = retry_wait(RetryPolicy(schedule=schedule), attempt, rand)
    grown = min(schedule.first * schedule.factor ** min(attempt - 1, 64), MAX_SECONDS)
    low, high = grown * (1 - schedule.jitter), grown * (1 + schedule.jitter)
    assert min(low, schedule.cap) * (1 - 1e-9) <= wait <= min(high * (1 + 1e-9), schedule.cap)


def test_a_delay_that_is_stored_already_is_taken_as_it_is() -> None:
    # Another program's INSERT need not keep our bounds, and the end of an attempt must be written all the same.
    assert retry_wait(RetryPolicy(3, 1e12), 3, 0.5) == MAX_BACKOFF_SECONDS
    assert retry_wait(RetryPolicy(3, -5.0), 1, 0.5) < 0


def test_a_schedule_stays_as_it_is_and_a_list_becomes_one() -> None:
    for schedule in (FixedDelay(1), Backoff(), Delays((1, 2))):
        assert as_schedule(schedule) is schedule
    assert as_schedule([1, 2.5]) == as_schedule((1, 2.5)) == Delays((1, 2.5))


@pytest.mark.parametrize(
    ("make", "loc"),
    [
        (lambda: FixedDelay(-1), "seconds"),
        (lambda: FixedDelay(math.nan), "seconds"),
        (lambda: FixedDelay(math.inf), "seconds"),
        (lambda: FixedDelay(True), "seconds"),
        (lambda: FixedDelay(MAX_SECONDS + 1), "seconds"),
        (lambda: Backoff(-1), "first"),
        (lambda: Backoff(cap=-1), "cap"),
        (lambda: Backoff(factor=0.9), "factor"),
        (lambda: Backoff(factor=math.nan), "factor"),
        (lambda: Backoff(jitter=1.1), "jitter"),
        (lambda: Backoff(jitter=-0.1), "jitter"),
        (lambda: Backoff(factor=cast("Any", "x")), "factor"),
        (lambda: Backoff(factor=True), "factor"),
        (lambda: Backoff(factor=cast("Any", None)), "factor"),
        (lambda: Backoff(jitter=cast("Any", "x")), "jitter"),
        (lambda: Backoff(jitter=True), "jitter"),
        (lambda: Delays(()), "seconds"),
        (lambda: as_schedule([]), "seconds"),
        (lambda: as_schedule([1, -2]), "seconds[1]"),
        (lambda: as_schedule("12"), "seconds[0]"),  # pyright: ignore[reportArgumentType]  # that is the test
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_the_name_of_its_part(make: Any, loc: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        make()
    assert caught.value.loc == loc


def test_what_is_no_list_is_no_schedule() -> None:
    with pytest.raises(TypeError):
        as_schedule(5)  # pyright: ignore[reportArgumentType]  # that is the test


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (RetryPolicy(0), None),
        (RetryPolicy(1), (10, 10)),
        (RetryPolicy(3), (10, 40)),
        (RetryPolicy(20), (10, MAX_BACKOFF_SECONDS)),
        (RetryPolicy(3, 3600), (MAX_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS)),
        (RetryPolicy(3, 3600, retry_backoff=False), (3600, 3600)),
        (RetryPolicy(4, schedule=Delays((1, 5, 60))), (1, 60)),
    ],
)
def test_the_planned_waits_are_those_without_chance(
    policy: RetryPolicy, waits: tuple[float, float] | None
) -> None:
    assert planned_waits(policy) == (waits and pytest.approx(waits))


@given(schedules, attempts)
def test_the_planned_delays_are_those_of_all_retries(
    schedule: Backoff | FixedDelay | Delays, attempt: int
) -> None:
    planned = planned_delays(schedule)
    policy = RetryPolicy(schedule=schedule)
    assert planned[min(attempt, len(planned)) - 1] == retry_wait(policy, min(attempt, MAX_RETRIES), 0.5)
    assert planned_delays(Delays(tuple(planned))) == planned
