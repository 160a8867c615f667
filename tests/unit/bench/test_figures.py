from tests.bench.run.bars import BARS
from tests.bench.run.figures import ON_DEFAULTS, Metric, Reading, is_won, ratios, summed_up
from tests.unit.bench.reports import DRAIN, LATENCY, readings


def test_a_ratio_is_the_median_of_the_ratios_of_the_runs_that_both_have() -> None:
    ours = readings(DRAIN, "lapinq", 100, 400, 300, 900)
    figures = summed_up([*ours, *readings(DRAIN, "other", 200, 200, 100), *readings(LATENCY, "other", 2)])
    (ratio,) = ratios(figures)
    assert ratio.values == [0.5, 2, 3]
    assert (ratio.median, ratio.lowest, ratio.highest) == (2, 0.5, 3)


def test_who_wins_depends_on_the_metric() -> None:
    drains = [*readings(DRAIN, "lapinq", 100), *readings(DRAIN, "other", 200)]
    latencies = [*readings(LATENCY, "lapinq", 1), *readings(LATENCY, "other", 2)]
    assert [is_won(one) for one in ratios(summed_up([*drains, *latencies]))] == [False, True]


def outcomes(*given: list[Reading]) -> dict[str, tuple[float, bool] | None]:
    figures = summed_up([one for some in given for one in some])
    found = {f"{bar.text} {bar.bound}": (bar, bar.measured(figures)) for bar in BARS}
    return {text: ratio and (ratio.median, bar.is_reached(ratio)) for text, (bar, ratio) in found.items()}


def test_a_bar_is_reached_at_its_bound_in_the_median_of_the_runs() -> None:
    found = outcomes(
        readings(DRAIN, "lapinq", 130, 100, 200),
        readings(DRAIN, "graphile-worker 500", 100, 100, 100),
        readings(DRAIN, "graphile-worker 2000", 140, 140, 140),
        readings(LATENCY, "lapinq", 2.0),
        readings(LATENCY, "graphile-worker 500", 2.0),
    )
    assert len(found) == len(BARS)
    assert found["drain, one process / graphile-worker 500 1.3"] == (1.3, True)
    assert found["drain, one process / graphile-worker 2000 1.1"] == (0.9286, False)
    assert found["start latency, p50 / graphile-worker 500 0.8"] == (1.0, False)  # less is better


def test_a_bar_takes_the_better_figure_of_a_peer_that_also_ran_on_defaults() -> None:
    peer = "graphile-worker 500"
    found = outcomes(
        readings(DRAIN, "lapinq", 130),
        readings(DRAIN, peer, 100),
        readings(DRAIN, peer + ON_DEFAULTS, 130),
        readings(LATENCY, "lapinq", 2.0),
        readings(LATENCY, peer, 4.0),
        readings(LATENCY, peer + ON_DEFAULTS, 8.0),
    )
    assert found["drain, one process / graphile-worker 500 1.3"] == (1.0, False)
    assert found["start latency, p50 / graphile-worker 500 0.8"] == (0.5, True)


def test_a_bar_may_compare_lapinq_with_itself_and_needs_both_figures() -> None:
    failures = readings(Metric("drain of failures", "tasks/s", "more"), "lapinq", 60)
    name = "drain of failures / drain, one process 0.5"
    assert outcomes(failures, readings(DRAIN, "lapinq", 100))[name] == (0.6, True)
    assert outcomes(failures)[name] is None
