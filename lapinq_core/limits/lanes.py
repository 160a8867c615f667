"""Maintenance of lanes, beside claims.

Claims read and write lanes under the lock of their queue's row: see `docs/claiming.md`. This module deletes idle lanes
and keys, and repairs lanes that a process of the previous version has left wrong.
"""

from contextlib import suppress

import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.rows import first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

PASS_LIMIT = 500
PRUNE_LIMIT = 1000


async def restore(conn: psycopg.AsyncConnection) -> int:
    """Gives ready tasks their lanes back; returns how many, at most `PASS_LIMIT`."""
    return await first_value(conn, sql("restore_lanes"))


class Recheck:
    """Walks over all lanes, a thousand at a time, and asks for another look at closed ones in which tasks wait."""

    def __init__(self) -> None:
        self._after = ("", "")

    async def step(self, conn: psycopg.AsyncConnection) -> None:
        """Reads the next lanes; after the last one it begins again."""
        queue, lane = self._after
        row = await maybe_row(conn, sql("recheck_lanes"), {"queue": queue, "lane": lane})
        self._after = row or ("", "")


async def prune(conn: psycopg.AsyncConnection) -> bool:
    """Forgets idle lanes and keys; whether there may be more. Leaves alone a queue whose row is locked for long."""
    queue, is_full = "", False
    while row := await maybe_row(conn, sql("next_laned_queue"), {"after": queue}):
        (queue,) = row
        with suppress(pg.LockNotAvailable):
            is_full |= await _prune_queue(conn, queue)
    return is_full


async def _prune_queue(conn: psycopg.AsyncConnection, queue: str) -> bool:
    lanes, keys = await one_row(conn, sql("find_idle"), {"queue": queue, "limit": PRUNE_LIMIT})
    if not lanes and not keys:
        return False
    # It waits for its turn: the row of a busy queue is hardly ever free.
    async with conn.transaction():
        await conn.execute(psql.SQL("SET LOCAL lock_timeout = '500ms'"))
        await conn.execute(sql("lock_queue"), {"queue": queue})
        await conn.execute(sql("prune_lanes"), {"queue": queue, "lanes": lanes, "keys": keys})
        await conn.execute(sql("forget_lanes"), {"queue": queue})
    return PRUNE_LIMIT in (len(lanes), len(keys))
