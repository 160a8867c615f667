from tests.bench.run.bars import BARS
from tests.bench.run.figures import Metric, Reading, summed_up
from tests.unit.bench.reports import DRAIN, LATENCY, readings


def outcomes(*given: list[Reading]) -> dict[str, tuple[float, bool] | None]:
    figures = summed_up([one for some in given for one in some])
    ratios = {f"{bar.text} {bar.bound}": (bar, bar.measured(figures)) for bar in BARS}
    return {text: ratio and (ratio.median, bar.is_reached(ratio)) for text, (bar, ratio) in ratios.items()}


def test_a_bar_is_reached_at_its_bound_in_the_median_of_the_runs() -> None:
    found = outcomes(
        readings(DRAIN, "lapinq", 130, 100, 200),
        readings(DRAIN, "graphile-worker 500", 100, 100, 100),
        readings(DRAIN, "graphile-worker 2000", 140, 140, 140),
    )
    assert found["drain, one process / graphile-worker 500 1.3"] == (1.3, True)
    assert found["drain, one process / graphile-worker 2000 1.0"] == (0.9286, False)


def test_where_less_is_better_the_bound_is_an_upper_one() -> None:
    found = outcomes(readings(LATENCY, "lapinq", 2.0), readings(LATENCY, "graphile-worker 500", 2.0))
    assert found["start latency, p50 / graphile-worker 500 0.8"] == (1.0, False)


def test_a_bar_may_compare_lapinq_with_itself_and_needs_both_figures() -> None:
    failures = Metric("drain of failures", "tasks/s", "more")
    name = "drain of failures / drain, one process 0.5"
    assert outcomes(readings(failures, "lapinq", 60), readings(DRAIN, "lapinq", 100))[name] == (0.6, True)
    assert outcomes(readings(failures, "lapinq", 60))[name] is None


def test_each_bar_says_something_else() -> None:
    assert len({one.text for one in BARS}) == len(BARS)
