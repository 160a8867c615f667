"""Deletes what retention no longer keeps, in rounds: whole weeks, then each status, then the audit log.

A pass is one step of a round; the next one starts where it ended, after a pause of nine times as long, so that passes
take a tenth of one connection's time. A round visits every ended task older than its limit, also those of other
statuses that are kept longer, so its cost grows with their number. The pause after a round is a minute, or twenty times
the database time of the round if that is longer. So a round over millions of failed tasks that are kept forever takes
at most a twentieth of one connection's time. Any number of processes may do this: each makes its own rounds, and of two
that meet at a task one deletes it.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from lapinq_core.db.pool import PooledConnection
from lapinq_core.domain.tasks.retention import Retention
from lapinq_core.domain.tasks.state import Status
from lapinq_core.people import audit
from lapinq_core.upkeep import retention, weeks

ROUND_INTERVAL_SECONDS = 60.0
COST_FACTOR = 20.0
PASS_FACTOR = 9.0
STOPPED_SECONDS = 1.0
DROP_TRIES = 10
"""How often the drop of a counted week waits for the tables before the round goes on."""

_Place = str | None
"""Where in its part of the round a pass starts, None for the beginning; as a result, None for the end."""
_Part = Callable[[PooledConnection, _Place], Awaitable[_Place]]


class RetentionRounds:
    """The rounds of one process. `turn` is for a `Loop`."""

    def __init__(self, keep: Retention) -> None:
        self._keep = keep
        self._parts: list[_Part] = [
            *([self._drop] if keep.longest is not None else []),
            *(partial(self._delete, status, span) for status, span in keep.statuses.items()),
            *([partial(self._prune, keep.audit)] if keep.audit is not None else []),
        ]
        self._part = 0
        self._place: _Place = None
        self._size = retention.BATCH
        self._has_stopped = False
        self._round_seconds = 0.0
        self._week: weeks.WeekCount | None = None
        self._tries = 0

    async def turn(self, conn: PooledConnection) -> float:
        """One pass. Returns the pause after it: within a round, `PASS_FACTOR` times as long as the pass took."""
        self._has_stopped = False
        began = time.monotonic()
        self._place = await self._parts[self._part](conn, self._place)
        took = time.monotonic() - began
        self._round_seconds += took
        if self._has_stopped:
            return STOPPED_SECONDS
        if self._place is not None:
            return PASS_FACTOR * took
        self._part = (self._part + 1) % len(self._parts)
        if self._part:
            return PASS_FACTOR * took
        round_seconds, self._round_seconds = self._round_seconds, 0.0
        return max(ROUND_INTERVAL_SECONDS, COST_FACTOR * round_seconds)

    async def _drop(self, conn: PooledConnection, place: _Place) -> _Place:
        if self._week is None:
            found = await weeks.watch_week(conn, self._keep, place)
            if isinstance(found, weeks.Busy):
                # Don't skip the week: its tasks would be deleted one by one.
                self._has_stopped = True
                return place
            if isinstance(found, weeks.WeekCount):
                self._week, self._tries = found, 0
            return None if found is None else found.name
        name = self._week.name
        verdict = await self._week.step(conn)
        if verdict is weeks.Verdict.LOCKED:
            self._tries += 1
            self._has_stopped = True
        if verdict in {weeks.Verdict.GONE, weeks.Verdict.STAYS} or self._tries == DROP_TRIES:
            self._week = None
        return name

    async def _delete(self, status: Status, keep: int, conn: PooledConnection, place: _Place) -> _Place:
        batch = await retention.delete_ended(conn, status, keep, place, self._size)
        if batch is None:
            # Again from the same place, over fewer ids. At the beginning there is no place to remember.
            self._has_stopped = True
            self._size = max(1, self._size // 4)
            return place
        self._size = min(self._size * 2, retention.BATCH)
        return batch.last

    async def _prune(self, keep: int, conn: PooledConnection, _place: _Place) -> _Place:
        return "more" if await audit.prune(conn, keep) >= audit.PRUNE_LIMIT else None
