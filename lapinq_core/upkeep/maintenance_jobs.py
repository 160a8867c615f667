"""The maintenance jobs, a pass of each. A pass is bounded, and safe to run twice and from anywhere."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import msgspec
from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS, STOPPED

sql = sql_of(__name__)

PASS_LIMIT = 500
PARTITION_WEEKS_AHEAD = 2


class DueMark(msgspec.Struct, frozen=True):
    """The place among the delayed tasks, in the order they fall due, where the next look starts."""

    due_at: datetime
    id: str = FIRST


class Promoted(msgspec.Struct, frozen=True):
    """How many tasks were made ready, their queues, and the seconds until the next one is due (None: there is none).

    `mark` is where the next look may start: all that was due before it and visible is ready. After a full look there
    may be more that are due.
    """

    moved: int
    queues: list[str]
    next_due: float | None
    mark: DueMark
    is_full: bool


async def promote(
    conn: PooledConnection, limit: int = PASS_LIMIT, *, mark: DueMark | None = None
) -> Promoted:
    """Makes delayed tasks ready that are due, from `mark` on; None: all."""
    params = {"limit": limit, "since": mark and mark.due_at, "since_id": mark.id if mark else FIRST}
    moved, queues, next_due, due_at, last_id = await one_row(conn, sql("promote"), params, prepare=True)
    return Promoted(moved, queues, next_due, DueMark(due_at, last_id or FIRST), is_full=last_id is not None)


async def expire(conn: PooledConnection, limit: int = PASS_LIMIT) -> int:
    """Expires pending tasks past their time to live; returns how many."""
    return await _count(conn, "expire", {"limit": limit})


async def cleanup(conn: PooledConnection, limit: int = PASS_LIMIT) -> int:
    """Deletes ended tasks past their time to live; returns how many, 0 if it gave way to others."""
    with suppress(*STOPPED):
        async with conn.transaction():
            await conn.execute(STEP_SETTINGS)
            return await _count(conn, "cleanup", {"limit": limit})
    return 0


async def ensure_partitions(conn: PooledConnection, weeks_ahead: int = PARTITION_WEEKS_AHEAD) -> int:
    """Creates the partitions of the coming weeks; returns how many.

    It waits at most half a second for a lock, so that nobody queues up behind one long query, and is called again
    later. It skips a week that has too many rows in the default partition (`alerts.missing_partition`).
    """
    async with conn.transaction():
        await conn.execute(psql.SQL("SET LOCAL lock_timeout = '500ms'"))
        return await first_value(conn, sql("ensure_partitions"), {"weeks_ahead": weeks_ahead})


async def _count(conn: PooledConnection, verb: str, params: Mapping[str, int]) -> int:
    return await first_value(conn, sql(verb), params, prepare=True)
