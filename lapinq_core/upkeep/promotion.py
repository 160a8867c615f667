"""Promotes delayed tasks punctually, however many rows of promoted ones somebody's old snapshot keeps.

Each look starts at the mark, where the last one ended. What lies before it (a task whose transaction committed late)
is found by a look from the bottom, which walks all dead rows and so rests `REST_FACTOR` times as long as it took, up to
a minute. While there are few, nearly every look begins there.
"""

import math
import time

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import PooledConnection
from lapinq_core.runtime.loops import MAX_REST_SECONDS, REST_FACTOR
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep import maintenance_jobs

TIMER_MARGIN_SECONDS = 0.001
"""A timer that fires a moment early would find nothing, and wait for the floor."""


class Promotion:
    """The looks of one process. `turn` is for a `Loop`."""

    def __init__(self, notifier: Notifier, timer: DueTimer) -> None:
        self._notifier = notifier
        self._timer = timer
        self._mark: maintenance_jobs.DueMark | None = None
        self._bottom_at = 0.0  # by time.monotonic

    async def turn(self, conn: PooledConnection) -> float | None:
        """One look. The next one follows immediately if there may be more."""
        began = time.monotonic()
        mark = self._mark if began < self._bottom_at else None
        try:
            promoted = await maintenance_jobs.promote(conn, mark=mark)
        finally:
            if mark is None:
                ended = time.monotonic()
                self._bottom_at = ended + min(REST_FACTOR * (ended - began), MAX_REST_SECONDS)
        self._mark = promoted.mark
        if promoted.queues:
            self._notifier.wake(promoted.queues, math.ceil(promoted.moved / len(promoted.queues)))
        if promoted.next_due is not None:
            self._timer.fire_in(promoted.next_due + TIMER_MARGIN_SECONDS)
        return 0.0 if promoted.is_full else None
