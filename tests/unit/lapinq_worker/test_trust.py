"""What follows from beats: whether the lease is current, and whether others may be judged."""

from lapinq_worker.trust import Trust

INTERVAL, LEASE = 5.0, 30.0


def beaten(until: float) -> Trust:
    """Registered at 0, with a good beat every `INTERVAL` up to `until`."""
    trust = Trust(INTERVAL, LEASE, 0.0)
    beat_on(trust, INTERVAL, until)
    return trust


def beat_on(trust: Trust, since: float, until: float) -> None:
    while since <= until:
        trust.beat(since, since + 0.01)
        since += INTERVAL


def test_the_lease_is_current_from_the_registration_on() -> None:
    trust = Trust(INTERVAL, LEASE, 100.0)
    assert trust.is_current(100.0)
    assert trust.is_current(129.9)
    assert not trust.is_current(130.0)


def test_the_lease_counts_from_when_the_beat_was_sent() -> None:
    trust = Trust(INTERVAL, LEASE, 0.0)
    trust.beat(sent=10.0, answered=39.0)
    assert trust.is_current(39.9)
    assert not trust.is_current(40.0)


def test_a_worker_that_was_never_registered_has_no_lease() -> None:
    trust = Trust(INTERVAL, LEASE, float("-inf"))
    assert not trust.is_current(0.0)
    assert not trust.is_calm(0.0)


def test_nobody_is_judged_in_the_first_lease() -> None:
    assert not beaten(25.0).is_calm(29.0)


def test_after_a_whole_lease_of_good_beats_others_may_be_judged() -> None:
    assert beaten(30.0).is_calm(31.0)


def test_a_pause_of_this_machine_ends_the_calm_before_the_next_beat() -> None:
    assert not beaten(60.0).is_calm(71.0)


def test_a_gap_starts_the_quiet_period_anew() -> None:
    trust = beaten(60.0)
    trust.beat(71.0, 71.01)
    assert trust.is_current(72.0)
    assert not trust.is_calm(72.0)
    beat_on(trust, 76.0, 101.0)
    assert not trust.is_calm(101.0)
    beat_on(trust, 106.0, 106.0)
    assert trust.is_calm(106.0)


def test_one_missed_beat_is_no_gap() -> None:
    trust = beaten(60.0)
    trust.beat(70.0, 70.01)
    assert trust.is_calm(70.5)


def test_a_slow_answer_starts_the_quiet_period_anew() -> None:
    trust = beaten(60.0)
    trust.beat(65.0, 70.1)
    assert not trust.is_calm(71.0)
    beat_on(trust, 70.2, 100.2)
    assert trust.is_calm(100.2)
