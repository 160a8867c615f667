"""The audit entry of tasks that a user of the dashboard enqueues. Programs leave none."""

from collections.abc import Sequence

import psycopg

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.people import audit
from lapinq_core.people.audit import Author


async def record_enqueue(
    conn: psycopg.AsyncConnection, changed: Sequence[tuple[NewTask, str | None]], by: Author
) -> None:
    """Records `changed`, tasks that were stored or replaced another, with the id of what was stored or replaced."""
    if len(changed) == 1:
        [(task, task_id)] = changed
        details = {"queue": task.queue_name, "task_name": task.task_name}
        await audit.record(conn, by.did("task.enqueue", task_id, details))
    else:
        queues = sorted({task.queue_name for task, _ in changed})
        await audit.record(conn, by.did("task.enqueue_many", None, {"count": len(changed), "queues": queues}))
