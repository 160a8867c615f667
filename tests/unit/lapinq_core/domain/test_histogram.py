"""Percentiles from counts by buckets, against those of the values themselves."""

import random
from bisect import bisect_left
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.histogram import BOUNDS, BUCKETS, count_into, percentiles, total_seconds

SHARES = (0.5, 0.95, 0.99)
times = st.lists(st.floats(0, 2e5) | st.floats(0, 0.1) | st.sampled_from(BOUNDS), min_size=1, max_size=200)


def counted(values: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    count_into(counts, sorted(values))
    return counts


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(1, ceil(share * len(values))) - 1]


def test_the_bounds_reach_from_a_tenth_of_a_millisecond_to_over_a_day() -> None:
    assert BOUNDS[0] == 1e-4
    assert BOUNDS[-1] >= 86_400
    ratios = [upper / lower for lower, upper in pairwise(BOUNDS)]
    assert max(ratios) == pytest.approx(min(ratios))
    assert max(ratios) ** 0.5 < 1.16  # from the middle of a bucket to its ends


@given(st.lists(st.floats(BOUNDS[0], BOUNDS[-1], exclude_min=True), max_size=200))
def test_a_total_is_within_15_percent(values: list[float]) -> None:
    assert total_seconds(counted(values)) == pytest.approx(sum(values), rel=0.16)


@given(times)
def test_many_at_once_are_counted_as_one_by_one(values: list[float]) -> None:
    one_by_one = [0] * BUCKETS
    for value in values:
        one_by_one[bisect_left(BOUNDS, value)] += 1
    assert counted(values) == one_by_one


@given(times, st.floats(0, 1))
def test_a_percentile_is_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    (found,) = percentiles(counted(values), (share,))
    assert found is not None
    place = bisect_left(BOUNDS, exact(values, share))
    assert (BOUNDS[place - 1] if place else 0.0) <= found * (1 + 1e-12)
    assert found <= BOUNDS[min(place, len(BOUNDS) - 1)] * (1 + 1e-12)


@given(times)
def test_percentiles_ascend(values: list[float]) -> None:
    found = [each for each in percentiles(counted(values)) if each is not None]
    assert len(found) == 3
    assert found == sorted(found)


@settings(deadline=None)  # a thousand values each, on a machine that may be busy
@given(st.integers(0, 2**32), st.floats(-6, 5), st.floats(0.3, 2.0))
def test_spread_times_are_met_within_15_percent(seed: int, middle: float, spread: float) -> None:
    rand = random.Random(seed)
    values = [min(max(rand.lognormvariate(middle, spread), 2e-4), 9e4) for _ in range(1000)]
    for share, found in zip(SHARES, percentiles(counted(values), SHARES), strict=True):
        # Ten of a thousand are few to tell the last of them by.
        assert found == pytest.approx(exact(values, share), rel=0.3 if share == 0.99 else 0.15)


def test_zeros_at_the_end_may_be_left_out() -> None:
    counts = counted([0.001, 0.01, 0.5])
    while not counts[-1]:
        counts.pop()
    assert percentiles(counts) == percentiles(counted([0.001, 0.01, 0.5]))


def test_of_nothing_there_is_no_percentile_and_what_is_longer_than_all_bounds_is_the_last_of_them() -> None:
    assert percentiles([]) == [None, None, None]
    assert percentiles([0] * BUCKETS, (0.5,)) == [None]
    assert percentiles(counted([1e6, 2e6])) == [BOUNDS[-1]] * 3
