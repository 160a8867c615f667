"""How many tasks a worker prefetches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_worker.claiming.prefetch import MAX_CLAIM, MAX_CLAIM_BYTES, MAX_PREFETCH, Prefetch


def measured(rate: float, round_trip: float, claims: int = 50) -> Prefetch:
    """A prefetch after `claims` claims, a second apart, while `rate` tasks a second end."""
    prefetch = Prefetch()
    for n in range(claims):
        prefetch.claimed(float(n), round_trip, int(rate * n), 100, 1)
    return prefetch


@pytest.mark.parametrize(
    ("rate", "round_trip", "claims", "value"),
    [
        (1000, 0.01, 50, pytest.approx(20, abs=1)),  # as many tasks as end during two round trips
        (10, 0.01, 50, 0),  # slow tasks
        (1e6, 0.1, 50, MAX_PREFETCH),
        (1000, 0.01, 0, 0),  # nothing was measured
        (1000, 0.01, 1, 0),  # one claim gives no rate
    ],
)
def test_it_is_what_is_used_up_during_two_round_trips_within_bounds(
    rate: float, round_trip: float, claims: int, value: int
) -> None:
    assert measured(rate, round_trip, claims).value == value


def test_idle_time_does_not_lower_the_rate_but_slow_tasks_and_a_stall_do() -> None:
    prefetch = measured(1000, 0.01)
    before = prefetch.value
    prefetch.idled()
    prefetch.claimed(10_000.0, 0.01, 49_010, 100, 1)
    assert prefetch.value == before
    for n in range(30):
        prefetch.claimed(10_001.0 + n, 0.01, 49_010 + n, 100, 1)
    assert prefetch.value == 0
    stalled = measured(1000, 0.01)
    stalled.stalled()
    assert stalled.value == 0


def test_two_claims_at_the_same_instant_give_no_rate() -> None:
    prefetch = Prefetch()
    prefetch.claimed(1.0, 0.01, 0, 0, 0)
    prefetch.claimed(1.0, 0.01, 50, 0, 0)
    assert prefetch.value == 0


@pytest.mark.parametrize(
    ("size", "wanted", "bounded"),
    [(MAX_CLAIM_BYTES // 8, 1000, 8), (MAX_CLAIM_BYTES // 8, 3, 3), (2 * MAX_CLAIM_BYTES, 5, 1)],
)
def test_large_tasks_are_claimed_few_at_a_time_but_even_the_largest_one_is(
    size: int, wanted: int, bounded: int
) -> None:
    prefetch = Prefetch()
    prefetch.claimed(0.0, 0.01, 0, 10 * size, 10)
    for n in range(50):
        prefetch.claimed(float(n), 0.01, 0, 0, 0)  # empty claims say nothing about sizes
    assert prefetch.bounded(wanted) == bounded


def test_a_claim_too_large_for_the_database_is_followed_by_smaller_ones() -> None:
    prefetch = Prefetch()
    asked = [prefetch.bounded(10_000)]
    while asked[-1] > 1:
        prefetch.failed()
        asked.append(prefetch.bounded(10_000))
    assert asked[0] == MAX_CLAIM
    assert len(asked) < 15
    prefetch.failed()
    assert prefetch.bounded(10_000) == 1
    for n in range(15):
        prefetch.claimed(float(n), 0.01, 0, 100, 1)
    assert prefetch.bounded(10_000) == MAX_CLAIM


SECONDS = st.just(0.0) | st.floats(1e-9, 10)
MEASURED = st.tuples(
    SECONDS, st.floats(0, 10), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 1000)
)


@given(st.lists(MEASURED))
def test_it_stays_within_its_bounds_whatever_is_measured(
    measurements: list[tuple[float, float, int, int, int]],
) -> None:
    prefetch, now, ended = Prefetch(), 0.0, 0
    for seconds, round_trip, more, payload, tasks in measurements:
        now, ended = now + seconds, ended + more
        prefetch.claimed(now, round_trip, ended, payload, tasks)
        assert 0 <= prefetch.value <= MAX_PREFETCH
        assert 1 <= prefetch.bounded(1000) <= 1000
