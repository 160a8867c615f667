"""What a worker may conclude from its own heartbeat. Clocks are arguments.

Trust runs both ways. The lease is current as long as it is counted from when the last good beat was sent. This process
is calm once beats have come through on time, without a gap, for a whole lease: only then may it judge others, so that
an outage or a pause of this machine is not taken for the death of everybody else.

Others are judged by the database's clock, and that may jump. Each beat is answered with the database's time. When it
has not advanced as the clock of this process has, one of the two jumped or stood still, and the calm begins again: by
its end everybody who lives has beaten under the new time. A jump between the last beat and a judgement is not noticed
yet. So the judge brings along the time that it expects the database to have, and nobody is late by only one of the two.

The deadline of a running attempt is the database's time at its claim plus what it may take. After a jump forward it is
past although nothing was slow, so what this worker claimed before gets as much longer: the worker says so with its next
beat. After a jump back a deadline comes late. It is only the last resort against a worker that does not end its own
attempts, so that is left as it is.
"""

import math
from typing import NamedTuple

from lapinq_core.fleet.workers import Jump
from lapinq_worker.running.clocks import Moment


class _Answer(NamedTuple):
    """A beat that was answered, with the database's time in seconds since 1970, which it had somewhere in between."""

    sent: Moment
    answered: Moment
    database: float


class Trust:
    """`interval` between beats and `lease` in seconds. That the worker was `registered` counts as a beat.

    One thread tells of the beats, any may ask. `jump` says by how much deadlines are to be put off, and which.
    """

    def __init__(self, interval: float, lease: float, registered: Moment) -> None:
        self._interval = interval
        self._lease = lease
        self._sent = registered
        self._calm_since = registered.elapsed
        self._last: _Answer | None = None
        self.jump: Jump | None = None

    def beat(self, sent: Moment, answered: Moment, database: float) -> bool:
        """A beat sent at `sent` was confirmed at `answered` with the database's time; whether a clock had jumped."""
        is_late = sent.elapsed - self._sent.elapsed > 2 * self._interval
        is_slow = answered.elapsed - sent.elapsed > self._interval
        last, answer = self._last, _Answer(sent, answered, database)
        jumped = 0.0 if last is None else _jump_between(last, answer)
        has_jumped = abs(jumped) > self._interval
        if last is not None and has_jumped:
            self.jump = _added(self.jump, last, answer, jumped)
        if is_late or is_slow or has_jumped:
            self._calm_since = answered.elapsed
        self._sent = sent
        self._last = answer
        return has_jumped

    def is_current(self, elapsed: float) -> bool:
        """Whether the lease still holds for all this process knows."""
        return elapsed - self._sent.elapsed < self._lease

    def is_calm(self, now: Moment) -> bool:
        """Whether this process may judge others."""
        return (
            now.elapsed - self._sent.elapsed < 2 * self._interval
            and now.elapsed - self._calm_since >= self._lease
        )

    def judging_time(self, now: Moment) -> float | None:
        """The time that the database should have by now, at the least, to judge others by; None while not calm."""
        # In this order: a beat in another thread ends the calm before it changes what is expected.
        last = self._last
        expected = -math.inf if last is None else last.database + now.awake - last.answered.awake
        return expected if self.is_calm(now) else None


def _jump_between(last: _Answer, answer: _Answer) -> float:
    """By how much the database's clock got ahead of this process's; 0 where the time on the way may explain it."""
    advanced = answer.database - last.database
    least = answer.sent.awake - last.answered.awake
    most = answer.answered.awake - last.sent.awake
    return max(advanced - most, 0.0) + min(advanced - least, 0.0)


def _added(before: Jump | None, last: _Answer, answer: _Answer, jumped: float) -> Jump | None:
    """The jump since `last` together with those `before` it; a jump back takes away from them."""
    seconds = max(0.0, jumped if before is None else before.seconds + jumped)
    if jumped > 0.0:
        # Later than all claims before the jump by the time of then, earlier than all after it by the time of now.
        return Jump(max(last.database + jumped, answer.database - jumped), seconds)
    return before and Jump(before.at, seconds)
