"""What a worker may conclude from its own heartbeats. Clocks are arguments.

- **Its own lease** is current while less than a lease has passed since the last confirmed heartbeat was sent.
- **Judging others.** Only after a whole lease in which all heartbeats came through on time may this process declare
  others dead. So an outage, or a pause of this machine, is not taken for the death of everybody else.
- **Clock jumps.** Others are judged by the database's clock, which may jump. Each heartbeat is answered with the
  database's time. If that has not advanced as this process's clock has, one of the two jumped or stood still, and the
  waiting time before judging starts again. By its end every living worker has sent a heartbeat under the new time. A
  jump after the last heartbeat is not noticed yet. So the judge sends the time it expects the database to have, and a
  worker is late only by both.
- **Deadlines.** The deadline of an attempt is the database's time at the claim plus what the attempt may take. After a
  jump forward it has passed although nothing was slow. So the worker's next heartbeat puts off the deadlines of what it
  claimed before. After a jump back deadlines come late. They are only the last resort against a worker that does not
  end its own attempts, so that is left as it is.
"""

import math
from typing import NamedTuple

from lapinq_core.fleet.workers import Jump
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.clocks import Moment


class _Answer(NamedTuple):
    """A confirmed heartbeat. `database` is the database's time at some point in between, in seconds since 1970."""

    sent: Moment
    answered: Moment
    database: float


class LeaseTrust:
    """`interval` between heartbeats and `lease` are in seconds. Registering counts as a heartbeat.

    The heartbeat's thread calls `confirm`. `jump` says which deadlines to put off, and by how much.
    """

    def __init__(self, interval: float, lease: float, registered: Moment) -> None:
        self._interval = interval
        self._lease = lease
        self._sent = registered
        self._steady_since = registered.elapsed
        self._last: _Answer | None = None
        self.jump: Jump | None = None

    def confirm(self, sent: Moment, answered: Moment, database: float) -> bool:
        """The heartbeat sent at `sent` was answered with the database's time. Returns whether a clock jumped."""
        is_late = sent.elapsed - self._sent.elapsed > 2 * self._interval
        is_slow = answered.elapsed - sent.elapsed > self._interval
        last, answer = self._last, _Answer(sent, answered, database)
        jumped = 0.0 if last is None else _jump_between(last, answer)
        has_jumped = abs(jumped) > self._interval
        if last is not None and has_jumped:
            self.jump = _added(self.jump, last, answer, jumped)
        if is_late or is_slow or has_jumped:
            self._steady_since = answered.elapsed
        self._sent = sent
        self._last = answer
        return has_jumped

    @any_thread
    def is_current(self, elapsed: float) -> bool:
        """Whether the lease still holds, as far as this process knows."""
        return elapsed - self._sent.elapsed < self._lease

    @any_thread
    def may_judge(self, now: Moment) -> bool:
        """Whether this process may declare others dead."""
        return (
            now.elapsed - self._sent.elapsed < 2 * self._interval
            and now.elapsed - self._steady_since >= self._lease
        )

    @any_thread
    def judging_time(self, now: Moment) -> float | None:
        """The least time that the database must have by now, for judging others; None while that is not allowed."""
        # In this order: a heartbeat in another thread forbids judging before it changes the expected time.
        last = self._last
        expected = -math.inf if last is None else last.database + now.awake - last.answered.awake
        return expected if self.may_judge(now) else None


def _jump_between(last: _Answer, answer: _Answer) -> float:
    """How far the database's clock got ahead of this process's clock; 0 if the round trip may explain it."""
    advanced = answer.database - last.database
    least = answer.sent.awake - last.answered.awake
    most = answer.answered.awake - last.sent.awake
    return max(advanced - most, 0.0) + min(advanced - least, 0.0)


def _added(before: Jump | None, last: _Answer, answer: _Answer, jumped: float) -> Jump | None:
    """The jump since `last` added to those `before` it; a jump back is subtracted."""
    seconds = max(0.0, jumped if before is None else before.seconds + jumped)
    if jumped > 0.0:
        # Later than all claims before the jump by the time of then, earlier than all after it by the time of now.
        return Jump(max(last.database + jumped, answer.database - jumped), seconds)
    return before and Jump(before.at, seconds)
