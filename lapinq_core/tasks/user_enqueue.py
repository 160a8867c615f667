"""Enqueues a task for a user of the dashboard, with an audit entry in the same transaction. Programs leave none."""

from collections.abc import Sequence

import psycopg

from lapinq_core.people import audit
from lapinq_core.people.audit import Author
from lapinq_core.tasks.enqueueing import Taken
from lapinq_core.tasks.idempotency import Asked, Earlier, KeyHeld, enqueue_once


async def store_for_user(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked], *, by: Author
) -> tuple[Sequence[Earlier | KeyHeld | None], Taken]:
    """Stores the only task of the only request. Returns what `enqueue_once` does.

    A repeated request stores nothing and writes no audit entry.
    """
    [asked] = requests
    [task] = asked.tasks
    [task_id] = asked.ids
    details = {"queue": task.queue_name, "task_name": task.task_name}
    async with conn.transaction():
        answers, taken = await enqueue_once(conn, requests)
        if answers == [None]:
            await audit.record(conn, by.did("task.enqueue", task_id, details))
    return answers, taken
