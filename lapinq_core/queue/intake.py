"""Taking tasks in. A task is accepted when the transaction around these calls commits, and not before."""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.task import NewTask

_PACKAGE = "lapinq_core.queue"


async def enqueue(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> set[str]:
    """Stores `tasks`, all or none, and answers the queues in which a worker may now find something to start.

    The values are expected to have passed `check_task`, the ids to ascend. Waking workers is the caller's part, after
    the commit (`lapinq_core.db.notifier`). Raises the driver's errors.
    """
    kept = [task for task in tasks if not task.is_transient]
    woken: set[str] = set()
    if kept:
        woken.update(await _insert(conn, "enqueue", kept))
    if len(kept) < len(tasks):
        woken.update(await _insert(conn, "enqueue_transient", [task for task in tasks if task.is_transient]))
    return woken


async def _insert(conn: psycopg.AsyncConnection, verb: str, tasks: Sequence[NewTask]) -> list[str]:
    payload = msgspec.json.encode(tasks).decode()
    cursor = await conn.execute(sql(_PACKAGE, verb), {"tasks": payload}, prepare=True)
    return [row[0] for row in await cursor.fetchall()]
