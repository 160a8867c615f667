"""Who is on duty, by what each process hears of the others."""

import pytest

from lapinq_core.upkeep import duty
from lapinq_core.upkeep.duty import ENDS, PATIENCE_SECONDS, Duty


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        self.now += 0.001  # processes start one after the other
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(duty, "time", clock)
    return clock


def say(*processes: Duty) -> None:
    """Each of those on duty says so, and all hear it, as one commit after the other."""
    for one in processes:
        if one.is_on:
            for other in processes:
                other.heard(one._id)  # pyright: ignore[reportPrivateUsage]  # what it sends


def on(*processes: Duty) -> list[bool]:
    return [one.is_on for one in processes]


@pytest.mark.usefixtures("clock")
def test_a_process_alone_is_on_duty_and_one_that_starts_later_leaves_it_to_it() -> None:
    first = Duty()
    assert first.is_on
    second = Duty()
    assert on(first, second) == [True, True]
    say(second, first)
    assert on(first, second) == [True, False]


def test_one_takes_over_after_a_silence_and_keeps_the_duty_until_an_older_one_wakes(clock: Clock) -> None:
    first, second, third = Duty(), Duty(), Duty()
    say(first, second, third)
    assert on(first, second, third) == [True, False, False]

    clock.now += min(second.starts_in, third.starts_in)  # the first is suspended
    say(second, third)
    assert on(second, third).count(True) == 1
    clock.now += PATIENCE_SECONDS[0] / 2
    say(second, third)
    clock.now += PATIENCE_SECONDS[0] / 2
    say(second, third)
    assert on(second, third).count(True) == 1

    say(first, second, third)
    assert on(first, second, third) == [True, False, False]


@pytest.mark.usefixtures("clock")
def test_others_take_over_at_once_when_the_one_on_duty_ends() -> None:
    first, second = Duty(), Duty()
    say(first, second)
    second.heard(first._id + ENDS)  # pyright: ignore[reportPrivateUsage]
    assert second.is_on


@pytest.mark.usefixtures("clock")
def test_an_empty_notice_and_its_own_mean_nothing() -> None:
    one = Duty()
    one.heard("")
    one.heard(one._id)  # pyright: ignore[reportPrivateUsage]
    assert one.is_on
