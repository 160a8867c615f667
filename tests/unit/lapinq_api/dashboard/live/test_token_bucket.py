"""A burst passes at once, and what follows in time."""

from lapinq_api.dashboard.live.token_bucket import TokenBucket


def test_after_a_burst_one_passes_each_time() -> None:
    now = 100.0
    bucket = TokenBucket(3, 2.0, lambda: now)
    assert [bucket.delay() for _ in range(5)] == [0, 0, 0, 2, 4]
    now = 104.0
    assert bucket.delay() == 2
    now = 1000.0
    assert [bucket.delay() for _ in range(4)] == [0, 0, 0, 2]
