"""The names of the queues that exist: with tasks or a setting, served by a worker, or named by a task or a schedule."""

import psycopg

from lapinq_core.db.statements import sql

MAX_QUEUES = 500


async def known_queues(conn: psycopg.AsyncConnection) -> list[str]:
    """The first of them by name."""
    cursor = await conn.execute(sql("lapinq_core.lookup", "known_queues"), {"limit": MAX_QUEUES})
    return [name for (name,) in await cursor.fetchall()]
