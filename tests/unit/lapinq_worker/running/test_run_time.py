"""How long a function takes, as measured."""

import pytest

from lapinq_worker.running.run_time import RunTime


@pytest.mark.parametrize(
    ("measured", "seconds"), [([], float("inf")), ([0.001], 0.001), ([*[0.0001] * 100, 3.0], 3.0)]
)
def test_the_first_measurement_counts_alone_and_a_slow_one_at_once(
    measured: list[float], seconds: float
) -> None:
    run_time = RunTime()
    for one in measured:
        run_time.measured(one)
    assert run_time.seconds == seconds


def test_quick_runs_bring_it_down_slowly() -> None:
    run_time = RunTime()
    run_time.measured(1.0)
    run_time.measured(0.001)
    assert run_time.seconds > 0.5
    for _ in range(100):
        run_time.measured(0.001)
    assert run_time.seconds == pytest.approx(0.001, rel=0.01)
