"""What follows from beats: whether the lease is current, and whether others may be judged, and by which time."""

import pytest

from lapinq_worker.liveness.lease_trust import LeaseTrust
from lapinq_worker.running.clocks import NEVER, Moment

INTERVAL, LEASE = 5.0, 30.0
TRAVEL = 0.01  # of a beat and its answer together
BEGAN = 1_800_000_000.0  # what the database's clock showed when this machine's showed 0
HOUR = 3600.0


class Machine:
    """A worker's machine, whose clocks show `seconds`, and the database, whose clock is `ahead` of them by so much."""

    def __init__(self, registered: float = 0.0) -> None:
        self.ahead = BEGAN
        self.slept = 0.0
        self.trust = LeaseTrust(INTERVAL, LEASE, self.at(registered))

    def at(self, seconds: float) -> Moment:
        return Moment(seconds - self.slept, seconds)

    def beat(self, sent: float, answered: float | None = None) -> bool:
        answered = sent + TRAVEL if answered is None else answered
        return self.trust.confirm(self.at(sent), self.at(answered), self.ahead + sent)

    def beat_on(self, since: float, until: float) -> None:
        while since <= until:
            assert not self.beat(since)
            since += INTERVAL

    def is_current(self, now: float) -> bool:
        return self.trust.is_current(now)

    def may_judge(self, now: float) -> bool:
        return self.trust.may_judge(self.at(now))


def beaten(until: float) -> Machine:
    """Registered at 0, with a good beat every `INTERVAL` up to `until`."""
    machine = Machine()
    machine.beat_on(INTERVAL, until)
    return machine


def test_the_lease_is_current_from_the_registration_on() -> None:
    machine = Machine(100.0)
    assert machine.is_current(100.0)
    assert machine.is_current(129.9)
    assert not machine.is_current(130.0)


def test_the_lease_counts_from_when_the_beat_was_sent() -> None:
    machine = Machine()
    machine.beat(sent=10.0, answered=39.0)
    assert machine.is_current(39.9)
    assert not machine.is_current(40.0)


def test_a_worker_that_was_never_registered_has_no_lease() -> None:
    trust = LeaseTrust(INTERVAL, LEASE, NEVER)
    assert not trust.is_current(0.0)
    assert not trust.may_judge(Moment(0.0, 0.0))


@pytest.mark.parametrize(
    ("beaten_until", "now", "may"),
    [(25.0, 29.0, False), (30.0, 31.0, True), (60.0, 71.0, False)],
    ids=["in the first lease", "after a whole lease of good beats", "after a pause of this machine"],
)
def test_others_may_be_judged_in_the_calm_alone(beaten_until: float, now: float, may: bool) -> None:
    assert beaten(beaten_until).may_judge(now) is may


def test_a_gap_starts_the_quiet_period_anew() -> None:
    machine = beaten(60.0)
    machine.beat(71.0)
    assert machine.is_current(72.0)
    assert not machine.may_judge(72.0)
    machine.beat_on(76.0, 101.0)
    assert not machine.may_judge(101.0)
    machine.beat_on(106.0, 106.0)
    assert machine.may_judge(106.0)


def test_one_missed_beat_is_no_gap() -> None:
    machine = beaten(60.0)
    machine.beat(70.0)
    assert machine.may_judge(70.5)


def test_a_slow_answer_starts_the_quiet_period_anew() -> None:
    machine = beaten(60.0)
    assert not machine.beat(65.0, 70.1)
    assert not machine.may_judge(71.0)
    machine.beat_on(70.2, 100.2)
    assert machine.may_judge(100.2)


@pytest.mark.parametrize("jump", [INTERVAL + 0.1, -INTERVAL - 0.1, HOUR, -HOUR])
def test_a_jump_of_the_databases_clock_starts_the_quiet_period_anew(jump: float) -> None:
    machine = beaten(60.0)
    machine.ahead += jump
    assert machine.beat(65.0)
    assert machine.is_current(66.0)
    assert not machine.may_judge(66.0)
    machine.beat_on(70.0, 95.0)
    assert not machine.may_judge(95.0)
    machine.beat_on(100.0, 100.0)
    assert machine.may_judge(100.0)


