"""The upkeep of lanes: what claims leave to others.

Claims read and write lanes under the lock of their queue's row; `docs/claiming.md` tells how. Here idle lanes and keys
are forgotten, and lanes are put right that a process of the previous release has left wrong.
"""

from contextlib import suppress

import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.limits"

PASS_LIMIT = 500
PRUNE_LIMIT = 1000


async def restore(conn: psycopg.AsyncConnection) -> int:
    """Gives ready tasks their lanes back; returns how many, at most `PASS_LIMIT`."""
    row = await (await conn.execute(sql(_PACKAGE, "restore_lanes"))).fetchone()
    return row[0] if row else 0


class Recheck:
    """Walks over all lanes, a thousand at a time, and asks for another look at closed ones in which tasks wait."""

    def __init__(self) -> None:
        self._after = ("", "")

    async def step(self, conn: psycopg.AsyncConnection) -> None:
        """Reads the next lanes; after the last one it begins again."""
        queue, lane = self._after
        row = await (
            await conn.execute(sql(_PACKAGE, "recheck_lanes"), {"queue": queue, "lane": lane})
        ).fetchone()
        self._after = row or ("", "")


async def prune(conn: psycopg.AsyncConnection) -> bool:
    """Forgets idle lanes and keys; whether there may be more. Leaves alone a queue whose row is locked for long."""
    queue, is_full = "", False
    while row := await (await conn.execute(sql(_PACKAGE, "next_laned_queue"), {"after": queue})).fetchone():
        (queue,) = row
        with suppress(pg.LockNotAvailable):
            is_full |= await _prune_queue(conn, queue)
    return is_full


async def _prune_queue(conn: psycopg.AsyncConnection, queue: str) -> bool:
    found = await (
        await conn.execute(sql(_PACKAGE, "find_idle"), {"queue": queue, "limit": PRUNE_LIMIT})
    ).fetchone()
    assert found is not None
    lanes, keys = found
    if not lanes and not keys:
        return False
    # It waits for its turn: the row of a busy queue is hardly ever free.
    async with conn.transaction():
        await conn.execute(psql.SQL("SET LOCAL lock_timeout = '500ms'"))
        await conn.execute(sql("lapinq_core.tasks", "lock_queue"), {"queue": queue})
        await conn.execute(sql(_PACKAGE, "prune_lanes"), {"queue": queue, "lanes": lanes, "keys": keys})
    return PRUNE_LIMIT in (len(lanes), len(keys))
