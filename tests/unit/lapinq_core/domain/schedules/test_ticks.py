"""What is due, what was missed, and what becomes of ticks that meet a run."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.interval import Interval
from lapinq_core.domain.schedules.ticks import (
    GRACE,
    DueTicks,
    Misfire,
    Overlap,
    TickOutcome,
    due_ticks,
    outcomes,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

ENQUEUED, HELD, SKIPPED = TickOutcome.ENQUEUED, TickOutcome.HELD, TickOutcome.SKIPPED


class Nothing(NamedTuple):
    """A series without instants: its time zone's rules have changed, say."""

    def after(self, moment: datetime) -> None:
        return None


class Counting:
    """A series that counts how often it is asked."""

    def __init__(self, seconds: int) -> None:
        self.asked = 0
        self._series = Interval(seconds, NOON)

    def after(self, moment: datetime) -> datetime:
        self.asked += 1
        return self._series.after(moment)


@pytest.mark.parametrize("misfire", Misfire)
def test_a_tick_within_the_grace_runs_whatever_the_policy(misfire: Misfire) -> None:
    for late in (timedelta(0), GRACE):
        found = due_ticks(Interval(3600, NOON), NOON + HOUR, NOON + HOUR + late, misfire, 100)
        assert found == DueTicks([NOON + HOUR], NOON + 2 * HOUR)


def test_a_series_that_has_lost_its_instants_moves_on() -> None:
    assert due_ticks(Nothing(), NOON, NOON + HOUR, Misfire.LATEST, 1) == DueTicks([], None)


@pytest.mark.parametrize("misfire", Misfire)
def test_ten_years_of_missed_seconds_are_worked_out_in_few_steps(misfire: Misfire) -> None:
    series = Counting(1)
    now = NOON + timedelta(days=3650)
    found = due_ticks(series, NOON, now, misfire, 100)
    assert found.fire[-1] == now
    assert len(found.fire) == 61 + (100 if misfire is Misfire.ALL else 0)
    assert series.asked < 8000


@settings(deadline=None)  # up to hundreds of ticks each, on a machine that may be busy
@given(
    seconds=st.integers(1, 10_000),
    behind=st.integers(0, 200_000),
    misfire=st.sampled_from(Misfire),
    limit=st.integers(1, 50),
)
def test_what_runs_is_planned_in_order_and_told_from_what_was_missed(
    seconds: int, behind: int, misfire: Misfire, limit: int
) -> None:
    series = Interval(seconds, NOON)
    first, now = NOON + timedelta(seconds=seconds), NOON + timedelta(seconds=seconds + behind)
    planned = [first + n * timedelta(seconds=seconds) for n in range(behind // seconds + 1)]
    on_time = [at for at in planned if now - at <= GRACE]
    missed = [at for at in planned if now - at > GRACE]
    found = due_ticks(series, first, now, misfire, limit)
    made_up_for = {
        Misfire.LATEST: [] if on_time else missed[-1:],
        Misfire.SKIP: [],
        Misfire.ALL: missed[-limit:],
    }[misfire]
    assert found.fire == made_up_for + on_time
    assert found.following == planned[-1] + timedelta(seconds=seconds)
    assert found.missed_from == (None if made_up_for == missed else first)
    assert found.missed_until == (None if found.fire else planned[-1])


@pytest.mark.parametrize(
    ("overlap", "is_free", "has_held", "expected"),
    [
        (Overlap.ALLOW, False, False, [ENQUEUED, ENQUEUED, ENQUEUED]),
        (Overlap.SKIP, True, False, [ENQUEUED, SKIPPED, SKIPPED]),
        (Overlap.SKIP, False, False, [SKIPPED, SKIPPED, SKIPPED]),
        (Overlap.QUEUE_ONE, True, False, [ENQUEUED, HELD, SKIPPED]),
        (Overlap.QUEUE_ONE, False, False, [HELD, SKIPPED, SKIPPED]),
        (Overlap.QUEUE_ONE, False, True, [SKIPPED, SKIPPED, SKIPPED]),
        # The one that is held goes first.
        (Overlap.QUEUE_ONE, True, True, [SKIPPED, SKIPPED, SKIPPED]),
        (Overlap.CANCEL_PREVIOUS, True, False, [SKIPPED, SKIPPED, ENQUEUED]),
        (Overlap.CANCEL_PREVIOUS, False, False, [SKIPPED, SKIPPED, HELD]),
        (Overlap.CANCEL_PREVIOUS, False, True, [SKIPPED, SKIPPED, HELD]),
        (Overlap.CANCEL_PREVIOUS, True, True, [SKIPPED, SKIPPED, HELD]),
    ],
)
def test_what_becomes_of_three_ticks(
    overlap: Overlap, is_free: bool, has_held: bool, expected: list[TickOutcome]
) -> None:
    assert outcomes(overlap, 3, is_free=is_free, has_held=has_held) == expected
    alone = expected[-1] if overlap is Overlap.CANCEL_PREVIOUS else expected[0]
    assert outcomes(overlap, 1, is_free=is_free, has_held=has_held) == [alone]