def test_until_a_jump_is_noticed_the_time_before_it_is_expected() -> None:
    machine = beaten(60.0)
    machine.ahead += HOUR
    assert machine.trust.judging_time(machine.at(64.0)) == pytest.approx(BEGAN + 64.0, abs=2 * TRAVEL)
    machine.beat(65.0)
    assert machine.trust.judging_time(machine.at(66.0)) is None
    machine.beat_on(70.0, 100.0)
    expected = machine.trust.judging_time(machine.at(101.0))
    assert expected == pytest.approx(BEGAN + HOUR + 101.0, abs=2 * TRAVEL)


def test_what_is_expected_is_never_more_than_the_database_shows() -> None:
    machine = beaten(60.0)
    machine.beat(65.0, 69.0)  # which says only that the database's time was from within these four seconds
    expected = machine.trust.judging_time(machine.at(70.0))
    assert expected is not None
    assert BEGAN + 65.0 < expected <= BEGAN + 70.0


def test_clocks_that_drift_apart_slowly_have_not_jumped() -> None:
    machine = Machine()
    for n in range(1000):
        machine.ahead += 0.1  # twenty milliseconds a second
        assert not machine.beat(n * INTERVAL)
    assert machine.may_judge(999 * INTERVAL + 1)


def test_the_lease_runs_out_while_the_machine_is_suspended() -> None:
    machine = beaten(60.0)
    machine.slept = 120.0
    assert not machine.is_current(62.0 + 120.0)
    assert not machine.may_judge(62.0 + 120.0)


def test_where_the_clock_stood_still_the_answer_of_the_next_beat_ends_the_calm() -> None:
    # As in a virtual machine that its host had stopped: no clock of it tells.
    machine = beaten(60.0)
    machine.ahead += HOUR
    assert machine.may_judge(62.0)
    assert machine.trust.judging_time(machine.at(62.0)) == pytest.approx(BEGAN + 62.0, abs=2 * TRAVEL)
    assert machine.beat(63.0)
    assert not machine.may_judge(63.0)


def test_what_was_claimed_before_a_jump_forward_gets_as_much_longer() -> None:
    machine = beaten(60.0)
    assert machine.trust.jump is None
    machine.ahead += HOUR
    machine.beat(65.0)
    jump = machine.trust.jump
    assert jump is not None
    # Later than the last claim before it, earlier than the first one after it.
    assert BEGAN + 65.0 <= jump.at <= BEGAN + HOUR + 60.0
    assert jump.seconds == pytest.approx(HOUR, abs=2 * TRAVEL)
    machine.beat_on(70.0, 80.0)
    assert machine.trust.jump == jump


def test_so_it_does_when_the_machine_was_suspended_for_its_time_limit_stood_still() -> None:
    machine = beaten(60.0)
    machine.slept = HOUR
    machine.beat(65.0 + HOUR)
    assert machine.trust.jump is not None
    assert machine.trust.jump.seconds == pytest.approx(HOUR, abs=2 * TRAVEL)


def test_jumps_add_up_and_back_again_leaves_nothing() -> None:
    machine = beaten(60.0)
    for place, ahead in enumerate((HOUR, 3 * HOUR, HOUR / 2, 0.0, -HOUR)):
        machine.ahead = BEGAN + ahead
        assert machine.beat(65.0 + place * INTERVAL)
        assert machine.trust.jump is not None
        assert machine.trust.jump.seconds == pytest.approx(max(ahead, 0.0), abs=0.1)


def test_after_beats_were_lost_a_short_jump_is_told_from_the_time_that_passed() -> None:
    machine = beaten(60.0)
    machine.ahead += 10.0
    assert machine.beat(90.0)
    assert machine.trust.jump is not None
    assert machine.trust.jump.at >= BEGAN + 90.0 - TRAVEL  # the jump may have come just before this beat
    assert machine.trust.jump.seconds == pytest.approx(10.0, abs=2 * TRAVEL)


def test_a_clock_that_goes_back_puts_nothing_off_until_it_goes_forward_again() -> None:
    machine = beaten(60.0)
    machine.ahead -= HOUR
    assert machine.beat(65.0)
    assert machine.trust.jump is None
    machine.ahead += 2 * HOUR
    assert machine.beat(70.0)
    # What was claimed before the first jump, an hour ahead of the second, would else be an hour overdue.
    assert machine.trust.jump is not None
    assert machine.trust.jump.at > BEGAN + 60.0
    assert machine.trust.jump.seconds == pytest.approx(2 * HOUR, abs=2 * TRAVEL)
