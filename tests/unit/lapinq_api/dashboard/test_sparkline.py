"""Figures over time as the paths of a small line."""

import pytest

from lapinq_api.dashboard.page.sparkline import sparkline


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([0.0, 10.0], "M0 22.5L100 1.5"),
        ([5.0, None, 10.0], "M0 12h.01M100 1.5h.01"),
        ([1.0, 2.0, None, 4.0, 4.0], "M0 17.25L25 12M75 1.5L100 1.5"),
        ([0.0, 0.0], "M0 22.5L100 22.5"),
        ([7.0], "M0 1.5h.01"),
    ],
)
def test_the_line_goes_through_the_points_and_stops_at_gaps(points: list[float | None], line: str) -> None:
    found = sparkline(points)
    assert found is not None
    assert found.line == line


def test_one_peak_flattens_nothing() -> None:
    found = sparkline([1.0] * 29 + [1000.0])
    assert found is not None
    assert found.line.startswith("M0 1.5L")
    assert found.line.endswith("L100 1.5")
    assert found.high == 1000.0


def test_its_words_have_the_extremes_and_the_last_figure() -> None:
    found = sparkline([3.0, None, 1.0, 2.0, None])
    assert found is not None
    assert (found.low, found.high, found.last) == (1.0, 3.0, 2.0)


@pytest.mark.parametrize("points", [[], [None, None]])
def test_without_figures_there_is_no_line(points: list[float | None]) -> None:
    assert sparkline(points) is None
