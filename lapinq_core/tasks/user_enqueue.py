"""Enqueues tasks for a user of the dashboard, with an audit entry in the same transaction. Programs leave none."""

from collections.abc import Sequence

import psycopg
from psycopg.errors import UniqueViolation

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.people import audit
from lapinq_core.people.audit import Author, Entry
from lapinq_core.tasks.enqueueing import Taken
from lapinq_core.tasks.idempotency import Asked, Earlier, KeyHeld, enqueue_once, store


async def store_for_user(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked], *, by: Author
) -> tuple[Sequence[Earlier | KeyHeld | None], Taken]:
    """Stores the tasks of the only request. Returns what `enqueue_once` does.

    A repeated request stores nothing and writes no audit entry.
    """
    [asked] = requests
    try:
        async with conn.transaction():
            answers, taken = await enqueue_once(conn, requests)
            if answers == [None] and asked.tasks:
                await audit.record(conn, _entry(asked.tasks, asked.ids, by))
    except UniqueViolation:
        return await store(conn, requests)  # the client chose the id, and it is stored already
    return answers, taken


def _entry(tasks: Sequence[NewTask], ids: Sequence[str | None], by: Author) -> Entry:
    if len(tasks) == 1:
        [task], [task_id] = tasks, ids
        details = {"queue": task.queue_name, "task_name": task.task_name}
        return by.did("task.enqueue", task_id, details)
    queues = sorted({task.queue_name for task in tasks})
    return by.did("task.enqueue_many", None, {"count": len(tasks), "queues": queues})
