"""What a worker asks about the queues it serves beside claiming from them: what is paused, what is due, what waits.

`queues` None means all of them.
"""

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.tasks"


async def paused(conn: psycopg.AsyncConnection) -> list[str]:
    """The names of the queues that are paused."""
    return [row[0] for row in await (await conn.execute(sql(_PACKAGE, "paused"), prepare=True)).fetchall()]


async def is_due(conn: psycopg.AsyncConnection, queues: list[str] | None) -> bool:
    """Whether something may start now that `heads` and `discover` don't see: fire and forget, or delayed until now."""
    row = await (await conn.execute(sql(_PACKAGE, "is_due"), {"queues": queues})).fetchone()
    return row is not None and row[0]


async def count_delayed(conn: psycopg.AsyncConnection, queues: list[str] | None) -> int:
    """How many tasks wait for their time, retries among them."""
    row = await (await conn.execute(sql(_PACKAGE, "count_delayed"), {"queues": queues})).fetchone()
    return 0 if row is None else row[0]
