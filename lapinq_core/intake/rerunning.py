"""Enqueues a task again, as a new one, with a link to the earlier one and an audit entry in the same transaction."""

from collections.abc import Sequence

import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import Asked, Outcome, enqueue_once, is_stored
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)


async def enqueued_fields(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """What the task was enqueued with, as the JSON of an `EnqueueRequest`; None for an unknown id."""
    return await first_value(conn, sql("enqueued_fields"), {"id": task_id}, prepare=True)


async def store_rerun(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked], *, earlier_id: str, by: Author
) -> tuple[Sequence[Outcome], Taken]:
    """Stores the only task of the only request, which is the task `earlier_id` again.

    Returns what `enqueue_once` does. A repeated request stores nothing and writes no audit entry,
    nor does one that gives way to another task.
    """
    [asked] = requests
    [task] = asked.tasks
    [task_id] = asked.ids
    details = {"queue": task.queue_name, "task_name": task.task_name, "task_id": task_id}
    async with conn.transaction():
        answers, taken = await enqueue_once(conn, requests)
        [outcome] = answers
        if is_stored(outcome):
            await conn.execute(sql("link_rerun"), {"id": task_id, "earlier_id": earlier_id})
            await audit.record(conn, by.did("task.rerun", earlier_id, details))
    return answers, taken
