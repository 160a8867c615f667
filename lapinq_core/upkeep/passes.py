"""The passes of maintenance. Each is bounded, and safe to run twice and from anywhere."""

from collections import Counter, defaultdict

import msgspec
from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.statements import sql
from lapinq_core.domain.figures import Figures
from lapinq_core.domain.tasks.decide import (
    Complete,
    Drop,
    Fail,
    Isolation,
    Next,
    Nothing,
    Release,
    Retry,
    decide,
)
from lapinq_core.domain.tasks.outcome import TimedOut, WorkerLost
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.figures import rollups
from lapinq_core.tasks import work
from lapinq_core.tasks.work import Ended

_PACKAGE = "lapinq_core.upkeep"

PASS_LIMIT = 500
MAX_SUSPECTS = 16
"""If a worker is lost with up to this many tasks, all of them are isolated; of more, only those lost before."""
PARTITION_WEEKS_AHEAD = 2
_WORKER_ID = 9  # among the columns of find_lost.sql


async def promote(conn: PooledConnection, limit: int = PASS_LIMIT) -> tuple[int, list[str], float | None]:
    """Makes due delayed tasks ready.

    Returns how many, their queues, and the seconds until the next one is due (None: there is none).
    """
    row = await (await conn.execute(sql(_PACKAGE, "promote"), {"limit": limit}, prepare=True)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


async def expire(conn: PooledConnection, limit: int = PASS_LIMIT) -> int:
    """Expires pending tasks past their time to live; returns how many."""
    return await _count(conn, "expire", limit)


async def cleanup(conn: PooledConnection, limit: int = PASS_LIMIT) -> int:
    """Deletes ended tasks past their time to live; returns how many."""
    return await _count(conn, "cleanup", limit)


async def fold_counts(conn: PooledConnection) -> int:
    """Folds the deltas of the counts once there are many; returns how many it folded."""
    return await _count(conn, "fold_counts")


async def ensure_partitions(conn: PooledConnection, weeks_ahead: int = PARTITION_WEEKS_AHEAD) -> int:
    """Creates the partitions of the coming weeks; returns how many.

    It waits at most half a second for a lock, so that nobody queues up behind one long query, and is called again
    later. It skips a week that has too many rows in the default partition (`alerts.missing_partition`).
    """
    async with conn.transaction():
        await conn.execute(psql.SQL("SET LOCAL lock_timeout = '500ms'"))
        cursor = await conn.execute(sql(_PACKAGE, "ensure_partitions"), {"weeks_ahead": weeks_ahead})
        row = await cursor.fetchone()
    return row[0] if row else 0


async def rescue(
    conn: PooledConnection, expected: float, rand: float, limit: int = PASS_LIMIT
) -> dict[str, str | None]:
    """Takes running tasks from workers that are dead or gone, and those past their deadline, and decides their next.

    `expected` is what the caller expects the database's clock to show, in seconds since 1970: by a clock that has just
    jumped nothing is overdue. Answers the ids rescued, each with the queue in which it may start at once, or None.
    Declaring workers dead comes before (`lapinq_core.fleet.workers.declare_dead`); when to call this at all is the
    rescuer's protocol. What fails for good is counted in the figures over time here, for nobody else sees its end.
    """
    async with conn.transaction():
        cursor = await conn.execute(
            sql(_PACKAGE, "find_lost"), {"limit": limit, "expected": expected}, prepare=True
        )
        rows = await cursor.fetchall()
        lost_with = Counter(row[_WORKER_ID] for row in rows)
        ended: list[Ended] = []
        failed: defaultdict[str, Figures] = defaultdict(Figures)
        for (
            task_id,
            token,
            attempt,
            max_retries,
            retry_delay,
            retry_backoff,
            worker,
            timed_out,
            limit_seconds,
            worker_id,
            isolation,
            queue,
            is_asked_to_stop,
        ) in rows:
            policy = RetryPolicy(max_retries, retry_delay, retry_backoff)
            outcome = (
                TimedOut(limit_seconds)
                if timed_out
                else WorkerLost(
                    worker,
                    is_suspect=lost_with[worker_id] <= MAX_SUSPECTS or isolation >= Isolation.SUSPECTED,
                )
            )
            following = decide(policy, attempt, outcome, rand)
            ended.append(msgspec.structs.replace(ended_as(task_id, token, following), rescued=True))
            if isinstance(following, Fail) and not is_asked_to_stop:
                failed[queue].failed += 1
        if not ended:
            return {}
        await rollups.record(conn, failed)
        return await work.settle(conn, ended)


def ended_as(task_id: str, token: str, following: Next, run_seconds: float | None = None) -> Ended:
    """The row for `work.settle`. Raises ValueError for a completion, and if there is nothing to write."""
    match following:
        case Fail(error=error, traceback=traceback):
            return Ended(task_id, token, True, True, 0.0, error, traceback, run_seconds)
        case Retry(delay=delay, error=error, traceback=traceback, isolation=isolation):
            return Ended(
                task_id, token, False, True, delay, error, traceback, run_seconds, isolation=isolation
            )
        case Release(error=error, delay=delay):
            return Ended(task_id, token, False, False, delay, error, None, run_seconds)
        case Drop(reason=reason):
            return Ended(task_id, token, True, True, 0.0, reason, None, run_seconds, cancelled=True)
        case Complete() | Nothing():
            raise ValueError("a completion goes through work.complete")


async def _count(conn: PooledConnection, verb: str, limit: int | None = None) -> int:
    row = await (await conn.execute(sql(_PACKAGE, verb), {"limit": limit}, prepare=True)).fetchone()
    return row[0] if row else 0
