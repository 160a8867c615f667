"""What a person does to a task: each a single statement guarded by the state it starts from."""

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.queue"
_TRIES = 3


async def cancel(conn: psycopg.AsyncConnection, task_id: str) -> bool:
    """Cancels a pending task; False when it is unknown or not pending.

    A promotion at the same moment moves the row from under the statement; then it is tried again.
    """
    for _ in range(_TRIES):
        cursor = await conn.execute(sql(_PACKAGE, "cancel"), {"id": task_id})
        if await cursor.fetchone() is not None:
            return True
        pending = await conn.execute(sql(_PACKAGE, "is_pending"), {"id": task_id})
        if await pending.fetchone() is None:
            return False
    return False


async def requeue(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """Lets a failed task wait again; answers its queue, None when it is unknown or not failed."""
    row = await (await conn.execute(sql(_PACKAGE, "requeue"), {"id": task_id})).fetchone()
    return row[0] if row else None
