"""Enqueues tasks for a user of the dashboard, with an audit entry in the same transaction. Programs leave none."""

from collections.abc import Sequence

import psycopg
from psycopg.errors import UniqueViolation

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import Answered, Asked, Outcome, enqueue_once, store
from lapinq_core.people import audit
from lapinq_core.people.audit import Author, Entry


async def store_for_user(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked], *, by: Author
) -> tuple[Sequence[Outcome], Taken]:
    """Stores the tasks of the only request. Returns what `enqueue_once` does.

    A repeated request stores nothing and writes no audit entry, nor does one whose tasks all give way to others.
    """
    [asked] = requests
    try:
        async with conn.transaction():
            answers, taken = await enqueue_once(conn, requests)
            [outcome] = answers
            if changed := _changed(asked, outcome):
                await audit.record(conn, _entry(changed, by))
    except UniqueViolation:
        return await store(conn, requests)  # the client chose the id, and it is stored already
    return answers, taken


def _changed(asked: Asked, outcome: Outcome) -> list[tuple[NewTask, str | None]]:
    """The tasks that were stored or replaced another, with the id of what was stored or replaced."""
    if outcome is None:
        return [*zip(asked.tasks, asked.ids, strict=True)]
    if not isinstance(outcome, Answered):
        return []
    unchanged = set(outcome.met.existing) - set(outcome.met.replaced)
    pairs = zip(asked.tasks, outcome.task_ids, strict=True)
    return [pair for number, pair in enumerate(pairs) if number not in unchanged]


def _entry(changed: Sequence[tuple[NewTask, str | None]], by: Author) -> Entry:
    if len(changed) == 1:
        [(task, task_id)] = changed
        details = {"queue": task.queue_name, "task_name": task.task_name}
        return by.did("task.enqueue", task_id, details)
    queues = sorted({task.queue_name for task, _ in changed})
    return by.did("task.enqueue_many", None, {"count": len(changed), "queues": queues})
