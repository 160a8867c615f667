"""A burst passes at once, and what follows in time."""

from lapinq_api.dashboard.live.pace import Pace


def test_after_a_burst_one_passes_each_time() -> None:
    now = 100.0
    pace = Pace(3, 2.0, lambda: now)
    assert [pace.delay() for _ in range(5)] == [0, 0, 0, 2, 4]
    now = 104.0
    assert pace.delay() == 2
    now = 1000.0
    assert [pace.delay() for _ in range(4)] == [0, 0, 0, 2]
