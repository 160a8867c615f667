"""A task that is enqueued again, as a new one: what the earlier one was, the link to it, its steps, and the audit
entry."""

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.rerun import FromStep
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)


async def enqueued_fields(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """What the task was enqueued with, as the JSON of an `EnqueueRequest`; None for an unknown id."""
    return await first_value(conn, sql("enqueued_fields"), {"id": task_id}, prepare=True)


async def record_rerun(
    conn: psycopg.AsyncConnection,
    task: NewTask,
    task_id: str | None,
    earlier_id: str,
    by: Author,
    from_step: FromStep | None = None,
) -> None:
    """Links `task`, stored as `task_id` or replacing it, to the earlier one, and writes the audit entry.

    With `from_step` the task gets the steps of the earlier one that began before that. Raises `InvalidValue` if there
    is none.
    """
    details = {"queue": task.queue_name, "task_name": task.task_name, "task_id": task_id}
    if from_step is not None:
        details["from_step"] = from_step.name
        params = {"id": task_id, "earlier_id": earlier_id, **msgspec.structs.asdict(from_step)}
        if not await first_value(conn, sql("copy_steps"), params):
            raise InvalidValue(
                "from_step", f"is no step of this task, or not its occurrence {from_step.occurrence}"
            )
    await conn.execute(sql("link_rerun"), {"id": task_id, "earlier_id": earlier_id})
    await audit.record(conn, by.did("task.rerun", earlier_id, details))
