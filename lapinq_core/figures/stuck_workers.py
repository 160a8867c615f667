"""Workers that live and get nowhere: they miss heartbeats, or tasks that run far longer than usual hold all slots."""

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.figures import task_rollups

sql = sql_of(__name__)

BUSY_SECONDS = 600.0
"""A worker that started something within this time is not stuck."""
UNUSUAL = 3
"""How many times longer than the 95th percentile a task runs before it is taken to hang."""
UNKNOWN_SECONDS = 3600.0
"""The same, in seconds, for tasks of a name of which none ended in the last day."""
MAX_STUCK = 100


class StuckWorker(msgspec.Struct, frozen=True):
    """`silent`: it misses heartbeats, the last one came `seconds` ago. Otherwise tasks hold all its `slots`, and it has
    started none for `seconds`."""

    id: str
    name: str
    slots: int
    silent: bool
    seconds: float


async def find_stuck(conn: psycopg.AsyncConnection) -> list[StuckWorker]:
    """The one that has been stuck for longest first, at most `MAX_STUCK`."""
    params = {"busy": BUSY_SECONDS, "most": MAX_STUCK}
    rows = await all_rows(conn, sql("busy_workers"), params, prepare=True)
    newest = {(queue, task) for *_, queue, task in rows if task is not None}
    usual = await task_rollups.usual(conn, newest)
    found: list[StuckWorker] = []
    for worker_id, name, slots, silent, busy, queue, task in rows:
        known = usual.get((queue, task))
        if silent is not None:
            found.append(StuckWorker(worker_id, name, slots, True, silent))
        elif busy > (UNKNOWN_SECONDS if known is None else known.p95 * UNUSUAL):
            found.append(StuckWorker(worker_id, name, slots, False, busy))
    return found
