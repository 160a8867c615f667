"""The upkeep of lanes: what claims leave to others.

Claims read and write lanes under the lock of their queue's row; `docs/claiming.md` tells how. Here idle lanes and keys
are forgotten, and lanes are put right that a process of the previous release has left wrong.
"""

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.limits"

PASS_LIMIT = 500


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


async def prune(conn: psycopg.AsyncConnection) -> None:
    """Forgets idle lanes and keys. Skips a queue whose row somebody has locked: the next pass gets it."""
    row: tuple[str] | None = ("",)
    while row:
        async with conn.transaction():
            row = await (await conn.execute(sql(_PACKAGE, "lock_next_queue"), {"after": row[0]})).fetchone()
            if row:
                await conn.execute(sql(_PACKAGE, "prune_lanes"), {"queue": row[0]})
