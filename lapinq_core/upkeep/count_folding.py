"""Folds the deltas of the counts, so that there are about as many rows as queues, however fast deltas come.

A turn looks at the table piece by piece, from beginning to end, and folds what each piece holds of a queue. What is
folded goes to the end of the table; the row of an idle queue is not written again. The first look walks over the dead
rows that an old snapshot keeps, so the next turn waits `REST_FACTOR` times as long as that took, up to a minute.
Each other look starts where the one before ended.
"""

import time
from typing import NamedTuple

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.runtime.loops import MAX_REST_SECONDS, REST_FACTOR
from lapinq_core.upkeep.rescuing import BOTTOM, SEARCH_SETTINGS

sql = sql_of(__name__)

FOLD_INTERVAL_SECONDS = 5.0
TURN_SECONDS = 1.0
"""After this time a turn ends. The next one follows immediately, and continues where it ended."""
LOOK_LIMIT = 50_000
"""Maximum number of rows that one look folds. If more queues change between two turns, some keep several rows."""
FOLDING_SECONDS = 1e-5
"""What it takes to fold a row, at most: if a look took longer, it walked over dead rows."""


class Folded(NamedTuple):
    """How many rows a look saw and how many it folded, and the place of the last one in the table."""

    looked: int
    folded: int
    last: str | None


class CountFolding:
    """The folding of one process. `turn` is for a `Loop`."""

    def __init__(self) -> None:
        self._mark = BOTTOM
        self._rest = 0.0

    async def turn(self, conn: PooledConnection) -> float:
        """Folds all there is, or what it can in a second. Returns the pause before the next turn."""
        ends_at = time.monotonic() + TURN_SECONDS
        while True:
            began = time.monotonic()
            found = await fold_counts(conn, self._mark)
            ended = time.monotonic()
            if self._mark == BOTTOM:
                walked = ended - began - FOLDING_SECONDS * found.folded
                self._rest = min(REST_FACTOR * walked, MAX_REST_SECONDS)
            if found.last is None or found.looked < LOOK_LIMIT:
                self._mark = BOTTOM
                return max(FOLD_INTERVAL_SECONDS, self._rest)
            self._mark = found.last
            if ended >= ends_at:
                return 0.0


async def fold_counts(conn: PooledConnection, since: str = BOTTOM) -> Folded:
    """Folds the deltas among the first rows behind the place `since` in the table, if there are many."""
    params = {"since": since, "limit": LOOK_LIMIT}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        row = await one_row(conn, sql("fold_counts"), params, prepare=True)
    return Folded(*row)
