"""Counting for the metrics: by the batch as one by one, and in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.monitoring.tallies import OTHER, Bounded, Histogram, Histograms

BOUNDS = (0.01, 0.1, 1.0)


def test_a_value_at_a_bound_is_counted_there() -> None:
    histogram = Histogram(BOUNDS)
    for value in (0.0, 0.01, 0.05, 1.0, 1.5):
        histogram.observe(value)
    assert histogram.read() == ([(0.01, 2), (0.1, 3), (1.0, 4), (float("inf"), 5)], pytest.approx(2.56))


@given(st.lists(st.floats(0, 2) | st.sampled_from(BOUNDS), max_size=100))
def test_many_at_once_count_as_one_by_one(values: list[float]) -> None:
    at_once, one_by_one = Histogram(BOUNDS), Histogram(BOUNDS)
    at_once.observe_all(values)
    for value in values:
        one_by_one.observe(value)
    assert at_once.read()[0] == one_by_one.read()[0]
    assert at_once.read()[1] == pytest.approx(one_by_one.read()[1])


def test_of_ten_thousand_names_the_first_are_told_apart() -> None:
    names: Bounded[str] = Bounded(200, OTHER)
    told = [names[f"queue {n}"] for n in range(10_000)]
    assert told[:200] == [f"queue {n}" for n in range(200)]
    assert set(told[200:]) == {OTHER}
    assert names["queue 7"] == "queue 7"
    assert len(names) == 200


def test_a_histogram_is_made_when_it_is_asked_for() -> None:
    histograms: Histograms[str] = Histograms(BOUNDS)
    histograms["a"].observe(0.5)
    histograms["a"].observe(0.5)
    assert histograms["a"].read()[0][-1] == (float("inf"), 2)
    assert list(histograms) == ["a"]
