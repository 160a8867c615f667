from tests.bench.run.figures import is_won, ratios, summed_up
from tests.unit.bench.reports import DRAIN, LATENCY, readings


def test_a_ratio_is_the_median_of_the_ratios_of_the_runs_not_the_ratio_of_the_medians() -> None:
    figures = summed_up([*readings(DRAIN, "lapinq", 100, 400, 300), *readings(DRAIN, "other", 200, 200, 100)])
    (ratio,) = ratios(figures)
    assert ratio.values == [0.5, 2, 3]
    assert (ratio.median, ratio.lowest, ratio.highest) == (2, 0.5, 3)


def test_only_runs_that_both_have_are_compared() -> None:
    figures = summed_up([*readings(DRAIN, "lapinq", 100, 400), *readings(DRAIN, "other", 200)])
    assert ratios(figures)[0].values == [0.5]


def test_what_only_one_has_makes_no_ratio() -> None:
    figures = summed_up([*readings(DRAIN, "lapinq", 100), *readings(LATENCY, "other", 2)])
    assert ratios(figures) == []


def test_who_wins_depends_on_the_metric() -> None:
    figures = summed_up(
        [
            *readings(DRAIN, "lapinq", 100),
            *readings(DRAIN, "other", 200),
            *readings(LATENCY, "lapinq", 1),
            *readings(LATENCY, "other", 2),
        ]
    )
    assert [is_won(one) for one in ratios(figures)] == [False, True]
