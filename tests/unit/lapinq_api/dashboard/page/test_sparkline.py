"""Figures over time as the paths of a small line."""

from lapinq_api.dashboard.page.sparkline import sparkline


def test_the_line_goes_through_the_points_and_stops_at_gaps() -> None:
    cases: list[tuple[list[float | None], str]] = [
        ([0.0, 10.0], "M0 22.5L100 1.5"),
        ([5.0, None, 10.0], "M0 12h.01M100 1.5h.01"),
        ([1.0, 2.0, None, 4.0, 4.0], "M0 17.25L25 12M75 1.5L100 1.5"),
        ([0.0, 0.0], "M0 22.5L100 22.5"),
        ([7.0], "M0 1.5h.01"),
    ]
    for points, line in cases:
        found = sparkline(points)
        assert found is not None
        assert found.line == line
    assert sparkline([]) is sparkline([None, None]) is None


def test_one_peak_flattens_nothing_and_its_words_have_the_extremes_and_the_last_figure() -> None:
    peak, words = sparkline([1.0] * 29 + [1000.0]), sparkline([3.0, None, 1.0, 2.0, None])
    assert peak is not None
    assert peak.line.startswith("M0 1.5L")
    assert peak.line.endswith("L100 1.5")
    assert peak.high == 1000.0
    assert words is not None
    assert (words.low, words.high, words.last) == (1.0, 3.0, 2.0)
