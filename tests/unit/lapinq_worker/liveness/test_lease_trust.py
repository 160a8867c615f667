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

    def judging_time(self, now: float) -> float | None:
        return self.trust.judging_time(self.at(now))


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=2 * TRAVEL)


def beaten(until: float = 60.0) -> Machine:
    """Registered at 0, with a good beat every `INTERVAL` up to `until`."""
    machine = Machine()
    machine.beat_on(INTERVAL, until)
    return machine


def test_the_lease_counts_from_the_registration_and_from_when_the_last_beat_was_sent() -> None:
    machine = Machine(100.0)
    assert machine.is_current(129.9)
    assert not machine.is_current(130.0)
    machine.beat(sent=110.0, answered=139.0)
    assert machine.is_current(139.9)
    assert not machine.is_current(140.0)
    never = LeaseTrust(INTERVAL, LEASE, NEVER)
    assert not never.is_current(0.0)
    assert not never.may_judge(Moment(0.0, 0.0))


@pytest.mark.parametrize(
    ("beaten_until", "now", "may"),
    [(25.0, 29.0, False), (30.0, 31.0, True), (60.0, 71.0, False)],
    ids=["in the first lease", "after a whole lease of good beats", "after a pause of this machine"],
)
def test_others_may_be_judged_in_the_calm_alone(beaten_until: float, now: float, may: bool) -> None:
    assert beaten(beaten_until).may_judge(now) is may


def test_one_missed_beat_is_no_gap() -> None:
    machine = beaten()
    machine.beat(70.0)
    assert machine.may_judge(70.5)


@pytest.mark.parametrize(
    ("sent", "answered", "jump"),
    [
        (71.0, 71.0, 0.0),  # after a gap
        (65.0, 70.1, 0.0),  # the answer is slow
        *((65.0, 65.01, jump) for jump in (INTERVAL + 0.1, -INTERVAL - 0.1, HOUR, -HOUR)),
    ],
)
def test_what_may_have_kept_others_from_beating_starts_the_quiet_period_anew(
    sent: float, answered: float, jump: float
) -> None:
    machine = beaten()
    machine.ahead += jump
    assert machine.beat(sent, answered) is bool(jump)
    assert machine.is_current(answered + 1.0)
    assert not machine.may_judge(answered + 1.0)
    machine.beat_on(answered + INTERVAL - 0.1, answered + LEASE - 0.1)
    assert not machine.may_judge(answered + LEASE - 0.1)
    assert machine.may_judge(answered + LEASE + 0.1)


def test_until_a_jump_is_noticed_the_time_before_it_is_expected() -> None:
    machine = beaten()
    machine.ahead += HOUR
    assert machine.judging_time(64.0) == about(BEGAN + 64.0)
    machine.beat(65.0)
    assert machine.judging_time(66.0) is None
    machine.beat_on(70.0, 100.0)
    assert machine.judging_time(101.0) == about(BEGAN + HOUR + 101.0)


def test_what_is_expected_is_never_more_than_the_database_shows() -> None:
    machine = beaten()
    machine.beat(65.0, 69.0)  # which says only that the database's time was from within these four seconds
    expected = machine.judging_time(70.0)
    assert expected is not None
    assert BEGAN + 65.0 < expected <= BEGAN + 70.0


def test_clocks_that_drift_apart_slowly_have_not_jumped() -> None:
    machine = Machine()
    for n in range(1000):
        machine.ahead += 0.1  # twenty milliseconds a second
        assert not machine.beat(n * INTERVAL)
    assert machine.may_judge(999 * INTERVAL + 1)


def test_the_lease_runs_out_while_the_machine_is_suspended_and_time_limits_stand_still() -> None:
    machine = beaten()
    machine.slept = HOUR
    assert not machine.is_current(62.0 + HOUR)
    assert not machine.may_judge(62.0 + HOUR)
    machine.beat(65.0 + HOUR)
    assert machine.trust.jump is not None
    assert machine.trust.jump.seconds == about(HOUR)


def test_where_the_clock_stood_still_the_answer_of_the_next_beat_ends_the_calm() -> None:
    # As in a virtual machine that its host had stopped: no clock of it tells.
    machine = beaten()
    machine.ahead += HOUR
    assert machine.may_judge(62.0)
    assert machine.judging_time(62.0) == about(BEGAN + 62.0)
    assert machine.beat(63.0)
    assert not machine.may_judge(63.0)


def test_what_was_claimed_before_a_jump_forward_gets_as_much_longer() -> None:
    machine = beaten()
    assert machine.trust.jump is None
    machine.ahead += HOUR
    machine.beat(65.0)
    jump = machine.trust.jump
    assert jump is not None
    # Later than the last claim before it, earlier than the first one after it.
    assert BEGAN + 65.0 <= jump.at <= BEGAN + HOUR + 60.0
    assert jump.seconds == about(HOUR)
    machine.beat_on(70.0, 80.0)
    assert machine.trust.jump == jump


def test_jumps_add_up_and_back_again_leaves_nothing() -> None:
    machine = beaten()
    for place, ahead in enumerate((HOUR, 3 * HOUR, HOUR / 2, 0.0, -HOUR)):
        machine.ahead = BEGAN + ahead
        assert machine.beat(65.0 + place * INTERVAL)
        assert machine.trust.jump is not None
        assert machine.trust.jump.seconds == pytest.approx(max(ahead, 0.0), abs=0.1)


def test_after_beats_were_lost_a_short_jump_is_told_from_the_time_that_passed() -> None:
    machine = beaten()
    machine.ahead += 10.0
    assert machine.beat(90.0)
    assert machine.trust.jump is not None
    assert machine.trust.jump.at >= BEGAN + 90.0 - TRAVEL  # the jump may have come just before this beat
    assert machine.trust.jump.seconds == about(10.0)


def test_a_clock_that_goes_back_puts_nothing_off_until_it_goes_forward_again() -> None:
    machine = beaten()
    machine.ahead -= HOUR
    assert machine.beat(65.0)
    assert machine.trust.jump is None
    machine.ahead += 2 * HOUR
    assert machine.beat(70.0)
    # What was claimed before the first jump, an hour ahead of the second, would else be an hour overdue.
    assert machine.trust.jump is not None
    assert machine.trust.jump.at > BEGAN + 60.0
    assert machine.trust.jump.seconds == about(2 * HOUR)
