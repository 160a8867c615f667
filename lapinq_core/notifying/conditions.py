"""Conditions that last: a queue's backlog, a dead worker. Rules hear of each once, and again after it has ended."""

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.notifying"

LASTING_SECONDS = 60.0
"""How long a wait must be over a rule's limit before it is told."""
DEAD_SECONDS = 3600.0
"""A worker that died earlier is no news."""
MAX_QUEUES = 1000


async def check(conn: psycopg.AsyncConnection, *, lasting: float = LASTING_SECONDS) -> int | None:
    """Checks all conditions and stores notices; returns how many. None if another process does it at the moment."""
    async with conn.transaction():
        row = await (await conn.execute(sql(_PACKAGE, "lock_conditions"))).fetchone()
        if row != (True,):
            return None
        backlogs = await _count(conn, "check_backlogs", {"lasting": lasting, "most": MAX_QUEUES})
        return backlogs + await _count(conn, "check_dead_workers", {"recent": DEAD_SECONDS})


async def _count(conn: psycopg.AsyncConnection, statement: str, params: dict[str, float]) -> int:
    row = await (await conn.execute(sql(_PACKAGE, statement), params)).fetchone()
    return row[0] if row else 0
