"""How long a function takes, as measured."""

import pytest

from lapinq_worker.running.run_time import RunTime


def test_a_function_not_yet_measured_takes_for_ever() -> None:
    assert RunTime().seconds == float("inf")


def test_the_first_measurement_counts_alone() -> None:
    run_time = RunTime()
    run_time.measured(0.001)
    assert run_time.seconds == 0.001


def test_a_slow_run_counts_at_once() -> None:
    run_time = RunTime()
    for _ in range(100):
        run_time.measured(0.0001)
    run_time.measured(3.0)
    assert run_time.seconds == 3.0


def test_quick_runs_bring_it_down_slowly() -> None:
    run_time = RunTime()
    run_time.measured(1.0)
    run_time.measured(0.001)
    assert run_time.seconds > 0.5
    for _ in range(100):
        run_time.measured(0.001)
    assert run_time.seconds == pytest.approx(0.001, rel=0.01)
