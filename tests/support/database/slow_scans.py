"""Full scans of the queues that never end, on a real database, while claims from a mark stay quick.

A task waits in a separate queue, and checking whether that queue is paused takes very long. A scan asks it of every
queue in which something waits, a claim of its own queue only.
"""

from lapinq_core.db.rows import first_value
from tests.support.rows.factories import Conn, enqueue

SLOW_QUEUE = "slow to look at"

# Stable, and dear: then the planner has it asked of no queue but the one looked at.
_MAKE_SLOW = """
CREATE FUNCTION slowly(paused_at timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE COST 1000000
    AS 'BEGIN PERFORM pg_sleep(3600); RETURN paused_at; END';
ALTER TABLE lapinq_queues RENAME TO quick_queues;
CREATE VIEW lapinq_queues AS
SELECT name, CASE WHEN name = 'slow to look at' THEN slowly(paused_at) ELSE paused_at END AS paused_at,
       paused_by, pause_reason, max_running, max_running_per_key, rate, rate_per_key, start_order, weights, is_laned,
       tokens, tokens_at, virtual_time, unkeyed_time, lane_shifts, governed_xid, governed_at, is_governed, has_breaker
  FROM quick_queues;
INSERT INTO quick_queues (name) VALUES ('slow to look at');
"""

_MAKE_QUICK = """
DROP VIEW lapinq_queues;
ALTER TABLE quick_queues RENAME TO lapinq_queues;
"""


async def make_scans_slow(conn: Conn) -> None:
    """From now on a scan of all queues, or at `SLOW_QUEUE` among others, does not end."""
    await conn.execute(_MAKE_SLOW)
    await enqueue(conn, queue_name=SLOW_QUEUE)


async def make_scans_quick(conn: Conn) -> None:
    """Undoes it, except for the task in `SLOW_QUEUE`. Scans under way keep waiting."""
    await conn.execute(_MAKE_QUICK)


async def scans_under_way(conn: Conn) -> int:
    """How many the server is at."""
    return await first_value(
        conn,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    )
